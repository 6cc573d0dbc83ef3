//! Tests of the limits of enters and of exits. Each of them has a limit of its own.

mod common;

use std::cell::RefCell;

use common::{
    Driver, Gate, Log, Member, Policed, Report, Rollback, Setup, assert_released, events, fails, members, well,
};
use gather_cm::{EnterExt, gather};

fn enters(enter_limit: usize) -> Setup {
    Setup { enter_limit, ..Setup::default() }
}

fn exits(exit_limit: usize) -> Setup {
    Setup { exit_limit, ..Setup::default() }
}

/// 6: at most n enters are in flight. They start in argument order, each as soon as there is room.
fn enters_are_limited<S: Policed>() {
    let log = Log::default();
    let gates: [Gate; 3] = Default::default();
    let acts = gates.clone().map(|gate| (well().gate(&gate), well()));
    let mut gather = S::run(members(&log, acts), &enters(2), &log, well());
    gather.pends();
    assert_eq!(events(&log), ["enter 0", "enter 1"]);
    gates[1].open();
    gather.pends();
    assert_eq!(events(&log), ["entered 1", "enter 2"], "in the poll that made the room");
    gates[2].open();
    gather.pends();
    gates[0].open();
    assert_eq!(gather.end(), Report::value(7));
}

/// 6, 4: members that are ready at once make room at once.
fn ready_enters_make_room_at_once<S: Policed>() {
    let log = Log::default();
    let mut gather =
        S::run(members(&log, [(well(), well()), (well(), well()), (well(), well())]), &enters(1), &log, well());
    assert_eq!(gather.end(), Report::value(7));
    assert_eq!(gather.wakes.count(), 0);
}

/// 6: queued members of a failed group never start, whatever the rollback.
fn queued_members_of_a_failed_group_never_start<S: Policed>() {
    for rollback in [Rollback::RunOn, Rollback::Eager, Rollback::FailFast] {
        let log = Log::default();
        let failing = Gate::new();
        let acts = [(well(), well()), (fails("e1").gate(&failing), well()), (well(), well())];
        let mut gather = S::run(members(&log, acts), &Setup { rollback, ..enters(1) }, &log, well());
        gather.pends();
        failing.open();
        assert_eq!(gather.end(), Report::enter(&[(1, "e1")]));
        let log = log.take();
        assert!(!log.contains(&"enter 2".to_string()));
        assert_released(&log);
    }
}

/// 6, 5: the other enters that are in flight run on after one has failed. The queued member does not take the room that
/// they make.
fn room_in_a_failed_group_is_not_taken<S: Policed>() {
    let log = Log::default();
    let (failing, other) = (Gate::new(), Gate::new());
    let acts = [(fails("e0").gate(&failing), well()), (well().gate(&other), well()), (well(), well())];
    let mut gather = S::run(members(&log, acts), &enters(2), &log, well());
    gather.pends();
    failing.open();
    gather.pends();
    other.open();
    assert_eq!(gather.end(), Report::enter(&[(0, "e0")]));
    assert_eq!(events(&log), ["enter 0", "enter 1", "entered 1", "on_error 1 e0", "exit 1 EnterFailed", "exited 1"]);
}

/// 6, 5: a queued member of a failed group is dropped before the exits begin, along with the values that it holds.
#[test]
fn queued_members_of_a_failed_group_are_dropped_at_once() {
    struct Holds(Log);
    impl Drop for Holds {
        fn drop(&mut self) {
            self.0.push("dropped");
        }
    }
    let log = Log::default();
    let (failing, late) = (Gate::new(), Gate::new());
    let holds = Holds(log.clone());
    let queued = async move { Ok::<_, &str>(holds) }.drop_on_exit();
    let [one, two] = [fails("e0").gate(&failing), well().gate(&late)];
    let group = (Member::new(&log, 0, one, well()), Member::new(&log, 1, two, well()), queued);
    let mut gather = Driver::new(gather(group).enter_limit(2).with(async |_| Ok(())));
    gather.pends();
    failing.open();
    gather.pends();
    assert_eq!(log.only(&["dropped"]), ["dropped"], "beside the pending enter");
    late.open();
    assert!(gather.end().is_err());
}

/// 6: a limit that is not smaller than the group has no effect. All members begin in the first poll, although one fails
/// at once.
fn a_wide_limit_is_none<S: Policed>() {
    let log = Log::default();
    let mut gather =
        S::run(members(&log, [(fails("e"), well()), (well(), well()), (well(), well())]), &enters(3), &log, well());
    assert_eq!(gather.end(), Report::enter(&[(0, "e")]));
    assert_eq!(log.only(&["entered"]), ["entered 1", "entered 2"]);
}

/// 13: at most n exits are in flight, in argument order. A failed exit does not stop the queued ones.
fn exits_are_limited<S: Policed>() {
    let log = Log::default();
    let gates: [Gate; 3] = Default::default();
    let acts = [
        (well(), fails("x0").gate(&gates[0])),
        (well(), well().gate(&gates[1])),
        (well(), fails("x2").gate(&gates[2])),
    ];
    let mut gather = S::run(members(&log, acts), &exits(2), &log, well());
    gather.pends();
    assert_eq!(log.only(&["exit 0 ", "exit 1 ", "exit 2 "]), ["exit 0 Completed", "exit 1 Completed"]);
    gates[0].open();
    gather.pends();
    assert_eq!(events(&log), ["exited 0", "exit 2 Completed"]);
    gates[2].open();
    gather.pends();
    gates[1].open();
    assert_eq!(gather.end(), Report::exit(7).exits(&[(0, "x0"), (2, "x2")]));
}

/// 13, 9: queued exits receive the same case, and `on_error` shows them the same error.
fn queued_exits_receive_the_same<S: Policed>() {
    let log = Log::default();
    let gate = Gate::new();
    let acts = [(well(), fails("x").gate(&gate)), (well(), well()), (fails("e2"), well())];
    let mut gather = S::run(members(&log, acts), &exits(1), &log, well());
    gather.pends();
    gate.open();
    assert_eq!(gather.end(), Report::enter(&[(2, "e2")]).exits(&[(0, "x")]));
    assert_eq!(
        log.only(&["on_error", "EnterFailed"]),
        ["on_error 0 e2", "exit 0 EnterFailed", "on_error 1 e2", "exit 1 EnterFailed"]
    );

    let acts = [(well(), fails("x")), (well(), well()), (well(), well())];
    let mut gather = S::run(members(&log, acts), &exits(1), &log, fails("b"));
    assert_eq!(gather.end(), Report::body("b").exits(&[(0, "x")]));
    assert_eq!(
        log.only(&["on_error", "Failed"]),
        ["on_error 0 b", "exit 0 Failed", "on_error 1 b", "exit 1 Failed", "on_error 2 b", "exit 2 Failed"]
    );
}

/// 13 and `eager_rollback`: a member of a low index that enters late waits for its turn like any other.
fn a_limit_holds_for_late_enters<S: Policed>() {
    let log = Log::default();
    let (late, exit) = (Gate::new(), Gate::new());
    let acts = [(well().gate(&late), well()), (well(), well().gate(&exit)), (fails("e2"), well())];
    let setup = Setup { rollback: Rollback::Eager, ..exits(1) };
    let mut gather = S::run(members(&log, acts), &setup, &log, well());
    gather.pends();
    late.open();
    gather.pends();
    assert_eq!(log.only(&["exit 0 ", "exit 1 ", "entered 0"]), ["exit 1 EnterFailed", "entered 0"]);
    exit.open();
    assert_eq!(gather.end(), Report::enter(&[(2, "e2")]), "in the poll that made the room: no one else wakes it");
    assert_eq!(events(&log), ["exited 1", "on_error 0 e2", "exit 0 EnterFailed", "exited 0"]);
}

/// 13, 19 and `eager_rollback`: the member of a low index begins late in a poll, because a member after it has ended in
/// that poll. The member that stays in flight is polled once in that poll all the same.
#[test]
fn a_place_for_a_late_enter_costs_no_second_poll() {
    let log = Log::default();
    let gates = RefCell::<[Gate; 3]>::default();
    let member = |name: usize| {
        let [late, one, other] = gates.borrow().clone();
        let never = Gate::new();
        let (enter, exit) = match name {
            0 => (well().gate(&late), well()),
            1 => (well(), well().gate(&one).gate(&never)),
            2 => (well(), well().gate(&other)),
            _ => (fails("e3"), well()),
        };
        Member::new(&log, name, enter, exit)
    };
    each_shape!([member(0), member(1), member(2), member(3)], |gather| {
        let [late, one, other] = gates.take();
        let mut driver = Driver::new(gather.eager_rollback().exit_limit(2).with(async |_| Ok(())));
        driver.pends();
        late.open();
        driver.pends();
        log.take();
        one.open();
        other.open();
        driver.pends();
        assert_eq!(
            log.only(&["poll", "exited"]),
            ["poll exit 1", "poll exit 2", "exited 2", "poll exit 0", "exited 0"]
        );
    });
}

/// 15: on a drop, resources whose exits are still queued are abandoned.
fn dropped_with_queued_exits<S: Policed>() {
    let log = Log::default();
    let gate = Gate::new();
    let acts = [(well(), well().gate(&gate)), (well(), well()), (well(), well())];
    let mut gather = S::run(members(&log, acts), &exits(1), &log, well());
    gather.pends();
    log.take();
    gather.drop();
    assert_eq!(log.take(), ["drop exit 0", "abandon 1", "abandon 2"]);
}

/// 15: on a drop, queued members are dropped and never start.
fn dropped_with_queued_enters<S: Policed>() {
    let log = Log::default();
    let gate = Gate::new();
    let acts = [(well().gate(&gate), well()), (well(), well()), (well(), well())];
    let mut gather = S::run(members(&log, acts), &enters(1), &log, well());
    gather.pends();
    log.take();
    gather.drop();
    assert_eq!(log.take(), ["drop enter 0"]);
}

/// 16: a panic frees its place.
#[cfg(feature = "std")]
fn a_panic_frees_its_place<S: Policed>() {
    use common::{Why, panics};
    let log = Log::default();
    let acts = [(well(), panics("x")), (well(), well().make_panics()), (well(), well())];
    let mut gather = S::run(members(&log, acts), &exits(1), &log, well());
    assert_eq!(gather.end().why, Why::Panicked("x".into()));
    assert_eq!(log.only(&["exit 2", "exited 2"]), ["exit 2 Completed", "poll exit 2", "exited 2", "drop exit 2"]);

    let acts = [(panics("e"), well()), (well(), well()), (well(), well())];
    let mut gather = S::run(members(&log, acts), &enters(1), &log, well());
    assert_eq!(gather.end().why, Why::Panicked("e".into()));
    assert_eq!(log.only(&["enter 1", "enter 2"]), [""; 0]);
}

/// 16: without `std`, panics are not caught, so this only checks that one place serves every exit.
#[cfg(not(feature = "std"))]
fn a_panic_frees_its_place<S: Policed>() {
    let log = Log::default();
    let gather = S::run(members(&log, [(well(), well()), (well(), well()), (well(), well())]), &exits(1), &log, well());
    assert_eq!({ gather }.end(), Report::value(7));
}

/// 6, 13: a limit of 0 would never let anybody start. The panic names the limit that is wrong, and comes at once.
#[test]
fn a_limit_of_zero() {
    let log = Log::default();
    let message = |f: fn(&Log)| {
        let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| f(&log))).expect_err("a panic");
        common::message(&*payload).to_string()
    };
    assert_eq!(message(|log| drop(gather((one(log),)).enter_limit(0))), "enter_limit: the limit must be at least 1");
    assert_eq!(message(|log| drop(gather([one(log)]).exit_limit(0))), "exit_limit: the limit must be at least 1");
    #[cfg(feature = "alloc")]
    {
        let limited = |log: &Log| drop(gather(vec![one(log)]).exit_limit(1).enter_limit(0));
        assert_eq!(message(limited), "enter_limit: the limit must be at least 1");
    }
    assert_eq!(log.take(), [""; 0], "nothing has started");
}

fn one(log: &Log) -> Member {
    Member::new(log, 0, well(), well())
}

shapes! {
    enters_are_limited
    ready_enters_make_room_at_once
    queued_members_of_a_failed_group_never_start
    room_in_a_failed_group_is_not_taken
    a_wide_limit_is_none
    exits_are_limited
    queued_exits_receive_the_same
    a_limit_holds_for_late_enters
    dropped_with_queued_exits
    dropped_with_queued_enters
    a_panic_frees_its_place
}
