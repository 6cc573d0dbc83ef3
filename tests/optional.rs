//! 24: tests of optional members. Their failed enters do not fail the group.

mod common;

#[cfg(feature = "alloc")]
use std::task::Poll;
use std::{any::Any, cell::RefCell, future::pending};

#[cfg(feature = "std")]
use common::panics;
use common::{Driver, Gate, Log, Member, Report, Why, assert_released, fails, well};
use gather_cm::{EnterExt, Entered, Event, Exit, ExitCase, Failure, Optional, Shape, gather};

/// A resource, or the error of its enter.
type Slot = Optional<common::Resource, &'static str>;

fn absent(log: &Log, name: usize) -> Member {
    Member::new(log, name, fails("absent"), well())
}

fn present(log: &Log, name: usize) -> Member {
    Member::new(log, name, well(), well())
}

fn drive<'a, R: 'a, S: Shape>(
    future: impl Future<Output = Result<R, Failure<&'static str, S>>> + 'a,
) -> Driver<'a, Report<R>> {
    Driver::new(async { Report::plain(future.await) })
}

fn lines(log: &Log) -> Vec<String> {
    log.take().into_iter().filter(|line| !line.contains("poll") && !line.starts_with("drop")).collect()
}

/// Events as text.
fn observer(events: &RefCell<Vec<String>>) -> impl FnMut(Event) {
    |event| events.borrow_mut().push(format!("{event:?}").replace(" { index:", "").replace(" }", "").replace(" {", ""))
}

/// Runs a block for each shape: `$gather` is a gather of an absent, a present and another absent member.
macro_rules! each {
    ($log:ident, |$gather:ident| $run:expr) => {
        each_shape!(
            [absent(&$log, 0).optional(), present(&$log, 1).optional(), absent(&$log, 2).optional()],
            |$gather| $run
        )
    };
}

/// The body receives each member, present or absent, and only members that entered are exited.
#[test]
fn the_body_gets_them() {
    let log = Log::default();
    fn check(slot: &mut Slot, entered: bool) {
        assert_eq!(slot.is_entered(), entered);
        assert_eq!(slot.as_mut().map(|resource| resource.name()), entered.then_some(1));
        assert_eq!(slot.error(), (!entered).then_some(&"absent"));
    }
    let members = || [absent(&log, 0), present(&log, 1), absent(&log, 2)].map(EnterExt::optional);
    let [a, b, c] = members();
    let mut tuple = drive(gather((a, b, c)).with(async |(a, b, c)| {
        [(a, false), (b, true), (c, false)].into_iter().for_each(|(slot, entered)| check(slot, entered));
        Ok(7)
    }));
    assert_eq!(tuple.end(), Report::value(7));
    let mut array = drive(gather(members()).with(async |all| {
        all.into_iter().enumerate().for_each(|(index, slot)| check(slot, index == 1));
        Ok(7)
    }));
    assert_eq!(array.end(), Report::value(7));
    #[cfg(feature = "alloc")]
    {
        let mut vec = drive(gather(Vec::from(members())).with(async |all| {
            all.iter_mut().enumerate().for_each(|(index, slot)| check(slot, index == 1));
            Ok(7)
        }));
        assert_eq!(vec.end(), Report::value(7));
    }
    let shapes = if cfg!(feature = "alloc") { 3 } else { 2 };
    let once = ["enter 0", "enter 1", "entered 1", "enter 2", "exit 1 Completed", "exited 1"];
    assert_eq!(lines(&log), once.repeat(shapes));
}

/// The observer receives `EnterFailed`, and no event of an exit. `on_error` is not called on an absent member.
#[test]
fn events() {
    let log = Log::default();
    each!(log, |gather| {
        let events = RefCell::new(vec![]);
        let mut running = drive(gather.observe(observer(&events)).with(async |_| Err::<(), _>("b")));
        assert_eq!(running.end(), Report::body("b"));
        drop(running);
        let expected = [
            "EnterStarted 0",
            "EnterFailed 0",
            "EnterStarted 1",
            "Entered 1",
            "EnterStarted 2",
            "EnterFailed 2",
            "BodyStarted",
            "BodyEnded case: Failed",
            "ExitStarted 1",
            "Exited 1",
        ];
        assert_eq!(events.take(), expected);
        let expected = ["enter 0", "enter 1", "entered 1", "enter 2", "on_error 1 b", "exit 1 Failed", "exited 1"];
        assert_eq!(lines(&log), expected);
    });
}

/// The gather is dropped while a member enters, and during an exit. The observer receives no event of the absent
/// members.
#[test]
fn events_of_a_drop() {
    dropped_in([0, 2]);
}

#[test]
fn events_of_a_drop_in_the_body() {
    dropped_in([1, 1]);
}

fn dropped_in(phases: [usize; 2]) {
    let log = Log::default();
    for phase in phases {
        let [enter, ends, exit] = [Gate::new(), Gate::new(), Gate::new()];
        let slow = || Member::new(&log, 1, well().gate(&enter), well().gate(&exit)).optional();
        each_shape!([absent(&log, 0).optional(), slow(), absent(&log, 2).optional()], |gather| {
            let events = RefCell::new(vec![]);
            let mut running = drive(gather.observe(observer(&events)).with(async |_| Ok(ends.wait().await)));
            running.pends();
            for gate in [&enter, &ends].into_iter().take(phase) {
                gate.open();
                running.pends();
            }
            events.take();
            running.drop();
            let expected: &[&str] = match phase {
                0 => &["EnterDropped 1"],
                1 => &["BodyDropped", "Abandoned 1"],
                _ => &["ExitDropped 1"],
            };
            assert_eq!(events.take(), expected, "phase {phase}");
        });
    }
}

/// 11: an absent member does not count, so the others suppress. If all are absent, nothing is suppressed.
#[test]
fn suppression() {
    let log = Log::default();
    for suppress in [true, false] {
        let one = || {
            let member = present(&log, 1);
            if suppress { member.suppress() } else { member }.optional()
        };
        each_shape!([absent(&log, 0).optional(), one(), absent(&log, 2).optional()], |gather| {
            let report = drive(gather.with(async |_| Err::<(), _>("b"))).end();
            assert_eq!(report, if suppress { Report::body("b").suppressed() } else { Report::body("b") });
        });
    }
    each_shape!([absent(&log, 0).optional(), absent(&log, 1).optional()], |gather| {
        assert_eq!(drive(gather.with(async |_| Err::<(), _>("b"))).end(), Report::body("b"));
    });
    each_shape!([absent(&log, 0).optional(), absent(&log, 1).optional()], |gather| {
        assert_eq!(drive(gather.with(async |_| Ok(7))).end(), Report::value(7));
    });
}

/// 11: a nested group counts as its members, and an absent one does not count.
#[test]
fn nested() {
    for inside in [true, false] {
        let log = Log::default();
        let inner = gather([if inside { present(&log, 0).suppress() } else { absent(&log, 0) }.optional()]).enter();
        let other = present(&log, 1).suppress().errors_into::<Text>();
        let outer = gather((inner.errors_into::<Text>(), other));
        let failure = Driver::new(outer.with(async |_| Err::<(), _>(Text))).end().unwrap_err();
        assert!(failure.is_suppressed());
        assert_released(&log.everything());
    }
    // The nested group as a whole is absent.
    let log = Log::default();
    let inner = gather((absent(&log, 0),)).enter().errors_into::<Text>().optional();
    let outer = gather((inner, present(&log, 1).errors_into::<Text>()));
    let result = Driver::new(outer.with(async |(inner, _)| Ok(inner.is_entered()))).end();
    assert_eq!(result.ok(), Some(false));
}

#[derive(Debug, PartialEq)]
struct Text;

impl From<&'static str> for Text {
    fn from(_: &'static str) -> Self {
        Self
    }
}

impl<E, S: Shape> From<Failure<E, S>> for Text {
    fn from(_: Failure<E, S>) -> Self {
        Self
    }
}

/// 12, 13: a stack and a limit pass absent members by.
#[test]
fn stack_and_limit() {
    let log = Log::default();
    let members = || [present(&log, 0), absent(&log, 1), present(&log, 2)].map(EnterExt::optional);
    let exits = |first: i32, last: i32| {
        [first, last].map(|name| [format!("exit {name} Completed"), format!("exited {name}")]).concat()
    };
    macro_rules! check {
        ($first:literal, $last:literal, $($policy:tt)*) => {
            let [a, b, c] = members();
            log.take();
            assert_eq!(drive(gather((a, b, c))$($policy)*.with(async |_| Ok(7))).end(), Report::value(7));
            assert_eq!(lines(&log)[5..], exits($first, $last));
            assert_eq!(drive(gather(members())$($policy)*.with(async |_| Ok(7))).end(), Report::value(7));
            assert_eq!(lines(&log)[5..], exits($first, $last));
            #[cfg(feature = "alloc")]
            {
                assert_eq!(drive(gather(Vec::from(members()))$($policy)*.with(async |_| Ok(7))).end(), Report::value(7));
                assert_eq!(lines(&log)[5..], exits($first, $last));
            }
        };
    }
    check!(2, 0, .stack());
    check!(2, 0, .in_reverse());
    check!(0, 2, .exit_limit(1));
    check!(0, 2, .fair().exit_limit(1));
}

/// The same holds in a large `Vec`.
#[test]
#[cfg(feature = "alloc")]
fn of_many() {
    for (policy, all) in [(0, false), (1, false), (2, false), (3, false), (0, true), (1, true), (2, true), (3, true)] {
        let log = Log::default();
        let gates: Vec<_> = (0..100).map(|_| Gate::new()).collect();
        let member = |name: usize| {
            let enter = if all || name % 3 == 0 { fails("absent") } else { well() };
            Member::new(&log, name, enter.gate(&gates[name]), well()).optional()
        };
        let group = gather((0..100).map(member).collect::<Vec<_>>());
        let body = async || Ok::<_, &str>(7);
        let mut running = match policy {
            0 => drive(group.with(async |_| body().await)),
            1 => drive(group.stack().with(async |_| body().await)),
            2 => drive(group.in_reverse().exit_limit(2).with(async |_| body().await)),
            _ => drive(group.exit_limit(3).enter_limit(5).with(async |_| body().await)),
        };
        running.pends();
        gates.iter().for_each(Gate::open);
        let report = loop {
            if let Poll::Ready(report) = running.poll() {
                break report;
            }
        };
        assert_eq!(report, Report::value(7));
        let log = log.everything();
        let exited = log.iter().filter(|line| line.starts_with("exited")).count();
        assert_eq!(exited, if all { 0 } else { 66 }, "{policy}");
    }
}

/// If other members fail, the exits of the group receive that. No exit receives the error of an optional member.
#[test]
fn beside_a_failure() {
    let log = Log::default();
    // The two kinds have types of their own.
    let (a, b) = (absent(&log, 0).optional(), present(&log, 1).optional());
    let c = Member::new(&log, 2, fails("e"), well());
    let mut running = drive(gather((a, b, c)).eager_rollback().with(async |_| Ok(7)));
    assert_eq!(running.end(), Report::enter(&[(2, "e")]));
    assert_eq!(log.only(&["exit ", "on_error"])[..2], ["on_error 1 e", "exit 1 EnterFailed"]);
    // No member is held that could exit while an enter is pending.
    let gate = Gate::new();
    let group = (
        absent(&log, 0).optional(),
        Member::new(&log, 1, fails("e"), well()),
        Member::new(&log, 2, well().gate(&gate), well()),
    );
    let mut running = drive(gather(group).eager_rollback().with(async |_| Ok(7)));
    running.pends();
    gate.open();
    assert_eq!(running.end(), Report::enter(&[(1, "e")]));
    // A stop cancels the group.
    let stop = Gate::new();
    let mut running =
        drive(gather([absent(&log, 0).optional()]).cancel_on(stop.wait()).with(async |_| Ok(pending::<()>().await)));
    running.pends();
    stop.open();
    assert_eq!(running.end(), Report { why: Why::Cancelled, exits: vec![], suppressed: false });
}

/// A panic is not swallowed.
#[test]
#[cfg(feature = "std")]
fn a_panic() {
    let log = Log::default();
    let panics = || Member::new(&log, 1, panics("p"), well()).optional();
    each_shape!([present(&log, 0).optional(), panics()], |gather| {
        let report = drive(gather.catch_unwind().with(async |_| Ok(log.push("body")))).end();
        assert_eq!(report.why, Why::Panicked("p".into()));
        assert_eq!((log.count("body"), log.count("exit 0 Panicked")), (0, 1));
        log.take();
    });
}

/// 17: the error's destructor panics, at the end of the life cycle and in a drop.
#[test]
#[cfg(feature = "std")]
fn the_errors_destructor() {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[derive(Debug)]
    struct Bomb(bool);
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(!self.0, "bomb");
        }
    }
    let member = || async { Err::<u8, _>(Bomb(true)) }.drop_on_exit().optional();
    let exits = RefCell::new(0);
    let other = || {
        async { Ok::<_, Bomb>(2) }
            .exit_with(async |_, _| {
                *exits.borrow_mut() += 1;
                Ok(())
            })
            .optional()
    };
    let mut running = Driver::new(gather((member(), other(), member())).catch_unwind().with(async |_| Ok(7)));
    let failure = running.end().unwrap_err();
    assert_eq!(failure.to_string_lossy(), "bomb");
    assert_eq!(*exits.borrow(), 1);

    for polls in [0, 1] {
        let mut running = Driver::new(gather([member(), member()]).with(async |_| Ok(pending::<()>().await)));
        (0..polls).for_each(|_| running.pends());
        let dropped = catch_unwind(AssertUnwindSafe(|| running.drop()));
        assert_eq!(dropped.is_err(), polls > 0);
    }
}

#[cfg(feature = "std")]
trait Lossy {
    fn to_string_lossy(self) -> String;
}

#[cfg(feature = "std")]
impl<E, S: Shape> Lossy for Failure<E, S> {
    fn to_string_lossy(self) -> String {
        let gather_cm::Cause::Panicked(panic) = self.cause else { panic!("no panic") };
        common::message(&*panic.into_payload()).to_string()
    }
}

/// `errors_into` and `exit_within` work around `optional`, and inside of it.
#[test]
fn adapters() {
    for enters in [true, false] {
        let log = Log::default();
        let member = || if enters { present(&log, 1) } else { absent(&log, 1) };
        let a = member().optional().errors_into::<&str>();
        let b = member().errors_into::<&str>().optional();
        let c = member().optional().exit_within(async || pending().await);
        let d = member().enter_within(async || pending().await).exit_within(async || pending().await).optional();
        let events = RefCell::new(vec![]);
        let group = gather((a, b, c, d)).stack().observe(observer(&events));
        let mut running = drive(
            group.with(async |(a, b, c, d)| Ok([a.is_entered(), b.is_entered(), c.is_entered(), d.is_entered()])),
        );
        assert_eq!(running.end(), Report::value([enters; 4]));
        drop(running);
        assert_eq!(log.only(&["exited"]).len(), if enters { 4 } else { 0 });
        let events = events.take();
        let count = |what: &str| events.iter().filter(|line| line.starts_with(what)).count();
        let (good, bad) = if enters { (4, 0) } else { (0, 4) };
        assert_eq!((count("Entered"), count("EnterFailed"), count("ExitStarted")), (good, bad, good), "{events:?}");
    }
}

/// The group is entered without a body, and exited by hand.
#[test]
fn in_two_halves() {
    let log = Log::default();
    each!(log, |gather| {
        log.take();
        let group = Driver::new(gather.enter()).end().unwrap_or_else(|_| panic!("it enters"));
        let mut exits = Driver::new(group.exit(ExitCase::Failed));
        assert!(exits.end().is_ok());
        assert_eq!(log.only(&["Failed"]), ["exit 1 Failed"]);
    });
    let group = Driver::new(gather((absent(&log, 0).optional(), present(&log, 1).optional())).enter()).end().unwrap();
    let (a, b) = Entered::into_inner(group);
    assert_eq!(Optional::into_inner(a).err(), Some("absent"));
    let mut resource = Optional::into_inner(b).unwrap_or_else(|_| panic!("it entered"));
    resource.on_error(&"shown" as &dyn Any);
    resource.abandon();
    assert_eq!(log.count("on_error 1 shown"), 1);
}

/// Absent members leave nothing to do in a drop, or in the cleanup of a shielded gather.
#[test]
#[cfg(feature = "alloc")]
fn shielded() {
    for all in [true, false] {
        let (log, cleanup) = (Log::default(), RefCell::new(None));
        let other = if all { absent(&log, 1) } else { present(&log, 1) };
        let group = gather((absent(&log, 0).optional(), other.optional())).shield();
        let spawn = |future| *cleanup.borrow_mut() = Some(drive(future));
        let mut running = drive(group.with(async |_| Ok(pending::<()>().await)).on_drop(spawn));
        running.pends();
        running.drop();
        drop(running);
        assert_eq!(cleanup.borrow().is_none(), all);
        if let Some(mut cleanup) = cleanup.take() {
            assert_eq!(cleanup.end(), Report::value(()));
            assert_eq!(log.count("exit 1 Cancelled"), 1);
        }
    }
}

/// 15, 24: an optional member that has entered is abandoned like any other if the gather is dropped.
#[test]
fn it_is_abandoned() {
    let log = Log::default();
    let member = |name| Member::new(&log, name, well(), well().gate(&Gate::new())).optional();
    each_shape!([member(0), member(1)], |gather| {
        let mut driver = Driver::new(gather.exit_limit(1).with(async |_| Ok(())));
        driver.pends();
        driver.drop();
        assert_eq!(log.only(&["abandon", "LEAK"]), ["abandon 1"]);
    });
}
