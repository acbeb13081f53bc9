// type_of<T>(): the run-time description of a C++ type.
#pragma once

#include <algorithm>
#include <cstddef>
#include <new>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "weir/reflect.h"
#include "weir/type_info.h"

namespace weir {

template <class T>
const TypeInfo& type_of();

namespace detail {

template <class T>
constexpr TypeKind number_kind() {
  if constexpr (std::is_same_v<T, bool>) return TypeKind::boolean;
  if constexpr (std::is_floating_point_v<T>) return sizeof(T) == 4 ? TypeKind::float32 : TypeKind::float64;
  constexpr TypeKind kSigned[] = {TypeKind::int8, TypeKind::int16, TypeKind::int32, TypeKind::int64};
  constexpr TypeKind kUnsigned[] = {TypeKind::uint8, TypeKind::uint16, TypeKind::uint32, TypeKind::uint64};
  constexpr int kWidth = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
  return std::is_signed_v<T> ? kSigned[kWidth] : kUnsigned[kWidth];
}

template <class T>
void describe_list(TypeInfo& info) {
  using Element = typename T::value_type;
  info.kind = TypeKind::list;
  info.element = &type_of<Element>();
  info.clear = [](void* object) { static_cast<T*>(object)->clear(); };
  info.append = [](void* object) -> void* { return &static_cast<T*>(object)->emplace_back(); };
  info.count = [](const void* object) { return static_cast<const T*>(object)->size(); };
  info.at = [](const void* object, std::size_t index) -> const void* {
    return &(*static_cast<const T*>(object))[index];
  };
}

template <class T>
void describe_optional(TypeInfo& info) {
  info.kind = TypeKind::optional;
  info.element = &type_of<typename T::value_type>();
  info.clear = [](void* object) { static_cast<T*>(object)->reset(); };
  info.count = [](const void* object) -> std::size_t { return static_cast<const T*>(object)->has_value() ? 1 : 0; };
  info.at = [](const void* object, std::size_t) -> const void* { return &**static_cast<const T*>(object); };
  info.emplace = [](void* object) -> void* { return &static_cast<T*>(object)->emplace(); };
}

/// Calls visit(key, value) for each entry, keys ascending where they can be compared.
template <class T, class Visit>
void for_each_entry(const T& map, Visit&& visit) {
  using Key = typename T::key_type;
  if constexpr (
      requires { typename T::hasher; } &&
      requires(const Key& a, const Key& b) {
        { a < b } -> std::convertible_to<bool>;
      }) {
    std::vector<const typename T::value_type*> entries;
    entries.reserve(map.size());
    for (const auto& entry : map) entries.push_back(&entry);
    std::sort(entries.begin(), entries.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
    for (const auto* entry : entries) visit(entry->first, entry->second);
  } else {
    for (const auto& [key, value] : map) visit(key, value);
  }
}

template <class T>
void describe_map(TypeInfo& info) {
  info.kind = TypeKind::map;
  info.key = &type_of<typename T::key_type>();
  info.element = &type_of<typename T::mapped_type>();
  info.clear = [](void* object) { static_cast<T*>(object)->clear(); };
  info.count = [](const void* object) { return static_cast<const T*>(object)->size(); };
  info.insert = [](void* object, void* key, void* value) {
    static_cast<T*>(object)->insert_or_assign(std::move(*static_cast<typename T::key_type*>(key)),
                                              std::move(*static_cast<typename T::mapped_type*>(value)));
  };
  info.each = [](const void* object, void* argument, void (*visit)(void*, const void*, const void*)) {
    for_each_entry(*static_cast<const T*>(object),
                   [&](const auto& key, const auto& value) { visit(argument, &key, &value); });
  };
}

/// Makes the variant hold alternative `index`, empty unless it held it already.
template <class T, std::size_t I = 0>
void* hold_alternative(T& variant, std::size_t index) {
  if constexpr (I < std::variant_size_v<T>) {
    if (index != I) return hold_alternative<T, I + 1>(variant, index);
    if (auto* held = std::get_if<I>(&variant)) return held;
    return &variant.template emplace<I>();
  } else {
    return nullptr;
  }
}

template <class T>
void describe_variant(TypeInfo& info) {
  info.kind = TypeKind::variant;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (info.alternatives.push_back(&type_of<std::variant_alternative_t<I, T>>()), ...);
  }
  (std::make_index_sequence<std::variant_size_v<T>>{});
  info.alternative = [](const void* object) { return static_cast<const T*>(object)->index(); };
  info.hold = [](void* object, std::size_t index) -> void* {
    T& variant = *static_cast<T*>(object);
    if (variant.index() == index) variant = T{};
    return hold_alternative(variant, index);
  };
  info.held = [](const void* object) -> const void* {
    return std::visit([](const auto& value) -> const void* { return &value; }, *static_cast<const T*>(object));
  };
}

template <class T>
void describe_record(TypeInfo& info) {
  info.kind = TypeKind::record;
  info.name = type_name<T>();
  static const T probe{};
  const auto* start = reinterpret_cast<const char*>(&probe);
  for_each_index<T>([&](auto index) {
    const auto& member = field<index>(probe);
    constexpr std::string_view kName = field_name<T, index>();
    static_assert(!kName.empty(),
                  "weir: this compiler does not tell the names of fields; specialise weir::Schema for the record");
    info.fields.push_back({kName, static_cast<std::size_t>(reinterpret_cast<const char*>(&member) - start),
                           &type_of<FieldType<T, index>>()});
  });
}

template <class T>
TypeInfo describe() {
  TypeInfo info;
  info.size = sizeof(T);
  info.align = alignof(T);
  info.construct = [](void* memory) { ::new (memory) T(); };
  info.destroy = [](void* object) { static_cast<T*>(object)->~T(); };
  if constexpr (std::is_arithmetic_v<T>) {
    info.kind = number_kind<T>();
  } else if constexpr (std::is_enum_v<T>) {
    info.kind = TypeKind::enumeration;
    info.name = type_name<T>();
    info.element = &type_of<std::underlying_type_t<T>>();
  } else if constexpr (std::is_same_v<T, Text>) {
    info.kind = TypeKind::text;
  } else if constexpr (std::is_same_v<T, std::string>) {
    info.kind = TypeKind::string;
    info.clear = [](void* object) { static_cast<T*>(object)->clear(); };
  } else if constexpr (std::is_same_v<T, EventTime>) {
    info.kind = TypeKind::time;
  } else if constexpr (kIsDecimal<T>) {
    info.kind = TypeKind::decimal;
    info.precision = T::kPrecision;
    info.scale = T::kScale;
  } else if constexpr (kIsOptional<T>) {
    describe_optional<T>(info);
  } else if constexpr (kIsList<T>) {
    describe_list<T>(info);
  } else if constexpr (kIsMap<T>) {
    describe_map<T>(info);
  } else if constexpr (kIsVariant<T>) {
    describe_variant<T>(info);
  } else {
    describe_record<T>(info);
  }
  return info;
}

}  // namespace detail

/// The description of T: made at the first call, lives for ever.
template <class T>
const TypeInfo& type_of() {
  if constexpr (detail::CheckType<T>::kFits) {
    static const TypeInfo info = detail::describe<T>();
    return info;
  } else {
    static const TypeInfo info;
    return info;
  }
}

}  // namespace weir
