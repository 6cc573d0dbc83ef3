#!/usr/bin/env bash
# Runs the tests under AddressSanitizer and LeakSanitizer, on nightly.
set -euo pipefail
cd "$(dirname "$0")/.."
host=$(rustc +nightly -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR=target/asan
export RUSTFLAGS="-Zsanitizer=address"
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1
packages=(-p gather-cm -p gather-cm-suite)
cargo +nightly test --no-fail-fast --target "$host" "${packages[@]}" --tests -- --exact --skip three --skip payloads_of_a_third_level
# ASan keeps frames that have returned on a stack of its own, and each panic leaves some there. A small stack takes less
# time to search.
ASAN_OPTIONS=$ASAN_OPTIONS:max_uar_stack_size_log=16 cargo +nightly test --target "$host" "${packages[@]}" --test schedules -- --exact three
