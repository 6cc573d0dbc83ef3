#!/usr/bin/env bash
# Looks for undefined behaviour with Miri, in both aliasing models at the same time. It runs the unit tests, which have
# the waker block, and tests/miri.rs, in which futures borrow from themselves in every phase of every shape.
set -euo pipefail
cd "$(dirname "$0")/.."
bash ci/bare.sh target/miri
cd target/miri
cargo +nightly miri setup >/dev/null
under() {
    MIRIFLAGS="-Zmiri-strict-provenance $2" cargo +nightly miri test --target-dir "target/$1" --lib --test miri
}
under tree-borrows -Zmiri-tree-borrows >tree-borrows.log 2>&1 &
under stacked-borrows "" || failed=yes
wait $! || failed=yes
cat tree-borrows.log
[ -z "${failed:-}" ]
