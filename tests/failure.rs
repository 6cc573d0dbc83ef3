//! Tests of how failures read. They also check that failures keep everything.

mod common;

use std::{cell::Cell, error::Error, fmt, future::pending, rc::Rc};

use common::Driver;
use gather_cm::{Cause, EnterExt, Exit, ExitCase, Failure, FailureOf, Few, Origin, Shape, Who, gather};

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
fn one_line_names_the_cause_and_each_error_with_its_index() {
    let (fine, disk, link) = (Ok(""), Ok("disk on fire"), Ok("link down"));
    let body = |members: [_; 3]| {
        let [a, b, c] = members.map(enter);
        Driver::new(gather((a, b, c)).with(async |_| Err::<Opaque, _>("disk full"))).end().err().unwrap()
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
    let exits = Driver::new(gather([link, fine, disk].map(enter)).with(async |_| Ok(Opaque))).end().err().unwrap();
    assert_eq!(exits.to_string(), "exit of member 0 failed: link down; exit of member 2 failed: disk on fire");
    assert_eq!(
        format!("{exits:?}"),
        r#"Failure { cause: Exit, exits: {0: "link down", 2: "disk on fire"}, suppressed: false }"#
    );
}

#[test]
#[cfg(feature = "alloc")]
fn a_failure_of_a_vec() {
    let members = vec![enter(Ok("")), enter(Err("e")), enter(Ok("x")), enter(Ok(""))];
    let failure = Driver::new(gather(members).with(async |_| Ok(()))).end().unwrap_err();
    assert_eq!(failure.to_string(), "enter of member 1 failed: e; exit of member 2 failed: x");
    assert_eq!((failure.exits.len(), failure.exits.get(2), failure.exits.get(99)), (1, Some(&"x"), None));
}

/// A failure is an error although its parts are not, so `?` takes it.
#[test]
fn a_failure_is_an_error() {
    fn boxed() -> Result<Opaque, Box<dyn Error + Send + Sync>> {
        Ok(Driver::new(gather([enter(Ok("x"))]).with(async |_| Ok::<_, &str>(Opaque))).end().map_err(opaque_is_sync)?)
    }
    fn opaque_is_sync<F: Error + Send + Sync + 'static>(failure: F) -> F {
        failure
    }
    assert_eq!(boxed().err().unwrap().to_string(), "exit of member 0 failed: x");
}

/// Everything can be moved out again.
#[test]
fn nothing_is_lost() {
    let group = || gather([enter(Ok("x")), enter(Ok("")), enter(Ok("z"))]);
    let Ok((Opaque, exits)) = Driver::new(group().with(async |_| Ok(Opaque)).keep_value()).end() else { panic!() };
    assert_eq!(exits.len(), 2);
    assert!(!exits.is_empty());
    assert_eq!(exits.iter().collect::<Vec<_>>(), [(0, &"x"), (2, &"z")]);
    assert_eq!((&exits).into_iter().collect::<Vec<_>>(), [(0, &"x"), (2, &"z")]);
    assert_eq!((exits.get(0), exits.get(1), exits.get(3)), (Some(&"x"), None, None));
    assert_eq!(exits.into_iter().collect::<Vec<_>>(), [(0, "x"), (2, "z")]);

    let failure = Driver::new(group().with(async |_| Ok(Opaque))).end();
    let Err(Failure { cause: Cause::Exit { .. }, exits, .. }) = failure else { panic!() };
    assert_eq!(exits.into_iter().collect::<Vec<_>>(), [(0, "x"), (2, "z")]);
}

/// If no exit failed, there are no errors of exits.
#[test]
fn no_errors_of_exits() {
    let failure = Driver::new(gather([enter(Ok(""))]).with(async |_| Err::<(), _>("b"))).end().unwrap_err();
    assert!(failure.exits.is_empty());
    assert_eq!((failure.exits.len(), failure.exits.get(0), failure.exits.iter().next()), (0, None, None));
    assert_eq!(failure.exits.into_iter().next(), None);
}

/// A signature can name the types of failures.
#[test]
fn failures_can_be_named() {
    let result: Result<(), Failure<&'static str, Few<2>, std::fmt::Error>> =
        Driver::new(gather((enter(Ok("")), enter(Ok("")))).with_own_error(async |_| Err(std::fmt::Error))).end();
    assert!(matches!(result.unwrap_err().cause, Cause::Body(std::fmt::Error)));
    let result: Result<(), Failure<u8, Few<1>>> =
        Driver::new(gather([async { Err::<u8, u8>(1) }.drop_on_exit()]).with(async |_| Ok(()))).end();
    assert!(result.is_err());
    let result: Result<(), FailureOf<(Fails, Fails)>> =
        Driver::new(gather((enter(Ok("")), enter(Ok("")))).with(async |_| Err("b"))).end();
    assert!(matches!(result.unwrap_err().cause, Cause::Body("b")));
    let result: Result<(), FailureOf<[Fails; 1], std::fmt::Error>> =
        Driver::new(gather([enter(Err("e"))]).with_own_error(async |_| Err(std::fmt::Error))).end();
    assert!(matches!(result.unwrap_err().cause, Cause::Enter(_)));
    #[cfg(feature = "alloc")]
    {
        let result: Result<(), FailureOf<Vec<Fails>>> =
            Driver::new(gather(vec![enter(Ok("x"))]).with(async |_| Ok(()))).end();
        let failure: Failure<&'static str, gather_cm::Many> = result.unwrap_err();
        assert_eq!(failure.exits.get(0), Some(&"x"));
    }
}

#[test]
#[cfg(feature = "std")]
fn failures_and_panics_are_send_and_sync() {
    fn is<T: Send + Sync>() {}
    is::<Failure<u8, Few<2>>>();
    is::<Failure<u8, gather_cm::Many, u16>>();
    is::<gather_cm::Panic>();
}

/// Makes a member whose enter and exit end in this way.
fn member(
    enter: Result<(), &'static str>,
    exit: Result<(), &'static str>,
) -> impl gather_cm::Member<Value = (), Error = &'static str> {
    async move { enter }.exit_with(async move |(), _| exit)
}

const FINE: Result<(), &str> = Ok(());

/// 10: `keep_value` returns the value if nothing failed, or only exits did. Every other failure is as without it.
#[test]
fn keep_value() {
    each_shape!([member(FINE, FINE), member(FINE, FINE)], |gather| {
        let (value, exits) = Driver::new(gather.with(async |_| Ok(Opaque)).keep_value()).end().unwrap();
        let Opaque = value;
        assert!(exits.is_empty());
    });
    each_shape!([member(FINE, Err("x")), member(FINE, Err("y"))], |gather| {
        let (value, exits) = Driver::new(gather.with(async |_| Ok(vec![7])).keep_value()).end().unwrap();
        assert_eq!((value, exits.into_iter().collect::<Vec<_>>()), (vec![7], vec![(0, "x"), (1, "y")]));
    });
    each_shape!([member(FINE, FINE), member(FINE, Err("y"))], |gather| {
        let with = gather.with(async |_| Err::<Opaque, _>("b")).keep_value();
        assert_eq!(Driver::new(with).end().err().unwrap().to_string(), "body failed: b; exit of member 1 failed: y");
    });
    each_shape!([member(Err("e"), FINE), member(FINE, Err("y"))], |gather| {
        let failure = Driver::new(gather.with(async |_| Ok(Opaque)).keep_value()).end().err().unwrap();
        assert_eq!(failure.to_string(), "enter of member 0 failed: e; exit of member 1 failed: y");
    });
    each_shape!([member(FINE, FINE), member(FINE, Err("y"))], |gather| {
        let with = gather.cancel_on(std::future::ready(())).with(async |_| Ok(Opaque)).keep_value();
        assert!(matches!(Driver::new(with).end().err().unwrap().cause, Cause::Cancelled { .. }));
    });
    each_shape!([member(FINE, FINE), member(FINE, FINE)], |gather| {
        let failure =
            Driver::new(gather.with_own_error(async |_| Err::<Opaque, _>(5)).keep_value()).end().err().unwrap();
        assert!(matches!(failure.cause, Cause::Body(5)));
    });
    #[cfg(feature = "std")]
    {
        let panics = || async { FINE }.exit_with(async |(), _| -> Result<(), _> { panic!("bang") });
        each_shape!([panics(), panics()], |gather| {
            let with = gather.catch_unwind().with(async |_| Ok(Opaque)).keep_value();
            assert!(matches!(Driver::new(with).end().err().unwrap().cause, Cause::Panicked(_)));
        });
    }
}

/// The value of a gather without `keep_value` is dropped when only exits failed, once.
#[test]
fn a_value_that_is_not_kept_is_dropped() {
    struct Counts<'a>(&'a Cell<u32>);
    impl Drop for Counts<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let count = Cell::new(0);
    each_shape!([member(FINE, Err("x")), member(FINE, Err("y"))], |gather| {
        let failure = Driver::new(gather.with(async |_| Ok(Counts(&count)))).end().err().unwrap();
        assert_eq!((failure.exits.len(), count.replace(0)), (2, 1));
    });
    each_shape!([member(FINE, Err("x")), member(FINE, Err("y"))], |gather| {
        let kept = Driver::new(gather.with(async |_| Ok(Counts(&count))).keep_value()).end();
        assert_eq!(count.get(), 0);
        drop(kept);
        assert_eq!(count.replace(0), 1);
    });
}

/// 17: the destructor of such a value may panic. That is a panic of the group like any other, and the failure has the
/// exits' errors along with it.
#[test]
#[cfg(feature = "std")]
fn a_value_that_panics_as_it_is_dropped() {
    #[derive(Debug)]
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("bomb");
        }
    }
    each_shape!([member(FINE, Err("x")), member(FINE, Err("y"))], |gather| {
        let failure = Driver::new(gather.catch_unwind().with(async |_| Ok(Bomb))).end().unwrap_err();
        assert_eq!(failure.to_string(), "panicked: bomb; exit of member 0 failed: x; exit of member 1 failed: y");
    });
    each_shape!([member(FINE, Err("x")), member(FINE, Err("y"))], |gather| {
        let mut driver = Driver::new(gather.with(async |_| Ok(Bomb)));
        let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| driver.end())).unwrap_err();
        assert_eq!(common::message(&*payload), "bomb");
    });
}

/// `errors` and `into_errors` return the errors of the enters, of the body and of the exits, each along with its
/// origin.
#[test]
fn all_errors_and_their_origins() {
    fn origins(lines: &[(Origin, &str)]) -> Vec<String> {
        lines.iter().map(|(origin, error)| format!("{origin}: {error}")).collect()
    }
    fn all<S: Shape>(failure: Failure<&'static str, S>) -> Vec<String> {
        let borrowed: Vec<_> = failure.errors().map(|(origin, error)| (origin, *error)).collect();
        let owned: Vec<_> = failure.into_errors().collect();
        assert_eq!(borrowed, owned);
        origins(&owned)
    }
    each_shape!([member(Err("e"), FINE), member(FINE, Err("y")), member(Err("f"), FINE)], |gather| {
        let failure = Driver::new(gather.with(async |_| Ok(()))).end().unwrap_err();
        let who: Vec<_> = failure
            .errors()
            .map(|(origin, _)| match origin {
                Origin::Enter(who) => ("enter", who.index(), who.name()),
                Origin::Exit(who) => ("exit", who.index(), who.name()),
                _ => panic!("{origin:?}"),
            })
            .collect();
        assert_eq!(who, [("enter", 0, None), ("enter", 2, None), ("exit", 1, None)]);
        let expected = ["enter of member 0 failed: e", "enter of member 2 failed: f", "exit of member 1 failed: y"];
        assert_eq!(all(failure), expected);
    });
    each_shape!([member(FINE, Err("x")), member(FINE, FINE), member(FINE, Err("z"))], |gather| {
        let failure =
            Driver::new(gather.names(&["a", "b", "c"]).with(async |_| Err::<(), _>("oops"))).end().unwrap_err();
        let (first, _) = failure.errors().next().unwrap();
        assert!(matches!(first, Origin::Body));
        assert_eq!(all(failure), ["body failed: oops", "exit of a failed: x", "exit of c failed: z"]);
    });
    each_shape!([member(FINE, FINE), member(FINE, Err("y"))], |gather| {
        let failure = Driver::new(gather.with(async |_| Ok(()))).end().unwrap_err();
        assert_eq!(all(failure), ["exit of member 1 failed: y"]);
    });
    each_shape!([member(FINE, FINE), member(FINE, FINE)], |gather| {
        let failure = Driver::new(gather.cancel_on(std::future::ready(())).with(async |_| Ok(()))).end().unwrap_err();
        assert_eq!(all(failure), [""; 0]);
    });
}

/// `into_error` returns the first error, and passes the others to the closure, in order. It returns `Err` if the group
/// was cancelled or panicked.
#[test]
fn into_error() {
    let mut rest = vec![];
    each_shape!([member(Err("e"), FINE), member(FINE, Err("y")), member(Err("f"), FINE)], |gather| {
        let failure = Driver::new(gather.names(&["a", "b", "c"]).with(async |_| Ok(()))).end().unwrap_err();
        assert_eq!(failure.into_error(|origin, error| rest.push(format!("{origin}: {error}"))).unwrap(), "e");
        assert_eq!(std::mem::take(&mut rest), ["enter of c failed: f", "exit of b failed: y"]);
    });
    each_shape!([member(FINE, Err("x")), member(FINE, Err("y"))], |gather| {
        let failure = Driver::new(gather.with(async |_| Err::<(), _>("b"))).end().unwrap_err();
        assert_eq!(failure.into_error(|origin, error| rest.push(format!("{origin}: {error}"))).unwrap(), "b");
        assert_eq!(std::mem::take(&mut rest), ["exit of member 0 failed: x", "exit of member 1 failed: y"]);
    });
    each_shape!([member(FINE, FINE), member(FINE, Err("y"))], |gather| {
        let failure = Driver::new(gather.with(async |_| Ok(()))).end().unwrap_err();
        assert_eq!(failure.into_error(|origin, _| panic!("{origin}")).unwrap(), "y");
    });
    // If the group was cancelled or panicked, `into_error` does not return the error of an exit instead.
    each_shape!([member(FINE, Err("x")), member(FINE, Err("y"))], |gather| {
        let (mut first, stop) = (true, common::Gate::new());
        let mut with = Driver::new(gather.cancel_on(stop.wait()).with(async |_| pending::<Result<(), _>>().await));
        with.pends();
        stop.open();
        let failure = with.end().unwrap_err().into_error(|_, _| first = false).unwrap_err();
        assert!(first && matches!(failure.cause, Cause::Cancelled { .. }));
        assert_eq!(failure.to_string(), "cancelled; exit of member 0 failed: x; exit of member 1 failed: y");
    });
    #[cfg(feature = "std")]
    each_shape!([member(FINE, Err("x")), member(FINE, Err("y"))], |gather| {
        let with = gather.catch_unwind().with(async |_| -> Result<(), _> { panic!("bang") });
        let failure = Driver::new(with).end().unwrap_err().into_error(|_, _| panic!()).unwrap_err();
        assert_eq!(failure.to_string(), "panicked: bang; exit of member 0 failed: x; exit of member 1 failed: y");
        assert_eq!(failure.errors().count(), 2, "the exits' errors are there");
    });
}

/// `map` and `errors_into` convert every error. They keep the cause, the names, and whether the body's error was
/// suppressed.
#[test]
fn map_and_errors_into() {
    #[derive(Debug, PartialEq)]
    struct Mine(usize);
    impl From<&'static str> for Mine {
        fn from(error: &'static str) -> Self {
            Self(error.len())
        }
    }
    each_shape!([member(Err("e"), FINE), member(FINE, Err("yy"))], |gather| {
        let failure = Driver::new(gather.names(&["a", "b"]).with(async |_| Ok(()))).end().unwrap_err();
        let failure = failure.errors_into::<Mine>();
        let all: Vec<_> = failure.into_errors().map(|(origin, error)| (origin.to_string(), error)).collect();
        assert_eq!(all, [("enter of a failed".into(), Mine(1)), ("exit of b failed".into(), Mine(2))]);
    });
    each_shape!([member(FINE, Err("x")), member(FINE, Err("yy"))], |gather| {
        let failure = Driver::new(gather.names(&["a", "b"]).with_own_error(async |_| Err::<(), _>(5u8))).end();
        let failure = failure.unwrap_err().map(|error| error.len(), |body| i32::from(body) + 1);
        assert_eq!(failure.to_string(), "body failed: 6; exit of a failed: 1; exit of b failed: 2");
        assert!(matches!(failure.cause, Cause::Body(6)) && failure.exits.get(1) == Some(&2));
    });
    each_shape!([member(FINE, FINE), member(FINE, Err("yy"))], |gather| {
        let failure = Driver::new(gather.with(async |_| Ok(()))).end().unwrap_err().errors_into::<Mine>();
        assert!(matches!(failure.cause, Cause::Exit { .. }) && failure.exits.get(1) == Some(&Mine(2)));
    });
    let forgiving = || async { FINE }.exit_with(async |(), _| Ok(true));
    each_shape!([forgiving(), forgiving()], |gather| {
        let failure = Driver::new(gather.with(async |_| Err::<(), _>("b"))).end().unwrap_err().errors_into::<Mine>();
        assert!(failure.is_suppressed());
        assert_eq!(failure.into_suppressed().unwrap(), Mine(1));
    });
    #[cfg(feature = "std")]
    each_shape!([member(FINE, Err("x")), member(FINE, Err("y"))], |gather| {
        let with = gather.catch_unwind().with(async |_| -> Result<(), _> { panic!("bang") });
        let failure = Driver::new(with).end().unwrap_err().errors_into::<Mine>();
        assert!(matches!(failure.cause, Cause::Panicked(_)) && failure.exits.len() == 2);
    });
}

/// `names`: a tuple and an array have one name for each member, and a `Vec` may have fewer.
#[test]
fn names() {
    each_shape!([member(Err("e"), FINE), member(FINE, Err("y")), member(FINE, Err("z"))], |gather| {
        let failure = Driver::new(gather.names(&["db", "cache", "queue"]).with(async |_| Ok(()))).end().unwrap_err();
        let line = "enter of db failed: e; exit of cache failed: y; exit of queue failed: z";
        assert_eq!(failure.to_string(), line);
        let names = ["db", "cache", "queue"].map(Some);
        assert!(failure.errors().map(|(origin, _)| who(origin).name()).eq(names));
        assert!(failure.errors().map(|(origin, _)| who(origin).index()).eq(0..3));
    });
    #[cfg(feature = "alloc")]
    for (names, line) in [
        (&["db"][..], "enter of db failed: e; exit of member 1 failed: y"),
        (&[], "enter of member 0 failed: e; exit of member 1 failed: y"),
        (&["db", "cache", "more"], "enter of db failed: e; exit of cache failed: y"),
    ] {
        let group = gather(vec![member(Err("e"), FINE), member(FINE, Err("y"))]).names(names);
        let failure = Driver::new(group.with(async |_| Ok(()))).end().unwrap_err();
        assert_eq!(failure.to_string(), line);
        let named: Vec<_> = failure.errors().map(|(origin, _)| who(origin).name()).collect();
        assert_eq!(named, [names.first().copied(), names.get(1).copied()]);
    }
}

fn who(origin: Origin) -> Who {
    match origin {
        Origin::Enter(who) | Origin::Exit(who) => who,
        _ => panic!("{origin:?}"),
    }
}

/// A nested failure of several parts is in brackets, on one line, and keeps its names.
#[test]
fn nested_failures_are_in_brackets() {
    let cluster = |enters: [Result<(), _>; 2], exits: [Result<(), _>; 2]| async move {
        gather((member(enters[0], exits[0]), member(enters[1], exits[1]))).names(&["a", "b"]).enter().await
    };
    each_shape!([cluster([FINE; 2], [Err("x"), Err("y")])], |gather| {
        let failure = Driver::new(gather.names(&["cluster"]).with(async |_| Ok(()))).end().unwrap_err();
        let line = "exit of cluster failed: [exit of a failed: x; exit of b failed: y]";
        assert_eq!((failure.to_string(), format!("{failure:#}")), (line.into(), line.into()));
    });
    each_shape!([cluster([FINE; 2], [Err("x"), FINE]), cluster([FINE, Err("e")], [Err("x"), FINE])], |gather| {
        let failure = Driver::new(gather.names(&["one", "two"]).with(async |_| Ok(()))).end().unwrap_err();
        let line =
            "enter of two failed: [enter of b failed: e; exit of a failed: x]; exit of one failed: exit of a failed: x";
        assert_eq!(failure.to_string(), line);
        assert_eq!(format!("{failure:#}"), format!("[{line}]"));
    });
    // The nested failure is two levels down.
    let site = || async {
        gather([cluster([FINE; 2], [Err("x"), Err("y")]), cluster([FINE; 2], [FINE, Err("z")])]).enter().await
    };
    each_shape!([site()], |gather| {
        let failure = Driver::new(gather.names(&["site"]).with(async |_| Ok(()))).end().unwrap_err();
        assert_eq!(
            failure.to_string(),
            "exit of site failed: [exit of member 0 failed: [exit of a failed: x; exit of b failed: y]; \
             exit of member 1 failed: exit of b failed: z]"
        );
    });
}

/// Makes a member that fails to enter.
fn enter_fails<E: 'static>(error: E) -> impl gather_cm::Member<Value = (), Error = E> {
    async { Err::<(), E>(error) }.drop_on_exit()
}

/// Makes a member that fails to exit.
fn exit_fails<E: 'static>(error: E) -> impl gather_cm::Member<Value = (), Error = E> {
    async { Ok(()) }.exit_with(async move |(), _| Err::<(), E>(error))
}

/// Makes a failure of two members with these errors.
fn pair<E: 'static>(names: &'static [&'static str; 2], enter: E, exit: E) -> Failure<E, Few<2>> {
    let group = gather((enter_fails(enter), exit_fails(exit))).names(names);
    Driver::new(group.with(async |_| Ok(()))).end().unwrap_err()
}

/// Makes a failure of each cause, each along with the error of an exit.
fn each_cause() -> Vec<Failure<&'static str, Few<2>>> {
    const NAMES: &[&str; 2] = &["db", "cache"];
    let group = || gather((member(FINE, FINE), exit_fails("stuck"))).names(NAMES);
    let driven = async { Ok(((), Box::pin(async { Err::<(), _>("cut") }))) }.driven().exit_with(async |(), _| Ok(()));
    let lost = gather((driven, exit_fails("stuck"))).names(NAMES).with(async |_| pending::<Result<(), _>>().await);
    let stop = common::Gate::new();
    let mut cancelled = Driver::new(group().cancel_on(stop.wait()).with(async |_| pending::<Result<(), _>>().await));
    cancelled.pends();
    stop.open();
    vec![
        pair(NAMES, "no route", "stuck"),
        Driver::new(lost).end().unwrap_err(),
        Driver::new(group().with(async |_| Err::<(), _>("oops"))).end().unwrap_err(),
        cancelled.end().unwrap_err(),
        Driver::new(group().with(async |_| Ok(()))).end().unwrap_err(),
        #[cfg(feature = "std")]
        Driver::new(group().catch_unwind().with(async |_| -> Result<(), _> { panic!("bang") })).end().unwrap_err(),
    ]
}

/// A failure of three levels, with several errors on each, is on one line.
#[test]
fn three_levels_on_one_line() {
    let site = |one, two| pair(&["db", "cache"], one, two);
    let failure = pair(&["north", "south"], site("e1", "x1"), site("e2", "x2"));
    let line = "enter of north failed: [enter of db failed: e1; exit of cache failed: x1]; \
                exit of south failed: [enter of db failed: e2; exit of cache failed: x2]";
    assert_eq!((failure.to_string(), format!("{failure:#}")), (line.into(), format!("[{line}]")));
    let debug = r#"Failure { cause: Enter({0: Failure { cause: Enter({0: "e1"}), exits: {1: "x1"}, suppressed: false }}), exits: {1: Failure { cause: Enter({0: "e2"}), exits: {1: "x2"}, suppressed: false }}, suppressed: false }"#;
    assert_eq!(format!("{failure:?}"), debug);

    let outer = Driver::new(gather((exit_fails(failure),)).with(async |_| Ok(()))).end().unwrap_err();
    let outer_line = format!("exit of member 0 failed: [{line}]");
    assert_eq!((outer.to_string(), format!("{outer:#}")), (outer_line.clone(), outer_line));
    assert_eq!(format!("{outer:?}"), format!("Failure {{ cause: Exit, exits: {{0: {debug}}}, suppressed: false }}"));
}

/// A nested failure of each cause is on one line.
#[test]
fn each_cause_on_one_line() {
    let lines = [
        "[enter of db failed: no route; exit of cache failed: stuck]",
        "[driver of db failed: cut; exit of cache failed: stuck]",
        "[body failed: oops; exit of cache failed: stuck]",
        "[cancelled; exit of cache failed: stuck]",
        "exit of cache failed: stuck",
        "[panicked: bang; exit of cache failed: stuck]",
    ];
    for (failure, line) in each_cause().into_iter().zip(lines) {
        let outer = Driver::new(gather([enter_fails(failure)]).with(async |_| Ok(()))).end().unwrap_err();
        assert_eq!(outer.to_string(), format!("enter of member 0 failed: {line}"));
    }
}

/// If the text of an error has several lines, it stays on the line of the failure.
#[test]
fn texts_of_several_lines_on_one_line() {
    let failure = pair(&["a", "b"], "line 3:\n  a = \n\nno value\n", "\nstuck\n");
    let line = "enter of a failed: line 3:   a =  no value; exit of b failed: stuck";
    assert_eq!((failure.to_string(), format!("{failure:#}")), (line.into(), format!("[{line}]")));
    let outer = Driver::new(gather((exit_fails(failure),)).with(async |_| Ok(()))).end().unwrap_err();
    assert_eq!(outer.to_string(), format!("exit of member 0 failed: [{line}]"));
    #[cfg(feature = "std")]
    {
        let with = gather((exit_fails("x"),)).catch_unwind().with(async |_| -> Result<(), _> { panic!("one\ntwo") });
        let failure = Driver::new(with).end().unwrap_err();
        assert_eq!(failure.to_string(), "panicked: one two; exit of member 0 failed: x");
    }
}

#[cfg(feature = "alloc")]
mod reports {
    use gather_cm::Report;

    use super::*;

    /// An error with sources.
    #[derive(Debug)]
    struct Layer(&'static str, Option<Box<Layer>>);

    impl fmt::Display for Layer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Layer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|layer| layer as _)
        }
    }

    fn is_an_error<T: Error + Send + Sync + 'static>(report: T) -> T {
        report
    }

    /// Returns the texts of all sources of an error.
    fn chain(error: &(dyn Error + 'static)) -> Vec<String> {
        std::iter::successors(error.source(), |error| (**error).source()).map(|error| error.to_string()).collect()
    }

    fn layers() -> Layer {
        Layer("no route", Some(Box::new(Layer("link down", Some(Box::new(Layer("cable cut", None)))))))
    }

    /// The first error is the source, and leads to its own sources. The report prints them on one line, or as a tree.
    #[test]
    fn of_enters_and_exits() {
        let db = || async { Err::<(), _>(layers()) }.exit_with(async |(), _| Ok(()));
        let cache = || {
            async { Ok::<(), Layer>(()) }
                .exit_with(async |(), _| Err::<(), _>(Layer("stuck", Some(Box::new(Layer("full", None))))))
        };
        let failures = [
            Driver::new(gather((db(), cache())).names(&["db", "cache"]).with(async |_| Ok(())))
                .end()
                .unwrap_err()
                .report(),
            Driver::new(gather((db(), cache())).names(&["db", "cache"]).enter()).end().err().unwrap().report(),
        ];
        for report in failures.map(is_an_error) {
            assert_eq!(chain(&report), ["no route", "link down", "cable cut"]);
            assert_eq!(report.to_string(), "enter of db failed (also: exit of cache failed: stuck: full)");
            let all = "[enter of db failed: no route: link down: cable cut; exit of cache failed: stuck: full]";
            assert_eq!(format!("{report:#}"), all);
            let tree = "enter of db failed:\n  no route\n  caused by: link down\n  caused by: cable cut\n\
                        exit of cache failed:\n  stuck\n  caused by: full";
            assert_eq!(format!("{report:?}"), tree);
        }
    }

    /// A report prints failures of each shape, and of each cause.
    #[test]
    fn of_each_cause() {
        fn lines<S: Shape>(failure: Failure<&'static str, S>) -> [String; 3] {
            let report: Report = failure.report();
            for line in [report.to_string(), format!("{report:#}")] {
                assert!(!line.contains('\n'), "{line}");
            }
            [
                report.to_string(),
                format!("{report:#}"),
                report.source().map_or(String::new(), |source| source.to_string()),
            ]
        }
        each_shape!([member(FINE, FINE), member(FINE, Err("y"))], |gather| {
            let failure = Driver::new(gather.with(async |_| Ok(()))).end().unwrap_err();
            assert_eq!(lines(failure), ["exit of member 1 failed", "exit of member 1 failed: y", "y"]);
        });
        each_shape!([member(FINE, FINE), member(FINE, Err("y"))], |gather| {
            let failure = Driver::new(gather.with(async |_| Err::<(), _>("b"))).end().unwrap_err();
            let all = "[body failed: b; exit of member 1 failed: y]";
            assert_eq!(lines(failure), ["body failed (also: exit of member 1 failed: y)", all, "b"]);
        });
        each_shape!([member(FINE, FINE), member(FINE, FINE)], |gather| {
            let failure =
                Driver::new(gather.cancel_on(std::future::ready(())).with(async |_| Ok(()))).end().unwrap_err();
            assert_eq!(lines(failure), ["cancelled", "cancelled", ""]);
        });
        #[cfg(feature = "std")]
        each_shape!([member(FINE, FINE), member(FINE, Err("y"))], |gather| {
            let with = gather.catch_unwind().with(async |_| -> Result<(), _> { panic!("bang") });
            let [line, all, source] = lines(Driver::new(with).end().unwrap_err());
            assert_eq!(line, "panicked: bang; exit of member 1 failed");
            assert_eq!((&*all, &*source), ("[panicked: bang; exit of member 1 failed: y]", "y"));
        });
    }

    /// `B` may be another type than `E`. The report fits into any boxed error.
    #[test]
    fn of_two_error_types() {
        fn run() -> Result<(), Box<dyn Error + Send + Sync>> {
            let body = async |_: (&mut (),)| Err::<(), _>(layers());
            Ok(Driver::new(gather((member(FINE, Err("x")),)).with_own_error(body)).end().map_err(Failure::report)?)
        }
        let error = run().unwrap_err();
        assert_eq!(chain(&*error), ["no route", "link down", "cable cut"]);
        assert!(error.is::<Report>());
    }

    /// A report of nested failures prints them on one line, or as a tree.
    #[test]
    fn of_nested_groups() {
        let cluster = |fails: bool| async move {
            let b = member(if fails { Err("e") } else { FINE }, Err("y"));
            gather((member(FINE, Err("x")), b)).names(&["a", "b"]).enter().await
        };
        let with = gather((cluster(false),)).names(&["cluster"]).with(async |_| Ok(()));
        let report = Driver::new(with).end().unwrap_err().report();
        assert_eq!(format!("{report:#}"), "exit of cluster failed: [exit of a failed: x; exit of b failed: y]");
        let tree = "exit of cluster failed:\n  exit of a failed:\n    x\n  exit of b failed:\n    y";
        assert_eq!(format!("{report:?}"), tree);

        let site = || async { gather([cluster(false), cluster(true)]).enter().await };
        let with = gather([site(), site()]).names(&["north", "south"]).with(async |_| Ok(()));
        let report = Driver::new(with).end().unwrap_err().report();
        assert_eq!(
            report.to_string(),
            "enter of north failed (also: enter of south failed: \
             [enter of member 1 failed: [enter of b failed: e; exit of a failed: x]; \
             exit of member 0 failed: [exit of a failed: x; exit of b failed: y]])"
        );
        assert_eq!(
            chain(&report),
            ["enter of member 1 failed: [enter of b failed: e; exit of a failed: x]; \
              exit of member 0 failed: [exit of a failed: x; exit of b failed: y]"]
        );
        let site = ["enter of member 1 failed:", "  enter of b failed:", "    e", "  exit of a failed:", "    x"]
            .into_iter()
            .chain(["exit of member 0 failed:", "  exit of a failed:", "    x", "  exit of b failed:", "    y"])
            .fold(String::new(), |tree, line| tree + "\n  " + line);
        assert_eq!(format!("{report:?}"), format!("enter of north failed:{site}\nenter of south failed:{site}"));
        assert_eq!(format!("{report:#?}"), format!("{report:?}"));
    }

    /// Makes a report of these errors, each of an exit.
    fn report_of<E>(errors: impl IntoIterator<Item = E>) -> Report
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let members: Vec<_> = errors.into_iter().map(exit_fails).collect();
        Driver::new(gather(members).with(async |_| Ok(()))).end().unwrap_err().report()
    }

    /// A report prints a nested failure of each cause.
    #[test]
    fn of_each_cause_inside() {
        let stuck = "\n  exit of cache failed:\n    stuck";
        let heads = [
            "\n  enter of db failed:\n    no route",
            "\n  driver of db failed:\n    cut",
            "\n  body failed:\n    oops",
            "\n  cancelled",
            "",
            "\n  panicked: bang",
        ];
        for (failure, head) in each_cause().into_iter().zip(heads) {
            assert_eq!(format!("{:?}", report_of([failure])), format!("exit of member 0 failed:{head}{stuck}"));
        }
        for (failure, head) in each_cause().into_iter().zip(heads) {
            let tree = format!("exit of member 0 failed:{head}{stuck}");
            assert_eq!(format!("{:?}", report_of([failure.report()])), tree, "a report inside");
        }
    }

    /// Reports in reports are one tree, along with the sources of every error.
    #[test]
    fn of_reports() {
        let layer = |text, source| Layer(text, Some(Box::new(Layer(source, None))));
        let site = |texts: [&'static str; 4]| {
            let [enter, because, exit, of] = texts;
            pair(&["db", "cache"], layer(enter, because), layer(exit, of)).report()
        };
        let north = || site(["e1", "e2", "x1", "x2"]);
        let world = || pair(&["north", "south"], north(), site(["e3", "e4", "x3", "x4"]));
        let line = "[enter of north failed: [enter of db failed: e1: e2; exit of cache failed: x1: x2]; \
                    exit of south failed: [enter of db failed: e3: e4; exit of cache failed: x3: x4]]";
        let tree = "\
enter of north failed:
  enter of db failed:
    e1
    caused by: e2
  exit of cache failed:
    x1
    caused by: x2
exit of south failed:
  enter of db failed:
    e3
    caused by: e4
  exit of cache failed:
    x3
    caused by: x4";
        assert_eq!(world().to_string(), &line[1..line.len() - 1], "a failure of reports");
        let report = world().report();
        assert_eq!(
            report.to_string(),
            "enter of north failed (also: exit of south failed: \
             [enter of db failed: e3: e4; exit of cache failed: x3: x4])"
        );
        assert_eq!(chain(&report), ["enter of db failed (also: exit of cache failed: x1: x2)", "e1", "e2"]);
        assert_eq!((format!("{report:#}"), format!("{report:?}")), (line.into(), tree.into()));

        // There are three levels, of failures or of reports.
        let outer = format!("exit of member 0 failed:\n  {}", tree.replace('\n', "\n  "));
        for report in [report_of([world().report()]), report_of([world()])] {
            assert_eq!(format!("{report:#}"), format!("exit of member 0 failed: {line}"));
            assert_eq!(format!("{report:?}"), outer);
        }
        // `io::Error` shows the report as its own, and leads to the sources of the report. Without `std`, the crate
        // does not know that type.
        if cfg!(feature = "std") {
            let report = report_of([std::io::Error::other(world().report())]);
            assert_eq!(format!("{report:#}"), format!("exit of member 0 failed: {line}"));
            assert_eq!(format!("{report:?}"), outer);
        }
        let failure = Driver::new(gather([exit_fails(std::io::Error::other(world()))]).with(async |_| Ok(()))).end();
        assert_eq!(failure.unwrap_err().to_string(), format!("exit of member 0 failed: {line}"));
    }

    /// An error of a program, with a report as its source.
    #[derive(Debug)]
    struct Wrapped(Report);

    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("no service")
        }
    }

    impl Error for Wrapped {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    /// A report among the sources is printed as a tree, too, along with its own sources.
    #[test]
    fn of_reports_among_the_sources() {
        let report = || report_of([Wrapped(pair(&["db", "cache"], layers(), Layer("stuck", None)).report())]);
        let all = "[enter of db failed: no route: link down: cable cut; exit of cache failed: stuck]";
        assert_eq!(format!("{:#}", report()), format!("exit of member 0 failed: no service: {all}"));
        let tree = "\
exit of member 0 failed:
  no service
  caused by:
    enter of db failed:
      no route
      caused by: link down
      caused by: cable cut
    exit of cache failed:
      stuck";
        assert_eq!(format!("{:?}", report()), tree);
        let outer = format!("{:?}", report_of([report()]));
        assert_eq!(outer, format!("exit of member 0 failed:\n  {}", tree.replace('\n', "\n  ")));
    }

    /// Texts of several lines are printed on one line, or in their own place in the tree.
    #[test]
    fn of_texts_of_several_lines() {
        let source = || Layer("one\n\ntwo\n", Some(Box::new(Layer("three\n", None))));
        let report = || pair(&["a", "b"], Layer("line 3:\n  a =\n", Some(Box::new(source()))), Layer("stuck", None));
        assert_eq!(report().report().to_string(), "enter of a failed (also: exit of b failed: stuck)");
        let all = "[enter of a failed: line 3:   a =: one two: three; exit of b failed: stuck]";
        assert_eq!(format!("{:#}", report().report()), all);
        let tree = "\
enter of a failed:
  line 3:
    a =
  caused by:
    one
    two
  caused by: three
exit of b failed:
  stuck";
        assert_eq!(format!("{:?}", report().report()), tree);
        #[cfg(feature = "std")]
        {
            let panics = async |_: (&mut (),)| -> Result<(), _> { panic!("left: 1\n right: 2") };
            let failure = || Driver::new(gather((exit_fails("x"),)).catch_unwind().with(panics)).end().unwrap_err();
            let report = failure().report();
            assert_eq!(report.to_string(), "panicked: left: 1  right: 2; exit of member 0 failed");
            assert_eq!(format!("{report:#}"), "[panicked: left: 1  right: 2; exit of member 0 failed: x]");
            let tree = "panicked: left: 1\n   right: 2\nexit of member 0 failed:\n  x";
            assert_eq!(format!("{report:?}"), tree);
            let outer = format!("exit of member 0 failed:\n  {}", tree.replace('\n', "\n  "));
            assert_eq!(format!("{:?}", report_of([failure()])), outer);
        }
    }
}

/// The error of an application. One impl serves groups of every size and shape.
#[derive(Debug, PartialEq)]
enum AppError {
    Plain(&'static str),
    Other(String),
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) => f.write_str(text),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl<S: Shape> From<Failure<AppError, S>> for AppError {
    fn from(failure: Failure<AppError, S>) -> Self {
        failure.into_error(|_, _| {}).unwrap_or_else(|failure| Self::Other(failure.to_string()))
    }
}

impl From<&'static str> for AppError {
    fn from(error: &'static str) -> Self {
        Self::Plain(error)
    }
}

#[test]
fn one_impl_serves_every_size() {
    let ok = || member(FINE, FINE).errors_into::<AppError>();
    let bad = || member(FINE, Err("x")).errors_into::<AppError>();
    let run = async |which: usize| -> Result<usize, AppError> {
        let one = gather((ok(),)).with(async |_| Ok(1)).await?;
        let two = gather((ok(), ok())).with(async |_| Ok(2)).await?;
        let three = gather([ok(), ok(), ok()]).with(async |all| Ok(all.len())).await?;
        #[cfg(feature = "alloc")]
        let three = three + gather(vec![ok(), ok()]).with(async |all| Ok(all.len())).await?;
        match which {
            0 => gather((ok(), bad())).with(async |_| Ok(())).await?,
            1 => gather([bad(), ok(), ok()]).with(async |_| Ok(())).await?,
            #[cfg(feature = "alloc")]
            2 => gather(vec![ok(), bad()]).with(async |_| Ok(())).await?,
            3 => gather((ok(),)).with(async |_| Err("b".into())).await?,
            4 => gather((ok(),)).cancel_on(std::future::ready(())).with(async |_| Ok(())).await?,
            // A group runs in a body, and its failure becomes an error of the outer group.
            5 => {
                let inner = async |_: (&mut (),)| Ok(gather([bad(), bad()]).with(async |_| Ok(())).await?);
                gather((ok(),)).with(inner).await?
            }
            _ => {}
        }
        Ok(one + two + three)
    };
    let run = |which| Driver::new(run(which)).end();
    assert_eq!(run(9), Ok(if cfg!(feature = "alloc") { 8 } else { 6 }));
    assert_eq!((run(0), run(1), run(5)), (Err("x".into()), Err("x".into()), Err("x".into())));
    #[cfg(feature = "alloc")]
    assert_eq!(run(2), Err("x".into()));
    assert_eq!(run(3), Err("b".into()));
    assert_eq!(run(4), Err(AppError::Other("cancelled".into())));
}

/// No error type has the body's value in it. So `?` works although the value borrows, and although it is neither `Send`
/// nor `Sync`.
#[test]
fn the_value_is_in_no_error_type() {
    fn run<'a>(text: &'a str, cell: &'a Cell<u32>) -> Result<usize, Box<dyn Error + Send + Sync>> {
        let mut sum = 0;
        let value: &'a str = Driver::new(gather((member(FINE, FINE),)).with(async |_| Ok(text))).end()?;
        sum += value.len();
        let value: Rc<&'a Cell<u32>> =
            Driver::new(gather([member(FINE, FINE)]).with(async |_| Ok(Rc::new(cell)))).end()?;
        sum += value.get() as usize;
        #[cfg(feature = "alloc")]
        {
            let with = gather(vec![member(FINE, FINE)]).with(async |_| Ok(Cell::new(text)));
            sum += Driver::new(with).end()?.get().len();
        }
        let (value, _) = Driver::new(gather((member(FINE, Err("x")),)).with(async |_| Ok(cell)).keep_value()).end()?;
        sum += value.get() as usize;
        Driver::new(gather((member(FINE, Err("x")),)).with(async |_| Ok(Rc::new(text)))).end()?;
        Ok(sum)
    }
    let text = String::from("borrowed");
    assert_eq!(run(&text, &Cell::new(7)).unwrap_err().to_string(), "exit of member 0 failed: x");
}
