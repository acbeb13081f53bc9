#!/usr/bin/env python3
"""Writes common/config/flink_keys.cc from a table of Flink's options.

usage: make_flink_keys.py TABLE.tsv > common/config/flink_keys.cc

The table has one option a line, its key in the first column and, in columns 10 and 11, older keys that Flink still
accepts, separated by commas. The first line is a heading. Run by hand when a new version of Flink adds keys.
"""
import re
import sys

# Below these anything goes: names of reporters, of variables, or of another program's own options.
PREFIXES = [
    "$internal.", "akka.", "containerized.", "env.java.", "events.reporter.", "external-resource.", "flink.hadoop.", "flink.yarn.",
    "fs.", "high-availability.zookeeper.", "job.autoscaler.", "kubernetes.", "mesos.", "metrics.reporter.", "metrics.scope.variables.",
    "pekko.", "pipeline.serialization-config.", "python.", "s3.", "s3a.", "security.delegation.token.provider.", "security.kerberos.",
    "sql-client.", "sql-gateway.", "state.backend.forst.", "state.backend.rocksdb.", "table.", "traces.reporter.", "yarn.", "zookeeper.",
]

# Keys that are in no table but in every configuration: Flink's container image writes them.
WRITTEN_BY_THE_IMAGE = ["query.server.port"]

# Parts of a reporter's keys, which stand in the table without their prefix, and keys of Flink's own tests.
FRAGMENTS = ["batch.", "bind-", "exporter.", "export-completion", "factory.", "filter.", "hidden.", "output-mode", "scope.", "service.",
             "writeTimeout", "fine-grained.", "statebackend.", "sink."]


def main():
    keys = set(WRITTEN_BY_THE_IMAGE)
    for line in open(sys.argv[1], encoding="utf-8").read().splitlines()[1:]:
        columns = line.split("\t")
        names = [columns[0]] + columns[9].split(",") + columns[10].split(",")
        keys |= {name for name in names if re.fullmatch(r"[a-z][A-Za-z0-9_.-]*[.-][A-Za-z0-9_.-]+", name)}
    keys = sorted(key for key in keys if not any(key.startswith(prefix) for prefix in PREFIXES + FRAGMENTS))
    rows = [f'    "{key}",' for key in keys]
    prefixes = "\n".join(f'    "{prefix}",' for prefix in PREFIXES)
    print(TEMPLATE % ("\n".join(rows), prefixes), end="")


TEMPLATE = """// Written by tools/config/make_flink_keys.py from a table of Flink's options; do not edit.
#include "common/config/flink_keys.h"

#include <algorithm>

namespace weir::config {
namespace {

constexpr std::string_view kKeys[] = {
%s
};

constexpr std::string_view kPrefixes[] = {
%s
};

}  // namespace

std::span<const std::string_view> flink_keys() { return kKeys; }

bool is_flink_key(std::string_view key) {
  if (std::ranges::binary_search(kKeys, key)) return true;
  return std::ranges::any_of(
      kPrefixes, [&](std::string_view prefix) { return key.size() > prefix.size() && key.starts_with(prefix); });
}

}  // namespace weir::config
"""

if __name__ == "__main__":
    main()
