//! # Errors
//!
//! Many things may fail in a *gather*, the future of a group, and several of them may fail at the same time. This
//! article says where each error goes, and how you turn the [`Failure`] that a gather returns into an error of your
//! own.
//!
//! These are the rules. The [tables](#which-error-goes-where) have every case:
//!
//! - A failure has one *cause*. It also has the errors of the exits, each under the index of its member.
//! - No error replaces another one, with two exceptions: a [panic](#panics), and a [driver](crate::EnterExt::driven)
//!   that fails along with the exit of its own member.
//! - Every exit receives an [`ExitCase`], which says how the body ended. [`Exit::on_error`] lends it the error itself.
//!
//! ## Which type has the error?
//!
//! All members of a group share one error type `E`, for their enters and for their exits, and the body usually fails
//! with it as well. If your error types differ, you have two tools:
//!
//! - [`errors_into`] converts the errors of one member.
//! - [`with_own_error`] runs a body whose error has another type, `B`.
//!
//! These error types must be `'static`, so that the gather can lend an error to [`Exit::on_error`] as `&dyn Any`.
//!
//! The failure is a [`Failure<E, S, B>`](crate::Failure). `S` is the [`Shape`] of the group, [`Few<N>`](crate::Few) for
//! a tuple or an array, and [`Many`](crate::Many) for a `Vec` or a scope. Usually you do not write these types. If your
//! function returns a failure, you can write its type as [`FailureOf<(Vm, Vm)>`](crate::FailureOf).
//!
//! ## Which error goes where?
//!
//! **Before the body.** Under every policy, the body is not called if one of these happens:
//!
//! | what happens | exits receive | the gather returns |
//! | --- | --- | --- |
//! | enters fail, also by a deadline of [`enter_within`] | `EnterFailed` | [`Cause::Enter`], with every enter error by index |
//! | the same with [`fail_fast`] | `EnterFailed` | `Cause::Enter`; the dropped enters have no error |
//! | the same with [`eager_rollback`] | `EnterFailed`, while others still enter | `Cause::Enter`, also with later enter errors |
//! | a driver fails | `Lost` | [`Cause::Lost`], with the errors of the drivers by index |
//! | a driver and an enter fail | the case of the first of them | `Cause::Enter`; the driver's error becomes the error of its member's exit |
//! | `stop` of [`cancel_on`] is ready | `Cancelled` | [`Cause::Cancelled`] |
//! | the same after a failed enter | `EnterFailed` | `Cause::Enter` |
//! | the same with [`settle`], and then an enter fails | `Cancelled` | `Cause::Enter` |
//! | an enter, `stop` or the observer panics | `Panicked` | nothing: the [panic](#panics) resumes |
//!
//! The failed enter of an [`optional`] member is no failure of the group. The body finds its error in an
//! [`Optional`](crate::Optional).
//!
//! **While the body runs.** The end of the body decides which case the exits receive:
//!
//! | what happens | the body | exits receive | the gather returns |
//! | --- | --- | --- | --- |
//! | nothing fails | completes | `Completed` | the body's value |
//! | the body fails | has ended | `Failed` | [`Cause::Body`] |
//! | the same, and every exit answers `Suppress` | has ended | `Failed` | `Cause::Body`, and [`is_suppressed`] is true |
//! | a driver fails | is polled once more, and then dropped | `Lost` | `Cause::Lost` |
//! | the same, but the body finishes in that poll | ends as it likes | as the body ended | as the body ended; the driver's error becomes the error of its member's exit |
//! | `stop` of `cancel_on` is ready | is dropped | `Cancelled` | `Cause::Cancelled` |
//! | the body, a driver or `stop` panics | ends, or is dropped | `Panicked` | nothing: the panic resumes |
//! | the observer panics as the body ends | has ended | as the body ended | nothing: the panic resumes |
//! | the observer panics over an event of a [`scope`](crate::scope()) or of a driver | is dropped | `Panicked` | nothing: the panic resumes |
//! | [`Scope::enter`](crate::Scope::enter) fails in a scope | receives that error | as the body ends | as the body ends |
//! | [`Lent::release`](crate::Lent::release) fails in a scope | receives that error | as the body ends | as the body ends |
//!
//! **After the body.** In a pool, the case of the exits is fixed by then:
//!
//! | what happens | exits receive | the gather returns |
//! | --- | --- | --- |
//! | exits fail, also by a deadline of [`exit_within`], after a body that completed | `Completed` | [`Cause::Exit`], and the errors in [`exits`] |
//! | the same with [`keep_value`] | `Completed` | `Ok`, with the body's value and the errors of the exits |
//! | exits fail after any other end | as before | the cause from above, and the errors in `exits` |
//! | a driver fails along with the exits | as before | as if its member's exit had failed; if that fails as well, its error is dropped |
//! | an exit, an `on_error` or the observer panics | as before | nothing: the panic resumes |
//!
//! With [`stack`] and [`in_reverse`], the exits run one after the other, and each exit learns how the exits before it
//! ended. If one fails, the next ones receive `Failed` in place of `Completed`. If one panics, they receive `Panicked`
//! in place of `Completed` and `Failed`. If one answers `Suppress`, they receive `Completed` in place of `Failed`.
//!
//! [`enter`](crate::Gather::enter) without a body ends as in the first table. If you exit an
//! [`Entered`](crate::Entered) by hand, it ends as in the last table, and its members receive the case that you pass.
//!
//! **Without an end.** If you drop the future, it returns nothing, and the errors so far are lost. After a [`shield`],
//! the cleanup returns them. See [`cancellation`](super::cancellation).
//!
//! ## What is in a failure?
//!
//! | you want | use |
//! | --- | --- |
//! | the reason why the gather failed | the field [`cause`](field@crate::Failure::cause) |
//! | the errors of the exits | the field [`exits`]: [`get(index)`](crate::Errors::get), [`iter()`](crate::Errors::iter), [`len()`](crate::Errors::len) |
//! | every error, along with its origin | [`errors`], or [`into_errors`] by value |
//! | the first error, and a function for the others | [`into_error`] |
//! | whether the exits suppressed the body's error | [`is_suppressed`], or [`into_suppressed`] for that error |
//! | other error types | [`map`], [`Failure::errors_into`] |
//! | one boxed error with all sources | [`report`](crate::Failure::report) |
//!
//! Several errors at once are normal: two servers are down, and a third one does not close. A failure lists first the
//! errors of the cause, and then those of the exits. The [`Origin`] of each error says which member failed, by its name
//! if you have called [`names`]:
//!
//! ```
//! use std::io;
//!
//! use gather_cm::{Cause, EnterExt, gather};
//!
//! # smol::block_on(async {
//! let fails = |text: &'static str| async move { Err::<(), _>(io::Error::other(text)) };
//! let db = fails("no route").drop_on_exit();
//! let cache = async { Ok(()) }.exit_with(async |(), _| fails("stuck").await);
//! let queue = fails("no password").drop_on_exit();
//! let group = gather((db, cache, queue)).names(&["db", "cache", "queue"]);
//! let Err(failure) = group.with(async |_| Ok(())).await else { panic!("two enters fail") };
//!
//! let lines: Vec<String> =
//!     failure.errors().map(|(origin, error)| format!("{origin}: {error}")).collect();
//! assert_eq!(
//!     lines,
//!     [
//!         "enter of db failed: no route",
//!         "enter of queue failed: no password",
//!         "exit of cache failed: stuck",
//!     ]
//! );
//! assert!(matches!(&failure.cause, Cause::Enter(errors) if errors.len() == 2));
//! assert_eq!(failure.exits.get(1).map(io::Error::to_string).as_deref(), Some("stuck"));
//! # });
//! ```
//!
//! Members run at the same time, so none of these errors is the source of another one. That is why they are a flat
//! list, and no chain.
//!
//! ## Your own error type
//!
//! `?` converts a failure by `From`. One `impl` serves every group of your application, of any size:
//!
//! ```
//! use std::{error::Error, fmt, io};
//!
//! use gather_cm::{Cause, EnterExt, Failure, Report, Shape, gather};
//!
//! /// What `main` can do about an error.
//! #[derive(Debug)]
//! enum AppError {
//!     /// Nothing has happened yet: try again later.
//!     Start(Report),
//!     /// The work is done, and something was left behind: tell an operator.
//!     CleanUp(Report),
//!     /// The work failed.
//!     Work(Report),
//! }
//!
//! impl<S: Shape> From<Failure<io::Error, S>> for AppError {
//!     fn from(failure: Failure<io::Error, S>) -> Self {
//!         let kind = match failure.cause {
//!             Cause::Enter(_) => AppError::Start,
//!             Cause::Exit { .. } => AppError::CleanUp,
//!             _ => AppError::Work,
//!         };
//!         kind(failure.report())
//!     }
//! }
//!
//! async fn serve(port: u16) -> Result<(), AppError> {
//!     let socket = async {
//!         if port == 80 { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(port) }
//!     };
//!     let group = gather((socket.exit_with(async |_, _| Ok(())),));
//!     group.with(async |(port,)| Ok(println!("serves on {port}"))).await?;
//!     Ok(())
//! }
//!
//! assert!(smol::block_on(serve(8080)).is_ok());
//! assert!(matches!(smol::block_on(serve(80)), Err(AppError::Start(_))));
//!
//! impl fmt::Display for AppError {
//!     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
//!         f.write_str(match self {
//!             Self::Start(_) => "the service does not start",
//!             Self::CleanUp(_) => "something was left behind",
//!             Self::Work(_) => "the service failed",
//!         })
//!     }
//! }
//!
//! impl Error for AppError {
//!     fn source(&self) -> Option<&(dyn Error + 'static)> {
//!         let (Self::Start(report) | Self::CleanUp(report) | Self::Work(report)) = self;
//!         Some(report)
//!     }
//! }
//! ```
//!
//! Here `match` names the causes that matter to `main`. [`Cause`] is `#[non_exhaustive]`, so the `match` needs its last
//! arm. The [cookbook](crate::_cookbook#an-error-type-of-your-own) has the other common form: the first error becomes
//! the result by [`into_error`], and the others go to the log.
//!
//! If the group's error type is your `AppError` itself, the body's `?` and the gather's `?` return the same type. Write
//! `impl<S: Shape> From<Failure<AppError, S>> for AppError` then, and call `errors_into` on each member. An error that
//! comes out of several nested groups passes through this conversion once for each group.
//!
//! With [thiserror](https://docs.rs/thiserror), put `#[from] Report` on a variant, and write
//! `.await.map_err(Failure::report)?`. `#[from] Failure<..>` works as well, but for groups of one shape only.
//!
//! ## No error type of your own
//!
//! A [`Failure`] implements [`Error`](std::error::Error), so `?` turns it into a `Box<dyn Error>`:
//!
//! ```
//! use std::{error::Error, io};
//!
//! use gather_cm::{EnterExt, Failure, gather};
//!
//! async fn plain() -> Result<(), Box<dyn Error>> {
//!     let db = async { Err::<(), _>(io::Error::other("no route")) }.drop_on_exit();
//!     gather((db,)).names(&["db"]).with(async |_| Ok(())).await?;
//!     Ok(())
//! }
//!
//! async fn with_sources() -> Result<(), Box<dyn Error + Send + Sync>> {
//!     let db = async { Err::<(), _>(io::Error::other("no route")) }.drop_on_exit();
//!     let group = gather((db,)).names(&["db"]);
//!     group.with(async |_| Ok(())).await.map_err(Failure::report)?;
//!     Ok(())
//! }
//!
//! let Err(error) = smol::block_on(plain()) else { panic!("there is no route") };
//! assert_eq!(error.to_string(), "enter of db failed: no route");
//! assert!(error.source().is_none());
//!
//! let Err(error) = smol::block_on(with_sources()) else { panic!("there is no route") };
//! assert_eq!(error.to_string(), "enter of db failed");
//! assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("no route"));
//! ```
//!
//! The two differ in [`source`](std::error::Error::source). `Failure` works for every error type, also for types that
//! do not implement `Error`, so it cannot return a member's error as its source. Its `Display` prints the errors
//! instead. A [`Report`] has the errors in boxes, and returns the first one as its source.
//!
//! - Use `map_err(Failure::report)?` with [anyhow](https://docs.rs/anyhow) and other crates that print chains.
//! - `anyhow::Error` may also be the error type of the members. It does not implement `Error`, but `Failure` and
//!   `Report` print its chain all the same.
//! - If your `main` returns `Result<(), Report>`, the program prints the whole tree of errors.
//!
//! ## How do they print?
//!
//! | type | `{}` | `{:#}` | `{:?}` |
//! | --- | --- | --- | --- |
//! | [`Failure`] | one line, with all errors | the same, with brackets around several parts | the fields |
//! | [`Report`] | one line, without the text of its source | one line, with each error and its sources | a tree, with a line for each source, and nested failures as branches |
//! | [`Cause`] | | | the variant, and its errors |
//! | [`Origin`] | `enter of db failed` | the same | the variant |
//! | [`Who`](crate::Who) | the name, or `member 1` | the same | the fields |
//! | [`Panic`](crate::Panic) | `panicked: oops` | the same | `Panic(panicked: oops)` |
//!
//! These types write each error of a member with `{:#}`, so that errors of anyhow print their chains. On one line, a
//! space replaces each line break of an error's text.
//!
//! ```
//! use std::io;
//!
//! use gather_cm::{EnterExt, gather};
//!
//! # smol::block_on(async {
//! let link = async { Ok(()) }
//!     .exit_with(async |(), _| Err::<(), _>(io::Error::other("stuck")));
//! let group = gather((link,)).names(&["link"]);
//! let result = group.with(async |_| Err::<(), _>(io::Error::other("oops"))).await;
//! let Err(failure) = result else { panic!("the body fails") };
//!
//! assert_eq!(failure.to_string(), "body failed: oops; exit of link failed: stuck");
//! assert_eq!(format!("{failure:#}"), "[body failed: oops; exit of link failed: stuck]");
//!
//! let report = failure.report();
//! assert_eq!(report.to_string(), "body failed (also: exit of link failed: stuck)");
//! assert_eq!(
//!     format!("{report:?}"),
//!     "body failed:\n  oops\n\
//!      exit of link failed:\n  stuck"
//! );
//! # });
//! ```
//!
//! ## What do exits learn?
//!
//! An exit receives the [`ExitCase`], an enum that is `Copy`. It is enough to choose between commit and roll back. If
//! your resource wants the error itself, implement [`Exit::on_error`]. The gather calls it just before the exit, if
//! there is an error. The error is a `&dyn Any`, so downcast it to the error type of the body or of the group:
//!
//! ```
//! use std::{any::Any, cell::RefCell, io};
//!
//! use gather_cm::{Exit, ExitCase, gather};
//!
//! struct Span<'a> {
//!     log: &'a RefCell<Vec<String>>,
//!     reason: Option<String>,
//! }
//!
//! impl Exit for Span<'_> {
//!     type Error = io::Error;
//!     type Verdict = ();
//!
//!     fn on_error(&mut self, error: &dyn Any) {
//!         self.reason = error.downcast_ref::<io::Error>().map(ToString::to_string);
//!     }
//!
//!     async fn exit(self, case: ExitCase) -> io::Result<()> {
//!         self.log.borrow_mut().push(format!("{case:?}: {:?}", self.reason));
//!         Ok(())
//!     }
//! }
//!
//! let log = RefCell::new(Vec::new());
//! let span = async { Ok(Span { log: &log, reason: None }) };
//! let work = gather((span,)).with(async |_| Err::<(), _>(io::Error::other("disk full")));
//! assert!(smol::block_on(work).is_err());
//! assert_eq!(log.into_inner(), [r#"Failed: Some("disk full")"#]);
//! ```
//!
//! An exit can also answer. If it has dealt with the body's error, it answers [`Verdict::Suppress`](crate::Verdict).
//! The gather still returns `Err`, because it has no value to return, but [`into_suppressed`] returns the body's error,
//! so that you can go on. All members must agree, unless the exits run one at a time.
//!
//! ## Panics
//!
//! With the feature `std`, a panic counts as the failure of the part that panicked. The exits run, and the panic
//! resumes when all of them have finished. With [`catch_unwind`], it does not resume, and becomes [`Cause::Panicked`].
//!
//! | what panics | what happens at once | exits that have not begun receive |
//! | --- | --- | --- |
//! | an enter, or its destructor | as if the enter had failed: the other enters run on, unless the policy says otherwise | `Panicked` |
//! | the body, or its destructor | the exits begin | `Panicked` |
//! | `stop` of `cancel_on`, or its destructor | as if it had been ready | `Panicked` |
//! | the observer, before the body | the body is not called | `Panicked` |
//! | the observer, over an event of a [`scope`](crate::scope()) or of a driver while the body runs | the body is dropped | `Panicked` |
//! | the observer, later | nothing | the case that they would receive anyway |
//! | a driver beside enters or the body | the body is dropped, or not called | `Panicked` |
//! | [`Exit::on_error`] | the same resource is exited all the same | the case that they would receive anyway |
//! | a driver while its member waits for its exit | nothing | the case that they would receive anyway |
//! | an exit, or its driver beside it | the other exits run on | the case that they would receive anyway; after [`stack`] and [`in_reverse`], `Panicked` |
//! | the body's value, if it is dropped because exits failed | nothing, since the exits have ended | |
//!
//! With [`eager_rollback`], exits may have begun before the panic. After the first exit has begun, a panic of an enter,
//! of `stop` or of the observer no longer changes the case.
//!
//! Some errors get lost beside a panic:
//!
//! | part | if the panic resumes | with [`catch_unwind`] |
//! | --- | --- | --- |
//! | the first panic | resumes, with its own payload | is in `Cause::Panicked` |
//! | later panics | are dropped | are dropped |
//! | the body's value | is dropped | is dropped |
//! | the errors of the cause: of enters, of drivers, or of the body | are dropped | are dropped |
//! | the errors of exits | are dropped | are in [`exits`] |
//!
//! If the errors matter, log them where they occur, in `on_error` or in the exit, or catch the panic:
//!
//! ```
//! use std::io;
//!
//! use gather_cm::{Cause, EnterExt, gather};
//!
//! # smol::block_on(async {
//! let link = async { Ok(()) }
//!     .exit_with(async |(), _| Err::<(), _>(io::Error::other("stuck")));
//! let body = async |_: (&mut (),)| -> io::Result<()> { panic!("oops") };
//! let result = gather((link,)).catch_unwind().with(body).await;
//! let Err(failure) = result else { panic!("the body panics") };
//! assert_eq!(failure.to_string(), "panicked: oops; exit of member 0 failed: stuck");
//! if let Cause::Panicked(panic) = failure.cause {
//!     assert_eq!(panic.into_payload().downcast_ref(), Some(&"oops")); // or `panic.resume()`
//! }
//! # });
//! ```
//!
//! Without `std`, nothing catches a panic. A panic that unwinds drops the gather on its way, and the drop
//! [abandons](super::cancellation) the resources. With `panic = "abort"`, the process ends at once, with `std` or
//! without.
//!
//! ## Groups in groups
//!
//! If a nested group fails to enter or to exit, its [`Failure`] is the error of one member of the outer group. The
//! outer group then has an error type such as `Failure<E, Few<2>>`, or the type that `errors_into` converts to. The
//! errors inside keep their own indices and names, so a message reads from the outside in:
//!
//! ```
//! use std::{error::Error, io};
//!
//! use gather_cm::{EnterExt, gather};
//!
//! # smol::block_on(async {
//! let open = |up: bool| {
//!     async move { if up { Ok(()) } else { Err(io::Error::other("no route")) } }
//!         .drop_on_exit()
//! };
//! let servers = gather((open(true), open(false))).names(&["primary", "replica"]).enter();
//! let disk = open(true).errors_into::<Box<dyn Error + Send + Sync>>();
//! let group = gather((disk, servers.errors_into())).names(&["disk", "servers"]);
//! let Err(failure) = group.with(async |_| Ok(())).await else { panic!("a server is down") };
//! let text = "enter of servers failed: enter of replica failed: no route";
//! assert_eq!(failure.to_string(), text);
//!
//! let tree = "\
//! enter of servers failed:
//!   enter of replica failed:
//!     no route";
//! assert_eq!(format!("{:?}", failure.report()), tree);
//! # });
//! ```
//!
//! A nested `Failure` prints its errors without their sources. The docs of [`Report`](crate::Report#groups-in-groups)
//! say how you keep the sources.
//!
//! [`cancel_on`]: crate::Gather::cancel_on
//! [`catch_unwind`]: crate::Gather::catch_unwind
//! [`Cause`]: crate::Cause
//! [`Cause::Body`]: crate::Cause::Body
//! [`Cause::Cancelled`]: crate::Cause::Cancelled
//! [`Cause::Enter`]: crate::Cause::Enter
//! [`Cause::Exit`]: crate::Cause::Exit
//! [`Cause::Lost`]: crate::Cause::Lost
//! [`Cause::Panicked`]: crate::Cause::Panicked
//! [`eager_rollback`]: crate::Gather::eager_rollback
//! [`enter_within`]: crate::EnterExt::enter_within
//! [`errors`]: crate::Failure::errors
//! [`errors_into`]: crate::EnterExt::errors_into
//! [`Exit::on_error`]: crate::Exit::on_error
//! [`exit_within`]: crate::EnterExt::exit_within
//! [`ExitCase`]: crate::ExitCase
//! [`exits`]: field@crate::Failure::exits
//! [`fail_fast`]: crate::Gather::fail_fast
//! [`Failure`]: crate::Failure
//! [`Failure::errors_into`]: crate::Failure::errors_into
//! [`in_reverse`]: crate::Gather::in_reverse
//! [`into_error`]: crate::Failure::into_error
//! [`into_errors`]: crate::Failure::into_errors
//! [`into_suppressed`]: crate::Failure::into_suppressed
//! [`is_suppressed`]: crate::Failure::is_suppressed
//! [`keep_value`]: crate::With::keep_value
//! [`map`]: crate::Failure::map
//! [`names`]: crate::Gather::names
//! [`optional`]: crate::EnterExt::optional
//! [`Origin`]: crate::Origin
//! [`Report`]: crate::Report
//! [`settle`]: crate::Gather::settle
//! [`Shape`]: crate::Shape
//! [`shield`]: crate::Gather::shield
//! [`stack`]: crate::Gather::stack
//! [`with_own_error`]: crate::Gather::with_own_error
