// The one error vocabulary of the tree: a value, or an Error that says what went wrong and whose doing it was.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace weir {

/// What kind of failure it was. A code exists only where somebody reacts to it.
enum class ErrorCode {
  unknown,              ///< a default constructed Result; nobody returns it on purpose
  invalid_argument,     ///< the request or the input is wrong and will stay wrong
  not_found,            ///< the named thing does not exist
  already_exists,       ///< the named thing exists already
  failed_precondition,  ///< right request, wrong moment: the job has ended, no checkpoint yet
  unavailable,          ///< the peer, broker or disk does not answer now; trying again may help
  deadline_exceeded,    ///< no answer in time
  cancelled,            ///< given up on purpose
  resource_exhausted,   ///< a limit with a name was reached
  corrupt,              ///< bytes that should have been right are not
  fenced,               ///< an older leader or attempt spoke
  permission_denied,
  io,         ///< a system call failed; the message has its errno text
  user_code,  ///< the user's function threw
  internal,   ///< our own mistake
};

/// Who has to act.
enum class Blame { user, external, internal };

struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::unknown;
  Blame blame = Blame::internal;
  /// Fixed words first, values last: "no free slot: job 7f3a, needed 4". One sentence that a person can act on.
  std::string message;

  static Error user(ErrorCode code, std::string message) { return {code, Blame::user, std::move(message)}; }
  static Error external(ErrorCode code, std::string message) { return {code, Blame::external, std::move(message)}; }
  static Error internal(std::string message) { return {ErrorCode::internal, Blame::internal, std::move(message)}; }

  /// The same error with words about where it happened in front: "cannot read the split: <message>".
  Error within(const std::string& where) const { return {code, blame, where + ": " + message}; }
};

/// A T or an Error. Default constructible (to an Error) because coroutine machinery needs it.
template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result() : content_(std::in_place_index<1>) {}
  Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: a value is a result
  Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  bool ok() const noexcept { return content_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }

  /// The value; stops the process when there is none: ask ok() first.
  T& value() & { return checked(); }
  const T& value() const& { return const_cast<Result*>(this)->checked(); }
  T&& value() && { return std::move(checked()); }
  T& operator*() & { return checked(); }
  const T& operator*() const& { return const_cast<Result*>(this)->checked(); }
  T&& operator*() && { return std::move(checked()); }
  T* operator->() { return &checked(); }
  const T* operator->() const { return &const_cast<Result*>(this)->checked(); }
  T value_or(T other) const& { return ok() ? *std::get_if<0>(&content_) : std::move(other); }

  Error& error() & { return failed(); }
  const Error& error() const& { return const_cast<Result*>(this)->failed(); }
  Error&& error() && { return std::move(failed()); }

 private:
  T& checked() {
    if (auto* value = std::get_if<0>(&content_)) return *value;
    std::abort();
  }
  Error& failed() {
    if (auto* error = std::get_if<1>(&content_)) return *error;
    std::abort();
  }

  std::variant<T, Error> content_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;                                ///< success
  Result(Error error) : error_(std::move(error)) {}  // NOLINT

  bool ok() const noexcept { return !error_.has_value(); }
  explicit operator bool() const noexcept { return ok(); }
  void value() const {
    if (error_) std::abort();
  }
  Error& error() & { return error_ ? *error_ : (std::abort(), *error_); }
  const Error& error() const& { return error_ ? *error_ : (std::abort(), *error_); }
  Error&& error() && { return error_ ? std::move(*error_) : (std::abort(), std::move(*error_)); }

 private:
  std::optional<Error> error_;
};

}  // namespace weir
