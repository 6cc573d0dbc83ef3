//! The policies of a gather, as types: what is not used costs nothing.
//!
//! They are set by the methods of [`Gather`](crate::Gather); their names are needed only to write down the type of a
//! `Gather`, or of an [`Entered`](crate::Entered) that has exit policies.

use core::{
    marker::PhantomData,
    num::NonZeroUsize,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project::pin_project;

use crate::{Event, unwind::FirstPanic};

/// All policies of a gather.
///
/// | parameter | what it decides                                   | values                                    |
/// |-----------|---------------------------------------------------|-------------------------------------------|
/// | `Rb`      | what a failed enter does to the others            | [`Settle`], [`EagerRollback`], [`FailFast`] |
/// | `L`       | how many enters are in flight                     | [`Unlimited`], [`Limited`]                |
/// | `S`       | what stops the group                              | [`Never`], [`Either`]                     |
/// | `C`       | what becomes of a panic                           | [`Resume`], [`Catch`]                     |
/// | `X`       | the exits' order, and how many are in flight      | [`Exits`]                                 |
/// | `Ob`      | who is told what happens                          | [`Unobserved`], [`Observed`]              |
///
/// ```
/// use gather_cm::{Gather, Group, gather, policies::{FailFast, Limited, Policies}};
///
/// fn in_pairs<G: Group>(members: G) -> Gather<G, Policies<FailFast, Limited>> {
///     gather(members).fail_fast().enter_limit(2.try_into().unwrap())
/// }
///
/// in_pairs(());
/// ```
#[pin_project]
pub struct Policies<Rb = Settle, L = Unlimited, S = Never, C = Resume, X = Exits, Ob = Unobserved> {
    pub(crate) enter_limit: L,
    #[pin]
    pub(crate) stop: S,
    pub(crate) exits: X,
    pub(crate) observer: Ob,
    pub(crate) kinds: PhantomData<fn() -> (Rb, C)>,
}

/// The policies of the exits, which a group that was entered keeps: their order, [`Pool`] or [`Stack`], and how many
/// are in flight, [`Unlimited`] or [`Limited`].
///
/// ```
/// use gather_cm::{Entered, gather, policies::{Exits, Limited, Pool}};
///
/// smol::block_on(async {
///     let one = 1.try_into().unwrap();
///     let group: Entered<(), Exits<Pool, Limited>> = gather(()).exit_limit(one).enter().await.unwrap();
/// });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Exits<O = Pool, L = Unlimited> {
    pub(crate) limit: L,
    pub(crate) order: PhantomData<fn() -> O>,
}

impl Exits {
    pub(crate) const POOL: Self = Self { limit: Unlimited, order: PhantomData };
}

impl Policies {
    pub(crate) const DEFAULT: Self = Policies::exits_only(Exits::POOL);
}

impl<X> Policies<Settle, Unlimited, Never, Resume, X> {
    pub(crate) const fn exits_only(exits: X) -> Self {
        Self { enter_limit: Unlimited, stop: Never, exits, observer: Unobserved, kinds: PhantomData }
    }
}

/// A failed enter lets the others run to their end; then those that entered are exited. The default.
#[derive(Debug)]
pub struct Settle;

/// A failed enter exits those held at once, beside the enters still pending.
///
/// Set by [`Gather::eager_rollback`](crate::Gather::eager_rollback); see there for an example.
#[derive(Debug)]
pub struct EagerRollback;

/// A failed enter drops the enters still pending.
///
/// Set by [`Gather::fail_fast`](crate::Gather::fail_fast); see there for an example.
#[derive(Debug)]
pub struct FailFast;

/// All exits in flight together. The default.
#[derive(Clone, Copy, Debug)]
pub struct Pool;

/// One exit at a time, last entered first.
///
/// Set by [`Gather::stack`](crate::Gather::stack); see there for an example.
#[derive(Clone, Copy, Debug)]
pub struct Stack;

/// No limit. The default.
#[derive(Clone, Copy, Debug)]
pub struct Unlimited;

/// At most so many in flight.
///
/// Set by [`Gather::enter_limit`](crate::Gather::enter_limit) and [`Gather::exit_limit`](crate::Gather::exit_limit);
/// see there for examples.
#[derive(Clone, Copy, Debug)]
pub struct Limited {
    max: NonZeroUsize,
    in_flight: usize,
}

impl Limited {
    pub(crate) fn new(max: NonZeroUsize) -> Self {
        Self { max, in_flight: 0 }
    }
}

/// Nothing stops the group. The default.
#[derive(Debug)]
pub struct Never;

/// Whichever of two is ready first stops the group.
///
/// Set by [`Gather::until`](crate::Gather::until); see there for an example.
#[pin_project]
pub struct Either<A, B: IntoFuture>(#[pin] A, #[pin] Signal<B>);

impl<A, B: IntoFuture> Either<A, B> {
    pub(crate) fn new(before: A, stop: B) -> Self {
        Self(before, Signal::Waiting(stop))
    }
}

/// What may stop the group. Once it is ready it is not polled again.
///
/// | state     | holds               | next                                                         |
/// |-----------|---------------------|--------------------------------------------------------------|
/// | `Waiting` | what was given      | `Polled` (the first poll), `Over` (its `into_future` panics) |
/// | `Polled`  | its future          | `Over` (the gather is dropped)                               |
/// | `Over`    | nothing             |                                                              |
#[pin_project(project = SignalProj, project_replace = SignalOwn)]
enum Signal<S: IntoFuture> {
    Waiting(S),
    Polled(#[pin] S::IntoFuture),
    Over,
}

/// A panic resumes when all is done. The default.
#[derive(Debug)]
pub struct Resume;

/// A panic comes back as a value.
///
/// Set by [`Gather::catch_unwind`](crate::Gather::catch_unwind); see there for an example.
#[derive(Debug)]
pub struct Catch;

/// What a failed enter does to the others.
#[derive(Clone, Copy, PartialEq)]
pub enum RollbackKind {
    Settle,
    Eager,
    FailFast,
}

pub trait Rollback {
    const KIND: RollbackKind;
}

impl Rollback for Settle {
    const KIND: RollbackKind = RollbackKind::Settle;
}

impl Rollback for EagerRollback {
    const KIND: RollbackKind = RollbackKind::Eager;
}

impl Rollback for FailFast {
    const KIND: RollbackKind = RollbackKind::FailFast;
}

/// How many may be in flight, and how many are.
pub trait Limit: Copy {
    const LIMITED: bool;

    fn max(&self) -> usize;
    fn has_room(&self) -> bool;
    fn begin(&mut self);
    fn end(&mut self);
}

impl Limit for Unlimited {
    const LIMITED: bool = false;

    fn max(&self) -> usize {
        usize::MAX
    }

    fn has_room(&self) -> bool {
        true
    }

    fn begin(&mut self) {}

    fn end(&mut self) {}
}

impl Limit for Limited {
    const LIMITED: bool = true;

    fn max(&self) -> usize {
        self.max.get()
    }

    fn has_room(&self) -> bool {
        self.in_flight < self.max.get()
    }

    fn begin(&mut self) {
        self.in_flight += 1;
    }

    fn end(&mut self) {
        self.in_flight -= 1;
    }
}

/// What stops the group, if anything.
pub trait Stop {
    /// There is something that may.
    const ENABLED: bool;

    fn poll_stop(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;

    /// Drops what is inside, one after the other.
    fn clear(self: Pin<&mut Self>, panic: &mut FirstPanic);
}

impl Stop for Never {
    const ENABLED: bool = false;

    fn poll_stop(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    fn clear(self: Pin<&mut Self>, _: &mut FirstPanic) {}
}

impl<A: Stop, B: IntoFuture<Output = ()>> Stop for Either<A, B> {
    const ENABLED: bool = true;

    fn poll_stop(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        match this.0.poll_stop(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => this.1.poll_signal(cx),
        }
    }

    fn clear(self: Pin<&mut Self>, panic: &mut FirstPanic) {
        let mut this = self.project();
        this.0.clear(panic);
        panic.guard(|| this.1.set(Signal::Over));
    }
}

impl<S: IntoFuture<Output = ()>> Signal<S> {
    fn poll_signal(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let SignalProj::Waiting(_) = self.as_mut().project() {
            if let SignalOwn::Waiting(stop) = self.as_mut().project_replace(Self::Over) {
                self.set(Self::Polled(stop.into_future()));
            }
        }
        match self.as_mut().project() {
            SignalProj::Polled(future) => future.poll(cx),
            _ => Poll::Pending,
        }
    }
}

/// Nobody is told what happens. The default.
#[derive(Debug)]
pub struct Unobserved;

/// `F` is told what happens, after `A`.
pub struct Observed<A, F>(pub(crate) A, pub(crate) F);

/// Who is told what happens.
pub trait Observer {
    const OBSERVES: bool;

    fn tell(&mut self, event: Event);
}

impl Observer for Unobserved {
    const OBSERVES: bool = false;

    fn tell(&mut self, _: Event) {}
}

impl<A: Observer, F: FnMut(Event)> Observer for Observed<A, F> {
    const OBSERVES: bool = true;

    fn tell(&mut self, event: Event) {
        self.0.tell(event);
        (self.1)(event);
    }
}

pub trait Panics {
    const CATCH: bool;
}

impl Panics for Resume {
    const CATCH: bool = false;
}

impl Panics for Catch {
    const CATCH: bool = true;
}

/// When a member entered, where that matters.
pub trait Rank: Copy + Default + PartialOrd {
    /// The ranks of a `Vec`'s members: nothing at all where they do not matter.
    #[cfg(feature = "alloc")]
    type List;

    /// The next in turn.
    fn next(&mut self) -> Self;

    #[cfg(feature = "alloc")]
    fn list(ranks: impl Iterator<Item = Self>) -> Self::List;

    #[cfg(feature = "alloc")]
    fn get(list: &Self::List, index: usize) -> Self;
}

impl Rank for () {
    #[cfg(feature = "alloc")]
    type List = ();

    fn next(&mut self) -> Self {}

    #[cfg(feature = "alloc")]
    fn list(_: impl Iterator<Item = Self>) -> Self::List {}

    #[cfg(feature = "alloc")]
    fn get((): &(), _: usize) -> Self {}
}

impl Rank for usize {
    #[cfg(feature = "alloc")]
    type List = alloc::vec::Vec<usize>;

    fn next(&mut self) -> Self {
        *self += 1;
        *self
    }

    #[cfg(feature = "alloc")]
    fn list(ranks: impl Iterator<Item = Self>) -> Self::List {
        ranks.collect()
    }

    #[cfg(feature = "alloc")]
    fn get(list: &Self::List, index: usize) -> Self {
        // Who was pushed later to an `Entered` that is a `Vec` has none: it entered last.
        list.get(index).copied().unwrap_or(index + 1)
    }
}

/// The order of the exits.
pub trait Order {
    const STACK: bool;
    type Rank: Rank;
}

impl Order for Pool {
    const STACK: bool = false;
    type Rank = ();
}

impl Order for Stack {
    const STACK: bool = true;
    type Rank = usize;
}

/// [`Exits`], as the machine sees it.
pub trait ExitPolicy: Copy {
    const STACK: bool;
    type Rank: Rank;
    type Limit: Limit;

    fn limit(&mut self) -> &mut Self::Limit;
}

impl<O: Order, L: Limit> ExitPolicy for Exits<O, L>
where
    Self: Copy,
{
    const STACK: bool = O::STACK;
    type Rank = O::Rank;
    type Limit = L;

    fn limit(&mut self) -> &mut L {
        &mut self.limit
    }
}

/// [`Policies`], as the machine sees it.
pub trait Policy {
    const ROLLBACK: RollbackKind;
    const CATCH: bool;
    type EnterLimit: Limit;
    type Stop: Stop;
    type Exits: ExitPolicy;
    type Observer: Observer;
    /// There is a body that is to be called.
    const BODY: bool;

    fn parts(self: Pin<&mut Self>) -> Parts<'_, Self>;
}

/// The policies that have a state.
pub struct Parts<'a, P: Policy + ?Sized> {
    pub(crate) enter_limit: &'a mut P::EnterLimit,
    pub(crate) stop: Pin<&'a mut P::Stop>,
    pub(crate) exits: &'a mut P::Exits,
    pub(crate) observer: &'a mut P::Observer,
}

impl<Rb: Rollback, L: Limit, S: Stop, C: Panics, X: ExitPolicy, Ob: Observer> Policy for Policies<Rb, L, S, C, X, Ob> {
    const ROLLBACK: RollbackKind = Rb::KIND;
    const CATCH: bool = C::CATCH;
    type EnterLimit = L;
    type Stop = S;
    type Exits = X;
    type Observer = Ob;
    const BODY: bool = true;

    fn parts(self: Pin<&mut Self>) -> Parts<'_, Self> {
        let this = self.project();
        Parts { enter_limit: this.enter_limit, stop: this.stop, exits: this.exits, observer: this.observer }
    }
}

/// The policies of a life cycle whose body only keeps the values.
#[pin_project]
pub struct EnterOnly<P>(#[pin] pub(crate) P);

impl<P: Policy> Policy for EnterOnly<P> {
    const ROLLBACK: RollbackKind = P::ROLLBACK;
    const CATCH: bool = P::CATCH;
    type EnterLimit = P::EnterLimit;
    type Stop = P::Stop;
    type Exits = P::Exits;
    type Observer = P::Observer;
    const BODY: bool = false;

    fn parts(self: Pin<&mut Self>) -> Parts<'_, Self> {
        let Parts { enter_limit, stop, exits, observer } = self.project().0.parts();
        Parts { enter_limit, stop, exits, observer }
    }
}
