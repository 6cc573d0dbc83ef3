//! Tests of entering: it is lazy, all members enter together, each enter is recorded in the poll that saw it, and the
//! gather rolls back if one fails.

mod common;

use common::{Act, Gate, Log, Member, Report, Shape, assert_released, fails, well};

fn three(log: &Log, enters: [Act; 3]) -> [Member; 3] {
    let mut name = 0;
    enters.map(|enter| {
        name += 1;
        Member::new(log, name - 1, enter, well())
    })
}

/// 1: if a gather is built and dropped without a poll, it enters nothing, and exits nothing.
fn nothing_runs_before_the_first_poll<S: Shape>() {
    let log = Log::default();
    let gather = S::three(three(&log, [well(), well(), well()]), async |_| Ok(log.push("body")));
    assert_eq!(log.take(), [""; 0]);
    drop(gather);
    assert_eq!(log.take(), [""; 0]);
}

/// 2: the first poll polls every member in argument order. Each later poll polls the pending members once.
fn every_poll_polls_each_pending_member_once_in_order<S: Shape>() {
    let log = Log::default();
    let gates = [Gate::new(), Gate::new(), Gate::new()];
    let enters = [well().gate(&gates[0]), well().gate(&gates[1]), well().gate(&gates[2])];
    let mut gather = S::three(three(&log, enters), async |_| Ok(()));
    gather.pends();
    assert_eq!(log.only(&["poll enter"]), ["poll enter 0", "poll enter 1", "poll enter 2"]);
    gather.pends();
    assert_eq!(log.take(), ["poll enter 0", "poll enter 1", "poll enter 2"]);
    gates[1].open();
    gather.pends();
    assert_eq!(log.only(&["poll"]), ["poll enter 0", "poll enter 1", "poll enter 2"]);
    gather.pends();
    assert_eq!(log.take(), ["poll enter 0", "poll enter 2"]);
}

/// 2: members are polled with the caller's own waker.
fn members_get_the_callers_waker<S: Shape>() {
    let log = Log::default();
    let gate = Gate::new();
    let mut gather = S::three(three(&log, [well(), well().gate(&gate), well()]), async |_| Ok(()));
    gather.pends();
    assert!(gate.waker().unwrap().will_wake(&gather.wakes.clone().into()));
    gate.open();
    assert_eq!(gather.wakes.count(), 1);
}

/// 3: a ready enter is recorded in the poll that saw it, and its future is dropped then.
fn a_ready_enter_is_held_at_once_and_its_future_dropped<S: Shape>() {
    let log = Log::default();
    let gate = Gate::new();
    let mut gather = S::three(three(&log, [well(), well().gate(&gate), well()]), async |_| Ok(()));
    gather.pends();
    assert_eq!(
        log.take(),
        [
            "enter 0",
            "poll enter 0",
            "entered 0",
            "drop enter 0",
            "enter 1",
            "poll enter 1",
            "enter 2",
            "poll enter 2",
            "entered 2",
            "drop enter 2"
        ]
    );
    gather.drop();
    assert_eq!(log.take(), ["abandon 0", "drop enter 1", "abandon 2"]);
}

/// 4: the body starts in the poll in which the last member is held. Members that are ready at once cost no wake.
fn the_body_starts_in_the_poll_of_the_last_enter<S: Shape>() {
    let log = Log::default();
    let mut gather = S::three(three(&log, [well(), well(), well()]), async |_| Ok(log.push("body")));
    assert_eq!(gather.end(), Report::value(()));
    assert_eq!(gather.wakes.count(), 0);

    let gates = [Gate::new(), Gate::new()];
    let enters = [well().gate(&gates[0]), well(), well().gate(&gates[1])];
    let mut gather = S::three(three(&log, enters), async |_| Ok(log.push("body")));
    gather.pends();
    gates[1].open();
    gather.pends();
    log.take();
    gates[0].open();
    assert_eq!(gather.end(), Report::value(()));
    assert_eq!(log.only(&["entered", "body"]), ["entered 0", "body"]);
    assert_eq!(gather.wakes.count(), 2);
}

/// 5: a failed enter, at each index and at all of them, lets the other enters run to their end. Those members are
/// exited, the body is not called, and every enter error is in the result.
fn a_failed_enter_settles_then_rolls_back<S: Shape>() {
    const ERRORS: [&str; 3] = ["e0", "e1", "e2"];
    for failing in 1..8usize {
        let fails_at = |index: usize| failing & (1 << index) != 0;
        let log = Log::default();
        let gates: [Gate; 3] = Default::default();
        let enters = [0, 1, 2].map(|index| {
            let end = if fails_at(index) { fails(ERRORS[index]) } else { well() };
            end.gate(&gates[index])
        });
        let mut gather = S::three(three(&log, enters), async |_| Ok(log.push("body")));
        gather.pends();
        for gate in &gates[..2] {
            gate.open();
            gather.pends();
            assert_eq!(log.count("body"), 0);
            assert!(log.only(&["exit"]).is_empty(), "an exit began before all had settled");
        }
        gates[2].open();
        let faults: Vec<_> = (0..3).filter(|index| fails_at(*index)).map(|index| (index, ERRORS[index])).collect();
        assert_eq!(gather.end(), Report::enter(&faults));
        let first = faults[0].1;
        let mut expected = vec![];
        for index in (0..3).filter(|index| !fails_at(*index)) {
            expected.push(format!("on_error {index} {first}"));
            expected.push(format!("exit {index} EnterFailed"));
        }
        assert_eq!(
            log.only(&["on_error", "exit 0", "exit 1", "exit 2", "body"])
                .into_iter()
                .filter(|line| !line.contains("poll") && !line.contains("drop"))
                .collect::<Vec<_>>(),
            expected
        );
    }
}

/// 5: all three fail at once.
fn all_enters_fail_in_the_first_poll<S: Shape>() {
    let log = Log::default();
    let mut gather = S::three(three(&log, [fails("a"), fails("b"), fails("c")]), async |_| Ok(log.push("body")));
    assert_eq!(gather.end(), Report::enter(&[(0, "a"), (1, "b"), (2, "c")]));
    assert_eq!(log.count("body"), 0);
}

/// 5: the body is dropped uncalled, along with the values that it owns.
fn a_failed_enter_drops_the_body<S: Shape>() {
    let log = Log::default();
    let owned = std::rc::Rc::new(());
    let watch = std::rc::Rc::downgrade(&owned);
    let gate = Gate::new();
    let enters = [fails("a"), well().gate(&gate), well()];
    let mut gather = S::three(three(&log, enters), async move |_| Ok(drop(owned)));
    gather.pends();
    assert!(watch.upgrade().is_none());
    gate.open();
    assert_eq!(gather.end(), Report::enter(&[(0, "a")]));
}

/// 5 and 10: if exits of a rollback fail, the failure has their errors along with the enter errors, each under its own
/// index.
fn exits_of_a_rollback_may_fail_too<S: Shape>() {
    let log = Log::default();
    let gate = Gate::new();
    let members = [
        Member::new(&log, 0, well(), fails("x0").gate(&gate)),
        Member::new(&log, 1, fails("e1"), well()),
        Member::new(&log, 2, well(), fails("x2")),
    ];
    let mut gather = S::three(members, async |_| Ok(()));
    gather.pends();
    gate.open();
    assert_eq!(gather.end(), Report::enter(&[(1, "e1")]).exits(&[(0, "x0"), (2, "x2")]));
    assert_released(&log.take());
}

shapes! {
    nothing_runs_before_the_first_poll
    every_poll_polls_each_pending_member_once_in_order
    members_get_the_callers_waker
    a_ready_enter_is_held_at_once_and_its_future_dropped
    the_body_starts_in_the_poll_of_the_last_enter
    a_failed_enter_settles_then_rolls_back
    all_enters_fail_in_the_first_poll
    a_failed_enter_drops_the_body
    exits_of_a_rollback_may_fail_too
}

/// An empty group runs its body at once, and exits nothing.
#[test]
fn empty_groups() {
    let mut gather = common::Driver::new(gather_cm::gather(()).with(async |()| Ok(5)));
    assert_eq!(gather.end().unwrap(), 5);
    let mut gather = common::Driver::new(
        gather_cm::gather([Member::new; 0].map(|_| -> Member { unreachable!() })).with(async |[]| Ok(6)),
    );
    assert_eq!(gather.end().unwrap(), 6);
    #[cfg(feature = "alloc")]
    {
        let mut gather = common::Driver::new(gather_cm::gather(Vec::<Member>::new()).with(async |all| Ok(all.len())));
        assert_eq!(gather.end().unwrap(), 0);
    }
}

/// A tuple of twelve: every index has its own slot, in order.
#[test]
fn twelve() {
    let log = Log::default();
    let m = |name| Member::new(&log, name, well(), fails("x"));
    let gather = gather_cm::gather((m(0), m(1), m(2), m(3), m(4), m(5), m(6), m(7), m(8), m(9), m(10), m(11)));
    let with = gather.with(async |(a, b, c, d, e, f, g, h, i, j, k, l)| {
        Ok([a, b, c, d, e, f, g, h, i, j, k, l].map(|resource| resource.name()))
    });
    let (names, exits) = common::Driver::new(with.keep_value()).end().unwrap();
    assert_eq!(exits.iter().map(|(index, _)| index).collect::<Vec<_>>(), (0..12).collect::<Vec<_>>());
    assert_eq!(names, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    assert_released(&log.take());
}
