// Owned: a value whose Texts are its own, for state and for what outlives a batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "weir/reflect.h"
#include "weir/serializer.h"

namespace weir::detail {

/// Calls visit(Text&) for every Text in a value, always in the same order.
template <class T, class Visit>
void for_each_text(T& value, Visit&& visit) {
  using V = std::remove_const_t<T>;
  if constexpr (!kHoldsText<V>) {
    return;
  } else if constexpr (std::is_same_v<V, Text>) {
    visit(value);
  } else if constexpr (kIsOptional<V>) {
    if (value) for_each_text(*value, visit);
  } else if constexpr (kIsList<V>) {
    for (auto& element : value) for_each_text(element, visit);
  } else if constexpr (kIsMap<V>) {
    static_assert(!kHoldsText<typename V::key_type>,
                  "weir: a map with weir::Text as key cannot be kept beyond its batch; use std::string as key");
    for (auto& entry : value) for_each_text(entry.second, visit);
  } else if constexpr (kIsVariant<V>) {
    std::visit([&](auto& held) { for_each_text(held, visit); }, value);
  } else {
    for_each_index<V>([&](auto index) { for_each_text(field<index>(value), visit); });
  }
}

/// A T without Text is kept as it is.
template <class T, bool HoldsText = kHoldsText<T>>
class Owned {
 public:
  Owned() = default;
  explicit Owned(const T& value) : value_(value) {}
  void assign(const T& value) { value_ = value; }
  void assign(T&& value) { value_ = std::move(value); }
  const T& get() const { return value_; }

 private:
  T value_{};
};

/// The bytes of all Texts lie in one piece on the heap, so that moving the object moves no text.
template <class T>
class Owned<T, true> {
 public:
  Owned() = default;
  explicit Owned(const T& value) { assign(value); }
  Owned(const Owned& other) : Owned(other.value_) {}
  Owned& operator=(const Owned& other) {
    assign(other.value_);
    return *this;
  }
  Owned(Owned&& other) noexcept
      : value_(std::move(other.value_)),
        bytes_(std::move(other.bytes_)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Owned& operator=(Owned&& other) noexcept {
    value_ = std::move(other.value_);
    bytes_ = std::move(other.bytes_);
    capacity_ = std::exchange(other.capacity_, 0);
    return *this;
  }

  /// Copies the value; its Texts may be this object's own. Allocates only when the bytes of all Texts do not fit into
  /// what the object has, or when more than kSortedBytesMax bytes have to change places.
  void assign(const T& value) {
    std::size_t needed = 0;
    bool keeps_places = true;
    for_each_text(value, [&](const Text& text) {
      // Writing front to back must not reach a Text of our own before it is read.
      if (holds(text.data()) && text.data() < bytes_.get() + needed) keeps_places = false;
      needed += text.size();
    });
    if (needed > capacity_) {
      // The old bytes live until the new ones are complete.
      const std::size_t capacity = needed + needed / 4;
      std::unique_ptr<char[]> bytes(new char[capacity]);
      fill(value, bytes.get());
      bytes_ = std::move(bytes);
      capacity_ = capacity;
    } else if (keeps_places) {
      fill(value, bytes_.get());
    } else {
      rearrange(value, needed);
    }
  }
  const T& get() const { return value_; }

 private:
  bool holds(const char* at) const {
    return capacity_ > 0 && !std::less<const char*>{}(at, bytes_.get()) &&
           std::less<const char*>{}(at, bytes_.get() + capacity_);
  }
  void fill(const T& value, char* to) {
    T copy = value;
    for_each_text(copy, [&](Text& text) {
      if (!text.empty() && text.data() != to) std::memmove(to, text.data(), text.size());
      text = Text::borrow({to, text.size()});
      to += text.size();
    });
    value_ = std::move(copy);
  }
  /// By way of a copy of all bytes.
  void rearrange(const T& value, std::size_t bytes) {
    char near[kSortedBytesMax];
    std::unique_ptr<char[]> far;
    if (bytes > sizeof near) far.reset(new char[bytes]);
    char* const first = far != nullptr ? far.get() : near;
    fill(value, first);
    std::memcpy(bytes_.get(), first, bytes);
    char* to = bytes_.get();
    for_each_text(value_, [&](Text& text) {
      text = Text::borrow({to, text.size()});
      to += text.size();
    });
  }

  static constexpr std::size_t kSortedBytesMax = 512;

  T value_{};
  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0;
};

}  // namespace weir::detail
