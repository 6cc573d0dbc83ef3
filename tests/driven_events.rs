//! D13: these tests say which events of drivers an observer receives. D11: they nest groups with drivers in groups, and
//! put adapters around them.

mod common;
#[path = "common/driven.rs"]
mod driven;

use std::{cell::RefCell, fmt::Display, future::pending};

#[cfg(feature = "std")]
use common::panics;
use common::{Driver, Gate, Log, Report, assert_released, fails, well};
use driven::{Connect, connect, drive, links, sleeps, steps};
use gather_cm::{Cause, EnterExt, Event, Exit, ExitCase, Failure, Member, Resource, Shape, gather};

/// Events as text: `DriverEnded 0`.
#[derive(Default)]
struct Events(RefCell<Vec<String>>);

impl Events {
    fn observer(&self) -> impl FnMut(Event) + use<'_> {
        |event| {
            let text = format!("{event:?}").replace(" { index:", "").replace(" }", "");
            self.0.borrow_mut().push(text);
        }
    }

    /// Returns the events since the last call, without those of the fillers.
    fn take(&self) -> Vec<String> {
        let fillers = |line: &String| {
            line.rsplit(' ').next().and_then(|name| name.parse().ok()).is_some_and(|name: usize| name > 2)
        };
        self.0.take().into_iter().filter(|line| !fillers(line)).collect()
    }

    fn of_drivers(&self) -> Vec<String> {
        self.take().into_iter().filter(|line| line.starts_with("Driver")).collect()
    }
}

in_each_group! {
    /// The observer receives each end once, in each phase, whether it is good or bad.
    fn each_end_is_told(group) {
        for end in [well(), fails("lost")] {
            for phase in 0..5 {
                let (log, events, gates) = (Log::default(), Events::default(), [(); 4].map(|()| Gate::new()));
                let ends = Gate::new();
                let members = [
                    [well(), sleeps(), well().gate(&gates[2])],
                    [well(), end.clone().gate(&ends), well().gate(&gates[3])],
                    [well().gate(&gates[0]), sleeps(), well()],
                ];
                let group = group(links(&log, members)).exit_limit(1).observe(events.observer());
                let mut gather = drive(group.with(async |_| {
                    gates[1].wait().await;
                    Ok(7)
                }));
                gather.pends();
                for gate in gates.iter().take(phase) {
                    gate.open();
                    if gather.poll().is_ready() {
                        break;
                    }
                }
                if phase == 4 {
                    // The member has exited, and its driver was dropped.
                    assert_eq!(events.of_drivers(), [""; 0]);
                    continue;
                }
                assert_eq!(events.of_drivers(), [""; 0]);
                ends.open();
                let early = gather.poll();
                assert!(early.is_pending());
                assert_eq!(events.of_drivers(), ["DriverEnded 1"], "phase {phase}");
                gates.iter().for_each(Gate::open);
                while gather.poll().is_pending() {}
                assert_eq!(events.of_drivers(), [""; 0], "phase {phase}");
                assert_released(&log.everything());
            }
        }
    }

    /// A driver's end comes in order among the other events.
    fn the_order(group) {
        let (log, events, breaks) = (Log::default(), Events::default(), Gate::new());
        let members = [
            [well(), fails("lost").gate(&breaks), well()],
            [well(), sleeps(), well()],
            [well(), sleeps(), well()],
        ];
        let group = group(links(&log, members)).observe(events.observer());
        let mut gather = drive(group.with(async |_| Ok(pending::<()>().await)));
        gather.pends();
        events.take();
        breaks.open();
        assert_eq!(gather.end(), Report::lost(&[(0, "lost")]));
        let exits = [0, 1, 2].map(|name| [format!("ExitStarted {name}"), format!("Exited {name}")]);
        let mut expected = vec!["DriverEnded 0".to_string(), "BodyEnded { case: Lost".into()];
        expected.extend(exits.concat());
        assert_eq!(events.take(), expected);

        // A driver that ends along with its exit ends before it.
        let log = Log::default();
        let members = [0, 1, 2].map(|_| [well(), sleeps(), well()]);
        let exit = Gate::new();
        let mut members = members;
        let ends = Gate::new();
        members[1] = [well(), well().gate(&ends), well().gate(&exit)];
        let events = Events::default();
        let group = driven::array(links(&log, members)).observe(events.observer());
        let mut gather = drive(group.with(async |_| Ok(())));
        gather.pends();
        events.take();
        ends.open();
        exit.open();
        assert_eq!(gather.end(), Report::value(()));
        assert_eq!(events.take(), ["DriverEnded 1", "Exited 1"]);
    }

    /// A driver that is dropped, along with its exit or with the gather, has no event.
    fn none_for_a_drop(group) {
        for phase in 0..3 {
            let (log, events, gates) = (Log::default(), Events::default(), [Gate::new(), Gate::new()]);
            let members = [
                [well(), sleeps(), well().gate(&Gate::new())],
                [well().gate(&gates[0]), sleeps(), well()],
                [well(), sleeps(), well()],
            ];
            let group = group(links(&log, members)).observe(events.observer());
            let mut gather = drive(group.with(async |_| {
                gates[1].wait().await;
                Ok(7)
            }));
            gather.pends();
            for gate in gates.iter().take(phase) {
                gate.open();
                gather.pends();
            }
            gather.drop();
            assert_eq!(events.of_drivers(), [""; 0]);
        }
    }
}

/// A panic is an end, too.
#[test]
#[cfg(feature = "std")]
fn a_panic_is_told() {
    panics_in(0..3);
}

#[test]
#[cfg(feature = "std")]
fn a_panic_beside_the_exit_is_told() {
    panics_in(3..4);
}

#[cfg(feature = "std")]
fn panics_in(phases: std::ops::Range<usize>) {
    for phase in phases {
        let (log, events, gates) = (Log::default(), Events::default(), [(); 3].map(|()| Gate::new()));
        let breaks = Gate::new();
        let members = [
            [well(), sleeps(), well().gate(&gates[2])],
            [well(), panics("p").gate(&breaks), well().gate(&Gate::new())],
            [well().gate(&gates[0]), sleeps(), well()],
        ];
        let group = gather(links(&log, members)).catch_unwind().exit_limit(1).observe(events.observer());
        let mut gather = drive(group.with(async |_| {
            gates[1].wait().await;
            Ok(7)
        }));
        gather.pends();
        for gate in gates.iter().take(phase) {
            gate.open();
            gather.pends();
        }
        breaks.open();
        let _ = gather.poll();
        assert_eq!(events.of_drivers(), ["DriverEnded 1"], "phase {phase}");
    }
}

/// A member that enters at a gate.
async fn slow<E>(gate: Gate) -> Result<u8, E> {
    gate.wait().await;
    Ok(1)
}

/// Runs a block for a nested group of two drivers along with a plain member, in each shape of the nested group.
macro_rules! nested {
    ($log:expr, $acts:expr, |$inner:ident| $run:expr) => {{
        let pair = || {
            let mut names = 0..2;
            $acts.map(|acts| connect(&$log, names.next().expect("two"), acts).driven())
        };
        {
            let [a, b] = pair();
            let $inner = gather((a, b)).names(&["a", "b"]).enter();
            $run
        }
        {
            let $inner = gather(pair()).names(&["a", "b"]).enter();
            $run
        }
        #[cfg(feature = "alloc")]
        {
            let $inner = gather(Vec::from(pair())).names(&["a", "b"]).enter();
            $run
        }
    }};
}

/// D11: the outer group polls the nested drivers along with its enters and its body, while the nested group waits for
/// its exit, and in that exit.
#[test]
fn an_outer_group_drives() {
    let log = Log::default();
    let acts = || [[well(), sleeps(), well()], [well(), sleeps(), well()]];
    nested!(log, acts(), |inner| {
        let [enter, ends, exit] = [Gate::new(), Gate::new(), Gate::new()];
        let out = exit.clone();
        let other = slow(enter.clone()).exit_with(async |_, _| Ok(out.wait().await));
        let body = async {
            ends.wait().await;
            log.push("body");
            Ok(7)
        };
        let mut gather =
            Driver::new(gather((inner.errors_into::<Error>(), other)).in_reverse().with(async |_| body.await));
        log.take();
        gather.pends();
        // The drivers are polled twice, because the nested group polled them, too, when it had entered.
        assert_eq!(steps(&log), ["entered 0", "entered 1", "drive 0", "drive 1", "drive 0", "drive 1"]);
        gather.pends();
        assert_eq!(steps(&log), ["drive 0", "drive 1"]);
        enter.open();
        gather.pends();
        gather.pends();
        assert_eq!(steps(&log), ["drive 0", "drive 1", "drive 0", "drive 1"]);
        ends.open();
        gather.pends();
        assert_eq!(steps(&log), ["drive 0", "drive 1", "body", "drive 0", "drive 1"]);
        gather.pends();
        assert_eq!(steps(&log), ["drive 0", "drive 1"]);
        exit.open();
        assert_eq!(gather.end().ok(), Some(7));
        let exits = |name| {
            ["exit {} Completed", "exited {}", "drive {}", "drop driver {}"].map(|line| line.replace("{}", name))
        };
        assert_eq!(steps(&log), [exits("0"), exits("1")].concat());
    });
}

/// D11: if a driver of a nested group fails, the outer group is lost, and the error names the nested member.
#[test]
fn a_nested_driver_fails() {
    let (log, breaks) = (Log::default(), RefCell::new(Gate::new()));
    let acts = || {
        breaks.replace(Gate::new());
        let fails_late = fails("lost").gate(&breaks.borrow());
        [[well(), sleeps(), well()], [well(), fails_late, fails("x")]]
    };
    nested!(log, acts(), |inner| {
        let other = slow(Gate::new()).drop_on_exit();
        let group = gather((inner.errors_into::<Error>(), other)).fail_fast();
        let mut gather = Driver::new(group.with(async |_| Ok(7)));
        gather.pends();
        breaks.borrow().open();
        let failure = gather.end().expect_err("it is lost");
        let Cause::Lost(errors) = failure.cause else { panic!("it is lost") };
        assert_eq!(errors.get(0), Some(&Error("driver of b failed: lost".into())));
        // The nested exit fails as well, and both errors are kept.
        assert_eq!(failure.exits.get(0), Some(&Error("exit of b failed: x".into())));
        assert_eq!(log.only(&["Lost"]), ["exit 0 Lost", "exit 1 Lost"]);
    });
}

/// D11: nobody polls the drivers of an `Entered` that stands on its own, until its own exit does.
#[test]
fn exited_by_hand() {
    let log = Log::default();
    let [exit, breaks] = [Gate::new(), Gate::new()];
    let acts = || [[well(), sleeps(), well().gate(&exit)], [well(), fails("lost").gate(&breaks), well().gate(&exit)]];
    nested!(log, acts(), |inner| {
        let group = Driver::new(inner).end().unwrap_or_else(|_| panic!("it enters"));
        log.take();
        let mut exits = Driver::new(group.exit(ExitCase::Failed));
        exits.pends();
        let lines = |name| ["exit {} Failed", "drive {}"].map(|line| line.replace("{}", name));
        assert_eq!(steps(&log), [lines("0"), lines("1")].concat());
        exits.pends();
        assert_eq!(steps(&log), ["drive 0", "drive 1"]);
        exits.drop();
        assert_eq!(steps(&log), ["drop driver 0", "drop driver 1"]);
    });
    let group = gather((connect(&log, 0, [well(), fails("lost").gate(&breaks), well().gate(&exit)]).driven(),)).enter();
    let mut exits = Driver::new(Driver::new(group).end().unwrap().exit(ExitCase::Completed));
    exits.pends();
    breaks.open();
    exits.pends();
    exit.open();
    let failure = exits.end().unwrap_err();
    assert!(matches!(failure.cause, Cause::Exit { .. }));
    assert_eq!(failure.exits.get(0), Some(&"lost"));
}

/// D11: an `Entered` that is dropped drops its drivers.
#[test]
fn dropped() {
    let log = Log::default();
    let acts = || [[well(), sleeps(), well()], [well(), sleeps(), well()]];
    nested!(log, acts(), |inner| {
        let group = Driver::new(inner).end().unwrap_or_else(|_| panic!("it enters"));
        log.take();
        drop(group);
        assert_eq!(steps(&log), ["abandon 0", "drop driver 0", "abandon 1", "drop driver 1"]);
    });
}

/// D11: a `Vec` of groups, a box, and adapters all pass the drivers on. `wrap` puts one of them around a member.
fn passes_drivers_on<M, R, E>(log: &Log, wrap: impl Fn(Connect) -> M)
where
    M: Member<Error = E, Resource = R>,
    R: Resource<Error = E>,
    E: From<&'static str> + Display + 'static,
{
    let (events, open, closed) = (Events::default(), Gate::new(), Gate::new());
    open.open();
    let member = |name, driver, exit| wrap(connect(log, name, [well(), driver, exit]));
    // The group has another member. The body waits at a gate.
    let start = |member, enter: &Gate, body: &Gate| {
        let (group, body) = (gather((member, slow(enter.clone()).drop_on_exit())), body.clone());
        Driver::new(group.observe(events.observer()).with(async move |_| {
            body.wait().await;
            Ok(7)
        }))
    };
    // The group has another member with a driver. The body goes on for ever.
    let start_after = |driver, member| {
        let other = connect(log, 9, [well(), driver, well()]).driven().errors_into();
        Driver::new(gather((other, member)).with(async |_| Ok(pending::<()>().await)))
    };

    // The driver runs along with the enters, the body and the exit.
    let [enter, ends, exit] = [Gate::new(), Gate::new(), Gate::new()];
    let mut running = start(member(0, sleeps().busy(), well().gate(&exit)), &enter, &ends);
    for gate in [&enter, &ends, &exit] {
        running.pends();
        assert!(log.count("drive 0") >= 1);
        log.take();
        running.pends();
        assert_eq!(steps(log), ["drive 0"]);
        gate.open();
    }
    assert_eq!(running.end().ok(), Some(7));
    assert_eq!(log.count("drop driver 0"), 1);

    // The driver fails during the body.
    let breaks = Gate::new();
    let mut running = start(member(1, fails("lost").gate(&breaks), well()), &open, &closed);
    running.pends();
    breaks.open();
    let failure = running.end().unwrap_err();
    assert!(matches!(&failure.cause, Cause::Lost(errors) if errors.get(0).is_some()), "{failure}");
    assert_eq!(failure.errors().count(), 1);
    assert!(failure.to_string().contains("lost"), "{failure}");
    let lines = steps(log);
    assert!(lines.iter().any(|line| line.starts_with("on_error 1 ")), "{lines:?}");
    assert!(lines.contains(&"exit 1 Lost".to_string()));

    // The driver fails during the exit. The observer receives that once.
    events.take();
    let [breaks, exit] = [Gate::new(), Gate::new()];
    let mut running = start(member(2, fails("lost").gate(&breaks), well().gate(&exit)), &open, &open);
    running.pends();
    breaks.open();
    for told in [&["DriverEnded 0"][..], &[]] {
        running.pends();
        assert_eq!(events.of_drivers(), told);
    }
    exit.open();
    let failure = running.end().unwrap_err();
    assert!(matches!(failure.cause, Cause::Exit { .. }), "{failure}");
    assert!(failure.exits.get(0).unwrap().to_string().contains("lost"), "{failure}");

    // The driver fails during the body, and then the exit fails, too.
    let breaks = Gate::new();
    let mut running = start(member(3, fails("lost").gate(&breaks), fails("x")), &open, &closed);
    running.pends();
    breaks.open();
    let failure = running.end().unwrap_err();
    let Cause::Lost(errors) = &failure.cause else { panic!("it is lost: {failure}") };
    assert!(errors.get(0).unwrap().to_string().contains("lost"), "{failure}");
    assert!(failure.exits.get(0).unwrap().to_string().contains('x'), "{failure}");

    // Another driver fails, and so does this member's exit.
    let failure = start_after(fails("lost"), member(4, sleeps(), fails("x"))).end().unwrap_err();
    let Cause::Lost(errors) = &failure.cause else { panic!("it is lost: {failure}") };
    assert_eq!(errors.iter().map(|(index, _)| index).collect::<Vec<_>>(), [0]);
    assert!(failure.exits.get(1).unwrap().to_string().contains('x'), "{failure}");

    // Both drivers fail.
    let breaks = Gate::new();
    let fails = fails("lost").gate(&breaks);
    let mut running = start_after(fails.clone(), member(5, fails, well()));
    running.pends();
    breaks.open();
    let failure = running.end().unwrap_err();
    let Cause::Lost(errors) = &failure.cause else { panic!("it is lost: {failure}") };
    assert_eq!((errors.len(), failure.errors().count()), (2, 2), "{failure}");
}

/// D6: the driver fails during an exit that hangs, and then the deadline passes. The driver's error is kept. The exit of
/// a nested group takes its errors along, so this holds for members that are no group.
fn keeps_the_error_at_a_deadline<M, R, E>(log: &Log, wrap: impl Fn(Connect) -> M)
where
    M: Member<Error = E, Resource = R>,
    R: Resource<Error = E>,
    E: From<&'static str> + Display + 'static,
{
    let [breaks, deadline] = [Gate::new(), Gate::new()];
    let member = wrap(connect(log, 0, [well(), fails("lost").gate(&breaks), well().gate(&Gate::new())]));
    let late = async || {
        deadline.wait().await;
        "late".into()
    };
    let mut running = Driver::new(gather((member.exit_within(late),)).with(async |_| Ok(7)));
    running.pends();
    breaks.open();
    running.pends();
    deadline.open();
    let failure = running.end().unwrap_err();
    assert!(failure.exits.get(0).unwrap().to_string().contains("lost"), "{failure}");
}

/// Tests that each wrapper passes the checks.
macro_rules! wrappers {
    ($checks:tt: $($(#[$meta:meta])* $name:ident: |$member:ident, $log:ident| $wrapped:expr;)*) => {$(
        $(#[$meta])*
        #[test]
        fn $name() {
            let $log = &Log::default();
            let wrap = |$member: Connect| $wrapped;
            wrappers!(@ $checks $log, wrap);
        }
    )*};
    (@ [$($check:ident)*] $log:ident, $wrap:ident) => { $($check($log, $wrap);)* };
}

wrappers! {
    [passes_drivers_on keeps_the_error_at_a_deadline]:
    by_itself: |member, log| member.driven();
    prepared: |member, log| member.prepared(async |_| Ok(log.push("step"))).driven();
    to_end_of_a_wrapper: |member, log| member.driven().errors_into::<Error>();
    enter_within: |member, log| member.driven().enter_within(async || { pending::<()>().await; "late" });
    exit_within: |member, log| member.driven().exit_within(async || { pending::<()>().await; "late" });
    optional: |member, log| member.driven().optional();
    optional_and_errors_into: |member, log| member.driven().errors_into::<Error>().optional();
    all: |member, log| member.driven().exit_within(async || { pending::<()>().await; "late" }).errors_into::<Error>().optional();
    a_driven_handle: |member, log| {
        let inner = member.driven();
        async { Ok((inner.await?, Box::pin(pending::<()>()))) }.driven()
    };
}

wrappers! {
    [passes_drivers_on]:
    #[cfg(feature = "alloc")]
    in_a_box: |member, log| {
        let group = gather((member.driven(),)).enter();
        async { group.await.map(Box::new) }.errors_into::<Error>()
    };
    nested: |member, log| gather((member.driven(),)).enter().errors_into::<Error>();
    nested_twice: |member, log| {
        let inner = gather([member.driven()]).enter();
        let outer = gather((inner.errors_into::<Error>(),)).enter();
        outer.errors_into::<Error>()
    };
    #[cfg(feature = "alloc")]
    nested_in_a_vec: |member, log| {
        let inner = gather(vec![member.driven().optional()]).enter();
        gather(vec![inner.errors_into::<Error>()]).enter().errors_into::<Error>()
    };
    nested_and_optional: |member, log| gather((member.driven(),)).enter().errors_into::<Error>().optional();
    nested_under_fair: |member, log| gather((member.driven(),)).fair().enter().errors_into::<Error>();
}

/// The error of a group with adapted members.
#[derive(Debug, PartialEq)]
struct Error(String);

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&'static str> for Error {
    fn from(error: &'static str) -> Self {
        Self(error.into())
    }
}

impl<E: std::fmt::Display, S: Shape> From<Failure<E, S>> for Error {
    fn from(failure: Failure<E, S>) -> Self {
        Self(failure.to_string())
    }
}

/// D11: in a large `Vec`, each nested group has its own waker.
#[test]
#[cfg(feature = "alloc")]
fn many_groups() {
    let (log, ends) = (Log::default(), Gate::new());
    let gates: Vec<_> = (0..40).map(|_| [Gate::new(), Gate::new()]).collect();
    let groups = gates.iter().enumerate().map(|(name, [one, other])| {
        let member = |gate: &Gate| connect(&log, name, [well(), well().gate(gate), well().gate(gate)]).driven();
        gather((member(one), member(other))).enter().errors_into::<Error>()
    });
    let mut gather = Driver::new(gather(groups.collect::<Vec<_>>()).with(async |_| Ok(ends.wait().await)));
    gather.pends();
    assert_eq!(log.only(&["drive"]).len(), 160, "each nested group has polled its own, too, when it had entered");
    gates[33][1].wake();
    gather.pends();
    assert_eq!(log.only(&["drive"]), ["drive 33", "drive 33"]);
    gates[33][1].open();
    gather.pends();
    assert_eq!(log.only(&["drive", "drop driver"]), ["drive 33", "drive 33", "drop driver 33"]);
    ends.open();
    gather.pends();
    gates.iter().flatten().for_each(Gate::open);
    while gather.poll().is_pending() {}
    assert!(log.count("drop driver 0") == 2);
}

/// D13: the events of a driver in a nested group have the nested group's index, in each phase.
#[test]
fn events_of_a_nested_group() {
    ends_in_a_nested_group(0..2);
}

#[test]
fn events_of_a_nested_exit() {
    ends_in_a_nested_group(2..3);
}

fn ends_in_a_nested_group(phases: std::ops::Range<usize>) {
    for phase in phases {
        let (log, events, gates) = (Log::default(), Events::default(), [Gate::new(), Gate::new()]);
        let breaks = Gate::new();
        let inner = connect(&log, 0, [well(), well().gate(&breaks), well().gate(&Gate::new())]).driven();
        let other = slow(gates[0].clone()).drop_on_exit();
        let group = gather((other, gather((inner,)).enter().errors_into::<Error>())).observe(events.observer());
        let mut gather = Driver::new(group.with(async |_| Ok(gates[1].wait().await)));
        gather.pends();
        for gate in gates.iter().take(phase) {
            gate.open();
            gather.pends();
        }
        breaks.open();
        gather.pends();
        assert_eq!(events.of_drivers(), ["DriverEnded 1"], "phase {phase}");
        gather.pends();
        assert_eq!(events.of_drivers(), [""; 0], "phase {phase}: it is told once");
    }
}
