//! # Send
//!
//! `tokio::spawn`, `smol::spawn` and other spawners that may use several threads ask for a future that is `Send` and
//! `'static`. This article says [when a gather is both](#when-is-a-gather-send), [what to
//! do](#what-does-the-compiler-say) if the compiler says that it is not, and how you [stay on one
//! thread](#without-send) instead.
//!
//! If you only `.await` your gather, in `main` or in a function that nobody spawns, you need none of this.
//!
//! ## When is a gather `Send`?
//!
//! A gather adds no condition of its own. It is `Send` exactly if all of its parts are `Send`, and `'static` exactly if
//! all of them are `'static`:
//!
//! | part | easily overlooked |
//! | --- | --- |
//! | each member | an `Rc`, a `RefCell` borrow or a lock of `std` that lives across an `.await` of the enter |
//! | each resource | `std::sync::MutexGuard` is not `Send`; guards of tokio's, smol's and `async-lock`'s locks are |
//! | the future of each exit | the compiler looks into the body of your `exit` |
//! | the body | what it captures, and what lives across its `.await`s |
//! | the error types | `Box<dyn Error>` is not `Send`, and `Box<dyn Error + Send + Sync>` is |
//! | the `stop` of [`cancel_on`], the closure of [`observe`] | a channel of the wrong kind, a `&RefCell` log |
//!
//! If all parts are `Send` and `'static`, spawn the future as it is:
//!
//! ```
//! use std::{error::Error, io};
//!
//! use gather_cm::{Exit, ExitCase, Failure, gather};
//!
//! struct Connection {
//!     host: String,
//! }
//!
//! impl Exit for Connection {
//!     type Error = io::Error;
//!     type Verdict = ();
//!
//!     async fn exit(self, _case: ExitCase) -> io::Result<()> {
//!         tokio::task::yield_now().await;
//!         Ok(())
//!     }
//! }
//!
//! async fn connect(host: &str) -> io::Result<Connection> {
//!     Ok(Connection { host: host.to_owned() })
//! }
//!
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn Error>> {
//! let group = gather((connect("a"), connect("bc")));
//! let task = tokio::spawn(group.with(async |(a, b)| Ok(a.host.len() + b.host.len())));
//! assert_eq!(task.await?.map_err(Failure::report)?, 3);
//! # Ok(()) }
//! ```
//!
//! ## Bodies that borrow
//!
//! A body may borrow from its surroundings. A task may not, because it may outlive them. Move the owner of the borrowed
//! values into a block, and make the gather in there. The borrow then stays inside of the task:
//!
//! ```
//! use std::{error::Error, io};
//!
//! use gather_cm::{EnterExt, gather};
//!
//! # fn main() -> Result<(), Box<dyn Error>> {
//! let factors = vec![2, 3];
//! let task = smol::spawn(async move {
//!     let disk = async { io::Result::Ok(7) }.drop_on_exit();
//!     let body = gather((disk,)).with(async |(disk,)| {
//!         Ok(factors.iter().map(|factor| factor * *disk).sum::<u32>()) // borrows `factors`
//!     });
//!     body.await
//! });
//! assert_eq!(smol::block_on(task)?, 35);
//! # Ok(()) }
//! ```
//!
//! Some executors ask for `Send`, and not for `'static`. A task of a `smol::Executor<'a>` may borrow from everything
//! that lives for `'a`.
//!
//! ## Why has `exit` no bound?
//!
//! [`Exit::exit`] returns `impl Future`, without `+ Send`. With that bound, nobody could exit a resource that stays on
//! one thread, such as a window or an `Rc`. Without it, the compiler looks at the future that your `exit` really
//! returns, as it does for every `async fn`. It can do so only if it knows the type of the resource. In generic code,
//! it needs [your help](#generic-functions).
//!
//! This also means that the error appears at the `spawn`, far from the `exit` that causes it. If you write a library,
//! put a check beside the resource. It costs nothing at run time:
//!
//! ```
//! use std::io;
//!
//! use gather_cm::{Exit, ExitCase};
//!
//! struct Vm;
//!
//! impl Exit for Vm {
//!     type Error = io::Error;
//!     type Verdict = ();
//!
//!     async fn exit(self, _case: ExitCase) -> io::Result<()> {
//!         Ok(())
//!     }
//! }
//!
//! const fn is_send<T: Send + 'static>(_: &T) {}
//!
//! fn _exit_is_send(vm: Vm) {
//!     is_send(&vm.exit(ExitCase::Completed));
//! }
//! ```
//!
//! ## What does the compiler say?
//!
//! The compiler's messages list every type between the task and the part that is not `Send`. Read the first line and
//! the first `-->` in your own code, and skip each "required because it appears within the type". This message comes
//! from a resource that has an `Rc`:
//!
//! ```text
//! error[E0277]: `Rc<u8>` cannot be sent between threads safely
//!   --> src/main.rs:7:17
//!    |
//!  7 |     smol::spawn(gather((value,)).with(async |_| Ok(()))).detach();
//!    |     ----------- ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
//!    = help: within `With<...>`, the trait `Send` is not implemented for `Rc<u8>`
//! note: required because it appears within the type `DropOnExit<Rc<u8>, std::io::Error>`
//! ```
//!
//! | the compiler says | the reason | what you do |
//! | --- | --- | --- |
//! | `` `Rc<u8>` cannot be sent between threads safely `` | a resource, an error or a capture contains it; the first notes say which one | use `Arc`, or [stay on one thread](#without-send) |
//! | `` future returned by `exit` is not `Send` `` | a local variable of your `exit` lives across an `.await` | drop it before that, or put it into a block of its own |
//! | `` future returned by `connect` is not `Send` ``, `` future created by async block is not `Send` `` | the same in an enter or in the body | the same |
//! | `` argument requires that `name` is borrowed for `'static` `` | the body or a member borrows | [move the owner into the task](#bodies-that-borrow) |
//! | `` implementation of `AsyncFnOnce` is not general enough ``, `` one type is more general than the other `` | the type of a resource has a lifetime, and you spawn a block | add [`assert_send`](#resources-with-a-lifetime) |
//! | `` `impl Drive<..>` cannot be sent ``, `` `impl Exiting<..>` cannot be sent ``, `` `<.. as Member>::Resource` cannot be sent `` | the compiler does not know the resource | [name it](#generic-functions) |
//! | `` `<.. as IntoFuture>::IntoFuture` cannot be sent `` | the compiler does not know the future of a generic member | [add `IntoFuture: Send`](#generic-functions) |
//! | `` `RefCell<..Store<..>>` cannot be shared `` | you spawn a scope without the feature `std`, so that it has no lock | enable `std`, or stay on one thread |
//!
//! ## Resources with a lifetime
//!
//! If a resource's type has a lifetime, even `'static`, and you await the gather inside of a block that you spawn, or
//! in an `async fn` that this block calls, rustc cannot see that the block is `Send` ([rust#110338]). Call
//! [`assert_send`] on the future. It changes nothing at run time:
//!
//! ```
//! use std::{error::Error, io};
//!
//! use gather_cm::{Exit, ExitCase, gather};
//!
//! struct Lease<'a>(&'a str);
//!
//! impl Exit for Lease<'_> {
//!     type Error = io::Error;
//!     type Verdict = ();
//!
//!     async fn exit(self, _case: ExitCase) -> io::Result<()> {
//!         Ok(())
//!     }
//! }
//!
//! async fn lease(name: &str) -> io::Result<Lease<'_>> {
//!     Ok(Lease(name))
//! }
//!
//! # fn main() -> Result<(), Box<dyn Error>> {
//! let task = smol::spawn(async {
//!     let name = String::from("port 80");
//!     let group = gather((lease(&name),));
//!     group.with(async |(lease,)| Ok(lease.0.len())).assert_send().await
//! });
//! assert_eq!(smol::block_on(task)?, 7);
//! # Ok(()) }
//! ```
//!
//! If the gather has a [`shield`], call `assert_send` after [`on_drop`]. If you spawn the future itself, and not a
//! block that awaits it, you do not need `assert_send`.
//!
//! ## Generic functions
//!
//! A function that returns `impl Member<Value = Vm, Error = E>` hides the type of the resource. The caller may await
//! such a member, but the compiler cannot tell whether its exit is `Send`. Name the resource in the signature, and say
//! that the enter is `Send`:
//!
//! ```
//! use std::{error::Error, io};
//!
//! use gather_cm::{EnterExt, ExitBoxed, Member, gather};
//! # use gather_cm::{Exit, ExitCase};
//! #
//! # struct Vm;
//! #
//! # impl Exit for Vm {
//! #     type Error = io::Error;
//! #     type Verdict = ();
//! #
//! #     async fn exit(self, _case: ExitCase) -> io::Result<()> {
//! #         Ok(())
//! #     }
//! # }
//!
//! // `Vm` implements `Exit`:
//! fn vm()
//! -> impl Member<Value = Vm, Error = io::Error, Resource = Vm, IntoFuture: Send> + Send {
//!     async { Ok(Vm) }
//! }
//!
//! // A closure exits this one. `exit_with` would make a resource that has no name.
//! fn port() -> impl Member<
//!     Value = u16,
//!     Error = io::Error,
//!     Resource = ExitBoxed<u16, io::Error>,
//!     IntoFuture: Send,
//! > + Send {
//!     async { Ok(80) }.exit_boxed(async |_port, _case| Ok(()))
//! }
//!
//! # fn main() -> Result<(), Box<dyn Error>> {
//! let task = smol::spawn(gather((vm(), port())).with(async |(_vm, port)| Ok(*port)));
//! assert_eq!(smol::block_on(task)?, 80);
//! # Ok(()) }
//! ```
//!
//! A function that is generic over the resource `V` itself cannot promise that `V::exit` is `Send`. Let the caller pass
//! the exit as well, and put the bound on the future of the exit. [`exit_boxed`] takes such an exit, and so does
//! [`Scope::enter_boxed`](crate::Scope::enter_boxed):
//!
//! ```
//! use std::{error::Error, io};
//!
//! use gather_cm::{EnterExt, ExitCase, gather};
//! use smol::Task;
//! # use gather_cm::Exit;
//! #
//! # struct Vm;
//! #
//! # impl Exit for Vm {
//! #     type Error = io::Error;
//! #     type Verdict = ();
//! #
//! #     async fn exit(self, _case: ExitCase) -> io::Result<()> {
//! #         Ok(())
//! #     }
//! # }
//!
//! /// Enters and exits something in a task of its own.
//! fn try_out<V, X>(
//!     member: impl Future<Output = io::Result<V>> + Send + 'static,
//!     exit: impl FnOnce(V, ExitCase) -> X + Send + 'static,
//! ) -> Task<io::Result<()>>
//! where
//!     V: Send + 'static,
//!     X: Future<Output = io::Result<()>> + Send + 'static,
//! {
//!     let future = gather((member.exit_boxed(exit),)).with(async |_| Ok(()));
//!     smol::spawn(async {
//!         future.await.map_err(|failure| io::Error::other(failure.report()))
//!     })
//! }
//!
//! # fn main() -> Result<(), Box<dyn Error>> {
//! smol::block_on(try_out(async { Ok(Vm) }, Vm::exit))?;
//! # Ok(()) }
//! ```
//!
//! ## Without `Send`
//!
//! If your resources stay on one thread, use a spawner that does not ask for `Send`. Call `exit_with` there, and not
//! `exit_boxed`, whose closure must be `Send`. Tasks of a `LocalExecutor<'a>` may borrow as well:
//!
//! | you have | use |
//! | --- | --- |
//! | any executor | `.await` in the function that `block_on` runs: it asks for neither `Send` nor `'static` |
//! | tokio | `LocalSet` and `spawn_local` |
//! | smol, async-executor | `LocalExecutor` |
//! | embassy | `Spawner::spawn`; only a `SendSpawner` asks for `Send` |
//! | a [`scope`](crate::scope()) with resources of different types | [`LocalBoxExit`], whose guards have a [`LocalBoxed`](crate::LocalBoxed) |
//!
//! ```
//! use std::{cell::RefCell, error::Error, io, rc::Rc};
//!
//! use gather_cm::{EnterExt, LocalBoxExit, scope};
//! use smol::LocalExecutor;
//!
//! # fn main() -> Result<(), Box<dyn Error>> {
//! let log = RefCell::new(Vec::new());
//! let executor = LocalExecutor::new();
//! let task = executor.spawn(scope::<LocalBoxExit<'_, io::Error>>().with(async |scope| {
//!     let window = async { io::Result::Ok(Rc::new("window")) };
//!     let close = async |window: Rc<_>, _case| Ok(log.borrow_mut().push(*window));
//!     let window = scope.adopt_local(window, close).await?;
//!     Ok(window.len())
//! }));
//! assert_eq!(smol::block_on(executor.run(task))?, 6);
//! assert_eq!(*log.borrow(), ["window"]);
//! # Ok(()) }
//! ```
//!
//! ## Scopes, shields and structs
//!
//! - **A [`Scope`](crate::Scope)** is `Send` and `Sync` if its resources are `Send`, with the feature `std`. If it
//!   boxes them, a [`BoxExit`](crate::BoxExit) is `Send` and `'static`, and a [`LocalBoxExit`] is not `Send` and need
//!   not be `'static`. If you need resources that borrow and a future that is `Send`, use an enum. The docs of
//!   [`Scope`](crate::Scope#resources-of-different-types) have a macro for it.
//! - **A [`shield`]** adds no condition of its own. The spawner in [`on_drop`] receives only the resources, their exits
//!   and the errors, so the body and the enters may still borrow and need not be `Send`. After
//!   [`settle`](crate::Shield::settle), the spawner receives the enters as well.
//! - **An [`Entered`](crate::Entered)** in a field of your struct is `Send` if its resources are `Send`, and `Sync` if
//!   they are `Sync`. [`ExitBoxed`](crate::ExitBoxed) is `Send`, and not `Sync`. If such a struct is in a task, write
//!   methods with `&mut self`: an `async fn` with `&self` would ask for `Sync`.
//!
//! [`assert_send`]: crate::With::assert_send
//! [`cancel_on`]: crate::Gather::cancel_on
//! [`Exit::exit`]: crate::Exit::exit
//! [`exit_boxed`]: crate::EnterExt::exit_boxed
//! [`LocalBoxExit`]: crate::LocalBoxExit
//! [`observe`]: crate::Gather::observe
//! [`on_drop`]: crate::WithShield::on_drop
//! [`shield`]: crate::Gather::shield
//! [rust#110338]: https://github.com/rust-lang/rust/issues/110338
