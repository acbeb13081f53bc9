#include <algorithm>
#include <cstring>
#include <vector>

#include "connectors/formats/byte_scan.h"
#include "connectors/formats/scalar_text.h"
#include "weir/connectors/format.h"

namespace weir::connectors {
namespace {

/// One field of a record: its text without quotes.
struct Cell {
  std::string_view text;
  bool quoted = false;
};

/// Takes records apart. Texts are views into the record, or into a buffer of its own where quotes were doubled.
class CellReader {
 public:
  explicit CellReader(const CsvOptions& options) : options_(options) {}

  /// @return  null, or what is wrong with the record
  const char* read(std::string_view record, std::vector<Cell>& cells) {
    cells.clear();
    unquoted_.clear();
    ByteScan marks(record, options_.delimiter, options_.quote);
    std::size_t at = 0;
    for (;;) {
      Cell cell;
      const std::size_t end = marks.next(at);
      if (end == record.size() || record[end] == options_.delimiter) {
        cell.text = record.substr(at, end - at);
        at = end;
      } else if (end != at) {
        return "a quote stands inside a field that does not begin with one";
      } else if (const char* wrong = quoted(record, at, cell)) {
        return wrong;
      }
      cells.push_back(cell);
      if (at == record.size()) return nullptr;
      ++at;
    }
  }

 private:
  const char* quoted(std::string_view record, std::size_t& at, Cell& cell) {
    cell.quoted = true;
    // Views into the buffer must stay: it never grows beyond the record.
    if (unquoted_.empty()) unquoted_.reserve(record.size());
    const std::size_t begin = ++at;
    const std::size_t buffered = unquoted_.size();
    bool doubled = false;
    std::size_t run = begin;
    for (;;) {
      const std::size_t quote = record.find(options_.quote, at);
      if (quote == std::string_view::npos) return "a quoted field is not closed";
      at = quote + 1;
      if (at < record.size() && record[at] == options_.quote) {
        unquoted_.append(record, run, at - run);
        run = ++at;
        doubled = true;
        continue;
      }
      if (at < record.size() && record[at] != options_.delimiter)
        return "something follows the quote that closes a field";
      if (doubled) {
        unquoted_.append(record, run, quote - run);
        cell.text = std::string_view(unquoted_).substr(buffered);
      } else {
        cell.text = record.substr(begin, quote - begin);
      }
      return nullptr;
    }
  }

  CsvOptions options_;
  std::string unquoted_;
};

class CsvDecoder final : public RecordDecoder {
 public:
  CsvDecoder(const TypeInfo& type, const CsvOptions& options) : type_(type), cell_reader_(options) {
    columns_.resize(type.fields.size());
    for (std::size_t i = 0; i < columns_.size(); ++i) columns_[i] = static_cast<int>(i);
  }

  Result<void> begin(std::string_view header) override {
    if (const char* wrong = cell_reader_.read(header, cells_))
      return Error::user(ErrorCode::corrupt, std::string("the header of the CSV file: ") + wrong);
    columns_.assign(cells_.size(), -1);
    std::vector<bool> found(type_.fields.size());
    for (std::size_t column = 0; column < cells_.size(); ++column) {
      for (std::size_t i = 0; i < type_.fields.size(); ++i) {
        if (type_.fields[i].name != cells_[column].text) continue;
        columns_[column] = static_cast<int>(i);
        found[i] = true;
      }
    }
    absent_.clear();
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (found[i]) continue;
      if (type_.fields[i].type->kind != TypeKind::optional) {
        return Error::user(ErrorCode::corrupt,
                           "the header of the CSV file has no column '" + std::string(type_.fields[i].name) + "'");
      }
      absent_.push_back(i);
    }
    return {};
  }

  bool decode(std::string_view bytes, void* record, std::string& reason) override {
    if (const char* wrong = cell_reader_.read(bytes, cells_)) {
      reason = wrong;
      return false;
    }
    if (cells_.size() != columns_.size()) {
      reason = std::to_string(columns_.size()) + " fields were expected, there are " + std::to_string(cells_.size());
      return false;
    }
    for (std::size_t column = 0; column < cells_.size(); ++column) {
      if (columns_[column] < 0) continue;
      const FieldInfo& field = type_.fields[static_cast<std::size_t>(columns_[column])];
      if (const char* expected = set(*field.type, cells_[column], static_cast<char*>(record) + field.offset)) {
        reason = "field '" + std::string(field.name) + "': expected " + expected;
        return false;
      }
    }
    for (const std::size_t i : absent_)
      type_.fields[i].type->clear(static_cast<char*>(record) + type_.fields[i].offset);
    return true;
  }

 private:
  static const char* set(const TypeInfo& type, const Cell& cell, void* object) {
    if (type.kind != TypeKind::optional) return parse_scalar(type, cell.text, object);
    type.clear(object);
    if (cell.text.empty() && !cell.quoted) return nullptr;
    return parse_scalar(*type.element, cell.text, type.emplace(object));
  }

  const TypeInfo& type_;
  CellReader cell_reader_;
  std::vector<Cell> cells_;
  std::vector<int> columns_;         // column -> field, -1: none
  std::vector<std::size_t> absent_;  // optional fields without a column
};

class CsvEncoder final : public RecordEncoder {
 public:
  CsvEncoder(const TypeInfo& type, const CsvOptions& options) : type_(type), options_(options) {}

  std::string header() const override {
    std::string line;
    if (!options_.header) return line;
    for (const FieldInfo& field : type_.fields) {
      if (!line.empty()) line += options_.delimiter;
      write(field.name, line);
    }
    return line;
  }

  void encode(const void* record, std::string& out) override {
    bool first = true;
    for (const FieldInfo& field : type_.fields) {
      if (!first) out += options_.delimiter;
      first = false;
      const void* value = static_cast<const char*>(record) + field.offset;
      const TypeInfo* type = field.type;
      if (type->kind == TypeKind::optional) {
        if (type->count(value) == 0) continue;
        value = type->at(value, 0);
        type = type->element;
      }
      cell_.clear();
      print_scalar(*type, value, cell_);
      // An empty text that is there must not read back as none.
      if (cell_.empty() && field.type->kind == TypeKind::optional) {
        out.append(2, options_.quote);
      } else {
        write(cell_, out);
      }
    }
  }

 private:
  void write(std::string_view text, std::string& out) const {
    const bool plain = std::none_of(text.begin(), text.end(), [&](char c) {
      return c == options_.quote || c == options_.delimiter || c == '\n' || c == '\r';
    });
    if (plain) {
      out += text;
      return;
    }
    out += options_.quote;
    for (const char c : text) {
      if (c == options_.quote) out += c;
      out += c;
    }
    out += options_.quote;
  }

  const TypeInfo& type_;
  CsvOptions options_;
  std::string cell_;
};

/// A line end inside quotes does not end the record, and only who has read from the start knows what is inside. A quote
/// opens a field only at its beginning. A quoted field whose quote is never closed, or is followed by something that
/// cannot follow it, has ended at its first line end: the lines behind it are records again.
class QuotedBoundary final : public RecordBoundary {
 public:
  /// A quoted field of several lines is not closed when it is longer.
  static constexpr std::size_t kFieldBytesMax = 16u << 20;

  QuotedBoundary(char delimiter, char quote) : delimiter_(delimiter), quote_(quote) {}

  bool splittable() const override { return false; }

  Found find_start(std::string_view window, std::size_t from, From what, bool at_end) override {
    if (what != From::resume) {
      quoted_ = has_line_end_ = false;
      ahead_ = 0;
      before_ = delimiter_;
    }
    std::size_t at = from + ahead_;
    std::size_t line_end = has_line_end_ ? from : npos;  // the first one of the quoted field
    const char before = before_;
    const auto byte_before = [&](std::size_t place) { return place == from ? before : window[place - 1]; };
    const auto pause = [&](std::size_t place) -> Found {
      has_line_end_ = line_end != npos;
      const std::size_t resume = has_line_end_ ? line_end : place;
      ahead_ = place - resume;
      before_ = byte_before(resume);
      return {npos, resume};
    };
    for (ByteScan marks(window, quote_, '\n');;) {
      at = marks.next(at);
      if (at >= window.size()) break;
      if (line_end != npos && at - line_end > kFieldBytesMax) return {line_end, line_end};
      if (window[at] == '\n') {
        if (!quoted_) {
          if (at + 1 == window.size()) return at_end ? Found{} : pause(at);
          return {at + 1, at + 1};
        }
        if (line_end == npos) line_end = at + 1;
        ++at;
        continue;
      }
      if (!quoted_) {
        quoted_ = byte_before(at) == delimiter_;
        ++at;
        continue;
      }
      if (at + 1 == window.size()) {
        if (!at_end) return pause(at);
        return {};
      }
      const char next = window[at + 1];
      if (next == quote_) {
        at += 2;
        continue;
      }
      const bool closed = next == delimiter_ || next == '\n' || next == '\r';
      if (!closed && line_end != npos) return {line_end, line_end};
      quoted_ = false;
      line_end = npos;
      ++at;
    }
    const bool lines_follow = quoted_ && line_end != npos && line_end < window.size();
    if (lines_follow && window.size() - line_end > kFieldBytesMax) return {line_end, line_end};
    if (!at_end) return pause(window.size());
    return lines_follow ? Found{line_end, line_end} : Found{};
  }

 private:
  char delimiter_;
  char quote_;
  bool quoted_ = false;
  bool has_line_end_ = false;  // the search goes on behind the quoted field's first line end
  std::size_t ahead_ = 0;      // of the place where it goes on, seen from there
  char before_ = '\0';         // the byte before the place
};

class CsvFormat final : public Format {
 public:
  explicit CsvFormat(CsvOptions options) : options_(options) {}

  std::string name() const override { return "csv"; }
  Result<void> check(const TypeInfo& type) const override {
    if (type.kind != TypeKind::record || type.fields.empty())
      return Error::user(ErrorCode::invalid_argument, "the csv format needs a struct: its fields are the columns");
    for (const FieldInfo& field : type.fields) {
      const TypeInfo& inner = field.type->kind == TypeKind::optional ? *field.type->element : *field.type;
      if (!is_scalar(inner)) {
        return Error::user(ErrorCode::invalid_argument,
                           "the csv format holds no lists, maps, variants or nested records: field '" +
                               std::string(field.name) + "'; json does");
      }
    }
    return {};
  }
  std::unique_ptr<RecordDecoder> make_decoder(const TypeInfo& type) const override {
    return std::make_unique<CsvDecoder>(type, options_);
  }
  std::unique_ptr<RecordEncoder> make_encoder(const TypeInfo& type) const override {
    return std::make_unique<CsvEncoder>(type, options_);
  }
  std::unique_ptr<RecordBoundary> make_boundary() const override {
    if (!options_.quotes_over_lines) return Format::make_boundary();
    return std::make_unique<QuotedBoundary>(options_.delimiter, options_.quote);
  }
  bool has_header() const override { return options_.header; }

 private:
  CsvOptions options_;
};

}  // namespace

FormatPtr csv_format(CsvOptions options) { return std::make_shared<CsvFormat>(options); }
FormatPtr csv_format() { return csv_format(CsvOptions{}); }

}  // namespace weir::connectors
