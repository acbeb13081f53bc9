// Makes records out of JSON objects.
#pragma once

#include <memory>

#include "weir/connectors/format.h"

namespace weir::connectors {

/// @param type  a record; it outlives the decoder
std::unique_ptr<RecordDecoder> make_json_decoder(const TypeInfo& type);

}  // namespace weir::connectors
