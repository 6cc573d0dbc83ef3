#!/usr/bin/env bash
# Checks the format, and that clippy and rustdoc have no warning. It also fails if a file of src/ has `unsafe` code,
# other than the two files for it, or if a line in the lists of mutants does not fit the source.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo fmt --all --check
packages=(-p gather-cm -p gather-cm-benches -p gather-cm-suite)
cargo clippy "${packages[@]}" --all-targets --all-features -- -D warnings
for features in "" alloc; do
    cargo clippy "${packages[@]}" --all-targets --no-default-features --features "$features" -- -D warnings
done
RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --all-features
if grep -rnE '\bunsafe\b *(\{|fn|impl)' src --include='*.rs' | grep -vE '^src/(pin|wake/block).rs:'; then
    echo "unsafe outside src/pin.rs and src/wake/block.rs" >&2
    exit 1
fi
bash ci/mutants.sh --check
