// Protects a receiver from leaders of the past, and from those that it never followed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/rpc/identity.h"
#include "weir/result.h"

namespace weir::rpc {

/// Decides whether a call may act at all.
/// Lives on: the control thread of the receiver, one per daemon or worker; outlives the method tables that ask it.
class Fence {
 public:
  virtual ~Fence() = default;
  /// Errors: fenced (external), a sentence with both epochs.
  virtual Result<void> admit(const Identity& caller, std::uint64_t epoch) = 0;
  /// Goes with every reply, so that a caller of the past hears of it.
  virtual std::uint64_t epoch() const = 0;
};

/// A TaskManager's: admits the one JobManager that this process has dialled itself.
/// The epoch is learned from that JobManager's reply to the registration and from nobody else, so no caller can make
/// this TaskManager deaf to its JobManager.
class LeaderFence final : public Fence {
 public:
  /// Our own connection leads to this JobManager from now on. Until `learn` its calls may name a higher epoch than
  /// ours: they can overtake its reply to the registration.
  void follow(const Incarnation& leader) { leader_ = leader; }
  /// The JobManager that we follow has registered us. Errors: fenced (external) when we have obeyed a later one.
  Result<void> learn(std::uint64_t epoch);

  Result<void> admit(const Identity& caller, std::uint64_t epoch) override;
  std::uint64_t epoch() const override { return epoch_; }

 private:
  Incarnation leader_;
  std::uint64_t epoch_ = 0;
};

/// A worker's: its one caller is the TaskManager that started it, which passes on what its JobManager wants. Orders of
/// an epoch below the highest so far are refused.
class OrderFence final : public Fence {
 public:
  Result<void> admit(const Identity& caller, std::uint64_t epoch) override;
  std::uint64_t epoch() const override { return epoch_; }

 private:
  std::uint64_t epoch_ = 0;
};

/// A JobManager's: calls name the epoch that the TaskManager obeys. A higher one than ours means that another
/// JobManager leads: such calls are refused, and the owner hears of it.
class LeaderClaim final : public Fence {
 public:
  /// @param superseded  called once for each higher epoch, with who named it; may be empty
  LeaderClaim(std::uint64_t epoch, std::function<void(const Identity& peer, std::uint64_t epoch)> superseded);

  Result<void> admit(const Identity& caller, std::uint64_t epoch) override;
  std::uint64_t epoch() const override { return epoch_; }
  /// A reply to a call of ours named this epoch.
  void see(const Identity& peer, std::uint64_t epoch);
  /// Another JobManager leads.
  bool is_superseded() const noexcept { return highest_ > epoch_; }

 private:
  const std::uint64_t epoch_;
  const std::function<void(const Identity& peer, std::uint64_t epoch)> superseded_;
  std::uint64_t highest_;
};

}  // namespace weir::rpc
