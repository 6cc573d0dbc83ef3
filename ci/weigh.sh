#!/usr/bin/env bash
# Compares the compiled code of gather-cm with the same by hand. It measures the size of a program with 20 gathers of 3
# to 4 members, its compile time, and how both grow with nested groups. It fails if a target is missed by more than the
# table in ci/weigh.py allows.
#
#   ci/weigh.sh                   measures all of it, which takes some minutes
#   ci/weigh.sh --sizes           measures only the exact numbers, and builds each program once
#   ci/weigh.sh --gathers         measures only the 20 gathers
#   ci/weigh.sh --nested          measures only the nested groups
#   ci/weigh.sh --names [PROGRAM] prints the longest type names of a debug build, and the parts that they repeat.
#                                 PROGRAM is gather_1 (if you give none), by_hand_1 or nested_3, with any number
#   ci/weigh.sh --names PROGRAM T prints the length of the longest name of the type T, such as Machine, along with its
#                                 parameters
#   ci/weigh.sh --functions       prints the functions that a further gather adds, in debug and in release
#
# ci/weigh_programs.py writes the programs. The script builds them below target/weigh, in a package of their own.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python3 ci/weigh.py "$@"
