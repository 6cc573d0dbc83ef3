//! The same life cycle with gather and, by hand, with each peer.
//!
//! The code by hand keeps gather's promises, except those of a drop and of a panic. Every enter runs to its end, every
//! resource is exited and receives the same case, and every error is kept by index.

use std::{array, future::Future, hint::black_box};

use gather_cm::{Exit, ExitCase, Failure, Few, gather};

use super::{Contestants, Kind, Resource, body, contestant, enter};

/// How a life cycle by hand ends: with the body's value, or with the cause and the errors of the exits.
pub type Outcome<S> = Result<u64, (Cause<S>, S)>;

pub enum Cause<S> {
    Enter(S),
    Body(u64),
    Exit,
}

/// How a life cycle with gather ends.
pub type Gathered<S> = Result<u64, Failure<u64, S>>;

pub fn case(result: &Result<u64, u64>) -> ExitCase {
    if result.is_ok() { ExitCase::Completed } else { ExitCase::Failed }
}

pub fn outcome<S>(result: Result<u64, u64>, exits: S, failed: bool) -> Outcome<S> {
    match result {
        Ok(value) if !failed => Ok(value),
        Ok(_) => Err((Cause::Exit, exits)),
        Err(error) => Err((Cause::Body(error), exits)),
    }
}

/// Exits a member of a group that failed to enter. Returns the member's errors, of its enter and of its exit.
pub async fn roll_back<K: Kind>(entered: Result<Resource<K>, u64>) -> (Option<u64>, Option<u64>) {
    match entered {
        Ok(value) => (None, value.exit(ExitCase::EnterFailed).await.err()),
        Err(error) => (Some(error), None),
    }
}

/// Makes a life cycle of members `$member..` of types of their own by hand, and the same one with gather.
macro_rules! tuples {
    ($module:ident, $count:literal: $($member:ident)*; $($peer:ident)*) => {
        pub mod $module {
            use super::*;

            pub fn gather<K: Kind>([$($member),*]: [u64; $count])
                -> impl Future<Output = Gathered<Few<$count>>>
            {
                super::gather(($(enter::<K>($member),)*))
                    .with(async |($($member,)*)| body::<K>(0 $(+ $member.number)*).await)
            }

            tuples!(peers: ($count; $($member)*); $($peer)*);

            pub fn contestants<K: Kind>() -> Contestants<'static> {
                let numbers = || black_box(array::from_fn(|index| index as u64));
                vec![
                    contestant("gather", move || gather::<K>(numbers())),
                    $(contestant(stringify!($peer), move || $peer::<K>(numbers())),)*
                ]
            }

            /// The life cycle as short as it can be. It returns early at the first error, without any clean-up.
            pub mod early {
                use super::*;
                tuples!(early: ($count; $($member)*); $($peer)*);
            }
        }
    };
    (peers: $members:tt; $($peer:ident)*) => { $(tuples!(peer: $members; $peer);)* };
    (early: $members:tt; $($peer:ident)*) => { $(tuples!(early_peer: $members; $peer);)* };
    (early_peer: ($count:literal; $($member:ident)*); $peer:ident) => {
        pub async fn $peer<K: Kind>([$($member),*]: [u64; $count]) -> Result<u64, u64> {
            let ($($member,)*) = $peer!($(enter::<K>($member)),*);
            let ($($member,)*) = ($($member?,)*);
            let value = body::<K>(0 $(+ $member.number)*).await?;
            let ($($member,)*) = $peer!($($member.exit(ExitCase::Completed)),*);
            $($member?;)*
            Ok(value)
        }
    };
    (peer: ($count:literal; $($member:ident)*); $peer:ident) => {
        pub async fn $peer<K: Kind>([$($member),*]: [u64; $count]) -> Outcome<[Option<u64>; $count]> {
            match $peer!($(enter::<K>($member)),*) {
                ($(Ok($member),)*) => {
                    let result = body::<K>(0 $(+ $member.number)*).await;
                    let case = case(&result);
                    let ($($member,)*) = $peer!($($member.exit(case)),*);
                    let failed = false $(|| $member.is_err())*;
                    outcome(result, [$($member.err()),*], failed)
                }
                ($($member,)*) => {
                    let ($($member,)*) = $peer!($(roll_back($member)),*);
                    Err((Cause::Enter([$($member.0),*]), [$($member.1),*]))
                }
            }
        }
    };
}

macro_rules! embassy {
    ($a:expr, $b:expr) => {
        embassy_futures::join::join($a, $b).await
    };
    ($a:expr, $b:expr, $c:expr, $d:expr) => {
        embassy_futures::join::join4($a, $b, $c, $d).await
    };
    ($a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $f:expr, $g:expr, $h:expr) => {{
        use embassy_futures::join::{join, join4};
        let ((a, b, c, d), (e, f, g, h)) = join(join4($a, $b, $c, $d), join4($e, $f, $g, $h)).await;
        (a, b, c, d, e, f, g, h)
    }};
}
macro_rules! futures {
    ($($future:expr),*) => { ::futures::join!($($future),*) };
}
macro_rules! tokio {
    ($($future:expr),*) => { ::tokio::join!($($future),*) };
}
macro_rules! concurrency {
    ($($future:expr),*) => { futures_concurrency::future::Join::join(($($future,)*)).await };
}

tuples!(tuple2, 2: a b; embassy futures tokio concurrency);
tuples!(tuple4, 4: a b c d; embassy futures tokio concurrency);
tuples!(tuple8, 8: a b c d e f g h; embassy futures tokio concurrency);

/// Joins an array of futures.
pub trait JoinArray {
    fn join<F: Future, const N: usize>(futures: [F; N]) -> impl Future<Output = [F::Output; N]>;
}

pub struct Embassy;
impl JoinArray for Embassy {
    fn join<F: Future, const N: usize>(futures: [F; N]) -> impl Future<Output = [F::Output; N]> {
        embassy_futures::join::join_array(futures)
    }
}

pub struct Concurrency;
impl JoinArray for Concurrency {
    fn join<F: Future, const N: usize>(futures: [F; N]) -> impl Future<Output = [F::Output; N]> {
        futures_concurrency::future::Join::join(futures)
    }
}

pub fn gather_array<K: Kind, const N: usize>(numbers: [u64; N]) -> impl Future<Output = Gathered<Few<N>>> {
    gather(numbers.map(enter::<K>)).with(async |all| body::<K>(all.iter().map(|one| one.number).sum()).await)
}

pub async fn array<K: Kind, const N: usize, J: JoinArray>(numbers: [u64; N]) -> Outcome<[Option<u64>; N]> {
    let entered = J::join(numbers.map(enter::<K>)).await;
    if entered.iter().any(Result::is_err) {
        let mut errors = J::join(entered.map(roll_back)).await;
        let enters = array::from_fn(|index| errors[index].0.take());
        return Err((Cause::Enter(enters), errors.map(|(_, exit)| exit)));
    }
    let values = entered.map(|result| result.unwrap_or_else(|_| unreachable!("none has failed")));
    let result = body::<K>(values.iter().map(|one| one.number).sum()).await;
    let case = case(&result);
    let exits = J::join(values.map(|value| value.exit(case))).await;
    let failed = exits.iter().any(Result::is_err);
    outcome(result, exits.map(Result::err), failed)
}

/// The life cycle as short as it can be. It returns early at the first error, without any clean-up.
pub async fn early_array<K: Kind, const N: usize, J: JoinArray>(numbers: [u64; N]) -> Result<u64, u64> {
    let entered = J::join(numbers.map(enter::<K>)).await;
    if let Some(error) = entered.iter().find_map(|result| result.as_ref().err()) {
        return Err(*error);
    }
    let values = entered.map(|result| result.unwrap_or_else(|_| unreachable!("none has failed")));
    let value = body::<K>(values.iter().map(|one| one.number).sum()).await?;
    for result in J::join(values.map(|value| value.exit(ExitCase::Completed))).await {
        result?;
    }
    Ok(value)
}
