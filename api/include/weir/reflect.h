// What a C++ type looks like to Weir: its kind, its fields and their names, without macros.
#pragma once

#include <boost/pfr/core.hpp>
#include <boost/pfr/tuple_size.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "weir/decimal.h"
#include "weir/text.h"
#include "weir/time.h"

namespace weir {

/// The way out for a type that is no plain aggregate, or for a compiler on which names of fields cannot be had:
///     template <> struct weir::Schema<Order> {
///       static constexpr std::string_view name = "Order";
///       static constexpr auto fields = std::tuple{weir::Field{"id", &Order::id}, weir::Field{"price", &Order::price}};
///     };
template <class T>
struct Schema;

template <class Record, class Member>
struct Field {
  std::string_view name;
  Member Record::*member;
};
template <class Record, class Member>
Field(const char*, Member Record::*) -> Field<Record, Member>;

namespace detail {

inline constexpr std::size_t kFieldsMax = 100;

template <class T>
concept HasSchema = requires {
  Schema<T>::fields;
};

/// Why a type cannot be in a record. The first reason found, fields from first to last.
enum class Misfit : std::uint8_t {
  none,
  pointer,
  reference,
  array,
  vector_bool,
  string_view,
  char_type,
  long_double,
  no_default,
  not_copyable,
  not_aggregate,
  has_base,
  no_fields,
  too_many_fields,
  unknown_class,
};

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsList = false;
template <class T>
inline constexpr bool kIsList<std::vector<T>> = true;
template <class T>
inline constexpr bool kIsMap = false;
template <class K, class V, class C>
inline constexpr bool kIsMap<std::map<K, V, C>> = true;
template <class K, class V, class H, class E>
inline constexpr bool kIsMap<std::unordered_map<K, V, H, E>> = true;
template <class T>
inline constexpr bool kIsVariant = false;
template <class... T>
inline constexpr bool kIsVariant<std::variant<T...>> = true;
template <class T>
inline constexpr bool kIsDecimal = false;
template <int P, int S>
inline constexpr bool kIsDecimal<Decimal<P, S>> = true;
template <class T>
inline constexpr bool kIsTuple = false;
template <class A, class B>
inline constexpr bool kIsTuple<std::pair<A, B>> = true;
template <class... T>
inline constexpr bool kIsTuple<std::tuple<T...>> = true;

// Something that any field can be initialised from.
struct Anything {
  template <class T>
  operator T() const;  // NOLINT: never defined
};
// Something that only a base class of T can be initialised from.
template <class T>
struct AnyBaseOf {
  template <class Base>
  requires(std::is_base_of_v<Base, T> && !std::is_same_v<Base, T>) operator Base() const;  // NOLINT: never defined
};
template <class T, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
  return requires { T{(static_cast<void>(I), Anything{})...}; };
}
/// Initialisers that an aggregate takes, at most kFieldsMax + 1: its fields, with every array counted by its elements.
template <class T, std::size_t Count = 1>
constexpr std::size_t initialiser_count() {
  if constexpr (Count > kFieldsMax + 1 || !takes<T>(std::make_index_sequence<Count>{})) {
    return Count - 1;
  } else {
    return initialiser_count<T, Count + 1>();
  }
}
template <class T, std::size_t... Before, std::size_t... After>
constexpr bool is_single_field(std::index_sequence<Before...>, std::index_sequence<After...>) {
  return requires { T{(static_cast<void>(Before), Anything{})..., {}, (static_cast<void>(After), Anything{})...}; };
}
template <class T, std::size_t Count, std::size_t... I>
constexpr bool has_no_array(std::index_sequence<I...>) {
  return (is_single_field<T>(std::make_index_sequence<I>{}, std::make_index_sequence<Count - 1 - I>{}) && ...);
}

/// How many fields; a type that is no record has none.
template <class T>
constexpr std::size_t field_count() {
  if constexpr (HasSchema<T>) {
    return std::tuple_size_v<std::remove_cvref_t<decltype(Schema<T>::fields)>>;
  } else if constexpr (kIsTuple<T>) {
    return std::tuple_size_v<T>;
  } else {
    return boost::pfr::tuple_size_v<T>;
  }
}
template <class T>
inline constexpr std::size_t kFieldCount = field_count<T>();

/// Field I of a record, as an lvalue of the object's constness.
template <std::size_t I, class T>
[[gnu::always_inline]] constexpr auto& field(T& object) {
  using Record = std::remove_const_t<T>;
  if constexpr (HasSchema<Record>) {
    return object.*(std::get<I>(Schema<Record>::fields).member);
  } else if constexpr (kIsTuple<Record>) {
    return std::get<I>(object);
  } else {
    return boost::pfr::get<I>(object);
  }
}
template <class T, std::size_t I>
using FieldType = std::remove_cvref_t<decltype(field<I>(std::declval<T&>()))>;

/// Calls visit(std::integral_constant<size_t, I>) for every field index.
template <class T, class Visit>
constexpr void for_each_index(Visit&& visit) {
  [&]<std::size_t... I>(std::index_sequence<I...>) { (visit(std::integral_constant<std::size_t, I>{}), ...); }
  (std::make_index_sequence<kFieldCount<T>>{});
}

// Names. `fake` is never defined: only the address of its fields is taken, while compiling.
template <class T>
struct Fake {
  T value;
};
#pragma GCC diagnostic push
#ifdef __clang__
#pragma GCC diagnostic ignored "-Wundefined-var-template"
#endif
template <class T>
extern const Fake<T> fake;
template <class T, std::size_t I>
consteval auto fake_field() {
  return &boost::pfr::get<I>(fake<T>.value);
}
template <auto Pointer>
constexpr std::string_view pretty_pointer() {
  return __PRETTY_FUNCTION__;  // "... [with auto Pointer = (&
                               // weir::detail::fake<R>.weir::detail::Fake<R>::value.R::name); ...]"
}
template <class T, std::size_t I>
consteval std::string_view aggregate_field_name() {
  std::string_view text = pretty_pointer<fake_field<T, I>()>();
  constexpr std::string_view kMark = "::value.";
  std::size_t start = text.find(kMark);
  if (start == std::string_view::npos) return {};
  text.remove_prefix(start + kMark.size());
  std::size_t end = 0;
  const auto is_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  end = text.find_first_of(");]");
  // A local type's name holds brackets of its own: go on to the bracket that ends in a name.
  while (end != std::string_view::npos && end + 1 < text.size() && text[end + 1] != ';' && text[end + 1] != ']') {
    end = text.find_first_of(");]", end + 1);
  }
  text = text.substr(0, end);
  std::size_t begin = text.size();
  while (begin > 0 && is_name(text[begin - 1])) --begin;
  return text.substr(begin);
}
#pragma GCC diagnostic pop

template <class T, std::size_t I>
constexpr std::string_view field_name() {
  if constexpr (HasSchema<T>) {
    return std::get<I>(Schema<T>::fields).name;
  } else if constexpr (kIsTuple<T>) {
    constexpr std::string_view kPair[] = {"first", "second"};
    constexpr std::string_view kTuple[] = {"f0",  "f1",  "f2",  "f3",  "f4",  "f5",  "f6",  "f7",  "f8",  "f9",
                                           "f10", "f11", "f12", "f13", "f14", "f15", "f16", "f17", "f18", "f19"};
    static_assert(std::tuple_size_v<T> <= 20, "weir: a tuple in a record has at most 20 elements; use a struct");
    return requires(T t) { t.first; }
    ? kPair[I] : kTuple[I];
  } else {
    return aggregate_field_name<T, I>();
  }
}

template <class T>
constexpr std::string_view pretty_type() {
  return __PRETTY_FUNCTION__;
}
/// Name of a type without the namespaces and functions around it.
template <class T>
constexpr std::string_view type_name() {
  if constexpr (requires { Schema<T>::name; }) {
    return Schema<T>::name;
  } else if constexpr (kIsTuple<T>) {
    return requires(T t) { t.first; }
    ? std::string_view("pair") : std::string_view("tuple");
  } else {
    std::string_view text = pretty_type<T>();
    constexpr std::string_view kMark = "T = ";
    text.remove_prefix(text.find(kMark) + kMark.size());
    std::size_t depth = 0;
    std::size_t start = 0;
    std::size_t end = text.size();
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      if (c == '<' || c == '(' || c == '[' || c == '{') ++depth;
      if (depth == 0 && (c == ']' || c == ';')) {
        end = i;
        break;
      }
      if (c == '>' || c == ')' || c == ']' || c == '}') --depth;
      if (depth == 0 && c == ':') start = i + 1;
    }
    return text.substr(start, end - start);
  }
}

template <class T>
constexpr Misfit misfit();

template <class T, std::size_t... I>
constexpr Misfit fields_misfit(std::index_sequence<I...>) {
  Misfit found = Misfit::none;
  static_cast<void>(
      ((found = misfit<std::remove_const_t<std::remove_reference_t<decltype(field<I>(std::declval<T&>()))>>>(),
        found == Misfit::none) &&
       ...));
  return found;
}
template <class... T>
constexpr Misfit any_misfit(const std::variant<T...>*) {
  Misfit found = Misfit::none;
  static_cast<void>(((found = misfit<T>(), found == Misfit::none) && ...));
  return found;
}

/// An aggregate whose fields can be looked at one by one: nothing is wrong with it but, maybe, with them.
template <class T>
constexpr Misfit shape_misfit() {
  if constexpr (!std::is_aggregate_v<T>) {
    return std::is_class_v<T> ? Misfit::not_aggregate : Misfit::unknown_class;
  } else if constexpr (!std::is_default_constructible_v<T>) {
    return Misfit::no_default;
  } else if constexpr (!std::is_copy_constructible_v<T>) {
    return Misfit::not_copyable;
  } else if constexpr (requires { T{AnyBaseOf<T>{}}; }) {
    return Misfit::has_base;
  } else if constexpr (std::is_empty_v<T>) {
    return Misfit::no_fields;
  } else if constexpr (sizeof(T) > 64 * 1024) {
    return Misfit::array;
  } else {
    constexpr std::size_t kCount = initialiser_count<T>();
    if constexpr (kCount > kFieldsMax) {
      return Misfit::too_many_fields;
    } else if constexpr (!has_no_array<T, kCount>(std::make_index_sequence<kCount>{})) {
      return Misfit::array;
    } else {
      return Misfit::none;
    }
  }
}
template <class T>
constexpr bool has_checked_fields() {
  return shape_misfit<T>() == Misfit::none;
}
template <class T>
constexpr Misfit aggregate_misfit() {
  if constexpr (has_checked_fields<T>()) {
    return fields_misfit<T>(std::make_index_sequence<initialiser_count<T>()>{});
  } else {
    return shape_misfit<T>();
  }
}

template <class T>
constexpr Misfit misfit() {
  if constexpr (std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_null_pointer_v<T>) {
    return Misfit::pointer;
  } else if constexpr (std::is_reference_v<T>) {
    return Misfit::reference;
  } else if constexpr (std::is_array_v<T>) {
    return Misfit::array;
  } else if constexpr (std::is_same_v<T, long double>) {
    return Misfit::long_double;
  } else if constexpr (std::is_same_v<T, wchar_t> || std::is_same_v<T, char8_t> || std::is_same_v<T, char16_t> ||
                       std::is_same_v<T, char32_t>) {
    return Misfit::char_type;
  } else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_same_v<T, Text> ||
                       std::is_same_v<T, std::string> || std::is_same_v<T, EventTime> || kIsDecimal<T>) {
    return Misfit::none;
  } else if constexpr (std::is_same_v<T, std::string_view>) {
    return Misfit::string_view;
  } else if constexpr (std::is_same_v<T, std::vector<bool>>) {
    return Misfit::vector_bool;
  } else if constexpr (kIsOptional<T> || kIsList<T>) {
    return misfit<typename T::value_type>();
  } else if constexpr (kIsMap<T>) {
    return misfit<typename T::key_type>() != Misfit::none ? misfit<typename T::key_type>()
                                                          : misfit<typename T::mapped_type>();
  } else if constexpr (kIsVariant<T>) {
    return any_misfit(static_cast<const T*>(nullptr));
  } else if constexpr (HasSchema<T> || kIsTuple<T>) {
    return fields_misfit<T>(std::make_index_sequence<kFieldCount<T>>{});
  } else {
    return aggregate_misfit<T>();
  }
}
template <class T>
inline constexpr Misfit kMisfit = misfit<std::remove_cv_t<T>>();

}  // namespace detail

/// A type that can be in a stream, a field or a state: numbers, bool, enums, text, times, decimals, optional, vector,
/// map, variant and aggregates of these.
template <class T>
concept Serializable = detail::kMisfit<T>
== detail::Misfit::none;

namespace detail {

/// A field's name as the compiler shows it: CheckField<Order, FieldName<4>{"tags"}, std::set<int>>.
template <std::size_t Size>
struct FieldName {
  char text[Size + 1] = {};
  explicit constexpr FieldName(std::string_view name) {
    for (std::size_t i = 0; i < Size; ++i) text[i] = name[i];
  }
};

/// The first field of a record that is wrong; kNoField when the fault lies in the record itself.
inline constexpr std::size_t kNoField = SIZE_MAX;
template <class T, std::size_t... I>
constexpr std::size_t first_wrong_field(std::index_sequence<I...>) {
  std::size_t found = kNoField;
  static_cast<void>(((kMisfit<FieldType<T, I>> != Misfit::none ? (found = I, false) : true) && ...));
  return found;
}
template <class T>
constexpr std::size_t wrong_field() {
  if constexpr (kMisfit<T> == Misfit::none || !std::is_class_v<T>) {
    return kNoField;
  } else if constexpr (HasSchema<T> || kIsTuple<T>) {
    return first_wrong_field<T>(std::make_index_sequence<kFieldCount<T>>{});
  } else if constexpr (has_checked_fields<T>()) {
    return first_wrong_field<T>(std::make_index_sequence<initialiser_count<T>()>{});
  } else {
    return kNoField;
  }
}

template <class Type>
struct CheckType;
/// Names the field in the compiler's message.
template <class Record, FieldName Name, class Field>
struct CheckField {
  static constexpr bool kFits = CheckType<Field>::kFits;
};
/// Whether the fault lies in a field, an element or a value of the type; it is said there.
template <class T>
constexpr bool is_within() {
  if constexpr (kMisfit<T> == Misfit::none) {
    return false;
  } else if constexpr (kIsOptional<T> || (kIsList<T> && !std::is_same_v<T, std::vector<bool>>)) {
    return !CheckType<typename T::value_type>::kFits;
  } else if constexpr (kIsMap<T>) {
    return !CheckType<typename T::key_type>::kFits || !CheckType<typename T::mapped_type>::kFits;
  } else if constexpr (constexpr std::size_t kField = wrong_field<T>(); kField != kNoField) {
    constexpr std::string_view kName = field_name<T, kField>();
    return !CheckField<T, FieldName<kName.size()>(kName), FieldType<T, kField>>::kFits;
  } else {
    return false;
  }
}

// One line that says what is wrong, wherever a type enters the API. `Type` is the stream's or state's type, or of what
// lies in it.
template <class Type>
struct CheckType {
  static constexpr Misfit kAny = kMisfit<Type>;
  /// What is wrong with the type itself; of what lies in it is said where it lies.
  static constexpr Misfit kFound = is_within<Type>() ? Misfit::none : kAny;
  static_assert(kFound != Misfit::pointer,
                "weir: this type holds a pointer, which means nothing in another process; hold the value itself, or "
                "std::optional of it");
  static_assert(kFound != Misfit::reference, "weir: this type holds a reference; hold the value itself");
  static_assert(kFound != Misfit::array,
                "weir: this type holds a C array (or is beyond 64 KiB); use std::string, weir::Text, std::vector or "
                "single fields");
  static_assert(
      kFound != Misfit::vector_bool,
      "weir: this type holds std::vector<bool>, whose elements have no address; use std::vector<std::uint8_t>");
  static_assert(
      kFound != Misfit::string_view,
      "weir: this type holds a std::string_view, whose bytes belong to somebody else; use weir::Text or std::string");
  static_assert(kFound != Misfit::char_type,
                "weir: this type holds a wide or Unicode character type; use an integer or text in UTF-8");
  static_assert(kFound != Misfit::long_double,
                "weir: this type holds a long double, which differs between machines; use double or weir::Decimal");
  static_assert(kFound != Misfit::no_default,
                "weir: this type holds a struct that cannot be default constructed: it has a reference, or a class "
                "without default constructor, as a field");
  static_assert(kFound != Misfit::not_copyable, "weir: this type holds an aggregate that cannot be copied");
  static_assert(kFound != Misfit::not_aggregate,
                "weir: this type holds a class with constructors or private members; use a plain struct, or specialise "
                "weir::Schema for it");
  static_assert(kFound != Misfit::has_base, "weir: this type holds a struct with a base; make the base a field of it");
  static_assert(kFound != Misfit::no_fields, "weir: this type holds a struct without fields; give it one");
  static_assert(kFound != Misfit::too_many_fields,
                "weir: this type holds a struct of more than 100 fields; group them in nested structs");
  static_assert(kFound != Misfit::unknown_class,
                "weir: this type holds something that is neither a value nor a plain struct");
  static constexpr bool kFits = kAny == Misfit::none && !is_within<Type>();
};

/// A type with fields.
template <class T>
inline constexpr bool kIsRecord =
    std::is_class_v<T> && !kIsDecimal<T> && !kIsOptional<T> && !kIsList<T> && !kIsMap<T> && !kIsVariant<T> &&
    !std::is_same_v<T, Text> && !std::is_same_v<T, std::string> && !std::is_same_v<T, EventTime>;

}  // namespace detail

/// A Serializable type with named fields.
template <class T>
concept Record = Serializable<T> && detail::kIsRecord<T>;

}  // namespace weir
