#!/usr/bin/env bash
# Stops what start-cluster.sh started, TaskManagers first. One that cannot be stopped keeps none of the others running.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/config.sh"

if (($#)); then
  echo "Usage: stop-cluster.sh
Stops the TaskManagers and the JobManagers that start-cluster.sh started."
  if asks_for_help "$@"; then exit 0; else exit 1; fi
fi

status=0
while read -r host; do
  on_host "$host" taskmanager.sh stop </dev/null || status=1
done < <(hosts_of "$WEIR_CONF_DIR/workers" | grep . || echo localhost)
while read -r host; do
  on_host "$host" jobmanager.sh stop </dev/null || status=1
done < <(hosts_of "$WEIR_CONF_DIR/masters" | grep . || echo localhost)
exit "$status"
