#include "common/http/message.h"

#include <unistd.h>

#include <algorithm>

#include "common/base/ensure.h"
#include "common/http/json.h"

namespace weir::http {

namespace {

bool equals_ignoring_case(std::string_view left, std::string_view right) {
  auto lower = [](char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter; };
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [&](char a, char b) { return lower(a) == lower(b); });
}

}  // namespace

std::optional<std::string_view> find_header(const std::vector<Header>& headers, std::string_view name) {
  for (const Header& header : headers) {
    if (equals_ignoring_case(header.name, name)) return header.value;
  }
  return std::nullopt;
}

SpooledFile& SpooledFile::operator=(SpooledFile&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

SpooledFile::~SpooledFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

Response error_response(unsigned status, const std::vector<std::string>& messages) {
  std::string body = R"({"errors":[)";
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (i > 0) body.push_back(',');
    append_json_string(body, messages[i]);
  }
  body += "]}";
  Response response;
  response.status = status;
  response.content_type = std::string(kJsonContentType);
  response.body = std::move(body);
  return response;
}

Responder& Responder::operator=(Responder&& other) noexcept {
  std::swap(deliver_, other.deliver_);
  return *this;
}

Responder::~Responder() {
  if (deliver_)
    answer(error_response(500, {"Internal server error.", "The request was dropped before it was answered."}));
}

void Responder::answer(Response response) {
  ENSURE(deliver_ != nullptr, "a request is answered twice, status {}", response.status);
  std::exchange(deliver_, nullptr)(std::move(response));
}

}  // namespace weir::http
