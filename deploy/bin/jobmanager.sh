#!/usr/bin/env bash
# jobmanager.sh ((start|start-foreground) [HOST [WEBUI_PORT]] [ARGS..] | stop | stop-all)
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/config.sh"

usage="Usage: jobmanager.sh ((start|start-foreground) [HOST [WEBUI_PORT]] [ARGS..])|stop|stop-all
ARGS are those of bin/jobmanager, such as -D KEY=VALUE."

verb=${1-}
shift || true
case $verb in
  start | start-foreground)
    # As in Flink, words before the first option are the host and the port of the REST API.
    place=()
    if [[ ${1-} && $1 != -* ]]; then
      place=(--host "$1")
      shift
      if [[ ${1-} && $1 != -* ]]; then
        place+=(--webui-port "$1")
        shift
      fi
    fi
    set -- --configDir "$WEIR_CONF_DIR" ${place[@]+"${place[@]}"} "$@"
    if [[ $verb == start-foreground ]] || asks_for_help "$@"; then exec "$WEIR_HOME/bin/jobmanager" "$@"; fi
    start_daemon jobmanager "$@"
    ;;
  stop) stop_daemon jobmanager ;;
  stop-all) stop_daemon jobmanager all ;;
  -h | --help) echo "$usage" ;;
  *)
    echo "$usage" >&2
    exit 1
    ;;
esac
