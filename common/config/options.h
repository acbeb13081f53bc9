// Every option of Weir. Include the group that holds the option you read; include this for the table of all.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "common/config/cluster_options.h"
#include "common/config/job_options.h"
#include "common/config/network_options.h"
#include "common/config/option.h"

namespace weir::config {

/// An option without its type, as checks and documents see it.
struct OptionEntry {
  const OptionText* option;
  std::string_view type;
  bool is_map;             ///< `key.anything` belongs to it too
  std::string (*forms)();  ///< what it accepts, in words
  Result<void> (*validate)(const OptionText& option, std::string_view text);
};

struct OptionGroup {
  std::string_view title;
  std::span<const OptionEntry> options;
};

/// All options by group, in the order of the documents.
std::span<const OptionGroup> option_groups();
/// The option to which `key` belongs: by its key, an old key, or as a part of a map. Null when there is none.
const OptionEntry* find_option(std::string_view key);
/// The key under which `key` is stored: an old key becomes the present one.
std::string canonical_key(std::string_view key);
/// Whether a key belongs to jobs and not to a daemon: `execution.`, `pipeline.`, `state.`, `restart-`, `parallelism.`,
/// and what neither Weir nor Flink knows, which is a user's own.
bool is_job_key(std::string_view key);
/// Whether a value is never shown: the option says so, or the key contains a word such as password, secret or token.
bool is_secret_key(std::string_view key);

}  // namespace weir::config
