//! A deadline a member, for its enter and for its exit: a report names exactly who hung.

mod common;

use common::{Driver, Gate, Log, Member, assert_released, events, fails, well};
use gather_cm::{EnterExt, gather};

/// The enter of a slow member is dropped when its deadline passes; the others are not touched.
#[test]
fn a_late_enter_is_dropped() {
    let log = Log::default();
    let (deadline, other) = (Gate::new(), Gate::new());
    let late = async || {
        log.push("deadline begins");
        deadline.wait().await;
        "too late"
    };
    let slow = Member::new(&log, 0, well().gate(&Gate::new()), well()).enter_within(late);
    let fine = Member::new(&log, 1, well().gate(&other), well()).enter_within(async || std::future::pending().await);
    let group = gather((slow, fine));
    assert_eq!(log.take(), [""; 0], "a deadline does not begin before its member does");
    let mut gather = Driver::new(group.with(async |_| ()));
    gather.pends();
    assert_eq!(log.take(), ["enter 0", "poll enter 0", "deadline begins", "enter 1", "poll enter 1"]);
    deadline.open();
    gather.pends();
    assert_eq!(log.take(), ["poll enter 0", "drop enter 0", "poll enter 1"]);
    other.open();
    let failure = gather.end().unwrap_err();
    assert_eq!(failure.to_string(), "enter of member 0 failed: too late");
    assert_released(&log.take());
}

/// A member that is ready in the poll in which its deadline passes has entered; in time, the deadline is dropped.
#[test]
fn just_in_time() {
    let log = Log::default();
    let both = Gate::new();
    let member = Member::new(&log, 0, well().gate(&both), well().gate(&both))
        .enter_within(async || {
            both.wait().await;
            "late enter"
        })
        .exit_within(async || {
            both.wait().await;
            "late exit"
        });
    let mut gather = Driver::new(gather([member]).with(async |_| ()));
    gather.pends();
    both.open();
    gather.end().unwrap();
}

/// An enter that fails by itself fails with its own error, at once.
#[test]
fn a_failed_enter_does_not_wait_for_its_deadline() {
    let log = Log::default();
    let member = Member::new(&log, 0, fails("e"), well()).enter_within(async || std::future::pending().await);
    let failure = Driver::new(gather((member,)).with(async |_| ())).end().unwrap_err();
    assert_eq!(failure.to_string(), "enter of member 0 failed: e");
}

/// The exit of a slow member is dropped when its deadline passes, with the resource inside; the others are not touched,
/// and one that fails fast does not make the group wait for a deadline.
#[test]
fn a_late_exit_is_dropped() {
    let log = Log::default();
    let deadline = Gate::new();
    let never = Gate::new();
    let slow = Member::new(&log, 0, well(), well().gate(&never)).exit_within(async || {
        deadline.wait().await;
        "hangs"
    });
    let bad = Member::new(&log, 1, well(), fails("x1")).exit_within(async || std::future::pending().await);
    let fine = Member::new(&log, 2, well(), well()).exit_within(async || std::future::pending().await);
    let mut gather = Driver::new(gather((slow, bad, fine)).with(async |_| 5));
    gather.pends();
    assert_eq!(events(&log)[6..], ["exit 0 Completed", "exit 1 Completed", "exited 1", "exit 2 Completed", "exited 2"]);
    deadline.open();
    let failure = gather.end().unwrap_err();
    assert_eq!(failure.to_string(), "exit of member 0 failed: hangs; exit of member 1 failed: x1");
    assert_eq!(log.take(), ["poll exit 0", "drop exit 0"]);
}

/// A deadline of an exit begins when the exit does: not while it waits for a place.
#[test]
fn a_queued_exit_does_not_lose_time() {
    let log = Log::default();
    let exit = Gate::new();
    let begun = std::cell::Cell::new(false);
    let first = Member::new(&log, 0, well(), well().gate(&exit))
        .exit_with(async |resource, case| gather_cm::Exit::exit(resource, case).await);
    let second = Member::new(&log, 1, well(), well()).exit_within(async || {
        begun.set(true);
        std::future::pending().await
    });
    let mut gather = Driver::new(gather((first, second)).exit_limit(1.try_into().unwrap()).with(async |_| ()));
    gather.pends();
    assert!(!begun.get());
    exit.open();
    gather.end().unwrap();
}

/// The verdict passes through, and so do `witness` and `abandon`; the value derefs, and comes back.
#[test]
fn it_wraps_a_resource() {
    let log = Log::default();
    let member = |name| {
        Member::new(&log, name, well(), well())
            .suppress()
            .enter_within(async || std::future::pending().await)
            .exit_within(async || std::future::pending().await)
    };
    let failure = Driver::new(gather((member(0),)).try_with(async |_| Err::<(), _>("b"))).end().unwrap_err();
    assert!(failure.is_suppressed());
    assert_eq!(log.count("witness 0 b"), 1);
    let mut gather = Driver::new(gather((member(1),)).with(async |(value,)| {
        assert_eq!(value.name(), 1);
        std::future::pending::<()>().await
    }));
    gather.pends();
    gather.drop();
    assert_eq!(log.count("abandon 1"), 1);
    let value = Driver::new(member(2).into_future()).end().unwrap().into_inner();
    gather_cm::Exit::abandon(value);
    assert_released(&log.take());
}

/// Deadlines and their members can be spawned where their parts can.
#[test]
fn deadlines_can_be_spawned() {
    let member = || {
        async { Ok::<_, String>(1) }
            .drop_on_exit()
            .enter_within(async || std::future::pending().await)
            .exit_within(async || std::future::pending().await)
    };
    assert_eq!(smol::block_on(smol::spawn(gather((member(), member())).with(async |(a, b)| ***a + ***b))).unwrap(), 2);
    smol::block_on(smol::spawn(async move { gather([member()]).with(async |_| ()).await })).unwrap();
}
