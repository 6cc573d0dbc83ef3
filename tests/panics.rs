//! Tests of panics in every phase. The exits still run, and the first panic resumes when all exits have finished.
#![cfg(feature = "std")]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};

use common::{
    Driver, Gate, Log, Member, Policed, Report, Resource, Rollback, Setup, Shape, Why, assert_released, fails, members,
    message, panics, well,
};
use gather_cm::{Cause, EnterExt, gather};

/// Returns the message of the panic that `f` ends with.
fn caught<T>(f: impl FnOnce() -> T) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).err().expect("a panic");
    message(&*payload).to_string()
}

fn all_well(log: &Log) -> [Member; 3] {
    [0, 1, 2].map(|name| Member::new(log, name, well(), well()))
}

/// Returns the exits along with the cases that they received.
fn received(log: &[String]) -> Vec<&str> {
    log.iter().filter(|line| line.starts_with("exit ")).map(String::as_str).collect()
}

/// 16: a panic in an enter counts as a failed enter. The other enters run on, their exits receive `Panicked`, and then
/// the panic resumes. 18: polled again, the gather panics clearly.
fn in_enter_at_each_index<S: Shape>() {
    for index in 0..3 {
        for make in [false, true] {
            let log = Log::default();
            let gate = Gate::new();
            let members = [0, 1, 2].map(|name| {
                let enter = match (name == index, make) {
                    (true, false) => panics("enter"),
                    (true, true) => well().make_panics(),
                    (false, _) => well().gate(&gate),
                };
                Member::new(&log, name, enter, well().gate(&gate))
            });
            let mut gather = S::three(members, async |_| Ok(log.push("body")));
            gather.pends();
            gate.open();
            let message = if make { format!("make enter {index}") } else { "enter".to_string() };
            assert_eq!(caught(|| gather.poll()), message);
            let others: Vec<_> = (0..3).filter(|name| *name != index).collect();
            let log = log.take();
            assert_eq!(received(&log), others.iter().map(|name| format!("exit {name} Panicked")).collect::<Vec<_>>());
            assert_eq!(log.iter().filter(|line| line.starts_with("exited")).count(), 2);
            assert!(!log.contains(&"body".to_string()));
            assert_released(&log);
            // The gather is inside an async block here, and the block itself panics with this message.
            assert!(caught(|| gather.poll()).contains("panicking"));
        }
    }
}

/// 16: if a member panics in the middle of a sweep, the members after it are polled, and the members before it are not
/// polled twice.
fn a_panic_does_not_disturb_the_sweep<S: Shape>() {
    let log = Log::default();
    let gate = Gate::new();
    let members = [
        Member::new(&log, 0, well().gate(&gate), well()),
        Member::new(&log, 1, panics("enter"), well()),
        Member::new(&log, 2, well().gate(&gate), well()),
    ];
    let mut gather = S::three(members, async |_| Ok(()));
    gather.pends();
    assert_eq!(log.only(&["poll", "drop"]), ["poll enter 0", "poll enter 1", "drop enter 1", "poll enter 2"]);
}

/// 16: if some enters fail and some panic, the exits receive `Panicked`. They are shown the first enter error.
fn enters_that_fail_and_panic<S: Shape>() {
    let log = Log::default();
    let members = [
        Member::new(&log, 0, fails("e"), well()),
        Member::new(&log, 1, panics("enter"), well()),
        Member::new(&log, 2, well(), well()),
    ];
    let mut gather = S::three(members, async |_| Ok(()));
    assert_eq!(caught(|| gather.poll()), "enter");
    assert_eq!(log.only(&["on_error", "Panicked"]), ["on_error 2 e", "exit 2 Panicked"]);
}

/// 16: the body panics, before its first await or after it.
fn in_the_body<S: Shape>() {
    for late in [false, true] {
        let log = Log::default();
        let gate = Gate::new();
        let slow = Gate::new();
        let members = [0, 1, 2].map(|name| Member::new(&log, name, well(), well().gate(&slow)));
        let mut gather = S::three::<()>(members, async |_| {
            if late {
                gate.wait().await;
            }
            panic!("body");
        });
        if late {
            gather.pends();
            gate.open();
        }
        gather.pends();
        slow.open();
        assert_eq!(caught(|| gather.poll()), "body");
        let log = log.take();
        assert_eq!(received(&log), ["exit 0 Panicked", "exit 1 Panicked", "exit 2 Panicked"]);
        assert_eq!(log.iter().filter(|line| line.starts_with("exited")).count(), 3);
        assert_released(&log);
    }
}

/// 16: one exit panics, in its first poll or later, or while its future is made. The others run to their end.
fn in_exit_at_each_index<S: Shape>() {
    for index in 0..3 {
        for how in 0..3 {
            let log = Log::default();
            let gate = Gate::new();
            let members = [0, 1, 2].map(|name| {
                let exit = match (name == index, how) {
                    (true, 0) => panics("exit"),
                    (true, 1) => panics("exit").gate(&gate),
                    (true, _) => well().make_panics(),
                    (false, _) => well().gate(&gate),
                };
                Member::new(&log, name, well(), exit)
            });
            let mut gather = S::three(members, async |_| Ok(()));
            gather.pends();
            gate.open();
            let message = if how == 2 { format!("make exit {index}") } else { "exit".to_string() };
            assert_eq!(caught(|| gather.poll()), message);
            let log = log.take();
            assert_eq!(received(&log), ["exit 0 Completed", "exit 1 Completed", "exit 2 Completed"]);
            assert_eq!(log.iter().filter(|line| line.starts_with("exited")).count(), 2);
            assert_released(&log);
        }
    }
}

/// 16: the first panic resumes, and the others are dropped.
fn the_first_panic_resumes<S: Shape>() {
    let log = Log::default();
    let members = [0, 1, 2].map(|name| Member::new(&log, name, well(), panics(["x0", "x1", "x2"][name])));
    let mut gather = S::three(members, async |_| Ok(()));
    assert_eq!(caught(|| gather.poll()), "x0");
    let members = [0, 1, 2].map(|name| Member::new(&log, name, well(), panics("x")));
    let mut gather = S::three::<()>(members, async |_| panic!("body"));
    assert_eq!(caught(|| gather.poll()), "body");
}

/// 16: after a panic in `on_error` the resource is still exited, and the others are shown the error.
fn in_on_error<S: Shape>() {
    let log = Log::default();
    let members = [0, 1, 2].map(|name| Member::new(&log, name, well(), well()).on_error_panics());
    let mut gather = S::three(members, async |_| Err::<(), _>("b"));
    assert_eq!(caught(|| gather.poll()), "on_error 0");
    let log = log.take();
    let shown: Vec<_> = log.iter().filter(|line| line.starts_with("on_error") || line.starts_with("exit ")).collect();
    assert_eq!(
        shown,
        ["on_error 0 b", "exit 0 Failed", "on_error 1 b", "exit 1 Failed", "on_error 2 b", "exit 2 Failed"]
    );
    assert_released(&log);
}

/// 16: the same holds in a rollback. The error there is that of a sibling, and the members after it must still receive
/// it.
fn in_on_error_of_a_rollback<S: Shape>() {
    let log = Log::default();
    let members = [
        Member::new(&log, 0, well(), fails("x0")).on_error_panics(),
        Member::new(&log, 1, fails("e"), well()),
        Member::new(&log, 2, well(), well()).on_error_panics(),
    ];
    let mut gather = S::three(members, async |_| Ok(()));
    assert_eq!(caught(|| gather.poll()), "on_error 0");
    assert_eq!(
        log.only(&["on_error", "EnterFailed"]),
        ["on_error 0 e", "exit 0 EnterFailed", "on_error 2 e", "exit 2 EnterFailed"]
    );
}

/// 17: the destructor of an enter that is ready panics. Its resource is held all the same, and exited.
fn in_the_destructor_of_a_ready_enter<S: Shape>() {
    let log = Log::default();
    let members = [0, 1, 2].map(|name| Member::new(&log, name, well().drop_panics(), well()));
    let mut gather = S::three(members, async |_| Ok(log.push("body")));
    assert_eq!(caught(|| gather.poll()), "drop enter 0");
    let log = log.take();
    assert_eq!(received(&log), ["exit 0 Panicked", "exit 1 Panicked", "exit 2 Panicked"]);
    assert!(!log.contains(&"body".to_string()));
    assert_released(&log);
}

/// 17: the destructor of an exit that is ready panics.
fn in_the_destructor_of_a_ready_exit<S: Shape>() {
    let log = Log::default();
    let members = [0, 1, 2].map(|name| Member::new(&log, name, well(), well().drop_panics()));
    let mut gather = S::three(members, async |_| Ok(()));
    assert_eq!(caught(|| gather.poll()), "drop exit 0");
    assert_eq!(log.only(&["exited"]), ["exited 0", "exited 1", "exited 2"]);
}

/// 10, 17: the destructor of an exit that has failed panics. Its error is not lost.
fn in_the_destructor_of_a_failed_exit<S: Policed>() {
    for body in [well(), fails("b")] {
        let log = Log::default();
        let acts = [(well(), fails("x0").drop_panics()), (well(), well()), (well(), fails("x2").drop_panics())];
        let report = S::run(members(&log, acts), &Setup::default(), &log, body).end();
        let why = Why::Panicked("drop exit 0".to_string());
        assert_eq!(report, Report { why, exits: vec![(0, "x0"), (2, "x2")], suppressed: false });
    }
}

/// 17: the destructor of the body's future panics, or the destructor of its value does. The exits run, and receive
/// `Panicked`.
fn in_the_destructor_of_the_body<S: Shape>() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("bomb");
        }
    }
    let log = Log::default();
    let mut gather = S::three(all_well(&log), async |_| {
        let _bomb = Bomb;
        Ok(())
    });
    assert_eq!(caught(|| gather.poll()), "bomb");
    assert_eq!(received(&log.take()), ["exit 0 Panicked", "exit 1 Panicked", "exit 2 Panicked"]);

    // A rollback drops the body uncalled.
    let bomb = Bomb;
    let members = [
        Member::new(&log, 0, well(), well()),
        Member::new(&log, 1, fails("e"), well()),
        Member::new(&log, 2, well(), well()),
    ];
    let mut gather = S::three(members, async move |_| Ok(drop(bomb)));
    assert_eq!(caught(|| gather.poll()), "bomb");
    assert_eq!(received(&log.take()), ["exit 0 Panicked", "exit 2 Panicked"]);

    // The value is dropped, because an exit panics.
    let members = [0, 1, 2].map(|name| Member::new(&log, name, well(), panics("exit")));
    let mut gather = S::three(members, async |_| Ok(Bomb));
    assert_eq!(caught(|| gather.poll().map(|_| ())), "exit");
}

/// 17: in a drop while members enter, two enters and two `abandon`s panic. No member is skipped, and the first panic
/// resumes.
fn on_drop_in_enter<S: Shape>() {
    let log = Log::default();
    let gate = Gate::new();
    let members = [
        Member::new(&log, 0, well().gate(&gate).drop_panics(), well()),
        Member::new(&log, 1, well(), well()).abandon_panics(),
        Member::new(&log, 2, well().gate(&gate).drop_panics(), well()),
    ];
    let mut gather = S::three(members, async |_| Ok(()));
    gather.pends();
    log.take();
    assert_eq!(caught(|| gather.drop()), "drop enter 0");
    assert_eq!(log.take(), ["drop enter 0", "abandon 1", "drop enter 2"]);
}

/// 16, 17: in a drop in the body, every `abandon` panics, and so does the body's destructor.
fn on_drop_in_body<S: Shape>() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("bomb");
        }
    }
    for bomb in [false, true] {
        let log = Log::default();
        let members = [0, 1, 2].map(|name| Member::new(&log, name, well(), well()).abandon_panics());
        let mut gather = S::three::<()>(members, async |_| {
            let _bomb = bomb.then(|| Bomb);
            std::future::pending().await
        });
        gather.pends();
        log.take();
        assert_eq!(caught(|| gather.drop()), if bomb { "bomb" } else { "abandon 0" });
        assert_eq!(log.take(), ["abandon 0", "abandon 1", "abandon 2"]);
    }
}

/// 17: in a drop during the exits, every exit's destructor panics.
fn on_drop_in_exit<S: Shape>() {
    let log = Log::default();
    let gate = Gate::new();
    let members = [0, 1, 2].map(|name| Member::new(&log, name, well(), well().gate(&gate).drop_panics()));
    let mut gather = S::three(members, async |_| Ok(()));
    gather.pends();
    log.take();
    assert_eq!(caught(|| gather.drop()), "drop exit 0");
    assert_eq!(log.take(), ["drop exit 0", "drop exit 1", "drop exit 2"]);
}

/// 17: a drop while another panic unwinds does not abort the process.
fn on_drop_while_unwinding<S: Shape>() {
    let log = Log::default();
    let members = [0, 1, 2].map(|name| Member::new(&log, name, well(), well()).abandon_panics());
    let mut gather = S::three::<()>(members, async |_| std::future::pending().await);
    gather.pends();
    log.take();
    let unwound = caught(|| {
        let _gather = gather;
        panic!("outside");
    });
    assert_eq!(unwound, "outside");
    assert_eq!(log.take(), ["abandon 0", "abandon 1", "abandon 2"]);
}

/// The gather is dropped after a panic that waited for the exits to end.
fn on_drop_with_a_panic_kept<S: Shape>() {
    let log = Log::default();
    let gate = Gate::new();
    let members = [0, 1, 2].map(|name| Member::new(&log, name, well(), well().gate(&gate)));
    let mut gather = S::three::<()>(members, async |_| panic!("body"));
    gather.pends();
    gather.drop();
    assert_released(&log.take());
}

/// 16: with `catch_unwind` a panic is the cause, and the failure has the exits' errors along with it.
fn caught_as_a_cause<S: Policed>() {
    let log = Log::default();
    let why = |message: &str| Why::Panicked(message.to_string());
    let acts = [(well(), fails("x0")), (well(), well()), (well(), panics("late"))];
    let report = S::run(members(&log, acts), &Setup::default(), &log, panics("body")).end();
    assert_eq!(report, Report { why: why("body"), exits: vec![(0, "x0")], suppressed: false });
    assert_eq!(log.only(&["Panicked"]), ["exit 0 Panicked", "exit 1 Panicked", "exit 2 Panicked"]);

    let acts = [(well(), fails("x0")), (well(), panics("x1")), (well(), well())];
    let report = S::run(members(&log, acts), &Setup::default(), &log, fails("b")).end();
    assert_eq!(report, Report { why: why("x1"), exits: vec![(0, "x0")], suppressed: false });

    let acts = [(well(), fails("x0")), (panics("e1"), well()), (fails("e2"), well())];
    let report = S::run(members(&log, acts), &Setup::default(), &log, well()).end();
    assert_eq!(report, Report { why: why("e1"), exits: vec![(0, "x0")], suppressed: false });
    // Three gathers use the same names. Each resource was entered as often as it was exited.
    let log = log.everything();
    let count = |word: &str| log.iter().filter(|line| line.starts_with(word)).count();
    assert_eq!(count("entered"), count("exit "));
}

/// 16 and `fail_fast`: a panic is a failed enter. Pending enters are dropped, and no member after it starts.
fn with_fail_fast<S: Policed>() {
    let log = Log::default();
    let acts = [(well().gate(&Gate::new()), well()), (panics("e1"), well()), (well(), well())];
    let setup = Setup { rollback: Rollback::FailFast, ..Setup::default() };
    let report = S::run(members(&log, acts), &setup, &log, well()).end();
    assert_eq!(report.why, Why::Panicked("e1".to_string()));
    assert_eq!(log.take(), ["enter 0", "poll enter 0", "enter 1", "poll enter 1", "drop enter 1", "drop enter 0"]);
}

/// 9, 16 and `eager_rollback`: a panic in an enter after the first exit has begun alters no case.
fn with_eager_rollback<S: Policed>() {
    let log = Log::default();
    let (panic, exit) = (Gate::new(), Gate::new());
    let acts = [(well(), well()), (fails("e1"), well()), (panics("e2").gate(&panic), well())];
    let setup = Setup { rollback: Rollback::Eager, exit_limit: 1, ..Setup::default() };
    let mut group = members(&log, acts);
    group[0] = Member::new(&log, 0, well(), fails("x0").gate(&exit));
    let mut gather = S::run(group, &setup, &log, well());
    gather.pends();
    panic.open();
    gather.pends();
    exit.open();
    let report = gather.end();
    assert_eq!(report, Report { why: Why::Panicked("e2".to_string()), exits: vec![(0, "x0")], suppressed: false });
    assert_eq!(received(&log.take()), ["exit 0 EnterFailed"]);

    // A panic before the first exit has begun does alter the case.
    let (panic, enter) = (Gate::new(), Gate::new());
    let acts = [(well().gate(&enter), well()), (fails("e1"), well()), (panics("e2").gate(&panic), well())];
    let mut gather = S::run(members(&log, acts), &setup, &log, well());
    gather.pends();
    panic.open();
    gather.pends();
    enter.open();
    assert_eq!(gather.end().why, Why::Panicked("e2".to_string()));
    assert_eq!(received(&log.take()), ["exit 0 Panicked"]);
}

/// 5, 17 and `eager_rollback`: a resource that is held although its enter panicked begins the exits.
fn held_after_a_panic<S: Policed>() {
    let log = Log::default();
    let (enter, late) = (Gate::new(), Gate::new());
    let acts = [(well().gate(&enter).drop_panics(), well()), (fails("e1"), well()), (well().gate(&late), well())];
    let setup = Setup { rollback: Rollback::Eager, ..Setup::default() };
    let mut gather = S::run(members(&log, acts), &setup, &log, well());
    gather.pends();
    enter.open();
    gather.pends();
    assert_eq!(received(&log.take()), ["exit 0 Panicked"], "beside the pending enter of 2");
    late.open();
    assert_eq!(gather.end().why, Why::Panicked("drop enter 0".to_string()));
    assert_eq!(received(&log.take()), ["exit 2 Panicked"]);
}

/// 17 and `fail_fast`: if destructors of pending enters panic, no member is skipped.
fn destructors_with_fail_fast<S: Policed>() {
    let log = Log::default();
    let never = Gate::new();
    let slow = || (well().gate(&never).drop_panics(), well());
    let setup = Setup { rollback: Rollback::FailFast, ..Setup::default() };
    let report = S::run(members(&log, [slow(), slow(), (fails("e2"), well())]), &setup, &log, well()).end();
    assert_eq!(report.why, Why::Panicked("drop enter 0".to_string()));
    assert_eq!(log.only(&["drop"]), ["drop enter 2", "drop enter 0", "drop enter 1"]);
}

shapes! {
    in_the_destructor_of_a_failed_exit
    caught_as_a_cause
    with_fail_fast
    with_eager_rollback
    held_after_a_panic
    destructors_with_fail_fast
    in_enter_at_each_index
    a_panic_does_not_disturb_the_sweep
    enters_that_fail_and_panic
    in_the_body
    in_exit_at_each_index
    the_first_panic_resumes
    in_on_error
    in_on_error_of_a_rollback
    in_the_destructor_of_a_ready_enter
    in_the_destructor_of_a_ready_exit
    in_the_destructor_of_the_body
    on_drop_in_enter
    on_drop_in_body
    on_drop_in_exit
    on_drop_while_unwinding
    on_drop_with_a_panic_kept
}

/// 3, 10, 17: the same holds through the adapters. They lose no resource, and no error.
#[test]
fn destructors_in_adapted_members() {
    let log = Log::default();
    let never = async || std::future::pending::<&'static str>().await;
    let member = |name, exit| Member::new(&log, name, well().drop_panics(), exit);
    let group = (
        member(0, fails("x0").drop_panics()).errors_into::<&'static str>(),
        member(1, fails("x1").drop_panics()).exit_within(never).enter_within(never),
        member(2, well()).exit_with(async |resource, case| gather_cm::Exit::exit(resource, case).await),
        async { Ok(3) }.drop_on_exit(),
    );
    let failure = Driver::new(gather(group).catch_unwind().with(async |_| Ok(()))).end().unwrap_err();
    assert_eq!(failure.to_string(), "panicked: drop enter 0; exit of member 0 failed: x0; exit of member 1 failed: x1");
    assert_released(&log.everything());
}

/// 17: errors, the body and the stop have destructors that panic, too. No two of them panic at once, because that would
/// abort the process.
#[test]
fn every_other_destructor() {
    struct Bomb(&'static str);
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("{}", self.0);
        }
    }
    impl std::fmt::Debug for Bomb {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }
    let failing = |error| async move { if error == "panic" { panic!("first") } else { Err::<(), _>(Bomb(error)) } };
    let group = ["a", "panic", "b"].map(|error| failing(error).drop_on_exit());
    let mut driver = Driver::new(gather(group).with(async |_| Ok(())));
    assert_eq!(caught(|| driver.poll().map(|_| ())), "first");

    let exits = ["a", "panic", "b"].map(|error| async { Ok(()) }.exit_with(async move |(), _| failing(error).await));
    let mut driver = Driver::new(gather(exits).with(async |_| Ok(())));
    assert_eq!(caught(|| driver.poll().map(|_| ())), "first");

    // A member, both stops of the group, and the body are dropped.
    let log = Log::default();
    let gate = Gate::new();
    let waits = |bomb| {
        let gate = gate.clone();
        async move {
            let _bomb = Bomb(bomb);
            gate.wait().await;
        }
    };
    let [member, ..] = members(&log, [(well().gate(&gate).drop_panics(), well()), (well(), well()), (well(), well())]);
    let bomb = Bomb("the body");
    let with = gather((member,)).cancel_on(waits("one")).cancel_on(waits("two")).with(async move |_| Ok(drop(bomb)));
    let mut driver = Driver::new(with);
    driver.pends();
    assert_eq!(caught(|| driver.drop()), "drop enter 0");
    assert_eq!(log.count("drop enter 0"), 1);
}

/// 17: the body's value is dropped if only exits failed, and its destructor may panic. It is the first panic then, and
/// no exit's error is lost.
#[test]
fn the_destructor_of_a_value_that_is_dropped() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("bomb");
        }
    }
    let log = Log::default();
    let group = || members(&log, [(well(), fails("x0")), (well(), well()), (well(), fails("x2"))]);
    let mut gather = Driver::new(gather_cm::gather(group()).with(async |_| Ok(Bomb)));
    assert_eq!(caught(|| gather.poll().map(|_| ())), "bomb");
    assert_eq!(log.only(&["exited"]), ["exited 0", "exited 1", "exited 2"]);

    let with = gather_cm::gather(group()).catch_unwind().with(async |_| Ok(Bomb));
    let failure = Driver::new(with).end().map(|_| ()).unwrap_err();
    assert_eq!(failure.to_string(), "panicked: bomb; exit of member 0 failed: x0; exit of member 2 failed: x2");

    // If the value is kept, it belongs to the caller.
    let with = gather_cm::gather(group()).with(async |_| Ok(Bomb)).keep_value();
    let (bomb, exits) = Driver::new(with).end().map_err(|failure| failure.to_string()).unwrap();
    assert_eq!(exits.into_iter().collect::<Vec<_>>(), [(0, "x0"), (2, "x2")]);
    assert_eq!(caught(|| drop(bomb)), "bomb");
}

/// 17: a `stop` that did not fire is dropped before any exit begins. If its destructor panics, the exits receive
/// `Panicked`.
#[test]
fn the_destructor_of_a_stop() {
    struct Bomb(Log);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.push("stop dropped");
            panic!("bomb");
        }
    }
    for body in [Ok(()), Err("b")] {
        let log = Log::default();
        let bomb = Bomb(log.clone());
        let stop = async move {
            let _bomb = bomb;
            std::future::pending::<()>().await
        };
        let group = members(&log, [(well(), fails("x0")), (well(), well()), (well(), well())]);
        let with = gather(group).cancel_on(stop).catch_unwind().with(async |_| body);
        let failure = Driver::new(with).end().unwrap_err();
        assert_eq!(failure.to_string(), "panicked: bomb; exit of member 0 failed: x0");
        assert_eq!(
            log.only(&["Panicked", "stop", "on_error"])
                .iter()
                .filter(|line| !line.starts_with("on_error"))
                .collect::<Vec<_>>(),
            ["stop dropped", "exit 0 Panicked", "exit 1 Panicked", "exit 2 Panicked"]
        );
        assert_released(&log.everything());
    }
}

/// 16: a closure may panic before it has made a future.
#[test]
fn the_call_of_the_body() {
    let log = Log::default();
    let [a, b, c] = all_well(&log);
    fn body(_: (&mut Resource, &mut Resource, &mut Resource)) -> std::future::Ready<Result<(), &'static str>> {
        panic!("call")
    }
    let mut gather = Driver::new(gather((a, b, c)).with(body));
    assert_eq!(caught(|| gather.poll()), "call");
    assert_eq!(received(&log.take()), ["exit 0 Panicked", "exit 1 Panicked", "exit 2 Panicked"]);
}

/// 17: the body's future panics, and so does its destructor. The exits run, and the first panic resumes.
#[test]
fn the_body_and_its_destructor() {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };
    struct Bomb;
    impl Future for Bomb {
        type Output = Result<(), &'static str>;

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
            panic!("body")
        }
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("destructor");
        }
    }
    fn body(_: (&mut Resource, &mut Resource, &mut Resource)) -> Bomb {
        Bomb
    }
    let log = Log::default();
    let mut gather = Driver::new(gather(<(_, _, _)>::from(all_well(&log))).with(body));
    assert_eq!(caught(|| gather.poll()), "body");
    assert_eq!(received(&log.take()), ["exit 0 Panicked", "exit 1 Panicked", "exit 2 Panicked"]);
}

/// 16: a panic of a verdict's conversion is a panic of the exit.
#[test]
fn the_conversion_of_a_verdict() {
    struct Answer;
    impl From<Answer> for gather_cm::Verdict {
        fn from(_: Answer) -> Self {
            panic!("verdict")
        }
    }
    let log = Log::default();
    let bad = async { Ok("bad") }.exit_with(async |_, _| Ok(Answer));
    let mut gather = Driver::new(gather((bad, Member::new(&log, 1, well(), well()))).with(async |_| Ok(())));
    assert_eq!(caught(|| gather.poll()), "verdict");
    assert_eq!(log.only(&["exited"]), ["exited 1"]);
}

/// The payload of a panic may panic when it is dropped. That is not a panic of any part of the gather.
#[test]
fn a_payload_that_panics() {
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            panic!("payload");
        }
    }
    let member = |number: u8| {
        async move { Ok::<_, ()>(number) }.exit_with(async |number, _| -> Result<(), ()> {
            if number == 1 { panic!("first") } else { panic_any(Payload) }
        })
    };
    let mut gather = Driver::new(gather((member(1), member(2), member(3))).with(async |_| Ok(())));
    assert_eq!(caught(|| gather.poll()), "first");
}

/// The destructor of a payload may panic with a payload whose destructor panics as well, and so on. The gather drops
/// the first two, and leaks the third. The exits run, and the first panic resumes.
fn payloads_that_panic(rows: &[(usize, usize)]) {
    use std::cell::Cell;
    thread_local! {
        static DROPPED: Cell<usize> = const { Cell::new(0) };
    }
    struct Payload(usize);
    impl Drop for Payload {
        fn drop(&mut self) {
            DROPPED.set(DROPPED.get() + 1);
            if self.0 > 0 {
                panic_any(Self(self.0 - 1));
            }
        }
    }
    for &(levels, drops) in rows {
        let log = Log::default();
        let row = async { Ok("row") }.exit_with(async |_, _| -> Result<(), _> { panic_any(Payload(levels)) });
        let first = Member::new(&log, 0, well(), panics("first"));
        let last = Member::new(&log, 2, well(), well());
        let mut gather = Driver::new(gather((first, row, last)).with(async |_| Ok(())));
        DROPPED.take();
        assert_eq!(caught(|| gather.poll()), "first");
        assert_eq!(DROPPED.take(), drops, "{levels}");
        assert_eq!(log.only(&["exited"]), ["exited 2"]);
    }
}

#[test]
fn payloads_that_panic_in_a_row() {
    payloads_that_panic(&[(0, 1), (1, 2)]);
}

/// The tools that look for leaks skip this one, by its name.
#[test]
fn payloads_of_a_third_level() {
    payloads_that_panic(&[(2, 2), (5, 2)]);
}

/// No payload is leaked: the first panic is returned or resumes, and the others are dropped. If the gather is dropped
/// before it has ended, the first one is dropped, too.
#[test]
fn each_payload_is_dropped_once() {
    use std::sync::Arc;
    struct Payload(#[allow(dead_code)] Arc<()>);
    let live = Arc::new(());
    let panics = || -> () { panic_any(Payload(live.clone())) };
    let member = || {
        async { Ok::<_, ()>(()) }.exit_with(async |(), _| {
            panics();
            Ok(())
        })
    };
    let enter = || async { Err::<(), ()>(panics()) }.drop_on_exit();
    let count = || Arc::strong_count(&live) - 1;

    let failure = Driver::new(gather((member(), enter(), enter(), member())).catch_unwind().with(async |_| Ok(())))
        .end()
        .unwrap_err();
    assert_eq!(count(), 1);
    drop(failure);
    assert_eq!(count(), 0);

    let mut driver = Driver::new(gather((member(), enter(), enter(), member())).with(async |_| Ok(())));
    let payload = catch_unwind(AssertUnwindSafe(|| driver.poll().is_ready())).unwrap_err();
    assert_eq!(count(), 1);
    drop(payload);
    assert_eq!(count(), 0);

    let gate = Gate::new();
    let slow = async { Ok::<_, ()>(()) }.exit_with(async |(), _| Ok(gate.wait().await));
    let mut driver = Driver::new(gather((slow, member())).with(async |_| Ok(panics())));
    driver.pends();
    assert_eq!(count(), 1);
    driver.drop();
    assert_eq!(count(), 0);
}

/// The payload of a kept panic panics, because the gather is dropped before the kept panic could resume.
#[test]
fn a_kept_payload_that_panics() {
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            panic!("payload");
        }
    }
    let gate = Gate::new();
    let member = async { Ok::<_, ()>(()) }.exit_with(async |(), _| Ok(gate.wait().await));
    let mut gather = Driver::new(gather((member,)).with(async |_| -> Result<(), _> { panic_any(Payload) }));
    gather.pends();
    gather.drop();
}

/// 18: the gather itself, with nothing around it, says clearly that it has ended.
#[test]
fn polled_after_a_panic_got_out() {
    use std::{
        pin::pin,
        task::{Context, Waker},
    };
    let log = Log::default();
    let [a, b, _] = all_well(&log);
    let mut gather = pin!(gather((a, b)).with(async |_| -> Result<(), _> { panic!("body") }));
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(caught(|| gather.as_mut().poll(&mut cx).is_ready()), "body");
    assert!(futures_util::future::FusedFuture::is_terminated(&gather));
    assert_eq!(caught(|| gather.as_mut().poll(&mut cx).is_ready()), "a gather was polled after it had finished");
}

/// A panic as a value prints its message, resumes, or returns its payload.
#[test]
fn a_panic_as_a_value() {
    let run = |payload: fn()| {
        let member = async { Ok::<_, ()>(()) }.drop_on_exit();
        let failure = Driver::new(gather((member,)).catch_unwind().with(async |_| Ok(payload()))).end().unwrap_err();
        let Cause::Panicked(panic) = failure.cause else { panic!("{failure:?}") };
        panic
    };
    let panic = run(|| panic!("plain"));
    assert_eq!((panic.to_string(), format!("{panic:?}")), ("panicked: plain".into(), "Panic(panicked: plain)".into()));
    assert_eq!(caught(|| -> () { panic.resume() }), "plain");
    assert_eq!(run(|| panic!("number {}", 5)).to_string(), "panicked: number 5");
    let panic = run(|| panic_any(7u8));
    assert_eq!(panic.to_string(), "panicked");
    assert_eq!(*panic.into_payload().downcast::<u8>().unwrap(), 7);
}

/// 16, 20: a large `Vec` clones the caller's waker in each sweep, if the clone does not wake the same task. A panic
/// there is the caller's, and not a member's, even in a later sweep of one poll.
mod the_clone_of_a_waker {
    use std::{
        cell::{Cell, RefCell},
        future::{Future, poll_fn},
        pin::pin,
        ptr,
        task::{Context, Poll, RawWaker, RawWakerVTable, Waker},
    };

    use gather_cm::Event;

    use super::*;

    thread_local! {
        /// How many clones come until one panics.
        static CLONES: Cell<usize> = const { Cell::new(0) };
    }

    static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, |_| {}, |_| {}, |_| {});

    /// No two clones are equal.
    fn clone(_: *const ()) -> RawWaker {
        let clones = CLONES.get() - 1;
        CLONES.set(clones);
        assert!(clones > 0, "clone");
        RawWaker::new(ptr::without_provenance(clones), &VTABLE)
    }

    /// Polls a gather twice. The clone with this number panics.
    fn polled(with: impl Future, clone: usize) -> String {
        // SAFETY: the functions of the table use the pointer only to pass it on.
        let waker = unsafe { Waker::from_raw(RawWaker::new(ptr::null(), &VTABLE)) };
        CLONES.set(clone);
        let mut with = pin!(with);
        caught(|| (0..2).all(|_| with.as_mut().poll(&mut Context::from_waker(&waker)).is_pending()))
    }

    /// Makes forty members, each of which pends once.
    fn forty() -> Vec<impl gather_cm::Member<Value = (), Error = u8>> {
        let member = |_| {
            let mut pended = false;
            let enter = poll_fn(move |cx| {
                cx.waker().wake_by_ref();
                if std::mem::replace(&mut pended, true) { Poll::Ready(Ok(())) } else { Poll::Pending }
            });
            enter.drop_on_exit()
        };
        (0..40).map(member).collect()
    }

    /// Each poll has three sweeps. The fifth sweep is the second one in which members are polled again.
    #[test]
    fn in_a_later_pass() {
        let events = RefCell::new(Vec::new());
        let group = gather(forty()).fair().observe(|event| events.borrow_mut().push(event));
        assert_eq!(polled(group.catch_unwind().with(async |_| Ok(())), 5), "clone");
        assert!(!events.borrow().iter().any(|event| matches!(event, Event::EnterFailed { .. })));
    }

    /// The first sweep is that of the enters. Each turn of the stack is a further sweep.
    #[test]
    fn in_a_later_turn() {
        let events = RefCell::new(Vec::new());
        let ready = |_| async { Ok::<_, u8>(()) }.exit_with(async |(), _| Ok(()));
        let members: Vec<_> = (0..40).map(ready).collect();
        let group = gather(members).stack().observe(|event| events.borrow_mut().push(event));
        assert_eq!(polled(group.catch_unwind().with(async |_| Ok(())), 3), "clone");
        let count = |failed: bool| {
            let is = |event: &&Event| {
                matches!((event, failed), (Event::ExitFailed { .. }, true) | (Event::Exited { .. }, false))
            };
            events.borrow().iter().filter(is).count()
        };
        assert_eq!((count(true), count(false)), (0, 1));
    }
}

/// 17, 20: a large `Vec` keeps the caller's waker, and the waker's destructor may panic when the group drops it.
mod the_destructor_of_a_waker {
    use std::{
        cell::Cell,
        future::Future,
        pin::pin,
        ptr,
        task::{Context, Poll, RawWaker, RawWakerVTable, Waker},
    };

    use super::*;

    thread_local! {
        /// The next waker that is dropped panics.
        static ARMED: Cell<bool> = const { Cell::new(false) };
    }

    static VTABLE: RawWakerVTable =
        RawWakerVTable::new(|data| RawWaker::new(data, &VTABLE), drop_waker, |_| {}, drop_waker);

    fn drop_waker(_: *const ()) {
        assert!(!ARMED.take(), "waker");
    }

    /// Makes a waker that wakes nobody. Two of them wake the same task if their numbers are equal.
    fn waker(number: usize) -> Waker {
        // SAFETY: the functions of the table use the pointer only to pass it on.
        unsafe { Waker::from_raw(RawWaker::new(ptr::without_provenance(number), &VTABLE)) }
    }

    /// Says when the last of the members arms the waker.
    #[derive(Clone, Copy, PartialEq)]
    enum Arms {
        InEnter,
        InExit,
        /// Its enter is pending.
        Never,
    }

    /// How many members were exited, and how many were abandoned.
    #[derive(Default)]
    struct Ends {
        exited: Cell<usize>,
        abandoned: Cell<usize>,
    }

    /// Makes forty members. One of them may fail to enter, and one fails to exit.
    fn forty<'a>(
        arms: Arms,
        fails: Option<usize>,
        ends: &'a Ends,
    ) -> Vec<impl gather_cm::Member<Value = usize, Error = &'static str> + 'a> {
        let one_more = |count: &Cell<usize>| count.set(count.get() + 1);
        let member = |index: usize| {
            let last = index == 39;
            async move {
                if last && arms == Arms::Never {
                    std::future::pending::<()>().await;
                }
                ARMED.set(last && arms == Arms::InEnter);
                if fails == Some(index) { Err("e") } else { Ok(index) }
            }
            .exit_with(async move |index, _| {
                one_more(&ends.exited);
                ARMED.set(last && arms == Arms::InExit);
                if index == 3 { Err("x3") } else { Ok(()) }
            })
            .abandon_with(move |_| one_more(&ends.abandoned))
        };
        (0..40).map(member).collect()
    }

    fn end(how: &str) -> Result<(), &'static str> {
        match how {
            "completes" => Ok(()),
            "fails" => Err("b"),
            _ => panic!("{how}"),
        }
    }

    /// The waker panics as the group finishes. With `catch_unwind` that is the cause, unless there was a panic before.
    #[test]
    fn at_the_end() {
        for (fails, body) in [(None, "completes"), (None, "fails"), (None, "panics"), (Some(5), "is not called")] {
            let (ends, waker) = (Ends::default(), waker(0));
            let mut cx = Context::from_waker(&waker);
            let message = if body == "panics" { body } else { "waker" };
            let exited = if fails.is_none() { 40 } else { 39 };

            let group = gather(forty(Arms::InExit, fails, &ends)).catch_unwind();
            let mut with = pin!(group.with(async |_| end(body)));
            let Poll::Ready(result) = with.as_mut().poll(&mut cx) else { panic!("it is pending") };
            let why = Why::Panicked(message.into());
            assert_eq!(Report::plain(result), Report { why, exits: vec![(3, "x3")], suppressed: false });
            assert_eq!((ends.exited.take(), ends.abandoned.take()), (exited, 0));
            let again = caught(|| with.as_mut().poll(&mut cx).is_ready());
            assert_eq!(again, "a gather was polled after it had finished");

            let mut with = pin!(gather(forty(Arms::InExit, fails, &ends)).with(async |_| end(body)));
            assert_eq!(caught(|| with.as_mut().poll(&mut cx).is_ready()), message);
            assert_eq!((ends.exited.take(), ends.abandoned.take()), (exited, 0));
            assert!(!ARMED.get());
        }
    }

    /// The group is exited by hand and dropped. The first panic wins, even if it is that of an exit. If the thread
    /// unwinds already, the waker's panic does not become a second one.
    #[test]
    fn in_an_exit_by_hand() {
        use gather_cm::{Exit, ExitCase};
        let waker = waker(0);
        let mut cx = Context::from_waker(&waker);
        for (drop_panics, unwinds, message) in
            [(false, false, "waker"), (true, false, "drop exit 7"), (false, true, "outer"), (true, true, "outer")]
        {
            let (log, gate) = (Log::default(), Gate::new());
            let member = |name| {
                let exit = well().gate(&gate);
                let exit = if drop_panics && name == 7 { exit.drop_panics() } else { exit };
                Member::new(&log, name, well(), exit)
            };
            let entered = Driver::new(gather((0..40).map(member).collect::<Vec<_>>()).enter()).end().unwrap();
            let mut exits = Box::pin(entered.exit(ExitCase::Completed));
            assert!(exits.as_mut().poll(&mut cx).is_pending());
            log.take();
            ARMED.set(true);
            let dropped = caught(move || {
                let _exits = exits;
                assert!(!unwinds, "outer");
            });
            assert_eq!((dropped.as_str(), ARMED.take()), (message, false));
            assert_eq!(log.only(&["drop exit"]).len(), 40);
        }
    }

    /// The waker panics before the body, when another task polls, or when the gather is dropped. The panic leaves the
    /// poll, because it is the caller's, and every held resource is abandoned.
    #[test]
    fn before_the_end() {
        let ends = Ends::default();
        let [one, other] = [waker(1), waker(2)];
        let mut cx = Context::from_waker(&one);
        let run = |arms| Box::pin(gather(forty(arms, None, &ends)).catch_unwind().with(async |_| Ok(())));
        let abandoned = |number| assert_eq!((ends.exited.take(), ends.abandoned.take()), (0, number));

        let mut with = run(Arms::InEnter);
        assert_eq!(caught(|| with.as_mut().poll(&mut cx).is_ready()), "waker");
        abandoned(40);

        let mut with = run(Arms::Never);
        assert!(with.as_mut().poll(&mut cx).is_pending());
        ARMED.set(true);
        assert_eq!(caught(|| with.as_mut().poll(&mut Context::from_waker(&other)).is_ready()), "waker");
        abandoned(39);

        let mut with = run(Arms::Never);
        assert!(with.as_mut().poll(&mut cx).is_pending());
        ARMED.set(true);
        assert_eq!(caught(|| drop(with)), "waker");
        abandoned(39);
    }
}
