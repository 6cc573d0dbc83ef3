//! Tests of driven members: when a driver is polled, what its end does, and what becomes of it. The numbers are those
//! of the contract, D1 to D15.

mod common;
#[path = "common/driven.rs"]
mod driven;

use std::{
    cell::RefCell,
    future::{Future, pending, poll_fn, ready},
    task::Poll,
};

use common::{Driver, Gate, Log, Member, Report, assert_released, fails, well};
use driven::{body, busy, connect, drive, driven_by, links, over, sleeps, steps};
use gather_cm::{Cause, Driven, EnterExt, Entered, ExitCase, gather};

in_each_group! {
    /// D1, D2, D8: a driver is polled once per poll, from the poll of the enter on. It comes before the body and after
    /// its member's own exit, and goes on until that exit ends.
    fn order_within_a_poll(group) {
        let (log, [enter, ends, exit]) = (Log::default(), [Gate::new(), Gate::new(), Gate::new()]);
        let members = [
            [well(), busy(), well().gate(&exit)],
            [well().gate(&enter), busy(), well()],
            [well(), busy(), well()],
        ];
        let mut gather = drive(group(links(&log, members)).with(async |_| body(&log, &ends).await));
        gather.pends();
        assert_eq!(steps(&log), ["entered 0", "entered 2", "drive 0", "drive 2"]);
        gather.pends();
        assert_eq!(steps(&log), ["drive 0", "drive 2"]);
        enter.open();
        gather.pends();
        assert_eq!(steps(&log), ["entered 1", "drive 0", "drive 1", "drive 2", "body"]);
        gather.pends();
        assert_eq!(steps(&log), ["drive 0", "drive 1", "drive 2", "body"]);
        ends.open();
        gather.pends();
        let begins = ["drive 0", "drive 1", "drive 2", "body", "exit 0 Completed", "drive 0"];
        let one = ["exit 1 Completed", "exited 1", "drive 1", "drop driver 1"];
        let two = ["exit 2 Completed", "exited 2", "drive 2", "drop driver 2"];
        assert_eq!(steps(&log), [&begins[..], &one, &two].concat());
        gather.pends();
        assert_eq!(steps(&log), ["drive 0"]);
        exit.open();
        assert_eq!(gather.end(), Report::value(7));
        assert_eq!(steps(&log), ["exited 0", "drive 0", "drop driver 0"]);
        assert_released(&log.everything());
    }

    /// D1: members that wait for their exit are driven, too.
    fn waiting_for_an_exit(group) {
        for in_reverse in [true, false] {
            let (log, exit) = (Log::default(), Gate::new());
            let slow = || [well(), busy(), well().gate(&exit)];
            let group = group(links(&log, [slow(), [well(), busy(), well()], slow()]));
            let body = async |_: &_| Ok(7);
            let mut gather = if in_reverse {
                drive(group.in_reverse().with(async |_| body(&()).await))
            } else {
                drive(group.exit_limit(1).with(async |_| body(&()).await))
            };
            gather.pends();
            let (first, last) = if in_reverse { (2, 0) } else { (0, 2) };
            let line = |what: &str, name: i32| format!("{what} {name}");
            let both = if in_reverse { [0, 1] } else { [1, 2] }.map(|name| line("drive", name));
            let begins = [&[line("drive", first)], &both[..]].concat();
            let log_of = steps(&log);
            assert_eq!(log_of[log_of.len() - 3..], begins);
            assert_eq!(log_of.iter().filter(|line| line.starts_with("drive")).count(), 6, "twice in this poll");
            gather.pends();
            assert_eq!(steps(&log), begins);
            exit.open();
            let ends = gather.poll();
            if in_reverse {
                assert_eq!(ends, Poll::Ready(Report::value(7)));
            } else {
                let _ = ends.is_ready() || gather.poll().is_ready();
            }
            for name in 0..3 {
                assert_eq!(log.count(&line("drop driver", name)), 1);
            }
            let ends: Vec<_> = steps(&log).into_iter().filter(|line| line.starts_with("exited")).collect();
            assert_eq!(ends, [first, 1, last].map(|name| line("exited", name)));
        }
    }

    /// D3: a driver that ends well is dropped, in each phase, and nothing else happens.
    fn a_driver_that_ends(group) {
        let (log, [enter, ends, exit]) = (Log::default(), [Gate::new(), Gate::new(), Gate::new()]);
        let [first, second, third] = [Gate::new(), Gate::new(), Gate::new()];
        let members = [
            [well(), well().gate(&first), well()],
            [well().gate(&enter), well().gate(&second), well()],
            [well(), well().gate(&third), well().gate(&exit)],
        ];
        let mut gather = drive(group(links(&log, members)).with(async |_| body(&log, &ends).await));
        gather.pends();
        first.open();
        gather.pends();
        assert_eq!(log.count("drop driver 0"), 1, "beside an enter");
        enter.open();
        gather.pends();
        second.open();
        gather.pends();
        assert_eq!(log.count("drop driver 1"), 1, "beside the body");
        ends.open();
        gather.pends();
        assert_eq!(log.count("drop driver 2"), 0);
        third.open();
        gather.pends();
        assert_eq!(log.count("drop driver 2"), 1, "beside its exit");
        log.take();
        gather.pends();
        assert_eq!(steps(&log), [""; 0], "no driver is polled after its end");
        exit.open();
        assert_eq!(gather.end(), Report::value(7));
    }

    /// D3: the same holds while its member waits for the exit.
    fn a_driver_that_ends_while_waiting(group) {
        let (log, [exit, ends]) = (Log::default(), [Gate::new(), Gate::new()]);
        let slow = [well(), sleeps(), well().gate(&exit)];
        let members = [slow, [well(), well().gate(&ends), well()], [well(), sleeps(), well()]];
        let mut gather = drive(group(links(&log, members)).exit_limit(1).with(async |_| Ok(7)));
        gather.pends();
        log.take();
        ends.open();
        gather.pends();
        assert_eq!(log.count("drop driver 1"), 1);
        exit.open();
        while gather.poll().is_pending() {}
        assert_eq!(log.count("exit 1 Completed"), 1);
        assert_eq!(log.count("drop driver 1"), 1);
    }

    /// D10: a stop lets the drivers go on through the exits, which receive `Cancelled`.
    fn cancelled(group) {
        for beside_body in [false, true] {
            let (log, [enter, stop, exit]) = (Log::default(), [Gate::new(), Gate::new(), Gate::new()]);
            let members = [
                [well(), busy(), well().gate(&exit)],
                [well().gate(&enter), busy(), well()],
                [well(), busy(), well()],
            ];
            let group = group(links(&log, members)).cancel_on(stop.wait());
            let mut gather = drive(group.with(async |_| body(&log, &Gate::new()).await));
            gather.pends();
            if beside_body {
                enter.open();
                gather.pends();
            }
            log.take();
            stop.open();
            gather.pends();
            assert_eq!(log.count("exit 0 Cancelled"), 1);
            assert_eq!(log.count("body"), 0, "stop is polled first");
            log.take();
            gather.pends();
            assert_eq!(steps(&log), ["drive 0"]);
            exit.open();
            assert_eq!(gather.end(), Report::cancelled());
            assert_released(&log.everything());
        }
    }

    /// D10: a drop drops the driver and abandons the handle, in each phase.
    fn dropped(group) {
        for phase in 0..4 {
            let (log, [enter, ends, exit]) = (Log::default(), [Gate::new(), Gate::new(), Gate::new()]);
            let members = [
                [well(), sleeps(), well().gate(&exit)],
                [well().gate(&enter), sleeps(), well()],
                [well(), sleeps(), well()],
            ];
            let group = group(links(&log, members)).exit_limit(2);
            let mut gather = drive(group.with(async |_| body(&log, &ends).await));
            for gate in [None, Some(&enter), Some(&ends)].into_iter().take(phase) {
                if let Some(gate) = gate {
                    gate.open();
                }
                gather.pends();
            }
            gather.drop();
            let everything = log.everything();
            assert_released(&everything);
            let begun = everything.iter().filter(|line| line.starts_with("enter ")).count();
            let dropped = everything.iter().filter(|line| line.starts_with("drop driver")).count();
            assert_eq!(begun, dropped, "phase {phase}: {everything:#?}");
            let abandoned = everything.iter().filter(|line| line.starts_with("abandon")).count();
            assert_eq!(abandoned, [0, 2, 3, 0][phase]);
        }
    }

    /// D15: under `fair`, the driver and the body take turns in being first.
    fn fair(group) {
        let (log, ends) = (Log::default(), Gate::new());
        let members = driven_by(&log, [busy(), busy(), busy()]);
        let mut gather = drive(group(members).fair().with(async |_| body(&log, &ends).await));
        gather.pends();
        let mut firsts = vec![];
        for _ in 0..4 {
            log.take();
            gather.pends();
            let lines = steps(&log);
            assert_eq!(lines.len(), 4, "{lines:?}");
            firsts.push(lines[0] == "body");
        }
        assert!(firsts == [true, false, true, false] || firsts == [false, true, false, true], "{firsts:?}");
    }

    /// A waker that replaces another one reaches the driver, in each phase.
    fn another_waker(group) {
        let (log, [enter, ends, exit]) = (Log::default(), [Gate::new(), Gate::new(), Gate::new()]);
        let drives = Gate::new();
        let members = [
            [well(), well().gate(&drives).gate(&Gate::new()), well().gate(&exit)],
            [well().gate(&enter), sleeps(), well()],
            [well(), sleeps(), well().gate(&exit)],
        ];
        let group = group(links(&log, members)).exit_limit(1);
        let mut gather = drive(group.with(async |_| body(&log, &ends).await));
        for gate in [None, Some(&enter), Some(&ends)] {
            if let Some(gate) = gate {
                gate.open();
            }
            gather.pends();
            for _ in 0..3 {
                gather.wakes = Default::default();
                // In a large `Vec`, nothing else passes the new waker on.
                gather.pends();
                drives.wake();
                assert_eq!(gather.wakes.count(), 1);
            }
        }
    }
}

/// D3: a driver may return any of these outputs.
#[test]
fn outputs() {
    struct Code;
    impl From<Code> for &'static str {
        fn from(_: Code) -> Self {
            "code"
        }
    }
    let unit = async { Ok::<_, &str>(("unit", ready(()))) }.driven().drop_on_exit();
    let fine = async { Ok::<_, &str>(("fine", ready(Ok::<(), Code>(())))) }.driven().drop_on_exit();
    let runs = async { Ok::<_, &str>(("runs", diverges())) }.driven().drop_on_exit();
    let mut gather_ = Driver::new(gather((unit, fine, runs)).with(async |(a, b, c)| Ok([*a, *b, *c])));
    assert_eq!(gather_.end().ok(), Some(["unit", "fine", "runs"]));

    let broken = async { Ok::<_, &str>(((), ready(Err::<(), Code>(Code)))) }.driven().drop_on_exit();
    let mut gather_ = Driver::new(gather((broken,)).with(async |_| Ok(())));
    assert!(matches!(gather_.end().unwrap_err().cause, Cause::Lost(errors) if errors.get(0) == Some(&"code")));
}

/// Makes a driver with the output `!`.
fn diverges() -> impl Future<Output: gather_cm::DriverOutput<&'static str>> + Unpin {
    async fn forever() -> ! {
        loop {
            pending::<()>().await;
        }
    }
    Box::pin(forever())
}

/// D8: with `to_end`, the driver is awaited after the exit.
#[test]
fn to_end() {
    for (end, report) in [(well(), Report::value(7)), (fails("lost"), Report::only_exits(&[(0, "lost")]))] {
        let (log, [exit, ends]) = (Log::default(), [Gate::new(), Gate::new()]);
        let member = connect(&log, 0, [well(), end.gate(&ends), well().gate(&exit)]).driven().to_end();
        let mut gather = drive(gather((member,)).with(async |_| Ok(7)));
        gather.pends();
        exit.open();
        gather.pends();
        assert_eq!(log.count("drop driver 0"), 0);
        log.take();
        gather.pends();
        assert_eq!(steps(&log), ["drive 0"], "the exit is not polled any more");
        ends.open();
        assert_eq!(gather.end(), report);
        assert_eq!(log.count("drop driver 0"), 1);
    }
}

/// D8: a driver that has ended is not waited for.
#[test]
fn to_end_of_a_driver_that_has_ended() {
    for early in [well(), well().gate(&Gate::new())] {
        let (log, exit) = (Log::default(), Gate::new());
        let ends = early.gates.front().cloned();
        let member = connect(&log, 0, [well(), early, well().gate(&exit)]).driven().to_end();
        let mut gather = drive(gather((member,)).with(async |_| Ok(7)));
        gather.pends();
        if let Some(ends) = ends {
            ends.open();
            gather.pends();
        }
        exit.open();
        assert_eq!(gather.end(), Report::value(7));
    }
}

/// D8: a driver that never ends needs a deadline. It is dropped along with the exit.
#[test]
fn to_end_of_a_driver_that_never_ends() {
    let (log, deadline) = (Log::default(), Gate::new());
    let late = deadline.clone();
    let member = connect(&log, 0, [well(), sleeps(), well()]).driven().to_end();
    let member = member.exit_within(async move || {
        late.wait().await;
        "late"
    });
    let mut gather = drive(gather((member,)).with(async |_| Ok(7)));
    gather.pends();
    gather.pends();
    deadline.open();
    assert_eq!(gather.end(), Report::only_exits(&[(0, "late")]));
    assert_eq!(log.count("drop driver 0"), 1);
}

/// D8: the handle is gone before `to_end` waits for the driver.
#[test]
fn the_handle_goes_first() {
    struct Shout(Log);
    impl Drop for Shout {
        fn drop(&mut self) {
            self.0.push("handle dropped");
        }
    }
    let log = Log::default();
    let told = log.clone();
    let driver = Box::pin(poll_fn(move |_| {
        let gone = told.everything().iter().any(|line| line == "handle dropped");
        if gone { Poll::Ready(()) } else { Poll::Pending }
    }));
    let handle = Shout(log.clone());
    let member = async { Ok::<_, &str>((handle, driver)) }.driven().drop_on_exit().to_end();
    assert_eq!(drive(gather((member,)).with(async |_| Ok(7))).end(), Report::value(7));

    // `to_end` may come first.
    let handle = Shout(Log::default());
    let driver = Box::pin(pending::<()>());
    let member = async { Ok::<_, &str>((handle, driver)) }.driven().to_end().exit_with(async |_, _| Ok(()));
    drive(gather((member,)).with(async |_| Ok(7))).pends();
}

/// D14: a step of the enter runs along with the driver.
#[test]
fn prepared() {
    let (log, [step, breaks, ends]) = (Log::default(), [Gate::new(), Gate::new(), Gate::new()]);
    let member = connect(&log, 0, [well(), fails("lost").gate(&breaks), well()]).prepared(async |handle| {
        log.push(format_args!("step {}", handle.name()));
        step.wait().await;
        Ok(())
    });
    let mut gather = drive(gather((member.driven(),)).with(async |_| body(&log, &ends).await));
    gather.pends();
    assert_eq!(steps(&log), ["entered 0", "drive 0", "step 0"]);
    gather.pends();
    assert_eq!(steps(&log), ["drive 0"]);
    step.open();
    gather.pends();
    assert_eq!(steps(&log), ["drive 0", "drive 0", "body"]);
    breaks.open();
    assert_eq!(gather.end(), Report::lost(&[(0, "lost")]));
    assert_released(&log.everything());
}

/// D14: if the step fails, or the driver fails during the step, the enter has failed. A driver may also end before the
/// step does.
#[test]
fn a_step_that_fails() {
    for (driver, result, report) in [
        (sleeps(), Err("s"), Report::enter(&[(0, "s")])),
        (fails("lost"), Ok(()), Report::enter(&[(0, "lost")])),
        (fails("lost"), Err("s"), Report::enter(&[(0, "lost")])),
        (well(), Ok(()), Report::value(7)),
    ] {
        let (log, step) = (Log::default(), Gate::new());
        let handle = async { Ok::<_, &str>(((), driven::drives(&log, 0, driver))) };
        let member = handle.prepared(async |()| {
            step.wait().await;
            result
        });
        let mut gather = drive(gather((member.driven().drop_on_exit(),)).with(async |_| Ok(7)));
        if let Poll::Ready(early) = gather.poll() {
            assert_eq!(early, report);
        } else {
            step.open();
            assert_eq!(gather.end(), report);
        }
        assert_eq!(log.count("drop driver 0"), 1);
    }
}

/// D14: a drop in the middle of a step drops both.
#[test]
fn dropped_in_a_step() {
    let log = Log::default();
    let handle = async { Ok::<_, &str>(((), driven::drives(&log, 0, sleeps()))) };
    let member = handle.prepared(async |()| Ok(pending::<()>().await)).driven().drop_on_exit();
    let mut gather = drive(gather((member,)).with(async |_| Ok(7)));
    gather.pends();
    gather.drop();
    assert_eq!(steps(&log), ["drive 0", "drop driver 0"]);
}

/// A driver wakes itself in its poll, and the gather is woken once.
#[test]
fn a_driver_that_wakes_itself() {
    let log = Log::default();
    let mut gather =
        drive(gather((connect(&log, 0, [well(), busy(), well()]).driven(),)).with(async |_| Ok(pending::<()>().await)));
    for count in 1..5 {
        gather.pends();
        assert_eq!(gather.wakes.count(), count);
    }
}

/// Handles can be adapted in each way.
#[test]
fn handles() {
    let pair = || async { Ok::<_, &str>((3, pending::<()>())) };
    let cases = RefCell::new(vec![]);
    let exits = pair().driven().exit_with(async |handle, case| Ok(cases.borrow_mut().push((handle, case))));
    let group = gather((exits, pair().driven().drop_on_exit()));
    let mut gather_ = drive(group.with(async |(a, b)| Ok(*a + *b)));
    assert_eq!(gather_.end(), Report::value(6));
    drop(gather_);
    assert_eq!(cases.take(), [(3, ExitCase::Completed)]);

    let mut enters = Driver::new(gather((pair().driven().drop_on_exit(),)).enter());
    let (mut driven,) = Entered::into_inner(enters.end().expect("it enters"));
    **driven += 1;
    assert_eq!(format!("{driven:?}"), "Driven(DropOnExit(4))");
    assert!(Driven::into_inner(driven).1.is_some());
}

/// A verdict of a handle, and its `on_error`, are those of the member.
#[test]
fn suppresses() {
    let log = Log::default();
    let member = over(&log, Member::new(&log, 0, well(), well()).suppress(), sleeps()).driven();
    let mut gather = drive(gather((member,)).with(async |_| Err::<(), _>("b")));
    assert_eq!(gather.end(), Report::body("b").suppressed());
    assert_eq!(log.count("on_error 0 b"), 1);
}

/// D8: this holds even if the exit's future is written by hand, and holds the handle until it is dropped.
#[test]
fn the_exits_future_goes_first() {
    let log = Log::default();
    let told = log.clone();
    let driver = Box::pin(poll_fn(move |_| {
        let gone = told.everything().iter().any(|line| line == "drop exit 0");
        if gone { Poll::Ready(()) } else { Poll::Pending }
    }));
    let enter = Member::new(&log, 0, well(), well()).into_future();
    let member = async { Ok((enter.await?, driver)) }.driven().to_end();
    assert_eq!(drive(gather((member,)).with(async |_| Ok(7))).end(), Report::value(7));
}

/// D10: `abandon_with` says what happens to the handle on a drop.
#[test]
fn abandon_with() {
    let log = Log::default();
    let pair = async { Ok::<_, &str>((3, driven::drives(&log, 0, sleeps()))) };
    let member =
        pair.driven().exit_with(async |_, _| Ok(())).abandon_with(|handle| log.push(format_args!("abandon {handle}")));
    let mut gather = drive(gather((member,)).with(async |_| Ok(pending::<()>().await)));
    gather.pends();
    log.take();
    gather.drop();
    let mut lines = log.take();
    lines.sort();
    assert_eq!(lines, ["abandon 3", "drop driver 0"]);
}

/// 24: of optional members with drivers, only the members that entered are driven. If one of their drivers fails, the
/// group is lost.
#[test]
fn some_are_absent() {
    for breaks in [false, true] {
        let (log, ends) = (Log::default(), Gate::new());
        let member = |name: usize| {
            let enter = if name == 1 { well() } else { fails("absent") };
            let driver = if breaks { fails("lost").gate(&ends) } else { well().gate(&ends) };
            connect(&log, name, [enter, driver, well()]).driven().optional()
        };
        each_shape!([member(0), member(1), member(2)], |gather| {
            let mut running = drive(gather.with(async |_| {
                poll_fn(|_| if ends.is_open() && !breaks { Poll::Ready(()) } else { Poll::Pending }).await;
                Ok(7)
            }));
            let early = running.poll();
            assert_eq!(log.count("drive 1"), 1);
            ends.open();
            let report = if let Poll::Ready(report) = early { report } else { running.end() };
            assert_eq!(report, if breaks { Report::lost(&[(1, "lost")]) } else { Report::value(7) });
            assert!(!log.everything().iter().any(|line| line == "drive 0" || line == "drive 2"));
            log.take();
        });
    }
}

/// A handle can be in a box, whose type has a name.
#[test]
#[cfg(feature = "alloc")]
fn exit_boxed() {
    let pair = || async { Ok::<_, &'static str>((3, pending::<()>())) };
    let exits = std::sync::Arc::new(std::sync::Mutex::new(vec![]));
    let told = exits.clone();
    let member = pair().driven().exit_boxed(async move |handle, case| {
        told.lock().unwrap().push((handle, case));
        Err::<(), _>("x")
    });
    let mut running = drive(gather((member, pair().driven().drop_on_exit())).with(async |(a, b)| Ok(*a + *b)));
    assert_eq!(running.end(), Report::only_exits(&[(0, "x")]));
    assert_eq!(*exits.lock().unwrap(), [(3, ExitCase::Completed)]);
}
