#!/usr/bin/env bash
# Stops what start-cluster.sh started, TaskManagers first.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/config.sh"

while read -r host; do on_host "$host" taskmanager.sh stop </dev/null; done < <(hosts_of "$WEIR_CONF_DIR/workers" | grep . || echo localhost)
while read -r host; do on_host "$host" jobmanager.sh stop </dev/null; done < <(hosts_of "$WEIR_CONF_DIR/masters" | grep . || echo localhost)
