//! How a gather fails: [`Failure`], its [`Cause`], and the [`Faults`] by index.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::{error::Error, fmt, iter};

#[cfg(doc)]
use crate::Exit;
#[cfg(feature = "std")]
use crate::Panic;
use crate::unwind::Caught;

/// What a gather ends with where not all went well: one cause, and beside it every exit that failed.
///
/// Nothing is lost where nothing panics: every enter error, the body's error, every exit error, and the body's value
/// where only exits failed ([`Cause::Exit`]). [`Display`](fmt::Display) writes it on one line, with each member's index.
///
/// It is an [`Error`] where the errors are `Debug` and `Display`; they need not be `Error` themselves.
///
/// # Which error, which case
///
/// What `with` and `try_with` end with, what the exits are told, and what error [`Exit::witness`] is shown:
///
/// | what happens                                | the end                       | exits are told  | they are shown |
/// |---------------------------------------------|-------------------------------|-----------------|----------------|
/// | all is well                                 | the body's value              | `Completed`     | nothing        |
/// | enters fail                                 | [`Cause::Enter`]              | `EnterFailed`   | an enter error: the lowest index known when the first exit begins |
/// | the body fails                              | [`Cause::Body`]               | `Failed`        | the body's error |
/// | `until`: stopped in enter or body           | [`Cause::Cancelled`]          | `Cancelled`     | nothing        |
/// | the same, when enters had failed            | [`Cause::Enter`]              | `EnterFailed`   | an enter error |
/// | the same, when the body has ended           | as if it were not stopped     | —               | —              |
/// | exits fail, after a body that gave a value  | [`Cause::Exit`], `exits`      | `Completed` (†) | nothing        |
/// | exits fail, after any other end             | the cause above, and `exits`  | as above (†)    | as above       |
/// | an enter panics                             | the panic (‡)                 | `Panicked` (§)  | an enter error, if others fail |
/// | the body panics                             | the panic (‡)                 | `Panicked`      | nothing        |
/// | what stops the group panics                 | the panic (‡)                 | `Panicked` (§)  | as in an enter's panic |
/// | an exit or a `witness` panics               | the panic (‡)                 | as above (†)    | as above       |
/// | the future is dropped                       | —                             | nothing: [`abandon`](Exit::abandon) | nothing |
///
/// - (†) In a [`stack`](crate::Gather::stack) those behind it are told `Failed` (`Panicked` after a panic), where they
///   would have been told `Completed` or `Failed`. No exit is ever shown another's error.
/// - (‡) It goes on when all exits are done. With `catch_unwind` it is `Cause::Panicked`, and the exits' errors are in
///   `exits`; errors of enters, the body's error and its value are dropped. A panic of a destructor counts as one of
///   what is dropped.
/// - (§) With [`eager_rollback`](crate::Gather::eager_rollback) `EnterFailed`, where the first exit had begun before.
///
/// [`is_suppressed`](Self::is_suppressed) can be true in one row alone, where the body fails and no exit does.
///
/// [`enter`](crate::Gather::enter) ends with `Enter`, `Cancelled` or a panic, in the same way. The exit of an
/// [`Entered`](crate::Entered) ends with `Exit` or a panic; its members are told and shown what it is told and shown.
///
/// ```
/// use gather_cm::{Cause, EnterExt, gather};
///
/// smol::block_on(async {
///     let disk = async { Ok(1) }.exit_with(async |_, _| Ok::<(), _>(()));
///     let link = async { Ok(2) }.exit_with(async |_, _| Err::<(), _>("link down"));
///     let failure = gather((disk, link))
///         .try_with(async |_| Err::<(), _>("disk full"))
///         .await
///         .unwrap_err();
///
///     assert_eq!(failure.to_string(), "body failed: disk full; exit of member 1 failed: link down");
///     assert!(matches!(failure.cause, Cause::Body("disk full")));
///     assert_eq!(failure.exits.get(1), Some(&"link down"));
/// });
/// ```
pub struct Failure<R, B, F> {
    /// Why the gather failed.
    pub cause: Cause<R, B, F>,
    /// The errors of the exits, by index.
    pub exits: F,
    /// The body failed, and the exits swallowed its error.
    pub(crate) suppressed: bool,
}

/// Why a gather failed.
///
/// ```
/// use gather_cm::{Cause, EnterExt, gather};
///
/// smol::block_on(async {
///     let flaky = async { Ok(20) }.exit_with(async |_, _| Err::<(), _>("timeout"));
///     let sum = match gather((flaky,)).with(async |(x,)| **x + 22).await {
///         Ok(sum) => sum,
///         Err(failure) => match failure.cause {
///             Cause::Exit(sum) => sum, // only the clean-up failed
///             _ => panic!("{failure:?}"),
///         },
///     };
///     assert_eq!(sum, 42);
/// });
/// ```
#[non_exhaustive]
pub enum Cause<R, B, F> {
    /// At least one member could not be entered: the errors by index. The body was not called.
    Enter(F),
    /// The body returned this error.
    Body(B),
    /// The group was [told to stop](crate::Gather::until) before the body had ended.
    Cancelled,
    /// The body gave this value; only exits failed.
    Exit(R),
    /// The body, a member or what stops the group panicked, and the gather was asked to
    /// [catch](crate::Gather::catch_unwind) that.
    #[cfg(feature = "std")]
    Panicked(Panic),
}

impl<R, B, F> Cause<R, B, F> {
    #[cfg(feature = "std")]
    pub(crate) fn panicked(caught: Caught) -> Self {
        Self::Panicked(Panic::new(caught))
    }

    #[cfg(not(feature = "std"))]
    pub(crate) fn panicked(caught: Caught) -> Self {
        match caught {}
    }
}

impl<R, B, F> Failure<R, B, F> {
    /// The same, of a life cycle whose body gave nothing.
    pub(crate) fn without_value(self) -> Failure<(), B, F> {
        let cause = match self.cause {
            Cause::Enter(faults) => Cause::Enter(faults),
            Cause::Body(error) => Cause::Body(error),
            Cause::Cancelled => Cause::Cancelled,
            Cause::Exit(_) => Cause::Exit(()),
            #[cfg(feature = "std")]
            Cause::Panicked(panic) => Cause::Panicked(panic),
        };
        Failure { cause, exits: self.exits, suppressed: self.suppressed }
    }

    /// Whether the body's error was swallowed: the body failed, there is at least one member, and every exit
    /// answered [`Suppress`](crate::Verdict::Suppress). In a [`stack`](crate::Gather::stack) it is enough that one did
    /// which was told of the error, and that none failed.
    ///
    /// Nothing else can be suppressed: no enter error, no exit error, no panic.
    ///
    /// ```
    /// use gather_cm::{EnterExt, gather};
    ///
    /// smol::block_on(async {
    ///     let forgiving = async { Ok(()) }.exit_with(async |_, _| Ok::<_, ()>(true));
    ///     let failure = gather((forgiving,)).try_with(async |_| Err::<(), _>("oops")).await.unwrap_err();
    ///     assert!(failure.is_suppressed());
    /// });
    /// ```
    pub fn is_suppressed(&self) -> bool {
        self.suppressed
    }

    /// The swallowed error of the body, or the failure back where [nothing was suppressed](Self::is_suppressed).
    ///
    /// # Errors
    ///
    /// The failure itself, where it is not suppressed.
    ///
    /// ```
    /// use gather_cm::{EnterExt, gather};
    ///
    /// smol::block_on(async {
    ///     let forgiving = async { Ok(()) }.exit_with(async |_, _| Ok::<_, ()>(true));
    ///     let result = gather((forgiving,)).try_with(async |_| Err::<u8, _>("oops")).await;
    ///     let value = result.or_else(|failure| failure.suppressed().map(|_error| 0));
    ///     assert_eq!(value.unwrap(), 0);
    /// });
    /// ```
    pub fn suppressed(self) -> Result<B, Self> {
        match self.cause {
            Cause::Body(error) if self.suppressed => Ok(error),
            cause => Err(Self { cause, ..self }),
        }
    }
}

/// The body's value is not shown, so that it need not be `Debug`.
impl<R, B: fmt::Debug, F: fmt::Debug> fmt::Debug for Failure<R, B, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("cause", &self.cause)
            .field("exits", &self.exits)
            .field("suppressed", &self.suppressed)
            .finish()
    }
}

/// The body's value is not shown, so that it need not be `Debug`.
impl<R, B: fmt::Debug, F: fmt::Debug> fmt::Debug for Cause<R, B, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enter(faults) => f.debug_tuple("Enter").field(faults).finish(),
            Self::Body(error) => f.debug_tuple("Body").field(error).finish(),
            Self::Cancelled => f.write_str("Cancelled"),
            Self::Exit(_) => f.write_str("Exit(..)"),
            #[cfg(feature = "std")]
            Self::Panicked(panic) => f.debug_tuple("Panicked").field(panic).finish(),
        }
    }
}

impl<R, B: fmt::Display, S: Store<Error: fmt::Display>> fmt::Display for Failure<R, B, Faults<S>> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Line { f, separator: "" };
        match &self.cause {
            Cause::Enter(faults) => line.faults("enter", faults)?,
            Cause::Body(error) => line.part(format_args!("body failed: {error}"))?,
            Cause::Cancelled => line.part(format_args!("cancelled"))?,
            Cause::Exit(_) => {}
            #[cfg(feature = "std")]
            Cause::Panicked(panic) => line.part(format_args!("{panic}"))?,
        }
        line.faults("exit", &self.exits)
    }
}

impl<R, B, S> Error for Failure<R, B, Faults<S>>
where
    B: fmt::Debug + fmt::Display,
    S: Store<Error: fmt::Debug + fmt::Display>,
{
}

/// One line of parts, with semicolons between them.
struct Line<'a, 'f> {
    f: &'a mut fmt::Formatter<'f>,
    separator: &'static str,
}

impl Line<'_, '_> {
    fn part(&mut self, part: fmt::Arguments<'_>) -> fmt::Result {
        self.f.write_str(self.separator)?;
        self.separator = "; ";
        self.f.write_fmt(part)
    }

    fn faults<S: Store<Error: fmt::Display>>(&mut self, what: &str, faults: &Faults<S>) -> fmt::Result {
        faults.iter().try_for_each(|(index, error)| self.part(format_args!("{what} of member {index} failed: {error}")))
    }
}

/// The errors of a group's members, in enter or in exit, each under its member's index.
///
/// `S` is `[Option<E>; N]` for a tuple or an array, and `Vec<Option<E>>` for a `Vec`.
///
/// ```
/// use gather_cm::{Cause, EnterExt, gather};
///
/// async fn power_up(volts: u32) -> Result<u32, String> {
///     if volts > 5 { Err(format!("{volts} V")) } else { Ok(volts) }
/// }
///
/// smol::block_on(async {
///     let failure = gather([3, 12, 5, 24].map(|volts| power_up(volts).drop_on_exit()))
///         .with(async |_| {})
///         .await
///         .unwrap_err();
///     let Cause::Enter(faults) = failure.cause else { panic!() };
///     assert_eq!(faults.len(), 2);
///     assert_eq!(faults.get(1).unwrap(), "12 V");
///     assert_eq!(faults.into_iter().collect::<Vec<_>>(), [(1, "12 V".to_string()), (3, "24 V".to_string())]);
/// });
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Faults<S>(pub(crate) S);

impl<S: Store> Faults<S> {
    /// The error of the member at `index`, if it failed.
    ///
    /// ```
    /// # use gather_cm::{EnterExt, gather};
    /// # smol::block_on(async {
    /// let member = |answer: Result<(), &'static str>| async { Ok(()) }.exit_with(async move |(), _| answer);
    /// let failure = gather((member(Ok(())), member(Err("stuck")))).with(async |_| {}).await.unwrap_err();
    /// assert_eq!(failure.exits.get(0), None);
    /// assert_eq!(failure.exits.get(1), Some(&"stuck"));
    /// # });
    /// ```
    pub fn get(&self, index: usize) -> Option<&S::Error> {
        self.0.as_slice().get(index)?.as_ref()
    }

    /// The errors with their members' indices, in index order.
    ///
    /// ```
    /// # use gather_cm::{EnterExt, gather};
    /// # smol::block_on(async {
    /// let member = |answer: Result<(), &'static str>| async { Ok(()) }.exit_with(async move |(), _| answer);
    /// let group = gather((member(Err("stuck")), member(Ok(())), member(Err("lost"))));
    /// let failure = group.with(async |_| {}).await.unwrap_err();
    /// assert!(failure.exits.iter().eq([(0, &"stuck"), (2, &"lost")]));
    /// # });
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (usize, &S::Error)> {
        self.0.as_slice().iter().enumerate().filter_map(|(index, error)| Some((index, error.as_ref()?)))
    }

    /// How many members failed.
    ///
    /// ```
    /// # use gather_cm::{EnterExt, gather};
    /// # smol::block_on(async {
    /// let member = |answer: Result<(), &'static str>| async { Ok(()) }.exit_with(async move |(), _| answer);
    /// let group = gather((member(Err("stuck")), member(Ok(())), member(Err("lost"))));
    /// assert_eq!(group.with(async |_| {}).await.unwrap_err().exits.len(), 2);
    /// # });
    /// ```
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether no member failed.
    ///
    /// ```
    /// # use gather_cm::{EnterExt, gather};
    /// # smol::block_on(async {
    /// let member = async { Ok::<_, &str>(()) }.drop_on_exit();
    /// let failure = gather((member,)).try_with(async |_| Err::<(), _>("oops")).await.unwrap_err();
    /// assert!(failure.exits.is_empty());
    /// # });
    /// ```
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl<S: Store> IntoIterator for Faults<S> {
    type Item = (usize, S::Error);
    type IntoIter = IntoIter<S>;

    fn into_iter(self) -> IntoIter<S> {
        IntoIter(self.0.into_options().enumerate())
    }
}

impl<S: Store<Error: fmt::Debug>> fmt::Debug for Faults<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// The errors of [`Faults`] with their members' indices, in index order, by value.
///
/// Made by `Faults::into_iter`; see there for an example.
pub struct IntoIter<S: Store>(iter::Enumerate<S::IntoOptions>);

impl<S: Store> Iterator for IntoIter<S> {
    type Item = (usize, S::Error);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.find_map(|(index, error)| Some((index, error?)))
    }
}

/// Where errors are kept by index: `[Option<E>; N]` or `Vec<Option<E>>`.
pub trait Store {
    type Error;
    type IntoOptions: Iterator<Item = Option<Self::Error>>;

    fn empty() -> Self;

    /// Keeps the error of a member of a group of `len`.
    fn put(&mut self, index: usize, error: Self::Error, len: usize);

    fn as_slice(&self) -> &[Option<Self::Error>];

    fn into_options(self) -> Self::IntoOptions;
}

impl<E, const N: usize> Store for [Option<E>; N] {
    type Error = E;
    type IntoOptions = core::array::IntoIter<Option<E>, N>;

    fn empty() -> Self {
        [const { None }; N]
    }

    fn put(&mut self, index: usize, error: E, _: usize) {
        self[index] = Some(error);
    }

    fn as_slice(&self) -> &[Option<E>] {
        self
    }

    fn into_options(self) -> Self::IntoOptions {
        self.into_iter()
    }
}

/// Only as long as the highest index that failed: no failure, no allocation, and else a single one.
#[cfg(feature = "alloc")]
impl<E> Store for Vec<Option<E>> {
    type Error = E;
    type IntoOptions = alloc::vec::IntoIter<Option<E>>;

    fn empty() -> Self {
        Self::new()
    }

    fn put(&mut self, index: usize, error: E, len: usize) {
        if self.len() <= index {
            self.reserve_exact(len - self.len());
            self.resize_with(index + 1, || None);
        }
        self[index] = Some(error);
    }

    fn as_slice(&self) -> &[Option<E>] {
        self
    }

    fn into_options(self) -> Self::IntoOptions {
        self.into_iter()
    }
}
