//! Tests of exiting: all members exit together, each exit runs to its end and receives the right case, and no error is
//! lost.

mod common;

use std::future::pending;

use common::{Act, Driver, Gate, Log, Member, Report, Shape, assert_released, fails, well};
use gather_cm::{EnterExt, gather};

fn three(log: &Log, exits: [Act; 3]) -> [Member; 3] {
    let mut name = 0;
    exits.map(|exit| {
        name += 1;
        Member::new(log, name - 1, well(), exit)
    })
}

/// 8: exits begin in the poll in which the body ended, and not before. They begin in argument order, and all are in
/// flight together.
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
    // Each poll polls each pending exit once, in order. The future of an exit is dropped when it is ready.
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

/// 8, 9, 10: two exits fail together, while a third one is slow and the body has failed. The slow exit runs to its end,
/// and all exits receive the same case. The body's error is the cause, and the failure has the exits' errors along with
/// it.
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
    let told: Vec<_> = log.iter().filter(|line| line.contains("Failed") || line.contains("on_error")).collect();
    assert_eq!(
        told,
        ["on_error 0 b", "exit 0 Failed", "on_error 1 b", "exit 1 Failed", "on_error 2 b", "exit 2 Failed"],
        "each is shown the error just before its exit"
    );
    assert!(log.contains(&"exited 1".to_string()));
}

/// 9: a sibling's exit that fails does not alter the case.
fn every_exit_is_told_the_same<S: Shape>() {
    let log = Log::default();
    let mut gather = S::three(three(&log, [fails("x"), well(), well()]), async |_| Ok(7));
    assert_eq!(gather.end(), Report::exit(7).exits(&[(0, "x")]));
    let told = log.only(&["Completed", "Failed", "on_error"]);
    assert_eq!(told, ["exit 0 Completed", "exit 1 Completed", "exit 2 Completed"]);
}

/// 10: if only exits failed, `keep_value` returns the body's value with every error, at each index.
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

/// 10: errors are in index order, whichever failed first.
fn errors_are_in_index_order<S: Shape>() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
        let log = Log::default();
        let gates: [Gate; 3] = Default::default();
        let act = |index: usize| fails(["0", "1", "2"][index]).gate(&gates[index]);
        let mut enters =
            S::three([0, 1, 2].map(|index| Member::new(&log, index, act(index), well())), async |_| Ok(()));
        enters.pends();
        let mut exits = S::three(three(&log, [0, 1, 2].map(act)), async |_| Ok(()));
        exits.pends();
        for index in order {
            gates[index].open();
            if index != order[2] {
                enters.pends();
                exits.pends();
            }
        }
        let errors = [(0, "0"), (1, "1"), (2, "2")];
        assert_eq!(enters.end(), Report::enter(&errors));
        assert_eq!(exits.end(), Report::exit(()).exits(&errors));
    }
}

/// 11: the body's error is suppressed if every exit says so, and only then.
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

/// 11: nothing else is suppressed. The error of an exit is not, nor is the body's error along with it, nor is the error
/// of an enter.
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
    errors_are_in_index_order
    only_all_exits_together_suppress
    nothing_else_is_suppressed
}

/// 11: an empty group has no member that could suppress.
#[test]
fn an_empty_group_suppresses_nothing() {
    let failure = Driver::new(gather(()).with_own_error(async |()| Err::<(), _>("b"))).end().unwrap_err();
    assert!(!failure.is_suppressed());
    assert!(failure.into_suppressed().is_err());
    let none = std::iter::empty::<Member>();
    let array: [Member; 0] = none.collect::<Vec<_>>().try_into().ok().unwrap();
    let body = gather(array).with(async |_| Err::<(), _>("b"));
    assert!(!Driver::new(body).end().unwrap_err().is_suppressed());
    #[cfg(feature = "alloc")]
    {
        let body = gather(Vec::<Member>::new()).with(async |_| Err::<(), _>("b"));
        assert!(!Driver::new(body).end().unwrap_err().is_suppressed());
    }
}

/// 11: `into_suppressed` returns the suppressed error, or the failure as it was.
#[test]
fn suppressed_gives_the_error_or_the_failure_back() {
    let log = Log::default();
    let run = |member: Member| Driver::new(gather((member,)).with(async |_| Err::<(), _>("b"))).end().unwrap_err();
    assert_eq!(run(Member::new(&log, 0, well(), well()).suppress()).into_suppressed().unwrap(), "b");
    let failure = run(Member::new(&log, 0, well(), fails("x"))).into_suppressed().unwrap_err();
    assert_eq!(failure.to_string(), "body failed: b; exit of member 0 failed: x");
}

/// The error of groups that have nested groups among their members.
#[derive(Debug, PartialEq)]
struct Text(String);

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::fmt::Display, S: gather_cm::Shape> From<gather_cm::Failure<E, S>> for Text {
    fn from(failure: gather_cm::Failure<E, S>) -> Self {
        Self(failure.to_string())
    }
}

impl From<&'static str> for Text {
    fn from(error: &'static str) -> Self {
        Self(error.into())
    }
}

/// Runs a block for an empty nested group that is a tuple, an array and a `Vec`. `empty()` makes one.
macro_rules! each_empty {
    (|$empty:ident| $run:block) => {{
        {
            let $empty = || async { gather(()).enter().await }.errors_into::<Text>();
            $run
        }
        {
            let $empty =
                || async { gather([(); 0].map(|()| -> Member { unreachable!() })).enter().await }.errors_into::<Text>();
            $run
        }
        #[cfg(feature = "alloc")]
        {
            let $empty = || async { gather(Vec::<Member>::new()).enter().await }.errors_into::<Text>();
            $run
        }
    }};
}

/// 11: an empty nested group does not count. It does not block suppression, and by itself it suppresses nothing.
#[test]
fn an_empty_nested_group_does_not_count() {
    let answer = |answer| async { Ok(()) }.exit_with(async move |(), _| answer).errors_into::<Text>();
    let (yes, no, bad) = (|| answer(Ok(true)), || answer(Ok(false)), || answer(Err("x")));
    macro_rules! suppressed {
        ($pool:literal, $stack:literal, $($member:expr),*) => {{
            let failure = Driver::new(gather(($($member,)*)).with(async |_| Err::<(), _>(Text("b".into())))).end().unwrap_err();
            assert_eq!(failure.is_suppressed(), $pool, stringify!($($member),*));
            let failure = Driver::new(gather(($($member,)*)).stack().with(async |_| Err::<(), _>(Text("b".into())))).end().unwrap_err();
            let stacked = concat!("stack of ", stringify!($($member),*));
            assert_eq!(failure.is_suppressed(), $stack, "{stacked}");
        }};
    }
    each_empty!(|empty| {
        suppressed!(true, true, yes(), empty());
        suppressed!(true, true, empty(), yes());
        suppressed!(true, true, empty(), yes(), empty());
        suppressed!(false, false, empty());
        suppressed!(false, false, empty(), empty());
        suppressed!(false, false, no(), empty());
        suppressed!(false, false, empty(), bad());
        // An adapter passes it on.
        suppressed!(true, true, yes(), empty().exit_within(async || pending().await).errors_into::<Text>());
        // A group that has only empty groups is empty.
        let nested = || async { gather((empty(), empty())).enter().await }.errors_into::<Text>();
        suppressed!(true, true, nested(), yes());
        suppressed!(false, false, nested());
        // A group that has a member is not empty.
        let full = || async { gather((empty(), no())).enter().await }.errors_into::<Text>();
        suppressed!(false, true, full(), yes());
        let full = || async { gather((empty(), yes())).stack().enter().await }.errors_into::<Text>();
        suppressed!(true, true, full(), yes());
        suppressed!(true, true, full());
        #[cfg(feature = "alloc")]
        {
            let boxed = || async { gather((empty(),)).enter().await.map(Box::new) }.errors_into::<Text>();
            suppressed!(true, true, boxed(), yes());
            suppressed!(false, false, boxed());
        }
    });
}

/// 11: the same holds in an array and in a `Vec`, whose members are nested groups of different lengths.
#[test]
#[cfg(feature = "alloc")]
fn an_empty_nested_group_in_an_array_and_a_vec() {
    let log = Log::default();
    // `None` makes an empty group. Otherwise the group has one member, which suppresses or does not.
    let nested = |suppresses: Option<bool>| {
        let member = suppresses.map(|suppresses| {
            let member = Member::new(&log, 0, well(), well());
            if suppresses { member.suppress() } else { member }
        });
        async move { gather(Vec::from_iter(member)).enter().await }
    };
    for (a, b, expected) in [
        (Some(true), None, true),
        (None, Some(true), true),
        (Some(false), None, false),
        (None, Some(false), false),
        (None, None, false),
        (Some(true), Some(true), true),
    ] {
        each_shape!([nested(a), nested(b)], |gather| {
            let failure = Driver::new(gather.with_own_error(async |_| Err::<(), _>("b"))).end().unwrap_err();
            assert_eq!(failure.is_suppressed(), expected, "{a:?} {b:?}");
        });
    }
}

/// 11: if you call the exit of an empty group by hand, it returns `Propagate`, however deep the group is nested.
#[test]
fn the_exit_of_an_empty_group_propagates() {
    use gather_cm::{Exit, ExitCase, Verdict};
    macro_rules! propagates {
        ($group:expr) => {
            for case in [ExitCase::Failed, ExitCase::Completed] {
                let entered = Driver::new(gather($group).enter()).end().unwrap();
                assert_eq!(Driver::new(entered.exit(case)).end().unwrap(), Verdict::Propagate);
                let entered = Driver::new(gather($group).stack().enter()).end().unwrap();
                assert_eq!(Driver::new(entered.exit(case)).end().unwrap(), Verdict::Propagate);
            }
        };
    }
    propagates!(());
    propagates!([(); 0].map(|()| -> Member { unreachable!() }));
    #[cfg(feature = "alloc")]
    propagates!(Vec::<Member>::new());
    each_empty!(|empty| {
        propagates!((empty(), empty()));
        propagates!([empty(), empty()]);
        #[cfg(feature = "alloc")]
        propagates!(vec![empty()]);
    });
}
