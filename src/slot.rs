//! The life of one member. A slot knows nothing of its neighbours.

use core::{
    any::Any,
    convert::Infallible,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project::pin_project;

#[cfg(feature = "alloc")]
use crate::boxed::{Boxed, Boxing};
use crate::{
    ExitCase, Resource,
    drive::{Drove, Exiting, Flag, Kind},
    exit::Answer,
    policy::Rank,
    unwind::{self, FirstPanic},
};

/// A held resource. Its drop abandons the resource. It is empty once the resource was taken.
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

/// The types of a member's life, as one parameter.
pub trait Life {
    /// The member that enters.
    type Member: IntoFuture<Output = Result<Self::Value, <Self::Value as Resource>::Error>>;
    /// The resource.
    type Value: Resource;
    /// The future of its exit.
    type Exit: Exiting<Error = <Self::Value as Resource>::Error>;
    /// Makes the exit's future. It is a function item, so it has no size.
    type Release: Fn(Self::Value, ExitCase) -> Self::Exit + Copy + Send + Sync;
}

/// The life of a member `M` that enters. `K` is the function item [`Resource::release_resource`]. The future that it
/// makes has no name, and the compiler infers it from `K`.
pub struct FromEnter<M, K>(PhantomData<fn() -> (M, K)>);

impl<M, V, E, X, K> Life for FromEnter<M, K>
where
    M: IntoFuture<Output = Result<V, E>>,
    V: Resource<Error = E>,
    X: Exiting<Error = E>,
    K: Fn(V, ExitCase) -> X + Copy + Send + Sync,
{
    type Member = M;
    type Value = V;
    type Exit = X;
    type Release = K;
}

/// The life of a member `M` that enters in a box.
#[cfg(feature = "alloc")]
pub struct FromBoxed<M, K>(PhantomData<fn() -> (M, K)>);

#[cfg(feature = "alloc")]
impl<M, V, E, X, K> Life for FromBoxed<M, K>
where
    M: IntoFuture<Output = Result<V, E>>,
    V: Resource<Error = E>,
    X: Exiting<Error = E>,
    K: Fn(V, ExitCase) -> X + Copy + Send + Sync,
{
    type Member = Boxing<M>;
    type Value = V;
    type Exit = X;
    type Release = K;
}

/// The life of a resource `V` that has entered.
pub struct FromHeld<V, K>(PhantomData<fn() -> (V, K)>);

impl<V, X, K> Life for FromHeld<V, K>
where
    V: Resource,
    X: Exiting<Error = V::Error>,
    K: Fn(V, ExitCase) -> X + Copy + Send + Sync,
{
    type Member = Nobody<Result<V, V::Error>>;
    type Value = V;
    type Exit = X;
    type Release = K;
}

/// The life of a member whose exit is in a box, and so can go on in another place.
#[cfg(feature = "alloc")]
pub trait Portable: Life {
    /// Whether the enter can go on in another place, too.
    const ENTERS: bool;
    /// The rest of the life, in another place.
    type Moved: Life<Value = Self::Value, Release = Self::Release, Exit = Self::Exit>;

    /// Moves the enter out, if it can go on.
    fn move_enter(enter: Pin<&mut EnterOf<Self>>) -> Option<EnterOf<Self::Moved>>;

    /// Moves the exit out.
    fn move_exit(exit: Pin<&mut Self::Exit>) -> Self::Exit;
}

/// The future of an enter.
#[cfg(feature = "alloc")]
type EnterOf<L> = <<L as Life>::Member as IntoFuture>::IntoFuture;

#[cfg(feature = "alloc")]
impl<M, V, E, X, K> Portable for FromEnter<M, K>
where
    M: IntoFuture<Output = Result<V, E>>,
    V: Resource<Error = E>,
    X: Exiting<Error = E>,
    K: Fn(V, ExitCase) -> Boxed<X> + Copy + Send + Sync,
{
    const ENTERS: bool = false;
    type Moved = FromHeld<V, K>;

    fn move_enter(_: Pin<&mut EnterOf<Self>>) -> Option<EnterOf<Self::Moved>> {
        None
    }

    fn move_exit(exit: Pin<&mut Boxed<X>>) -> Boxed<X> {
        exit.get_mut().take()
    }
}

#[cfg(feature = "alloc")]
impl<M, V, E, X, K> Portable for FromBoxed<M, K>
where
    M: IntoFuture<Output = Result<V, E>>,
    V: Resource<Error = E>,
    X: Exiting<Error = E>,
    K: Fn(V, ExitCase) -> Boxed<X> + Copy + Send + Sync,
{
    const ENTERS: bool = true;
    type Moved = Self;

    fn move_enter(enter: Pin<&mut EnterOf<Self>>) -> Option<EnterOf<Self>> {
        Some(enter.get_mut().take())
    }

    fn move_exit(exit: Pin<&mut Boxed<X>>) -> Boxed<X> {
        exit.get_mut().take()
    }
}

#[cfg(feature = "alloc")]
impl<V, X, K> Portable for FromHeld<V, K>
where
    V: Resource,
    X: Exiting<Error = V::Error>,
    K: Fn(V, ExitCase) -> Boxed<X> + Copy + Send + Sync,
{
    const ENTERS: bool = true;
    type Moved = Self;

    fn move_enter(enter: Pin<&mut EnterOf<Self>>) -> Option<EnterOf<Self>> {
        match enter.0 {}
    }

    fn move_exit(exit: Pin<&mut Boxed<X>>) -> Boxed<X> {
        exit.get_mut().take()
    }
}

/// A member that does not exist. Its states take no room, and no code.
pub struct Nobody<T>(Infallible, PhantomData<fn() -> T>);

impl<T> Future for Nobody<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        match self.0 {}
    }
}

/// The error of a member.
type ErrorOf<L> = <<L as Life>::Value as Resource>::Error;

/// The states of a slot.
///
/// | state        | holds                  | next                                                                    |
/// |--------------|------------------------|-------------------------------------------------------------------------|
/// | `Queued`     | the member             | `Entering` (`poll_enter`), `Gone` (`cut`, or its `into_future` panics)  |
/// | `Entering`   | the enter future       | `Held`, `EnterFault` (`poll_enter`), `Gone` (`cut`)                     |
/// | `Held`       | the resource           | the same, empty (`take`: lent to the body), `Exiting` (`begin_exit`)    |
/// | `Exiting`    | the exit future        | `Gone`, `ExitFault` (`poll_exit`), `Gone` (`cut`)                       |
/// | `EnterFault` | the error of the enter | `Gone` (`take_enter_fault`), `Lent` (`lend_enter_fault`)                  |
/// | `Lent`       | nothing: its error is  | `Gone` (`take_enter_fault`)                                             |
/// |              | shown to the exits     |                                                                         |
/// | `ExitFault`  | the error of the exit  | `Gone` (`take_exit_fault`)                                              |
/// | `Gone`       | nothing                |                                                                         |
///
/// If a slot is dropped, a future is dropped along with its contents, and a held resource is abandoned. A change of
/// state drops the old state in place. If that drop panics, the new state is in place all the same.
#[pin_project(project = StateProj, project_replace = StateOwn)]
enum State<L: Life> {
    Queued(L::Member),
    Entering(#[pin] <L::Member as IntoFuture>::IntoFuture),
    Held(Held<L::Value>),
    Exiting(#[pin] L::Exit),
    EnterFault(ErrorOf<L>),
    Lent,
    ExitFault(ErrorOf<L>),
    Gone,
}

/// The phases of a member's life.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Phase {
    Queued,
    Entering,
    Held,
    Exiting,
    Over,
}

/// The interface of a member to the machine. It hides the types of the member.
pub trait Slot: Sized {
    type Value: Resource<Error = Self::Error>;
    type Error;
    type Rank: Rank;
    /// Makes the exit's future.
    type Release: Copy + Send + Sync;
    type Kind: Kind;

    /// Makes a slot that holds nothing.
    fn empty(release: Self::Release) -> Self;

    /// Moves `value` into an empty slot.
    fn hold(self: Pin<&mut Self>, value: Self::Value, rank: Self::Rank);

    /// Makes a slot that holds `value`.
    fn held(value: Self::Value, rank: Self::Rank, release: Self::Release) -> Self;

    // Even the methods that only look take `Pin<&mut Self>`, because a shared reference would cover futures that borrow
    // from themselves.
    fn phase(self: Pin<&mut Self>) -> Phase;

    /// The place of the member in the order in which the members entered.
    fn rank(self: Pin<&mut Self>) -> Self::Rank;

    fn set_rank(self: Pin<&mut Self>, rank: Self::Rank);

    fn release(self: Pin<&mut Self>) -> Self::Release;

    /// Moves the resource out.
    ///
    /// # Panics
    ///
    /// It panics if the slot holds none.
    fn take(self: Pin<&mut Self>) -> Self::Value;

    /// Polls the enter, and starts it if it has not begun. Returns whether the resource is held. If it is not, the slot
    /// keeps the error.
    fn poll_enter(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool>;

    /// Shows the error to the held resource.
    fn show(self: Pin<&mut Self>, error: &dyn Any);

    /// Polls the drivers of the held resource.
    fn drive(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Drove;

    /// Remembers whether a driver has failed while the resource was held.
    fn lose(self: Pin<&mut Self>);

    fn is_lost(self: Pin<&mut Self>) -> bool;

    /// Moves the error of a driver out, if one has failed while the resource was held.
    fn take_lost(self: Pin<&mut Self>) -> Option<Self::Error>;

    /// Gives the held resource to its exit.
    fn begin_exit(self: Pin<&mut Self>, case: ExitCase);

    /// Polls the exit that has begun. Returns the exit's answer. If there is none, the slot keeps the error. Sets
    /// `driver_ended` if a driver has ended.
    fn poll_exit(self: Pin<&mut Self>, cx: &mut Context<'_>, driver_ended: &mut bool) -> Poll<Option<Answer>>;

    /// Drops a member that waits to enter, or a pending future along with its contents.
    fn cut(self: Pin<&mut Self>, panic: &mut FirstPanic);

    /// Empties the slot, if the resource in it is absent.
    fn clear_absent(self: Pin<&mut Self>, panic: &mut FirstPanic);

    /// Empties the slot.
    fn clear(self: Pin<&mut Self>, panic: &mut FirstPanic);

    /// Moves the error of the enter out, if there is one, and remembers that it was here.
    fn lend_enter_fault(self: Pin<&mut Self>) -> Option<Self::Error>;

    /// Moves the error of the enter out, if there is one. The error may be the one that was `lent`.
    fn take_enter_fault(self: Pin<&mut Self>, lent: &mut Option<Self::Error>) -> Option<Self::Error>;

    /// Returns whether the slot keeps the error of an enter, and whether it keeps the error of an exit.
    fn has_faults(self: Pin<&mut Self>) -> (bool, bool);

    /// Moves the error of the exit out, if there is one.
    fn take_exit_fault(self: Pin<&mut Self>) -> Option<Self::Error>;
}

/// A slot whose member can go on in another place.
#[cfg(feature = "alloc")]
pub trait PortableSlot: Slot {
    /// Whether the enter can go on in another place, too.
    const ENTERS: bool;
    type Moved: Slot<Value = Self::Value, Error = Self::Error, Rank = Self::Rank, Release = Self::Release, Kind = Self::Kind>;

    /// Moves everything out. The caller must already have cut a queued member, and an enter that cannot go on.
    fn move_out(self: Pin<&mut Self>) -> Self::Moved;
}

/// A member's state, its rank, and the function that makes the future of its exit.
#[pin_project]
pub struct MemberSlot<L: Life, T> {
    #[pin]
    state: State<L>,
    rank: T,
    release: L::Release,
    /// Whether a driver has failed before the exits.
    lost: FlagOf<L>,
}

/// Whether a member has lost its driver.
type FlagOf<L> = <<<L as Life>::Exit as Exiting>::Kind as Kind>::Flag;

impl<L: Life, T: Rank> MemberSlot<L, T> {
    /// Makes the slot of a member that waits to enter.
    pub(crate) fn queued(member: L::Member, release: L::Release) -> Self {
        Self { state: State::Queued(member), rank: T::default(), release, lost: Default::default() }
    }
}

impl<L: Life, T: Rank> Slot for MemberSlot<L, T> {
    type Value = L::Value;
    type Error = ErrorOf<L>;
    type Rank = T;
    type Release = L::Release;
    type Kind = <L::Exit as Exiting>::Kind;

    #[inline]
    fn empty(release: L::Release) -> Self {
        Self { state: State::Gone, rank: T::default(), release, lost: Default::default() }
    }

    fn hold(self: Pin<&mut Self>, value: L::Value, rank: T) {
        let mut this = self.project();
        this.state.set(State::Held(Held::new(value)));
        *this.rank = rank;
    }

    fn held(value: L::Value, rank: T, release: L::Release) -> Self {
        Self { state: State::Held(Held::new(value)), rank, release, lost: Default::default() }
    }

    fn phase(self: Pin<&mut Self>) -> Phase {
        match self.project().state.project() {
            StateProj::Queued(_) => Phase::Queued,
            StateProj::Entering(_) => Phase::Entering,
            StateProj::Held(Held(Some(value))) if L::Value::OPTIONAL && value.is_absent() => Phase::Over,
            StateProj::Held(_) => Phase::Held,
            StateProj::Exiting(_) => Phase::Exiting,
            StateProj::EnterFault(_) | StateProj::Lent | StateProj::ExitFault(_) | StateProj::Gone => Phase::Over,
        }
    }

    fn rank(self: Pin<&mut Self>) -> T {
        *self.project().rank
    }

    fn set_rank(self: Pin<&mut Self>, rank: T) {
        *self.project().rank = rank;
    }

    fn release(self: Pin<&mut Self>) -> L::Release {
        *self.project().release
    }

    fn take(self: Pin<&mut Self>) -> L::Value {
        // The value is taken in place, because `project_replace` would bring code for every other state.
        match self.project().state.project() {
            StateProj::Held(Held(value)) => value.take(),
            _ => None,
        }
        .expect("only a held resource is taken")
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
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

    fn drive(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Drove {
        match self.project().state.project() {
            StateProj::Held(Held(Some(value))) => value.drive_resource(cx),
            _ => Drove::default(),
        }
    }

    fn lose(self: Pin<&mut Self>) {
        let this = self.project();
        if let StateProj::Held(Held(Some(value))) = this.state.project() {
            if value.has_lost() {
                this.lost.set();
            }
        }
    }

    fn is_lost(self: Pin<&mut Self>) -> bool {
        self.project().lost.is_set()
    }

    fn take_lost(self: Pin<&mut Self>) -> Option<Self::Error> {
        match self.project().state.project() {
            StateProj::Held(Held(Some(value))) => value.take_lost(),
            _ => None,
        }
    }

    fn begin_exit(self: Pin<&mut Self>, case: ExitCase) {
        let this = self.project();
        let mut state = this.state;
        if let StateProj::Held(Held(held)) = state.as_mut().project() {
            if let Some(value) = held.take() {
                // The slot is empty while the future is made. If that panics, the exit has already received its
                // resource.
                state.set(State::Gone);
                state.set(State::Exiting((this.release)(value, case)));
            }
        }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn poll_exit(self: Pin<&mut Self>, cx: &mut Context<'_>, driver_ended: &mut bool) -> Poll<Option<Answer>> {
        let mut state = self.project().state;
        let StateProj::Exiting(mut future) = state.as_mut().project() else {
            return Poll::Pending;
        };
        let polled = future.as_mut().poll(cx);
        if Self::Kind::DRIVEN {
            *driver_ended = future.driver_ended();
        }
        match polled {
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

    fn cut(mut self: Pin<&mut Self>, panic: &mut FirstPanic) {
        if let Phase::Queued | Phase::Entering | Phase::Exiting = self.as_mut().phase() {
            self.clear(panic);
        }
    }

    fn clear_absent(mut self: Pin<&mut Self>, panic: &mut FirstPanic) {
        if let StateProj::Held(Held(Some(value))) = self.as_mut().project().state.project() {
            if value.is_absent() {
                self.clear(panic);
            }
        }
    }

    fn clear(self: Pin<&mut Self>, panic: &mut FirstPanic) {
        let mut state = self.project().state;
        panic.guard(&mut || state.set(State::Gone));
    }

    fn lend_enter_fault(self: Pin<&mut Self>) -> Option<Self::Error> {
        let mut state = self.project().state;
        let StateProj::EnterFault(_) = state.as_mut().project() else { return None };
        let StateOwn::EnterFault(error) = state.project_replace(State::Lent) else { return None };
        Some(error)
    }

    fn take_enter_fault(self: Pin<&mut Self>, lent: &mut Option<Self::Error>) -> Option<Self::Error> {
        let mut state = self.project().state;
        let (StateProj::EnterFault(_) | StateProj::Lent) = state.as_mut().project() else { return None };
        match state.project_replace(State::Gone) {
            StateOwn::EnterFault(error) => Some(error),
            _ => lent.take(),
        }
    }

    fn has_faults(self: Pin<&mut Self>) -> (bool, bool) {
        let state = self.project().state.project();
        (matches!(state, StateProj::EnterFault(_) | StateProj::Lent), matches!(state, StateProj::ExitFault(_)))
    }

    fn take_exit_fault(self: Pin<&mut Self>) -> Option<Self::Error> {
        let mut state = self.project().state;
        let StateProj::ExitFault(_) = state.as_mut().project() else { return None };
        let StateOwn::ExitFault(error) = state.project_replace(State::Gone) else { return None };
        Some(error)
    }
}

#[cfg(feature = "alloc")]
impl<L: Portable, T: Rank> PortableSlot for MemberSlot<L, T> {
    const ENTERS: bool = L::ENTERS;
    type Moved = MemberSlot<L::Moved, T>;

    fn move_out(self: Pin<&mut Self>) -> Self::Moved {
        let this = self.project();
        let mut state = this.state;
        let pinned = match state.as_mut().project() {
            StateProj::Entering(enter) => L::move_enter(enter).map(State::Entering),
            StateProj::Exiting(exit) => Some(State::Exiting(L::move_exit(exit))),
            _ => None,
        };
        let moved = match (pinned, state.project_replace(State::Gone)) {
            (Some(pinned), _) => pinned,
            (None, StateOwn::Held(held)) => State::Held(held),
            (None, StateOwn::EnterFault(error)) => State::EnterFault(error),
            (None, StateOwn::Lent) => State::Lent,
            (None, StateOwn::ExitFault(error)) => State::ExitFault(error),
            (None, _) => State::Gone,
        };
        MemberSlot { state: moved, rank: *this.rank, release: *this.release, lost: *this.lost }
    }
}
