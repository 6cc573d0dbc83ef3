//! Exits that outlive a dropped future. This module has the shielded builder, and the future that hands its exits over.

use alloc::vec::Vec;
use core::{
    convert::Infallible,
    fmt,
    marker::PhantomData,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project::{pin_project, pinned_drop};

use crate::{
    BodyResult, Cause, Cycle, Entered, Failure, Few, Gather, Joined, Known, Many, Resource, Scope, VecRefs, With,
    boxed::{Boxing, release_boxed},
    cycle::{self, AllOrNothing, OutcomeOf},
    entered::{CallAndKeep, Keep},
    group::{PortableMembers, Values, array, scope::ScopeSlots, tuple, vec},
    machine::{After, Call, Machine, Rest},
    policy::{Cancellable, ExitPolicy, Policies, Policy, Settle},
    slot::{FromBoxed, FromEnter, FromHeld, MemberSlot},
    unwind::{self, FirstPanic},
};

/// A group whose exits outlive its future. [`Gather::shield`] makes it.
///
/// If the gather's future is dropped, a function of yours receives the remaining exits as one future, the *cleanup*. It
/// usually spawns the cleanup.
///
/// Its [`with`](Self::with), [`with_own_error`](Self::with_own_error) and [`enter`](Self::enter) do what those of
/// [`Gather`] do. On this page, the methods of `(A, B)` stand for those of every tuple. After one of them, call
/// [`on_drop`](WithShield::on_drop), which says who runs the remaining exits.
///
/// # Why a shield?
///
/// Rust drops a future when its caller loses interest. That happens under `tokio::time::timeout` and `select!`, when a
/// task is aborted, and when an HTTP client hangs up. Nothing can be awaited in a drop, so a gather without a shield
/// then [abandons](crate::Exit::abandon) its resources. Call `shield` after the other policies, and `on_drop` after
/// `with`:
///
/// ```
/// use std::{io, time::Duration};
///
/// use gather_cm::{Exit, ExitCase, gather};
/// use tokio::{sync::oneshot, time::timeout};
///
/// struct Transaction(Option<oneshot::Sender<ExitCase>>);
///
/// impl Exit for Transaction {
///     type Error = io::Error;
///     type Verdict = ();
///
///     async fn exit(mut self, case: ExitCase) -> Result<(), io::Error> {
///         tokio::task::yield_now().await; // COMMIT or ROLLBACK
///         self.0.take().map(|ended| ended.send(case));
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (sender, ended) = oneshot::channel();
/// let begin = async { Ok(Transaction(Some(sender))) };
/// let request = String::from("the body may borrow what it likes");
/// let handler = gather((begin,))
///     .shield()
///     .with(async |(_transaction,)| {
///         tokio::time::sleep(Duration::from_secs(3600)).await;
///         Ok(request.len())
///     })
///     .on_drop(|cleanup| {
///         tokio::spawn(async move {
///             if let Err(failure) = cleanup.await {
///                 eprintln!("cleanup: {failure}");
///             }
///         });
///     });
/// assert!(timeout(Duration::from_millis(1), handler).await.is_err());
/// assert_eq!(ended.await?, ExitCase::Cancelled);
/// # Ok(()) }
/// ```
///
/// # What happens on a drop?
///
/// | when the future is dropped | pending enters | the body | held resources | exits in flight |
/// | --- | --- | --- | --- | --- |
/// | before its first poll | have not begun | is not called | there are none | there are none |
/// | while members enter | are dropped | is not called | are exited with `Cancelled`; in a group that has failed, with `EnterFailed` or `Lost` | there are none |
/// | while the body runs | there are none | is dropped | are exited with `Cancelled` | there are none |
/// | while members exit | are dropped (there are some under `eager_rollback` only) | has ended | are exited in their turn | go on where they were |
///
/// A drop before the first poll hands nothing over. The body is dropped during the drop, along with everything that it
/// borrows, and so are `stop`, the observer and pending enters. If enters must not be dropped, add
/// [`settle`](Shield::settle). Only the resources, their exits and the error types live on. The order, the limit and
/// the names of the exits stay the same. A nested group is one member: the cleanup runs its exit.
///
/// # Cancellation
///
/// [`With`] says what a drop does without a shield. [`on_drop`](WithShield::on_drop) says what happens if the cleanup
/// is dropped in its turn.
///
/// If you hold the resources as an [`Entered`], you need no shield. Exit it in a guard of your own, such as
/// `scopeguard::guard(entered, |entered| { tokio::spawn(entered.exit(ExitCase::Cancelled)); })`.
///
/// # Generic code
///
/// If the members come from a generic function and you spawn the cleanup on tokio, the signature must name the
/// resource, as for the gather itself: see [`Member`](crate::Member).
///
/// # Costs
///
/// A shield needs the feature `alloc`. It takes one allocation for each exit when the exit begins. With `settle`, it
/// also takes one for each enter. The gather's future is smaller than without it, because the exits are in boxes.
#[derive(Clone)]
#[must_use = "a gather does nothing unless it is given a body"]
pub struct Shield<G, P> {
    gather: Gather<G, P>,
}

debug_by_name!(Shield<G, P>);

/// A group whose pending enters and exits outlive its future. [`Shield::settle`] makes it, and has an example.
#[derive(Clone)]
#[must_use = "a gather does nothing unless it is given a body"]
pub struct ShieldEnters<G, P> {
    gather: Gather<G, P>,
}

debug_by_name!(ShieldEnters<G, P>);

impl<G, Rb, L, S, C, X, Ob> Gather<G, Policies<Rb, L, S, C, X, Ob>> {
    /// Hands the remaining exits to a function of yours if the gather's future is dropped. That function receives them
    /// as one future, the *cleanup*, and usually spawns it.
    ///
    /// Without a shield, a dropped gather [abandons](crate::Exit::abandon) its resources. Call `shield` after the other
    /// policies, and [`on_drop`](WithShield::on_drop) after `with`. [`Shield`] says what a drop does to each part of a
    /// gather, and has an example.
    pub fn shield(self) -> Shield<G, Policies<Rb, L, Cancellable<S>, C, X, Ob>> {
        let Policies { enter_limit, stop, exits, observer, kinds } = self.policy;
        let policy = Policies { enter_limit, stop: Cancellable(stop), exits, observer, kinds };
        Shield { gather: Gather { group: self.group, policy } }
    }
}

/// A shielded life cycle that still needs to know who runs the remaining exits. `with`, `with_own_error` and `enter` of
/// [`Shield`] return it.
///
/// It is not a future yet. Call [`on_drop`](Self::on_drop), which has an example.
#[must_use = "it does nothing before you call `on_drop` and await the result"]
pub struct WithShield<T>(T);

debug_by_name!(WithShield<T>);

impl<T: HandOver> WithShield<T> {
    /// Says who runs the remaining exits. If you drop the future that this method returns, it calls `spawn` with the
    /// remaining exits as one future, the cleanup.
    ///
    /// The drop calls `spawn` at most once, and only if something is left to do or to report:
    ///
    /// - a resource is held or exiting (or entering, with [`settle`](Shield::settle)), or
    /// - an error or a panic has come up that nobody has seen.
    ///
    /// It never calls `spawn` before the first poll or after the end. The spawner decides what the cleanup must be:
    /// `tokio::spawn` asks for `Send` and `'static`, and a `LocalExecutor<'a>` asks for neither.
    ///
    /// # Errors
    ///
    /// The cleanup returns `Ok(())` if no error is left to report. Otherwise it returns the [`Failure`]. Its cause is
    /// the first of these that applies, along with the errors of the exits:
    ///
    /// 1. a panic, under [`catch_unwind`](Gather::catch_unwind)
    /// 2. enter errors, also of enters that failed after the drop
    /// 3. the errors of drivers that failed before the body had ended
    /// 4. the body's error, if the drop came during the exits (also if the exits suppress it)
    /// 5. [`Cause::Exit`], if the body had completed
    /// 6. [`Cause::Cancelled`]
    ///
    /// In the last two cases at least one exit has failed. Nobody waits for the cleanup, so log its failure.
    ///
    /// # Panics
    ///
    /// If `spawn` panics, as `tokio::spawn` does outside of a runtime, the cleanup is dropped along with it. The panic
    /// then resumes, unless the drop itself comes from a panic. With the feature `std`, a panic in the destructor of
    /// the body, of its value, of `stop` or of an enter resumes when the exits have finished. Exits that have not begun
    /// receive `Panicked`, and the cleanup panics at its end.
    ///
    /// If a poll of the gather panics, the gather is over, and nothing is left to hand over. With the feature `std`, a
    /// poll panics only after all exits, or if the caller's own waker panics.
    ///
    /// # Cancellation
    ///
    /// If the cleanup is dropped, it does what a gather without a shield does: it abandons held resources and drops
    /// exits in flight. That happens if a runtime shuts down. To let `main` wait for every cleanup, spawn all of them
    /// on a `tokio_util::task::TaskTracker`. Nothing else limits an exit that hangs, so give it a limit by
    /// [`exit_within`](crate::EnterExt::exit_within).
    ///
    /// # Which spawner?
    ///
    /// | you have | write |
    /// | --- | --- |
    /// | tokio | <code>.on_drop(\|cleanup\| { tokio::spawn(cleanup); })</code> |
    /// | a `TaskTracker` of tokio-util | <code>.on_drop(\|cleanup\| { tracker.spawn(cleanup); })</code> |
    /// | smol | <code>.on_drop(\|cleanup\| smol::spawn(cleanup).detach())</code> |
    /// | a `LocalExecutor` | <code>.on_drop(\|cleanup\| executor.spawn(cleanup).detach())</code> |
    /// | a queue of `Pin<Box<dyn Future<Output = ()>>>` | <code>.on_drop(\|cleanup\| queue.push(Box::pin(async { drop(cleanup.await) })))</code> |
    ///
    /// `spawn` is a plain closure that returns `()`. smol's `spawn` returns a `Task`, and a `Task` that is dropped
    /// cancels the cleanup, so detach it.
    ///
    /// You can write one helper that logs, for every group. It also avoids
    /// [rust#110338](https://github.com/rust-lang/rust/issues/110338). An `async` block in the closure runs into that
    /// bug if a resource's type has a lifetime, even `'static`. If you spawn the gather itself inside a block, add
    /// [`assert_send`](With::assert_send) after `on_drop`.
    ///
    /// ```
    /// use std::{fmt::Display, future::Future, io};
    ///
    /// use gather_cm::{EnterExt, gather};
    ///
    /// fn report<E>(cleanup: impl Future<Output = Result<(), E>> + Send + 'static)
    /// where
    ///     E: Display + Send,
    /// {
    ///     smol::spawn(async {
    ///         if let Err(failure) = cleanup.await {
    ///             eprintln!("cleanup: {failure}");
    ///         }
    ///     })
    ///     .detach();
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let member = async { Ok::<_, io::Error>(7) }.drop_on_exit();
    /// let group = gather((member,)).shield().with(async |(n,)| Ok(*n));
    /// assert_eq!(group.on_drop(report).await?, 7);
    /// # Ok(()) }) }
    /// ```
    pub fn on_drop<S: FnOnce(T::Cleanup)>(self, spawn: S) -> With<Shielded<T, S>> {
        With(Shielded { cycle: self.0, spawn: Some(spawn), polled: false, panic: Late(FirstPanic::none()) })
    }
}

#[doc(hidden)]
pub mod sealed {
    /// Nothing implements this.
    #[diagnostic::on_unimplemented(
        message = "a shielded gather needs `.on_drop(..)` before it is awaited",
        label = "call `.on_drop(|cleanup| {{ /* spawn it */ }})` first",
        note = "`on_drop` says who runs the remaining exits if the future is dropped, for example \
                `.on_drop(|cleanup| {{ tokio::spawn(cleanup); }})`"
    )]
    pub trait NeedsOnDrop {}

    #[allow(missing_debug_implementations)]
    pub struct Marker<T>(T);
}

// This impl is only for the compiler's message.
#[cfg_attr(doc, doc(hidden))]
impl<T> Future for WithShield<T>
where
    sealed::Marker<T>: sealed::NeedsOnDrop,
{
    type Output = Infallible;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Infallible> {
        Poll::Pending
    }
}

/// A life cycle that can go on without its caller, for signatures. This trait is sealed.
///
/// ```
/// use std::{future::Future, io};
///
/// use gather_cm::{EnterExt, HandOver, WithShield, gather};
///
/// fn life_cycle()
/// -> WithShield<impl HandOver<Value = u8, Cleanup = impl Future + Send + 'static>> {
///     let member = async { Ok::<_, io::Error>(1) }.drop_on_exit();
///     gather((member,)).shield().with(async |(one,)| Ok(*one))
/// }
///
/// # smol::block_on(async {
/// let future = life_cycle()
///     .on_drop(|cleanup| smol::spawn(async { drop(cleanup.await) }).detach());
/// assert_eq!(future.await.ok(), Some(1));
/// # });
/// ```
pub trait HandOver: Cycle {
    /// The future of the remaining exits.
    type Cleanup: Future;

    /// Moves the rest of the life cycle out, if there is something to do or to report.
    #[doc(hidden)]
    fn hand_over(self: Pin<&mut Self>) -> Option<Self::Cleanup>;
}

impl<Ms, F, P> HandOver for Machine<Ms, F, P>
where
    Ms: PortableMembers<Values: Values<Error: 'static>, Rank = <P::Exits as ExitPolicy>::Rank>,
    F: After<Ms::Values, P::Exits, Error: 'static>,
    P: Policy,
{
    type Cleanup = Cleanup<Rest<Ms, F::Error, P>>;

    fn hand_over(self: Pin<&mut Self>) -> Option<Self::Cleanup> {
        self.hand_over().map(Cleanup)
    }
}

impl<T: HandOver<Value = (R, Option<K>)>, R, K> HandOver for AllOrNothing<T> {
    type Cleanup = T::Cleanup;

    fn hand_over(self: Pin<&mut Self>) -> Option<T::Cleanup> {
        self.project().0.hand_over()
    }
}

/// The rest of a life cycle, as a future of its own.
#[pin_project]
pub struct Cleanup<T>(#[pin] T);

impl<T: Cycle> Future for Cleanup<T> {
    type Output = Result<(), Failure<T::Error, T::Shape, T::BodyError>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(self.project().0.poll_cycle(cx)) {
            // The caller has dropped the gather, so it knows about the cancellation. Only errors are worth a report.
            Err((Failure { cause: Cause::Cancelled {}, exits, .. }, _)) if exits.is_empty() => Ok(()),
            Err((failure, _)) => Err(failure),
            Ok(_) => Ok(()),
        })
    }
}

/// A life cycle that hands its remaining exits over if it is dropped. [`WithShield::on_drop`] makes it, and has an
/// example.
///
/// You need its name only to write down the type of a [`With`].
#[pin_project(PinnedDrop)]
pub struct Shielded<T: HandOver, S: FnOnce(T::Cleanup)> {
    #[pin]
    cycle: T,
    spawn: Option<S>,
    polled: bool,
    /// The panic of `spawn`. It resumes after the destructors of the other fields have run, because they may panic,
    /// too.
    panic: Late,
}

struct Late(FirstPanic);

impl Drop for Late {
    fn drop(&mut self) {
        mem::replace(&mut self.0, FirstPanic::none()).resume_in_drop();
    }
}

impl<T: HandOver, S: FnOnce(T::Cleanup)> fmt::Debug for Shielded<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shielded").finish_non_exhaustive()
    }
}

impl<T: HandOver, S: FnOnce(T::Cleanup)> cycle::sealed::Sealed for Shielded<T, S> {}

impl<T: HandOver, S: FnOnce(T::Cleanup)> Cycle for Shielded<T, S> {
    type Value = T::Value;
    type Error = T::Error;
    type Shape = T::Shape;
    type BodyError = T::BodyError;
    const CATCH: bool = T::CATCH;

    fn poll_cycle(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<OutcomeOf<Self>> {
        let this = self.project();
        *this.polled = true;
        this.cycle.poll_cycle(cx)
    }

    fn is_over(&self) -> bool {
        self.cycle.is_over()
    }
}

#[pinned_drop]
impl<T: HandOver, S: FnOnce(T::Cleanup)> PinnedDrop for Shielded<T, S> {
    fn drop(self: Pin<&mut Self>) {
        let this = self.project();
        if !mem::take(this.polled) {
            return;
        }
        if let (Some(cleanup), Some(spawn)) = (this.cycle.hand_over(), this.spawn.take()) {
            if let Err(caught) = unwind::catch(|| spawn(cleanup)) {
                this.panic.0.keep(caught);
            }
        }
    }
}

/// Writes the type that `with` and its siblings return. It is a life cycle that hands over a cleanup, which lives for
/// `$s`.
macro_rules! shielded {
    ($s:lifetime, $Value:ty, $Error:ty, $Shape:ty, $BodyError:ty) => {
        WithShield<
            impl HandOver<
                Value = $Value,
                Error = $Error,
                Shape = $Shape,
                BodyError = $BodyError,
                Cleanup = impl Future<Output = Result<(), Failure<$Error, $Shape, $BodyError>>> + $s,
            >,
        >
    };
}

/// Writes `with`, `with_own_error` and `enter` for one shape of group, with their own docs or with `brief` ones.
macro_rules! life_cycle {
    (brief, $($shape:tt)*) => {
        life_cycle!(
            /// See [`with` of two members](Shield::with).
            with,
            /// See [`with_own_error` of two members](Shield::with_own_error).
            with_own_error,
            /// See [`enter` of two members](Shield::enter).
            enter,
            $($shape)*
        );
    };
    (
        $(#[$with:meta])* with,
        $(#[$own:meta])* with_own_error,
        $(#[$enter:meta])* enter,
        [$($bounds:tt)*], $Refs:ty, $Values:ty, $Error:ty, $Shape:ty, |$group:pat_param| $members:expr
    ) => {
        life_cycle!(
            $(#[$with])* with,
            $(#[$own])* with_own_error,
            [$($bounds)*], $Refs, $Values, $Error, $Shape, |$group| $members
        );

        $(#[$enter])*
        pub fn enter<'s>(
            self,
        ) -> shielded!('s, Entered<$Values, P::Exits>, $Error, $Shape, $Error)
        where
            $($bounds)*
        {
            let $group = self.gather.group;
            WithShield(Machine::new($members, Keep, self.gather.policy))
        }
    };
    (
        $(#[$with:meta])* with,
        $(#[$own:meta])* with_own_error,
        [$($bounds:tt)*], $Refs:ty, $Values:ty, $Error:ty, $Shape:ty, |$group:pat_param| $members:expr
    ) => {
        $(#[$with])*
        pub fn with<'s, T: BodyResult<$Error>>(
            self,
            body: impl AsyncFnOnce($Refs) -> T,
        ) -> shielded!('s, T::Value, $Error, $Shape, $Error)
        where
            $($bounds)*
        {
            self.run(body)
        }

        $(#[$own])*
        pub fn with_own_error<'s, R, B: 'static>(
            self,
            body: impl AsyncFnOnce($Refs) -> Result<R, B>,
        ) -> shielded!('s, R, $Error, $Shape, B)
        where
            $($bounds)*
        {
            self.run(body)
        }

        fn run<'s, T: BodyResult<B>, B: 'static>(
            self,
            body: impl AsyncFnOnce($Refs) -> T,
        ) -> shielded!('s, T::Value, $Error, $Shape, B)
        where
            $($bounds)*
        {
            let $group = self.gather.group;
            let block = Entered::<$Values, P::Exits>::block::<P::Stop, _, T, B>;
            WithShield(Machine::new($members, Call::new(body, block, <$Values>::split()), self.gather.policy))
        }
    };
}

/// Writes the methods of the tuples. Those of the tuple of two members have the docs.
macro_rules! tuple {
    (2, $($tuple:tt)*) => {
        tuple!(
            [
        /// Does what [`with` of a `Gather`](Gather::with) does. If the future is dropped, the exits run on. Call
        /// [`on_drop`](WithShield::on_drop) to say who runs them.
        ///
        /// # Errors
        ///
        /// It fails as [`with` of a `Gather`](Gather::with) does.
        ///
        /// # Panics
        ///
        /// It panics as [`with` of a `Gather`](Gather::with) does.
        ///
        /// # Cancellation
        ///
        /// See [`Shield`], which has an example.
        with,
        /// Does what [`with`](Self::with) does, for a body with an error type of its own.
        ///
        /// # Errors
        ///
        /// It fails as [`with_own_error` of a `Gather`](Gather::with_own_error) does.
        ///
        /// # Panics
        ///
        /// It panics as [`with` of a `Gather`](Gather::with) does.
        ///
        /// # Cancellation
        ///
        /// See [`Shield`].
        ///
        /// ```
        /// use std::{io, num::ParseIntError};
        ///
        /// use gather_cm::{EnterExt, FailureOf, gather};
        ///
        /// # smol::block_on(async {
        /// let text = |text: &'static str| async move { Ok::<_, io::Error>(text) }.drop_on_exit();
        /// let parse = async |(a, b): (&mut &str, &mut &str)| -> Result<u32, ParseIntError> {
        ///     Ok(a.parse::<u32>()? + b.parse::<u32>()?)
        /// };
        /// let group = gather((text("1"), text("x"))).shield().with_own_error(parse);
        /// let failure = group.on_drop(|cleanup| smol::spawn(cleanup).detach()).await.unwrap_err();
        /// assert_eq!(failure.to_string(), "body failed: invalid digit found in string");
        /// # });
        /// ```
        with_own_error,
        /// Does what [`enter` of a `Gather`](Gather::enter) does. If the future is dropped, the exits of the members
        /// that have entered run on. The [`Entered`] that it returns has no shield.
        ///
        /// # Errors
        ///
        /// It fails as [`enter` of a `Gather`](Gather::enter) does.
        ///
        /// # Panics
        ///
        /// It panics as [`enter` of a `Gather`](Gather::enter) does.
        ///
        /// # Cancellation
        ///
        /// See [`Shield`]. If you drop the resources after you have received them, that abandons them.
        ///
        /// ```
        /// use std::io;
        ///
        /// use gather_cm::{EnterExt, Exit, ExitCase, gather};
        ///
        /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
        /// let open = |port: u16| async move { Ok::<_, io::Error>(port) }.drop_on_exit();
        /// let group = gather((open(80), open(443))).shield().enter();
        /// let ports = group.on_drop(|cleanup| smol::spawn(cleanup).detach()).await?;
        /// assert_eq!(*ports.1, 443);
        /// ports.exit(ExitCase::Completed).await?;
        /// # Ok(()) }) }
        /// ```
        enter
            ],
            [],
            2, $($tuple)*
        );
    };
    ($n:literal, $($tuple:tt)*) => {
        tuple!([brief], [#[cfg_attr(doc, doc(hidden))]], $n, $($tuple)*);
    };
    (
        [$($docs:tt)*], [$($hidden:tt)*],
        $n:literal, $Slots:ident, $Error:ty, [$($E:ident)?], $($i:tt $field:ident $S:ident $V:ident $M:ident $D:ident)*
    ) => {
        $($hidden)*
        impl<$($E: 'static,)? $($M, $V,)* P> Shield<($($M,)*), P>
        where
            $($M: IntoFuture<Output = Result<$V, $Error>>, $V: Resource<Error = $Error>,)*
            P: Policy,
        {
            life_cycle!(
                $($docs)*, [$($V: 's,)*], ($(&mut $V::Value,)*), ($($V,)*), $Error, Few<$n>,
                |($($field,)*)| tuple::$Slots::new(
                    ($(MemberSlot::<FromEnter<_, _>, _>::queued($field, release_boxed::<$V>),)*)
                )
            );
        }

        $($hidden)*
        impl<$($E: 'static,)? $($M, $V,)* P> ShieldEnters<($($M,)*), P>
        where
            $($M: IntoFuture<Output = Result<$V, $Error>>, $V: Resource<Error = $Error>,)*
            P: Policy,
        {
            life_cycle!(
                brief, [$($V: 's, $M: 's, $M::IntoFuture: 's,)*],
                ($(&mut $V::Value,)*), ($($V,)*), $Error, Few<$n>,
                |($($field,)*)| tuple::$Slots::new(
                    ($(MemberSlot::<FromBoxed<_, _>, _>::queued(Boxing($field), release_boxed::<$V>),)*)
                )
            );
        }
    };
}

for_each_tuple!(tuple);

impl<M, V, E: 'static, const N: usize, P> Shield<[M; N], P>
where
    M: IntoFuture<Output = Result<V, E>>,
    V: Resource<Error = E>,
    P: Policy,
{
    life_cycle!(
        brief, [V: 's], [&mut V::Value; N], [V; N], E, Few<N>,
        |members| {
            let slot = |member| MemberSlot::<FromEnter<_, _>, _>::queued(member, release_boxed::<V>);
            array::Slots::new(members.map(slot), release_boxed::<V>)
        }
    );
}

impl<M, V, E: 'static, const N: usize, P> ShieldEnters<[M; N], P>
where
    M: IntoFuture<Output = Result<V, E>>,
    V: Resource<Error = E>,
    P: Policy,
{
    life_cycle!(
        brief, [V: 's, M: 's, M::IntoFuture: 's], [&mut V::Value; N], [V; N], E, Few<N>,
        |members| {
            let slot = |member| MemberSlot::<FromBoxed<_, _>, _>::queued(Boxing(member), release_boxed::<V>);
            array::Slots::new(members.map(slot), release_boxed::<V>)
        }
    );
}

impl<M, V, E: 'static, P> Shield<Vec<M>, P>
where
    M: IntoFuture<Output = Result<V, E>>,
    V: Resource<Error = E>,
    P: Policy,
{
    life_cycle!(
        brief, [V: 's], &mut VecRefs<'_, V>, Vec<V>, E, Many,
        |members| {
            let slot = |member| MemberSlot::<FromEnter<_, _>, _>::queued(member, release_boxed::<V>);
            vec::Slots::new(members.into_iter().map(slot), release_boxed::<V>, <P::Exits as ExitPolicy>::CALLER_WAKER)
        }
    );
}

impl<M, V, E: 'static, P> ShieldEnters<Vec<M>, P>
where
    M: IntoFuture<Output = Result<V, E>>,
    V: Resource<Error = E>,
    P: Policy,
{
    life_cycle!(
        brief, [V: 's, M: 's, M::IntoFuture: 's], &mut VecRefs<'_, V>, Vec<V>, E, Many,
        |members| {
            let slot = |member| MemberSlot::<FromBoxed<_, _>, _>::queued(Boxing(member), release_boxed::<V>);
            vec::Slots::new(members.into_iter().map(slot), release_boxed::<V>, <P::Exits as ExitPolicy>::CALLER_WAKER)
        }
    );
}

impl<V: Resource<Error: 'static>, P: Policy> Shield<Scope<V>, P> {
    life_cycle!(
        /// See [`with` of two members](Shield::with).
        with,
        /// See [`with_own_error` of two members](Shield::with_own_error).
        with_own_error,
        [V: 's], &Scope<V>, Joined<V>, V::Error, Many,
        |scope| ScopeSlots::<MemberSlot<FromHeld<_, _>, _>>::of::<P>(scope, release_boxed::<V>)
    );

    /// Does what [`with_entered` of a `Gather`](Gather::with_entered) does. If the future is dropped, the exits of the
    /// resources that have joined run on. The [`Entered`] that it returns has no shield.
    ///
    /// # Errors
    ///
    /// It fails as [`with_entered` of a `Gather`](Gather::with_entered) does.
    ///
    /// # Panics
    ///
    /// It panics as [`with` of a `Gather`](Gather::with) does.
    ///
    /// # Cancellation
    ///
    /// See [`Shield`]. If you drop the resources after you have received them, that abandons them.
    pub fn with_entered<'s, T: BodyResult<V::Error>>(
        self,
        body: impl AsyncFnOnce(&Scope<V>) -> T,
    ) -> shielded!('s, (T::Value, Entered<Joined<V>, P::Exits>), V::Error, Many, V::Error)
    where
        V: 's,
    {
        let members = ScopeSlots::<MemberSlot<FromHeld<_, _>, _>>::of::<P>(self.gather.group, release_boxed::<V>);
        let block = Entered::<Joined<V>, P::Exits>::block_that_keeps::<P::Stop, _, T>;
        WithShield(AllOrNothing(Machine::new(members, CallAndKeep::new(body, block), self.gather.policy)))
    }
}

impl<G, Rb, L, S, C, X, Ob> Shield<G, Policies<Rb, L, S, C, X, Ob>> {
    /// Lets pending enters run to their end, after a drop and after a stop.
    ///
    /// If the gather's future is dropped while members enter, their enters go on in the cleanup. When all of them have
    /// finished, the members that entered are exited with `Cancelled`. In a group that has failed, they receive
    /// `EnterFailed` or `Lost`.
    ///
    /// Use it if a dropped enter could leave something behind that only an exit removes. Queued members never start.
    ///
    /// It implies [`Gather::settle`], and replaces a [`fail_fast`](Gather::fail_fast). Under
    /// [`eager_rollback`](Gather::eager_rollback), the exits of a failed group still run beside the pending enters. The
    /// enters must live as long as the cleanup: with `tokio::spawn`, they must be `Send` and `'static`.
    ///
    /// # Errors
    ///
    /// If an enter fails after the drop, the cleanup returns a failure with [`Cause::Enter`].
    ///
    /// ```
    /// use std::{io, sync::mpsc};
    ///
    /// use gather_cm::{EnterExt, ExitCase, gather};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (sender, exited) = mpsc::channel();
    /// let start_vm = async {
    ///     smol::future::yield_now().await; // dropped here, it would leave the VM behind
    ///     Ok::<_, io::Error>("vm")
    /// };
    /// let exit = async move |vm, case| Ok(sender.send((vm, case)).unwrap_or(()));
    /// let start_vm = start_vm.exit_with(exit);
    /// let group = gather((start_vm,)).shield().settle();
    /// let future = group
    ///     .with(async |_| Ok(()))
    ///     .on_drop(|cleanup| smol::spawn(cleanup).detach());
    /// smol::block_on(smol::future::or(async { drop(future.await) }, async {}));
    /// assert_eq!(exited.recv()?, ("vm", ExitCase::Cancelled));
    /// # Ok(()) }
    /// ```
    pub fn settle(self) -> ShieldEnters<G, Policies<Settle<Rb>, L, S, C, X, Ob>>
    where
        G: Known,
    {
        let Gather { group, policy: Policies { enter_limit, stop, exits, observer, .. } } = self.gather;
        let policy = Policies { enter_limit, stop, exits, observer, kinds: PhantomData };
        ShieldEnters { gather: Gather { group, policy } }
    }
}
