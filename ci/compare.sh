#!/usr/bin/env bash
# Runs the programs of COMPARE.md. It fails if the code in the document is not that of the files, or if a log in it is
# not the output of its program.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=$PWD/target PYTHONDONTWRITEBYTECODE=1
cargo fmt --check --manifest-path compare/Cargo.toml
cargo clippy --quiet --manifest-path compare/Cargo.toml --bins -- -D warnings
cargo build --quiet --manifest-path compare/Cargo.toml --bins

# block MARK: prints the fenced block after the line <!-- MARK -->.
block() {
    awk -v mark="<!-- $1 -->" '
        $0 == mark { found = 1; next }
        found && /^```/ { if (inside++) exit; next }
        inside' COMPARE.md
}

same() {
    echo "== $1"
    diff --label "COMPARE.md: $1" <(block "$1") --label "$1" "$2"
}

# In the `gather_cm` of Python, the order of a set decides whether the error of an exit is raised or lost. COMPARE.md
# says so, and shows a run in which it is lost. This turns the log of the other run into that log.
either() {
    sed "/^== the second exit fails/,/^still/ s/^=> OSError('b lost its disk')$/=> the body's value, 3/"
}

for program in gather_cm scope join try_join futures_concurrency join_set loops_gather_cm loops_graceful_shutdown; do
    same "compare/src/bin/$program.rs" "compare/src/bin/$program.rs"
    same "log of $program" <("$CARGO_TARGET_DIR/debug/$program")
done
same compare/gather_cm.py compare/gather_cm.py
same "log of gather_cm.py" <(python3 compare/gather_cm.py 2>/dev/null | either)
same compare/exit_stack.py compare/exit_stack.py
same "log of exit_stack.py" <(python3 compare/exit_stack.py 2>/dev/null)

echo "== TypeScript and JavaScript"
command -v npm >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null; }
npm ci --silent --prefix compare/js
node compare/js/run.mjs
