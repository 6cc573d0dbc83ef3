//! Tests of the events of a scope: each start has exactly one end, whatever becomes of the guards.
#![cfg(feature = "alloc")]

mod common;
#[path = "common/shield.rs"]
mod shield;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    future::{pending, ready},
    pin::pin,
    rc::Rc,
};

use common::{Gate, Log, Member, Report, Resource, assert_released, fails, held, member, well};
use futures_util::{FutureExt, future::select};
use gather_cm::{Exit, Lent, Scope, gather, scope};
use shield::{Queue, drive};

/// The events that the observer has received, in short form.
#[derive(Clone, Default)]
struct Seen(Rc<RefCell<Vec<String>>>);

impl Seen {
    fn observer(&self) -> impl FnMut(gather_cm::Event) + use<> {
        let seen = self.0.clone();
        move |event| seen.borrow_mut().push(short(format!("{event:?}")))
    }

    fn take(&self) -> Vec<String> {
        let all = self.0.take();
        assert_ends(&all);
        all
    }
}

/// `Entered 1`, `BodyEnded Completed`.
fn short(event: String) -> String {
    event
        .replace("index: ", "")
        .replace("case: ", "")
        .replace([',', '{', '}'], "")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// Asserts that each start has one end of its own, as in the table of `Event`.
fn assert_ends(events: &[String]) {
    let mut open = BTreeMap::<&str, &str>::new();
    for event in events {
        let (what, of) = event.split_once(' ').unwrap_or((event, "body"));
        let of = if what.starts_with("Body") { "body" } else { of };
        let before = open.remove(of).unwrap_or("nothing");
        let (expected, then) = match what {
            "EnterStarted" => (&["nothing"][..], Some("enter")),
            "Entered" => (&["enter"][..], Some("held")),
            "EnterFailed" | "EnterDropped" => (&["enter"][..], None),
            "BodyStarted" => (&["nothing"][..], Some("body")),
            "BodyEnded" | "BodyDropped" => (&["body"][..], None),
            "ExitStarted" => (&["held"][..], Some("exit")),
            "Exited" | "ExitFailed" | "ExitDropped" => (&["exit"][..], None),
            "Abandoned" | "TakenOut" => (&["held"][..], None),
            "HandedOver" => (&["held", "exit"][..], None),
            other => unreachable!("{other}"),
        };
        assert!(expected.contains(&before), "{event} after {before}: {events:#?}");
        open.extend(then.map(|then| (of, then)));
    }
    assert!(open.is_empty(), "no end: {open:?} in {events:#?}");
}

/// An enter, a resource and a release end in every way in which they can in a body that completes.
#[test]
fn in_the_body() {
    let (log, seen, gate) = (Log::default(), Seen::default(), Gate::new());
    let mut gather = drive(scope().observe(seen.observer()).with(async |scope| {
        drop(scope.enter(Member::new(&log, 0, fails("e"), well())).await);
        select(pin!(scope.enter(Member::new(&log, 1, well().gate(&gate), well()))), ready(())).await;
        Lent::release(scope.enter(member(&log, 2)).await?).await?;
        assert_eq!(Lent::release(scope.hold(held(&log, 3, fails("x")))).await, Err("x"));
        let pending_release = Lent::release(scope.hold(held(&log, 4, well().gate(&gate))));
        select(pin!(pending_release), ready(())).await;
        Lent::into_inner(scope.hold(held(&log, 5, well()))).abandon();
        drop(Lent::release(scope.hold(held(&log, 6, well()))));
        let _alive = scope.hold(held(&log, 7, fails("y")));
        Ok(())
    }));
    assert_eq!(gather.end(), Report::only_exits(&[(7, "y")]));
    let body = [
        "BodyStarted",
        "EnterStarted 0",
        "EnterFailed 0",
        "EnterStarted 1",
        "EnterDropped 1",
        "EnterStarted 2",
        "Entered 2",
        "ExitStarted 2",
        "Exited 2",
        "EnterStarted 3",
        "Entered 3",
        "ExitStarted 3",
        "ExitFailed 3",
        "EnterStarted 4",
        "Entered 4",
        "ExitStarted 4",
        "ExitDropped 4",
        "EnterStarted 5",
        "Entered 5",
        "TakenOut 5",
        "EnterStarted 6",
        "Entered 6",
        "EnterStarted 7",
        "Entered 7",
        "BodyEnded Completed",
        "ExitStarted 6",
        "Exited 6",
        "ExitStarted 7",
        "ExitFailed 7",
    ];
    let mut all = seen.take();
    let dropped = all.iter().position(|event| event == "EnterDropped 1").expect("it was dropped");
    assert!(dropped < all.len() - 1, "a pinned local is dropped late");
    for late in ["EnterDropped 1", "ExitDropped 4"] {
        // The moment at which a pinned temporary is dropped is not the crate's business.
        let event = all.remove(all.iter().position(|event| event == late).expect("it was dropped"));
        let started = event.replace("Dropped", "Started");
        all.insert(all.iter().position(|event| *event == started).expect("it was started") + 1, event);
    }
    assert_eq!(all, body);
}

/// The observer receives the events after each poll of the body, and not only at its end.
#[test]
fn while_the_body_is_pending() {
    let (log, seen, [g0, g1]) = (Log::default(), Seen::default(), [Gate::new(), Gate::new()]);
    let mut gather = drive(scope().observe(seen.observer()).with(async |scope| {
        scope.enter(Member::new(&log, 0, well().gate(&g0), well())).await?;
        Ok(g1.wait().await)
    }));
    gather.pends();
    assert_eq!(seen.0.take(), ["BodyStarted", "EnterStarted 0"]);
    g0.open();
    gather.pends();
    assert_eq!(seen.0.take(), ["Entered 0"]);
    g1.open();
    assert_eq!(gather.end(), Report::value(()));
    assert_eq!(seen.0.take(), ["BodyEnded Completed", "ExitStarted 0", "Exited 0"]);
}

/// A gather that is dropped during its body, and during its exits.
#[test]
fn dropped() {
    let (log, seen, gate) = (Log::default(), Seen::default(), Gate::new());
    let body = async |scope: &Scope<Resource>| {
        let _alive = scope.enter(member(&log, 0)).await?;
        let release = Lent::release(scope.hold(held(&log, 1, well().gate(&gate))));
        scope.hold(held(&log, 2, well().gate(&gate)));
        let enter = scope.enter(Member::new(&log, 3, well().gate(&gate), well()));
        select(pin!(enter), select(pin!(release), pin!(gate.wait()))).await;
        Ok(())
    };
    let mut gather = drive(scope().observe(seen.observer()).with(body));
    gather.pends();
    gather.drop();
    let all = seen.take();
    assert_eq!(all[9..10], ["BodyDropped"], "{all:?}");
    let mut drops = all[10..].to_vec();
    drops[..2].sort_unstable();
    assert_eq!(drops, ["EnterDropped 3", "ExitDropped 1", "Abandoned 0", "Abandoned 2"]);
    assert_released(&log.everything());

    let log = Log::default();
    let mut gather = drive(scope().exit_limit(1).observe(seen.observer()).with(async |scope| {
        drop((scope.hold(held(&log, 0, well().gate(&gate))), scope.hold(held(&log, 1, well()))));
        Ok(())
    }));
    gather.pends();
    gather.drop();
    let all = seen.take();
    assert_eq!(all[all.len() - 3..], ["ExitStarted 0", "ExitDropped 0", "Abandoned 1"]);
}

/// A stop ends the body. The events of pending enters and releases come before that of the body.
#[test]
fn stopped() {
    let (log, seen, gate, stop) = (Log::default(), Seen::default(), Gate::new(), Gate::new());
    let observed = scope().cancel_on(async { stop.wait().await }).observe(seen.observer());
    let mut gather = drive(observed.with(async |scope| {
        let _alive = scope.enter(member(&log, 0)).await?;
        scope.enter(Member::new(&log, 1, well().gate(&gate), well())).await?;
        Ok(())
    }));
    gather.pends();
    stop.open();
    assert_eq!(gather.end(), Report::cancelled());
    let end = ["EnterStarted 1", "EnterDropped 1", "BodyEnded Cancelled", "ExitStarted 0", "Exited 0"];
    assert_eq!(seen.take()[3..], end);
}

/// With a shield, the resources that the scope holds are handed over. The enters and exits of the body itself are
/// dropped.
#[test]
fn handed_over() {
    let (log, seen, queue, gate) = (Log::default(), Seen::default(), Queue::default(), Gate::new());
    let body = async |scope: &Scope<Resource>| {
        let _alive = scope.hold(held(&log, 0, well()));
        scope.enter(Member::new(&log, 1, well().gate(&gate), well())).await?;
        Ok(())
    };
    let mut gather = drive(scope().observe(seen.observer()).shield().with(body).on_drop(queue.spawner()));
    gather.pends();
    gather.drop();
    let end = ["EnterStarted 1", "BodyDropped", "EnterDropped 1", "HandedOver 0"];
    assert_eq!(seen.take()[3..], end);
    assert_eq!(queue.one().end(), Report::value(()));
    assert_eq!(log.only(&["Cancelled"]), ["exit 0 Cancelled"]);
    assert!(seen.take().is_empty());
}

/// Resources that joined before the gather have no events of an enter.
#[test]
fn a_full_scope() {
    let (log, seen) = (Log::default(), Seen::default());
    let full = [0, 1].map(|name| held(&log, name, well())).into_iter().collect::<Scope<_>>();
    let mut gather = drive(gather(full).observe(seen.observer()).with(async |scope| {
        scope.hold(held(&log, 2, well()));
        Ok(())
    }));
    assert_eq!(gather.end(), Report::value(()));
    let all = ["BodyStarted", "EnterStarted 2", "Entered 2", "BodyEnded Completed", "ExitStarted 0", "Exited 0"];
    assert_eq!(seen.0.take()[..6], all);
}

/// The observer of `with_entered` stays behind, so resources that were kept have no more events.
#[test]
fn with_entered() {
    let (log, seen) = (Log::default(), Seen::default());
    let body = async |scope: &Scope<Resource>| Ok::<_, &str>(drop(scope.enter(member(&log, 0)).await?));
    let kept = scope().observe(seen.observer()).with_entered(body).now_or_never().expect("it is ready");
    let ((), kept) = kept.unwrap_or_else(|_| panic!("it is kept"));
    assert_eq!(seen.0.take(), ["BodyStarted", "EnterStarted 0", "Entered 0", "BodyEnded Completed"]);
    drop(kept);
    assert_eq!(seen.0.take(), [""; 0]);
    assert_eq!(log.only(&["abandon"]), ["abandon 0"]);
}

#[cfg(feature = "std")]
mod panics {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::common::{message, panics};

    fn unwinds<T>(f: impl FnOnce() -> T) -> String {
        let panic = catch_unwind(AssertUnwindSafe(|| drop(f()))).expect_err("it panics");
        message(&*panic).to_owned()
    }

    /// An enter or a release that panics has failed. The body unwinds, and everything else is exited.
    #[test]
    fn of_an_enter_or_a_release() {
        for (enter, exit) in [
            (panics("p"), well()),
            (well().make_panics(), well()),
            (well(), panics("p")),
            (well(), well().make_panics()),
        ] {
            let (log, seen) = (Log::default(), Seen::default());
            let enters = enter.end == well().end && !enter.make_panics;
            let mut gather = drive(scope().observe(seen.observer()).with(async |scope| {
                let _alive = scope.hold(held(&log, 0, well()));
                let lent = scope.enter(Member::new(&log, 1, enter, exit)).await?;
                Lent::release(lent).await?;
                Ok(())
            }));
            unwinds(|| gather.poll());
            let panicked: &[&str] =
                if enters { &["Entered 1", "ExitStarted 1", "ExitFailed 1"] } else { &["EnterFailed 1"] };
            let end = ["BodyEnded Panicked", "ExitStarted 0", "Exited 0"];
            assert_eq!(seen.take()[4..], [panicked, &end].concat());
        }
    }

    /// An observer that panics about an event of the body ends the body, and the resources are exited.
    #[test]
    fn of_the_observer() {
        for (which, ends) in [
            ("EnterStarted 1", true),
            ("Entered 0", false),
            ("EnterFailed 1", false),
            ("TakenOut 2", false),
            ("BodyEnded", false),
            ("ExitStarted 0", false),
        ] {
            let (log, seen, gate) = (Log::default(), Seen::default(), Gate::new());
            let mut observer = seen.observer();
            let observer = move |event: gather_cm::Event| {
                observer(event);
                assert!(!short(format!("{event:?}")).starts_with(which), "observer");
            };
            let mut gather = drive(scope().observe(observer).with(async |scope| {
                let _alive = scope.hold(held(&log, 0, well()));
                drop(scope.enter(Member::new(&log, 1, fails("e").gate(&gate), well())).await);
                Lent::into_inner(scope.hold(held(&log, 2, well()))).abandon();
                Ok(())
            }));
            let early = catch_unwind(AssertUnwindSafe(|| gather.poll().is_ready())).is_err();
            assert_eq!(early, ends || which == "Entered 0", "{which}");
            if !early {
                gate.open();
                assert_eq!(unwinds(|| gather.poll()), "observer", "{which}");
            }
            seen.take();
            assert_released(&log.everything());
        }
    }
}

/// Each start has one end, whenever the gather is dropped.
#[test]
fn dropped_at_every_poll() {
    for polls in 0..12 {
        let (log, seen) = (Log::default(), Seen::default());
        let gates = [(); 6].map(|()| Gate::new());
        let [g0, g1, g2, g3, g4, g5] = &gates;
        let mut gather = drive(scope().exit_limit(1).observe(seen.observer()).with(async |scope| {
            let _alive = scope.enter(Member::new(&log, 0, well().gate(g0), well().gate(g4))).await?;
            let lent = scope.enter(Member::new(&log, 1, well().gate(g1), well().gate(g2))).await?;
            scope.hold(held(&log, 2, well().gate(g5)));
            Lent::release(lent).await?;
            g3.wait().await;
            Ok(pending::<()>().now_or_never())
        }));
        let mut ended = false;
        for poll in 0..polls {
            ended = ended || gather.poll().is_ready();
            if let Some(gate) = gates.get(poll) {
                gate.open();
            }
        }
        gather.drop();
        seen.take();
        assert_released(&log.everything());
        assert_eq!(ended, polls > 6, "{polls}");
    }
}
