#!/usr/bin/env bash
# Copies the crate into FOLDER without its dev-dependencies, so that a check builds less. The unit tests and
# tests/miri.rs need none of these. `ci/bare.sh FOLDER` leaves a folder `target` in FOLDER as it is.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "$1/tests"
rm -rf "$1/src"
cp -r src "$1"
cp tests/miri.rs "$1/tests"
sed -e '/^\[workspace\]/,/^$/d' -e '/^\[dev-dependencies\]/,/^$/d' -e '/^\[\[test\]\]/,/^$/d' \
    -e '/^\[\[example\]\]/,/^$/d' Cargo.toml >"$1/Cargo.toml"
echo '[workspace]' >>"$1/Cargo.toml"
