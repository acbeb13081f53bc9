// Arguments: what a person wrote behind the job library.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace weir {

/// The person who submits wrote something that the job cannot take. Its message is shown to them as it is: one sentence.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The arguments of a job, verbatim, and as `--name value`, `--name=value` and `--flag` for those who like that.
/// A word that begins with `--` takes the next word as its value unless that begins with `--` too (so a negative number is a value).
/// Lives on: any thread; does not change.
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
    return parse<T>(name, require(name));
  }
  /// The value, or `other` when `--name` is not there. A flag without value is true as a bool.
  std::string get_or(std::string_view name, std::string other) const;
  template <class T>
    requires std::is_arithmetic_v<T>
  T get_or(std::string_view name, T other) const {
    if (!has(name)) return other;
    if constexpr (std::is_same_v<T, bool>) {
      if (is_flag(name)) return true;
    }
    return parse<T>(name, require(name));
  }
  /// Refuses every `--name` that is not among these, and every word that belongs to none.
  /// Errors: UsageError that names the word and lists what is allowed.
  void allow_only(std::initializer_list<std::string_view> names) const;

 private:
  template <class T>
  static T parse(std::string_view name, const std::string& text) {
    if constexpr (std::is_same_v<T, bool>) {
      return parse_bool(name, text);
    } else if constexpr (std::is_floating_point_v<T>) {
      return static_cast<T>(parse_double(name, text));
    } else if constexpr (std::is_unsigned_v<T>) {
      return static_cast<T>(parse_unsigned(name, text, static_cast<std::uint64_t>(static_cast<T>(-1))));
    } else {
      constexpr std::int64_t kMost = static_cast<std::int64_t>((std::uint64_t{1} << (sizeof(T) * 8 - 1)) - 1);
      return static_cast<T>(parse_signed(name, text, -kMost - 1, kMost));
    }
  }
  static bool parse_bool(std::string_view name, const std::string& text);
  static double parse_double(std::string_view name, const std::string& text);
  static std::int64_t parse_signed(std::string_view name, const std::string& text, std::int64_t least, std::int64_t most);
  static std::uint64_t parse_unsigned(std::string_view name, const std::string& text, std::uint64_t most);
  /// Where `--name` stands; words_.size() when nowhere. The last one wins.
  std::size_t find(std::string_view name) const;
  bool is_flag(std::string_view name) const;

  std::vector<std::string> words_;
};

}  // namespace weir
