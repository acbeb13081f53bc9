// One state of a keyed operator, as its code declared it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "weir/bytes.h"
#include "weir/detail/owned.h"
#include "weir/detail/state/state_table.h"
#include "weir/serializer.h"
#include "weir/type_of.h"

namespace weir::detail {

/// One state as the operator declared it.
struct StateDeclaration {
  std::string name;
  std::string schema;
  const ValueKind* kind = nullptr;
  void (*encode)(ByteWriter& out, const void* value) = nullptr;
  bool (*decode)(ByteReader& in, void* value) = nullptr;
};

template <class V>
StateDeclaration declare_state(std::string_view name) {
  static_assert(CheckType<V>::kFits && !kHoldsText<V>,
                "weir: a state cannot hold weir::Text, whose bytes lie in a batch; use std::string");
  StateDeclaration made;
  made.name = name;
  made.schema = schema_text(type_of<V>());
  made.kind = &value_kind<V>();
  made.encode = [](ByteWriter& out, const void* value) { encode_value(out, *static_cast<const V*>(value)); };
  made.decode = [](ByteReader& in, void* value) { return decode_value(in, *static_cast<V*>(value)); };
  return made;
}
/// For values that hold Text and own its bytes.
template <class T>
StateDeclaration declare_owned_state(std::string_view name) {
  StateDeclaration made;
  made.name = name;
  made.schema = schema_text(type_of<T>());
  made.kind = &value_kind<Owned<T>>();
  made.encode = [](ByteWriter& out, const void* value) {
    encode_value(out, static_cast<const Owned<T>*>(value)->get());
  };
  made.decode = [](ByteReader& in, void* value) {
    T read{};
    if (!decode_value(in, read)) return false;
    static_cast<Owned<T>*>(value)->assign(read);
    return true;
  };
  return made;
}

}  // namespace weir::detail
