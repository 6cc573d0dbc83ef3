//! `until`: what is entered is exited, told `Cancelled`.

mod common;

use std::future::ready;

use common::{
    Driver, Gate, Log, Member, Policed, Report, Rollback, Setup, Why, assert_released, events, fails, members, well,
};
use gather_cm::{Cause, EnterExt, gather};

fn cancelled() -> Report<u32> {
    Report { why: Why::Cancelled, exits: vec![], suppressed: false }
}

/// 14: a gather that is cancelled before it starts enters nothing.
fn before_it_starts<S: Policed>() {
    let log = Log::default();
    let setup = Setup::default();
    setup.stop.open();
    let group = members(&log, [(well(), well()), (well(), well()), (well(), well())]);
    assert_eq!(S::run(group, &setup, &log, well()).end(), cancelled());
    assert_eq!(log.take(), [""; 0]);
}

/// 14: in enter, the pending enters are dropped, what is held is exited, in the same poll.
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

/// 14: in the body, the body is dropped first, then all are exited, in the same poll.
fn in_body<S: Policed>() {
    let log = Log::default();
    let setup = Setup::default();
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

/// 14: it is polled first, so it wins over an end in the same poll.
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

/// 14: during exits it is no longer polled.
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

/// 14: while a failed group still settles, it drops the enters that are pending; the cause stays `Enter`.
fn while_a_failed_group_settles<S: Policed>() {
    for rollback in [Rollback::Settle, Rollback::Eager] {
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

/// 14 and 6: queued members are dropped unbegun.
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

/// 14: not suppressed, though all exits say so; not shown to `witness`.
fn nothing_to_suppress<S: Policed>() {
    for stack in [false, true] {
        let log = Log::default();
        let setup = Setup { stack, ..Setup::default() };
        let group = [0, 1, 2].map(|name| Member::new(&log, name, well(), well()).suppress());
        let mut gather = S::run(group, &setup, &log, well().gate(&Gate::new()));
        gather.pends();
        setup.stop.open();
        assert_eq!(gather.end(), cancelled());
        assert_eq!(log.only(&["witness"]), [""; 0]);
    }
}

/// 15: dropped while the exits of a cancelled group are in flight.
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

/// 16: a panic in the destructor of what is dropped, or in `stop` itself: the exits run, told `Panicked`.
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
        let with = gather_cm::gather((a, b)).until(stop).catch_unwind().with(async |_| body.wait().await);
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

shapes! {
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
        gather((Member::new(&log, 0, well(), well()),)).until(stop.wait()).catch_unwind().with(async |_| {
            let _bomb = Bomb;
            std::future::pending::<()>().await
        }),
    );
    gather.pends();
    stop.open();
    assert!(matches!(gather.end().unwrap_err().cause, Cause::Panicked(_)));
    assert_eq!(log.only(&["Panicked", "exited"]), ["exit 0 Panicked", "exited 0"]);
}

/// 14: the empty group, and an empty group cancelled before it starts.
#[test]
fn an_empty_group() {
    let failure = Driver::new(gather(()).until(ready(())).with(async |()| ())).end().unwrap_err();
    assert!(matches!(failure.cause, Cause::Cancelled));
    assert_eq!(failure.to_string(), "cancelled");
    Driver::new(gather(()).until(std::future::pending()).with(async |()| ())).end().unwrap();
}

/// 1: what stops the group is lazy as well: not even `into_future` is called before the first poll.
#[test]
fn until_is_lazy() {
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
    let with = gather((member(),)).until(Signal(&log)).with(async |_| ());
    assert_eq!(log.take(), [""; 0]);
    Driver::new(with).end().unwrap();
    assert_eq!(log.take(), ["signal"]);
}

/// Two calls: whichever is ready first.
#[test]
fn until_twice() {
    for first in [false, true] {
        let (one, two) = (Gate::new(), Gate::new());
        let member = async { Ok::<_, ()>(()) }.drop_on_exit();
        let with = gather((member,)).until(one.wait()).until(two.wait()).with(async |_| std::future::pending().await);
        let mut gather: Driver<'_, Result<(), _>> = Driver::new(with);
        gather.pends();
        if first {
            one.open()
        } else {
            two.open()
        }
        assert!(matches!(gather.end().unwrap_err().cause, Cause::Cancelled));
    }
}

/// A timeout around a scope that still releases everything: what `until` is for.
#[test]
fn a_timeout() {
    let log = Log::default();
    let timeout = async {
        smol::Timer::after(std::time::Duration::from_millis(1)).await;
    };
    let group = (Member::new(&log, 0, well(), well()), Member::new(&log, 1, well().gate(&Gate::new()), well()));
    let failure = smol::block_on(gather(group).until(timeout).with(async |_| ())).unwrap_err();
    assert!(matches!(failure.cause, Cause::Cancelled));
    assert_released(&log.take());
}
