//! Tests of a group that is entered as a value, which is a resource like any other.

mod common;

use std::{any::Any, cell::RefCell, convert::Infallible};

use common::{Driver, Gate, Log, Member, Resource, assert_released, events, fails, well};
use gather_cm::{
    Cause, EnterExt, Entered, Exit, ExitCase, Failure, Few, Known, Verdict, gather,
    policies::{Exits, InReverse, Stack},
};

fn two(log: &Log) -> (Member, Member) {
    (Member::new(log, 0, well(), well()), Member::new(log, 1, well(), well()))
}

/// A fixture names the type, holds the group in a struct, and reaches the values through it.
struct Fixture {
    group: Entered<(Resource, Resource)>,
    stacked: Entered<[Resource; 2], Exits<Stack>>,
    reversed: Entered<(Resource, Resource), Exits<InReverse>>,
}

#[test]
fn a_fixture() {
    let log = Log::default();
    let mut fixture = Driver::new(async {
        let (a, b) = two(&log);
        Fixture {
            group: gather((a, b)).enter().await.unwrap(),
            stacked: gather([2, 3].map(|name| Member::new(&log, name, well(), well()))).stack().enter().await.unwrap(),
            reversed: gather((Member::new(&log, 4, well(), well()), Member::new(&log, 5, well(), well())))
                .in_reverse()
                .enter()
                .await
                .unwrap(),
        }
    })
    .end();
    let (a, b) = &mut *fixture.group;
    assert_eq!((a.name(), b.name(), fixture.stacked[1].name()), (0, 1, 3));
    log.take();
    let mut teardown = Driver::new(async {
        fixture.group.exit(ExitCase::Completed).await.unwrap();
        fixture.stacked.exit(ExitCase::Failed).await.unwrap();
        fixture.reversed.exit(ExitCase::Cancelled).await.unwrap();
    });
    teardown.end();
    assert_eq!(
        events(&log),
        [
            "exit 0 Completed",
            "exited 0",
            "exit 1 Completed",
            "exited 1",
            "exit 3 Failed",
            "exited 3",
            "exit 2 Failed",
            "exited 2",
            "exit 5 Cancelled",
            "exited 5",
            "exit 4 Cancelled",
            "exited 4"
        ]
    );
}

/// It is lazy: nothing runs before the first poll.
#[test]
fn enter_is_lazy() {
    let log = Log::default();
    drop(gather(two(&log)).enter());
    assert_eq!(log.take(), [""; 0]);
}

/// The future of `enter` knows when it has ended.
#[test]
fn enter_is_fused() {
    use futures_util::future::FusedFuture;
    let mut enter = Box::pin(gather((async { Ok::<_, ()>(1) }.drop_on_exit(),)).enter());
    assert!(!enter.is_terminated());
    drop(Driver::new(enter.as_mut()).end().unwrap());
    assert!(enter.is_terminated());
}

/// If it is dropped, it abandons its values, in argument order. So does its future if it is dropped halfway.
#[test]
fn dropped_it_abandons() {
    let log = Log::default();
    let gate = Gate::new();
    let entered = Driver::new(gather(two(&log)).enter()).end().unwrap();
    log.take();
    drop(entered);
    assert_eq!(log.take(), ["abandon 0", "abandon 1"]);

    let slow = Member::new(&log, 1, well().gate(&gate), well());
    let mut enter = Driver::new(gather((Member::new(&log, 0, well(), well()), slow)).enter());
    enter.pends();
    log.take();
    enter.drop();
    assert_eq!(log.take(), ["abandon 0", "drop enter 1"]);

    let entered =
        Driver::new(gather([2, 3].map(|name| Member::new(&log, name, well(), well()))).enter()).end().unwrap();
    log.take();
    entered.abandon();
    assert_eq!(log.take(), ["abandon 2", "abandon 3"]);
}

/// `into_inner` moves the values out. Nothing is exited, and nothing is abandoned.
#[test]
fn into_inner_moves_out() {
    let log = Log::default();
    let (a, b) = Entered::into_inner(Driver::new(gather(two(&log)).enter()).end().unwrap());
    log.take();
    assert_eq!((a.name(), b.name()), (0, 1));
    assert_eq!(log.take(), [""; 0]);
    a.abandon();
    b.abandon();
    #[cfg(feature = "alloc")]
    {
        let all = Driver::new(gather(vec![Member::new(&log, 2, well(), well())]).enter()).end().unwrap();
        let all = Entered::into_inner(all);
        assert_eq!(all.len(), 1);
        all.into_iter().for_each(Exit::abandon);
    }
    assert_released(&log.everything());
}

/// A failed enter is rolled back, as with a body. The failure is that of a life cycle without a body.
#[test]
fn a_failed_enter_is_rolled_back() {
    let log = Log::default();
    let group = (Member::new(&log, 0, well(), fails("x0")), Member::new(&log, 1, fails("e1"), well()));
    let failure: Failure<&str, Few<2>> = Driver::new(gather(group).enter()).end().unwrap_err();
    assert_eq!(failure.to_string(), "enter of member 1 failed: e1; exit of member 0 failed: x0");
    assert_released(&log.everything());
}

/// The errors of the exit keep their indices. Its verdict is `Suppress` if the verdicts of all its members are.
#[test]
fn errors_and_verdict_of_its_exit() {
    let log = Log::default();
    let group = (Member::new(&log, 0, well(), well()), Member::new(&log, 1, well(), fails("x1")));
    let entered = Driver::new(gather(group).enter()).end().unwrap();
    let failure = Driver::new(entered.exit(ExitCase::Completed)).end().unwrap_err();
    assert!(matches!(failure.cause, Cause::Exit { .. }));
    assert_eq!(failure.to_string(), "exit of member 1 failed: x1");
    for (suppressing, expected) in [(1, Verdict::Propagate), (2, Verdict::Suppress)] {
        for case in [ExitCase::Failed, ExitCase::Completed, ExitCase::Cancelled] {
            let group = [0, 1].map(|name| {
                let member = Member::new(&log, name, well(), well());
                if name < suppressing { member.suppress() } else { member }
            });
            let entered = Driver::new(gather(group).enter()).end().unwrap();
            assert_eq!(Driver::new(entered.exit(case)).end().unwrap(), expected);
        }
    }
    let nobody = Driver::new(gather(()).enter()).end().unwrap();
    assert_eq!(Driver::new(nobody.exit(ExitCase::Failed)).end().unwrap(), Verdict::Propagate);
}

/// It keeps its group's order of exits, the order of entering, and the limit.
#[test]
fn it_keeps_its_exit_policies() {
    let log = Log::default();
    let gates: [Gate; 3] = Default::default();
    let group = |exit: &Gate| {
        let mut name = 0;
        gates.clone().map(|gate| {
            name += 1;
            Member::new(&log, name - 1, well().gate(&gate), well().gate(exit))
        })
    };
    let open = Gate::new();
    open.open();
    let mut enter = Driver::new(gather(group(&open)).stack().enter());
    for index in [1, 2, 0] {
        enter.pends();
        gates[index].open();
    }
    let entered = enter.end().unwrap();
    Driver::new(entered.exit(ExitCase::Completed)).end().unwrap();
    assert_eq!(log.only(&["Completed"]), ["exit 0 Completed", "exit 2 Completed", "exit 1 Completed"]);

    let exit = Gate::new();
    let entered = Driver::new(gather(group(&exit)).exit_limit(2).enter()).end().unwrap();
    let mut exits = Driver::new(entered.exit(ExitCase::Completed));
    exits.pends();
    assert_eq!(log.only(&["Completed"]), ["exit 0 Completed", "exit 1 Completed"]);
    exit.open();
    exits.end().unwrap();
    #[cfg(feature = "alloc")]
    {
        let entered = Driver::new(gather(Vec::from(group(&open))).stack().enter()).end().unwrap();
        Driver::new(entered.exit(ExitCase::Completed)).end().unwrap();
        assert_eq!(log.only(&["exit 2 C", "exit 1 C", "exit 0 C"]).len(), 4);
    }
}

/// 12: a stack that was entered first exits the member that entered last, in each shape, by hand and as a member of
/// another group.
#[test]
fn it_keeps_the_order_of_entering() {
    let (log, gates) = (Log::default(), RefCell::new(<[Gate; 3]>::default()));
    let member = |name: usize| Member::new(&log, name, well().gate(&gates.borrow()[name]), well());
    let open = |enter: &mut dyn FnMut()| {
        for index in [1, 2, 0] {
            enter();
            gates.borrow()[index].open();
        }
        gates.take();
    };
    let expected = [0, 2, 1].map(|index| format!("exit {index} Completed"));
    each_shape!([member(0), member(1), member(2)], |gather| {
        let mut enter = Driver::new(gather.stack().enter());
        open(&mut || enter.pends());
        let entered = enter.end().unwrap();
        Driver::new(entered.exit(ExitCase::Completed)).end().unwrap();
        assert_eq!(log.only(&["Completed"]), expected);
    });
    each_shape!([member(0), member(1), member(2)], |gather| {
        let mut outer = Driver::new(gather_cm::gather((gather.stack().enter(),)).with(async |_| Ok(())));
        open(&mut || outer.pends());
        outer.end().unwrap();
        assert_eq!(log.only(&["Completed"]), expected);
    });
}

/// 12: it keeps `in_reverse`, whatever entered first. It does so if it is exited by hand, nested, or nested in a group
/// of another order.
#[test]
fn it_keeps_in_reverse() {
    let (log, gates) = (Log::default(), RefCell::new(<[Gate; 3]>::default()));
    let member = |name: usize| Member::new(&log, name, well().gate(&gates.borrow()[name]), well());
    let open = |enter: &mut dyn FnMut()| {
        for index in [2, 1, 0] {
            enter();
            gates.borrow()[index].open();
        }
        gates.take();
    };
    let expected = [2, 1, 0].map(|index| format!("exit {index} Completed"));
    each_shape!([member(0), member(1), member(2)], |gather| {
        let mut enter = Driver::new(gather.in_reverse().enter());
        open(&mut || enter.pends());
        let entered = enter.end().unwrap();
        Driver::new(entered.exit(ExitCase::Completed)).end().unwrap();
        assert_eq!(log.only(&["Completed"]), expected);
    });
    each_shape!([member(0), member(1), member(2)], |gather| {
        let mut outer = Driver::new(gather_cm::gather((gather.in_reverse().enter(),)).with(async |_| Ok(())));
        open(&mut || outer.pends());
        outer.end().unwrap();
        assert_eq!(log.only(&["Completed"]), expected);
    });
    // The order of the outer group does not reach inside.
    each_shape!([member(0), member(1), member(2)], |gather| {
        let mut outer = Driver::new(gather_cm::gather([gather.in_reverse().enter()]).stack().with(async |_| Ok(())));
        open(&mut || outer.pends());
        outer.end().unwrap();
        assert_eq!(log.only(&["Completed"]), expected);
    });
    each_shape!([member(0), member(1), member(2)], |gather| {
        let mut outer = Driver::new(gather_cm::gather((gather.enter(),)).in_reverse().with(async |_| Ok(())));
        open(&mut || outer.pends());
        outer.end().unwrap();
        assert_eq!(log.only(&["Completed"]), [0, 1, 2].map(|index| format!("exit {index} Completed")));
    });
}

/// 12: under `in_reverse` one exit that suppresses is enough, as in a stack.
#[test]
fn in_reverse_suppresses_as_a_stack() {
    let log = Log::default();
    let member = |name| Member::new(&log, name, well(), well());
    each_shape!([member(0), member(1).suppress()], |gather| {
        let entered = Driver::new(gather.in_reverse().enter()).end().unwrap();
        assert_eq!(Driver::new(entered.exit(ExitCase::Failed)).end().unwrap(), Verdict::Suppress);
        assert_eq!(log.only(&["exit 1 F", "exit 0 C"]), ["exit 1 Failed", "exit 0 Completed"]);
    });
}

/// An entered stack that is exited with `Failed` behaves in the same way: one exit that suppresses is enough.
#[test]
fn a_stack_suppresses_as_a_stack() {
    let log = Log::default();
    let group = [Member::new(&log, 0, well(), well()), Member::new(&log, 1, well(), well()).suppress()];
    let entered = Driver::new(gather(group).stack().enter()).end().unwrap();
    assert_eq!(Driver::new(entered.exit(ExitCase::Failed)).end().unwrap(), Verdict::Suppress);
    assert_eq!(log.only(&["exit 1 F", "exit 0 C"]), ["exit 1 Failed", "exit 0 Completed"]);
}

type Inner = Failure<&'static str, Few<2>>;

/// The outer group's error is the inner group's failure. Members with a plain error are converted by `errors_into`.
#[derive(Debug)]
enum Outer {
    Inner(Inner),
    Plain(&'static str),
}

impl From<Inner> for Outer {
    fn from(failure: Inner) -> Self {
        Self::Inner(failure)
    }
}

impl From<&'static str> for Outer {
    fn from(error: &'static str) -> Self {
        Self::Plain(error)
    }
}

/// Groups nest, so series and parallel steps compose. A nested group's errors keep their own indices, and the outer
/// group's policies never reach inside.
#[test]
fn groups_nest() {
    let log = Log::default();
    let exit = Gate::new();
    let network = Member::new(&log, 2, well(), fails("x2"));
    let servers = async {
        let primary = Member::new(&log, 0, well(), well().gate(&exit));
        let replica = Member::new(&log, 1, well(), fails("x1").gate(&exit));
        gather((primary, replica)).enter().await
    };
    let group = (network.errors_into::<Outer>(), servers.errors_into());
    let mut gather = Driver::new(
        gather(group)
            .stack()
            .exit_limit(1)
            .with(async |(network, servers)| Ok(network.name() + servers.0.name() + servers.1.name()))
            .keep_value(),
    );
    gather.pends();
    assert_eq!(
        log.only(&["Completed"]),
        ["exit 0 Completed", "exit 1 Completed"],
        "in parallel, and before the network"
    );
    exit.open();
    let (value, exits) = gather.end().unwrap();
    assert_eq!(value, 3);
    let mut exits = exits.into_iter();
    assert!(matches!(exits.next(), Some((0, Outer::Plain("x2")))));
    let Some((1, Outer::Inner(inner))) = exits.next() else { panic!() };
    assert_eq!(inner.exits.get(1), Some(&"x1"));
    assert_released(&log.everything());
}

/// `on_error` and `abandon` are passed on to every member of a nested group.
#[test]
fn a_nested_group_passes_on() {
    struct Spy<'a>(&'a Log, u8);
    impl Exit for Spy<'_> {
        type Error = Infallible;
        type Verdict = ();
        async fn exit(self, case: ExitCase) -> Result<(), Infallible> {
            self.0.push(format_args!("exit {} {case:?}", self.1));
            Ok(())
        }
        fn on_error(&mut self, error: &dyn Any) {
            self.0.push(format_args!("on_error {} {:?}", self.1, error.downcast_ref::<&str>()));
        }
        fn abandon(self) {
            self.0.push(format_args!("abandon {}", self.1));
        }
    }
    let log = Log::default();
    let spies = || async { gather([0, 1].map(|name| std::future::ready(Ok(Spy(&log, name))))).enter().await };
    let failure = Driver::new(gather((spies(),)).with_own_error(async |_| Err::<(), _>("b"))).end().unwrap_err();
    assert!(matches!(failure.cause, Cause::Body("b")));
    assert_eq!(log.take(), ["on_error 0 Some(\"b\")", "on_error 1 Some(\"b\")", "exit 0 Failed", "exit 1 Failed"]);
    let mut gather = Driver::new(gather((spies(),)).with(async |_| std::future::pending::<Result<(), _>>().await));
    gather.pends();
    gather.drop();
    assert_eq!(log.take(), ["abandon 0", "abandon 1"]);
}

/// The members of a nested group panic in `on_error`, in the exit and in `abandon`. No member is skipped.
#[cfg(feature = "std")]
fn panics_in_a_nested_group<G: Known<Error = &'static str>>(group: impl Fn(&Log) -> G) {
    use common::message;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let log = Log::default();
    let servers = || {
        let group = group(&log);
        async { gather(group).enter().await }
    };
    let mut driver = Driver::new(gather((servers(),)).catch_unwind().with_own_error(async |_| Err::<(), _>("b")));
    let Cause::Panicked(panic) = driver.end().unwrap_err().cause else { panic!() };
    assert_eq!(message(&*panic.into_payload()), "on_error 0");
    assert_eq!(log.only(&["on_error", "Failed"]), ["on_error 0 b", "on_error 1 b", "exit 0 Failed", "exit 1 Failed"]);
    let mut driver = Driver::new(gather((servers(),)).with(async |_| std::future::pending::<Result<(), _>>().await));
    driver.pends();
    log.take();
    catch_unwind(AssertUnwindSafe(|| driver.drop())).unwrap_err();
    assert_eq!(log.take(), ["abandon 0", "abandon 1"]);
}

#[cfg(feature = "std")]
#[test]
fn panics_in_a_nested_group_of_any_shape() {
    use common::panics;
    let one = |log: &Log, name| Member::new(log, name, well(), panics("x")).on_error_panics().abandon_panics();
    panics_in_a_nested_group(|log| (one(log, 0), one(log, 1)));
    panics_in_a_nested_group(|log| [one(log, 0), one(log, 1)]);
    panics_in_a_nested_group(|log| vec![one(log, 0), one(log, 1)]);
}

/// 15, 17: the exit of a group is dropped before its end, and every destructor panics. No member is skipped.
#[cfg(feature = "std")]
#[test]
fn dropped_in_its_exit() {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let (log, gate) = (Log::default(), Gate::new());
    let exit = || well().gate(&gate).drop_panics();
    let group = [0, 1, 2].map(|name| Member::new(&log, name, well(), exit()).abandon_panics());
    let group = Driver::new(gather(group).exit_limit(2).enter()).end().unwrap();
    let mut exit = Driver::new(group.exit(ExitCase::Completed));
    exit.pends();
    log.take();
    let payload = catch_unwind(AssertUnwindSafe(|| exit.drop())).unwrap_err();
    assert_eq!(common::message(&*payload), "drop exit 0");
    assert_eq!(log.take(), ["drop exit 0", "drop exit 1", "abandon 2"]);
}

/// Code that is generic over the group.
async fn setup<G: Known<Error: 'static>>(group: G) -> Result<Entered<G::Values>, Failure<G::Error, G::Shape>> {
    gather(group).enter().await
}

#[test]
fn generic_over_the_group() {
    let log = Log::default();
    let tuple = Driver::new(setup(two(&log))).end().unwrap();
    assert_eq!(tuple.1.name(), 1);
    let array = Driver::new(setup([Member::new(&log, 2, well(), well())])).end().unwrap();
    assert_eq!(array[0].name(), 2);
    let failed = Driver::new(setup((Member::new(&log, 3, fails("e"), well()),))).end().unwrap_err();
    assert_eq!(failed.to_string(), "enter of member 0 failed: e");
    drop((tuple, array));
    assert_released(&log.everything());
}

/// The futures are `Send` if their parts are, and can be spawned.
#[test]
fn enter_can_be_spawned() {
    let member = || async { Ok::<_, ()>(1) }.drop_on_exit();
    let entered = smol::block_on(smol::spawn(gather((member(), member())).enter())).unwrap();
    smol::block_on(smol::spawn(async move { entered.exit(ExitCase::Completed).await })).unwrap();
    let nested = || async move { gather((member(), member())).enter().await };
    smol::block_on(smol::spawn(gather((nested(), nested())).with(async |(a, b)| Ok(*a.0 + *b.1)))).unwrap();
    #[cfg(feature = "alloc")]
    smol::block_on(smol::spawn(gather(vec![nested(), nested()]).stack().with(async |all| Ok(all.len())))).unwrap();
}

/// A `Vec` is changed before its exit. The exit exits the values that are in it, once, even if it exits them one at a
/// time.
#[test]
#[cfg(feature = "alloc")]
fn a_changed_vec() {
    macro_rules! change {
        ($policy:ident, $pushed:ident, $removed:ident) => {
            let log = Log::default();
            let open = |name| Member::new(&log, name, well(), well());
            let group = || Driver::new(gather((0..2).map(open).collect::<Vec<_>>()).$policy().enter()).end().unwrap();
            let mut changed = group();
            let more = Driver::new(gather((2..2 + $pushed).map(open).collect::<Vec<_>>()).enter()).end().unwrap();
            changed.extend(Entered::into_inner(more));
            let out: Vec<_> = changed.drain(..$removed).collect();
            log.take();
            Driver::new(changed.exit(ExitCase::Completed)).end().unwrap();
            let mut exited = log.only(&["exited", "LEAK", "abandon"]);
            if $pushed > 0 {
                assert_eq!(exited[0], format!("exited {}", 1 + $pushed), "last in, first out");
            }
            exited.sort();
            let expected: Vec<_> = ($removed..2 + $pushed).map(|name| format!("exited {name}")).collect();
            assert_eq!(exited, expected);
            out.into_iter().for_each(Exit::abandon);
        };
    }
    for pushed in [0, 1, 3] {
        for removed in [0, 1, 2] {
            change!(stack, pushed, removed);
            change!(in_reverse, pushed, removed);
        }
    }
}

/// `lend` returns the references that a body receives, without the adapters, for each shape, as often as you call it.
#[test]
fn lend() {
    let log = Log::default();
    let member = |name| {
        let log = &log;
        async move { Ok::<_, u8>(vec![name]) }
            .exit_with(async move |value: Vec<u32>, _| Ok(log.push(format_args!("{value:?}"))))
            .exit_within(async || std::future::pending().await)
            .errors_into::<u16>()
    };
    let exits = |log: &Log| log.take().concat();
    let mut tuple = Driver::new(gather((member(1), member(2))).enter()).end().unwrap();
    for _ in 0..2 {
        let (a, b): (&mut Vec<u32>, &mut Vec<u32>) = tuple.lend();
        a.push(10);
        std::mem::swap(a, b);
    }
    Driver::new(tuple.exit(ExitCase::Completed)).end().unwrap();
    assert_eq!(exits(&log), "[1, 10][2, 10]");

    let mut array = Driver::new(gather([member(1), member(2)]).enter()).end().unwrap();
    let [a, b]: [&mut Vec<u32>; 2] = array.lend();
    std::mem::swap(a, b);
    array.lend()[1].push(10);
    Driver::new(array.exit(ExitCase::Completed)).end().unwrap();
    assert_eq!(exits(&log), "[2][1, 10]");

    #[cfg(feature = "alloc")]
    {
        let mut vec = Driver::new(gather(vec![member(1), member(2), member(3)]).enter()).end().unwrap();
        let mut all: gather_cm::VecRefs<'_, _> = vec.lend();
        assert_eq!((all.len(), all.is_empty(), all.get_mut(3).is_none()), (3, false, true));
        all.get_mut(0).unwrap().push(10);
        all.iter_mut().for_each(|value: &mut Vec<u32>| value.push(11));
        let longest = all.into_iter().max_by_key(|value| value.len()).unwrap();
        longest.push(12);
        assert_eq!(vec.lend().into_iter().map(|value| value.len()).collect::<Vec<_>>(), [4, 2, 2]);
        Driver::new(vec.exit(ExitCase::Completed)).end().unwrap();
        assert_eq!(exits(&log), "[1, 10, 11, 12][2, 11][3, 11]");
        let mut none = Driver::new(gather(Vec::from_iter([member(1)].into_iter().take(0))).enter()).end().unwrap();
        assert!(none.lend().is_empty() && none.lend().get_mut(0).is_none());
    }
    let () = Driver::new(gather(()).enter()).end().unwrap().lend();
}

/// `lend` works for a nested group, for a stack, and for a group with every exit policy.
#[test]
fn lend_of_nested_groups() {
    let member = |name: u32| async move { Ok::<_, u8>(name) }.drop_on_exit();
    let inner = async || {
        gather((member(1), member(2))).stack().exit_limit(2).names(&["a", "b"]).fair().caller_waker().enter().await
    };
    let mut outer = Driver::new(gather((inner(), inner())).enter()).end().unwrap();
    let (first, second) = outer.lend();
    let (a, _) = first.lend();
    let (_, b) = second.lend();
    std::mem::swap(a, b);
    assert_eq!((*outer.lend().0.lend().0, *outer.lend().1.lend().1), (2, 1));
    let with = gather((inner(),)).with(async |(group,)| {
        let (a, b) = group.lend();
        Ok(*a + *b)
    });
    assert_eq!(Driver::new(with).end().unwrap(), 3);
}

/// An `Entered` keeps its names, and its exit's failure prints them.
#[test]
fn it_keeps_its_names() {
    let log = Log::default();
    let member = |name| Member::new(&log, name, well(), fails("x"));
    each_shape!([member(0), member(1)], |gather| {
        let entered = Driver::new(gather.names(&["db", "cache"]).enter()).end().unwrap();
        let failure = Driver::new(entered.exit(ExitCase::Completed)).end().unwrap_err();
        assert_eq!(failure.to_string(), "exit of db failed: x; exit of cache failed: x");
    });
}
