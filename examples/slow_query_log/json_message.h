// Takes the text out of a JSON object that a log shipper wrapped around it.
#pragma once

#include <string>
#include <string_view>

namespace slow_query_log {

/// The string in one field of a JSON object. The whole object is read: one that was cut off is refused.
/// Lives on: any thread (pure).
/// @param json   UTF-8 or not; bytes inside strings are taken as they are
/// @param field  its name, not escaped
/// @param text   gets the unescaped text; lone surrogates become U+FFFD. Its capacity is used again.
/// @return       null, or why there is no such string: one sentence without its stop that calls the field the message
const char* unwrap_string(std::string_view json, std::string_view field, std::string& text);

/// The field `message`.
const char* unwrap_message(std::string_view json, std::string& message);

}  // namespace slow_query_log
