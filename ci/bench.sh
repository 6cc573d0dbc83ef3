#!/usr/bin/env bash
# Measures gather against what one would take instead, and prints a table with a target beside each line.
#
#   ci/bench.sh                   the table; fails if a target is missed by more than BENCHMARKS.md says. On a machine
#                                 at rest: some minutes
#   ci/bench.sh --criterion       criterion's report of each life cycle
#   ci/bench.sh --brief           each bench shortly; judges what is exact (allocations, polls, sizes), and no time
#   ci/bench.sh --instructions    only the instructions of a life cycle
#   ci/bench.sh --stack           only the peak stack of a poll, in release and in debug
#   ci/bench.sh --profile PATH    where the instructions of one life cycle are spent, by line. PATH: features and
#                                 function, say `no-std/pend::tuple2_gather` (see benches/instructions.rs)
#   ci/bench.sh --markdown        the last results as a table to compare with BENCHMARKS.md, along with those of
#                                 ci/weigh.sh and of ci/no_std_check.sh --size
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:---all}
results=$PWD/target/bench
mkdir -p "$results"
command -v valgrind >/dev/null || bash ci/install.sh

# executable NAME FEATURES [PROFILE]: builds a bench, and says where it is.
executable() {
    cargo bench --quiet -p gather-cm-benches --no-run --profile "${3:-bench}" --no-default-features --features "$2" --bench "$1" \
        --message-format=json |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p'
}

# By function; callgrind's first line of a function is the one of all of it.
instructions() {
    for features in no-std std; do
        program=$(executable instructions "${features#no-std}")
        valgrind --quiet --tool=callgrind --callgrind-out-file="$results/$features.callgrind" "$program"
        callgrind_annotate --inclusive=yes --threshold=100 "$results/$features.callgrind" >"$results/$features.txt"
    done
}

# In the profiles that users have: how many units of code there are changes how many copies are made on the way.
stack() {
    for profile in release dev; do
        "$(executable stack std "$profile")"
    done >"$results/stack.txt"
}

profile() {
    local features=${1%%/*} function=${1#*/}
    program=$(executable instructions "${features#no-std}")
    valgrind --quiet --tool=callgrind --callgrind-out-file="$results/profile.callgrind" \
        --toggle-collect="instructions::$function" "$program"
    callgrind_annotate --threshold=99 --auto=yes "$results/profile.callgrind"
}

case $what in
--all | --brief)
    brief=()
    [ "$what" = --all ] || brief=(--brief)
    rm -f "$results"/*.txt
    instructions
    "$(executable exact std)" >"$results/exact.txt"
    stack
    "$(executable time std)" "${brief[@]}" >"$results/time.txt"
    [ "$what" = --all ] || cargo bench -p gather-cm-benches --no-default-features --features std --bench life_cycle -- --test 'tuple|Vec of (8|64), '
    python3 ci/bench.py "$results" "${brief[@]}"
    ;;
--criterion) cargo bench -p gather-cm-benches --bench life_cycle -- --quiet ;;
--instructions)
    rm -f "$results"/*.txt
    instructions
    python3 ci/bench.py "$results"
    ;;
--stack)
    rm -f "$results"/*.txt
    stack
    python3 ci/bench.py "$results"
    ;;
--profile) profile "$2" ;;
--markdown) python3 ci/bench.py "$results" --markdown ;;
*) sed -n '2,/^set/s/^# \?//p' "$0" && exit 2 ;;
esac
