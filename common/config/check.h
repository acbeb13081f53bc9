// Whether a configuration means something: every key known, every value right, and the values right together.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/config/configuration.h"
#include "weir/result.h"

namespace weir::config {

struct Report {
  std::vector<std::string> errors;    ///< one sentence each; the process does not start
  std::vector<std::string> warnings;  ///< one sentence each; for the log
};

/// Looks at every setting. Wrong values, values that contradict each other, and unknown keys near a known one are
/// errors; other unknown keys, keys of Flink that have no effect here, and old names are warnings. In the order of the
/// keys. Pure.
Report check(const Configuration& configuration);

/// The same as a Result: all errors in one message, a line each.
Result<void> checked(const Configuration& configuration);

/// The known key that looks most like `key`, whatever its case: an option of Weir, else a key of Flink. Empty when none
/// is near: within two edits, or within a third of the length where the part before the first dot is the same.
std::string nearest_key(std::string_view key);

/// Whether only this machine reaches a listener on `bind_host`: localhost, 127.0.0.0/8 or ::1. A name is not looked up.
bool is_loopback(std::string_view bind_host);

/// Refuses a listener whose peers prove nothing and that other machines can reach, unless
/// security.allow-unauthenticated says that this is wanted.
/// Errors: failed_precondition, a sentence that names the host and the key. Asked for REST; the peers of the other
/// listeners prove a secret.
Result<void> check_listener(std::string_view bind_host, const Configuration& configuration);

}  // namespace weir::config
