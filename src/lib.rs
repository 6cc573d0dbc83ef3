//! gather-cm enters several async resources at the same time, lends them to one async closure, and exits all of them at
//! the same time, however the closure ends. It runs on any executor or on none, spawns nothing, and is `no_std`.
//!
#![cfg_attr(doc, doc = include_str!("../docs/timeline/pool.svg"))]
//!
//! - The [tutorial](crate::_tutorial) teaches the crate in seven chapters. Start there if you are new.
//! - The [cookbook](crate::_cookbook) has recipes for whole programs: anyhow, Ctrl-C and Kubernetes, axum, tracing,
//!   embassy and more.
//! - Articles have all the details of [cancellation](crate::_topic::cancellation), [errors](crate::_topic::errors),
//!   [firmware](crate::_topic::embedded) and [`Send`](crate::_topic::send).
//! - [DESIGN](crate::_documentation::design) lists the promises by number. [COMPARE](crate::_documentation::compare)
//!   shows the crate beside its peers, [MIGRATING](crate::_documentation::migrating) beside Python, and
//!   [DRIVERS](crate::_documentation::drivers) with clients that need a driver. The
//!   [CHANGELOG](crate::_documentation::changelog) lists the changes of each version, and
//!   [BENCHMARKS](crate::_documentation::benchmarks) says what the crate costs.
//!
//! # Example
//!
//! ```
//! use gather_cm::{Exit, ExitCase, gather};
//! use std::io;
//!
//! struct Vm {
//!     name: &'static str,
//! }
//!
//! async fn start_vm(name: &'static str) -> io::Result<Vm> {
//!     println!("{name} starts");
//!     Ok(Vm { name })
//! }
//!
//! impl Exit for Vm {
//!     type Error = io::Error;
//!     type Verdict = (); // it never suppresses the body's error
//!
//!     async fn exit(self, case: ExitCase) -> io::Result<()> {
//!         println!("{} shuts down: {case:?}", self.name);
//!         Ok(())
//!     }
//! }
//!
//! fn main() {
//!     let group = gather((start_vm("a"), start_vm("b"))).names(&["a", "b"]);
//!     let run = group.with(async |(a, b)| Ok([a.name, b.name]));
//!     match smol::block_on(run) {
//!         Ok(names) => assert_eq!(names, ["a", "b"]),
//!         Err(failure) => eprintln!("{failure}"), // with the name of the member that failed
//!     }
//! }
//! ```
//!
//! Python's asyncio has no `gather_cm`. Its [`AsyncExitStack`] exits one context manager after the other. gather-cm is
//! an exit *pool* for resources that do not depend on one another.
//!
//! # The parts of a program
//!
//! - A *resource* implements [`Exit`]. If its type is not yours, [`exit_with`](EnterExt::exit_with) takes a closure,
//!   and [`drop_on_exit`](EnterExt::drop_on_exit) leaves the exit to its destructor.
//! - A *member* is anything that returns `Result<V, E>` when you await it, if `V` is a resource. [`EnterExt`] has
//!   adapters, which for example set a deadline or convert the error type.
//! - A *group* is a tuple of up to twelve members, an array, or a `Vec`. All of its members, and the body, share one
//!   error type. Pass the group to [`gather()`].
#![cfg_attr(
    feature = "alloc",
    doc = "- A [`scope()`] is a group whose members join while the body runs, in a loop or under a condition."
)]
//! - A *policy* is a method of [`Gather`]. You choose a pool or a stack, and what a failed enter does:
//!
//! | | exits run together (a *pool*) | exits run one at a time (a *stack*) |
//! | --- | --- | --- |
//! | **after a failed enter, the others run on** | `gather(group)` | `gather(group).stack()` |
//! | **after a failed enter, the others are dropped** | `gather(group).fail_fast()` | `gather(group).fail_fast().stack()` |
//!
//! - The *body* is an async closure. It borrows every resource, and its value or error becomes the value or error of
//!   the gather.
//! - The gather returns a [`Failure`] if anything fails. The failure holds the cause, along with the errors of the
//!   exits.
//!
//! # What is guaranteed
//!
//! If you await a gather to its end, it exits every resource that was entered, exactly once. It does so if the body
//! finishes or fails, if the body panics (with the feature `std`), and if another member cannot be entered. A drop is
//! different: if you drop the future of a gather halfway, it calls [`Exit::abandon`] on the held resources, and drops
//! the exits in flight. If your program may drop a gather, as a timeout or a `select!` does, pass the timer or the
//! other future to [`cancel_on`](Gather::cancel_on) instead. Or call `shield`, which hands the remaining exits to a
//! task of yours:
//!
#![cfg_attr(doc, doc = include_str!("../docs/timeline/shield.svg"))]
//!
//! | what happens | the body | exits receive | the gather returns |
//! | --- | --- | --- | --- |
//! | nothing fails | runs | `Completed` | the body's value |
//! | a member cannot be entered | is not called | `EnterFailed` | [`Cause::Enter`] |
//! | a driver fails | is dropped, or not called | `Lost` | [`Cause::Lost`] |
//! | the body fails | runs | `Failed` | [`Cause::Body`] |
//! | the group is cancelled by `cancel_on` | is dropped | `Cancelled` | [`Cause::Cancelled`] |
//! | the body or an enter panics | ends | `Panicked` | nothing: the panic resumes when all exits have finished |
//! | an exit fails | has ended | as above; in a stack, each exit sees how the exits before it ended | the cause above, or [`Cause::Exit`] |
//! | the future is dropped | is dropped | nothing: the resources are abandoned | nothing |
//! | the same, with a shield | is dropped | `Cancelled` | nothing: a function of yours receives the exits |
//!
//! [`_topic::errors`](crate::_topic::errors) has every case.
//!
//! # Features
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `std` (default) | It catches panics, and resumes them when all exits have finished. Threads may share a scope. It implies `alloc`. |
//! | `alloc` | Groups can be a `Vec` or a `scope`. It also adds `shield`, `exit_boxed`, `report` and `Exit` for `Box<T>`. |
//! | `defmt` | It implements `defmt::Format` for cases, verdicts, events and failures. |
//!
//! You need Rust 1.85 or later. The README has the policies for versions.
//!
//! [`AsyncExitStack`]: https://docs.python.org/3/library/contextlib.html#contextlib.AsyncExitStack
#![no_std]
#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

/// Implements a `Debug` that shows only the name of the type, so that nothing inside needs to be `Debug`.
macro_rules! debug_by_name {
    ($($Type:ident<$($T:ident),*>),+) => {
        $(impl<$($T),*> core::fmt::Debug for $Type<$($T),*> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_struct(stringify!($Type)).finish_non_exhaustive()
            }
        })+
    };
}

#[macro_use]
mod tuples;

// `with` comes before the other modules, because rustdoc shows the methods of a type in the order of the modules, and
// the page of `Gather` should begin with the methods that run it. The empty lines keep rustfmt from sorting it.
mod with;

mod adapters;
#[cfg(feature = "alloc")]
mod boxed;
mod cycle;
mod drive;
mod driven;
mod entered;
mod errors;
mod exit;
mod failure;
#[cfg(feature = "defmt")]
mod format;
mod gather;
mod group;
#[cfg(feature = "alloc")]
mod lock;
mod machine;
mod observe;
mod optional;
mod pin;
mod policy;
#[cfg(feature = "alloc")]
mod report;
#[cfg(feature = "alloc")]
mod scope;
#[cfg(feature = "alloc")]
mod shield;
mod slot;
mod unwind;
#[cfg(feature = "alloc")]
mod wake;

// Only rustdoc compiles the documents.
#[cfg(all(doc, not(doctest)))]
pub mod _cookbook;
#[cfg(all(doc, not(doctest)))]
pub mod _documentation;
#[cfg(all(any(doc, doctest), feature = "std"))]
pub mod _topic;
#[cfg(all(any(doc, doctest), feature = "std"))]
pub mod _tutorial;

pub use adapters::{Adapted, DropOnExit, EnterExt, EnterWithin, ErrorsInto, ExitWith, ExitWithin};
pub use cycle::{Cycle, With};
pub use driven::{ByDriver, ByItself, Driven, DriverOutput, Prepared};
pub use entered::Entered;
pub use errors::{Errors, Few, Shape};
pub use exit::{Exit, ExitCase, Member, Resource, Verdict};
pub use failure::{Cause, Failure, FailureOf, Origin, Who};
pub use gather::{Gather, gather};
pub use group::{Group, Known, Values};
pub use observe::Event;
pub use optional::{ByOption, Optional};
pub use with::BodyResult;

#[cfg(feature = "alloc")]
pub use {
    adapters::ExitBoxed,
    errors::Many,
    group::scope::Joined,
    report::Report,
    scope::{BoxExit, Boxed, Lent, LocalBoxExit, LocalBoxed, Scope, scope},
    shield::{HandOver, Shield, ShieldEnters, Shielded, WithShield},
    with::VecRefs,
};

#[cfg(feature = "std")]
pub use unwind::Panic;

/// The types of the policies of a [`Gather`], and two traits for code that is generic over them.
///
/// The methods of `Gather` set the policies. If a method sets a type, the page of that type says in full what the
/// policy does. You need the types themselves only to write down the type of a `Gather`, or of an [`Entered`] with exit
/// policies:
///
/// ```
/// use std::io;
///
/// use gather_cm::{
///     DropOnExit, EnterExt, Entered, gather,
///     policies::{Exits, Stack},
/// };
///
/// struct Fixture {
///     group: Entered<(DropOnExit<u8, io::Error>, DropOnExit<u16, io::Error>), Exits<Stack>>,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// let members = (async { Ok(1) }.drop_on_exit(), async { Ok(2) }.drop_on_exit());
/// let fixture = Fixture { group: gather(members).stack().enter().await? };
/// assert_eq!(*fixture.group.1, 2);
/// # Ok(()) }) }
/// ```
///
/// # If two policies meet
///
/// | these | together |
/// | --- | --- |
/// | [`fail_fast`], [`eager_rollback`] and [`settle`] | the latest call wins |
/// | [`stack`] and [`in_reverse`] | the later call wins |
/// | [`cancel_on`] twice | the first future that is ready cancels the group |
/// | [`enter_limit`] and a failed enter | queued members never start, whatever the rollback |
/// | [`cancel_on`] and a failed group | pending enters are dropped (not with [`settle`]); the exits receive `EnterFailed`, and the cause stays the enter errors |
/// | [`cancel_on`] and [`enter_limit`] | queued members never start |
/// | [`cancel_on`] and [`settle`] | pending enters run to their end, and the exits receive `Cancelled`. If one of these enters fails, the cause is the enter errors |
/// | [`stack`] or [`in_reverse`], and [`eager_rollback`] | the first exit does not wait for pending enters; each next exit is that of the held resource that comes next in this order |
/// | [`stack`] or [`in_reverse`], and [`cancel_on`] | every exit receives `Cancelled`, whatever the exits before it answered |
/// | [`stack`] or [`in_reverse`], and [`exit_limit`] | one exit at a time, as without a limit |
/// | [`exit_limit`] and [`eager_rollback`] | a member that enters late waits for its turn, and the waiting member with the lowest index is next |
/// | [`fair`] and a limit | freed places go to queued members in argument order, after every member in flight was polled |
/// | a panic and [`fail_fast`] | a panic in an enter is a failed enter: pending enters are dropped |
/// | a panic and [`eager_rollback`] | after the first exit has begun, a panic of an enter, of `stop` or of an observer does not change the case that exits receive |
/// | a panic and [`cancel_on`] | if the future or its destructor panics, the exits receive `Panicked`, unless the first exit has begun |
/// | a drop and a limit, [`stack`] or [`in_reverse`] | resources that wait for their exit are abandoned; with a [`shield`], they are exited in their turn |
/// | a [`shield`] and [`eager_rollback`] | if a destructor panics during the drop, exits that have not begun receive `Panicked` |
/// | a nested group | it is one member: it keeps its own exit policies, and the outer ones do not reach inside |
///
/// [`cancel_on`]: Gather::cancel_on
/// [`eager_rollback`]: Gather::eager_rollback
/// [`enter_limit`]: Gather::enter_limit
/// [`exit_limit`]: Gather::exit_limit
/// [`fail_fast`]: Gather::fail_fast
/// [`fair`]: Gather::fair
/// [`in_reverse`]: Gather::in_reverse
/// [`settle`]: Gather::settle
/// [`shield`]: Gather::shield
/// [`stack`]: Gather::stack
pub mod policies {
    #[cfg(feature = "alloc")]
    pub use crate::policy::Cancellable;
    pub use crate::policy::{
        CallerWaker, Catch, EagerRollback, Either, ExitPolicy, Exits, FailFast, Fair, InReverse, Limited, Named, Never,
        Observed, Ordered, OwnWakers, Policies, Policy, Pool, Resume, RunOn, Settle, Stack, Unlimited, Unnamed,
        Unobserved,
    };
}

/// Types and traits that appear in signatures. You need not name them, and you cannot implement the traits.
pub mod signatures {
    #[cfg(feature = "alloc")]
    pub use crate::adapters::ByBox;
    pub use crate::{
        adapters::{
            Abandon, AbandonWith, Adapter, Adapting, ByClosure, ByDeadline, ByDrop, ByInto, ErrorOf, Fallible, Race,
            ValueOf,
        },
        errors::{IntoIter, Iter},
    };
}

#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
mod readme {}

#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../MIGRATING.md")]
mod migrating {}

#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../DRIVERS.md")]
mod drivers {}
