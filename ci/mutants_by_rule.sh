#!/usr/bin/env bash
# Breaks the source by rule, with cargo-mutants. It changes operators, constants and results, and deletes lines, one at
# a time. Each of these mutants must make a test fail, unless `.cargo/mutants.toml` says why none can. `ci/mutants.sh`
# has the mutants that no rule expresses.
#
#   ci/mutants_by_rule.sh [FILE...]         takes all mutants of these files, such as `wake/set.rs`, or of all files
#   ci/mutants_by_rule.sh --within SECONDS  takes a few mutants of a random file, again and again, until the time is up
#
# ci/mutants_by_rule.txt has the files, each with the tests that must notice its mutants. The generic code of the
# machine is not among them, because every mutant would build half of the tests anew. The list of ci/mutants.txt is for
# that code.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD work=$PWD/target/mutants/rule tree=$PWD/target/mutants/rule/tree
export PATH="$root/target/tools/bin:$PATH"
command -v cargo-mutants >/dev/null ||
    cargo install --quiet --debug --locked --root "$root/target/tools" cargo-mutants@27.1.0
within=
[ "${1:-}" != --within ] || { within=$2 && shift 2; }

# The script works in a copy, so that it never breaks your files.
rm -rf "$tree"
mkdir -p "$tree"
cp -r .cargo Cargo.toml Cargo.lock ./*.md docs examples src tests "$tree"
cd "$tree"
sed -i 's/^members = .*/members = []/' Cargo.toml
# ci/mutants.sh has the same dependencies, so both share a folder.
export CARGO_TARGET_DIR=$root/target/mutants/tests/target RUST_BACKTRACE=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=1

# mutants FILE TEST... [-- OPTION...]: tests the mutants of the file. There is a timeout, because a test may never end.
survivors=0
mutants() {
    local file=$1 tests=() status=0
    shift
    while [ $# -gt 0 ] && [ "$1" != -- ]; do tests+=(-C "$1") && shift; done
    [ $# = 0 ] || shift
    echo "== $file $*"
    cargo mutants --in-place --baseline=skip --timeout 8 --colors never -o "$work" -f "src/$file" "${tests[@]}" "$@" ||
        status=$?
    # Status 2 is for survivors, and 3 is for tests that took too long. A timeout is as good as a failure.
    case $status in
    0 | 3) ;;
    2) survivors=$((survivors + $(wc -l <"$work/mutants.out/missed.txt"))) ;;
    *) exit "$status" ;;
    esac
}

if [ -z "$within" ]; then
    while IFS='~' read -r file tests <&3; do
        [ $# = 0 ] || [[ " $* " = *" $file "* ]] || continue
        mutants "$file" $tests
    done 3<"$root/ci/mutants_by_rule.txt"
else
    cargo test --quiet --no-run --lib # the dependencies are not part of the time
    SECONDS=0
    while [ "$SECONDS" -lt "$within" ]; do
        IFS='~' read -r file tests < <(shuf -n 1 "$root/ci/mutants_by_rule.txt")
        shards=$(($(cargo mutants --list -f "src/$file" | wc -l) / 5 + 1))
        mutants "$file" $tests -- --shard "$((RANDOM % shards))/$shards"
    done
fi
[ "$survivors" = 0 ]
