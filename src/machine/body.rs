//! The body's own future, and the waker that makes it end.

use core::{
    marker::PhantomData,
    pin::Pin,
    ptr,
    task::{Context, Poll, Waker},
};

use pin_project::pin_project;

use crate::{
    Values,
    drive::{Drive, Split},
    group::HeldAll,
    policy::{ExitPolicy, Stop},
    unwind::{self, Caught, FirstPanic},
};

/// How the body ended: with its output, with nothing if it was cancelled, or with a panic.
pub(crate) type Ended<T> = Result<Option<T>, Caught>;

/// The part of a life cycle that comes when all members have entered.
pub(crate) trait After<V: Values, X: ExitPolicy> {
    /// Whether there is a body to call.
    const BODY: bool;
    /// The value of the life cycle.
    type Value;
    /// The body's error.
    type Error;
    /// The future that owns the values while the body runs, and then returns them.
    type Block: Future<Output = (HeldAll<V, X::Rank>, Ended<Result<Self::Value, Self::Error>>)>;
    /// The drivers, while the body borrows the values.
    type Drivers: Drive<V>;

    /// Moves the drivers out of the values.
    fn split(&self, values: &mut V) -> Self::Drivers;

    /// Makes the block. If there is no body, it returns the value instead.
    fn begin(self, held: HeldAll<V, X::Rank>, policy: X) -> Result<Self::Block, Self::Value>;

    /// Whether nothing is exited if the body succeeds.
    const KEEPS: bool = false;

    /// Adds the resources, which are not exited, to the value of a body that has succeeded.
    fn keep(value: Self::Value, held: HeldAll<V, X::Rank>, policy: X) -> Self::Value {
        drop((held, policy));
        value
    }
}

/// A body `C`, for which the function item `K` makes the block. `S` moves the drivers out of the values.
pub(crate) struct Call<C, K, S> {
    body: C,
    block: K,
    split: S,
}

impl<C, K, S> Call<C, K, S> {
    pub(crate) fn new(body: C, block: K, split: S) -> Self {
        Self { body, block, split }
    }
}

impl<C, K, S, Fut, V: Values, X: ExitPolicy, R, B> After<V, X> for Call<C, K, S>
where
    K: FnOnce(C, HeldAll<V, X::Rank>, X) -> Fut,
    S: Split<V>,
    Fut: Future<Output = (HeldAll<V, X::Rank>, Ended<Result<R, B>>)>,
{
    const BODY: bool = true;
    type Value = R;
    type Error = B;
    type Block = Fut;
    type Drivers = S::Drivers;

    fn split(&self, values: &mut V) -> S::Drivers {
        self.split.split(values)
    }

    fn begin(self, held: HeldAll<V, X::Rank>, policy: X) -> Result<Fut, R> {
        Ok((self.block)(self.body, held, policy))
    }
}

/// The waker that tells the body's block, by its address, to return the values. It wakes nobody.
static CANCEL: &Waker = Waker::noop();

fn is_cancel(waker: &Waker) -> bool {
    ptr::eq(waker, CANCEL)
}

/// Polls the block that owns the values. `ends` says whether it can be cancelled.
pub(super) fn poll_block<T>(ends: bool, block: Pin<&mut impl Future<Output = T>>, cx: &mut Context<'_>) -> Poll<T> {
    if ends && is_cancel(cx.waker()) {
        // The caller's own waker happens to be at that address, so the block receives a clone of it.
        block.poll(&mut Context::from_waker(&cx.waker().clone()))
    } else {
        block.poll(cx)
    }
}

/// Tells the block to drop the body and to return the values.
pub(super) fn cancel_block<T>(block: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    block.poll(&mut Context::from_waker(CANCEL))
}

/// The body's own future, from its call on. When it has ended or is cancelled, it is dropped here, even if it panics,
/// so that the values that it borrows survive it. `S` may cancel it.
#[pin_project]
pub(crate) struct Body<C, Fut, S, V> {
    #[pin]
    state: BodyState<C, Fut>,
    ends: PhantomData<fn() -> (S, V)>,
}

#[pin_project(project = BodyProj)]
enum BodyState<C, Fut> {
    /// The call that makes the future. It is empty while it runs.
    Called(Option<C>),
    Running(#[pin] Fut),
    Ended,
}

impl<C: FnOnce() -> Fut, Fut, S, V> Body<C, Fut, S, V> {
    /// `call` makes the body's future.
    pub(crate) fn new(call: C) -> Self {
        Self { state: BodyState::Called(Some(call)), ends: PhantomData }
    }
}

impl<C: FnOnce() -> Fut, Fut: Future, S: Stop, V: Values> Future for Body<C, Fut, S, V> {
    type Output = Ended<Fut::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        let mut output = None;
        let mut pending = false;
        let caught = unwind::catch(|| {
            if let BodyProj::Called(call) = state.as_mut().project() {
                if let Some(call) = call.take() {
                    state.set(BodyState::Running(call()));
                }
            }
            if let BodyProj::Running(future) = state.as_mut().project() {
                if !(S::ENDS_BODY || V::DRIVEN || V::GROWS) || !is_cancel(cx.waker()) {
                    match future.poll(cx) {
                        Poll::Ready(value) => output = Some(value),
                        Poll::Pending => return pending = true,
                    }
                }
            }
            state.set(BodyState::Ended);
        });
        if let Err(caught) = caught {
            let mut others = FirstPanic::none();
            others.guard(&mut || state.set(BodyState::Ended));
            others.drop(output);
            return Poll::Ready(Err(caught));
        }
        if pending { Poll::Pending } else { Poll::Ready(Ok(output)) }
    }
}

#[cfg(test)]
mod tests {
    use core::{future::pending, pin::pin};

    use super::*;
    use crate::{EnterExt, gather};

    /// A caller's own waker that is at the same address as [`CANCEL`] does not end the body.
    #[test]
    fn a_caller_with_the_static_waker() {
        let member = async { Ok::<_, ()>(()) }.drop_on_exit();
        let mut gather = pin!(gather((member,)).cancel_on(pending::<()>()).with(async |_| Ok(pending::<()>().await)));
        let mut cx = Context::from_waker(CANCEL);
        for _ in 0..3 {
            assert!(gather.as_mut().poll(&mut cx).is_pending());
        }
    }

    /// The same holds if nothing else could end the body, if a driver could, and in a scope.
    #[test]
    fn a_body_that_is_not_to_be_ended() {
        let mut cx = Context::from_waker(CANCEL);
        let member = || async { Ok::<_, ()>(()) }.drop_on_exit();
        let mut with = pin!(gather((member(),)).with(async |_| Ok(pending::<()>().await)));
        assert!(with.as_mut().poll(&mut cx).is_pending());
        let driven = async { Ok::<_, ()>(((), pending::<()>())) }.driven().drop_on_exit();
        let mut with = pin!(gather((driven,)).with(async |_| Ok(pending::<()>().await)));
        assert!(with.as_mut().poll(&mut cx).is_pending());
        #[cfg(feature = "alloc")]
        {
            let body = async |scope: &crate::Scope<_>| {
                drop(scope.enter(member()).await?);
                Ok(pending::<()>().await)
            };
            let mut with = pin!(crate::scope().with(body));
            assert!(with.as_mut().poll(&mut cx).is_pending());
        }
    }
}
