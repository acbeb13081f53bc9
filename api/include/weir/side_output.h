// Side outputs: further streams out of one operator.
#pragma once

#include <string>
#include <utility>

namespace weir {

/// Names a side output and its type: `inline const weir::OutputTag<Late> late{"late"};` A function writes with
/// `context.output(late, record)`; the stream is had with `result.side_output(late)`. What nobody reads is dropped.
template <class T>
class OutputTag {
 public:
  using Record = T;
  explicit OutputTag(std::string name) : name_(std::move(name)) {}
  const std::string& name() const { return name_; }

 private:
  std::string name_;
};

}  // namespace weir
