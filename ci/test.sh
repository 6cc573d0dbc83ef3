#!/usr/bin/env bash
# The README's test command. Without python3 one test is skipped: not here.
set -euo pipefail
cd "$(dirname "$0")/.."
GATHER_CM_PYTHON=1 cargo test
