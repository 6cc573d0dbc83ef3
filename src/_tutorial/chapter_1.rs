//! # Chapter 1: the first group
//!
//! After this chapter, you can enter several resources at the same time, use them in one body, and exit all of them
//! when the body ends.
//!
//! ## A resource has an exit
//!
//! A *resource* is a value that an async function must release. You *enter* a resource when you acquire it, and you
//! *exit* it when you release it. The code that uses it in between is the *body*.
//!
//! Implement [`Exit`] for the type of your resource. The function [`exit`] takes the value, so nobody can use it
//! afterwards. It also receives an [`ExitCase`], which says how the body ended.
//!
//! The shop has two databases. Each connection has an open transaction, which its exit must commit or roll back:
//!
//! ```
//! use gather_cm::{Exit, ExitCase, gather};
//! use std::{cell::RefCell, error::Error, io};
//!
//! /// The rows that a database has stored.
//! type Table = RefCell<Vec<&'static str>>;
//!
//! /// A connection with an open transaction.
//! struct Database<'a> {
//!     table: &'a Table,
//!     rows: Vec<&'static str>,
//! }
//!
//! async fn connect(table: &Table) -> io::Result<Database<'_>> {
//!     Ok(Database { table, rows: Vec::new() })
//! }
//!
//! impl Exit for Database<'_> {
//!     type Error = io::Error;
//!     type Verdict = (); // chapter 2 explains it
//!
//!     async fn exit(self, case: ExitCase) -> io::Result<()> {
//!         if case == ExitCase::Completed {
//!             self.table.borrow_mut().extend(self.rows); // commits
//!         }
//!         Ok(()) // in every other case, it rolls back
//!     }
//! }
//!
//! fn main() -> Result<(), Box<dyn Error>> {
//!     let (orders, stock) = (Table::default(), Table::default());
//!     let group = gather((connect(&orders), connect(&stock))).with(async |(orders, stock)| {
//!         orders.rows.push("order 1");
//!         stock.rows.push("one teapot less");
//!         Ok(())
//!     });
//!     smol::block_on(group)?;
//!     assert_eq!(orders.into_inner(), ["order 1"]);
//!     assert_eq!(stock.into_inner(), ["one teapot less"]);
//!     Ok(())
//! }
//! ```
//!
//! There is no trait for entering. Any future that returns `Ok(resource)` can be a *member* of a *group*. Here the
//! members are the futures of `connect`. The function [`gather`] makes a group of them, and [`with`] adds the body,
//! which is an async closure.
//!
//! ## Resources without a type of their own
//!
//! Often the type is not yours, or a closure is enough for its exit. Then call an *adapter*, a method of [`EnterExt`],
//! on the member:
//!
//! - [`exit_with`] exits the value by an async closure or by an `async fn`, which receives the value and the case.
//! - [`drop_on_exit`] drops the value as its exit. Use it for guards and buffers.
//!
//! The body borrows the value itself, without the adapter. This body uses the lock of a till and a cache of prices:
//!
//! ```
//! use gather_cm::{EnterExt, ExitCase, gather};
//! use smol::lock::Mutex;
//! use std::{cell::Cell, io};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
//! let (till, closed) = (Mutex::new(10), Cell::new(None));
//! let lock = async { io::Result::Ok(till.lock().await) }.drop_on_exit();
//! let cache = async { Ok([5]) }.exit_with(async |_prices, case| Ok(closed.set(Some(case))));
//! gather((lock, cache)).with(async |(till, prices)| Ok(**till += prices[0])).await?;
//! assert_eq!(till.try_lock().map(|till| *till), Some(15)); // it is free again
//! assert_eq!(closed.get(), Some(ExitCase::Completed));
//! # Ok(()) }) }
//! ```
//!
//! ## Enters run together, and so do exits
//!
//! When you await the group, it does this:
//!
//! 1. It enters every member at the same time. Nothing runs before the first poll.
//! 2. It calls the body as soon as every member has entered.
//! 3. When the body has ended, it exits every resource at the same time. A failed exit stops no other exit.
//! 4. It returns the result of the body, if nothing else has failed.
//!
//! [Chapter 4](super::chapter_4) says what happens if the future is dropped halfway.
//!
//! In this example, a step writes a small letter when it begins, and a capital letter when it ends. `yield_now` stands
//! for a wait on the network:
//!
//! ```
//! use gather_cm::{EnterExt, gather};
//! use smol::future::yield_now;
//! use std::{cell::RefCell, io};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
//! let log = RefCell::new(String::new());
//! let step = async |begins: char, ends: char| {
//!     log.borrow_mut().push(begins);
//!     yield_now().await;
//!     Ok::<_, io::Error>(log.borrow_mut().push(ends))
//! };
//! let database = async { step('d', 'D').await }
//!     .exit_with(async |(), _case| step('d', 'D').await);
//! let cache = async { step('c', 'C').await }
//!     .exit_with(async |(), _case| step('c', 'C').await);
//! gather((database, cache)).with(async |_| step('b', 'B').await).await?;
//! assert_eq!(log.into_inner(), "dcDCbBdcDC");
//! # Ok(()) }) }
//! ```
//!
//! ## What the body receives and returns
//!
//! The body receives `&mut` references to the values, in the order of the arguments. It does not matter which member
//! entered first. The group keeps the values themselves, because their exits need them. The body may also borrow
//! variables around it.
//!
//! The body returns a `Result`, and the value of `Ok` becomes the result of the group. All members of a group and the
//! body share one error type. [Chapter 2](super::chapter_2#one-error-of-your-own) says what to do if your error types
//! differ.
//!
//! ```
//! use gather_cm::{EnterExt, gather};
//! use std::io;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
//! let price = 3;
//! let orders = async { io::Result::Ok(vec!["teapot"]) }.drop_on_exit();
//! let stock = async { Ok(vec!["teapot", "cup"]) }.drop_on_exit();
//! let body = async |(orders, stock): (&mut Vec<_>, &mut Vec<_>)| {
//!     orders.extend(stock.pop());
//!     Ok(price * orders.len())
//! };
//! assert_eq!(gather((orders, stock)).with(body).await?, 6);
//! # Ok(()) }) }
//! ```
//!
//! ## Tuples, arrays and vectors
//!
//! A group is a tuple of up to twelve members, an array, or a `Vec`. The body receives a tuple of references, an array
//! of them, or a [`VecRefs`]. The members of an array or a `Vec` have one type, so make them in one function. The next
//! chapters use this function, `open`, as well. It returns a [`Member`], the trait of everything that can join a group.
//! If you spawn such a group as a task, the signature must [name more](crate::_topic::send#generic-functions):
//!
//! ```
//! use gather_cm::{EnterExt, Member, gather};
//! use std::{cell::RefCell, io};
//!
//! type Log = RefCell<Vec<String>>;
//! type Name = &'static str;
//!
//! /// Opens a server. Its exit writes to the log which case it has received.
//! fn open(name: Name, log: &Log) -> impl Member<Value = Name, Error = io::Error> {
//!     async move { Ok(name) }.exit_with(async move |name, case| {
//!         Ok(log.borrow_mut().push(format!("{name}: {case:?}")))
//!     })
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
//! let log = Log::default();
//! let array = ["database", "cache", "broker"].map(|name| open(name, &log));
//! let first = gather(array).with(async |[database, _cache, _broker]| Ok(*database)).await?;
//! assert_eq!(first, "database");
//! let log = log.into_inner();
//! assert_eq!(log, ["database: Completed", "cache: Completed", "broker: Completed"]);
//!
//! let log = Log::default();
//! let vector: Vec<_> = (0..40).map(|_| open("replica", &log)).collect();
//! let count = gather(vector).with(async |replicas| Ok(replicas.len())).await?;
//! assert_eq!((count, log.borrow().len()), (40, 40));
//! # Ok(()) }) }
//! ```
//!
//! Next: [chapter 2, errors](super::chapter_2). Back to [the list of chapters](crate::_tutorial).
//!
//! [`drop_on_exit`]: crate::EnterExt::drop_on_exit
//! [`EnterExt`]: crate::EnterExt
//! [`Exit`]: crate::Exit
//! [`exit_with`]: crate::EnterExt::exit_with
//! [`exit`]: crate::Exit::exit
//! [`ExitCase`]: crate::ExitCase
//! [`gather`]: crate::gather()
//! [`Member`]: crate::Member
//! [`VecRefs`]: crate::VecRefs
//! [`with`]: crate::Gather::with
