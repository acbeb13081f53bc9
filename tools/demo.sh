#!/usr/bin/env bash
# demo.sh DIST [--once] [--kafka] | --cluster-only [-D KEY=VALUE..]: called by tools/dev.
# Starts one JobManager and two TaskManagers in a folder of its own and stops them again, however it ends.
set -euo pipefail

dist=$1
shift
once= kafka= cluster_only= dynamic=()
while (($#)); do
  case $1 in
    --once) once=yes ;;
    --kafka) kafka=yes ;;
    --cluster-only) cluster_only=yes ;;
    -D) dynamic+=(-D "${2?-D wants KEY=VALUE}") && shift ;;
    -D*) dynamic+=("$1") ;;
    *)
      echo "demo: unknown argument '$1'" >&2
      exit 2
      ;;
  esac
  shift
done

top=$(cd "$(dirname "$0")/.." && pwd -P)
work=$(mktemp -d "${TMPDIR:-/tmp}/weir-demo.XXXXXX")
export WEIR_HOME=$dist WEIR_CONF_DIR=$work/conf WEIR_LOG_DIR=$work/log WEIR_PID_DIR=$work WEIR_IDENT_STRING=demo
mkdir -p "$WEIR_CONF_DIR" "$WEIR_LOG_DIR"
cp "$dist"/conf/* "$WEIR_CONF_DIR/"
broker_dir=$work/kafka

finish() {
  local status=$?
  trap - EXIT
  trap '' INT TERM  # a second Ctrl-C must not leave half of it running
  echo
  echo "Stopping what the demo started."
  "$dist/bin/taskmanager.sh" stop-all >/dev/null || true
  "$dist/bin/jobmanager.sh" stop-all >/dev/null || true
  [[ ! $kafka ]] || "$top/tests/support/kafka/kafka.sh" stop --dir "$broker_dir" --wipe >/dev/null 2>&1 || true
  if ((status == 0)) || [[ $status == 130 ]]; then rm -rf "$work"; else echo "Logs are in $WEIR_LOG_DIR"; fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

port_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

started=$(date +%s%N)
rest_port=8081
port_free 8081 || { rest_port=0; echo "Port 8081 is taken; the REST API gets another one."; }
"$dist/bin/jobmanager.sh" start -D rest.port="$rest_port" -D rest.bind-port="$rest_port" -D jobmanager.rpc.port=0 \
  -D io.tmp.dirs="$work/tmp" ${dynamic[@]+"${dynamic[@]}"}
ports=$(cat "$WEIR_LOG_DIR"/*jobmanager*.ports)
port_of() { sed -E "s/.*\"$1\": *([0-9]+).*/\1/" <<<"$ports"; }
rest=127.0.0.1:$(port_of rest)
for _ in 1 2; do
  "$dist/bin/taskmanager.sh" start -D jobmanager.rpc.port="$(port_of rpc)" -D io.tmp.dirs="$work/tmp" \
    -D taskmanager.numberOfTaskSlots=2 ${dynamic[@]+"${dynamic[@]}"}
done
deadline=$((SECONDS + 20))
until [[ $(curl -sf "http://$rest/overview") =~ \"slots-total\":4 ]]; do
  ((SECONDS < deadline)) || { echo "demo: the TaskManagers did not register within 20 seconds" >&2; exit 1; }
  sleep 0.02
done
echo "Cluster ready in $((($(date +%s%N) - started) / 1000000)) ms: 1 JobManager, 2 TaskManagers, 4 slots."
echo "REST API: http://$rest  (try http://$rest/overview)"

wait_for_ctrl_c() {
  echo "Ctrl-C stops the cluster. Meanwhile, for example:  $dist/bin/weir list -m $rest"
  while :; do sleep 3600 & wait $!; done
}

if [[ $cluster_only ]]; then
  wait_for_ctrl_c
fi

job=$dist/examples/slow_query_log.so
sample=$dist/examples/data/mariadb-10.11-slow.log
fold=$dist/examples/slow_query_log_fold
weir() { "$dist/bin/weir" "$@"; }

show_result() { # the five fingerprints with the most time, from the last line of each
  "$fold" --top 5 "$@"
}

if [[ $kafka ]]; then
  echo
  echo "Starting an Apache Kafka broker."
  "$top/tests/support/kafka/kafka.sh" install
  broker=$("$top/tests/support/kafka/kafka.sh" start --dir "$broker_dir")
  for topic in slow-log results bad-records; do
    "$top/tests/support/kafka/kafka.sh" topic create "$topic" --partitions 2 --dir "$broker_dir" >/dev/null
  done
  "$fold" --joined "$sample" | "$top/tests/support/kafka/kafka.sh" produce slow-log --dir "$broker_dir"
  echo "Running the slow-query job: topic slow-log -> topic results (broker $broker)"
  weir run -m "$rest" -p 2 "$job" --input kafka:slow-log --output kafka:results --brokers "$broker" --bad-records kafka:bad-records --bounded
  "$top/tests/support/kafka/kafka.sh" consume results --dir "$broker_dir" >"$work/results.jsonl"
  show_result "$work/results.jsonl"
  "$fold" --compare "$sample" "$work/results.jsonl"
else
  echo
  echo "Running the slow-query job: file -> files"
  weir run -m "$rest" -p 4 "$job" --input "file:$sample" --output "file:$work/results" --bad-records "file:$work/bad"
  show_result "$work/results"
  "$fold" --compare "$sample" "$work/results"
  echo
  echo "Running it again, to the console of the TaskManagers:"
  weir run -m "$rest" -p 4 "$job" --input "file:$sample" --output console
  for manager in $(curl -sf "http://$rest/taskmanagers" | grep -o '"id":"[^"]*"' | cut -d '"' -f 4); do
    echo "  http://$rest/taskmanagers/$manager/stdout ends with"
    curl -sf "http://$rest/taskmanagers/$manager/stdout" | tail -n 2 | cut -c 1-150 | sed 's/^/    /'
  done
fi
echo
echo "The result equals a plain single-threaded computation of the same input."
[[ $once ]] || wait_for_ctrl_c
