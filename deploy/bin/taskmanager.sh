#!/usr/bin/env bash
# taskmanager.sh ((start|start-foreground) [ARGS..] | stop | stop-all)
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/config.sh"

usage="Usage: taskmanager.sh ((start|start-foreground) [ARGS..])|stop|stop-all
ARGS are those of bin/taskmanager, such as -D KEY=VALUE."

verb=${1-}
shift || true
case $verb in
  start | start-foreground)
    set -- --configDir "$WEIR_CONF_DIR" "$@"
    if [[ $verb == start-foreground ]] || asks_for_help "$@"; then exec "$WEIR_HOME/bin/taskmanager" "$@"; fi
    start_daemon taskmanager "$@"
    ;;
  stop) stop_daemon taskmanager ;;
  stop-all) stop_daemon taskmanager all ;;
  -h | --help) echo "$usage" ;;
  *)
    echo "$usage" >&2
    exit 1
    ;;
esac
