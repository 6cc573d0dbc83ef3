//! # Chapter 7: the shield
//!
//! After this chapter, you can let the exits of a group finish although its future is dropped, and you can keep a group
//! in a struct.
//!
//! ## Exits that outlive the future
//!
//! A web server drops the future of a request when its client hangs up. It sends no signal that you could pass to
//! [`cancel_on`](crate::Gather::cancel_on). [Chapter 4](super::chapter_4#what-a-drop-does) shows that no exit runs
//! after such a drop.
//!
//! Call [`shield`] after the other policies, and [`on_drop`] after [`with`](crate::Gather::with). If the future is
//! dropped, the group makes one future of the remaining exits, the *cleanup*. Your function receives the cleanup during
//! the drop, and spawns it:
//!
//! ```
//! use gather_cm::gather;
//! use smol::{LocalExecutor, future::poll_once};
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
//! let cleanups = LocalExecutor::new();
//! let request = gather((open("database", &log), open("cache", &log)))
//!     .shield()
//!     .with(async |_| pending::<io::Result<()>>().await)
//!     .on_drop(|cleanup| cleanups.spawn(cleanup).detach());
//! assert!(poll_once(request).await.is_none()); // polls it once, and drops it
//! assert!(log.borrow().is_empty());
//!
//! while !cleanups.is_empty() {
//!     cleanups.tick().await;
//! }
//! assert_eq!(log.borrow()[..], ["database: Cancelled", "cache: Cancelled"]);
//! # Ok(()) }) }
//! ```
//!
//! If you await the future to its end, your function is not called, and the result is the same as without a shield.
//!
//! ## What a drop does with a shield
//!
//! | when the future is dropped | what happens |
//! | --- | --- |
//! | before its first poll | nothing has begun, so your function is not called |
//! | while members enter | pending enters are dropped, and held resources are exited |
//! | while the body runs | the body is dropped, and all resources are exited |
//! | while members exit | the exits continue where they were |
//!
//! The exits receive [`Cancelled`](crate::ExitCase::Cancelled). If the group had failed or the body had ended before
//! the drop, they receive the same case as without the drop. The body may borrow from its surroundings, because it is
//! dropped at once. Only the resources, their exits and the errors live as long as the cleanup.
//!
//! ## Who runs the cleanup?
//!
//! You decide, because the crate spawns nothing. These are the usual ways:
//!
//! | you have | write |
//! | --- | --- |
//! | smol | `.on_drop(\|cleanup\| smol::spawn(cleanup).detach())` |
//! | tokio | `.on_drop(\|cleanup\| { tokio::spawn(cleanup); })` |
//! | a `TaskTracker` of tokio-util, which `main` can wait for | `.on_drop(\|cleanup\| { tracker.spawn(cleanup); })` |
//! | a `LocalExecutor` | `.on_drop(\|cleanup\| executor.spawn(cleanup).detach())` |
//!
//! The first three need a cleanup that is `Send` and `'static`. If somebody drops the cleanup as well, it abandons its
//! resources.
//!
//! If an exit fails, the cleanup returns a [`Failure`](crate::Failure). Nobody waits for it, so log the failure in the
//! task:
//!
//! ```
//! use gather_cm::{EnterExt, gather};
//! use smol::{LocalExecutor, future::poll_once};
//! use std::{cell::RefCell, future::pending, io};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
//! let log = RefCell::new(Vec::new());
//! let cleanups = LocalExecutor::new();
//! let cache = async { Ok(7) }
//!     .exit_with(async |_value, _case| Err::<(), _>(io::Error::other("stuck")));
//! let request = gather((cache,))
//!     .names(&["cache"])
//!     .shield()
//!     .with(async |_| pending::<io::Result<()>>().await)
//!     .on_drop(|cleanup| {
//!         let logged = async {
//!             if let Err(failure) = cleanup.await {
//!                 log.borrow_mut().push(failure.to_string());
//!             }
//!         };
//!         cleanups.spawn(logged).detach();
//!     });
//! assert!(poll_once(request).await.is_none());
//! while !cleanups.is_empty() {
//!     cleanups.tick().await;
//! }
//! assert_eq!(log.borrow()[..], ["cancelled; exit of cache failed: stuck"]);
//! # Ok(()) }) }
//! ```
//!
//! ## Enters that must not be dropped
//!
//! Even with a shield, a drop ends pending enters halfway. If such an enter could leave something behind, call
//! [`settle`] after `shield`, as the only policy that follows it. The pending enters then run to their end in the
//! cleanup, which exits their resources:
//!
//! ```
//! use gather_cm::{EnterExt, gather};
//! use smol::{LocalExecutor, future::{poll_once, yield_now}};
//! use std::{cell::Cell, io};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
//! let running = Cell::new(0);
//! let cleanups = LocalExecutor::new();
//! let start = async {
//!     running.set(running.get() + 1);
//!     yield_now().await; // the request is dropped here
//!     io::Result::Ok(())
//! }
//! .exit_with(async |(), _case| Ok(running.set(running.get() - 1)));
//! let request = gather((start,))
//!     .shield()
//!     .settle()
//!     .with(async |_| Ok(()))
//!     .on_drop(|cleanup| cleanups.spawn(cleanup).detach());
//! assert!(poll_once(request).await.is_none());
//! assert_eq!(running.get(), 1);
//! while !cleanups.is_empty() {
//!     cleanups.tick().await;
//! }
//! assert_eq!(running.get(), 0);
//! # Ok(()) }) }
//! ```
//!
//! ## Keep a group in a struct
//!
//! Call [`Gather::enter`] if the two ends of a life cycle are apart, as in a fixture for tests. It returns an
//! [`Entered`], a resource like any other. An `Entered` derefs to its resources, and its [`exit`](crate::Exit::exit)
//! exits all of them. A field needs a type that you can name, and a closure has none. If a closure exits the resource,
//! use [`exit_boxed`], whose resource has a type with a name:
//!
//! ```
//! use gather_cm::{EnterExt, Entered, Exit, ExitBoxed, ExitCase, FailureOf, gather};
//! use std::{io, sync::atomic::{AtomicUsize, Ordering::Relaxed}};
//!
//! static CLOSED: AtomicUsize = AtomicUsize::new(0);
//!
//! type Servers = [ExitBoxed<&'static str, io::Error>; 2];
//!
//! struct Shop {
//!     servers: Entered<Servers>,
//! }
//!
//! impl Shop {
//!     async fn open() -> Result<Self, FailureOf<Servers>> {
//!         let members = ["database", "cache"].map(|name| {
//!             async move { Ok(name) }.exit_boxed(async |_name, _case| {
//!                 CLOSED.fetch_add(1, Relaxed);
//!                 Ok(())
//!             })
//!         });
//!         Ok(Self { servers: gather(members).enter().await? })
//!     }
//!
//!     async fn close(self) -> Result<(), FailureOf<Servers>> {
//!         self.servers.exit(ExitCase::Completed).await.map(drop)
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
//! let shop = Shop::open().await?;
//! assert_eq!((*shop.servers[0], CLOSED.load(Relaxed)), ("database", 0));
//! shop.close().await?;
//! assert_eq!(CLOSED.load(Relaxed), 2);
//! # Ok(()) }) }
//! ```
//!
//! If you drop an `Entered`, it abandons its resources. So exit it, or make it a member of another group.
//!
//! ## Where to go from here
//!
//! - [`Gather`] lists the policies, and [`policies`](crate::policies#if-two-policies-meet) says what happens if two of
//!   them meet.
//! - [`EnterExt`] lists the adapters, and [`Failure`](crate::Failure#which-error-which-case) lists every case of an
//!   error.
//! - The examples in the repository are whole programs that print what happens.
//!
//! Back to [the list of chapters](crate::_tutorial).
//!
//! [`EnterExt`]: crate::EnterExt
//! [`Entered`]: crate::Entered
//! [`exit_boxed`]: crate::EnterExt::exit_boxed
//! [`Gather`]: crate::Gather
//! [`Gather::enter`]: crate::Gather::enter
//! [`on_drop`]: crate::WithShield::on_drop
//! [`settle`]: crate::Shield::settle
//! [`shield`]: crate::Gather::shield
