// Keys: what key_by may answer, its hash, and its equality.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "weir/key_group.h"
#include "weir/reflect.h"
#include "weir/text.h"

namespace weir {
namespace detail {

template <class K>
constexpr bool is_key() {
  if constexpr (!Serializable<K>) {
    return false;
  } else if constexpr (std::is_arithmetic_v<K> || std::is_enum_v<K> || std::is_same_v<K, Text> ||
                       std::is_same_v<K, std::string> || std::is_same_v<K, EventTime> || kIsDecimal<K>) {
    return true;
  } else if constexpr (kIsOptional<K>) {
    return is_key<typename K::value_type>();
  } else if constexpr (kIsRecord<K>) {
    bool good = true;
    for_each_index<K>([&](auto index) { good = good && is_key<FieldType<K, index>>(); });
    return good;
  } else {
    return false;
  }
}

}  // namespace detail

/// A type that a stream can be keyed by: numbers, bool, enums, text, times, decimals, and optionals, pairs, tuples and
/// structs of these.
template <class K>
concept Key = detail::is_key<K>();

/// How a key is handed around: a string key as a view.
template <class K>
using KeyView = std::conditional_t<std::is_same_v<K, std::string>, Text, K>;

/// The frozen hash of a key (key_group.h). Equal keys have equal hashes; -0.0 is 0.0 and every NaN is one key.
template <class K>
inline std::uint64_t key_hash(const K& key) {
  if constexpr (std::is_floating_point_v<K>) {
    return hash_double(static_cast<double>(key));
  } else if constexpr (std::is_enum_v<K>) {
    return key_hash(static_cast<std::underlying_type_t<K>>(key));
  } else if constexpr (std::is_same_v<K, bool> || std::is_unsigned_v<K>) {
    return hash_word(static_cast<std::uint64_t>(key));
  } else if constexpr (std::is_integral_v<K>) {
    return hash_word(static_cast<std::uint64_t>(static_cast<std::int64_t>(key)));
  } else if constexpr (std::is_same_v<K, Text> || std::is_same_v<K, std::string>) {
    return hash_bytes(std::string_view(key.data(), key.size()));
  } else if constexpr (std::is_same_v<K, EventTime>) {
    return hash_word(static_cast<std::uint64_t>(to_ms(key)));
  } else if constexpr (detail::kIsDecimal<K>) {
    if constexpr (sizeof(K) == 8) {
      return hash_word(static_cast<std::uint64_t>(key.units));
    } else {
      return hash_combine(hash_combine(0, hash_word(static_cast<std::uint64_t>(key.units))),
                          hash_word(static_cast<std::uint64_t>(key.units >> 64)));
    }
  } else if constexpr (detail::kIsOptional<K>) {
    return key ? hash_combine(1, key_hash(*key)) : hash_combine(0, hash_word(0));
  } else {
    std::uint64_t hash = 0;
    detail::for_each_index<K>([&](auto index) { hash = hash_combine(hash, key_hash(detail::field<index>(key))); });
    return hash;
  }
}

/// Equality that agrees with key_hash.
template <class K>
inline bool key_equal(const K& a, const K& b) {
  if constexpr (std::is_floating_point_v<K>) {
    return a == b || (std::isnan(a) && std::isnan(b));
  } else if constexpr (detail::kIsOptional<K>) {
    return a.has_value() == b.has_value() && (!a || key_equal(*a, *b));
  } else if constexpr (detail::kIsRecord<K>) {
    bool equal = true;
    detail::for_each_index<K>(
        [&](auto index) { equal = equal && key_equal(detail::field<index>(a), detail::field<index>(b)); });
    return equal;
  } else {
    return a == b;
  }
}

}  // namespace weir
