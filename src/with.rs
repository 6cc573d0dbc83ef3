//! The methods that a user calls last: `with` and `with_own_error` for every shape of group. The references that a body
//! borrows are here too.

#[cfg(feature = "alloc")]
use {
    alloc::vec::Vec,
    core::{fmt, iter, slice},
};

use core::convert::Infallible;

use crate::{
    Cycle, Entered, Few, Gather, Resource, With,
    group::{Group, HeldAll, Values},
    machine::{Body, Call, Ended, Machine},
    policy::{ExitPolicy, Observer, Policy, Stop},
};
#[cfg(feature = "alloc")]
use crate::{
    Joined, Many, Scope,
    cycle::AllOrNothing,
    entered::{CallAndKeep, Kept},
};

/// The output of the body of `with`: a `Result` with the group's error type `E`. This trait is sealed.
///
/// ```
/// use std::io;
///
/// use gather_cm::{BodyResult, DropOnExit, EnterExt, Gather, Member, With, Cycle, gather};
///
/// fn run<M, T>(member: M, value: T) -> With<impl Cycle<Value = T::Value>>
/// where
///     M: Member<Value = u8, Error = io::Error, Resource = DropOnExit<u8, io::Error>>,
///     T: BodyResult<io::Error>,
/// {
///     gather((member,)).with(async |_| value)
/// }
///
/// # smol::block_on(async {
/// let member = async { Ok(1) }.drop_on_exit();
/// let failure = run(member, Err::<(), _>(io::Error::other("oops"))).await;
/// assert!(failure.is_err());
/// # });
/// ```
#[diagnostic::on_unimplemented(
    message = "the body returns `{Self}`, but `with` expects a `Result` with the group's error type `{E}`",
    label = "expected the body to return `Result<_, {E}>`",
    note = "if the body cannot fail, end it with `Ok(..)`; if it never returns a value, annotate it: `-> Result<(), _>`",
    note = "if the body fails with an error type of its own, call `with_own_error`, or convert the members' errors to that \
            type by `.errors_into()` from `gather_cm::EnterExt`"
)]
pub trait BodyResult<E>: sealed::Sealed {
    /// The value of `Ok`.
    type Value;

    #[doc(hidden)]
    fn into_result(self) -> Result<Self::Value, E>;
}

mod sealed {
    pub trait Sealed {}
}

impl<R, E> sealed::Sealed for Result<R, E> {}

impl<R, E> BodyResult<E> for Result<R, E> {
    type Value = R;

    fn into_result(self) -> Result<R, E> {
        self
    }
}

/// Writes `with` and `with_own_error` for one shape of group, with their own docs or with `brief` ones.
macro_rules! life_cycle {
    (brief, $($shape:tt)*) => {
        life_cycle!(
            /// See [`with` of two members](Gather::with).
            with,
            /// See [`with_own_error` of two members](Gather::with_own_error).
            with_own_error,
            $($shape)*
        );
    };
    (
        $(#[$with:meta])* with,
        $(#[$own:meta])* with_own_error,
        $Refs:ty, $Values:ty, $Error:ty, $Shape:ty
    ) => {
        $(#[$with])*
        pub fn with<T: BodyResult<$Error>>(
            self,
            body: impl AsyncFnOnce($Refs) -> T,
        ) -> With<impl Cycle<Value = T::Value, Error = $Error, Shape = $Shape, BodyError = $Error>> {
            self.run(body)
        }

        $(#[$own])*
        pub fn with_own_error<R, B: 'static>(
            self,
            body: impl AsyncFnOnce($Refs) -> Result<R, B>,
        ) -> With<impl Cycle<Value = R, Error = $Error, Shape = $Shape, BodyError = B>> {
            self.run(body)
        }

        fn run<T: BodyResult<B>, B: 'static>(
            self,
            body: impl AsyncFnOnce($Refs) -> T,
        ) -> With<impl Cycle<Value = T::Value, Error = $Error, Shape = $Shape, BodyError = B>> {
            let members = self.group.into_members(<P::Exits as ExitPolicy>::CALLER_WAKER, P::Observer::OBSERVES);
            let block = Entered::<$Values, P::Exits>::block::<P::Stop, _, T, B>;
            With(Machine::new(members, Call::new(body, block, <$Values>::split()), self.policy))
        }
    };
}

/// Writes the block that owns the values of one shape while a body borrows them. `$by` is how the body borrows the
/// references that `lend` returns.
macro_rules! block {
    ($Refs:ty, [$($by:tt)*], $Values:ty) => {
        /// The block that owns the values while the body borrows them.
        pub(crate) fn block<S: Stop, C: AsyncFnOnce($Refs) -> T, T: BodyResult<B>, B>(
            body: C,
            held: HeldAll<$Values, P::Rank>,
            policy: P,
        ) -> impl Future<Output = (HeldAll<$Values, P::Rank>, Ended<Result<T::Value, B>>)> {
            let mut entered = Self::new(held, policy);
            async move {
                #[allow(unused_mut, clippy::let_unit_value)]
                let mut refs = entered.lend();
                let ended = Body::<_, _, S, $Values>::new(|| body($($by)* refs)).await;
                (entered.into_held(), ended.map(|output| output.map(T::into_result)))
            }
        }
    };
}

/// Writes the methods of the tuples. Those of the tuple of two members have the docs.
macro_rules! tuple {
    (2, $($tuple:tt)*) => {
        tuple!(
            [
        /// Enters every member at the same time, runs `body` while the gather holds every resource, and then exits
        /// every member at the same time. Each exit receives how the body ended.
        ///
        /// The body borrows the values in argument order, whichever entered first, and may borrow from its
        /// surroundings. A plain `async fn` is a body too. The body fails with the group's error type.
        ///
        /// | if the body does not compile | do this |
        /// | --- | --- |
        /// | it is a plain closure | write `async \|(a, b)\| ..` in place of `\|(a, b)\| async { .. }` |
        /// | "lifetime may not live long enough", "cannot move out" | the exits own the values, so return a clone, or [`take`](core::mem::take) the data out |
        /// | "borrowed data escapes" | the task that you spawn cannot borrow a value, so give it a clone, such as an `Arc` |
        /// | "`?` couldn't convert the error" | use [`with_own_error`](Self::with_own_error), or [`errors_into`](crate::EnterExt::errors_into) for the members |
        /// | the body never returns | annotate it: `-> Result<(), _>` |
        ///
        /// # Errors
        ///
        /// | cause | what happened |
        /// | --- | --- |
        /// | [`Cause::Enter`](crate::Cause::Enter) | a member could not be entered: the members that entered are exited, and the body is not called |
        /// | [`Cause::Lost`](crate::Cause::Lost) | a [driver](crate::EnterExt::driven) failed before the body had ended |
        /// | [`Cause::Body`](crate::Cause::Body) | the body failed; exits may [suppress](crate::Failure::is_suppressed) its error |
        /// | [`Cause::Exit`](crate::Cause::Exit) | only exits failed; [`keep_value`](crate::With::keep_value) keeps the body's value |
        /// | [`Cause::Cancelled`](crate::Cause::Cancelled) | the group was [cancelled](Self::cancel_on) |
        ///
        /// A table in [`Failure`](crate::Failure#which-error-which-case) has every case.
        ///
        /// # Panics
        ///
        /// With the feature `std`, a panic of the body or of a member resumes when all exits have finished.
        ///
        /// # Cancellation
        ///
        /// If you drop the future, nothing is exited: see [`With`]. For `tokio::spawn`, a resource type with a lifetime
        /// may need [`assert_send`](crate::With::assert_send).
        ///
        /// ```
        /// use std::io;
        ///
        /// use gather_cm::{EnterExt, gather};
        ///
        /// async fn open(ports: &[u16]) -> Result<Vec<u16>, io::Error> {
        ///     Ok(ports.to_vec())
        /// }
        ///
        /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
        /// let factor = 2;
        /// let sum = gather((open(&[1, 2]).drop_on_exit(), open(&[3]).drop_on_exit()))
        ///     .with(async |(a, b)| Ok(factor * (a.len() + b.len())))
        ///     .await?;
        /// assert_eq!(sum, 6);
        /// # Ok(()) }) }
        /// ```
                with,
        /// Does what [`with`](Self::with) does, for a body with an error type of its own.
        ///
        /// # Errors
        ///
        /// It fails as [`with`](Self::with) does. The body's error is a `B`, so the failure is a
        /// [`Failure<E, S, B>`](crate::Failure). If the body uses `?`, name `B` in its `Ok`, as in the example.
        ///
        /// # Panics
        ///
        /// It panics as [`with`](Self::with) does.
        ///
        /// # Cancellation
        ///
        /// A drop does the same as in [`with`](Self::with).
        ///
        /// ```
        /// use std::{io, num::ParseIntError};
        ///
        /// use gather_cm::{Cause, EnterExt, ExitCase, gather};
        ///
        /// # smol::block_on(async {
        /// let text = async { Ok::<_, io::Error>("12a") }.exit_with(async |_, case| {
        ///     assert_eq!(case, ExitCase::Failed);
        ///     Ok(())
        /// });
        /// let other = async { Ok("7") }.drop_on_exit();
        /// let failure = gather((text, other))
        ///     .with_own_error(async |(a, b)| {
        ///         Ok::<_, ParseIntError>(a.parse::<u32>()? + b.parse::<u32>()?)
        ///     })
        ///     .await
        ///     .unwrap_err();
        /// assert!(matches!(failure.cause, Cause::Body(_)));
        /// # });
        /// ```
                with_own_error
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
        impl<$($E: 'static,)? $($M, $V,)* P> Gather<($($M,)*), P>
        where
            $($M: IntoFuture<Output = Result<$V, $Error>>, $V: Resource<Error = $Error>,)*
            P: Policy,
        {
            life_cycle!($($docs)*, ($(&mut $V::Value,)*), ($($V,)*), $Error, Few<$n>);
        }

        $($hidden)*
        impl<$($E,)? $($V: Resource<Error = $Error>,)* P: ExitPolicy> Entered<($($V,)*), P> {
            /// Returns references to the values, without the adapters around them. A body borrows the same references.
            ///
            /// [`Entered`] has an example with [`exit_boxed`](crate::EnterExt::exit_boxed).
            #[allow(clippy::unused_unit)]
            pub fn lend(&mut self) -> ($(&mut $V::Value,)*) {
                #[allow(unused_variables)]
                let values = &mut **self;
                ($(values.$i.lend_value(),)*)
            }

            block!(($(&mut $V::Value,)*), [], ($($V,)*));
        }
    };
}

for_each_tuple!(tuple);

impl<M, V, E: 'static, const N: usize, P> Gather<[M; N], P>
where
    M: IntoFuture<Output = Result<V, E>>,
    V: Resource<Error = E>,
    P: Policy,
{
    life_cycle!(brief, [&mut V::Value; N], [V; N], E, Few<N>);
}

impl<V: Resource, const N: usize, P: ExitPolicy> Entered<[V; N], P> {
    /// Returns references to the values, without the adapters around them. A body borrows the same references.
    ///
    /// [`Entered`] has an example.
    pub fn lend(&mut self) -> [&mut V::Value; N] {
        self.each_mut().map(V::lend_value)
    }

    block!([&mut V::Value; N], [], [V; N]);
}

#[cfg(feature = "alloc")]
impl<M, V, E: 'static, P> Gather<Vec<M>, P>
where
    M: IntoFuture<Output = Result<V, E>>,
    V: Resource<Error = E>,
    P: Policy,
{
    life_cycle!(brief, &mut VecRefs<'_, V>, Vec<V>, E, Many);
}

#[cfg(feature = "alloc")]
impl<V: Resource, P: ExitPolicy> Entered<Vec<V>, P> {
    /// Returns a view of the values, without the adapters around them. A body borrows the same view.
    ///
    /// [`VecRefs`] has an example.
    pub fn lend(&mut self) -> VecRefs<'_, V> {
        VecRefs(self)
    }

    block!(&mut VecRefs<'_, V>, [&mut], Vec<V>);
}

#[cfg(feature = "alloc")]
impl<V: Resource<Error: 'static>, P: Policy> Gather<Scope<V>, P> {
    life_cycle!(brief, &Scope<V>, Joined<V>, V::Error, Many);

    /// Runs `body`, which enters resources, and keeps all of them if it succeeds. If it fails, the gather exits the
    /// resources that have joined.
    ///
    /// So the body enters a group, all or nothing. The [`Entered`] that it returns along with the body's value is a
    /// resource like any other. It may be a field of a struct, a fixture, or a member of a group.
    ///
    /// # Errors
    ///
    /// If the body fails, the cause is [`Cause::Body`](crate::Cause::Body). If the body does not succeed, the exits of
    /// the resources that have joined receive `Failed`, `Cancelled` or `Panicked`.
    ///
    /// # Panics
    ///
    /// It panics as [`with`](Self::with) does.
    ///
    /// # Cancellation
    ///
    /// See [`With`]. If you drop the resources after you have received them, that abandons them.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{EnterExt, Exit, ExitCase, scope};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let open = |port: u16| async move { Ok::<_, io::Error>(port) }.drop_on_exit();
    /// let (count, ports) = scope()
    ///     .with_entered(async |scope| {
    ///         for port in [80, 443] {
    ///             scope.enter(open(port)).await?;
    ///         }
    ///         Ok(scope.len())
    ///     })
    ///     .await?;
    /// assert_eq!((count, *ports[1]), (2, 443));
    /// ports.exit(ExitCase::Completed).await?;
    /// # Ok(()) }) }
    /// ```
    pub fn with_entered<T: BodyResult<V::Error>>(
        self,
        body: impl AsyncFnOnce(&Scope<V>) -> T,
    ) -> With<
        impl Cycle<Value = (T::Value, Entered<Joined<V>, P::Exits>), Error = V::Error, Shape = Many, BodyError = V::Error>,
    > {
        let members = self.group.into_members(<P::Exits as ExitPolicy>::CALLER_WAKER, P::Observer::OBSERVES);
        let block = Entered::<Joined<V>, P::Exits>::block_that_keeps::<P::Stop, _, T>;
        With(AllOrNothing(Machine::new(members, CallAndKeep::new(body, block), self.policy)))
    }
}

#[cfg(feature = "alloc")]
impl<R: Resource, P: ExitPolicy> Entered<Joined<R>, P> {
    /// The block that owns the scope while the body borrows it.
    #[allow(clippy::manual_async_fn)] // the policy need not be in the future
    pub(crate) fn block<S: Stop, C: AsyncFnOnce(&Scope<R>) -> T, T: BodyResult<B>, B>(
        body: C,
        mut held: HeldAll<Joined<R>, P::Rank>,
        _: P,
    ) -> impl Future<Output = (HeldAll<Joined<R>, P::Rank>, Ended<Result<T::Value, B>>)> {
        async move {
            let scope = Scope::from(held.take().0);
            let ended = Body::<_, _, S, Joined<R>>::new(|| body(&scope)).await;
            (HeldAll::new(scope.into_joined(), ()), ended.map(|output| output.map(T::into_result)))
        }
    }

    /// The same block, for `with_entered`. The machine adds the joined resources to the body's value.
    #[allow(clippy::type_complexity)]
    pub(crate) fn block_that_keeps<S: Stop, C: AsyncFnOnce(&Scope<R>) -> T, T: BodyResult<R::Error>>(
        body: C,
        held: HeldAll<Joined<R>, P::Rank>,
        policy: P,
    ) -> impl Future<Output = (HeldAll<Joined<R>, P::Rank>, Ended<Result<Kept<T::Value, R, P>, R::Error>>)> {
        let block = Self::block::<S, C, T, R::Error>(body, held, policy);
        async move {
            let (held, ended) = block.await;
            (held, ended.map(|output| output.map(|result| result.map(|value| (value, None)))))
        }
    }
}

/// The values of a `Vec` of members, without the adapters around them. A body borrows them in this form.
///
/// It has no index, because the values lie inside of the adapters: call [`get_mut`](Self::get_mut) for one value, and
/// [`iter_mut`](Self::iter_mut) for all of them. If you need several values at once, collect the references of `iter_mut`.
///
/// ```
/// use std::io;
///
/// use gather_cm::{DropOnExit, EnterExt, VecRefs, gather};
///
/// type Buffer = DropOnExit<Vec<u8>, io::Error>;
///
/// async fn fill(buffers: &mut VecRefs<'_, Buffer>) -> Result<usize, io::Error> {
///     for buffer in buffers.iter_mut() {
///         buffer.push(7);
///     }
///     Ok(buffers.len())
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// let members: Vec<_> = (0..3).map(|_| async { Ok(Vec::new()) }.drop_on_exit()).collect();
/// assert_eq!(gather(members).with(fill).await?, 3);
/// # Ok(()) }) }
/// ```
#[cfg(feature = "alloc")]
pub struct VecRefs<'a, V>(&'a mut [V]);

#[cfg(feature = "alloc")]
impl<V: Resource> VecRefs<'_, V> {
    /// Returns how many values there are. There is an example [above](Self).
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is no value.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{EnterExt, gather};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let members = vec![async { Ok::<_, io::Error>(1) }.drop_on_exit()];
    /// assert!(!gather(members).with(async |all| Ok(all.is_empty())).await?);
    /// # Ok(()) }) }
    /// ```
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the value at `index`, if there is one.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{EnterExt, gather};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let members = vec![async { Ok::<_, io::Error>(1) }.drop_on_exit()];
    /// let first = gather(members).with(async |all| Ok(all.get_mut(0).copied())).await?;
    /// assert_eq!(first, Some(1));
    /// # Ok(()) }) }
    /// ```
    pub fn get_mut(&mut self, index: usize) -> Option<&mut V::Value> {
        self.0.get_mut(index).map(V::lend_value)
    }

    /// Returns the values in argument order. There is an example [above](Self).
    pub fn iter_mut(&mut self) -> ValuesMut<'_, V> {
        self.0.iter_mut().map(V::lend_value as fn(&mut V) -> &mut V::Value)
    }
}

/// The values of [`VecRefs`], in argument order.
#[cfg(feature = "alloc")]
type ValuesMut<'a, V> = iter::Map<slice::IterMut<'a, V>, fn(&'a mut V) -> &'a mut <V as Resource>::Value>;

#[cfg(feature = "alloc")]
impl<'a, V: Resource> IntoIterator for VecRefs<'a, V> {
    type Item = &'a mut V::Value;
    type IntoIter = ValuesMut<'a, V>;

    fn into_iter(self) -> ValuesMut<'a, V> {
        self.0.iter_mut().map(V::lend_value as fn(&'a mut V) -> &'a mut V::Value)
    }
}

#[cfg(feature = "alloc")]
impl<'a, V: Resource> IntoIterator for &'a mut VecRefs<'_, V> {
    type Item = &'a mut V::Value;
    type IntoIter = ValuesMut<'a, V>;

    fn into_iter(self) -> ValuesMut<'a, V> {
        self.iter_mut()
    }
}

#[cfg(feature = "alloc")]
impl<V> fmt::Debug for VecRefs<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VecRefs").finish_non_exhaustive()
    }
}
