// What a record is, at run time: its fields by name, place and kind. Formats and state read and write records through
// it; weir/reflect.h makes it from a C++ type without macros.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

enum class TypeKind : std::uint8_t {
  boolean,  // bool
  int8,
  int16,
  int32,
  int64,
  uint8,
  uint16,
  uint32,
  uint64,
  float32,
  float64,
  enumeration,  // an enum; `element` is its underlying type
  text,         // weir::Text
  string,       // std::string
  optional,     // std::optional<element>
  list,         // std::vector<element>
  map,          // std::map or std::unordered_map<key, element>
  record,       // aggregate with fields
  variant,      // std::variant of `alternatives`
  time,         // EventTime (sys_time<milliseconds>)
  decimal,      // weir::Decimal<precision, scale>: an int64 or int128 of units
};

struct TypeInfo;

struct FieldInfo {
  std::string_view name;
  std::size_t offset = 0;  ///< bytes from the start of the record object
  const TypeInfo* type = nullptr;
};

/// One per C++ type, made once, lives for ever.
struct TypeInfo {
  TypeKind kind = TypeKind::record;
  std::string_view name;  ///< of a record or enum: its C++ name without namespaces
  std::size_t size = 0;
  std::size_t align = 0;
  std::vector<FieldInfo> fields;              ///< record
  const TypeInfo* element = nullptr;          ///< optional, list, map (value), enumeration (underlying)
  const TypeInfo* key = nullptr;              ///< map
  std::vector<const TypeInfo*> alternatives;  ///< variant
  std::uint32_t precision = 0;                ///< decimal
  std::uint32_t scale = 0;                    ///< decimal

  // Access to objects of this type; null where a kind has no such thing.
  void (*construct)(void* memory) = nullptr;  ///< default constructs
  void (*destroy)(void* object) = nullptr;
  void (*clear)(void* object) = nullptr;                         ///< optional: disengage; list, map, string: empty
  void* (*append)(void* object) = nullptr;                       ///< list: append an empty element and give it
  std::size_t (*count)(const void* object) = nullptr;            ///< list, map: elements; optional: 0 or 1
  const void* (*at)(const void* object, std::size_t) = nullptr;  ///< list: element; optional: the value (0)
  void* (*emplace)(void* object) = nullptr;                      ///< optional: engage with an empty value and give it
  /// map: moves key and value in; both are objects of their types, left empty
  void (*insert)(void* object, void* key, void* value) = nullptr;
  /// map: calls visit(argument, key, value) for each entry, keys ascending
  void (*each)(const void* object, void* argument,
               void (*visit)(void* argument, const void* key, const void* value)) = nullptr;
  std::size_t (*alternative)(const void* object) = nullptr;  ///< variant: index held
  void* (*hold)(void* object, std::size_t index) = nullptr;  ///< variant: hold an empty alternative `index` and give it
  const void* (*held)(const void* object) = nullptr;         ///< variant: what it holds
};

/// The schema as text: "record Bid{auction:int64,price:int64,url:text}". Equal texts mean equal layout; part of the
/// stored format.
std::string schema_text(const TypeInfo& type);

/// The texts differ in the names of record types at most: their values have the same bytes.
bool same_schema(std::string_view a, std::string_view b);

/// Low 32 bits of the XXH3 hash of a schema's text.
std::uint32_t schema_id(std::string_view schema);

}  // namespace weir
