//! The same life cycle of many members, with gather over a `Vec`, and by hand with each peer.

use std::{future::Future, hint::black_box};

use futures::{FutureExt, Stream, StreamExt, future::join_all, stream, stream::FuturesUnordered};
use gather_cm::{Exit, Many, gather};
use tokio::{runtime::Runtime, task::JoinSet};

use super::{
    Contestants, Kind, body, contestant, drive_on, enter,
    peers::{Cause, Gathered, Outcome, case, outcome, roll_back},
};

pub const LIMIT: usize = 64;

fn numbers(members: usize) -> impl ExactSizeIterator<Item = u64> {
    (0..members).map(|index| index as u64)
}

pub fn gather_vec<K: Kind>(members: usize) -> impl Future<Output = Gathered<Many>> {
    let members: Vec<_> = numbers(members).map(enter::<K>).collect();
    gather(members).with(async |all| body::<K>(all.iter_mut().map(|one| one.number).sum()).await)
}

/// Gathers the members with at most `LIMIT` enters in flight.
pub fn gather_limited<K: Kind>(members: usize) -> impl Future<Output = Gathered<Many>> {
    let members: Vec<_> = numbers(members).map(enter::<K>).collect();
    gather(members).enter_limit(LIMIT).with(async |all| body::<K>(all.iter_mut().map(|one| one.number).sum()).await)
}

/// Runs the life cycle by hand. `Enters` joins the enters, and `Exits` joins the exits.
pub async fn vec<K: Kind, Enters: Join, Exits: Join>(members: usize) -> Outcome<Vec<Option<u64>>> {
    let entered = Enters::join(numbers(members).map(enter::<K>)).await;
    if entered.iter().any(Result::is_err) {
        let (enters, exits) = Exits::join(entered.into_iter().map(roll_back)).await.into_iter().unzip();
        return Err((Cause::Enter(enters), exits));
    }
    let result = body::<K>(entered.iter().flatten().map(|one| one.number).sum()).await;
    let case = case(&result);
    let exits = Exits::join(entered.into_iter().flatten().map(move |one| one.exit(case))).await;
    let failed = exits.iter().any(Result::is_err);
    let exits = if failed { exits.into_iter().map(Result::err).collect() } else { Vec::new() };
    outcome(result, exits, failed)
}

pub fn contestants<'a, K: Kind>(members: usize, runtime: &'a Runtime) -> Contestants<'a> {
    vec![
        contestant("gather", move || gather_vec::<K>(black_box(members))),
        by_hand::<K, JoinAll, JoinAll>("join_all", members),
        by_hand::<K, Unordered, Unordered>("FuturesUnordered", members),
        by_hand::<K, ConcurrencyVec, ConcurrencyVec>("concurrency", members),
        by_hand::<K, Buffered, Buffered>("buffered join_all", members),
        by_hand::<K, BufferedUnordered, BufferedUnordered>("buffered unordered", members),
        ("JoinSet", Box::new(move || drop(black_box(drive_on(runtime, vec::<K, Tasks, Tasks>(black_box(members))))))),
    ]
}

/// Returns the contestants with at most `LIMIT` enters in flight.
pub fn contestants_of_limit<K: Kind>(members: usize) -> Contestants<'static> {
    vec![
        contestant("gather", move || gather_limited::<K>(black_box(members))),
        by_hand::<K, Limited, Unordered>("buffer_unordered", members),
        by_hand::<K, BufferedLimited, BufferedUnordered>("buffered_unordered", members),
    ]
}

fn by_hand<K: Kind, Enters: Join, Exits: Join>(
    name: &'static str,
    members: usize,
) -> (&'static str, Box<dyn Fn() + 'static>) {
    contestant(name, move || vec::<K, Enters, Exits>(black_box(members)))
}

/// Joins many futures, and returns their outputs in order.
pub trait Join {
    fn join<F>(futures: impl Iterator<Item = F> + 'static) -> impl Future<Output = Vec<F::Output>>
    where
        F: Future<Output: Send + 'static> + Send + 'static;
}

macro_rules! join {
    ($($(#[$doc:meta])* $name:ident: |$futures:ident| $outputs:expr;)*) => { $(
        $(#[$doc])*
        pub struct $name;
        impl Join for $name {
            async fn join<F>($futures: impl Iterator<Item = F> + 'static) -> Vec<F::Output>
            where
                F: Future<Output: Send + 'static> + Send + 'static,
            {
                $outputs
            }
        }
    )* };
}

join! {
    JoinAll: |futures| join_all(futures).await;
    Unordered: |futures| in_order(numbered(futures).collect::<FuturesUnordered<_>>()).await;
    ConcurrencyVec: |futures| futures_concurrency::future::Join::join(futures.collect::<Vec<_>>()).await;
    Buffered: |futures| futures_buffered::join_all(futures).await;
    BufferedUnordered: |futures| {
        in_order(numbered(futures).collect::<futures_buffered::FuturesUnordered<_>>()).await
    };
    /// This runs at most `LIMIT` at a time.
    Limited: |futures| in_order(stream::iter(numbered(futures)).buffer_unordered(LIMIT)).await;
    /// This runs at most `LIMIT` at a time, too.
    BufferedLimited: |futures| {
        use futures_buffered::BufferedStreamExt;
        in_order(stream::iter(numbered(futures)).buffered_unordered(LIMIT)).await
    };
    /// Each future is a task of tokio.
    Tasks: |futures| {
        let mut tasks: JoinSet<_> = numbered(futures).collect();
        in_order(stream::poll_fn(move |cx| tasks.poll_join_next(cx).map(|next| next.map(Result::unwrap)))).await
    };
}

fn numbered<F: Future>(
    futures: impl Iterator<Item = F>,
) -> impl Iterator<Item = impl Future<Output = (usize, F::Output)>> {
    futures.enumerate().map(|(index, future)| future.map(move |output| (index, output)))
}

/// Sorts outputs that come in any order.
async fn in_order<T>(outputs: impl Stream<Item = (usize, T)>) -> Vec<T> {
    let mut outputs = std::pin::pin!(outputs);
    let mut sorted = Vec::with_capacity(outputs.size_hint().0);
    while let Some((index, output)) = outputs.next().await {
        if sorted.len() <= index {
            sorted.resize_with(index + 1, || None);
        }
        sorted[index] = Some(output);
    }
    sorted.into_iter().flatten().collect()
}
