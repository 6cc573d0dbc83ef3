//! How failures read, and that they keep everything.

mod common;

use std::error::Error;

use common::Driver;
use gather_cm::{Cause, EnterExt, Exit, ExitCase, Failure, Faults, gather};

/// A resource whose exit fails with its text, if it is not empty. The error is no `std::error::Error`.
struct Fails(&'static str);

impl Exit for Fails {
    type Error = &'static str;
    type Verdict = ();
    async fn exit(self, _: ExitCase) -> Result<(), &'static str> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

async fn enter(result: Result<&'static str, &'static str>) -> Result<Fails, &'static str> {
    result.map(Fails)
}

/// A value that can neither be shown nor copied.
struct Opaque;

#[test]
fn one_line_names_the_cause_and_each_fault_with_its_index() {
    let (fine, disk, link) = (Ok(""), Ok("disk on fire"), Ok("link down"));
    let body = |members: [_; 3]| {
        let [a, b, c] = members.map(enter);
        Driver::new(gather((a, b, c)).try_with(async |_| Err::<Opaque, _>("disk full"))).end().err().unwrap()
    };
    assert_eq!(body([fine, fine, fine]).to_string(), "body failed: disk full");
    assert_eq!(body([fine, link, fine]).to_string(), "body failed: disk full; exit of member 1 failed: link down");
    assert_eq!(
        body([link, Err("no power"), disk]).to_string(),
        "enter of member 1 failed: no power; exit of member 0 failed: link down; exit of member 2 failed: disk on fire"
    );
    assert_eq!(
        body([Err("no power"), Err("no air"), fine]).to_string(),
        "enter of member 0 failed: no power; enter of member 1 failed: no air"
    );
    let exits = Driver::new(gather([link, fine, disk].map(enter)).with(async |_| Opaque)).end().err().unwrap();
    assert_eq!(exits.to_string(), "exit of member 0 failed: link down; exit of member 2 failed: disk on fire");
    assert_eq!(
        format!("{exits:?}"),
        r#"Failure { cause: Exit(..), exits: {0: "link down", 2: "disk on fire"}, suppressed: false }"#
    );
}

#[test]
#[cfg(feature = "alloc")]
fn a_failure_of_a_vec() {
    let members = vec![enter(Ok("")), enter(Err("e")), enter(Ok("x")), enter(Ok(""))];
    let failure = Driver::new(gather(members).with(async |_| ())).end().unwrap_err();
    assert_eq!(failure.to_string(), "enter of member 1 failed: e; exit of member 2 failed: x");
    assert_eq!((failure.exits.len(), failure.exits.get(2), failure.exits.get(99)), (1, Some(&"x"), None));
}

/// It is an error though its parts are not, and though the body's value cannot be shown: `?` takes it.
#[test]
fn a_failure_is_an_error() {
    fn boxed() -> Result<Opaque, Box<dyn Error + Send + Sync>> {
        Ok(Driver::new(gather([enter(Ok("x"))]).try_with(async |_| Ok::<_, &str>(Opaque)))
            .end()
            .map_err(opaque_is_sync)?)
    }
    fn opaque_is_sync<F: Error + Send + Sync + 'static>(failure: F) -> F {
        failure
    }
    assert_eq!(boxed().err().unwrap().to_string(), "exit of member 0 failed: x");
}

/// Everything can be moved out again.
#[test]
fn nothing_is_lost() {
    let failure = Driver::new(gather([enter(Ok("x")), enter(Ok("")), enter(Ok("z"))]).with(async |_| Opaque)).end();
    let Err(Failure { cause: Cause::Exit(Opaque), exits, .. }) = failure else { panic!() };
    assert_eq!(exits.len(), 2);
    assert!(!exits.is_empty());
    assert_eq!(exits.iter().collect::<Vec<_>>(), [(0, &"x"), (2, &"z")]);
    assert_eq!((exits.get(0), exits.get(1), exits.get(3)), (Some(&"x"), None, None));
    assert_eq!(exits.into_iter().collect::<Vec<_>>(), [(0, "x"), (2, "z")]);
}

/// Where no exit failed, there are none.
#[test]
fn no_faults() {
    let failure = Driver::new(gather([enter(Ok(""))]).try_with(async |_| Err::<(), _>("b"))).end().unwrap_err();
    assert!(failure.exits.is_empty());
    assert_eq!((failure.exits.len(), failure.exits.get(0), failure.exits.iter().next()), (0, None, None));
    assert_eq!(failure.exits.into_iter().next(), None);
}

/// The types can be written down.
#[test]
fn failures_can_be_named() {
    type Group2 = Faults<[Option<&'static str>; 2]>;
    let result: Result<(), Failure<(), std::fmt::Error, Group2>> =
        Driver::new(gather((enter(Ok("")), enter(Ok("")))).try_with(async |_| Err(std::fmt::Error))).end();
    assert!(matches!(result.unwrap_err().cause, Cause::Body(std::fmt::Error)));
    type Group1 = Faults<[Option<u8>; 1]>;
    let result: Result<(), Failure<(), std::convert::Infallible, Group1>> =
        Driver::new(gather([async { Err::<u8, u8>(1) }.drop_on_exit()]).with(async |_| ())).end();
    assert!(result.is_err());
}

#[test]
#[cfg(feature = "std")]
fn failures_and_panics_are_send_and_sync() {
    fn is<T: Send + Sync>() {}
    is::<Failure<u8, u8, Faults<[Option<u8>; 2]>>>();
    is::<gather_cm::Panic>();
}
