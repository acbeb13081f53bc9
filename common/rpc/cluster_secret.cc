#include "common/rpc/cluster_secret.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "common/base/ensure.h"
#include "common/base/ids.h"
#include "common/base/try.h"
#include "common/base/unique_fd.h"

namespace weir::rpc {
namespace {

constexpr int kTries = 10;  // somebody removes the file again and again: not for ever
constexpr const char* kWayOut =
    "put the same secret on every machine of the cluster (openssl rand -hex 32 > FILE; chmod 600 FILE) and name it "
    "with security.rpc.secret-file";

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  std::size_t have = 0;
  while (have < count) {
    const ssize_t got = ::getrandom(bytes.data() + have, count - have, 0);
    ENSURE(got > 0 || errno == EINTR, "the kernel gives no random bytes: {}", std::strerror(errno));
    if (got > 0) have += static_cast<std::size_t>(got);
  }
  return bytes;
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

Error problem(ErrorCode code, const std::string& path, const std::string& what) {
  return Error::user(code, fmt::format("the cluster secret {} {}", path, what));
}

/// Nothing when there is no such file.
Result<std::optional<ClusterSecret>> read_secret(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file && errno == ENOENT) return std::optional<ClusterSecret>();
  if (!file) {
    return problem(
        ErrorCode::io, path,
        fmt::format("can't be read: {}; it must belong to the user that the daemon runs as", std::strerror(errno)));
  }
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode))
    return problem(ErrorCode::invalid_argument, path, "is no regular file");
  if ((facts.st_mode & 077) != 0) {
    return problem(ErrorCode::failed_precondition, path,
                   fmt::format("is open to other users (mode {:04o}): chmod 600 it, and make a new one if somebody may "
                               "have read it",
                               facts.st_mode & 07777));
  }
  std::string text(ClusterSecret::kTextBytesMax + 64, '\0');
  const ssize_t count = ::pread(file.get(), text.data(), text.size(), 0);
  if (count < 0) return problem(ErrorCode::io, path, fmt::format("can't be read: {}", std::strerror(errno)));
  text.resize(static_cast<std::size_t>(count));
  auto secret = ClusterSecret::from_text(text);
  if (!secret.ok()) return problem(ErrorCode::invalid_argument, path, secret.error().message);
  return std::optional<ClusterSecret>(std::move(secret).value());
}

Error cannot_make(const std::string& path, int error) {
  return problem(ErrorCode::io, path, fmt::format("can't be made: {}; {}", std::strerror(error), kWayOut));
}

/// Puts a complete file in place, unless there is one by then.
Result<void> make_secret(const std::string& path) {
  const std::string made = fmt::format("{}.{}", path, hex(random_bytes(8)));
  UniqueFd file(::open(made.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return cannot_make(path, errno);
  const std::string text = hex(random_bytes(32)) + "\n";
  const bool is_written = ::fchmod(file.get(), 0600) == 0 &&
                          ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                          ::fsync(file.get()) == 0;
  int error = is_written ? 0 : errno;
  // A link fails where a file stands; a rename would take the place of the other process's secret.
  if (is_written && ::link(made.c_str(), path.c_str()) != 0) error = errno == EEXIST ? 0 : errno;
  ::unlink(made.c_str());
  if (error != 0) return cannot_make(path, error);
  return {};
}

}  // namespace

ClusterSecret ClusterSecret::random() {
  ClusterSecret secret;
  secret.key_ = random_bytes(32);
  return secret;
}

Result<ClusterSecret> ClusterSecret::from_text(std::string_view text) {
  const std::string_view content = trimmed(text);
  if (content.size() < kTextBytesMin || content.size() > kTextBytesMax) {
    return Error::user(ErrorCode::invalid_argument, fmt::format("holds {} bytes: a secret has {} to {} of them",
                                                                content.size(), kTextBytesMin, kTextBytesMax));
  }
  ClusterSecret secret;
  secret.key_ = content;
  return secret;
}

ClusterSecret::Proof ClusterSecret::prove(std::string_view purpose, std::string_view message) const {
  std::string text(purpose);
  text.push_back('\0');
  text.append(message);
  Proof proof{};
  unsigned int bytes = 0;
  const unsigned char* made = ::HMAC(::EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
                                     reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                                     reinterpret_cast<unsigned char*>(proof.data()), &bytes);
  ENSURE(made != nullptr && bytes == proof.size(), "no HMAC-SHA-256 from OpenSSL: {} bytes", bytes);
  return proof;
}

bool ClusterSecret::verify(std::string_view purpose, std::string_view message, std::string_view proof) const {
  const Proof right = prove(purpose, message);
  return proof.size() == right.size() && ::CRYPTO_memcmp(proof.data(), right.data(), right.size()) == 0;
}

Result<ClusterSecret> load_cluster_secret(const std::string& path, bool may_make) {
  for (int tries = 0; tries < kTries; ++tries) {
    TRY(auto found, read_secret(path));
    if (found) return std::move(*found);
    if (!may_make) return problem(ErrorCode::not_found, path, fmt::format("is not there; {}", kWayOut));
    TRY_VOID(make_secret(path));
  }
  return problem(ErrorCode::io, path, "vanishes as soon as it is made: another process removes it");
}

std::string random_nonce() { return random_bytes(kNonceBytes); }

}  // namespace weir::rpc
