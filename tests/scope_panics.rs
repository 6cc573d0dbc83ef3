//! Tests of a scope in which something panics. Every other resource is exited or abandoned.
#![cfg(feature = "std")]

mod common;
#[path = "common/shield.rs"]
mod shield;

use std::{
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use common::{Gate, Log, Member, Report, Resource, Why, assert_released, fails, held, member, message, panics, well};
use futures_util::FutureExt;
use gather_cm::{Lent, Scope, scope};
use shield::drive;

/// Panics when it is dropped.
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        resume_unwind(Box::new(self.0));
    }
}

fn unwinds<T>(f: impl FnOnce() -> T) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| drop(f()))).expect_err("it panics");
    message(&*panic).to_owned()
}

/// P3: a live guard returns its resource while the body unwinds.
#[test]
fn of_the_body() {
    for catches in [false, true] {
        let log = Log::default();
        let body = async |scope: &Scope<Resource>| {
            let _alive = scope.enter(member(&log, 0)).await?;
            scope.hold(held(&log, 1, fails("x")));
            panics("p").poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready();
            Ok(())
        };
        if catches {
            let mut gather = drive(scope().catch_unwind().with(body));
            let report = Report { why: Why::Panicked("p".into()), exits: vec![(1, "x")], suppressed: false };
            assert_eq!(gather.end(), report);
        } else {
            assert_eq!(unwinds(|| drive(scope().with(body)).end()), "p");
        }
        assert_eq!(log.only(&["Panicked"]), ["exit 0 Panicked", "exit 1 Panicked"]);
        assert_released(&log.everything());
    }
}

/// The future of an enter panics when it is dropped, after it was ready. The resource has joined.
#[test]
fn of_the_destructor_of_an_enter() {
    let log = Log::default();
    let mut gather = drive(scope().with(async |scope| {
        let _lent = scope.enter(Member::new(&log, 0, well().drop_panics(), well())).await?;
        Ok(())
    }));
    assert_eq!(unwinds(|| gather.end()), "drop enter 0");
    assert_eq!(log.only(&["Panicked"]), ["exit 0 Panicked"]);
    assert_released(&log.everything());
}

/// An exit that panics at the end does not stop the others. In a release it is the body's panic.
#[test]
fn of_exits() {
    let log = Log::default();
    let mut gather = drive(scope().with(async |scope| {
        scope.enter(Member::new(&log, 0, well(), panics("p"))).await?;
        scope.enter(member(&log, 1)).await?;
        Ok(())
    }));
    assert_eq!(unwinds(|| gather.end()), "p");
    assert_eq!(log.only(&["exited"]), ["exited 1"]);
    for exit in [panics("p"), well().drop_panics(), well().make_panics()] {
        let log = Log::default();
        let mut gather = drive(scope().with(async |scope| {
            let _alive = scope.enter(member(&log, 1)).await?;
            Lent::release(scope.enter(Member::new(&log, 0, well(), exit)).await?).await?;
            Ok(())
        }));
        unwinds(|| gather.end());
        assert_eq!(log.only(&["Panicked"]), ["exit 1 Panicked"]);
        assert_released(&log.everything());
    }
}

/// P10: a scope that is dropped abandons all, although one of them panics.
#[test]
fn of_an_abandon() {
    let log = Log::default();
    let scope = Scope::new();
    for name in 0..3 {
        let member = member(&log, name);
        let member = if name == 1 { member.abandon_panics() } else { member };
        drop(scope.enter(member).now_or_never().unwrap().unwrap());
    }
    assert_eq!(unwinds(|| scope), "abandon 1");
    assert_released(&log.everything());
}

/// An `Into` that panics loses its own resource, and nothing else. The scope can be used afterwards.
#[test]
fn of_an_into() {
    struct Never;

    impl From<Never> for Resource {
        fn from(_: Never) -> Self {
            resume_unwind(Box::new("into"))
        }
    }

    let log = Log::default();
    let mut gather = drive(scope::<Resource>().with(async |scope| {
        let _alive = scope.enter(member(&log, 0)).await?;
        let panic = unwinds(|| scope.hold_into(Never));
        assert_eq!((panic.as_str(), scope.len()), ("into", 0));
        Ok(())
    }));
    assert_eq!(gather.end(), Report::value(()));
    assert_released(&log.everything());
}

/// P6: the body has succeeded, but `stop` panics when it is dropped, or the body's own future does. Nothing is kept.
#[test]
fn of_all_or_nothing() {
    for in_stop in [true, false] {
        let log = Log::default();
        let bomb = Bomb("bomb");
        let body = async |scope: &Scope<Resource>| {
            let _alive = scope.enter(member(&log, 0)).await?;
            scope.hold(held(&log, 1, well()));
            Ok(())
        };
        let all = scope();
        let message = if in_stop {
            let stop = async move {
                let _bomb = bomb;
                pending::<()>().await;
            };
            unwinds(|| drive(all.cancel_on(stop).with_entered(body)).poll().map(|_| ()))
        } else {
            let body = async move |scope: &Scope<Resource>| {
                let _bomb = bomb;
                body(scope).await
            };
            unwinds(|| drive(all.with_entered(body)).poll().map(|_| ()))
        };
        assert_eq!(message, "bomb");
        assert_eq!(log.only(&["Panicked"]), ["exit 0 Panicked", "exit 1 Panicked"]);
        assert_released(&log.everything());
    }
}

/// P6: the body panics, or the observer does when it receives the event of the body's end.
#[test]
fn nothing_is_kept() {
    for by_observer in [false, true] {
        let log = Log::default();
        let observer = |event| {
            if by_observer && matches!(event, gather_cm::Event::BodyEnded { .. }) {
                resume_unwind(Box::new("observer"));
            }
        };
        let mut gather = drive(scope().observe(observer).with_entered(async |scope| {
            let _alive = scope.enter(member(&log, 0)).await?;
            if !by_observer {
                resume_unwind(Box::new("body"));
            }
            Ok(())
        }));
        assert_eq!(unwinds(|| gather.poll().map(|_| ())), if by_observer { "observer" } else { "body" });
        assert_eq!(log.only(&["exit 0 "])[0], "exit 0 Panicked");
        assert_released(&log.everything());
    }
}

/// In a drop of the gather, every destructor runs although more than one panics.
#[test]
fn of_a_drop() {
    let log = Log::default();
    let mut gather = drive(scope().with(async |scope| {
        scope.enter(member(&log, 0).abandon_panics()).await?;
        let _alive = scope.enter(member(&log, 1)).await?;
        let enter = Member::new(&log, 2, well().gate(&Gate::new()).drop_panics(), well());
        scope.enter(enter).await.map(drop)
    }));
    gather.pends();
    assert_eq!(unwinds(|| gather.drop()), "drop enter 2");
    assert_released(&log.everything());
}
