// An Error as bytes on the wire.
#pragma once

#include <string>
#include <string_view>

#include "weir/result.h"

namespace weir::rpc {

/// A longer message is cut: an error must fit wherever an answer fits.
inline constexpr std::size_t kErrorMessageBytesMax = 64 * 1024;

/// A weir.proto.RpcError with code, blame and message.
std::string encode_error(const Error& error);
/// The Error that the peer gave; one with code corrupt when `bytes` hold none. A code that this version does not know
/// becomes `unknown`.
Error decode_error(std::string_view bytes);

}  // namespace weir::rpc
