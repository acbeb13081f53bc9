// Text: characters that lie in a batch. A view, valid while the batch is.
#pragma once

#include <compare>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

namespace weir {

/// A text field of a record: a view into the batch that the record came from, or into the batch that it goes to.
/// Cannot be made from a std::string by accident; `ctx.text(s)` copies bytes into the output batch and returns one, and
/// a literal is fine as it is. State and collections copy a Text into a std::string.
class Text {
 public:
  constexpr Text() = default;
  template <std::size_t N>
  constexpr Text(const char (&literal)[N]) : view_(literal, N - 1) {}  // NOLINT: literals live for ever
  Text(const std::string&) = delete;
  Text(std::string&&) = delete;

  /// A Text over bytes that the caller keeps alive until the record has been collected.
  static constexpr Text borrow(std::string_view bytes) {
    Text text;
    text.view_ = bytes;
    return text;
  }

  constexpr std::string_view view() const { return view_; }
  constexpr operator std::string_view() const { return view_; }  // NOLINT
  std::string str() const { return std::string(view_); }
  constexpr const char* data() const { return view_.data(); }
  constexpr std::size_t size() const { return view_.size(); }
  constexpr bool empty() const { return view_.empty(); }

  friend constexpr bool operator==(Text a, Text b) { return a.view_ == b.view_; }
  friend constexpr auto operator<=>(Text a, Text b) { return a.view_ <=> b.view_; }
  // With literals, strings and views: templates, for a conversion to Text would be as good as one to string_view.
  template <class Other>
  requires(std::is_convertible_v<const Other&, std::string_view> && !std::is_same_v<Other, Text>) friend constexpr bool
  operator==(Text a, const Other& b) {
    return a.view_ == std::string_view(b);
  }
  template <class Other>
  requires(std::is_convertible_v<const Other&, std::string_view> && !std::is_same_v<Other, Text>) friend constexpr auto
  operator<=>(Text a, const Other& b) {
    return a.view_ <=> std::string_view(b);
  }

 private:
  std::string_view view_;
};

}  // namespace weir
