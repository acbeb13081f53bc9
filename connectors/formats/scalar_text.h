// Scalar fields as text: what CSV fields, JSON strings and keys of JSON objects hold.
#pragma once

#include <string>
#include <string_view>

#include "weir/type_info.h"

namespace weir::connectors {

/// Whether a type has one short text form: numbers, bools, enums, text, times and decimals.
bool is_scalar(const TypeInfo& type);

/// Reads all of `text` into `object`, of type `type`, a scalar. Texts become views into `text`.
/// @return  null, or what was expected: "a whole number of 32 bits"
const char* parse_scalar(const TypeInfo& type, std::string_view text, void* object);

/// Appends the text form. Times are ISO 8601 in UTC with milliseconds; numbers read back exactly.
void print_scalar(const TypeInfo& type, const void* object, std::string& out);

}  // namespace weir::connectors
