#!/usr/bin/env bash
# The wakers of many members: every order of what the threads do, by loom.
set -euo pipefail
cd "$(dirname "$0")/.."
bash ci/bare.sh target/loom
cd target/loom
# As loom advises: what goes wrong does so with few preemptions.
RUSTFLAGS="--cfg gather_cm_loom" LOOM_MAX_PREEMPTIONS=3 cargo test --release --lib wake::loom
