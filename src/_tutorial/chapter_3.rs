//! # Chapter 3: policies
//!
//! After this chapter, you can choose in which order exits run, what a failed enter does, how many members are in
//! flight, and how long they may take.
//!
//! ## Two questions
//!
//! A *policy* is a method of [`Gather`], which you call between [`gather`] and [`with`]. You can combine policies in
//! any order, with [`shield`] as the last one. An enter that has not finished is *pending*. A resource is *held* from
//! the end of its enter until its exit begins.
//!
//! Two questions matter most. Do the exits run together? Do pending enters go on after a failed one?
//!
//! | | exits run together (a *pool*) | exits run one at a time (a *stack*) |
//! | --- | --- | --- |
//! | **after a failed enter, the pending enters finish** | `gather(group)` | `gather(group).stack()` |
//! | **after a failed enter, the pending enters are dropped** | `gather(group).fail_fast()` | `gather(group).fail_fast().stack()` |
//!
//! A pool fits resources that do not need one another. Its exits take only as long as the slowest one. In a stack, the
//! case of an exit also says how the exits before it ended.
//!
//! ## Which policy do I want?
//!
//! | I want | call |
//! | --- | --- |
//! | the resource that entered last to exit first | [`stack`] |
//! | the last argument to exit first | [`in_reverse`] |
//! | a failed enter to drop the pending enters | [`fail_fast`] |
//! | held resources to exit at once after a failed enter, beside the pending enters | [`eager_rollback`] |
//! | at most `n` enters, or exits, in flight | [`enter_limit`], [`exit_limit`] |
//! | a deadline for one member | [`enter_within`], [`exit_within`] |
//! | a deadline or a stop button for the group ([chapter 4](super::chapter_4)) | [`cancel_on`] |
//! | a stop to let pending enters finish | [`settle`] |
//! | a panic as an error | [`catch_unwind`] |
//! | an event for each step | [`observe`] |
//! | errors that name their member | [`names`] |
//! | each poll to begin with another member | [`fair`] |
//! | members in a large `Vec` to receive the caller's own waker, as embassy's timers need it | [`caller_waker`] |
//! | the group to start although a member cannot be entered | [`optional`] |
//! | the exits to finish although the future is dropped ([chapter 7](super::chapter_7)) | [`shield`] |
//!
//! Three of these methods are adapters of a member, from [`EnterExt`](crate::EnterExt): `enter_within`, `exit_within`
//! and `optional`. The others are policies of the group.
//!
//! ## An order for the exits
//!
//! If a resource uses another one, list it after that one, and call [`in_reverse`]. The broker of the shop stores its
//! messages in the database, so the broker exits first. With [`stack`], the member that entered last exits first, and
//! that may be another member in each run.
//!
//! ```
//! use gather_cm::gather;
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
//! let shop = (open("database", &log), open("broker", &log));
//! gather(shop).in_reverse().with(async |(_database, _broker)| Ok(())).await?;
//! assert_eq!(log.into_inner(), ["broker: Completed", "database: Completed"]);
//! # Ok(()) }) }
//! ```
//!
//! Enters still run together. If one member must enter before another one can, call `.enter_limit(1).in_reverse()`. The
//! members then enter one after the other, in the order of the arguments.
//!
//! ## A failed enter
//!
//! By default, the pending enters run to their end after a failed one, because a dropped enter could leave something
//! behind that only an exit removes. Call [`fail_fast`] if every enter cleans up after itself when it is dropped, as
//! that of a socket does:
//!
//! ```
//! use gather_cm::{EnterExt, gather};
//! use std::{future::pending, io};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
//! let hangs = pending::<io::Result<()>>().drop_on_exit();
//! let fails = async { Err::<(), _>(io::Error::other("no route")) }.drop_on_exit();
//! let shop = gather((hangs, fails)).names(&["cache", "broker"]).fail_fast();
//! let failure = shop.with(async |_| Ok(())).await.unwrap_err();
//! assert_eq!(failure.to_string(), "enter of broker failed: no route");
//! # Ok(()) }) }
//! ```
//!
//! ## Limits
//!
//! An enter or an exit that has begun and not finished is *in flight*. Call [`enter_limit`] or [`exit_limit`] if too
//! many at a time would overload a server. The members start in the order of the arguments. Of these forty replicas, at
//! most four connect at the same time:
//!
//! ```
//! use gather_cm::{EnterExt, gather};
//! use std::{cell::Cell, io};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
//! let (now, most) = (Cell::new(0), Cell::new(0));
//! let connect = async || {
//!     now.set(now.get() + 1);
//!     most.set(most.get().max(now.get()));
//!     smol::future::yield_now().await;
//!     io::Result::Ok(now.set(now.get() - 1))
//! };
//! let replicas: Vec<_> = (0..40).map(|_| connect().drop_on_exit()).collect();
//! gather(replicas).enter_limit(4).with(async |_| Ok(())).await?;
//! assert_eq!(most.get(), 4);
//! # Ok(()) }) }
//! ```
//!
//! ## Deadlines for a member
//!
//! [`enter_within`] and [`exit_within`] take an async closure or an `async fn`, which waits and then returns an error.
//! If an enter or an exit is late, it is dropped, and this error is its result. A late exit stops no other exit:
//!
//! ```
//! use gather_cm::{EnterExt, gather};
//! use std::{future::pending, io, time::Duration};
//!
//! async fn late() -> io::Error {
//!     smol::Timer::after(Duration::from_millis(1)).await;
//!     io::Error::other("no answer")
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
//! let cache = async { Ok(()) }
//!     .exit_with(async |(), _case| pending::<io::Result<()>>().await) // never ends
//!     .exit_within(late);
//! let shop = gather((cache, open("database", &log))).names(&["cache", "database"]);
//! let failure = shop.with(async |_| Ok(())).await.unwrap_err();
//! assert_eq!(failure.to_string(), "exit of cache failed: no answer");
//! assert_eq!(log.into_inner(), ["database: Completed"]);
//! # Ok(()) }) }
//! ```
//!
//! ## Panics
//!
//! With the feature `std`, a panic of the body or of an enter skips no exit. The exits receive
//! [`Panicked`](crate::ExitCase::Panicked). By default, the panic resumes when all of them have finished. If you call
//! [`catch_unwind`], it becomes the cause of a failure instead:
//!
//! ```
//! use gather_cm::{Cause, gather};
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
//! let body = async |_: (&mut _,)| -> io::Result<()> { panic!("out of tea") };
//! let shop = gather((open("database", &log),)).catch_unwind();
//! let failure = shop.with(body).await.unwrap_err();
//! assert!(matches!(failure.cause, Cause::Panicked(_)));
//! assert_eq!(failure.to_string(), "panicked: out of tea");
//! assert_eq!(log.into_inner(), ["database: Panicked"]);
//! # Ok(()) }) }
//! ```
//!
//! ## An observer
//!
//! [`observe`] calls your closure with an [`Event`] whenever an enter, the body or an exit begins or ends. Use it for
//! traces, and to find out which member hangs:
//!
//! ```
//! use gather_cm::{Event, ExitCase, gather};
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
//! let (log, mut events) = (Log::default(), Vec::new());
//! let shop = gather((open("database", &log),)).observe(|event| events.push(event));
//! shop.with(async |_| Ok(())).await?;
//! assert!(matches!(
//!     events[..],
//!     [
//!         Event::EnterStarted { index: 0, .. },
//!         Event::Entered { index: 0, .. },
//!         Event::BodyStarted { .. },
//!         Event::BodyEnded { case: ExitCase::Completed, .. },
//!         Event::ExitStarted { index: 0, .. },
//!         Event::Exited { index: 0, .. },
//!     ]
//! ));
//! # Ok(()) }) }
//! ```
//!
//! The docs of [`policies`](crate::policies#if-two-policies-meet) have a table that says what happens if two policies
//! meet.
//!
//! Next: [chapter 4, cancellation](super::chapter_4). Back to [the list of chapters](crate::_tutorial).
//!
//! [`caller_waker`]: crate::Gather::caller_waker
//! [`cancel_on`]: crate::Gather::cancel_on
//! [`catch_unwind`]: crate::Gather::catch_unwind
//! [`eager_rollback`]: crate::Gather::eager_rollback
//! [`enter_limit`]: crate::Gather::enter_limit
//! [`enter_within`]: crate::EnterExt::enter_within
//! [`Event`]: crate::Event
//! [`exit_limit`]: crate::Gather::exit_limit
//! [`exit_within`]: crate::EnterExt::exit_within
//! [`fail_fast`]: crate::Gather::fail_fast
//! [`fair`]: crate::Gather::fair
//! [`Gather`]: crate::Gather
//! [`gather`]: crate::gather()
//! [`in_reverse`]: crate::Gather::in_reverse
//! [`names`]: crate::Gather::names
//! [`observe`]: crate::Gather::observe
//! [`optional`]: crate::EnterExt::optional
//! [`settle`]: crate::Gather::settle
//! [`shield`]: crate::Gather::shield
//! [`stack`]: crate::Gather::stack
//! [`with`]: crate::Gather::with
