#!/usr/bin/env bash
# Undefined behaviour, by Miri, in both aliasing models: the unit tests with the waker block, and futures that borrow from
# themselves in every phase (tests/miri.rs).
set -euo pipefail
cd "$(dirname "$0")/.."
cargo +nightly miri setup >/dev/null
for model in "" -Zmiri-tree-borrows; do
    MIRIFLAGS=$model cargo +nightly miri test --target-dir target/miri --lib --test miri
done
