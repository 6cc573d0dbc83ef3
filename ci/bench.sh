#!/usr/bin/env bash
# Measures gather-cm against its best alternatives, and prints a table with a target beside each line.
#
#   ci/bench.sh                   prints the table, and fails if a target is missed by more than BENCHMARKS.md says. It
#                                 takes some minutes, and needs a machine at rest
#   ci/bench.sh --criterion       prints criterion's report of each life cycle
#   ci/bench.sh --brief           runs each bench for a short time. It judges the exact numbers (allocations, polls,
#                                 sizes), and no time
#   ci/bench.sh --instructions    measures only the instructions of a life cycle
#   ci/bench.sh --stack           measures only the peak stack of a poll, in release and in debug
#   ci/bench.sh --profile PATH    prints which lines spend the instructions of one life cycle. PATH has the features
#                                 and the function, such as `no-std/pend::tuple2_gather` (see benches/instructions.rs)
#   ci/bench.sh --markdown        prints the last results as a table to compare with BENCHMARKS.md, along with those of
#                                 ci/weigh.sh and of ci/no_std_check.sh --size
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:---all}
results=$PWD/target/bench
mkdir -p "$results"
command -v valgrind >/dev/null || bash ci/install.sh

# executable NAME FEATURES [PROFILE]: builds a bench, and prints the path of its program.
executable() {
    cargo bench --quiet -p gather-cm-benches --no-run --profile "${3:-bench}" --no-default-features --features "$2" --bench "$1" \
        --message-format=json |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p'
}

# Counts by function. callgrind's first line of a function is the sum of that function.
instructions() {
    for features in no-std std; do
        program=$(executable instructions "${features#no-std}")
        valgrind --quiet --tool=callgrind --callgrind-out-file="$results/$features.callgrind" "$program"
        callgrind_annotate --inclusive=yes --threshold=100 "$results/$features.callgrind" >"$results/$features.txt"
    done
}

# Runs in the profiles that users have, because the number of codegen units changes how often a value is copied.
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
