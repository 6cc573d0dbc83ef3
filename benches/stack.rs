//! Measures the peak stack of a poll. This is the stack that all polls of a life cycle of 8 members need if its future
//! is on the heap. Each line that it prints has four fields between tabs, which say what was measured, for which group,
//! with which contestant, and how many bytes. `ci/bench.sh --stack` makes a table of them, and runs it in debug as
//! well, as you can do by hand:
//!
//! ```text
//! cargo bench -p gather-cm-benches --profile release --bench stack
//! cargo bench -p gather-cm-benches --profile dev --bench stack
//! ```
//!
//! Each probe is a child process. It fills the stack of a thread down to a depth, polls there, and aborts if the rest
//! of the stack is too small. Bisection finds the greatest depth that still fits, to `RESOLUTION` bytes. A future that
//! does nothing is measured as well, and its share is subtracted, so that neither the thread nor the driver counts.
#![allow(clippy::result_large_err)] // errors by index are as large as there are members

mod common;

use std::{
    array,
    cell::Cell,
    env::{args, current_exe},
    future::{Future, ready},
    hint::black_box,
    process::{Command, Stdio},
    thread,
};

use common::{HugeValues, Kind, LargeValues, drive, many, peers::*};

/// The stack of the thread. It is more than any contestant needs to be made, and each is made before the stack is
/// filled.
const STACK: usize = 64 << 20;
const RESOLUTION: usize = 64;

/// The name of a contestant, and the function that polls its future at a depth.
type Contestant = (&'static str, fn(usize));

/// The future that does nothing.
const NOTHING: Contestant = ("nothing", |depth| poll_at(depth, ready(black_box(0_u64))));

fn numbers() -> [u64; 8] {
    black_box(array::from_fn(|index| index as u64))
}

fn groups<K: Kind>() -> [(&'static str, Vec<Contestant>); 3] {
    [
        (
            "tuple8",
            vec![
                ("gather", |depth| poll_at(depth, tuple8::gather::<K>(numbers()))),
                ("futures", |depth| poll_at(depth, tuple8::futures::<K>(numbers()))),
                ("futures, no clean-up", |depth| poll_at(depth, tuple8::early::futures::<K>(numbers()))),
            ],
        ),
        (
            "array8",
            vec![
                ("gather", |depth| poll_at(depth, gather_array::<K, 8>(numbers()))),
                ("join_all", |depth| poll_at(depth, many::vec::<K, many::JoinAll, many::JoinAll>(8))),
                ("embassy", |depth| poll_at(depth, array::<K, 8, Embassy>(numbers()))),
                ("concurrency", |depth| poll_at(depth, array::<K, 8, Concurrency>(numbers()))),
            ],
        ),
        (
            "Vec of 8",
            vec![
                ("gather", |depth| poll_at(depth, many::gather_vec::<K>(8))),
                ("join_all", |depth| poll_at(depth, many::vec::<K, many::JoinAll, many::JoinAll>(8))),
            ],
        ),
    ]
}

fn all() -> Vec<(String, Vec<Contestant>)> {
    let of = |value, groups: [(&str, Vec<Contestant>); 3]| {
        groups.map(|(group, contestants)| (format!("{group} of {value}"), contestants))
    };
    let mut all = vec![(NOTHING.0.to_owned(), vec![NOTHING])];
    all.extend(of("32 KiB", groups::<HugeValues>()));
    all.extend(of("1 KiB", groups::<LargeValues>()));
    all
}

thread_local! {
    /// The address at which the stack of the thread begins.
    static TOP: Cell<usize> = const { Cell::new(0) };
}

/// Puts the future on the heap, and drives it to its end below `depth` bytes of the thread's stack. The stack on which
/// the future was made is a part of these bytes, so it does not count.
fn poll_at<F: Future>(depth: usize, future: F) {
    let mut future = Box::pin(future);
    fill(TOP.get(), depth, &mut || drop(black_box(drive(future.as_mut()))));
}

fn address(place: &u8) -> usize {
    black_box(place) as *const u8 as usize
}

/// Calls itself until the stack is `depth` deep, and then calls `then`.
#[inline(never)]
fn fill(top: usize, depth: usize, then: &mut dyn FnMut()) {
    let here = 0_u8;
    if top - address(&here) < depth {
        fill(top, depth, then);
    } else {
        then();
    }
    black_box(&here); // so that the call above is no jump
}

/// Returns whether the contestant's polls find enough stack at a depth.
fn fits(group: &str, contestant: &str, depth: usize) -> bool {
    let status = Command::new(current_exe().unwrap())
        .args(["probe", group, contestant, &depth.to_string()])
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_ne!(status.code(), Some(101), "a panic, and no overflow: {contestant} at {depth}");
    status.success()
}

fn probe(group: &str, contestant: &str, depth: usize) {
    let (_, contestants) = all().into_iter().find(|(name, _)| name == group).unwrap();
    let (_, poll_at) = contestants.into_iter().find(|(name, _)| *name == contestant).unwrap();
    let run = move || {
        let top = 0_u8;
        TOP.set(address(&top));
        poll_at(depth);
    };
    thread::Builder::new().stack_size(STACK).spawn(run).unwrap().join().unwrap();
}

/// Returns how deep the stack can be before the contestant's polls.
fn deepest(group: &str, contestant: &str) -> usize {
    let (mut fits_at, mut overflows_at) = (STACK / 2, STACK);
    assert!(fits(group, contestant, fits_at), "the thread's stack is too small for {contestant}");
    while overflows_at - fits_at > RESOLUTION {
        let depth = fits_at.midpoint(overflows_at);
        if fits(group, contestant, depth) {
            fits_at = depth;
        } else {
            overflows_at = depth;
        }
    }
    fits_at
}

fn main() {
    if let [_, command, group, contestant, depth] = &*args().collect::<Vec<_>>() {
        assert_eq!(command, "probe");
        return probe(group, contestant, depth.parse().unwrap());
    }
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let base = deepest(NOTHING.0, NOTHING.0);
    for (group, contestants) in &all()[1..] {
        for (contestant, _) in contestants {
            let bytes = base - deepest(group, contestant);
            println!("stack, {profile}\t{group}\t{contestant}\t{bytes}");
        }
    }
}
