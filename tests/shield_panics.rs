//! Tests of panics around the drop of a shielded gather: in the spawner, in every part that the drop drops, and before
//! the drop.
#![cfg(feature = "std")]

mod common;
#[path = "common/shield.rs"]
mod shield;

use std::{
    cell::{Cell, RefCell},
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

use common::{Driver, Gate, Log, Member, Report, Why, assert_released, fails, members, message, panics, well};
use gather_cm::{EnterExt, Event, gather};
use shield::{Queue, drive};

/// Returns the message of the panic that `f` ends with.
fn caught<T>(f: impl FnOnce() -> T) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).err().expect("a panic");
    message(&*payload).to_string()
}

/// A value whose drop panics.
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("{}", self.0);
    }
}

fn panicked(message: &str) -> Report<()> {
    Report { why: Why::Panicked(message.into()), exits: vec![], suppressed: false }
}

/// Makes three members that enter at once. The exit of the first one waits for the gate.
fn held(log: &Log, gate: &Gate) -> [Member; 3] {
    members(log, [(well(), well().gate(gate)), (well(), fails("x")), (well(), well())])
}

in_each_shape! {
    /// S7: if the spawner panics, the cleanup is dropped along with it, and the panic goes on.
    [tuple array few]
    fn the_spawner(group) {
        for abandon_panics in [false, true] {
            let (log, gate) = (Log::default(), Gate::new());
            let group = group(held(&log, &gate).map(|member| {
                if abandon_panics { member.abandon_panics() } else { member }
            }));
            let mut gather = drive(group.shield().with(async |_| Ok(pending::<()>().await)).on_drop(|_| panic!("spawn")));
            gather.pends();
            log.take();
            assert_eq!(caught(|| gather.drop()), "spawn");
            assert_eq!(log.take(), ["abandon 0", "abandon 1", "abandon 2"]);
        }
    }

    /// S7: the same holds if exits are in flight. Their destructors may panic, too.
    [tuple array few]
    fn the_spawner_while_exits_are_in_flight(group) {
        let (log, gate) = (Log::default(), Gate::new());
        let exit = || well().gate(&gate).drop_panics();
        let acts = [(well(), exit()), (well(), exit()), (well(), well())];
        let group = group(members(&log, acts).map(Member::abandon_panics)).exit_limit(2);
        let mut gather = drive(group.shield().with(async |_| Ok(())).on_drop(|_| panic!("spawn")));
        gather.pends();
        log.take();
        assert_eq!(caught(|| gather.drop()), "spawn");
        assert_eq!(log.take(), ["drop exit 0", "drop exit 1", "abandon 2"]);
    }

    /// S7: the drop itself comes from a panic. That panic goes on, whichever other part panics.
    [tuple array few]
    fn a_drop_while_a_panic_unwinds(group) {
        for abandon_panics in [false, true] {
            let (log, gate) = (Log::default(), Gate::new());
            let group = group(held(&log, &gate).map(|member| {
                if abandon_panics { member.abandon_panics() } else { member }
            }));
            let body = async {
                let _bomb = Bomb("body");
                pending::<()>().await;
                Ok(())
            };
            let mut gather = drive(group.shield().with(async |_| body.await).on_drop(|_| panic!("spawn")));
            gather.pends();
            log.take();
            let unwind = move || {
                let _gather = gather;
                panic!("outer");
            };
            assert_eq!(caught(unwind), "outer");
            assert_eq!(log.take(), ["abandon 0", "abandon 1", "abandon 2"]);
        }
    }

    /// S7: a drop that comes from a panic hands over as any other does.
    [tuple array few many]
    fn handed_over_while_a_panic_unwinds(group) {
        let (log, gate, queue) = (Log::default(), Gate::new(), Queue::default());
        let group = group(held(&log, &gate)).shield();
        let mut gather = drive(group.with(async |_| Ok(pending::<()>().await)).on_drop(queue.spawner()));
        gather.pends();
        let unwind = move || {
            let _gather = gather;
            panic!("outer");
        };
        assert_eq!(caught(unwind), "outer");
        gate.open();
        let report = Report { why: Why::Cancelled, exits: vec![(1, "x")], suppressed: false };
        assert_eq!(queue.one().end(), report);
    }

    /// S1: nothing is left after a panic has left the poll.
    [tuple array few many]
    fn after_a_panic_got_out(group) {
        let (log, queue) = (Log::default(), Queue::default());
        let group = group(members(&log, [(panics("p"), well()), (well(), well()), (well(), well())]));
        let mut gather = drive(group.shield().with(async |_| Ok(())).on_drop(queue.spawner()));
        assert_eq!(caught(|| gather.poll()), "p");
        gather.drop();
        assert!(queue.is_empty());
        assert_released(&log.take());
    }

    /// S1, S5: a panic that nobody has seen is handed over although no resource is held.
    [tuple array few]
    fn nothing_but_a_panic(group) {
        for catch in [false, true] {
            let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
            let slow = || (well().gate(&gate), well());
            let group = group(members(&log, [(panics("p"), well()), slow(), (fails("e"), well())]));
            let mut gather = if catch {
                drive(group.catch_unwind().shield().with(async |_| Ok(())).on_drop(queue.spawner()))
            } else {
                drive(group.shield().with(async |_| Ok(())).on_drop(queue.spawner()))
            };
            gather.pends();
            gather.drop();
            let mut cleanup = queue.one();
            if catch {
                assert_eq!(cleanup.end(), panicked("p"));
            } else {
                assert_eq!(caught(|| cleanup.poll()), "p");
            }
        }
    }

    /// S5: a panic in an exit, before the drop or after it, stops no other exit. It resumes at the cleanup's end.
    [tuple array few many]
    fn in_an_exit(group) {
        for before in [false, true] {
            let (log, queue, [g1, g2]) = (Log::default(), Queue::default(), [Gate::new(), Gate::new()]);
            let group = group(members(&log, [
                (well(), panics("p").gate(&g1)), (well(), fails("x").gate(&g2)), (well(), well()),
            ]));
            let mut gather = drive(group.catch_unwind().shield().with(async |_| Ok(())).on_drop(queue.spawner()));
            gather.pends();
            if before {
                g1.open();
                gather.pends();
            }
            gather.drop();
            g1.open();
            let mut cleanup = queue.one();
            cleanup.pends();
            g2.open();
            assert_eq!(cleanup.end(), panicked("p").exits(&[(1, "x")]));
            assert_released(&log.take());
        }
    }

    /// S8: the destructor of an enter panics in the drop. Exits receive `Panicked`, and the panic resumes at the end.
    [tuple array few many]
    fn an_enters_destructor(group) {
        for catch in [false, true] {
            let (log, queue, [enter, exit]) = (Log::default(), Queue::default(), [Gate::new(), Gate::new()]);
            let acts = [(well(), well().gate(&exit)), (well().gate(&enter).drop_panics(), well()), (well(), fails("x"))];
            let group = group(members(&log, acts));
            let mut gather = if catch {
                drive(group.catch_unwind().shield().with(async |_| Ok(())).on_drop(queue.spawner()))
            } else {
                drive(group.shield().with(async |_| Ok(())).on_drop(queue.spawner()))
            };
            gather.pends();
            gather.drop();
            let mut cleanup = queue.one();
            cleanup.pends();
            assert_eq!(log.only(&["Panicked"]), ["exit 0 Panicked", "exit 2 Panicked"]);
            exit.open();
            if catch {
                assert_eq!(cleanup.end(), panicked("drop enter 1").exits(&[(2, "x")]));
            } else {
                assert_eq!(caught(|| cleanup.poll()), "drop enter 1");
            }
            assert_released(&log.everything());
        }
    }

    /// S8: the same holds in a group that has failed. The exits are still shown the error.
    [tuple array few many]
    fn an_enters_destructor_in_a_failed_group(group) {
        let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
        let acts = [(fails("e"), well()), (well().gate(&gate).drop_panics(), well()), (well(), well())];
        let group = group(members(&log, acts)).catch_unwind().shield();
        let mut gather = drive(group.with(async |_| Ok(())).on_drop(queue.spawner()));
        gather.pends();
        gather.drop();
        assert_eq!(queue.one().end(), panicked("drop enter 1"));
        assert_eq!(log.only(&["on_error", "Panicked"]), ["on_error 2 e", "exit 2 Panicked"]);
    }

    /// S8: the destructor of the body panics, or the destructor of a value that it has captured.
    [tuple array few many]
    fn the_bodys_destructors(group) {
        for (catch, own) in [(false, false), (true, false), (false, true), (true, true)] {
            let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
            let group = group(held(&log, &gate));
            let captured = (!own).then(|| Bomb("captured"));
            let body = async move |_: ()| {
                let _bomb = own.then(|| Bomb("body"));
                pending::<()>().await;
                Ok(std::mem::forget(captured))
            };
            let mut gather = if catch {
                drive(group.catch_unwind().shield().with(async move |_| body(()).await).on_drop(queue.spawner()))
            } else {
                drive(group.shield().with(async move |_| body(()).await).on_drop(queue.spawner()))
            };
            gather.pends();
            gather.drop();
            let mut cleanup = queue.one();
            cleanup.pends();
            assert_eq!(log.only(&["Panicked"]), ["exit 0 Panicked", "exit 1 Panicked", "exit 2 Panicked"]);
            gate.open();
            let expected = if own { "body" } else { "captured" };
            if catch {
                assert_eq!(cleanup.end(), panicked(expected).exits(&[(1, "x")]));
            } else {
                assert_eq!(caught(|| cleanup.poll()), expected);
            }
        }
    }

    /// S8: the destructor of a value that the body has captured panics, before the body is called.
    [tuple array few many]
    fn the_bodys_captures(group) {
        let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
        let acts = [(well(), well()), (well().gate(&gate), well()), (well(), well())];
        let group = group(members(&log, acts)).catch_unwind().shield();
        let captured = Bomb("captured");
        let mut gather = drive(group.with(async move |_| Ok(std::mem::forget(captured))).on_drop(queue.spawner()));
        gather.pends();
        gather.drop();
        assert_eq!(queue.one().end(), panicked("captured"));
        assert_eq!(log.only(&["exit 0 ", "exit 2 "]), ["exit 0 Panicked", "exit 2 Panicked"]);
    }

    /// S8: the destructor of `stop` panics, while members enter and while the body runs.
    [tuple array few many]
    fn the_destructor_of_stop(group) {
        for entering in [true, false] {
            let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
            let enter = if entering { well().gate(&gate) } else { well() };
            let group = group(members(&log, [(well(), well()), (enter, well()), (well(), well())]));
            let bomb = Bomb("stop");
            let stop = async {
                let _bomb = bomb;
                pending::<()>().await;
            };
            let group = group.cancel_on(stop).catch_unwind().shield();
            let mut gather = drive(group.with(async |_| Ok(pending::<()>().await)).on_drop(queue.spawner()));
            gather.pends();
            gather.drop();
            assert_eq!(queue.one().end(), panicked("stop"));
            assert_eq!(log.only(&["Panicked"]).len(), if entering { 2 } else { 3 });
        }
    }

    /// S8: the destructor of the body's value panics, in a drop during the exits. Exits in flight go on, and exits that
    /// wait receive `Panicked`.
    [tuple array few]
    fn the_bodys_value(group) {
        let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
        let group = group(held(&log, &gate)).exit_limit(1).catch_unwind().shield();
        let mut gather = drive(group.with(async |_| Ok(Bomb("value"))).on_drop(queue.spawner()));
        gather.pends();
        gather.drop();
        gate.open();
        assert_eq!(queue.one().end(), panicked("value").exits(&[(1, "x")]));
        let received = log.only(&["Completed", "Panicked"]);
        assert_eq!(received, ["exit 0 Completed", "exit 1 Panicked", "exit 2 Panicked"]);
    }

    /// S8: the observer panics when it receives the event of the drop.
    [tuple array few]
    fn the_observer(group) {
        for (entering, told) in [(true, "EnterDropped"), (false, "BodyDropped"), (false, "HandedOver")] {
            let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
            let enter = if entering { well().gate(&gate) } else { well() };
            let group = group(members(&log, [(well(), well()), (enter, well()), (well(), well())]));
            let observer = move |event: Event| {
                let event = format!("{event:?}");
                assert!(!event.starts_with(told), "{event}");
            };
            let group = group.observe(observer).catch_unwind().shield();
            let mut gather = drive(group.with(async |_| Ok(pending::<()>().await)).on_drop(queue.spawner()));
            gather.pends();
            gather.drop();
            let Why::Panicked(message) = queue.one().end().why else { panic!("no panic") };
            assert!(message.starts_with(told), "{message}");
            // The event `HandedOver` comes when the case is already known.
            let case = if told == "HandedOver" { "Cancelled" } else { "Panicked" };
            assert_eq!(log.only(&[case]).len(), if entering { 2 } else { 3 }, "{told}");
            assert_released(&log.everything());
        }
    }

    /// S8: of several panics, the first one wins. In the drop, the panic of an enter comes first, and the panic of
    /// `stop` comes last.
    [tuple array few many]
    fn the_first_panic_wins(group) {
        let order = [([true; 3], "drop enter 1"), ([false, true, true], "captured"), ([false, false, true], "stop")];
        for (panics, first) in order {
            let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
            let mut enter = well().gate(&gate);
            enter.drop_panics = panics[0];
            let group = group(members(&log, [(well(), well()), (enter, well()), (well(), well())]));
            let (captured, stop) = (panics[1].then(|| Bomb("captured")), panics[2].then(|| Bomb("stop")));
            let stop = async {
                let _stop = stop;
                pending::<()>().await;
            };
            let group = group.cancel_on(stop).catch_unwind().shield();
            let mut gather = drive(group.with(async move |_| Ok(std::mem::forget(captured))).on_drop(queue.spawner()));
            gather.pends();
            gather.drop();
            assert_eq!(queue.one().end(), panicked(first));
        }
    }

    /// S8: a panic from before the drop comes before the panics in it.
    [tuple array few]
    fn a_panic_before_the_drop_wins(group) {
        let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
        let slow = well().gate(&gate).drop_panics();
        let group = group(members(&log, [(panics("p"), well()), (slow, well()), (well(), well())]));
        let group = group.catch_unwind().shield();
        let mut gather = drive(group.with(async |_| Ok(())).on_drop(queue.spawner()));
        gather.pends();
        gather.drop();
        assert_eq!(queue.one().end(), panicked("p"));
    }

    /// S2, S8: an enter that panics while it settles counts as a failed enter. The exits receive `Panicked`.
    [tuple array few many]
    fn while_settling(group) {
        let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
        let acts = [(well(), fails("x")), (panics("p").gate(&gate), well()), (well(), well())];
        let group = group(members(&log, acts)).catch_unwind().shield().settle();
        let mut gather = drive(group.with(async |_| Ok(())).on_drop(queue.spawner()));
        gather.pends();
        gather.drop();
        let mut cleanup = queue.one();
        cleanup.pends();
        gate.open();
        assert_eq!(cleanup.end(), panicked("p").exits(&[(0, "x")]));
        assert_eq!(log.only(&["Panicked"]), ["exit 0 Panicked", "exit 2 Panicked"]);
    }

    /// S6, S8: if the cleanup is dropped with a panic in it, the panic is dropped, too. Every other destructor runs.
    [tuple array few]
    fn a_cleanup_that_is_dropped(group) {
        let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
        let acts = [(well(), well()), (well().gate(&gate).drop_panics(), well()), (well(), well())];
        let group = group(members(&log, acts).map(Member::abandon_panics)).shield();
        let mut gather = drive(group.with(async |_| Ok(())).on_drop(queue.spawner()));
        gather.pends();
        gather.drop();
        log.take();
        let mut cleanup = queue.one();
        assert_eq!(caught(|| cleanup.drop()), "abandon 0");
        assert_eq!(log.take(), ["abandon 0", "abandon 2"]);
    }
}

/// S8: with `eager_rollback`, exits that have begun keep their case. Exits that wait receive `Panicked`.
#[test]
fn an_enters_destructor_beside_exits() {
    let (log, queue, [enter, exit]) = (Log::default(), Queue::default(), [Gate::new(), Gate::new()]);
    let group = gather([
        Member::new(&log, 0, fails("e"), well()),
        Member::new(&log, 1, well().gate(&enter).drop_panics(), well()),
        Member::new(&log, 2, well(), well().gate(&exit)),
        Member::new(&log, 3, well(), well()),
    ]);
    let group = group.eager_rollback().exit_limit(1).catch_unwind().shield();
    let mut gather = drive(group.with(async |_| Ok(())).on_drop(queue.spawner()));
    gather.pends();
    gather.drop();
    exit.open();
    assert_eq!(queue.one().end(), panicked("drop enter 1"));
    assert_eq!(log.only(&["EnterFailed", "Panicked"]), ["exit 2 EnterFailed", "exit 3 Panicked"]);
}

/// S8: an empty group has nothing to exit, but its body's destructor may panic.
#[test]
fn a_group_of_none() {
    for panics in [false, true] {
        let cleanup = Rc::new(RefCell::new(None));
        let keep = cleanup.clone();
        let bomb = panics.then(|| Bomb("body"));
        let body = async {
            let _bomb = bomb;
            pending::<()>().await;
            Ok(())
        };
        let with = gather(()).shield().with(async |()| body.await);
        let mut with = Driver::new(with.on_drop(move |cleanup| *keep.borrow_mut() = Some(Driver::new(cleanup))));
        with.pends();
        with.drop();
        match cleanup.take() {
            Some(mut cleanup) => assert_eq!((caught(|| cleanup.poll()), panics), ("body".into(), true)),
            None => assert!(!panics),
        }
    }
}

/// S1: the spawner is not called before the first poll, even if a member's destructor panics then.
#[test]
fn a_destructor_before_the_first_poll() {
    let called = Cell::new(false);
    let bomb = Bomb("member");
    let member = async { Ok::<_, ()>(std::mem::forget(bomb)) }.drop_on_exit();
    let other = async { Ok(()) }.drop_on_exit();
    let with = gather((other, member)).shield().with(async |_| Ok(()));
    let with = with.on_drop(|_| called.set(true));
    assert_eq!(caught(|| drop(with)), "member");
    assert!(!called.get());
}

/// S7: `tokio::spawn` panics outside of a runtime.
#[test]
fn tokio_outside_of_a_runtime() {
    let abandoned = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let abandons = abandoned.clone();
    let member = async { Ok::<_, ()>(1) }
        .exit_with(async |_, _| Ok(()))
        .abandon_with(move |_| abandons.store(true, std::sync::atomic::Ordering::SeqCst));
    let with = gather((member,)).shield().with(async |_| Ok(pending::<()>().await));
    let mut with = Driver::new(with.on_drop(|cleanup| {
        tokio::spawn(cleanup);
    }));
    with.pends();
    assert!(caught(|| with.drop()).contains("no reactor running"));
    assert!(abandoned.load(std::sync::atomic::Ordering::SeqCst));
}

/// S7: the destructor of the observer panics after a spawner that panics. The test runs in a process of its own,
/// because a fault would abort it.
#[test]
#[cfg(not(miri))]
fn the_spawner_and_the_destructor_of_the_observer() {
    const CHILD: &str = "GATHER_CM_CHILD";
    if std::env::var_os(CHILD).is_none() {
        let name = "the_spawner_and_the_destructor_of_the_observer";
        let program = std::env::current_exe().expect("the path of this test");
        let child = std::process::Command::new(program).args(["--exact", name]).env(CHILD, "1").output();
        return assert!(child.expect("it starts").status.success());
    }
    let bomb = Bomb("observer");
    let gather = gather((async { Ok::<_, ()>(()) }.drop_on_exit(),)).observe(move |_: Event| _ = &bomb).shield();
    let mut gather = Driver::new(gather.with(async |_| Ok(pending::<()>().await)).on_drop(|_| panic!("spawn")));
    gather.pends();
    assert_eq!(caught(|| gather.drop()), "observer");
}
