#!/usr/bin/env bash
# Builds and tests the feature sets without `std`, and builds for panic=abort. The README's test command tests `std`,
# the default feature.
set -euo pipefail
cd "$(dirname "$0")/.."

# Without `alloc`, the compiler says why a `Vec` is not a group.
vec_without_alloc() {
    local target=${CARGO_TARGET_DIR:-target}/debug
    ! rustc --edition 2024 --crate-type lib --emit metadata --out-dir "$target" -L dependency="$target/deps" \
        --extern gather_cm="$target/libgather_cm.rlib" - 2>"$target/vec.log" \
        <<<'pub fn f() { gather_cm::gather(vec![std::future::pending::<Result<u8, ()>>()]); }'
    grep -q "a \`Vec\` is a group only with gather-cm's feature \`alloc\`" "$target/vec.log"
}

for features in "" alloc; do
    echo "== features: ${features:-none}"
    cargo build --no-default-features --features "$features"
    [ -n "$features" ] || vec_without_alloc
    # One command tests both packages, so that cargo builds their shared dependencies once.
    cargo test --no-default-features --features "$features" -p gather-cm -p gather-cm-suite
done

echo "== panic=abort"
# The wrapper is for the crate and its example alone, so that cargo need not build their dependencies again.
mkdir -p target
wrapper=$PWD/target/abort.sh
printf '#!/bin/sh\nexec "$@" -C panic=abort\n' >"$wrapper"
chmod +x "$wrapper"
export RUSTC_WORKSPACE_WRAPPER=$wrapper
for features in "" std; do
    cargo build --lib --no-default-features --features "$features"
done
cargo run --quiet --example gather_cm
