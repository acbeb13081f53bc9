#include "taskmanager/exchange/channel_proof.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include "common/base/ensure.h"
#include "weir/bytes.h"

namespace weir::taskmanager {

namespace {

std::string_view view(const unsigned char* bytes, std::size_t count) {
  return {reinterpret_cast<const char*>(bytes), count};
}

}  // namespace

std::array<unsigned char, kProofBytes> make_proof(const std::string& secret, ProvingSide side,
                                                  const ProofFacts& facts) {
  ByteWriter text;
  text.put_text(side == ProvingSide::producer ? "weir data 1 producer" : "weir data 1 consumer");
  text.put_raw(view(facts.job.bytes().data(), facts.job.bytes().size()));
  text.put(facts.producer_slot);
  text.put(facts.consumer_slot);
  text.put_raw(view(facts.producer_nonce.data(), kNonceBytes));
  text.put_raw(view(facts.consumer_nonce.data(), kNonceBytes));
  std::array<unsigned char, kProofBytes> proof{};
  unsigned int count = 0;
  const auto* const made =
      HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
           reinterpret_cast<const unsigned char*>(text.view().data()), text.size(), proof.data(), &count);
  ENSURE(made != nullptr && count == kProofBytes, "HMAC-SHA256 failed");
  return proof;
}

bool is_proof(const std::string& secret, ProvingSide side, const ProofFacts& facts,
              const std::array<unsigned char, kProofBytes>& proof) {
  const auto expected = make_proof(secret, side, facts);
  return CRYPTO_memcmp(expected.data(), proof.data(), kProofBytes) == 0;
}

std::array<unsigned char, kNonceBytes> make_nonce() {
  std::array<unsigned char, kNonceBytes> nonce{};
  ENSURE(::getrandom(nonce.data(), nonce.size(), 0) == static_cast<ssize_t>(nonce.size()), "no random numbers");
  return nonce;
}

}  // namespace weir::taskmanager
