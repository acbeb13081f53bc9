#include <simdjson.h>

#include <cmath>
#include <cstring>
#include <utility>

#include "connectors/formats/json_decoder.h"
#include "connectors/formats/scalar_text.h"
#include "weir/connectors/format.h"
#include "weir/text.h"

namespace weir::connectors {
namespace {

/// Appends a JSON string. Bytes that are not UTF-8 become U+FFFD: readers refuse a document for one of them.
void write_string(std::string_view text, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  std::size_t from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, from, i - from);
    from = i + 1;
    out += '\\';
    switch (c) {
      case '"':
      case '\\': out += static_cast<char>(c); break;
      case '\n': out += 'n'; break;
      case '\r': out += 'r'; break;
      case '\t': out += 't'; break;
      default:
        out += "u00";
        out += kHex[c >> 4];
        out += kHex[c & 15];
    }
  }
  out.append(text, from);
  out += '"';
}

std::string repair_utf8(std::string_view text) {
  std::string good;
  while (!text.empty()) {
    std::size_t size = 1;
    while (size <= 4 && size <= text.size() && !simdjson::validate_utf8(text.data(), size)) ++size;
    if (size > 4 || size > text.size()) {
      good += "\xEF\xBF\xBD";
      text.remove_prefix(1);
    } else {
      good.append(text, 0, size);
      text.remove_prefix(size);
    }
  }
  return good;
}

class JsonEncoder final : public RecordEncoder {
 public:
  explicit JsonEncoder(const TypeInfo& type) : type_(type) {}

  void encode(const void* record, std::string& out) override { write_value(type_, record, out); }

 private:
  static void write_text(std::string_view text, std::string& out) {
    if (simdjson::validate_utf8(text.data(), text.size())) {
      write_string(text, out);
    } else {
      write_string(repair_utf8(text), out);
    }
  }

  static void write_number(const TypeInfo& type, const void* object, std::string& out) {
    double value = 0;
    if (type.kind == TypeKind::float32) {
      float narrow = 0;
      std::memcpy(&narrow, object, sizeof narrow);
      value = narrow;
    } else {
      std::memcpy(&value, object, sizeof value);
    }
    if (!std::isfinite(value)) {
      out += "null";  // JSON has no infinity and no NaN
    } else {
      print_scalar(type, object, out);
    }
  }

  static void write_value(const TypeInfo& type, const void* object, std::string& out) {
    switch (type.kind) {
      case TypeKind::text: write_text(static_cast<const Text*>(object)->view(), out); return;
      case TypeKind::string: write_text(*static_cast<const std::string*>(object), out); return;
      case TypeKind::float32:
      case TypeKind::float64: write_number(type, object, out); return;
      case TypeKind::time:
        out += '"';
        print_scalar(type, object, out);
        out += '"';
        return;
      case TypeKind::optional:
        if (type.count(object) == 0) {
          out += "null";
        } else {
          write_value(*type.element, type.at(object, 0), out);
        }
        return;
      case TypeKind::list: write_list(type, object, out); return;
      case TypeKind::map: write_map(type, object, out); return;
      case TypeKind::record: write_record(type, object, out); return;
      case TypeKind::variant: write_value(*type.alternatives[type.alternative(object)], type.held(object), out); return;
      default: print_scalar(type, object, out); return;
    }
  }

  static void write_list(const TypeInfo& type, const void* object, std::string& out) {
    out += '[';
    const std::size_t count = type.count(object);
    for (std::size_t i = 0; i < count; ++i) {
      if (i != 0) out += ',';
      write_value(*type.element, type.at(object, i), out);
    }
    out += ']';
  }

  static void write_map(const TypeInfo& type, const void* object, std::string& out) {
    struct Entries {
      const TypeInfo& type;
      std::string& out;
      std::string key;
      bool first = true;
    } entries{type, out, {}, true};
    out += '{';
    type.each(object, &entries, [](void* argument, const void* key, const void* value) {
      auto& to = *static_cast<Entries*>(argument);
      if (!std::exchange(to.first, false)) to.out += ',';
      to.key.clear();
      print_scalar(*to.type.key, key, to.key);
      write_text(to.key, to.out);
      to.out += ':';
      write_value(*to.type.element, value, to.out);
    });
    out += '}';
  }

  static void write_record(const TypeInfo& type, const void* object, std::string& out) {
    out += '{';
    bool first = true;
    for (const FieldInfo& field : type.fields) {
      if (!std::exchange(first, false)) out += ',';
      out += '"';
      out += field.name;
      out += "\":";
      write_value(*field.type, static_cast<const char*>(object) + field.offset, out);
    }
    out += '}';
  }

  const TypeInfo& type_;
};

class JsonFormat final : public Format {
 public:
  std::string name() const override { return "json"; }
  Result<void> check(const TypeInfo& type) const override {
    if (type.kind != TypeKind::record)
      return Error::user(ErrorCode::invalid_argument,
                         "the json format needs a struct: its fields are the object's; the raw format takes text");
    return {};
  }
  std::unique_ptr<RecordDecoder> make_decoder(const TypeInfo& type) const override { return make_json_decoder(type); }
  std::unique_ptr<RecordEncoder> make_encoder(const TypeInfo& type) const override {
    return std::make_unique<JsonEncoder>(type);
  }
};

}  // namespace

FormatPtr json_format() { return std::make_shared<JsonFormat>(); }

}  // namespace weir::connectors
