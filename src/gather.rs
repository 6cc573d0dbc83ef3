//! What a user calls: [`gather`], and the builder.

use core::{
    fmt,
    marker::PhantomData,
    num::NonZeroUsize,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::future::FusedFuture;
use pin_project::pin_project;

#[cfg(feature = "std")]
use crate::policy::Catch;
use crate::{
    Event, Group,
    policy::{EagerRollback, Either, Exits, FailFast, Limited, Observed, Policies, Stack},
};

/// A group that is to be entered: made by [`gather`], given policies, and run by `with`, `try_with` or [`enter`].
///
/// There is one `with` and one `try_with` for each shape of group; they differ in what the body is lent: `(&mut A, &mut
/// B)` for a tuple, `&mut [V; N]` for an array, `&mut [V]` for a `Vec`.
///
/// # Policies
///
/// They are types: what is not used costs nothing. They combine in any order. Where two of them meet:
///
/// | these              | together                                                                                       |
/// |--------------------|------------------------------------------------------------------------------------------------|
/// | [`fail_fast`] and [`eager_rollback`] | the later call wins                                                          |
/// | [`until`] twice    | whichever is ready first stops the group                                                       |
/// | [`enter_limit`] and a failed enter | whatever the rollback, members that wait for their turn never begin            |
/// | [`until`] and a failed group | pending enters are dropped; the exits are told `EnterFailed`, the cause stays the enter errors |
/// | [`until`] and [`enter_limit`] | members that wait for their turn never begin                                        |
/// | [`stack`] and [`eager_rollback`] | the first exit does not wait for pending enters; each next one is the last entered of those then held |
/// | [`stack`] and [`until`] | every exit is told `Cancelled`, whatever those before it answered                         |
/// | [`stack`] and [`exit_limit`] | one at a time, as without a limit                                                    |
/// | [`exit_limit`] and [`eager_rollback`] | one that enters late waits for its turn; of those that wait, the lowest index is next |
/// | a panic and [`fail_fast`] | a panic in an enter is a failed enter: those pending are dropped                        |
/// | a panic and [`eager_rollback`] | once the first exit has begun, a panic in an enter alters nothing that exits are told |
/// | a panic and [`until`] | where `stop` panics, or what it drops, the exits are told `Panicked`                        |
/// | a drop and a limit or [`stack`] | what waits for its exit is abandoned                                              |
/// | a nested group     | it is one member: it keeps its own exit policies, and the outer ones do not reach inside       |
///
/// [`enter`]: Gather::enter
/// [`fail_fast`]: Gather::fail_fast
/// [`eager_rollback`]: Gather::eager_rollback
/// [`stack`]: Gather::stack
/// [`enter_limit`]: Gather::enter_limit
/// [`exit_limit`]: Gather::exit_limit
/// [`until`]: Gather::until
///
/// ```
/// use gather_cm::{EnterExt, gather};
///
/// smol::block_on(async {
///     let open = |n: u32| async move { Ok::<_, ()>(n) }.drop_on_exit();
///     assert_eq!(gather((open(1), open(2))).with(async |(a, b)| **a + **b).await.unwrap(), 3);
///     assert_eq!(gather([open(1), open(2)]).with(async |[a, b]| **a + **b).await.unwrap(), 3);
///     # #[cfg(feature = "alloc")]
///     assert_eq!(gather(vec![open(1), open(2)]).with(async |all| all.len()).await.unwrap(), 2);
/// });
/// ```
#[must_use = "a gather does nothing unless it is given a body"]
pub struct Gather<G, P = Policies> {
    pub(crate) group: G,
    pub(crate) policy: P,
}

/// Gathers independent members, to enter them at the same time and to exit them at the same time.
///
/// Lazy: nothing runs before the future that `with` or `try_with` gives is polled. The name comes from a question about
/// Python, which wished for such a group next to [`asyncio.gather`].
///
/// ```
/// use gather_cm::{Exit, ExitCase, gather};
///
/// struct Vm(&'static str);
///
/// impl Exit for Vm {
///     type Error = String;
///     type Verdict = ();
///     async fn exit(self, _: ExitCase) -> Result<(), String> {
///         println!("{} is shut down", self.0);
///         Ok(())
///     }
/// }
///
/// async fn start_vm(name: &'static str) -> Result<Vm, String> {
///     Ok(Vm(name))
/// }
///
/// smol::block_on(async {
///     let names = gather((start_vm("a"), start_vm("b"))).with(async |(a, b)| [a.0, b.0]).await.unwrap();
///     assert_eq!(names, ["a", "b"]);
/// });
/// ```
///
/// [`asyncio.gather`]: https://docs.python.org/3/library/asyncio-task.html#asyncio.gather
pub fn gather<G: Group>(group: G) -> Gather<G> {
    Gather { group, policy: Policies::DEFAULT }
}

impl<G, P> fmt::Debug for Gather<G, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather").finish_non_exhaustive()
    }
}

impl<G, Rb, L, S, C, O, XL, Ob> Gather<G, Policies<Rb, L, S, C, Exits<O, XL>, Ob>> {
    /// A failed enter drops the enters still pending; those held are exited.
    ///
    /// The quickest end: that of the exits alone. It asks of every enter that it cleans up after itself when it is
    /// dropped, as a socket does that is closed by its `Drop`. An enter that has started something which only an exit
    /// could stop (a process, a machine, a row in a table) would leave it behind; for those, let the group settle (the
    /// default), or use [`eager_rollback`](Self::eager_rollback).
    ///
    /// No member behind the one that failed is polled any more. Of this and `eager_rollback`, the later call wins.
    ///
    /// # Cancellation
    ///
    /// Enters are dropped halfway: see above.
    ///
    /// ```
    /// use gather_cm::{EnterExt, gather};
    ///
    /// smol::block_on(async {
    ///     let hangs = std::future::pending::<Result<u8, &str>>().drop_on_exit();
    ///     let fails = async { Err::<u8, _>("no route") }.drop_on_exit();
    ///     let failure = gather((hangs, fails)).fail_fast().with(async |_| ()).await.unwrap_err();
    ///     assert_eq!(failure.to_string(), "enter of member 1 failed: no route");
    /// });
    /// ```
    pub fn fail_fast(self) -> Gather<G, Policies<FailFast, L, S, C, Exits<O, XL>, Ob>> {
        let Policies { enter_limit, stop, exits, observer, .. } = self.policy;
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds: PhantomData } }
    }

    /// A failed enter exits those held at once, beside the enters still pending, which are exited as they enter.
    ///
    /// It shortens the worst case of a failed start from the slowest enter plus the slowest exit to the slowest member's
    /// own enter plus exit, and drops nothing halfway. Right where an enter must not be dropped
    /// ([`fail_fast`](Self::fail_fast)) and nothing speaks against exits that overlap with enters. Without it a failed
    /// group settles first: its pending enters run to their end, and then the exits begin together.
    ///
    /// Of this and `fail_fast`, the later call wins.
    ///
    /// ```
    /// use gather_cm::{EnterExt, gather};
    /// use std::cell::RefCell;
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
    /// smol::block_on(async {
    ///     let fails = async { Err::<u8, _>("no route") }.drop_on_exit();
    ///     gather((enter("fast", 0), enter("slow", 3), fails)).eager_rollback().with(async |_| ()).await.unwrap_err();
    /// });
    /// assert_eq!(log.into_inner(), ["enter fast", "exit fast", "enter slow", "exit slow"]);
    /// ```
    pub fn eager_rollback(self) -> Gather<G, Policies<EagerRollback, L, S, C, Exits<O, XL>, Ob>> {
        let Policies { enter_limit, stop, exits, observer, .. } = self.policy;
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds: PhantomData } }
    }

    /// Exits run one at a time, last entered first, and see how those before them ended: an exit *stack*, as Python's
    /// [`AsyncExitStack`] is one when contexts are entered concurrently, but for a failed enter, which leaks nothing.
    ///
    /// The order is that of completion: the member that entered last exits first. The first exit is told how the body
    /// ended. While that is `Completed` or `Failed`, an exit that answers `Suppress` lets the rest be told `Completed`, one
    /// that fails `Failed`, and one that panics `Panicked`. The body's error is suppressed where one exit that was told
    /// of it answers `Suppress` and none fails. Errors of exits are reported whatever follows.
    ///
    /// ```
    /// use gather_cm::{EnterExt, gather};
    /// use std::cell::RefCell;
    ///
    /// let log = RefCell::new(Vec::new());
    /// let member = |name: &'static str, suppress: bool| {
    ///     let log = &log;
    ///     async move { Ok::<_, ()>(name) }.exit_with(async move |name, case| {
    ///         log.borrow_mut().push(format!("{name}: {case:?}"));
    ///         Ok(suppress)
    ///     })
    /// };
    /// smol::block_on(async {
    ///     let members = (member("a", false), member("b", true), member("c", false));
    ///     let failure = gather(members).stack().try_with(async |_| Err::<(), _>("oops")).await.unwrap_err();
    ///     assert!(failure.is_suppressed());
    /// });
    /// assert_eq!(log.into_inner(), ["c: Failed", "b: Failed", "a: Completed"]);
    /// ```
    ///
    /// [`AsyncExitStack`]: https://docs.python.org/3/library/contextlib.html#contextlib.AsyncExitStack
    pub fn stack(self) -> Gather<G, Policies<Rb, L, S, C, Exits<Stack, XL>, Ob>> {
        let Policies { enter_limit, stop, exits, observer, kinds } = self.policy;
        let exits = Exits { limit: exits.limit, order: PhantomData };
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds } }
    }

    /// At most `n` enters are in flight, started in argument order.
    ///
    /// The others wait for their turn. In a group that has failed or was stopped they never begin.
    ///
    /// ```
    /// use gather_cm::{EnterExt, gather};
    /// use std::cell::Cell;
    ///
    /// let (now, most) = (Cell::new(0), Cell::new(0));
    /// let connect = || async {
    ///     now.set(now.get() + 1);
    ///     most.set(most.get().max(now.get()));
    ///     smol::future::yield_now().await;
    ///     now.set(now.get() - 1);
    ///     Ok::<_, ()>(())
    /// }
    /// .drop_on_exit();
    /// smol::block_on(async {
    ///     let members: [_; 5] = std::array::from_fn(|_| connect());
    ///     gather(members).enter_limit(2.try_into().unwrap()).with(async |_| ()).await.unwrap();
    /// });
    /// assert_eq!(most.get(), 2);
    /// ```
    pub fn enter_limit(self, n: NonZeroUsize) -> Gather<G, Policies<Rb, Limited, S, C, Exits<O, XL>, Ob>> {
        let Policies { stop, exits, observer, kinds, .. } = self.policy;
        Gather { group: self.group, policy: Policies { enter_limit: Limited::new(n), stop, exits, observer, kinds } }
    }

    /// At most `n` exits are in flight, in argument order. One that fails does not stop those that wait.
    ///
    /// # Cancellation
    ///
    /// Resources that wait for their exit when the future is dropped are abandoned.
    ///
    /// ```
    /// use gather_cm::{EnterExt, gather};
    /// use std::cell::Cell;
    ///
    /// let (now, most) = (Cell::new(0), Cell::new(0));
    /// let member = || async { Ok::<_, ()>(()) }.exit_with(async |(), _| {
    ///     now.set(now.get() + 1);
    ///     most.set(most.get().max(now.get()));
    ///     smol::future::yield_now().await;
    ///     Ok(now.set(now.get() - 1))
    /// });
    /// smol::block_on(async {
    ///     let members: [_; 5] = std::array::from_fn(|_| member());
    ///     gather(members).exit_limit(2.try_into().unwrap()).with(async |_| ()).await.unwrap();
    /// });
    /// assert_eq!(most.get(), 2);
    /// ```
    pub fn exit_limit(self, n: NonZeroUsize) -> Gather<G, Policies<Rb, L, S, C, Exits<O, Limited>, Ob>> {
        let Policies { enter_limit, stop, exits, observer, kinds } = self.policy;
        let exits = Exits { limit: Limited::new(n), order: exits.order };
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds } }
    }

    /// When `stop` is ready before the body has ended, pending enters and the body are dropped, and everything held is
    /// exited, told [`ExitCase::Cancelled`](crate::ExitCase::Cancelled).
    ///
    /// Any future is the signal: a timer of whatever runtime, a channel, Ctrl-C, an interrupt. This is a timeout around
    /// a scope that still releases everything, which dropping the future is not.
    ///
    /// It is polled first, so that it wins over an end in the same poll, and a gather that is stopped before it starts
    /// enters nothing. Exits are not stopped: in their time it is no longer polled. A failed group that still settles
    /// loses its pending enters; its cause stays the enter errors. Called twice, whichever is ready first stops the group.
    ///
    /// # Errors
    ///
    /// The gather ends with [`Cause::Cancelled`](crate::Cause::Cancelled).
    ///
    /// # Panics
    ///
    /// With the feature `std`, a panic of `stop` stops the group too: the exits are told `Panicked`, and then it goes on.
    ///
    /// # Cancellation
    ///
    /// Pending enters and the body are dropped halfway, when `stop` is ready. As with [`fail_fast`](Self::fail_fast), an
    /// enter must then clean up after itself.
    ///
    /// ```
    /// use gather_cm::{Cause, EnterExt, ExitCase, gather};
    /// use std::{future::pending, time::Duration};
    ///
    /// let timeout = async { drop(smol::Timer::after(Duration::from_millis(1)).await) };
    /// let member = async { Ok::<_, ()>("lock") }.exit_with(async |_, case| {
    ///     assert_eq!(case, ExitCase::Cancelled);
    ///     Ok(())
    /// });
    /// smol::block_on(async {
    ///     let failure = gather((member,)).until(timeout).with(async |_| pending::<()>().await).await.unwrap_err();
    ///     assert!(matches!(failure.cause, Cause::Cancelled));
    /// });
    /// ```
    pub fn until<F: IntoFuture<Output = ()>>(
        self,
        stop: F,
    ) -> Gather<G, Policies<Rb, L, Either<S, F>, C, Exits<O, XL>, Ob>> {
        let Policies { enter_limit, stop: before, exits, observer, kinds } = self.policy;
        let stop = Either::new(before, stop);
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds } }
    }

    /// `observer` is told what happens, when it happens: who begins to enter, has entered, could not; when the body begins
    /// and ends; whose exit begins, ends, fails; who is abandoned. See [`Event`].
    ///
    /// It is for progress, for tracing, and to find out who hangs. It is called in the middle of a poll, and should be
    /// quick. Called twice, both observers are told, the first one first. Of [`enter`](Self::enter) the entering is
    /// observed, and a rollback; not the exits of the [`Entered`](crate::Entered), which is on its own then.
    ///
    /// # Panics
    ///
    /// With the feature `std`, a panic of the observer goes on when all exits are done. If it comes before the body has
    /// begun, the body is not called, and exits are told `Panicked`; later it alters nothing that they are told.
    ///
    /// # Cancellation
    ///
    /// Where the gather's future is dropped the observer is told of each member that is dropped or abandoned.
    ///
    /// ```
    /// use gather_cm::{EnterExt, Event::*, ExitCase, gather};
    ///
    /// let mut events = Vec::new();
    /// smol::block_on(async {
    ///     let disk = async { Ok(()) }.exit_with(async |(), _| Ok(()));
    ///     let link = async { Ok(()) }.exit_with(async |(), _| Err::<(), _>("link down"));
    ///     gather((disk, link)).observe(|event| events.push(event)).with(async |_| ()).await.unwrap_err();
    /// });
    /// let enters = [EnterBegan(0), Entered(0), EnterBegan(1), Entered(1)];
    /// let exits = [ExitBegan(0), Exited(0), ExitBegan(1), ExitFailed(1)];
    /// assert_eq!(events, [&enters[..], &[BodyBegan, BodyEnded(ExitCase::Completed)], &exits].concat());
    /// ```
    pub fn observe<F: FnMut(Event)>(
        self,
        observer: F,
    ) -> Gather<G, Policies<Rb, L, S, C, Exits<O, XL>, Observed<Ob, F>>> {
        let Policies { enter_limit, stop, exits, observer: before, kinds } = self.policy;
        let observer = Observed(before, observer);
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds } }
    }

    /// A panic comes back as [`Cause::Panicked`](crate::Cause::Panicked) when all is done, and does not go on.
    ///
    /// The exits' errors stand beside it. Errors of enters, the body's error and its value are dropped, for a result has
    /// room for one cause; what [`witness`](crate::Exit::witness) was shown of them is all that is seen.
    ///
    /// ```
    /// use gather_cm::{Cause, EnterExt, gather};
    ///
    /// smol::block_on(async {
    ///     let member = async { Ok(()) }.exit_with(async |(), _| Err::<(), _>("link down"));
    ///     let gather = gather((member,)).catch_unwind();
    ///     let failure = gather.with(async |_| -> () { panic!("oops") }).await.unwrap_err();
    ///     assert_eq!(failure.to_string(), "panicked: oops; exit of member 0 failed: link down");
    ///     let Cause::Panicked(panic) = failure.cause else { unreachable!() };
    ///     assert_eq!(*panic.into_payload().downcast::<&str>().unwrap(), "oops");
    /// });
    /// ```
    #[cfg(feature = "std")]
    pub fn catch_unwind(self) -> Gather<G, Policies<Rb, L, S, Catch, Exits<O, XL>, Ob>> {
        let Policies { enter_limit, stop, exits, observer, .. } = self.policy;
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds: PhantomData } }
    }
}

/// The future of a whole life cycle: made by `with` and `try_with` of [`Gather`].
///
/// It is `Send` exactly where its parts are: the members, their values, the futures of their exits, and the body.
///
/// # Panics
///
/// If it is polled again after it has finished, or after a panic got out of it.
///
/// # Cancellation
///
/// Where it is dropped, enters and exits that are pending are dropped, and so is the body; every resource that is held
/// and not yet given to its exit is [abandoned](crate::Exit::abandon). Errors known by then are lost.
///
/// ```
/// use gather_cm::{EnterExt, gather};
///
/// let member = async { Ok::<_, ()>(String::from("hello")) }.drop_on_exit();
/// let task = smol::spawn(gather((member,)).with(async |(text,)| text.len()));
/// assert_eq!(smol::block_on(task).unwrap(), 5);
/// ```
#[pin_project]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct With<T>(#[pin] pub(crate) T);

impl<T: FusedFuture> With<T> {
    /// The same future, where the compiler is told that it is `Send`.
    ///
    /// For a resource type with a lifetime in it inside a spawned block, where rustc cannot yet see `Send` by itself
    /// ([rust#110338](https://github.com/rust-lang/rust/issues/110338)) and says so in terms of lifetimes that are "not
    /// general enough".
    ///
    /// ```
    /// use gather_cm::{Exit, ExitCase, gather};
    ///
    /// struct Lease<'a>(&'a str);
    ///
    /// impl Exit for Lease<'_> {
    ///     type Error = String;
    ///     type Verdict = ();
    ///     async fn exit(self, _: ExitCase) -> Result<(), String> {
    ///         Ok(())
    ///     }
    /// }
    ///
    /// async fn lease(name: &str) -> Result<Lease<'_>, String> {
    ///     Ok(Lease(name))
    /// }
    ///
    /// let task = smol::spawn(async {
    ///     let name = String::from("port 80");
    ///     gather((lease(&name),)).with(async |(lease,)| lease.0.len()).send().await
    /// });
    /// assert_eq!(smol::block_on(task).unwrap(), 7);
    /// ```
    pub fn send(self) -> With<impl FusedFuture<Output = T::Output> + Send>
    where
        T: Send,
    {
        self
    }
}

impl<T: Future> Future for With<T> {
    type Output = T::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T::Output> {
        self.project().0.poll(cx)
    }
}

impl<T: FusedFuture> FusedFuture for With<T> {
    fn is_terminated(&self) -> bool {
        self.0.is_terminated()
    }
}

impl<T> fmt::Debug for With<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("With").finish_non_exhaustive()
    }
}

/// `with` and `try_with` for one shape of group: what its body is lent, and where its errors are kept.
macro_rules! lend {
    ($Refs:ty, $Store:ty, |$values:ident: $Values:ty| $refs:expr) => {
        /// Enters every member at the same time, lends the values to `body`, and exits every member at the same
        /// time, told how the body ended.
        ///
        /// The body gets the values in argument order, whichever was entered first, and may borrow from its
        /// surroundings. A plain `async fn` is a body too.
        ///
        /// # Errors
        ///
        /// [`Cause::Enter`](crate::Cause::Enter) if a member could not be entered: the others are still entered to
        /// their end and then exited, and the body is not called. [`Cause::Exit`](crate::Cause::Exit) with the body's
        /// value if an exit failed. [`Cause::Cancelled`](crate::Cause::Cancelled) if the group was
        /// [told to stop](Self::until). A table in [`Failure`](crate::Failure#which-error-which-case) has them all.
        ///
        /// # Panics
        ///
        /// With the feature `std`, a panic of the body or of a member goes on when all exits are done.
        ///
        /// # Cancellation
        ///
        /// See [`With`].
        ///
        /// ```
        /// use gather_cm::{EnterExt, gather};
        ///
        /// smol::block_on(async {
        ///     let member = async { Ok::<_, ()>(vec![1, 2, 3]) }.drop_on_exit();
        ///     let factor = 2;
        ///     let sum = gather((member,)).with(async |(list,)| factor * list.iter().sum::<i32>()).await;
        ///     assert_eq!(sum.unwrap(), 12);
        /// });
        /// ```
        pub fn with<R>(
            self,
            body: impl AsyncFnOnce($Refs) -> R,
        ) -> With<impl FusedFuture<Output = Result<R, Failure<R, Infallible, Faults<$Store>>>>> {
            self.run(body, Ending::Completed)
        }

        /// As `with`, for a body that may fail: the exits are then told
        /// [`ExitCase::Failed`](crate::ExitCase::Failed), and shown the error.
        ///
        /// # Errors
        ///
        /// As `with`, and [`Cause::Body`](crate::Cause::Body) with the body's error. Exits may
        /// [suppress](crate::Failure::is_suppressed) it.
        ///
        /// # Panics
        ///
        /// With the feature `std`, a panic of the body or of a member goes on when all exits are done.
        ///
        /// # Cancellation
        ///
        /// See [`With`].
        ///
        /// ```
        /// use gather_cm::{Cause, EnterExt, ExitCase, gather};
        ///
        /// smol::block_on(async {
        ///     let member = async { Ok::<_, ()>("12a") }.exit_with(async |_, case| {
        ///         assert_eq!(case, ExitCase::Failed);
        ///         Ok(())
        ///     });
        ///     let failure = gather((member,)).try_with(async |(text,)| text.parse::<u32>()).await.unwrap_err();
        ///     assert!(matches!(failure.cause, Cause::Body(_)));
        /// });
        /// ```
        pub fn try_with<R, B: 'static>(
            self,
            body: impl AsyncFnOnce($Refs) -> Result<R, B>,
        ) -> With<impl FusedFuture<Output = Result<R, Failure<R, B, Faults<$Store>>>>> {
            self.run(body, Ending::from)
        }

        fn run<T, R, B: 'static>(
            self,
            body: impl AsyncFnOnce($Refs) -> T,
            ending: impl FnOnce(T) -> Ending<R, B>,
        ) -> With<impl FusedFuture<Output = Result<R, Failure<R, B, Faults<$Store>>>>> {
            let block = move |mut entered: Entered<$Values, P::Exits>| async move {
                let $values = &mut *entered;
                let refs = $refs;
                let result = Body::<_, P::Stop>::new(|| body(refs)).await;
                (Some(entered), result.map(|output| output.map_or(Ending::Cancelled, ending)))
            };
            let machine = Machine::new(self.group.into_members(), block, self.policy);
            With(Then { future: machine, then: |outcome: Result<(R, Verdict), _>| outcome.map(|(value, _)| value) })
        }
    };
}
pub(crate) use lend;

/// A machine, and what becomes of its outcome.
#[pin_project]
pub(crate) struct Then<Fut, C> {
    #[pin]
    pub(crate) future: Fut,
    pub(crate) then: C,
}

impl<Fut: Future, T, C: Fn(Fut::Output) -> T> Future for Then<Fut, C> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.project();
        this.future.poll(cx).map(this.then)
    }
}

impl<Fut: FusedFuture, T, C: Fn(Fut::Output) -> T> FusedFuture for Then<Fut, C> {
    fn is_terminated(&self) -> bool {
        self.future.is_terminated()
    }
}
