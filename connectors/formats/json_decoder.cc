#include "connectors/formats/json_decoder.h"

#include <simdjson.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <optional>
#include <vector>

#include "connectors/formats/scalar_text.h"
#include "weir/text.h"

namespace weir::connectors {
namespace {

namespace ondemand = simdjson::ondemand;

/// Batches with more bytes than this are decoded record by record: the parser's tables grow with them.
constexpr std::size_t kBatchBytesMax = 4u << 20;
/// Members of an object beyond this many are looked up by name every time.
constexpr std::size_t kMembersRemembered = 128;

/// An object of a type known at run time only, for keys and values of maps on their way in.
class Scratch {
 public:
  explicit Scratch(const TypeInfo& type)
      : type_(type), memory_(::operator new (type.size, std::align_val_t{type.align})) {
    type_.construct(memory_);
  }
  ~Scratch() {
    type_.destroy(memory_);
    ::operator delete (memory_, std::align_val_t{type_.align});
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

/// Which field each member of the last record was, by its place: the next one usually has the same members in the same
/// order, those that nobody wants included.
class MemberOrder {
 public:
  struct Member {
    std::string quoted;  ///< the key as it stands, up to and with its closing quote; empty: not remembered
    std::size_t field = 0;
    /// The same, when it has at most eight bytes, and which bits of eight it fills; else 0.
    std::uint64_t word = 0;
    std::uint64_t mask = 0;
  };
  /// Null when the member at this place is another one now.
  const Member* find(std::size_t place, const char* key, const char* end) const {
    if (place >= members_.size()) return nullptr;
    const Member& member = members_[place];
    if (member.quoted.empty() || key >= end || static_cast<std::size_t>(end - key) < member.quoted.size())
      return nullptr;
    if (member.mask != 0) {
      std::uint64_t word = 0;
      std::memcpy(&word, key, sizeof word);  // the parser's padding lies behind the last record
      return (word & member.mask) == member.word ? &member : nullptr;
    }
    return std::memcmp(key, member.quoted.data(), member.quoted.size()) == 0 ? &member : nullptr;
  }
  void remember(std::size_t place, std::string_view quoted, std::size_t field) {
    if (place >= kMembersRemembered) return;
    if (place >= members_.size()) members_.resize(place + 1);
    Member& member = members_[place] = {std::string(quoted), field};
    if (quoted.size() > sizeof member.word) return;
    std::memset(&member.mask, 0xff, quoted.size());
    std::memcpy(&member.word, quoted.data(), quoted.size());
  }

 private:
  std::vector<Member> members_;
};

/// Structure is found for a batch of records at once, where they lie one after the other; a record that is not what it
/// seems from there on is parsed alone, and so is what follows it in the batch: records end where the transport says,
/// not where the parser thinks.
class JsonDecoder final : public RecordDecoder {
 public:
  explicit JsonDecoder(const TypeInfo& type) : type_(type) { batch_parser_.threaded = false; }

  Result<void> begin(std::string_view) override { return {}; }

  void begin_batch(std::span<const RecordBytes> records) override {
    iterator_.reset();
    next_ = 0;
    batch_.clear();
    if (records.size() < 2) return;
    const RecordBytes& first = records.front();
    const RecordBytes& last = records.back();
    const char* begin = first.bytes.data();
    const char* end = last.bytes.data() + last.bytes.size();
    bool together = last.readable_behind >= simdjson::SIMDJSON_PADDING;
    for (const RecordBytes& record : records)
      together =
          together && record.bytes.data() + record.bytes.size() + record.readable_behind == end + last.readable_behind;
    if (together) {
      for (const RecordBytes& record : records) batch_.push_back({record.bytes.data(), record.bytes});
    } else if (!put_together(records, begin, end)) {
      batch_.clear();
      return;
    }
    begin_ = begin;
    const auto size = static_cast<std::size_t>(end - begin);
    if (size > kBatchBytesMax) return;
    if (batch_parser_.iterate_many(reinterpret_cast<const std::uint8_t*>(begin), size, size).get(documents_)) return;
    iterator_ = documents_.begin();
  }

  bool decode(std::string_view bytes, void* record, std::string& reason) override {
    if (iterator_) {
      if (decode_next(bytes, record, reason)) return true;
      iterator_.reset();
    }
    return decode_alone(bytes, record, reason);
  }

 private:
  /// A record of the batch: where it came from, and where its bytes are parsed.
  struct Place {
    const char* from = nullptr;
    std::string_view bytes;
  };

  /// Copies records from here and there into one buffer, a line end between them.
  bool put_together(std::span<const RecordBytes> records, const char*& begin, const char*& end) {
    std::size_t size = 0;
    for (const RecordBytes& record : records) size += record.bytes.size() + 1;
    if (size > kBatchBytesMax) return false;
    if (joined_.size() < size + simdjson::SIMDJSON_PADDING)
      joined_.resize(size + size / 2 + simdjson::SIMDJSON_PADDING);
    char* at = joined_.data();
    for (const RecordBytes& record : records) {
      if (!record.bytes.empty()) std::memcpy(at, record.bytes.data(), record.bytes.size());
      batch_.push_back({record.bytes.data(), {at, record.bytes.size()}});
      at += record.bytes.size();
      *at++ = '\n';
    }
    begin = joined_.data();
    end = at;
    return true;
  }

  /// The batch's next document, if it is this record and nothing but it. @return false: parse it alone
  bool decode_next(std::string_view bytes, void* record, std::string& reason) {
    while (next_ < batch_.size() && (batch_[next_].from != bytes.data() || batch_[next_].bytes.size() != bytes.size()))
      ++next_;
    if (next_ == batch_.size()) return false;
    const std::string_view own = batch_[next_++].bytes;
    if (!(*iterator_ != documents_.end())) return false;
    const char* start = begin_ + iterator_->current_index();
    if (start < own.data() || start >= own.data() + own.size()) return false;
    ondemand::document_reference document;
    ondemand::object object;
    if ((**iterator_).get(document) || document.get_object().get(object)) return false;
    end_ = own.data() + own.size();
    if (!read_record(type_, &order_, object, record, reason)) return false;
    const char* after = nullptr;
    if (document.current_location().get(after) == simdjson::SUCCESS) {
      // Exactly where the next record begins: a brace that closes this one there would be the next one's.
      if (next_ == batch_.size() || after != first_byte(batch_[next_].bytes)) return false;
      ++*iterator_;
    } else {
      iterator_.reset();
      if (next_ != batch_.size()) return false;
    }
    return true;
  }

  static const char* first_byte(std::string_view bytes) {
    if (bytes.starts_with('{')) return bytes.data();
    const std::size_t at = bytes.find_first_not_of(" \t\r\n");
    return at == std::string_view::npos ? nullptr : bytes.data() + at;
  }

  bool decode_alone(std::string_view bytes, void* record, std::string& reason) {
    // The parser reads past the end; a message in somebody else's buffer has no room there.
    if (padded_.size() < bytes.size() + simdjson::SIMDJSON_PADDING)
      padded_.resize((bytes.size() + simdjson::SIMDJSON_PADDING) * 2);
    if (!bytes.empty()) std::memcpy(padded_.data(), bytes.data(), bytes.size());
    padded_[bytes.size()] = ' ';  // a brace left there by an earlier record would count
    ondemand::document document;
    ondemand::object object;
    if (const auto error = parser_.iterate(padded_.data(), bytes.size(), padded_.size()).get(document))
      return fail(error, reason);
    if (const auto error = document.get_object().get(object)) return fail(error, reason);
    end_ = padded_.data() + bytes.size();
    if (!read_record(type_, &order_, object, record, reason)) return false;
    const char* after = nullptr;
    if (document.current_location().get(after) != simdjson::OUT_OF_BOUNDS) {
      reason = "something follows the JSON object";
      return false;
    }
    return true;
  }

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

  /// @param order  of the members of the records that stand at the top; null for nested ones
  bool read_record(const TypeInfo& type, MemberOrder* order, ondemand::object& object, void* record,
                   std::string& reason) {
    FieldSet seen;
    std::size_t place = 0;
    for (auto member : object) {
      if (const auto error = member.error()) return fail(error, reason);
      // A reference: to copy what was just written, in other pieces, costs more than to read it.
      ondemand::field&& named = std::move(member).value_unsafe();
      std::size_t index = 0;
      const char* key = named.key().raw();
      const MemberOrder::Member* known = order == nullptr ? nullptr : order->find(place, key, end_);
      if (known != nullptr) {
        index = known->field;
      } else if (const auto error = look_up(type, order, place, named, index)) {
        return fail(error, reason);
      }
      ++place;
      if (index == type.fields.size()) continue;
      seen.add(index);
      const FieldInfo& field = type.fields[index];
      const char* what = read_value(*field.type, named.value(), static_cast<char*>(record) + field.offset, reason);
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

  /// Which field a member is; type.fields.size() for one that nobody wants.
  simdjson::error_code look_up(const TypeInfo& type, MemberOrder* order, std::size_t place, ondemand::field& member,
                               std::size_t& index) {
    const char* raw = member.key().raw();
    if (raw >= end_)
      return simdjson::INCOMPLETE_ARRAY_OR_OBJECT;  // in a batch: what follows belongs to the next record
    const char* quote = static_cast<const char*>(std::memchr(raw, '"', static_cast<std::size_t>(end_ - raw)));
    std::string_view key;
    const bool plain = quote != nullptr && std::memchr(raw, '\\', static_cast<std::size_t>(quote - raw)) == nullptr;
    if (plain) {
      key = {raw, static_cast<std::size_t>(quote - raw)};
    } else if (const auto error = member.unescaped_key().get(key)) {
      return error;
    }
    for (index = 0; index < type.fields.size(); ++index) {
      if (type.fields[index].name == key) break;
    }
    if (plain && order != nullptr) order->remember(place, {raw, key.size() + 1}, index);
    return simdjson::SUCCESS;
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
        if (!read_string(value, text)) return "a string";
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
        return read_record(type, nullptr, inner, object, reason) ? nullptr : kReasonIsSet;
      }
      case TypeKind::variant: return "nothing: JSON has no form for a variant";
    }
    return nullptr;
  }

  /// A string without escapes is a view into the document, which spares a copy.
  static bool read_string(ondemand::value& value, std::string_view& text) {
    std::string_view token = value.raw_json_token();
    if (token.empty() || token.front() != '"') return false;
    while (token.size() > 1 && token.back() != '"') token.remove_suffix(1);
    if (token.size() < 2) return false;
    token = token.substr(1, token.size() - 2);
    if (std::memchr(token.data(), '\\', token.size()) != nullptr)
      return value.get_string().get(text) == simdjson::SUCCESS;
    text = token;
    return true;
  }

  template <class Number>
  static const char* read_signed(ondemand::value& value, void* object) {
    std::int64_t wide = 0;
    if (value.get_int64().get(wide)) return "a whole number";
    if (wide < std::numeric_limits<Number>::min() || wide > std::numeric_limits<Number>::max())
      return "a smaller whole number";
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
      while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\r' || text.back() == '\t'))
        text.remove_suffix(1);
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
  MemberOrder order_;
  const char* end_ = nullptr;  // of the record that is being read
  // One record alone
  ondemand::parser parser_;
  std::vector<char> padded_;
  // A batch
  ondemand::parser batch_parser_;
  ondemand::document_stream documents_;
  std::optional<ondemand::document_stream::iterator> iterator_;  // none: the batch is decoded record by record
  std::vector<Place> batch_;
  std::size_t next_ = 0;         // of batch_, to be decoded
  const char* begin_ = nullptr;  // of the batch's bytes
  std::vector<char> joined_;
};

}  // namespace

std::unique_ptr<RecordDecoder> make_json_decoder(const TypeInfo& type) { return std::make_unique<JsonDecoder>(type); }

}  // namespace weir::connectors
