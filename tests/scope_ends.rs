//! Tests of how a scope ends: by a stop, by a drop, all or nothing, nested in a group, and shielded.
#![cfg(feature = "alloc")]

mod common;
#[path = "common/shield.rs"]
mod shield;

use std::{cell::RefCell, future::pending, pin::pin, rc::Rc};

use common::{Driver, Gate, Log, Member, Report, Resource, Why, assert_released, events, fails, held, member, well};
use futures_util::{
    FutureExt,
    future::{join, select},
};
use gather_cm::{
    EnterExt, Entered, Exit, ExitCase, Joined, Lent, Scope, gather,
    policies::{Exits, Stack},
    scope,
};
use shield::{Queue, drive};

/// P3: a stop drops the pending enter and the pending release along with the body. Live guards return their resources.
#[test]
fn a_stop() {
    let (log, [gate, stop]) = (Log::default(), [Gate::new(), Gate::new()]);
    let mut gather = drive(scope().cancel_on(async { stop.wait().await }).with(async |scope| {
        let _alive = scope.enter(member(&log, 0)).await?;
        let release = Lent::release(scope.hold(held(&log, 1, well().gate(&gate))));
        let enter = scope.enter(Member::new(&log, 2, well().gate(&gate), well()));
        let (released, entered) = join(release, enter).await;
        released?;
        Ok(drop(entered?))
    }));
    gather.pends();
    log.take();
    stop.open();
    assert_eq!(gather.end(), Report::cancelled());
    let mut lines = log.take();
    lines[..2].sort_unstable();
    let end = ["exit 0 Cancelled", "poll exit 0", "exited 0", "drop exit 0"];
    assert_eq!(lines, [&["drop enter 2", "drop exit 1"][..], &end].concat());
    assert_released(&log.everything());
}

/// P6: if the body succeeds, nothing is exited, and everything that joined is kept with its order.
#[test]
fn with_entered() {
    let log = Log::default();
    let mut body = Driver::new(scope().stack().with_entered(async |scope| {
        let gate = Gate::new();
        let mut first = pin!(scope.enter(Member::new(&log, 0, well().gate(&gate), fails("x"))));
        assert!(first.as_mut().now_or_never().is_none());
        Lent::release(scope.hold(held(&log, 1, well()))).await?;
        scope.enter(member(&log, 2)).await?;
        gate.open();
        let _alive = first.await?;
        Ok::<_, &str>(7)
    }));
    let (value, mut kept): (_, Entered<Joined<Resource>, Exits<Stack>>) = body.end().unwrap_or_else(|_| unreachable!());
    drop(body);
    assert_eq!((value, kept.len(), kept[0].name(), kept[1].name()), (7, 2, 0, 2));
    kept.iter_mut().for_each(|resource| Exit::on_error(resource, &"e"));
    assert_eq!(events(&log)[8..], ["on_error 0 e", "on_error 2 e"], "nothing was exited");
    let failure = kept.exit(ExitCase::Completed).now_or_never().expect("it is ready").unwrap_err();
    assert_eq!(failure.to_string(), "exit of member 0 failed: x");
    let exits = ["exit 0 Completed", "exited 0", "exit 2 Failed", "exited 2"];
    assert_eq!(events(&log), exits, "the last to join comes first");
    assert_released(&log.everything());
}

/// P6: the resources that were kept are abandoned if they are dropped, and can be taken out.
#[test]
fn kept_and_not_exited() {
    let log = Log::default();
    let keep = || {
        let body = async |scope: &Scope<Resource>| {
            drop((scope.hold(held(&log, 0, well())), scope.hold(held(&log, 1, well()))));
            Ok::<_, &str>(())
        };
        scope().with_entered(body).now_or_never().expect("it is ready").unwrap_or_else(|_| unreachable!()).1
    };
    drop(keep());
    assert_eq!(log.only(&["abandon"]), ["abandon 0", "abandon 1"]);
    let all = Entered::into_inner(keep()).into_vec();
    assert_eq!(all.iter().map(Resource::name).collect::<Vec<_>>(), [0, 1]);
    all.into_iter().for_each(Exit::abandon);
    assert_eq!(log.only(&["exit", "LEAK"]), [""; 0]);
}

/// P6: nothing is kept if the body fails or is stopped.
#[test]
fn with_entered_that_fails() {
    for stops in [false, true] {
        let (log, stop) = (Log::default(), Gate::new());
        let body = async |scope: &Scope<Resource>| {
            let _alive = scope.enter(member(&log, 0)).await?;
            scope.enter(Member::new(&log, 1, well(), fails("x"))).await?;
            if stops {
                stop.open();
                pending::<()>().await;
            }
            scope.enter(Member::new(&log, 2, fails("e"), well())).await?;
            Ok(())
        };
        let stopped = scope().cancel_on(async { stop.wait().await }).with_entered(body);
        let mut gather = drive(async { stopped.await.map(drop) });
        if stops {
            gather.pends();
        }
        let report = gather.end();
        assert_eq!(report, if stops { Report::cancelled() } else { Report::body("e") }.exits(&[(1, "x")]));
        let exits = if stops { ["exit 0 Cancelled", "exit 1 Cancelled"] } else { ["exit 0 Failed", "exit 1 Failed"] };
        assert_eq!(log.only(&["Cancelled", "Failed"]), exits);
        assert_released(&log.everything());
    }
}

/// P6: a drop in the body of `with_entered` abandons the resources that have joined.
#[test]
fn with_entered_that_is_dropped() {
    let log = Log::default();
    let mut gather = Driver::new(scope().with_entered(async |scope| {
        let _alive = scope.enter(member(&log, 0)).await?;
        Ok::<(), &str>(pending().await)
    }));
    gather.pends();
    gather.drop();
    assert_eq!(log.only(&["abandon", "exit"]), ["abandon 0"]);
}

/// P6: a scope is a member of a group, and answers for its own resources.
#[test]
fn nested_in_a_group() {
    let log = Log::default();
    let body = async |scope: &Scope<Resource>| {
        drop(scope.enter(Member::new(&log, 0, well(), fails("x"))).await?);
        Ok::<_, &str>(drop(scope.enter(member(&log, 1)).await?))
    };
    let inner =
        async { scope().with_entered(body).await.map(|((), kept)| kept).map_err(|failure| failure.to_string()) };
    let inner = async { inner.await.map_err(|_| unreachable!()) };
    let mut outer = Driver::new(gather((inner,)).with(async |(kept,)| Ok(kept.len())));
    let failure = outer.end().unwrap_err();
    assert_eq!(failure.to_string(), "exit of member 0 failed: exit of member 0 failed: x");
    assert_eq!(log.only(&["Completed"]), ["exit 0 Completed", "exit 1 Completed"]);
    assert_released(&log.everything());
}

/// P8: an inner scope takes a resource that borrows from one of the outer scope, and ends first.
#[test]
fn a_scope_within_a_scope() {
    struct Borrows<'a>(&'a Resource, Log);

    impl Exit for Borrows<'_> {
        type Error = &'static str;
        type Verdict = ();

        async fn exit(self, case: ExitCase) -> Result<(), &'static str> {
            Ok(self.1.push(format_args!("inner {} {case:?}", self.0.name())))
        }
    }

    let log = Log::default();
    let mut gather = drive(scope().with(async |outer| {
        let lent = outer.enter(member(&log, 0)).await?;
        let inner = scope().with(async |inner| {
            let _alive = inner.hold(Borrows(&lent, log.clone()));
            Err::<(), _>("b")
        });
        let failure = inner.await.unwrap_err();
        Err::<(), _>(failure.into_error(|_, _| ()).unwrap_or("another"))
    }));
    assert_eq!(gather.end(), Report::body("b"));
    assert_eq!(log.only(&["inner", "Failed"]), ["inner 0 Failed", "exit 0 Failed"]);
}

/// The gather is dropped after each number of polls. Exits in flight are dropped, and the rest is abandoned by index.
#[test]
fn dropped_at_every_poll() {
    for polls in 0..10 {
        let log = Log::default();
        let gates = [(); 6].map(|()| Gate::new());
        let [g0, g1, g2, g3, g4, g5] = &gates;
        let mut gather = drive(scope().exit_limit(1).with(async |scope| {
            let _alive = scope.enter(Member::new(&log, 0, well().gate(g0), well().gate(g4))).await?;
            let lent = scope.enter(Member::new(&log, 1, well().gate(g1), well().gate(g2))).await?;
            scope.hold(held(&log, 2, well().gate(g5)));
            Lent::release(lent).await?;
            g3.wait().await;
            Ok(())
        }));
        let mut ended = false;
        for poll in 0..polls {
            ended = ended || gather.poll().is_ready();
            if let Some(gate) = gates.get(poll) {
                gate.open();
            }
        }
        log.take();
        gather.drop();
        let dropped: &[&str] = match polls {
            1 => &["drop enter 0"],
            2 => &["drop enter 1", "abandon 0"],
            3 => &["drop exit 1", "abandon 0", "abandon 2"],
            4 => &["abandon 0", "abandon 2"],
            5 => &["drop exit 0", "abandon 2"],
            6 => &["drop exit 2"],
            _ => &[],
        };
        assert_eq!(log.take(), dropped, "{polls}");
        assert_released(&log.everything());
        assert_eq!(ended, polls > 6, "{polls}");
    }
}

/// A waker at the address of the crate's own waker does not end the body. Here it is the standard library's.
#[test]
fn polled_with_the_noop_waker() {
    let (log, gate) = (Log::default(), Gate::new());
    let body =
        async |scope: &Scope<Resource>| Ok(drop(scope.enter(Member::new(&log, 0, well().gate(&gate), well())).await?));
    let mut gather = pin!(scope().with(body));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(gather.as_mut().poll(&mut cx).is_pending());
    assert!(gather.as_mut().poll(&mut cx).is_pending());
    gate.open();
    assert!(gather.as_mut().poll(&mut cx).is_ready());
    assert_released(&log.take());
}

/// `keep_value` and `with_own_error` work as for other groups.
#[test]
fn the_value_is_kept() {
    let log = Log::default();
    let body = async |scope: &Scope<Resource>| {
        Lent::into_inner(scope.hold(held(&log, 0, well()))).abandon();
        scope.hold(held(&log, 1, fails("x")));
        Ok::<_, i32>(7)
    };
    let kept = scope().with_own_error(body).keep_value().now_or_never().expect("it is ready");
    let (value, errors) = kept.unwrap_or_else(|_| unreachable!());
    assert_eq!((value, errors.get(1), errors.len()), (7, Some(&"x"), 1));
}

mod shielded {
    use super::*;

    /// P3 with a shield: the body's own enters and releases are dropped, and the cleanup exits the resources that the
    /// scope holds.
    #[test]
    fn in_the_body() {
        let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
        let body = async |scope: &Scope<Resource>| {
            let _alive = scope.enter(Member::new(&log, 0, well(), well().gate(&gate))).await?;
            scope.hold(held(&log, 1, fails("x")));
            let release = Lent::release(scope.hold(held(&log, 2, well().gate(&gate))));
            let (release, enter) = (pin!(release), pin!(scope.enter(Member::new(&log, 3, well().gate(&gate), well()))));
            select(release, enter).await;
            Ok(())
        };
        let mut gather = drive(scope().stack().shield().with(body).on_drop(queue.spawner()));
        gather.pends();
        log.take();
        gather.drop();
        let mut lines = log.take();
        lines.sort_unstable();
        assert_eq!(lines, ["drop enter 3", "drop exit 2"]);
        let mut cleanup = queue.one();
        cleanup.pends();
        assert_eq!(log.only(&["Cancelled"]), ["exit 1 Cancelled", "exit 0 Cancelled"]);
        gate.open();
        assert_eq!(cleanup.end(), Report { why: Why::Cancelled, exits: vec![(1, "x")], suppressed: false });
        assert_released(&log.everything());
    }

    /// Exits in flight go on where they are, and the errors keep their indices.
    #[test]
    fn in_the_exits() {
        let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
        let body = async |scope: &Scope<Resource>| {
            Lent::release(scope.hold(held(&log, 0, well()))).await?;
            scope.hold(held(&log, 1, fails("y")));
            scope.hold(held(&log, 2, fails("x").gate(&gate)));
            scope.hold(held(&log, 3, well()));
            Err::<(), _>("b")
        };
        let mut gather = drive(scope().exit_limit(1).shield().with(body).on_drop(queue.spawner()));
        gather.pends();
        gather.drop();
        log.take();
        let mut cleanup = queue.one();
        cleanup.pends();
        gate.open();
        assert_eq!(cleanup.end(), Report::body("b").exits(&[(1, "y"), (2, "x")]));
        assert_eq!(events(&log), ["exited 2", "on_error 3 b", "exit 3 Failed", "exited 3"]);
        assert_released(&log.everything());
    }

    /// Nothing has begun before the first poll, and nothing is left after the end.
    #[test]
    fn before_and_after() {
        let (log, queue) = (Log::default(), Queue::default());
        let body = async |scope: &Scope<Resource>| Ok(drop(scope.enter(member(&log, 0)).await?));
        drop(scope().shield().with(body).on_drop(queue.spawner()));
        assert!(queue.is_empty());
        let mut gather = drive(scope().shield().with(body).on_drop(queue.spawner()));
        assert_eq!(gather.end(), Report::value(()));
        gather.drop();
        assert!(queue.is_empty());
        assert_released(&log.take());
    }

    /// P6: `with_entered` hands over while the body runs. Resources that it has returned are the caller's.
    #[test]
    fn all_or_nothing() {
        for ends in [false, true] {
            let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
            let body = async |scope: &Scope<Resource>| {
                let _alive = scope.enter(member(&log, 0)).await?;
                gate.wait().await;
                Ok(())
            };
            let kept = Rc::new(RefCell::new(None));
            let keep = kept.clone();
            let with = scope().shield().with_entered(body).on_drop(queue.spawner());
            let mut gather = drive(async move { with.await.map(|((), all)| *keep.borrow_mut() = Some(all)) });
            gather.pends();
            if ends {
                gate.open();
                assert_eq!(gather.end(), Report::value(()));
                gather.drop();
                assert!(queue.is_empty());
                assert_eq!(log.only(&["exit", "abandon"]), [""; 0]);
                drop(kept.take());
                assert_eq!(log.only(&["exit", "abandon"]), ["abandon 0"]);
            } else {
                gather.drop();
                assert_eq!(queue.one().end(), Report::value(()));
                assert_eq!(log.only(&["Cancelled"]), ["exit 0 Cancelled"]);
            }
            assert_released(&log.everything());
        }
    }

    /// P10: a full scope that was never polled abandons, as without a shield.
    #[test]
    fn a_full_scope() {
        let (log, queue) = (Log::default(), Queue::default());
        let full = || [0, 1].map(|name| held(&log, name, well())).into_iter().collect::<Scope<_>>();
        drop(gather(full()).shield().with(async |_| Ok(())).on_drop(queue.spawner()));
        assert!(queue.is_empty());
        assert_eq!(log.only(&["abandon", "LEAK"]), ["abandon 0", "abandon 1"]);
        let mut gather =
            drive(gather(full()).shield().with(async |_| Ok(pending::<()>().await)).on_drop(queue.spawner()));
        gather.pends();
        gather.drop();
        assert_eq!(queue.one().end(), Report::value(()));
        assert_eq!(log.only(&["Cancelled"]), ["exit 0 Cancelled", "exit 1 Cancelled"]);
    }
}

/// An adapted member joins as it is.
#[test]
fn adapted_members() {
    let log = Log::default();
    let mut gather = drive(scope().with(async |scope| {
        for name in ["a", "b"] {
            let exit =
                async |name: &'static str, case| Ok::<_, &'static str>(log.push(format_args!("{name} {case:?}")));
            let lent = scope.enter(async move { Ok::<_, &str>(name) }.exit_with(exit)).await?;
            assert_eq!(**lent, name);
        }
        Ok(())
    }));
    assert_eq!(gather.end(), Report::value(()));
    assert_eq!(log.take(), ["a Completed", "b Completed"]);
}

/// P10: a scope is a member of a group. Its failure is one error there.
#[test]
fn a_scope_as_a_member() {
    for drops in [false, true] {
        let (log, gate) = (Log::default(), Gate::new());
        let member = async { Ok::<_, gather_cm::FailureOf<Joined<Resource>>>(Scope::new()) };
        let mut gather = Driver::new(gather((member,)).with(async |(scope,)| {
            drop((scope.hold(held(&log, 0, fails("x"))), scope.hold(held(&log, 1, well()))));
            gate.wait().await;
            Ok(scope.len())
        }));
        gather.pends();
        if drops {
            gather.drop();
            assert_eq!(log.only(&["abandon", "exit"]), ["abandon 0", "abandon 1"]);
        } else {
            gate.open();
            let failure = gather.end().unwrap_err();
            assert_eq!(failure.to_string(), "exit of member 0 failed: exit of member 0 failed: x");
            assert_eq!(log.only(&["Completed"]), ["exit 0 Completed", "exit 1 Completed"]);
        }
        assert_released(&log.everything());
    }
}

/// A plain function is a body, too.
#[test]
fn a_function_as_a_body() {
    async fn body(scope: &Scope<Resource>) -> Result<usize, &'static str> {
        drop(scope.enter(member(&Log::default(), 0)).await?);
        Ok(scope.len())
    }

    assert_eq!(drive(scope().with(body)).end(), Report::value(1));
    let kept = scope().with_entered(body).keep_value().now_or_never().expect("it is ready");
    let ((value, kept), errors) = kept.unwrap_or_else(|_| unreachable!());
    assert_eq!((value, kept.len(), errors.len()), (1, 1, 0));
}
