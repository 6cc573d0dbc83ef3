//! Measures what a gather costs. Tuples and arrays take no heap, and no more memory than the same life cycle by hand.

mod common;
#[path = "common/counting.rs"]
mod counting;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll, Waker},
};

use counting::ALLOCATIONS;
use embassy_futures::join::{join, join_array, join4};
use gather_cm::{EnterExt, Exit, ExitCase, gather};

/// Returns how many allocations it takes to run the future to its end.
fn allocations<T>(future: impl Future<Output = T>) -> (T, usize) {
    let mut future = pin!(future);
    let before = ALLOCATIONS.get();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return (output, ALLOCATIONS.get() - before);
        }
    }
}

/// Pends once.
async fn pend() {
    let mut pended = false;
    poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if std::mem::replace(&mut pended, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// A resource of `N` bytes, which it takes with it through its enter and its exit.
struct Bytes<const N: usize>([u8; N]);

impl<const N: usize> Exit for Bytes<N> {
    type Error = u8;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> Result<(), u8> {
        pend().await;
        if case == ExitCase::Completed || self.0[0] == 0 { Ok(()) } else { Err(self.0[0]) }
    }
}

async fn enter<const N: usize>(byte: u8) -> Result<Bytes<N>, u8> {
    let bytes = Bytes([byte; N]);
    pend().await;
    if byte == 255 { Err(byte) } else { Ok(bytes) }
}

async fn body2<const N: usize>((a, b): (&mut Bytes<N>, &mut Bytes<N>)) -> Result<u8, u8> {
    pend().await;
    Ok(a.0[0] + b.0[0])
}

async fn body4<const N: usize>(
    (a, b, c, d): (&mut Bytes<N>, &mut Bytes<N>, &mut Bytes<N>, &mut Bytes<N>),
) -> Result<u8, u8> {
    pend().await;
    Ok(a.0[0] + b.0[0] + c.0[0] + d.0[0])
}

async fn body8<const N: usize>(all: [&mut Bytes<N>; 8]) -> Result<u8, u8> {
    pend().await;
    Ok(all[0].0[0] + all[7].0[0])
}

/// The life cycle by hand, as short as it can be. It returns early at the first error, without any clean-up.
async fn by_hand2<const N: usize>() -> Result<u8, u8> {
    let (a, b) = join(enter::<N>(1), enter::<N>(2)).await;
    let (mut a, mut b) = (a?, b?);
    let sum = body2((&mut a, &mut b)).await?;
    let (a, b) = join(a.exit(ExitCase::Completed), b.exit(ExitCase::Completed)).await;
    a?;
    b?;
    Ok(sum)
}

async fn by_hand4<const N: usize>() -> Result<u8, u8> {
    let (a, b, c, d) = join4(enter::<N>(1), enter::<N>(2), enter::<N>(3), enter::<N>(4)).await;
    let (mut a, mut b, mut c, mut d) = (a?, b?, c?, d?);
    let sum = body4((&mut a, &mut b, &mut c, &mut d)).await?;
    let case = ExitCase::Completed;
    let (a, b, c, d) = join4(a.exit(case), b.exit(case), c.exit(case), d.exit(case)).await;
    a?;
    b?;
    c?;
    d?;
    Ok(sum)
}

async fn by_hand8<const N: usize>() -> Result<u8, u8> {
    let entered = join_array([1, 2, 3, 4, 5, 6, 7, 8].map(enter::<N>)).await;
    if let Some(error) = entered.iter().find_map(|result| result.as_ref().err()) {
        return Err(*error);
    }
    let mut all = entered.map(|result| result.unwrap_or(Bytes([0; N])));
    let sum = body8(all.each_mut()).await?;
    for result in join_array(all.map(|one| one.exit(ExitCase::Completed))).await {
        result?;
    }
    Ok(sum)
}

/// 19: tuples and arrays take no heap, however they end.
#[test]
fn no_allocation_for_tuples_and_arrays() {
    let (result, count) = allocations(gather((enter::<64>(1), enter::<64>(2))).with(body2));
    assert_eq!((result.ok(), count), (Some(3), 0));
    let (result, count) = allocations(gather([1, 2, 3, 4, 5, 6, 7, 8].map(enter::<64>)).with(body8));
    assert_eq!((result.ok(), count), (Some(9), 0));

    let (result, count) = allocations(gather((enter::<64>(255), enter::<64>(2))).with(body2));
    assert_eq!((result.unwrap_err().exits.get(1), count), (Some(&2), 0), "an enter and an exit fail");
    let (result, count) =
        allocations(gather((enter::<64>(1), enter::<64>(2))).with_own_error(async |_| Err::<(), _>("the body")));
    assert_eq!((result.unwrap_err().exits.len(), count), (2, 0), "the body and both exits fail");
    let (result, count) = allocations(gather([255, 1, 255].map(enter::<64>)).with(async |_| Ok(())));
    assert_eq!((result.is_err(), count), (true, 0));

    let adapted = (
        enter::<8>(1).drop_on_exit().errors_into::<u32>(),
        enter::<8>(2).exit_with(async |_, _| Ok(pend().await)).errors_into(),
    );
    assert_eq!(allocations(gather(adapted).with(async |_| Ok(()))).1, 0);
}

/// The allocator does count allocations.
#[test]
fn allocations_are_counted() {
    assert_eq!(allocations(async { Box::new(1) }).1, 1);
}

/// 20: a `Vec` takes a number of allocations that does not grow with its members.
#[test]
#[cfg(feature = "alloc")]
fn allocations_of_a_vec() {
    let run = |members: Vec<u8>| {
        let members: Vec<_> = members.into_iter().map(enter::<8>).collect();
        let (result, count) = allocations(async { gather(members).with(async |_| Ok(())).await });
        (result.is_ok(), count)
    };
    let counts = [3, 64, 3000, 10_000].map(|len| run(vec![1; len]));
    assert_eq!(counts, [(true, 3), (true, 4), (true, 4), (true, 4)]);
    let counts = [3, 64, 3000, 10_000].map(|len| run([vec![255], vec![1; len], vec![255; len]].concat()));
    assert_eq!(counts, [(false, 3), (false, 4), (false, 4), (false, 4)]);
}

/// 20: the errors of a `Vec` are converted and cloned into room that is made once.
#[test]
#[cfg(feature = "alloc")]
fn allocations_of_errors() {
    let counts = [3, 64, 3000].map(|len| {
        let members: Vec<_> = (0..len).map(|_| enter::<8>(255)).collect();
        let (failure, _) = allocations(gather(members).with(async |_| Ok(())));
        let failure = failure.map_err(|failure| failure.map(u32::from, u32::from)).unwrap_err();
        let gather_cm::Cause::Enter(errors) = &failure.cause else { panic!("the enters fail") };
        let (copy, clone) = allocations(async { errors.clone() });
        let (mapped, map) = allocations(async { failure.map(u64::from, u64::from) });
        assert_eq!((copy.len(), mapped.errors().count()), (len, len));
        [clone, map]
    });
    assert_eq!(counts, [[1, 1]; 3]);
}

/// 20: with `eager_rollback`, members that enter after the exits have begun take no allocations of their own.
#[test]
#[cfg(feature = "alloc")]
fn allocations_of_late_members() {
    use std::{cell::Cell, rc::Rc};

    let counts = [100, 1000, 10_000].map(|len| {
        let (opened, wakers) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(Vec::with_capacity(len))));
        let member = |index| {
            let (opened, wakers) = (opened.clone(), wakers.clone());
            let enter = poll_fn(move |cx| match index {
                0 => Poll::Ready(Ok(())),
                1 => Poll::Ready(Err("fails")),
                _ if opened.get() => Poll::Ready(Ok(())),
                _ => {
                    let mut all = wakers.take();
                    all.push(cx.waker().clone());
                    wakers.set(all);
                    Poll::Pending
                }
            });
            enter.drop_on_exit()
        };
        let members: Vec<_> = (0..len).map(member).collect();
        let mut gather = pin!(gather(members).eager_rollback().exit_limit(7).with(async |_| Ok(())));
        let mut cx = Context::from_waker(Waker::noop());
        let before = ALLOCATIONS.get();
        assert!(gather.as_mut().poll(&mut cx).is_pending());
        opened.set(true);
        wakers.take().into_iter().for_each(Waker::wake);
        let Poll::Ready(result) = gather.as_mut().poll(&mut cx) else { panic!("it is pending") };
        assert!(result.is_err());
        ALLOCATIONS.get() - before
    });
    assert_eq!(counts, [counts[0]; 3]);
}

/// 12, 20: a `stack` of a `Vec`, or `in_reverse`, takes a number of allocations that does not grow with its members.
/// This holds under every policy, and in every order of entering.
#[test]
#[cfg(feature = "alloc")]
fn allocations_of_a_stack() {
    /// Enters after up to three polls, so that the members do not enter in argument order.
    async fn slow(index: usize, byte: u8) -> Result<Bytes<8>, u8> {
        for _ in 0..index * 7 % 3 {
            pend().await;
        }
        enter(byte).await
    }
    macro_rules! does_not_grow {
        ($first:literal, |$gather:ident| $run:expr) => {
            does_not_grow!($first, stack, |$gather| $run);
            does_not_grow!($first, in_reverse, |$gather| $run);
        };
        ($first:literal, $policy:ident, |$gather:ident| $run:expr) => {
            let counts = [31, 64, 200, 4000].map(|len| {
                let members: Vec<_> = (0..len).map(|index| slow(index, if index == 0 { $first } else { 1 })).collect();
                let $gather = gather(members).$policy();
                let (ended_well, count) = allocations(async { $run.is_ok() });
                assert_eq!(ended_well, $first != 255);
                count
            });
            assert_eq!(counts, [counts[0]; 4], stringify!($run));
        };
    }
    does_not_grow!(1, |gather| gather.with(async |_| Ok(())).await);
    does_not_grow!(1, |gather| gather.fair().caller_waker().with(async |_| Ok(())).await);
    does_not_grow!(1, |gather| gather.enter_limit(10).exit_limit(10).with(async |_| Ok(())).await);
    does_not_grow!(1, |gather| gather.enter().await.unwrap().exit(ExitCase::Completed).await);
    does_not_grow!(255, |gather| gather.with(async |_| Ok(())).await);
    does_not_grow!(255, |gather| gather.eager_rollback().with(async |_| Ok(())).await);
    does_not_grow!(255, |gather| gather.fail_fast().with(async |_| Ok(())).await);
}

/// 19: the future is at most as large as the life cycle by hand, even one without any clean-up.
#[test]
fn at_most_the_size_of_the_same_by_hand() {
    fn compare<const N: usize>() {
        let sizes = [
            (size_of_val(&gather((enter::<N>(1), enter::<N>(2))).with(body2)), size_of_val(&by_hand2::<N>())),
            (
                size_of_val(&gather((enter::<N>(1), enter::<N>(2), enter::<N>(3), enter::<N>(4))).with(body4)),
                size_of_val(&by_hand4::<N>()),
            ),
            (size_of_val(&gather([1, 2, 3, 4, 5, 6, 7, 8].map(enter::<N>)).with(body8)), size_of_val(&by_hand8::<N>())),
        ];
        println!("members of {N} bytes: gather, by hand (2, 4, 8): {sizes:?}");
        for (gather, by_hand) in sizes {
            assert!(gather <= by_hand, "{N} bytes: {sizes:?}");
        }
    }
    compare::<8>();
    compare::<64>();
    compare::<1024>();
}

/// The life cycles by hand do the same as the gather.
#[test]
fn the_same_by_hand_does_the_same() {
    assert_eq!(allocations(by_hand2::<64>()), (Ok(3), 0));
    assert_eq!(allocations(by_hand4::<64>()), (Ok(10), 0));
    assert_eq!(allocations(by_hand8::<64>()), (Ok(9), 0));
}
/// If the body is larger than the members, the machine has two tags that say whether the body runs. They take two
/// words.
#[test]
fn a_large_body() {
    async fn body((a, b): (&mut Bytes<8>, &mut Bytes<8>)) -> Result<u8, u8> {
        let scratch = [a.0[0]; 1024];
        pend().await;
        Ok(scratch[b.0[0] as usize])
    }
    async fn by_hand() -> Result<u8, u8> {
        let (a, b) = join(enter::<8>(1), enter::<8>(2)).await;
        let (mut a, mut b) = (a?, b?);
        let value = body((&mut a, &mut b)).await?;
        let (a, b) = join(a.exit(ExitCase::Completed), b.exit(ExitCase::Completed)).await;
        a?;
        b?;
        Ok(value)
    }
    let gather = gather((enter::<8>(1), enter::<8>(2))).with(body);
    assert!(size_of_val(&gather) <= size_of_val(&by_hand()) + 2 * size_of::<usize>());
    assert_eq!(allocations(gather).0.ok(), allocations(by_hand()).0.ok());
}

/// 19: a policy that is set to its default adds no byte. A policy that is used adds only the state that it must
/// remember.
#[test]
fn sizes_of_the_policies() {
    let group = || gather((enter::<64>(1), enter::<64>(2)));
    let size = size_of_val(&group().with(async |_| Ok(pend().await)));
    macro_rules! costs {
        ($at_most:expr, $($policy:tt)*) => {
            let with = size_of_val(&group().$($policy)*.with(async |_| Ok(pend().await)));
            assert!(with <= size + $at_most, concat!(stringify!($($policy)*), ": {} bytes, {} without"), with, size);
        };
    }
    let (word, one) = (size_of::<usize>(), 1);
    costs!(0, fail_fast());
    costs!(0, eager_rollback());
    costs!(0, settle());
    costs!(word, settle().cancel_on(std::future::pending::<()>()));
    // A tag says whether it holds the argument, its future, or nothing.
    costs!(word, cancel_on(std::future::pending::<()>()));
    #[cfg(feature = "std")]
    costs!(0, catch_unwind());
    costs!(2 * word, enter_limit(one));
    // The guard of the values keeps the limit, too.
    costs!(2 * word, exit_limit(one));
    // It takes a rank for each member, and the last rank.
    costs!(3 * word, stack());
    costs!(0, in_reverse());
    // It takes the number of the poll for the enters and for the exits. The guard of the values keeps both, too.
    costs!(4 * word, fair());
    // It takes a slice in the machine, and another one in the guard of the values.
    costs!(4 * word, names(&["a", "b"]));
    costs!(0, caller_waker());
    costs!(2 * word, cancel_on(Box::pin(std::future::pending::<()>())));
    costs!(7 * word, eager_rollback().stack().enter_limit(one).exit_limit(one));
}

/// 19: a gather takes no heap with any policy, if it is entered without a body, or if it is nested.
#[test]
fn no_allocation_with_policies() {
    for first in [1, 255] {
        let group = || gather((enter::<8>(first), enter::<8>(2)));
        let body = async |_: (&mut Bytes<8>, &mut Bytes<8>)| Ok(pend().await);
        assert_eq!(allocations(group().fail_fast().with(body)).1, 0);
        assert_eq!(allocations(group().eager_rollback().with(body)).1, 0);
        assert_eq!(allocations(group().stack().eager_rollback().with(body)).1, 0);
        assert_eq!(allocations(group().in_reverse().settle().cancel_on(pend()).with(body)).1, 0);
        assert_eq!(allocations(group().enter_limit(1).exit_limit(1).with(body)).1, 0);
        assert_eq!(allocations(group().cancel_on(pend()).with(body)).1, 0);
        let halves = async {
            let entered = group().stack().enter().await.map_err(drop)?;
            entered.exit(ExitCase::Completed).await.map_err(drop)
        };
        assert_eq!(allocations(halves).1, 0);
        let nested = || async { gather([enter::<8>(first), enter::<8>(2)]).enter().await };
        assert_eq!(allocations(gather([nested(), nested()]).with(async |_| Ok(()))).1, 0);
        let deadlines = enter::<8>(first).enter_within(async || std::future::pending().await).exit_within(async || 4);
        assert_eq!(allocations(gather((deadlines,)).with(async |_| Ok(()))).1, 0);
    }
}

/// A shielded group takes one allocation for each exit when the exit begins, with `settle` also one for each enter, and
/// none before. A drop takes none for tuples and arrays, and for a `Vec` a number that does not grow with its members.
#[test]
#[cfg(feature = "alloc")]
fn allocations_of_a_shield() {
    use std::cell::Cell;

    /// Counts the allocations of this many polls, and those of the drop.
    macro_rules! count {
        ($polls:literal, $group:expr) => {{
            let kept = Cell::new(None);
            let with = $group.with(async |_| Ok(pend().await)).on_drop(|cleanup| kept.set(Some(cleanup)));
            let mut future = Box::pin(with);
            let before = ALLOCATIONS.get();
            for _ in 0..$polls {
                assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
            let dropped = ALLOCATIONS.get();
            drop(future);
            (dropped - before, ALLOCATIONS.get() - dropped)
        }};
    }
    // In the second poll, the members have entered and the body has begun. In the third one, the body ends and the
    // exits begin.
    macro_rules! check {
        ($group:expr, $members:literal) => {
            assert_eq!(count!(1, $group.shield()), (0, 0));
            assert_eq!(count!(2, $group.shield()), (0, 0));
            assert_eq!(count!(3, $group.shield()), ($members, 0));
            assert_eq!(count!(3, $group.exit_limit(1).shield()), (1, 0));
            assert_eq!(count!(3, $group.stack().shield()), (1, 0));
            assert_eq!(count!(1, $group.shield().settle()), ($members, 0));
            assert_eq!(count!(2, $group.shield().settle()), ($members, 0));
            assert_eq!(count!(3, $group.shield().settle()), (2 * $members, 0));
            assert_eq!(count!(1, $group.enter_limit(1).shield().settle()), (1, 0));
        };
    }
    check!(gather((enter::<64>(1), enter::<64>(2))), 2);
    check!(gather([1, 2, 3, 4, 5, 6, 7, 8].map(enter::<64>)), 8);

    let vec = |len: usize| gather((0..len).map(|_| enter::<8>(1)).collect::<Vec<_>>());
    for len in [3, 64, 3000] {
        assert!(count!(1, vec(len).shield()).1 <= 2, "{len}");
        assert!(count!(2, vec(len).shield()).1 <= 2, "{len}");
        assert!(count!(3, vec(len).shield()).1 <= 2, "{len}");
        assert!(count!(1, vec(len).shield().settle()).1 <= 2, "{len}");
        println!("{len}: {:?}", count!(2, vec(len).shield()));
        println!("{len}: {:?}", count!(1, vec(len).shield().settle()));
    }

    // From start to end, only the exits take allocations.
    let group = gather((enter::<64>(1), enter::<64>(2))).shield();
    let (result, count) = allocations(group.with(body2).on_drop(drop));
    assert_eq!((result.ok(), count), (Some(3), 2));
}

/// The future of a shielded group is smaller than without a shield, because its exits are in boxes. A cleanup is small.
#[test]
#[cfg(feature = "alloc")]
fn sizes_of_a_shield() {
    use std::cell::Cell;

    let group = || gather([1, 2, 3, 4, 5, 6, 7, 8].map(enter::<64>));
    let without = size_of_val(&group().with(body8));
    let cleanup = Cell::new(0);
    let with = group().shield().with(body8).on_drop(|future| cleanup.set(size_of_val(&future)));
    let size = size_of_val(&with);
    let mut with = Box::pin(with);
    assert!(with.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(with.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(with);
    let settles = size_of_val(&group().shield().settle().with(body8).on_drop(drop));
    println!("8 members of 64 bytes: {size} bytes with a shield, {settles} if they settle, {without} without");
    println!("their cleanup: {} bytes", cleanup.get());
    assert!(settles < size, "{settles} bytes with settle, {size} without");
    assert!(size < without, "{size} bytes, {without} without");
    // It has a resource and a tag for each member, and a few words.
    assert!((1..8 * (64 + 16) + 128).contains(&cleanup.get()), "{} bytes", cleanup.get());
}

/// A driver of `N` bytes that never ends.
struct Drives<const N: usize>([u8; N]);

impl<const N: usize> Future for Drives<N> {
    type Output = Result<(), u8>;

    fn poll(self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        if self.0[0] == 255 { Poll::Ready(Err(255)) } else { Poll::Pending }
    }
}

/// A resource of `N` bytes with a driver of `M` bytes.
async fn driven<const N: usize, const M: usize>(byte: u8, driver: u8) -> Result<(Bytes<N>, Drives<M>), u8> {
    Ok((enter(byte).await?, Drives([driver; M])))
}

/// 19: drivers take no heap in tuples and arrays, however they end.
#[test]
fn no_allocation_for_drivers() {
    let pair = |driver| gather((driven::<64, 32>(1, 0).driven(), driven::<64, 32>(2, driver).driven()));
    let (result, count) = allocations(pair(0).with(body2));
    assert_eq!((result.ok(), count), (Some(3), 0));
    let (result, count) = allocations(pair(255).stack().with(body2));
    assert_eq!((result.map_err(|failure| failure.exits.len()), count), (Err(2), 0), "it is lost, and both exits fail");
    let array = [1, 2, 3].map(|byte| driven::<64, 32>(byte, 0).driven().to_end().exit_within(async || 9));
    let (result, count) = allocations(gather(array).with(async |_| Ok(())));
    assert_eq!((result.is_err(), count), (true, 0));
    let absent = (enter::<8>(255).optional(), driven::<8, 8>(1, 0).prepared(async |_| Ok(())).driven().optional());
    assert_eq!(allocations(gather(absent).with(async |_| Ok(()))).1, 0);
    let nested = gather((driven::<8, 8>(1, 0).driven(),)).enter();
    assert_eq!(allocations(gather((nested,)).with(async |_| Ok(()))).1, 0);
}

/// 20: a `Vec` takes one more allocation for its drivers.
#[test]
#[cfg(feature = "alloc")]
fn allocations_of_driven_members() {
    let counts = [3, 64, 3000].map(|len| {
        let members: Vec<_> = (0..len).map(|_| driven::<8, 8>(1, 0).driven()).collect();
        let (result, count) = allocations(async { gather(members).with(async |_| Ok(())).await });
        (result.is_ok(), count)
    });
    println!("{counts:?}");
    assert!(counts.iter().all(|(good, count)| *good && *count <= 8), "{counts:?}");
    assert_eq!(counts[1], counts[2]);
}

/// The size of two driven members.
#[test]
fn sizes_of_drivers() {
    let two = || (driven::<64, 32>(1, 0).driven(), driven::<64, 32>(2, 0).driven());
    let size = size_of_val(&gather(two()).with(body2));
    println!("two members of 64 bytes with drivers of 32 bytes: {size} bytes");
    assert!(size <= 592, "{size} bytes");
    let to_end = size_of_val(&gather((two().0.to_end(), two().1.to_end())).with(body2));
    assert_eq!(to_end, size);
}

/// 19: a policy that is not used leaves nothing behind. Groups without drivers are as large as they were before drivers
/// existed, or smaller.
#[test]
#[cfg(all(feature = "std", target_pointer_width = "64"))]
fn sizes_without_drivers() {
    let pair = || (enter::<64>(1), enter::<64>(2));
    let eight = || [1, 2, 3, 4, 5, 6, 7, 8].map(enter::<64>);
    let sizes = [
        size_of_val(&gather(()).with(async |()| Ok(()))),
        size_of_val(&gather(pair()).with(body2)),
        size_of_val(&gather(pair()).stack().cancel_on(pend()).with(body2)),
        size_of_val(&gather(eight()).with(body8)),
        size_of_val(&gather(eight()).eager_rollback().exit_limit(2).with(body8)),
        size_of_val(&gather(pair()).enter()),
    ];
    println!("{sizes:?}");
    assert_eq!(sizes, [32, 336, 384, 1296, 1312, 464]);
    let vec = || vec![enter::<64>(1), enter::<64>(2)];
    let sizes = [
        size_of_val(&gather(vec()).with(async |_| Ok(()))),
        size_of_val(&gather(vec()).stack().with(async |_| Ok(()))),
        size_of_val(&gather(vec()).enter()),
        size_of_val(&gather(eight()).shield().with(body8).on_drop(drop)),
        size_of_val(&gather(vec()).shield().settle().with(async |_| Ok(())).on_drop(drop)),
    ];
    println!("{sizes:?}");
    assert_eq!(sizes, [352, 376, 336, 800, 368]);
}

/// A guard takes its resource and four words. A boxed resource takes one allocation, for itself, its exit and its
/// future.
#[cfg(feature = "alloc")]
#[test]
fn scopes() {
    use gather_cm::{BoxExit, Lent, Scope, scope};

    const LINKS: usize = 64;

    assert_eq!(size_of::<Lent<'_, Bytes<64>>>(), 64 + 32);
    assert!(size_of::<Scope<Bytes<64>>>() <= 80);
    // One `async fn` has the member as an argument, and its future as a variable.
    let empty = Scope::<Bytes<1024>>::new();
    let member = size_of_val(&enter::<1024>(1));
    assert!(size_of_val(&empty.enter(enter::<1024>(1))) < 2 * member + 1024 + 256);
    let (result, held) = allocations(scope().with(async |scope| {
        (0..LINKS).for_each(|_| drop(scope.hold(Bytes([0; 64]))));
        Ok(())
    }));
    result.unwrap();
    let (result, boxed) = allocations(scope::<BoxExit<u8>>().with(async |scope| {
        for _ in 0..LINKS {
            scope.enter_boxed(async { Ok::<_, u8>(Bytes([0; 64])) }, Bytes::exit).await?;
        }
        Ok(())
    }));
    result.unwrap();
    assert_eq!(boxed - held, LINKS);
}
