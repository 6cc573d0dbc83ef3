//! Tests of what a failed enter does to the other members. They run on, are rolled back eagerly, or fail fast.

mod common;

use common::{Gate, Log, Order, Policed, Report, Rollback, Setup, assert_released, events, fails, members, well};

fn setup(rollback: Rollback) -> Setup {
    Setup { rollback, ..Setup::default() }
}

/// 5: held members begin to exit at once, along with the pending enters. Members that enter later are exited as they
/// enter.
fn eager_exits_beside_enters<S: Policed>() {
    let log = Log::default();
    let (slow, failing, exit) = (Gate::new(), Gate::new(), Gate::new());
    let members = members(
        &log,
        [(well(), well().gate(&exit)), (fails("e1").gate(&failing), well()), (well().gate(&slow), well().gate(&exit))],
    );
    let mut gather = S::run(members, &setup(Rollback::Eager), &log, well());
    gather.pends();
    assert_eq!(events(&log), ["enter 0", "entered 0", "enter 1", "enter 2"]);
    failing.open();
    gather.pends();
    assert_eq!(events(&log), ["on_error 0 e1", "exit 0 EnterFailed"], "beside the pending enter of 2");
    slow.open();
    gather.pends();
    assert_eq!(events(&log), ["entered 2", "on_error 2 e1", "exit 2 EnterFailed"]);
    exit.open();
    assert_eq!(gather.end(), Report::enter(&[(1, "e1")]));
    assert_eq!(events(&log), ["exited 0", "exited 2"]);
}

/// 5: the gather does not end before the last enter has ended, although all exits have ended.
fn eager_waits_for_every_enter<S: Policed>() {
    let log = Log::default();
    let slow = Gate::new();
    let members = members(&log, [(fails("e0"), well()), (well(), well()), (fails("e2").gate(&slow), well())]);
    let mut gather = S::run(members, &setup(Rollback::Eager), &log, well());
    gather.pends();
    assert_eq!(log.count("exited 1"), 1);
    gather.pends();
    slow.open();
    assert_eq!(gather.end(), Report::enter(&[(0, "e0"), (2, "e2")]), "late enter errors are kept too");
    assert_released(&log.take());
}

/// 5, 9: when the first exit begins, it is decided which error the exits are shown. A later enter error of a lower
/// index alters nothing.
fn eager_shows_the_first_known_error<S: Policed>() {
    let log = Log::default();
    let (first, last) = (Gate::new(), Gate::new());
    let members =
        members(&log, [(fails("e0").gate(&first), well()), (fails("e1"), well()), (well().gate(&last), well())]);
    let mut gather = S::run(members, &setup(Rollback::Eager), &log, well());
    gather.pends();
    assert_eq!(log.only(&["on_error"]), [""; 0], "nothing is held yet: no exit has begun");
    first.open();
    gather.pends();
    last.open();
    assert_eq!(gather.end(), Report::enter(&[(0, "e0"), (1, "e1")]));
    assert_eq!(log.only(&["on_error"]), ["on_error 2 e0"], "both were known when the first exit began");

    let (early, late) = (Gate::new(), Gate::new());
    let members = common::members(
        &log,
        [(fails("e0").gate(&early), well()), (fails("e1"), well()), (well(), well().gate(&late))],
    );
    let mut gather = S::run(members, &setup(Rollback::Eager), &log, well());
    gather.pends();
    early.open();
    late.open();
    assert_eq!(gather.end(), Report::enter(&[(0, "e0"), (1, "e1")]));
    assert_eq!(log.only(&["on_error"]), ["on_error 2 e1"]);
}

/// 5: the gather remembers that error for a member that enters and exits later on.
fn eager_shows_the_same_error_to_all<S: Policed>() {
    let log = Log::default();
    let (early, late) = (Gate::new(), Gate::new());
    let members =
        members(&log, [(fails("e0").gate(&early), well()), (fails("e1"), well()), (well(), well().gate(&late))]);
    let mut gather = S::run(members, &setup(Rollback::Eager), &log, well());
    gather.pends();
    early.open();
    gather.pends();
    late.open();
    gather.end();
    let log2 = Log::default();
    let (early, late) = (Gate::new(), Gate::new());
    let members =
        common::members(&log2, [(fails("e0").gate(&early), well()), (well(), well()), (well().gate(&late), well())]);
    let mut gather = S::run(members, &setup(Rollback::Eager), &log2, well());
    gather.pends();
    early.open();
    gather.pends();
    late.open();
    assert_eq!(gather.end(), Report::enter(&[(0, "e0")]));
    assert_eq!(log2.only(&["on_error"]), ["on_error 1 e0", "on_error 2 e0"]);
}

/// 5, 2: no member is polled after one that failed. Pending enters are dropped at once, and held members are exited.
fn fail_fast_drops_pending_enters<S: Policed>() {
    let log = Log::default();
    let (slow, failing) = (Gate::new(), Gate::new());
    let members = members(&log, [(well(), well()), (well().gate(&slow), well()), (fails("e2").gate(&failing), well())]);
    let mut gather = S::run(members, &setup(Rollback::FailFast), &log, well());
    gather.pends();
    failing.open();
    log.take();
    assert_eq!(gather.end(), Report::enter(&[(2, "e2")]));
    assert_eq!(
        log.take(),
        [
            "poll enter 1",
            "poll enter 2",
            "drop enter 2",
            "drop enter 1",
            "on_error 0 e2",
            "exit 0 EnterFailed",
            "poll exit 0",
            "exited 0",
            "drop exit 0"
        ]
    );
}

/// 2: in the first poll, no member after the failed one starts.
fn fail_fast_begins_none_behind_a_failed_one<S: Policed>() {
    let log = Log::default();
    let members = members(&log, [(well(), well()), (fails("e1"), well()), (well(), well())]);
    let mut gather = S::run(members, &setup(Rollback::FailFast), &log, well());
    assert_eq!(gather.end(), Report::enter(&[(1, "e1")]));
    assert_eq!(events(&log), ["enter 0", "entered 0", "enter 1", "on_error 0 e1", "exit 0 EnterFailed", "exited 0"]);
}

/// 5: in each rollback, the failure has the errors of exits along with the enter errors.
fn exits_of_each_rollback_may_fail<S: Policed>() {
    for rollback in [Rollback::RunOn, Rollback::Eager, Rollback::FailFast, Rollback::Settle] {
        for order in [Order::Pool, Order::Stack, Order::InReverse] {
            let log = Log::default();
            let members = members(&log, [(well(), fails("x0")), (well(), fails("x1")), (fails("e2"), well())]);
            let mut gather = S::run(members, &Setup { order, ..setup(rollback) }, &log, well());
            assert_eq!(gather.end(), Report::enter(&[(2, "e2")]).exits(&[(0, "x0"), (1, "x1")]));
            assert_released(&log.take());
        }
    }
}

/// 15: the gather is dropped while a rollback is under way, at every poll.
fn dropped_in_a_rollback<S: Policed>() {
    for rollback in [Rollback::RunOn, Rollback::Eager, Rollback::FailFast, Rollback::Settle] {
        for polls in 0..4 {
            let log = Log::default();
            let gates: [Gate; 4] = Default::default();
            let members = members(
                &log,
                [
                    (well(), well().gate(&gates[1])),
                    (fails("e1").gate(&gates[0]), well()),
                    (well().gate(&gates[2]), well().gate(&gates[3])),
                ],
            );
            let mut gather = S::run(members, &setup(rollback), &log, well());
            for gate in gates.iter().take(polls) {
                let _ = gather.poll();
                gate.open();
            }
            gather.drop();
            assert_released(&log.take());
        }
    }
}

shapes! {
    eager_exits_beside_enters
    eager_waits_for_every_enter
    eager_shows_the_first_known_error
    eager_shows_the_same_error_to_all
    fail_fast_drops_pending_enters
    fail_fast_begins_none_behind_a_failed_one
    exits_of_each_rollback_may_fail
    dropped_in_a_rollback
}

/// 5: if no error was known when the first exit began, because a panic had caused it, a later error is not shown
/// either.
#[test]
#[cfg(feature = "std")]
fn eager_shows_no_error_that_was_not_known() {
    use common::{Driver, Member, panics};
    let log = Log::default();
    let (exit, late) = (Gate::new(), Gate::new());
    let group = [
        Member::new(&log, 0, well(), well()),
        Member::new(&log, 1, well(), well().gate(&exit)),
        Member::new(&log, 2, panics("e2"), well()),
        Member::new(&log, 3, fails("e3").gate(&late), well()),
    ];
    let gather = gather_cm::gather(group).eager_rollback().stack().catch_unwind().with(async |_| Ok(()));
    let mut gather = Driver::new(gather);
    gather.pends();
    late.open();
    gather.pends();
    exit.open();
    assert!(gather.end().is_err());
    assert_eq!(log.only(&["Panicked", "on_error"]), ["exit 1 Panicked", "exit 0 Panicked"]);
}

/// 5, 14: the latest of the calls wins. A failed group with a pending enter, and a group that is stopped while an enter
/// is pending, tell which call has won.
#[test]
fn the_latest_call_wins() {
    use common::{Driver, Member};
    let (log, slow) = (Log::default(), Gate::new());
    let member = |name, enter| Member::new(&log, name, enter, well());
    let pending = || member(1, well().gate(&slow));
    macro_rules! wins {
        ($($policy:ident)+: $begins_exits:literal $ends:literal $ends_by_stop:literal) => {
            each_shape!([member(0, well()), pending(), member(2, fails("e2"))], |gather| {
                let mut gather = Driver::new(gather$(.$policy())+.with(async |_| Ok(())));
                assert_eq!(gather.poll().is_ready(), $ends);
                assert_eq!(log.count("exit 0 EnterFailed") == 1, $begins_exits, stringify!($($policy)+));
                gather.drop();
                log.take();
            });
            each_shape!([member(0, well()), pending()], |gather| {
                let stop = Gate::new();
                let mut gather = Driver::new(gather$(.$policy())+.cancel_on(stop.wait()).with(async |_| Ok(())));
                gather.pends();
                stop.open();
                assert_eq!(gather.poll().is_ready(), $ends_by_stop, stringify!($($policy)+));
                gather.drop();
                log.take();
            });
        };
    }
    wins!(fail_fast eager_rollback: true false true);
    wins!(settle eager_rollback: true false true);
    wins!(eager_rollback fail_fast: true true true);
    wins!(settle fail_fast: true true true);
    wins!(fail_fast settle: false false false);
    wins!(eager_rollback settle: false false false);
    wins!(settle fail_fast eager_rollback: true false true);
}
