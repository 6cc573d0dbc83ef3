//! Tests of when each event comes: the observer writes into the log of the members. The docs of each variant of
//! [`Event`] say the same.

mod common;
#[path = "common/driven.rs"]
mod driven;

use std::future::pending;

use common::{Act, Driver, Gate, Log, Member, fails, well};
use driven::{connect, sleeps};
use gather_cm::{EnterExt, Event, gather};
#[cfg(feature = "alloc")]
use gather_cm::{Exit, Lent};

/// Writes each event into the log: `> Entered 0`.
fn observer(log: &Log) -> impl FnMut(Event) + use<> {
    let log = log.clone();
    move |event| {
        let line = format!("{event:?}").replace(" { index: ", " ").replace(" { case: ", " ").replace(" }", "");
        log.push(format_args!("> {line}"));
    }
}

/// Logs its drop.
struct Shout<'a>(&'a Log, &'static str);

impl Drop for Shout<'_> {
    fn drop(&mut self) {
        self.0.push(format_args!("drop {}", self.1));
    }
}

/// A stop that waits at a gate, and logs its drop.
fn stop<'a>(log: &'a Log, gate: &Gate) -> impl Future<Output = ()> + 'a {
    let (shout, gate) = (Shout(log, "stop"), gate.clone());
    async move {
        let _shout = shout;
        gate.wait().await;
    }
}

fn member(log: &Log, name: usize, enter: Act, exit: Act) -> Member {
    Member::new(log, name, enter, exit)
}

/// A start comes after its event. An end comes before its event, and by then the future is gone. The event of the
/// body's end comes when `stop` is gone, too. An exit starts when `on_error` has returned.
#[test]
fn starts_and_ends() {
    let log = Log::default();
    each_shape!([member(&log, 0, well(), well()), member(&log, 1, well(), fails("x"))], |gather| {
        let gather = gather.cancel_on(stop(&log, &Gate::new())).observe(observer(&log));
        let with = gather.with(async |_| -> Result<(), _> {
            let _shout = Shout(&log, "body");
            log.push("body");
            Err("b")
        });
        Driver::new(with).end().unwrap_err();
        assert_eq!(
            log.take(),
            [
                "> EnterStarted 0",
                "enter 0",
                "poll enter 0",
                "entered 0",
                "drop enter 0",
                "> Entered 0",
                "> EnterStarted 1",
                "enter 1",
                "poll enter 1",
                "entered 1",
                "drop enter 1",
                "> Entered 1",
                "> BodyStarted",
                "body",
                "drop body",
                "drop stop",
                "> BodyEnded Failed",
                "on_error 0 b",
                "> ExitStarted 0",
                "exit 0 Failed",
                "poll exit 0",
                "exited 0",
                "drop exit 0",
                "> Exited 0",
                "on_error 1 b",
                "> ExitStarted 1",
                "exit 1 Failed",
                "poll exit 1",
                "exited 1",
                "drop exit 1",
                "> ExitFailed 1",
            ]
        );
    });
}

/// The same holds for an enter that fails.
#[test]
fn an_enter_that_fails() {
    let log = Log::default();
    each_shape!([member(&log, 0, fails("e0"), well())], |gather| {
        Driver::new(gather.observe(observer(&log)).with(async |_| Ok(()))).end().unwrap_err();
        assert_eq!(log.take(), ["> EnterStarted 0", "enter 0", "poll enter 0", "drop enter 0", "> EnterFailed 0"]);
    });
}

/// A panic is an end. A future that panics while it is made has started. The event comes when the future that has
/// panicked is gone.
#[test]
#[cfg(feature = "std")]
fn panics() {
    let log = Log::default();
    let group = || {
        [
            member(&log, 0, well(), well().make_panics()),
            member(&log, 1, well().make_panics(), well()),
            member(&log, 2, common::panics("e2"), well()),
            member(&log, 3, well(), common::panics("x3")),
        ]
    };
    let expected = [
        "> EnterStarted 0",
        "enter 0",
        "poll enter 0",
        "entered 0",
        "drop enter 0",
        "> Entered 0",
        "> EnterStarted 1",
        "enter 1",
        "> EnterFailed 1",
        "> EnterStarted 2",
        "enter 2",
        "poll enter 2",
        "drop enter 2",
        "> EnterFailed 2",
        "> EnterStarted 3",
        "enter 3",
        "poll enter 3",
        "entered 3",
        "drop enter 3",
        "> Entered 3",
        "> ExitStarted 0",
        "exit 0 Panicked",
        "> ExitFailed 0",
        "> ExitStarted 3",
        "exit 3 Panicked",
        "poll exit 3",
        "drop exit 3",
        "> ExitFailed 3",
    ];
    macro_rules! run {
        ($group:expr) => {{
            let gather = gather($group).catch_unwind().observe(observer(&log));
            Driver::new(gather.with(async |_| Ok(()))).end().unwrap_err();
            assert_eq!(log.take(), expected);
        }};
    }
    run!(<(_, _, _, _)>::from(group()));
    run!(group());
    run!(Vec::from(group()));
}

/// A drop by `cancel_on` or `fail_fast` comes before its event.
#[test]
fn dropped_by_a_policy() {
    let log = Log::default();
    let never = || well().gate(&Gate::new());
    let exit = ["> ExitStarted 0", "exit 0 Cancelled", "poll exit 0", "exited 0", "drop exit 0", "> Exited 0"];
    each_shape!([member(&log, 0, well(), well()), member(&log, 1, never(), well())], |gather| {
        let fire = Gate::new();
        let gather = gather.cancel_on(stop(&log, &fire)).observe(observer(&log));
        let mut driver = Driver::new(gather.with(async |_| Ok(())));
        driver.pends();
        log.take();
        fire.open();
        driver.end().unwrap_err();
        // A `stop` that was ready has dropped the values that it holds.
        assert_eq!(log.take(), [&["drop stop", "drop enter 1", "> EnterDropped 1"][..], &exit].concat());
    });
    each_shape!([member(&log, 0, well(), well())], |gather| {
        let fire = Gate::new();
        let gather = gather.cancel_on(fire.wait()).cancel_on(stop(&log, &Gate::new())).observe(observer(&log));
        let mut driver = Driver::new(gather.with(async |_| {
            let _shout = Shout(&log, "body");
            Ok(pending::<()>().await)
        }));
        driver.pends();
        log.take();
        fire.open();
        driver.end().unwrap_err();
        assert_eq!(log.take(), [&["drop body", "drop stop", "> BodyEnded Cancelled"][..], &exit].concat());
    });
    each_shape!([member(&log, 0, never(), well()), member(&log, 1, fails("e"), well())], |gather| {
        Driver::new(gather.fail_fast().observe(observer(&log)).with(async |_| Ok(()))).end().unwrap_err();
        assert_eq!(
            log.only(&["drop", "> "]),
            [
                "> EnterStarted 0",
                "> EnterStarted 1",
                "drop enter 1",
                "> EnterFailed 1",
                "drop enter 0",
                "> EnterDropped 0"
            ]
        );
    });
}

/// The gather is dropped. The body's event comes before the body is dropped, and each other event after the drop that
/// it reports. If the body holds the resources, all of them are abandoned first.
#[test]
fn dropped() {
    let log = Log::default();
    let never = || well().gate(&Gate::new());
    // Polls the gather once, and drops it.
    macro_rules! run {
        ($gather:expr) => {{
            let gate = Gate::new();
            let gather = $gather.cancel_on(stop(&log, &gate)).observe(observer(&log));
            let mut driver = Driver::new(gather.with(async |_| {
                let _shout = Shout(&log, "body");
                Ok(std::future::poll_fn(|cx| BODY.with(|body| body.poll(cx))).await)
            }));
            driver.pends();
            log.take();
            driver.drop();
            log.take()
        }};
    }
    thread_local! {
        static BODY: Gate = Gate::new();
    }
    each_shape!([member(&log, 0, well(), well()), member(&log, 1, never(), well())], |gather| {
        assert_eq!(run!(gather), ["abandon 0", "> Abandoned 0", "drop enter 1", "> EnterDropped 1", "drop stop"]);
    });
    each_shape!([member(&log, 0, well(), well()), member(&log, 1, well(), well())], |gather| {
        assert_eq!(
            run!(gather),
            ["> BodyDropped", "drop body", "abandon 0", "abandon 1", "> Abandoned 0", "> Abandoned 1", "drop stop"]
        );
    });
    BODY.with(Gate::open);
    each_shape!([member(&log, 0, well(), never()), member(&log, 1, well(), well())], |gather| {
        assert_eq!(run!(gather.exit_limit(1)), ["drop exit 0", "> ExitDropped 0", "abandon 1", "> Abandoned 1"]);
    });
}

/// There is no event of a drop, because the exits go on elsewhere. The function that takes them over is called last.
#[test]
#[cfg(feature = "alloc")]
fn handed_over() {
    let log = Log::default();
    let never = || well().gate(&Gate::new());
    // Polls the gather once, and drops it. Returns what happens up to the call of the function.
    macro_rules! run {
        ($gather:expr, $body:expr) => {{
            let gate = Gate::new();
            let gather = $gather.cancel_on(stop(&log, &gate)).observe(observer(&log)).shield();
            let body = async |_: (&mut common::Resource, &mut common::Resource)| {
                let _shout = Shout(&log, "body");
                Ok($body.await)
            };
            let kept = std::cell::Cell::new(None);
            let mut driver = Driver::new(gather.with(body).on_drop(|cleanup| {
                log.push("spawn");
                kept.set(Some(cleanup));
            }));
            driver.pends();
            log.take();
            driver.drop();
            log.take()
        }};
    }
    let group = gather((member(&log, 0, well(), well()), member(&log, 1, never(), well())));
    assert_eq!(
        run!(group, pending::<()>()),
        ["drop enter 1", "> EnterDropped 1", "drop stop", "> HandedOver 0", "spawn"]
    );
    let group = gather((member(&log, 0, well(), well()), member(&log, 1, well(), well())));
    assert_eq!(
        run!(group, pending::<()>()),
        ["> BodyDropped", "drop body", "drop stop", "> HandedOver 0", "> HandedOver 1", "spawn"]
    );
    let group = gather((member(&log, 0, well(), never()), member(&log, 1, well(), well()))).exit_limit(1);
    assert_eq!(run!(group, std::future::ready(())), ["> HandedOver 0", "> HandedOver 1", "spawn"]);
}

/// The event of a driver's end comes when the driver is gone, and before the event of the end of the exit that runs
/// along with it. A driver that the gather drops is gone before the event of the exit's end, and has no event of its
/// own.
#[test]
fn of_drivers() {
    let log = Log::default();
    let run = |acts: [[Act; 3]; 2]| {
        let mut names = 0..2;
        let group = acts.map(|acts| connect(&log, names.next().unwrap(), acts).driven());
        let with = gather(group).observe(observer(&log)).with(async |_| {
            let _shout = Shout(&log, "body");
            Ok(pending::<()>().await)
        });
        let mut driver = Driver::new(with);
        driver.pends();
        log.take();
        driver
    };
    // One driver ends well. Then another one fails, so that the body ends.
    let [one, other] = [(); 2].map(|()| Gate::new());
    let mut driver = run([[well(), well().gate(&one), well()], [well(), fails("d1").gate(&other), well()]]);
    one.open();
    driver.pends();
    assert_eq!(log.only(&["drop", "> "]), ["drop driver 0", "> DriverEnded 0"]);
    other.open();
    driver.end().unwrap_err();
    assert_eq!(
        log.only(&["drop", "> "])[..7],
        [
            "drop driver 1",
            "> DriverEnded 1",
            "drop body",
            "> BodyEnded Lost",
            "> ExitStarted 0",
            "drop exit 0",
            "> Exited 0"
        ]
    );
    // One driver ends during its exit, and the other one is dropped then.
    let [lost, exit] = [(); 2].map(|()| Gate::new());
    let acts = [[well(), well().gate(&exit), well().gate(&exit)], [well(), fails("d1").gate(&lost), well()]];
    let mut driver = run(acts);
    lost.open();
    driver.pends();
    log.take();
    exit.open();
    driver.end().unwrap_err();
    assert_eq!(log.only(&["drop", "> "]), ["drop exit 0", "drop driver 0", "> DriverEnded 0", "> Exited 0"]);
    let lost = Gate::new();
    let mut driver = run([[well(), sleeps(), well()], [well(), fails("d1").gate(&lost), well()]]);
    lost.open();
    driver.end().unwrap_err();
    let log_of_one = log.only(&["drop driver 0", "drop exit 0", "Ended 0", "Exited 0"]);
    assert_eq!(log_of_one, ["drop exit 0", "drop driver 0", "> Exited 0"]);
    // The driver panics during its exit.
    #[cfg(feature = "std")]
    {
        let [lost, exit] = [(); 2].map(|()| Gate::new());
        let driver = common::panics("d0").gate(&exit);
        let acts = [[well(), driver, well().gate(&Gate::new())], [well(), fails("d1").gate(&lost), well()]];
        let mut driver = run(acts);
        lost.open();
        driver.pends();
        log.take();
        exit.open();
        let end = std::panic::AssertUnwindSafe(|| drop(driver.end()));
        assert_eq!(common::message(&*std::panic::catch_unwind(end).unwrap_err()), "d0");
        assert_eq!(log.only(&["drop", "> "]), ["drop driver 0", "drop exit 0", "> DriverEnded 0", "> ExitFailed 0"]);
    }
    // The drivers are dropped along with the gather.
    let mut driver = run([[well(), sleeps(), well()], [well(), sleeps(), well()]]);
    driver.drop();
    assert_eq!(
        log.take(),
        [
            "> BodyDropped",
            "drop driver 0",
            "drop driver 1",
            "drop body",
            "abandon 0",
            "abandon 1",
            "> Abandoned 0",
            "> Abandoned 1"
        ]
    );
}

/// The events of the body of a scope come in order, when the poll of the body is over. So they come before the event of
/// the body's end, and after the event of the body's drop.
#[test]
#[cfg(feature = "alloc")]
fn of_a_scope() {
    let log = Log::default();
    let never = Gate::new();
    for ends in [true, false] {
        let gate = Gate::new();
        let body = async |scope: &gather_cm::Scope<_>| {
            let _shout = Shout(&log, "body");
            let kept = scope.enter(member(&log, 0, well(), well())).await?;
            let released = scope.enter(member(&log, 1, well(), well())).await?;
            let taken = scope.enter(member(&log, 2, well(), well())).await?;
            log.push("pends");
            gate.wait().await;
            drop(kept);
            Lent::release(released).await?;
            Exit::abandon(Lent::into_inner(taken));
            if !ends {
                scope.enter(member(&log, 3, well().gate(&never), well())).await?;
            }
            Ok(())
        };
        let mut driver = Driver::new(gather_cm::scope().observe(observer(&log)).with(body));
        driver.pends();
        assert_eq!(
            log.only(&["> ", "pends"]),
            [
                "> BodyStarted",
                "pends",
                "> EnterStarted 0",
                "> Entered 0",
                "> EnterStarted 1",
                "> Entered 1",
                "> EnterStarted 2",
                "> Entered 2"
            ]
        );
        gate.open();
        let told = ["> ExitStarted 1", "> Exited 1", "> TakenOut 2"];
        if ends {
            driver.end().unwrap();
            assert_eq!(
                log.take(),
                [
                    &["exit 1 Completed", "poll exit 1", "exited 1", "drop exit 1", "abandon 2", "drop body"][..],
                    &told,
                    &["> BodyEnded Completed", "> ExitStarted 0", "exit 0 Completed", "poll exit 0", "exited 0"],
                    &["drop exit 0", "> Exited 0"],
                ]
                .concat()
            );
            continue;
        }
        driver.pends();
        assert_eq!(log.only(&["> "]), [&told[..], &["> EnterStarted 3"]].concat());
        driver.drop();
        assert_eq!(
            log.take(),
            ["> BodyDropped", "drop enter 3", "drop body", "abandon 0", "> EnterDropped 3", "> Abandoned 0"]
        );
    }
}
