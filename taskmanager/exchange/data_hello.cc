#include "taskmanager/exchange/data_hello.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir::taskmanager {
namespace {

constexpr std::string_view kMagic = "WEIRDATA";
constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kReservedAt = 10;
constexpr std::size_t kSlotAt = 12;
constexpr std::size_t kJobAt = 16;
constexpr std::size_t kRestAt = 32;

void store(std::string& bytes, std::size_t at, std::uint32_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) bytes[at + i] = static_cast<char>(value >> (8 * i) & 0xff);
}

std::uint32_t load(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i)
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  return value;
}

bool all_zero(std::string_view bytes) { return bytes.find_first_not_of('\0') == std::string_view::npos; }

}  // namespace

std::string encode_data_hello(const DataHello& hello) {
  std::string bytes(kDataHelloBytes, '\0');
  std::copy(kMagic.begin(), kMagic.end(), bytes.begin());
  store(bytes, kVersionAt, kDataVersion, 2);
  store(bytes, kSlotAt, hello.slot, 4);
  std::copy(hello.job.bytes().begin(), hello.job.bytes().end(), bytes.begin() + kJobAt);
  return bytes;
}

Result<DataHello> decode_data_hello(std::string_view bytes) {
  if (bytes.size() != kDataHelloBytes) {
    return Error::external(ErrorCode::corrupt,
                           fmt::format("a data hello of {} bytes, expected {}", bytes.size(), kDataHelloBytes));
  }
  if (!bytes.starts_with(kMagic)) return Error::external(ErrorCode::corrupt, "this is no data connection of Weir");
  const std::uint32_t version = load(bytes, kVersionAt, 2);
  if (version != kDataVersion) {
    return Error::external(ErrorCode::corrupt,
                           fmt::format("a data connection of version {}, this TaskManager speaks {}: "
                                       "run the same release everywhere",
                                       version, kDataVersion));
  }
  if (!all_zero(bytes.substr(kReservedAt, 2)) || !all_zero(bytes.substr(kRestAt))) {
    return Error::external(ErrorCode::corrupt, "a reserved byte of a data hello is not zero");
  }
  auto job = JobId::from_bytes(bytes.substr(kJobAt, 16));
  if (!job.ok()) return std::move(job).error();
  if (job->is_none()) return Error::external(ErrorCode::corrupt, "a data hello names no job");
  return DataHello{.job = *job, .slot = load(bytes, kSlotAt, 4)};
}

}  // namespace weir::taskmanager
