//! Tests of drivers that fail during the body, during enters and during exits. The numbers are those of the contract,
//! D4 to D7.

mod common;
#[path = "common/driven.rs"]
mod driven;

use std::{cell::RefCell, future::poll_fn, rc::Rc, task::Poll};

use common::{Driver, Gate, Log, Report, Why, assert_released, fails, well};
use driven::{body, busy, connect, drive, driven_by, drives, links, sleeps, steps};
use gather_cm::{Cause, EnterExt, Origin, gather};

in_each_group! {
    /// D4: the body is polled once more. If it finishes, its result stands, and the error is that of the member's exit.
    fn the_body_has_its_result(group) {
        for result in [Ok(7), Err("b")] {
            let (log, [ends, breaks]) = (Log::default(), [Gate::new(), Gate::new()]);
            let members = driven_by(&log, [sleeps(), fails("lost").gate(&breaks), sleeps()]);
            let mut gather = drive(group(members).with(async |_| {
                body(&log, &ends).await?;
                result
            }));
            gather.pends();
            log.take();
            breaks.open();
            ends.open();
            let report = if result.is_ok() { Report::only_exits(&[]) } else { Report::body("b") };
            assert_eq!(gather.end(), report.exits(&[(1, "lost")]));
            assert_eq!(log.count("body"), 1, "once");
            let case = if result.is_ok() { "Completed" } else { "Failed" };
            assert_eq!(log.count(&format!("exit 1 {case}")), 1);
        }
    }

    /// D4: otherwise the body is dropped, and every exit receives `Lost`, along with the error of the first driver.
    fn the_body_is_dropped(group) {
        let (log, [breaks, too]) = (Log::default(), [Gate::new(), Gate::new()]);
        let members = driven_by(&log, [sleeps(), fails("lost").gate(&breaks), fails("too").gate(&too)]);
        let mut gather = drive(group(members).with(async |_| {
            struct Shout<'a>(&'a Log);
            impl Drop for Shout<'_> {
                fn drop(&mut self) {
                    self.0.push("body dropped");
                }
            }
            let _shout = Shout(&log);
            body(&log, &Gate::new()).await
        }));
        gather.pends();
        log.take();
        too.open();
        breaks.open();
        assert_eq!(gather.end(), Report::lost(&[(1, "lost"), (2, "too")]));
        let lines: Vec<_> = steps(&log).into_iter().filter(|line| !line.starts_with("drive 0")).collect();
        let begins = ["drive 1", "drop driver 1", "drive 2", "drop driver 2", "body", "body dropped"];
        let exits = [0, 1, 2].map(|name| [format!("on_error {name} lost"), format!("exit {name} Lost"), format!("exited {name}")]);
        let mut expected = [begins.map(String::from).to_vec(), exits.concat()].concat();
        expected.insert(9, "drop driver 0".into());
        assert_eq!(lines, expected);
        assert_released(&log.everything());
    }

    /// D5: by default the enters run to their end.
    fn lost_beside_enters(group) {
        for settle in [false, true] {
            let (log, [enter, breaks]) = (Log::default(), [Gate::new(), Gate::new()]);
            let members = [
                [well(), fails("lost").gate(&breaks), well()],
                [well().gate(&enter), busy(), well()],
                [well(), busy(), well()],
            ];
            let group = group(links(&log, members));
            let mut gather = if settle {
                drive(group.settle().with(async |_| body(&log, &enter).await))
            } else {
                drive(group.with(async |_| body(&log, &enter).await))
            };
            gather.pends();
            breaks.open();
            gather.pends();
            log.take();
            gather.pends();
            assert_eq!(steps(&log), ["drive 2"], "other drivers go on");
            enter.open();
            assert_eq!(gather.end(), Report::lost(&[(0, "lost")]));
            assert_eq!((log.count("body"), log.count("on_error 1 lost")), (0, 1));
            assert_eq!(log.only(&["Lost"]), ["exit 0 Lost", "exit 1 Lost", "exit 2 Lost"]);
        }
    }

    /// D5: the body is not called even if the driver fails in the poll in which the last member enters.
    fn lost_with_the_last_enter(group) {
        let log = Log::default();
        let members = driven_by(&log, [fails("lost"), sleeps(), sleeps()]);
        let mut gather = drive(group(members).with(async |_| body(&log, &Gate::new()).await));
        assert_eq!(gather.end(), Report::lost(&[(0, "lost")]));
        assert_eq!((log.count("body"), log.only(&["Lost"]).len()), (0, 3));
    }

    /// D5, D11: `enter` fails in the same way, because its group is lost before anybody holds it.
    fn lost_beside_enters_without_a_body(group) {
        for last_enter in [false, true] {
            let (log, [enter, breaks]) = (Log::default(), [Gate::new(), Gate::new()]);
            let members = [
                [well(), sleeps(), well()],
                [well(), fails("lost").gate(&breaks), fails("x")],
                [well().gate(&enter), sleeps(), well()],
            ];
            let mut entering = Driver::new(group(links(&log, members)).enter());
            assert!(entering.poll().is_pending());
            breaks.open();
            if !last_enter {
                assert!(entering.poll().is_pending());
            }
            enter.open();
            let Poll::Ready(Err(failure)) = entering.poll() else { panic!("it is lost") };
            let Cause::Lost(errors) = &failure.cause else { panic!("it is lost: {failure}") };
            assert_eq!(errors.iter().collect::<Vec<_>>(), [(1, &"lost")]);
            assert_eq!(failure.exits.iter().collect::<Vec<_>>(), [(1, &"x")]);
            assert_eq!(log.only(&["Lost"]), ["exit 0 Lost", "exit 1 Lost", "exit 2 Lost"]);
            assert_released(&log.everything());
        }
    }

    /// D5: `eager_rollback` lets the held members exit along with the pending enters.
    fn eager_rollback(group) {
        let (log, [enter, breaks]) = (Log::default(), [Gate::new(), Gate::new()]);
        let members = [
            [well(), fails("lost").gate(&breaks), well()],
            [well().gate(&enter), busy(), well()],
            [well(), sleeps(), well()],
        ];
        let mut gather = drive(group(links(&log, members)).eager_rollback().with(async |_| Ok(())));
        gather.pends();
        log.take();
        breaks.open();
        gather.pends();
        assert_eq!(log.only(&["Lost"]), ["exit 0 Lost", "exit 2 Lost"]);
        enter.open();
        assert_eq!(gather.end(), Report::lost(&[(0, "lost")]));
        assert_eq!(steps(&log), ["entered 1", "on_error 1 lost", "exit 1 Lost", "exited 1", "drive 1", "drop driver 1"]);
    }

    /// D5: if a driver fails after the eager exits have begun, its error is that of its exit.
    fn lost_beside_eager_exits(group) {
        let (log, [enter, breaks, exit]) = (Log::default(), [Gate::new(), Gate::new(), Gate::new()]);
        let members = [
            [fails("e"), sleeps(), well()],
            [well(), fails("lost").gate(&breaks), well().gate(&exit)],
            [well().gate(&enter), sleeps(), well()],
        ];
        let mut gather = drive(group(links(&log, members)).eager_rollback().with(async |_| Ok(())));
        gather.pends();
        breaks.open();
        gather.pends();
        enter.open();
        exit.open();
        assert_eq!(gather.end(), Report::enter(&[(0, "e")]).exits(&[(1, "lost")]));
        assert_eq!(log.count("exit 2 EnterFailed"), 1);
    }

    /// D5: `fail_fast` drops the pending enters.
    fn fail_fast(group) {
        let (log, breaks) = (Log::default(), Gate::new());
        let members = [
            [well().gate(&Gate::new()), sleeps(), well()],
            [well(), fails("lost").gate(&breaks), well()],
            [well(), sleeps(), well()],
        ];
        let mut gather = drive(group(links(&log, members)).fail_fast().with(async |_| Ok(())));
        gather.pends();
        log.take();
        breaks.open();
        assert_eq!(gather.end(), Report::lost(&[(1, "lost")]));
        assert_eq!(log.count("drop enter 0"), 1);
        assert_eq!(log.only(&["Lost"]), ["exit 1 Lost", "exit 2 Lost"]);
    }

    /// D5: queued members never start.
    fn enter_limit(group) {
        let (log, [breaks, enter]) = (Log::default(), [Gate::new(), Gate::new()]);
        let members = [
            [well(), fails("lost").gate(&breaks), well()],
            [well().gate(&enter), sleeps(), well()],
            [well(), sleeps(), well()],
        ];
        let mut gather = drive(group(links(&log, members)).enter_limit(1).with(async |_| Ok(())));
        gather.pends();
        breaks.open();
        gather.pends();
        enter.open();
        assert_eq!(gather.end(), Report::lost(&[(0, "lost")]));
        assert_eq!(log.count("enter 2"), 0);
        assert_eq!(log.only(&["Lost"]), ["exit 0 Lost", "exit 1 Lost"]);
    }

    /// D5: a stop drops the enters of a group that was lost. The cause remains `Lost`.
    fn a_stop_after_a_loss(group) {
        let (log, [breaks, stop]) = (Log::default(), [Gate::new(), Gate::new()]);
        let members = [
            [well(), fails("lost").gate(&breaks), well()],
            [well().gate(&Gate::new()), sleeps(), well()],
            [well(), sleeps(), well()],
        ];
        let mut gather = drive(group(links(&log, members)).cancel_on(stop.wait()).with(async |_| Ok(())));
        gather.pends();
        breaks.open();
        gather.pends();
        stop.open();
        assert_eq!(gather.end(), Report::lost(&[(0, "lost")]));
        assert_eq!(log.only(&["Lost"]), ["exit 0 Lost", "exit 2 Lost"]);
    }

    /// D5: if an enter fails as well, the cause is `Enter`. The exits receive the case that was known when the first
    /// exit began.
    fn an_enter_fails_as_well(group) {
        let (log, [enter, breaks]) = (Log::default(), [Gate::new(), Gate::new()]);
        let members = [
            [well(), fails("lost").gate(&breaks), fails("x")],
            [fails("e").gate(&enter), sleeps(), well()],
            [well(), sleeps(), well()],
        ];
        let mut gather = drive(group(links(&log, members)).with(async |_| Ok(())));
        gather.pends();
        breaks.open();
        gather.pends();
        enter.open();
        let Report { why, exits, .. } = gather.end();
        assert_eq!(why, Why::Enter(vec![(1, "e")]));
        assert!(exits.contains(&(0, "lost")), "{exits:?}");
        assert_eq!(log.only(&["Lost"]), ["exit 0 Lost", "exit 2 Lost"]);

        let (breaks, enter) = (Gate::new(), Gate::new());
        let members = [
            [well(), fails("lost").gate(&breaks), well()],
            [fails("e"), sleeps(), well()],
            [well().gate(&enter), sleeps(), well()],
        ];
        let mut gather = drive(group(links(&log, members)).with(async |_| Ok(())));
        gather.pends();
        breaks.open();
        gather.pends();
        enter.open();
        assert_eq!(gather.end(), Report::enter(&[(1, "e")]).exits(&[(0, "lost")]));
        assert_eq!(log.only(&["0 EnterFailed", "2 EnterFailed"]).len(), 2);

        // Errors of drivers and of exits come in the order of the members.
        let (lost, exit_fails) = ([well(), fails("lost"), well()], [well(), sleeps(), fails("x")]);
        for lost_first in [true, false] {
            let enter = Gate::new();
            let late = [fails("e").gate(&enter), sleeps(), well()];
            let (first, last) = if lost_first { (&lost, &exit_fails) } else { (&exit_fails, &lost) };
            let exits = if lost_first { [(0, "lost"), (2, "x")] } else { [(0, "x"), (2, "lost")] };
            let members = [first.clone(), late, last.clone()];
            let mut gather = drive(group(links(&log, members)).with(async |_| Ok(())));
            gather.pends();
            enter.open();
            assert_eq!(gather.end(), Report::enter(&[(1, "e")]).exits(&exits));
        }
    }

    /// D6: during the exits, the error is that of the member's exit.
    fn lost_during_the_exits(group) {
        let (log, gates) = (Log::default(), [(); 5].map(|()| Gate::new()));
        let members = [
            [well(), sleeps(), well().gate(&gates[0])],
            [well(), fails("lost").gate(&gates[1]), well().gate(&gates[2])],
            [well(), fails("too").gate(&gates[3]), fails("x").gate(&gates[4])],
        ];
        let mut gather = drive(group(links(&log, members)).with(async |_| Ok(())));
        gather.pends();
        log.take();
        gates[1].open();
        gates[3].open();
        gather.pends();
        assert_eq!(log.only(&["drop driver"]), ["drop driver 1", "drop driver 2"]);
        gates.iter().for_each(Gate::open);
        assert_eq!(gather.end(), Report::only_exits(&[(1, "lost"), (2, "too")]), "the driver's error wins");
        assert_eq!(log.everything().iter().filter(|line| line.ends_with("Completed")).count(), 3);
        assert!(!log.everything().iter().any(|line| line.contains("on_error")));
    }

    /// D6: this holds even if the member waits for its exit. In a stack, later exits receive `Failed`.
    fn lost_while_waiting(group) {
        for stack in [true, false] {
            let (log, [breaks, exit]) = (Log::default(), [Gate::new(), Gate::new()]);
            let members = [
                [well(), sleeps(), well().gate(&exit)],
                [well(), fails("lost").gate(&breaks), well()],
                [well(), sleeps(), well().gate(&exit)],
            ];
            let group = group(links(&log, members));
            let mut gather = if stack {
                drive(group.in_reverse().with(async |_| Ok(())))
            } else {
                drive(group.exit_limit(1).with(async |_| Ok(())))
            };
            gather.pends();
            breaks.open();
            gather.pends();
            exit.open();
            let report = loop {
                if let Poll::Ready(report) = gather.poll() {
                    break report;
                }
            };
            assert_eq!(report, Report::only_exits(&[(1, "lost")]));
            let (one, zero) = (log.count("exit 1 Completed"), log.count("exit 0 Failed"));
            assert_eq!((one, zero), (1, usize::from(stack)));
        }
    }

    /// D6: both errors are kept of the member whose error the exits were shown. Of other members, the driver's error
    /// wins.
    fn exits_of_lost_members_fail(group) {
        let log = Log::default();
        let members = [
            [well(), sleeps(), fails("w")],
            [well(), fails("lost"), fails("x")],
            [well(), fails("too"), fails("y")],
        ];
        let mut gather = drive(group(links(&log, members)).with(async |_| Ok(())));
        assert_eq!(gather.end(), Report::lost(&[(1, "lost"), (2, "too")]).exits(&[(0, "w"), (1, "x")]));
    }

    /// D10: with `settle`, if a driver fails after the stop, its error is that of its exit.
    fn lost_while_settling(group) {
        let (log, [enter, stop, breaks]) = (Log::default(), [Gate::new(), Gate::new(), Gate::new()]);
        let members = [
            [well(), fails("lost").gate(&breaks), well()],
            [well().gate(&enter), sleeps(), well()],
            [well(), sleeps(), well()],
        ];
        let group = group(links(&log, members)).settle().cancel_on(stop.wait());
        let mut gather = drive(group.with(async |_| Ok(())));
        gather.pends();
        stop.open();
        gather.pends();
        breaks.open();
        gather.pends();
        enter.open();
        assert_eq!(gather.end(), Report::cancelled().exits(&[(0, "lost")]));
    }

    /// D15, D4: in either order, the body is polled once more after a driver has failed.
    fn lost_under_fair(group) {
        for polls in [1, 2] {
            let (log, breaks) = (Log::default(), Gate::new());
            let members = driven_by(&log, [sleeps(), fails("lost").gate(&breaks), sleeps()]);
            let ended = Rc::new(RefCell::new(false));
            // The body ends once it sees that the driver has ended.
            let seen = log.clone();
            let mut gather = drive(group(members).fair().with(async |_| {
                poll_fn(|_| {
                    let gone = seen.everything().iter().any(|line| line == "drop driver 1");
                    *ended.borrow_mut() = gone;
                    if gone { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
                Ok(7)
            }));
            for _ in 0..polls {
                gather.pends();
            }
            breaks.open();
            assert_eq!(gather.end(), Report::only_exits(&[(1, "lost")]));
            assert!(*ended.borrow());
        }
    }
}

/// D4: `into_error` returns the driver's error first. The rest of the failure says where the error comes from.
#[test]
fn the_first_error_is_the_drivers() {
    let log = Log::default();
    let members = links(
        &log,
        [[well(), sleeps(), fails("w")], [well(), fails("lost"), fails("x")], [well(), fails("too"), well()]],
    );
    let mut gather = Driver::new(gather(members).names(&["a", "b", "c"]).with(async |_| Ok(())));
    let failure = gather.end().expect_err("it is lost");
    assert!(matches!(&failure.cause, Cause::Lost(errors) if errors.get(1) == Some(&"lost")));
    let origins: Vec<_> = failure.errors().map(|(origin, error)| format!("{origin}: {error}")).collect();
    let driver = |who: &str, error: &str| format!("driver of {who} failed: {error}");
    let exit = |who: &str, error: &str| format!("exit of {who} failed: {error}");
    assert_eq!(origins, [driver("b", "lost"), driver("c", "too"), exit("a", "w"), exit("b", "x")]);
    assert_eq!(failure.to_string().matches("lost").count(), 1, "{failure}");
    let mut rest = vec![];
    let first = failure.into_error(|origin, error| rest.push((matches!(origin, Origin::Driver(_)), error)));
    assert_eq!(first.ok(), Some("lost"));
    assert_eq!(rest, [(true, "too"), (false, "w"), (false, "x")]);
}

/// D7: an exit that waits for a driver that is gone hangs. `exit_within` gives it a deadline.
#[test]
fn the_exit_of_a_lost_member_hangs() {
    let (log, deadline) = (Log::default(), Gate::new());
    let late = deadline.clone();
    let member = connect(&log, 0, [well(), fails("lost"), well().gate(&Gate::new())]).driven();
    let member = member.exit_within(async move || {
        late.wait().await;
        "late"
    });
    let mut gather = drive(gather((member,)).with(async |_| Ok(())));
    gather.pends();
    deadline.open();
    assert_eq!(gather.end(), Report::lost(&[(0, "lost")]).exits(&[(0, "late")]));
}

/// D6: a deadline that ends the exit does not hide the error of the driver.
#[test]
fn a_deadline_keeps_the_drivers_error() {
    let (log, deadline) = (Log::default(), Gate::new());
    let hangs = |name, driver| {
        let late = deadline.clone();
        connect(&log, name, [well(), driver, well().gate(&Gate::new())]).driven().exit_within(async move || {
            late.wait().await;
            "late"
        })
    };
    // The driver fails during the exits.
    let breaks = Gate::new();
    let mut gather_ = drive(gather((hangs(0, fails("lost").gate(&breaks)),)).with(async |_| Ok(7)));
    gather_.pends();
    breaks.open();
    gather_.pends();
    deadline.open();
    assert_eq!(gather_.end(), Report::only_exits(&[(0, "lost")]));
    // The drivers fail before the exits.
    let members = (hangs(1, fails("lost")), hangs(2, fails("too")));
    assert_eq!(
        drive(gather(members).with(async |_| Ok(7))).end(),
        Report::lost(&[(0, "lost"), (1, "too")]).exits(&[(0, "late")])
    );
    // The exit has failed, and waits for its driver to end. Its deadline passes meanwhile.
    let (exits, late) = (Gate::new(), Gate::new());
    let member = connect(&log, 3, [well(), sleeps(), fails("x").gate(&exits)]).driven().to_end();
    let member = member.exit_within(async || {
        late.wait().await;
        "late"
    });
    let mut gather_ = drive(gather((member,)).with(async |_| Ok(7)));
    gather_.pends();
    exits.open();
    gather_.pends();
    late.open();
    assert_eq!(gather_.end(), Report::only_exits(&[(0, "x")]));
}

/// D6: a driver inside of a handle that has a driver of its own counts as one of its member, whichever member that is.
#[test]
fn inside_a_driven_handle() {
    let (log, breaks) = (Log::default(), Gate::new());
    let member = |name, error| {
        let link = connect(&log, name, [well(), fails(error).gate(&breaks), well()]).driven();
        let outer = drives(&log, name + 10, sleeps());
        async { Ok::<_, &'static str>((link.await?, outer)) }.driven()
    };
    let group = gather([member(0, "lost"), member(1, "too")]);
    let mut gather = drive(group.with(async |_| body(&log, &Gate::new()).await));
    gather.pends();
    breaks.open();
    assert_eq!(gather.end(), Report::lost(&[(0, "lost"), (1, "too")]));
    assert_released(&log.everything());
}
