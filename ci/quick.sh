#!/usr/bin/env bash
# What to run before a commit: format, clippy, rustdoc and the tests with `std`, and the tests without it. Ten minutes on two
# cores if nothing is built yet, and about two after that. `.ci/run` runs every check.
set -euo pipefail
cd "$(dirname "$0")/.."
bash ci/lint.sh
bash ci/test.sh
cargo test --no-default-features --lib --tests
