#!/usr/bin/env bash
# Runs the README's test command, and the tests of the package suite/. One of them is usually skipped if there is no
# python3. Here it fails then.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo test
GATHER_CM_PYTHON=1 cargo test -p gather-cm-suite
