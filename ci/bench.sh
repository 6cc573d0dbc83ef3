#!/usr/bin/env bash
# Measures gather against what one would take instead, and prints a table with a target beside each line.
#
#   ci/bench.sh                   everything
#   ci/bench.sh --instructions    only the instructions of a life cycle, and where callgrind's files are
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-all}
results=$PWD/target/bench
mkdir -p "$results"
command -v valgrind >/dev/null || bash ci/install.sh

# executable NAME FEATURES: builds a bench, and says where it is.
executable() {
    cargo bench --quiet --no-run --no-default-features --features "$2" --bench "$1" --message-format=json |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p'
}

for features in "" std; do
    callgrind=$results/callgrind-${features:-no-std}
    program=$(executable instructions "$features")
    valgrind --quiet --tool=callgrind --callgrind-out-file="$callgrind.out" "$program" 2>"$callgrind.log"
    callgrind_annotate --inclusive=yes --threshold=100 "$callgrind.out" >"$callgrind.txt"
done
python3 ci/bench.py "$results"
