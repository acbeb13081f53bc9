// An Error as bytes on the wire.
#pragma once

#include <string>
#include <string_view>

#include "weir/result.h"

namespace weir::proto {
class RpcError;
}

namespace weir::rpc {

/// A longer message is cut: an error must fit wherever an answer fits.
inline constexpr std::size_t kErrorMessageBytesMax = 64 * 1024;

/// A weir.proto.RpcError with code, blame and message.
std::string encode_error(const Error& error);
/// The Error that the peer gave; one with code corrupt when `bytes` hold none. A code that this version does not know
/// becomes `unknown`.
Error decode_error(std::string_view bytes);

/// The same inside other messages.
void encode_error(const Error& error, proto::RpcError& message);
Error decode_error(const proto::RpcError& message);
/// The number of a weir.proto.RpcError.Blame, and back; one that this version does not know becomes `internal`.
int encode_blame(Blame blame);
Blame decode_blame(int number);

}  // namespace weir::rpc
