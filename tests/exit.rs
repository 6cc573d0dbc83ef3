//! Exiting: all together, each to its end, told the truth, and no error lost.

mod common;

use common::{Act, Gate, Log, Member, Report, Shape, assert_released, fails, well};

fn three(log: &Log, exits: [Act; 3]) -> [Member; 3] {
    let mut name = 0;
    exits.map(|exit| {
        name += 1;
        Member::new(log, name - 1, well(), exit)
    })
}

/// 8: exits begin in the poll in which the body ended, in argument order, all in flight together; none before.
fn exits_begin_together_when_the_body_has_ended<S: Shape>() {
    let log = Log::default();
    let body = Gate::new();
    let gates: [Gate; 3] = Default::default();
    let mut gather = S::three(three(&log, gates.clone().map(|gate| well().gate(&gate))), async |_| {
        body.wait().await;
        Ok(log.push("body ended"))
    });
    gather.pends();
    gather.pends();
    assert!(log.only(&["exit"]).is_empty());
    body.open();
    gather.pends();
    assert_eq!(
        log.take(),
        [
            "body ended",
            "exit 0 Completed",
            "poll exit 0",
            "exit 1 Completed",
            "poll exit 1",
            "exit 2 Completed",
            "poll exit 2"
        ]
    );
    // Each that is pending is polled once a poll, in order; its future is dropped when it is ready.
    gates[1].open();
    gather.pends();
    assert_eq!(log.take(), ["poll exit 0", "poll exit 1", "exited 1", "drop exit 1", "poll exit 2"]);
    gather.pends();
    assert_eq!(log.take(), ["poll exit 0", "poll exit 2"]);
    gates[2].open();
    gather.pends();
    gates[0].open();
    log.take();
    assert_eq!(gather.end(), Report::value(()));
    assert_eq!(log.take(), ["poll exit 0", "exited 0", "drop exit 0"]);
}

/// 8, 9, 10: exits that fail together while a third is slow and the body has failed: the slow one is driven to its end,
/// all are told the same, the body's error is the cause, and the exits' errors stand beside it.
fn exits_fail_while_another_is_slow_and_the_body_has_failed<S: Shape>() {
    let log = Log::default();
    let slow = Gate::new();
    let mut gather = S::three(three(&log, [fails("x0"), well().gate(&slow), fails("x2")]), async |_| Err::<(), _>("b"));
    gather.pends();
    gather.pends();
    slow.open();
    assert_eq!(gather.end(), Report::body("b").exits(&[(0, "x0"), (2, "x2")]));
    let log = log.take();
    assert_released(&log);
    let told: Vec<_> = log.iter().filter(|line| line.contains("Failed") || line.contains("witness")).collect();
    assert_eq!(
        told,
        ["witness 0 b", "exit 0 Failed", "witness 1 b", "exit 1 Failed", "witness 2 b", "exit 2 Failed"],
        "each is shown the error just before its exit"
    );
    assert!(log.contains(&"exited 1".to_string()));
}

/// 9: a sibling's exit that fails does not alter the case.
fn every_exit_is_told_the_same<S: Shape>() {
    let log = Log::default();
    let mut gather = S::three(three(&log, [fails("x"), well(), well()]), async |_| Ok(7));
    assert_eq!(gather.end(), Report::exit(7).exits(&[(0, "x")]));
    let told = log.only(&["Completed", "Failed", "witness"]);
    assert_eq!(told, ["exit 0 Completed", "exit 1 Completed", "exit 2 Completed"]);
}

/// 10: where only exits failed, the body's value is handed back with every error, at each index.
fn exit_errors_are_kept_by_index<S: Shape>() {
    const ERRORS: [&str; 3] = ["x0", "x1", "x2"];
    for failing in 1..8usize {
        let log = Log::default();
        let fails_at = |index: &usize| failing & (1 << index) != 0;
        let exits = [0, 1, 2].map(|index| if fails_at(&index) { fails(ERRORS[index]) } else { well() });
        let mut gather = S::three(three(&log, exits), async |_| Ok("value"));
        let faults: Vec<_> = (0..3).filter(fails_at).map(|index| (index, ERRORS[index])).collect();
        assert_eq!(gather.end(), Report::exit("value").exits(&faults));
    }
}

/// 11: the body's error is suppressed where every exit says so, and only then.
fn only_all_exits_together_suppress<S: Shape>() {
    for suppressing in 0..8usize {
        let log = Log::default();
        let members = [0, 1, 2].map(|name| {
            let member = Member::new(&log, name, well(), well());
            if suppressing & (1 << name) != 0 { member.suppress() } else { member }
        });
        let mut gather = S::three(members, async |_| Err::<(), _>("b"));
        let expected = if suppressing == 7 { Report::body("b").suppressed() } else { Report::body("b") };
        assert_eq!(gather.end(), expected);
    }
}

/// 11: nothing else is suppressed: not an error of an exit, not the body's error beside one, not an enter's.
fn nothing_else_is_suppressed<S: Shape>() {
    let log = Log::default();
    let members = |enter: Act, exit: Act| {
        let mut acts = Some((enter, exit));
        [0, 1, 2].map(|name| {
            let (enter, exit) = acts.take().unwrap_or((well(), well()));
            Member::new(&log, name, enter, exit).suppress()
        })
    };
    assert_eq!(S::three(members(well(), well()), async |_| Ok(1)).end(), Report::value(1));
    assert_eq!(S::three(members(well(), fails("x")), async |_| Ok(1)).end(), Report::exit(1).exits(&[(0, "x")]));
    let mut both = S::three(members(well(), fails("x")), async |_| Err::<(), _>("b"));
    assert_eq!(both.end(), Report::body("b").exits(&[(0, "x")]));
    assert_eq!(S::three(members(fails("e"), well()), async |_| Ok(())).end(), Report::enter(&[(0, "e")]));
}

shapes! {
    exits_begin_together_when_the_body_has_ended
    exits_fail_while_another_is_slow_and_the_body_has_failed
    every_exit_is_told_the_same
    exit_errors_are_kept_by_index
    only_all_exits_together_suppress
    nothing_else_is_suppressed
}

/// 11: with no member there is no one to suppress.
#[test]
fn an_empty_group_suppresses_nothing() {
    let failure = common::Driver::new(gather_cm::gather(()).try_with(async |()| Err::<(), _>("b"))).end().unwrap_err();
    assert!(!failure.is_suppressed());
    assert!(failure.suppressed().is_err());
    let none = std::iter::empty::<Member>();
    let array: [Member; 0] = none.collect::<Vec<_>>().try_into().ok().unwrap();
    let body = gather_cm::gather(array).try_with(async |_| Err::<(), _>("b"));
    assert!(!common::Driver::new(body).end().unwrap_err().is_suppressed());
    #[cfg(feature = "alloc")]
    {
        let body = gather_cm::gather(Vec::<Member>::new()).try_with(async |_| Err::<(), _>("b"));
        assert!(!common::Driver::new(body).end().unwrap_err().is_suppressed());
    }
}

/// 11: `suppressed` gives the swallowed error, or the failure back as it was.
#[test]
fn suppressed_gives_the_error_or_the_failure_back() {
    let log = Log::default();
    let run = |member: Member| {
        common::Driver::new(gather_cm::gather((member,)).try_with(async |_| Err::<(), _>("b"))).end().unwrap_err()
    };
    assert_eq!(run(Member::new(&log, 0, well(), well()).suppress()).suppressed().unwrap(), "b");
    let failure = run(Member::new(&log, 0, well(), fails("x"))).suppressed().unwrap_err();
    assert_eq!(failure.to_string(), "body failed: b; exit of member 0 failed: x");
}
