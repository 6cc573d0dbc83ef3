//! The policies of a gather, as types: a policy that you do not use costs nothing.
//!
//! The methods of [`Gather`](crate::Gather) set them. Their full docs are here, and the docs of the methods have only
//! the first lines. You need the names only to write down the type of a `Gather`, or of an [`Entered`](crate::Entered)
//! that has exit policies.

use core::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project::pin_project;

use crate::{
    Event,
    unwind::{self, FirstPanic},
};

/// All policies of a gather.
///
/// | parameter | what it decides | values |
/// | --- | --- | --- |
/// | `Rb` | what a failed enter or a stop does to the pending enters | [`RunOn`], [`EagerRollback`], [`FailFast`], [`Settle`] |
/// | `L` | how many enters are in flight | [`Unlimited`], [`Limited`] |
/// | `S` | what cancels the group | [`Never`], [`Either`], `Cancellable` (of a shield) |
/// | `C` | what becomes of a panic | [`Resume`], [`Catch`] |
/// | `X` | everything about the exits | [`Exits`] |
/// | `Ob` | which observer receives the events | [`Unobserved`], [`Observed`] |
///
/// ```
/// use gather_cm::{
///     Gather, Known, gather,
///     policies::{FailFast, Limited, Policies},
/// };
///
/// fn in_pairs<G: Known>(members: G) -> Gather<G, Policies<FailFast, Limited>> {
///     gather(members).fail_fast().enter_limit(2)
/// }
///
/// drop(in_pairs(()));
/// ```
#[derive(Clone)]
#[pin_project]
pub struct Policies<Rb = RunOn, L = Unlimited, S = Never, C = Resume, X = Exits, Ob = Unobserved> {
    pub(crate) enter_limit: L,
    #[pin]
    pub(crate) stop: S,
    pub(crate) exits: X,
    pub(crate) observer: Ob,
    pub(crate) kinds: PhantomData<fn() -> (Rb, C)>,
}

debug_by_name!(Policies<Rb, L, S, C, X, Ob>);

/// The policies that an [`Entered`](crate::Entered) keeps.
///
/// | parameter | what it decides | values |
/// | --- | --- | --- |
/// | `O` | the order of the exits | [`Pool`], [`Stack`], [`InReverse`] |
/// | `L` | how many exits are in flight | [`Unlimited`], [`Limited`] |
/// | `N` | what errors call the members | [`Unnamed`], [`Named`] |
/// | `F` | which member is polled first | [`Ordered`], [`Fair`] |
/// | `W` | whose waker the members of a large `Vec` receive | [`OwnWakers`], [`CallerWaker`] |
///
/// ```
/// use gather_cm::{
///     Entered, FailureOf, gather,
///     policies::{Exits, Limited, Pool},
/// };
///
/// # fn main() -> Result<(), FailureOf<()>> { smol::block_on(async {
/// let group: Entered<(), Exits<Pool, Limited>> = gather(()).exit_limit(1).enter().await?;
/// # drop(group);
/// # Ok(()) }) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exits<O = Pool, L = Unlimited, N = Unnamed, F = Ordered, W = OwnWakers> {
    pub(crate) limit: L,
    pub(crate) names: N,
    pub(crate) fair: F,
    pub(crate) kinds: PhantomData<fn() -> (O, W)>,
}

impl Exits {
    pub(crate) const DEFAULT: Self = Exits { limit: Unlimited, names: Unnamed, fair: Ordered, kinds: PhantomData };
}

impl Policies {
    pub(crate) const DEFAULT: Self = Policies::exits_only(Exits::DEFAULT);
}

impl<X> Policies<RunOn, Unlimited, Never, Resume, X> {
    pub(crate) const fn exits_only(exits: X) -> Self {
        Self { enter_limit: Unlimited, stop: Never, exits, observer: Unobserved, kinds: PhantomData }
    }
}

/// A failed enter lets the other enters run to their end. Then the held resources are exited. This is the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunOn {}

/// A failed enter starts the exits of the held resources at once, beside the pending enters. A member that enters later
/// is exited when it has entered. [`Gather::eager_rollback`] sets it.
///
/// Use it if an enter must not be dropped, as [`fail_fast`] would, and if exits may overlap with enters. Nothing is
/// dropped halfway. It can also shorten a failed start. By default, the pending enters of a failed group run to their
/// end, and then the exits begin together. At worst that takes as long as the slowest enter plus the slowest exit. With
/// `eager_rollback`, no exit waits for another enter after the first one has failed. If that failure comes at once, a
/// pool takes only as long as the slowest member's own enter plus its own exit.
///
/// If you call more than one of `eager_rollback`, `fail_fast` and [`settle`], the latest call wins.
///
/// ```
/// use std::{cell::RefCell, io};
///
/// use gather_cm::{EnterExt, gather};
///
/// let log = RefCell::new(Vec::new());
/// let enter = |name: &'static str, yields: usize| {
///     let log = &log;
///     async move {
///         for _ in 0..yields {
///             smol::future::yield_now().await;
///         }
///         log.borrow_mut().push(format!("enter {name}"));
///         Ok(name)
///     }
///     .exit_with(async move |name, _| Ok(log.borrow_mut().push(format!("exit {name}"))))
/// };
/// # smol::block_on(async {
/// let fails = async { Err::<u8, _>(io::Error::other("no route")) }.drop_on_exit();
/// let group = gather((enter("fast", 0), enter("slow", 3), fails));
/// group.eager_rollback().with(async |_| Ok(())).await.unwrap_err();
/// # });
/// assert_eq!(log.into_inner(), ["enter fast", "exit fast", "enter slow", "exit slow"]);
/// ```
///
/// [`Gather::eager_rollback`]: crate::Gather::eager_rollback
/// [`fail_fast`]: crate::Gather::fail_fast
/// [`settle`]: crate::Gather::settle
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EagerRollback {}

/// A failed enter drops the pending enters. Then the held resources are exited. [`Gather::fail_fast`] sets it.
///
/// This is the quickest end: it takes only as long as the exits. Every enter must clean up after itself when it is
/// dropped, as a socket does, because its `Drop` closes it. If an enter has started something that only an exit could
/// stop (a process, a virtual machine, a row in a table), a dropped enter leaves it behind. For such enters, keep the
/// default, which lets them run to their end, or use [`eager_rollback`].
///
/// Members after the one that failed are not polled any more. If you call more than one of `fail_fast`,
/// `eager_rollback` and [`settle`], the latest call wins.
///
/// # Cancellation
///
/// Pending enters are dropped halfway, as said above. If a member's enter contains a group, that group is dropped too,
/// and abandons its resources. If it must exit them instead, do not use `fail_fast`: without it, the enter runs to its
/// end.
///
/// ```
/// use std::{future::pending, io};
///
/// use gather_cm::{EnterExt, gather};
///
/// # smol::block_on(async {
/// let hangs = pending::<Result<u8, io::Error>>().drop_on_exit();
/// let fails = async { Err::<u8, _>(io::Error::other("no route")) }.drop_on_exit();
/// let group = gather((hangs, fails)).fail_fast();
/// let failure = group.with(async |_| Ok(())).await.unwrap_err();
/// assert_eq!(failure.to_string(), "enter of member 1 failed: no route");
/// # });
/// ```
///
/// [`Gather::fail_fast`]: crate::Gather::fail_fast
/// [`eager_rollback`]: crate::Gather::eager_rollback
/// [`settle`]: crate::Gather::settle
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailFast {}

/// A stop drops no pending enter. When [`cancel_on`] stops the group, the pending enters run to their end, and then the
/// held resources are exited with [`ExitCase::Cancelled`](crate::ExitCase::Cancelled). [`Gather::settle`] sets it.
///
/// Use it if a dropped enter could leave something behind that only an exit removes: a process, a virtual machine, a
/// row in a table. The stop then takes as long as the slowest enter. Queued members never start. A failed enter, too,
/// lets the others run to their end, as it does by default. If a member's enter contains a group, a stop of the outer
/// group does not drop that group.
///
/// [`Shield::settle`](crate::Shield::settle) keeps an [`EagerRollback`] as `Rb`: a failed enter then exits the held
/// resources at once.
///
/// Without `cancel_on` it changes nothing: if you drop the gather's future, pending enters are dropped all the same. If
/// you call more than one of `settle`, [`fail_fast`] and [`eager_rollback`], the latest call wins.
///
/// # Errors
///
/// If one of the pending enters fails after the stop, the cause is [`Cause::Enter`](crate::Cause::Enter). The exits
/// still receive `Cancelled`, and [`on_error`](crate::Exit::on_error) is not called.
///
/// ```
/// use std::{cell::Cell, io};
///
/// use gather_cm::{Cause, EnterExt, ExitCase, gather};
///
/// let running = Cell::new(0);
/// let start_vm = async {
///     running.set(running.get() + 1);
///     smol::future::yield_now().await; // dropped here, it would leave the VM behind
///     Ok::<_, io::Error>(())
/// }
/// .exit_with(async |(), case| {
///     assert_eq!(case, ExitCase::Cancelled);
///     Ok(running.set(running.get() - 1))
/// });
/// # smol::block_on(async {
/// let stop = smol::future::yield_now(); // fires in the second poll
/// let group = gather((start_vm,)).cancel_on(stop).settle();
/// let failure = group.with(async |_| Ok(())).await.unwrap_err();
/// assert!(matches!(failure.cause, Cause::Cancelled { .. }));
/// # });
/// assert_eq!(running.get(), 0);
/// ```
///
/// [`Gather::settle`]: crate::Gather::settle
/// [`cancel_on`]: crate::Gather::cancel_on
/// [`eager_rollback`]: crate::Gather::eager_rollback
/// [`fail_fast`]: crate::Gather::fail_fast
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settle<Rb = RunOn>(PhantomData<fn() -> Rb>);

/// All exits are in flight together. This is the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {}

/// Exits run one at a time, last entered first, and see how the exits before them ended. [`Gather::stack`] sets it.
///
/// This is an exit *stack*. It works like Python's [`AsyncExitStack`] if its contexts are entered concurrently, except
/// that a failed enter leaks nothing.
///
/// The exits follow the order of completion: the member that entered last exits first. The first exit receives how the
/// body ended. As long as the case is `Completed` or `Failed`, each exit may change the case that the exits after it
/// receive:
///
/// - After an exit that answers `Suppress`, they receive `Completed`.
/// - After an exit that fails, they receive `Failed`.
/// - After an exit that panics, they receive `Panicked`.
///
/// The body's error is suppressed if one exit that received `Failed` answers `Suppress` and no exit fails. The error of
/// an exit is reported whatever the later exits do.
///
/// ```
/// use std::{cell::RefCell, io};
///
/// use gather_cm::{EnterExt, gather};
///
/// let log = RefCell::new(Vec::new());
/// let member = |name: &'static str, suppress: bool| {
///     let log = &log;
///     async move { Ok::<_, io::Error>(name) }.exit_with(async move |name, case| {
///         log.borrow_mut().push(format!("{name}: {case:?}"));
///         Ok(suppress)
///     })
/// };
/// # smol::block_on(async {
/// let members = (member("a", false), member("b", true), member("c", false));
/// let body = async |_: (&mut _, &mut _, &mut _)| Err::<(), _>(io::Error::other("oops"));
/// let failure = gather(members).stack().with(body).await.unwrap_err();
/// assert!(failure.is_suppressed());
/// # });
/// assert_eq!(log.into_inner(), ["c: Failed", "b: Failed", "a: Completed"]);
/// ```
///
/// If your resources have a fixed order, use [`in_reverse`](crate::Gather::in_reverse): which member enters last may
/// differ from run to run.
///
/// [`AsyncExitStack`]: https://docs.python.org/3/library/contextlib.html#contextlib.AsyncExitStack
/// [`Gather::stack`]: crate::Gather::stack
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {}

/// Exits run one at a time, in reverse argument order, whatever entered first. [`Gather::in_reverse`] sets it.
///
/// Use it if one of your resources needs another. Here the server closes before the database that it uses, even if the
/// database took longer to enter:
///
/// ```
/// use std::{cell::RefCell, io};
///
/// use gather_cm::{EnterExt, gather};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// let closed = RefCell::new(Vec::new());
/// let open = |name: &'static str, yields: usize| {
///     let closed = &closed;
///     async move {
///         for _ in 0..yields {
///             smol::future::yield_now().await;
///         }
///         Ok::<_, io::Error>(name)
///     }
///     .exit_with(async move |name, _| Ok(closed.borrow_mut().push(name)))
/// };
/// let group = gather((open("database", 2), open("server", 0)));
/// group.in_reverse().with(async |(_database, _server)| Ok(())).await?;
/// assert_eq!(closed.into_inner(), ["server", "database"]);
/// # Ok(()) }) }
/// ```
///
/// A [`stack`] differs only in the order, because it first exits the resource that entered last. In both, each exit
/// sees how the exits before it ended. If you call both, the later call wins.
///
/// [`Gather::in_reverse`]: crate::Gather::in_reverse
/// [`stack`]: crate::Gather::stack
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InReverse {}

/// Members have only an index. This is the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unnamed;

/// Members have names, for errors: `enter of db failed` instead of `enter of member 0 failed`. [`Gather::names`] sets
/// it.
///
/// A tuple or an array takes exactly one name for each member. A `Vec` takes a slice; members beyond it print their
/// index. If you know the names only at run time, look them up by [`Who::index`](crate::Who::index).
///
/// ```
/// use std::io;
///
/// use gather_cm::{EnterExt, gather};
///
/// # smol::block_on(async {
/// let db = async { Err::<(), _>(io::Error::other("no route")) }.drop_on_exit();
/// let cache = async { Ok(()) }.drop_on_exit();
/// let group = gather((db, cache)).names(&["db", "cache"]);
/// let failure = group.with(async |_| Ok(())).await.unwrap_err();
/// assert_eq!(failure.to_string(), "enter of db failed: no route");
/// # });
/// ```
///
/// [`Gather::names`]: crate::Gather::names
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named(pub(crate) &'static [&'static str]);

/// Members are polled in argument order. This is the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ordered;

/// Each poll starts one member further than the poll before it, so that no enter starves another enter, and no exit
/// starves another exit. [`Gather::fair`] sets it.
///
/// Under tokio, a member that is always ready uses up the task's budget of cooperative scheduling, and the members
/// polled after it see only `Pending`. With this policy every member is polled first in its turn. Only the order of the
/// polls within one poll changes, separately for enters and for exits. Members and exits still start in argument order,
/// and [`cancel_on`] and deadlines are still polled first. [Drivers](crate::EnterExt::driven) and the body take turns
/// in being first.
///
/// Other parts of a gather keep their order, so one of these can still starve the parts after it:
///
/// | always ready | may starve |
/// | --- | --- |
/// | the future of `cancel_on` | everything |
/// | an enter | drivers; after [`eager_rollback`](crate::Gather::eager_rollback), exits |
/// | an exit | drivers of members that wait for their exits |
/// | a driver | drivers of members with a higher index |
///
/// Wrap such a part in [`tokio::task::unconstrained`]. It then uses up no budget. Do the same, instead of `fair()`, if
/// you know the one member that is too busy.
///
/// ```
/// use std::{cell::RefCell, future::poll_fn, io, task::Poll};
///
/// use gather_cm::{EnterExt, gather};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let log = RefCell::new(String::new());
/// let member = |name: char| {
///     let (log, mut polls) = (&log, 0);
///     poll_fn(move |cx| {
///         log.borrow_mut().push(name);
///         polls += 1;
///         cx.waker().wake_by_ref();
///         if polls < 3 { Poll::Pending } else { Poll::Ready(Ok::<_, io::Error>(())) }
///     })
///     .drop_on_exit()
/// };
/// smol::block_on(gather((member('a'), member('b'))).fair().with(async |_| Ok(())))?;
/// assert_eq!(log.into_inner(), "abbaab");
/// # Ok(()) }
/// ```
///
/// [`Gather::fair`]: crate::Gather::fair
/// [`cancel_on`]: crate::Gather::cancel_on
/// [`tokio::task::unconstrained`]: https://docs.rs/tokio/latest/tokio/task/fn.unconstrained.html
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fair {
    enters: usize,
    exits: usize,
}

/// The members of a large `Vec` receive wakers of their own. This is the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnWakers {}

/// The members of a large `Vec` receive the caller's own waker. [`Gather::caller_waker`] sets it.
///
/// Without it, the members of a `Vec` of more than 30 members receive wakers of their own, so that only woken members
/// are polled. Use it if a member accepts only wakers of its own executor, as embassy's timers do. Each poll then polls
/// every pending member. It has no effect on tuples and arrays, because their members always receive the caller's
/// waker.
///
/// ```
/// use std::{future::poll_fn, io, task::{Poll, Waker}};
///
/// use gather_cm::{EnterExt, gather};
///
/// # #[cfg(feature = "alloc")]
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let member = || {
///     poll_fn(|cx| {
///         assert!(cx.waker().will_wake(Waker::noop()));
///         Poll::Ready(Ok::<_, io::Error>(()))
///     })
///     .drop_on_exit()
/// };
/// let members: Vec<_> = (0..40).map(|_| member()).collect();
/// let mut future = std::pin::pin!(gather(members).caller_waker().with(async |_| Ok(())));
/// let mut cx = std::task::Context::from_waker(Waker::noop());
/// assert!(future.as_mut().poll(&mut cx).is_ready());
/// # Ok(()) }
/// # #[cfg(feature = "alloc")]
/// # run().unwrap();
/// ```
///
/// [`Gather::caller_waker`]: crate::Gather::caller_waker
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerWaker {}

/// There is no limit. This is the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unlimited;

/// At most `n` members are in flight. [`Gather::enter_limit`] sets it for enters, and [`Gather::exit_limit`] for exits.
///
/// Members start in argument order, and the members beyond the limit are queued. If a queued member must start before
/// one in flight can finish, the group hangs: do not limit members that wait for one another.
///
/// # Enters
///
/// In a group that has failed or was cancelled, queued members never start.
///
/// ```
/// use std::{cell::Cell, io};
///
/// use gather_cm::{EnterExt, gather};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// let (now, most) = (Cell::new(0), Cell::new(0));
/// let connect = || {
///     async {
///         now.set(now.get() + 1);
///         most.set(most.get().max(now.get()));
///         smol::future::yield_now().await;
///         now.set(now.get() - 1);
///         Ok::<_, io::Error>(())
///     }
///     .drop_on_exit()
/// };
/// let members: [_; 5] = std::array::from_fn(|_| connect());
/// gather(members).enter_limit(2).with(async |_| Ok(())).await?;
/// assert_eq!(most.get(), 2);
/// # Ok(()) }) }
/// ```
///
/// # Exits
///
/// A failed exit does not stop the queued ones. If the future is dropped, resources whose exit is queued are abandoned.
///
/// ```
/// use std::{cell::Cell, io};
///
/// use gather_cm::{EnterExt, gather};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// let (now, most) = (Cell::new(0), Cell::new(0));
/// let member = || {
///     async { Ok::<_, io::Error>(()) }.exit_with(async |(), _| {
///         now.set(now.get() + 1);
///         most.set(most.get().max(now.get()));
///         smol::future::yield_now().await;
///         Ok(now.set(now.get() - 1))
///     })
/// };
/// let members: [_; 5] = std::array::from_fn(|_| member());
/// gather(members).exit_limit(2).with(async |_| Ok(())).await?;
/// assert_eq!(most.get(), 2);
/// # Ok(()) }) }
/// ```
///
/// [`Gather::enter_limit`]: crate::Gather::enter_limit
/// [`Gather::exit_limit`]: crate::Gather::exit_limit
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    max: usize,
    in_flight: usize,
}

impl Limited {
    /// The limit that `method` sets.
    ///
    /// # Panics
    ///
    /// It panics if `max` is 0.
    #[track_caller]
    pub(crate) fn new(method: &str, max: usize) -> Self {
        assert!(max > 0, "{method}: the limit must be at least 1");
        Self { max, in_flight: 0 }
    }
}

/// Nothing cancels the group. This is the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Never;

/// The first of two futures that is ready cancels the group. [`Gather::cancel_on`] sets it, with [`Never`] or an
/// earlier `stop` as the other future. A channel is ready, too, when its last sender is gone. So keep the sender as long
/// as the group may run.
///
/// Each poll polls `stop` first, so that `stop` wins over an enter or a body that would end in the same poll. A gather
/// that is cancelled before it starts enters nothing. If a failed group still has pending enters, `stop` drops them
/// (but not with [`settle`]), and the cause does not change.
///
/// `stop` does not cancel exits. The gather drops it as soon as no enter is pending and the body has ended or will not
/// be called, before it polls the first exit. A lock or a channel that `stop` waits for is then free again. Under
/// [`eager_rollback`], exits may run while enters are pending, and then the gather polls `stop` along with them until
/// no enter is pending.
///
/// ```
/// use std::{future::pending, io, time::Duration};
///
/// use gather_cm::{Cause, EnterExt, ExitCase, gather};
///
/// let timeout = smol::Timer::after(Duration::from_millis(1));
/// let member = async { Ok::<_, io::Error>("lock") }.exit_with(async |_, case| {
///     assert_eq!(case, ExitCase::Cancelled);
///     Ok(())
/// });
/// # smol::block_on(async {
/// let body = async |_: (&mut _,)| Ok(pending::<()>().await);
/// let failure = gather((member,)).cancel_on(timeout).with(body).await.unwrap_err();
/// assert!(matches!(failure.cause, Cause::Cancelled { .. }));
/// # });
/// ```
///
/// # Panics
///
/// With the feature `std`, a panic of `stop` or of its destructor cancels the group too: the exits receive `Panicked`,
/// and then the panic resumes.
///
/// # Cancellation
///
/// Pending enters and the body are dropped halfway when `stop` is ready. An enter must then clean up after itself, as
/// under [`fail_fast`]. If yours does not, call [`settle`]: the pending enters then run to their end.
///
/// If a member's enter contains a group, a stop drops that group too, and it abandons its resources. If it must exit
/// them instead, you have two ways:
///
/// - Call `settle()` on the outer group. A stop then drops no member's enter.
/// - Call `cancel_on` on the nested group instead: `gather(..).cancel_on(..).enter()` as a member. The stop then makes
///   the nested group exit its resources and fail, and the outer group fails because its member did.
///
/// [`Gather::cancel_on`]: crate::Gather::cancel_on
/// [`eager_rollback`]: crate::Gather::eager_rollback
/// [`fail_fast`]: crate::Gather::fail_fast
/// [`settle`]: crate::Gather::settle
#[pin_project]
pub struct Either<A, B: IntoFuture>(#[pin] A, #[pin] Signal<B>);

impl<A, B: IntoFuture> Either<A, B> {
    pub(crate) fn new(before: A, stop: B) -> Self {
        Self(before, Signal::Waiting(stop))
    }
}

impl<A, B: IntoFuture> fmt::Debug for Either<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Either").finish_non_exhaustive()
    }
}

/// A future that may cancel the group. After it was ready, it is not polled again.
///
/// | state     | holds             | next                                                               |
/// |-----------|-------------------|--------------------------------------------------------------------|
/// | `Waiting` | the `IntoFuture`  | `Polled` (the first poll), `Over` (its `into_future` panics, `clear`) |
/// | `Polled`  | its future, which | `Over` (`clear`: no enter is pending and the body has ended)       |
/// |           | may be `ready`    |                                                                    |
/// | `Over`    | nothing           |                                                                    |
#[pin_project(project = SignalProj, project_replace = SignalOwn)]
enum Signal<S: IntoFuture> {
    Waiting(S),
    Polled {
        #[pin]
        future: S::IntoFuture,
        /// It was ready, or has panicked: it waits to be dropped.
        ready: bool,
    },
    Over,
}

/// Either `S` cancels the group, or a drop of the gather's future does.
///
/// [`Gather::shield`](crate::Gather::shield) sets it, and [`Shield`](crate::Shield) has an example.
#[cfg(feature = "alloc")]
#[derive(Clone)]
#[pin_project]
pub struct Cancellable<S>(#[pin] pub(crate) S);

#[cfg(feature = "alloc")]
debug_by_name!(Cancellable<S>);

/// A panic resumes when all exits have finished. This is the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {}

/// A panic becomes [`Cause::Panicked`](crate::Cause) when all exits have finished, and does not resume.
/// [`Gather::catch_unwind`] sets it.
///
/// The failure keeps the errors of the exits along with the panic. The errors of enters, the body's error and the
/// body's value are dropped, because a failure has one cause. If an enter or the body had failed before the exits
/// began, [`on_error`](crate::Exit::on_error) has shown that error to the exits, unless the destructor of `stop`
/// panicked.
///
/// ```
/// use std::io;
///
/// use gather_cm::{Cause, EnterExt, gather};
///
/// # #[cfg(feature = "std")]
/// # smol::block_on(async {
/// let exit = async |(), _| Err::<(), _>(io::Error::other("link down"));
/// let member = async { Ok(()) }.exit_with(exit);
/// let body = async |_: (&mut (),)| -> Result<(), _> { panic!("oops") };
/// let failure = gather((member,)).catch_unwind().with(body).await.unwrap_err();
/// assert_eq!(failure.to_string(), "panicked: oops; exit of member 0 failed: link down");
/// let Cause::Panicked(panic) = failure.cause else { unreachable!() };
/// assert_eq!(panic.into_payload().downcast_ref(), Some(&"oops"));
/// # });
/// ```
///
/// [`Gather::catch_unwind`]: crate::Gather::catch_unwind
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Catch {}

/// Says what a failed enter or a stop does to the pending enters. By default they run on after a failed enter, and a
/// stop drops them.
pub trait Rollback: 'static {
    /// After a failed enter, exits begin beside the pending enters.
    const EAGER: bool = false;
    /// A failed enter drops the pending enters.
    const FAIL_FAST: bool = false;
    /// A stop does not drop the pending enters.
    const SETTLE: bool = false;
}

impl Rollback for RunOn {}

impl Rollback for EagerRollback {
    const EAGER: bool = true;
}

impl Rollback for FailFast {
    const FAIL_FAST: bool = true;
}

impl<Rb: Rollback> Rollback for Settle<Rb> {
    const EAGER: bool = Rb::EAGER;
    const SETTLE: bool = true;
}

/// Counts the members in flight, and says how many of them there may be.
pub trait Limit: Copy + Send + Sync + 'static {
    const LIMITED: bool;

    fn max(&self) -> usize;
    fn has_room(&self) -> bool;
    fn begin(&mut self);
    fn end(&mut self);
}

impl Limit for Unlimited {
    const LIMITED: bool = false;

    fn max(&self) -> usize {
        usize::MAX
    }

    fn has_room(&self) -> bool {
        true
    }

    fn begin(&mut self) {}

    fn end(&mut self) {}
}

impl Limit for Limited {
    const LIMITED: bool = true;

    fn max(&self) -> usize {
        self.max
    }

    fn has_room(&self) -> bool {
        self.in_flight < self.max
    }

    fn begin(&mut self) {
        self.in_flight += 1;
    }

    fn end(&mut self) {
        self.in_flight -= 1;
    }
}

/// The futures that may cancel the group, if there are any.
pub trait Stop {
    /// There is at least one such future.
    const ENABLED: bool;
    /// Something may stop the body before its end.
    const ENDS_BODY: bool = Self::ENABLED;

    fn poll_stop(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;

    /// Drops the futures, one after the other.
    fn clear(self: Pin<&mut Self>, panic: &mut FirstPanic);
}

impl Stop for Never {
    const ENABLED: bool = false;

    fn poll_stop(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    fn clear(self: Pin<&mut Self>, _: &mut FirstPanic) {}
}

impl<A: Stop, B: IntoFuture> Stop for Either<A, B> {
    const ENABLED: bool = true;

    fn poll_stop(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        match this.0.poll_stop(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => this.1.poll_signal(cx),
        }
    }

    fn clear(self: Pin<&mut Self>, panic: &mut FirstPanic) {
        let mut this = self.project();
        this.0.clear(panic);
        panic.guard(&mut || this.1.set(Signal::Over));
    }
}

#[cfg(feature = "alloc")]
impl<S: Stop> Stop for Cancellable<S> {
    const ENABLED: bool = S::ENABLED;
    const ENDS_BODY: bool = true;

    fn poll_stop(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().0.poll_stop(cx)
    }

    fn clear(self: Pin<&mut Self>, panic: &mut FirstPanic) {
        self.project().0.clear(panic);
    }
}

impl<S: IntoFuture> Signal<S> {
    fn poll_signal(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let SignalProj::Waiting(_) = self.as_mut().project() {
            if let SignalOwn::Waiting(stop) = self.as_mut().project_replace(Self::Over) {
                self.set(Self::Polled { future: stop.into_future(), ready: false });
            }
        }
        match self.as_mut().project() {
            SignalProj::Polled { future, ready } if !*ready => {
                *ready = true;
                let polled = future.poll(cx).map(drop);
                *ready = polled.is_ready();
                polled
            }
            _ => Poll::Pending,
        }
    }
}

/// Nobody observes. This is the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unobserved;

/// `F` receives each [`Event`] when it happens, after `A` has received it. [`Gather::observe`] sets it.
///
/// A member starts to enter, enters, or fails to enter. The body starts and ends. An exit starts, finishes or fails. A
/// resource is abandoned. Each of these is an event. If you call `observe` twice, both observers receive every event,
/// the first one first. If you call [`enter`], the observer receives the events of the enters and of their rollback. It
/// does not receive the events of the exits of the [`Entered`](crate::Entered).
///
/// # Panics
///
/// With the feature `std`, a panic of the observer resumes when all exits have finished. If it comes before the body
/// has started, the body is not called, and the exits receive `Panicked`. A panic over an event of a scope's body, or
/// of a driver beside the body, drops the body, and the exits receive `Panicked`. Any other later panic changes nothing
/// that the exits receive, unless it comes at the end of the body of `with_entered`, or when a
/// [shielded](crate::Gather::shield) gather is dropped.
///
/// # Cancellation
///
/// If the gather's future is dropped, the observer receives an event for each member that is dropped or abandoned.
///
/// ```
/// use std::io;
///
/// use gather_cm::{EnterExt, gather};
///
/// let mut events = Vec::new();
/// # smol::block_on(async {
/// let disk = async { Ok(()) }.exit_with(async |(), _| Ok(()));
/// let exit = async |(), _| Err::<(), _>(io::Error::other("link down"));
/// let link = async { Ok(()) }.exit_with(exit);
/// let observer = |event| events.push(format!("{event:?}"));
/// gather((disk, link)).observe(observer).with(async |_| Ok(())).await.unwrap_err();
/// # });
/// assert_eq!(
///     events,
///     [
///         "EnterStarted { index: 0 }",
///         "Entered { index: 0 }",
///         "EnterStarted { index: 1 }",
///         "Entered { index: 1 }",
///         "BodyStarted",
///         "BodyEnded { case: Completed }",
///         "ExitStarted { index: 0 }",
///         "Exited { index: 0 }",
///         "ExitStarted { index: 1 }",
///         "ExitFailed { index: 1 }",
///     ]
/// );
/// ```
///
/// [`Gather::observe`]: crate::Gather::observe
/// [`enter`]: crate::Gather::enter
#[derive(Clone)]
pub struct Observed<A, F>(pub(crate) A, pub(crate) F);

debug_by_name!(Observed<A, F>);

/// Receives the events.
pub trait Observer {
    const OBSERVES: bool;

    fn tell(&mut self, event: Event);
}

impl Observer for Unobserved {
    const OBSERVES: bool = false;

    fn tell(&mut self, _: Event) {}
}

impl<A: Observer, F: FnMut(Event)> Observer for Observed<A, F> {
    const OBSERVES: bool = true;

    fn tell(&mut self, event: Event) {
        unwind::in_turn(|| self.0.tell(event), || (self.1)(event));
    }
}

/// Passes the event to the observer, and keeps the observer's panic if that is the first one.
#[inline]
pub(crate) fn tell<O: Observer>(observer: &mut O, panic: &mut FirstPanic, event: Event) {
    if O::OBSERVES {
        panic.guard(&mut || observer.tell(event));
    }
}

/// Says what becomes of a panic.
pub trait Panics: 'static {
    const CATCH: bool;
}

impl Panics for Resume {
    const CATCH: bool = false;
}

impl Panics for Catch {
    const CATCH: bool = true;
}

/// The place of a member in the order in which the members entered, if that order matters.
pub trait Rank: Copy + Default + Ord + Send + Sync + 'static {
    /// The ranks of a `Vec`'s members. It is empty if they do not matter.
    #[cfg(feature = "alloc")]
    type List: Send + Sync;

    /// Moves on to the next rank, and returns it.
    fn next(&mut self) -> Self;

    /// The rank as a number, in the same order.
    #[cfg(feature = "alloc")]
    fn number(self) -> usize;

    #[cfg(feature = "alloc")]
    fn from_number(number: usize) -> Self;

    #[cfg(feature = "alloc")]
    fn list(ranks: impl Iterator<Item = Self>) -> Self::List;

    #[cfg(feature = "alloc")]
    fn get(list: &Self::List, index: usize) -> Self;
}

impl Rank for () {
    #[cfg(feature = "alloc")]
    type List = ();

    fn next(&mut self) -> Self {}

    #[cfg(feature = "alloc")]
    fn number(self) -> usize {
        0
    }

    #[cfg(feature = "alloc")]
    fn from_number(_: usize) -> Self {}

    #[cfg(feature = "alloc")]
    fn list(_: impl Iterator<Item = Self>) -> Self::List {}

    #[cfg(feature = "alloc")]
    fn get((): &(), _: usize) -> Self {}
}

impl Rank for usize {
    #[cfg(feature = "alloc")]
    type List = alloc::vec::Vec<usize>;

    fn next(&mut self) -> Self {
        *self += 1;
        *self
    }

    #[cfg(feature = "alloc")]
    fn number(self) -> usize {
        self
    }

    #[cfg(feature = "alloc")]
    fn from_number(number: usize) -> Self {
        number
    }

    #[cfg(feature = "alloc")]
    fn list(ranks: impl Iterator<Item = Self>) -> Self::List {
        ranks.collect()
    }

    #[cfg(feature = "alloc")]
    fn get(list: &Self::List, index: usize) -> Self {
        // A member that was pushed later to an `Entered` of a `Vec` has no rank here: it entered last.
        list.get(index).copied().unwrap_or(index + 1)
    }
}

/// The order of the exits.
pub trait Order {
    /// The exits run one at a time. The highest rank comes first, and of equal ranks the last argument.
    const STACK: bool;
    type Rank: Rank;
}

impl Order for Pool {
    const STACK: bool = false;
    type Rank = ();
}

impl Order for Stack {
    const STACK: bool = true;
    type Rank = usize;
}

impl Order for InReverse {
    const STACK: bool = true;
    type Rank = ();
}

/// Says what errors call the members.
pub trait Names: Copy {
    fn names(&self) -> &'static [&'static str];
}

impl Names for Unnamed {
    fn names(&self) -> &'static [&'static str] {
        &[]
    }
}

impl Names for Named {
    fn names(&self) -> &'static [&'static str] {
        self.0
    }
}

/// Says which member is polled first.
pub trait Fairness: Copy {
    const FAIR: bool;

    /// The member that this poll of the enters starts with.
    fn first_enter(&mut self, len: usize) -> usize;

    /// The member that this poll of the exits starts with.
    fn first_exit(&mut self, len: usize) -> usize;

    /// Returns whether this poll polls the body before the drivers.
    fn body_first(&mut self) -> bool;
}

impl Fairness for Ordered {
    const FAIR: bool = false;

    fn first_enter(&mut self, _: usize) -> usize {
        0
    }

    fn first_exit(&mut self, _: usize) -> usize {
        0
    }

    fn body_first(&mut self) -> bool {
        false
    }
}

impl Fairness for Fair {
    const FAIR: bool = true;

    fn first_enter(&mut self, len: usize) -> usize {
        rotate(&mut self.enters, len)
    }

    fn first_exit(&mut self, len: usize) -> usize {
        rotate(&mut self.exits, len)
    }

    fn body_first(&mut self) -> bool {
        // The enters are over, so their field is free. It remembers whether the last poll polled the body first.
        let body_first = self.enters != usize::MAX;
        self.enters = if body_first { usize::MAX } else { 0 };
        body_first
    }
}

/// Moves on to the next of `len` members, and returns the one that it leaves.
fn rotate(at: &mut usize, len: usize) -> usize {
    let next = if *at + 1 < len { *at + 1 } else { 0 };
    core::mem::replace(at, next)
}

/// Says whose waker the members of a large `Vec` receive.
pub trait Waking {
    const CALLER: bool;
}

impl Waking for OwnWakers {
    const CALLER: bool = false;
}

impl Waking for CallerWaker {
    const CALLER: bool = true;
}

mod sealed {
    pub trait Sealed {}
}

/// The policies that an [`Entered`](crate::Entered) keeps, for code that is generic over them. [`Exits`] implements it.
///
/// This trait is sealed.
///
/// ```
/// use gather_cm::{Entered, Exit, ExitCase, FailureOf, Values, policies::ExitPolicy};
///
/// async fn tear_down<V, X>(group: Entered<V, X>) -> Result<(), FailureOf<V>>
/// where
///     V: Values<Error: 'static>,
///     X: ExitPolicy,
/// {
///     group.exit(ExitCase::Completed).await.map(|_verdict| ())
/// }
///
/// # fn main() -> Result<(), FailureOf<()>> { smol::block_on(async {
/// tear_down(gather_cm::gather(()).stack().enter().await?).await
/// # }) }
/// ```
pub trait ExitPolicy: Copy + Send + Sync + 'static + sealed::Sealed {
    #[doc(hidden)]
    const STACK: bool;
    #[doc(hidden)]
    const CALLER_WAKER: bool;
    #[doc(hidden)]
    type Rank: Rank;
    #[doc(hidden)]
    type Limit: Limit;
    #[doc(hidden)]
    type Fairness: Fairness;

    #[doc(hidden)]
    fn limit(&mut self) -> &mut Self::Limit;

    #[doc(hidden)]
    fn fairness(&mut self) -> &mut Self::Fairness;

    #[doc(hidden)]
    fn names(&self) -> &'static [&'static str];
}

impl<O, L, N, F, W> sealed::Sealed for Exits<O, L, N, F, W> {}

// The bounds of this impl are private, so the docs hide it. The docs of the trait name `Exits` instead.
#[cfg_attr(doc, doc(hidden))]
impl<O: Order, L: Limit, N: Names, F: Fairness, W: Waking> ExitPolicy for Exits<O, L, N, F, W>
where
    Self: Copy + Send + Sync + 'static,
{
    const STACK: bool = O::STACK;
    const CALLER_WAKER: bool = W::CALLER;
    type Rank = O::Rank;
    type Limit = L;
    type Fairness = F;

    fn limit(&mut self) -> &mut L {
        &mut self.limit
    }

    fn fairness(&mut self) -> &mut F {
        &mut self.fair
    }

    fn names(&self) -> &'static [&'static str] {
        self.names.names()
    }
}

/// The policies of a gather, for code that is generic over them. [`Policies`] implements it.
///
/// This trait is sealed.
///
/// ```
/// use std::io;
///
/// use gather_cm::{EnterExt, FailureOf, Gather, Member, gather, policies::Policy};
///
/// async fn first<M, P>(members: Gather<(M,), P>) -> Result<u8, FailureOf<(M::Resource,)>>
/// where
///     M: Member<Value = u8, Error = io::Error>,
///     P: Policy,
/// {
///     members.with(async |(value,)| Ok(*value)).await
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// let member = async { Ok(7) }.drop_on_exit();
/// assert_eq!(first(gather((member,)).fail_fast().exit_limit(1)).await?, 7);
/// # Ok(()) }) }
/// ```
pub trait Policy: sealed::Sealed {
    #[doc(hidden)]
    const EAGER: bool;
    #[doc(hidden)]
    const FAIL_FAST: bool;
    #[doc(hidden)]
    const SETTLE: bool;
    /// What becomes of a panic.
    #[doc(hidden)]
    type Panics: Panics;
    #[doc(hidden)]
    type EnterLimit: Limit;
    #[doc(hidden)]
    type Stop: Stop;
    /// The policies that an [`Entered`](crate::Entered) keeps.
    type Exits: ExitPolicy;
    #[doc(hidden)]
    type Observer: Observer;
    /// The policies of a shielded group that goes on after its future was dropped.
    #[cfg(feature = "alloc")]
    #[doc(hidden)]
    type AfterDrop: Policy<Exits = Self::Exits> + Send + Sync + 'static;

    #[doc(hidden)]
    fn parts(self: Pin<&mut Self>) -> Parts<'_, Self>;

    #[cfg(feature = "alloc")]
    #[doc(hidden)]
    fn after_drop(self: Pin<&mut Self>) -> Self::AfterDrop;
}

impl<Rb, L, S, C, X, Ob> sealed::Sealed for Policies<Rb, L, S, C, X, Ob> {}

/// The policies that have a state.
#[allow(missing_debug_implementations)] // inside only
pub struct Parts<'a, P: Policy + ?Sized> {
    pub(crate) enter_limit: &'a mut P::EnterLimit,
    pub(crate) stop: Pin<&'a mut P::Stop>,
    pub(crate) exits: &'a mut P::Exits,
    pub(crate) observer: &'a mut P::Observer,
}

// This is hidden for the same reason as the impl for `Exits`.
#[cfg_attr(doc, doc(hidden))]
impl<Rb: Rollback, L: Limit, S: Stop, C: Panics, X: ExitPolicy, Ob: Observer> Policy for Policies<Rb, L, S, C, X, Ob> {
    const EAGER: bool = Rb::EAGER;
    const FAIL_FAST: bool = Rb::FAIL_FAST;
    const SETTLE: bool = Rb::SETTLE;
    type Panics = C;
    type EnterLimit = L;
    type Stop = S;
    type Exits = X;
    type Observer = Ob;
    #[cfg(feature = "alloc")]
    type AfterDrop = Policies<Rb, L, Never, C, X>;

    fn parts(self: Pin<&mut Self>) -> Parts<'_, Self> {
        let this = self.project();
        Parts { enter_limit: this.enter_limit, stop: this.stop, exits: this.exits, observer: this.observer }
    }

    #[cfg(feature = "alloc")]
    fn after_drop(self: Pin<&mut Self>) -> Self::AfterDrop {
        let this = self.project();
        let (enter_limit, exits) = (*this.enter_limit, *this.exits);
        Policies { enter_limit, stop: Never, exits, observer: Unobserved, kinds: PhantomData }
    }
}
