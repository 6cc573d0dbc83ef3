//! What a resource is: [`Exit`], and the two words it exchanges with its group, [`ExitCase`] and [`Verdict`].

use core::any::Any;

/// A resource: a value that must be released by an async `exit`.
///
/// It is the counterpart of Python's [`__aexit__`]; the entering is done by whatever future gives the value. A resource
/// held by a gather is released exactly once: by [`exit`](Self::exit), or, where the gather's future is dropped before
/// that, by [`abandon`](Self::abandon).
///
/// A value of a type that is not yours joins a group with [`EnterExt::exit_with`](crate::EnterExt::exit_with) or
/// [`EnterExt::drop_on_exit`](crate::EnterExt::drop_on_exit).
///
/// ```
/// use gather_cm::{Exit, ExitCase, gather};
///
/// struct Transaction(&'static str);
///
/// impl Exit for Transaction {
///     type Error = String;
///     type Verdict = ();
///     async fn exit(self, case: ExitCase) -> Result<(), String> {
///         match case {
///             ExitCase::Completed => println!("{}: commit", self.0),
///             _ => println!("{}: roll back", self.0),
///         }
///         Ok(())
///     }
/// }
///
/// async fn begin(name: &'static str) -> Result<Transaction, String> {
///     Ok(Transaction(name))
/// }
///
/// smol::block_on(async {
///     gather((begin("a"), begin("b"))).with(async |(_a, _b)| {}).await.unwrap();
/// });
/// ```
///
/// [`__aexit__`]: https://docs.python.org/3/reference/datamodel.html#object.__aexit__
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a resource: it does not implement `Exit`",
    label = "a member of a group must give a value that can be exited",
    note = "implement `gather_cm::Exit` for `{Self}`, or adapt the member with `.exit_with(async |value, case| ..)` \
            or `.drop_on_exit()` from `gather_cm::EnterExt`"
)]
pub trait Exit: Sized {
    /// What `exit` fails with. All members of a group have the same error type, for entering and for exiting.
    type Error;

    /// What `exit` answers: `()` never suppresses the body's error, `bool` and [`Verdict`] may.
    type Verdict: Into<Verdict>;

    /// Releases the resource, told how the body ended.
    ///
    /// Called once, when the body has ended or a sibling could not be entered, and driven to its end whatever the
    /// siblings do.
    ///
    /// # Errors
    ///
    /// An error is kept under the member's index in [`Failure::exits`](crate::Failure::exits). It stops no other exit.
    ///
    /// # Panics
    ///
    /// With the feature `std`, a panic stops no other exit; it resumes when all are done.
    ///
    /// # Cancellation
    ///
    /// Where the gather's future is dropped while this future is in flight, this future is dropped too, and the
    /// resource with it. It should then release what its `Drop` can.
    fn exit(self, case: ExitCase) -> impl Future<Output = Result<Self::Verdict, Self::Error>>;

    /// Shown the error itself, just before `exit`: the body's error, or the first enter error of a rollback.
    ///
    /// [`ExitCase`] tells every exit the kind of end, and is `Copy`; a resource that wants to know more downcasts here.
    ///
    /// ```
    /// use core::any::Any;
    /// use gather_cm::{Exit, ExitCase, gather};
    ///
    /// #[derive(Default)]
    /// struct Span { error: Option<String> }
    ///
    /// impl Exit for Span {
    ///     type Error = String;
    ///     type Verdict = ();
    ///     fn witness(&mut self, error: &dyn Any) {
    ///         self.error = error.downcast_ref::<String>().cloned();
    ///     }
    ///     async fn exit(self, case: ExitCase) -> Result<(), String> {
    ///         assert_eq!(case, ExitCase::Failed);
    ///         assert_eq!(self.error.as_deref(), Some("disk full"));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// smol::block_on(async {
    ///     let failure = gather((async { Ok(Span::default()) },))
    ///         .try_with(async |(_span,)| Err::<(), _>("disk full".to_string()))
    ///         .await
    ///         .unwrap_err();
    ///     assert_eq!(failure.to_string(), "body failed: disk full");
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// With the feature `std`, the resource is exited all the same; the panic resumes when all is done.
    fn witness(&mut self, error: &dyn Any) {
        let _ = error;
    }

    /// Called instead of `exit` where nothing can be awaited any more: the gather's future was dropped.
    ///
    /// By default the value is dropped.
    ///
    /// ```
    /// use gather_cm::{Exit, ExitCase, gather};
    /// use std::{cell::Cell, future::Future, pin::pin, task::{Context, Waker}};
    ///
    /// struct Radio<'a>(&'a Cell<&'static str>);
    ///
    /// impl Exit for Radio<'_> {
    ///     type Error = ();
    ///     type Verdict = ();
    ///     async fn exit(self, _: ExitCase) -> Result<(), ()> {
    ///         self.0.set("powered down");
    ///         Ok(())
    ///     }
    ///     fn abandon(self) {
    ///         self.0.set("power cut");
    ///     }
    /// }
    ///
    /// let state = Cell::new("on");
    /// {
    ///     let mut fut = pin!(
    ///         gather((async { Ok(Radio(&state)) },)).with(async |_| std::future::pending::<()>().await)
    ///     );
    ///     assert!(fut.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    /// } // dropped in the body
    /// assert_eq!(state.get(), "power cut");
    /// ```
    ///
    /// # Panics
    ///
    /// A panic does not skip the other members' `abandon`.
    fn abandon(self) {}
}

/// How the body ended, told to every exit.
///
/// Python tells [`__aexit__`] the exception, or `None`; this is the same in one `Copy` word, and
/// [`Exit::witness`] shows the error.
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
    /// The group was told to stop before the body had ended.
    Cancelled,
    /// The body panicked, or the entering of a member did (feature `std`).
    Panicked,
    /// Another member could not be entered; the body was not called.
    EnterFailed,
}

/// What an exit answers: should the body's error go on, or has it been dealt with?
///
/// In Python, `__aexit__` [returns a true value to swallow the exception][py]. In a pool all exits are told at the same
/// time, so the body's error counts as suppressed only where every one of them says so; see
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
    /// The body's error goes on.
    #[default]
    Propagate,
    /// The body's error is swallowed.
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
