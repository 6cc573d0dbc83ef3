#!/usr/bin/env bash
# Looks for misspelled words in every file. _typos.toml lists the words that are right although they look wrong.
#
#   ci/typos.sh          prints the misspelled words
#   ci/typos.sh --write  corrects them
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in
"" | --write) ;;
*) sed -n '2,/^set/s/^# \?//p' "$0" && exit 2 ;;
esac
. ci/wheel.sh
wheel typos 1.52.0
typos ${1:+--write-changes}
