#!/usr/bin/env bash
# The wakers of many members: every order of what the threads do, by loom. In a copy without the other dev-dependencies,
# which need not be built for it.
set -euo pipefail
cd "$(dirname "$0")/.."
tree=$PWD/target/loom
mkdir -p "$tree"
rm -rf "$tree/src"
cp -r src README.md "$tree"
sed -e '/^\[workspace\]/,/^$/d' -e '/^\[dev-dependencies\]/,/^$/d' -e '/^\[\[bench\]\]/,/^$/d' -e '/^\[\[example\]\]/,/^$/d' Cargo.toml >"$tree/Cargo.toml"
echo '[workspace]' >>"$tree/Cargo.toml"
cd "$tree"
# As loom advises: what goes wrong does so with few preemptions.
RUSTFLAGS="--cfg gather_cm_loom" LOOM_MAX_PREEMPTIONS=3 cargo test --release --lib wake::loom
