// Both ends of a data connection prove that they know the job's secret, without sending it.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "common/base/ids.h"
#include "taskmanager/exchange/data_frame.h"

namespace weir::taskmanager {

/// What both proofs of one connection cover.
struct ProofFacts {
  JobId job;
  std::uint32_t producer_slot = 0;
  std::uint32_t consumer_slot = 0;
  std::array<unsigned char, kNonceBytes> producer_nonce{};
  std::array<unsigned char, kNonceBytes> consumer_nonce{};
};

enum class ProvingSide : std::uint8_t { producer, consumer };

/// HMAC-SHA256 with the job's secret over the facts and the side's name. Lives on: any thread (pure).
std::array<unsigned char, kProofBytes> make_proof(const std::string& secret, ProvingSide side, const ProofFacts& facts);
/// Compares in constant time.
bool is_proof(const std::string& secret, ProvingSide side, const ProofFacts& facts,
              const std::array<unsigned char, kProofBytes>& proof);
/// Fresh random bytes from the kernel.
std::array<unsigned char, kNonceBytes> make_nonce();

}  // namespace weir::taskmanager
