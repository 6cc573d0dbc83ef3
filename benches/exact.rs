//! Measures what is exact, and the same on every machine: allocations, polls of members, and sizes of futures. Each
//! line that it prints has four fields between tabs, which say what was counted, for which group, with which
//! contestant, and how many. `ci/bench.sh` makes a table of them.
#![allow(clippy::result_large_err)] // errors by index are as large as there are members

mod common;
#[path = "../tests/common/counting.rs"]
mod counting;

use std::array;

use common::{
    Counted, EXIT_FAILS, FAILS, Gate, LargeAll, LargeBody, LargeEnters, LargeExits, LargeValues, Pend, drive, drive_on,
    many::*, peers::*, polls_of,
};
use counting::ALLOCATIONS;

fn allocations_of(run: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    run();
    ALLOCATIONS.get() - before
}

fn line(what: &str, group: &str, contestant: &str, number: impl std::fmt::Display) {
    println!("{what}\t{group}\t{contestant}\t{number}");
}

fn numbers<const N: usize>() -> [u64; N] {
    array::from_fn(|index| index as u64)
}

/// A life cycle fails if, and only if, an enter, the body or an exit does.
fn check<T, E, const N: usize>(run: impl Fn([u64; N]) -> Result<T, E>) {
    let with_last = |last| {
        let mut numbers = numbers();
        numbers[N - 1] = last;
        numbers
    };
    assert!(run(numbers()).is_ok());
    assert!(run(with_last(FAILS)).is_err(), "an enter");
    assert!(run([FAILS / N as u64; N]).is_err(), "the body");
    assert!(run(with_last(EXIT_FAILS)).is_err(), "an exit");
}

/// Returns the polls of a member in a phase. The two polls of the body do not count.
fn polls_of_a_member(members: usize, run: impl FnOnce()) -> f64 {
    (polls_of(run) - 2) as f64 / (2 * members) as f64
}

/// Prints a row for each contestant and kind.
macro_rules! rows {
    ($group:expr, $members:expr; $($contestant:literal: $($path:ident)::* [$($generic:tt),*];)*) => { $(
        check(|numbers: [u64; $members]| drive($($path)::*::<Pend $(, $generic)*>(numbers)));
        let run = || drop(drive($($path)::*::<Pend $(, $generic)*>(numbers())));
        line("allocations", $group, $contestant, allocations_of(run));
        let run = || drop(drive($($path)::*::<Counted $(, $generic)*>(numbers())));
        line("polls", $group, $contestant, polls_of_a_member($members, run));
        rows!(sizes: $group, $contestant, ($($path)::*) [$($generic),*]);
    )* };
    (early $group:expr; $($contestant:literal: $($path:ident)::* [$($generic:tt),*];)*) => { $(
        rows!(sizes: $group, concat!($contestant, ", no clean-up"), ($($path)::*) [$($generic),*]);
    )* };
    (sizes: $group:expr, $contestant:expr, $path:tt $generics:tt) => {
        rows!(size: $group, $contestant, $path $generics, Pend, "size, all small");
        rows!(size: $group, $contestant, $path $generics, LargeEnters, "size, large enters");
        rows!(size: $group, $contestant, $path $generics, LargeValues, "size, large values");
        rows!(size: $group, $contestant, $path $generics, LargeBody, "size, large body");
        rows!(size: $group, $contestant, $path $generics, LargeExits, "size, large exits");
        rows!(size: $group, $contestant, $path $generics, LargeAll, "size, all large");
    };
    (size: $group:expr, $contestant:expr, ($($path:ident)::*) [$($generic:tt),*], $kind:ident, $what:literal) => {
        line($what, $group, $contestant, size_of_val(&$($path)::*::<$kind $(, $generic)*>(numbers())));
    };
}

macro_rules! tuples {
    ($($module:ident $members:literal;)*) => { $(
        rows! { stringify!($module), $members;
            "gather": $module::gather [];
            "embassy": $module::embassy [];
            "futures": $module::futures [];
            "tokio": $module::tokio [];
            "concurrency": $module::concurrency [];
        }
        rows! { early stringify!($module);
            "embassy": $module::early::embassy [];
            "futures": $module::early::futures [];
            "tokio": $module::early::tokio [];
            "concurrency": $module::early::concurrency [];
        }
    )* };
}

macro_rules! arrays {
    ($($members:literal)*) => { $(
        rows! { concat!("array", $members), $members;
            "gather": gather_array [$members];
            "embassy": array [$members, Embassy];
            "concurrency": array [$members, Concurrency];
        }
        rows! { early concat!("array", $members);
            "embassy": early_array [$members, Embassy];
            "concurrency": early_array [$members, Concurrency];
        }
    )* };
}

macro_rules! many {
    ($members:expr, $drive:expr; $($contestant:literal: $life_cycle:ident [$($generic:ident),*];)*) => { $(
        let group = format!("Vec of {}", $members);
        let run = || assert!($drive($life_cycle::<Pend $(, $generic)*>($members)).is_ok());
        line("allocations", &group, $contestant, allocations_of(run));
        let run = || drop($drive($life_cycle::<Counted $(, $generic)*>($members)));
        line("polls", &group, $contestant, polls_of_a_member($members, run));
        let run = || drop($drive($life_cycle::<Gate $(, $generic)*>($members)));
        line("polls, one wake at a time", &group, $contestant, polls_of_a_member($members, run));
    )* };
}

fn main() {
    // Values that are made once in a thread are not counted.
    drive(std::future::ready(()));
    tuples! { tuple2 2; tuple4 4; tuple8 8; }
    arrays! { 2 4 8 }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for members in [8, 64, 1_024, 10_000] {
        many! { members, drive;
            "gather": gather_vec [];
            "join_all": vec [JoinAll, JoinAll];
            "FuturesUnordered": vec [Unordered, Unordered];
            "concurrency": vec [ConcurrencyVec, ConcurrencyVec];
            "buffered join_all": vec [Buffered, Buffered];
            "buffered unordered": vec [BufferedUnordered, BufferedUnordered];
        }
        many! { members, |life_cycle| drive_on(&runtime, life_cycle); "JoinSet": vec [Tasks, Tasks]; }
    }
}
