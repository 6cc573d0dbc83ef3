#!/usr/bin/env bash
# Copies the crate without its dev-dependencies, which need not be built for what uses none of them: the unit tests, and
# tests/miri.rs. `ci/bare.sh FOLDER` leaves a folder `target` in there as it is.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "$1/tests"
rm -rf "$1/src"
cp -r src "$1"
cp tests/miri.rs "$1/tests"
sed -e '/^\[workspace\]/,/^$/d' -e '/^\[dev-dependencies\]/,/^$/d' -e '/^\[\[test\]\]/,/^$/d' \
    -e '/^\[\[example\]\]/,/^$/d' Cargo.toml >"$1/Cargo.toml"
echo '[workspace]' >>"$1/Cargo.toml"
