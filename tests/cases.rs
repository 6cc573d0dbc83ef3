//! Tests the table in the docs of `Failure`, row by row: how the gather ends, and what a held resource is shown and
//! receives.
#![cfg(feature = "std")]

mod common;

use std::{
    future::pending,
    panic::{self, AssertUnwindSafe},
    task::Poll,
};

use common::*;
use gather_cm::{Failure, Few, gather};

type Outcome = Result<u32, Failure<&'static str, Few<3>>>;

/// A group of three members. The first one enters and exits well.
fn group(log: &Log, one: (Act, Act), two: (Act, Act)) -> (Member, Member, Member) {
    members(log, [(well(), well()), one, two]).into()
}

/// Runs a gather to its end. Returns how it ended, and what became of the first resource.
fn row(log: &Log, future: impl Future<Output = Outcome>) -> (String, Vec<String>) {
    let mut driver = Driver::new(future);
    let mut poll = || match driver.poll() {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => None,
    };
    // Nothing here waits for longer than one poll.
    let two_polls = AssertUnwindSafe(|| poll().or_else(poll).expect("an end"));
    let end = match panic::catch_unwind(two_polls) {
        Ok(Ok(value)) => value.to_string(),
        Ok(Err(failure)) => format!("{failure}; suppressed: {}", failure.is_suppressed()),
        Err(payload) => format!("panic: {}", message(&*payload)),
    };
    (end, first(log))
}

fn first(log: &Log) -> Vec<String> {
    let lines = log.take().into_iter();
    lines.filter(|line| ["on_error 0", "exit 0", "abandon 0"].iter().any(|start| line.starts_with(start))).collect()
}

fn is(row: (String, Vec<String>), end: &str, first: &[&str]) {
    assert_eq!((row.0.as_str(), row.1), (end, first.iter().map(ToString::to_string).collect()));
}

fn fine() -> (Act, Act) {
    (well(), well())
}

async fn value(_: (&mut Resource, &mut Resource, &mut Resource)) -> Result<u32, &'static str> {
    Ok(7)
}

async fn oops(_: (&mut Resource, &mut Resource, &mut Resource)) -> Result<u32, &'static str> {
    Err("oops")
}

#[test]
fn without_a_panic() {
    let log = Log::default();
    let no_route = || (fails("no route"), well());
    let stuck = || (well(), fails("stuck"));

    is(row(&log, gather(group(&log, fine(), fine())).with(value)), "7", &["exit 0 Completed"]);

    let end = "enter of member 1 failed: no route; suppressed: false";
    let rolled_back = ["on_error 0 no route", "exit 0 EnterFailed"];
    is(row(&log, gather(group(&log, no_route(), fine())).with(value)), end, &rolled_back);
    let late = (fails("late"), well());
    let both = "enter of member 1 failed: no route; enter of member 2 failed: late; suppressed: false";
    is(row(&log, gather(group(&log, no_route(), late)).with(value)), both, &rolled_back);

    let failed = ["on_error 0 oops", "exit 0 Failed"];
    is(row(&log, gather(group(&log, fine(), fine())).with(oops)), "body failed: oops; suppressed: false", &failed);
    let [one, two, three] = members(&log, [fine(), fine(), fine()]).map(Member::suppress);
    is(row(&log, gather((one, two, three)).with(oops)), "body failed: oops; suppressed: true", &failed);

    let stopped = gather(group(&log, fine(), fine())).cancel_on(smol::future::yield_now());
    let stopped = stopped.with(async |_| pending::<Result<u32, _>>().await);
    is(row(&log, stopped), "cancelled; suppressed: false", &["exit 0 Cancelled"]);

    let hangs = (well().gate(&Gate::new()), well());
    let stopped = gather(group(&log, no_route(), hangs)).cancel_on(smol::future::yield_now());
    is(row(&log, stopped.with(value)), end, &rolled_back);

    let gate = Gate::new();
    let slow = (well(), well().gate(&gate));
    let stopped = gather(group(&log, slow, fine())).cancel_on(smol::future::yield_now()).with(value);
    let mut driver = Driver::new(stopped);
    driver.pends();
    gate.open();
    assert_eq!(driver.end().unwrap(), 7);
    assert_eq!(first(&log), ["exit 0 Completed"]);

    let end = "exit of member 1 failed: stuck; suppressed: false";
    is(row(&log, gather(group(&log, stuck(), fine())).with(value)), end, &["exit 0 Completed"]);
    is(row(&log, gather(group(&log, stuck(), fine())).stack().with(value)), end, &["exit 0 Failed"]);
    let end = "body failed: oops; exit of member 1 failed: stuck; suppressed: false";
    is(row(&log, gather(group(&log, stuck(), fine())).with(oops)), end, &failed);
    let end = "enter of member 2 failed: no route; exit of member 1 failed: stuck; suppressed: false";
    is(row(&log, gather(group(&log, stuck(), no_route())).with(value)), end, &rolled_back);

    let mut driver = Driver::new(gather(group(&log, fine(), fine())).with(async |_| pending::<Result<u32, _>>().await));
    driver.pends();
    driver.drop();
    assert_eq!(first(&log), ["abandon 0"]);
}

#[test]
fn with_a_panic() {
    let log = Log::default();
    let bang = || (panics("bang"), well());
    let no_route = || (fails("no route"), well());
    let told = ["exit 0 Panicked"];
    let end = "panic: bang";

    is(row(&log, gather(group(&log, bang(), fine())).with(value)), end, &told);
    let shown = ["on_error 0 no route", "exit 0 Panicked"];
    is(row(&log, gather(group(&log, bang(), no_route())).with(value)), end, &shown);
    let gate = Gate::new();
    let late = (panics("bang").gate(&gate), well());
    let mut driver = Driver::new(gather(group(&log, no_route(), late)).eager_rollback().with(value));
    driver.pends();
    gate.open();
    assert!(panic::catch_unwind(AssertUnwindSafe(|| driver.end())).is_err());
    assert_eq!(first(&log), ["on_error 0 no route", "exit 0 EnterFailed"]);

    is(row(&log, gather(group(&log, fine(), fine())).with(async |_| -> Result<u32, _> { panic!("bang") })), end, &told);

    let stopped = gather(group(&log, fine(), fine())).cancel_on(async {
        smol::future::yield_now().await;
        panic!("bang")
    });
    is(row(&log, stopped.with(async |_| pending::<Result<u32, _>>().await)), end, &told);

    struct Bang;
    impl Drop for Bang {
        fn drop(&mut self) {
            panic!("bang");
        }
    }
    let bomb = || {
        let bang = Bang;
        async move {
            let _bang = bang;
            pending::<()>().await
        }
    };
    is(row(&log, gather(group(&log, fine(), fine())).cancel_on(bomb()).with(value)), end, &told);
    is(row(&log, gather(group(&log, fine(), fine())).cancel_on(bomb()).with(oops)), end, &told);
    let shown = ["on_error 0 no route", "exit 0 Panicked"];
    is(row(&log, gather(group(&log, fine(), no_route())).cancel_on(bomb()).with(value)), end, &shown);

    let exit = || (well(), panics("bang"));
    is(row(&log, gather(group(&log, exit(), fine())).with(value)), end, &["exit 0 Completed"]);
    is(row(&log, gather(group(&log, exit(), fine())).with(oops)), end, &["on_error 0 oops", "exit 0 Failed"]);
    is(row(&log, gather(group(&log, exit(), fine())).stack().with(value)), end, &told);
    let [one, two, three] = members(&log, [fine(), fine(), fine()]);
    let end = "panic: on_error 1";
    let shown = ["on_error 0 oops", "exit 0 Failed"];
    is(row(&log, gather((one, two.on_error_panics(), three)).with(oops)), end, &shown);

    let stuck = (well(), fails("stuck"));
    let end = "panicked: bang; exit of member 2 failed: stuck; suppressed: false";
    is(row(&log, gather(group(&log, bang(), stuck)).catch_unwind().with(value)), end, &told);
}
