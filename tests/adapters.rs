//! The adapters: exits by closure or by `Drop`, and errors of different types brought together.

mod common;

use std::{
    any::Any,
    cell::{Cell, RefCell},
    rc::Rc,
};

use common::{Driver, Gate, Log};
use gather_cm::{Cause, DropOnExit, EnterExt, ErrorsInto, Exit, ExitCase, ExitWith, Member, Resource, Verdict, gather};

/// `exit_with`: the closure receives the value and the case. It may borrow, and its answer is the verdict.
#[test]
fn exit_with_a_closure() {
    let log = RefCell::new(vec![]);
    let told = &log;
    let run = |fail: bool, suppress: bool| {
        let member = async { Ok::<_, &str>(Rc::new(7)) }.exit_with(async move |value: Rc<i32>, case| {
            told.borrow_mut().push((*value, case));
            Ok(suppress)
        });
        let body = async move |(value,): (&mut Rc<i32>,)| if fail { Err("b") } else { Ok(**value) };
        Driver::new(gather((member,)).with(body)).end()
    };
    assert_eq!(run(false, false).unwrap(), 7);
    assert!(!run(true, false).unwrap_err().is_suppressed());
    assert!(run(true, true).unwrap_err().is_suppressed());
    assert_eq!(*log.borrow(), [(7, ExitCase::Completed), (7, ExitCase::Failed), (7, ExitCase::Failed)]);
}

/// `exit_with`: it takes a plain `async fn` too, even for a value that borrows.
#[test]
fn exit_with_a_function() {
    async fn close(count: &Cell<u32>, _: ExitCase) -> Result<(), &'static str> {
        count.set(count.get() + 1);
        Err("closed too late")
    }
    let count = Cell::new(0);
    let member = async { Ok(&count) }.exit_with(close);
    let failure = Driver::new(gather((member,)).with(async |(count,)| Ok(count.set(41)))).end().unwrap_err();
    assert_eq!(failure.to_string(), "exit of member 0 failed: closed too late");
    assert_eq!(count.get(), 42);
}

/// `exit_with`: around a resource, it replaces the resource's own exit. If the member is abandoned, the value is
/// dropped.
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
    Driver::new(gather((member,)).with(async |_| Ok(()))).end().unwrap();

    let value = Rc::new(());
    let member = async { Ok::<_, ()>(value.clone()) }.exit_with(async |_, _| Ok(()));
    let mut driver = Driver::new(gather((member,)).with(async |_| std::future::pending::<Result<(), _>>().await));
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
        **value += 1;
        Ok(())
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

/// `errors_into` converts both the enter's error and the exit's.
#[test]
fn errors_into() {
    let bad_enter = async { Err::<(), u8>(1) }.drop_on_exit().errors_into::<Mixed>();
    let bad_exit = async { Ok(()) }.exit_with(async |(), _| Err::<(), _>("x")).errors_into();
    let failure = Driver::new(gather((bad_enter, bad_exit)).with(async |_| Ok(()))).end().unwrap_err();
    let Cause::Enter(errors) = &failure.cause else { panic!() };
    assert_eq!(errors.get(0), Some(&Mixed::Number(1)));
    assert_eq!(failure.exits.get(1), Some(&Mixed::Text("x")));
}

/// `errors_into` keeps the verdict, and passes `on_error` and `abandon` on.
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
        fn on_error(&mut self, error: &dyn Any) {
            self.0.borrow_mut().push(format!("{:?}", error.downcast_ref::<Mixed>()));
        }
        fn abandon(self) {
            self.0.borrow_mut().push("abandoned".into());
        }
    }
    let spy = Spy::default();
    let member = || async { Ok(spy.clone()) }.errors_into::<Mixed>();
    let failure = Driver::new(gather((member(),)).with(async |_| Err::<(), _>(Mixed::Number(3)))).end();
    assert!(failure.unwrap_err().is_suppressed());
    let failing = async { Err::<Spy, u8>(4) }.errors_into::<Mixed>();
    Driver::new(gather((member(), failing)).with(async |_| Ok(()))).end().unwrap_err();
    let mut driver = Driver::new(gather((member(),)).with(async |_| std::future::pending::<Result<(), _>>().await));
    driver.pends();
    driver.drop();
    assert_eq!(*spy.0.borrow(), ["Some(Number(3))", "Failed", "Some(Number(4))", "EnterFailed", "abandoned"]);
}

/// The body receives the value itself. The resources deref to it, mutably, and return it.
#[test]
fn lend_deref_and_into_inner() {
    let taken = Driver::new(gather((async { Ok::<_, u8>(vec![1]) }.drop_on_exit().errors_into::<Mixed>(),)).with(
        async |(list,)| {
            list.push(2);
            Ok(std::mem::take(list))
        },
    ));
    assert_eq!({ taken }.end().unwrap(), [1, 2]);

    let mut enter = Driver::new(async {
        let member = async { Ok::<_, u8>(5) }.exit_with(async |_: i32, _| Ok(())).errors_into::<Mixed>();
        let mut resource = member.await.unwrap();
        **resource += 1;
        assert_eq!(**resource, 6);
        let guard = async { Ok::<_, u8>(6) }.drop_on_exit().await.unwrap();
        ExitWith::into_inner(ErrorsInto::into_inner(resource)) + DropOnExit::into_inner(guard)
    });
    assert_eq!(enter.end(), 12);
}

/// An adapted member is lazy, too. Not even `into_future` is called before the first poll.
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
            .with(async |_| Ok(())),
    );
}

/// `abandon_with` is called once if the value will not be exited, and never along with the exit. The test drops the
/// gather between all of its polls.
#[test]
fn abandon_with() {
    let log = Log::default();
    let gates: RefCell<[Gate; 3]> = Default::default();
    let member = |name: usize, plain: bool| {
        let [enter, exit, _] = gates.borrow().clone();
        let log = &log;
        async move {
            if name == 1 {
                enter.wait().await;
            }
            log.push(format_args!("entered {name}"));
            Ok::<_, &str>(Rc::new(name))
        }
        .exit_with(async move |name: Rc<usize>, case| {
            log.push(format_args!("exit {name} {case:?}"));
            if plain || *name == 0 {
                exit.wait().await;
            }
            Ok(log.push(format_args!("exited {name}")))
        })
        .abandon_with(move |name| log.push(format_args!("abandon {name}")))
    };
    for drop_after in 0..6 {
        each_shape!([member(0, false), member(1, false), member(2, false)], |gather| {
            let body = gates.borrow()[2].clone();
            let mut driver = Driver::new(gather.exit_limit(1).with(async |_| Ok(body.wait().await)));
            let mut ended = false;
            for poll in 0..drop_after {
                ended = driver.poll().is_ready();
                if let Some(gate) = gates.borrow().get([0, 2, 1].get(poll).copied().unwrap_or(99)) {
                    gate.open();
                }
                if ended {
                    break;
                }
            }
            assert_eq!(ended, drop_after > 3);
            driver.drop();
            let abandoned = match drop_after {
                0 => &[][..],
                1 => &["abandon 0", "abandon 2"],
                2 => &["abandon 0", "abandon 1", "abandon 2"],
                // The first exit is in flight, and is dropped along with its value.
                3 => &["abandon 1", "abandon 2"],
                _ => &[],
            };
            let lines = log.take();
            assert_eq!(lines.iter().filter(|line| line.starts_with("abandon")).collect::<Vec<_>>(), abandoned);
            common::assert_released(&lines);
            gates.replace(Default::default());
        });
    }
}

/// If a member fails to enter, its `abandon_with` is not called, and the closure is dropped.
#[test]
fn abandon_with_of_a_failed_enter() {
    let alive = Rc::new(());
    let member = |result: Result<u8, &'static str>| {
        let alive = alive.clone();
        async move { result }.exit_with(async |_, _| Ok(())).abandon_with(move |_| panic!("{alive:?}"))
    };
    each_shape!([member(Ok(1)), member(Err("e"))], |gather| {
        Driver::new(gather.with(async |_| Ok(()))).end().unwrap_err();
        assert_eq!(Rc::strong_count(&alive), 1);
    });
}

/// The other adapters and an `Entered` pass `abandon` on to `abandon_with`.
#[test]
fn abandon_with_inside_other_adapters() {
    let log = Log::default();
    let member = |name: u8| {
        let log = &log;
        async move { Ok::<_, u8>(name) }
            .exit_with(async |_, _| Ok(()))
            .abandon_with(move |name| log.push(format_args!("abandon {name}")))
            .enter_within(async || std::future::pending().await)
            .errors_into::<Mixed>()
            .exit_within(async || std::future::pending().await)
    };
    each_shape!([member(0), member(1)], |gather| {
        drop(Driver::new(gather.enter()).end().unwrap());
        assert_eq!(log.take(), ["abandon 0", "abandon 1"]);
    });
    each_shape!([member(0), member(1)], |gather| {
        let nested = async move { gather.enter().await };
        let mut driver = Driver::new(
            gather_cm::gather((nested,)).with_own_error(async |_| std::future::pending::<Result<(), ()>>().await),
        );
        driver.pends();
        driver.drop();
        assert_eq!(log.take(), ["abandon 0", "abandon 1"]);
    });
    each_shape!([member(0), member(1)], |gather| {
        Driver::new(gather.with(async |_| Ok(()))).end().unwrap();
        assert_eq!(log.take(), [""; 0]);
    });
}

#[cfg(feature = "alloc")]
mod boxed {
    use std::sync::{Arc, Mutex};

    use gather_cm::{Entered, ExitBoxed};

    use super::*;

    type Lines = Arc<Mutex<Vec<String>>>;

    async fn close(lines: Lines, case: ExitCase) -> Result<bool, &'static str> {
        smol::future::yield_now().await;
        lines.lock().unwrap().push(format!("{case:?}"));
        if case == ExitCase::Completed { Err("x") } else { Ok(true) }
    }

    fn take(lines: &Lines) -> Vec<String> {
        std::mem::take(&mut *lines.lock().unwrap())
    }

    /// A resource with a name, in the fields of a struct.
    struct Fixture {
        pair: Entered<(ExitBoxed<Lines, &'static str>, ExitBoxed<Lines, &'static str>)>,
        many: Entered<Vec<ExitBoxed<Lines, &'static str>>>,
    }

    /// `exit_boxed` takes an `async fn` and an async closure, both in one array. Its exit has a verdict and an error.
    #[test]
    fn exit_boxed() {
        let lines = Lines::default();
        let one = || {
            let lines = lines.clone();
            async move { Ok(lines) }.exit_boxed(close)
        };
        let two = || {
            let (lines, more) = (lines.clone(), lines.clone());
            async move { Ok(lines) }.exit_boxed(async move |lines: Lines, case| {
                assert!(Arc::ptr_eq(&lines, &more));
                close(lines, case).await
            })
        };
        fn resource<M: IntoFuture<Output = Result<ExitBoxed<Lines, &'static str>, &'static str>>>(member: M) -> M {
            member
        }
        each_shape!([resource(one()).into_future(), one().into_future()], |gather| {
            let mut driver = Driver::new(gather.with(async |_| Err::<(), _>("b")));
            driver.pends();
            assert!(driver.end().unwrap_err().is_suppressed());
            assert_eq!(take(&lines), ["Failed", "Failed"]);
        });
        each_shape!([one(), one()], |gather| {
            let mut driver = Driver::new(gather.with(async |_| Ok(())));
            driver.pends();
            assert_eq!(driver.end().unwrap_err().exits.len(), 2);
            assert_eq!(take(&lines), ["Completed", "Completed"]);
        });
        let fixture = async {
            let pair = gather((one(), two())).enter().await?;
            let many = gather(vec![resource(one()), resource(one())]).enter().await.map_err(|_| ());
            Ok::<_, gather_cm::FailureOf<(ExitBoxed<Lines, _>, ExitBoxed<Lines, _>)>>(Fixture {
                pair,
                many: many.unwrap(),
            })
        };
        let mut fixture = Driver::new(fixture).end().unwrap();
        let (a, b) = fixture.pair.lend();
        a.lock().unwrap().push("a".into());
        b.lock().unwrap().push("b".into());
        assert_eq!(take(fixture.many.lend().get_mut(1).unwrap()), ["a", "b"]);
        let teardown = async {
            fixture.pair.exit(ExitCase::Cancelled).await.unwrap();
            fixture.many.exit(ExitCase::Failed).await.unwrap()
        };
        let mut teardown = Driver::new(teardown);
        teardown.pends();
        teardown.pends();
        assert_eq!(teardown.end(), Verdict::Suppress);
        assert_eq!(take(&lines), ["Cancelled", "Cancelled", "Failed", "Failed"]);
    }

    /// A drop calls its `abandon_with` once, and never along with the exit. Without `abandon_with`, the value is
    /// dropped.
    #[test]
    fn abandon_with() {
        let lines = Lines::default();
        let member = || {
            let (value, told) = (lines.clone(), lines.clone());
            async move { Ok::<_, &str>(value) }
                .exit_boxed(async |lines: Lines, _| Ok(lines.lock().unwrap().push("exit".into())))
                .abandon_with(move |lines| {
                    assert!(Arc::ptr_eq(&lines, &told));
                    lines.lock().unwrap().push("abandon".into());
                })
        };
        each_shape!([member(), member()], |gather| {
            let mut driver = Driver::new(gather.with(async |_| std::future::pending::<Result<(), _>>().await));
            driver.pends();
            driver.drop();
            assert_eq!(take(&lines), ["abandon", "abandon"]);
        });
        each_shape!([member(), member()], |gather| {
            Driver::new(gather.with(async |_| Ok(()))).end().unwrap();
            assert_eq!(take(&lines), ["exit", "exit"]);
        });
        assert_eq!(Arc::strong_count(&lines), 1);
        let value = Arc::new(());
        let member = || {
            let value = value.clone();
            async move { Ok::<_, &str>(value) }.exit_boxed(async |_, _| Ok(()))
        };
        each_shape!([member(), member()], |gather| {
            drop(Driver::new(gather.enter()).end().unwrap());
            assert_eq!(Arc::strong_count(&value), 1);
        });
    }

    /// It is `Send`, behind a signature, and in a spawned task.
    #[test]
    fn it_can_be_spawned() {
        type Boxed = ExitBoxed<Vec<u8>, String>;
        fn member() -> impl Member<Value = Vec<u8>, Error = String, Resource = Boxed, IntoFuture: Send> + Send {
            async { Ok(vec![1, 2]) }.exit_boxed(async |_, _| Ok(()))
        }
        each_shape!([member(), member()], |gather| {
            smol::block_on(smol::spawn(async move { gather.with(async |_| Ok(())).await })).unwrap();
        });
        fn is_send<T: Send>() {}
        is_send::<Boxed>();
    }
}

/// A `Box` of a resource is a resource, and passes everything on. The body receives the box.
#[test]
#[cfg(feature = "alloc")]
fn a_box_is_a_resource() {
    let log = Log::default();
    let member = |name, exit| {
        let member = common::Member::new(&log, name, common::well(), exit).suppress();
        async { member.await.map(Box::new) }
    };
    each_shape!([member(0, common::well()), member(1, common::well())], |gather| {
        let failure = Driver::new(gather.with(async |_| Err::<(), _>("b"))).end().unwrap_err();
        assert!(failure.is_suppressed());
        assert_eq!(
            log.only(&["on_error", "Failed", "LEAK"]),
            ["on_error 0 b", "exit 0 Failed", "on_error 1 b", "exit 1 Failed"]
        );
    });
    each_shape!([member(0, common::fails("x")), member(1, common::well())], |gather| {
        assert_eq!(Driver::new(gather.with(async |_| Ok(()))).end().unwrap_err().exits.get(0), Some(&"x"));
    });
    log.take();
    each_shape!([member(0, common::well()), member(1, common::well())], |gather| {
        let mut driver = Driver::new(gather.with(async |_| std::future::pending::<Result<(), _>>().await));
        driver.pends();
        driver.drop();
        assert_eq!(log.only(&["abandon", "LEAK", "exit"]), ["abandon 0", "abandon 1"]);
    });
    let body = async |(boxed,): (&mut Box<common::Resource>,)| Ok(boxed.name());
    assert_eq!(Driver::new(gather((member(7, common::well()),)).with(body)).end().unwrap(), 7);
    // This is a box in a box, polled by hand.
    let boxed = Driver::new(member(8, common::fails("x")).into_future()).end().unwrap();
    assert_eq!(Driver::new(Box::new(boxed).exit(ExitCase::Completed)).end(), Err("x"));
}

/// A signature names a member by the value that the body receives, whatever the adapters.
fn list(len: usize) -> impl Member<Value = Vec<usize>, Error = Mixed> {
    async move { if len > 9 { Err("too long") } else { Ok(vec![0; len]) } }.drop_on_exit().errors_into()
}

fn cell<'a>(cell: &'a Cell<usize>, late: &'a Gate) -> impl Member<Value = &'a Cell<usize>, Error = Mixed> {
    async move { Ok::<_, u8>(cell) }
        .exit_with(async |cell, _| Ok(cell.set(99)))
        .abandon_with(|cell| cell.set(98))
        .exit_within(async || {
            late.wait().await;
            2
        })
        .errors_into()
}

/// Any member does, whatever its resource is.
async fn len_of<R: Resource<Value = Vec<usize>, Error = Mixed>>(
    member: impl Member<Value = Vec<usize>, Error = Mixed, Resource = R>,
) -> Option<usize> {
    gather((member,)).with(async |(list,)| Ok(list.len())).await.ok()
}

#[test]
fn members_in_signatures() {
    let (number, late) = (Cell::new(0), Gate::new());
    let body = async |(list, cell): (&mut Vec<usize>, &mut &Cell<usize>)| Ok(cell.set(list.len()));
    Driver::new(gather((list(3), cell(&number, &late))).with(body)).end().unwrap();
    assert_eq!(number.get(), 99);
    let failure = Driver::new(gather([list(3), list(10)]).with(async |_| Ok(()))).end().unwrap_err();
    assert!(matches!(&failure.cause, Cause::Enter(errors) if errors.get(1) == Some(&Mixed::Text("too long"))));
    drop(Driver::new(gather((cell(&number, &late),)).enter()).end().unwrap());
    assert_eq!(number.get(), 98);
    each_shape!([list(1), list(2)], |gather| {
        Driver::new(gather.with(async |_| Ok(()))).end().unwrap();
    });
    assert_eq!(Driver::new(len_of(list(4))).end(), Some(4));
    assert_eq!(Driver::new(len_of(list(10))).end(), None);
}

/// The body receives the innermost value, through every stack of adapters, in every shape.
#[test]
fn the_body_gets_the_innermost_value() {
    macro_rules! innermost {
        ($($member:expr),* $(,)?) => { $({
            let member = || $member;
            let tuple = async |(a, b): (&mut Vec<u8>, &mut Vec<u8>)| Ok(std::mem::swap(a, b));
            Driver::new(gather((member(), member())).with(tuple)).end().unwrap();
            let array = async |[a, b]: [&mut Vec<u8>; 2]| Ok(std::mem::swap(a, b));
            Driver::new(gather([member(), member()]).with(array)).end().unwrap();
            #[cfg(feature = "alloc")]
            {
                let with = gather(vec![member(), member()]).with(async |all| {
                    Ok(all.iter_mut().map(|value: &mut Vec<u8>| value.len()).sum::<usize>())
                });
                assert_eq!(Driver::new(with).end().unwrap(), 2);
            }
        })* };
    }
    let open = || async { Ok::<_, u8>(vec![1]) };
    let never = async || std::future::pending::<u8>().await;
    let late = async || std::future::pending::<Mixed>().await;
    innermost! {
        open().drop_on_exit(),
        open().exit_with(async |_, _| Ok(())),
        open().exit_with(async |_, _| Ok(())).abandon_with(drop),
        open().drop_on_exit().errors_into::<Mixed>(),
        open().drop_on_exit().enter_within(never),
        open().enter_within(never).drop_on_exit().exit_within(never),
        open().exit_with(async |_, _| Ok(true)).exit_within(never).errors_into::<Mixed>(),
        open().drop_on_exit().errors_into::<Mixed>().exit_within(late).enter_within(late),
        open().drop_on_exit().errors_into::<u16>().errors_into::<u32>().errors_into::<u64>().exit_within(async || 1),
        open().drop_on_exit().exit_within(never).exit_within(never).exit_within(never).errors_into::<Mixed>(),
    }
    #[cfg(feature = "alloc")]
    innermost! {
        open().exit_boxed(async |_, _| Ok(())),
        open().exit_boxed(async |_, _| Ok(())).abandon_with(drop).exit_within(never).errors_into::<Mixed>(),
    }
}

/// If the body changes a value, its exit receives the changed value, through the adapters.
#[test]
fn the_exit_gets_what_the_body_made() {
    let seen = RefCell::new(vec![]);
    let seen = &seen;
    let member = |start: u8| {
        async move { Ok::<_, u8>(start) }
            .exit_with(async move |value, _| Ok(seen.borrow_mut().push(value)))
            .exit_within(async || std::future::pending().await)
            .errors_into::<Mixed>()
    };
    Driver::new(gather((member(1), member(2))).with(async |(a, b)| {
        *a += 10;
        Ok(std::mem::swap(a, b))
    }))
    .end()
    .unwrap();
    Driver::new(gather([member(3), member(4)]).with(async |[_, b]| Ok(*b += 10))).end().unwrap();
    #[cfg(feature = "alloc")]
    {
        let with = gather(vec![member(5), member(6)]).with(async |all| {
            for (step, value) in (1u8..).zip(&mut *all) {
                *value += 10 * step;
            }
            Ok(*all.get_mut(0).unwrap() += 100)
        });
        Driver::new(with).end().unwrap();
    }
    let expected = [2, 11, 3, 14, 115, 26];
    assert_eq!(*seen.borrow(), expected[..if cfg!(feature = "alloc") { 6 } else { 4 }]);
}

/// 16, 17: a capture of a closure, the value or an error panics when it is dropped. The panic skips no exit and no
/// `abandon`, and does not abort the process.
#[cfg(feature = "std")]
mod destructors {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::{Arc, Mutex},
    };

    use super::*;

    /// Panics when it is dropped.
    struct Bomb(&'static str);

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("{}", self.0);
        }
    }

    /// A log that can be sent.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<String>>>);

    impl Lines {
        fn push(&self, line: String) {
            self.0.lock().unwrap().push(line);
        }

        fn take(&self) -> Vec<String> {
            std::mem::take(&mut *self.0.lock().unwrap())
        }
    }

    /// The message of the panic that `f` ends with.
    fn caught(f: impl FnOnce()) -> String {
        common::message(&*catch_unwind(AssertUnwindSafe(f)).unwrap_err()).to_string()
    }

    async fn never() -> &'static str {
        std::future::pending().await
    }

    /// An error that logs that it is dropped, and may panic then.
    struct Error(Lines, bool);

    impl Drop for Error {
        fn drop(&mut self) {
            self.0.push("drop error".into());
            assert!(!self.1, "error");
        }
    }

    /// The tests of `exit_with` and of `exit_boxed`.
    macro_rules! destructors {
        ($exit:ident) => {
            mod $exit {
                use super::*;

                /// The body completes. The exit runs to its end, and then the captures of `abandon_with` are dropped.
                #[test]
                fn of_an_abandon_that_is_not_called() {
                    let lines = Lines::default();
                    let member = |name: usize| {
                        let (lines, bomb) = (lines.clone(), Bomb("abandon"));
                        async move { Ok::<_, &str>(name) }
                            .$exit(async move |name: usize, case| {
                                lines.push(format!("exit {name} {case:?}"));
                                smol::future::yield_now().await;
                                lines.push(format!("exited {name}"));
                                if name == 1 { Err("x1") } else { Ok(()) }
                            })
                            .abandon_with(move |_| drop(bomb))
                    };
                    each_shape!([member(0), member(1)], |gather| {
                        let mut driver = Driver::new(gather.catch_unwind().with(async |_| Ok(())));
                        driver.pends();
                        assert_eq!(lines.take(), ["exit 0 Completed", "exit 1 Completed"]);
                        let failure = driver.end().unwrap_err();
                        assert_eq!(failure.to_string(), "panicked: abandon; exit of member 1 failed: x1");
                        assert_eq!(lines.take(), ["exited 0", "exited 1"]);
                    });
                    each_shape!([member(0).exit_within(never), member(1).exit_within(never)], |gather| {
                        let mut driver = Driver::new(gather.with(async |_| Ok(())));
                        driver.pends();
                        assert_eq!(caught(|| drop(driver.poll())), "abandon");
                        assert_eq!(lines.take().len(), 4);
                    });
                }

                /// On a drop `abandon` panics, and so does a capture of the exit or of its deadline. The first panic
                /// resumes.
                #[test]
                fn beside_an_abandon_that_panics() {
                    let lines = Lines::default();
                    for place in 0..3 {
                        let member = |name: usize| {
                            let (told, waits) = (lines.clone(), name == 2);
                            let [exit, deadline] =
                                [place != 1, place != 0].map(|here| (here && !waits).then(|| Bomb("held")));
                            async move { if waits { Err(never().await) } else { Ok(name) } }
                                .$exit(async move |_, _| Ok(drop(exit)))
                                .abandon_with(move |name| {
                                    told.push(format!("abandon {name}"));
                                    panic!("abandon {name}");
                                })
                                .exit_within(async move || {
                                    drop(deadline);
                                    "late"
                                })
                        };
                        // The drop comes while the body runs.
                        each_shape!([member(0), member(1)], |gather| {
                            let mut driver = Driver::new(gather.with(async |_| Ok(std::future::pending::<()>().await)));
                            driver.pends();
                            assert_eq!(caught(|| driver.drop()), "abandon 0");
                            assert_eq!(lines.take(), ["abandon 0", "abandon 1"]);
                        });
                        // The drop comes while one member enters.
                        each_shape!([member(0), member(1), member(2)], |gather| {
                            let mut driver = Driver::new(gather.with(async |_| Ok(())));
                            driver.pends();
                            assert_eq!(caught(|| driver.drop()), "abandon 0");
                            assert_eq!(lines.take(), ["abandon 0", "abandon 1"]);
                        });
                        // The group is entered without a body, and then dropped.
                        each_shape!([member(0), member(1)], |gather| {
                            let entered = Driver::new(gather.enter()).end().unwrap();
                            assert_eq!(caught(|| drop(entered)), "abandon 0");
                            assert_eq!(lines.take(), ["abandon 0", "abandon 1"]);
                        });
                    }
                }

                /// On a drop without `abandon_with` the value panics, and so does a capture of the exit.
                #[test]
                fn of_a_value_and_of_its_exit() {
                    let lines = Lines::default();
                    struct Value(usize, Lines);
                    impl Drop for Value {
                        fn drop(&mut self) {
                            self.1.push(format!("drop {}", self.0));
                            panic!("value {}", self.0);
                        }
                    }
                    let member = |name: usize| {
                        let (lines, bomb) = (lines.clone(), Bomb("held"));
                        async move { Ok::<_, &str>(Value(name, lines)) }.$exit(async move |_, _| Ok(drop(bomb)))
                    };
                    each_shape!([member(0), member(1)], |gather| {
                        let mut driver = Driver::new(gather.with(async |_| Ok(std::future::pending::<()>().await)));
                        driver.pends();
                        assert_eq!(caught(|| driver.drop()), "value 0");
                        assert_eq!(lines.take(), ["drop 0", "drop 1"]);
                    });
                }

                /// An enter fails. The closures are dropped uncalled, and by then the error is in its place.
                #[test]
                fn of_a_failed_enter() {
                    let lines = Lines::default();
                    for (place, error_panics) in (0..8).map(|case| (case % 4, case > 3)) {
                        let member = |name: usize| {
                            let (exits, lines) = (lines.clone(), lines.clone());
                            let bombs = [0, 1, 2, 3].map(|here| (name != 1 && place == here).then(|| Bomb("held")));
                            let [exit, abandon, exit_deadline, enter_deadline] = bombs;
                            async move { if name == 1 { Ok(name) } else { Err(Error(lines, error_panics)) } }
                                .$exit(async move |name: usize, case| {
                                    drop(exit);
                                    Ok(exits.push(format!("exit {name} {case:?}")))
                                })
                                .abandon_with(move |_| drop(abandon))
                                .exit_within(async move || {
                                    drop(exit_deadline);
                                    std::future::pending().await
                                })
                                .enter_within(async move || {
                                    let _bomb = enter_deadline;
                                    std::future::pending().await
                                })
                        };
                        // The cause is the panic. The errors are dropped, because a failure has one cause.
                        let expected = ["exit 1 Panicked", "drop error", "drop error"];
                        each_shape!([member(0), member(1), member(2)], |gather| {
                            let mut driver = Driver::new(gather.catch_unwind().with(async |_| Ok(())));
                            let Err(failure) = driver.end() else { panic!() };
                            let Cause::Panicked(panic) = failure.cause else { panic!() };
                            assert_eq!((panic.to_string(), failure.exits.len()), ("panicked: held".into(), 0));
                            assert_eq!(lines.take(), expected);
                        });
                        each_shape!([member(0), member(1), member(2)], |gather| {
                            let mut driver = Driver::new(gather.with(async |_| Ok(())));
                            assert_eq!(caught(|| assert!(driver.poll().is_ready())), "held");
                            assert_eq!(lines.take(), expected);
                        });
                    }
                }
            }
        };
    }

    destructors!(exit_with);
    destructors!(exit_boxed);
}
