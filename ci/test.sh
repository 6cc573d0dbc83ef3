#!/usr/bin/env bash
# Runs the README's two commands as on a machine that has Rust, a linker and a shell, and nothing else. Then runs the
# tests of the package suite/. One of them is usually skipped if there is no python3. Here it fails then.
set -euo pipefail
cd "$(dirname "$0")/.."
bare=$PWD/target/bare
mkdir -p "$bare"
for program in cargo rustc rustdoc cc as ld sh; do
    ln -sf "$(command -v "$program")" "$bare"
done
PATH=$bare cargo run --example gather_cm
PATH=$bare cargo test
GATHER_CM_PYTHON=1 cargo test -p gather-cm-suite
