//! One member's life. A slot knows nothing of its neighbours.

use core::{
    any::Any,
    future::Pending,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project::pin_project;

use crate::{ExitCase, Resource, exit::Answer, policy::Rank, unwind};

/// A resource that is held: dropped, it abandons it. Empty once it was taken.
pub(crate) struct Held<V: Resource>(Option<V>);

impl<V: Resource> Held<V> {
    pub(crate) fn new(value: V) -> Self {
        Self(Some(value))
    }
}

impl<V: Resource> Drop for Held<V> {
    fn drop(&mut self) {
        if let Some(value) = self.0.take() {
            if let Err(caught) = unwind::catch(|| value.abandon_resource()) {
                caught.resume_in_drop();
            }
        }
    }
}

/// The states of a slot. `M` is the member, `V` its resource, `X` the future of the resource's exit.
///
/// | state        | holds                  | next                                                                    |
/// |--------------|------------------------|-------------------------------------------------------------------------|
/// | `Queued`     | the member             | `Entering` (`poll_enter`), `Gone` (`cut`, or its `into_future` panics)  |
/// | `Entering`   | the enter future       | `Held`, `EnterFault` (`poll_enter`), `Gone` (`cut`)                     |
/// | `Held`       | the resource           | the same, empty (`take`: lent to the body), `Exiting` (`begin_exit`)    |
/// | `Exiting`    | the exit future        | `Gone`, `ExitFault` (`poll_exit`), `Gone` (`cut`)                       |
/// | `EnterFault` | the error of the enter | `Gone` (`take_enter_fault`)                                             |
/// | `Witnessed`  | the same, as the one   | `Gone` (`take_enter_fault`, `take_witnessed`)                           |
/// |              | that others are shown  |                                                                         |
/// | `ExitFault`  | the error of the exit  | `Gone` (`take_exit_fault`)                                              |
/// | `Gone`       | nothing                | `Witnessed` (`return_witnessed`)                                        |
///
/// Dropped: a future is dropped with what is inside it, a resource that is held is abandoned.
/// A change of state drops the old one in place; where that panics, the new one is in place all the same.
#[pin_project(project = StateProj, project_replace = StateOwn)]
enum State<M: IntoFuture, V: Resource, X> {
    Queued(M),
    Entering(#[pin] M::IntoFuture),
    Held(Held<V>),
    Exiting(#[pin] X),
    EnterFault(V::Error),
    Witnessed(V::Error),
    ExitFault(V::Error),
    Gone,
}

/// Where a member is in its life.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Phase {
    Queued,
    Entering,
    Held,
    Exiting,
    Over,
}

/// A member as the machine sees it, whatever its types.
pub trait Slot: Sized {
    type Value: Resource<Error = Self::Error>;
    type Error;
    type Rank: Rank;
    /// Makes the exit's future; a function item, without size.
    type Exit: Copy + Send + Sync;

    /// A slot that holds `value`.
    fn held(value: Self::Value, rank: Self::Rank, exit: Self::Exit) -> Self;

    // Slots are looked at through `Pin<&mut Self>` only: a shared reference would cover futures that borrow from themselves.
    fn phase(self: Pin<&mut Self>) -> Phase;

    /// When the member entered.
    fn rank(self: Pin<&mut Self>) -> Self::Rank;

    fn set_rank(self: Pin<&mut Self>, rank: Self::Rank);

    fn exit(self: Pin<&mut Self>) -> Self::Exit;

    /// Moves the resource out.
    ///
    /// # Panics
    ///
    /// If none is held.
    fn take(self: Pin<&mut Self>) -> Self::Value;

    /// Polls the enter, starting it if need be. Says whether the resource is held; if not, the error is kept.
    fn poll_enter(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool>;

    /// Shows the error to the held resource.
    fn show(self: Pin<&mut Self>, error: &dyn Any);

    /// Gives the resource that is held to its exit.
    fn begin_exit(self: Pin<&mut Self>, case: ExitCase);

    /// Polls the exit that has begun. Gives what it answered; if nothing, the error is kept.
    fn poll_exit(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Answer>>;

    /// Drops a member that waits to be entered, or a future that is pending, and what is inside it.
    fn cut(self: Pin<&mut Self>);

    /// Drops whatever is here.
    fn clear(self: Pin<&mut Self>);

    /// Moves the error of the enter out, if there is one.
    fn take_enter_fault(self: Pin<&mut Self>) -> Option<Self::Error>;

    /// Moves the error of the enter out, if it is the one that the others are shown.
    fn take_witnessed(self: Pin<&mut Self>) -> Option<Self::Error>;

    /// Gives the error of the enter back: it is the one that the others are shown.
    fn return_witnessed(self: Pin<&mut Self>, error: Self::Error);

    /// Whether the error of an enter is here, and that of an exit.
    fn has_faults(self: Pin<&mut Self>) -> (bool, bool);

    /// Moves the error of the exit out, if there is one.
    fn take_exit_fault(self: Pin<&mut Self>) -> Option<Self::Error>;
}

/// A member's state, its rank, and the function `K` that makes the future of its exit.
#[pin_project]
pub struct MemberSlot<M: IntoFuture, V: Resource, X, K, T> {
    #[pin]
    state: State<M, V, X>,
    rank: T,
    exit: K,
}

/// `exit` is `<V as Resource>::release_resource`: its future has no name, so that the type is found by inference.
impl<M: IntoFuture, V: Resource, X, K: Fn(V, ExitCase) -> X, T: Rank> MemberSlot<M, V, X, K, T> {
    /// A member that waits to be entered.
    pub(crate) fn queued(member: M, exit: K) -> Self {
        Self { state: State::Queued(member), rank: T::default(), exit }
    }
}

impl<V: Resource, X, K: Fn(V, ExitCase) -> X, T> MemberSlot<Pending<Result<V, V::Error>>, V, X, K, T> {
    /// A member that was entered elsewhere.
    pub(crate) fn entered(value: V, rank: T, exit: K) -> Self {
        Self { state: State::Held(Held::new(value)), rank, exit }
    }
}

impl<M, V, X, K, T> Slot for MemberSlot<M, V, X, K, T>
where
    M: IntoFuture<Output = Result<V, V::Error>>,
    V: Resource,
    X: Future<Output = Result<Answer, V::Error>>,
    K: Fn(V, ExitCase) -> X + Copy + Send + Sync,
    T: Rank,
{
    type Value = V;
    type Error = V::Error;
    type Rank = T;
    type Exit = K;

    fn held(value: V, rank: T, exit: K) -> Self {
        Self { state: State::Held(Held::new(value)), rank, exit }
    }

    fn phase(self: Pin<&mut Self>) -> Phase {
        match self.project().state.project() {
            StateProj::Queued(_) => Phase::Queued,
            StateProj::Entering(_) => Phase::Entering,
            StateProj::Held(_) => Phase::Held,
            StateProj::Exiting(_) => Phase::Exiting,
            StateProj::EnterFault(_) | StateProj::Witnessed(_) | StateProj::ExitFault(_) | StateProj::Gone => {
                Phase::Over
            }
        }
    }

    fn rank(self: Pin<&mut Self>) -> T {
        *self.project().rank
    }

    fn set_rank(self: Pin<&mut Self>, rank: T) {
        *self.project().rank = rank;
    }

    fn exit(self: Pin<&mut Self>) -> K {
        *self.project().exit
    }

    fn take(self: Pin<&mut Self>) -> V {
        // In place: `project_replace` would bring code for every other state.
        match self.project().state.project() {
            StateProj::Held(Held(value)) => value.take(),
            _ => None,
        }
        .expect("only what is held is taken")
    }

    #[inline(always)]
    fn poll_enter(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let mut state = self.project().state;
        if let StateProj::Queued(_) = state.as_mut().project() {
            if let StateOwn::Queued(member) = state.as_mut().project_replace(State::Gone) {
                state.set(State::Entering(member.into_future()));
            }
        }
        let StateProj::Entering(future) = state.as_mut().project() else {
            return Poll::Pending;
        };
        match future.poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(value)) => {
                state.set(State::Held(Held::new(value)));
                Poll::Ready(true)
            }
            Poll::Ready(Err(error)) => {
                state.set(State::EnterFault(error));
                Poll::Ready(false)
            }
        }
    }

    fn show(self: Pin<&mut Self>, error: &dyn Any) {
        if let StateProj::Held(Held(Some(value))) = self.project().state.project() {
            value.show_error(error);
        }
    }

    fn begin_exit(self: Pin<&mut Self>, case: ExitCase) {
        let this = self.project();
        let mut state = this.state;
        if let StateProj::Held(Held(held)) = state.as_mut().project() {
            if let Some(value) = held.take() {
                // Empty while the future is made: where that panics, the exit has had its resource.
                state.set(State::Gone);
                state.set(State::Exiting((this.exit)(value, case)));
            }
        }
    }

    #[inline(always)]
    fn poll_exit(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Answer>> {
        let mut state = self.project().state;
        let StateProj::Exiting(future) = state.as_mut().project() else {
            return Poll::Pending;
        };
        match future.poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(answer)) => {
                state.set(State::Gone);
                Poll::Ready(Some(answer))
            }
            Poll::Ready(Err(error)) => {
                state.set(State::ExitFault(error));
                Poll::Ready(None)
            }
        }
    }

    fn cut(self: Pin<&mut Self>) {
        let mut state = self.project().state;
        if let StateProj::Queued(_) | StateProj::Entering(_) | StateProj::Exiting(_) = state.as_mut().project() {
            state.set(State::Gone);
        }
    }

    fn clear(self: Pin<&mut Self>) {
        self.project().state.set(State::Gone);
    }

    fn take_enter_fault(self: Pin<&mut Self>) -> Option<V::Error> {
        let mut state = self.project().state;
        let (StateProj::EnterFault(_) | StateProj::Witnessed(_)) = state.as_mut().project() else { return None };
        match state.project_replace(State::Gone) {
            StateOwn::EnterFault(error) | StateOwn::Witnessed(error) => Some(error),
            _ => None,
        }
    }

    fn take_witnessed(self: Pin<&mut Self>) -> Option<V::Error> {
        let mut state = self.project().state;
        let StateProj::Witnessed(_) = state.as_mut().project() else { return None };
        let StateOwn::Witnessed(error) = state.project_replace(State::Gone) else { return None };
        Some(error)
    }

    fn return_witnessed(self: Pin<&mut Self>, error: V::Error) {
        self.project().state.set(State::Witnessed(error));
    }

    fn has_faults(self: Pin<&mut Self>) -> (bool, bool) {
        let state = self.project().state.project();
        (matches!(state, StateProj::EnterFault(_) | StateProj::Witnessed(_)), matches!(state, StateProj::ExitFault(_)))
    }

    fn take_exit_fault(self: Pin<&mut Self>) -> Option<V::Error> {
        let mut state = self.project().state;
        let StateProj::ExitFault(_) = state.as_mut().project() else { return None };
        let StateOwn::ExitFault(error) = state.project_replace(State::Gone) else { return None };
        Some(error)
    }
}
