//! # Chapter 5: the dynamic scope
//!
//! After this chapter, you can enter resources in a loop or under a condition, exit one of them early, and keep the
//! resources after the body.
//!
//! ## Enter while the body runs
//!
//! A tuple, an array or a `Vec` lists its members beforehand. If you do not know them yet, call [`scope`] instead of
//! [`gather`]. The body receives a [`&Scope`](crate::Scope), and enters resources by [`Scope::enter`] as it goes. A
//! resource that has entered *joins* the scope. When the body has ended, the group exits everything that has joined.
//!
//! A failed enter returns its own error to the body, and nothing else happens to the scope. So the body decides whether
//! to go on. This shop connects to the regions that it can reach:
//!
//! ```
//! use gather_cm::{EnterExt, scope};
//! use std::{cell::RefCell, io};
//!
//! async fn connect(region: &'static str) -> io::Result<&'static str> {
//!     if region == "south" { Err(io::Error::other("no route")) } else { Ok(region) }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
//! let closed = RefCell::new(Vec::new());
//! let reached: Vec<String> = scope()
//!     .with(async |scope| {
//!         let mut regions = Vec::new();
//!         for name in ["north", "south", "west"] {
//!             let member = connect(name)
//!                 .exit_with(async |region, _case| Ok(closed.borrow_mut().push(region)));
//!             match scope.enter(member).await {
//!                 Ok(lent) => regions.push(lent),
//!                 Err(error) => eprintln!("{name}: {error}"), // the loop goes on
//!             }
//!         }
//!         Ok(regions.iter().map(|lent| lent.to_uppercase()).collect())
//!     })
//!     .await?;
//! assert_eq!(reached, ["NORTH", "WEST"]);
//! assert_eq!(closed.into_inner(), ["north", "west"]);
//! # Ok(()) }) }
//! ```
//!
//! ## A guard for each resource
//!
//! `enter` returns a guard, [`Lent`], which derefs to the resource. When you drop the guard, the scope takes the
//! resource back, and exits it when the body has ended. You can also pass the guard to one of these functions:
//!
//! - [`Lent::release`] exits the resource now, and returns the error if that exit fails.
//! - [`Lent::into_inner`] takes the resource out. The scope does not exit it, and you are responsible for it.
//!
//! A loop may enter and release resources for ever, and this does not make the scope grow:
//!
//! ```
//! use gather_cm::{Lent, scope};
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
//! scope()
//!     .with(async |scope| {
//!         let _database = scope.enter(open("database", &log)).await?;
//!         for _order in 0..2 {
//!             let parcel = scope.enter(open("parcel", &log)).await?;
//!             Lent::release(parcel).await?;
//!         }
//!         assert_eq!(log.borrow()[..], ["parcel: Completed", "parcel: Completed"]);
//!         let gift = scope.enter(open("gift", &log)).await?;
//!         Ok(Lent::into_inner(gift))
//!     })
//!     .await?;
//! assert_eq!(log.borrow()[2..], ["database: Completed"]);
//! # Ok(()) }) }
//! ```
//!
//! A guard cannot outlive the body: the compiler refuses that. If you forget a guard by `mem::forget`, its resource
//! leaks. A resource cannot borrow from another one of the same scope. Enter such a resource in a second scope, which
//! you run in the body.
//!
//! ## Pool or stack
//!
//! A scope is a pool by default. Call [`stack`] if resources depend on earlier ones. The resource that joined last then
//! exits first. The body may also enter several resources at the same time, with any join:
//!
//! ```
//! use gather_cm::scope;
//! use smol::future::zip;
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
//! let with_broker = true;
//! scope()
//!     .stack()
//!     .with(async |scope| {
//!         let database = scope.enter(open("database", &log));
//!         let (database, cache) = zip(database, scope.enter(open("cache", &log))).await;
//!         let (_database, _cache) = (database?, cache?);
//!         if with_broker {
//!             scope.enter(open("broker", &log)).await?;
//!         }
//!         Ok(())
//!     })
//!     .await?;
//! let log = log.into_inner();
//! assert_eq!(log, ["broker: Completed", "cache: Completed", "database: Completed"]);
//! # Ok(()) }) }
//! ```
//!
//! The other policies of exits work for a scope as well, and so do [`cancel_on`], [`observe`], [`catch_unwind`] and
//! [`shield`]. Policies of enters do not compile, because the body itself enters the members.
//!
//! ## Resources of different types
//!
//! All resources of a scope have one type. If yours have different types, the scope can box them. The scope in this
//! example stays on one thread, and its resources may borrow. The database implements [`Exit`] itself, as in
//! [chapter 1](super::chapter_1):
//!
//! ```
//! use gather_cm::{ExitCase, scope};
//! use std::io;
//!
//! # type Log = std::cell::RefCell<Vec<String>>;
//! # struct Database<'a>(&'a Log);
//! # async fn connect(log: &Log) -> io::Result<Database<'_>> { Ok(Database(log)) }
//! # impl gather_cm::Exit for Database<'_> {
//! #     type Error = io::Error;
//! #     type Verdict = ();
//! #     async fn exit(self, case: ExitCase) -> io::Result<()> {
//! #         Ok(self.0.borrow_mut().push(format!("database: {case:?}")))
//! #     }
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
//! let log = Log::default();
//! let write = async |line: &str| Ok(log.borrow_mut().push(line.to_owned()));
//! scope()
//!     .with(async |scope| {
//!         let _database = scope.enter_local(connect(&log)).await?;
//!         let cache = async { io::Result::Ok([7]) }; // an array is no resource
//!         let cache = scope.adopt_local(cache, async |_values, _case| write("cache").await);
//!         assert_eq!(cache.await?[0], 7);
//!         scope.defer_local(async |_case| write("the shop is closed").await);
//!         Ok(())
//!     })
//!     .await?;
//! assert_eq!(log.into_inner(), ["database: Completed", "cache", "the shop is closed"]);
//! # Ok(()) }) }
//! ```
//!
//! | the scope | to enter a resource | to enter any value, with a closure as its exit | to run a closure at the end |
//! | --- | --- | --- | --- |
//! | stays on one thread, and may borrow | [`enter_local`] | [`adopt_local`] | [`defer_local`] |
//! | is `Send` and `'static`, so that you can spawn it | [`enter_boxed`], which also takes the exit, such as `Vm::exit` | [`adopt`] | [`defer`] |
//! | has an enum of yours [instead of boxes](crate::Scope#resources-of-different-types) | [`enter_into`] | | |
//!
//! ## All or nothing
//!
//! Call [`with_entered`] if you want to keep the resources after a body that succeeds. It returns the value of the body
//! along with the resources, which are in an [`Entered`](crate::Entered). If the body fails, the group exits everything
//! that has joined. [Chapter 7](super::chapter_7#keep-a-group-in-a-struct) keeps an `Entered` in a struct.
//!
//! ```
//! use gather_cm::{Exit, ExitCase, scope};
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
//! let start = async |fails: bool| {
//!     scope()
//!         .with_entered(async |scope| {
//!             scope.enter(open("database", &log)).await?;
//!             if fails { Err(io::Error::other("no cache")) } else { Ok(scope.len()) }
//!         })
//!         .await
//! };
//! assert_eq!(start(true).await.unwrap_err().to_string(), "body failed: no cache");
//! assert_eq!(log.take(), ["database: Failed"]);
//!
//! let (count, shop) = start(false).await?;
//! assert_eq!((count, log.borrow().len()), (1, 0)); // it is still open
//! shop.exit(ExitCase::Completed).await?;
//! assert_eq!(log.take(), ["database: Completed"]);
//! # Ok(()) }) }
//! ```
//!
//! Next: [chapter 6, drivers](super::chapter_6). Back to [the list of chapters](crate::_tutorial).
//!
//! [`adopt`]: crate::Scope::adopt
//! [`adopt_local`]: crate::Scope::adopt_local
//! [`cancel_on`]: crate::Gather::cancel_on
//! [`catch_unwind`]: crate::Gather::catch_unwind
//! [`defer`]: crate::Scope::defer
//! [`defer_local`]: crate::Scope::defer_local
//! [`enter_boxed`]: crate::Scope::enter_boxed
//! [`enter_into`]: crate::Scope::enter_into
//! [`enter_local`]: crate::Scope::enter_local
//! [`Exit`]: crate::Exit
//! [`gather`]: crate::gather()
//! [`Lent`]: crate::Lent
//! [`Lent::into_inner`]: crate::Lent::into_inner
//! [`Lent::release`]: crate::Lent::release
//! [`observe`]: crate::Gather::observe
//! [`scope`]: crate::scope()
//! [`Scope::enter`]: crate::Scope::enter
//! [`shield`]: crate::Gather::shield
//! [`stack`]: crate::Gather::stack
//! [`with_entered`]: crate::Gather::with_entered
