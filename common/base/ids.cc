#include "common/base/ids.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <cerrno>

#include "common/base/ensure.h"
#include "common/base/hex.h"
#include "common/base/text.h"

namespace weir {
namespace detail {

void fill_random(std::array<unsigned char, 16>& bytes) {
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const auto count = ::getrandom(bytes.data() + filled, bytes.size() - filled, 0);
    if (count < 0 && errno == EINTR) continue;
    ENSURE(count > 0, "the kernel gives no random numbers: errno {}", errno);
    filled += static_cast<std::size_t>(count);
  }
}

std::string id_to_hex(const std::array<unsigned char, 16>& bytes) { return weir::to_hex(bytes); }

Result<std::array<unsigned char, 16>> id_from_hex(std::string_view what, std::string_view text) {
  std::array<unsigned char, 16> bytes{};
  if (weir::from_hex(text, bytes)) return bytes;
  return Error::user(ErrorCode::invalid_argument,
                     fmt::format("not a {}, which is 32 hexadecimal digits: \"{}\"", what, printable(text, 64)));
}

Result<std::array<unsigned char, 16>> id_from_bytes(std::string_view what, std::string_view raw) {
  std::array<unsigned char, 16> bytes{};
  if (raw.size() == bytes.size()) {
    std::memcpy(bytes.data(), raw.data(), bytes.size());
    return bytes;
  }
  return Error{ErrorCode::corrupt, Blame::internal,
               fmt::format("wrong size of the {} in a message: {} bytes, needed 16", what, raw.size())};
}

}  // namespace detail

Result<TaskManagerId> TaskManagerId::from_string(std::string_view text) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.[]%";
  if (text.empty() || text.size() > 255 || text.find_first_not_of(kAllowed) != std::string_view::npos) {
    return Error::user(ErrorCode::invalid_argument,
                       fmt::format("not a TaskManager id, which is 1 to 255 letters, digits and any of :-_.[]%: \"{}\"",
                                   printable(text, 64)));
  }
  return TaskManagerId(std::string(text));
}

TaskManagerId TaskManagerId::generate(std::string_view host, std::uint16_t port) {
  std::array<unsigned char, 16> random{};
  detail::fill_random(random);
  return TaskManagerId(fmt::format("{}:{}-{}", host, port, to_hex(std::span(random).first(3))));
}

}  // namespace weir
