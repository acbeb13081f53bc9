// Sink: where records go. What a connector implements.
#pragma once

#include <memory>
#include <string>

#include "weir/operator.h"

namespace weir {

/// A sink of records T. The object is the description; the writer, an Operator without outputs, is made from it in the
/// workers, one per subtask: process() takes batches, ready() tells when it wants no more, end_of_input() flushes
/// (ready() says when that is done).
template <class T>
class Sink {
 public:
  using Record = T;
  virtual ~Sink() = default;
  /// Default name of the operator: "Kafka: results".
  virtual std::string name() const = 0;
  virtual std::unique_ptr<Operator> make_writer() const = 0;
};

}  // namespace weir
