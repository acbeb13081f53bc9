#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/unique_fd.h"
#include "common/http/message.h"
#include "common/http/multipart.h"
#include "weir/result.h"

namespace weir::http {

/// Takes the parts of a form: values into memory, files into a directory, each under a name of the server's own.
/// Lives on: one thread at a time; owned by the reader of one request's body.
/// Promises that no file stays behind unless take_parts() handed it over, and that no client text becomes part of a
/// path.
class FormSpool : public PartSink {
 public:
  /// @param directory  made anew when it has gone; files are made in it with mode 0600
  explicit FormSpool(std::string directory);
  FormSpool(const FormSpool&) = delete;

  Result<void> begin_part(const PartHead& head) override;
  Result<void> part_data(std::string_view bytes) override;
  Result<void> end_part() override;

  /// The parts in their order, once the parser's finish() has agreed.
  std::vector<FormPart> take_parts() { return std::move(parts_); }

 private:
  Result<void> write_out();

  std::string directory_;
  std::vector<FormPart> parts_;
  UniqueFd file_;                  // being written
  std::string unwritten_;          // what of it is still in memory
  std::uint64_t value_bytes_ = 0;  // of all values together
};

}  // namespace weir::http
