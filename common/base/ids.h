// Names of things that travel between the daemons: one C++ type per kind of thing, so that a job's id can't stand where
// a vertex's id belongs.
#pragma once

#include <fmt/core.h>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "weir/result.h"

namespace weir {

namespace detail {

/// Fills 16 bytes from the kernel's generator; stops the process when the kernel has none.
void fill_random(std::array<unsigned char, 16>& bytes);
std::string id_to_hex(const std::array<unsigned char, 16>& bytes);
Result<std::array<unsigned char, 16>> id_from_hex(std::string_view what, std::string_view text);
Result<std::array<unsigned char, 16>> id_from_bytes(std::string_view what, std::string_view bytes);

}  // namespace detail

/// Sixteen bytes that name one thing of the kind `Tag`; written as 32 lower-case hexadecimal digits.
/// Lives on: any thread (a value). A default constructed id is "none".
template <class Tag>
class Id {
 public:
  using Bytes = std::array<unsigned char, 16>;

  Id() = default;
  explicit Id(const Bytes& bytes) : bytes_(bytes) {}

  /// A new id that nobody else has, from the kernel's random numbers.
  static Id random() {
    Id id;
    detail::fill_random(id.bytes_);
    return id;
  }
  /// Errors: invalid_argument (user) unless `text` is 32 hexadecimal digits.
  static Result<Id> from_hex(std::string_view text) {
    auto bytes = detail::id_from_hex(Tag::kName, text);
    if (!bytes.ok()) return std::move(bytes).error();
    return Id(bytes.value());
  }
  /// For ids inside messages. Errors: corrupt (internal) unless `raw` is 16 bytes long.
  static Result<Id> from_bytes(std::string_view raw) {
    auto bytes = detail::id_from_bytes(Tag::kName, raw);
    if (!bytes.ok()) return std::move(bytes).error();
    return Id(bytes.value());
  }

  std::string to_hex() const { return detail::id_to_hex(bytes_); }
  /// The 16 raw bytes, for a `bytes` field of a message.
  std::string to_bytes() const { return std::string(reinterpret_cast<const char*>(bytes_.data()), bytes_.size()); }
  const Bytes& bytes() const noexcept { return bytes_; }
  bool is_none() const noexcept { return bytes_ == Bytes{}; }

  friend auto operator<=>(const Id&, const Id&) = default;

 private:
  Bytes bytes_{};
};

struct JobTag {
  static constexpr std::string_view kName = "job id";
};
struct VertexTag {
  static constexpr std::string_view kName = "vertex id";
};
struct OperatorTag {
  static constexpr std::string_view kName = "operator id";
};
struct ExecutionTag {
  static constexpr std::string_view kName = "execution id";
};
struct AllocationTag {
  static constexpr std::string_view kName = "allocation id";
};
struct PartitionTag {
  static constexpr std::string_view kName = "partition id";
};
struct ClusterTag {
  static constexpr std::string_view kName = "cluster id";
};
struct IncarnationTag {
  static constexpr std::string_view kName = "incarnation";
};

using JobId = Id<JobTag>;
using VertexId = Id<VertexTag>;          ///< a vertex of a job graph
using OperatorId = Id<OperatorTag>;      ///< an operator, stable between versions of a job
using ExecutionId = Id<ExecutionTag>;    ///< one attempt of one task
using AllocationId = Id<AllocationTag>;  ///< one lease of one slot to one job
using PartitionId = Id<PartitionTag>;    ///< one result partition of one attempt
using ClusterId = Id<ClusterTag>;
using Incarnation = Id<IncarnationTag>;  ///< one start of one process

/// The name of a TaskManager, as people see it in URLs and logs; it stays the same over a restart when it is
/// configured. Lives on: any thread (a value). 1 to 255 characters among letters, digits and ":-_.[]%".
class TaskManagerId {
 public:
  TaskManagerId() = default;  ///< none

  /// Errors: invalid_argument (user) on an empty or too long name or on any other character.
  static Result<TaskManagerId> from_string(std::string_view text);
  /// "<host>:<port>-<6 random hexadecimal digits>", as Flink names them.
  static TaskManagerId generate(std::string_view host, std::uint16_t port);

  const std::string& to_string() const noexcept { return name_; }
  bool is_none() const noexcept { return name_.empty(); }

  friend auto operator<=>(const TaskManagerId&, const TaskManagerId&) = default;

 private:
  explicit TaskManagerId(std::string name) : name_(std::move(name)) {}
  std::string name_;
};

}  // namespace weir

template <class Tag>
struct std::hash<weir::Id<Tag>> {
  std::size_t operator()(const weir::Id<Tag>& id) const noexcept {
    // Most ids are random; those that are not are digests. Either way eight of their bytes are a hash.
    std::size_t value = 0;
    std::memcpy(&value, id.bytes().data() + 8, sizeof value);
    return value;
  }
};
template <>
struct std::hash<weir::TaskManagerId> {
  std::size_t operator()(const weir::TaskManagerId& id) const noexcept {
    return std::hash<std::string>()(id.to_string());
  }
};
template <class Tag>
struct fmt::formatter<weir::Id<Tag>> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const weir::Id<Tag>& id, Context& context) const {
    return fmt::formatter<std::string_view>::format(id.to_hex(), context);
  }
};
template <>
struct fmt::formatter<weir::TaskManagerId> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const weir::TaskManagerId& id, Context& context) const {
    return fmt::formatter<std::string_view>::format(id.to_string(), context);
  }
};
