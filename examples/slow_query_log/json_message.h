// Takes the text out of a JSON object that a log shipper wrapped around it.
#pragma once

#include <string>
#include <string_view>

namespace slow_query_log {

/// The string in the field `message` of a JSON object. The whole object is read: one that was cut off is refused.
/// Lives on: any thread (pure).
/// @param json     UTF-8 or not; bytes inside strings are taken as they are
/// @param message  gets the unescaped text; lone surrogates become U+FFFD. Its capacity is used again.
/// @return         null, or why there is no message, as one sentence without its stop
const char* unwrap_message(std::string_view json, std::string& message);

}  // namespace slow_query_log
