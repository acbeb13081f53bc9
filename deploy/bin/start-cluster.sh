#!/usr/bin/env bash
# Starts a JobManager on every host of conf/masters and a TaskManager for every line of conf/workers.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/config.sh"

if asks_for_help "$@"; then
  echo "Usage: start-cluster.sh [ARGS..]
Starts a JobManager on every host of $WEIR_CONF_DIR/masters and a TaskManager for every line of $WEIR_CONF_DIR/workers
(without these files: one of each here). ARGS go to each of them, such as -D KEY=VALUE."
  exit 0
fi

echo "Starting cluster."
while read -r host; do on_host "$host" jobmanager.sh start "$@" </dev/null; done < <(hosts_of "$WEIR_CONF_DIR/masters" | grep . || echo localhost)
while read -r host; do on_host "$host" taskmanager.sh start "$@" </dev/null; done < <(hosts_of "$WEIR_CONF_DIR/workers" | grep . || echo localhost)
