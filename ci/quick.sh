#!/usr/bin/env bash
# Run this before a commit. It checks the format, and runs clippy, rustdoc, the tests with `std`, and the tests without
# it. On two cores, it takes ten minutes if nothing is built yet, and about two minutes after that. `.ci/run` runs every
# check.
set -euo pipefail
cd "$(dirname "$0")/.."
bash ci/lint.sh
bash ci/test.sh
cargo test --no-default-features --lib --tests
