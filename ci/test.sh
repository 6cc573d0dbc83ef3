#!/usr/bin/env bash
# The README's test command, and the package suite/. Without python3 one of its tests is skipped: not here.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo test
GATHER_CM_PYTHON=1 cargo test -p gather-cm-suite
