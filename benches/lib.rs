//! The benchmarks of gather-cm. `ci/bench.sh` runs them.
