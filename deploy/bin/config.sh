# Read by the other scripts: where things are, and how a daemon is started and stopped.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
export WEIR_HOME=${WEIR_HOME:-$(dirname "$here")}
export WEIR_CONF_DIR=${WEIR_CONF_DIR:-${FLINK_CONF_DIR:-$WEIR_HOME/conf}}
log_dir=${WEIR_LOG_DIR:-${FLINK_LOG_DIR-}}
pid_dir=${WEIR_PID_DIR:-${FLINK_PID_DIR-}}
if [[ -z $log_dir || -z $pid_dir ]]; then
  # What the environment does not say, the configuration may; a wrong one is told here, once, by the daemon that reads it.
  settings=$("$WEIR_HOME/bin/jobmanager" --configDir "$WEIR_CONF_DIR" --print-option env.log.dir --print-option env.pid.dir) || exit 1
  log_dir=${log_dir:-$(sed -n 1p <<<"$settings")}
  pid_dir=${pid_dir:-$(sed -n 2p <<<"$settings")}
fi
log_dir=${log_dir:-$WEIR_HOME/log}
ident=${WEIR_IDENT_STRING:-${FLINK_IDENT_STRING:-${USER:-$(id -un)}}}
# Two distributions on one machine keep their processes apart.
home_mark=$(printf '%s' "$WEIR_HOME" | cksum | cut -d ' ' -f 1)

fail() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# pid_file KIND: one line per running daemon, newest last.
pid_file() { printf '%s/weir-%s-%s-%s.pid' "$pid_dir" "$ident" "$home_mark" "$1"; }

# A number that no running daemon of this kind has, so that logs are not mixed: 0, 1, ...
free_number() {
  local kind=$1 number=0
  while [[ -f $log_dir/.weir-$ident-$kind-$number.pid ]] && is_daemon "$(cat "$log_dir/.weir-$ident-$kind-$number.pid")" "$kind"; do
    number=$((number + 1))
  done
  printf '%s' "$number"
}

# is_daemon PID KIND: the process lives and is one of ours, not another one that got its number. A process that has ended and
# whose parent has not waited for it (state Z: in a container the first process may never do so) does not live.
is_daemon() {
  [[ ${1-} =~ ^[0-9]+$ ]] || return 1
  local stat=
  # By cat: where $(<FILE) cannot open its file, bash 5.2 ends a script under set -e, whatever stands behind it.
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  [[ $stat == "$1 ($2) "[!ZX]* ]]
}

# start_daemon KIND ARGS..: in the background; waits until it is ready or has ended.
start_daemon() {
  local kind=$1 number base pid ports deadline
  shift
  mkdir -p "$log_dir" "$pid_dir" || fail "cannot make $log_dir; set WEIR_LOG_DIR to a folder you may write to"
  [[ -w $log_dir ]] || fail "cannot write to $log_dir; set WEIR_LOG_DIR to a folder you may write to"
  number=$(free_number "$kind")
  base=$log_dir/weir-$ident-$kind-$number-$(hostname)
  ports=$base.ports
  rm -f "$ports"
  : >"$base.out"
  # Appended to by the TaskManager as well: what jobs print.
  setsid "$WEIR_HOME/bin/$kind" --log-file "$base.log" --ports-file "$ports" "$@" >>"$base.out" 2>&1 </dev/null &
  pid=$!
  disown
  printf '%s\n' "$pid" >>"$(pid_file "$kind")"
  printf '%s\n' "$pid" >"$log_dir/.weir-$ident-$kind-$number.pid"
  deadline=$((SECONDS + 30))
  until [[ -s $ports ]]; do
    if ! kill -0 "$pid" 2>/dev/null; then
      printf '%s did not start:\n' "$kind" >&2
      tail -n 5 "$base.out" >&2
      forget "$kind" "$pid"
      exit 1
    fi
    ((SECONDS < deadline)) || fail "$kind (process $pid) is not ready after 30 seconds; its log is $base.log"
    sleep 0.02
  done
  printf 'Starting %s daemon on host %s.\n' "$kind" "$(hostname)"
}

forget() { # forget KIND PID
  local file
  file=$(pid_file "$1")
  [[ -f $file ]] || return 0
  grep -vx "$2" "$file" >"$file.new" || true
  if [[ -s $file.new ]]; then mv "$file.new" "$file"; else rm -f "$file" "$file.new"; fi
}

# asks_for_help WORD..: one of the words is -h or --help.
asks_for_help() {
  local word
  for word in "$@"; do [[ $word != -h && $word != --help ]] || return 0; done
  return 1
}

# stop_daemon KIND [all]: the newest one that lives, or all.
stop_daemon() {
  local kind=$1 all=${2-} file pid pids=() deadline i
  file=$(pid_file "$kind")
  [[ ! -f $file ]] || mapfile -t pids <"$file"
  if ((${#pids[@]} == 0)); then
    printf 'No %s daemon to stop on host %s.\n' "$kind" "$(hostname)"
    return 0
  fi
  for ((i = ${#pids[@]} - 1; i >= 0; --i)); do
    pid=${pids[i]}
    if is_daemon "$pid" "$kind"; then
      printf 'Stopping %s daemon (pid: %s) on host %s.\n' "$kind" "$pid" "$(hostname)"
      kill "$pid" 2>/dev/null || true
      deadline=$((SECONDS + 30))
      while is_daemon "$pid" "$kind" && ((SECONDS < deadline)); do sleep 0.02; done
      if is_daemon "$pid" "$kind"; then
        printf '%s daemon (pid: %s) did not end in 30 seconds; killing it.\n' "$kind" "$pid" >&2
        kill -KILL "$pid" 2>/dev/null || true
      fi
      forget "$kind" "$pid"
      [[ $all ]] || return 0
    else
      printf 'No %s daemon (pid: %s) is running anymore on host %s.\n' "$kind" "$pid" "$(hostname)"
      forget "$kind" "$pid"
    fi
  done
}

# hosts_of FILE: the names in conf/masters or conf/workers, one per line.
hosts_of() { [[ ! -f $1 ]] || sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$1"; }

# on_host HOST SCRIPT ARGS..: here when it is this machine, else by ssh.
on_host() {
  local host=${1%%:*} script=$2
  shift 2
  if [[ $host == localhost || $host == 127.0.0.1 || $host == "$(hostname)" ]]; then
    "$WEIR_HOME/bin/$script" "$@"
  else
    # shellcheck disable=SC2086,SC2029
    ssh ${WEIR_SSH_OPTS:-${FLINK_SSH_OPTS-}} "$host" "WEIR_CONF_DIR='$WEIR_CONF_DIR' '$WEIR_HOME/bin/$script' $(printf '%q ' "$@")"
  fi
}
