#!/usr/bin/env bash
# Builds and tests each feature set (`std` is the default one, which the README's test command tests), and builds for
# panic=abort.
set -euo pipefail
cd "$(dirname "$0")/.."
for features in "" alloc; do
    echo "== features: ${features:-none}"
    cargo build --no-default-features --features "$features"
    # At once, so that what both packages depend on is built once.
    cargo test --no-default-features --features "$features" -p gather-cm -p gather-cm-suite
done

echo "== panic=abort"
# For the crate and its example alone, so that what they depend on need not be built again.
mkdir -p target
wrapper=$PWD/target/abort.sh
printf '#!/bin/sh\nexec "$@" -C panic=abort\n' >"$wrapper"
chmod +x "$wrapper"
export RUSTC_WORKSPACE_WRAPPER=$wrapper
for features in "" std; do
    cargo build --lib --no-default-features --features "$features"
done
cargo run --quiet --example gather_cm
