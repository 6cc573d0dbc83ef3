#!/usr/bin/env bash
# Holds the documents (each *.md, and the docs in src/) to the code:
#
# - each block of code has a language, and something runs it: rustdoc the Rust, ci/compare.sh the programs of COMPARE.md
#   (all but those in Scala and Kotlin), and this check the Python of MIGRATING.md, with fakes for the functions that its
#   examples call;
# - each command that a document names runs here or in another check of .ci/run. ci/documents.toml has the exceptions;
# - the first example of the README prints what the README says, in a package that has nothing but its dependencies.
#
# The package is made of the last commit, and not of the files that you have changed since.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python3 ci/documents.py
