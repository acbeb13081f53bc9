// What the daemons of one cluster know and nobody else does.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "weir/result.h"

namespace weir::rpc {

/// Proves that a peer belongs to this cluster, and is proved to it: see docs/formats/rpc_frame.md.
/// Lives on: any thread (a value). Never leaves the process: only proofs made with it travel.
class ClusterSecret {
 public:
  static constexpr std::size_t kProofBytes = 32;
  static constexpr std::size_t kTextBytesMin = 32;
  static constexpr std::size_t kTextBytesMax = 1024;
  using Proof = std::array<char, kProofBytes>;

  /// Fits no other process: for a process that has no peers, and for tests.
  static ClusterSecret random();
  /// The text of a secret file; white space around it does not count.
  /// Errors: invalid_argument (user) unless 32 to 1,024 bytes are left.
  static Result<ClusterSecret> from_text(std::string_view text);

  /// HMAC-SHA-256 over `purpose`, a zero byte and `message`. Source: RFC 2104.
  Proof prove(std::string_view purpose, std::string_view message) const;
  /// Takes as long whatever the bytes are.
  bool verify(std::string_view purpose, std::string_view message, std::string_view proof) const;

 private:
  std::string key_;
};

/// Reads the cluster's secret, or makes one where there is none: 32 random bytes as 64 hexadecimal digits, mode 0600.
/// Of processes that make it at the same time one succeeds, and all read its secret.
/// @param path       of the file
/// @param may_make   false: a file that somebody named must exist
/// Errors, each a sentence with the way out: failed_precondition: readable by others than its owner; not_found: no such
/// file, and none may be made; io: it can't be read, or none can be made there; invalid_argument: no secret in it.
Result<ClusterSecret> load_cluster_secret(const std::string& path, bool may_make);

/// Random bytes for a nonce.
std::string random_nonce();
inline constexpr std::size_t kNonceBytes = 32;

}  // namespace weir::rpc
