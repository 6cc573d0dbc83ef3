//! A gather is `Send` exactly if its parts are. It is `FusedFuture` and `Debug` whatever the parts are.

use std::{
    cell::Cell,
    fmt::Debug,
    future::{Ready, ready},
    rc::Rc,
};

use futures_util::future::FusedFuture;
use gather_cm::{
    EnterExt, Entered, Exit, ExitCase, Gather, gather,
    policies::{CallerWaker, ExitPolicy, Exits, Fair, Limited, Named, Policy, Stack},
};

fn is_send<T: Send>(_: T) {}

fn is_fused_and_debug<T: FusedFuture + Debug>(future: T) -> T {
    future
}

/// Compiles only if `T` is not `Send`. Otherwise there are two answers for `A`.
fn is_not_send<T: AmbiguousIfSend<A>, A>(_: T) {}

trait AmbiguousIfSend<A> {}

impl<T> AmbiguousIfSend<()> for T {}

impl<T: Send> AmbiguousIfSend<u8> for T {}

/// A resource with a lifetime.
struct Lease<'a>(&'a str);

impl Exit for Lease<'_> {
    type Error = String;
    type Verdict = ();
    async fn exit(self, _: ExitCase) -> Result<(), String> {
        std::future::ready(()).await;
        Ok(())
    }
}

async fn lease(name: &str) -> Result<Lease<'_>, String> {
    std::future::ready(()).await;
    Ok(Lease(name))
}

#[test]
fn send_where_all_parts_are() {
    let name = String::from("name");
    is_send(gather((lease(&name), lease("b"))).with(async |(a, b)| Ok(a.0.len() + b.0.len())));
    is_send(gather([lease(&name), lease("b")]).with(async |all| Ok(all.len())));
    #[cfg(feature = "alloc")]
    is_send(gather(vec![lease(&name), lease("b")]).with_own_error(async |all| Err::<(), _>(all.len())));
    is_send(gather(()).with(async |()| Ok(())));
    is_send(
        gather((async { Ok::<_, ()>(1) }.drop_on_exit(), async { Ok(2) }.exit_with(async |_, _| Ok(true))))
            .with(async |_| Ok(())),
    );
    is_send(gather((async { Ok::<_, u8>(1) }.drop_on_exit().errors_into::<u32>(),)).with(async |_| Ok(())));
}

#[test]
fn not_send_where_a_part_is_not() {
    let ok = || async { Ok::<_, ()>(1) }.drop_on_exit();
    is_send(gather((ok(), ok())).with(async |_| Ok(())));
    let value = async { Ok::<_, ()>(Rc::new(1)) }.drop_on_exit();
    is_not_send(gather((ok(), value)).with(async |_| Ok(())));
    async fn enter() -> Result<i32, ()> {
        let rc = Rc::new(1);
        std::future::ready(()).await;
        Ok(*rc)
    }
    is_not_send(gather((ok(), enter().drop_on_exit())).with(async |_| Ok(())));
    let cell = Cell::new(1);
    is_not_send(gather((ok(),)).with(async |_| Ok(cell.set(2))));
    let rc = Rc::new(1);
    let exits = async { Ok::<_, ()>(1) }.exit_with(async move |_, _| Ok(drop(rc)));
    is_not_send(gather((ok(), exits)).with(async |_| Ok(())));
}

/// A shielded gather is `Send` if its parts and its spawner are. Its cleanup asks for less.
#[test]
#[cfg(feature = "alloc")]
fn shielded() {
    fn is_static<T: 'static>(_: T) {}

    let name = String::from("name");
    let rc = Rc::new(1);
    // The future and its cleanup may borrow.
    is_send(gather((lease(&name), lease("b"))).shield().with(async |(a, _)| Ok(a.0.len())).on_drop(is_send));
    is_send(gather([lease(&name), lease("b")]).shield().settle().with(async |_| Ok(())).on_drop(is_send));
    is_send(gather(vec![lease(&name)]).shield().with_own_error(async |_| Err::<(), _>(1)).on_drop(is_send));
    is_send(gather(vec![lease(&name)]).stack().shield().settle().enter().on_drop(is_send));
    is_send(gather(()).shield().with(async |()| Ok(())).on_drop(is_send));

    // Neither the future nor the enter is `Send`. Without `settle`, the cleanup is `Send` all the same.
    async fn enter() -> Result<i32, ()> {
        let local = Rc::new(1);
        std::future::ready(()).await;
        Ok(*local)
    }
    let member = || enter().drop_on_exit();
    is_not_send(gather((member(),)).shield().with(async |_| Ok(())).on_drop(is_send));
    is_not_send(gather((member(),)).shield().settle().with(async |_| Ok(())).on_drop(is_not_send));
    is_not_send(gather([member()]).shield().with(async |_| Ok(())).on_drop(is_static));
    is_not_send(gather(vec![member()]).shield().settle().with(async |_| Ok(())).on_drop(is_not_send));

    // The body, `stop`, the observer and the spawner are not `Send` either, and they borrow.
    let ok = || async { Ok::<_, ()>(1) }.drop_on_exit();
    let both = |cleanup| {
        assert_eq!(*rc, 1);
        cleanup
    };
    is_not_send(gather((ok(),)).shield().with(async |_| Ok(assert_eq!(*rc, 1))).on_drop(|cleanup| {
        is_send(both(cleanup));
    }));
    is_not_send(gather((ok(),)).cancel_on(ready(rc.clone())).shield().with(async |_| Ok(())).on_drop(is_send));
    is_not_send(gather((ok(),)).observe(|_| assert_eq!(*rc, 1)).shield().with(async |_| Ok(())).on_drop(is_static));

    // The resource or its exit is not `Send`, so the cleanup is not `Send` either.
    let value = async { Ok::<_, ()>(Rc::new(1)) }.drop_on_exit();
    is_not_send(gather((ok(), value)).shield().with(async |_| Ok(())).on_drop(is_not_send));
    struct Local;
    impl Exit for Local {
        type Error = ();
        type Verdict = ();
        async fn exit(self, _: ExitCase) -> Result<(), ()> {
            enter().await.map(drop)
        }
    }
    let exits = ready(Ok(Local));
    is_not_send(gather((ok(), exits)).shield().with(async |_| Ok(())).on_drop(is_not_send));

    let with = gather((start(1),)).shield();
    assert_eq!(format!("{with:?}"), "Shield { .. }");
    assert_eq!(format!("{:?}", with.clone().settle()), "ShieldEnters { .. }");
    let with = with.with(async |_| Ok(()));
    assert_eq!(format!("{with:?}"), "WithShield { .. }");
    drop(is_fused_and_debug(with.on_drop(drop)));
}

/// A scope is `Sync` if its resources are `Send`. Its life cycle and its cleanup are `Send` if their parts are. Without
/// `std` none of this holds.
#[test]
#[cfg(feature = "alloc")]
fn scopes() {
    use gather_cm::{BoxExit, Joined, LocalBoxExit, Scope, scope};

    struct Link(Cell<u8>);
    struct Local(Rc<u8>);

    impl Exit for Link {
        type Error = String;
        type Verdict = ();
        async fn exit(self, _: ExitCase) -> Result<(), String> {
            ready(()).await;
            self.0.set(0);
            Ok(())
        }
    }

    impl Exit for Local {
        type Error = String;
        type Verdict = ();
        async fn exit(self, _: ExitCase) -> Result<(), String> {
            ready(()).await;
            Ok(drop(self.0))
        }
    }

    #[cfg(feature = "std")]
    {
        fn is_sync<T: Sync>(_: &T) {}

        let all = Scope::<Link>::new();
        is_sync(&all);
        is_send(all.hold(Link(Cell::new(1))));
        is_send(all.enter(async { Ok::<_, ()>(Link(Cell::new(1))) }));
        is_send(all.exit(ExitCase::Completed));
        is_send(scope().with(async |scope| {
            let link = scope.enter(async { Ok::<_, String>(Link(Cell::new(1))) }).await?;
            ready(()).await;
            Ok(link.0.get())
        }));
        is_send(scope::<Link>().stack().with_entered(async |_| Ok(ready(()).await)));
        is_send(scope::<Link>().observe(|_| ()).shield().with(async |_| Ok(())).on_drop(is_send));
        is_send(scope::<Link>().shield().with_entered(async |_| Ok(())).on_drop(is_send));
        is_send(scope::<BoxExit<String>>().with(async |scope| Ok(drop(scope.defer(async |_| Ok(()))))));
        // The same holds inside a spawned block.
        is_send(async {
            scope().with(async |scope| Ok(drop(scope.hold(Link(Cell::new(1)))))).await.unwrap();
            scope::<BoxExit<String>>().with(async |scope| Ok(drop(scope.defer(async |_| Ok(()))))).await.unwrap();
            let name = String::from("name");
            let body = scope().with(async |scope| Ok(drop(scope.enter(lease(&name)).await?)));
            body.assert_send().await.unwrap();
        });
    }
    #[cfg(not(feature = "std"))]
    is_not_send(scope::<Link>().with(async |_| Ok(ready(()).await)));
    is_not_send(scope::<Local>().with(async |_| Ok(ready(()).await)));
    is_not_send(scope::<LocalBoxExit<'_, String>>().with(async |_| Ok(ready(()).await)));
    is_not_send(Scope::<Local>::new());
    is_not_send(Scope::<Local>::new().hold(Local(Rc::new(1))));

    drop(is_fused_and_debug(scope::<Link>().with(async |_| Ok(()))));
    drop(is_fused_and_debug(scope::<Link>().with_entered(async |_| Ok(()))));
    let numbers = Scope::<gather_cm::DropOnExit<u8, ()>>::new();
    assert_eq!(format!("{numbers:?}"), "Scope { len: 0, .. }");
    let body = async |scope: &Scope<_>| Ok(drop(scope.enter(async { Ok::<_, ()>(7) }.drop_on_exit()).await?));
    let ((), kept) = smol::block_on(gather(numbers).with_entered(body)).unwrap();
    let kept: Joined<_> = Entered::into_inner(kept);
    assert_eq!(format!("{kept:?}"), "Joined([DropOnExit(7)])");
    let boxes = Scope::<BoxExit<String>>::new();
    let lent = boxes.defer(async |_| Ok(()));
    assert_eq!(format!("{lent:?}"), "Lent(Boxed(()))");
    assert_eq!(format!("{:?}", BoxExit::from(gather_cm::Lent::into_inner(lent))), "BoxExit { .. }");
}

/// Inside a spawned block, resources with a lifetime need `assert_send`, and others do not.
#[test]
fn inside_a_spawned_block() {
    is_send(async {
        let name = String::from("name");
        gather((lease(&name), lease("b"))).with(async |(a, _)| Ok(a.0.len())).assert_send().await.unwrap();
        gather([lease(&name), lease("b")]).with(async |all| Ok(all.len())).assert_send().await.unwrap();
        #[cfg(feature = "alloc")]
        gather(vec![lease(&name)]).with(async |all| Ok(all.len())).assert_send().await.unwrap();
        let owned = || async { Ok::<_, ()>(vec![1]) }.drop_on_exit();
        gather((owned(), owned())).with(async |(a, b)| Ok(a.len() + b.len())).await.unwrap();
        gather([owned(), owned()]).with(async |[a, b]| Ok(a.len() + b.len())).await.unwrap();
        #[cfg(feature = "alloc")]
        gather(vec![owned()]).with(async |all| Ok(all.len())).await.unwrap();
    });
}

#[test]
fn fused_and_debug() {
    let with = is_fused_and_debug(gather((lease("a"),)).with(async |_| Ok(())));
    assert_eq!(format!("{with:?}"), "With { .. }");
    assert!(!with.is_terminated());
    assert_eq!(format!("{:?}", with.assert_send()), "With { .. }");
    let enter = is_fused_and_debug(gather([lease("a")]).stack().enter());
    assert_eq!(format!("{enter:?}"), "With { .. }");
    assert_eq!(format!("{:?}", gather((lease("a"),)).fail_fast()), "Gather { .. }");
    let member = || lease("a").drop_on_exit();
    assert_eq!(format!("{:?}", member()), "Adapted { .. }");
    assert_eq!(format!("{:?}", member().into_future()), "Adapting { .. }");
    let late = || member().enter_within(async || String::new());
    assert_eq!(format!("{:?}", late()), "EnterWithin { .. }");
    assert_eq!(format!("{:?}", late().into_future()), "Race { .. }");
    let value = async { Ok::<_, ()>(7) }.drop_on_exit().exit_within(async || ());
    let entered = smol::block_on(gather((value,)).enter()).unwrap();
    assert_eq!(format!("{entered:?}"), "Entered { .. }");
    assert_eq!(format!("{:?}", Entered::into_inner(entered).0), "ExitWithin(DropOnExit(7))");
}

/// A resource whose type has a name. The type of its member has a name too.
#[derive(Clone)]
struct Vm(u8);

impl Exit for Vm {
    type Error = String;
    type Verdict = ();
    async fn exit(self, _: ExitCase) -> Result<(), String> {
        std::future::ready(()).await;
        if self.0 == 0 { Err("zero".into()) } else { Ok(()) }
    }
}

type Starts = Ready<Result<Vm, String>>;

fn start(number: u8) -> Starts {
    ready(Ok(Vm(number)))
}

/// In code that is generic over policies, the life cycle of a concrete group is `Send`.
#[test]
fn send_for_every_policy() {
    fn in_tuple<P: Policy<Exits: Send> + Send + 'static>(gather: Gather<(Starts, Starts), P>) {
        is_send(gather.with(async |(a, b)| Ok(a.0 + b.0)));
    }
    fn in_array<P: Policy<Exits: Send> + Send + 'static>(gather: Gather<[Starts; 2], P>) {
        is_send(gather.with_own_error(async |[a, b]| Err::<(), _>(a.0 + b.0)).keep_value());
    }
    #[cfg(feature = "alloc")]
    fn in_vec<P: Policy<Exits: Send> + Send + 'static>(gather: Gather<Vec<Starts>, P>) {
        is_send(gather.with(async |all| Ok(all.len())));
    }
    // The policies that an `Entered` keeps are `Send` without a bound, and a policy may borrow.
    fn entering<P: Policy + Send>(gather: Gather<(Starts, Starts), P>) {
        is_send(gather.enter());
    }
    macro_rules! with {
        ($($policy:tt)*) => {
            in_tuple(gather((start(1), start(2)))$($policy)*);
            in_array(gather([start(1), start(2)])$($policy)*);
            #[cfg(feature = "alloc")]
            in_vec(gather(vec![start(1), start(2)])$($policy)*);
            entering(gather((start(1), start(2)))$($policy)*);
        };
    }
    with!();
    with!(.fail_fast().enter_limit(1).exit_limit(1).names(&["a", "b"]).fair().caller_waker());
    with!(.stack().eager_rollback().cancel_on(ready(())).observe(|_| ()));
    with!(.in_reverse().settle().cancel_on(ready(())));
    let name = String::from("name");
    entering(gather((start(1), start(2))).observe(|_| assert!(!name.is_empty())));
}

/// An `Entered` is `Send` and `Sync` for every policy, and its exit is `Send`.
#[test]
fn entered_for_every_policy() {
    fn both<T: Send + Sync>(value: T) -> T {
        value
    }
    fn check<X: ExitPolicy>(tuple: Entered<(Vm, Vm), X>, array: Entered<[Vm; 2], X>) {
        is_send(both(tuple).exit(ExitCase::Completed));
        is_send(both(array).exit(ExitCase::Completed));
    }
    #[cfg(feature = "alloc")]
    fn check_vec<X: ExitPolicy>(entered: Entered<Vec<Vm>, X>) {
        is_send(both(entered).exit(ExitCase::Completed));
    }
    macro_rules! with {
        ($($policy:tt)*) => {
            let tuple = smol::block_on(gather((start(1), start(2)))$($policy)*.enter()).unwrap();
            let array = smol::block_on(gather([start(1), start(2)])$($policy)*.enter()).unwrap();
            check(tuple, array);
            #[cfg(feature = "alloc")]
            check_vec(smol::block_on(gather(vec![start(1), start(2)])$($policy)*.enter()).unwrap());
        };
    }
    with!();
    with!(.stack().exit_limit(1).fair().caller_waker());
    with!(.in_reverse().exit_limit(1).fair());
}

/// A gather whose members can be cloned can be cloned along with its policies, and the clone is a gather of its own.
/// The policies of the exits can be compared.
#[test]
fn clone_and_eq() {
    macro_rules! run_twice {
        ($gather:expr) => {
            let gather = $gather;
            let copy = gather.clone();
            for gather in [gather, copy] {
                let failure = smol::block_on(gather.with(async |_| Ok(()))).unwrap_err();
                assert_eq!(failure.to_string(), "exit of zero failed: zero");
            }
        };
    }
    run_twice!(gather((start(1), start(0))).names(&["one", "zero"]));
    run_twice!(gather([start(1), start(0)]).stack().exit_limit(1).names(&["one", "zero"]).fair());
    #[cfg(feature = "alloc")]
    run_twice!(gather(vec![start(1), start(0)]).fail_fast().enter_limit(1).caller_waker().names(&["one", "zero"]));
    run_twice!(gather((start(1).errors_into::<String>(), start(0))).observe(|_| ()).names(&["one", "zero"]));
    drop(gather((start(1).drop_on_exit(),)).clone());

    fn is_eq<T: PartialEq + Eq + Debug + Copy>() {}
    is_eq::<Exits>();
    is_eq::<Exits<Stack, Limited, Named, Fair, CallerWaker>>();
}

/// With every name of the crate in scope, the methods of a user's resource are still those that are called, by value,
/// through the body's reference, and through a box and an adapter.
#[test]
fn a_users_own_methods() {
    use gather_cm::*;

    struct Own;

    impl Own {
        fn release(&self) -> u8 {
            1
        }

        fn lend(&self) -> u8 {
            2
        }

        fn show(&self) -> u8 {
            3
        }
    }

    impl Exit for Own {
        type Error = String;
        type Verdict = ();
        async fn exit(self, _: ExitCase) -> Result<(), String> {
            Ok(())
        }
    }

    macro_rules! call {
        ($own:expr) => {
            assert_eq!([$own.release(), $own.lend(), $own.show()], [1, 2, 3])
        };
    }
    let member = || ready(Ok::<_, String>(Own));
    call!(Own);
    #[cfg(feature = "alloc")]
    {
        let boxed = Box::new(Own);
        call!(boxed);
    }
    let (a, b) = (member().drop_on_exit(), member().exit_within(async || String::new()));
    let mut entered = smol::block_on(gather((a, b, member())).enter()).unwrap();
    call!(entered.0);
    call!(entered.1);
    call!(entered.2);
    let (a, b, c) = entered.lend();
    call!(a);
    call!(b);
    call!(c);
    smol::block_on(gather((member(),)).with(async |(own,)| Ok(call!(own)))).unwrap();
    smol::block_on(gather([member()]).with(async |[own]| Ok(call!(own)))).unwrap();
    #[cfg(feature = "alloc")]
    smol::block_on(gather(vec![member()]).with(async |all| Ok(all.iter_mut().for_each(|own| call!(own))))).unwrap();
}

/// A driven or an optional member is `Send` exactly if its driver and its value are.
#[test]
fn driven_and_optional() {
    fn both<T: Send + Sync>(_: &T) {}
    let driver = || Box::pin(async {}) as std::pin::Pin<Box<dyn Future<Output = ()> + Send + Sync>>;
    let pair = || async move { Ok::<_, &'static str>((1, driver())) };
    let member = || pair().driven().drop_on_exit().to_end();
    is_send(gather((member(), member())).with(async |(a, b)| Ok(*a + *b)));
    is_send(gather([member(), member()]).stack().cancel_on(ready(())).with(async |_| Ok(())));
    is_send(gather((pair().driven().exit_with(async |_, _| Ok(())), member().optional())).with(async |_| Ok(())));
    is_send(gather((pair().prepared(async |_| Ok(())).driven().drop_on_exit(),)).fair().with(async |_| Ok(())));
    is_send(
        gather((member(), gather((lease("a"),)).enter().errors_into::<Text>().optional().errors_into()))
            .with(async |_| Ok(())),
    );
    let entered = smol::block_on(gather((member(), member().optional())).enter()).unwrap();
    both(&entered);
    is_send(entered.exit(ExitCase::Completed));
    #[cfg(feature = "alloc")]
    {
        is_send(gather(vec![member(), member()]).with(async |_| Ok(())));
        is_send(gather(vec![member().optional(), member().optional()]).settle().with(async |_| Ok(())));
        is_send(gather((member(), member())).shield().with(async |_| Ok(())).on_drop(is_send));
        let entered = smol::block_on(gather(vec![member()]).enter()).unwrap();
        both(&entered);
        is_send(entered.exit(ExitCase::Completed));
    }

    let local =
        || async { Ok::<_, &'static str>((1, Box::pin(async {}) as std::pin::Pin<Box<dyn Future<Output = ()>>>)) };
    is_not_send(gather((member(), local().driven().drop_on_exit())).with(async |_| Ok(())));
    drop(is_fused_and_debug(gather((local().driven().drop_on_exit(),)).with(async |_| Ok(()))));
    let value = async { Ok::<_, ()>(Rc::new(1)) }.drop_on_exit().optional();
    is_not_send(gather((value,)).with(async |_| Ok(())));
}

/// The error of an outer group.
#[derive(Debug)]
struct Text;

impl<E, S: gather_cm::Shape> From<gather_cm::Failure<E, S>> for Text {
    fn from(_: gather_cm::Failure<E, S>) -> Self {
        Self
    }
}

impl From<Text> for &'static str {
    fn from(_: Text) -> Self {
        "nested"
    }
}
