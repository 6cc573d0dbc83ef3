//! The observer receives an event for each beginning and each end, once and in order, under every policy. Its panic
//! harms nobody.

mod common;

use std::{cell::RefCell, future::poll_fn, rc::Rc};

use Seen::*;
use common::{Act, Driver, Gate, Log, Member, Report, fails, well};
use gather_cm::{Event, Exit, ExitCase, gather};

/// What the observer has seen. A test cannot make an [`Event`], because its variants may grow.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Seen {
    EnterStarted(usize),
    Entered(usize),
    EnterFailed(usize),
    EnterDropped(usize),
    BodyStarted,
    BodyEnded(ExitCase),
    BodyDropped,
    ExitStarted(usize),
    Exited(usize),
    ExitFailed(usize),
    ExitDropped(usize),
    Abandoned(usize),
    HandedOver(usize),
}

impl From<Event> for Seen {
    fn from(event: Event) -> Self {
        match event {
            Event::EnterStarted { index, .. } => EnterStarted(index),
            Event::Entered { index, .. } => Entered(index),
            Event::EnterFailed { index, .. } => EnterFailed(index),
            Event::EnterDropped { index, .. } => EnterDropped(index),
            Event::BodyStarted { .. } => BodyStarted,
            Event::BodyEnded { case, .. } => BodyEnded(case),
            Event::BodyDropped { .. } => BodyDropped,
            Event::ExitStarted { index, .. } => ExitStarted(index),
            Event::Exited { index, .. } => Exited(index),
            Event::ExitFailed { index, .. } => ExitFailed(index),
            Event::ExitDropped { index, .. } => ExitDropped(index),
            Event::Abandoned { index, .. } => Abandoned(index),
            Event::HandedOver { index, .. } => HandedOver(index),
            other => unreachable!("{other:?}"),
        }
    }
}

type Events = Rc<RefCell<Vec<Seen>>>;

fn observer(events: &Events) -> impl FnMut(Event) + use<> {
    let events = events.clone();
    move |event| events.borrow_mut().push(event.into())
}

fn members(log: &Log, enters: [Act; 3], exits: [Act; 3]) -> [Member; 3] {
    let mut acts = enters.into_iter().zip(exits).enumerate();
    std::array::from_fn(|_| {
        let (name, (enter, exit)) = acts.next().unwrap();
        Member::new(log, name, enter, exit)
    })
}

fn three(act: impl Fn() -> Act) -> [Act; 3] {
    [act(), act(), act()]
}

#[test]
fn each_in_its_turn() {
    let (log, events, slow, exits) = (Log::default(), Events::default(), Gate::new(), Gate::new());
    let group = members(&log, [well(), well().gate(&slow), well()], [well().gate(&exits), fails("e"), well()]);
    let mut driver = Driver::new(gather(group).observe(observer(&events)).with(async |_| Ok(1)).keep_value());
    assert_eq!(events.take(), [], "lazy");
    driver.pends();
    assert_eq!(events.take(), [EnterStarted(0), Entered(0), EnterStarted(1), EnterStarted(2), Entered(2)]);
    driver.pends();
    assert_eq!(events.take(), []);
    slow.open();
    driver.pends();
    let exit = [ExitStarted(0), ExitStarted(1), ExitFailed(1), ExitStarted(2), Exited(2)];
    assert_eq!(events.take(), [&[Entered(1), BodyStarted, BodyEnded(ExitCase::Completed)][..], &exit].concat());
    exits.open();
    assert_eq!(Report::from(driver.end()), Report::exit(1).exits(&[(1, "e")]));
    assert_eq!(events.take(), [Exited(0)]);
}

#[test]
fn who_could_not_be_entered() {
    let run = |how: &dyn Fn([Member; 3], &Events) -> Driver<'static, bool>| {
        let (log, events, slow) = (Log::default(), Events::default(), Gate::new());
        let group = members(&log, [well(), fails("e"), well().gate(&slow)], three(well));
        let mut driver = how(group, &events);
        let ended = driver.poll().is_ready();
        let first = events.take();
        slow.open();
        assert!(ended || driver.poll().is_ready());
        (first, events.take())
    };
    macro_rules! how {
        ($policy:ident) => {
            &|group, events| {
                let gather = gather(group).$policy().observe(observer(events));
                Driver::new(async move { gather.with(async |_| Ok(())).await.is_ok() })
            }
        };
    }
    let enters = [EnterStarted(0), Entered(0), EnterStarted(1), EnterFailed(1)];
    let (first, then) = run(how!(eager_rollback));
    assert_eq!(first, [&enters[..], &[EnterStarted(2), ExitStarted(0), Exited(0)]].concat());
    assert_eq!(then, [Entered(2), ExitStarted(2), Exited(2)]);
    let (first, then) = run(how!(stack));
    assert_eq!(first, [&enters[..], &[EnterStarted(2)]].concat());
    assert_eq!(then, [Entered(2), ExitStarted(2), Exited(2), ExitStarted(0), Exited(0)]);
    let (first, then) = run(how!(fail_fast));
    assert_eq!((first, then), ([&enters[..], &[ExitStarted(0), Exited(0)]].concat(), vec![]));
}

#[test]
fn stopped() {
    for in_body in [false, true] {
        let (log, events, slow, stop) = (Log::default(), Events::default(), Gate::new(), Gate::new());
        let signal = stop.clone();
        let group = members(&log, [well(), well(), if in_body { well() } else { well().gate(&slow) }], three(well));
        let gather = gather(group).cancel_on(poll_fn(move |cx| signal.poll(cx))).observe(observer(&events));
        let mut driver = Driver::new(gather.with(async |_| std::future::pending::<Result<(), _>>().await));
        driver.pends();
        events.take();
        stop.open();
        driver.end().unwrap_err();
        let end = if in_body { BodyEnded(ExitCase::Cancelled) } else { EnterDropped(2) };
        let exit = |index| [ExitStarted(index), Exited(index)];
        let exits = (0..if in_body { 3 } else { 2 }).flat_map(exit);
        assert_eq!(events.take(), [end].into_iter().chain(exits).collect::<Vec<_>>());
    }
}

#[test]
fn dropped() {
    let (log, events, gate) = (Log::default(), Events::default(), Gate::new());
    let start = |enters, exits| gather(members(&log, enters, exits)).observe(observer(&events));
    drop(start(three(well), three(well)).with(async |_| Ok(())));
    assert_eq!(events.take(), []);

    let mut driver = Driver::new(start([well(), well().gate(&gate), fails("e")], three(well)).with(async |_| Ok(())));
    driver.pends();
    events.take();
    driver.drop();
    assert_eq!(events.take(), [Abandoned(0), EnterDropped(1)]);

    let mut driver = Driver::new(start(three(well), three(well)).with(async |_| Ok(gate.wait().await)));
    driver.pends();
    events.take();
    driver.drop();
    assert_eq!(events.take(), [BodyDropped, Abandoned(0), Abandoned(1), Abandoned(2)]);

    let exits = [well(), well().gate(&gate), well()];
    let mut driver = Driver::new(start(three(well), exits).exit_limit(1).with(async |_| Ok(())));
    driver.pends();
    events.take();
    driver.drop();
    assert_eq!(events.take(), [ExitDropped(1), Abandoned(2)]);
}

/// `enter` is observed up to its end. The exits belong to the `Entered` that it returns, and the observer stays behind.
#[test]
fn in_two_halves() {
    let (log, events) = (Log::default(), Events::default());
    let entered = Driver::new(gather(members(&log, three(well), three(well))).observe(observer(&events)).enter()).end();
    let enters = (0..3).flat_map(|index| [EnterStarted(index), Entered(index)]);
    assert_eq!(events.take(), enters.collect::<Vec<_>>());
    Driver::new(entered.unwrap().exit(ExitCase::Completed)).end().unwrap();
    assert_eq!(events.take(), []);
}

/// An event can be copied, compared and printed.
#[test]
fn as_values() {
    let (log, printed) = (Log::default(), RefCell::new(vec![]));
    let observer = |event: Event| {
        let copy = event;
        assert_eq!(copy, event);
        printed.borrow_mut().push(format!("{event:?}"));
    };
    let with = gather((Member::new(&log, 0, well(), fails("e")),)).observe(observer).with(async |_| Ok(()));
    Driver::new(with).end().unwrap_err();
    assert_eq!(
        printed.into_inner(),
        [
            "EnterStarted { index: 0 }",
            "Entered { index: 0 }",
            "BodyStarted",
            "BodyEnded { case: Completed }",
            "ExitStarted { index: 0 }",
            "ExitFailed { index: 0 }"
        ]
    );
}

/// Two observers receive each event, in turn.
#[test]
fn two_observers() {
    let (log, events) = (Log::default(), Events::default());
    let (one, two) = (observer(&events), observer(&events));
    Driver::new(gather((Member::new(&log, 0, well(), well()),)).observe(one).observe(two).with(async |_| Ok(())))
        .end()
        .unwrap();
    let all = events.take();
    assert_eq!(all.len(), 12);
    assert!(all.chunks(2).all(|pair| pair[0] == pair[1]));
}

/// Whatever begins ends, once, before the gather is gone: over many members, policies and moments of a drop.
#[test]
#[cfg(feature = "alloc")]
fn whatever_begins_ends() {
    for count in [3, 40] {
        for case in 0..64 {
            for drop_after in 0..6 {
                let (log, events) = (Log::default(), Events::default());
                let gates: Vec<_> = (0..2 * count).map(|_| Gate::new()).collect();
                let act = |index: usize, salt: usize| {
                    let act = if (index + salt + case) % 7 == 6 && salt + case % 3 > 0 { fails("e") } else { well() };
                    if (index + salt) % 3 == 0 { act } else { act.gate(&gates[2 * index + salt]) }
                };
                let members: Vec<_> =
                    (0..count).map(|index| Member::new(&log, index, act(index, 0), act(index, 1))).collect();
                let gather = gather(members).observe(observer(&events));
                let gather = gather.enter_limit(if case & 16 == 0 { 99 } else { 2 });
                let gather = gather.exit_limit(if case & 32 == 0 { 99 } else { 2 });
                macro_rules! run {
                    ($gather:expr) => {{
                        let gather = $gather;
                        Driver::new(async move { drop(gather.with(async |_| Ok(())).await) })
                    }};
                }
                let mut driver = match case % 8 {
                    0 => run!(gather),
                    1 => run!(gather.eager_rollback()),
                    2 => run!(gather.fail_fast()),
                    3 => run!(gather.stack()),
                    4 => run!(gather.stack().eager_rollback()),
                    5 => run!(gather.in_reverse().eager_rollback()),
                    6 => run!(gather.settle().cancel_on(gates[1].wait())),
                    _ => run!(gather.stack().fail_fast()),
                };
                let mut ended = false;
                for step in 0..drop_after {
                    ended = ended || driver.poll().is_ready();
                    gates.iter().skip(step % 4).step_by(4).for_each(Gate::open);
                }
                for _ in 0..3 * count {
                    ended = ended || drop_after < 5 || driver.poll().is_ready();
                }
                assert!(ended);
                driver.drop();
                check(&events.take(), count);
                // The events match the log of the members.
                let log = log.everything();
                let said = |what: &str| log.iter().filter(|line| line.starts_with(what)).count();
                assert_eq!(said("LEAK"), 0);
            }
        }
    }
}

/// Plays the events. Each of them must come at a moment at which it can happen.
#[cfg(feature = "alloc")]
fn check(events: &[Seen], count: usize) {
    #[derive(Clone, Copy, PartialEq, Debug)]
    enum Is {
        Waiting,
        Entering,
        Held,
        Exiting,
        Over,
    }
    let mut is = vec![Is::Waiting; count];
    let mut body = false;
    for event in events {
        let (index, from, to) = match *event {
            EnterStarted(index) => (index, Is::Waiting, Is::Entering),
            Entered(index) => (index, Is::Entering, Is::Held),
            EnterFailed(index) | EnterDropped(index) => (index, Is::Entering, Is::Over),
            ExitStarted(index) => (index, Is::Held, Is::Exiting),
            Exited(index) | ExitFailed(index) | ExitDropped(index) => (index, Is::Exiting, Is::Over),
            Abandoned(index) => (index, Is::Held, Is::Over),
            HandedOver(index) => {
                assert!(!body && ![Is::Waiting, Is::Over].contains(&is[index]), "{event:?} in {events:?}");
                is[index] = Is::Over;
                continue;
            }
            BodyStarted => {
                assert!(!body && is.iter().all(|is| *is == Is::Held), "{events:?}");
                body = true;
                continue;
            }
            BodyEnded(_) | BodyDropped => {
                assert!(std::mem::take(&mut body), "{events:?}");
                continue;
            }
        };
        assert_eq!(is[index], from, "{event:?} in {events:?}");
        assert!(!body || to == Is::Over, "{event:?} in {events:?}");
        is[index] = to;
    }
    assert!(!body && is.iter().all(|is| [Is::Waiting, Is::Over].contains(is)), "{is:?} {events:?}");
}

/// Panics of the members are reported as failures. A panic of the observer, at any event, resumes when every resource
/// was exited.
#[test]
#[cfg(feature = "std")]
fn panics() {
    let (log, events) = (Log::default(), Events::default());
    let group = members(
        &log,
        [well(), common::panics("enter"), well().drop_panics()],
        [well(), well(), common::panics("exit")],
    );
    let gather_them = gather(group).catch_unwind().observe(observer(&events)).with(async |_| Ok::<(), _>(()));
    assert_eq!(Report::plain(Driver::new(gather_them).end()).why, common::Why::Panicked("enter".into()));
    let enters = [EnterStarted(0), Entered(0), EnterStarted(1), EnterFailed(1), EnterStarted(2), Entered(2)];
    assert_eq!(events.take(), [&enters[..], &[ExitStarted(0), Exited(0), ExitStarted(2), ExitFailed(2)]].concat());

    // The observer panics at each of its calls.
    let mut calls = 0;
    for at in 0.. {
        let (log, stop) = (Log::default(), Gate::new());
        let group = members(&log, [well(), well(), well()], [well(), fails("e"), well()]);
        let mut call = 0;
        let observer = |_| {
            call += 1;
            assert!(call != at + 1, "observer");
        };
        let gather = gather(group).catch_unwind().cancel_on(stop.wait()).observe(observer);
        let report = Report::from(Driver::new(gather.with(async |_| Ok(())).keep_value()).end());
        let lines = log.take();
        let count = |what: &str| lines.iter().filter(|line| line.starts_with(what)).count();
        assert_eq!((count("entered"), count("exited"), count("LEAK")), (3, 3, 0));
        // From the body's end on, a panic alters nothing.
        let told = if at <= 6 { "Panicked" } else { "Completed" };
        assert_eq!(lines.iter().filter(|line| line.ends_with(told)).count(), 3);
        if report.why == common::Why::Exit(()) {
            calls = at;
            break;
        }
        assert_eq!(report.why, common::Why::Panicked("observer".into()));
        assert_eq!(report.exits, [(1, "e")]);
    }
    assert_eq!(calls, 14, "it has panicked at each");

    // The same holds for `enter`.
    let log = Log::default();
    let group = members(&log, three(well), three(well));
    let observer = |event| assert!(Seen::from(event) != Entered(1), "observer");
    let failure = Driver::new(gather(group).catch_unwind().observe(observer).enter()).end().unwrap_err();
    assert!(matches!(failure.cause, gather_cm::Cause::Panicked(_)));
    assert_eq!(log.take().iter().filter(|line| line.starts_with("exit ") && line.ends_with("Panicked")).count(), 3);
}

/// 5, 9, 16: an enter has failed and the others run on. If the observer panics in one of these polls, the exits receive
/// `Panicked`. With `eager_rollback` the exits have begun before, and the case stays.
#[test]
#[cfg(feature = "std")]
fn a_panic_while_the_others_run_on() {
    let gates: RefCell<[Gate; 3]> = Default::default();
    let (log, panics_at) = (Log::default(), std::cell::Cell::new(BodyStarted));
    let member = |name: usize| {
        let [second, third, fourth] = gates.borrow().clone();
        let enter = match name {
            0 => fails("e0"),
            1 => well().gate(&third),
            2 => fails("e2").gate(&second),
            3 => well().gate(&fourth),
            _ => well(),
        };
        Member::new(&log, name, enter, well())
    };
    let observer = |event| assert!(Seen::from(event) != panics_at.get(), "observer");
    // Drives a gather through the four polls, and returns what its exits received.
    macro_rules! run {
        ($gather:expr) => {{
            let with = $gather.catch_unwind().observe(observer).with(async |_| Ok(log.push("body")));
            let mut driver = Driver::new(async { Report::plain(with.await) });
            driver.pends();
            for gate in gates.take() {
                assert!(driver.poll().is_pending());
                gate.open();
            }
            assert_eq!(driver.end().why, common::Why::Panicked("observer".into()));
            let words = ["body", "on_error", "exit ", "LEAK"];
            log.take().into_iter().filter(move |line| words.iter().any(|word| line.starts_with(word)))
        }};
    }
    for event in [EnterFailed(0), EnterStarted(1), EnterStarted(3), Entered(1), EnterFailed(2), Entered(3)] {
        panics_at.set(event);
        each_shape!([member(0), member(1), member(2), member(3)], |gather| {
            let lines: Vec<_> = run!(gather).collect();
            assert_eq!(lines, ["on_error 1 e0", "exit 1 Panicked", "on_error 3 e0", "exit 3 Panicked"], "{event:?}");
        });
    }
    for event in [Entered(1), EnterFailed(2), Entered(3)] {
        panics_at.set(event);
        each_shape!([member(0), member(1), member(2), member(3), member(4)], |gather| {
            let lines: Vec<_> = run!(gather.eager_rollback()).filter(|line| line.starts_with("exit")).collect();
            assert_eq!(lines, ["exit 4 EnterFailed", "exit 1 EnterFailed", "exit 3 EnterFailed"], "{event:?}");
        });
    }
}

/// 16: one of two observers panics at each of its calls, or both do. Each event reaches both observers, and the first
/// panic is the cause.
#[test]
#[cfg(feature = "std")]
fn two_observers_that_panic() {
    let panicking = |events: &Events, at: usize, message: &'static str| {
        let (mut observer, events) = (observer(events), events.clone());
        move |event| {
            observer(event);
            assert!(events.borrow().len() != at + 1, "{message}");
        }
    };
    let log = Log::default();
    let member = |name| Member::new(&log, name, well(), if name == 1 { fails("x1") } else { well() });
    for at in 0..14 {
        for (at_first, at_second) in [(at, 99), (99, at), (at, at)] {
            each_shape!([member(0), member(1), member(2)], |gather| {
                let (first, second) = (Events::default(), Events::default());
                let gather = gather.observe(panicking(&first, at_first, "first"));
                let gather = gather.observe(panicking(&second, at_second, "second")).catch_unwind();
                let failure = Driver::new(gather.with(async |_| Ok(()))).end().unwrap_err();
                let message = if at_first == at { "first" } else { "second" };
                assert_eq!(failure.to_string(), format!("panicked: {message}; exit of member 1 failed: x1"));
                let (first, second) = (first.take(), second.take());
                assert_eq!(first, second);
                // The events of a body that is not called do not come.
                let count = match at {
                    0..6 => 12,
                    6 => 13,
                    _ => 14,
                };
                assert_eq!(first.len(), count);
            });
        }
    }
    // The same holds for a drop in the body. The observer panics at each event from the end of the body on.
    for at in 7..11 {
        each_shape!([member(0), member(1), member(2)], |gather| {
            let (first, second) = (Events::default(), Events::default());
            let gather = gather.observe(panicking(&first, at, "first")).observe(observer(&second));
            let mut driver = Driver::new(gather.with(async |_| Ok(std::future::pending::<()>().await)));
            driver.pends();
            let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| driver.drop()));
            assert_eq!(common::message(&*dropped.unwrap_err()), "first");
            let (first, second) = (first.take(), second.take());
            assert_eq!(first[7..], [BodyDropped, Abandoned(0), Abandoned(1), Abandoned(2)]);
            assert_eq!(first, second);
        });
    }
}

/// The event that ends the body has the case that the exits receive, even if the destructor of a stop panics then.
#[cfg(feature = "std")]
#[test]
fn a_stop_that_panics_as_the_body_has_ended() {
    struct Bomb;

    impl Future for Bomb {
        type Output = ();

        fn poll(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<()> {
            std::task::Poll::Pending
        }
    }

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("stop");
        }
    }

    let (log, events) = (Log::default(), Events::default());
    let group = members(&log, three(well), three(well));
    let gather = gather(group).cancel_on(Bomb).observe(observer(&events)).catch_unwind();
    assert!(Driver::new(gather.with(async |_| Ok(()))).end().is_err());
    assert_eq!(log.only(&["exit "])[0], "exit 0 Panicked");
    assert!(events.take().contains(&BodyEnded(ExitCase::Panicked)));
}

/// S9: if a shielded gather is dropped, the observer receives an event for each part that is dropped, and then for each
/// member that goes on elsewhere. The cleanup is not observed.
#[test]
#[cfg(feature = "alloc")]
fn handed_over() {
    use std::future::pending;

    let run = |polls: usize, settle: bool| {
        let (log, events, [enter, body, exit]) = (Log::default(), Events::default(), [(); 3].map(|()| Gate::new()));
        let acts = [well(), well().gate(&enter), well()];
        let members = members(&log, acts, [well().gate(&exit), well(), fails("x")]);
        let group = gather(members).observe(observer(&events)).shield();
        let gates = [enter, body.clone(), exit];
        // This drives the cleanup to its end within the drop.
        macro_rules! drive {
            ($group:expr) => {
                Driver::new(async {
                    let spawn = |cleanup| {
                        gates.iter().for_each(Gate::open);
                        drop(Driver::new(cleanup).end());
                    };
                    drop($group.with(async |_| Ok(body.wait().await)).on_drop(spawn).await);
                })
            };
        }
        let mut driver = if settle { drive!(group.settle()) } else { drive!(group) };
        for gate in gates.iter().take(polls) {
            driver.pends();
            gate.open();
        }
        driver.pends();
        let before = events.borrow().len();
        driver.drop();
        common::assert_released(&log.take());
        let all = events.take();
        check(&all, 3);
        all[before..].to_vec()
    };
    assert_eq!(run(0, false), [EnterDropped(1), HandedOver(0), HandedOver(2)]);
    assert_eq!(run(0, true), [HandedOver(0), HandedOver(1), HandedOver(2)]);
    for settle in [false, true] {
        assert_eq!(run(1, settle), [BodyDropped, HandedOver(0), HandedOver(1), HandedOver(2)]);
        assert_eq!(run(2, settle), [HandedOver(0)]);
    }

    // Nothing is handed over, so there is no event of that.
    let (events, log) = (Events::default(), Log::default());
    let member = Member::new(&log, 0, well().gate(&Gate::new()), well());
    let group = gather((member,)).observe(observer(&events)).shield();
    let with = group.with(async |_| Ok(pending::<()>().await)).on_drop(|_| unreachable!());
    let mut driver = Driver::new(with);
    driver.pends();
    driver.drop();
    assert_eq!(events.take(), [EnterStarted(0), EnterDropped(0)]);
}
