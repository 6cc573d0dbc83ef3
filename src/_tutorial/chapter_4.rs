//! # Chapter 4: cancellation
//!
//! After this chapter, you know what happens when the future of a group is dropped, and you can stop a group so that
//! its exits still run.
//!
//! ## What a drop does
//!
//! Rust cancels a future by dropping it. A timeout of your runtime does so, and so does a `select!`. If the future of a
//! group is dropped, this happens:
//!
//! | part | what a drop does |
//! | --- | --- |
//! | pending enters | are dropped |
//! | the body | is dropped |
//! | held resources | are *abandoned*: their [`exit`](crate::Exit::exit) is not called |
//! | exits in flight | are dropped, along with their resources |
//!
//! An exit is a future, and somebody must poll it until it finishes. A destructor cannot do that, because it is a plain
//! function that must return without waiting. The crate does not spawn a task for the exit either. So the exit of this
//! database does not run:
//!
//! ```
//! use gather_cm::gather;
//! use std::{future::pending, io};
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
//! let body = async |_: (&mut _,)| pending::<io::Result<()>>().await;
//! let shop = gather((open("database", &log),)).with(body);
//! let result = smol::future::poll_once(shop).await; // polls it once, and drops it
//! assert!(result.is_none());
//! assert!(log.into_inner().is_empty());
//! # Ok(()) }) }
//! ```
//!
//! ## What a resource can do at once
//!
//! By default, the group abandons a resource by dropping it. If the resource can do something useful without waiting,
//! implement [`abandon`]. For example, it can close a socket, or send the resource to a task that cleans up. If a
//! closure exits the resource, add [`abandon_with`]:
//!
//! ```
//! use gather_cm::{EnterExt, gather};
//! use std::{cell::Cell, future::pending, io};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
//! let till = Cell::new("open");
//! let member = async { io::Result::Ok(&till) }
//!     .exit_with(async |till, _case| Ok(till.set("counted and closed")))
//!     .abandon_with(|till| till.set("locked"));
//! let shop = gather((member,)).with(async |_| pending::<io::Result<()>>().await);
//! assert!(smol::future::poll_once(shop).await.is_none());
//! assert_eq!(till.get(), "locked");
//! # Ok(()) }) }
//! ```
//!
//! ## Stop a group instead of dropping it
//!
//! If you know beforehand what may stop the group, pass a future that waits for it to [`cancel_on`]. Any future can be
//! such a *signal*, for example a timer, a channel, or Ctrl-C. If the signal is ready before the body has ended, the
//! group drops the pending enters and the body. Then it exits every held resource, and the exits receive
//! [`Cancelled`](crate::ExitCase::Cancelled). The cause of the failure is
//! [`Cause::Cancelled`](crate::Cause::Cancelled):
//!
//! ```
//! use gather_cm::{Cause, gather};
//! use std::{future::pending, io, time::Duration};
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
//! let closing_time = async {
//!     smol::future::yield_now().await; // the shop opens first, however busy the machine is
//!     smol::Timer::after(Duration::from_millis(1)).await;
//! };
//! let shop = gather((open("database", &log), open("cache", &log))).cancel_on(closing_time);
//! let failure = shop.with(async |_| pending::<io::Result<()>>().await).await.unwrap_err();
//! assert!(matches!(failure.cause, Cause::Cancelled { .. }));
//! assert_eq!(log.into_inner(), ["database: Cancelled", "cache: Cancelled"]);
//! # Ok(()) }) }
//! ```
//!
//! So the timer is a deadline for the enters and for the body. A `Timer` that you pass as it is runs from the moment
//! that you create it. If it is over before the group starts, the group enters nothing.
//!
//! You may call `cancel_on` several times, for example with a deadline and with a stop button. The first signal that is
//! ready stops the group. Here the button is a channel, and another future presses it:
//!
//! ```
//! use gather_cm::{Cause, gather};
//! use std::{future::pending, io, time::Duration};
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
//! let (button, pressed) = smol::channel::bounded::<()>(1);
//! let shop = gather((open("database", &log),))
//!     .cancel_on(smol::Timer::after(Duration::from_secs(3600)))
//!     .cancel_on(pressed.recv())
//!     .with(async |_| pending::<io::Result<()>>().await);
//! let owner = async { button.send(()).await.map_err(io::Error::other) };
//! let (result, sent) = smol::future::zip(shop, owner).await;
//! sent?;
//! assert!(matches!(result.unwrap_err().cause, Cause::Cancelled { .. }));
//! assert_eq!(log.into_inner(), ["database: Cancelled"]);
//! # Ok(()) }) }
//! ```
//!
//! A signal stops no exit, so the group waits for all of them. If an exit may hang, give it a deadline of its own by
//! [`exit_within`], as in [chapter 3](super::chapter_3#deadlines-for-a-member).
//!
//! ## Enters that must not be dropped
//!
//! A stop drops pending enters, and a member that has not entered has no exit. If its enter has already started a
//! process, nobody ends that process. Call [`settle`] if your group has such members. The group then lets pending
//! enters finish after a stop, and exits their resources:
//!
//! ```
//! use gather_cm::{Cause, EnterExt, gather};
//! use smol::future::yield_now;
//! use std::{cell::Cell, io};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
//! let running = Cell::new(0);
//! let start = || {
//!     async {
//!         running.set(running.get() + 1);
//!         yield_now().await; // a drop here would leave the process behind
//!         io::Result::Ok(())
//!     }
//!     .exit_with(async |(), _case| Ok(running.set(running.get() - 1)))
//! };
//! // The signal is ready in the second poll.
//! let group = gather((start(),)).cancel_on(yield_now());
//! assert!(group.with(async |_| Ok(())).await.is_err());
//! assert_eq!(running.replace(0), 1); // left behind
//!
//! let group = gather((start(),)).cancel_on(yield_now()).settle();
//! let failure = group.with(async |_| Ok(())).await.unwrap_err();
//! assert!(matches!(failure.cause, Cause::Cancelled { .. }));
//! assert_eq!(running.get(), 0);
//! # Ok(()) }) }
//! ```
//!
//! If the future is dropped, `settle` changes nothing. [Chapter 7](super::chapter_7#enters-that-must-not-be-dropped)
//! has a `settle` for that.
//!
//! ## Which way do I choose?
//!
//! | your situation | do this |
//! | --- | --- |
//! | you know the signal | pass it to [`cancel_on`], and await the group |
//! | somebody else may drop the future | call [`shield`](crate::Gather::shield), as in [chapter 7](super::chapter_7) |
//! | the resource can do something without waiting | implement [`abandon`] |
//! | the body must outlive its caller | [spawn the whole group](crate::_topic::send), and await its handle |
//!
//! Next: [chapter 5, the dynamic scope](super::chapter_5). Back to [the list of chapters](crate::_tutorial).
//!
//! [`abandon`]: crate::Exit::abandon
//! [`abandon_with`]: crate::Adapted::abandon_with
//! [`cancel_on`]: crate::Gather::cancel_on
//! [`exit_within`]: crate::EnterExt::exit_within
//! [`settle`]: crate::Gather::settle
