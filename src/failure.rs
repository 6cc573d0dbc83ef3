//! How a gather fails: [`Failure`], its [`Cause`], and the [`Origin`] of each error.

use core::{
    error::Error,
    fmt::{self, Write},
    mem,
};

#[cfg(feature = "std")]
use crate::Panic;
use crate::{
    Errors, Shape,
    group::Values,
    unwind::{self, Caught, FirstPanic},
};
#[cfg(doc)]
use crate::{Exit, Gather};

/// The failure of a gather: one cause, and beside it the error of every exit that failed.
///
/// It holds every enter error, the body's error and every exit error. If something panicked, it holds only the exits'
/// errors beside the panic. [`Display`](fmt::Display) writes it on one line with each member's name or index.
///
/// `E` is the error type of the members, `S` the [`Shape`] of the group ([`Few<N>`](crate::Few) for a tuple or an
/// array, [`Many`](crate::Many) for a `Vec`), and `B` the error type of the body. The failure is an [`Error`] if the
/// error types are `Debug` and `Display`.
///
/// Most programs turn it into an error of their own:
///
/// | you want | use |
/// | --- | --- |
/// | the first error, and the rest in a log | [`into_error`](Self::into_error) |
/// | one error for `anyhow` or for the end of `main`, along with all sources | [`report`](Self::report) |
/// | every error | [`into_errors`](Self::into_errors) |
/// | a match | [`cause`](Self::cause) and [`exits`](Self::exits) |
///
/// # Which error, which case
///
/// This table shows the result of `with`, the case that the exits receive, and the error that [`Exit::on_error`]
/// receives:
///
/// | what happens | the result | exits receive | `on_error` receives |
/// | --- | --- | --- | --- |
/// | nothing fails | the body's value | `Completed` | nothing |
/// | enters fail | [`Cause::Enter`] | `EnterFailed` | an enter error: the lowest index known when the first exit begins |
/// | the body fails | [`Cause::Body`] | `Failed` | the body's error |
/// | a [driver](crate::EnterExt::driven) fails before the body has ended | [`Cause::Lost`] | `Lost` | a driver's error: the lowest index known when the first exit begins |
/// | the same, but the body finishes in its next poll, often with an error of its own | [`Cause::Exit`] or [`Cause::Body`], and `exits` for the driver | `Completed` or `Failed` | nothing, or the body's error |
/// | a driver and an enter fail | [`Cause::Enter`], and `exits` for the driver | the case of the first failure | the error of the first failure |
/// | `cancel_on` stops enters or body | [`Cause::Cancelled`] | `Cancelled` | nothing |
/// | the same, after an enter had failed | [`Cause::Enter`] | `EnterFailed` | an enter error |
/// | the same, and with [`settle`](Gather::settle) an enter fails later | [`Cause::Enter`] | `Cancelled` | nothing |
/// | exits fail after a body that completed | [`Cause::Exit`], `exits` | `Completed` (†) | nothing |
/// | exits fail after any other end | the cause above, `exits` | as above (†) | as above |
/// | a driver fails along with the exits | as if its member's exit had failed | as above (†) | as above |
/// | an enter panics | the panic (‡) | `Panicked` (§) | an enter error, if others fail |
/// | the body panics | the panic (‡) | `Panicked` | nothing |
/// | the future of `cancel_on` panics, or its destructor | the panic (‡) | `Panicked` (§) | an enter error, if enters failed |
/// | an exit or an `on_error` panics | the panic (‡) | as above (†) | as above |
/// | an observer panics before the body | the panic (‡) | `Panicked` (§) | an enter error, if enters failed |
/// | an observer panics over an event of a scope or of a driver while the body runs | the panic (‡) | `Panicked` | nothing |
/// | an observer panics later | the panic (‡) | as above | as above |
/// | the future is dropped | none | nothing: [`abandon`](Exit::abandon) is called | nothing |
/// | the future is dropped, with a [`shield`](Gather::shield) | none; the cleanup returns one | `Cancelled`, or the case that they would have received | the same |
///
/// - (†) In a [`stack`](Gather::stack) the exits after such an exit receive `Failed` (or `Panicked` after a panic), if
///   they would have received `Completed` or `Failed`. No exit ever receives another exit's error.
/// - (‡) The panic resumes when all exits have finished. With [`catch_unwind`](Gather::catch_unwind) it becomes
///   `Cause::Panicked`, along with the exits' errors. The errors of enters, the body's error and the body's value are
///   dropped. A panic of a destructor counts as a panic of the dropped part.
/// - (§) With [`eager_rollback`](Gather::eager_rollback) the exits receive the case of the first failure, `EnterFailed`
///   or `Lost`, if the first exit had begun before the panic.
///
/// [`is_suppressed`](Self::is_suppressed) can be true in one row only: the body fails and no exit does.
///
/// [`enter`](Gather::enter) ends with `Enter`, `Lost`, `Cancelled` or a panic, in the same way. The exit of an
/// [`Entered`](crate::Entered) ends with `Exit` or a panic, and its members receive the case that you pass to it.
///
/// ```
/// use std::io;
///
/// use gather_cm::{Cause, EnterExt, gather};
///
/// # smol::block_on(async {
/// let disk = async { Ok(1) }.exit_with(async |_, _| Ok(()));
/// let exit = async |_, _| Err::<(), _>(io::Error::other("link down"));
/// let link = async { Ok(2) }.exit_with(exit);
/// let failure = gather((disk, link))
///     .names(&["disk", "link"])
///     .with(async |_| Err::<(), _>(io::Error::other("disk full")))
///     .await
///     .unwrap_err();
///
/// assert_eq!(failure.to_string(), "body failed: disk full; exit of link failed: link down");
/// assert!(matches!(failure.cause, Cause::Body(_)));
/// assert!(failure.exits.get(1).is_some());
/// # });
/// ```
// The fields are in this order so that the flag parts the bytes that are copied. This saves a call of `memcpy` on the
// way out, and flash.
#[repr(C)]
pub struct Failure<E, S: Shape, B = E> {
    /// The cause: why the gather failed.
    pub cause: Cause<E, S, B>,
    pub(crate) suppressed: bool,
    /// The errors of the exits, by index.
    pub exits: Errors<E, S>,
    pub(crate) names: Option<&'static S::Names>,
}

/// The failure of a group with these values, for signatures: `FailureOf<(Vm, Vm)>`, `FailureOf<[Vm; 3]>`,
/// `FailureOf<Vec<Vm>>`.
///
/// ```
/// use std::io;
///
/// use gather_cm::{Exit, ExitCase, FailureOf, gather};
///
/// struct Vm;
///
/// impl Exit for Vm {
///     type Error = io::Error;
///     type Verdict = ();
///
///     async fn exit(self, _: ExitCase) -> Result<(), io::Error> {
///         Ok(())
///     }
/// }
///
/// async fn start_vm() -> Result<Vm, io::Error> {
///     Ok(Vm)
/// }
///
/// async fn both() -> Result<(), FailureOf<(Vm, Vm)>> {
///     gather((start_vm(), start_vm())).with(async |_| Ok(())).await
/// }
///
/// # fn main() -> Result<(), FailureOf<(Vm, Vm)>> {
/// smol::block_on(both())
/// # }
/// ```
pub type FailureOf<V, B = <V as Values>::Error> = Failure<<V as Values>::Error, <V as Values>::Shape, B>;

/// The cause of a failure: why a gather failed.
///
/// ```
/// use std::io;
///
/// use gather_cm::{Cause, EnterExt, gather};
///
/// # smol::block_on(async {
/// let exit = async |_, _| Err::<(), _>(io::Error::other("timeout"));
/// let flaky = async { Ok(20) }.exit_with(exit);
/// let failure = gather((flaky,)).with(async |(x,)| Ok(*x + 22)).await.unwrap_err();
/// let text = match failure.cause {
///     Cause::Enter(errors) => format!("{} enters failed", errors.len()),
///     Cause::Body(error) => format!("the body failed: {error}"),
///     Cause::Cancelled { .. } => "cancelled".to_string(),
///     Cause::Exit { .. } => "only the clean-up failed".to_string(),
///     _ => "a panic".to_string(),
/// };
/// assert_eq!(text, "only the clean-up failed");
/// # });
/// ```
#[non_exhaustive]
pub enum Cause<E, S: Shape, B = E> {
    /// At least one member could not be entered. The body was not called.
    Enter(Errors<E, S>),
    /// At least one [driver](crate::EnterExt::driven) failed before the body had ended. The body was dropped, or not
    /// called.
    Lost(Errors<E, S>),
    /// The body returned this error.
    Body(B),
    /// The group was [cancelled](Gather::cancel_on) before the body had ended.
    #[non_exhaustive]
    Cancelled {},
    /// The body completed, and only exits failed. The body's value is dropped, unless you call
    /// [`keep_value`](crate::With::keep_value).
    #[non_exhaustive]
    Exit {},
    /// The body, a member, an observer or the future of [`cancel_on`](Gather::cancel_on) panicked, and the gather
    /// [catches](Gather::catch_unwind) panics.
    #[cfg(feature = "std")]
    Panicked(Panic),
}

/// The origin of an error. It prints as `enter of db failed`, `body failed` or `exit of member 1 failed`.
///
/// ```
/// use std::io;
///
/// use gather_cm::{EnterExt, Origin, gather};
///
/// # smol::block_on(async {
/// let db = async { Err::<(), _>(io::Error::other("no route")) }.drop_on_exit();
/// let failure = gather((db,)).names(&["db"]).with(async |_| Ok(())).await.unwrap_err();
/// for (origin, _error) in failure.errors() {
///     assert_eq!(origin.to_string(), "enter of db failed");
///     assert!(matches!(origin, Origin::Enter(who) if who.index() == 0));
/// }
/// # });
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A member's enter.
    Enter(Who),
    /// The body.
    Body,
    /// A member's exit.
    Exit(Who),
    /// A member's driver.
    Driver(Who),
}

/// A member of a group: its index, and its name if the group has [`names`](Gather::names).
///
/// ```
/// use std::io;
///
/// use gather_cm::{EnterExt, Origin, gather};
///
/// # smol::block_on(async {
/// let exit = async |(), _| Err::<(), _>(io::Error::other("stuck"));
/// let link = async { Ok(()) }.exit_with(exit);
/// let failure = gather((link,)).names(&["link"]).with(async |_| Ok(())).await.unwrap_err();
/// let (origin, _error) = failure.errors().next().expect("the exit has failed");
/// let Origin::Exit(who) = origin else { panic!() };
/// assert_eq!((who.index(), who.name()), (0, Some("link")));
/// assert_eq!(who.to_string(), "link");
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Who {
    index: usize,
    name: Option<&'static str>,
}

impl Who {
    /// Returns the member's index in the group, from 0. There is an example [above](Self).
    pub fn index(&self) -> usize {
        self.index
    }

    /// Returns the member's name, if the group has [`names`](Gather::names) and one of them is for this member. There
    /// is an example [above](Self).
    pub fn name(&self) -> Option<&'static str> {
        self.name
    }
}

/// Writes the name, or an index as in `member 1`.
impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => f.write_str(name),
            None => write!(f, "member {}", self.index),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enter(who) => write!(f, "enter of {who} failed"),
            Self::Body => f.write_str("body failed"),
            Self::Exit(who) => write!(f, "exit of {who} failed"),
            Self::Driver(who) => write!(f, "driver of {who} failed"),
        }
    }
}

impl<E, S: Shape, B> Cause<E, S, B> {
    #[cfg(feature = "std")]
    pub(crate) fn panicked(caught: Caught) -> Self {
        Self::Panicked(Panic::new(caught))
    }

    #[cfg(not(feature = "std"))]
    pub(crate) fn panicked(caught: Caught) -> Self {
        match caught {}
    }
}

pub(crate) fn who<S: Shape>(names: Option<&'static S::Names>, index: usize) -> Who {
    Who { index, name: names.and_then(|names| S::names(names).get(index).copied()) }
}

impl<E, S: Shape> Failure<E, S> {
    /// Returns all errors, each along with its [`Origin`]: first the errors of the enters or the drivers, then the
    /// body's error, then the errors of the exits.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{EnterExt, gather};
    ///
    /// # smol::block_on(async {
    /// let exit = async |(), _| Err::<(), _>(io::Error::other("stuck"));
    /// let link = async { Ok(()) }.exit_with(exit);
    /// let body = async |_: (&mut (),)| Err::<(), _>(io::Error::other("oops"));
    /// let failure = gather((link,)).with(body).await.unwrap_err();
    /// let lines = failure.errors().map(|(origin, error)| format!("{origin}: {error}"));
    /// let lines: Vec<_> = lines.collect();
    /// assert_eq!(lines, ["body failed: oops", "exit of member 0 failed: stuck"]);
    /// # });
    /// ```
    pub fn errors(&self) -> impl Iterator<Item = (Origin, &E)> {
        let (members, body) = match &self.cause {
            Cause::Enter(errors) => (Some((errors, Origin::Enter as fn(Who) -> Origin)), None),
            Cause::Lost(errors) => (Some((errors, Origin::Driver as fn(Who) -> Origin)), None),
            Cause::Body(error) => (None, Some(error)),
            _ => (None, None),
        };
        let names = self.names;
        let named = move |origin: fn(Who) -> Origin| move |(index, error)| (origin(who::<S>(names, index)), error);
        let members = members.into_iter().flat_map(move |(errors, origin)| errors.iter().map(named(origin)));
        let exits = self.exits.iter().map(named(Origin::Exit));
        members.chain(body.map(|error| (Origin::Body, error))).chain(exits)
    }

    /// Returns all errors by value, in the order of [`errors`](Self::errors). A panic is dropped.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{EnterExt, gather};
    ///
    /// # smol::block_on(async {
    /// let db = async { Err::<(), _>(io::Error::other("no route")) }.drop_on_exit();
    /// let failure = gather((db,)).with(async |_| Ok(())).await.unwrap_err();
    /// let errors = failure.into_errors().map(|(_origin, error)| error);
    /// let errors: Vec<io::Error> = errors.collect();
    /// assert_eq!(errors.len(), 1);
    /// # });
    /// ```
    pub fn into_errors(self) -> impl Iterator<Item = (Origin, E)> {
        let names = self.names;
        let (members, body) = match self.cause {
            Cause::Enter(errors) => (Some((errors, Origin::Enter as fn(Who) -> Origin)), None),
            Cause::Lost(errors) => (Some((errors, Origin::Driver as fn(Who) -> Origin)), None),
            Cause::Body(error) => (None, Some(error)),
            _ => (None, None),
        };
        let named = move |origin: fn(Who) -> Origin| move |(index, error)| (origin(who::<S>(names, index)), error);
        let members = members.into_iter().flat_map(move |(errors, origin)| errors.into_iter().map(named(origin)));
        let exits = self.exits.into_iter().map(named(Origin::Exit));
        members.chain(body.map(|error| (Origin::Body, error))).chain(exits)
    }

    /// Returns the first error, and passes the others to `rest` in the order of [`errors`](Self::errors).
    ///
    /// # Errors
    ///
    /// Returns the failure itself if the group was cancelled or panicked.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{EnterExt, gather};
    ///
    /// # smol::block_on(async {
    /// let db = async { Err::<(), _>(io::Error::other("no route")) }.drop_on_exit();
    /// let failure = gather((db,)).with(async |_| Ok(())).await.unwrap_err();
    /// let error = failure.into_error(|origin, error| eprintln!("{origin}: {error}"));
    /// assert_eq!(error.map(|error| error.to_string()).ok().as_deref(), Some("no route"));
    /// # });
    /// ```
    pub fn into_error(self, mut rest: impl FnMut(Origin, E)) -> Result<E, Self> {
        match &self.cause {
            Cause::Enter(_) | Cause::Lost(_) | Cause::Body(_) | Cause::Exit {} => {}
            _ => return Err(self),
        }
        let mut errors = self.into_errors();
        let (_, first) = errors.next().expect("a failure has an error unless it was cancelled or panicked");
        errors.for_each(|(origin, error)| rest(origin, error));
        Ok(first)
    }

    /// Converts every error by [`Into`].
    ///
    /// ```
    /// use std::{fmt, io};
    ///
    /// use gather_cm::{EnterExt, gather};
    ///
    /// struct AppError(io::Error);
    ///
    /// impl From<io::Error> for AppError {
    ///     fn from(error: io::Error) -> Self {
    ///         Self(error)
    ///     }
    /// }
    ///
    /// # smol::block_on(async {
    /// let db = async { Err::<(), _>(io::Error::other("no route")) }.drop_on_exit();
    /// let failure = gather((db,)).with(async |_| Ok(())).await.unwrap_err();
    /// let failure = failure.errors_into::<AppError>();
    /// assert_eq!(failure.errors().count(), 1);
    /// # });
    /// ```
    pub fn errors_into<E2>(self) -> Failure<E2, S>
    where
        E: Into<E2>,
    {
        self.map(E::into, E::into)
    }
}

impl<E, S: Shape, B> Failure<E, S, B> {
    /// Returns whether the exits suppressed the body's error: the body failed, there is at least one member, and every
    /// exit answered [`Suppress`](crate::Verdict::Suppress).
    ///
    /// In a [`stack`](Gather::stack) the answer of one exit that received `Failed` is enough, if no exit failed. An
    /// empty group among the members does not count. Nothing else can be suppressed: no enter error, no exit error, no
    /// panic.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{EnterExt, gather};
    ///
    /// # smol::block_on(async {
    /// let forgiving = async { Ok(()) }.exit_with(async |_, _| Ok::<_, io::Error>(true));
    /// let body = async |_: (&mut (),)| Err::<(), _>(io::Error::other("oops"));
    /// assert!(gather((forgiving,)).with(body).await.unwrap_err().is_suppressed());
    /// # });
    /// ```
    pub fn is_suppressed(&self) -> bool {
        self.suppressed
    }

    /// Returns the body's error if the exits [suppressed](Self::is_suppressed) it.
    ///
    /// # Errors
    ///
    /// Returns the failure itself if nothing was suppressed.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{EnterExt, Failure, gather};
    ///
    /// # smol::block_on(async {
    /// let forgiving = async { Ok(()) }.exit_with(async |_, _| Ok::<_, io::Error>(true));
    /// let body = async |_: (&mut (),)| Err::<u8, _>(io::Error::other("oops"));
    /// let result = gather((forgiving,)).with(body).await;
    /// let value = result.or_else(|failure| failure.into_suppressed().map(|_error| 0));
    /// assert_eq!(value.ok(), Some(0));
    /// # });
    /// ```
    pub fn into_suppressed(self) -> Result<B, Self> {
        match self.cause {
            Cause::Body(error) if self.suppressed => Ok(error),
            cause => Err(Self { cause, ..self }),
        }
    }

    /// Converts the members' errors by `members` and the body's error by `body`.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{EnterExt, gather};
    ///
    /// # smol::block_on(async {
    /// let member = async { Ok::<_, io::Error>(()) }.drop_on_exit();
    /// let failure = gather((member,))
    ///     .with_own_error(async |_| "x".parse::<u8>())
    ///     .await
    ///     .unwrap_err()
    ///     .map(|error| error, io::Error::other);
    /// assert_eq!(failure.to_string(), "body failed: invalid digit found in string");
    /// # });
    /// ```
    pub fn map<E2, B2>(self, members: impl FnMut(E) -> E2, body: impl FnOnce(B) -> B2) -> Failure<E2, S, B2> {
        let mut members = members;
        let cause = match self.cause {
            Cause::Enter(errors) => Cause::Enter(errors.map(&mut members)),
            Cause::Lost(errors) => Cause::Lost(errors.map(&mut members)),
            Cause::Body(error) => Cause::Body(body(error)),
            Cause::Cancelled {} => Cause::Cancelled {},
            Cause::Exit {} => Cause::Exit {},
            #[cfg(feature = "std")]
            Cause::Panicked(panic) => Cause::Panicked(panic),
        };
        Failure { cause, exits: self.exits.map(members), suppressed: self.suppressed, names: self.names }
    }

    /// Drops the body's value, which comes along with a failure if only exits failed. If the value's destructor panics,
    /// that is a panic like any other.
    pub(crate) fn drop_value<R>(mut self, value: R, catch: bool) -> Self {
        let mut value = Some(value);
        if let Err(caught) = unwind::catch(|| value = None) {
            if !catch {
                let mut others = FirstPanic::none();
                self.exits.into_iter().for_each(|(_, error)| others.drop(error));
                drop(others);
                caught.resume();
            }
            self.cause = Cause::panicked(caught);
        }
        self
    }
}

impl<E: fmt::Debug, S: Shape, B: fmt::Debug> fmt::Debug for Failure<E, S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("cause", &self.cause)
            .field("exits", &self.exits)
            .field("suppressed", &self.suppressed)
            .finish()
    }
}

impl<E: fmt::Debug, S: Shape, B: fmt::Debug> fmt::Debug for Cause<E, S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enter(errors) => f.debug_tuple("Enter").field(errors).finish(),
            Self::Lost(errors) => f.debug_tuple("Lost").field(errors).finish(),
            Self::Body(error) => f.debug_tuple("Body").field(error).finish(),
            Self::Cancelled {} => f.write_str("Cancelled"),
            Self::Exit {} => f.write_str("Exit"),
            #[cfg(feature = "std")]
            Self::Panicked(panic) => f.debug_tuple("Panicked").field(panic).finish(),
        }
    }
}

/// Something that failed, and its error if it has one.
type Part<'a> = (&'a dyn fmt::Display, Option<&'a dyn fmt::Display>);

impl<E: fmt::Display, S: Shape, B: fmt::Display> Failure<E, S, B> {
    fn each_part(&self, mut part: impl FnMut(Part<'_>) -> fmt::Result) -> fmt::Result {
        match &self.cause {
            Cause::Enter(errors) => errors
                .iter()
                .try_for_each(|(index, error)| part((&Origin::Enter(who::<S>(self.names, index)), Some(error))))?,
            Cause::Lost(errors) => errors
                .iter()
                .try_for_each(|(index, error)| part((&Origin::Driver(who::<S>(self.names, index)), Some(error))))?,
            Cause::Body(error) => part((&Origin::Body, Some(error)))?,
            Cause::Cancelled {} => part((&"cancelled", None))?,
            Cause::Exit {} => {}
            #[cfg(feature = "std")]
            Cause::Panicked(panic) => part((panic, None))?,
        }
        self.exits.iter().try_for_each(|(index, error)| part((&Origin::Exit(who::<S>(self.names, index)), Some(error))))
    }
}

/// Writes the failure on one line. With `{:#}`, a failure of several parts has brackets around it. Errors are written
/// with `{:#}`, so that an error of `anyhow` shows its sources. The lines of an error's text are joined by spaces.
impl<E: fmt::Display, S: Shape, B: fmt::Display> fmt::Display for Failure<E, S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tree = is_tree(f);
        let mut parts = 0;
        self.each_part(|_| Ok(parts += 1))?;
        let brackets = (f.alternate() || f.sign_minus()) && !tree && parts > 1;
        f.write_str(if brackets { "[" } else { "" })?;
        let mut separator = "";
        self.each_part(|(label, error)| {
            f.write_str(mem::replace(&mut separator, if tree { "\n" } else { "; " }))?;
            let mut part = if tree { Lines::indented(f) } else { Lines::joined(f) };
            write!(part, "{label}")?;
            match error {
                None => Ok(()),
                Some(error) if tree => write!(part, ":\n{error:-#1}"),
                Some(error) => write!(part, ":\n{error:#}"),
            }
        })?;
        f.write_str(if brackets { "]" } else { "" })
    }
}

impl<E, S, B> Error for Failure<E, S, B>
where
    E: fmt::Debug + fmt::Display,
    S: Shape,
    B: fmt::Debug + fmt::Display,
{
}

/// Returns whether a report asks the error inside it for a tree (`{:-1}`), and not for one line with brackets (`{:-}`).
/// Types that are neither a failure nor a report ignore both flags, so that a report need not know which errors are
/// inside it.
pub(crate) fn is_tree(f: &fmt::Formatter<'_>) -> bool {
    f.sign_minus() && f.width() == Some(1)
}

/// Writes other text in place of the newlines between two lines, and leaves out the newlines at the end.
pub(crate) struct Lines<'a> {
    to: &'a mut dyn Write,
    between: &'static str,
    is_between: bool,
}

impl<'a> Lines<'a> {
    /// Joins all lines to one line.
    pub(crate) fn joined(to: &'a mut dyn Write) -> Self {
        Self { to, between: " ", is_between: false }
    }

    /// Indents each line after the first one.
    pub(crate) fn indented(to: &'a mut dyn Write) -> Self {
        Self { to, between: "\n  ", is_between: false }
    }
}

impl Write for Lines<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (place, line) in text.split('\n').enumerate() {
            self.is_between |= place > 0;
            if line.is_empty() {
                continue;
            }
            if mem::take(&mut self.is_between) {
                self.to.write_str(self.between)?;
            }
            self.to.write_str(line)?;
        }
        Ok(())
    }
}
