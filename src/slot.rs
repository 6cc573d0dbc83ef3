//! One member's life. A slot knows nothing of its neighbours.

use core::{
    any::Any,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project::pin_project;

use crate::{Exit, ExitCase, Verdict, unwind};

/// A resource that is held: dropped, it abandons it.
pub(crate) struct Held<V: Exit>(Option<V>);

impl<V: Exit> Held<V> {
    pub(crate) fn new(value: V) -> Self {
        Self(Some(value))
    }

    /// The value, and the duty to release it.
    fn into_inner(mut self) -> V {
        self.0.take().expect("held until it is taken, once")
    }
}

impl<V: Exit> Drop for Held<V> {
    fn drop(&mut self) {
        if let Some(value) = self.0.take() {
            if let Err(caught) = unwind::catch(|| value.abandon()) {
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
/// | `Held`       | the resource           | `Gone` (`take`: lent to the body), `Exiting` (`begin_exit`)             |
/// | `Exiting`    | the exit future        | `Gone`, `ExitFault` (`poll_exit`), `Gone` (`cut`)                       |
/// | `EnterFault` | the error of the enter | `Gone` (`take_enter_fault`)                                             |
/// | `ExitFault`  | the error of the exit  | `Gone` (`take_exit_fault`)                                              |
/// | `Gone`       | nothing                | `EnterFault` (`return_enter_fault`)                                     |
///
/// Dropped: a future is dropped with what is inside it, a resource that is held is abandoned.
/// A change of state drops the old one in place; where that panics, the new one is in place all the same.
#[pin_project(project = StateProj, project_replace = StateOwn)]
enum State<M: IntoFuture, V: Exit, X> {
    Queued(M),
    Entering(#[pin] M::IntoFuture),
    Held(Held<V>),
    Exiting(#[pin] X),
    EnterFault(V::Error),
    ExitFault(V::Error),
    Gone,
}

/// What came of polling an enter.
pub enum EnterPoll {
    /// There is no enter here to poll.
    Idle,
    Pending,
    Held,
    Failed,
}

/// What came of polling an exit.
pub enum ExitPoll {
    /// There is no exit here to poll.
    Idle,
    Pending,
    Gone(Verdict),
    Failed,
}

/// A member as the machine sees it, whatever its types.
pub trait Slot: Sized {
    type Value;
    type Error;
    /// Makes the exit's future; a function item, without size.
    type Exit: Copy + Send + Sync;

    /// A slot that holds `value`.
    fn held(value: Self::Value, exit: Self::Exit) -> Self;

    fn is_held(&self) -> bool;

    fn exit(&self) -> Self::Exit;

    /// Moves the resource out.
    ///
    /// # Panics
    ///
    /// If none is held.
    fn take(self: Pin<&mut Self>) -> Self::Value;

    /// Polls the enter, starting it if need be.
    fn poll_enter(self: Pin<&mut Self>, cx: &mut Context<'_>) -> EnterPoll;

    /// Shows the error to the resource that is held.
    fn witness(self: Pin<&mut Self>, error: &dyn Any);

    /// Gives the resource that is held to its exit.
    fn begin_exit(self: Pin<&mut Self>, case: ExitCase);

    /// Polls the exit, if it has begun.
    fn poll_exit(self: Pin<&mut Self>, cx: &mut Context<'_>) -> ExitPoll;

    /// Drops a future that is pending, and what is inside it.
    fn cut(self: Pin<&mut Self>);

    /// Drops whatever is here.
    fn clear(self: Pin<&mut Self>);

    /// Moves the error of the enter out, if there is one.
    fn take_enter_fault(self: Pin<&mut Self>) -> Option<Self::Error>;

    /// Gives the error of the enter back.
    fn return_enter_fault(self: Pin<&mut Self>, error: Self::Error);

    /// Moves the error of the exit out, if there is one.
    fn take_exit_fault(self: Pin<&mut Self>) -> Option<Self::Error>;
}

/// A member's state, and the function `K` that makes the future of its exit.
#[pin_project]
pub struct Member<M: IntoFuture, V: Exit, X, K> {
    #[pin]
    state: State<M, V, X>,
    exit: K,
}

impl<M: IntoFuture, V: Exit, X, K> Member<M, V, X, K>
where
    K: Fn(V, ExitCase) -> X,
{
    /// A member that waits to be entered. `exit` is `<V as Exit>::exit`: its future has no name, so that the type is
    /// found by inference.
    pub(crate) fn queued(member: M, exit: K) -> Self {
        Self { state: State::Queued(member), exit }
    }
}

impl<M, V, W, X, K> Slot for Member<M, V, X, K>
where
    M: IntoFuture<Output = Result<V, V::Error>>,
    V: Exit<Verdict = W>,
    W: Into<Verdict>,
    X: Future<Output = Result<W, V::Error>>,
    K: Fn(V, ExitCase) -> X + Copy + Send + Sync,
{
    type Value = V;
    type Error = V::Error;
    type Exit = K;

    fn held(value: V, exit: K) -> Self {
        Self { state: State::Held(Held::new(value)), exit }
    }

    fn is_held(&self) -> bool {
        matches!(self.state, State::Held(_))
    }

    fn exit(&self) -> K {
        self.exit
    }

    fn take(self: Pin<&mut Self>) -> V {
        match self.project().state.project_replace(State::Gone) {
            StateOwn::Held(held) => held.into_inner(),
            _ => unreachable!("only what is held is taken"),
        }
    }

    fn poll_enter(self: Pin<&mut Self>, cx: &mut Context<'_>) -> EnterPoll {
        let mut state = self.project().state;
        if let StateProj::Queued(_) = state.as_mut().project() {
            if let StateOwn::Queued(member) = state.as_mut().project_replace(State::Gone) {
                state.set(State::Entering(member.into_future()));
            }
        }
        let StateProj::Entering(future) = state.as_mut().project() else {
            return EnterPoll::Idle;
        };
        match future.poll(cx) {
            Poll::Pending => EnterPoll::Pending,
            Poll::Ready(Ok(value)) => {
                state.set(State::Held(Held::new(value)));
                EnterPoll::Held
            }
            Poll::Ready(Err(error)) => {
                state.set(State::EnterFault(error));
                EnterPoll::Failed
            }
        }
    }

    fn witness(self: Pin<&mut Self>, error: &dyn Any) {
        if let StateProj::Held(Held(Some(value))) = self.project().state.project() {
            value.witness(error);
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

    fn poll_exit(self: Pin<&mut Self>, cx: &mut Context<'_>) -> ExitPoll {
        let mut state = self.project().state;
        let StateProj::Exiting(future) = state.as_mut().project() else {
            return ExitPoll::Idle;
        };
        match future.poll(cx) {
            Poll::Pending => ExitPoll::Pending,
            Poll::Ready(Ok(verdict)) => {
                let verdict = verdict.into();
                state.set(State::Gone);
                ExitPoll::Gone(verdict)
            }
            Poll::Ready(Err(error)) => {
                state.set(State::ExitFault(error));
                ExitPoll::Failed
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
        let StateProj::EnterFault(_) = state.as_mut().project() else { return None };
        let StateOwn::EnterFault(error) = state.project_replace(State::Gone) else { return None };
        Some(error)
    }

    fn return_enter_fault(self: Pin<&mut Self>, error: V::Error) {
        self.project().state.set(State::EnterFault(error));
    }

    fn take_exit_fault(self: Pin<&mut Self>) -> Option<V::Error> {
        let mut state = self.project().state;
        let StateProj::ExitFault(_) = state.as_mut().project() else { return None };
        let StateOwn::ExitFault(error) = state.project_replace(State::Gone) else { return None };
        Some(error)
    }
}
