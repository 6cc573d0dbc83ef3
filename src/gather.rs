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

use crate::{
    Group,
    policy::{Catch, EagerRollback, Either, Exits, FailFast, Limited, Policies, Stack},
};

/// A group that is to be entered: made by [`gather`], run by `with` or `try_with`.
///
/// There is one `with` and one `try_with` for each shape of group; they differ in what the body is lent: `(&mut A, &mut
/// B)` for a tuple, `&mut [V; N]` for an array, `&mut [V]` for a `Vec`.
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

impl<G, Rb, L, S, C, O, XL> Gather<G, Policies<Rb, L, S, C, Exits<O, XL>>> {
    /// doc
    pub fn fail_fast(self) -> Gather<G, Policies<FailFast, L, S, C, Exits<O, XL>>> {
        let Policies { enter_limit, stop, exits, .. } = self.policy;
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, kinds: PhantomData } }
    }

    /// doc
    pub fn eager_rollback(self) -> Gather<G, Policies<EagerRollback, L, S, C, Exits<O, XL>>> {
        let Policies { enter_limit, stop, exits, .. } = self.policy;
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, kinds: PhantomData } }
    }

    /// doc
    pub fn stack(self) -> Gather<G, Policies<Rb, L, S, C, Exits<Stack, XL>>> {
        let Policies { enter_limit, stop, exits, kinds } = self.policy;
        let exits = Exits { limit: exits.limit, order: PhantomData };
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, kinds } }
    }

    /// doc
    pub fn enter_limit(self, n: NonZeroUsize) -> Gather<G, Policies<Rb, Limited, S, C, Exits<O, XL>>> {
        let Policies { stop, exits, kinds, .. } = self.policy;
        Gather { group: self.group, policy: Policies { enter_limit: Limited::new(n), stop, exits, kinds } }
    }

    /// doc
    pub fn exit_limit(self, n: NonZeroUsize) -> Gather<G, Policies<Rb, L, S, C, Exits<O, Limited>>> {
        let Policies { enter_limit, stop, exits, kinds } = self.policy;
        let exits = Exits { limit: Limited::new(n), order: exits.order };
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, kinds } }
    }

    /// doc
    pub fn until<F: IntoFuture<Output = ()>>(
        self,
        stop: F,
    ) -> Gather<G, Policies<Rb, L, Either<S, F::IntoFuture>, C, Exits<O, XL>>> {
        let Policies { enter_limit, stop: before, exits, kinds } = self.policy;
        let stop = Either(before, stop.into_future());
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, kinds } }
    }

    /// doc
    #[cfg(feature = "std")]
    pub fn catch_unwind(self) -> Gather<G, Policies<Rb, L, S, Catch, Exits<O, XL>>> {
        let Policies { enter_limit, stop, exits, .. } = self.policy;
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, kinds: PhantomData } }
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
        /// value if an exit failed.
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
