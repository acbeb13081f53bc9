// Source: where records come from. What a connector implements.
#pragma once

#include <memory>
#include <string>

#include "weir/operator.h"
#include "weir/snapshot.h"

namespace weir {

/// What a source does with a record that it cannot decode.
enum class OnBadRecord : std::uint8_t {
  fail,         ///< the task fails with the record's place and the reason
  skip,         ///< counted (`numBadRecords`), otherwise ignored
  dead_letter,  ///< counted, and handed to the stream's bad_records()
};

/// A record that could not be decoded, whole.
struct BadRecord {
  std::string source;  ///< the source's name
  std::string place;   ///< "orders-3@1288", "file.log:812..1410"
  std::string reason;  ///< one sentence
  std::string bytes;   ///< as they came
};

/// A source of records T. The object is the description: it is copied into the plan; readers are made from it in the
/// workers, one per subtask. Derive, and give a reader that emits rows of T through a Collector<T> (weir/collector.h).
template <class T>
class Source {
 public:
  using Record = T;
  virtual ~Source() = default;
  /// Default name of the operator: "Kafka: orders".
  virtual std::string name() const = 0;
  /// Does it end by itself?
  virtual bool bounded() const = 0;
  /// With dead_letter the source has a side output (index 1) of BadRecord.
  virtual OnBadRecord on_bad_record() const { return OnBadRecord::fail; }
  virtual std::unique_ptr<SourceReader> make_reader() const = 0;
};

}  // namespace weir
