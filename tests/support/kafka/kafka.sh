#!/usr/bin/env bash
# A real Apache Kafka broker (KRaft: broker and controller in one process) on 127.0.0.1, for tests and the demo.
# The jars come from Maven Central into the user's cache, once. Everything a broker writes lies in its --dir.
set -euo pipefail

here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
version=$(sed -n 's/.*<kafka\.version>\(.*\)<.*/\1/p' "$here/pom.xml")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/weir/kafka/$version
java=${JAVA_HOME:+$JAVA_HOME/bin/}java

usage() {
  cat <<TEXT
kafka.sh VERB --dir DIR: one Apache Kafka $version broker on 127.0.0.1 that lives in the folder DIR.

  install                              fetch the jars into $cache; nothing to do when done
  start [--join DIR] [--secure] [--set KEY=VALUE]...
                                       start the broker, or find it running; prints host:port.
                                       --join: as one more broker, number 2 and up, of the cluster whose first one lives in DIR.
                                       --secure: with more listeners, one that asks for a password (SASL_PLAINTEXT), one that also
                                       encrypts (SASL_SSL), one that asks for a certificate (SSL). PLAIN and SCRAM-SHA-256 know the
                                       user weir, password weir-secret; DIR/tls holds ca.pem, other-ca.pem, client.pem, client-key.pem
  address LISTENER                     prints host:port of PLAINTEXT, SASL_PLAINTEXT, SASL_SSL or SSL
  stop [--kill] [--wipe]               end it, by SIGKILL with --kill; --wipe deletes its files
  topic create NAME [--partitions N] [--replicas 2:1,1:2]
                                       --replicas: the brokers of each partition, leader first; also: topic delete NAME, topic list
  produce TOPIC [--key-separator TEXT] one record a line from stdin
  consume TOPIC [--max N] [--keys]     print the values from the beginning until none comes for 3 s or N came

The port is a free one, kept over restarts. Nothing but stop ends the broker.
TEXT
}

say() { printf 'kafka.sh: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

# ---- the command line ----

verb=${1-} dir='' signal=TERM wipe='' keys='' join='' secure='' replicas='' partitions=1 max='' separator=''
(($# == 0)) || shift
words=() settings=()
while (($#)); do
  case $1 in
    --dir | --set | --partitions | --max | --key-separator | --join | --replicas)
      (($# > 1)) || die "$1 needs a value"
      case $1 in
        --dir) dir=$2 ;;
        --set) settings+=("$2") ;;
        --partitions) partitions=$2 ;;
        --max) max=$2 ;;
        --key-separator) separator=$2 ;;
        --join) join=$2 ;;
        --replicas) replicas=$2 ;;
      esac
      shift
      ;;
    --kill) signal=KILL ;;
    --wipe) wipe=yes ;;
    --secure) secure=yes ;;
    --keys) keys=yes ;;
    -*) die "unknown option $1; see kafka.sh help" ;;
    *) words+=("$1") ;;
  esac
  shift
done

# ---- jars and JVM ----

install() {
  command -v "$java" >/dev/null || die "no java found: Kafka needs Java 17 or newer (Debian: default-jdk-headless)"
  [[ ! -d $cache/lib ]] || return 0
  command -v mvn >/dev/null || die "no mvn found: Maven fetches Kafka's jars (Debian: maven)"
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  flock 9
  if [[ ! -d $cache/lib ]]; then
    say "fetching the jars of Kafka $version"
    rm -rf "$cache/lib.new"
    # -C: a wrong checksum is an error. -U: a failure of an earlier try is not remembered.
    mvn -B -q -C -U -Dstyle.color=never -f "$here/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies \
      -DincludeScope=runtime -DoutputDirectory="$cache/lib.new" >"$cache/install.log" 2>&1 9>&- ||
      die "Maven could not fetch the jars: $(grep -m 1 ERROR "$cache/install.log" || tail -n 1 "$cache/install.log") (all of it: $cache/install.log)"
    mv "$cache/lib.new" "$cache/lib"
  fi
  exec 9>&-
}

# run_class [JVM_OPTION]... CLASS [ARGUMENT]...  The first compiler tier and the serial collector start fastest.
run_class() {
  exec "$java" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile="$here/log4j2.properties" -cp "$cache/lib/*" "$@"
}

# ---- the broker's folder ----

enter() { # enter [make]: makes $dir absolute
  [[ $dir ]] || die "--dir DIR is missing: the folder in which the broker lives"
  if [[ ${1-} == make ]]; then
    (umask 077 && mkdir -p "$dir") || die "cannot make the folder $dir"
  fi
  [[ -d $dir ]] || die "no broker runs in $dir: there is no such folder"
  dir=$(cd "$dir" && pwd -P)
  [[ $dir != *[[:space:],\\]* ]] || die "the folder's path holds a blank, a comma or a backslash: '$dir'"
}

lock() { # one start or stop at a time in a folder
  exec 8>"$dir/lock"
  flock -w 120 8 || die "another kafka.sh has been at work in $dir for two minutes"
}

running() { # sets pid; the command line tells a broker of this folder from a process that got its number later
  pid=$(cat "$dir/pid" 2>/dev/null) && [[ $pid ]] && grep -qzxF "$dir/server.properties" "/proc/$pid/cmdline" 2>/dev/null
}

# A killed JVM has an empty command line until its last thread, and with it its ports, is gone.
gone() {
  if running; then return 1; fi
  [[ ! $pid || ! -e /proc/$pid/stat || $(tr -d '\0' 2>/dev/null <"/proc/$pid/cmdline") ]] 2>/dev/null || grep -q ') Z' "/proc/$pid/stat" 2>/dev/null
}

await_end() { # await_end SECONDS
  local deadline=$((SECONDS + $1))
  until gone; do
    ((SECONDS < deadline)) || return 1
    sleep 0.02
  done
}

need_broker() {
  enter
  running || die "no broker runs in $dir"
  address=127.0.0.1:$(cat "$dir/port")
}

address() {
  need_broker
  [[ ${words[0]-} != PLAINTEXT ]] || { echo "$address"; return; }
  sed -n "s/^${words[0]-} //p" "$dir/listeners" | grep . || die "the broker has no listener '${words[0]-}'"
}

listening() {
  awk -v port="$(printf '%04X' "$1")" '$4 == "0A" && $2 ~ ":" port "$" { found = 1 } END { exit !found }' /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

free_port() { # below the range from which the kernel takes ports for outgoing connections
  local port
  for _ in {1..200}; do
    port=$((10240 + RANDOM % 20000))
    listening "$port" || { echo "$port"; return; }
  done
  die "found no free port between 10240 and 30240"
}

# write_config PORT CONTROLLER_PORT: the settings, and the ports of further listeners in DIR/listeners
write_config() {
  local roles=broker,controller number=1 voter=127.0.0.1:$2 listeners=PLAINTEXT://127.0.0.1:$1 name
  : >"$dir/listeners"
  if [[ $secure ]]; then
    make_certificates
    for name in SASL_PLAINTEXT SASL_SSL SSL; do
      printf '%s 127.0.0.1:%s\n' "$name" "$(free_port)" >>"$dir/listeners"
      listeners+=,$name://$(tail -n 1 "$dir/listeners" | cut -d ' ' -f 2)
    done
  fi
  local advertised=$listeners
  if [[ $join ]]; then
    roles=broker
    number=$(cat "$dir/number")
    voter=127.0.0.1:$(cat "$join/controller-port")
  else
    listeners+=,CONTROLLER://127.0.0.1:$2
    echo "$2" >"$dir/controller-port"
  fi
  cat >"$dir/server.properties" <<TEXT
process.roles=$roles
node.id=$number
controller.quorum.voters=1@$voter
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
listeners=$listeners
advertised.listeners=$advertised
log.dirs=$dir/data
# A topic that a test did not make is an error of the test.
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# After SIGKILL the controller refuses the broker until its last heartbeat is this old (9 s by default).
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
# Retention goes by the record's time: records with old times stay.
log.retention.ms=-1
log.cleaner.dedupe.buffer.size=4194304
num.network.threads=2
num.io.threads=4
TEXT
  if [[ $secure ]]; then
    cat >>"$dir/server.properties" <<TEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256
ssl.keystore.type=PEM
ssl.keystore.location=$dir/tls/server.pem
ssl.truststore.type=PEM
ssl.truststore.location=$dir/tls/ca.pem
listener.name.ssl.ssl.client.auth=required
TEXT
    for name in sasl_plaintext sasl_ssl; do
      cat >>"$dir/server.properties" <<TEXT
listener.name.$name.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_weir="weir-secret";
listener.name.$name.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
TEXT
    done
  fi
  ((${#settings[@]} == 0)) || printf '%s\n' "${settings[@]}" >>"$dir/server.properties"
}

make_certificates() {
  [[ ! -d $dir/tls ]] || return 0
  command -v openssl >/dev/null || die "no openssl found: it makes the certificates of --secure (Debian: openssl)"
  mkdir -p "$dir/tls.new"
  (
    cd "$dir/tls.new"
    local name
    for name in ca other-ca; do
      openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=$name" -keyout "$name-key.pem" -out "$name.pem"
    done
    for name in server client; do
      openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" -keyout "$name-key.pem" -out "$name.csr"
      openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 30 -extfile <(echo 'subjectAltName=IP:127.0.0.1,DNS:localhost') -out "$name.pem"
    done
    cat server-key.pem >>server.pem # Kafka wants both in one file
  ) >"$dir/tls.log" 2>&1 || die "the certificates could not be made; see $dir/tls.log"
  mv "$dir/tls.new" "$dir/tls"
}

format_storage() {
  [[ ! -f $dir/data/meta.properties ]] || return 0
  local id options=()
  [[ ! $secure ]] || options=(--add-scram 'SCRAM-SHA-256=[name=weir,password=weir-secret]')
  id=W$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c 2-22) # a leading '-' would read as an option
  [[ ! $join ]] || id=$(sed -n 's/^cluster.id=//p' "$join/data/meta.properties")
  (run_class -Xmx256m kafka.tools.StorageTool format -t "$id" -c "$dir/server.properties" ${options[@]+"${options[@]}"}) >"$dir/broker.log" 2>&1 8>&- ||
    die "the broker's storage could not be formatted: $(grep -m 1 . "$dir/broker.log")"
}

launch() { # 0 when the broker is ready, 1 when it ended by itself
  local deadline=$((SECONDS + 60))
  : >"$dir/broker.log"
  # A session of its own: Ctrl-C in a terminal reaches who started the broker, and that one stops it in order.
  setsid "$0" run-broker --dir "$dir" >>"$dir/broker.log" 2>&1 </dev/null 8>&- &
  pid=$!
  disown # or the shell would report a killed broker
  trap 'kill -KILL "$pid" 2>/dev/null; rm -f "$dir/pid"; exit 130' INT TERM HUP
  echo "$pid" >"$dir/pid"
  until grep -q 'Kafka Server started' "$dir/broker.log"; do
    if ! kill -0 "$pid" 2>/dev/null; then
      rm -f "$dir/pid"
      return 1
    fi
    if ((SECONDS >= deadline)); then
      kill -KILL "$pid" 2>/dev/null
      rm -f "$dir/pid"
      die "the broker was not ready after 60 seconds; its log is $dir/broker.log"
    fi
    sleep 0.05
  done
  trap - INT TERM HUP
}

# ---- verbs ----

start() {
  install
  enter make
  lock
  if running; then
    echo "127.0.0.1:$(cat "$dir/port")"
    return
  fi
  # What the broker is, it stays over restarts.
  if [[ $join ]]; then
    [[ -f $join/controller-port ]] || die "no broker lives in $join"
    (cd "$join" && pwd -P) >"$dir/join"
    [[ -f $dir/number ]] || (flock 7; number=$(($(cat "$join/joined" 2>/dev/null || echo 1) + 1)); echo "$number" | tee "$join/joined" >"$dir/number") 7>"$join/joined.lock"
  fi
  [[ ! $secure ]] || : >"$dir/secure"
  [[ ! -f $dir/join ]] || join=$(cat "$dir/join")
  [[ ! -f $dir/secure ]] || secure=yes
  await_end 10 || die "process $pid, the last broker of $dir, does not end"
  local port kept controller
  kept=$(cat "$dir/port" 2>/dev/null || true)
  for _ in 1 2 3; do
    port=${kept:-$(free_port)}
    controller=$(cat "$dir/controller-port" 2>/dev/null || free_port)
    write_config "$port" "$controller"
    format_storage
    if launch; then
      echo "$port" >"$dir/port"
      echo "127.0.0.1:$port"
      return
    fi
    rm -f "$dir/controller-port"
    # Somebody took a port between the look and the start.
    grep -q 'Address already in use' "$dir/broker.log" || break
  done
  die "the broker ended during its start: $(grep -m 1 -E 'ERROR|FATAL|Exception' "$dir/broker.log" || tail -n 1 "$dir/broker.log") (all of it: $dir/broker.log)"
}

stop() {
  [[ ! $dir || -d $dir ]] || return 0
  enter
  lock
  if running; then kill "-$signal" "$pid" 2>/dev/null || true; fi
  if ! await_end 20; then
    say "the broker did not end in 20 seconds; killing it"
    kill -KILL "$pid" 2>/dev/null || true
    await_end 10 || die "process $pid does not end"
  fi
  rm -f "$dir/pid"
  [[ ! $wipe ]] || rm -rf "$dir"
}

topic() {
  need_broker
  local name=${words[1]-} action=()
  case ${words[0]-} in
    create)
      action=(--create --if-not-exists --topic "$name")
      if [[ $replicas ]]; then action+=(--replica-assignment "$replicas"); else action+=(--partitions "$partitions" --replication-factor 1); fi
      ;;
    delete) action=(--delete --if-exists --topic "$name") ;;
    list) action=(--list --exclude-internal) name=none ;;
    *) die "topic wants create, delete or list, not '${words[0]-}'" ;;
  esac
  [[ $name ]] || die "topic ${words[0]} wants a name"
  run_class -Xmx256m org.apache.kafka.tools.TopicCommand --bootstrap-server "$address" "${action[@]}"
}

need_topic() { # a topic is a folder in the broker's data; without it Kafka's classes wait for one to appear
  need_broker
  [[ ${words[0]-} ]] || die "$verb wants a topic"
  for _ in {1..40}; do
    [[ ! -d $dir/data/${words[0]}-0 ]] || return 0
    sleep 0.05
  done
  die "the broker has no topic '${words[0]}'"
}

produce() {
  need_topic
  local options=()
  [[ ! $separator ]] || options=(--reader-property parse.key=true --reader-property "key.separator=$separator")
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  (run_class -Xmx256m org.apache.kafka.tools.ConsoleProducer --bootstrap-server "$address" --topic "${words[0]}" \
    --command-property acks=all ${options[@]+"${options[@]}"}) >/dev/null 2>"$log" || { cat "$log" >&2; die "producing failed"; }
  cat "$log" >&2
  # The class ends with success even when a record was refused.
  if grep -q ' ERROR ' "$log"; then die "not every record was taken"; fi
}

consume() {
  need_topic
  local options=(--isolation-level read_committed --timeout-ms 3000 --from-beginning)
  [[ ! $max ]] || options+=(--max-messages "$max")
  [[ ! $keys ]] || options+=(--formatter-property print.key=true)
  run_class -Xmx256m org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$address" --topic "${words[0]}" "${options[@]}"
}

case $verb in
  install | start | stop | address | topic | produce | consume) "$verb" ;;
  run-broker) run_class -Xmx512m kafka.Kafka "$dir/server.properties" ;; # by launch only
  help | --help | -h) usage ;;
  *) usage >&2; exit 2 ;;
esac
