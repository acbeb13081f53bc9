#!/usr/bin/env bash
# taskmanager.sh ((start|start-foreground) [ARGS..] | stop | stop-all)
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/config.sh"

verb=${1-}
shift || true
case $verb in
  start) start_daemon taskmanager --configDir "$WEIR_CONF_DIR" "$@" ;;
  start-foreground) exec "$WEIR_HOME/bin/taskmanager" --configDir "$WEIR_CONF_DIR" "$@" ;;
  stop) stop_daemon taskmanager ;;
  stop-all) stop_daemon taskmanager all ;;
  *)
    echo "Usage: taskmanager.sh ((start|start-foreground) [ARGS..])|stop|stop-all" >&2
    exit 1
    ;;
esac
