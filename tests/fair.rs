//! `fair`: each poll starts with the next member in turn. Enters and exits rotate separately, and start in argument
//! order.

mod common;

use std::cell::Cell;

use common::{
    Driver, Gate, Log, Member, Order, Policed, Report, Rollback, Setup, Why, assert_released, budgeted, fails, members,
    step, well,
};
use gather_cm::EnterExt;
use tokio::sync::Semaphore;

/// Takes the log, and returns which members were polled, in order.
fn polled(log: &Log, what: &str) -> Vec<usize> {
    log.take().iter().filter_map(|line| line.strip_prefix("poll ")?.strip_prefix(what)?.trim().parse().ok()).collect()
}

fn numbers(log: &Log, start: &str) -> Vec<usize> {
    log.everything().iter().filter_map(|line| line.strip_prefix(start)?.split(' ').next()?.parse().ok()).collect()
}

fn gated(gates: &[Gate; 3]) -> [common::Act; 3] {
    gates.clone().map(|gate| well().gate(&gate))
}

fn gates() -> [Gate; 3] {
    Default::default()
}

/// 22: poll k of the enters starts at member k mod N, and goes around. It leaves out the members that have entered.
fn each_poll_of_the_enters_starts_one_further<S: Policed>() {
    let (log, gates) = (Log::default(), gates());
    let [a, b, c] = gated(&gates);
    let group = members(&log, [(a, well()), (b, well()), (c, well())]);
    let mut gather = S::fair(group, &Setup::default(), &log, well());
    for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]] {
        gather.pends();
        assert_eq!(polled(&log, "enter"), order);
    }
    gates[1].open();
    for order in [&[1, 2, 0][..], &[2, 0], &[0, 2], &[2, 0], &[2, 0]] {
        gather.pends();
        assert_eq!(polled(&log, "enter"), order);
    }
    gates[0].open();
    gates[2].open();
    assert_eq!(gather.end(), Report::value(7));
    assert_eq!(numbers(&log, "enter "), [0, 1, 2], "they start in argument order");
    assert_released(&log.everything());
}

/// 22: the exits start at member 0 in their first poll, however many polls the enters and the body took.
fn each_poll_of_the_exits_starts_one_further<S: Policed>() {
    let (log, gates, enter, body) = (Log::default(), gates(), Gate::new(), Gate::new());
    let [a, b, c] = gated(&gates);
    let group = members(&log, [(well().gate(&enter), a), (well(), b), (well(), c)]);
    let mut gather = S::fair(group, &Setup::default(), &log, well().gate(&body));
    gather.pends();
    gather.pends();
    enter.open();
    gather.pends();
    gather.pends();
    body.open();
    log.take();
    for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2], [1, 2, 0]] {
        gather.pends();
        assert_eq!(polled(&log, "exit"), order);
    }
    gates[0].open();
    for order in [&[2, 0, 1][..], &[1, 2], &[1, 2], &[2, 1]] {
        gather.pends();
        assert_eq!(polled(&log, "exit"), order);
    }
    gates[1].open();
    gates[2].open();
    assert_eq!(gather.end(), Report::value(7));
    assert_eq!(numbers(&log, "exit "), [0, 1, 2], "they start in argument order");
    assert_released(&log.everything());
}

/// 22 and 14: a stop is polled first, as always. The exits of a cancelled group rotate, too.
fn a_cancelled_group<S: Policed>() {
    let (log, setup, gates) = (Log::default(), Setup::default(), gates());
    let [a, b, c] = gated(&gates);
    let group = members(&log, [(well(), a), (well(), b), (well().gate(&gates[1]), c)]);
    let mut gather = S::fair(group, &setup, &log, well());
    gather.pends();
    gates[1].open();
    setup.stop.open();
    log.take();
    gather.pends();
    assert_eq!(
        log.only(&["enter", "exit 0", "exited"]),
        ["drop enter 2", "exit 0 Cancelled", "poll exit 0", "exited 1"]
    );
    gates[0].open();
    assert_eq!(gather.end(), Report { why: Why::Cancelled, exits: vec![], suppressed: false });
    assert_released(&log.everything());
}

/// 22 and 5: under `fail_fast`, no member is polled after the one that failed, wherever the poll started.
fn fail_fast<S: Policed>() {
    let (log, gates) = (Log::default(), gates());
    let [a, _, c] = gated(&gates);
    let group = members(&log, [(a, well()), (fails("e1").gate(&gates[1]), well()), (c, well())]);
    let setup = Setup { rollback: Rollback::FailFast, ..Setup::default() };
    let mut gather = S::fair(group, &setup, &log, well());
    gather.pends();
    log.take();
    gates.iter().for_each(Gate::open);
    assert_eq!(gather.end(), Report::enter(&[(1, "e1")]));
    assert_eq!(log.only(&["poll", "drop"]), ["poll enter 1", "drop enter 1", "drop enter 0", "drop enter 2"]);
    assert_released(&log.everything());
}

/// 22 and 5: an enter error has the index of its member, and all enters run to their end.
fn a_failed_enter<S: Policed>() {
    let (log, gates) = (Log::default(), gates());
    let acts = [
        (fails("e0").gate(&gates[0]), well()),
        (well().gate(&gates[1]), fails("x1")),
        (fails("e2").gate(&gates[2]), well()),
    ];
    let mut gather = S::fair(members(&log, acts), &Setup::default(), &log, well());
    for index in [2, 1] {
        gather.pends();
        gates[index].open();
    }
    gather.pends();
    gates[0].open();
    assert_eq!(gather.end(), Report::enter(&[(0, "e0"), (2, "e2")]).exits(&[(1, "x1")]));
    assert_eq!(log.count("on_error 1 e0"), 1, "the lowest index, although it failed last");
    assert_released(&log.everything());
}

/// 22 and 12: a stack first exits the member that entered last, even if another one is last in argument order.
/// `in_reverse` first exits the last argument.
fn stack<S: Policed>() {
    for (order, exits) in [(Order::Stack, [0, 2, 1]), (Order::InReverse, [2, 1, 0])] {
        one_at_a_time::<S>(order, exits);
    }
}

fn one_at_a_time<S: Policed>(order: Order, order_of_exits: [usize; 3]) {
    let (log, gates) = (Log::default(), gates());
    let [a, b, c] = gated(&gates);
    let exits: [Gate; 3] = Default::default();
    let [x, y, z] = gated(&exits);
    let setup = Setup { order, ..Setup::default() };
    let mut gather = S::fair(members(&log, [(a, x), (b, y), (c, z)]), &setup, &log, well());
    gather.pends();
    gates.iter().for_each(Gate::open);
    // Poll 1 starts at member 1: they enter in the order 1, 2, 0.
    for index in order_of_exits {
        gather.pends();
        gather.pends();
        assert_eq!(polled(&log, "exit").iter().filter(|polled| **polled == index).count(), 2);
        exits[index].open();
    }
    assert_eq!(gather.end(), Report::value(7));
    assert_eq!(numbers(&log, "exit "), order_of_exits);
    assert_released(&log.everything());
}

/// 22 and 14: with `settle`, the enters that run on after a stop go on taking turns.
fn settle<S: Policed>() {
    let (log, gates) = (Log::default(), gates());
    let acts = gated(&gates).map(|enter| (enter, well()));
    let setup = Setup { rollback: Rollback::Settle, ..Setup::default() };
    let mut gather = S::fair(members(&log, acts), &setup, &log, well());
    for (poll, order) in [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]].into_iter().enumerate() {
        if poll == 1 {
            setup.stop.open();
        }
        gather.pends();
        assert_eq!(polled(&log, "enter"), order);
    }
    gates.iter().for_each(Gate::open);
    assert_eq!(gather.end().why, Why::Cancelled);
    assert_eq!((numbers(&log, "entered "), numbers(&log, "exit ")), (vec![1, 2, 0], vec![0, 1, 2]));
    assert_released(&log.everything());
}

/// 22 and 6: with a limit, too, enters start in argument order, in the poll that made the room.
fn enter_limit<S: Policed>() {
    let (log, gates) = (Log::default(), gates());
    let [a, b, c] = gated(&gates);
    let setup = Setup { enter_limit: 2, ..Setup::default() };
    let mut gather = S::fair(members(&log, [(a, well()), (b, well()), (c, well())]), &setup, &log, well());
    gather.pends();
    assert_eq!(polled(&log, "enter"), [0, 1]);
    gather.pends();
    assert_eq!(polled(&log, "enter"), [1, 0]);
    gather.pends();
    assert_eq!(polled(&log, "enter"), [0, 1], "it starts at 2, which waits for its turn");
    gates[0].open();
    gather.pends();
    assert_eq!(numbers(&log, "enter "), [0, 1, 2]);
    log.take();
    gather.pends();
    assert_eq!(polled(&log, "enter"), [1, 2]);
    gather.pends();
    assert_eq!(polled(&log, "enter"), [2, 1]);
    gates[1].open();
    gates[2].open();
    assert_eq!(gather.end(), Report::value(7));
    assert_released(&log.everything());
}

/// 22 and 13: with a limit, exits start in argument order, too.
fn exit_limit<S: Policed>() {
    let (log, gates) = (Log::default(), gates());
    let [a, b, c] = gated(&gates);
    let setup = Setup { exit_limit: 2, ..Setup::default() };
    let mut gather = S::fair(members(&log, [(well(), a), (well(), b), (well(), c)]), &setup, &log, well());
    gather.pends();
    assert_eq!(polled(&log, "exit"), [0, 1]);
    gather.pends();
    assert_eq!(polled(&log, "exit"), [1, 0]);
    gather.pends();
    assert_eq!(polled(&log, "exit"), [0, 1]);
    gates[0].open();
    gather.pends();
    assert_eq!(numbers(&log, "exit "), [0, 1, 2]);
    gates[1].open();
    gates[2].open();
    assert_eq!(gather.end(), Report::value(7));
    assert_released(&log.everything());
}

/// 22 and 16: an enter or an exit panics in a poll that did not start at member 0.
#[cfg(feature = "std")]
fn panics<S: Policed>() {
    for in_exit in [false, true] {
        let (log, gates) = (Log::default(), gates());
        let mut acts = gated(&gates).map(|act| (act, well()));
        if in_exit {
            acts = acts.map(|(act, well)| (well, act));
            acts[1].1 = common::panics("bang").gate(&gates[1]);
        } else {
            acts[1].0 = common::panics("bang").gate(&gates[1]);
        }
        let mut gather = S::fair(members(&log, acts), &Setup::default(), &log, well());
        gather.pends();
        gates.iter().for_each(Gate::open);
        assert_eq!(gather.end().why, Why::Panicked("bang".into()));
        let (case, count) = if in_exit { ("Completed", 3) } else { ("Panicked", 2) };
        assert_eq!(common::events(&log).iter().filter(|line| line.ends_with(case)).count(), count);
        assert_released(&log.everything());
    }
}

#[cfg(not(feature = "std"))]
fn panics<S: Policed>() {
    stack::<S>();
}

/// 15: the gather is dropped after a few polls, at each place of the rotation.
fn dropped<S: Policed>() {
    for polls in 0..7 {
        let (log, gates) = (Log::default(), gates());
        let acts = gated(&gates).map(|act| (act.clone(), act));
        let mut gather = S::fair(members(&log, acts), &Setup::default(), &log, well());
        for poll in 0..polls {
            gather.pends();
            if poll == 2 {
                gates[2].open();
            }
        }
        gather.drop();
        assert_released(&log.take());
    }
}

shapes! {
    each_poll_of_the_enters_starts_one_further
    each_poll_of_the_exits_starts_one_further
    a_cancelled_group
    fail_fast
    a_failed_enter
    stack
    settle
    enter_limit
    exit_limit
    panics
    dropped
}

/// 22 and 5: under `eager_rollback`, enters and exits rotate at the same time, each on their own.
#[test]
fn eager_rollback() {
    let log = Log::default();
    let gates: std::cell::RefCell<[Gate; 2]> = Default::default();
    let member = |name| {
        let [fail, slow] = gates.borrow().clone();
        match name {
            0 | 1 => Member::new(&log, name, well(), well().gate(&slow)),
            2 => Member::new(&log, name, fails("e").gate(&fail), well()),
            _ => Member::new(&log, name, well().gate(&slow), well()),
        }
    };
    each_shape!([member(0), member(1), member(2), member(3), member(4)], |gather| {
        let mut gather = Driver::new(gather.fair().eager_rollback().with(async |_| Ok(())));
        gather.pends();
        gather.pends();
        gates.borrow()[0].open();
        log.take();
        let polls = [
            (&[2, 3, 4][..], &[0, 1][..]),
            (&[3, 4], &[1, 0]),
            (&[4, 3], &[0, 1]),
            (&[3, 4], &[0, 1]),
            (&[3, 4], &[0, 1]),
            (&[3, 4], &[0, 1]),
            (&[3, 4], &[1, 0]),
        ];
        for (enters, exits) in polls {
            gather.pends();
            let lines = log.take();
            let polled = |what: &str| -> Vec<usize> {
                lines.iter().filter_map(|line| line.strip_prefix(what)?.parse().ok()).collect()
            };
            assert_eq!((polled("poll enter "), polled("poll exit ")), (enters.to_vec(), exits.to_vec()));
        }
        gates.borrow()[1].open();
        assert_eq!(gather.end().unwrap_err().to_string(), "enter of member 2 failed: e");
        assert_eq!(log.only(&["exited", "LEAK"]).len(), 4);
        gates.replace(Default::default());
    });
}

/// 22, 6 and 13: members that wait for a place start in argument order, wherever the poll starts.
#[test]
fn starts_are_in_argument_order() {
    let log = Log::default();
    let gates: std::cell::RefCell<Vec<Gate>> = Default::default();
    let member = |name: usize| {
        let gates = gates.borrow();
        Member::new(&log, name, well().gate(&gates[name]), well().gate(&gates[5 + name]))
    };
    let fresh = || {
        log.take();
        gates.replace(std::iter::repeat_with(Gate::new).take(10).collect());
    };
    fresh();
    each_shape!([member(0), member(1), member(2), member(3), member(4)], |gather| {
        let before = log.everything().len();
        let mut gather = Driver::new(gather.fair().enter_limit(1).exit_limit(1).with(async |_| Ok(())));
        let gates = gates.borrow().clone();
        for gate in &gates {
            // After three polls, the fourth one starts at a member that waits after others.
            (0..3).for_each(|_| gather.pends());
            gate.open();
        }
        gather.end().unwrap();
        let lines = log.everything().split_off(before);
        let order = |act: &str| -> Vec<usize> {
            lines.iter().filter_map(|line| line.strip_prefix(act)?.split(' ').next()?.parse().ok()).collect()
        };
        assert_eq!((order("enter "), order("exit ")), (vec![0, 1, 2, 3, 4], vec![0, 1, 2, 3, 4]));
        fresh();
    });
}

/// 22, 5 and 13: under `eager_rollback`, members that have entered wait for a place, too, and take it in argument
/// order.
#[test]
fn eager_exits_start_in_argument_order() {
    let log = Log::default();
    let gates: std::cell::RefCell<[Gate; 2]> = Default::default();
    let member = |name: usize| {
        let [enter, exit] = gates.borrow().clone();
        match name {
            0 => Member::new(&log, name, fails("e"), well()),
            // This member keeps the group entering.
            2 => Member::new(&log, name, well().gate(&Gate::new()), well()),
            // This member exits first, because no other one has entered.
            3 => Member::new(&log, name, well(), well().gate(&exit)),
            _ => Member::new(&log, name, well().gate(&enter), well()),
        }
    };
    for polls in 0..6 {
        each_shape!([member(0), member(1), member(2), member(3), member(4), member(5)], |gather| {
            let before = log.everything().len();
            let mut gather = Driver::new(gather.fair().eager_rollback().exit_limit(1).with(async |_| Ok(())));
            gather.pends();
            gates.borrow()[0].open();
            gather.pends();
            // The place becomes free in a poll that starts at any member.
            (0..polls).for_each(|_| gather.pends());
            gates.borrow()[1].open();
            gather.pends();
            gather.drop();
            let lines = log.everything().split_off(before);
            let order: Vec<_> = lines.iter().filter(|line| line.ends_with(" EnterFailed")).collect();
            assert_eq!(order, [3, 1, 4, 5].map(|name| format!("exit {name} EnterFailed")).iter().collect::<Vec<_>>());
            gates.replace(Default::default());
        });
    }
}

/// Tests of a `Vec` that polls only the woken members.
#[cfg(feature = "alloc")]
mod forty {
    use gather_cm::gather;

    use super::*;

    const N: usize = 40;

    struct Many {
        log: Log,
        enters: Vec<Gate>,
        exits: Vec<Gate>,
    }

    impl Many {
        fn new() -> Self {
            let gates = || std::iter::repeat_with(Gate::new).take(N).collect();
            Self { log: Log::default(), enters: gates(), exits: gates() }
        }

        fn members(&self) -> Vec<Member> {
            let member = |name: usize| {
                Member::new(&self.log, name, well().gate(&self.enters[name]), well().gate(&self.exits[name]))
            };
            (0..N).map(member).collect()
        }
    }

    fn all_from(first: usize) -> Vec<usize> {
        (first..N).chain(0..first).collect()
    }

    /// 22: the order rotates among the woken members.
    #[test]
    fn who_was_woken_is_polled_in_turn() {
        let many = Many::new();
        let mut driver = Driver::new(gather(many.members()).fair().with(async |_| Ok(())));
        for (what, gates) in [("enter", &many.enters), ("exit", &many.exits)] {
            driver.pends();
            assert_eq!(polled(&many.log, what), all_from(0));
            for _ in 1..5 {
                driver.pends();
                assert_eq!(polled(&many.log, what), [0; 0]);
            }
            [39, 7, 20, 3].iter().for_each(|index| gates[*index].wake());
            driver.pends();
            assert_eq!(polled(&many.log, what), [7, 20, 39, 3], "poll 5 starts at 5");
            [4, 5, 6, 7].iter().for_each(|index| gates[*index].wake());
            driver.pends();
            assert_eq!(polled(&many.log, what), [6, 7, 4, 5], "poll 6 starts at 6");
            for _ in 7..N {
                driver.pends();
            }
            [1, 0].iter().for_each(|index| gates[*index].wake());
            driver.pends();
            assert_eq!(polled(&many.log, what), [0, 1], "poll 40 starts at 0");
            [1, 0, 39].iter().for_each(|index| gates[*index].wake());
            driver.pends();
            assert_eq!(polled(&many.log, what), [1, 39, 0], "poll 41 starts at 1");
            gates.iter().for_each(Gate::open);
        }
        driver.end().unwrap();
        assert_eq!(numbers(&many.log, "enter "), all_from(0));
        assert_eq!(numbers(&many.log, "exit "), all_from(0));
    }

    /// 22: with `caller_waker`, each poll polls all pending members.
    #[test]
    fn with_the_callers_waker() {
        let many = Many::new();
        let mut driver = Driver::new(gather(many.members()).caller_waker().fair().with(async |_| Ok(())));
        for (what, gates) in [("enter", &many.enters), ("exit", &many.exits)] {
            for first in (0..N).chain(0..3) {
                driver.pends();
                assert_eq!(polled(&many.log, what), all_from(first));
            }
            gates[3].open();
            gates[20].open();
            driver.pends();
            assert_eq!(polled(&many.log, what), all_from(3));
            driver.pends();
            assert_eq!(polled(&many.log, what).len(), N - 2);
            gates.iter().for_each(Gate::open);
        }
        driver.end().unwrap();
    }

    /// 22 and 6: with a limit, enters start in argument order.
    #[test]
    fn with_limits() {
        let many = Many::new();
        let limited = gather(many.members()).fair().enter_limit(3).exit_limit(3);
        let mut driver = Driver::new(limited.with(async |_| Ok(())));
        for (what, gates) in [("enter ", &many.enters), ("exit ", &many.exits)] {
            for (done, gate) in gates.iter().enumerate() {
                driver.pends();
                assert_eq!(numbers(&many.log, what).len(), N.min(done + 3));
                gate.open();
            }
        }
        driver.end().unwrap();
        assert_eq!(numbers(&many.log, "enter "), all_from(0));
        assert_eq!(numbers(&many.log, "exit "), all_from(0));
    }
}

/// 22: a member that is always ready uses up the budget of the task in each poll. Without `fair`, its sibling would
/// starve for ever.
#[test]
fn no_sibling_starves() {
    let (always, done) = (Semaphore::new(9), Cell::new(false));
    // The greedy member goes on until the other one has had its turn.
    let act = async |greedy: bool| {
        while greedy && !done.get() {
            step(&always).await;
        }
        if !greedy {
            step(&always).await;
            done.set(true);
        }
        Ok::<_, &str>(())
    };
    let act = &act;
    let enters = |greedy| async move { act(greedy).await }.drop_on_exit();
    let exits = |greedy| async { Ok(()) }.exit_with(async move |(), _| act(greedy).await);
    each_shape!([enters(true), enters(false)], |gather| {
        done.set(false);
        assert!(budgeted(20, |_| {}, gather.with(async |_| Ok(()))).is_none(), "it starves");
    });
    each_shape!([enters(true), enters(false)], |gather| {
        done.set(false);
        budgeted(2, |_| {}, gather.fair().with(async |_| Ok(()))).expect("no one starves").unwrap();
    });
    each_shape!([exits(true), exits(false)], |gather| {
        done.set(false);
        assert!(budgeted(20, |_| {}, gather.with(async |_| Ok(()))).is_none(), "it starves");
    });
    each_shape!([exits(true), exits(false)], |gather| {
        done.set(false);
        budgeted(2, |_| {}, gather.fair().with(async |_| Ok(()))).expect("no one starves").unwrap();
    });
}

/// An `Entered` keeps `fair`, so its exits rotate.
#[test]
fn entered_keeps_it() {
    use gather_cm::{Exit, ExitCase};
    let (log, gate) = (Log::default(), std::cell::RefCell::new(Gate::new()));
    let member = |name| Member::new(&log, name, well(), well().gate(&gate.borrow()));
    each_shape!([member(0), member(1), member(2)], |gather| {
        let entered = Driver::new(gather.fair().enter()).end().unwrap();
        let mut exits = Driver::new(entered.exit(ExitCase::Completed));
        for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]] {
            exits.pends();
            assert_eq!(polled(&log, "exit"), order);
        }
        gate.borrow().open();
        exits.end().unwrap();
        log.take();
        gate.replace(Gate::new());
    });
}
