#!/usr/bin/env bash
# jobmanager.sh ((start|start-foreground) [ARGS..] | stop | stop-all)
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/config.sh"

verb=${1-}
shift || true
case $verb in
  start) start_daemon jobmanager --configDir "$WEIR_CONF_DIR" "$@" ;;
  start-foreground) exec "$WEIR_HOME/bin/jobmanager" --configDir "$WEIR_CONF_DIR" "$@" ;;
  stop) stop_daemon jobmanager ;;
  stop-all) stop_daemon jobmanager all ;;
  *)
    echo "Usage: jobmanager.sh ((start|start-foreground) [ARGS..])|stop|stop-all" >&2
    exit 1
    ;;
esac
