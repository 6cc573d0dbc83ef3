#!/usr/bin/env bash
# Compares the crate with the model of the contract, on every schedule of up to three members and on large random plans.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo test --release -p gather-cm-suite --test schedules --test plans -- --nocapture
