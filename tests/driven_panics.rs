//! D9: tests of panics of drivers and of the code around them. Each panic is caught, once, and skips no member.
#![cfg(feature = "std")]

mod common;
#[path = "common/driven.rs"]
mod driven;

use std::{
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind},
    task::Poll,
};

use common::{Act, Driver, Gate, Log, Member, Report, Why, assert_released, fails, message, panics, well};
use driven::{body, connect, drive, driven_by, links, over, sleeps};
use gather_cm::{Cause, EnterExt, Event, ExitCase, gather};

fn panicked(message: &str) -> Report<u8> {
    Report { why: Why::Panicked(message.into()), exits: vec![], suppressed: false }
}

/// Polls the gather until it panics, and returns the message.
fn panics_with<T>(gather: &mut Driver<'_, T>) -> String {
    loop {
        match catch_unwind(AssertUnwindSafe(|| gather.poll())) {
            Err(payload) => return message(&*payload).to_string(),
            Ok(polled) => assert!(polled.is_pending(), "the gather has ended"),
        }
    }
}

in_each_group! {
    /// D9: if a driver panics during the body, the body is dropped without another poll, and the exits receive
    /// `Panicked`.
    fn beside_the_body(group) {
        let (log, breaks) = (Log::default(), Gate::new());
        let members = driven_by(&log, [sleeps(), panics("p").gate(&breaks), sleeps()]);
        let mut gather = drive(group(members).catch_unwind().with(async |_| {
            std::future::poll_fn(|_| {
                log.push("body");
                Poll::<()>::Pending
            })
            .await;
            Ok(7)
        }));
        gather.pends();
        log.take();
        breaks.open();
        assert_eq!(gather.end(), panicked("p"));
        assert_eq!((log.count("body"), log.count("drive 1"), log.count("drop driver 1")), (0, 1, 1));
        assert_eq!(log.only(&["Panicked"]), ["exit 0 Panicked", "exit 1 Panicked", "exit 2 Panicked"]);
    }

    /// D9: without `catch_unwind` the panic resumes when the exits have finished.
    fn resumes(group) {
        let (log, [breaks, exit]) = (Log::default(), [Gate::new(), Gate::new()]);
        let members = [
            [well(), panics("p").gate(&breaks), well()],
            [well(), sleeps(), well().gate(&exit)],
            [well(), sleeps(), well()],
        ];
        let mut gather = drive(group(links(&log, members)).with(async |_| Ok(pending::<()>().await)));
        gather.pends();
        breaks.open();
        gather.pends();
        assert_eq!(log.count("exit 1 Panicked"), 1);
        exit.open();
        assert_eq!(panics_with(&mut gather), "p");
        assert_released(&log.everything());
    }

    /// D9: a panic during the enters counts as a failed enter. The body is not called, and the cause is the panic.
    fn beside_enters(group) {
        let (log, [breaks, enter]) = (Log::default(), [Gate::new(), Gate::new()]);
        let members = [
            [well(), panics("p").gate(&breaks), well()],
            [well().gate(&enter), sleeps(), fails("x")],
            [well(), sleeps(), well()],
        ];
        let mut gather = drive(group(links(&log, members)).catch_unwind().with(async |_| Ok(log.push("body"))));
        gather.pends();
        breaks.open();
        gather.pends();
        assert_eq!(log.count("exit 0 Panicked"), 0, "the enters run on");
        enter.open();
        let report = gather.end();
        assert_eq!((report.why, report.exits), (Why::Panicked("p".into()), vec![(1, "x")]));
        assert_eq!((log.count("body"), log.count("drop driver 0")), (0, 1));
        assert_eq!(log.only(&["Panicked"]), ["exit 0 Panicked", "exit 1 Panicked", "exit 2 Panicked"]);
    }

    /// D9: with `eager_rollback` and `fail_fast`, a panic does not wait for the pending enters.
    fn beside_enters_at_once(group) {
        for fail_fast in [false, true] {
            let (log, [breaks, enter]) = (Log::default(), [Gate::new(), Gate::new()]);
            let members = [
                [well(), panics("p").gate(&breaks), well()],
                [well().gate(&enter), sleeps(), well()],
                [well(), sleeps(), well()],
            ];
            let group = group(links(&log, members)).catch_unwind();
            let mut gather = if fail_fast {
                drive(group.fail_fast().with(async |_| Ok(7)))
            } else {
                drive(group.eager_rollback().with(async |_| Ok(7)))
            };
            gather.pends();
            breaks.open();
            let polled = gather.poll();
            assert_eq!(log.only(&["Panicked"]), ["exit 0 Panicked", "exit 2 Panicked"]);
            assert_eq!(polled.is_ready(), fail_fast);
            if !fail_fast {
                enter.open();
                assert_eq!(gather.end(), panicked("p"));
                assert_eq!(log.only(&["Panicked"]), ["exit 1 Panicked"]);
            }
        }
    }

    /// D9: a panic while the member waits for its exit is kept. The exits go on.
    fn while_waiting(group) {
        for in_reverse in [false, true] {
            let (log, [breaks, exit]) = (Log::default(), [Gate::new(), Gate::new()]);
            let slow = || [well(), sleeps(), well().gate(&exit)];
            let members = [slow(), [well(), panics("p").gate(&breaks), fails("x")], slow()];
            let group = group(links(&log, members)).catch_unwind();
            let mut gather = if in_reverse {
                drive(group.in_reverse().with(async |_| Ok(7)))
            } else {
                drive(group.exit_limit(1).with(async |_| Ok(7)))
            };
            gather.pends();
            breaks.open();
            gather.pends();
            assert_eq!(log.count("drop driver 1"), 1);
            exit.open();
            let report = loop {
                if let Poll::Ready(report) = gather.poll() {
                    break report;
                }
            };
            assert_eq!((report.why, report.exits), (Why::Panicked("p".into()), vec![(1, "x")]));
            assert_eq!((log.count("exit 1 Completed"), log.count("drop driver 1")), (1, 1));
            assert_released(&log.everything());
        }
    }

    /// D9: a panic during the member's exit counts as a panic of the exit. The other exits go on.
    fn beside_its_exit(group) {
        let (log, [breaks, exit]) = (Log::default(), [Gate::new(), Gate::new()]);
        let members = [
            [well(), sleeps(), fails("x").gate(&exit)],
            [well(), panics("p").gate(&breaks), well().gate(&Gate::new())],
            [well(), sleeps(), well()],
        ];
        let mut gather = drive(group(links(&log, members)).catch_unwind().with(async |_| Ok(7)));
        gather.pends();
        log.take();
        breaks.open();
        gather.pends();
        assert_eq!((log.count("drop exit 1"), log.count("drop driver 1")), (1, 1));
        exit.open();
        let report = gather.end();
        assert_eq!((report.why, report.exits), (Why::Panicked("p".into()), vec![(0, "x")]));
    }

    /// D4, D9: if an exit panics as it is called, the error of its driver is kept, because it is the member's own
    /// error.
    fn as_its_exit_is_called(group) {
        let (log, [breaks, ends]) = (Log::default(), [Gate::new(), Gate::new()]);
        let members = [
            [well(), sleeps(), fails("x")],
            [well(), fails("lost").gate(&breaks), well().make_panics()],
            [well(), sleeps(), well()],
        ];
        let mut gather = drive(group(links(&log, members)).catch_unwind().with(async |_| body(&log, &ends).await));
        gather.pends();
        breaks.open();
        ends.open();
        let report = gather.end();
        assert_eq!((report.why, report.exits), (Why::Panicked("make exit 1".into()), vec![(0, "x"), (1, "lost")]));
        assert_released(&log.everything());
    }

    /// D9, D4: if one driver fails and another panics in one poll, the exits receive `Panicked`. The error is kept.
    fn one_fails_and_one_panics(group) {
        for beside_body in [false, true] {
            let (log, gates) = (Log::default(), [(); 3].map(|()| Gate::new()));
            let members = [
                [well(), fails("lost").gate(&gates[0]), well()],
                [well(), panics("p").gate(&gates[1]), well()],
                [well().gate(&gates[2]), sleeps(), well()],
            ];
            let mut gather = drive(group(links(&log, members)).catch_unwind().with(async |_| Ok(pending().await)));
            gather.pends();
            if beside_body {
                gates[2].open();
                gather.pends();
            }
            gates.iter().for_each(Gate::open);
            let report: Report<u8> = gather.end();
            assert_eq!((report.why, report.exits), (Why::Panicked("p".into()), vec![(0, "lost")]), "{beside_body}");
            assert_eq!(log.only(&["Panicked"]).len(), 3);
        }
    }

    /// D4, 17: if the body or a `stop` panics when it is dropped because of a driver, the exits receive `Panicked`.
    fn a_destructor_beside_a_loss(group) {
        struct Bomb(&'static str);
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("{}", self.0);
            }
        }
        for of_stop in [false, true] {
            let (log, breaks) = (Log::default(), Gate::new());
            let members = driven_by(&log, [sleeps(), fails("lost").gate(&breaks), sleeps()]);
            let bomb = of_stop.then(|| Bomb("stop"));
            let stop = async {
                let _bomb = bomb;
                pending::<()>().await;
            };
            let group = group(members).catch_unwind().cancel_on(stop);
            let mut gather = drive(group.with(async |_| {
                let _bomb = (!of_stop).then(|| Bomb("body"));
                Ok(pending::<u8>().await)
            }));
            gather.pends();
            breaks.open();
            let report = gather.end();
            let why = if of_stop { "stop" } else { "body" };
            assert_eq!((report.why, report.exits), (Why::Panicked(why.into()), vec![(1, "lost")]));
            assert_eq!(log.only(&["Panicked"]).len(), 3, "{why}");
        }
    }

    /// 17: the destructor of a driver panics, in each phase in which a driver ends.
    fn destructors(group) {
        for phase in 0..4 {
            let (log, gates) = (Log::default(), [(); 4].map(|()| Gate::new()));
            let members = [
                [well(), well().gate(&gates[3]).drop_panics(), well().gate(&gates[2])],
                [well().gate(&gates[0]), sleeps(), well()],
                [well(), sleeps(), well()],
            ];
            let mut gather = drive(group(links(&log, members)).catch_unwind().with(async |_| Ok({
                gates[1].wait().await;
                7
            })));
            gather.pends();
            for gate in gates.iter().take(phase.min(2)) {
                gate.open();
                gather.pends();
            }
            if phase < 3 {
                gates[3].open();
            }
            // The driver ends by itself, or is dropped along with its exit.
            let early = gather.poll();
            assert_eq!(log.count("drop driver 0"), usize::from(phase < 3));
            gates.iter().for_each(Gate::open);
            let report = match early {
                Poll::Ready(report) => report,
                Poll::Pending => gather.end(),
            };
            assert_eq!(report, panicked("drop driver 0"), "{phase}");
            assert_released(&log.everything());
        }
    }

    /// 17: a drop skips no member, in each phase, although the destructors of drivers and `abandon`s panic.
    fn destructors_on_a_drop(group) {
        for phase in 0..4 {
            let (log, [enter, ends]) = (Log::default(), [Gate::new(), Gate::new()]);
            let bad = |name, enter: Act| {
                let exit = well().gate(&Gate::new()).drop_panics();
                let member = Member::new(&log, name, enter, exit).abandon_panics();
                over(&log, member, sleeps().drop_panics()).driven()
            };
            let members = [bad(0, well()), bad(1, well().gate(&enter)), bad(2, well())];
            let mut gather = drive(group(members).exit_limit(2).with(async |_| {
                ends.wait().await;
                Ok(7)
            }));
            for gate in [None, Some(&enter), Some(&ends)].into_iter().take(phase) {
                if let Some(gate) = gate {
                    gate.open();
                }
                gather.pends();
            }
            let dropped = catch_unwind(AssertUnwindSafe(|| gather.drop()));
            assert_eq!(dropped.is_err(), phase > 0);
            let everything = log.everything();
            assert_released(&everything);
            let count = |what: &str| everything.iter().filter(|line| line.starts_with(what)).count();
            assert_eq!(count("enter "), count("drop driver"), "phase {phase}: {everything:#?}");
        }
    }

    /// D13, 16: an observer panics at a driver's end.
    fn the_observer(group) {
        for beside_body in [false, true] {
            let (log, [enter, ends]) = (Log::default(), [Gate::new(), Gate::new()]);
            let members = [
                [well(), well().gate(&ends), well()],
                [well().gate(&enter), sleeps(), well()],
                [well(), sleeps(), well()],
            ];
            let observer = |event| {
                if let Event::DriverEnded { .. } = event {
                    panic!("observer");
                }
            };
            let group = group(links(&log, members)).catch_unwind().observe(observer);
            let mut gather = drive(group.with(async |_| Ok(pending().await)));
            gather.pends();
            if beside_body {
                enter.open();
                gather.pends();
            }
            ends.open();
            let _ = gather.poll().map(|report| assert_eq!(report, panicked("observer")));
            if !beside_body {
                enter.open();
                assert_eq!(gather.end(), panicked("observer"));
            }
            assert_eq!(log.only(&["Panicked"]).len(), 3);
        }
    }

    /// 9, 16, D4: an observer panics as it receives that the body was lost. Exits receive the case that it received.
    fn the_observer_of_a_lost_body(group) {
        let (log, ends) = (Log::default(), Gate::new());
        let members = [
            [well(), sleeps(), well()],
            [well(), fails("lost").gate(&ends), fails("x")],
            [well(), sleeps(), well()],
        ];
        let observer = |event| {
            if let Event::BodyEnded { case, .. } = event {
                assert_eq!(case, ExitCase::Lost);
                panic!("observer");
            }
        };
        let group = group(links(&log, members)).catch_unwind().observe(observer);
        let mut gather = drive(group.with(async |_| Ok(pending().await)));
        gather.pends();
        ends.open();
        assert_eq!(gather.end(), Report { exits: vec![(1, "x")], ..panicked("observer") });
        assert_eq!(log.count("on_error 2 lost"), 1);
        assert_eq!(log.only(&["Lost"]), ["exit 0 Lost", "exit 1 Lost", "exit 2 Lost"]);
        assert_released(&log.everything());
    }
}

/// 17: an exit and its driver are dropped one by one, although the destructors of both panic.
#[test]
fn an_exit_and_its_driver() {
    for ends in [false, true] {
        let (log, exit) = (Log::default(), Gate::new());
        let acts = [well(), sleeps().drop_panics(), well().gate(&exit).drop_panics()];
        let mut gather = drive(gather((connect(&log, 0, acts).driven(),)).with(async |_| Ok(7)));
        gather.pends();
        if ends {
            exit.open();
        }
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _ = gather.poll();
            gather.drop();
        }));
        assert_eq!(message(&*caught.unwrap_err()), "drop exit 0");
        assert_eq!((log.count("drop exit 0"), log.count("drop driver 0")), (1, 1));
    }
}

/// D9, D11: a driver of a nested group panics during the body. The other driver is polled all the same, before the
/// exits.
#[test]
fn one_of_a_nested_group() {
    let (log, breaks) = (Log::default(), Gate::new());
    let acts = [panics("d0").gate(&breaks), sleeps()];
    let mut names = 0..2;
    let inner = acts.map(|driver| connect(&log, names.next().unwrap(), [well(), driver, well()]).driven());
    let group = gather((gather(inner).enter(),));
    let mut gather = Driver::new(group.with(async |_| Ok(pending::<()>().await)));
    gather.pends();
    log.take();
    breaks.open();
    assert_eq!(panics_with(&mut gather), "d0");
    assert_eq!(log.only(&["drive", "exit 0 "])[..4], ["drive 0", "drop driver 0", "drive 1", "exit 0 Panicked"]);
}

/// D9, D13: the exit of a driven member panics. The driver is not polled any more. If it has ended, the observer
/// receives its end once.
#[test]
fn an_exit_beside_its_driver() {
    for ends in [true, false] {
        let (log, [driver, exit]) = (Log::default(), [(); 2].map(|()| Gate::new()));
        let member = connect(&log, 0, [well(), well().gate(&driver), panics("x").gate(&exit)]).driven();
        let told = std::cell::Cell::new(0);
        let observer = |event| {
            if let Event::DriverEnded { .. } = event {
                told.set(told.get() + 1);
            }
        };
        let mut gather = Driver::new(gather((member,)).observe(observer).with(async |_| Ok(())));
        gather.pends();
        if ends {
            driver.open();
            gather.pends();
        }
        log.take();
        exit.open();
        assert_eq!(panics_with(&mut gather), "x");
        assert_eq!(log.count("drive 0"), 0);
        assert_eq!(told.get(), usize::from(ends));
    }
}

/// 17: the poll of a driver panics, and so does its destructor.
#[test]
fn a_driver_that_panics_twice() {
    for phase in 0..3 {
        let (log, [enter, ends, breaks, exit]) = (Log::default(), [(); 4].map(|()| Gate::new()));
        let acts = [well(), panics("p").gate(&breaks).drop_panics(), well().gate(&exit)];
        let other = connect(&log, 1, [well().gate(&enter), sleeps(), well()]).driven();
        let group = gather((connect(&log, 0, acts).driven(), other)).catch_unwind();
        let mut gather = drive(group.with(async |_| {
            ends.wait().await;
            Ok(7)
        }));
        gather.pends();
        for gate in [&enter, &ends].into_iter().take(phase) {
            gate.open();
            gather.pends();
        }
        breaks.open();
        let early = gather.poll();
        assert_eq!(log.count("drop driver 0"), 1);
        [&enter, &exit].into_iter().for_each(Gate::open);
        let report = match early {
            Poll::Ready(report) => report,
            Poll::Pending => gather.end(),
        };
        assert_eq!(report, panicked("p"), "{phase}");
    }
}

/// 17: a drop during the body skips no member, although the destructors of the drivers of optional members panic.
#[test]
fn destructors_of_optional_members_on_a_drop() {
    let log = Log::default();
    let bad = |name| over(&log, Member::new(&log, name, well(), well()), sleeps().drop_panics()).driven().optional();
    let mut gather = drive(gather((bad(0), bad(1))).with(async |_| Ok(pending::<u8>().await)));
    gather.pends();
    assert!(catch_unwind(AssertUnwindSafe(|| gather.drop())).is_err());
    assert_released(&log.everything());
}

/// D9: the cause holds the payload of a driver that panics.
#[test]
fn the_payload() {
    let log = Log::default();
    let group = gather((connect(&log, 0, [well(), panics("p"), well()]).driven(),)).catch_unwind();
    let mut gather = Driver::new(group.with(async |_| Ok(())));
    let Cause::Panicked(panic) = gather.end().unwrap_err().cause else { panic!("it panicked") };
    assert_eq!(message(&*panic.into_payload()), "p");
}
