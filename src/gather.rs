//! What a user calls first: [`gather`], and the builder.

use core::marker::PhantomData;

#[cfg(feature = "std")]
use crate::policy::Catch;
use crate::{
    Event, Group, Known, Shape,
    policy::{
        CallerWaker, EagerRollback, Either, Exits, FailFast, Fair, InReverse, Limited, Named, Observed, Policies,
        Settle, Stack,
    },
};

/// A group, and the policies of its life cycle. [`gather`] makes it; `with`, `with_own_error` or [`enter`] run it.
///
/// There is one `with` for each shape of group. They differ in what the body borrows:
///
/// | group | the body gets |
/// | --- | --- |
/// | `(A, B)` | `(&mut a, &mut b)` |
/// | `[M; N]` | `[&mut v; N]` |
/// | `Vec<M>` | [`&mut VecRefs`](crate::VecRefs) |
///
/// The body borrows the values themselves, without the adapters around them.
///
/// # Policies
///
/// Policies are types: one that you do not use costs nothing. They combine in any order. If two of them meet:
///
/// | these | together |
/// | --- | --- |
/// | [`fail_fast`], [`eager_rollback`] and [`settle`] | the latest call wins |
/// | [`stack`] and [`in_reverse`] | the later call wins |
/// | [`cancel_on`] twice | the first future that is ready cancels the group |
/// | [`enter_limit`] and a failed enter | queued members never start, whatever the rollback |
/// | [`cancel_on`] and a failed group | pending enters are dropped (not with [`settle`]); the exits receive `EnterFailed`, and the cause stays the enter errors |
/// | [`cancel_on`] and [`enter_limit`] | queued members never start |
/// | [`cancel_on`] and [`settle`] | pending enters run to their end; the exits receive `Cancelled`; if one of these enters fails, the cause is the enter errors |
/// | [`stack`] or [`in_reverse`], and [`eager_rollback`] | the first exit does not wait for pending enters; each next exit is the next in that order of the resources that are held then |
/// | [`stack`] or [`in_reverse`], and [`cancel_on`] | every exit receives `Cancelled`, whatever the exits before it answered |
/// | [`stack`] or [`in_reverse`], and [`exit_limit`] | one exit at a time, as without a limit |
/// | [`exit_limit`] and [`eager_rollback`] | a member that enters late waits for its turn; of those that wait, the lowest index is next |
/// | [`fair`] and a limit | freed places go to queued members in argument order, after every member in flight was polled |
/// | a panic and [`fail_fast`] | a panic in an enter is a failed enter: pending enters are dropped |
/// | a panic and [`eager_rollback`] | once the first exit has begun, a panic in an enter changes nothing that exits receive |
/// | a panic and [`cancel_on`] | if the future or its destructor panics, exits that have not begun receive `Panicked` |
/// | a drop and a limit, [`stack`] or [`in_reverse`] | resources that wait for their exit are abandoned; with a [`shield`], they are exited in their turn |
/// | a [`shield`] and [`eager_rollback`] | if something panics that a drop drops, exits that have not begun receive `Panicked` |
/// | a nested group | it is one member: it keeps its own exit policies, and the outer ones do not reach inside |
///
/// [`enter`]: Gather::enter
/// [`fail_fast`]: Gather::fail_fast
/// [`eager_rollback`]: Gather::eager_rollback
/// [`settle`]: Gather::settle
/// [`shield`]: Gather::shield
/// [`stack`]: Gather::stack
/// [`in_reverse`]: Gather::in_reverse
/// [`enter_limit`]: Gather::enter_limit
/// [`exit_limit`]: Gather::exit_limit
/// [`cancel_on`]: Gather::cancel_on
/// [`fair`]: Gather::fair
///
/// ```
/// use std::io;
///
/// use gather_cm::{EnterExt, gather};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// let open = |n: u32| async move { Ok::<_, io::Error>(n) }.drop_on_exit();
/// assert_eq!(gather((open(1), open(2))).with(async |(a, b)| Ok(*a + *b)).await?, 3);
/// assert_eq!(gather([open(1), open(2)]).with(async |[a, b]| Ok(*a + *b)).await?, 3);
/// # #[cfg(feature = "alloc")]
/// assert_eq!(gather(vec![open(1), open(2)]).with(async |all| Ok(all.len())).await?, 2);
/// # Ok(()) }) }
/// ```
#[derive(Clone)]
#[must_use = "a gather does nothing unless it is given a body"]
pub struct Gather<G, P = Policies> {
    pub(crate) group: G,
    pub(crate) policy: P,
}

/// Gathers independent members, to enter them at the same time and to exit them at the same time.
///
/// It is lazy: nothing runs before you poll the future that `with` returns. The name comes from a question about Python,
/// which wished for such a group beside [`asyncio.gather`].
///
/// # Error types
///
/// All members of a group share one error type, and the body fails with it too. If two members differ, the compiler says
/// "type mismatch resolving `<.. as IntoFuture>::Output == Result<_, E>`" (E0271): adapt one of them with
/// [`errors_into`](crate::EnterExt::errors_into). If no member names the error type, one must: `Ok::<_, MyError>(..)`.
///
/// # Members that need one another
///
/// If an enter fails, the other enters run to their end. Members that cannot finish their enters without one another (the
/// two sides of a handshake) then never finish: call [`fail_fast`](Gather::fail_fast), or give them a deadline by
/// [`enter_within`](crate::EnterExt::enter_within).
///
/// # Many members
///
/// The members of a tuple or an array, and those of a `Vec` of at most 30, share the waker of the caller. The members of a
/// larger `Vec` get wakers of their own, so that only woken members are polled. embassy's timers accept only wakers of
/// embassy's own executor: call [`caller_waker`](Gather::caller_waker) for a large `Vec` of them.
///
/// ```
/// use std::io;
///
/// use gather_cm::{Exit, ExitCase, gather};
///
/// struct Vm(&'static str);
///
/// impl Exit for Vm {
///     type Error = io::Error;
///     type Verdict = ();
///
///     async fn exit(self, _: ExitCase) -> Result<(), io::Error> {
///         println!("{} is shut down", self.0);
///         Ok(())
///     }
/// }
///
/// async fn start_vm(name: &'static str) -> Result<Vm, io::Error> {
///     Ok(Vm(name))
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// let vms = gather((start_vm("a"), start_vm("b")));
/// let names = vms.with(async |(a, b)| Ok([a.0, b.0])).await?;
/// assert_eq!(names, ["a", "b"]);
/// # Ok(()) }) }
/// ```
///
/// [`asyncio.gather`]: https://docs.python.org/3/library/asyncio-task.html#asyncio.gather
pub fn gather<G: Group>(group: G) -> Gather<G> {
    Gather { group, policy: Policies::DEFAULT }
}

debug_by_name!(Gather<G, P>);

impl<G, Rb, L, S, C, X, Ob> Gather<G, Policies<Rb, L, S, C, X, Ob>> {
    /// A failed enter drops the pending enters; then the held resources are exited.
    ///
    /// This is the quickest end: it takes only as long as the exits. Every enter must clean up after itself when it is dropped,
    /// as a socket does that its `Drop` closes. If an enter has started something that only an exit could stop (a process, a
    /// virtual machine, a row in a table), a dropped enter leaves it behind. For those, keep the default, which lets the enters
    /// run to their end, or use [`eager_rollback`](Self::eager_rollback).
    ///
    /// Members behind the one that failed are not polled any more. Of this, `eager_rollback` and [`settle`](Self::settle), the
    /// latest call wins.
    ///
    /// # Cancellation
    ///
    /// Pending enters are dropped halfway, as said above. If a member's enter contains a group, that group is dropped too, and
    /// abandons its resources. If it must exit them instead, do not use `fail_fast`: without it, the enter runs to its end.
    ///
    /// ```
    /// use std::{future::pending, io};
    ///
    /// use gather_cm::{EnterExt, gather};
    ///
    /// # smol::block_on(async {
    /// let hangs = pending::<Result<u8, io::Error>>().drop_on_exit();
    /// let fails = async { Err::<u8, _>(io::Error::other("no route")) }.drop_on_exit();
    /// let failure = gather((hangs, fails)).fail_fast().with(async |_| Ok(())).await.unwrap_err();
    /// assert_eq!(failure.to_string(), "enter of member 1 failed: no route");
    /// # });
    /// ```
    pub fn fail_fast(self) -> Gather<G, Policies<FailFast, L, S, C, X, Ob>>
    where
        G: Known,
    {
        let Policies { enter_limit, stop, exits, observer, .. } = self.policy;
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds: PhantomData } }
    }

    /// A failed enter exits the held resources at once, beside the pending enters, whose resources are exited as they enter.
    ///
    /// It shortens the worst case of a failed start from the slowest enter plus the slowest exit to the slowest member's own
    /// enter plus exit, and drops nothing halfway. Use it if an enter must not be dropped ([`fail_fast`](Self::fail_fast)) and if
    /// exits may overlap with enters. Without it, the pending enters of a failed group run to their end, and then the exits begin
    /// together.
    ///
    /// Of this, `fail_fast` and [`settle`](Self::settle), the latest call wins.
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
    pub fn eager_rollback(self) -> Gather<G, Policies<EagerRollback, L, S, C, X, Ob>>
    where
        G: Known,
    {
        let Policies { enter_limit, stop, exits, observer, .. } = self.policy;
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds: PhantomData } }
    }

    /// A stop drops no pending enter: when [`cancel_on`](Self::cancel_on) stops the group, the pending enters run to their end,
    /// and then the held resources are exited with [`ExitCase::Cancelled`](crate::ExitCase::Cancelled).
    ///
    /// Use it if a dropped enter could leave something behind that only an exit removes: a process, a virtual machine, a row in a
    /// table. The stop then takes as long as the slowest enter. Queued members never start. A failed enter, too, lets the others
    /// run to their end, as it does by default. If a group is nested in a member, the inner group is not dropped by a stop of the
    /// outer one.
    ///
    /// Without `cancel_on` it changes nothing: if you drop the gather's future, pending enters are dropped all the same. Of this,
    /// `fail_fast` and `eager_rollback`, the latest call wins.
    ///
    /// # Errors
    ///
    /// If one of the pending enters fails after the stop, the cause is [`Cause::Enter`](crate::Cause::Enter). The exits still
    /// receive `Cancelled`, and [`on_error`](crate::Exit::on_error) is not called.
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
    pub fn settle(self) -> Gather<G, Policies<Settle, L, S, C, X, Ob>>
    where
        G: Known,
    {
        let Policies { enter_limit, stop, exits, observer, .. } = self.policy;
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds: PhantomData } }
    }

    /// At most `n` enters are in flight. They start in argument order.
    ///
    /// The other members are queued. In a group that has failed or was cancelled, queued members never start. If a queued member
    /// must enter before one in flight can finish its enter, the group hangs: do not limit members that wait for one another.
    ///
    /// # Panics
    ///
    /// If `n` is 0.
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
    #[track_caller]
    pub fn enter_limit(self, n: usize) -> Gather<G, Policies<Rb, Limited, S, C, X, Ob>>
    where
        G: Known,
    {
        let Policies { stop, exits, observer, kinds, .. } = self.policy;
        Gather {
            group: self.group,
            policy: Policies { enter_limit: Limited::new("enter_limit", n), stop, exits, observer, kinds },
        }
    }

    /// When `stop` is ready before the body has ended, the gather drops the pending enters and the body, and exits every held
    /// resource with [`ExitCase::Cancelled`](crate::ExitCase::Cancelled).
    ///
    /// Any future is a stop signal, whatever its output: a timer of any runtime, a channel, Ctrl-C, an interrupt. This is a
    /// timeout that still releases everything; a dropped future does not.
    ///
    /// Each poll polls `stop` first, so that it wins over an end in the same poll. A gather that is cancelled before it starts
    /// enters nothing. `stop` does not cancel exits: it is dropped as soon as no enter is pending and the body has ended, before
    /// the first exit is polled, so that a lock or a channel that it waits for is free again. (Under
    /// [`eager_rollback`](Self::eager_rollback), exits may run while enters are pending; `stop` is polled beside them until no
    /// enter is pending.) While a failed group still has pending enters, `stop` drops them, and the cause stays the enter errors.
    /// If you call it twice, the first future that is ready cancels the group.
    ///
    /// # Errors
    ///
    /// The gather fails with [`Cause::Cancelled`](crate::Cause::Cancelled).
    ///
    /// # Panics
    ///
    /// With the feature `std`, a panic of `stop` or of its destructor cancels the group too: the exits receive `Panicked`, and
    /// then the panic resumes.
    ///
    /// # Cancellation
    ///
    /// Pending enters and the body are dropped halfway when `stop` is ready. An enter must then clean up after itself, as under
    /// [`fail_fast`](Self::fail_fast). If yours does not, call [`settle`](Self::settle): the pending enters then run to their end.
    ///
    /// If a member's enter contains a group, a stop drops that group too, and it abandons its resources. If it must exit them
    /// instead, you have two ways:
    ///
    /// - Call `settle()` on the outer group. A stop then drops no member's enter.
    /// - Call `cancel_on` on the nested group instead: `gather(..).cancel_on(..).enter()` as a member. The stop then makes the
    ///   nested group exit its resources and fail, and the outer group fails because its member did.
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
    pub fn cancel_on<F: IntoFuture>(self, stop: F) -> Gather<G, Policies<Rb, L, Either<S, F>, C, X, Ob>> {
        let Policies { enter_limit, stop: before, exits, observer, kinds } = self.policy;
        let stop = Either::new(before, stop);
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds } }
    }

    /// Calls `observer` with each [`Event`], when it happens: a member starts to enter, has entered, could not; the body starts
    /// and ends; an exit starts, finishes, fails; a resource is abandoned.
    ///
    /// Use it for progress, for tracing, and to find out which member hangs. The gather calls it in the middle of a poll, so it
    /// should be quick. If you call `observe` twice, both observers receive every event, the first one first. Of
    /// [`enter`](Self::enter) the enters are observed, and their rollback; the exits of the [`Entered`](crate::Entered) are not.
    ///
    /// # Panics
    ///
    /// With the feature `std`, a panic of the observer resumes when all exits have finished. If it comes before the body has
    /// started, the body is not called, and the exits receive `Panicked`. Later it changes nothing that they receive, unless it
    /// comes when a [shielded](Self::shield) gather is dropped.
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
    /// let link = async { Ok(()) }.exit_with(async |(), _| Err::<(), _>(io::Error::other("link down")));
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
    pub fn observe<F: FnMut(Event)>(self, observer: F) -> Gather<G, Policies<Rb, L, S, C, X, Observed<Ob, F>>> {
        let Policies { enter_limit, stop, exits, observer: before, kinds } = self.policy;
        let observer = Observed(before, observer);
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds } }
    }

    /// A panic becomes [`Cause::Panicked`](crate::Cause::Panicked) when all exits have finished, and does not resume.
    ///
    /// The exits' errors stand beside it. Errors of enters, the body's error and its value are dropped: a failure has one cause.
    /// [`on_error`](crate::Exit::on_error) has shown one of them to the exits.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{Cause, EnterExt, gather};
    ///
    /// # smol::block_on(async {
    /// let member = async { Ok(()) }.exit_with(async |(), _| Err::<(), _>(io::Error::other("link down")));
    /// let body = async |_: (&mut (),)| -> Result<(), _> { panic!("oops") };
    /// let failure = gather((member,)).catch_unwind().with(body).await.unwrap_err();
    /// assert_eq!(failure.to_string(), "panicked: oops; exit of member 0 failed: link down");
    /// let Cause::Panicked(panic) = failure.cause else { unreachable!() };
    /// assert_eq!(panic.into_payload().downcast_ref(), Some(&"oops"));
    /// # });
    /// ```
    #[cfg(feature = "std")]
    pub fn catch_unwind(self) -> Gather<G, Policies<Rb, L, S, Catch, X, Ob>> {
        let Policies { enter_limit, stop, exits, observer, .. } = self.policy;
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds: PhantomData } }
    }
}

impl<G: Group, Rb, L, S, C, O, XL, N, F, W, Ob> Gather<G, Policies<Rb, L, S, C, Exits<O, XL, N, F, W>, Ob>> {
    /// Exits run one at a time, last entered first, and see how the exits before them ended: an exit *stack*, as Python's
    /// [`AsyncExitStack`] is one when contexts are entered concurrently, except that a failed enter leaks nothing.
    ///
    /// The order is that of completion: the member that entered last exits first. The first exit receives how the body
    /// ended. While that is `Completed` or `Failed`, the exits after one that answers `Suppress` receive `Completed`, those
    /// after one that fails receive `Failed`, and those after one that panics receive `Panicked`. The body's error is
    /// suppressed if one exit that received it answers `Suppress` and none fails. Errors of exits are reported whatever
    /// follows.
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
    /// If your resources have a fixed order, use [`in_reverse`](Self::in_reverse): which member enters last may differ from run to
    /// run.
    ///
    /// [`AsyncExitStack`]: https://docs.python.org/3/library/contextlib.html#contextlib.AsyncExitStack
    pub fn stack(self) -> Gather<G, Policies<Rb, L, S, C, Exits<Stack, XL, N, F, W>, Ob>> {
        let Policies { enter_limit, stop, exits, observer, kinds } = self.policy;
        let exits = Exits { limit: exits.limit, names: exits.names, fair: exits.fair, kinds: PhantomData };
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds } }
    }

    /// Exits run one at a time, in reverse argument order, whatever entered first.
    ///
    /// Use it if your resources have an order by nature. Here the server closes before the database that it uses, also if the
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
    /// All else is as in a [`stack`](Self::stack), which closes the resource first that entered last: each exit sees how the
    /// exits before it ended. Of the two, the later call wins.
    pub fn in_reverse(self) -> Gather<G, Policies<Rb, L, S, C, Exits<InReverse, XL, N, F, W>, Ob>> {
        let Policies { enter_limit, stop, exits, observer, kinds } = self.policy;
        let exits = Exits { limit: exits.limit, names: exits.names, fair: exits.fair, kinds: PhantomData };
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds } }
    }

    /// At most `n` exits are in flight. They start in argument order. A failed exit does not stop the queued ones.
    ///
    /// If a queued exit must start before one in flight can finish, the group hangs: do not limit members that wait for
    /// one another.
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, resources whose exit is queued are abandoned.
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
    #[track_caller]
    pub fn exit_limit(self, n: usize) -> Gather<G, Policies<Rb, L, S, C, Exits<O, Limited, N, F, W>, Ob>> {
        let Policies { enter_limit, stop, exits, observer, kinds } = self.policy;
        let exits =
            Exits { limit: Limited::new("exit_limit", n), names: exits.names, fair: exits.fair, kinds: PhantomData };
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds } }
    }

    /// Names the members, for errors: `enter of db failed` instead of `enter of member 0 failed`.
    ///
    /// A tuple or an array takes exactly one name for each member. A `Vec` takes a slice; members beyond it print their index. If
    /// you know the names only at run time, look them up by [`Who::index`](crate::Who::index).
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{EnterExt, gather};
    ///
    /// # smol::block_on(async {
    /// let db = async { Err::<(), _>(io::Error::other("no route")) }.drop_on_exit();
    /// let cache = async { Ok(()) }.drop_on_exit();
    /// let failure = gather((db, cache)).names(&["db", "cache"]).with(async |_| Ok(())).await.unwrap_err();
    /// assert_eq!(failure.to_string(), "enter of db failed: no route");
    /// # });
    /// ```
    pub fn names(
        self,
        names: &'static <G::Shape as Shape>::Names,
    ) -> Gather<G, Policies<Rb, L, S, C, Exits<O, XL, Named, F, W>, Ob>>
    where
        G: Known,
    {
        let Policies { enter_limit, stop, exits, observer, kinds } = self.policy;
        let exits =
            Exits { limit: exits.limit, names: Named(G::Shape::names(names)), fair: exits.fair, kinds: PhantomData };
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds } }
    }

    /// Each poll starts one member further, so that no enter starves beside another one, and no exit beside another one.
    ///
    /// Under tokio, a member that is always ready uses up the task's budget of cooperative scheduling, and the members polled
    /// after it see only `Pending`. With this policy every member is polled first in its turn. Only the order of the polls
    /// within one poll changes, separately for enters and for exits. Members and exits still start in argument order, and
    /// [`cancel_on`](Self::cancel_on) and deadlines are still polled first. [Drivers](crate::EnterExt::driven) and the body
    /// take turns in being first.
    ///
    /// Other parts of a gather keep their order, so one of these can still starve the parts behind it:
    ///
    /// | always ready | may starve |
    /// | --- | --- |
    /// | the future of `cancel_on` | everything |
    /// | an enter | drivers; after [`eager_rollback`](Self::eager_rollback), exits |
    /// | an exit | drivers of members that wait for their exits |
    /// | a driver | drivers of members with a higher index |
    ///
    /// Wrap such a part in [`tokio::task::unconstrained`]. It then uses up no budget. Do the same, instead of `fair()`, if you
    /// know the one member that is too busy.
    ///
    /// [`tokio::task::unconstrained`]: https://docs.rs/tokio/latest/tokio/task/fn.unconstrained.html
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
    pub fn fair(self) -> Gather<G, Policies<Rb, L, S, C, Exits<O, XL, N, Fair, W>, Ob>> {
        let Policies { enter_limit, stop, exits, observer, kinds } = self.policy;
        let exits = Exits { limit: exits.limit, names: exits.names, fair: Fair::default(), kinds: PhantomData };
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds } }
    }

    /// Passes the caller's own waker to the members of a large `Vec`.
    ///
    /// Without it, the members of a `Vec` of more than 30 get wakers of their own, so that only woken members are polled. Use it
    /// if a member accepts only wakers of its own executor, as embassy's timers do; then each poll polls every pending member. It
    /// has no effect on tuples and arrays, whose members always get the caller's waker.
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
    pub fn caller_waker(self) -> Gather<G, Policies<Rb, L, S, C, Exits<O, XL, N, F, CallerWaker>, Ob>> {
        let Policies { enter_limit, stop, exits, observer, kinds } = self.policy;
        let exits = Exits { limit: exits.limit, names: exits.names, fair: exits.fair, kinds: PhantomData };
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds } }
    }
}
