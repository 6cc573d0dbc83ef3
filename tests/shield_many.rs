//! Tests that drop a shielded gather of a large `Vec`. Its wakers move to the cleanup.
#![cfg(feature = "alloc")]

mod common;
#[path = "common/shield.rs"]
mod shield;

use std::{future::pending, sync::Arc};

use common::{Driver, Gate, Log, Member, Report, Wakes, well};
use gather_cm::gather;
use shield::{Queue, drive};

/// Makes the members of a large `Vec`, each with a gate before its enter and one before its exit.
fn with_gates(log: &Log, count: usize) -> (Vec<Member>, Vec<Gate>, Vec<Gate>) {
    let gates = || (0..count).map(|_| Gate::new()).collect::<Vec<_>>();
    let (enters, exits) = (gates(), gates());
    let member = |name: usize| Member::new(log, name, well().gate(&enters[name]), well().gate(&exits[name]));
    ((0..count).map(member).collect(), enters, exits)
}

/// A wake at the gate wakes the task of the cleanup, and not the task that was dropped. The cleanup then polls one
/// member.
fn wakes(log: &Log, old: &Arc<Wakes>, new: &mut Driver<'static, Report<()>>, gate: &Gate, line: &str) {
    let before = (old.count(), new.wakes.count());
    gate.wake();
    assert_eq!((old.count(), new.wakes.count()), (before.0, before.1 + 1));
    new.pends();
    assert_eq!(log.only(&["poll"]), [line]);
}

/// S4, 20: exits of a large `Vec` wake the new task, which polls only them. Nothing keeps the old task's waker.
#[test]
fn exits_of_many() {
    let (log, queue) = (Log::default(), Queue::default());
    let (members, enters, exits) = with_gates(&log, 100);
    let mut gather = drive(gather(members).shield().with(async |_| Ok(())).on_drop(queue.spawner()));
    gather.pends();
    enters.iter().for_each(Gate::open);
    gather.pends();
    exits[98].open();
    gather.pends();
    exits[7].wake();
    let old = gather.wakes.clone();
    gather.drop();
    drop(gather);
    assert_eq!(Arc::strong_count(&old), 1);
    exits[99].wake();
    log.take();
    let mut cleanup = queue.one();
    cleanup.pends();
    assert_eq!(log.only(&["poll"]), ["poll exit 7", "poll exit 99"], "these two were woken around the drop");
    wakes(&log, &old, &mut cleanup, &exits[64], "poll exit 64");
    cleanup.pends();
    assert_eq!(log.take(), [""; 0]);
    exits.iter().for_each(Gate::open);
    assert_eq!(cleanup.end(), Report::value(()));
    assert_eq!(Arc::strong_count(&cleanup.wakes), 1);
    assert_eq!(log.only(&["poll"]).len(), 99);
}

/// The same holds for exits that begin in the cleanup, after a drop while the body runs.
#[test]
fn exits_of_many_after_the_body() {
    let (log, queue) = (Log::default(), Queue::default());
    let (members, enters, exits) = with_gates(&log, 100);
    let group = gather(members).exit_limit(3).shield();
    let mut gather = drive(group.with(async |_| Ok(pending::<()>().await)).on_drop(queue.spawner()));
    enters.iter().for_each(Gate::open);
    gather.pends();
    let old = gather.wakes.clone();
    gather.drop();
    drop(gather);
    assert_eq!(Arc::strong_count(&old), 1);
    log.take();
    let mut cleanup = queue.one();
    cleanup.pends();
    assert_eq!(log.only(&["poll"]), ["poll exit 0", "poll exit 1", "poll exit 2"]);
    wakes(&log, &old, &mut cleanup, &exits[1], "poll exit 1");
    exits[1].open();
    cleanup.pends();
    assert_eq!(log.only(&["poll"]), ["poll exit 1", "poll exit 3"]);
    exits.iter().for_each(Gate::open);
    assert_eq!(cleanup.end(), Report::value(()));
}

/// The same holds for enters that go on.
#[test]
fn enters_of_many() {
    let (log, queue) = (Log::default(), Queue::default());
    let (members, enters, exits) = with_gates(&log, 100);
    let group = gather(members).enter_limit(50).shield().settle();
    let mut gather = drive(group.with(async |_| Ok(())).on_drop(queue.spawner()));
    gather.pends();
    enters[3].open();
    gather.pends();
    let old = gather.wakes.clone();
    gather.drop();
    drop(gather);
    assert_eq!(Arc::strong_count(&old), 1);
    enters[7].wake();
    log.take();
    let mut cleanup = queue.one();
    cleanup.pends();
    assert_eq!(log.only(&["poll"]), ["poll enter 7"]);
    wakes(&log, &old, &mut cleanup, &enters[49], "poll enter 49");
    exits.iter().for_each(Gate::open);
    enters.iter().for_each(Gate::open);
    assert_eq!(cleanup.end(), Report::value(()));
    let log = log.everything();
    assert_eq!(log.iter().filter(|line| line.ends_with("Cancelled")).count(), 51);
}

/// With the caller's own waker, each poll polls every exit.
#[test]
fn exits_of_many_with_the_callers_waker() {
    let (log, queue) = (Log::default(), Queue::default());
    let (members, enters, exits) = with_gates(&log, 40);
    let group = gather(members).caller_waker().shield();
    let mut gather = drive(group.with(async |_| Ok(())).on_drop(queue.spawner()));
    enters.iter().for_each(Gate::open);
    gather.pends();
    gather.drop();
    log.take();
    let mut cleanup = queue.one();
    cleanup.pends();
    assert_eq!(log.only(&["poll"]).len(), 40);
    exits[0].wake();
    assert_eq!(cleanup.wakes.count(), 1);
    exits.iter().for_each(Gate::open);
    assert_eq!(cleanup.end(), Report::value(()));
}
