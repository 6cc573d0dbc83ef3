//! Tests of a scope: resources join while the body runs, and every one of them is exited at the end.
#![cfg(feature = "alloc")]

mod common;
#[path = "common/shield.rs"]
mod shield;

use std::{
    cell::Cell,
    future::{pending, ready},
    pin::pin,
};

use common::{Gate, Log, Member, Report, Resource, assert_released, events, fails, held, member, well};
use futures_util::{
    FutureExt,
    future::{join, select},
};
use gather_cm::{Exit, ExitCase, Lent, Scope, gather, scope};
use shield::drive;

/// P1: the body polls the enters, as many as it likes at a time. The index tells which of them began first.
#[test]
fn several_enter_at_the_same_time() {
    let (log, [g0, g1]) = (Log::default(), [Gate::new(), Gate::new()]);
    let mut gather = drive(scope().with(async |scope| {
        let a = scope.enter(Member::new(&log, 0, well().gate(&g0), well()));
        let b = scope.enter(Member::new(&log, 1, well().gate(&g1), well()));
        let (a, b) = join(a, b).await;
        let (a, b) = (a?, b?);
        assert_eq!((a.name(), b.name(), scope.len(), scope.is_empty()), (0, 1, 0, true));
        Ok((Lent::index(&a), Lent::index(&b)))
    }));
    gather.pends();
    assert_eq!(events(&log), ["enter 0", "enter 1"]);
    g1.open();
    gather.pends();
    assert_eq!(events(&log), ["entered 1"]);
    g0.open();
    assert_eq!(gather.end(), Report::value((0, 1)));
    assert_eq!(events(&log), ["entered 0", "exit 0 Completed", "exited 0", "exit 1 Completed", "exited 1"]);
}

/// P1: an enter is lazy: neither its member nor its index is used before the first poll.
#[test]
fn an_enter_that_is_never_polled() {
    let log = Log::default();
    let mut gather = drive(scope().with(async |scope| {
        drop(scope.enter(member(&log, 0)));
        let lent = scope.enter(member(&log, 1)).await?;
        Ok(Lent::index(&lent))
    }));
    assert_eq!(gather.end(), Report::value(0));
    assert_eq!(events(&log), ["enter 1", "entered 1", "exit 1 Completed", "exited 1"]);
}

/// P1: the guard derefs to the resource, both ways.
#[test]
fn a_guard_derefs() {
    struct Number<'a>(u32, &'a Cell<u32>);

    impl Exit for Number<'_> {
        type Error = &'static str;
        type Verdict = ();

        async fn exit(self, _: ExitCase) -> Result<(), &'static str> {
            Ok(self.1.set(self.0))
        }
    }

    let seen = Cell::new(0);
    let mut gather = drive(scope().with(async |scope| {
        let mut lent = scope.enter(async { Ok::<_, u8>(Number(1, &seen)) }).await.expect("it enters");
        lent.0 += 1;
        Ok(lent.0)
    }));
    assert_eq!(gather.end(), Report::value(2));
    assert_eq!(seen.get(), 2);
}

/// P2: a failed enter is an error like any other for the body, which may try again. Each attempt has its index.
#[test]
fn a_failed_enter_can_be_tried_again() {
    let log = Log::default();
    let mut gather = drive(scope().with(async |scope| {
        let first = scope.enter(Member::new(&log, 0, fails("e"), well())).await;
        assert_eq!(first.map(drop), Err("e"));
        let second: Result<Lent<'_, Resource>, u8> = scope.enter(ready(Err(7))).await;
        assert_eq!(second.map(drop), Err(7));
        let third = scope.enter(member(&log, 1)).await?;
        assert_eq!(scope.len(), 0);
        Ok(Lent::index(&third))
    }));
    assert_eq!(gather.end(), Report::value(2));
    assert_eq!(events(&log), ["enter 0", "enter 1", "entered 1", "exit 1 Completed", "exited 1"]);
}

/// P2: if the body passes a failed enter on by `?`, that is the body's error.
#[test]
fn a_failed_enter_may_end_the_body() {
    let log = Log::default();
    let mut gather = drive(scope().with(async |scope| {
        let _alive = scope.enter(member(&log, 0)).await?;
        scope.enter(Member::new(&log, 1, fails("e"), well())).await?;
        Ok(())
    }));
    assert_eq!(gather.end(), Report::body("e"));
    assert_eq!(
        log.only(&["exit", "on_error"]),
        ["on_error 0 e", "exit 0 Failed", "poll exit 0", "exited 0", "drop exit 0"]
    );
}

/// P3: every resource is exited, whatever has become of the guards.
#[test]
fn every_resource_is_exited() {
    let log = Log::default();
    let mut gather = drive(scope().with(async |scope| {
        let _alive = scope.enter(member(&log, 0)).await?;
        drop(scope.enter(member(&log, 1)).await?);
        assert_eq!(scope.len(), 1);
        let lost = pin!(async {
            let _lent = scope.enter(member(&log, 2)).await;
            pending::<()>().await;
        });
        select(lost, ready(())).await;
        scope.hold(held(&log, 3, well()));
        assert_eq!(scope.len(), 2, "what is lost in a select is back once that is dropped");
        let again = scope.hold(held(&log, 4, well()));
        Ok(Lent::index(&again))
    }));
    assert_eq!(gather.end(), Report::value(4));
    let exits = log.only(&["Completed"]);
    assert_eq!(exits, [0, 1, 2, 3, 4].map(|name| format!("exit {name} Completed")));
    assert_released(&log.everything());
}

/// P5: `release` exits at once and in any order, and `exit` passes on a case.
#[test]
fn a_release() {
    let (log, gate) = (Log::default(), Gate::new());
    let mut gather = drive(scope().stack().with(async |scope| {
        let a = scope.enter(Member::new(&log, 0, well(), well().gate(&gate))).await?;
        let b = scope.enter(member(&log, 1)).await?;
        let c = scope.enter(member(&log, 2)).await?;
        let _alive = scope.enter(member(&log, 3)).await?;
        log.take();
        Lent::release(b).await?;
        Lent::exit(c, ExitCase::Cancelled).await?;
        Lent::release(a).await?;
        Ok(scope.len())
    }));
    gather.pends();
    let begun = ["exit 1 Completed", "exited 1", "exit 2 Cancelled", "exited 2", "exit 0 Completed"];
    assert_eq!(events(&log), begun);
    gate.open();
    assert_eq!(gather.end(), Report::value(0));
    assert_eq!(events(&log), ["exited 0", "exit 3 Completed", "exited 3"]);
}

/// P5: a release that is never polled gives the resource back.
#[test]
fn a_release_that_is_never_polled() {
    let log = Log::default();
    let mut gather = drive(scope().with(async |scope| {
        drop(Lent::release(scope.enter(member(&log, 0)).await?));
        drop(Lent::exit(scope.enter(member(&log, 1)).await?, ExitCase::Failed));
        Ok(scope.len())
    }));
    assert_eq!(gather.end(), Report::value(2));
    assert_eq!(log.only(&["exit "])[..1], ["exit 0 Completed"]);
    assert_released(&log.everything());
}

/// P5: the code that takes a resource out is responsible for it.
#[test]
fn a_resource_that_is_taken_out() {
    let log = Log::default();
    let mut gather = drive(scope().with(async |scope| {
        let a = scope.enter(member(&log, 0)).await?;
        let b = scope.enter(member(&log, 1)).await?;
        drop(b);
        Ok(Lent::into_inner(a).abandon())
    }));
    assert_eq!(gather.end(), Report::value(()));
    assert_eq!(events(&log)[4..], ["abandon 0", "exit 1 Completed", "exited 1"]);
}

/// P3: an enter or a release that is pending at the end of the body is dropped along with the body.
#[test]
fn pending_at_the_end() {
    let (log, gate) = (Log::default(), Gate::new());
    let mut gather = drive(scope().with(async |scope| {
        let a = scope.enter(Member::new(&log, 0, well(), well().gate(&gate))).await?;
        let _alive = scope.enter(member(&log, 1)).await?;
        let (release, enter) = (Lent::release(a), scope.enter(Member::new(&log, 2, well().gate(&gate), well())));
        let (release, enter) = (pin!(release), pin!(enter));
        select(release, select(enter, ready(()))).await;
        log.take();
        Ok(())
    }));
    assert_eq!(gather.end(), Report::value(()));
    let end = ["drop enter 2", "drop exit 0", "exit 1 Completed", "poll exit 1", "exited 1", "drop exit 1"];
    let mut lines = log.take();
    lines[..2].sort_unstable_by_key(|line| line == "drop exit 0");
    assert_eq!(lines, end);
}

/// P9: a guard that is forgotten takes its resource along.
#[test]
fn a_forgotten_guard() {
    struct Count<'a>(&'a Cell<usize>);

    impl Exit for Count<'_> {
        type Error = &'static str;
        type Verdict = ();

        async fn exit(self, _: ExitCase) -> Result<(), &'static str> {
            Ok(self.0.set(self.0.get() + 1))
        }

        fn abandon(self) {
            self.0.set(self.0.get() + 100);
        }
    }

    let count = Cell::new(0);
    let mut gather = drive(scope().with(async |scope| {
        std::mem::forget(scope.hold(Count(&count)));
        scope.hold(Count(&count));
        Ok(scope.len())
    }));
    assert_eq!(gather.end(), Report::value(1));
    assert_eq!(count.get(), 1);
}

/// P10: a scope alone is a resource.
#[test]
fn a_scope_alone() {
    let log = Log::default();
    let scope = Scope::new();
    scope.hold(held(&log, 0, well()));
    let lent = scope.enter(Member::new(&log, 1, well(), fails("x"))).now_or_never().unwrap().unwrap();
    assert_eq!(format!("{scope:?}"), "Scope { len: 1, .. }");
    drop(lent);
    log.take();
    let failure = scope.exit(ExitCase::Failed).now_or_never().expect("it is ready").unwrap_err();
    assert_eq!(failure.to_string(), "exit of member 1 failed: x");
    assert_eq!(events(&log), ["exit 0 Failed", "exited 0", "exit 1 Failed", "exited 1"]);
}

/// P10: it abandons its resources if it is dropped, in the order of their indices, and shows them an error before the
/// exit.
#[test]
fn a_scope_alone_that_is_dropped() {
    let log = Log::default();
    let mut scope = Scope::default();
    let (a, b) = (scope.hold(held(&log, 0, well())), scope.hold(held(&log, 1, well())));
    drop((b, a));
    log.take();
    Exit::on_error(&mut scope, &"e");
    drop(scope);
    let mut lines = log.take();
    lines[..2].sort_unstable();
    assert_eq!(lines, ["on_error 0 e", "on_error 1 e", "abandon 0", "abandon 1"]);
    drop(Scope::<Resource>::new());
}

/// P10: it returns `Suppress` if all of its resources do.
#[test]
fn the_verdict_of_a_scope_alone() {
    for (second, expected) in [(false, "Propagate"), (true, "Suppress")] {
        let log = Log::default();
        let scope = Scope::new();
        for (name, suppress) in [(0, true), (1, second)] {
            let member = member(&log, name);
            let member = if suppress { member.suppress() } else { member };
            drop(scope.enter(member).now_or_never().unwrap().unwrap());
        }
        let verdict = scope.exit(ExitCase::Failed).now_or_never().unwrap().unwrap();
        assert_eq!(format!("{verdict:?}"), expected);
    }
}

/// P10: `gather(scope)` takes a scope with its resources, and its indices go on.
#[test]
fn a_scope_that_is_full_already() {
    let log = Log::default();
    let full = [0, 1].map(|name| held(&log, name, well())).into_iter().collect::<Scope<_>>();
    assert_eq!(full.len(), 2);
    let mut gather = drive(gather(full).stack().with(async |scope| {
        assert_eq!(scope.len(), 2);
        let lent = scope.enter(member(&log, 2)).await?;
        Ok(Lent::index(&lent))
    }));
    assert_eq!(gather.end(), Report::value(2));
    assert_eq!(log.only(&["Completed"]), [2, 1, 0].map(|name| format!("exit {name} Completed")));
}

/// P10: a full scope is stopped before its body has begun, or dropped before its first poll.
#[test]
fn a_full_scope_without_a_body() {
    let log = Log::default();
    let full = || [0, 1].map(|name| held(&log, name, well())).into_iter().collect::<Scope<_>>();
    let body = async |_: &Scope<Resource>| Ok(log.push("body"));
    let mut stopped = drive(gather(full()).cancel_on(ready(())).with(body));
    assert_eq!(stopped.end(), Report::cancelled());
    assert_eq!(log.only(&["Cancelled", "body"]), ["exit 0 Cancelled", "exit 1 Cancelled"]);
    drop(gather(full()).with(body));
    assert_eq!(log.only(&["abandon", "LEAK", "body"]), ["abandon 0", "abandon 1"]);
}

/// P11: no lock is held while a user's code runs. That code is the future of an enter and its destructor, `into`, and a
/// release.
#[test]
fn no_lock_is_held() {
    struct Uses<'s>(&'s Scope<Plain>);
    struct Plain;

    impl Uses<'_> {
        fn uses(&self) {
            let _ = (self.0.len(), self.0.is_empty(), self.0.hold(Plain));
        }
    }

    impl From<Uses<'_>> for Plain {
        fn from(uses: Uses<'_>) -> Self {
            uses.uses();
            Self
        }
    }

    impl Drop for Uses<'_> {
        fn drop(&mut self) {
            self.uses();
        }
    }

    impl Exit for Uses<'_> {
        type Error = ();
        type Verdict = ();

        async fn exit(self, _: ExitCase) -> Result<(), ()> {
            Ok(self.uses())
        }
    }

    impl Exit for Plain {
        type Error = ();
        type Verdict = ();

        async fn exit(self, _: ExitCase) -> Result<(), ()> {
            Ok(())
        }
    }

    let scope = Scope::new();
    let enter = scope.enter_into(async {
        let uses = Uses(&scope);
        uses.uses();
        drop(uses);
        Ok::<_, ()>(Uses(&scope))
    });
    let lent = enter.now_or_never().expect("it is ready").expect("it enters");
    assert_eq!(scope.len(), 2);
    drop(lent);
    assert_eq!(scope.len(), 5);
    Lent::release(scope.hold_into(Uses(&scope))).now_or_never().expect("it is ready").unwrap();
    assert_eq!(scope.len(), 7);
    drop(Lent::into_inner(scope.hold_into(Uses(&scope))));
    assert_eq!(scope.len(), 8);
}

/// P1: threads may share a scope, and enter at the same time.
#[test]
#[cfg(feature = "std")]
fn threads_enter() {
    use std::{
        collections::BTreeSet,
        sync::{
            Barrier,
            atomic::{AtomicUsize, Ordering},
        },
    };

    struct Shared<'a>(&'a AtomicUsize);

    impl Exit for Shared<'_> {
        type Error = &'static str;
        type Verdict = ();

        async fn exit(self, _: ExitCase) -> Result<(), &'static str> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }

    let (exits, barrier) = (AtomicUsize::new(0), Barrier::new(4));
    let mut gather = drive(scope().stack().with(async |scope| {
        let work = || {
            barrier.wait();
            let enter = |_| {
                let lent = smol::block_on(scope.enter(async { Ok::<_, ()>(Shared(&exits)) })).expect("it enters");
                let index = Lent::index(&lent);
                if index % 3 == 0 {
                    smol::block_on(Lent::release(lent)).expect("it exits");
                }
                index
            };
            (0..50).map(enter).collect::<Vec<_>>()
        };
        let indices = std::thread::scope(|threads| {
            let threads = [(); 4].map(|()| threads.spawn(work));
            threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect::<BTreeSet<_>>()
        });
        assert_eq!(exits.load(Ordering::Relaxed), 67);
        Ok((indices.len(), scope.len()))
    }));
    assert_eq!(gather.end(), Report::value((200, 133)));
    assert_eq!(exits.load(Ordering::Relaxed), 200);
}
