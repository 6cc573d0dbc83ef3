#!/usr/bin/env bash
# Every schedule of up to three members, and large random plans, against the model of the contract.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo test --release -p gather-cm-suite --test schedules --test plans -- --nocapture
