#!/usr/bin/env bash
# Runs the tests and the examples of the package integration/ with a PostgreSQL, a Redis and an MQTT broker (mosquitto).
# It installs the three if one of them is missing. It does so on Debian, as root.
set -euo pipefail
cd "$(dirname "$0")/.."
export RUST_BACKTRACE=0
package=(--locked --package gather-cm-integration)

fail() {
    echo "$*" >&2
    exit 1
}

status=0
integration/servers.sh true || status=$?
if [ "$status" = 77 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mosquitto postgresql redis-server \
        >/dev/null
elif [ "$status" != 0 ]; then
    fail "the servers do not start"
fi

echo "== what the root's own tests are built of"
heavy='^(axum|deadpool-postgres|embassy-net|hyper|quinn|redis|reqwest|rumqttc|tokio-postgres) '
[ "$(cargo tree "${package[@]}" --edges all --prefix none | grep -cE "$heavy")" -gt 0 ] || fail "nothing is heavy"
! cargo tree --locked --edges all --prefix none | grep -E "$heavy" || fail "a plain cargo test builds these"

echo "== clippy and rustdoc"
cargo clippy "${package[@]}" --all-targets -- -D warnings
RUSTDOCFLAGS=-Dwarnings cargo doc "${package[@]}" --no-deps

echo "== tests, with servers: none may be skipped"
log=$(mktemp)
trap 'rm "$log"' EXIT
integration/servers.sh cargo test "${package[@]}" 2>&1 | tee "$log"
! grep -q 'is skipped' "$log" || fail "tests were skipped"

echo "== tests, without servers: they say that they are skipped"
with_servers=(services programs_with_servers)
env -u GATHER_CM_TEST_PG -u GATHER_CM_TEST_REDIS -u GATHER_CM_TEST_MQTT \
    cargo test "${package[@]}" "${with_servers[@]/#/--test=}" 2>&1 | tee "$log"
tests=$(cd integration/tests && cat "${with_servers[@]/%/.rs}" | grep -c '#\[\(tokio::\)\?test\]')
[ "$(grep -c 'is skipped' "$log")" = "$tests" ] || fail "$tests tests should have been skipped"

echo "== postgres_redis"
output=$(integration/servers.sh cargo run --quiet "${package[@]}" --example postgres_redis)
echo "$output"
for line in 'committed: Ada to Bob: 30' 'rolled back: body failed: PostgreSQL: .* violates check constraint .*' \
    'rolled back: enter of lock failed: gather_cm_account:Ada is locked by another' 'Ada has 70' 'Bob has 30'; do
    grep -qx "$line" <<<"$output" || fail "not printed: $line"
done

echo "== the others: the tests say what they print"
run() { cargo run --quiet "${package[@]}" --example "$@"; }
folder=$(mktemp -d)
trap 'rm -r "$log" "$folder"' EXIT
run app_error 127.0.0.1:0
run children cat cat
run http_client / /nowhere
run leases
run quic hello bye
run shards "$folder" "line one"
run suite
integration/servers.sh cargo run --quiet "${package[@]}" --example mqtt house/kitchen

echo "== fixtures"
cargo run --quiet "${package[@]}" --example fixtures

echo "== progress"
output=$(cargo run --quiet "${package[@]}" --example progress)
echo "$output"
for name in database broker search; do
    grep -qx "$name is down" <<<"$output" || fail "not printed: $name is down"
done
output=$(cargo run --quiet "${package[@]}" --example progress -- spans)
echo "$output"
for span in enter held exit; do
    [ "$(grep -c "$span{member=\"[a-z]*\"}: .*close" <<<"$output")" = 3 ] || fail "not three closed spans: $span"
done
grep -q 'the body has ended case=Completed' <<<"$output" || fail "the end of the body is not told"
