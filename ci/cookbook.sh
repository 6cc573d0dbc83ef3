#!/usr/bin/env bash
# Runs the examples of the cookbook, src/_cookbook.rs, with the crates that they need. It fails if the root package
# depends on these crates.
set -euo pipefail
cd "$(dirname "$0")/.."
package=(--locked --package gather-cm-cookbook)
if cargo tree --locked --edges all --prefix none | grep -E '^(anyhow|axum|thiserror|tokio-util|tower|tracing) '; then
    echo "a plain cargo test builds these" >&2
    exit 1
fi
cargo clippy "${package[@]}" -- -D warnings
cargo test "${package[@]}" --doc
