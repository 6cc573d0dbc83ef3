//! The time of a life cycle of many members. Contestants take turns, and each round is compared in itself, so that a
//! machine that is busy for a while is busy for all of them. Each line that it prints has five fields between tabs.
//! They say what was measured, for which group, with which contestant, how many nanoseconds it took, and gather's time
//! divided by that. `ci/bench.sh` makes a table of them. With an argument, it runs only the lines whose "what, of which
//! group" contains the argument. With `--alone`, it runs only gather, for a profiler.

mod common;

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use common::{Contestants, Gate, Ready, many::*, scopes};

/// One batch of a contestant takes at least this long.
const BATCH: Duration = Duration::from_millis(1);
/// All rounds together take this long, if that leaves enough rounds.
const TOTAL: Duration = Duration::from_secs(2);
const ROUNDS: usize = 7;
/// Otherwise all rounds together take no longer than this.
const MOST: Duration = Duration::from_secs(30);
/// A contestant that takes this many times longer than the best one is left out for larger groups.
const TOO_SLOW: f64 = 30.0;

struct Bench {
    brief: bool,
    alone: bool,
    only: Option<String>,
    slow: HashSet<&'static str>,
}

impl Bench {
    fn compare(&mut self, what: &str, group: &str, mut contestants: Contestants<'_>) {
        if self.only.as_ref().is_some_and(|only| !format!("{what}, {group}").contains(only)) {
            return;
        }
        contestants.retain(|(name, _)| !self.slow.contains(name) && (*name == "gather" || !self.alone));
        let batches: Vec<u32> = contestants.iter().map(|(_, run)| if self.brief { 1 } else { batch(run) }).collect();
        // For each contestant, this has the nanoseconds of a life cycle in each round.
        let mut times = vec![Vec::new(); contestants.len()];
        let began = Instant::now();
        loop {
            let round = times[0].len();
            for turn in 0..contestants.len() {
                let index = (round + turn) % contestants.len();
                let time = time(&contestants[index].1, batches[index]);
                times[index].push(time.as_nanos() as f64 / f64::from(batches[index]));
            }
            let enough = if round + 1 < ROUNDS { MOST } else { TOTAL };
            if self.brief || began.elapsed() >= enough {
                break;
            }
        }
        let medians: Vec<f64> = times.iter().map(|times| median(times.clone())).collect();
        let best = medians[1..].iter().copied().fold(f64::INFINITY, f64::min);
        for ((name, _), (times_of, median_of)) in contestants.iter().zip(times.iter().zip(medians)) {
            let ratio = median(times[0].iter().zip(times_of).map(|(gather, other)| gather / other).collect());
            println!("{what}\t{group}\t{name}\t{median_of:.0}\t{ratio:.3}");
            if median_of > TOO_SLOW * best && *name != "gather" {
                self.slow.insert(name);
            }
        }
    }
}

fn time(run: &dyn Fn(), batch: u32) -> Duration {
    let began = Instant::now();
    for _ in 0..batch {
        run();
    }
    began.elapsed()
}

/// Returns how many life cycles make a batch.
fn batch(run: &dyn Fn()) -> u32 {
    let mut batch = 1;
    while time(run, batch) < BATCH {
        batch *= 2;
    }
    batch
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn main() {
    let brief = std::env::args().any(|argument| argument == "--brief");
    let runtime = &tokio::runtime::Builder::new_current_thread().build().unwrap();
    let sizes: &[usize] = if brief { &[8, 64] } else { &[8, 64, 1_024, 10_000, 100_000] };

    let only = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let alone = std::env::args().any(|argument| argument == "--alone");
    let mut bench = Bench { brief, alone, only, slow: HashSet::new() };
    for &members in sizes {
        bench.compare("time, at once", &format!("Vec of {members}"), contestants::<Ready>(members, runtime));
    }
    bench.slow.clear();
    for &members in sizes {
        bench.compare("time, one wake at a time", &format!("Vec of {members}"), contestants::<Gate>(members, runtime));
    }
    bench.slow.clear();

    let members = if brief { 1_000 } else { 10_000 };
    bench.compare("time, joined", &format!("Scope of {members}"), scopes::pools(members));
    bench.compare("time, joined, stack", &format!("Scope of {members}"), scopes::stacks(members));
    bench.compare("time, 64 enters at a time", &format!("Vec of {members}"), contestants_of_limit::<Gate>(members));
}
