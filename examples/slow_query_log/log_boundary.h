// Where the records of a slow-query log begin, for the file source.
#pragma once

#include <cstddef>
#include <string_view>

#include "examples/slow_query_log/record_finder.h"
#include "weir/connectors/format.h"

namespace slow_query_log {

/// Lives on: the slot's thread; one per file.
class LogBoundary final : public weir::connectors::RecordBoundary {
 public:
  void begin_file(std::string_view head) override {
    form_ = form_of(head);
    finder_ = RecordFinder(form_, LineEnd::newline);
  }
  std::size_t look_back_bytes() const override { return form_ == FileForm::lines ? 1 : RecordFinder::kLookBackBytes; }
  Found find_start(std::string_view window, std::size_t from, From what, bool at_end) override {
    const RecordFinder::Found found = finder_.find(window, from, from_of(what), at_end);
    return {found.start, found.resume};
  }

 private:
  static RecordFinder::From from_of(From what) {
    switch (what) {
      case From::record: return RecordFinder::From::record;
      case From::middle: return RecordFinder::From::middle;
      case From::resume: break;
    }
    return RecordFinder::From::resume;
  }

  FileForm form_ = FileForm::blocks;
  RecordFinder finder_{FileForm::blocks, LineEnd::newline};
};

}  // namespace slow_query_log
