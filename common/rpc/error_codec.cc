#include "common/rpc/error_codec.h"

#include "proto/rpc.pb.h"

namespace weir::rpc {
namespace {

struct CodePair {
  ErrorCode code;
  proto::RpcError::Code wire;
};
constexpr CodePair kCodes[] = {
    {ErrorCode::unknown, proto::RpcError::UNKNOWN},
    {ErrorCode::invalid_argument, proto::RpcError::INVALID_ARGUMENT},
    {ErrorCode::not_found, proto::RpcError::NOT_FOUND},
    {ErrorCode::already_exists, proto::RpcError::ALREADY_EXISTS},
    {ErrorCode::failed_precondition, proto::RpcError::FAILED_PRECONDITION},
    {ErrorCode::unavailable, proto::RpcError::UNAVAILABLE},
    {ErrorCode::deadline_exceeded, proto::RpcError::DEADLINE_EXCEEDED},
    {ErrorCode::cancelled, proto::RpcError::CANCELLED},
    {ErrorCode::resource_exhausted, proto::RpcError::RESOURCE_EXHAUSTED},
    {ErrorCode::corrupt, proto::RpcError::CORRUPT},
    {ErrorCode::fenced, proto::RpcError::FENCED},
    {ErrorCode::permission_denied, proto::RpcError::PERMISSION_DENIED},
    {ErrorCode::io, proto::RpcError::IO},
    {ErrorCode::user_code, proto::RpcError::USER_CODE},
    {ErrorCode::internal, proto::RpcError::INTERNAL},
};

struct BlamePair {
  Blame blame;
  proto::RpcError::Blame wire;
};
constexpr BlamePair kBlames[] = {
    {Blame::user, proto::RpcError::USER},
    {Blame::external, proto::RpcError::EXTERNAL},
    {Blame::internal, proto::RpcError::INTERNAL_BLAME},
};

/// `text` cut at `bytes_max`, never inside a character.
std::string_view cut(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace

void encode_error(const Error& error, proto::RpcError& message) {
  for (const auto& pair : kCodes)
    if (pair.code == error.code) message.set_code(pair.wire);
  message.set_blame(static_cast<proto::RpcError::Blame>(encode_blame(error.blame)));
  message.set_message(std::string(cut(error.message, kErrorMessageBytesMax)));
}

std::string encode_error(const Error& error) {
  proto::RpcError message;
  encode_error(error, message);
  return message.SerializeAsString();
}

int encode_blame(Blame blame) {
  for (const auto& pair : kBlames)
    if (pair.blame == blame) return pair.wire;
  return proto::RpcError::BLAME_UNKNOWN;
}

Blame decode_blame(int number) {
  for (const auto& pair : kBlames)
    if (pair.wire == number) return pair.blame;
  return Blame::internal;
}

Error decode_error(std::string_view bytes) {
  proto::RpcError message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return Error{ErrorCode::corrupt, Blame::internal, "the peer answered with an error that can't be read"};
  return decode_error(message);
}

Error decode_error(const proto::RpcError& message) {
  Error error{ErrorCode::unknown, Blame::internal, message.message()};
  for (const auto& pair : kCodes)
    if (pair.wire == message.code()) error.code = pair.code;
  error.blame = decode_blame(message.blame());
  return error;
}

}  // namespace weir::rpc
