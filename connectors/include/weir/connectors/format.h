// Format: how records lie in bytes. Sources decode with it, sinks encode.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "weir/result.h"
#include "weir/type_info.h"

namespace weir::connectors {

/// Where a record lies.
struct RecordBytes {
  std::string_view bytes;
  /// That many bytes behind it may be read, whatever they are. The end of them is the same for records of one buffer.
  std::size_t readable_behind = 0;
};

/// Makes records out of bytes. Lives on: one thread.
class RecordDecoder {
 public:
  virtual ~RecordDecoder() = default;
  /// The first record of the stream that follows, where the format says that it names the columns.
  /// Errors: a column that the record type needs is not there.
  virtual Result<void> begin(std::string_view header) = 0;
  /// The records that decode() will be asked for next, in this order, some left out: a decoder may look at all of them
  /// at once. They stay where they are until the next call.
  virtual void begin_batch(std::span<const RecordBytes> /*records*/) {}
  /// @param bytes   one record, without what separates it from the next
  /// @param record  an object of the type that the decoder was made for; every field is set. Texts in it are views into
  /// `bytes` or into
  ///                the decoder, valid until both change.
  /// @param reason  set when the answer is false: one sentence without its stop; `record` is then anything
  virtual bool decode(std::string_view bytes, void* record, std::string& reason) = 0;
};

/// Makes bytes out of records. Lives on: one thread.
class RecordEncoder {
 public:
  virtual ~RecordEncoder() = default;
  /// What stands once at the start of each file; empty for most formats.
  virtual std::string header() const { return {}; }
  /// Appends one record to `out`, without what separates it from the next.
  virtual void encode(const void* record, std::string& out) = 0;
};

/// Where records begin in a file. Lives on: one thread; one per file that is being read. It remembers what it has seen
/// of the record that it is in.
class RecordBoundary {
 public:
  static constexpr std::size_t npos = std::string_view::npos;

  /// What stands where a search begins.
  enum class From : std::uint8_t {
    record,  ///< the first byte of a record; the one behind it is wanted
    middle,  ///< anything (splittable only); the first record that begins behind it is wanted
    resume,  ///< where the last search stopped for want of bytes
  };
  struct Found {
    std::size_t start = npos;  ///< where a record begins; npos when none does, or more bytes are needed
    std::size_t resume = 0;    ///< when more are needed: none begins before; the next search goes on here
  };

  virtual ~RecordBoundary() = default;
  /// The first bytes of the file, all of a short one, without a byte order mark.
  virtual void begin_file(std::string_view /*head*/) {}
  /// Whether a search can begin in the middle of the file. If not, one reader reads all of the file.
  virtual bool splittable() const { return true; }
  /// How far before a place in the middle a search must begin, to find the first record at or behind that place. 1:
  /// what is found does not depend on where the search began.
  virtual std::size_t look_back_bytes() const { return 1; }
  /// The next place where a record begins; the end of the file is none.
  /// @param window  bytes of the file; all from `from` on are there
  /// @param from    where the search begins; with `resume` the place in the file that the last call named
  /// @param at_end  whether the file ends with the window
  virtual Found find_start(std::string_view window, std::size_t from, From what, bool at_end) = 0;
  /// The record between two beginnings without the line end after it. An empty one is passed over.
  virtual std::string_view trim(std::string_view record) const;
};

/// The description of a format: copied into the plan, asked for its parts in the workers. Immutable.
class Format {
 public:
  virtual ~Format() = default;
  virtual std::string name() const = 0;
  /// Whether records of this type can lie in it. Errors: the field that can not, by name.
  virtual Result<void> check(const TypeInfo& type) const = 0;
  virtual std::unique_ptr<RecordDecoder> make_decoder(const TypeInfo& type) const = 0;
  virtual std::unique_ptr<RecordEncoder> make_encoder(const TypeInfo& type) const = 0;
  /// Lines, for most.
  virtual std::unique_ptr<RecordBoundary> make_boundary() const;
  /// Whether the first record of each file names the columns.
  virtual bool has_header() const { return false; }
};
using FormatPtr = std::shared_ptr<const Format>;

/// The bytes as they are: the record is a weir::Text, a std::string, or a struct with one field of these.
FormatPtr raw_format();

struct CsvOptions {
  char delimiter = ',';
  char quote = '"';
  /// The first record of each file names the columns, which are then matched by name; else they come in the order of
  /// the fields.
  bool header = false;
  /// Quoted fields may hold line ends, so that only a whole file can be read by one reader. False: a line is a record,
  /// and files are split.
  bool quotes_over_lines = true;
};
/// RFC 4180: a quote inside a field that does not begin with one makes a bad record, and so does a quoted field that is
/// never closed; in a file the lines behind it are records again. Numbers, bools, enums, times, decimals and text, and
/// optionals of these: an empty field that is not quoted is none.
FormatPtr csv_format(CsvOptions options);
FormatPtr csv_format();

/// One JSON object per record, fields by name. A missing or null field is a bad record unless it is optional; others
/// are ignored.
FormatPtr json_format();

/// Raw for text, JSON for everything else: what people want to see.
FormatPtr readable_format(const TypeInfo& type);

}  // namespace weir::connectors
