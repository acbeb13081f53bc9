// Arguments: what a person wrote behind the job library.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "weir/detail/parse_value.h"

namespace weir {

/// The person who submits wrote something that the job cannot take. Its message is shown to them as it is: one
/// sentence.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The arguments of a job, verbatim, and as `--name value`, `--name=value` and `--flag` for those who like that.
/// A word that begins with `--` takes the next word as its value unless that begins with `--` too (so a negative number
/// is a value). Lives on: any thread; does not change.
class Arguments {
 public:
  Arguments() = default;
  explicit Arguments(std::vector<std::string> words) : words_(std::move(words)) {}

  const std::vector<std::string>& words() const { return words_; }
  /// Is `--name` there, with or without a value?
  bool has(std::string_view name) const;
  /// The value of `--name`.
  /// Errors: UsageError when it is missing or has no value.
  std::string require(std::string_view name) const;
  /// The value as a number (decimal), or a bool (true, false).
  /// Errors: UsageError when it is missing or no such number.
  template <class T>
  T require(std::string_view name) const {
    return detail::parse_value<T>(label(name), require(name));
  }
  /// The value, or `other` when `--name` is not there. A flag without value is true as a bool.
  std::string get_or(std::string_view name, std::string other) const;
  template <class T>
  requires std::is_arithmetic_v<T> T get_or(std::string_view name, T other)
  const {
    if (!has(name)) return other;
    if constexpr (std::is_same_v<T, bool>) {
      if (is_flag(name)) return true;
    }
    return detail::parse_value<T>(label(name), require(name));
  }
  /// Refuses every `--name` that is not among these, and every word that belongs to none.
  /// Errors: UsageError that names the word and lists what is allowed.
  void allow_only(std::initializer_list<std::string_view> names) const;

 private:
  static std::string label(std::string_view name) { return "argument --" + std::string(name); }
  /// Where `--name` stands; words_.size() when nowhere. The last one wins.
  std::size_t find(std::string_view name) const;
  bool is_flag(std::string_view name) const;

  std::vector<std::string> words_;
};

}  // namespace weir
