#!/usr/bin/env bash
# The tests with threads under ThreadSanitizer, on nightly. The standard library is built along with them: otherwise what it
# synchronizes would be unknown.
set -euo pipefail
cd "$(dirname "$0")/.."
host=$(rustc +nightly -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR=target/tsan RUSTFLAGS=-Zsanitizer=thread TSAN_OPTIONS=halt_on_error=1
# One thread would find nothing: not the soak.
cargo +nightly test -Zbuild-std --target "$host" -p gather-cm -p gather-cm-suite --lib --test load --test executors \
    --test shield_spawners -- --skip soak
