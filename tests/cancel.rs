//! `cancel_on`: every held member is exited and receives `Cancelled`. The stop is dropped before any exit is polled.

mod common;

use std::{
    cell::{Cell, RefCell},
    future::{pending, ready},
};

use common::{
    Driver, Gate, Log, Member, Order, Policed, Report, Rollback, Setup, Why, assert_released, events, fails, members,
    well,
};
use gather_cm::{Cause, EnterExt, Event, gather};

fn cancelled() -> Report<u32> {
    Report { why: Why::Cancelled, exits: vec![], suppressed: false }
}

const ROLLBACKS: [Rollback; 4] = [Rollback::RunOn, Rollback::Eager, Rollback::FailFast, Rollback::Settle];

/// 14: a gather that is cancelled before it starts enters nothing.
fn before_it_starts<S: Policed>() {
    for rollback in ROLLBACKS {
        let log = Log::default();
        let setup = Setup { rollback, ..Setup::default() };
        setup.stop.open();
        let group = members(&log, [(well(), well()), (well(), well()), (well(), well())]);
        assert_eq!(S::run(group, &setup, &log, well()).end(), cancelled());
        assert_eq!(log.take(), [""; 0]);
    }
}

/// 14: while members enter, a stop drops the pending enters and exits the held resources, in the same poll.
fn in_enter<S: Policed>() {
    let log = Log::default();
    let setup = Setup::default();
    let acts = [(well(), fails("x0")), (well().gate(&Gate::new()), well()), (well(), well())];
    let mut gather = S::run(members(&log, acts), &setup, &log, well());
    gather.pends();
    log.take();
    setup.stop.open();
    assert_eq!(gather.end(), cancelled().exits(&[(0, "x0")]));
    assert_eq!(
        log.take(),
        [
            "drop enter 1",
            "exit 0 Cancelled",
            "poll exit 0",
            "exited 0",
            "drop exit 0",
            "exit 2 Cancelled",
            "poll exit 2",
            "exited 2",
            "drop exit 2"
        ]
    );
}

/// 14: while the body runs, a stop drops the body first and then exits all members, in the same poll.
fn in_body<S: Policed>() {
    for rollback in ROLLBACKS {
        let log = Log::default();
        let setup = Setup { rollback, ..Setup::default() };
        let group = members(&log, [(well(), well()), (well(), well()), (well(), well())]);
        let mut gather = S::run(group, &setup, &log, well().gate(&Gate::new()));
        gather.pends();
        log.take();
        setup.stop.open();
        assert_eq!(gather.end(), cancelled());
        assert_eq!(
            events(&log),
            [
                "body dropped",
                "exit 0 Cancelled",
                "exited 0",
                "exit 1 Cancelled",
                "exited 1",
                "exit 2 Cancelled",
                "exited 2"
            ]
        );
    }
}

/// 14: the stop is polled first, so it wins over a body that ends in the same poll.
fn it_wins_over_an_end_in_the_same_poll<S: Policed>() {
    let log = Log::default();
    let setup = Setup::default();
    let body = Gate::new();
    let group = members(&log, [(well(), well()), (well(), well()), (well(), well())]);
    let mut gather = S::run(group, &setup, &log, well().gate(&body));
    gather.pends();
    body.open();
    setup.stop.open();
    assert_eq!(gather.end(), cancelled());

    let setup = Setup::default();
    let enter = Gate::new();
    let group = members(&log, [(fails("e").gate(&enter), well()), (well(), well()), (well(), well())]);
    let mut gather = S::run(group, &setup, &log, well());
    gather.pends();
    enter.open();
    setup.stop.open();
    assert_eq!(gather.end(), cancelled());
}

/// 14: the stop is not polled any more during the exits.
fn in_exit<S: Policed>() {
    let log = Log::default();
    let setup = Setup::default();
    let exit = Gate::new();
    let group = members(&log, [(well(), well().gate(&exit)), (well(), well()), (well(), well())]);
    let mut gather = S::run(group, &setup, &log, well());
    gather.pends();
    setup.stop.open();
    gather.pends();
    exit.open();
    assert_eq!(gather.end(), Report::value(7));
}

/// 14: if a failed group still has pending enters, the stop drops them. The cause remains `Enter`.
fn while_a_failed_group_settles<S: Policed>() {
    for rollback in [Rollback::RunOn, Rollback::Eager] {
        let log = Log::default();
        let setup = Setup { rollback, ..Setup::default() };
        let group = members(&log, [(well(), well()), (fails("e1"), well()), (well().gate(&Gate::new()), well())]);
        let mut gather = S::run(group, &setup, &log, well());
        gather.pends();
        setup.stop.open();
        assert_eq!(gather.end(), Report::enter(&[(1, "e1")]));
        let log = log.take();
        assert!(log.contains(&"exit 0 EnterFailed".to_string()));
        assert!(log.contains(&"drop enter 2".to_string()));
        assert_released(&log);
    }
}

/// 14 and 6: queued members are dropped before they begin.
fn with_queued_members<S: Policed>() {
    let log = Log::default();
    let setup = Setup { enter_limit: 1, ..Setup::default() };
    let group = members(&log, [(well(), well()), (well().gate(&Gate::new()), well()), (well(), well())]);
    let mut gather = S::run(group, &setup, &log, well());
    gather.pends();
    log.take();
    setup.stop.open();
    assert_eq!(gather.end(), cancelled());
    assert_eq!(events(&log), ["exit 0 Cancelled", "exited 0"]);
}

/// 14: a stop cannot be suppressed, although all exits ask for that. `on_error` is not called for it.
fn nothing_to_suppress<S: Policed>() {
    for order in [Order::Pool, Order::Stack, Order::InReverse] {
        let log = Log::default();
        let setup = Setup { order, ..Setup::default() };
        let group = [0, 1, 2].map(|name| Member::new(&log, name, well(), well()).suppress());
        let mut gather = S::run(group, &setup, &log, well().gate(&Gate::new()));
        gather.pends();
        setup.stop.open();
        assert_eq!(gather.end(), cancelled());
        assert_eq!(log.only(&["on_error"]), [""; 0]);
    }
}

/// 15: the gather is dropped while the exits of a cancelled group are in flight.
fn dropped_after_it_was_cancelled<S: Policed>() {
    let log = Log::default();
    let setup = Setup { exit_limit: 1, ..Setup::default() };
    let exit = Gate::new();
    let group = members(&log, [(well(), well().gate(&exit)), (well(), well()), (well().gate(&exit), well())]);
    let mut gather = S::run(group, &setup, &log, well());
    gather.pends();
    setup.stop.open();
    gather.pends();
    gather.drop();
    let log = log.take();
    assert_eq!(log[log.len() - 2..], ["drop exit 0", "abandon 1"]);
    assert_released(&log);
}

/// 16: a panic comes from the destructor of a dropped part, or from `stop` itself. The exits run, and receive
/// `Panicked`.
#[cfg(feature = "std")]
fn panics_on_the_way<S: Policed>() {
    let log = Log::default();
    let setup = Setup::default();
    let acts = [(well(), well()), (well().gate(&Gate::new()).drop_panics(), well()), (well(), well())];
    let mut gather = S::run(members(&log, acts), &setup, &log, well());
    gather.pends();
    setup.stop.open();
    assert_eq!(gather.end().why, Why::Panicked("drop enter 1".to_string()));
    assert_eq!(log.only(&["Panicked"]), ["exit 0 Panicked", "exit 2 Panicked"]);

    for in_body in [false, true] {
        let body = Gate::new();
        let enter = if in_body { well() } else { well().gate(&body) };
        let (a, b) = (Member::new(&log, 0, well(), well()), Member::new(&log, 1, enter, well()));
        let explode = Gate::new();
        let stop = async {
            explode.wait().await;
            panic!("stop")
        };
        let with = gather_cm::gather((a, b)).cancel_on(stop).catch_unwind().with(async |_| Ok(body.wait().await));
        let mut gather = Driver::new(with);
        gather.pends();
        explode.open();
        let Cause::Panicked(panic) = gather.end().unwrap_err().cause else { panic!() };
        assert_eq!(panic.to_string(), "panicked: stop");
        let log = log.take();
        assert!(log.contains(&"exit 0 Panicked".to_string()));
        assert_released(&log);
    }
}

#[cfg(not(feature = "std"))]
fn panics_on_the_way<S: Policed>() {
    in_body::<S>();
}

/// Logs when it is dropped, and opens a gate then. So an exit can wait for the stop to be gone.
struct Holds<'a>(&'a Log, &'a Gate);

impl Drop for Holds<'_> {
    fn drop(&mut self) {
        self.0.push("stop dropped");
        self.1.open();
    }
}

/// A stop that does not fire, and opens the gate when it is dropped.
fn holds<'a>(log: &'a Log, dropped: &'a Gate) -> impl Future<Output = ()> + 'a {
    let holds = Holds(log, dropped);
    async move {
        let _holds = holds;
        std::future::poll_fn(|_| {
            log.push("stop polled");
            std::task::Poll::Pending
        })
        .await
    }
}

/// Returns every combination of the policies that say how exits run.
fn setups() -> impl Iterator<Item = Setup> {
    ROLLBACKS.into_iter().flat_map(|rollback| {
        let orders = [(Order::Pool, 99), (Order::Pool, 1), (Order::Stack, 99), (Order::InReverse, 99)];
        orders.into_iter().flat_map(move |(order, exit_limit)| {
            [99, 1].map(|enter_limit| Setup { rollback, order, enter_limit, exit_limit, stop: Gate::new() })
        })
    })
}

/// Asserts that the stop was dropped once, before any exit had begun. Returns the log.
fn assert_dropped_before_exits(log: &Log) -> Vec<String> {
    let log = log.take();
    let place = |word: &str| log.iter().position(|line| line.starts_with(word));
    assert_eq!(log.iter().filter(|line| *line == "stop dropped").count(), 1, "{log:#?}");
    assert!(place("stop dropped") < place("exit "), "{log:#?}");
    assert!(!log[place("stop dropped").unwrap()..].iter().any(|line| line == "stop polled"), "{log:#?}");
    log
}

/// 14: the stop is dropped when the body has ended, before any exit. An exit that waits for the drop is ready in its
/// first poll.
fn the_stop_is_dropped_before_the_exits<S: Policed>() {
    for setup in setups() {
        for (end, expected) in [(well(), Report::value(7)), (fails("b"), Report::body("b"))] {
            let (log, dropped, body) = (Log::default(), Gate::new(), Gate::new());
            let exit = || well().gate(&dropped);
            let group = members(&log, [(well(), exit()), (well(), exit()), (well(), exit())]);
            let mut gather = S::stopped(group, &setup, &log, holds(&log, &dropped), end.gate(&body));
            gather.pends();
            gather.pends();
            assert_eq!((log.count("stop polled"), log.count("stop dropped")), (2, 0));
            body.open();
            assert_eq!(gather.end(), expected, "{setup:?}");
            let log = assert_dropped_before_exits(&log);
            assert!(log.contains(&"body dropped".to_string()));
            assert_released(&log);
        }
    }
}

/// 14: the same holds if the body is never called because an enter has failed. By then no enter is pending.
fn the_stop_is_dropped_before_the_exits_of_a_failed_group<S: Policed>() {
    for setup in setups().filter(|setup| setup.rollback != Rollback::Eager) {
        let (log, dropped, enter) = (Log::default(), Gate::new(), Gate::new());
        let exit = || well().gate(&dropped);
        let acts = [(well().gate(&enter), exit()), (well(), exit()), (fails("e2"), well())];
        let mut gather = S::stopped(members(&log, acts), &setup, &log, holds(&log, &dropped), well());
        if setup.enter_limit == 1 || setup.rollback != Rollback::FailFast {
            gather.pends();
            gather.pends();
            assert_eq!((log.count("stop polled"), log.count("stop dropped")), (2, 0), "{setup:?}");
            enter.open();
        }
        assert_eq!(gather.end(), Report::enter(&[(2, "e2")]), "{setup:?}");
        let log = assert_dropped_before_exits(&log);
        assert!(!log.contains(&"body".to_string()));
        assert_released(&log);
    }
}

/// 14: with `eager_rollback`, the stop is polled along with the exits while an enter is pending. It is dropped in the
/// poll in which the last enter ends.
fn an_eager_group_keeps_the_stop_while_an_enter_is_pending<S: Policed>() {
    for setup in setups().filter(|setup| setup.rollback == Rollback::Eager && setup.enter_limit > 1) {
        let (log, dropped, enter) = (Log::default(), Gate::new(), Gate::new());
        let exit = || well().gate(&dropped);
        let acts = || [(well().gate(&enter), exit()), (well(), exit()), (fails("e2"), well())];
        let mut gather = S::stopped(members(&log, acts()), &setup, &log, holds(&log, &dropped), well());
        gather.pends();
        gather.pends();
        assert_eq!((log.count("stop polled"), log.count("stop dropped")), (2, 0));
        assert_eq!((log.count("exit 1 EnterFailed"), log.count("exited 1")), (1, 0));
        enter.open();
        assert_eq!(gather.end(), Report::enter(&[(2, "e2")]), "{setup:?}");
        assert_eq!((log.count("stop polled"), log.count("stop dropped")), (3, 1));
        assert_released(&log.take());

        // Meanwhile another stop fires. The pending enter is dropped, and so are both stops.
        let (dropped, stop) = (Gate::new(), Gate::new());
        let exit = || well().gate(&dropped);
        let setup = Setup { stop: stop.clone(), ..setup };
        let acts = [(well().gate(&Gate::new()), exit()), (well(), exit()), (fails("e2"), well())];
        let mut gather = S::stopped(members(&log, acts), &setup, &log, holds(&log, &dropped), well());
        gather.pends();
        stop.open();
        assert_eq!(gather.end(), Report::enter(&[(2, "e2")]), "{setup:?}");
        assert_eq!((log.count("stop dropped"), log.count("drop enter 0"), log.count("exited 1")), (1, 1, 1));
        assert_released(&log.take());
    }
}

/// 14: with `eager_rollback` and no pending enter, the stop is dropped before the first exit, as always.
fn an_eager_group_without_a_pending_enter<S: Policed>() {
    for setup in setups().filter(|setup| setup.rollback == Rollback::Eager) {
        let (log, dropped) = (Log::default(), Gate::new());
        let exit = || well().gate(&dropped);
        let acts = [(well(), exit()), (well(), exit()), (fails("e2"), well())];
        let mut gather = S::stopped(members(&log, acts), &setup, &log, holds(&log, &dropped), well());
        assert_eq!(gather.end(), Report::enter(&[(2, "e2")]), "{setup:?}");
        assert_released(&assert_dropped_before_exits(&log));
    }
}

/// 14: of two stops one fires, while a member enters or while the body runs. The other stop is dropped before the
/// exits, too.
fn the_stop_that_did_not_fire_is_dropped_too<S: Policed>() {
    for setup in setups() {
        for in_body in [false, true] {
            let (log, dropped, enter) = (Log::default(), Gate::new(), Gate::new());
            let setup = Setup { stop: Gate::new(), ..setup.clone() };
            let exit = || well().gate(&dropped);
            let last = if in_body { well() } else { well().gate(&enter) };
            let group = members(&log, [(well(), exit()), (well(), exit()), (last, exit())]);
            let mut gather = S::stopped(group, &setup, &log, holds(&log, &dropped), well().gate(&Gate::new()));
            gather.pends();
            setup.stop.open();
            if !in_body && setup.rollback == Rollback::Settle {
                gather.pends();
                assert_eq!((log.count("stop polled"), log.count("stop dropped")), (1, 0), "{setup:?}");
                enter.open();
            }
            assert_eq!(gather.end(), cancelled(), "{setup:?}");
            assert_released(&assert_dropped_before_exits(&log));
        }
    }
}

/// A stop that does not fire, and whose destructor panics.
fn bomb<'a>(log: &'a Log, message: &'static str) -> impl Future<Output = ()> + 'a {
    struct Bomb<'a>(&'a Log, &'static str);
    impl Drop for Bomb<'_> {
        fn drop(&mut self) {
            self.0.push("stop dropped");
            panic!("{}", self.1);
        }
    }
    let bomb = Bomb(log, message);
    async move {
        let _bomb = bomb;
        pending().await
    }
}

/// 17: if the destructor of a stop that did not fire panics, that is a panic of the group. The exits receive
/// `Panicked`, and the first panic wins. The failure has the errors of the exits along with it, and nothing leaks.
#[cfg(feature = "std")]
fn a_stop_that_panics_as_it_is_dropped<S: Policed>() {
    for setup in setups() {
        for (end, first) in [(well(), "stop"), (fails("b"), "stop"), (common::panics("body"), "body")] {
            let log = Log::default();
            let group = members(&log, [(well(), fails("x0")), (well(), well()), (well(), fails("x2"))]);
            let report = S::stopped(group, &setup, &log, bomb(&log, "stop"), end).end();
            let why = Why::Panicked(first.to_string());
            assert_eq!(report, Report { why, exits: vec![(0, "x0"), (2, "x2")], suppressed: false }, "{setup:?}");
            let log = assert_dropped_before_exits(&log);
            let told: Vec<_> = log.iter().filter(|line| line.starts_with("exit ")).collect();
            assert!(told.len() == 3 && told.iter().all(|line| line.ends_with("Panicked")), "{log:#?}");
            assert!(!log.iter().any(|line| line.contains("on_error")));
            assert_released(&log);
        }

        // Another stop fires.
        let (log, enter) = (Log::default(), Gate::new());
        let setup = Setup { stop: Gate::new(), ..setup };
        let group = members(&log, [(well(), well()), (well(), fails("x1")), (fails("e2").gate(&enter), well())]);
        let mut gather = S::stopped(group, &setup, &log, bomb(&log, "stop"), well());
        gather.pends();
        setup.stop.open();
        if setup.rollback == Rollback::Settle {
            gather.pends();
            enter.open();
        }
        let why = Why::Panicked("stop".to_string());
        assert_eq!(gather.end(), Report { why, exits: vec![(1, "x1")], suppressed: false });
        let log = assert_dropped_before_exits(&log);
        assert_eq!(log.iter().filter(|line| line.ends_with(" Panicked")).count(), 2);
        assert_released(&log);
    }
}

/// 17: in a group that has failed, too, the exits receive `Panicked`. They still receive the enter error along with it.
#[cfg(feature = "std")]
fn a_stop_that_panics_as_a_failed_group_drops_it<S: Policed>() {
    for setup in setups() {
        let log = Log::default();
        let group = members(&log, [(well(), fails("x0")), (well(), well()), (fails("e2"), well())]);
        let report = S::stopped(group, &setup, &log, bomb(&log, "stop"), well()).end();
        let why = Why::Panicked("stop".to_string());
        assert_eq!(report, Report { why, exits: vec![(0, "x0")], suppressed: false }, "{setup:?}");
        let log = assert_dropped_before_exits(&log);
        let told: Vec<_> = log.iter().filter(|line| line.starts_with("exit ")).collect();
        assert!(told.len() == 2 && told.iter().all(|line| line.ends_with("Panicked")), "{log:#?}");
        assert_eq!(log.iter().filter(|line| line.starts_with("on_error") && line.ends_with("e2")).count(), 2);
        assert_released(&log);
    }
}

/// 9, 17: if the first exit of an eager group has begun, the case does not change any more. The panic is the cause.
#[cfg(feature = "std")]
fn a_stop_that_panics_after_an_exit_has_begun<S: Policed>() {
    for setup in setups().filter(|setup| setup.rollback == Rollback::Eager && setup.enter_limit > 1) {
        let (log, enter) = (Log::default(), Gate::new());
        let group = members(&log, [(well().gate(&enter), fails("x0")), (well(), well()), (fails("e2"), well())]);
        let mut gather = S::stopped(group, &setup, &log, bomb(&log, "stop"), well());
        gather.pends();
        assert_eq!((log.count("exited 1"), log.count("stop dropped")), (1, 0));
        enter.open();
        let why = Why::Panicked("stop".to_string());
        assert_eq!(gather.end(), Report { why, exits: vec![(0, "x0")], suppressed: false }, "{setup:?}");
        assert_eq!((log.count("exit 0 EnterFailed"), log.count("exit 1 EnterFailed")), (1, 1));
        assert_released(&log.take());
    }
}

/// 17: the gather is dropped while members enter or while the body runs, and the stop's destructor panics. No resource
/// is skipped.
#[cfg(feature = "std")]
fn a_drop_with_a_stop_that_panics<S: Policed>() {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    for in_body in [false, true] {
        let log = Log::default();
        let last = if in_body { well() } else { well().gate(&Gate::new()) };
        let group = members(&log, [(well(), well()), (well(), well()), (last, well())]);
        let body = well().gate(&Gate::new());
        let mut gather = S::stopped(group, &Setup::default(), &log, bomb(&log, "stop"), body);
        gather.pends();
        log.take();
        let payload = catch_unwind(AssertUnwindSafe(|| gather.drop())).unwrap_err();
        assert_eq!(common::message(&*payload), "stop");
        let count = if in_body { 3 } else { 2 };
        assert_eq!(log.everything().iter().filter(|line| line.starts_with("abandon")).count(), count);
        assert_eq!(log.count("stop dropped"), 1);
        assert_released(&log.everything());
    }
}

fn settle() -> Setup {
    Setup { rollback: Rollback::Settle, ..Setup::default() }
}

/// 14: with `settle`, the pending enters run to their end after a stop. In the poll of the last end, the exits begin.
/// The body is not called.
fn settle_in_enter<S: Policed>() {
    let (log, setup, enters) = (Log::default(), settle(), <[Gate; 2]>::default());
    let acts = [(well(), fails("x0")), (well().gate(&enters[0]), well()), (well().gate(&enters[1]), well())];
    let mut gather = S::run(members(&log, acts), &setup, &log, well());
    gather.pends();
    log.take();
    setup.stop.open();
    gather.pends();
    assert_eq!(log.take(), ["poll enter 1", "poll enter 2"]);
    enters[1].open();
    gather.pends();
    assert_eq!(log.take(), ["poll enter 1", "poll enter 2", "entered 2", "drop enter 2"]);
    enters[0].open();
    assert_eq!(gather.end(), cancelled().exits(&[(0, "x0")]));
    let exits = [0, 1, 2].map(|name| [format!("exit {name} Cancelled"), format!("exited {name}")]).concat();
    assert_eq!(events(&log), [vec!["entered 1".to_string()], exits].concat());
}

/// 14 and 6: queued members never start, even if there is a place for them.
fn settle_with_queued_members<S: Policed>() {
    for (enter_limit, order) in [(1, Order::Pool), (2, Order::Pool), (2, Order::Stack), (2, Order::InReverse)] {
        let (log, enter) = (Log::default(), Gate::new());
        let setup = Setup { enter_limit, order, ..settle() };
        let pending = || (well().gate(&enter), well());
        let mut gather = S::run(members(&log, [pending(), pending(), (well(), well())]), &setup, &log, well());
        gather.pends();
        setup.stop.open();
        gather.pends();
        enter.open();
        assert_eq!(gather.end(), cancelled());
        assert_eq!(log.only(&["enter "]).last().unwrap(), &format!("drop enter {}", enter_limit - 1));
        assert_released(&log.everything());
    }
}

/// 14: an enter that fails after the stop is the cause. The exits still receive `Cancelled`, and no error.
fn settle_and_a_late_error<S: Policed>() {
    for order in [Order::Pool, Order::Stack, Order::InReverse] {
        for first in [0, 1, 2] {
            let (log, enters) = (Log::default(), <[Gate; 2]>::default());
            let setup = Setup { order, ..settle() };
            let group = [
                Member::new(&log, 0, fails("e0").gate(&enters[0]), well()),
                Member::new(&log, 1, well().gate(&enters[1]), well()).suppress(),
                Member::new(&log, 2, well(), fails("x2")),
            ];
            let mut gather = S::run(group, &setup, &log, well());
            gather.pends();
            setup.stop.open();
            // Otherwise both end in the poll in which the stop is ready.
            if first < 2 {
                gather.pends();
                enters[first].open();
                gather.pends();
            }
            assert_eq!(log.only(&["exit", "drop enter 1"]).len(), usize::from(first == 1));
            enters.iter().for_each(Gate::open);
            assert_eq!(gather.end(), Report::enter(&[(0, "e0")]).exits(&[(2, "x2")]));
            // Member 1 enters last.
            let exits = if order == Order::InReverse { [2, 1] } else { [1, 2] };
            assert_eq!(log.only(&["Cancelled", "on_error"]), exits.map(|name| format!("exit {name} Cancelled")));
        }
    }
}

/// 14: with `settle`, a stop has no effect on a group that has failed already. It is dropped before the exits.
fn settle_in_a_failed_group<S: Policed>() {
    let (log, dropped, enter) = (Log::default(), Gate::new(), Gate::new());
    let setup = settle();
    let exit = || well().gate(&dropped);
    let acts = [(well(), exit()), (fails("e1"), well()), (well().gate(&enter), exit())];
    let mut gather = S::stopped(members(&log, acts), &setup, &log, holds(&log, &dropped), well());
    gather.pends();
    setup.stop.open();
    gather.pends();
    assert_eq!((log.count("stop polled"), log.count("stop dropped"), log.count("drop enter 2")), (1, 0, 0));
    enter.open();
    assert_eq!(gather.end(), Report::enter(&[(1, "e1")]));
    let log = assert_dropped_before_exits(&log);
    let told: Vec<_> = log.iter().filter(|line| line.contains("on_error") || line.contains("EnterFailed")).collect();
    assert_eq!(told, ["on_error 0 e1", "exit 0 EnterFailed", "on_error 2 e1", "exit 2 EnterFailed"]);
}

/// 15: under `settle`, too, a drop abandons the resources. The drop comes before the stop, while the enters run on, or
/// during the exits.
fn settle_and_a_drop<S: Policed>() {
    for polls in 0..4 {
        let (log, enter) = (Log::default(), Gate::new());
        let setup = Setup { exit_limit: 1, ..settle() };
        let acts = [(well(), well().gate(&Gate::new())), (well().gate(&enter), well()), (well(), well())];
        let mut gather = S::run(members(&log, acts), &setup, &log, well());
        for poll in 0..polls {
            [&Gate::new(), &setup.stop, &enter][poll].open();
            gather.pends();
        }
        log.take();
        gather.drop();
        let expected = [
            &[][..],
            &["abandon 0", "drop enter 1", "abandon 2"],
            &["abandon 0", "drop enter 1", "abandon 2"],
            &["drop exit 0", "abandon 1", "abandon 2"],
        ];
        assert_eq!(log.take(), expected[polls]);
        assert_released(&log.everything());
    }
}

/// 16: if an enter panics after the stop, the exits receive `Panicked`, and the panic is the cause.
#[cfg(feature = "std")]
fn settle_and_a_late_panic<S: Policed>() {
    for order in [Order::Pool, Order::Stack, Order::InReverse] {
        let (log, enters) = (Log::default(), <[Gate; 2]>::default());
        let setup = Setup { order, ..settle() };
        let acts = [
            (common::panics("e0").gate(&enters[0]), well()),
            (well(), fails("x1")),
            (well().gate(&enters[1]).drop_panics(), well()),
        ];
        let mut gather = S::run(members(&log, acts), &setup, &log, well());
        gather.pends();
        setup.stop.open();
        gather.pends();
        enters[0].open();
        gather.pends();
        assert_eq!(log.only(&["exit"]), [""; 0]);
        enters[1].open();
        let why = Why::Panicked("e0".to_string());
        assert_eq!(gather.end(), Report { why, exits: vec![(1, "x1")], suppressed: false });
        let exits = if order == Order::Pool { [1, 2] } else { [2, 1] };
        assert_released(&log.everything());
        let told: Vec<_> = log.everything().into_iter().filter(|line| line.ends_with("Panicked")).collect();
        assert_eq!(told, exits.map(|name| format!("exit {name} Panicked")));
    }
}

/// A stop that is ready once its gate is open. After that it must not be polled again. It opens another gate when it is
/// dropped.
fn fires<'a>(log: &'a Log, fire: &'a Gate, dropped: &'a Gate, ready: common::Act) -> impl Future<Output = ()> + 'a {
    let holds = Holds(log, dropped);
    let mut over = false;
    std::future::poll_fn(move |cx| {
        let _holds = &holds;
        assert!(!over, "polled after it was ready");
        log.push("stop polled");
        let polled = fire.poll(cx);
        over = polled.is_ready();
        if let (true, common::End::Panics(message)) = (over, ready.end) {
            panic!("{message}");
        }
        polled
    })
}

/// 14: with `settle`, a stop that was ready is not polled again. It lives on while enters are pending, and is dropped
/// in the poll in which none is, before any exit is polled.
fn settle_drops_the_stop_before_the_exits<S: Policed>() {
    for setup in setups().filter(|setup| setup.rollback == Rollback::Settle) {
        let (log, fire, dropped, enter) = (Log::default(), Gate::new(), Gate::new(), Gate::new());
        let (pending, exit) = (|| well().gate(&enter), || well().gate(&dropped));
        let acts = [(pending(), exit()), (pending(), exit()), (pending(), exit())];
        let mut gather = S::stopped(members(&log, acts), &setup, &log, fires(&log, &fire, &dropped, well()), well());
        gather.pends();
        fire.open();
        gather.pends();
        gather.pends();
        assert_eq!((log.count("stop polled"), log.count("stop dropped")), (2, 0), "{setup:?}");
        enter.open();
        assert_eq!(gather.end(), cancelled(), "{setup:?}");
        let log = assert_dropped_before_exits(&log);
        let exits = if setup.enter_limit == 1 { 1 } else { 3 };
        assert_eq!(log.iter().filter(|line| line.ends_with("Cancelled")).count(), exits, "{setup:?}");
        assert_released(&log);
    }
}

/// 16: a stop that panics when it is polled stops the group. The enters run on, and the exits receive `Panicked`.
#[cfg(feature = "std")]
fn settle_with_a_stop_that_panics<S: Policed>() {
    for setup in setups().filter(|setup| setup.rollback == Rollback::Settle) {
        for in_body in [false, true] {
            let (log, fire, dropped, enter) = (Log::default(), Gate::new(), Gate::new(), Gate::new());
            let pending = || (if in_body { well() } else { well().gate(&enter) }, well().gate(&dropped));
            let stop = fires(&log, &fire, &dropped, common::panics("stop"));
            let group = members(&log, [pending(), pending(), pending()]);
            let mut gather = S::stopped(group, &setup, &log, stop, well().gate(&Gate::new()));
            gather.pends();
            fire.open();
            if !in_body {
                gather.pends();
                gather.pends();
                assert_eq!((log.count("stop polled"), log.count("stop dropped")), (2, 0), "{setup:?}");
                enter.open();
            }
            assert_eq!(gather.end().why, Why::Panicked("stop".to_string()), "{setup:?}");
            let log = assert_dropped_before_exits(&log);
            let exits = if setup.enter_limit == 1 && !in_body { 1 } else { 3 };
            assert_eq!(log.iter().filter(|line| line.ends_with("Panicked")).count(), exits, "{setup:?}");
            assert_released(&log);
        }
    }
}

/// 17: the same holds if the stop's destructor panics, whether the stop was ready or not.
#[cfg(feature = "std")]
fn settle_with_a_stop_that_panics_as_it_is_dropped<S: Policed>() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("stop");
        }
    }
    for (setup, late_error) in setups().flat_map(|setup| [(setup.clone(), false), (setup, true)]) {
        let (log, fire, dropped, enter) = (Log::default(), Gate::new(), Gate::new(), Gate::new());
        let stop = fires(&log, &fire, &dropped, well());
        let bomb = Bomb;
        let mut stop = Box::pin(stop);
        let stop = std::future::poll_fn(move |cx| {
            let _bomb = &bomb;
            stop.as_mut().poll(cx)
        });
        let first = if late_error { fails("e0") } else { well() };
        let acts = [(first.gate(&enter), well()), (well(), fails("x1")), (well(), well())];
        let setup = Setup { rollback: Rollback::Settle, enter_limit: 99, ..setup };
        let mut gather = S::stopped(members(&log, acts), &setup, &log, stop, well());
        gather.pends();
        fire.open();
        gather.pends();
        assert_eq!(log.count("stop dropped"), 0);
        enter.open();
        let why = Why::Panicked("stop".to_string());
        assert_eq!(gather.end(), Report { why, exits: vec![(1, "x1")], suppressed: false }, "{setup:?}");
        let log = assert_dropped_before_exits(&log);
        let exits = if late_error { 2 } else { 3 };
        assert_eq!(log.iter().filter(|line| line.ends_with("Panicked")).count(), exits, "{setup:?}");
        assert_released(&log);
    }
}

shapes! {
    settle_in_enter
    settle_with_queued_members
    settle_and_a_late_error
    settle_in_a_failed_group
    settle_and_a_drop
    settle_drops_the_stop_before_the_exits
    the_stop_is_dropped_before_the_exits
    the_stop_is_dropped_before_the_exits_of_a_failed_group
    an_eager_group_keeps_the_stop_while_an_enter_is_pending
    an_eager_group_without_a_pending_enter
    the_stop_that_did_not_fire_is_dropped_too
    before_it_starts
    in_enter
    in_body
    it_wins_over_an_end_in_the_same_poll
    in_exit
    while_a_failed_group_settles
    with_queued_members
    nothing_to_suppress
    dropped_after_it_was_cancelled
    panics_on_the_way
}

#[cfg(feature = "std")]
mod stops_that_panic {
    use super::*;

    shapes! {
        a_stop_that_panics_as_it_is_dropped
        a_stop_that_panics_as_a_failed_group_drops_it
        a_stop_that_panics_after_an_exit_has_begun
        a_drop_with_a_stop_that_panics
        settle_and_a_late_panic
        settle_with_a_stop_that_panics
        settle_with_a_stop_that_panics_as_it_is_dropped
    }
}

/// 16: the body's destructor panics as it is dropped.
#[test]
#[cfg(feature = "std")]
fn a_body_that_panics_as_it_is_dropped() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("bomb");
        }
    }
    let log = Log::default();
    let stop = Gate::new();
    let mut gather = Driver::new(
        gather((Member::new(&log, 0, well(), well()),)).cancel_on(stop.wait()).catch_unwind().with(async |_| {
            let _bomb = Bomb;
            pending::<Result<(), _>>().await
        }),
    );
    gather.pends();
    stop.open();
    assert!(matches!(gather.end().unwrap_err().cause, Cause::Panicked(_)));
    assert_eq!(log.only(&["Panicked", "exited"]), ["exit 0 Panicked", "exited 0"]);
}

/// 14: an empty group completes, and an empty group that is cancelled before it starts fails with `Cancelled`.
#[test]
fn an_empty_group() {
    let failure = Driver::new(gather(()).cancel_on(ready(())).with(async |()| Ok(()))).end().unwrap_err();
    assert!(matches!(failure.cause, Cause::Cancelled { .. }));
    assert_eq!(failure.to_string(), "cancelled");
    Driver::new(gather(()).cancel_on(pending::<()>()).with(async |()| Ok(()))).end().unwrap();
}

/// 1: the stop is lazy, too. Not even its `into_future` is called before the first poll.
#[test]
fn cancel_on_is_lazy() {
    struct Signal<'a>(&'a Log);
    impl IntoFuture for Signal<'_> {
        type Output = ();
        type IntoFuture = std::future::Pending<()>;
        fn into_future(self) -> Self::IntoFuture {
            self.0.push("signal");
            std::future::pending()
        }
    }
    let log = Log::default();
    let member = || async { Ok::<_, ()>(()) }.drop_on_exit();
    let with = gather((member(),)).cancel_on(Signal(&log)).with(async |_| Ok(()));
    assert_eq!(log.take(), [""; 0]);
    Driver::new(with).end().unwrap();
    assert_eq!(log.take(), ["signal"]);
}

/// After two calls of `cancel_on`, the stop that is ready first cancels the group.
#[test]
fn cancel_on_twice() {
    for first in [false, true] {
        let (one, two) = (Gate::new(), Gate::new());
        let member = async { Ok::<_, ()>(()) }.drop_on_exit();
        let gather = gather((member,)).cancel_on(one.wait()).cancel_on(two.wait());
        let mut gather = Driver::new(gather.with(async |_| pending::<Result<(), _>>().await));
        gather.pends();
        if first {
            one.open()
        } else {
            two.open()
        }
        assert!(matches!(gather.end().unwrap_err().cause, Cause::Cancelled { .. }));
    }
}

/// A timeout that still releases everything is the purpose of `cancel_on`. (Miri has no timers.)
#[cfg(not(miri))]
#[test]
fn a_timeout() {
    let log = Log::default();
    let timeout = async {
        smol::Timer::after(std::time::Duration::from_millis(1)).await;
    };
    let group = (Member::new(&log, 0, well(), well()), Member::new(&log, 1, well().gate(&Gate::new()), well()));
    let failure = smol::block_on(gather(group).cancel_on(timeout).with(async |_| Ok(()))).unwrap_err();
    assert!(matches!(failure.cause, Cause::Cancelled { .. }));
    assert_released(&log.take());
}

/// A member whose exit waits for something.
macro_rules! exits {
    ($exit:expr) => {
        async { Ok::<_, &str>(()) }.exit_with(async |(), _| {
            $exit.await;
            Ok(())
        })
    };
}

/// A body that ends in its second poll, and does something just before.
macro_rules! later {
    ($act:expr) => {
        async |_| {
            smol::future::yield_now().await;
            $act;
            Ok(())
        }
    };
}

/// 14: a fair lock goes to the first waiter in the queue. That is the stop, and the stop will not be polled any more.
/// It must leave the queue, so that the exits receive the lock.
#[test]
fn a_fair_lock() {
    let lock = tokio::sync::Mutex::new(());
    let member = || exits!(async { drop(lock.lock().await) });
    each_shape!([member()], |gather| {
        let hold = RefCell::new(Some(lock.try_lock().unwrap()));
        let stop = async {
            drop(lock.lock().await);
            pending::<()>().await
        };
        let mut gather = Driver::new(gather.cancel_on(stop).with(later!(drop(hold.borrow_mut().take()))));
        gather.pends();
        gather.end().unwrap();
    });
    each_shape!([member(), member(), member()], |gather| {
        let hold = RefCell::new(Some(lock.try_lock().unwrap()));
        let stop = async { drop(lock.lock().await) };
        let with = gather.stack().cancel_on(stop).cancel_on(pending::<()>());
        let mut gather = Driver::new(with.with(later!(drop(hold.borrow_mut().take()))));
        gather.pends();
        gather.end().unwrap();
    });
}

/// 14: an exit waits until the receiver is gone, which the stop owns.
#[test]
fn a_channel() {
    let sender = RefCell::new(None);
    let member = || {
        exits!(async {
            let sender: tokio::sync::mpsc::Sender<()> = sender.borrow().clone().unwrap();
            sender.closed().await
        })
    };
    each_shape!([member(), member()], |gather| {
        let (new, mut receiver) = tokio::sync::mpsc::channel(1);
        *sender.borrow_mut() = Some(new);
        let mut gather = Driver::new(gather.cancel_on(async move { receiver.recv().await }).with(later!({})));
        gather.pends();
        gather.end().unwrap();
    });
}

/// 14: a `Notify` says that a state under a lock has changed. The notice goes to the first waiter, the stop, and the
/// stop passes it on when it is dropped.
#[test]
fn a_state_and_a_notify() {
    let (state, changed) = (std::sync::Mutex::new("busy"), tokio::sync::Notify::new());
    let reaches = |wanted: &'static str| {
        let (state, changed) = (&state, &changed);
        async move {
            while *state.lock().unwrap() != wanted {
                changed.notified().await;
            }
        }
    };
    let member = || {
        exits!(async {
            changed.notified().await;
            reaches("idle").await;
        })
    };
    each_shape!([member()], |gather| {
        *state.lock().unwrap() = "busy";
        let mut gather = Driver::new(gather.cancel_on(reaches("shut down")).with(later!({
            *state.lock().unwrap() = "idle";
            changed.notify_one();
        })));
        gather.pends();
        gather.end().unwrap();
    });
}

/// 14: of two stops, the first one does not fire, and is dropped all the same.
#[test]
fn the_first_of_two_stops_is_dropped_too() {
    let log = Log::default();
    let dropped = RefCell::new(Gate::new());
    let member = || {
        exits!(async {
            let dropped = dropped.borrow().clone();
            dropped.wait().await
        })
    };
    each_shape!([member(), member()], |gather| {
        let (gate, fires) = (Gate::new(), Gate::new());
        *dropped.borrow_mut() = gate.clone();
        let gather = gather.cancel_on(holds(&log, &gate)).cancel_on(fires.wait());
        let mut gather = Driver::new(gather.with(async |_| pending::<Result<(), _>>().await));
        gather.pends();
        fires.open();
        assert!(matches!(gather.end().unwrap_err().cause, Cause::Cancelled { .. }));
        assert_eq!(log.only(&["dropped"]), ["stop dropped"]);
    });
}

/// 14: `enter` drops the stop before it hands out the values, or before the exits of a failed group.
#[test]
fn enter_drops_the_stop() {
    let (log, enter) = (Log::default(), RefCell::new(Gate::new()));
    let member = |name| Member::new(&log, name, well().gate(&enter.borrow()), well());
    each_shape!([member(0), member(1)], |gather| {
        let dropped = Gate::new();
        let mut gather = Driver::new(gather.cancel_on(holds(&log, &dropped)).enter());
        gather.pends();
        assert_eq!(log.count("stop dropped"), 0);
        enter.borrow().open();
        let entered = gather.end().unwrap();
        assert_eq!(log.take().last().unwrap(), "stop dropped");
        drop(entered);
        assert_eq!(log.only(&["abandon", "stop"]), ["abandon 0", "abandon 1"]);
        drop(enter.replace(Gate::new()));
    });

    let dropped = RefCell::new(Gate::new());
    let (gate, name) = (|| dropped.borrow().clone(), Cell::new(0));
    let member = |enter| Member::new(&log, name.replace(1 - name.get()), enter, well().gate(&gate()));
    each_shape!([member(well()), member(fails("e"))], |gather| {
        let dropped = gate();
        let failure = Driver::new(gather.cancel_on(holds(&log, &dropped)).enter()).end().unwrap_err();
        assert_eq!(failure.to_string(), "enter of member 1 failed: e");
        assert_dropped_before_exits(&log);
    });
}

/// 17: if the destructor of a stop panics as `enter` drops it, the members that have entered are exited, and receive
/// `Panicked`.
#[test]
#[cfg(feature = "std")]
fn enter_with_a_stop_that_panics() {
    let log = Log::default();
    let member = |name| Member::new(&log, name, well(), fails("x"));
    each_shape!([member(0), member(1)], |gather| {
        let mut gather = Driver::new(gather.cancel_on(bomb(&log, "stop")).catch_unwind().enter());
        let failure = gather.end().err().unwrap();
        assert_eq!(failure.exits.len(), 2);
        let Cause::Panicked(panic) = failure.cause else { panic!() };
        assert_eq!(common::message(&*panic.into_payload()), "stop");
        let log = assert_dropped_before_exits(&log);
        assert_eq!(log.iter().filter(|line| line.ends_with(" Panicked")).count(), 2);
        assert_eq!(log.iter().filter(|line| line.starts_with("LEAK")).count(), 0);
    });
}

/// 17: without `catch_unwind` the panic resumes when the exits have finished. Two stops that panic are both dropped,
/// and the first panic wins.
#[test]
#[cfg(feature = "std")]
fn the_panic_of_a_dropped_stop_resumes() {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let (log, exit) = (Log::default(), RefCell::new(Gate::new()));
    let member = |name| Member::new(&log, name, well(), fails("x").gate(&exit.borrow()));
    each_shape!([member(0), member(1)], |gather| {
        let gather = gather.cancel_on(bomb(&log, "one")).cancel_on(bomb(&log, "two")).cancel_on(bomb(&log, "three"));
        let mut gather = Driver::new(gather.with(async |_| Ok(())));
        gather.pends();
        assert_eq!(log.only(&["dropped", "Panicked"])[..3], ["stop dropped"; 3]);
        exit.borrow().open();
        let payload = catch_unwind(AssertUnwindSafe(|| gather.end())).unwrap_err();
        assert_eq!(common::message(&*payload), "one");
        assert_eq!(log.only(&["exited", "LEAK"]), ["exited 0", "exited 1"]);
        drop(exit.replace(Gate::new()));
    });
}

/// 17: the same holds if the destructor of the stop that fired panics.
#[test]
#[cfg(feature = "std")]
fn the_stop_that_fired_panics_as_it_is_dropped() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("bomb");
        }
    }
    /// Is ready at once, and keeps its bomb.
    struct Fires<'a>(&'a Gate, #[allow(dead_code)] Bomb);
    impl Future for Fires<'_> {
        type Output = ();
        fn poll(self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<()> {
            self.0.poll(cx)
        }
    }
    let log = Log::default();
    let member = |name| Member::new(&log, name, well(), well());
    each_shape!([member(0), member(1)], |gather| {
        let fire = Gate::new();
        let gather = gather.cancel_on(Fires(&fire, Bomb)).catch_unwind();
        let mut gather = Driver::new(gather.with(async |_| pending::<Result<(), _>>().await));
        gather.pends();
        fire.open();
        assert!(matches!(gather.end().unwrap_err().cause, Cause::Panicked(_)));
        assert_eq!(log.only(&["Panicked", "exited"]), ["exit 0 Panicked", "exited 0", "exit 1 Panicked", "exited 1"]);
    });
}

/// The output of the stop does not matter, so you can pass `ctrl_c()` as it is.
#[test]
fn a_stop_of_any_output() {
    let member = || async { Ok::<_, &str>(()) }.drop_on_exit();
    each_shape!([member(), member()], |gather| {
        let stop = ready(Err::<u8, _>(std::io::Error::other("no signals here")));
        let failure = Driver::new(gather.cancel_on(stop).with(async |_| Ok(()))).end().unwrap_err();
        assert!(matches!(failure.cause, Cause::Cancelled { .. }));
    });
}

/// 14: the stop works in a `Vec` that polls only the woken members, too.
#[test]
#[cfg(feature = "alloc")]
fn a_large_vec() {
    for in_enter in [false, true] {
        let (log, dropped, gate) = (Log::default(), Gate::new(), Gate::new());
        let member = |name: usize| {
            let enter = if in_enter && name == 33 { well().gate(&gate) } else { well() };
            Member::new(&log, name, enter, well().gate(&dropped))
        };
        let gather = gather((0..40).map(member).collect::<Vec<_>>());
        let body = async |_: &mut gather_cm::VecRefs<'_, _>| Ok(gate.wait().await);
        let mut gather = Driver::new(gather.cancel_on(holds(&log, &dropped)).with(body));
        gather.pends();
        gate.open();
        gather.end().unwrap();
        let log = assert_dropped_before_exits(&log);
        assert_eq!(log.iter().filter(|line| line.starts_with("exited")).count(), 40);
    }

    let (log, dropped, fire) = (Log::default(), Gate::new(), Gate::new());
    let member = |name| Member::new(&log, name, well(), well().gate(&dropped));
    let gather = gather((0..40).map(member).collect::<Vec<_>>());
    let gather = gather.cancel_on(holds(&log, &dropped)).cancel_on(fire.wait());
    let mut gather = Driver::new(gather.with(async |_| pending::<Result<(), _>>().await));
    gather.pends();
    fire.open();
    assert!(matches!(gather.end().unwrap_err().cause, Cause::Cancelled { .. }));
    assert_eq!(log.only(&["exited"]).len(), 40);
}

/// 14, 17: after a panic of the observer, the body is not called. The stop is dropped before any exit is polled all the
/// same, and `catch_unwind` catches a panic of its destructor.
#[test]
#[cfg(feature = "std")]
fn after_a_panic_of_the_observer() {
    let log = Log::default();
    let member = |name| Member::new(&log, name, well(), well());
    each_shape!([member(0), member(1)], |gather| {
        let observer = |event| assert!(!matches!(event, Event::BodyStarted { .. }), "observer");
        let gather = gather.cancel_on(bomb(&log, "stop")).observe(observer).catch_unwind();
        let failure = Driver::new(gather.with(async |_| -> Result<(), _> { unreachable!() })).end().unwrap_err();
        assert!(matches!(failure.cause, Cause::Panicked(_)));
        assert_eq!(log.only(&["stop", "Panicked"]), ["stop dropped", "exit 0 Panicked", "exit 1 Panicked"]);
    });
}

/// 17: without `std` a panic of the stop's destructor leaves the poll when the body has ended. The observer receives no
/// event for the dropped body, and the values are abandoned.
#[test]
#[cfg(not(feature = "std"))]
fn a_panic_after_the_body_gets_out() {
    let log = Log::default();
    let member = |name| Member::new(&log, name, well(), well());
    each_shape!([member(0), member(1)], |gather| {
        let events = RefCell::new(Vec::new());
        let gather = gather.cancel_on(bomb(&log, "stop")).observe(|event| events.borrow_mut().push(event));
        let mut gather = Driver::new(gather.with(async |_| Ok(())));
        let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| gather.poll().is_ready())).unwrap_err();
        assert_eq!(common::message(&*payload), "stop");
        assert_eq!(log.only(&["exit ", "abandon"]), ["abandon 0", "abandon 1"]);
        assert!(!events.take().iter().any(|event| matches!(event, Event::BodyDropped { .. })));
    });
}

/// 16: with `settle` and without `catch_unwind`, the panic of an enter after the stop resumes when the exits have
/// finished.
#[test]
#[cfg(feature = "std")]
fn settle_and_a_panic_that_resumes() {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let (log, enter) = (Log::default(), RefCell::new(Gate::new()));
    let late = || Member::new(&log, 1, common::panics("e1").gate(&enter.borrow()), well());
    each_shape!([Member::new(&log, 0, well(), well()), late()], |gather| {
        let stop = Gate::new();
        let mut gather = Driver::new(gather.cancel_on(stop.wait()).settle().with(async |_| Ok(())));
        gather.pends();
        stop.open();
        gather.pends();
        enter.take().open();
        let payload = catch_unwind(AssertUnwindSafe(|| gather.end())).unwrap_err();
        assert_eq!(common::message(&*payload), "e1");
        assert_eq!(log.only(&["exit ", "exited"]), ["exit 0 Panicked", "poll exit 0", "exited 0", "drop exit 0"]);
    });
}

/// 14: a `stop` that lives on is polled until it is ready, even if it cannot change anything any more. It may have
/// queued for a fair lock that an enter needs. Then it receives the lock, and passes the lock on when it is polled.
#[test]
fn settle_polls_a_stop_that_was_not_ready() {
    for failed in [true, false] {
        let (first, queued, passed_on, enter) = (Gate::new(), Gate::new(), Gate::new(), Gate::new());
        let a = async { if failed { Err("e0") } else { Ok(()) } }.drop_on_exit();
        let b = async { Ok(enter.wait().await) }.drop_on_exit();
        let stop = async {
            queued.wait().await;
            passed_on.open();
        };
        let gather = gather((a, b)).cancel_on(first.wait()).cancel_on(stop).settle();
        let mut gather = Driver::new(gather.with(async |_| Ok(())));
        gather.pends();
        if !failed {
            first.open();
            gather.pends();
        }
        queued.open();
        gather.pends();
        assert!(passed_on.is_open(), "failed: {failed}");
        enter.open();
        assert!(gather.end().is_err());
    }
}

/// 14: with `settle`, the observer receives how the pending enters end, and nothing of a body.
#[test]
fn settle_is_observed() {
    let (log, enter) = (Log::default(), RefCell::new(Gate::new()));
    let member = |name, enter| Member::new(&log, name, enter, well());
    let pending = |name, end: common::Act| member(name, end.gate(&enter.borrow()));
    each_shape!([member(0, well()), pending(1, well()), pending(2, fails("e2")), member(3, well())], |gather| {
        let (stop, events) = (Gate::new(), RefCell::new(Vec::new()));
        let gather = gather.enter_limit(2).cancel_on(stop.wait()).settle();
        let gather = gather.observe(|event| events.borrow_mut().push(format!("{event:?}")));
        let mut gather = Driver::new(gather.with(async |_| Ok(())));
        gather.pends();
        stop.open();
        gather.pends();
        assert_eq!(events.take().len(), 4);
        enter.take().open();
        assert!(matches!(gather.end().unwrap_err().cause, Cause::Enter(_)));
        let expected = [
            "Entered { index: 1 }",
            "EnterFailed { index: 2 }",
            "ExitStarted { index: 0 }",
            "Exited { index: 0 }",
            "ExitStarted { index: 1 }",
            "Exited { index: 1 }",
        ];
        assert_eq!(events.take(), expected);
    });
}

/// 14: a group that is entered without a body settles in the same way, even if every enter ends in the poll in which
/// the stop is ready.
#[test]
fn settle_without_a_body() {
    let (log, enter) = (Log::default(), RefCell::new(Gate::new()));
    let pending = |name| Member::new(&log, name, well().gate(&enter.borrow()), well());
    for at_once in [false, true] {
        each_shape!([Member::new(&log, 0, well(), well()), pending(1), pending(2)], |gather| {
            let stop = Gate::new();
            let mut gather = Driver::new(gather.cancel_on(stop.wait()).settle().enter());
            gather.pends();
            stop.open();
            if !at_once {
                gather.pends();
            }
            enter.take().open();
            assert!(matches!(gather.end().err().unwrap().cause, Cause::Cancelled { .. }));
            let told = log.only(&["Cancelled", "drop enter", "abandon"]);
            assert_eq!(told[..3], ["drop enter 0", "drop enter 1", "drop enter 2"]);
            assert_eq!(told[3..], [0, 1, 2].map(|name| format!("exit {name} Cancelled")));
        });
    }
}

/// 14: a stop of the outer group drops a group that a member enters, and the nested group abandons its resources. With
/// `settle` it does not.
#[test]
fn settle_and_a_nested_group() {
    let (log, enter) = (Log::default(), RefCell::new(Gate::new()));
    let nested = |first| {
        let pending = Member::new(&log, first + 1, well().gate(&enter.borrow()), well());
        let members = (Member::new(&log, first, well(), well()), pending);
        async { gather(members).enter().await }
    };
    each_shape!([nested(0), nested(2)], |gather| {
        let stop = Gate::new();
        let mut gather = Driver::new(gather.cancel_on(stop.wait()).with(async |_| Ok(())));
        gather.pends();
        log.take();
        stop.open();
        assert!(matches!(gather.end().unwrap_err().cause, Cause::Cancelled { .. }));
        assert_eq!(log.take(), ["abandon 0", "drop enter 1", "abandon 2", "drop enter 3"]);
    });
    each_shape!([nested(0), nested(2)], |gather| {
        let stop = Gate::new();
        let mut gather = Driver::new(gather.settle().cancel_on(stop.wait()).with(async |_| Ok(())));
        gather.pends();
        stop.open();
        gather.pends();
        assert_eq!(log.only(&["abandon", "drop enter 1", "drop enter 3"]), [""; 0]);
        enter.take().open();
        assert!(matches!(gather.end().unwrap_err().cause, Cause::Cancelled { .. }));
        assert_eq!(log.only(&["Cancelled"]), [0, 1, 2, 3].map(|name| format!("exit {name} Cancelled")));
    });
}

/// 14: a nested group with a stop of its own exits its resources when that stop is ready. Its failure is the error of
/// the member.
#[test]
fn a_stop_of_a_nested_group() {
    let (log, stop) = (Log::default(), RefCell::new(Gate::new()));
    let nested = |first| {
        let pending = Member::new(&log, first + 1, well().gate(&Gate::new()), well());
        let stop = stop.borrow().clone();
        gather((Member::new(&log, first, well(), well()), pending)).cancel_on(async move { stop.wait().await }).enter()
    };
    each_shape!([nested(0), nested(2)], |gather| {
        let mut gather = Driver::new(gather.with(async |_| Ok(())));
        gather.pends();
        stop.take().open();
        let Cause::Enter(errors) = gather.end().unwrap_err().cause else { panic!() };
        let causes = errors.into_iter().map(|(index, inner)| (index, matches!(inner.cause, Cause::Cancelled { .. })));
        assert_eq!(causes.collect::<Vec<_>>(), [(0, true), (1, true)]);
        assert_eq!(log.only(&["Cancelled", "abandon"]), ["exit 0 Cancelled", "exit 2 Cancelled"]);
    });
}
