#!/usr/bin/env bash
# Lists the items of other crates that the public API names, and compares the list with that in Cargo.toml, under
# [package.metadata.cargo_check_external_types]. If gather-cm moves to a new major version of such a crate, gather-cm
# needs a new major version as well. core, alloc and std don't count.
#
# rustdoc on nightly writes the API as JSON. The format changes from time to time. ci/public_api.py prints a warning if
# the format has a version that the script was not written for.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}/public_api
cargo +nightly rustdoc --quiet --locked --lib --all-features --target-dir "$target" -- \
    -Zunstable-options --output-format json
python3 ci/public_api.py "$target/doc/gather_cm.json" Cargo.toml
