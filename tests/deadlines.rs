//! Each member has a deadline for its enter and one for its exit. A report names exactly the member that hung.

mod common;

use common::{Driver, Gate, Log, Member, assert_released, budgeted, events, fails, step, well};
use gather_cm::{EnterExt, ExitWithin, gather};
use tokio::sync::Semaphore;

/// The enter of a slow member is dropped when its deadline passes. The other members are not touched.
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
    let mut gather = Driver::new(group.with(async |_| Ok(())));
    gather.pends();
    assert_eq!(log.take(), ["enter 0", "deadline begins", "poll enter 0", "enter 1", "poll enter 1"]);
    deadline.open();
    gather.pends();
    assert_eq!(log.take(), ["poll enter 0", "drop enter 0", "poll enter 1"]);
    other.open();
    let failure = gather.end().unwrap_err();
    assert_eq!(failure.to_string(), "enter of member 0 failed: too late");
    assert_released(&log.take());
}

/// A member that is ready in the poll in which its deadline passes has entered. If a member is in time, its deadline is
/// dropped.
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
    let mut gather = Driver::new(gather([member]).with(async |_| Ok(())));
    gather.pends();
    both.open();
    gather.end().unwrap();
}

/// An enter that fails by itself fails with its own error, at once.
#[test]
fn a_failed_enter_does_not_wait_for_its_deadline() {
    let log = Log::default();
    let member = Member::new(&log, 0, fails("e"), well()).enter_within(async || std::future::pending().await);
    let failure = Driver::new(gather((member,)).with(async |_| Ok(()))).end().unwrap_err();
    assert_eq!(failure.to_string(), "enter of member 0 failed: e");
}

/// The exit of a slow member is dropped when its deadline passes, along with the resource inside. The other members are
/// not touched. An exit that fails fast does not make the group wait for a deadline.
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
    let mut gather = Driver::new(gather((slow, bad, fine)).with(async |_| Ok(5)));
    gather.pends();
    assert_eq!(events(&log)[6..], ["exit 0 Completed", "exit 1 Completed", "exited 1", "exit 2 Completed", "exited 2"]);
    deadline.open();
    let failure = gather.end().unwrap_err();
    assert_eq!(failure.to_string(), "exit of member 0 failed: hangs; exit of member 1 failed: x1");
    assert_eq!(log.take(), ["poll exit 0", "drop exit 0"]);
}

/// The deadline of an exit begins when the exit does, and not while the exit waits for a place.
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
    let mut gather = Driver::new(gather((first, second)).exit_limit(1).with(async |_| Ok(())));
    gather.pends();
    assert!(!begun.get());
    exit.open();
    gather.end().unwrap();
}

/// The exit is called first, and then the deadline. So a deadline that panics as it is called does not keep the
/// resource from its exit.
#[test]
fn a_deadline_is_called_after_its_exit() {
    let log = Log::default();
    let late = || {
        log.push("deadline");
        std::future::pending()
    };
    let member = || Member::new(&log, 0, well(), well()).exit_within(late);
    let begun = ["exit 0 Completed", "deadline"];
    Driver::new(gather((member(),)).with(async |_| Ok(()))).end().unwrap();
    assert_eq!(log.only(&["exit 0", "deadline"])[..2], begun);
    #[cfg(feature = "alloc")]
    {
        let scope = gather_cm::scope().with(async |scope| scope.enter(member()).await.map(drop));
        Driver::new(scope).end().unwrap();
        assert_eq!(log.only(&["exit 0", "deadline"])[..2], begun);
        let scope = gather_cm::scope().with(async |scope| {
            let lent = scope.enter(member()).await?;
            gather_cm::Lent::release(lent).await.map(drop)
        });
        Driver::new(scope).end().unwrap();
        assert_eq!(log.only(&["exit 0", "deadline"])[..2], begun);
    }
}

/// The verdict passes through, and so do `on_error` and `abandon`. The body receives the value itself, and `into_inner`
/// returns it.
#[test]
fn it_wraps_a_resource() {
    let log = Log::default();
    let member = |name| {
        Member::new(&log, name, well(), well())
            .suppress()
            .enter_within(async || std::future::pending().await)
            .exit_within(async || std::future::pending().await)
    };
    let failure = Driver::new(gather((member(0),)).with(async |_| Err::<(), _>("b"))).end().unwrap_err();
    assert!(failure.is_suppressed());
    assert_eq!(log.count("on_error 0 b"), 1);
    let mut gather = Driver::new(gather((member(1),)).with(async |(value,)| {
        assert_eq!(value.name(), 1);
        std::future::pending::<Result<(), _>>().await
    }));
    gather.pends();
    gather.drop();
    assert_eq!(log.count("abandon 1"), 1);
    let value = ExitWithin::into_inner(Driver::new(member(2).into_future()).end().unwrap());
    gather_cm::Exit::abandon(value);
    assert_released(&log.take());
}

/// Deadlines and their members can be spawned if their parts can.
#[test]
fn deadlines_can_be_spawned() {
    let member = || {
        async { Ok::<_, String>(1) }
            .drop_on_exit()
            .enter_within(async || std::future::pending().await)
            .exit_within(async || std::future::pending().await)
    };
    assert_eq!(smol::block_on(smol::spawn(gather((member(), member())).with(async |(a, b)| Ok(*a + *b)))).unwrap(), 2);
    smol::block_on(smol::spawn(async move { gather([member()]).with(async |_| Ok(())).await })).unwrap();
}

/// A deadline that passes when the gate opens, and that logs each poll.
async fn deadline(log: &Log, gate: &Gate) -> &'static str {
    std::future::poll_fn(|cx| {
        log.push("poll deadline");
        gate.poll(cx)
    })
    .await;
    "late"
}

/// 22: a deadline is polled before its member in every poll, in the enter and in the exit.
#[test]
fn a_deadline_is_polled_before_its_member() {
    let (log, gates) = (Log::default(), std::cell::RefCell::new([Gate::new(), Gate::new()]));
    let never = Gate::new();
    let gate = |index: usize| gates.borrow()[index].clone();
    let member = |name| {
        Member::new(&log, name, well().gate(&gate(0)), well().gate(&gate(1)))
            .enter_within(async || deadline(&log, &never).await)
            .exit_within(async || deadline(&log, &never).await)
    };
    each_shape!([member(0), member(1)], |gather| {
        let mut gather = Driver::new(gather.with(async |_| Ok(())));
        for gate in [gate(0), gate(1)] {
            gather.pends();
            log.take();
            gather.pends();
            let act = if gates.borrow()[0].is_open() { "exit" } else { "enter" };
            let [first, second] = [0, 1].map(|name| format!("poll {act} {name}"));
            assert_eq!(log.take(), ["poll deadline", &first, "poll deadline", &second]);
            gate.open();
        }
        gather.end().unwrap();
        assert_eq!(log.only(&["LEAK", "exited"]), ["exited 0", "exited 1"]);
        gates.replace(Default::default());
    });
}

/// 22: a member that is ready in the poll in which its deadline passes wins, even in the first poll, in the enter and
/// in the exit.
#[test]
fn a_member_that_is_ready_wins() {
    let log = &Log::default();
    let gate = std::cell::RefCell::new(Gate::new());
    let member = |name| {
        let gate = gate.borrow().clone();
        let (enter, exit) = (gate.clone(), gate.clone());
        Member::new(log, name, well().gate(&gate), well().gate(&gate))
            .enter_within(async move || deadline(log, &enter).await)
            .exit_within(async move || deadline(log, &exit).await)
    };
    for late in [false, true] {
        each_shape!([member(0), member(1)], |gather| {
            let mut gather = Driver::new(gather.with(async |_| Ok(())));
            if late {
                gather.pends();
            }
            gate.borrow().open();
            gather.end().unwrap();
            gate.replace(Gate::new());
            assert_eq!(log.count("exited 0") + log.count("exited 1"), 2);
            assert_released(&log.take());
        });
    }
}

/// 22: a member that is always ready uses up the budget of its task in each poll. Its deadline fires all the same.
#[test]
fn deadlines_fire_beside_a_greedy_enter() {
    let (always, time) = (Semaphore::new(9), Semaphore::new(0));
    let member = || {
        async {
            loop {
                step(&always).await;
            }
            #[allow(unreachable_code)]
            Ok::<(), &str>(())
        }
        .drop_on_exit()
        .enter_within(async || {
            step(&time).await;
            "late"
        })
    };
    each_shape!([member(), member()], |gather| {
        time.forget_permits(99);
        let passes = |poll| time.add_permits(if poll == 3 { 1 } else { 0 });
        let failure = budgeted(8, passes, gather.with(async |_| Ok(()))).expect("the deadlines fire").unwrap_err();
        assert_eq!(failure.to_string(), "enter of member 0 failed: late; enter of member 1 failed: late");
    });
}

/// 22: the deadline of an exit that is always ready fires, too.
#[test]
fn deadlines_fire_beside_a_greedy_exit() {
    let (always, time) = (Semaphore::new(9), Semaphore::new(0));
    let member = || {
        async { Ok(()) }
            .exit_with(async |(), _| {
                loop {
                    step(&always).await;
                }
                #[allow(unreachable_code)]
                Ok::<(), &str>(())
            })
            .exit_within(async || {
                step(&time).await;
                "late"
            })
    };
    each_shape!([member(), member()], |gather| {
        time.forget_permits(99);
        let passes = |poll| time.add_permits(if poll == 3 { 1 } else { 0 });
        let failure = budgeted(8, passes, gather.with(async |_| Ok(()))).expect("the deadlines fire").unwrap_err();
        assert_eq!(failure.to_string(), "exit of member 0 failed: late; exit of member 1 failed: late");
    });
}

/// 22: under a budget, too, a member that is ready in the same poll wins.
#[test]
fn a_member_with_a_budget_that_is_ready_wins() {
    let (always, time) = (Semaphore::new(9), Semaphore::new(1));
    let steps = async || {
        for _ in 0..10 {
            step(&always).await;
        }
    };
    let member = || {
        async { Ok::<_, &str>(steps().await) }
            .exit_with(async |(), _| Ok(steps().await))
            .enter_within(async || {
                step(&time).await;
                "late enter"
            })
            .exit_within(async || {
                step(&time).await;
                "late exit"
            })
    };
    each_shape!([member(), member()], |gather| {
        budgeted(1, |_| {}, gather.with(async |_| Ok(()))).expect("it ends in one poll").unwrap();
    });
}

/// 3, 10, 17, 22: a member is ready in the poll in which its deadline passes, and the deadline's error panics when it
/// is dropped. Neither the resource nor the member's own error is lost.
#[cfg(feature = "std")]
mod the_destructor_of_a_late_error {
    use std::{any::Any, cell::RefCell};

    use gather_cm::{Cause, Errors, Exit, ExitCase, Failure, Shape};

    use super::*;

    /// An error. The error of a deadline panics when it is dropped.
    #[derive(Debug, PartialEq)]
    struct Error(&'static str);

    impl Drop for Error {
        fn drop(&mut self) {
            assert!(self.0 != "late", "late");
        }
    }

    impl std::fmt::Display for Error {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }

    impl From<&'static str> for Error {
        fn from(error: &'static str) -> Self {
            Self(error)
        }
    }

    async fn late(gate: Gate) -> Error {
        gate.wait().await;
        Error("late")
    }

    async fn never() -> Error {
        std::future::pending().await
    }

    /// The gates of two members, each along with the gate of its deadline. Both are the same gate if the deadline
    /// passes.
    type Gates = RefCell<[[Gate; 2]; 2]>;

    fn gates(passes: [bool; 2]) -> [[Gate; 2]; 2] {
        passes.map(|passes| {
            let gate = Gate::new();
            [gate.clone(), if passes { gate } else { Gate::new() }]
        })
    }

    fn open(gates: &Gates) {
        gates.borrow().iter().for_each(|[gate, _]| gate.open());
    }

    /// Runs a test in the first poll and in a later one, for the deadlines of one member and of both.
    fn each(test: impl Fn(bool, [bool; 2])) {
        for later in [false, true] {
            [[true, false], [false, true], [true, true]].into_iter().for_each(|passes| test(later, passes));
        }
    }

    /// Asserts that the cause is the panic of such an error, and returns the errors of the exits.
    fn beside_the_panic<S: Shape>(failure: Failure<Error, S>) -> Errors<Error, S> {
        let Cause::Panicked(panic) = failure.cause else { panic!("{failure:?}") };
        assert_eq!(panic.to_string(), "panicked: late");
        failure.exits
    }

    /// The resource is held, and exited. If the gather is dropped, the resource is abandoned.
    #[test]
    fn of_an_enter() {
        each(|later, passes| {
            let log = Log::default();
            let both = Gates::new(gates(passes));
            let member = |name, gates: [Gate; 2], exit| {
                let [gate, deadline] = gates;
                Member::new(&log, name, well().gate(&gate), exit)
                    .errors_into::<Error>()
                    .enter_within(async move || late(deadline).await)
            };
            let one = |name: usize, exit| member(name, both.borrow()[name].clone(), exit);
            each_shape!([one(0, well()), one(1, fails("x1"))], |gather| {
                let mut gather = Driver::new(gather.catch_unwind().with(async |_| Ok(log.push("body"))));
                if later {
                    gather.pends();
                }
                open(&both);
                assert!(beside_the_panic(gather.end().unwrap_err()).into_iter().eq([(1, Error("x1"))]));
                let lines = log.take();
                let told = lines.iter().filter(|line| line.starts_with("exit ") || *line == "body");
                assert_eq!(told.collect::<Vec<_>>(), ["exit 0 Panicked", "exit 1 Panicked"]);
                assert_released(&lines);
                both.replace(gates(passes));
            });
            let slow = || member(2, [Gate::new(), Gate::new()], well());
            each_shape!([one(0, well()), one(1, well()), slow()], |gather| {
                let mut gather = Driver::new(gather.with(async |_| Ok(())));
                if later {
                    gather.pends();
                }
                open(&both);
                gather.pends();
                gather.drop();
                assert_eq!(log.only(&["abandon", "exit", "LEAK"]), ["abandon 0", "abandon 1"]);
                both.replace(gates(passes));
            });
        });
    }

    /// An enter that fails in that poll fails with its own error, and the other resource receives it.
    #[test]
    fn of_a_failed_enter() {
        struct Shown<'a>(&'a Log);
        impl Exit for Shown<'_> {
            type Error = Error;
            type Verdict = ();
            fn on_error(&mut self, error: &dyn Any) {
                self.0.push(format_args!("{:?}", error.downcast_ref::<Error>()));
            }
            async fn exit(self, case: ExitCase) -> Result<(), Error> {
                Ok(self.0.push(format_args!("{case:?}")))
            }
        }
        for later in [false, true] {
            let log = &Log::default();
            let both = Gates::new(gates([true, true]));
            let member = |name: usize| {
                let [gate, deadline] = both.borrow()[name].clone();
                let enter = async move {
                    gate.wait().await;
                    if name == 0 { Err(Error("e0")) } else { Ok(Shown(log)) }
                };
                enter.enter_within(async move || late(deadline).await)
            };
            each_shape!([member(0), member(1)], |gather| {
                let mut gather = Driver::new(gather.catch_unwind().with(async |_| Ok(())));
                if later {
                    gather.pends();
                }
                open(&both);
                assert!(beside_the_panic(gather.end().unwrap_err()).is_empty());
                assert_eq!(log.take(), [r#"Some(Error("e0"))"#, "Panicked"]);
                both.replace(gates([true, true]));
            });
        }
    }

    /// A member panics in that poll. Its panic is the first. The two panics do not meet, because that would abort the
    /// process.
    #[test]
    fn of_a_member_that_panics() {
        for enters in [true, false] {
            let log = Log::default();
            let both = Gates::new(gates([true, true]));
            let member = |name: usize| {
                let [gate, deadline] = both.borrow()[name].clone();
                let panics = common::panics("first").gate(&gate);
                let (enter, exit) = if enters { (panics, well()) } else { (well(), panics) };
                let (enter_deadline, exit_deadline) = (deadline.clone(), deadline);
                Member::new(&log, name, enter, exit)
                    .errors_into::<Error>()
                    .enter_within(async move || if enters { late(enter_deadline).await } else { never().await })
                    .exit_within(async move || late(exit_deadline).await)
            };
            each_shape!([member(0), member(1)], |gather| {
                let mut gather = Driver::new(gather.catch_unwind().with(async |_| Ok(())));
                gather.pends();
                open(&both);
                assert_eq!(gather.end().unwrap_err().to_string(), "panicked: first");
                assert_released(&log.take());
                both.replace(gates([true, true]));
            });
        }
    }

    /// The exit has ended, and its own error is not lost.
    #[test]
    fn of_an_exit() {
        each(|later, passes| {
            let log = Log::default();
            let both = Gates::new(gates(passes));
            let member = |name: usize, end: common::Act| {
                let [gate, deadline] = both.borrow()[name].clone();
                Member::new(&log, name, well(), end.gate(&gate))
                    .errors_into::<Error>()
                    .exit_within(async move || late(deadline).await)
            };
            each_shape!([member(0, fails("x0")), member(1, fails("x1"))], |gather| {
                let mut gather = Driver::new(gather.catch_unwind().with(async |_| Ok(())));
                if later {
                    gather.pends();
                }
                open(&both);
                let errors = beside_the_panic(gather.end().unwrap_err());
                assert!(errors.into_iter().eq([(0, Error("x0")), (1, Error("x1"))]));
                let lines = log.take();
                assert!(lines.contains(&"exited 0".to_string()) && lines.contains(&"exited 1".to_string()));
                assert_released(&lines);
                both.replace(gates(passes));
            });
        });
    }
}
