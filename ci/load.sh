#!/usr/bin/env bash
# Threads, many members, many gathers, and a soak.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo test --release --test load -- --nocapture
