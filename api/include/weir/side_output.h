// Side outputs: further streams out of one operator.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace weir {

namespace detail {

/// Counts from 1. Any thread.
std::uint64_t next_output_tag_id() noexcept;

}  // namespace detail

/// Names a side output and its type: `inline const weir::OutputTag<Late> late{"late"};` A function writes with
/// `context.output(late, record)`; the stream is had with `result.side_output(late)`. What nobody reads is dropped.
template <class T>
class OutputTag {
 public:
  using Record = T;
  explicit OutputTag(std::string name) : name_(std::move(name)), id_(detail::next_output_tag_id()) {}
  const std::string& name() const { return name_; }

  /// For operators: differs between tags of this process that were made apart; copies have the same.
  std::uint64_t id() const { return id_; }

 private:
  std::string name_;
  std::uint64_t id_;
};

}  // namespace weir
