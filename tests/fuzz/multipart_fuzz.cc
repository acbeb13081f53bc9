// The form parser and the address parser, fed with anything in pieces of any size.
#include <cstdint>
#include <string_view>

#include "common/http/multipart.h"
#include "common/http/target.h"

namespace {

class Count : public weir::http::PartSink {
 public:
  weir::Result<void> begin_part(const weir::http::PartHead& head) override {
    names_ += head.name.size() + head.file_name.size() + weir::http::safe_file_name(head.file_name).size();
    return {};
  }
  weir::Result<void> part_data(std::string_view bytes) override {
    bytes_ += bytes.size();
    return {};
  }
  weir::Result<void> end_part() override { return {}; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t names_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)weir::http::Target::parse(text.substr(0, 4096));
  (void)weir::http::boundary_of(text.substr(0, 4096));
  if (text.empty()) return 0;

  std::size_t piece = static_cast<unsigned char>(text.front()) % 37 + 1;
  text.remove_prefix(1);
  Count count;
  weir::http::MultipartParser parser("XX", weir::http::MultipartLimits(), count);
  std::string_view rest = text;
  while (!rest.empty()) {
    std::size_t bytes = piece < rest.size() ? piece : rest.size();
    if (!parser.feed(rest.substr(0, bytes)).ok()) return 0;
    rest.remove_prefix(bytes);
  }
  (void)parser.finish();
  if (count.bytes() > text.size()) __builtin_trap();  // nothing is handed over twice
  return 0;
}
