//! The traits of resources ([`Exit`], [`Resource`]) and of members ([`Member`]), and the two words that a resource
//! exchanges with its group: [`ExitCase`] and [`Verdict`].

use core::{
    any::Any,
    pin::Pin,
    task::{Context, Poll},
};

#[cfg(feature = "alloc")]
use alloc::boxed::Box;

use pin_project::pin_project;

#[cfg(feature = "alloc")]
use crate::drive::OfTarget;
use crate::drive::{Drive, Drove, Exiting, NoDriver, Split, Undriven};

/// A resource: a value that an async `exit` must release.
///
/// This is the counterpart of Python's [`__aexit__`]. Any future that returns the value enters it. A gather that holds
/// a resource releases it exactly once: by [`exit`](Self::exit), or by [`abandon`](Self::abandon) if the gather's
/// future is dropped before the exit begins.
///
/// If a type is not yours, you can still make its values join a group: use
/// [`EnterExt::exit_with`](crate::EnterExt::exit_with) or [`EnterExt::drop_on_exit`](crate::EnterExt::drop_on_exit).
///
/// ```
/// use std::io;
///
/// use gather_cm::{Exit, ExitCase, gather};
///
/// struct Transaction(&'static str);
///
/// impl Exit for Transaction {
///     type Error = io::Error;
///     type Verdict = ();
///
///     async fn exit(self, case: ExitCase) -> Result<(), io::Error> {
///         match case {
///             ExitCase::Completed => println!("{}: commit", self.0),
///             _ => println!("{}: roll back", self.0),
///         }
///         Ok(())
///     }
/// }
///
/// async fn begin(name: &'static str) -> Result<Transaction, io::Error> {
///     Ok(Transaction(name))
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// gather((begin("a"), begin("b"))).with(async |(_a, _b)| Ok(())).await?;
/// # Ok(()) }) }
/// ```
///
/// [`__aexit__`]: https://docs.python.org/3/reference/datamodel.html#object.__aexit__
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a resource: it does not implement `Exit`",
    label = "a member of a group must return a value that can be exited",
    note = "implement `gather_cm::Exit` for `{Self}`, or adapt the member with `.exit_with(async |value, case| ..)` \
            or `.drop_on_exit()` from `gather_cm::EnterExt`",
    note = "if the member returns a handle along with a driver, call `.driven()` before that"
)]
pub trait Exit: Sized {
    /// The error of `exit`. All members of a group have the same error type, for entering and for exiting.
    type Error;

    /// The answer of `exit`. `()` never suppresses the body's error, and `bool` and [`Verdict`] may.
    type Verdict: Into<Verdict>;

    /// Releases the resource. The case says how the body ended.
    ///
    /// The gather calls it once, when the body has ended or was stopped, or when the body will not be called because
    /// another member could not be entered. Unless the gather is dropped, it polls the future to its end, whatever the
    /// other members do. There is an example [above](Self).
    ///
    /// # Errors
    ///
    /// The gather keeps an error under the member's index in [`Failure::exits`](crate::Failure::exits). An error stops
    /// no other exit.
    ///
    /// # Panics
    ///
    /// With the feature `std`, a panic stops no other exit. It resumes when all exits have finished.
    ///
    /// # Cancellation
    ///
    /// If the gather's future is dropped while this future is in flight, this future is dropped too, along with the
    /// resource. The `Drop` of the resource should then release as much as it can.
    fn exit(self, case: ExitCase) -> impl Future<Output = Result<Self::Verdict, Self::Error>>;

    /// Receives the error itself, just before `exit`. This is the body's error, or the first error of the enters or of
    /// the drivers.
    ///
    /// [`ExitCase`] names only the kind of end, so that it can be `Copy`. If your resource needs to know more, downcast
    /// the error to the error type of the body or of the group. The gather does not call this method if there is no
    /// error. A table in [`Failure`](crate::Failure#which-error-which-case) says when there is one.
    ///
    /// ```
    /// use std::{any::Any, io};
    ///
    /// use gather_cm::{Exit, ExitCase, gather};
    ///
    /// #[derive(Default)]
    /// struct Span {
    ///     error: Option<String>,
    /// }
    ///
    /// impl Exit for Span {
    ///     type Error = io::Error;
    ///     type Verdict = ();
    ///
    ///     fn on_error(&mut self, error: &dyn Any) {
    ///         self.error = error.downcast_ref::<io::Error>().map(io::Error::to_string);
    ///     }
    ///
    ///     async fn exit(self, case: ExitCase) -> Result<(), io::Error> {
    ///         assert_eq!(case, ExitCase::Failed);
    ///         assert_eq!(self.error.as_deref(), Some("disk full"));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # smol::block_on(async {
    /// let failure = gather((async { Ok(Span::default()) },))
    ///     .with(async |(_span,)| Err::<(), _>(io::Error::other("disk full")))
    ///     .await
    ///     .unwrap_err();
    /// assert_eq!(failure.to_string(), "body failed: disk full");
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// With the feature `std`, the gather exits the resource even if this method panics. The panic resumes when all
    /// exits have finished.
    fn on_error(&mut self, error: &dyn Any) {
        let _ = error;
    }

    /// Releases the resource at once, instead of by `exit`. A drop of the gather's future or of an
    /// [`Entered`](crate::Entered) calls it, since a drop can await nothing.
    ///
    /// By default the value is dropped.
    ///
    /// ```
    /// use std::{
    ///     cell::Cell,
    ///     future::{Future, pending},
    ///     io,
    ///     pin::pin,
    ///     task::{Context, Waker},
    /// };
    ///
    /// use gather_cm::{Exit, ExitCase, gather};
    ///
    /// struct Radio<'a>(&'a Cell<&'static str>);
    ///
    /// impl Exit for Radio<'_> {
    ///     type Error = io::Error;
    ///     type Verdict = ();
    ///
    ///     async fn exit(self, _: ExitCase) -> Result<(), io::Error> {
    ///         self.0.set("powered down");
    ///         Ok(())
    ///     }
    ///
    ///     fn abandon(self) {
    ///         self.0.set("power cut");
    ///     }
    /// }
    ///
    /// let state = Cell::new("on");
    /// {
    ///     let radio = async { Ok(Radio(&state)) };
    ///     let mut future = pin!(gather((radio,)).with(async |_| Ok(pending::<()>().await)));
    ///     assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    /// } // dropped while the body runs
    /// assert_eq!(state.get(), "power cut");
    /// ```
    ///
    /// # Panics
    ///
    /// A panic does not skip the other members' `abandon`.
    fn abandon(self) {}

    /// Exits the resource as a member of a group. Unlike `exit`, it may answer neither way, as an empty group does.
    #[doc(hidden)]
    fn exit_in_group(self, case: ExitCase) -> impl Exiting<Error = Self::Error> {
        Answering(self.exit(case))
    }

    /// See [`Resource::DRIVEN`].
    #[doc(hidden)]
    const DRIVEN_IN_GROUP: bool = false;

    /// See [`Resource::drive_resource`]. A group that was entered may have drivers in it.
    #[doc(hidden)]
    fn drive_in_group(&mut self, cx: &mut Context<'_>) -> Drove {
        let _ = cx;
        Drove::default()
    }

    /// See [`Resource::has_lost`].
    #[doc(hidden)]
    fn has_lost_in_group(&self) -> bool {
        false
    }

    /// See [`Resource::take_lost`].
    #[doc(hidden)]
    fn take_lost_in_group(&mut self) -> Option<Self::Error> {
        None
    }

    /// See [`Resource::split_drivers`].
    #[doc(hidden)]
    fn split_in_group() -> impl Split<Self, Drivers = impl Drive<Self>> {
        Undriven
    }
}

/// A boxed resource is a resource.
///
/// ```
/// use std::io;
///
/// use gather_cm::{Exit, ExitCase, gather};
///
/// struct Arena([u8; 4096]);
///
/// impl Exit for Arena {
///     type Error = io::Error;
///     type Verdict = ();
///
///     async fn exit(self, _: ExitCase) -> Result<(), io::Error> {
///         Ok(())
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// let arena = async { Ok(Box::new(Arena([0; 4096]))) };
/// let len = gather((arena,)).with(async |(arena,)| Ok(arena.0.len())).await?;
/// assert_eq!(len, 4096);
/// # Ok(()) }) }
/// ```
#[cfg(feature = "alloc")]
impl<T: Exit> Exit for Box<T> {
    type Error = T::Error;
    type Verdict = T::Verdict;

    fn exit(self, case: ExitCase) -> impl Future<Output = Result<T::Verdict, T::Error>> {
        (*self).exit(case)
    }

    fn on_error(&mut self, error: &dyn Any) {
        (**self).on_error(error);
    }

    fn abandon(self) {
        (*self).abandon();
    }

    fn exit_in_group(self, case: ExitCase) -> impl Exiting<Error = T::Error> {
        (*self).exit_in_group(case)
    }

    const DRIVEN_IN_GROUP: bool = T::DRIVEN_IN_GROUP;

    fn drive_in_group(&mut self, cx: &mut Context<'_>) -> Drove {
        (**self).drive_in_group(cx)
    }

    fn has_lost_in_group(&self) -> bool {
        (**self).has_lost_in_group()
    }

    fn take_lost_in_group(&mut self) -> Option<T::Error> {
        (**self).take_lost_in_group()
    }

    fn split_in_group() -> impl Split<Self, Drivers = impl Drive<Self>> {
        OfTarget(T::split_in_group())
    }
}

/// A value that a group holds and exits.
///
/// Every [`Exit`] is a resource and lends itself to the body. The adapters of [`EnterExt`](crate::EnterExt) make
/// resources, too, which lend the value inside them. You need this trait only to write signatures.
///
/// This trait is sealed. You cannot implement it, but you can implement [`Exit`].
///
/// ```
/// use std::io;
///
/// use gather_cm::{EnterExt, Member, Resource, gather};
///
/// async fn hold<M, R>(member: M) -> Result<(), io::Error>
/// where
///     M: Member<Resource = R, Error = io::Error>,
///     R: Resource<Error = io::Error>,
/// {
///     match gather((member,)).with(async |_| Ok(())).await {
///         Ok(()) => Ok(()),
///         Err(failure) => Err(io::Error::other(failure.to_string())),
///     }
/// }
///
/// # fn main() -> Result<(), io::Error> { smol::block_on(async {
/// hold(async { Ok("lock") }.drop_on_exit()).await?;
/// # Ok(()) }) }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a resource: it does not implement `Exit`",
    label = "a member of a group must return a value that can be exited",
    note = "if it is a type of yours, implement `gather_cm::Exit` for it, or adapt the member with \
            `.exit_with(async |value, case| ..)` or `.drop_on_exit()` from `gather_cm::EnterExt`",
    note = "if an adapter made it, the `impl` below names the bound that is not met: a deadline is \
            `async || {{ sleep(..).await; error }}`, `.errors_into()` needs `From`, and a driver must be `Unpin`",
    note = "if the member returns a handle along with a driver, call `.driven()` before the other adapters"
)]
pub trait Resource: Sized + sealed::Sealed {
    /// The error of the exit.
    type Error;

    /// The answer of the exit.
    type Verdict: Into<Verdict>;

    /// The value that the body borrows, without the adapters around it.
    type Value;

    /// Exits the resource.
    #[doc(hidden)]
    fn release_resource(self, case: ExitCase) -> impl Exiting<Error = Self::Error>;

    /// Exits the resource alone, outside of a group.
    #[doc(hidden)]
    fn exit_resource(self, case: ExitCase) -> impl Future<Output = Result<Self::Verdict, Self::Error>>;

    /// Lends the value to the body.
    #[doc(hidden)]
    fn lend_value(&mut self) -> &mut Self::Value;

    /// See [`Exit::on_error`].
    #[doc(hidden)]
    fn show_error(&mut self, error: &dyn Any) {
        let _ = error;
    }

    /// See [`Exit::abandon`].
    #[doc(hidden)]
    fn abandon_resource(self) {}

    /// Whether the resource may be absent.
    #[doc(hidden)]
    const OPTIONAL: bool = false;

    /// Returns whether the resource is absent, because its optional member could not be entered.
    #[doc(hidden)]
    fn is_absent(&self) -> bool {
        false
    }

    /// Whether the resource has a driver.
    #[doc(hidden)]
    const DRIVEN: bool = false;

    /// Polls the drivers. If one fails, its error waits in here.
    #[doc(hidden)]
    fn drive_resource(&mut self, cx: &mut Context<'_>) -> Drove {
        let _ = cx;
        Drove::default()
    }

    /// Returns whether the error of a driver that failed is in here.
    #[doc(hidden)]
    fn has_lost(&self) -> bool {
        false
    }

    /// Moves out the error of a driver that failed. An error that is still in here when the exit begins becomes the
    /// error of the exit.
    #[doc(hidden)]
    fn take_lost(&mut self) -> Option<Self::Error> {
        None
    }

    /// Returns a `Split` that moves the drivers out, so that they can be polled while the body borrows the value.
    #[doc(hidden)]
    fn split_drivers() -> impl Split<Self, Drivers = impl Drive<Self>> {
        Undriven
    }
}

impl<T: Exit> sealed::Sealed for T {}

impl<T: Exit> Resource for T {
    type Error = T::Error;
    type Verdict = T::Verdict;
    type Value = T;

    // The trait hides these items. rustdoc shows them all the same on the page of each type that has this impl.
    #[doc(hidden)]
    fn release_resource(self, case: ExitCase) -> impl Exiting<Error = T::Error> {
        self.exit_in_group(case)
    }

    #[doc(hidden)]
    fn exit_resource(self, case: ExitCase) -> impl Future<Output = Result<T::Verdict, T::Error>> {
        self.exit(case)
    }

    #[doc(hidden)]
    fn lend_value(&mut self) -> &mut T {
        self
    }

    #[doc(hidden)]
    fn show_error(&mut self, error: &dyn Any) {
        self.on_error(error);
    }

    #[doc(hidden)]
    fn abandon_resource(self) {
        self.abandon();
    }

    #[doc(hidden)]
    const DRIVEN: bool = T::DRIVEN_IN_GROUP;

    #[doc(hidden)]
    fn drive_resource(&mut self, cx: &mut Context<'_>) -> Drove {
        self.drive_in_group(cx)
    }

    #[doc(hidden)]
    fn has_lost(&self) -> bool {
        self.has_lost_in_group()
    }

    #[doc(hidden)]
    fn take_lost(&mut self) -> Option<T::Error> {
        self.take_lost_in_group()
    }

    #[doc(hidden)]
    fn split_drivers() -> impl Split<Self, Drivers = impl Drive<Self>> {
        T::split_in_group()
    }
}

pub mod sealed {
    /// Only resources implement this trait.
    pub trait Sealed {}
}

/// A member of a group, for signatures: an [`IntoFuture`] that returns a [`Resource`] or an error.
///
/// It is implemented for every such future, so you never implement it. It lets a function return a member without
/// naming the adapters around it.
///
/// If you pass the result to `tokio::spawn`, the signature must show that the future is `Send`, and it must name the
/// resource: `impl Member<Value = Vm, Error = E, Resource = Vm, IntoFuture: Send> + Send`. Otherwise the future of the
/// exit has no name. [`EnterExt::exit_boxed`](crate::EnterExt::exit_boxed) makes a resource that you can name.
///
/// ```
/// use std::io;
///
/// use gather_cm::{EnterExt, Member, gather};
///
/// fn buffer(len: usize) -> impl Member<Value = Vec<u8>, Error = io::Error> {
///     async move { Ok(vec![0; len]) }.drop_on_exit()
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// let group = gather((buffer(2), buffer(3)));
/// let len = group.with(async |(a, b)| Ok(a.len() + b.len())).await?;
/// assert_eq!(len, 5);
/// # Ok(()) }) }
/// ```
pub trait Member: IntoFuture<Output = Result<<Self as Member>::Resource, <Self as Member>::Error>> {
    /// The value that the body borrows.
    type Value;

    /// The error of the enter and of the exit.
    type Error;

    /// The resource that the enter returns.
    type Resource: Resource<Value = Self::Value, Error = Self::Error>;
}

impl<M, V, E> Member for M
where
    M: IntoFuture<Output = Result<V, E>>,
    V: Resource<Error = E>,
{
    type Value = V::Value;
    type Error = E;
    type Resource = V;
}

/// How the body ended. Every exit receives it.
///
/// Python passes the exception to [`__aexit__`], or `None`. This enum names only the kind of end, so that it can be
/// `Copy`. [`Exit::on_error`] receives the error itself. A table in [`Failure`](crate::Failure#which-error-which-case)
/// lists every situation. In a [`stack`](crate::Gather::stack) the case also says how the exits before this one ended.
///
/// ```
/// use gather_cm::ExitCase;
///
/// fn verb(case: ExitCase) -> &'static str {
///     match case {
///         ExitCase::Completed => "commit",
///         _ => "roll back",
///     }
/// }
/// assert_eq!(verb(ExitCase::EnterFailed), "roll back");
/// ```
///
/// [`__aexit__`]: https://docs.python.org/3/reference/datamodel.html#object.__aexit__
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ExitCase {
    /// The body ran to its end.
    Completed,
    /// The body returned an error.
    Failed,
    /// The group was [cancelled](crate::Gather::cancel_on), or dropped under a [`shield`](crate::Gather::shield),
    /// before the body had ended.
    Cancelled,
    /// One of these panicked (feature `std`): the body, an enter, a driver before the exits, the future that
    /// [cancels](crate::Gather::cancel_on) the group, or an observer before the body. In a stack, it may also be an
    /// exit before this one.
    Panicked,
    /// Another member could not be entered, so the body was not called.
    EnterFailed,
    /// A [driver](crate::EnterExt::driven) failed before the body had ended.
    Lost,
}

/// The answer of an exit: does the body's error remain, or has the exit dealt with it?
///
/// In Python, `__aexit__` [returns a true value to swallow the exception][py]. In a pool all exits run at the same
/// time, so the body's error counts as suppressed only if every exit answers `Suppress` and none fails. See
/// [`Failure::is_suppressed`](crate::Failure::is_suppressed).
///
/// ```
/// use gather_cm::Verdict;
///
/// assert_eq!(Verdict::from(()), Verdict::Propagate);
/// assert_eq!(Verdict::from(true), Verdict::Suppress);
/// assert_eq!(Verdict::from(false), Verdict::Propagate);
/// ```
///
/// [py]: https://docs.python.org/3/reference/datamodel.html#object.__exit__
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Verdict {
    /// The body's error remains.
    #[default]
    Propagate,
    /// The body's error is suppressed.
    Suppress,
}

impl From<()> for Verdict {
    fn from((): ()) -> Self {
        Self::Propagate
    }
}

impl From<bool> for Verdict {
    /// `true` is [`Suppress`](Self::Suppress), as in Python.
    fn from(suppress: bool) -> Self {
        if suppress { Self::Suppress } else { Self::Propagate }
    }
}

/// The answer of an exit inside a group: a [`Verdict`], or `Neutral` if it is the exit of an empty group, which has no
/// member that could answer. The highest of several answers is the answer of all.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    Neutral,
    Suppress,
    Propagate,
}

impl From<Verdict> for Answer {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Propagate => Self::Propagate,
            Verdict::Suppress => Self::Suppress,
        }
    }
}

impl Verdict {
    /// Returns the verdict of a member that is exited alone. This is not a `From`, because users would see it.
    pub(crate) fn of(answer: Answer) -> Self {
        Self::from(answer == Answer::Suppress)
    }
}

/// An exit's future, with the answer as a [`Verdict`].
#[pin_project]
pub(crate) struct Judging<Fut>(#[pin] pub(crate) Fut);

impl<Fut: Future<Output = Result<Answer, E>>, E> Future for Judging<Fut> {
    type Output = Result<Verdict, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().0.poll(cx).map_ok(Verdict::of)
    }
}

/// An exit's future, with the verdict as an [`Answer`]. The inner future stays in its place to the end, so that its
/// owner drops it. By then the error has left it, and a destructor that panics cannot lose the error.
#[pin_project]
pub(crate) struct Answering<Fut>(#[pin] pub(crate) Fut);

impl<Fut: Future<Output = Result<W, E>>, W: Into<Verdict>, E> Future for Answering<Fut> {
    type Output = Result<Answer, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().0.poll(cx).map(|result| result.map(|verdict| verdict.into().into()))
    }
}

impl<Fut: Future<Output = Result<W, E>>, W: Into<Verdict>, E> Exiting for Answering<Fut> {
    type Error = E;
    type Kind = NoDriver;
}
