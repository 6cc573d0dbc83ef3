#!/usr/bin/env bash
# Draws the pictures in docs/timeline anew, and compares them with the committed ones. With --write, it replaces them.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" = --write ]; then
    mkdir -p docs/timeline
    cargo run --quiet --example timeline -- svg docs/timeline
    exit
fi
drawn=$(mktemp -d)
trap 'rm -r "$drawn"' EXIT
cargo run --quiet --example timeline -- svg "$drawn"
diff -r docs/timeline "$drawn" || {
    echo "docs/timeline is out of date: run ci/timeline.sh --write" >&2
    exit 1
}
