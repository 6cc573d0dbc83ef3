#!/usr/bin/env bash
# Holds the documents (each *.md, and the docs in src/) to the code:
#
# - Each block of code has a language, and something runs it. rustdoc runs the Rust, and ci/compare.sh the programs of
#   COMPARE.md, except for Scala and Kotlin. This check runs the Python of MIGRATING.md, with fakes for the functions
#   that its examples call.
# - Each command that a document names runs here or in another check of .ci/run. ci/documents.toml has the exceptions.
# - The first example of the README prints the output that the README shows, in a package of its own.
#
# The package is made of the last commit, and not of the files that you have changed since.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python3 ci/documents.py
