#include "weir/arguments.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

namespace weir {
namespace {

bool is_option(std::string_view word) { return word.size() > 2 && word.starts_with("--"); }

std::string_view name_of(std::string_view word) {
  word.remove_prefix(2);
  return word.substr(0, word.find('='));
}

[[noreturn]] void refuse(std::string_view what, const std::string& text, const std::string& wanted) {
  throw UsageError(std::string(what) + " wants " + wanted + ", not '" + text + "'");
}

}  // namespace

std::size_t Arguments::find(std::string_view name) const {
  for (std::size_t at = words_.size(); at-- > 0;) {
    if (is_option(words_[at]) && name_of(words_[at]) == name) return at;
  }
  return words_.size();
}

bool Arguments::has(std::string_view name) const { return find(name) < words_.size(); }

bool Arguments::is_flag(std::string_view name) const {
  const std::size_t at = find(name);
  if (words_[at].find('=') != std::string::npos) return false;
  return at + 1 == words_.size() || is_option(words_[at + 1]);
}

std::string Arguments::require(std::string_view name) const {
  const std::size_t at = find(name);
  if (at == words_.size()) throw UsageError("argument --" + std::string(name) + " is missing");
  const std::string& word = words_[at];
  if (const std::size_t equals = word.find('='); equals != std::string::npos) return word.substr(equals + 1);
  if (at + 1 == words_.size() || is_option(words_[at + 1])) {
    throw UsageError("argument --" + std::string(name) + " has no value");
  }
  return words_[at + 1];
}

std::string Arguments::get_or(std::string_view name, std::string other) const {
  return has(name) ? require(name) : std::move(other);
}

void Arguments::allow_only(std::initializer_list<std::string_view> names) const {
  std::string known;
  for (const std::string_view name : names) known += (known.empty() ? "--" : ", --") + std::string(name);
  bool value_allowed = false;
  for (const std::string& word : words_) {
    if (is_option(word)) {
      if (std::find(names.begin(), names.end(), name_of(word)) == names.end()) {
        throw UsageError("unknown argument --" + std::string(name_of(word)) + "; this job takes " + known);
      }
      value_allowed = word.find('=') == std::string::npos;
    } else {
      if (!value_allowed) throw UsageError("argument '" + word + "' belongs to no option; this job takes " + known);
      value_allowed = false;
    }
  }
}

namespace detail {

bool parse_bool(std::string_view what, const std::string& text) {
  if (text == "true") return true;
  if (text == "false") return false;
  refuse(what, text, "true or false");
}

double parse_double(std::string_view what, const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) refuse(what, text, "a number");
  return value;
}

std::int64_t parse_signed(std::string_view what, const std::string& text, std::int64_t least, std::int64_t most) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    refuse(what, text, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return value;
}

std::uint64_t parse_unsigned(std::string_view what, const std::string& text, std::uint64_t most) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > most) {
    refuse(what, text, "a whole number from 0 to " + std::to_string(most));
  }
  return value;
}

}  // namespace detail
}  // namespace weir
