//! A gather is `Send` exactly if its parts are; it is `FusedFuture` and `Debug` whatever they are.

use std::{cell::Cell, fmt::Debug, rc::Rc};

use futures::future::FusedFuture;
use gather_cm::{EnterExt, Entered, Exit, ExitCase, gather};

fn is_send<T: Send>(_: T) {}

fn is_fused_and_debug<T: FusedFuture + Debug>(future: T) -> T {
    future
}

/// Compiles only if `T` is not `Send`: otherwise there are two answers for `A`.
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

/// Inside a spawned block: resources with a lifetime need `assert_send`, others do not.
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
