#!/usr/bin/env bash
# Fuzzes plans against the model for a minute, or for as many seconds as are given.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"
tools=$PWD/../target/tools
export PATH=$tools/bin:$PATH
command -v cargo-fuzz >/dev/null || cargo install --quiet --debug --locked --root "$tools" cargo-fuzz@0.13.2
# What is found goes to a folder of the build's; the committed corpus is read, and not written.
found=../target/fuzz-corpus
mkdir -p "$found"
cargo +nightly fuzz run plans "$found" corpus/plans -- -max_total_time="${1:-60}" -max_len=400 -print_final_stats=1
