#!/usr/bin/env bash
# Runs the examples, and fails if they do not print the expected lines.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --examples
examples=${CARGO_TARGET_DIR:-target}/debug/examples

fail() {
    echo "$*" >&2
    exit 1
}

echo "== gather_cm"
diff <(cargo run --quiet --example gather_cm) - <<'END'
__aenter__ foo
__aenter__ bar
cm1 foo
cm2 bar
__aexit__ foo (None, None, None)
__aexit__ bar (None, None, None)
END

# start_vm EXPECTED_STATUS PATTERN.. -- ARGUMENT..: runs the example. It must print every pattern, and leave no machine.
start_vm() {
    local expected=$1 status=0 output patterns=()
    shift
    while [ "$1" != "--" ]; do patterns+=("$1") && shift; done
    shift
    echo "== start_vm $*"
    output=$(timeout 60 "$examples/start_vm" "$@" 2>&1) || status=$?
    echo "$output"
    [ "$status" = "$expected" ] || fail "exit status $status, expected $expected"
    for pattern in "${patterns[@]}"; do
        grep -q -- "$pattern" <<<"$output" || fail "not printed: $pattern"
    done
    ! pgrep -fa 'qemu-system-x86_64 -name vm[12]' || fail "a machine was left"
    ! compgen -G "${TMPDIR:-/tmp}/gather-cm-*.sock" || fail "a socket was left"
}

start_vm 0 'vm1: running, vm2: running' 'vm1: paused, vm2: running' 'vm1: has quit' 'vm2: has quit' --
start_vm 1 'vm1: shut down, told EnterFailed' 'vm1: has quit' 'enter of member 1 failed' \
    'unsupported machine type' -- --fail-second
start_vm 1 'vm1: shut down, told Failed' 'vm2: shut down, told Failed' 'vm1: has quit' 'vm2: has quit' \
    'body failed' -- --fail-body

echo "== start_vm, without QEMU"
status=0
output=$(PATH=/nonexistent "$examples/start_vm" 2>&1) || status=$?
echo "$output"
[ "$status" = 1 ] || fail "exit status $status, expected 1"
grep -q 'qemu-system-x86' <<<"$output" || fail "the package is not named"

echo "== deadline, ctrl_c, series_parallel, shield, and those of a scope"
cargo test --test examples
