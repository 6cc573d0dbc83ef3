#!/usr/bin/env bash
# Builds and tests each feature set (but the default one, which the README's test command tests), and builds for panic=abort.
set -euo pipefail
cd "$(dirname "$0")/.."
for features in "" alloc; do
    echo "== features: ${features:-none}"
    cargo build --no-default-features --features "$features"
    cargo test --no-default-features --features "$features"
done

echo "== panic=abort"
for features in "" std; do
    RUSTFLAGS="-C panic=abort" CARGO_TARGET_DIR=target/abort cargo build --lib --no-default-features --features "$features"
done
cargo rustc --quiet --example gather_cm -- -C panic=abort
"${CARGO_TARGET_DIR:-target}/debug/examples/gather_cm"
