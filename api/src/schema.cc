#include <xxhash.h>

#include <string>

#include "weir/type_info.h"

namespace weir {

namespace {

const char* number_name(TypeKind kind) {
  switch (kind) {
    case TypeKind::boolean: return "bool";
    case TypeKind::int8: return "int8";
    case TypeKind::int16: return "int16";
    case TypeKind::int32: return "int32";
    case TypeKind::int64: return "int64";
    case TypeKind::uint8: return "uint8";
    case TypeKind::uint16: return "uint16";
    case TypeKind::uint32: return "uint32";
    case TypeKind::uint64: return "uint64";
    case TypeKind::float32: return "float32";
    case TypeKind::float64: return "float64";
    case TypeKind::text: return "text";
    case TypeKind::string: return "string";
    case TypeKind::time: return "time";
    default: return "";
  }
}

void append_schema(const TypeInfo& type, std::string& text) {
  switch (type.kind) {
    case TypeKind::enumeration:
      text.append("enum<");
      append_schema(*type.element, text);
      text.push_back('>');
      return;
    case TypeKind::optional:
      text.append("optional<");
      append_schema(*type.element, text);
      text.push_back('>');
      return;
    case TypeKind::list:
      text.append("list<");
      append_schema(*type.element, text);
      text.push_back('>');
      return;
    case TypeKind::map:
      text.append("map<");
      append_schema(*type.key, text);
      text.push_back(',');
      append_schema(*type.element, text);
      text.push_back('>');
      return;
    case TypeKind::variant:
      text.append("variant<");
      for (std::size_t i = 0; i < type.alternatives.size(); ++i) {
        if (i > 0) text.push_back(',');
        append_schema(*type.alternatives[i], text);
      }
      text.push_back('>');
      return;
    case TypeKind::decimal:
      text.append("decimal<")
          .append(std::to_string(type.precision))
          .append(",")
          .append(std::to_string(type.scale))
          .push_back('>');
      return;
    case TypeKind::record:
      text.append("record ").append(type.name).push_back('{');
      for (std::size_t i = 0; i < type.fields.size(); ++i) {
        if (i > 0) text.push_back(',');
        text.append(type.fields[i].name).push_back(':');
        append_schema(*type.fields[i].type, text);
      }
      text.push_back('}');
      return;
    default: text.append(number_name(type.kind)); return;
  }
}

}  // namespace

std::string schema_text(const TypeInfo& type) {
  std::string text;
  append_schema(type, text);
  return text;
}

bool same_schema(std::string_view a, std::string_view b) {
  constexpr std::string_view kRecord = "record ";
  const auto shape = [&](std::string_view text) {
    std::string kept;
    while (true) {
      const std::size_t at = text.find(kRecord);
      kept.append(text.substr(0, at));
      if (at == std::string_view::npos) return kept;
      const std::size_t fields = text.find('{', at);
      if (fields == std::string_view::npos) return kept.append(text.substr(at));
      kept.append(kRecord);
      text.remove_prefix(fields);
    }
  };
  return a == b || shape(a) == shape(b);
}

std::uint32_t schema_id(std::string_view schema) {
  return static_cast<std::uint32_t>(XXH3_64bits(schema.data(), schema.size()));
}

}  // namespace weir
