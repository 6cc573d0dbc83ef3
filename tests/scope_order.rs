//! Tests of the exits of a scope: their order, their limits, their wakers, their errors and their verdicts.
#![cfg(feature = "alloc")]

mod common;
#[path = "common/shield.rs"]
mod shield;

use std::{cell::Cell, pin::pin};

use common::{Act, Gate, Log, Member, Report, Resource, assert_released, fails, held, member, well};
use futures_util::FutureExt;
use gather_cm::{Cause, Exit, ExitCase, Lent, Scope, scope};
use shield::drive;

/// Joins in the order 1, 0, 3. The enter with the index 2 is dropped.
async fn join_out_of_order(
    log: &Log,
    scope: &Scope<Resource>,
    exit: impl Fn(usize) -> Act,
) -> Result<(), &'static str> {
    let gate = Gate::new();
    let mut first = pin!(scope.enter(Member::new(log, 0, well().gate(&gate), exit(0))));
    assert!(first.as_mut().now_or_never().is_none());
    let second = scope.enter(Member::new(log, 1, well(), exit(1))).await?;
    assert!(scope.enter(Member::new(log, 2, well().gate(&gate), exit(2))).now_or_never().is_none());
    gate.open();
    let first = first.await?;
    scope.hold(held(log, 3, exit(3)));
    assert_eq!((Lent::index(&first), Lent::index(&second)), (0, 1));
    Ok(())
}

/// P4: a pool and its limit go by the index, in whatever order the resources joined. A stack goes by the order of
/// joining.
#[test]
fn the_order_of_the_exits() {
    macro_rules! order {
        ($policy:ident($($n:literal)?)) => {{
            let log = Log::default();
            let body = async |scope: &Scope<Resource>| join_out_of_order(&log, scope, |_| well()).await;
            let mut gather = drive(scope().$policy($($n)?).with(body));
            assert_eq!(gather.end(), Report::value(()));
            log.only(&["Completed"]).iter().map(|line| line[5..6].parse().unwrap()).collect::<Vec<usize>>()
        }};
    }
    assert_eq!(order!(exit_limit(1)), [0, 1, 3]);
    assert_eq!(order!(exit_limit(9)), [0, 1, 3]);
    assert_eq!(order!(caller_waker()), [0, 1, 3]);
    assert_eq!(order!(fair()), [0, 1, 3]);
    assert_eq!(order!(stack()), [3, 0, 1]);
    assert_eq!(order!(in_reverse()), [3, 1, 0]);
}

/// P4: the same holds for so many resources that each has a waker of its own, with sparse indices.
#[test]
fn the_order_of_many_exits() {
    macro_rules! order {
        ($policy:ident($($n:literal)?), $wait:literal) => {{
            let (log, gates) = (Log::default(), [(); 50].map(|()| Gate::new()));
            let mut gather = drive(scope().$policy($($n)?).with(async |scope| {
                let gate = Gate::new();
                let member = |name| Member::new(&log, name, well().gate(&gate), well().gate(&gates[name]));
                let mut enters = (0..50).map(|name| Box::pin(scope.enter(member(name)))).collect::<Vec<_>>();
                for enter in &mut enters {
                    assert!(enter.now_or_never().is_none());
                }
                gate.open();
                for name in (0..50).rev() {
                    let lent = (&mut enters[name]).await?;
                    if name % 5 == 0 {
                        Lent::into_inner(lent).abandon();
                    }
                }
                Ok(())
            }));
            let mut order = Vec::new();
            while gather.poll().is_pending() {
                let begun = log.only(&["Completed"]).iter().map(|line| line[5..7].trim().parse::<usize>().unwrap()).collect::<Vec<_>>();
                assert!(!$wait || begun.len() == 1, "{begun:?}");
                begun.iter().for_each(|name| gates[*name].open());
                order.extend(begun);
            }
            order
        }};
    }
    let joined = (0..50).filter(|name| name % 5 != 0).collect::<Vec<_>>();
    assert_eq!(order!(stack(), true), joined);
    assert_eq!(order!(exit_limit(1), true), joined);
    assert_eq!(order!(caller_waker(), false), joined);
    assert_eq!(order!(in_reverse(), true), joined.into_iter().rev().collect::<Vec<_>>());
}

/// P4: an exit that waits holds the others back in a stack, and with a limit.
#[test]
fn exits_wait_for_each_other() {
    let (log, gate) = (Log::default(), Gate::new());
    let exit = |name| if name == 0 { well().gate(&gate) } else { well() };
    let body = async |scope: &Scope<Resource>| join_out_of_order(&log, scope, exit).await;
    let mut gather = drive(scope().stack().with(body));
    gather.pends();
    assert_eq!(log.only(&["Completed"]), ["exit 3 Completed", "exit 0 Completed"]);
    gate.open();
    assert_eq!(gather.end(), Report::value(()));
    drop(gather);
    log.take();

    let gate = Gate::new();
    let exit = |name| if name == 0 { well().gate(&gate) } else { well() };
    let body = async |scope: &Scope<Resource>| join_out_of_order(&log, scope, exit).await;
    let mut gather = drive(scope().exit_limit(1).with(body));
    gather.pends();
    assert_eq!(log.only(&["Completed"]), ["exit 0 Completed"]);
    gate.open();
    assert_eq!(gather.end(), Report::value(()));
}

/// P4: with `fair`, each poll begins with the next exit, although their indices are sparse.
#[test]
fn fair_exits_take_turns() {
    let (log, gate) = (Log::default(), Gate::new());
    let mut gather = drive(scope().fair().with(async |scope| {
        for name in 0..3 {
            for _ in 0..4 {
                drop(Lent::into_inner(scope.hold(held(&Log::default(), 0, well()))));
            }
            scope.hold(held(&log, name, well().gate(&gate).busy()));
        }
        Ok(())
    }));
    gather.pends();
    log.take();
    let mut first = Vec::new();
    for _ in 0..6 {
        gather.pends();
        let polls = log.only(&["poll exit"]);
        assert_eq!(polls.len(), 3);
        first.push(polls[0].clone());
    }
    for name in 0..3 {
        assert_eq!(first.iter().filter(|line| **line == format!("poll exit {name}")).count(), 2, "{first:?}");
    }
    gate.open();
    assert_eq!(gather.end(), Report::value(()));
}

/// P4: with `caller_waker` the exits wait with the caller's own waker. Otherwise each of many has one of its own.
#[test]
fn the_wakers_of_exits() {
    for own in [false, true] {
        let (log, gate) = (Log::default(), Gate::new());
        let body = async |scope: &Scope<Resource>| {
            (0..40).for_each(|name| drop(scope.hold(held(&log, name, well().gate(&gate)))));
            Ok(())
        };
        let mut gather = if own { drive(scope().with(body)) } else { drive(scope().caller_waker().with(body)) };
        gather.pends();
        let caller = std::task::Waker::from(gather.wakes.clone());
        assert_eq!(gate.waker().expect("they wait").will_wake(&caller), !own);
        gate.open();
        assert_eq!(gather.poll().is_ready(), !own, "with wakers of their own, only the last of them was woken");
    }
}

/// P4: the errors of exits are reported under their indices, which are sparse. P14: they have the shape `Many`.
#[test]
fn errors_of_exits() {
    let log = Log::default();
    let mut gather = drive(scope().with(async |scope| {
        let a = scope.enter(Member::new(&log, 0, well(), fails("a"))).await?;
        let b = scope.enter(Member::new(&log, 1, well(), fails("b"))).await?;
        scope.enter(Member::new(&log, 2, well(), well())).await?;
        scope.enter(Member::new(&log, 3, well(), fails("d"))).await?;
        drop(b);
        assert_eq!(Lent::release(a).await, Err("a"));
        Ok(())
    }));
    assert_eq!(gather.end(), Report::only_exits(&[(1, "b"), (3, "d")]));
    assert_released(&log.everything());
}

/// P4: the index in the text is that of the scope, and the shape is `Many`.
#[test]
fn the_failure_in_words() {
    let log = Log::default();
    let body = async |scope: &Scope<Resource>| {
        Lent::release(scope.hold(held(&log, 0, well()))).await.expect("it exits");
        scope.hold(held(&log, 1, fails("x")));
        Err::<(), _>(404)
    };
    let failure: gather_cm::Failure<_, gather_cm::Many, i32> =
        scope().with_own_error(body).now_or_never().expect("it is ready").unwrap_err();
    assert!(matches!(failure.cause, Cause::Body(404)));
    assert_eq!(failure.to_string(), "body failed: 404; exit of member 1 failed: x");
}

/// P4: a resource that was released has no verdict on the body's error. The exits at the end do.
#[test]
fn verdicts() {
    for (released, at_the_end) in [(true, false), (false, true)] {
        let log = Log::default();
        let member = |name, suppress| {
            let member = Member::new(&log, name, well(), well());
            if suppress { member.suppress() } else { member }
        };
        let mut gather = drive(scope().with(async |scope| {
            let a = scope.enter(member(0, released)).await?;
            scope.enter(member(1, at_the_end)).await?;
            assert_eq!(Lent::release(a).await, Ok(released));
            Err::<(), _>("b")
        }));
        let report = Report::body("b");
        assert_eq!(gather.end(), if at_the_end { report.suppressed() } else { report });
        assert_eq!(log.only(&["on_error"]), ["on_error 1 b"]);
    }
}

/// P4: in a stack, if an exit suppresses the error, the exits below it do not receive it.
#[test]
fn a_stack_that_suppresses() {
    let log = Log::default();
    let mut gather = drive(scope().stack().with(async |scope| {
        scope.enter(member(&log, 0)).await?;
        scope.enter(member(&log, 1).suppress()).await?;
        scope.enter(member(&log, 2)).await?;
        Err::<(), _>("b")
    }));
    assert_eq!(gather.end(), Report::body("b").suppressed());
    assert_eq!(log.only(&["Completed", "Failed"]), ["exit 2 Failed", "exit 1 Failed", "exit 0 Completed"]);
}

/// P14: of many exits, each poll polls the exit that was woken, and no other.
#[test]
fn a_thousand_resources() {
    struct Slow<'a>(Gate, &'a Cell<usize>);

    impl Exit for Slow<'_> {
        type Error = &'static str;
        type Verdict = ();

        async fn exit(self, _: ExitCase) -> Result<(), &'static str> {
            std::future::poll_fn(|cx| {
                self.1.set(self.1.get() + 1);
                self.0.poll(cx)
            })
            .await;
            Ok(())
        }
    }

    const COUNT: usize = 1_000;
    let (gates, polls) = ([(); COUNT].map(|()| Gate::new()), Cell::new(0));
    let mut gather = drive(scope().with(async |scope| {
        for gate in &gates {
            Lent::into_inner(scope.hold(Slow(gate.clone(), &polls)));
            scope.hold(Slow(gate.clone(), &polls));
        }
        Ok(scope.len())
    }));
    gather.pends();
    for gate in &gates[1..] {
        gate.open();
        gather.pends();
    }
    gates[0].open();
    assert_eq!(gather.end(), Report::value(COUNT));
    assert_eq!(polls.get(), 2 * COUNT);
}
