#!/usr/bin/env bash
# Runs the tests of panics, drops, pinned siblings and wakers, and random plans, under valgrind. It fails if valgrind
# finds an invalid access or a leak.
set -euo pipefail
cd "$(dirname "$0")/.."
export RUST_BACKTRACE=0 GATHER_CM_PLANS=25
for test in lib panics dropped cancel entered many pinned plans; do
    target=(--test "$test")
    case $test in
    lib) target=(--lib) ;;
    plans) target+=(-p gather-cm-suite) ;;
    esac
    binary=$(cargo test --no-run --message-format=json "${target[@]}" 2>/dev/null |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
    echo "== $test"
    # Threads take fair turns, because a thread may spin until another one has done its part.
    valgrind --quiet --fair-sched=yes --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,indirect --show-leak-kinds=definite,indirect \
        "$binary" --test-threads=1 --skip payloads_of_a_third_level 2>&1 | grep -vE "^(thread|note:|$)|panicked at|stack backtrace"
done
