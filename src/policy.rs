//! The policies of a gather, as types: a policy that you do not use costs nothing.
//!
//! The methods of [`Gather`](crate::Gather) set them. You need their names only to write down the type of a `Gather`, or
//! of an [`Entered`](crate::Entered) that has exit policies.

use core::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project::pin_project;

use crate::{
    Event,
    unwind::{self, FirstPanic},
};

/// All policies of a gather.
///
/// | parameter | what it decides | values |
/// | --- | --- | --- |
/// | `Rb` | what a failed enter or a stop does to the pending enters | [`RunOn`], [`EagerRollback`], [`FailFast`], [`Settle`] |
/// | `L` | how many enters are in flight | [`Unlimited`], [`Limited`] |
/// | `S` | what cancels the group | [`Never`], [`Either`], `Cancellable` (of a shield) |
/// | `C` | what becomes of a panic | [`Resume`], [`Catch`] |
/// | `X` | everything about the exits | [`Exits`] |
/// | `Ob` | who observes | [`Unobserved`], [`Observed`] |
///
/// ```
/// use gather_cm::{
///     Gather, Known, gather,
///     policies::{FailFast, Limited, Policies},
/// };
///
/// fn in_pairs<G: Known>(members: G) -> Gather<G, Policies<FailFast, Limited>> {
///     gather(members).fail_fast().enter_limit(2)
/// }
///
/// drop(in_pairs(()));
/// ```
#[derive(Clone)]
#[pin_project]
pub struct Policies<Rb = RunOn, L = Unlimited, S = Never, C = Resume, X = Exits, Ob = Unobserved> {
    pub(crate) enter_limit: L,
    #[pin]
    pub(crate) stop: S,
    pub(crate) exits: X,
    pub(crate) observer: Ob,
    pub(crate) kinds: PhantomData<fn() -> (Rb, C)>,
}

debug_by_name!(Policies<Rb, L, S, C, X, Ob>);

/// The policies that an [`Entered`](crate::Entered) keeps.
///
/// | parameter | what it decides | values |
/// | --- | --- | --- |
/// | `O` | the order of the exits | [`Pool`], [`Stack`], [`InReverse`] |
/// | `L` | how many exits are in flight | [`Unlimited`], [`Limited`] |
/// | `N` | what errors call the members | [`Unnamed`], [`Named`] |
/// | `F` | who is polled first | [`Ordered`], [`Fair`] |
/// | `W` | whose waker the members of a large `Vec` get | [`OwnWakers`], [`CallerWaker`] |
///
/// ```
/// use gather_cm::{
///     Entered, FailureOf, gather,
///     policies::{Exits, Limited, Pool},
/// };
///
/// # fn main() -> Result<(), FailureOf<()>> { smol::block_on(async {
/// let group: Entered<(), Exits<Pool, Limited>> = gather(()).exit_limit(1).enter().await?;
/// # drop(group);
/// # Ok(()) }) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exits<O = Pool, L = Unlimited, N = Unnamed, F = Ordered, W = OwnWakers> {
    pub(crate) limit: L,
    pub(crate) names: N,
    pub(crate) fair: F,
    pub(crate) kinds: PhantomData<fn() -> (O, W)>,
}

impl Exits {
    pub(crate) const DEFAULT: Self = Exits { limit: Unlimited, names: Unnamed, fair: Ordered, kinds: PhantomData };
}

impl Policies {
    pub(crate) const DEFAULT: Self = Policies::exits_only(Exits::DEFAULT);
}

impl<X> Policies<RunOn, Unlimited, Never, Resume, X> {
    pub(crate) const fn exits_only(exits: X) -> Self {
        Self { enter_limit: Unlimited, stop: Never, exits, observer: Unobserved, kinds: PhantomData }
    }
}

/// A failed enter lets the others run to their end; then the held resources are exited. The default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunOn {}

/// A failed enter exits the held resources at once, beside the pending enters.
///
/// [`Gather::eager_rollback`](crate::Gather::eager_rollback) sets it and has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EagerRollback {}

/// A failed enter drops the pending enters.
///
/// [`Gather::fail_fast`](crate::Gather::fail_fast) sets it and has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailFast {}

/// A failed enter lets the others run to their end, and so does a stop. If `Rb` is [`EagerRollback`], a failed enter exits
/// the held resources at once.
///
/// [`Gather::settle`](crate::Gather::settle) sets it and has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settle<Rb = RunOn>(PhantomData<fn() -> Rb>);

/// All exits are in flight together. The default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {}

/// One exit at a time, last entered first.
///
/// [`Gather::stack`](crate::Gather::stack) sets it and has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {}

/// One exit at a time, last argument first.
///
/// [`Gather::in_reverse`](crate::Gather::in_reverse) sets it and has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InReverse {}

/// Members have an index only. The default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unnamed;

/// Members have names.
///
/// [`Gather::names`](crate::Gather::names) sets it and has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named(pub(crate) &'static [&'static str]);

/// Members are polled in argument order. The default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ordered;

/// Each poll starts one member further.
///
/// [`Gather::fair`](crate::Gather::fair) sets it and has an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fair {
    enters: usize,
    exits: usize,
}

/// The members of a large `Vec` get wakers of their own. The default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnWakers {}

/// The members of a large `Vec` get the caller's own waker.
///
/// [`Gather::caller_waker`](crate::Gather::caller_waker) sets it and has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerWaker {}

/// No limit. The default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unlimited;

/// At most so many are in flight.
///
/// [`Gather::enter_limit`](crate::Gather::enter_limit) and [`Gather::exit_limit`](crate::Gather::exit_limit) set it and
/// have examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    max: usize,
    in_flight: usize,
}

impl Limited {
    /// The limit that `method` sets.
    ///
    /// # Panics
    ///
    /// If `max` is 0.
    #[track_caller]
    pub(crate) fn new(method: &str, max: usize) -> Self {
        assert!(max > 0, "{method}: the limit must be at least 1");
        Self { max, in_flight: 0 }
    }
}

/// Nothing cancels the group. The default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Never;

/// The first of two futures that is ready cancels the group.
///
/// [`Gather::cancel_on`](crate::Gather::cancel_on) sets it and has an example.
#[pin_project]
pub struct Either<A, B: IntoFuture>(#[pin] A, #[pin] Signal<B>);

impl<A, B: IntoFuture> Either<A, B> {
    pub(crate) fn new(before: A, stop: B) -> Self {
        Self(before, Signal::Waiting(stop))
    }
}

impl<A, B: IntoFuture> fmt::Debug for Either<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Either").finish_non_exhaustive()
    }
}

/// A future that may cancel the group. Once it is ready it is not polled again.
///
/// | state     | holds             | next                                                               |
/// |-----------|-------------------|--------------------------------------------------------------------|
/// | `Waiting` | the `IntoFuture`  | `Polled` (the first poll), `Over` (its `into_future` panics, `clear`) |
/// | `Polled`  | its future, which | `Over` (`clear`: no enter is pending and the body has ended)       |
/// |           | may be `ready`    |                                                                    |
/// | `Over`    | nothing           |                                                                    |
#[pin_project(project = SignalProj, project_replace = SignalOwn)]
enum Signal<S: IntoFuture> {
    Waiting(S),
    Polled {
        #[pin]
        future: S::IntoFuture,
        /// It was ready, or has panicked: it waits to be dropped.
        ready: bool,
    },
    Over,
}

/// What cancels the group, if its future is dropped: `S`, or the drop.
///
/// [`Gather::shield`](crate::Gather::shield) sets it and has an example.
#[cfg(feature = "alloc")]
#[derive(Clone)]
#[pin_project]
pub struct Cancellable<S>(#[pin] pub(crate) S);

#[cfg(feature = "alloc")]
debug_by_name!(Cancellable<S>);

/// A panic resumes when all is done. The default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {}

/// A panic becomes [`Cause::Panicked`](crate::Cause).
///
/// [`Gather::catch_unwind`](crate::Gather::catch_unwind) sets it and has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Catch {}

/// What a failed enter or a stop does to the pending enters. By default they run on after a failed enter, and are dropped
/// by a stop.
pub trait Rollback: 'static {
    /// After a failed enter, exits begin beside the pending enters.
    const EAGER: bool = false;
    /// A failed enter drops the pending enters.
    const FAIL_FAST: bool = false;
    /// A stop does not drop the pending enters.
    const SETTLE: bool = false;
}

impl Rollback for RunOn {}

impl Rollback for EagerRollback {
    const EAGER: bool = true;
}

impl Rollback for FailFast {
    const FAIL_FAST: bool = true;
}

impl<Rb: Rollback> Rollback for Settle<Rb> {
    const EAGER: bool = Rb::EAGER;
    const SETTLE: bool = true;
}

/// How many may be in flight, and how many are.
pub trait Limit: Copy + Send + Sync + 'static {
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
        self.max
    }

    fn has_room(&self) -> bool {
        self.in_flight < self.max
    }

    fn begin(&mut self) {
        self.in_flight += 1;
    }

    fn end(&mut self) {
        self.in_flight -= 1;
    }
}

/// The futures that may cancel the group, if there are any.
pub trait Stop {
    /// There is one.
    const ENABLED: bool;
    /// The body can be ended before its end.
    const ENDS_BODY: bool = Self::ENABLED;

    fn poll_stop(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;

    /// Drops the futures, one after the other.
    fn clear(self: Pin<&mut Self>, panic: &mut FirstPanic);
}

impl Stop for Never {
    const ENABLED: bool = false;

    fn poll_stop(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    fn clear(self: Pin<&mut Self>, _: &mut FirstPanic) {}
}

impl<A: Stop, B: IntoFuture> Stop for Either<A, B> {
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
        panic.guard(&mut || this.1.set(Signal::Over));
    }
}

#[cfg(feature = "alloc")]
impl<S: Stop> Stop for Cancellable<S> {
    const ENABLED: bool = S::ENABLED;
    const ENDS_BODY: bool = true;

    fn poll_stop(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().0.poll_stop(cx)
    }

    fn clear(self: Pin<&mut Self>, panic: &mut FirstPanic) {
        self.project().0.clear(panic);
    }
}

impl<S: IntoFuture> Signal<S> {
    fn poll_signal(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let SignalProj::Waiting(_) = self.as_mut().project() {
            if let SignalOwn::Waiting(stop) = self.as_mut().project_replace(Self::Over) {
                self.set(Self::Polled { future: stop.into_future(), ready: false });
            }
        }
        match self.as_mut().project() {
            SignalProj::Polled { future, ready } if !*ready => {
                *ready = true;
                let polled = future.poll(cx).map(drop);
                *ready = polled.is_ready();
                polled
            }
            _ => Poll::Pending,
        }
    }
}

/// Nobody observes. The default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unobserved;

/// `F` observes, after `A`.
///
/// [`Gather::observe`](crate::Gather::observe) sets it and has an example.
#[derive(Clone)]
pub struct Observed<A, F>(pub(crate) A, pub(crate) F);

debug_by_name!(Observed<A, F>);

/// Who receives the events.
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
        unwind::in_turn(|| self.0.tell(event), || (self.1)(event));
    }
}

/// Tells the observer, and keeps its panic if it is the first.
#[inline]
pub(crate) fn tell<O: Observer>(observer: &mut O, panic: &mut FirstPanic, event: Event) {
    if O::OBSERVES {
        panic.guard(&mut || observer.tell(event));
    }
}

/// What becomes of a panic.
pub trait Panics: 'static {
    const CATCH: bool;
}

impl Panics for Resume {
    const CATCH: bool = false;
}

impl Panics for Catch {
    const CATCH: bool = true;
}

/// When a member entered, if that matters.
pub trait Rank: Copy + Default + Ord + Send + Sync + 'static {
    /// The ranks of a `Vec`'s members: nothing at all if they do not matter.
    #[cfg(feature = "alloc")]
    type List: Send + Sync;

    /// The next in turn.
    fn next(&mut self) -> Self;

    /// The rank as a number, in the same order.
    #[cfg(feature = "alloc")]
    fn number(self) -> usize;

    #[cfg(feature = "alloc")]
    fn from_number(number: usize) -> Self;

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
    fn number(self) -> usize {
        0
    }

    #[cfg(feature = "alloc")]
    fn from_number(_: usize) -> Self {}

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
    fn number(self) -> usize {
        self
    }

    #[cfg(feature = "alloc")]
    fn from_number(number: usize) -> Self {
        number
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
    /// One at a time: the highest rank first, and of equal ranks the last argument.
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

impl Order for InReverse {
    const STACK: bool = true;
    type Rank = ();
}

/// What errors call the members.
pub trait Names: Copy {
    fn names(&self) -> &'static [&'static str];
}

impl Names for Unnamed {
    fn names(&self) -> &'static [&'static str] {
        &[]
    }
}

impl Names for Named {
    fn names(&self) -> &'static [&'static str] {
        self.0
    }
}

/// Who is polled first.
pub trait Fairness: Copy {
    const FAIR: bool;

    /// The member that this poll of the enters starts with.
    fn first_enter(&mut self, len: usize) -> usize;

    /// The member that this poll of the exits starts with.
    fn first_exit(&mut self, len: usize) -> usize;

    /// Whether this poll polls the body before the drivers.
    fn body_first(&mut self) -> bool;
}

impl Fairness for Ordered {
    const FAIR: bool = false;

    fn first_enter(&mut self, _: usize) -> usize {
        0
    }

    fn first_exit(&mut self, _: usize) -> usize {
        0
    }

    fn body_first(&mut self) -> bool {
        false
    }
}

impl Fairness for Fair {
    const FAIR: bool = true;

    fn first_enter(&mut self, len: usize) -> usize {
        rotate(&mut self.enters, len)
    }

    fn first_exit(&mut self, len: usize) -> usize {
        rotate(&mut self.exits, len)
    }

    fn body_first(&mut self) -> bool {
        // The enters are over: their place remembers whether the last poll polled the body first.
        let body_first = self.enters != usize::MAX;
        self.enters = if body_first { usize::MAX } else { 0 };
        body_first
    }
}

/// Moves on to the next of `len` members, and returns the one that it leaves.
fn rotate(at: &mut usize, len: usize) -> usize {
    let next = if *at + 1 < len { *at + 1 } else { 0 };
    core::mem::replace(at, next)
}

/// Whose waker the members of a large `Vec` get.
pub trait Waking {
    const CALLER: bool;
}

impl Waking for OwnWakers {
    const CALLER: bool = false;
}

impl Waking for CallerWaker {
    const CALLER: bool = true;
}

mod sealed {
    pub trait Sealed {}
}

/// The policies that an [`Entered`](crate::Entered) keeps, for code that is generic over them. [`Exits`] implements it.
///
/// This trait is sealed.
///
/// ```
/// use gather_cm::{Entered, Exit, ExitCase, FailureOf, Values, policies::ExitPolicy};
///
/// async fn tear_down<V, X>(group: Entered<V, X>) -> Result<(), FailureOf<V>>
/// where
///     V: Values<Error: 'static>,
///     X: ExitPolicy,
/// {
///     group.exit(ExitCase::Completed).await.map(|_verdict| ())
/// }
///
/// # fn main() -> Result<(), FailureOf<()>> { smol::block_on(async {
/// tear_down(gather_cm::gather(()).stack().enter().await?).await
/// # }) }
/// ```
pub trait ExitPolicy: Copy + Send + Sync + 'static + sealed::Sealed {
    #[doc(hidden)]
    const STACK: bool;
    #[doc(hidden)]
    const CALLER_WAKER: bool;
    #[doc(hidden)]
    type Rank: Rank;
    #[doc(hidden)]
    type Limit: Limit;
    #[doc(hidden)]
    type Fairness: Fairness;

    #[doc(hidden)]
    fn limit(&mut self) -> &mut Self::Limit;

    #[doc(hidden)]
    fn fairness(&mut self) -> &mut Self::Fairness;

    #[doc(hidden)]
    fn names(&self) -> &'static [&'static str];
}

impl<O, L, N, F, W> sealed::Sealed for Exits<O, L, N, F, W> {}

impl<O: Order, L: Limit, N: Names, F: Fairness, W: Waking> ExitPolicy for Exits<O, L, N, F, W>
where
    Self: Copy + Send + Sync + 'static,
{
    const STACK: bool = O::STACK;
    const CALLER_WAKER: bool = W::CALLER;
    type Rank = O::Rank;
    type Limit = L;
    type Fairness = F;

    fn limit(&mut self) -> &mut L {
        &mut self.limit
    }

    fn fairness(&mut self) -> &mut F {
        &mut self.fair
    }

    fn names(&self) -> &'static [&'static str] {
        self.names.names()
    }
}

/// The policies of a gather, for code that is generic over them. [`Policies`] implements it.
///
/// This trait is sealed.
///
/// ```
/// use std::io;
///
/// use gather_cm::{EnterExt, FailureOf, Gather, Member, gather, policies::Policy};
///
/// async fn first<M, P>(members: Gather<(M,), P>) -> Result<u8, FailureOf<(M::Resource,)>>
/// where
///     M: Member<Value = u8, Error = io::Error>,
///     P: Policy,
/// {
///     members.with(async |(value,)| Ok(*value)).await
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// let member = async { Ok(7) }.drop_on_exit();
/// assert_eq!(first(gather((member,)).fail_fast().exit_limit(1)).await?, 7);
/// # Ok(()) }) }
/// ```
pub trait Policy: sealed::Sealed {
    #[doc(hidden)]
    const EAGER: bool;
    #[doc(hidden)]
    const FAIL_FAST: bool;
    #[doc(hidden)]
    const SETTLE: bool;
    /// What becomes of a panic.
    #[doc(hidden)]
    type Panics: Panics;
    #[doc(hidden)]
    type EnterLimit: Limit;
    #[doc(hidden)]
    type Stop: Stop;
    /// The policies that an [`Entered`](crate::Entered) keeps.
    type Exits: ExitPolicy;
    #[doc(hidden)]
    type Observer: Observer;
    /// The policies that go on after a drop.
    #[cfg(feature = "alloc")]
    #[doc(hidden)]
    type AfterDrop: Policy<Exits = Self::Exits> + Send + Sync + 'static;

    #[doc(hidden)]
    fn parts(self: Pin<&mut Self>) -> Parts<'_, Self>;

    #[cfg(feature = "alloc")]
    #[doc(hidden)]
    fn after_drop(self: Pin<&mut Self>) -> Self::AfterDrop;
}

impl<Rb, L, S, C, X, Ob> sealed::Sealed for Policies<Rb, L, S, C, X, Ob> {}

/// The policies that have a state.
#[allow(missing_debug_implementations)] // inside only
pub struct Parts<'a, P: Policy + ?Sized> {
    pub(crate) enter_limit: &'a mut P::EnterLimit,
    pub(crate) stop: Pin<&'a mut P::Stop>,
    pub(crate) exits: &'a mut P::Exits,
    pub(crate) observer: &'a mut P::Observer,
}

impl<Rb: Rollback, L: Limit, S: Stop, C: Panics, X: ExitPolicy, Ob: Observer> Policy for Policies<Rb, L, S, C, X, Ob> {
    const EAGER: bool = Rb::EAGER;
    const FAIL_FAST: bool = Rb::FAIL_FAST;
    const SETTLE: bool = Rb::SETTLE;
    type Panics = C;
    type EnterLimit = L;
    type Stop = S;
    type Exits = X;
    type Observer = Ob;
    #[cfg(feature = "alloc")]
    type AfterDrop = Policies<Rb, L, Never, C, X>;

    fn parts(self: Pin<&mut Self>) -> Parts<'_, Self> {
        let this = self.project();
        Parts { enter_limit: this.enter_limit, stop: this.stop, exits: this.exits, observer: this.observer }
    }

    #[cfg(feature = "alloc")]
    fn after_drop(self: Pin<&mut Self>) -> Self::AfterDrop {
        let this = self.project();
        let (enter_limit, exits) = (*this.enter_limit, *this.exits);
        Policies { enter_limit, stop: Never, exits, observer: Unobserved, kinds: PhantomData }
    }
}
