// The few things about JSON text that everyone who answers or asks over HTTP shares.
#pragma once

#include <string>
#include <string_view>

namespace weir::http {

inline constexpr std::string_view kJsonContentType = "application/json; charset=UTF-8";

/// Appends a text as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD, because clients refuse the
/// whole answer otherwise; they occur in log lines and user messages.
void append_json_string(std::string& out, std::string_view text);

/// The text with every byte that is not part of valid UTF-8 replaced by U+FFFD.
std::string valid_utf8(std::string_view text);

}  // namespace weir::http
