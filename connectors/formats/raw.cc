#include <algorithm>
#include <cstring>

#include "weir/connectors/format.h"
#include "weir/text.h"

namespace weir::connectors {
namespace {

class LineBoundary final : public RecordBoundary {
 public:
  Found find_start(std::string_view window, std::size_t from, From, bool at_end) override {
    const void* end = from < window.size() ? std::memchr(window.data() + from, '\n', window.size() - from) : nullptr;
    if (end == nullptr) return {npos, window.size()};
    const std::size_t next = static_cast<std::size_t>(static_cast<const char*>(end) - window.data()) + 1;
    if (next < window.size()) return {next, next};
    // Whether anything follows is not known yet.
    return {npos, at_end ? next : next - 1};
  }
};

/// The text inside a record that holds nothing else.
const TypeInfo* text_of(const TypeInfo& type, std::size_t& offset) {
  offset = 0;
  const TypeInfo* inner = &type;
  if (type.kind == TypeKind::record && type.fields.size() == 1) {
    offset = type.fields[0].offset;
    inner = type.fields[0].type;
  }
  return inner->kind == TypeKind::text || inner->kind == TypeKind::string ? inner : nullptr;
}

class RawCoder final : public RecordDecoder, public RecordEncoder {
 public:
  explicit RawCoder(const TypeInfo& type) {
    const TypeInfo* text = text_of(type, offset_);
    owned_ = text != nullptr && text->kind == TypeKind::string;
  }

  Result<void> begin(std::string_view) override { return {}; }
  bool decode(std::string_view bytes, void* record, std::string&) override {
    char* at = static_cast<char*>(record) + offset_;
    if (owned_) {
      reinterpret_cast<std::string*>(at)->assign(bytes);
    } else {
      *reinterpret_cast<Text*>(at) = Text::borrow(bytes);
    }
    return true;
  }
  void encode(const void* record, std::string& out) override {
    const char* at = static_cast<const char*>(record) + offset_;
    out += owned_ ? std::string_view(*reinterpret_cast<const std::string*>(at))
                  : reinterpret_cast<const Text*>(at)->view();
  }

 private:
  std::size_t offset_ = 0;
  bool owned_ = false;
};

class RawFormat final : public Format {
 public:
  std::string name() const override { return "raw"; }
  Result<void> check(const TypeInfo& type) const override {
    std::size_t offset = 0;
    if (text_of(type, offset) != nullptr) return {};
    return Error::user(ErrorCode::invalid_argument,
                       "the raw format has no fields: its record is weir::Text, std::string or a struct of one of "
                       "these; json and csv read others");
  }
  std::unique_ptr<RecordDecoder> make_decoder(const TypeInfo& type) const override {
    return std::make_unique<RawCoder>(type);
  }
  std::unique_ptr<RecordEncoder> make_encoder(const TypeInfo& type) const override {
    return std::make_unique<RawCoder>(type);
  }
};

}  // namespace

std::string_view RecordBoundary::trim(std::string_view record) const {
  if (record.ends_with('\n')) record.remove_suffix(1);
  if (record.ends_with('\r')) record.remove_suffix(1);
  return record;
}

std::unique_ptr<RecordBoundary> Format::make_boundary() const { return std::make_unique<LineBoundary>(); }

FormatPtr raw_format() { return std::make_shared<RawFormat>(); }

FormatPtr readable_format(const TypeInfo& type) {
  FormatPtr raw = raw_format();
  return raw->check(type).ok() ? raw : json_format();
}

}  // namespace weir::connectors
