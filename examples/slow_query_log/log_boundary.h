// Where the records of a slow-query log begin, for the file source.
#pragma once

#include <cstddef>
#include <string_view>

#include "examples/slow_query_log/record_splitter.h"
#include "weir/connectors/format.h"

namespace slow_query_log {

/// Lives on: the slot's thread; one per file.
class LogBoundary final : public weir::connectors::RecordBoundary {
 public:
  void begin_file(std::string_view head) override { form_ = form_of(head); }
  std::size_t look_back_bytes() const override { return kLookBackBytes; }
  std::size_t find_start(std::string_view window, std::size_t, std::size_t from, bool at_end) override {
    return find_record_start(window, from, form_, at_end);
  }

 private:
  FileForm form_ = FileForm::blocks;
};

}  // namespace slow_query_log
