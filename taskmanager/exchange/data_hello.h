// The first 64 bytes of a data connection: docs/formats/data_frame.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/ids.h"
#include "weir/result.h"

namespace weir::taskmanager {

inline constexpr std::size_t kDataHelloBytes = 64;
inline constexpr std::uint16_t kDataVersion = 1;

/// Which slot of which job the caller wants to be connected with. Nothing in it is secret and nothing is proved by it.
struct DataHello {
  JobId job;
  std::uint32_t slot = 0;  ///< of the TaskManager that is called
  friend bool operator==(const DataHello&, const DataHello&) = default;
};

/// Lives on: any thread (pure). @return kDataHelloBytes bytes
std::string encode_data_hello(const DataHello& hello);
/// @param bytes  kDataHelloBytes bytes
/// Errors: corrupt (external): another length, no hello of ours, another version (named), a reserved byte that is not
/// zero.
Result<DataHello> decode_data_hello(std::string_view bytes);

}  // namespace weir::taskmanager
