#!/usr/bin/env bash
# The tests under AddressSanitizer and LeakSanitizer, on nightly; but those that run other programs.
set -euo pipefail
cd "$(dirname "$0")/.."
host=$(rustc +nightly -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR=target/asan
export RUSTFLAGS="-Zsanitizer=address"
targets=(--lib)
for test in tests/*.rs; do
    case $(basename "$test" .rs) in
    examples | ui | schedules) ;;
    *) targets+=(--test "$(basename "$test" .rs)") ;;
    esac
done
ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1 cargo +nightly test --target "$host" "${targets[@]}"
# A panic leaves its frames on the stack on which returned frames are kept. With this many panics it is always full.
ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=0 cargo +nightly test --target "$host" --test schedules
