//! D12: of the members of a large `Vec`, only woken drivers are polled, in every phase.
#![cfg(feature = "alloc")]

mod common;
#[path = "common/driven.rs"]
mod driven;
#[path = "common/shield.rs"]
mod shield;

use common::{Act, Driver, Gate, Log, Report, assert_released, fails, well};
use driven::{Link, connect, drive, links, sleeps, steps};
use gather_cm::{EnterExt, Exit, ExitCase, gather};
use shield::Queue;

const MANY: usize = 100;

/// Many members, each with gates for its enter, its driver and its exit.
struct Many {
    log: Log,
    enters: Vec<Gate>,
    drivers: Vec<Gate>,
    exits: Vec<Gate>,
}

impl Many {
    fn new(count: usize) -> Self {
        let gates = || (0..count).map(|_| Gate::new()).collect();
        Self { log: Log::default(), enters: gates(), drivers: gates(), exits: gates() }
    }

    fn members(&self, driver: impl Fn(usize) -> Act) -> Vec<Link> {
        let member = |name: usize| {
            let (enter, exit) = (well().gate(&self.enters[name]), well().gate(&self.exits[name]));
            connect(&self.log, name, [enter, driver(name).gate(&self.drivers[name]), exit]).driven()
        };
        (0..self.enters.len()).map(member).collect()
    }

    /// Returns which drivers were polled since the last call.
    fn driven(&self) -> Vec<usize> {
        let lines = self.log.take().into_iter();
        lines.filter_map(|line| line.strip_prefix("drive ").map(|name| name.parse().expect("a name"))).collect()
    }

    /// Polls in vain, and then after waking each of some drivers.
    fn wake_some<T>(&self, gather: &mut Driver<'_, T>, of: impl Fn(usize) -> bool) {
        gather.pends();
        assert_eq!(self.driven(), [0; 0], "a poll for nothing polls none");
        for some in [vec![77], vec![0], vec![99], vec![63, 64, 1], vec![40, 3, 98]] {
            let wakes = gather.wakes.count();
            let mut expected: Vec<_> = some.iter().copied().filter(|name| of(*name)).collect();
            some.iter().for_each(|name| self.drivers[*name].wake());
            let woken = gather.wakes.count() - wakes;
            assert!(woken == 1 || (woken == 0 && expected.is_empty()), "once is enough");
            gather.pends();
            expected.sort_unstable();
            assert_eq!(self.driven(), expected, "in argument order");
            gather.pends();
            assert_eq!(self.driven(), [0; 0]);
        }
    }
}

fn all() -> Vec<usize> {
    (0..MANY).collect()
}

/// A driver is polled only if it was woken, from the poll of its enter on.
#[test]
fn in_each_phase() {
    let (many, ends) = (Many::new(MANY), Gate::new());
    let mut gather = drive(gather(many.members(|_| well())).exit_limit(50).with(async |_| {
        ends.wait().await;
        Ok(7)
    }));
    gather.pends();
    for name in [99, 0, 1, 77, 64, 63] {
        many.enters[name].open();
        gather.pends();
        assert_eq!(many.driven(), [name]);
    }
    many.wake_some(&mut gather, |name| many.enters[name].is_open());
    let mut rest: Vec<_> = all().into_iter().filter(|name| !many.enters[*name].is_open()).collect();
    rest.iter().for_each(|name| many.enters[*name].open());
    gather.pends();
    assert_eq!(many.driven(), rest, "beside the last enters");
    many.wake_some(&mut gather, |_| true);
    ends.open();
    gather.pends();
    rest = many.driven();
    assert_eq!(rest, (0..50).collect::<Vec<_>>(), "along with their exits");
    many.wake_some(&mut gather, |_| true);
    many.exits.iter().take(50).for_each(Gate::open);
    gather.pends();
    gather.pends();
    many.driven();
    many.wake_some(&mut gather, |name| name >= 50);
    many.exits.iter().for_each(Gate::open);
    assert_eq!(gather.end(), Report::value(7));
    let everything = many.log.everything();
    assert_eq!(everything.iter().filter(|line| line.starts_with("drop driver")).count(), MANY);
}

/// A wake in one phase is not lost in the next.
#[test]
fn a_wake_between_the_phases() {
    let (many, ends) = (Many::new(MANY), Gate::new());
    let mut gather = drive(gather(many.members(|_| fails("lost"))).in_reverse().with(async |_| {
        ends.wait().await;
        // The body has the values, and the drivers were polled.
        many.drivers[3].wake();
        Ok(7)
    }));
    gather.pends();
    many.enters.iter().for_each(Gate::open);
    gather.pends();
    many.driven();
    ends.open();
    gather.pends();
    assert_eq!(many.driven(), [99, 3], "the exit whose turn it is, and the one that was woken");
    many.wake_some(&mut gather, |_| true);
    // The driver of a member that waits for its exit fails. The exits go on.
    many.drivers[50].open();
    many.exits.iter().for_each(Gate::open);
    let report = loop {
        if let std::task::Poll::Ready(report) = gather.poll() {
            break report;
        }
    };
    assert_eq!(report, Report::only_exits(&[(50, "lost")]));
}

/// If a member enters during exits, it is driven along with its exit at once. If its exit has to wait, it is driven
/// from that poll on.
#[test]
fn beside_eager_exits() {
    let many = Many::new(MANY);
    let mut members = many.members(|_| well());
    members[0] = connect(&many.log, 0, [fails("e"), well(), well()]).driven();
    let mut gather = drive(gather(members).eager_rollback().exit_limit(1).with(async |_| Ok(())));
    many.enters[10].open();
    gather.pends();
    assert_eq!(many.driven(), [10, 10], "twice in the poll in which the exits begin");
    many.enters[70].open();
    many.enters[5].open();
    gather.pends();
    assert_eq!(many.driven(), [5, 70], "they wait for their exits");
    let entered = [5, 10, 70];
    many.wake_some(&mut gather, |name| entered.contains(&name));
    many.drivers[5].wake();
    gather.pends();
    assert_eq!(many.driven(), [5]);
    many.enters.iter().chain(&many.exits).for_each(Gate::open);
    while gather.poll().is_pending() {}
}

/// Only woken drivers are polled after the drop of a shielded gather, too, in each phase.
#[test]
fn after_a_drop() {
    for phase in 0..3 {
        let (many, ends, queue) = (Many::new(MANY), Gate::new(), Queue::default());
        let group = gather(many.members(|_| well())).exit_limit(50).shield();
        let body = async {
            ends.wait().await;
            Ok(())
        };
        let mut gather = drive(group.with(async |_| body.await).on_drop(queue.spawner()));
        many.enters.iter().take(if phase == 0 { 80 } else { MANY }).for_each(Gate::open);
        if phase == 2 {
            ends.open();
        }
        gather.pends();
        many.driven();
        many.drivers[60].wake();
        gather.drop();
        assert_eq!(many.driven(), [0; 0]);
        let mut cleanup = queue.one();
        cleanup.pends();
        let mut driven = many.driven();
        driven.sort_unstable();
        assert_eq!(driven, if phase < 2 { (0..50).chain([60]).collect() } else { vec![60] });
        many.wake_some(&mut cleanup, |name| phase > 0 || name < 80);
        many.exits.iter().for_each(Gate::open);
        while cleanup.poll().is_pending() {}
        let log = many.log.everything();
        assert_eq!(log.iter().filter(|line| line.starts_with("drop driver")).count(), MANY);
    }
}

/// D11: an entered group is exited by hand. Its exit drives the members that wait, from the first poll on.
#[test]
fn exited_by_hand() {
    let many = Many::new(MANY);
    let mut enters = Driver::new(gather(many.members(|_| well())).exit_limit(2).enter());
    many.enters.iter().for_each(Gate::open);
    let entered = enters.end().unwrap();
    drop(enters);
    many.driven();
    let mut exit = Driver::new(entered.exit(ExitCase::Completed));
    exit.pends();
    assert_eq!(many.driven(), all());
    many.wake_some(&mut exit, |_| true);
    many.exits.iter().for_each(Gate::open);
    while exit.poll().is_pending() {}
}

in_each_group! {
    /// D10: the driver travels along with a cleanup, in each phase, and with `settle`.
    fn travels_along(group) {
        for (phase, settle) in [(0, false), (0, true), (1, false), (1, true), (2, false), (2, true)] {
            let (log, queue, gates) = (Log::default(), Queue::default(), [(); 3].map(|()| Gate::new()));
            let [enter, ends, exit] = gates.clone();
            let members = [
                [well(), sleeps().busy(), well().gate(&exit)],
                [well().gate(&enter), sleeps().busy(), well()],
                [well(), sleeps().busy(), well()],
            ];
            let shield = group(links(&log, members)).in_reverse().shield();
            let body = async { Ok(ends.wait().await) };
            let mut gather = if settle {
                drive(shield.settle().with(async |_| body.await).on_drop(queue.spawner()))
            } else {
                drive(shield.with(async |_| body.await).on_drop(queue.spawner()))
            };
            gather.pends();
            for gate in gates.iter().take(phase) {
                gate.open();
                gather.pends();
            }
            log.take();
            gather.drop();
            let dropped = log.take().into_iter().filter(|line| line.starts_with("drop driver")).count();
            assert_eq!(dropped, usize::from(phase == 0 && !settle), "the enter's own");
            let mut cleanup = queue.one();
            cleanup.pends();
            log.take();
            cleanup.pends();
            let expected: &[&str] = if phase == 0 && settle { &["drive 0", "drive 2"] } else { &["drive 0"] };
            assert_eq!(steps(&log), expected, "{phase} {settle}");
            exit.open();
            enter.open();
            assert_eq!(cleanup.end(), Report::value(()));
            let log = log.everything();
            assert_eq!(log.iter().filter(|line| line.starts_with("drop driver")).count(), 3);
            assert_released(&log);
        }
    }

    /// D10, D4: the cleanup reports an error that a driver returned before the drop.
    fn lost_before_a_drop(group) {
        let (log, queue, gates) = (Log::default(), Queue::default(), [(); 3].map(|()| Gate::new()));
        let members = [
            [well(), fails("lost").gate(&gates[0]), well().gate(&gates[2])],
            [well(), fails("too").gate(&gates[1]), fails("x")],
            [well(), sleeps(), well()],
        ];
        let shield = group(links(&log, members)).exit_limit(1).shield();
        let mut gather = drive(shield.with(async |_| Ok(std::future::pending::<()>().await)).on_drop(queue.spawner()));
        gather.pends();
        gates[0].open();
        gates[1].open();
        gather.pends();
        gather.drop();
        gates[2].open();
        let mut cleanup = queue.one();
        let report = loop {
            if let std::task::Poll::Ready(report) = cleanup.poll() {
                break report;
            }
        };
        assert_eq!(report, Report::lost(&[(0, "lost"), (1, "too")]));
        assert_eq!(log.only(&["Lost"]).len(), 3);
    }
}
