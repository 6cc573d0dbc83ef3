//! This page has recipes for programs that use gather-cm.
//!
//! Each recipe says when you need it, and has an example that compiles and runs as it is. The examples use crates that
//! gather-cm itself does not depend on. The file `cookbook/Cargo.toml` in the repository lists these crates, with their
//! versions and features.
//!
//! | you want | recipe |
//! | --- | --- |
//! | `anyhow` for the whole application | [Errors with anyhow](#errors-with-anyhow) |
//! | an error enum that keeps every error | [Errors with thiserror](#errors-with-thiserror) |
//! | an error enum that keeps one error, so that callers can match on it | [An error type of your own](#an-error-type-of-your-own) |
//! | to stop on Ctrl-C, or when Kubernetes stops the pod | [Ctrl-C and Kubernetes](#ctrl-c-and-kubernetes) |
//! | a time limit for the work, but not for the exits | [A timeout for the body](#a-timeout-for-the-body) |
//! | exits that block their thread | [Blocking exits](#blocking-exits) |
//! | a lock that is free again after the process was killed | [Leases for a crashed process](#leases-for-a-crashed-process) |
//! | resources of different types in one group | [A Vec of different resources](#a-vec-of-different-resources) |
//! | a function that prepares a member | [A function that returns a member](#a-function-that-returns-a-member) |
//! | to try an enter several times | [Retries of an enter](#retries-of-an-enter) |
//! | an HTTP service | [axum](#axum) |
//! | a fixture for tests | [A fixture for tokio::test](#a-fixture-for-tokiotest) |
//! | a gather in a task of its own | [tokio::spawn and Send](#tokiospawn-and-send) |
//! | a gather in firmware | [embassy](#embassy) |
//! | spans in your traces | [tracing](#tracing) |
//! | to print how many members have entered and exited | [Progress](#progress) |
//!
//! # Errors with anyhow
//!
//! Use this recipe if your application returns `anyhow::Error` everywhere. The members and the body may fail with it,
//! too. Call [`Failure::report`](crate::Failure::report) at the end: it makes one error of the whole failure, and that
//! error keeps the context and the sources. A plain `?` compiles as well, but the error that it makes has no sources.
//!
//! ```rust
//! use std::io;
//!
//! use anyhow::Context;
//! use gather_cm::{EnterExt, Failure, gather};
//!
//! async fn read(path: &str) -> anyhow::Result<String> {
//!     let text = smol::fs::read_to_string(path).await;
//!     text.with_context(|| format!("cannot read {path}"))
//! }
//!
//! async fn load() -> anyhow::Result<usize> {
//!     gather((read("Cargo.toml").drop_on_exit(), read("missing.toml").drop_on_exit()))
//!         .names(&["settings", "secrets"])
//!         .with(async |(settings, secrets)| Ok(settings.len() + secrets.len()))
//!         .await
//!         .map_err(Failure::report)
//!         .context("the program cannot start")
//! }
//!
//! # fn main() -> Result<(), &'static str> {
//! let error = smol::block_on(load()).err().ok_or("there is a missing.toml")?;
//! let chain: Vec<String> = error.chain().map(|error| error.to_string()).collect();
//! let expected =
//!     ["the program cannot start", "enter of secrets failed", "cannot read missing.toml"];
//! assert_eq!(chain[..3], expected);
//!
//! // The error at the root still has its type.
//! let root = error.root_cause().downcast_ref().map(io::Error::kind);
//! assert_eq!(root, Some(io::ErrorKind::NotFound));
//! # Ok(()) }
//! ```
//!
//! # Errors with thiserror
//!
//! Use this recipe if you have an error enum, and if no error of a group may get lost. A [`Report`](crate::Report)
//! keeps all errors, so it becomes a variant of the enum. `thiserror` cannot derive the conversion, because a
//! [`Failure`](crate::Failure) is generic over the [`Shape`](crate::Shape) of its group. One `From` that you write by
//! hand serves groups of every size.
//!
//! ```rust
//! use std::{error::Error, io, num::ParseIntError};
//!
//! use gather_cm::{EnterExt, Failure, Report, Shape, gather};
//!
//! #[derive(Debug, thiserror::Error)]
//! enum AppError {
//!     #[error("this is no number")]
//!     Number(#[from] ParseIntError),
//!     #[error("the disk does not work")]
//!     Disk(#[from] io::Error),
//!     #[error(transparent)]
//!     Group(Report),
//! }
//!
//! impl<S: Shape> From<Failure<AppError, S>> for AppError {
//!     fn from(failure: Failure<AppError, S>) -> Self {
//!         Self::Group(failure.report())
//!     }
//! }
//!
//! async fn add(text: &str) -> Result<u64, AppError> {
//!     // Each member has the error type of its library. `errors_into` converts it.
//!     let number = async { text.parse::<u64>() }.drop_on_exit().errors_into();
//!     let disk = async { Ok(40) }
//!         .exit_with(async |_, _| Err::<(), _>(io::Error::other("it is full")))
//!         .errors_into();
//!     let sum = gather((number, disk))
//!         .names(&["number", "disk"])
//!         .with(async |(number, disk)| Ok::<_, AppError>(*number + *disk))
//!         .await?;
//!     Ok(sum)
//! }
//!
//! # fn main() -> Result<(), &'static str> {
//! let error = smol::block_on(add("2 or 3")).err().ok_or("2 or 3 is a number")?;
//! let also = "(also: exit of disk failed: the disk does not work: it is full)";
//! assert_eq!(error.to_string(), format!("enter of number failed {also}"));
//! let source = error.source().map(|source| source.to_string());
//! assert_eq!(source.as_deref(), Some("this is no number"));
//! # Ok(()) }
//! ```
//!
//! # An error type of your own
//!
//! Use this recipe if the caller matches on the error, and if one error is enough.
//! [`Failure::into_error`](crate::Failure::into_error) returns the first error, and passes the others to a closure that
//! logs them. Here the members keep the error type of their library, and only the body fails with the error type of the
//! application. So pass the body to [`with_own_error`](crate::Gather::with_own_error).
//! [`Failure::map`](crate::Failure::map) converts both types to one.
//!
//! ```rust
//! use std::{convert::identity, error::Error, fmt, io};
//!
//! use gather_cm::{Cause, EnterExt, Failure, Shape, gather};
//!
//! #[derive(Debug)]
//! enum ShopError {
//!     SoldOut { item: &'static str },
//!     Store(io::Error),
//!     Stopped,
//!     Panicked,
//! }
//!
//! impl<S: Shape> From<Failure<io::Error, S, ShopError>> for ShopError {
//!     fn from(failure: Failure<io::Error, S, ShopError>) -> Self {
//!         failure
//!             .map(Self::Store, identity)
//!             .into_error(|origin, error| eprintln!("{origin}: {error}"))
//!             .unwrap_or_else(|failure| match failure.cause {
//!                 // These failures have no error as their cause.
//!                 Cause::Cancelled { .. } => Self::Stopped,
//!                 _ => Self::Panicked,
//!             })
//!     }
//! }
//!
//! async fn buy(item: &'static str, stock: u32) -> Result<u32, ShopError> {
//!     let shelf = async { Ok(stock) }.drop_on_exit();
//!     let till = async { io::Result::Ok(100) }.exit_with(async |_, _| {
//!         Err::<(), _>(io::Error::other("the drawer is stuck")) // goes to the log
//!     });
//!     let left = gather((shelf, till))
//!         .names(&["shelf", "till"])
//!         .with_own_error(async |(shelf, _till)| {
//!             shelf.checked_sub(1).ok_or(ShopError::SoldOut { item })
//!         })
//!         .await?;
//!     Ok(left)
//! }
//!
//! let result = smol::block_on(buy("tea", 0));
//! assert!(matches!(result, Err(ShopError::SoldOut { item: "tea" })));
//! let result = smol::block_on(buy("tea", 2));
//! assert!(matches!(result, Err(ShopError::Store(_))));
//!
//! impl fmt::Display for ShopError {
//!     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
//!         match self {
//!             Self::SoldOut { item } => write!(f, "{item} is sold out"),
//!             Self::Store(error) => error.fmt(f),
//!             Self::Stopped => f.write_str("the purchase was stopped"),
//!             Self::Panicked => f.write_str("the purchase panicked"),
//!         }
//!     }
//! }
//!
//! impl Error for ShopError {}
//! ```
//!
//! In the second purchase, only an exit fails, and the body's value is lost. If you want that value all the same, call
//! [`keep_value`](crate::With::keep_value) before the `await`.
//!
//! # Ctrl-C and Kubernetes
//!
//! Use this recipe for a service that runs until somebody stops it. The first signal goes to
//! [`cancel_on`](crate::Gather::cancel_on): all exits run, and each receives [`Cancelled`](crate::ExitCase::Cancelled).
//! If an exit still hangs then, a second signal or a deadline drops the gather.
//!
//! Kubernetes sends SIGTERM. It kills the process 30 seconds later, unless the pod sets another
//! `terminationGracePeriodSeconds`. Choose a deadline that is shorter. The example needs Unix. On Windows, use
//! `tokio::signal::ctrl_c` instead of both signals.
//!
//! ```rust
//! use std::{convert::Infallible, error::Error, fmt, future::pending, io, time::Duration};
//!
//! use gather_cm::{Cause, Exit, ExitCase, Report, gather};
//! use tokio::{
//!     signal::unix::{SignalKind, signal},
//!     sync::watch,
//!     time::sleep,
//! };
//!
//! struct Part {
//!     name: &'static str,
//!     exit_takes: Duration,
//! }
//!
//! async fn start(name: &'static str, exit_takes: Duration) -> io::Result<Part> {
//!     Ok(Part { name, exit_takes })
//! }
//!
//! impl Exit for Part {
//!     type Error = io::Error;
//!     type Verdict = ();
//!
//!     async fn exit(self, case: ExitCase) -> io::Result<()> {
//!         sleep(self.exit_takes).await;
//!         println!("the {} is released: {case:?}", self.name);
//!         Ok(())
//!     }
//! }
//!
//! /// Counts the signals from now on: SIGINT (Ctrl-C) and SIGTERM (Kubernetes).
//! fn count_signals() -> io::Result<watch::Receiver<u32>> {
//!     let mut interrupt = signal(SignalKind::interrupt())?;
//!     let mut terminate = signal(SignalKind::terminate())?;
//!     let (count, receiver) = watch::channel(0);
//!     tokio::spawn(async move {
//!         loop {
//!             tokio::select! {
//!                 _ = interrupt.recv() => {}
//!                 _ = terminate.recv() => {}
//!             }
//!             count.send_modify(|count| *count += 1);
//!         }
//!     });
//!     Ok(receiver)
//! }
//!
//! /// Is ready after `n` signals.
//! async fn signals(mut count: watch::Receiver<u32>, n: u32) {
//!     let _ = count.wait_for(|count| *count >= n).await;
//! }
//!
//! async fn serve(
//!     count: watch::Receiver<u32>,
//!     grace: Duration,
//!     exit_takes: Duration,
//! ) -> Result<(), ServiceError> {
//!     let parts = (start("listener", Duration::ZERO), start("database", exit_takes));
//!     let service = gather(parts)
//!         .names(&["listener", "database"])
//!         .cancel_on(signals(count.clone(), 1))
//!         .with(async |_parts| pending::<io::Result<Infallible>>().await);
//!     let out_of_patience = async {
//!         signals(count.clone(), 1).await;
//!         tokio::select! {
//!             () = signals(count.clone(), 2) => {}
//!             () = sleep(grace) => {}
//!         }
//!     };
//!     tokio::select! {
//!         Err(failure) = service => match failure.cause {
//!             // A service ends well if it was stopped, and if every part was released.
//!             Cause::Cancelled { .. } if failure.exits.is_empty() => Ok(()),
//!             _ => Err(ServiceError::Parts(failure.report())),
//!         },
//!         () = out_of_patience => Err(ServiceError::Forced),
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn Error>> {
//!     let (grace, hour) = (Duration::from_secs(25), Duration::from_secs(3600));
//!
//!     // A signal, and exits that finish in time.
//!     let service = serve(count_signals()?, grace, Duration::ZERO);
//!     let (result, sent) = tokio::join!(service, send(&["TERM"]));
//!     sent?;
//!     result?;
//!
//!     // An exit that hangs, and somebody who presses Ctrl-C twice.
//!     let service = serve(count_signals()?, grace, hour);
//!     let (result, sent) = tokio::join!(service, send(&["INT", "INT"]));
//!     sent?;
//!     assert!(matches!(result, Err(ServiceError::Forced)));
//!
//!     // An exit that hangs, and a deadline.
//!     let service = serve(count_signals()?, Duration::from_millis(10), hour);
//!     let (result, sent) = tokio::join!(service, send(&["TERM"]));
//!     sent?;
//!     assert!(matches!(result, Err(ServiceError::Forced)));
//!     Ok(())
//! }
//!
//! /// Sends signals to this process, as Ctrl-C and Kubernetes do.
//! async fn send(signals: &[&str]) -> io::Result<()> {
//!     for signal in signals {
//!         let kill = format!("kill -{signal} $PPID");
//!         std::process::Command::new("sh").args(["-c", &kill]).status()?;
//!         sleep(Duration::from_millis(10)).await; // signals that come at once count as one
//!     }
//!     Ok(())
//! }
//!
//! #[derive(Debug)]
//! enum ServiceError {
//!     /// Parts could not be started, or could not be released.
//!     Parts(Report),
//!     /// Parts were not released in time.
//!     Forced,
//! }
//!
//! impl fmt::Display for ServiceError {
//!     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
//!         match self {
//!             Self::Parts(report) => report.fmt(f),
//!             Self::Forced => f.write_str("parts were not released in time"),
//!         }
//!     }
//! }
//!
//! impl Error for ServiceError {}
//! ```
//!
//! The drop of the gather also drops the exits in flight, and all errors are lost. If you want to know which part
//! hangs, give each member a deadline by [`exit_within`](crate::EnterExt::exit_within), and keep the drop as the last
//! resort.
//!
//! # A timeout for the body
//!
//! Use [`cancel_on`](crate::Gather::cancel_on) with a timer if the whole work has a time limit. The group polls the
//! timer from its first poll until the body has ended, so the timer also limits the enters. If it fires, the exits run
//! and take the time that they need. If only the body has a limit, use your runtime's timeout inside of the body.
//!
//! ```rust
//! use std::{cell::RefCell, error::Error, io, time::Duration};
//!
//! use gather_cm::{Cause, EnterExt, ExitCase, Failure, Member, gather};
//! use tokio::time::{sleep, timeout};
//!
//! fn open(
//!     closed: &RefCell<Vec<ExitCase>>,
//! ) -> impl Member<Value = &'static str, Error = io::Error> {
//!     async { Ok("file") }.exit_with(async |_, case| {
//!         sleep(Duration::from_millis(20)).await; // no timer cuts this off
//!         Ok(closed.borrow_mut().push(case))
//!     })
//! }
//!
//! async fn work() -> io::Result<u32> {
//!     sleep(Duration::from_secs(3600)).await;
//!     Ok(42)
//! }
//!
//! /// The enters and the body have a limit. After the limit, the exits receive `Cancelled`.
//! async fn limited(closed: &RefCell<Vec<ExitCase>>, limit: Duration) -> io::Result<u32> {
//!     gather((open(closed),))
//!         .cancel_on(sleep(limit))
//!         .with(async |(_file,)| work().await)
//!         .await
//!         .map_err(|failure| match failure.cause {
//!             Cause::Cancelled { .. } => io::ErrorKind::TimedOut.into(),
//!             _ => io::Error::other(failure.report()),
//!         })
//! }
//!
//! /// The body alone has a limit. After the limit, the exits receive `Failed`.
//! async fn limited_body(
//!     closed: &RefCell<Vec<ExitCase>>,
//!     limit: Duration,
//! ) -> io::Result<u32> {
//!     gather((open(closed),))
//!         .with(async |(_file,)| timeout(limit, work()).await?)
//!         .await
//!         .map_err(|failure| failure.into_error(|_, _| {}).unwrap_or_else(io::Error::other))
//! }
//!
//! # // The clock jumps to the next timer if nothing else is left to do.
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn Error>> {
//! let (closed, limit) = (RefCell::new(Vec::new()), Duration::from_millis(10));
//! for result in [limited(&closed, limit).await, limited_body(&closed, limit).await] {
//!     assert_eq!(result.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
//! }
//! assert_eq!(closed.into_inner(), [ExitCase::Cancelled, ExitCase::Failed]);
//! # Ok(()) }
//! ```
//!
//! Do not put a timeout around the gather itself. The timeout would drop the gather, and then the exits run only if you
//! use a [`shield`](crate::Gather::shield).
//!
//! # Blocking exits
//!
//! Use your runtime's pool of threads if an exit must block, for example to join a thread, to call `fsync`, or to wait
//! in a C library. The members of a group share one task, so an exit that blocks it would block all other exits, too.
//! On tokio, call `spawn_blocking`, as this example does. On smol, call `unblock`.
//!
//! ```rust
//! use std::{
//!     error::Error,
//!     io,
//!     sync::{
//!         Arc, Barrier,
//!         atomic::{AtomicU32, Ordering::Relaxed},
//!         mpsc,
//!     },
//!     thread::{self, JoinHandle},
//! };
//!
//! use gather_cm::{Exit, ExitCase, gather};
//! use tokio::task::spawn_blocking;
//!
//! /// A thread that ends when nobody can send it a job any more.
//! struct Worker<'a> {
//!     jobs: mpsc::Sender<u32>,
//!     thread: JoinHandle<u32>,
//!     total: &'a AtomicU32,
//! }
//!
//! async fn start(barrier: Arc<Barrier>, total: &AtomicU32) -> io::Result<Worker<'_>> {
//!     let (sender, jobs) = mpsc::channel();
//!     let thread = thread::Builder::new().spawn(move || {
//!         let sum = jobs.iter().sum();
//!         barrier.wait(); // until both threads have come here
//!         sum
//!     })?;
//!     Ok(Worker { jobs: sender, thread, total })
//! }
//!
//! impl Exit for Worker<'_> {
//!     type Error = io::Error;
//!     type Verdict = ();
//!
//!     async fn exit(self, _: ExitCase) -> io::Result<()> {
//!         drop(self.jobs);
//!         // `join` blocks, so it runs in a thread of its own.
//!         match spawn_blocking(move || self.thread.join()).await? {
//!             Ok(sum) => Ok(drop(self.total.fetch_add(sum, Relaxed))),
//!             Err(_) => Err(io::Error::other("a worker has panicked")),
//!         }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn Error>> {
//! // If one exit waited for the end of the other, this would hang at the barrier.
//! let (barrier, total) = (Arc::new(Barrier::new(2)), AtomicU32::new(0));
//! gather((start(barrier.clone(), &total), start(barrier, &total)))
//!     .with(async |(left, right)| {
//!         left.jobs.send(1).map_err(io::Error::other)?;
//!         right.jobs.send(2).map_err(io::Error::other)
//!     })
//!     .await?;
//! assert_eq!(total.into_inner(), 3);
//! # Ok(()) }
//! ```
//!
//! Nobody can stop a closure that blocks. If the exit is dropped, for example because of a deadline, the closure runs
//! on in its thread, and its result is lost.
//!
//! # Leases for a crashed process
//!
//! Use this recipe if something must be free again after `kill -9`, a panic that aborts, or a power cut. No program can
//! run its exits then, so the server must help. It grants a *lease*, a lock that ends by itself after some time. The
//! body renews the lease as long as it works, and the exit releases it at once. After a crash, nobody renews the lease,
//! and it ends.
//!
//! ```rust
//! use std::{
//!     collections::HashMap,
//!     error::Error,
//!     fmt,
//!     sync::{Arc, Mutex, MutexGuard, PoisonError},
//!     time::Duration,
//! };
//!
//! use gather_cm::{Exit, ExitCase, FailureOf, gather};
//! use tokio::time::{Instant, sleep, timeout};
//!
//! const LEASE: Duration = Duration::from_secs(30);
//!
//! /// The owner of each lock, and the time when the lease ends.
//! type Holders = HashMap<&'static str, (u64, Instant)>;
//!
//! /// A server of locks. This one is in memory. Yours may be Redis, etcd or a database.
//! #[derive(Clone, Default)]
//! struct Locks(Arc<Mutex<Holders>>);
//!
//! impl Locks {
//!     async fn acquire(&self, name: &'static str, owner: u64) -> Result<Lease, LockError> {
//!         let (mut holders, now) = (self.holders(), Instant::now());
//!         if holders.get(name).is_some_and(|(_, until)| *until > now) {
//!             return Err(LockError::Held);
//!         }
//!         holders.insert(name, (owner, now + LEASE));
//!         Ok(Lease { locks: self.clone(), name, owner })
//!     }
//!
//!     async fn renew(&self, name: &str, owner: u64) -> Result<(), LockError> {
//!         match self.holders().get_mut(name) {
//!             Some(holder) if holder.0 == owner => Ok(holder.1 = Instant::now() + LEASE),
//!             _ => Err(LockError::Lost),
//!         }
//!     }
//!
//!     async fn release(&self, name: &str, owner: u64) -> Result<(), LockError> {
//!         let mut holders = self.holders();
//!         match holders.get(name) {
//!             Some(holder) if holder.0 == owner => Ok(drop(holders.remove(name))),
//!             _ => Err(LockError::Lost),
//!         }
//!     }
//!
//!     fn holders(&self) -> MutexGuard<'_, Holders> {
//!         self.0.lock().unwrap_or_else(PoisonError::into_inner)
//!     }
//! }
//!
//! struct Lease {
//!     locks: Locks,
//!     name: &'static str,
//!     owner: u64,
//! }
//!
//! impl Lease {
//!     /// Renews the lease until that fails.
//!     async fn keep(&self) -> LockError {
//!         loop {
//!             sleep(LEASE / 3).await;
//!             if let Err(error) = self.locks.renew(self.name, self.owner).await {
//!                 return error;
//!             }
//!         }
//!     }
//! }
//!
//! impl Exit for Lease {
//!     type Error = LockError;
//!     type Verdict = ();
//!
//!     async fn exit(self, _: ExitCase) -> Result<(), LockError> {
//!         self.locks.release(self.name, self.owner).await
//!     }
//! }
//!
//! async fn export(
//!     locks: &Locks,
//!     owner: u64,
//!     takes: Duration,
//! ) -> Result<(), FailureOf<(Lease,)>> {
//!     let work = async |(lease,): (&mut Lease,)| {
//!         let work = async {
//!             sleep(takes).await;
//!             Ok(())
//!         };
//!         tokio::select! {
//!             result = work => result,
//!             error = lease.keep() => Err(error), // the lock is lost: stop at once
//!         }
//!     };
//!     gather((locks.acquire("export", owner),)).with(work).await
//! }
//!
//! # // The clock jumps to the next timer if nothing else is left to do.
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn Error>> {
//! // This work takes three times as long as a lease. Nobody else can take the lock meanwhile.
//! let locks = Locks::default();
//! let other = async {
//!     sleep(LEASE * 2).await;
//!     locks.acquire("export", 2).await.err()
//! };
//! let (result, other) = tokio::join!(export(&locks, 1, LEASE * 3), other);
//! result?;
//! assert_eq!(other, Some(LockError::Held));
//!
//! // A drop stands for a crash here: no exit runs, and the lock stays where it is.
//! let crash = timeout(LEASE / 2, export(&locks, 3, LEASE * 3)).await;
//! assert!(crash.is_err());
//! assert_eq!(locks.acquire("export", 4).await.err(), Some(LockError::Held));
//!
//! // When the lease is over, the next process takes the lock.
//! sleep(LEASE).await;
//! export(&locks, 5, LEASE).await?;
//! # Ok(()) }
//!
//! #[derive(Debug, PartialEq)]
//! enum LockError {
//!     /// Somebody else holds the lock.
//!     Held,
//!     /// Nobody renewed the lease in time, and it ended.
//!     Lost,
//! }
//!
//! impl fmt::Display for LockError {
//!     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
//!         match self {
//!             Self::Held => f.write_str("somebody else holds the lock"),
//!             Self::Lost => f.write_str("the lease has ended"),
//!         }
//!     }
//! }
//!
//! impl Error for LockError {}
//! ```
//!
//! If other members of the group take long to enter, somebody must renew the lease in that time, too. Let `acquire`
//! return the lease along with a boxed future that renews it, and call [`driven`](crate::EnterExt::driven) on the
//! member. The gather then polls that future from the enter to the end of the exit. The future must not fail if the
//! exit has just released the lease.
//!
//! If a process was suspended for longer than a lease, it does not know yet that it has lost the lock. If this may do
//! harm, let the server count the owners. Send the number of the owner along with each write, so that the storage can
//! refuse an old owner.
//!
//! # A Vec of different resources
//!
//! All members of a `Vec` have one type. If your resources have several types, choose by what they have in common:
//!
//! | your resources | use |
//! | --- | --- |
//! | differ in how they enter and exit, and the body uses values of one type | [`exit_boxed`](crate::EnterExt::exit_boxed), and a box around each member |
//! | share a trait of yours | the same, with a `Box<dyn Trait>` as the value; the closure calls a method of the trait |
//! | have nothing in common, and the body uses each with its own type | a [`scope`](crate::scope()) of [`BoxExit`](crate::BoxExit) |
//! | borrow, or are not `Send` | a scope of [`LocalBoxExit`](crate::LocalBoxExit) |
//!
//! This example is for the first row. A configuration names the helpers that a program starts, and the body borrows the
//! addresses of these helpers.
//!
//! ```rust
//! use std::{error::Error, io, pin::Pin};
//!
//! use gather_cm::{EnterExt, ExitBoxed, gather};
//! use smol::channel::{Sender, unbounded};
//!
//! /// A member whose type does not say what it starts. Its value is an address.
//! type Helper = Pin<Box<dyn Future<Output = io::Result<Address>> + Send>>;
//!
//! type Address = ExitBoxed<String, io::Error>;
//!
//! fn helper(name: &str, log: Sender<String>) -> Helper {
//!     match name {
//!         "cache" => {
//!             let start = async { Ok(String::from("localhost:6379")) };
//!             let stop = async move |address, _case| {
//!                 log.send(format!("flush {address}")).await.map_err(io::Error::other)
//!             };
//!             Box::pin(start.exit_boxed(stop).into_future())
//!         }
//!         "mail" => {
//!             let start = async { Ok(String::from("localhost:25")) };
//!             let stop = async move |_address, case| {
//!                 log.send(format!("mail: {case:?}")).await.map_err(io::Error::other)
//!             };
//!             Box::pin(start.exit_boxed(stop).into_future())
//!         }
//!         other => {
//!             let error = io::Error::other(format!("there is no helper {other}"));
//!             Box::pin(async { Err(error) })
//!         }
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn Error>> { smol::block_on(async {
//! let (log, lines) = unbounded();
//! let config = ["cache", "mail"];
//! let helpers: Vec<Helper> = config.iter().map(|name| helper(name, log.clone())).collect();
//! let addresses = gather(helpers).with(async |addresses| {
//!     Ok(addresses.iter_mut().map(|address| address.clone()).collect::<Vec<_>>())
//! });
//! assert_eq!(addresses.await?, ["localhost:6379", "localhost:25"]);
//! assert_eq!(lines.recv().await?, "flush localhost:6379");
//! assert_eq!(lines.recv().await?, "mail: Completed");
//! # Ok(()) }) }
//! ```
//!
//! This example is for the third row. [`enter_boxed`](crate::Scope::enter_boxed) takes a resource that implements
//! [`Exit`](crate::Exit), [`adopt`](crate::Scope::adopt) takes any value and a closure, and
//! [`defer`](crate::Scope::defer) takes a closure alone. Each returns a guard of a [`Boxed`](crate::Boxed), which
//! derefs to the resource itself. For resources that borrow, [`enter_local`](crate::Scope::enter_local) and its
//! siblings return a [`LocalBoxed`](crate::LocalBoxed).
//!
//! ```rust
//! use std::{error::Error, io};
//!
//! use gather_cm::{Exit, ExitCase, scope};
//! use smol::future::try_zip;
//!
//! struct Database {
//!     rows: u32,
//! }
//!
//! impl Exit for Database {
//!     type Error = io::Error;
//!     type Verdict = ();
//!
//!     async fn exit(self, case: ExitCase) -> io::Result<()> {
//!         println!("{} rows are saved: {case:?}", self.rows);
//!         Ok(())
//!     }
//! }
//!
//! async fn connect() -> io::Result<Database> {
//!     Ok(Database { rows: 40 })
//! }
//!
//! async fn open() -> io::Result<Vec<String>> {
//!     Ok(vec![String::from("# notes")])
//! }
//!
//! async fn close(lines: Vec<String>, _: ExitCase) -> io::Result<()> {
//!     println!("the file has {} lines", lines.len());
//!     Ok(())
//! }
//!
//! # fn main() -> Result<(), Box<dyn Error>> {
//! let work = scope().with(async |scope| {
//!     scope.defer(async |case| Ok(println!("the work has ended: {case:?}")));
//!     // Both enter at the same time.
//!     let database = scope.enter_boxed(connect(), Database::exit);
//!     let (mut database, mut file) = try_zip(database, scope.adopt(open(), close)).await?;
//!     file.push(format!("{} rows", database.rows));
//!     database.rows += 2;
//!     Ok((database.rows, file.len()))
//! });
//! let task = smol::spawn(work); // everything is `Send`
//! assert_eq!(smol::block_on(task)?, (42, 2));
//! # Ok(()) }
//! ```
//!
//! If you would rather have no boxes, write an enum of your resources. The docs of
//! [`Scope`](crate::Scope#resources-of-different-types) have a macro for it.
//!
//! # A function that returns a member
//!
//! Use this recipe if several groups need the same resource, or if its exit and its deadlines belong beside its enter.
//! The return type is `impl` [`Member`](crate::Member), with the type of the value that the body borrows and the type
//! of the error. The adapters stay out of the signature.
//!
//! If the caller passes the group to a spawner such as `tokio::spawn`, the signature must also say that everything is
//! `Send`, and it must name the resource. [`exit_boxed`](crate::EnterExt::exit_boxed) makes a resource with a name,
//! [`ExitBoxed`](crate::ExitBoxed).
//!
//! ```rust
//! use std::{error::Error, io, time::Duration};
//!
//! use gather_cm::{EnterExt, ExitBoxed, Member, gather};
//! use smol::Timer;
//!
//! async fn too_late() -> io::Error {
//!     Timer::after(Duration::from_secs(5)).await;
//!     io::ErrorKind::TimedOut.into()
//! }
//!
//! /// A port that is open while the group runs.
//! fn port(number: u16) -> impl Member<Value = u16, Error = io::Error> {
//!     async move { Ok(number) }
//!         .exit_with(async |number, case| Ok(println!("port {number} is closed: {case:?}")))
//!         .enter_within(too_late)
//!         .exit_within(too_late)
//! }
//!
//! /// The same for groups that are spawned.
//! fn spawned_port(
//!     number: u16,
//! ) -> impl Member<
//!     Value = u16,
//!     Error = io::Error,
//!     Resource = ExitBoxed<u16, io::Error>,
//!     IntoFuture: Send,
//! > + Send {
//!     let close = async |number, case| Ok(println!("port {number} is closed: {case:?}"));
//!     async move { Ok(number) }.exit_boxed(close)
//! }
//!
//! # fn main() -> Result<(), Box<dyn Error>> {
//! let sum = gather((port(80), port(443))).with(async |(http, https)| Ok(*http + *https));
//! assert_eq!(smol::block_on(sum)?, 523);
//!
//! let task = smol::spawn(async {
//!     let ports = gather([spawned_port(80), spawned_port(443)]);
//!     ports.with(async |[http, https]| Ok(*http + *https)).await
//! });
//! assert_eq!(smol::block_on(task)?, 523);
//! # Ok(()) }
//! ```
//!
//! # Retries of an enter
//!
//! Use this recipe if an enter may fail now and work a second later. An enter is any future, so write a future around
//! it that tries several times. The other members enter meanwhile, and each member has retries of its own.
//!
//! ```rust
//! use std::{cell::Cell, error::Error, fmt::Display, io, time::Duration};
//!
//! use gather_cm::{EnterExt, gather};
//! use smol::Timer;
//!
//! /// Calls `enter` up to `attempts` times, and waits longer after each failure.
//! async fn retry<T, E: Display, F: Future<Output = Result<T, E>>>(
//!     attempts: u32,
//!     mut enter: impl FnMut() -> F,
//! ) -> Result<T, E> {
//!     let mut pause = Duration::from_millis(1);
//!     for attempt in 1..attempts {
//!         match enter().await {
//!             Ok(value) => return Ok(value),
//!             Err(error) => eprintln!("attempt {attempt} of {attempts} failed: {error}"),
//!         }
//!         Timer::after(pause).await;
//!         pause *= 2;
//!     }
//!     enter().await
//! }
//!
//! async fn connect(attempts: &Cell<u32>) -> io::Result<&'static str> {
//!     attempts.set(attempts.get() + 1);
//!     match attempts.get() {
//!         3 => Ok("a connection"),
//!         _ => Err(io::Error::other("no route")),
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn Error>> { smol::block_on(async {
//! let (primary, replica) = (Cell::new(0), Cell::new(2));
//! let members = (
//!     retry(5, || connect(&primary)).drop_on_exit(),
//!     retry(5, || connect(&replica)).drop_on_exit(),
//! );
//! gather(members).with(async |(_primary, _replica)| Ok(())).await?;
//! assert_eq!((primary.get(), replica.get()), (3, 3));
//! # Ok(()) }) }
//! ```
//!
//! If all attempts together have a time limit, call [`enter_within`](crate::EnterExt::enter_within). If the group
//! should go on without the member after the last attempt, call [`optional`](crate::EnterExt::optional).
//!
//! # axum
//!
//! Use a [`shield`](crate::Gather::shield) in a handler that enters resources. If the client hangs up, the server drops
//! the handler halfway. The shield then hands the remaining exits to a task. A `TaskTracker` lets the program wait for
//! all of these tasks before it ends.
//!
//! ```rust
//! use std::{error::Error, io, time::Duration};
//!
//! use axum::{
//!     Router,
//!     body::Body,
//!     extract::{Request, State},
//!     http::StatusCode,
//!     routing::post,
//! };
//! use gather_cm::{Exit, ExitCase, gather};
//! use tokio::{
//!     sync::mpsc,
//!     time::{sleep, timeout},
//! };
//! use tokio_util::task::TaskTracker;
//! use tower::ServiceExt;
//!
//! #[derive(Clone)]
//! struct App {
//!     database: mpsc::UnboundedSender<&'static str>,
//!     cleanups: TaskTracker,
//! }
//!
//! struct Transaction {
//!     database: mpsc::UnboundedSender<&'static str>,
//! }
//!
//! async fn begin(app: &App) -> io::Result<Transaction> {
//!     app.database.send("BEGIN").map_err(io::Error::other)?;
//!     Ok(Transaction { database: app.database.clone() })
//! }
//!
//! impl Exit for Transaction {
//!     type Error = io::Error;
//!     type Verdict = ();
//!
//!     async fn exit(self, case: ExitCase) -> io::Result<()> {
//!         sleep(Duration::from_millis(1)).await; // the network takes a while
//!         let end = if case == ExitCase::Completed { "COMMIT" } else { "ROLLBACK" };
//!         self.database.send(end).map_err(io::Error::other)
//!     }
//! }
//!
//! async fn transfer(State(app): State<App>, amount: String) -> Result<String, StatusCode> {
//!     gather((begin(&app),))
//!         .shield()
//!         .with(async |(_transaction,)| {
//!             if amount == "1000000" {
//!                 sleep(Duration::from_secs(3600)).await; // somebody must look into this
//!             }
//!             Ok(format!("transferred {amount}"))
//!         })
//!         .on_drop(|cleanup| {
//!             app.cleanups.spawn(async {
//!                 if let Err(failure) = cleanup.await {
//!                     eprintln!("cleanup: {failure}");
//!                 }
//!             });
//!         })
//!         .await
//!         .map_err(|failure| {
//!             eprintln!("transfer: {failure}");
//!             StatusCode::INTERNAL_SERVER_ERROR
//!         })
//! }
//!
//! # // The clock jumps to the next timer if nothing else is left to do.
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn Error>> {
//! let (database, mut statements) = mpsc::unbounded_channel();
//! let app = App { database, cleanups: TaskTracker::new() };
//! let router = Router::new().route("/transfer", post(transfer)).with_state(app.clone());
//!
//! let request = Request::post("/transfer").body(Body::from("5"))?;
//! assert_eq!(router.clone().oneshot(request).await?.status(), StatusCode::OK);
//! assert_eq!(statements.recv().await, Some("BEGIN"));
//! assert_eq!(statements.recv().await, Some("COMMIT"));
//!
//! // A client that hangs up: the server drops the future of the response.
//! let request = Request::post("/transfer").body(Body::from("1000000"))?;
//! let response = timeout(Duration::from_millis(10), router.oneshot(request)).await;
//! assert!(response.is_err());
//! assert_eq!(statements.recv().await, Some("BEGIN"));
//!
//! // At the end of `main`, after the server.
//! app.cleanups.close();
//! app.cleanups.wait().await;
//! assert_eq!(statements.recv().await, Some("ROLLBACK"));
//! # Ok(()) }
//! ```
//!
//! If a resource must live as long as the server, make the server the body of a group. The state of the router is a
//! cheap clone of the resource. Pass the signal to axum's own graceful shutdown, so that the requests in flight end
//! before the exits begin. [Ctrl-C and Kubernetes](#ctrl-c-and-kubernetes) shows how to limit the time that this takes.
//!
//! ```rust
//! use std::{
//!     error::Error,
//!     io,
//!     sync::{
//!         Arc,
//!         atomic::{AtomicBool, Ordering::Relaxed},
//!     },
//!     time::Duration,
//! };
//!
//! use axum::{Router, extract::State, http::StatusCode, routing::get};
//! use gather_cm::{Exit, ExitCase, Failure, Report, gather};
//! use tokio::{
//!     io::{AsyncReadExt, AsyncWriteExt},
//!     net::{TcpListener, TcpStream},
//!     sync::Notify,
//!     time::sleep,
//! };
//!
//! /// Its clones share the connections.
//! #[derive(Clone, Default)]
//! struct Pool {
//!     closed: Arc<AtomicBool>,
//!     asked: Arc<Notify>,
//! }
//!
//! impl Pool {
//!     async fn answer(&self) -> Result<&'static str, StatusCode> {
//!         self.asked.notify_one();
//!         sleep(Duration::from_millis(20)).await;
//!         match self.closed.load(Relaxed) {
//!             false => Ok("42"),
//!             true => Err(StatusCode::SERVICE_UNAVAILABLE),
//!         }
//!     }
//! }
//!
//! impl Exit for Pool {
//!     type Error = io::Error;
//!     type Verdict = ();
//!
//!     async fn exit(self, case: ExitCase) -> io::Result<()> {
//!         println!("the pool is closed: {case:?}");
//!         self.closed.store(true, Relaxed);
//!         Ok(())
//!     }
//! }
//!
//! async fn serve(
//!     pool: impl Future<Output = io::Result<Pool>>,
//!     listener: TcpListener,
//!     stop: impl Future<Output = ()> + Send + 'static,
//! ) -> Result<(), Report> {
//!     gather((pool,))
//!         .names(&["pool"])
//!         .with(async |(pool,)| {
//!             let answer = async |State(pool): State<Pool>| pool.answer().await;
//!             let router = Router::new().route("/", get(answer)).with_state(pool.clone());
//!             axum::serve(listener, router).with_graceful_shutdown(stop).await
//!         })
//!         .await
//!         .map_err(Failure::report)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn Error>> {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let address = listener.local_addr()?;
//! let pool = Pool::default();
//!
//! // The signal comes while a request is in flight.
//! let (opened, asked) = (pool.clone(), pool.asked.clone());
//! let server = serve(async { Ok(opened) }, listener, async move { asked.notified().await });
//! let client = async {
//!     let mut stream = TcpStream::connect(address).await?;
//!     stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
//!     let mut response = String::new();
//!     stream.read_to_string(&mut response).await?;
//!     io::Result::Ok(response)
//! };
//! let (result, response) = tokio::join!(server, client);
//! result?;
//! assert!(response?.ends_with("\r\n\r\n42"));
//! assert!(pool.closed.load(Relaxed));
//! # Ok(()) }
//! ```
//!
//! # A fixture for tokio::test
//!
//! Use a function that takes the test as a closure, and make the closure the body of a group. The exits then run to
//! their end, whether the test passes, returns an error or panics. If a server cannot be started or stopped, the test
//! fails and its report names the server.
//!
//! ```rust,test_harness
//! use std::{cell::Cell, io};
//!
//! use gather_cm::{Exit, ExitCase, Failure, Report, gather};
//!
//! thread_local! {
//!     static RUNNING: Cell<u32> = const { Cell::new(0) };
//! }
//!
//! struct Server {
//!     answer: u32,
//! }
//!
//! async fn start(answer: u32) -> io::Result<Server> {
//!     RUNNING.set(RUNNING.get() + 1);
//!     Ok(Server { answer })
//! }
//!
//! impl Server {
//!     async fn ask(&self) -> io::Result<u32> {
//!         Ok(self.answer)
//!     }
//! }
//!
//! impl Exit for Server {
//!     type Error = io::Error;
//!     type Verdict = ();
//!
//!     async fn exit(self, _: ExitCase) -> io::Result<()> {
//!         tokio::task::yield_now().await;
//!         RUNNING.set(RUNNING.get() - 1);
//!         Ok(())
//!     }
//! }
//!
//! /// Runs a test with a database and a web server.
//! async fn with_servers(
//!     test: impl AsyncFnOnce(&mut Server, &mut Server) -> io::Result<()>,
//! ) -> Result<(), Report> {
//!     gather((start(40), start(2)))
//!         .names(&["database", "web"])
//!         .with(async |(database, web)| test(database, web).await)
//!         .await
//!         .map_err(Failure::report)
//! }
//!
//! #[tokio::test]
//! async fn both_servers_answer() -> Result<(), Report> {
//!     with_servers(async |database, web| {
//!         assert_eq!(database.ask().await? + web.ask().await?, 42);
//!         Ok(())
//!     })
//!     .await
//! }
//!
//! #[tokio::test]
//! async fn servers_stop_if_a_test_panics() {
//!     let test = with_servers(async |database, _web| {
//!         assert_eq!(database.ask().await?, 7);
//!         Ok(())
//!     });
//!     let result = tokio::spawn(test).await;
//!     assert!(result.is_err_and(|error| error.is_panic()));
//!     assert_eq!(RUNNING.get(), 0);
//! }
//! ```
//!
//! If a test needs the fixture as a value, for example in a struct, enter the group without a body. The docs of
//! [`Entered`](crate::Entered#fixtures) show how.
//!
//! # tokio::spawn and Send
//!
//! Use `tokio::spawn` on a gather as on any future. A gather is `Send` exactly if its parts are: the members, their
//! values, the futures of the exits, and the body. The compiler mostly finds that out by itself. If the type of a
//! resource has a lifetime, the compiler may say that some implementation is "not general enough". Call
//! [`assert_send`](crate::With::assert_send) then. If a part is really not `Send`, use `spawn_local` in a `LocalSet`.
//!
//! ```rust
//! use std::{error::Error, io, rc::Rc};
//!
//! use gather_cm::{EnterExt, Exit, ExitCase, gather};
//! use tokio::task::LocalSet;
//!
//! /// A place in a queue. It borrows the name of the queue.
//! struct Place<'a> {
//!     queue: &'a str,
//! }
//!
//! async fn stand_in(queue: &str) -> io::Result<Place<'_>> {
//!     Ok(Place { queue })
//! }
//!
//! impl Exit for Place<'_> {
//!     type Error = io::Error;
//!     type Verdict = ();
//!
//!     async fn exit(self, _: ExitCase) -> io::Result<()> {
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn Error>> {
//! // A resource without a lifetime needs nothing.
//! let task = tokio::spawn(async {
//!     let member = async { io::Result::Ok(String::from("hello")) }.drop_on_exit();
//!     gather((member,)).with(async |(text,)| Ok(text.len())).await
//! });
//! assert_eq!(task.await??, 5);
//!
//! // A resource with a lifetime.
//! let task = tokio::spawn(async {
//!     let queue = String::from("tickets");
//!     let place = gather((stand_in(&queue),)).with(async |(place,)| Ok(place.queue.len()));
//!     place.assert_send().await
//! });
//! assert_eq!(task.await??, 7);
//!
//! // A resource that is not `Send`.
//! let local = LocalSet::new();
//! let task = local.spawn_local(async {
//!     let member = async { io::Result::Ok(Rc::new(9)) }.drop_on_exit();
//!     gather((member,)).with(async |(number,)| Ok(**number)).await
//! });
//! let (result, ()) = tokio::join!(task, local);
//! assert_eq!(result??, 9);
//! # Ok(()) }
//! ```
//!
//! The handle of the task returns an error of its own if the task panics. So the result of a spawned gather needs two
//! `?`. If a function returns the members, see [the recipe above](#a-function-that-returns-a-member).
//!
//! # embassy
//!
//! Use a tuple or an array of members in a task of embassy. It needs no heap, and it passes on the waker of the
//! executor, as embassy's timers require. Turn off the default features of gather-cm in firmware, so that it is
//! `no_std`. This example runs on embassy's platform `std`, so that you can try it on your computer.
//!
//! ```rust
//! use core::fmt;
//!
//! use embassy_executor::Spawner;
//! use embassy_futures::yield_now;
//! use gather_cm::{EnterExt, Exit, ExitCase, gather};
//!
//! #[derive(Debug)]
//! enum RadioError {
//!     NoCarrier,
//! }
//!
//! struct Radio {
//!     sent: u32,
//! }
//!
//! /// Powers the radio up. Here and below, `yield_now` stands for a timer or an interrupt.
//! async fn power_up() -> Result<Radio, RadioError> {
//!     yield_now().await;
//!     Ok(Radio { sent: 0 })
//! }
//!
//! impl Radio {
//!     async fn send(&mut self, degrees: i32) -> Result<(), RadioError> {
//!         yield_now().await;
//!         if degrees > 80 {
//!             return Err(RadioError::NoCarrier);
//!         }
//!         self.sent += 1;
//!         Ok(())
//!     }
//! }
//!
//! impl Exit for Radio {
//!     type Error = RadioError;
//!     type Verdict = ();
//!
//!     async fn exit(self, _: ExitCase) -> Result<(), RadioError> {
//!         yield_now().await; // power down
//!         Ok(())
//!     }
//! }
//!
//! #[embassy_executor::task]
//! async fn report() {
//!     let thermometer = async { Ok(21) }.exit_with(async |_, _| Ok(yield_now().await));
//!     let result = gather((power_up(), thermometer))
//!         .names(&["radio", "thermometer"])
//!         .with(async |(radio, degrees)| {
//!             radio.send(*degrees).await?;
//!             Ok(radio.sent)
//!         })
//!         .await;
//!     match result {
//!         Ok(sent) => assert_eq!(sent, 1),
//!         Err(failure) => panic!("{failure}"),
//!     }
//! #     std::process::exit(0); // the executor never returns
//! }
//!
//! #[embassy_executor::main]
//! async fn main(spawner: Spawner) {
//!     match report() {
//!         Ok(task) => spawner.spawn(task),
//!         Err(error) => panic!("{error:?}"),
//!     }
//! }
//!
//! impl fmt::Display for RadioError {
//!     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
//!         match self {
//!             Self::NoCarrier => f.write_str("there is no carrier"),
//!         }
//!     }
//! }
//!
//! impl core::error::Error for RadioError {}
//! ```
//!
//! If a library returns a driver along with its handle, as embassy-net does, call [`driven`](crate::EnterExt::driven)
//! instead of spawning the driver. For a `Vec` of more than 30 members, call
//! [`caller_waker`](crate::Gather::caller_waker).
//!
//! # tracing
//!
//! Use [`observe`](crate::Gather::observe) if you want to see in your traces how long each member enters, is held and
//! exits. The observer keeps one span for each member, and replaces it at the next [`Event`](crate::Event) of that
//! member. The old span closes then.
//!
//! ```rust
//! use std::{
//!     error::Error,
//!     io,
//!     sync::{Arc, Mutex, PoisonError},
//! };
//!
//! use gather_cm::{EnterExt, Event, gather};
//! use smol::future::yield_now;
//! use tracing::{Span, error, info, info_span};
//! use tracing_subscriber::fmt::format::FmtSpan;
//!
//! const NAMES: [&str; 2] = ["database", "cache"];
//!
//! /// For each member, a span of what it is doing.
//! struct Spans([Span; NAMES.len()]);
//!
//! impl Spans {
//!     fn observe(&mut self, event: Event) {
//!         let (index, span) = match event {
//!             Event::EnterStarted { index, .. } => {
//!                 (index, info_span!("enter", member = NAMES[index]))
//!             }
//!             Event::Entered { index, .. } => {
//!                 (index, info_span!("held", member = NAMES[index]))
//!             }
//!             Event::ExitStarted { index, .. } => {
//!                 (index, info_span!("exit", member = NAMES[index]))
//!             }
//!             Event::EnterFailed { index, .. } | Event::ExitFailed { index, .. } => {
//!                 let _in_span = self.0[index].enter();
//!                 error!("failed");
//!                 (index, Span::none())
//!             }
//!             Event::EnterDropped { index, .. }
//!             | Event::Abandoned { index, .. }
//!             | Event::Exited { index, .. }
//!             | Event::ExitDropped { index, .. } => (index, Span::none()),
//!             Event::BodyEnded { case, .. } => return info!(?case, "the body has ended"),
//!             _ => return,
//!         };
//!         self.0[index] = span;
//!     }
//! }
//!
//! async fn service() -> Result<(), Box<dyn Error>> {
//!     let member =
//!         || async { io::Result::Ok(()) }.exit_with(async |(), _| Ok(yield_now().await));
//!     let mut spans = Spans([const { Span::none() }; NAMES.len()]);
//!     gather((member(), member()))
//!         .names(&NAMES)
//!         .observe(|event| spans.observe(event))
//!         .with(async |_| Ok(()))
//!         .await?;
//!     Ok(())
//! }
//!
//! # #[derive(Clone, Default)]
//! # struct Log(Arc<Mutex<Vec<u8>>>);
//! #
//! # impl io::Write for Log {
//! #     fn write(&mut self, text: &[u8]) -> io::Result<usize> {
//! #         self.0.lock().unwrap_or_else(PoisonError::into_inner).write(text)
//! #     }
//! #
//! #     fn flush(&mut self) -> io::Result<()> {
//! #         Ok(())
//! #     }
//! # }
//! #
//! # fn main() -> Result<(), Box<dyn Error>> {
//! let log = Log::default(); // an `io::Write` that keeps the text
//! let writer = log.clone();
//! let subscriber = tracing_subscriber::fmt()
//!     .with_span_events(FmtSpan::CLOSE) // a line for each span that closes
//!     .with_ansi(false)
//!     .with_writer(move || writer.clone())
//!     .finish();
//! tracing::subscriber::with_default(subscriber, || smol::block_on(service()))?;
//!
//! let bytes = log.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
//! let text = String::from_utf8(bytes)?;
//! assert_eq!(text.lines().count(), 7);
//! for phase in ["enter", "held", "exit"] {
//!     for name in NAMES {
//!         assert!(text.contains(&format!("{phase}{{member=\"{name}\"}}")), "{text}");
//!     }
//! }
//! assert!(text.contains("the body has ended case=Completed"));
//! # Ok(()) }
//! ```
//!
//! The observer does not enter these spans, because all members take turns in one task. If the events of a member's own
//! code should be in a span, pass its future through `Instrument` of tracing before you gather it.
//!
//! # Progress
//!
//! Use this recipe if you want to know which phase a large group is in, or how many members it still waits for. Each
//! enter and each exit has an [`Event`](crate::Event) for its beginning and one for its end, so counters are enough.
//! The observer runs in the middle of a poll, so it should be quick.
//!
//! ```rust
//! use std::{cell::RefCell, error::Error, fmt, io};
//!
//! use gather_cm::{EnterExt, Event, gather};
//! use smol::future::yield_now;
//!
//! #[derive(Clone, Copy, Default)]
//! struct Progress {
//!     entering: usize,
//!     held: usize,
//!     exiting: usize,
//! }
//!
//! impl Progress {
//!     fn count(&mut self, event: Event) {
//!         match event {
//!             Event::EnterStarted { .. } => self.entering += 1,
//!             Event::EnterFailed { .. } | Event::EnterDropped { .. } => self.entering -= 1,
//!             Event::Entered { .. } => {
//!                 self.entering -= 1;
//!                 self.held += 1;
//!             }
//!             Event::Abandoned { .. } => self.held -= 1,
//!             Event::ExitStarted { .. } => {
//!                 self.held -= 1;
//!                 self.exiting += 1;
//!             }
//!             Event::Exited { .. }
//!             | Event::ExitFailed { .. }
//!             | Event::ExitDropped { .. } => {
//!                 self.exiting -= 1;
//!             }
//!             _ => {} // the body; and events of a scope, a shield or a driver
//!         }
//!     }
//! }
//!
//! impl fmt::Display for Progress {
//!     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
//!         let Self { entering, held, exiting } = self;
//!         write!(f, "{entering} entering, {held} held, {exiting} exiting")
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn Error>> { smol::block_on(async {
//! let lines = RefCell::new(Vec::new());
//! let mut progress = Progress::default();
//! let member =
//!     || async { io::Result::Ok(yield_now().await) }.exit_with(async |(), _| Ok(()));
//! gather(vec![member(), member()])
//!     .observe(|event| {
//!         progress.count(event);
//!         println!("{progress}");
//!         lines.borrow_mut().push(progress.to_string());
//!     })
//!     .with(async |_| Ok(()))
//!     .await?;
//! let lines = lines.into_inner();
//! assert_eq!(lines[1], "2 entering, 0 held, 0 exiting");
//! assert_eq!(lines[3], "0 entering, 2 held, 0 exiting");
//! assert_eq!(lines.last().map(String::as_str), Some("0 entering, 0 held, 0 exiting"));
//! # Ok(()) }) }
//! ```
//!
//! Each event of a member has its index. If you want to know which member hangs, print the name of each member whose
//! enter or exit has started and has not ended.
