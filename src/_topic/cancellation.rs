//! # Cancellation
//!
//! In Rust, you cancel a future by dropping it before it has finished. A *gather*, the future of a group, has resources
//! that only an `async` exit can release, and nothing can be awaited in a drop. So there are two ways to end a gather
//! early:
//!
//! - **You stop it.** It drops its enters and its body, and then it runs the exits. [`cancel_on`] does this, and
//!   [`fail_fast`] does it for enters.
//! - **You drop it.** It can run no exit. It [abandons] its resources, unless you have given it a [`shield`].
//!
//! This article first shows [where a drop comes from](#where-does-a-drop-come-from) and [what it
//! does](#what-does-a-drop-do). Then it shows [how you stop a gather](#how-do-you-stop-a-gather),
//! [deadlines](#deadlines), [nested groups](#nested-groups) and [scopes](#scopes). It ends with a [table of every
//! future](#is-it-cancel-safe) of the crate.
//!
//! ## Where does a drop come from?
//!
//! Your code rarely calls `drop` on a future. These constructs do it for you:
//!
//! | what | when it drops your gather |
//! | --- | --- |
//! | a timeout of a runtime, such as `tokio::time::timeout` | when the time is over |
//! | `select!`, `or`, `race` | when another branch is ready first |
//! | `try_join!` and a stream such as `FuturesUnordered` | when another future fails, or when you drop the stream |
//! | `JoinHandle::abort` of tokio, or the drop of a `Task` of smol | soon after, when the executor gets to the task |
//! | an HTTP server | when the client hangs up, if the server drops the handler then |
//! | a runtime that shuts down | at the next `.await` of the task |
//! | an outer gather | when it drops the [enter of a nested group](#nested-groups) |
//!
//! In an `async fn` of yours, all of this can happen at each `.await`, and nowhere else. The gather is dropped while it
//! sleeps, never in the middle of a poll.
//!
//! A process can also end without any drop. After `kill -9`, `std::process::exit`, an abort or a power failure, no exit
//! runs, and neither does `abandon` or `Drop`. No crate can help then. If something outlives your process, such as a
//! lock file, a row in a table or a virtual machine, let it expire by itself, or let the next start clean up. Ctrl-C
//! and `SIGTERM` are different. They are signals that you can await, so
//! [stop the gather](#how-do-you-stop-a-gather) with them.
//!
//! ## What does a drop do?
//!
//! The effect depends on the part of the gather:
//!
//! | part | without a shield | with [`shield`] |
//! | --- | --- | --- |
//! | before the first poll: members and body | are dropped; nothing was entered | the same, and nothing is handed over |
//! | queued members of an [`enter_limit`] | are dropped, and never start | the same |
//! | pending enters | are dropped | are dropped; after [`.shield().settle()`], they run to their end |
//! | the body | is dropped, so its borrows end | the same |
//! | held resources | are abandoned, in argument order | are exited and receive `Cancelled` (`EnterFailed` or `Lost` in a group that has failed) |
//! | resources that wait for their exit | are abandoned | are exited in their turn, as without the drop |
//! | exits in flight | are dropped, each with its resource | continue where they were |
//! | [drivers](crate::EnterExt::driven) | are dropped | move along with the exits |
//! | errors and panics that nobody has seen | are lost | come from the future of the exits |
//! | `stop` of [`cancel_on`], the observer | are dropped | the same |
//!
//! The gather *abandons* a resource when it calls [`Exit::abandon`] with it, exactly once. By default, `abandon` drops
//! the value. The gather passes every resource either to its exit or to `abandon`, and never to both:
//!
//! ```
//! use std::{cell::RefCell, future::pending, io};
//!
//! use gather_cm::{EnterExt, gather};
//! use smol::future::poll_once;
//!
//! let log = RefCell::new(Vec::new());
//! let radio = async { io::Result::Ok("radio") }
//!     .exit_with(async |name, case| {
//!         log.borrow_mut().push(format!("exit {name}: {case:?}"));
//!         Ok(())
//!     })
//!     .abandon_with(|name| log.borrow_mut().push(format!("cut the power of the {name}")));
//!
//! // Polls the gather once, and drops it. Its body still runs then.
//! let body = async |_: (&mut _,)| Ok(pending::<()>().await);
//! let ended = smol::block_on(poll_once(gather((radio,)).with(body)));
//! assert!(ended.is_none());
//! assert_eq!(log.into_inner(), ["cut the power of the radio"]);
//! ```
//!
//! If your resource can do something without waiting, do it in `abandon` (or in [`abandon_with`], as above). Close the
//! socket, kill the process, or send the value to a task that cleans up. An exit in flight is different. Its future
//! owns the resource, and is dropped along with it, so only a `Drop` of the value can do something then.
//!
//! ### With a shield
//!
//! If the exits must run even after a drop, call [`shield`], and say in [`on_drop`] who runs them. In the drop, the
//! gather makes one future of the remaining exits, the *cleanup*, and passes it to your function. Your function usually
//! spawns it:
//!
//! ```
//! use std::{cell::RefCell, future::pending, io};
//!
//! use gather_cm::{EnterExt, gather};
//! use smol::{LocalExecutor, future::poll_once};
//!
//! let log = RefCell::new(Vec::new());
//! let cleanups = LocalExecutor::new();
//! let radio = async { io::Result::Ok("radio") }
//!     .exit_with(async |name, case| {
//!         log.borrow_mut().push(format!("exit {name}: {case:?}"));
//!         Ok(())
//!     });
//!
//! let future = gather((radio,))
//!     .shield()
//!     .with(async |_| Ok(pending::<()>().await))
//!     .on_drop(|cleanup| cleanups.spawn(cleanup).detach());
//! assert!(smol::block_on(poll_once(future)).is_none()); // polled once, and dropped
//! assert!(log.borrow().is_empty());
//!
//! while cleanups.try_tick() {}
//! assert_eq!(*log.borrow(), ["exit radio: Cancelled"]);
//! ```
//!
//! Nobody waits for the cleanup, so log its error yourself. The cleanup is a future as well, and it can be dropped in
//! its turn, for example when a runtime shuts down. It then abandons the remaining resources. If that must not happen,
//! let `main` wait for your cleanups. The docs of [`on_drop`] have a table of spawners, and say what the cleanup
//! returns.
//!
//! ## How do you stop a gather?
//!
//! Often you know beforehand what may end the work: a timer, a channel, Ctrl-C. Pass that future to [`cancel_on`]. When
//! it is ready, the gather drops the pending enters and the body, and then *it runs the exits and waits for them*:
//!
//! ```
//! use std::{future::pending, io, time::Duration};
//!
//! use gather_cm::{Cause, EnterExt, ExitCase, gather};
//! use smol::Timer;
//!
//! let lock = async { io::Result::Ok("lock") }.exit_with(async |_, case| {
//!     assert_eq!(case, ExitCase::Cancelled);
//!     Timer::after(Duration::from_millis(1)).await; // an exit may take its time
//!     Ok(())
//! });
//! let body = async |_: (&mut _,)| Ok(pending::<()>().await);
//! let timeout = Timer::after(Duration::from_millis(1));
//! let result = smol::block_on(gather((lock,)).cancel_on(timeout).with(body));
//! assert!(result.is_err_and(|failure| matches!(failure.cause, Cause::Cancelled { .. })));
//! ```
//!
//! So use `cancel_on(sleep(..))` in place of a timeout of your runtime. The signal may be any future, also one of your
//! own. These rules apply:
//!
//! - If you call `cancel_on` twice, the first future that is ready stops the gather.
//! - If the signal is ready before the first poll, nothing is entered.
//! - The gather drops the signal when the body has ended, so the signal cuts no exit short. A
//!   [deadline](#deadlines) of a member does that.
//! - Do not pass a [driver](crate::EnterExt::driven) as the signal. It is dropped before the exits, which may need it.
//!
//! ### Pending enters
//!
//! [`cancel_on`] and [`fail_fast`] drop pending enters halfway. So does a drop of the gather. An enter must then clean
//! up after itself. You need no code for that if everything in it has a `Drop`, such as a socket or the guard of a
//! lock. If not, put the half-made resource into a guard of your own:
//!
//! ```
//! use std::{cell::Cell, future::pending, io};
//!
//! use gather_cm::{EnterExt, gather};
//!
//! struct Process<'a> {
//!     running: &'a Cell<bool>,
//! }
//!
//! impl Drop for Process<'_> {
//!     fn drop(&mut self) {
//!         self.running.set(false); // kill
//!     }
//! }
//!
//! async fn start(running: &Cell<bool>) -> io::Result<Process<'_>> {
//!     running.set(true);
//!     let process = Process { running }; // from here on, a drop kills it
//!     pending::<()>().await; // wait until it answers
//!     Ok(process)
//! }
//!
//! let running = Cell::new(false);
//! let no_route = async { Err::<(), _>(io::Error::other("no route")) }.drop_on_exit();
//! let group = gather((start(&running).drop_on_exit(), no_route)).fail_fast();
//! assert!(smol::block_on(group.with(async |_| Ok(()))).is_err());
//! assert!(!running.get());
//! ```
//!
//! If an enter cannot clean up, because only an exit can, do not let anybody drop it:
//!
//! | what would drop it | what you do |
//! | --- | --- |
//! | another member that fails | do not call [`fail_fast`]: by default the pending enters run to their end |
//! | a stop | add [`settle`] to [`cancel_on`] |
//! | a drop of the gather | call [`.shield().settle()`] |
//!
//! ### A body that wants a last word
//!
//! A stop drops the body at an `.await`, and the body cannot object. If yours must finish a request first, let it watch
//! the signal itself, and return when the signal comes. The exits then receive `Completed`, because nothing was
//! cancelled:
//!
//! ```
//! use std::{error::Error, io};
//!
//! use gather_cm::{EnterExt, ExitCase, gather};
//! use tokio::sync::mpsc;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn Error>> {
//! let (stop, mut stopped) = mpsc::channel::<()>(1);
//! let (requests, mut queue) = mpsc::channel::<u32>(8);
//! let socket = async { io::Result::Ok("socket") }.exit_with(async |_, case| {
//!     assert_eq!(case, ExitCase::Completed);
//!     Ok(())
//! });
//! let served = gather((socket,)).with(async |_| {
//!     let mut sum = 0;
//!     loop {
//!         tokio::select! {
//!             biased;
//!             Some(request) = queue.recv() => sum += request,
//!             _ = stopped.recv() => return Ok(sum), // between two requests
//!         }
//!     }
//! });
//! requests.send(1).await?;
//! requests.send(2).await?;
//! drop(stop); // a channel without senders is a signal, too
//! assert_eq!(served.await?, 3);
//! # Ok(()) }
//! ```
//!
//! ### In a loop with `select!`
//!
//! A `select!` in a loop drops the futures of all branches that were not ready. If one of them is a gather that you
//! make in the loop, its resources are abandoned in each turn. Make the gather outside of the loop, pin it, and poll it
//! by reference. Then only the reference is dropped, and the gather goes on in the next turn:
//!
//! ```
//! use std::{error::Error, io, pin::pin, time::Duration};
//!
//! use gather_cm::{EnterExt, gather};
//! use tokio::time::{interval, sleep};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn Error>> {
//! let disk = async { io::Result::Ok(6) }.drop_on_exit();
//! let mut work = pin!(gather((disk,)).with(async |(disk,)| {
//!     sleep(Duration::from_millis(5)).await;
//!     Ok(*disk * 7)
//! }));
//! let mut ticks = interval(Duration::from_millis(1));
//! let answer = loop {
//!     tokio::select! {
//!         answer = &mut work => break answer?,
//!         _ = ticks.tick() => println!("still at work"),
//!     }
//! };
//! assert_eq!(answer, 42);
//! # Ok(()) }
//! ```
//!
//! ## Deadlines
//!
//! The crate has no clock. A deadline is any future: a timer of any runtime, a channel, an interrupt.
//!
//! | you want to limit | write | if it is too late |
//! | --- | --- | --- |
//! | one enter | [`.enter_within(deadline)`] | the enter is dropped, and the member fails with the deadline's output |
//! | all enters together | `gather(..).cancel_on(timer)`, then [`.enter()`] | pending enters are dropped, held resources are exited |
//! | enters and body | `gather(..).cancel_on(timer)`, then `.with(body)` | the same, and the body is dropped |
//! | the body alone | a timeout of your runtime *inside* of the body | the body decides; the exits run in any case |
//! | one exit | [`.exit_within(deadline)`] | the exit is dropped along with its resource; its error is the deadline's output |
//!
//! If a member is ready in the same poll as its deadline, it is in time. If a stop is ready in the same poll as
//! anything else, the stop wins.
//!
//! This group must be up within an hour, and the body may take as long as it likes. Each resource has a moment to say
//! goodbye, and one of them uses it up:
//!
//! ```
//! use std::{error::Error, future::pending, io, time::Duration};
//!
//! use gather_cm::{EnterExt, Failure, gather};
//! use smol::Timer;
//!
//! async fn late() -> io::Error {
//!     Timer::after(Duration::from_millis(1)).await;
//!     io::ErrorKind::TimedOut.into()
//! }
//!
//! # fn main() -> Result<(), Box<dyn Error>> { smol::block_on(async {
//! let quick = async { Ok(1) }.exit_with(async |_, _| Ok(())).exit_within(late);
//! let hangs = async { Ok(2) }.exit_with(async |_, _| pending::<io::Result<()>>().await);
//! let members = (quick, hangs.exit_within(late));
//!
//! let start = Timer::after(Duration::from_secs(3600));
//! let entering = gather(members).names(&["quick", "hangs"]).cancel_on(start).enter();
//! let result = gather((entering,)).with(async |(both,)| Ok(**both.0 + **both.1)).await;
//!
//! let failure = result.map_err(Failure::report).expect_err("one exit hangs");
//! let text = "exit of member 0 failed: exit of hangs failed: timed out";
//! assert_eq!(format!("{failure:#}"), text);
//! # Ok(()) }) }
//! ```
//!
//! Do not put a timeout of your runtime around the gather to limit the exits. The timeout drops the gather, and with it
//! exactly the exits that you waited for.
//!
//! ## Nested groups
//!
//! A group that was entered, an [`Entered`], is one resource of the outer group. Once it is held, a stop of the outer
//! group exits it like any other resource.
//!
//! While it still enters, it is a pending enter. If the outer group drops this enter, the nested group abandons the
//! resources that it holds by then. Three things do this: [`fail_fast`] and [`cancel_on`] of the outer group, and a
//! drop of the outer future. You can avoid each of them:
//!
//! - Without `fail_fast` on the outer group, the nested group enters to its end after another member has failed.
//! - With [`settle`] on the outer group, the nested group enters to its end after a stop, and is then exited.
//! - If you give the signal to a [`cancel_on`] of the nested group, and not to the outer one, the nested group exits
//!   its resources, and then fails.
//! - With [`.shield().settle()`] on the outer group, the nested group enters to its end in the cleanup after a drop.
//!
//! ```
//! use std::{cell::RefCell, io};
//!
//! use gather_cm::{EnterExt, gather};
//! use smol::future::yield_now;
//!
//! let log = RefCell::new(Vec::new());
//! let member = |name: &'static str, yields: usize| {
//!     let log = &log;
//!     async move {
//!         for _ in 0..yields {
//!             yield_now().await;
//!         }
//!         io::Result::Ok(name)
//!     }
//!     .exit_with(async move |name, _| Ok(log.borrow_mut().push(format!("exit {name}"))))
//!     .abandon_with(move |name| log.borrow_mut().push(format!("abandon {name}")))
//! };
//! smol::block_on(async {
//!     // The stop comes when `a` is held and `b` still enters.
//!     let nested = gather((member("a", 0), member("b", 3))).enter();
//!     let outer = gather((nested,)).cancel_on(yield_now());
//!     assert!(outer.with(async |_| Ok(())).await.is_err());
//!     assert_eq!(log.take(), ["abandon a"]);
//!
//!     let nested = gather((member("a", 0), member("b", 3))).enter();
//!     let outer = gather((nested,)).cancel_on(yield_now()).settle();
//!     assert!(outer.with(async |_| Ok(())).await.is_err());
//!     assert_eq!(log.take(), ["exit a", "exit b"]);
//! });
//! ```
//!
//! ## Scopes
//!
//! In a [`scope`](crate::scope()), the body polls the enters. So a stop and a drop reach them by way of the body:
//!
//! - **A stop** drops the body, along with every enter and every early exit that it polls. The guards in it give their
//!   resources back, and then the gather exits everything that has joined.
//! - **A drop** does the same, and then abandons everything that has joined. With a [`shield`], the cleanup exits it.
//! - **A `select!`, a timeout or a `try_join!` inside of the body** may drop an enter of the scope. If that enter has
//!   not finished, its member is dropped, and nothing has joined. If the enter has finished, the guard is dropped, and
//!   the resource stays in the scope. No resource gets lost on the way.
//!
//! ```
//! use std::{error::Error, future::pending, io, time::Duration};
//!
//! use gather_cm::{DropOnExit, EnterExt, Scope, scope};
//! use tokio::time::timeout;
//!
//! async fn connect(host: &str) -> io::Result<usize> {
//!     if host == "slow" { pending().await } else { Ok(host.len()) }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn Error>> {
//! let joined = scope()
//!     .with(async |scope: &Scope<DropOnExit<usize, io::Error>>| {
//!         for host in ["a", "slow", "b"] {
//!             let enter = scope.enter(connect(host).drop_on_exit());
//!             match timeout(Duration::from_millis(1), enter).await {
//!                 Ok(link) => assert_eq!(**link?, 1),
//!                 Err(_elapsed) => println!("{host} is too slow"), // the loop goes on
//!             }
//!         }
//!         Ok(scope.len())
//!     })
//!     .await?;
//! assert_eq!(joined, 2);
//! # Ok(()) }
//! ```
//!
//! If you pass a guard to [`mem::forget`](core::mem::forget), its resource leaks. Nobody exits or abandons it.
//!
//! ## Is it cancel safe?
//!
//! A future is usually called *cancel safe* if nothing is lost when you drop it before it has finished, and call the
//! function again. A gather owns its members, so you cannot call it again. These are all futures of the crate:
//!
//! | future | if you never poll it | if you drop it halfway | cancel safe |
//! | --- | --- | --- | --- |
//! | `with`, `with_own_error` of a [`Gather`], with or without [`keep_value`] and [`assert_send`] | the members are dropped | see [above](#what-does-a-drop-do) | no: pin it, and poll it by reference |
//! | [`.enter()`] | the members are dropped | pending enters are dropped, held resources are abandoned | no |
//! | [`with_entered`], and `with` of a [`Scope`] | the scope abandons the resources that it has | everything that has joined is abandoned | no |
//! | any of these after [`shield`] and [`on_drop`] | nothing is handed over | the exits are handed over | the exits are; the body is lost |
//! | the cleanup that `on_drop` receives | its resources are abandoned | held resources are abandoned, exits in flight are dropped | no |
//! | [`exit`](crate::Exit::exit) of an [`Entered`] or a [`Scope`] | its resources are abandoned | exits that wait are abandoned, exits in flight are dropped | no |
//! | `enter`, `enter_into`, `enter_boxed`, `enter_local`, `adopt`, `adopt_local` of a [`Scope`] | the member is dropped | the member is dropped | as the member is |
//! | [`Lent::release`], [`Lent::exit`] | the scope has the resource back | the exit is dropped, with its resource | no |
//! | a member with adapters, if you await it by itself | it is dropped | it is dropped | as the member is |
//!
//! Be prepared for a drop of the future of your own `exit`, too. Three things drop it: a drop of the gather without a
//! shield, a deadline of [`exit_within`], and a body of a scope that drops a `release`. The future owns the value then,
//! so a `Drop` of the value can still do something.
//!
//! A stop cuts no exit short, and neither does the error of another exit. With the feature `std`, a panic of another
//! part cuts none short either. The exits run to their end, and then the panic resumes.
//!
//! [abandons]: crate::Exit::abandon
//! [`abandon_with`]: crate::Adapted::abandon_with
//! [`assert_send`]: crate::With::assert_send
//! [`cancel_on`]: crate::Gather::cancel_on
//! [`.enter()`]: crate::Gather::enter
//! [`enter_limit`]: crate::Gather::enter_limit
//! [`.enter_within(deadline)`]: crate::EnterExt::enter_within
//! [`Entered`]: crate::Entered
//! [`Exit::abandon`]: crate::Exit::abandon
//! [`.exit_within(deadline)`]: crate::EnterExt::exit_within
//! [`exit_within`]: crate::EnterExt::exit_within
//! [`fail_fast`]: crate::Gather::fail_fast
//! [`Gather`]: crate::Gather
//! [`keep_value`]: crate::With::keep_value
//! [`Lent::exit`]: crate::Lent::exit
//! [`Lent::release`]: crate::Lent::release
//! [`on_drop`]: crate::WithShield::on_drop
//! [`Scope`]: crate::Scope
//! [`settle`]: crate::Gather::settle
//! [`shield`]: crate::Gather::shield
//! [`.shield().settle()`]: crate::Shield::settle
//! [`with_entered`]: crate::Gather::with_entered
