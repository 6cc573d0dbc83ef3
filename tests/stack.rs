//! Tests of exits that run one at a time, last entered first, or in reverse argument order. Each receives how the exits
//! before it ended, as in Python's `AsyncExitStack`.

mod common;

use std::cell::RefCell;

use common::{
    Driver, Gate, Log, Member, Order, Policed, Report, Rollback, Setup, assert_released, events, fails, members, well,
};

/// The orders with one exit at a time.
const ORDERS: [Order; 2] = [Order::Stack, Order::InReverse];

fn one_at_a_time(order: Order) -> Setup {
    Setup { order, ..Setup::default() }
}

/// 12: exits run one at a time. In a stack, the member that entered last exits first. With `in_reverse`, the last
/// argument does.
fn last_entered_first<S: Policed>() {
    for (order, [first, second, third]) in [(Order::Stack, [0, 2, 1]), (Order::InReverse, [2, 1, 0])] {
        let log = Log::default();
        let enters: [Gate; 3] = Default::default();
        let exits: [Gate; 3] = Default::default();
        let acts = [0, 1, 2].map(|index| (well().gate(&enters[index]), well().gate(&exits[index])));
        let mut gather = S::run(members(&log, acts), &one_at_a_time(order), &log, well());
        gather.pends();
        for index in [1, 2, 0] {
            enters[index].open();
            gather.pends();
        }
        assert_eq!(log.only(&["entered", "body", "exit "]).last().unwrap(), &format!("poll exit {first}"));
        for (index, next) in [(first, second), (second, third)] {
            exits[index].open();
            gather.pends();
            assert_eq!(events(&log), [format!("exited {index}"), format!("exit {next} Completed")]);
        }
        exits[third].open();
        assert_eq!(gather.end(), Report::value(7));
    }
}

/// 12: members that enter in one poll are ranked in argument order.
fn ready_members_exit_in_reverse<S: Policed>() {
    for order in ORDERS {
        let log = Log::default();
        let mut gather = S::run(
            members(&log, [(well(), well()), (well(), well()), (well(), well())]),
            &one_at_a_time(order),
            &log,
            well(),
        );
        assert_eq!(gather.end(), Report::value(7));
        assert_eq!(log.only(&["Completed"]), ["exit 2 Completed", "exit 1 Completed", "exit 0 Completed"]);
        assert_eq!(gather.wakes.count(), 0);
    }
}

/// 12: after an exit that returns `Suppress` the rest receive `Completed`, and after an exit that fails they receive
/// `Failed`.
fn each_sees_how_the_ones_before_it_ended<S: Policed>() {
    // (the body, what the exits of 2, 1 and 0 do, what they receive, whether the body's error is suppressed)
    type Exits = [&'static str; 3];
    let cases: [(bool, Exits, Exits, bool); 9] = [
        (true, ["", "", ""], ["Completed", "Completed", "Completed"], false),
        (true, ["fails", "", ""], ["Completed", "Failed", "Failed"], false),
        (true, ["fails", "suppresses", ""], ["Completed", "Failed", "Completed"], false),
        (true, ["suppresses", "", ""], ["Completed", "Completed", "Completed"], false),
        (false, ["", "", ""], ["Failed", "Failed", "Failed"], false),
        (false, ["", "suppresses", ""], ["Failed", "Failed", "Completed"], true),
        (false, ["suppresses", "fails", ""], ["Failed", "Completed", "Failed"], false),
        (false, ["fails", "suppresses", ""], ["Failed", "Failed", "Completed"], false),
        (false, ["suppresses", "fails", "suppresses"], ["Failed", "Completed", "Failed"], false),
    ];
    for ((well_body, exits, told, suppressed), order) in
        cases.into_iter().flat_map(|case| ORDERS.map(|order| (case, order)))
    {
        let log = Log::default();
        let members = [2, 1, 0].map(|place: usize| {
            let exit = if exits[place] == "fails" { fails("x") } else { well() };
            let member = Member::new(&log, 2 - place, well(), exit);
            if exits[place] == "suppresses" { member.suppress() } else { member }
        });
        let body = if well_body { well() } else { fails("b") };
        let report = S::run(members, &one_at_a_time(order), &log, body).end();
        let faults: Vec<_> =
            (0..3).rev().filter(|place| exits[*place] == "fails").map(|place| (2 - place, "x")).collect();
        let expected = match (well_body, faults.is_empty()) {
            (true, true) => Report::value(7),
            (true, false) => Report::exit(7).exits(&faults),
            (false, _) => Report::body("b").exits(&faults),
        };
        let expected = if suppressed { expected.suppressed() } else { expected };
        assert_eq!(report, expected, "{exits:?}");
        let expected: Vec<_> = (0..3).map(|place| format!("exit {} {}", 2 - place, told[place])).collect();
        assert_eq!(log.only(&["Completed", "Failed"]), expected, "{exits:?}");
    }
}

/// 12: after an exit has suppressed the error, the later exits are not shown it any more.
fn a_suppressed_error_is_not_shown<S: Policed>() {
    for order in ORDERS {
        let log = Log::default();
        let members = [
            Member::new(&log, 0, well(), well()),
            Member::new(&log, 1, well(), well()).suppress(),
            Member::new(&log, 2, well(), well()),
        ];
        assert_eq!(S::run(members, &one_at_a_time(order), &log, fails("b")).end(), Report::body("b").suppressed());
        assert_eq!(log.only(&["on_error"]), ["on_error 2 b", "on_error 1 b"]);

        // If an exit fails after that, the rest receive `Failed`, and are still not shown the body's error.
        let members = [
            Member::new(&log, 0, well(), well()),
            Member::new(&log, 1, well(), fails("x1")),
            Member::new(&log, 2, well(), well()).suppress(),
        ];
        S::run(members, &one_at_a_time(order), &log, fails("b")).end();
        assert_eq!(log.only(&["on_error", "Failed"]), ["on_error 2 b", "exit 2 Failed", "exit 0 Failed"]);
    }
}

/// 12: `EnterFailed` and `Cancelled` stay as they are, whatever the exits do.
fn some_cases_never_change<S: Policed>() {
    let log = Log::default();
    let group = |last: common::Act| {
        [
            Member::new(&log, 0, well(), well()),
            Member::new(&log, 1, well(), fails("x")).suppress(),
            Member::new(&log, 2, well(), well()).suppress(),
            Member::new(&log, 3, last, well()),
        ]
    };
    let failed = [
        Driver::new(gather_cm::gather(group(fails("e"))).stack().with(async |_| Ok(()))).end(),
        Driver::new(gather_cm::gather(group(fails("e"))).in_reverse().with(async |_| Ok(()))).end(),
    ];
    for result in failed {
        assert_eq!(result.unwrap_err().to_string(), "enter of member 3 failed: e; exit of member 1 failed: x");
    }
    let one_after_the_other = [
        "on_error 2 e",
        "exit 2 EnterFailed",
        "on_error 1 e",
        "exit 1 EnterFailed",
        "on_error 0 e",
        "exit 0 EnterFailed",
    ];
    assert_eq!(log.only(&["on_error", "EnterFailed"]), [one_after_the_other; 2].concat());

    for order in ORDERS {
        let setup = one_at_a_time(order);
        let [a, b, c, _] = group(well());
        let mut gather = S::run([a, b, c], &setup, &log, well().gate(&Gate::new()));
        gather.pends();
        setup.stop.open();
        assert_eq!(gather.end().exits, [(1, "x")]);
        assert_eq!(log.only(&["Cancelled"]), ["exit 2 Cancelled", "exit 1 Cancelled", "exit 0 Cancelled"]);
    }
}

/// 12: after an exit's panic the rest receive `Panicked`, and the case stays so.
#[cfg(feature = "std")]
fn after_a_panic<S: Policed>() {
    use common::{Why, panics};
    for (make, order) in [false, true].into_iter().flat_map(|make| ORDERS.map(|order| (make, order))) {
        let log = Log::default();
        let bad = if make { well().make_panics() } else { panics("x2") };
        let members = [
            Member::new(&log, 0, well(), well()),
            Member::new(&log, 1, well(), well()).suppress(),
            Member::new(&log, 2, well(), bad),
        ];
        let report = S::run(members, &one_at_a_time(order), &log, fails("b")).end();
        assert_eq!(report.why, Why::Panicked(if make { "make exit 2" } else { "x2" }.to_string()));
        assert_eq!(log.only(&["Failed", "Panicked"]), ["exit 2 Failed", "exit 1 Panicked", "exit 0 Panicked"]);
    }
}

/// 12, 17: a resource that is held although its enter panicked has its turn like the others.
#[cfg(feature = "std")]
fn after_a_panic_in_an_enter<S: Policed>() {
    for (order, expected) in [(Order::Stack, [0, 2, 1]), (Order::InReverse, [2, 1, 0])] {
        let log = Log::default();
        let gate = Gate::new();
        let acts = [(well().gate(&gate).drop_panics(), well()), (well(), well()), (well(), well())];
        let mut gather = S::run(members(&log, acts), &one_at_a_time(order), &log, well());
        gather.pends();
        gate.open();
        assert_eq!(gather.end().why, common::Why::Panicked("drop enter 0".to_string()));
        assert_eq!(log.only(&["Panicked"]), expected.map(|index| format!("exit {index} Panicked")));
    }
}

#[cfg(not(feature = "std"))]
fn after_a_panic_in_an_enter<S: Policed>() {
    ready_members_exit_in_reverse::<S>();
}

#[cfg(not(feature = "std"))]
fn after_a_panic<S: Policed>() {
    ready_members_exit_in_reverse::<S>();
}

/// 12: a resource whose `on_error` panics does not lose its turn.
#[cfg(feature = "std")]
fn after_a_panic_in_on_error<S: Policed>() {
    for order in ORDERS {
        use common::Why;
        let log = Log::default();
        let members = [0, 1, 2].map(|name| Member::new(&log, name, well(), well()).on_error_panics());
        let report = S::run(members, &one_at_a_time(order), &log, fails("b")).end();
        assert_eq!(report.why, Why::Panicked("on_error 2".to_string()));
        assert_eq!(log.only(&["Failed"]), ["exit 2 Failed", "exit 1 Failed", "exit 0 Failed"]);
    }
}

#[cfg(not(feature = "std"))]
fn after_a_panic_in_on_error<S: Policed>() {
    ready_members_exit_in_reverse::<S>();
}

/// 12 and `eager_rollback`: the first exit does not wait for pending enters. Each later exit is the next one in the
/// order of the members that are held by then.
fn with_eager_rollback<S: Policed>() {
    for order in ORDERS {
        let log = Log::default();
        let (late, exit) = (Gate::new(), Gate::new());
        let acts = [(well(), well()), (fails("e1"), well()), (well().gate(&late), well())];
        let mut group = members(&log, acts);
        group[0] = Member::new(&log, 0, well(), well().gate(&exit));
        let setup = Setup { rollback: Rollback::Eager, ..one_at_a_time(order) };
        let mut gather = S::run(group, &setup, &log, well());
        gather.pends();
        assert_eq!(log.only(&["EnterFailed"]), ["exit 0 EnterFailed"]);
        late.open();
        gather.pends();
        assert_eq!(log.only(&["EnterFailed"]), [""; 0], "one at a time");
        exit.open();
        assert_eq!(gather.end(), Report::enter(&[(1, "e1")]));
        assert_eq!(events(&log), ["exited 0", "on_error 2 e1", "exit 2 EnterFailed", "exited 2"]);
    }
}

/// 12 and 13: a limit changes nothing in a stack.
fn with_a_limit<S: Policed>() {
    for order in ORDERS {
        let log = Log::default();
        let setup = Setup { exit_limit: 1, ..one_at_a_time(order) };
        let mut gather =
            S::run(members(&log, [(well(), well()), (well(), well()), (well(), well())]), &setup, &log, well());
        assert_eq!(gather.end(), Report::value(7));
        assert_eq!(log.only(&["Completed"]), ["exit 2 Completed", "exit 1 Completed", "exit 0 Completed"]);
    }
}

/// 15: on a drop between two exits, the resources that wait are abandoned.
fn dropped_between_exits<S: Policed>() {
    for order in ORDERS {
        let log = Log::default();
        let gate = Gate::new();
        let acts = [(well(), well()), (well(), well().gate(&gate)), (well(), well())];
        let mut gather = S::run(members(&log, acts), &one_at_a_time(order), &log, well());
        gather.pends();
        assert_eq!(log.count("exited 2"), 1);
        gather.drop();
        let log = log.take();
        assert_eq!(log[log.len() - 2..], ["abandon 0", "drop exit 1"]);
        assert_released(&log);
    }
}

shapes! {
    last_entered_first
    ready_members_exit_in_reverse
    each_sees_how_the_ones_before_it_ended
    a_suppressed_error_is_not_shown
    some_cases_never_change
    after_a_panic
    after_a_panic_in_an_enter
    after_a_panic_in_on_error
    with_eager_rollback
    with_a_limit
    dropped_between_exits
}

/// 12 and `eager_rollback`: members that enter late have their turn by their order, among the members that wait
/// already.
#[test]
fn late_members_with_eager_rollback() {
    let log = Log::default();
    let (late, exit) = (RefCell::new(<[Gate; 2]>::default()), RefCell::new(Gate::new()));
    let member = |name: usize| {
        let enter = match name {
            0 => well().gate(&late.borrow()[0]),
            2 => fails("e"),
            4 => well().gate(&late.borrow()[1]),
            _ => well(),
        };
        Member::new(&log, name, enter, if name == 3 { well().gate(&exit.borrow()) } else { well() })
    };
    macro_rules! run {
        ($policy:ident, $expected:expr, $late:expr) => {
            each_shape!([member(0), member(1), member(2), member(3), member(4)], |gather| {
                let mut gather = Driver::new(gather.$policy().eager_rollback().with(async |_| Ok(())));
                gather.pends();
                assert_eq!(log.only(&["EnterFailed"]), ["exit 3 EnterFailed"]);
                for index in $late {
                    late.borrow()[index].open();
                    gather.pends();
                }
                exit.borrow().open();
                assert!(gather.end().is_err());
                assert_eq!(log.only(&["EnterFailed"]), $expected.map(|index| format!("exit {index} EnterFailed")));
                drop((late.take(), exit.take()));
            });
        };
    }
    run!(stack, [4, 0, 1], [0, 1]);
    run!(stack, [0, 4, 1], [1, 0]);
    run!(in_reverse, [4, 1, 0], [0, 1]);
    run!(in_reverse, [4, 1, 0], [1, 0]);
}

/// 12: the later of two calls wins.
#[test]
fn the_later_call_wins() {
    let (log, enter) = (Log::default(), RefCell::new(Gate::new()));
    let member = |name| Member::new(&log, name, if name == 0 { well().gate(&enter.borrow()) } else { well() }, well());
    macro_rules! run {
        ($first:ident, $second:ident, $expected:expr) => {
            each_shape!([member(0), member(1), member(2)], |gather| {
                let mut gather = Driver::new(gather.$first().$second().with(async |_| Ok(())));
                gather.pends();
                enter.borrow().open();
                gather.end().unwrap();
                assert_eq!(log.only(&["Completed"]), $expected.map(|index| format!("exit {index} Completed")));
                drop(enter.replace(Gate::new()));
            });
        };
    }
    run!(in_reverse, stack, [0, 2, 1]);
    run!(stack, in_reverse, [2, 1, 0]);
}
