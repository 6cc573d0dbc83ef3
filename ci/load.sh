#!/usr/bin/env bash
# Runs the tests with threads, with many members and with many gathers, and a soak, in release mode.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo test --release --test load -- --nocapture
