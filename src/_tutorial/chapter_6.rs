//! # Chapter 6: drivers
//!
//! After this chapter, you can use libraries whose `connect` returns a handle along with a future that somebody must
//! poll.
//!
//! ## A handle and its driver
//!
//! Libraries such as tokio-postgres, hyper and embassy-net spawn nothing. They return a *handle*, which you use, and a
//! *driver*, which does the work. If nobody polls the driver, the handle waits for ever.
//!
//! The broker of the shop comes from such a library. Call [`driven`], and the group polls the driver for you. Then add
//! an adapter for the exit of the handle:
//!
//! ```
//! use gather_cm::{EnterExt, gather};
//! use smol::channel::{Sender, bounded};
//! use std::{cell::RefCell, io, pin::Pin};
//!
//! type Sent = RefCell<Vec<&'static str>>;
//! type Driver<'a> = Pin<Box<dyn Future<Output = io::Result<()>> + 'a>>;
//!
//! /// The library. Its handle has room for one message, and the driver sends it.
//! async fn connect(sent: &Sent) -> io::Result<(Sender<&'static str>, Driver<'_>)> {
//!     let (handle, messages) = bounded(1);
//!     let driver = async move {
//!         while let Ok(message) = messages.recv().await {
//!             if message == "too long" {
//!                 return Err(io::Error::other("the broker hung up"));
//!             }
//!             sent.borrow_mut().push(message);
//!         }
//!         Ok(())
//!     };
//!     Ok((handle, Box::pin(driver)))
//! }
//!
//! async fn publish(broker: &Sender<&'static str>, message: &'static str) -> io::Result<()> {
//!     broker.send(message).await.map_err(io::Error::other)
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
//! let sent = Sent::default();
//! let broker = connect(&sent)
//!     .driven()
//!     .exit_with(async |broker, _case| publish(&broker, "goodbye").await);
//! let shop = gather((broker,)).with(async |(broker,)| {
//!     publish(broker, "order 1").await?;
//!     publish(broker, "order 2").await
//! });
//! shop.await?;
//! assert_eq!(sent.into_inner(), ["order 1", "order 2", "goodbye"]);
//! # Ok(()) }) }
//! ```
//!
//! The body borrows the handle, and never sees the driver. The group polls the driver while other members enter, beside
//! the body, and along with the exit. It polls the driver once more in the poll in which the exit finishes, so the
//! goodbye is sent. After that it drops the driver.
//!
//! The driver must be `Unpin`, as a box is. If you have no heap, pin the driver by `pin!` outside of the group, and
//! pass the pinned reference.
//!
//! ## If a driver fails
//!
//! If a driver ends with `Ok(())`, the group drops it, and nothing else happens. If a driver fails while the body runs,
//! the body is polled once more. If it finishes in that poll, its own result stands. Often it does: if it waits for an
//! answer of the driver, it mostly receives an error of its own then. The driver's error, which says why, is among the
//! errors of the exits. Otherwise the group drops the body, and every exit receives [`Lost`](crate::ExitCase::Lost).
//! The cause is [`Cause::Lost`](crate::Cause::Lost):
//!
//! ```
//! use gather_cm::{Cause, EnterExt, gather};
//! use smol::channel::{Sender, bounded};
//! use std::{cell::RefCell, future::pending, io, pin::Pin};
//!
//! # type Sent = RefCell<Vec<&'static str>>;
//! # type Driver<'a> = Pin<Box<dyn Future<Output = io::Result<()>> + 'a>>;
//! # /// The library. Its handle has room for one message, and the driver sends it.
//! # async fn connect(sent: &Sent) -> io::Result<(Sender<&'static str>, Driver<'_>)> {
//! #     let (handle, messages) = bounded(1);
//! #     let driver = async move {
//! #         while let Ok(message) = messages.recv().await {
//! #             if message == "too long" {
//! #                 return Err(io::Error::other("the broker hung up"));
//! #             }
//! #             sent.borrow_mut().push(message);
//! #         }
//! #         Ok(())
//! #     };
//! #     Ok((handle, Box::pin(driver)))
//! # }
//! # async fn publish(broker: &Sender<&'static str>, message: &'static str) -> io::Result<()> {
//! #     broker.send(message).await.map_err(io::Error::other)
//! # }
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
//! let (sent, log) = (Sent::default(), Log::default());
//! let shop = gather((open("database", &log), connect(&sent).driven().drop_on_exit()));
//! let failure = shop
//!     .names(&["database", "broker"])
//!     .with(async |(_database, broker)| {
//!         publish(broker, "too long").await?;
//!         pending::<io::Result<()>>().await // it would never find out
//!     })
//!     .await
//!     .unwrap_err();
//! assert!(matches!(failure.cause, Cause::Lost(_)));
//! assert_eq!(failure.to_string(), "driver of broker failed: the broker hung up");
//! assert_eq!(log.into_inner(), ["database: Lost"]);
//! # Ok(()) }) }
//! ```
//!
//! If a driver fails while members enter, the body is not called. The exits receive `Lost` as well, and the cause is
//! the same. If a driver fails during the exits, its error becomes the error of its member's exit.
//!
//! The exit of the member whose driver failed runs like any other. If it waits for an answer from that driver, it
//! hangs. Look at the case in that exit, or add [`exit_within`].
//!
//! ## A step that needs the driver
//!
//! Some members must send a request before they can enter, such as a login. Call [`prepared`] before `driven`, with a
//! closure that does this step. The step runs beside the driver. If one of the two fails, the enter has failed:
//!
//! ```
//! use gather_cm::{EnterExt, gather};
//! use smol::channel::{Sender, bounded};
//! use std::{cell::RefCell, io, pin::Pin};
//!
//! # type Sent = RefCell<Vec<&'static str>>;
//! # type Driver<'a> = Pin<Box<dyn Future<Output = io::Result<()>> + 'a>>;
//! # /// The library. Its handle has room for one message, and the driver sends it.
//! # async fn connect(sent: &Sent) -> io::Result<(Sender<&'static str>, Driver<'_>)> {
//! #     let (handle, messages) = bounded(1);
//! #     let driver = async move {
//! #         while let Ok(message) = messages.recv().await {
//! #             if message == "too long" {
//! #                 return Err(io::Error::other("the broker hung up"));
//! #             }
//! #             sent.borrow_mut().push(message);
//! #         }
//! #         Ok(())
//! #     };
//! #     Ok((handle, Box::pin(driver)))
//! # }
//! # async fn publish(broker: &Sender<&'static str>, message: &'static str) -> io::Result<()> {
//! #     broker.send(message).await.map_err(io::Error::other)
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
//! let sent = Sent::default();
//! let broker = connect(&sent)
//!     .prepared(async |broker| {
//!         publish(broker, "login").await?;
//!         publish(broker, "subscribe").await // the driver has made room for it
//!     })
//!     .driven()
//!     .drop_on_exit();
//! gather((broker,)).with(async |(broker,)| publish(broker, "order 1").await).await?;
//! assert_eq!(sent.into_inner(), ["login", "subscribe", "order 1"]);
//! # Ok(()) }) }
//! ```
//!
//! ## A driver that needs more time
//!
//! Some drivers still work when the handle is gone. They wait for a full socket, or until the other side hangs up. If
//! you call [`to_end`] after the adapter of the exit, the group awaits the driver instead of dropping it:
//!
//! ```
//! use gather_cm::{EnterExt, gather};
//! use smol::{channel::bounded, future::yield_now};
//! use std::{cell::Cell, io};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
//! let farewells = Cell::new(0);
//! let connect = async || {
//!     let (handle, messages) = bounded::<()>(1);
//!     let driver = Box::pin(async {
//!         let messages = messages; // the driver owns it
//!         while messages.recv().await.is_ok() {}
//!         yield_now().await; // the socket is full
//!         farewells.set(farewells.get() + 1);
//!     });
//!     io::Result::Ok((handle, driver))
//! };
//! gather((connect().driven().drop_on_exit(),)).with(async |_| Ok(())).await?;
//! assert_eq!(farewells.get(), 0);
//!
//! gather((connect().driven().drop_on_exit().to_end(),)).with(async |_| Ok(())).await?;
//! assert_eq!(farewells.get(), 1);
//! # Ok(()) }) }
//! ```
//!
//! ## What to avoid
//!
//! - Do not pass a driver to [`cancel_on`](crate::Gather::cancel_on). The group drops that future before the exits,
//!   which may still need it.
//! - Do not call `driven` after the adapter of the exit. That order does not compile.
//! - Do not enter a driven member in a [`scope`](crate::scope()). `cargo build` fails then, although `cargo check` does
//!   not. Enter it in a [`gather`](crate::gather()), and run the scope in the body.
//! - Do not keep an [`Entered`](crate::Entered) with drivers in a struct, as [chapter 7](super::chapter_7) does without
//!   drivers. Nobody would poll them there. Make it a member of another group, which polls them.
//!
//! Next: [chapter 7, the shield](super::chapter_7). Back to [the list of chapters](crate::_tutorial).
//!
//! [`driven`]: crate::EnterExt::driven
//! [`exit_within`]: crate::EnterExt::exit_within
//! [`prepared`]: crate::EnterExt::prepared
//! [`to_end`]: crate::Adapted::to_end
