#!/usr/bin/env bash
# Breaks the source in a list of ways, one at a time, and shows that a test notices each of these mutants.
#
#   ci/mutants.sh [PATTERN]         takes the mutants of ci/mutants.txt whose promise matches, such as
#                                   "scope P6|driven D1:", or all of them
#   ci/mutants.sh --within SECONDS  takes mutants in a random order until the time is up
#   ci/mutants.sh --loom [PATTERN]  takes those of ci/mutants_loom.txt, which weaken memory orderings. loom must notice
#                                   them. --within SECONDS may follow
#   ci/mutants.sh --check           runs no test, and says which lines of the lists do not fit the source any more
#
# A line of a list names the file in `src`, the text to replace, the new text, and the promise that breaks, with `~`
# between them. In the texts, `\n` stands for a newline. The old text must occur exactly once. Within it, spaces and
# newlines count as one space.
#
# Some mutants are not listed, because they change nothing that a test could see:
#
# - `Exit::on_error`, `Verdict::from(())` and `Store::empty` of a `Vec` may be replaced by code that does the same.
# - If `poll_enters` always returns `true`, the poll looks for a held member once more, and finds none.
#
# loom does not check freed memory, so two mutants are not in its list. One leaves the release out of the count of the
# owners, and one leaves out the acquire of the last owner. Miri notices both (ci/miri.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
list=ci/mutants.txt how=tests within=
while [ $# -gt 0 ]; do
    case $1 in
    --loom) list=ci/mutants_loom.txt how=loom && shift ;;
    --within) within=$2 && shift 2 ;;
    --check) how=check && shift ;;
    *) break ;;
    esac
done

# replace FOLDER: replaces $old by $new in $file of the folder, or fails.
replace() {
    FILE=$file OLD=$old NEW=$new perl -0777 -i -pe '
        my ($old, $new) = map { s/\\n/\n/gr } @ENV{"OLD", "NEW"};
        my ($indent, $text) = $old =~ /^(\s*)(.*)/s;
        my $pattern = $indent . join "\\s+", map { quotemeta } split /\s+/, $text, -1;
        my $n = () = /$pattern/g;
        die "$ENV{FILE}: found $n times: $old\n" if $n != 1;
        s/$pattern/$new/;
    ' "$1/$file"
}

if [ "$how" = check ]; then
    work=$(mktemp -d)
    trap 'rm -r "$work"' EXIT
    bad=0
    while IFS='~' read -r file old new rule; do
        mkdir -p "$work/$(dirname "$file")"
        cp "src/$file" "$work/$file" && replace "$work" || bad=$((bad + 1))
    done < <(cat ci/mutants.txt ci/mutants_loom.txt)
    [ "$bad" = 0 ]
    exit
fi

# The script works in a copy, so that it never breaks your files.
work=$root/target/mutants/$how tree=$root/target/mutants/$how/tree
rm -rf "$tree"
mkdir -p "$tree"
if [ "$how" = loom ]; then
    bash ci/bare.sh "$tree"
    cd "$tree"
    export RUSTFLAGS="--cfg gather_cm_loom" LOOM_MAX_PREEMPTIONS=3 # as ci/loom.sh has them
else
    cp -r Cargo.toml Cargo.lock ./*.md examples src suite tests "$tree"
    cd "$tree"
    sed -i 's/^members = .*/members = ["suite"]/' Cargo.toml
    rm tests/examples.rs tests/load.rs
fi
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$work/target} RUST_BACKTRACE=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=1

# run ARGUMENT...: runs these tests. The limit of time is for the tests, not for their build: a mutant may never end.
most=100
[ "$how" = tests ] || most=300
run() {
    cargo test --quiet --no-run "$@" && timeout "$most" cargo test --quiet "$@"
}

run_tests() {
    if [ "$how" = loom ]; then
        run --release --lib wake::loom
        return
    fi
    # The tests that notice most mutants come first. If one of them fails, the others need not be built.
    run -p gather-cm-suite --test plans || return 1
    for test in observe many panics shield shield_panics; do
        run --test "$test" || return 1
    done
    run --lib --tests && run -p gather-cm-suite --test scope_plans
} >"$work/log" 2>&1

run_tests || { tail -n 40 "$work/log"; echo "the tests fail without a mutant" >&2; exit 1; }

# The time is for the mutants. The build and the tests without a mutant don't count.
survivors=0 count=0 SECONDS=0
while IFS='~' read -r file old new rule; do
    [[ $rule =~ ${1:-} ]] || continue
    [ -z "$within" ] || [ "$SECONDS" -lt "$within" ] || break
    replace src
    count=$((count + 1))
    if run_tests; then
        echo "SURVIVED: $rule ($file: $old -> $new)"
        survivors=$((survivors + 1))
    elif grep -qE '^error(\[E[0-9]+\])?: ' "$work/log" && ! grep -q 'test failed, to rerun' "$work/log"; then
        grep -m 3 -A 6 '^error' "$work/log"
        echo "DOES NOT COMPILE: $rule ($file)"
        survivors=$((survivors + 1))
    else
        echo "noticed: $rule"
    fi
    cp "$root/src/$file" "src/$file"
done < <(if [ -n "$within" ]; then shuf "$root/$list"; else cat "$root/$list"; fi)
echo "$((count - survivors)) of $count mutants noticed"
[ "$survivors" = 0 ] && [ "$count" -gt 0 ]
