#!/usr/bin/env bash
# Tests the wakers of many members with loom, in every order of the steps of their threads that has at most three
# preemptions.
set -euo pipefail
cd "$(dirname "$0")/.."
bash ci/bare.sh target/loom
cd target/loom
# loom advises this limit, because most errors need few preemptions.
RUSTFLAGS="--cfg gather_cm_loom" LOOM_MAX_PREEMPTIONS=3 cargo test --release --lib wake::loom
