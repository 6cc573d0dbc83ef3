//! Tests of resources of different types in one scope, each in a box.
#![cfg(feature = "alloc")]

mod common;
#[path = "common/shield.rs"]
mod shield;

use std::{any::Any, cell::RefCell};

use common::{Act, Gate, Log, Member, Report, Resource, assert_released, fails, well};
use futures_util::FutureExt;
use gather_cm::{BoxExit, Boxed, EnterExt, Exit, ExitCase, Lent, LocalBoxExit, LocalBoxed, Scope, gather, scope};
use shield::drive;

/// A resource that may be sent to another thread. It logs into a channel.
struct Sent(&'static str, std::sync::mpsc::Sender<String>);

impl Exit for Sent {
    type Error = &'static str;
    type Verdict = bool;

    async fn exit(self, case: ExitCase) -> Result<bool, &'static str> {
        let _ = self.1.send(format!("exit {} {case:?}", self.0));
        if self.0 == "bad" { Err("x") } else { Ok(true) }
    }

    fn on_error(&mut self, error: &dyn Any) {
        let _ = self.1.send(format!("on_error {} {:?}", self.0, error.downcast_ref::<&str>()));
    }

    fn abandon(self) {
        let _ = self.1.send(format!("abandon {}", self.0));
    }
}

/// Each kind of box is exited with the case, and forwards `on_error` and its verdict.
#[test]
fn boxed() {
    let (sender, lines) = std::sync::mpsc::channel();
    let log = |line: &str| sender.send(line.to_owned()).expect("there is a receiver");
    let mut gather = drive(scope::<BoxExit<&str>>().in_reverse().with(async |scope| {
        let mut a = scope.enter_boxed(async { Ok::<_, &str>(Sent("a", sender.clone())) }, Sent::exit).await?;
        assert_eq!((a.0, Lent::index(&a)), ("a", 0));
        a.0 = "A";
        let with = sender.clone();
        let exit = async move |text: String, case| Ok(with.send(format!("adopted {text} {case:?}")).unwrap_or(()));
        let b = scope.adopt(async { Ok::<_, &str>(String::from("b")) }, exit).await?;
        assert_eq!((b.len(), format!("{b:?}").as_str()), (1, "Lent(Boxed(\"b\"))"));
        let with = sender.clone();
        let c = scope.defer(async move |case| Ok(with.send(format!("deferred {case:?}")).unwrap_or(())));
        assert_eq!(Lent::index(&c), 2);
        log("body");
        Err::<(), _>("e")
    }));
    assert_eq!(gather.end(), Report::body("e").suppressed());
    drop(gather);
    let expected = ["body", "deferred Failed", "adopted b Failed", "on_error A Some(\"e\")", "exit A Failed"];
    assert_eq!(lines.try_iter().collect::<Vec<_>>(), expected);
}

/// Errors have the indices of their boxes. A failed enter is the body's business, and its error may be of any type.
#[test]
fn errors() {
    let (sender, _lines) = std::sync::mpsc::channel();
    let mut gather = drive(scope::<BoxExit<&str>>().with(async |scope| {
        let failed = scope.enter_boxed(async { Err::<Sent, u8>(7) }, Sent::exit).await;
        assert_eq!(failed.map(drop).unwrap_err(), 7);
        let failed = scope.adopt(async { Err::<u8, _>('e') }, async |_, _| Ok(())).await;
        assert_eq!(failed.map(drop).unwrap_err(), 'e');
        scope.enter_boxed(async { Ok::<_, &str>(Sent("bad", sender.clone())) }, Sent::exit).await?;
        scope.defer(async |_| Err::<(), _>("y"));
        Ok(())
    }));
    assert_eq!(gather.end(), Report::only_exits(&[(2, "x"), (3, "y")]));
}

/// `abandon` is forwarded, for a box that was lent and for a box that the scope holds. Other values are dropped.
#[test]
fn abandoned() {
    let (sender, lines) = std::sync::mpsc::channel();
    let scope = Scope::<BoxExit<&str>>::new();
    let enter = |name| scope.enter_boxed(std::future::ready(Ok::<_, ()>(Sent(name, sender.clone()))), Sent::exit);
    drop(enter("a").now_or_never().unwrap().unwrap());
    Lent::into_inner(enter("b").now_or_never().unwrap().unwrap()).abandon();
    let mut shown = Lent::into_inner(enter("c").now_or_never().unwrap().unwrap());
    shown.on_error(&"e");
    let verdict = shown.exit(ExitCase::Cancelled).now_or_never().unwrap();
    assert_eq!(format!("{verdict:?}"), "Ok(Suppress)");
    drop(scope);
    let expected = ["abandon b", "on_error c Some(\"e\")", "exit c Cancelled", "abandon a"];
    assert_eq!(lines.try_iter().collect::<Vec<_>>(), expected);
}

/// P5: a box is released by itself, and its value comes out of it.
#[test]
fn released_and_taken_out() {
    let (sender, lines) = std::sync::mpsc::channel();
    let mut gather = drive(scope::<BoxExit<&str>>().with(async |scope| {
        let a = scope.enter_boxed(async { Ok::<_, &str>(Sent("a", sender.clone())) }, Sent::exit).await?;
        let verdict = Lent::exit(a, ExitCase::Failed).await?;
        assert_eq!(format!("{verdict:?}"), "Suppress");
        let b = scope.enter_boxed(async { Ok::<_, &str>(Sent("bad", sender.clone())) }, Sent::exit).await?;
        assert_eq!(Lent::release(b).await.map(drop), Err("x"));
        let c = scope.adopt(async { Ok::<_, &str>(3) }, async |_, _| Err::<(), _>("it is not called")).await?;
        assert_eq!(Boxed::into_inner(Lent::into_inner(c)), 3);
        Ok(scope.len())
    }));
    assert_eq!(gather.end(), Report::value(0));
    assert_eq!(lines.try_iter().collect::<Vec<_>>(), ["exit a Failed", "exit bad Completed"]);
}

/// Local boxes may borrow, and need not be `Send`.
#[test]
fn local() {
    let (log, count, gate) = (Log::default(), RefCell::new(0), Gate::new());
    let member = |name, exit: Act| Member::new(&log, name, well(), exit).suppress();
    let mut gather = drive(scope::<LocalBoxExit<'_, &str>>().stack().with(async |scope| {
        let a = scope.enter_local(member(0, well().gate(&gate))).await?;
        assert_eq!(a.name(), 0);
        let b = scope.adopt_local(async { Ok::<_, u8>(2) }, async |n, _| Ok(*count.borrow_mut() += n)).await;
        assert_eq!(format!("{:?}", b.expect("it enters")), "Lent(LocalBoxed(2))");
        scope.defer_local(async |case| {
            *count.borrow_mut() *= 10;
            Ok::<_, &str>(log.push(format_args!("deferred {case:?}")))
        });
        let c = scope.enter_local(member(3, fails("x"))).await?;
        assert_eq!(Lent::release(c).await.map(drop), Err("x"));
        let d = LocalBoxed::into_inner(Lent::into_inner(scope.enter_local(member(4, well())).await?));
        Ok(d.abandon())
    }));
    gather.pends();
    assert_eq!(count.take(), 2);
    gate.open();
    assert_eq!(gather.end(), Report::value(()));
    let exits = ["exit 3 Completed", "deferred Completed", "exit 0 Completed"];
    assert_eq!(log.only(&["Completed"]), exits);
    assert_released(&log.everything());
}

/// A local box forwards the error of the body, and the drop of the gather.
#[test]
fn local_hooks() {
    for drops in [false, true] {
        let (log, gate) = (Log::default(), Gate::new());
        let mut gather = drive(scope::<LocalBoxExit<'_, &str>>().with(async |scope| {
            let _alive = scope.enter_local(Member::new(&log, 0, well(), well())).await?;
            scope.enter_local(Member::new(&log, 1, well(), well())).await?;
            gate.wait().await;
            Err::<(), _>("e")
        }));
        gather.pends();
        if drops {
            gather.drop();
            assert_eq!(log.only(&["abandon", "on_error"]), ["abandon 0", "abandon 1"]);
        } else {
            gate.open();
            assert_eq!(gather.end(), Report::body("e"));
            assert_eq!(log.only(&["abandon", "on_error"]), ["on_error 0 e", "on_error 1 e"]);
        }
        assert_released(&log.everything());
    }
}

/// An exit in flight is dropped with its box, and a panic of an exit is that of the resource.
#[test]
fn exits_of_boxes_that_do_not_end() {
    let (log, gate) = (Log::default(), Gate::new());
    let mut gather = drive(scope::<LocalBoxExit<'_, &str>>().with(async |scope| {
        scope.enter_local(Member::new(&log, 0, well(), well().gate(&gate))).await?;
        scope.defer_local(async |_| Ok::<_, &str>(log.push("deferred")));
        Ok(())
    }));
    gather.pends();
    log.take();
    gather.drop();
    assert_eq!(log.take(), ["drop exit 0"]);
}

#[cfg(feature = "std")]
mod panics {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::common::panics;

    /// A box whose exit panics, at once or later, does not harm the others.
    #[test]
    fn of_an_exit() {
        for exit in [panics("p"), well().make_panics(), well().drop_panics()] {
            let log = Log::default();
            let mut gather = drive(scope::<LocalBoxExit<'_, &str>>().with(async |scope| {
                scope.enter_local(Member::new(&log, 0, well(), exit)).await?;
                scope.enter_local(Member::new(&log, 1, well(), well())).await?;
                Ok(())
            }));
            assert!(catch_unwind(AssertUnwindSafe(|| gather.poll().is_ready())).is_err());
            assert_eq!(log.count("exited 1"), 1);
            assert_released(&log.everything());
        }
    }

    /// The enter's future was ready, and its destructor panics, as in any scope.
    #[test]
    fn of_the_destructor_of_an_enter() {
        let log = Log::default();
        let mut gather = drive(scope::<LocalBoxExit<'_, &str>>().with(async |scope| {
            let _lent = scope.enter_local(Member::new(&log, 0, well().drop_panics(), well())).await?;
            Ok(())
        }));
        assert!(catch_unwind(AssertUnwindSafe(|| gather.poll().is_ready())).is_err());
        assert_released(&log.everything());
    }

    /// The destructor of the exit's closure panics. The value is abandoned all the same.
    #[test]
    fn of_the_destructor_of_a_closure() {
        struct Bomb;

        impl Drop for Bomb {
            fn drop(&mut self) {
                std::panic::resume_unwind(Box::new("bomb"));
            }
        }

        let (log, bomb) = (Log::default(), Bomb);
        let scope = Scope::<LocalBoxExit<'_, &str>>::new();
        let member = Member::new(&log, 0, well(), well());
        let exit = async move |resource: Resource, case| {
            let _bomb = bomb;
            resource.exit(case).await
        };
        drop(scope.adopt_local(member, exit).now_or_never().unwrap().unwrap());
        drop(scope.enter_local(Member::new(&log, 1, well(), well())).now_or_never().unwrap().unwrap());
        assert!(catch_unwind(AssertUnwindSafe(|| drop(scope))).is_err());
        assert_eq!(log.only(&["LEAK", "abandon"]), ["LEAK 0", "abandon 1"], "an adopted value has no `abandon`");

        // If the value was taken out, it is dropped while the panic unwinds.
        let (log, bomb) = (Log::default(), Bomb);
        let scope = Scope::<LocalBoxExit<'_, &str>>::new();
        let exit = async move |resource: Resource, case| {
            let _bomb = bomb;
            resource.exit(case).await
        };
        let member = Member::new(&log, 0, well(), well());
        let boxed = Lent::into_inner(scope.adopt_local(member, exit).now_or_never().unwrap().unwrap());
        assert!(catch_unwind(AssertUnwindSafe(|| drop(LocalBoxed::into_inner(boxed)))).is_err());
        assert_eq!(log.only(&["LEAK", "abandon"]), ["LEAK 0"]);
    }
}

/// The future of a scope is `Send` if its parts are. So it can be spawned, and the boxes end on another thread.
#[test]
#[cfg(feature = "std")]
fn spawned() {
    struct Link(std::sync::mpsc::Sender<String>);

    impl Exit for Link {
        type Error = String;
        type Verdict = ();

        async fn exit(self, case: ExitCase) -> Result<(), String> {
            self.0.send(format!("exit {case:?}")).map_err(|error| error.to_string())
        }
    }

    let (sender, lines) = std::sync::mpsc::channel();
    let task = smol::spawn(async move {
        let group = scope().stack().with(async |scope| {
            let link = scope.enter_boxed(async { Ok::<_, String>(Link(sender.clone())) }, Link::exit).await?;
            let text = scope.adopt(async { Ok::<_, String>(String::from("text")) }, async |_, _| Ok(())).await?;
            smol::future::yield_now().await;
            let length = text.len();
            Lent::release(text).await?;
            scope.defer(async |_| Ok(gather_cm::Verdict::from(true)));
            link.0.send("body".into()).map_err(|error| error.to_string())?;
            Ok(length)
        });
        group.await.map_err(|failure| failure.to_string())
    });
    assert_eq!(smol::block_on(task), Ok(4));
    assert_eq!(lines.try_iter().collect::<Vec<_>>(), ["body", "exit Completed"]);
}

/// The user's own enum works with `enter_into`. Each guard has its own type, and the scope has the enum.
#[test]
fn an_enum() {
    enum Either<'a> {
        Resource(Resource),
        Name(&'a str, &'a Log),
    }

    struct Name<'a>(&'a str, &'a Log);

    impl From<Resource> for Either<'_> {
        fn from(resource: Resource) -> Self {
            Self::Resource(resource)
        }
    }

    impl<'a> From<Name<'a>> for Either<'a> {
        fn from(Name(name, log): Name<'a>) -> Self {
            log.push("into");
            Self::Name(name, log)
        }
    }

    impl Exit for Either<'_> {
        type Error = &'static str;
        type Verdict = bool;

        async fn exit(self, case: ExitCase) -> Result<bool, &'static str> {
            match self {
                Self::Resource(resource) => resource.exit(case).await,
                Self::Name(name, log) => Ok({
                    log.push(format_args!("exit {name} {case:?}"));
                    false
                }),
            }
        }
    }

    let log = Log::default();
    let mut gather = drive(scope::<Either<'_>>().with(async |scope| {
        let resource = scope.enter_into(Member::new(&log, 0, well(), well())).await?;
        let name = scope.hold_into(Name("n", &log));
        assert_eq!((resource.name(), name.0), (0, "n"));
        drop(name);
        Lent::release(resource).await?;
        let group = async { gather((async { Ok::<_, &str>(1) }.drop_on_exit(),)).with(async |(n,)| Ok(*n)).await };
        group.await.map_err(|_| "inner")
    }));
    assert_eq!(gather.end(), Report::value(1));
    assert_eq!(log.only(&["into", "Completed"]), ["into", "exit 0 Completed", "exit n Completed"]);
}
