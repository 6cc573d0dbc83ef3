//! The adapters: exits by closure or by `Drop`, and errors of different types brought together.

mod common;

use std::{
    any::Any,
    cell::{Cell, RefCell},
    rc::Rc,
};

use common::{Driver, Gate};
use gather_cm::{Cause, EnterExt, Exit, ExitCase, Verdict, gather};

/// `exit_with`: the closure gets the value and the case; it may borrow, and its answer is the verdict.
#[test]
fn exit_with_a_closure() {
    let log = RefCell::new(vec![]);
    let told = &log;
    let run = |fail: bool, suppress: bool| {
        let member = async { Ok::<_, &str>(Rc::new(7)) }.exit_with(async move |value: Rc<i32>, case| {
            told.borrow_mut().push((*value, case));
            Ok(suppress)
        });
        let body = async move |(value,): (&mut gather_cm::ExitWith<Rc<i32>, _, _, _>,)| {
            if fail { Err("b") } else { Ok(***value) }
        };
        Driver::new(gather((member,)).try_with(body)).end()
    };
    assert_eq!(run(false, false).unwrap(), 7);
    assert!(!run(true, false).unwrap_err().is_suppressed());
    assert!(run(true, true).unwrap_err().is_suppressed());
    assert_eq!(*log.borrow(), [(7, ExitCase::Completed), (7, ExitCase::Failed), (7, ExitCase::Failed)]);
}

/// `exit_with`: a plain `async fn` will do, also over a value that is borrowed.
#[test]
fn exit_with_a_function() {
    async fn close(count: &Cell<u32>, _: ExitCase) -> Result<(), &'static str> {
        count.set(count.get() + 1);
        Err("closed too late")
    }
    let count = Cell::new(0);
    let member = async { Ok(&count) }.exit_with(close);
    let failure = Driver::new(gather((member,)).with(async |(count,)| count.set(41))).end().unwrap_err();
    assert_eq!(failure.to_string(), "exit of member 0 failed: closed too late");
    assert_eq!(count.get(), 42);
}

/// `exit_with`: over a resource, it stands in for the resource's own exit. Abandoned, the value is dropped.
#[test]
fn exit_with_over_a_resource() {
    struct Never;
    impl Exit for Never {
        type Error = ();
        type Verdict = ();
        async fn exit(self, _: ExitCase) -> Result<(), ()> {
            unreachable!()
        }
    }
    let member = async { Ok::<_, ()>(Never) }.exit_with(async |_never, _| Ok(Verdict::Propagate));
    Driver::new(gather((member,)).with(async |_| ())).end().unwrap();

    let value = Rc::new(());
    let member = async { Ok::<_, ()>(value.clone()) }.exit_with(async |_, _| Ok(()));
    let mut driver = Driver::new(gather((member,)).with(async |_| std::future::pending::<()>().await));
    driver.pends();
    assert_eq!(Rc::strong_count(&value), 2);
    driver.drop();
    assert_eq!(Rc::strong_count(&value), 1);
}

/// `drop_on_exit`: the guard is dropped in the exit, not before, and not later.
#[test]
fn drop_on_exit() {
    let cell = Rc::new(RefCell::new(1));
    let slow = Gate::new();
    let guard = async { Ok::<_, ()>(cell.borrow_mut()) }.drop_on_exit();
    let other = async { Ok(()) }.exit_with(async |(), _| Ok(slow.wait().await));
    let mut driver = Driver::new(gather((guard, other)).with(async |(value, _)| {
        assert!(cell.try_borrow().is_err());
        ***value += 1;
    }));
    driver.pends();
    assert_eq!(*cell.borrow(), 2, "released at once, beside a slow sibling");
    slow.open();
    driver.end().unwrap();
}

#[derive(Debug, PartialEq)]
enum Mixed {
    Number(u8),
    Text(&'static str),
}

impl From<u8> for Mixed {
    fn from(number: u8) -> Self {
        Self::Number(number)
    }
}

impl From<&'static str> for Mixed {
    fn from(text: &'static str) -> Self {
        Self::Text(text)
    }
}

/// `errors_into`: both the enter's error and the exit's.
#[test]
fn errors_into() {
    let bad_enter = async { Err::<(), u8>(1) }.drop_on_exit().errors_into::<Mixed>();
    let bad_exit = async { Ok(()) }.exit_with(async |(), _| Err::<(), _>("x")).errors_into();
    let failure = Driver::new(gather((bad_enter, bad_exit)).with(async |_| ())).end().unwrap_err();
    let Cause::Enter(faults) = &failure.cause else { panic!() };
    assert_eq!(faults.get(0), Some(&Mixed::Number(1)));
    assert_eq!(failure.exits.get(1), Some(&Mixed::Text("x")));
}

/// `errors_into` keeps the verdict, and passes `witness` and `abandon` on.
#[test]
fn errors_into_passes_on() {
    #[derive(Clone, Default)]
    struct Spy(Rc<RefCell<Vec<String>>>);
    impl Exit for Spy {
        type Error = u8;
        type Verdict = Verdict;
        async fn exit(self, case: ExitCase) -> Result<Verdict, u8> {
            self.0.borrow_mut().push(format!("{case:?}"));
            Ok(Verdict::Suppress)
        }
        fn witness(&mut self, error: &dyn Any) {
            self.0.borrow_mut().push(format!("{:?}", error.downcast_ref::<Mixed>()));
        }
        fn abandon(self) {
            self.0.borrow_mut().push("abandoned".into());
        }
    }
    let spy = Spy::default();
    let member = || async { Ok(spy.clone()) }.errors_into::<Mixed>();
    let failure = Driver::new(gather((member(),)).try_with(async |_| Err::<(), _>(Mixed::Number(3)))).end();
    assert!(failure.unwrap_err().is_suppressed());
    let failing = async { Err::<Spy, u8>(4) }.errors_into::<Mixed>();
    Driver::new(gather((member(), failing)).with(async |_| ())).end().unwrap_err();
    let mut driver = Driver::new(gather((member(),)).with(async |_| std::future::pending::<()>().await));
    driver.pends();
    driver.drop();
    assert_eq!(*spy.0.borrow(), ["Some(Number(3))", "Failed", "Some(Number(4))", "EnterFailed", "abandoned"]);
}

/// The resources deref to the value, mutably, and give it back.
#[test]
fn deref_and_into_inner() {
    let taken = Driver::new(gather((async { Ok::<_, u8>(vec![1]) }.drop_on_exit().errors_into::<Mixed>(),)).with(
        async |(list,)| {
            list.push(2);
            std::mem::take(&mut ***list)
        },
    ));
    assert_eq!({ taken }.end().unwrap(), [1, 2]);

    let mut enter = Driver::new(async {
        let member = async { Ok::<_, u8>(5) }.exit_with(async |_: i32, _| Ok(())).errors_into::<Mixed>();
        member.await.unwrap().into_inner().into_inner()
            + async { Ok::<_, u8>(6) }.drop_on_exit().await.unwrap().into_inner()
    });
    assert_eq!(enter.end(), 11);
}

/// An adapted member is lazy as well: not even `into_future` is called before the first poll.
#[test]
fn adapters_are_lazy() {
    struct Eager;
    impl IntoFuture for Eager {
        type Output = Result<(), u8>;
        type IntoFuture = std::future::Ready<Result<(), u8>>;
        fn into_future(self) -> Self::IntoFuture {
            panic!("called")
        }
    }
    drop(
        gather((Eager.drop_on_exit().errors_into::<Mixed>(), Eager.exit_with(async |_, _| Ok(())).errors_into()))
            .with(async |_| ()),
    );
}
