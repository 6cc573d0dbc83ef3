//! The future of a life cycle as users see it, [`With`], and the trait of the life cycle inside it, [`Cycle`].

use core::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::future::FusedFuture;
use pin_project::pin_project;

use crate::{Errors, Failure, Shape, exit::Answer};

/// How a life cycle ends: with the body's value and the common answer of the exits, or with a failure. If only exits
/// failed, the failure comes along with the body's value.
pub type Outcome<R, E, S, B> = Result<(R, Answer), (Failure<E, S, B>, Option<R>)>;

/// The life cycle inside a [`With`], for signatures. This trait is sealed.
///
/// ```
/// use std::io;
///
/// use gather_cm::{Cycle, EnterExt, With, gather};
///
/// fn life_cycle()
/// -> With<impl Cycle<Value = u8, Error = io::Error, BodyError = io::Error>> {
///     gather((async { Ok(1) }.drop_on_exit(),)).with(async |(one,)| Ok(*one))
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// # async fn check<T: Cycle<Value = u8>>(with: With<T>) -> Option<u8> { with.await.ok() }
/// # assert_eq!(check(life_cycle()).await, Some(1));
/// # Ok(()) }) }
/// ```
pub trait Cycle: sealed::Sealed {
    /// The value that the [`With`] returns.
    type Value;
    /// The error of the members.
    type Error;
    /// The shape of the group.
    type Shape: Shape;
    /// The error of the body.
    type BodyError;
    #[doc(hidden)]
    const CATCH: bool;

    #[doc(hidden)]
    fn poll_cycle(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<OutcomeOf<Self>>;

    #[doc(hidden)]
    fn is_over(&self) -> bool;
}

/// How this life cycle ends.
pub type OutcomeOf<T> = Outcome<<T as Cycle>::Value, <T as Cycle>::Error, <T as Cycle>::Shape, <T as Cycle>::BodyError>;

pub mod sealed {
    pub trait Sealed {}
}

/// The future of a whole life cycle. The methods `with`, `with_own_error` and `enter` of
/// [`Gather`](crate::Gather) return it.
///
/// It is `Send` exactly if its parts are: the members, their values, the futures of their exits, and the body.
///
/// `{:?}` and `is_terminated` look at the future through a shared reference. Miri objects to that while the future is
/// pending, as it does for every `async` block. Do not call them in code that you run under Miri.
///
/// # Errors
///
/// It returns a [`Failure`] if anything failed, if the group was cancelled, or if anything panicked under
/// [`catch_unwind`](crate::Gather::catch_unwind).
///
/// # Panics
///
/// With the feature `std`, a panic of the body or of a member resumes when all exits have finished, unless you call
/// [`catch_unwind`](crate::Gather::catch_unwind). The future also panics if you poll it again after it has finished, or
/// after a panic got out of it.
///
/// # Cancellation
///
/// If you drop it, the gather drops pending enters, exits in flight and the body. It [abandons](crate::Exit::abandon)
/// every held resource whose exit has not begun. The errors so far are lost. Call [`shield`](crate::Gather::shield) if
/// the exits must run all the same.
///
/// ```
/// use std::io;
///
/// use gather_cm::{EnterExt, gather};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let member = async { Ok::<_, io::Error>(String::from("hello")) }.drop_on_exit();
/// let task = smol::spawn(gather((member,)).with(async |(text,)| Ok(text.len())));
/// assert_eq!(smol::block_on(task)?, 5);
/// # Ok(()) }
/// ```
#[pin_project]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct With<T>(#[pin] pub(crate) T);

impl<T: Cycle> With<T> {
    /// Returns the body's value along with the errors of the exits, even if exits failed.
    ///
    /// # Errors
    ///
    /// They are the same as without `keep_value`, except that failed exits after a body that completed are no failure.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{EnterExt, gather};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let exit = async |_, _| Err::<(), _>(io::Error::other("timeout"));
    /// let flaky = async { Ok(20) }.exit_with(exit);
    /// let (sum, errors) = gather((flaky,)).with(async |(x,)| Ok(*x + 22)).keep_value().await?;
    /// assert_eq!((sum, errors.len()), (42, 1));
    /// # Ok(()) }) }
    /// ```
    pub fn keep_value(
        self,
    ) -> With<
        impl Cycle<
            Value = (T::Value, Errors<T::Error, T::Shape>),
            Error = T::Error,
            Shape = T::Shape,
            BodyError = T::BodyError,
        >,
    > {
        With(KeepValue(self.0))
    }

    /// Returns the same future, and tells the compiler that it is `Send`.
    ///
    /// Use this if the compiler says "implementation of `AsyncFnOnce` is not general enough" (or the like) when you
    /// spawn a block. rustc cannot yet see `Send` by itself if a resource's type has a lifetime
    /// ([rust#110338](https://github.com/rust-lang/rust/issues/110338)).
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{Exit, ExitCase, gather};
    ///
    /// struct Lease<'a>(&'a str);
    ///
    /// impl Exit for Lease<'_> {
    ///     type Error = io::Error;
    ///     type Verdict = ();
    ///
    ///     async fn exit(self, _: ExitCase) -> Result<(), io::Error> {
    ///         Ok(())
    ///     }
    /// }
    ///
    /// async fn lease(name: &str) -> Result<Lease<'_>, io::Error> {
    ///     Ok(Lease(name))
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let task = smol::spawn(async {
    ///     let name = String::from("port 80");
    ///     gather((lease(&name),)).with(async |(lease,)| Ok(lease.0.len())).assert_send().await
    /// });
    /// assert_eq!(smol::block_on(task)?, 7);
    /// # Ok(()) }
    /// ```
    pub fn assert_send(
        self,
    ) -> With<impl Cycle<Value = T::Value, Error = T::Error, Shape = T::Shape, BodyError = T::BodyError> + Send>
    where
        T: Send,
    {
        self
    }
}

impl<T: Cycle> Future for With<T> {
    type Output = Result<T::Value, Failure<T::Error, T::Shape, T::BodyError>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Each way out has an arm of its own, so that a value is not copied along with the room for a failure.
        match self.project().0.poll_cycle(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok((value, _))) => Poll::Ready(Ok(value)),
            Poll::Ready(Err((failure, None))) => Poll::Ready(Err(failure)),
            Poll::Ready(Err((failure, Some(value)))) => Poll::Ready(Err(failure.drop_value(value, T::CATCH))),
        }
    }
}

impl<T: Cycle> FusedFuture for With<T> {
    fn is_terminated(&self) -> bool {
        self.0.is_over()
    }
}

debug_by_name!(With<T>);

/// A life cycle whose failed exits are no failure.
#[pin_project]
struct KeepValue<T>(#[pin] T);

impl<T> sealed::Sealed for KeepValue<T> {}

/// A life cycle whose value comes along with `K`, the resources that the body has entered.
#[cfg(feature = "alloc")]
#[pin_project]
pub(crate) struct AllOrNothing<T>(#[pin] pub(crate) T);

#[cfg(feature = "alloc")]
impl<T> sealed::Sealed for AllOrNothing<T> {}

#[cfg(feature = "alloc")]
impl<T: Cycle<Value = (R, Option<K>)>, R, K> Cycle for AllOrNothing<T> {
    type Value = (R, K);
    type Error = T::Error;
    type Shape = T::Shape;
    type BodyError = T::BodyError;
    const CATCH: bool = T::CATCH;

    fn poll_cycle(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<OutcomeOf<Self>> {
        match self.project().0.poll_cycle(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(((value, kept), answer))) => {
                let kept = kept.expect("a body that succeeds keeps what has joined");
                Poll::Ready(Ok(((value, kept), answer)))
            }
            Poll::Ready(Err((failure, _))) => Poll::Ready(Err((failure, None))),
        }
    }

    fn is_over(&self) -> bool {
        self.0.is_over()
    }
}

impl<T: Cycle> Cycle for KeepValue<T> {
    type Value = (T::Value, Errors<T::Error, T::Shape>);
    type Error = T::Error;
    type Shape = T::Shape;
    type BodyError = T::BodyError;
    const CATCH: bool = T::CATCH;

    fn poll_cycle(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<OutcomeOf<Self>> {
        match self.project().0.poll_cycle(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok((value, answer))) => Poll::Ready(Ok(((value, Errors::empty()), answer))),
            Poll::Ready(Err((failure, Some(value)))) => Poll::Ready(Ok(((value, failure.exits), Answer::Propagate))),
            Poll::Ready(Err((failure, None))) => Poll::Ready(Err((failure, None))),
        }
    }

    fn is_over(&self) -> bool {
        self.0.is_over()
    }
}
