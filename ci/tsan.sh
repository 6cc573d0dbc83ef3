#!/usr/bin/env bash
# Runs the tests with threads under ThreadSanitizer, on nightly. The script builds the standard library along with them,
# because otherwise ThreadSanitizer would not know how it synchronizes.
set -euo pipefail
cd "$(dirname "$0")/.."
host=$(rustc +nightly -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR=target/tsan RUSTFLAGS=-Zsanitizer=thread TSAN_OPTIONS=halt_on_error=1
# The soak has one thread, in which ThreadSanitizer finds nothing.
cargo +nightly test -Zbuild-std --target "$host" -p gather-cm -p gather-cm-suite --lib --test load --test executors \
    --test shield_spawners -- --skip soak
