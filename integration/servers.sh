#!/usr/bin/env bash
# Runs a command with a PostgreSQL, a Redis and an MQTT broker (mosquitto) of its own, and stops the three when it has
# ended.
#
#     integration/servers.sh COMMAND [ARGUMENT..]
#
# The command's environment says where they are, GATHER_CM_TEST_PG, GATHER_CM_TEST_REDIS and GATHER_CM_TEST_MQTT, and
# which processes two of them are, GATHER_CM_TEST_PG_PID and GATHER_CM_TEST_REDIS_PID. This script exits as the command
# does, or with 77 if a server is not installed.
set -euo pipefail

shopt -s nullglob
versions=(/usr/lib/postgresql/*/bin)
[ ${#versions[@]} -gt 0 ] && PATH=${versions[-1]}:$PATH # Debian's are in no PATH
PATH=$PATH:/usr/sbin
for program in initdb postgres pg_isready redis-server redis-cli mosquitto; do
    command -v "$program" >/dev/null || { echo "$program is not installed" >&2; exit 77; }
done

directory=$(mktemp -d)
pids=()
cleanup() {
    for pid in "${pids[@]}"; do
        kill -INT "$pid" 2>/dev/null || true # PostgreSQL does not wait for its clients then
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$directory"
}
trap cleanup EXIT

fail() {
    echo "$*" >&2
    tail -n 20 "$directory"/*.log >&2
    exit 1
}

# A port that nobody listens on, below those that the system gives away.
free_port() {
    local port
    while port=$((20000 + RANDOM % 12000)) && listens "$port" 2>/dev/null; do :; done
    echo "$port"
}

listens() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1")
}

# ready PID COMMAND..: waits until the command succeeds, for as long as the server runs.
ready() {
    local pid=$1
    shift
    for _ in {1..600}; do
        "$@" >/dev/null 2>&1 && return
        kill -0 "$pid" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

# PostgreSQL does not run as root.
as_user=()
if [ "$(id -u)" = 0 ]; then
    as_user=(setpriv --reuid=postgres --regid=postgres --clear-groups)
    chown postgres "$directory"
fi
port=$(free_port)
(
    cd "$directory"
    "${as_user[@]}" initdb --pgdata=data --username=postgres --auth=trust --no-sync >initdb.log 2>&1
) || fail "initdb failed"
"${as_user[@]}" postgres -D "$directory/data" -h 127.0.0.1 -p "$port" -k "$directory" -c fsync=off \
    >"$directory/postgres.log" 2>&1 &
pids+=($!)
ready $! pg_isready --quiet --host=127.0.0.1 --port="$port" --username=postgres || fail "PostgreSQL did not start"
export GATHER_CM_TEST_PG_PID=$! GATHER_CM_TEST_PG="host=127.0.0.1 port=$port user=postgres"

port=$(free_port)
redis-server --bind 127.0.0.1 --port "$port" --save "" --appendonly no --dir "$directory" >"$directory/redis.log" 2>&1 &
pids+=($!)
ready $! redis-cli -h 127.0.0.1 -p "$port" PING || fail "Redis did not start"
export GATHER_CM_TEST_REDIS_PID=$! GATHER_CM_TEST_REDIS="redis://127.0.0.1:$port"

port=$(free_port)
printf 'listener %s 127.0.0.1\nallow_anonymous true\n' "$port" >"$directory/mosquitto.conf"
mosquitto -c "$directory/mosquitto.conf" >"$directory/mosquitto.log" 2>&1 &
pids+=($!)
ready $! listens "$port" || fail "mosquitto did not start"
export GATHER_CM_TEST_MQTT="127.0.0.1:$port"

"$@"
