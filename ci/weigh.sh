#!/usr/bin/env bash
# Weighs the code that gather becomes, against the same by hand: the size of a program with 20 gathers of 3 to 4
# members, how long it compiles, and how both grow with nested groups. Fails if a target is missed by more than is
# known (ci/weigh.py has the table).
#
#   ci/weigh.sh                   all of it: some minutes
#   ci/weigh.sh --sizes           only what is exact: each program is built once
#   ci/weigh.sh --gathers         only the 20 gathers
#   ci/weigh.sh --nested          only the nested groups
#   ci/weigh.sh --names [PROGRAM] the longest type names of a debug build, and what is repeated inside them. PROGRAM:
#                                 gather_1 (if you give none), by_hand_1, nested_3, or any other number
#   ci/weigh.sh --names PROGRAM T how long the longest name of the type T is, say of Machine, and its parameters
#   ci/weigh.sh --functions       the functions that a further gather brings, in debug and in release
#
# The programs are those of ci/weigh_programs.py. They are built below target/weigh, in a package of their own.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python3 ci/weigh.py "$@"
