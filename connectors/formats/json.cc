#include <simdjson.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <utility>
#include <vector>

#include "connectors/formats/scalar_text.h"
#include "weir/connectors/format.h"
#include "weir/text.h"

namespace weir::connectors {
namespace {

namespace ondemand = simdjson::ondemand;

/// An object of a type known at run time only, for keys and values of maps on their way in.
class Scratch {
 public:
  explicit Scratch(const TypeInfo& type) : type_(type), memory_(::operator new(type.size, std::align_val_t{type.align})) { type_.construct(memory_); }
  ~Scratch() {
    type_.destroy(memory_);
    ::operator delete(memory_, std::align_val_t{type_.align});
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void* get() { return memory_; }

 private:
  const TypeInfo& type_;
  void* memory_;
};

/// Which fields of a record have been seen; a record has at most 100.
class FieldSet {
 public:
  void add(std::size_t index) { words_[index / 64] |= std::uint64_t{1} << (index % 64); }
  bool has(std::size_t index) const { return (words_[index / 64] >> (index % 64) & 1) != 0; }

 private:
  std::uint64_t words_[2] = {0, 0};
};

class JsonDecoder final : public RecordDecoder {
 public:
  explicit JsonDecoder(const TypeInfo& type) : type_(type) {}

  Result<void> begin(std::string_view) override { return {}; }

  bool decode(std::string_view bytes, void* record, std::string& reason) override {
    // The parser reads past the end; a message in somebody else's buffer has no room there.
    if (padded_.size() < bytes.size() + simdjson::SIMDJSON_PADDING) padded_.resize((bytes.size() + simdjson::SIMDJSON_PADDING) * 2);
    std::memcpy(padded_.data(), bytes.data(), bytes.size());
    ondemand::document document;
    ondemand::object object;
    if (const auto error = parser_.iterate(padded_.data(), bytes.size(), padded_.size()).get(document)) return fail(error, reason);
    if (const auto error = document.get_object().get(object)) return fail(error, reason);
    if (!read_record(type_, object, record, reason)) return false;
    const char* after = nullptr;
    if (document.current_location().get(after) != simdjson::OUT_OF_BOUNDS) {
      reason = "something follows the JSON object";
      return false;
    }
    return true;
  }

 private:
  static bool fail(simdjson::error_code error, std::string& reason) {
    switch (error) {
      case simdjson::EMPTY: reason = "the record is empty"; break;
      case simdjson::INCORRECT_TYPE: reason = "the record is no JSON object"; break;
      case simdjson::UTF8_ERROR: reason = "the record is not UTF-8"; break;
      case simdjson::CAPACITY: reason = "the record is too long for JSON"; break;
      default: reason = std::string("the JSON is malformed: ") + simdjson::error_message(error);
    }
    return false;
  }

  bool expected(const FieldInfo& field, const char* what, std::string& reason) {
    reason = "field '" + std::string(field.name) + "': expected " + what;
    return false;
  }

  bool read_record(const TypeInfo& type, ondemand::object& object, void* record, std::string& reason) {
    FieldSet seen;
    std::size_t next = 0;  // fields usually come in the same order
    for (auto member : object) {
      std::string_view key;
      if (const auto error = member.unescaped_key().get(key)) return fail(error, reason);
      const std::size_t index = find(type, key, next);
      if (index == type.fields.size()) continue;
      next = index + 1;
      seen.add(index);
      const FieldInfo& field = type.fields[index];
      ondemand::value value;
      if (const auto error = member.value().get(value)) return fail(error, reason);
      const char* what = read_value(*field.type, value, static_cast<char*>(record) + field.offset, reason);
      if (what == kReasonIsSet) return false;
      if (what != nullptr) return expected(field, what, reason);
    }
    for (std::size_t i = 0; i < type.fields.size(); ++i) {
      if (seen.has(i)) continue;
      const FieldInfo& field = type.fields[i];
      if (field.type->kind != TypeKind::optional) {
        reason = "field '" + std::string(field.name) + "' is missing";
        return false;
      }
      field.type->clear(static_cast<char*>(record) + field.offset);
    }
    return true;
  }

  static std::size_t find(const TypeInfo& type, std::string_view key, std::size_t next) {
    if (next < type.fields.size() && type.fields[next].name == key) return next;
    for (std::size_t i = 0; i < type.fields.size(); ++i) {
      if (type.fields[i].name == key) return i;
    }
    return type.fields.size();
  }

  /// @return  null, what was expected, or kReasonIsSet
  const char* read_value(const TypeInfo& type, ondemand::value& value, void* object, std::string& reason) {
    switch (type.kind) {
      case TypeKind::boolean: {
        bool flag = false;
        if (value.get_bool().get(flag)) return "true or false";
        std::memcpy(object, &flag, sizeof flag);
        return nullptr;
      }
      case TypeKind::int8: return read_signed<std::int8_t>(value, object);
      case TypeKind::int16: return read_signed<std::int16_t>(value, object);
      case TypeKind::int32: return read_signed<std::int32_t>(value, object);
      case TypeKind::int64: return read_signed<std::int64_t>(value, object);
      case TypeKind::uint8: return read_unsigned<std::uint8_t>(value, object);
      case TypeKind::uint16: return read_unsigned<std::uint16_t>(value, object);
      case TypeKind::uint32: return read_unsigned<std::uint32_t>(value, object);
      case TypeKind::uint64: return read_unsigned<std::uint64_t>(value, object);
      case TypeKind::float32: return read_float<float>(value, object);
      case TypeKind::float64: return read_float<double>(value, object);
      case TypeKind::enumeration: return read_value(*type.element, value, object, reason);
      case TypeKind::text:
      case TypeKind::string: {
        std::string_view text;
        if (value.get_string().get(text)) return "a string";
        return parse_scalar(type, text, object);
      }
      case TypeKind::time:
      case TypeKind::decimal: return read_text_or_number(type, value, object);
      case TypeKind::optional: return read_optional(type, value, object, reason);
      case TypeKind::list: return read_list(type, value, object, reason);
      case TypeKind::map: return read_map(type, value, object, reason);
      case TypeKind::record: {
        ondemand::object inner;
        if (value.get_object().get(inner)) return "an object";
        return read_record(type, inner, object, reason) ? nullptr : kReasonIsSet;
      }
      case TypeKind::variant: return "nothing: JSON has no form for a variant";
    }
    return nullptr;
  }

  template <class Number>
  static const char* read_signed(ondemand::value& value, void* object) {
    std::int64_t wide = 0;
    if (value.get_int64().get(wide)) return "a whole number";
    if (wide < std::numeric_limits<Number>::min() || wide > std::numeric_limits<Number>::max()) return "a smaller whole number";
    const auto number = static_cast<Number>(wide);
    std::memcpy(object, &number, sizeof number);
    return nullptr;
  }
  template <class Number>
  static const char* read_unsigned(ondemand::value& value, void* object) {
    std::uint64_t wide = 0;
    if (value.get_uint64().get(wide)) return "a whole number that is not negative";
    if (wide > std::numeric_limits<Number>::max()) return "a smaller whole number";
    const auto number = static_cast<Number>(wide);
    std::memcpy(object, &number, sizeof number);
    return nullptr;
  }
  template <class Number>
  static const char* read_float(ondemand::value& value, void* object) {
    double wide = 0;
    if (value.get_double().get(wide)) return "a number";
    const auto number = static_cast<Number>(wide);
    if (std::isinf(number)) return "a smaller number";
    std::memcpy(object, &number, sizeof number);
    return nullptr;
  }

  static const char* read_text_or_number(const TypeInfo& type, ondemand::value& value, void* object) {
    std::string_view text;
    if (value.get_string().get(text) != simdjson::SUCCESS) {
      text = value.raw_json_token();
      while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\r' || text.back() == '\t')) text.remove_suffix(1);
    }
    return parse_scalar(type, text, object);
  }

  const char* read_optional(const TypeInfo& type, ondemand::value& value, void* object, std::string& reason) {
    type.clear(object);
    bool null = false;
    if (value.is_null().get(null)) return "a value";
    return null ? nullptr : read_value(*type.element, value, type.emplace(object), reason);
  }

  const char* read_list(const TypeInfo& type, ondemand::value& value, void* object, std::string& reason) {
    type.clear(object);
    ondemand::array array;
    if (value.get_array().get(array)) return "an array";
    for (auto one : array) {
      ondemand::value element;
      if (one.get(element)) return "an array";
      if (const char* what = read_value(*type.element, element, type.append(object), reason)) return what;
    }
    return nullptr;
  }

  const char* read_map(const TypeInfo& type, ondemand::value& value, void* object, std::string& reason) {
    type.clear(object);
    ondemand::object members;
    if (value.get_object().get(members)) return "an object";
    for (auto member : members) {
      Scratch key(*type.key);
      Scratch element(*type.element);
      std::string_view name;
      ondemand::value inner;
      if (member.unescaped_key().get(name) || member.value().get(inner)) return "an object";
      if (const char* what = parse_scalar(*type.key, name, key.get())) return what;
      if (const char* what = read_value(*type.element, inner, element.get(), reason)) return what;
      type.insert(object, key.get(), element.get());
    }
    return nullptr;
  }

  static constexpr const char* kReasonIsSet = "";

  const TypeInfo& type_;
  ondemand::parser parser_;
  std::vector<char> padded_;
};

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
      return Error::user(ErrorCode::invalid_argument, "the json format needs a struct: its fields are the object's; the raw format takes text");
    return {};
  }
  std::unique_ptr<RecordDecoder> make_decoder(const TypeInfo& type) const override { return std::make_unique<JsonDecoder>(type); }
  std::unique_ptr<RecordEncoder> make_encoder(const TypeInfo& type) const override { return std::make_unique<JsonEncoder>(type); }
};

}  // namespace

FormatPtr json_format() { return std::make_shared<JsonFormat>(); }

}  // namespace weir::connectors
