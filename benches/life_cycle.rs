//! Makes Criterion's detailed reports of every life cycle. `ci/bench.sh` judges by `time.rs`, whose contestants take
//! turns.
//!
//! `cargo bench -p gather-cm-benches --bench life_cycle -- 'Vec of 64, '` runs a part of it.

mod common;

use std::time::Duration;

use common::{Contestants, Gate, Kind, Pend, Ready, many, peers};
use criterion::Criterion;
use tokio::runtime::Runtime;

/// With 100,000 members, a life cycle of this contestant takes minutes, because it goes through all members at each
/// wake.
const SLOW: (&str, usize) = ("concurrency", 10_000);

fn compare(criterion: &mut Criterion, group: &str, contestants: Contestants<'_>) {
    let mut group = criterion.benchmark_group(group);
    group.sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    for (name, run) in contestants {
        group.bench_function(name, |bencher| bencher.iter(&run));
    }
    group.finish();
}

fn tuples<K: Kind>(criterion: &mut Criterion, how: &str) {
    compare(criterion, &format!("tuple of 2, {how}"), peers::tuple2::contestants::<K>());
    compare(criterion, &format!("tuple of 4, {how}"), peers::tuple4::contestants::<K>());
    compare(criterion, &format!("tuple of 8, {how}"), peers::tuple8::contestants::<K>());
}

fn vecs<K: Kind>(criterion: &mut Criterion, how: &str, runtime: &Runtime) {
    for members in [8, 64, 1_024, 10_000, 100_000] {
        let mut contestants = many::contestants::<K>(members, runtime);
        contestants.retain(|(name, _)| *name != SLOW.0 || members <= SLOW.1);
        compare(criterion, &format!("Vec of {members}, {how}"), contestants);
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut criterion = Criterion::default().configure_from_args();
    tuples::<Ready>(&mut criterion, "at once");
    tuples::<Pend>(&mut criterion, "each pends once");
    tuples::<Gate>(&mut criterion, "one wake at a time");
    vecs::<Ready>(&mut criterion, "at once", &runtime);
    vecs::<Gate>(&mut criterion, "one wake at a time", &runtime);
    compare(&mut criterion, "Vec of 10000, 64 enters at a time", many::contestants_of_limit::<Gate>(10_000));
    criterion.final_summary();
}
