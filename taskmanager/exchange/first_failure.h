// Why an exchange cannot go on.
#pragma once

#include <optional>
#include <utility>

#include "weir/result.h"

namespace weir::taskmanager {

/// The first failure among the channels of one gate or one partition.
/// Lives on: the slot's thread. Shared by the gate or partition, which reports it, and its remote channels, which set
/// it.
class FirstFailure {
 public:
  void set(Error error) {
    if (!reason_) reason_ = std::move(error);
  }
  const std::optional<Error>& reason() const { return reason_; }

 private:
  std::optional<Error> reason_;
};

}  // namespace weir::taskmanager
