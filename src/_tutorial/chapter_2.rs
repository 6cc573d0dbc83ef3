//! # Chapter 2: errors
//!
//! After this chapter, you can find out what failed in a group, let an exit receive the error, and make one error of a
//! failure.
//!
//! ## A failure has one cause
//!
//! If a member or the body fails, the group returns a [`Failure`]. Its field `cause` says why. All exits receive the
//! same case, unless you put them in an order as [chapter 3](super::chapter_3) does. If nothing panics, the [`Cause`]
//! is one of these:
//!
//! | what happened | cause | the exits receive |
//! | --- | --- | --- |
//! | members could not be entered, and the body was not called | [`Enter`](crate::Cause::Enter), with their errors | `EnterFailed` |
//! | the body failed | [`Body`](crate::Cause::Body), with its error | `Failed` |
//! | only exits failed | [`Exit`](crate::Cause::Exit) | `Completed` |
//! | a signal stopped the group ([chapter 4](super::chapter_4)) | [`Cancelled`](crate::Cause::Cancelled) | `Cancelled` |
//! | a driver failed ([chapter 6](super::chapter_6)) | [`Lost`](crate::Cause::Lost), with its error | `Lost` |
//!
//! Here the broker cannot be reached. The database has entered, so the group exits it. You know the function `open`
//! from [chapter 1](super::chapter_1#tuples-arrays-and-vectors):
//!
//! ```
//! use gather_cm::{Cause, EnterExt, gather};
//! use std::io;
//!
//! # type Log = std::cell::RefCell<Vec<String>>;
//! # fn open(
//! #     name: &'static str,
//! #     log: &Log,
//! # ) -> impl gather_cm::Member<Value = &'static str, Error = std::io::Error> {
//! #     gather_cm::EnterExt::exit_with(async move { Ok(name) }, async move |name, case| {
//! #         Ok(log.borrow_mut().push(format!("{name}: {case:?}")))
//! #     })
//! # }
//! #
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
//! let log = Log::default();
//! let broker = async { Err::<(), _>(io::Error::other("no route")) }.drop_on_exit();
//! let failure = gather((open("database", &log), broker))
//!     .names(&["database", "broker"])
//!     .with(async |_| Ok(()))
//!     .await
//!     .unwrap_err();
//! assert!(matches!(&failure.cause, Cause::Enter(errors) if errors.get(1).is_some()));
//! assert_eq!(failure.to_string(), "enter of broker failed: no route");
//! assert_eq!(log.into_inner(), ["database: EnterFailed"]);
//! # Ok(()) }) }
//! ```
//!
//! If you do not call [`names`], the error says `enter of member 1 failed`. Names must be `&'static`. If you know them
//! only at run time, look them up by [`Who::index`](crate::Who::index).
//!
//! ## Exits that fail do not hide the cause
//!
//! A failed exit stops no other exit, and its error replaces no other error. The group keeps each of these errors in
//! the field `exits`, under the member's index. If only exits fail, the group drops the body's value and returns a
//! failure. Call [`keep_value`] if you want both the value and the errors:
//!
//! ```
//! use gather_cm::{Cause, EnterExt, gather};
//! use std::io;
//!
//! # type Log = std::cell::RefCell<Vec<String>>;
//! # fn open(
//! #     name: &'static str,
//! #     log: &Log,
//! # ) -> impl gather_cm::Member<Value = &'static str, Error = std::io::Error> {
//! #     gather_cm::EnterExt::exit_with(async move { Ok(name) }, async move |name, case| {
//! #         Ok(log.borrow_mut().push(format!("{name}: {case:?}")))
//! #     })
//! # }
//! #
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
//! let log = Log::default();
//! let cache = || {
//!     async { Ok(7) }
//!         .exit_with(async |_value, _case| Err::<(), _>(io::Error::other("stuck")))
//! };
//! let failure = gather((cache(), open("database", &log)))
//!     .names(&["cache", "database"])
//!     .with(async |_| Err::<(), _>(io::Error::other("sold out")))
//!     .await
//!     .unwrap_err();
//! assert!(matches!(failure.cause, Cause::Body(_)));
//! assert!(failure.exits.get(0).is_some());
//! assert_eq!(failure.to_string(), "body failed: sold out; exit of cache failed: stuck");
//! assert_eq!(log.into_inner(), ["database: Failed"]);
//!
//! let group = gather((cache(),)).with(async |(cache,)| Ok(*cache)).keep_value();
//! let (value, errors) = group.await?;
//! assert_eq!((value, errors.len()), (7, 1));
//! # Ok(()) }) }
//! ```
//!
//! ## Exits may receive the error and suppress it
//!
//! An [`ExitCase`] names only the kind of end. If your resource needs the error itself, implement [`on_error`]. The
//! group calls it just before [`exit`](crate::Exit::exit) if an enter, the body or a driver has failed.
//!
//! An exit also answers whether the body's error remains. Its answer is the value that it returns, which converts into
//! a [`Verdict`]. If the type `Verdict` of your [`Exit`](crate::Exit) is `()`, the exit never suppresses the error. If
//! it is `bool`, the exit returns `Ok(true)` to suppress the error. By default, the error is suppressed if every exit
//! answers so. Under [`stack`](crate::Gather::stack), a policy of the next chapter, one exit is enough if no exit
//! fails.
//!
//! If the error is suppressed, the group still returns a failure. [`is_suppressed`] then returns true, and
//! [`into_suppressed`] returns the error, so that you can go on:
//!
//! ```
//! use gather_cm::{Exit, ExitCase, gather};
//! use std::{any::Any, io};
//!
//! /// It forgives a parcel that nobody finds.
//! #[derive(Default)]
//! struct Journal {
//!     forgives: bool,
//! }
//!
//! impl Exit for Journal {
//!     type Error = io::Error;
//!     type Verdict = bool;
//!
//!     fn on_error(&mut self, error: &dyn Any) {
//!         let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
//!         self.forgives = kind == Some(io::ErrorKind::NotFound);
//!     }
//!
//!     async fn exit(self, _case: ExitCase) -> io::Result<bool> {
//!         Ok(self.forgives)
//!     }
//! }
//!
//! async fn deliver() -> io::Result<()> {
//!     Err(io::ErrorKind::NotFound.into())
//! }
//!
//! # type Log = std::cell::RefCell<Vec<String>>;
//! # fn open(
//! #     name: &'static str,
//! #     log: &Log,
//! # ) -> impl gather_cm::Member<Value = &'static str, Error = std::io::Error> {
//! #     gather_cm::EnterExt::exit_with(async move { Ok(name) }, async move |name, case| {
//! #         Ok(log.borrow_mut().push(format!("{name}: {case:?}")))
//! #     })
//! # }
//! #
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
//! let log = Log::default();
//! let journal = || async { Ok(Journal::default()) };
//! let failure = gather((journal(),)).with(async |_| deliver().await).await.unwrap_err();
//! assert!(failure.is_suppressed());
//!
//! // The exit of the database returns `Ok(())`, so the error remains.
//! let members = (open("database", &log), journal());
//! let failure = gather(members).with(async |_| deliver().await).await.unwrap_err();
//! assert!(!failure.is_suppressed());
//!
//! let members = (open("database", &log), journal());
//! let failure = gather(members).stack().with(async |_| deliver().await).await.unwrap_err();
//! assert!(failure.is_suppressed());
//! assert_eq!(log.into_inner(), ["database: Failed", "database: Completed"]);
//! # Ok(()) }) }
//! ```
//!
//! Nothing but the body's error can be suppressed.
//!
//! ## One error of your own
//!
//! All members share one error type. If your members have different ones, call [`errors_into`] on them. It converts
//! their errors by `From`. If only the body has another error type, call [`with_own_error`] instead of
//! [`with`](crate::Gather::with).
//!
//! A `Failure` is an error itself, so `?` turns it into a `Box<dyn Error>`. You have two more ways:
//!
//! - [`into_error`] returns the first error, and passes the others to a closure. If a signal stopped the group, or if
//!   the group caught a panic, it returns the failure itself, as an `Err`.
//! - [`report`] makes one boxed error that keeps every source. Use it with `anyhow`, or at the end of `main`.
//!
//! ```
//! use gather_cm::{EnterExt, gather};
//! use std::{error::Error, fmt, io};
//!
//! #[derive(Debug)]
//! enum ShopError { Io(io::Error), SoldOut }
//!
//! # impl From<io::Error> for ShopError {
//! #     fn from(error: io::Error) -> Self {
//! #         Self::Io(error)
//! #     }
//! # }
//! # impl fmt::Display for ShopError {
//! #     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
//! #         match self {
//! #             Self::Io(error) => error.fmt(f),
//! #             Self::SoldOut => f.write_str("sold out"),
//! #         }
//! #     }
//! # }
//! # impl Error for ShopError {}
//! async fn sell() -> Result<(), ShopError> {
//!     Err(ShopError::SoldOut)
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
//! let cache = || {
//!     async { Ok(7) }
//!         .exit_with(async |_value, _case| Err::<(), _>(io::Error::other("stuck")))
//! };
//! let group = gather((cache().errors_into(),));
//! let failure = group.with(async |_| sell().await).await.unwrap_err();
//! let mut log = Vec::new();
//! let first = failure.into_error(|origin, error| log.push(format!("{origin}: {error}")))?;
//! assert!(matches!(first, ShopError::SoldOut));
//! assert_eq!(log, ["exit of member 0 failed: stuck"]);
//!
//! let group = gather((cache(),)).names(&["cache"]); // its errors stay as they are
//! let failure = group.with_own_error(async |_| sell().await).await.unwrap_err();
//! let report = format!("{:#}", failure.report());
//! assert_eq!(report, "[body failed: sold out; exit of cache failed: stuck]");
//! # Ok(()) }) }
//! ```
//!
//! The docs of [`Failure`](crate::Failure#which-error-which-case) have a table of every case.
//! [Chapter 3](super::chapter_3#panics) shows what a group does with a panic.
//!
//! Next: [chapter 3, policies](super::chapter_3). Back to [the list of chapters](crate::_tutorial).
//!
//! [`Cause`]: crate::Cause
//! [`errors_into`]: crate::EnterExt::errors_into
//! [`ExitCase`]: crate::ExitCase
//! [`Failure`]: crate::Failure
//! [`into_error`]: crate::Failure::into_error
//! [`into_suppressed`]: crate::Failure::into_suppressed
//! [`is_suppressed`]: crate::Failure::is_suppressed
//! [`keep_value`]: crate::With::keep_value
//! [`names`]: crate::Gather::names
//! [`on_error`]: crate::Exit::on_error
//! [`report`]: crate::Failure::report
//! [`Verdict`]: crate::Verdict
//! [`with_own_error`]: crate::Gather::with_own_error
