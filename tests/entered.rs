//! A group in two halves: entered as a value, which is a resource like any other.

mod common;

use std::{any::Any, convert::Infallible};

use common::{Driver, Gate, Log, Member, Resource, assert_released, events, fails, well};
use gather_cm::{
    Cause, EnterExt, Entered, Exit, ExitCase, Failure, Faults, Group, Verdict, gather,
    policies::{Exits, Stack},
};

fn two(log: &Log) -> (Member, Member) {
    (Member::new(log, 0, well(), well()), Member::new(log, 1, well(), well()))
}

/// A fixture names the type, holds the group in a struct, and reaches the values through it.
struct Fixture {
    group: Entered<(Resource, Resource)>,
    stacked: Entered<[Resource; 2], Exits<Stack>>,
}

#[test]
fn a_fixture() {
    let log = Log::default();
    let mut fixture = Driver::new(async {
        let (a, b) = two(&log);
        Fixture {
            group: gather((a, b)).enter().await.unwrap(),
            stacked: gather([2, 3].map(|name| Member::new(&log, name, well(), well()))).stack().enter().await.unwrap(),
        }
    })
    .end();
    let (a, b) = &mut *fixture.group;
    assert_eq!((a.name(), b.name(), fixture.stacked[1].name()), (0, 1, 3));
    log.take();
    let mut teardown = Driver::new(async {
        fixture.group.exit(ExitCase::Completed).await.unwrap();
        fixture.stacked.exit(ExitCase::Failed).await.unwrap();
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
            "exited 2"
        ]
    );
}

/// Lazy: nothing runs before the first poll.
#[test]
fn enter_is_lazy() {
    let log = Log::default();
    drop(gather(two(&log)).enter());
    assert_eq!(log.take(), [""; 0]);
}

/// It knows when it has ended.
#[test]
fn enter_is_fused() {
    use futures::future::FusedFuture;
    let mut enter = Box::pin(gather((async { Ok::<_, ()>(1) }.drop_on_exit(),)).enter());
    assert!(!enter.is_terminated());
    Driver::new(enter.as_mut()).end().unwrap();
    assert!(enter.is_terminated());
}

/// Dropped, it abandons its values, in argument order; so does its future, halfway.
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

/// `into_inner` moves ownership out: nothing is exited, nothing is abandoned.
#[test]
fn into_inner_moves_out() {
    let log = Log::default();
    let (a, b) = Driver::new(gather(two(&log)).enter()).end().unwrap().into_inner();
    log.take();
    assert_eq!((a.name(), b.name()), (0, 1));
    assert_eq!(log.take(), [""; 0]);
    a.abandon();
    b.abandon();
    #[cfg(feature = "alloc")]
    {
        let all = Driver::new(gather(vec![Member::new(&log, 2, well(), well())]).enter()).end().unwrap().into_inner();
        assert_eq!(all.len(), 1);
        all.into_iter().for_each(Exit::abandon);
    }
    assert_released(&log.everything());
}

/// A failed enter is rolled back, as with a body; the failure is one of a life cycle without a body.
#[test]
fn a_failed_enter_is_rolled_back() {
    let log = Log::default();
    let group = (Member::new(&log, 0, well(), fails("x0")), Member::new(&log, 1, fails("e1"), well()));
    let failure: Failure<(), Infallible, Faults<[Option<&str>; 2]>> =
        Driver::new(gather(group).enter()).end().unwrap_err();
    assert_eq!(failure.to_string(), "enter of member 1 failed: e1; exit of member 0 failed: x0");
    assert_released(&log.everything());
}

/// The exit's faults keep their indices; its verdict is `Suppress` if all its members' are.
#[test]
fn faults_and_verdict_of_its_exit() {
    let log = Log::default();
    let group = (Member::new(&log, 0, well(), well()), Member::new(&log, 1, well(), fails("x1")));
    let entered = Driver::new(gather(group).enter()).end().unwrap();
    let failure = Driver::new(entered.exit(ExitCase::Completed)).end().unwrap_err();
    assert!(matches!(failure.cause, Cause::Exit(())));
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
    let entered = Driver::new(gather(group(&exit)).exit_limit(2.try_into().unwrap()).enter()).end().unwrap();
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

/// The same outside of a stack: one that suppresses is enough, told of a failure.
#[test]
fn a_stack_suppresses_as_a_stack() {
    let log = Log::default();
    let group = [Member::new(&log, 0, well(), well()), Member::new(&log, 1, well(), well()).suppress()];
    let entered = Driver::new(gather(group).stack().enter()).end().unwrap();
    assert_eq!(Driver::new(entered.exit(ExitCase::Failed)).end().unwrap(), Verdict::Suppress);
    assert_eq!(log.only(&["exit 1 F", "exit 0 C"]), ["exit 1 Failed", "exit 0 Completed"]);
}

type Inner = Failure<(), Infallible, Faults<[Option<&'static str>; 2]>>;

/// The outer group's error is the inner's failure; members with a plain error come by `errors_into`.
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

/// Groups nest: series and parallel compose. A nested group's faults keep their own indices, and the outer group's
/// policies never reach inside.
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
            .exit_limit(1.try_into().unwrap())
            .with(async |(network, servers)| network.name() + servers.0.name() + servers.1.name()),
    );
    gather.pends();
    assert_eq!(
        log.only(&["Completed"]),
        ["exit 0 Completed", "exit 1 Completed"],
        "in parallel, and before the network"
    );
    exit.open();
    let failure = gather.end().unwrap_err();
    let (mut faults, Cause::Exit(3)) = (failure.exits.into_iter(), failure.cause) else { panic!() };
    assert!(matches!(faults.next(), Some((0, Outer::Plain("x2")))));
    let Some((1, Outer::Inner(inner))) = faults.next() else { panic!() };
    assert_eq!(inner.exits.get(1), Some(&"x1"));
    assert_released(&log.everything());
}

/// `witness` and `abandon` are passed on to every member of a nested group.
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
        fn witness(&mut self, error: &dyn Any) {
            self.0.push(format_args!("witness {} {:?}", self.1, error.downcast_ref::<&str>()));
        }
        fn abandon(self) {
            self.0.push(format_args!("abandon {}", self.1));
        }
    }
    let log = Log::default();
    let spies = || async { gather([0, 1].map(|name| std::future::ready(Ok(Spy(&log, name))))).enter().await };
    let failure = Driver::new(gather((spies(),)).try_with(async |_| Err::<(), _>("b"))).end().unwrap_err();
    assert!(matches!(failure.cause, Cause::Body("b")));
    assert_eq!(log.take(), ["witness 0 Some(\"b\")", "witness 1 Some(\"b\")", "exit 0 Failed", "exit 1 Failed"]);
    let mut gather = Driver::new(gather((spies(),)).with(async |_| std::future::pending::<()>().await));
    gather.pends();
    gather.drop();
    assert_eq!(log.take(), ["abandon 0", "abandon 1"]);
}

/// A nested group whose members panic in `witness`, exit and `abandon`: no one is skipped.
#[test]
#[cfg(feature = "std")]
fn panics_in_a_nested_group() {
    use common::{message, panics};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let log = Log::default();
    let servers = || async {
        let one = |name| Member::new(&log, name, well(), panics("x")).witness_panics().abandon_panics();
        gather([one(0), one(1)]).enter().await
    };
    let mut driver = Driver::new(gather((servers(),)).catch_unwind().try_with(async |_| Err::<(), _>("b")));
    let Cause::Panicked(panic) = driver.end().unwrap_err().cause else { panic!() };
    assert_eq!(message(&*panic.into_payload()), "witness 0");
    assert_eq!(log.only(&["witness", "Failed"]), ["witness 0 b", "witness 1 b", "exit 0 Failed", "exit 1 Failed"]);
    let mut driver = Driver::new(gather((servers(),)).with(async |_| std::future::pending::<()>().await));
    driver.pends();
    log.take();
    catch_unwind(AssertUnwindSafe(|| driver.drop())).unwrap_err();
    assert_eq!(log.take(), ["abandon 0", "abandon 1"]);
}

/// Code that is generic over the group.
async fn setup<G: Group<Error: 'static>>(
    group: G,
) -> Result<Entered<G::Values>, Failure<(), Infallible, Faults<G::Store>>> {
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

/// The futures are `Send` where their parts are, and can be spawned.
#[test]
fn enter_can_be_spawned() {
    let member = || async { Ok::<_, ()>(1) }.drop_on_exit();
    let entered = smol::block_on(smol::spawn(gather((member(), member())).enter())).unwrap();
    smol::block_on(smol::spawn(async move { entered.exit(ExitCase::Completed).await })).unwrap();
    let nested = || async move { gather((member(), member())).enter().await };
    smol::block_on(smol::spawn(gather((nested(), nested())).with(async |(a, b)| *a.0 + *b.1))).unwrap();
    #[cfg(feature = "alloc")]
    smol::block_on(smol::spawn(gather(vec![nested(), nested()]).stack().with(async |all| all.len()))).unwrap();
}

/// A `Vec` that was changed before its exit: whoever is in it is exited, once, in a stack too.
#[test]
#[cfg(feature = "alloc")]
fn a_changed_vec() {
    for pushed in [0, 1, 3] {
        for removed in [0, 1, 2] {
            let log = Log::default();
            let open = |name| Member::new(&log, name, well(), well());
            let group = || Driver::new(gather((0..2).map(open).collect::<Vec<_>>()).stack().enter()).end().unwrap();
            let mut changed = group();
            let more = Driver::new(gather((2..2 + pushed).map(open).collect::<Vec<_>>()).enter()).end().unwrap();
            changed.extend(more.into_inner());
            let out: Vec<_> = changed.drain(..removed).collect();
            log.take();
            Driver::new(changed.exit(ExitCase::Completed)).end().unwrap();
            let mut exited = log.only(&["exited", "LEAK", "abandon"]);
            if pushed > 0 {
                assert_eq!(exited[0], format!("exited {}", 1 + pushed), "last in, first out");
            }
            exited.sort();
            let expected: Vec<_> = (removed..2 + pushed).map(|name| format!("exited {name}")).collect();
            assert_eq!(exited, expected);
            out.into_iter().for_each(Exit::abandon);
        }
    }
}
