//! A group that was entered, as a value: [`Entered`], a resource like any other.

use core::{
    any::Any,
    convert::Infallible,
    fmt,
    ops::{Deref, DerefMut},
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::future::FusedFuture;
use pin_project::pin_project;

use crate::{
    Exit, ExitCase, Failure, Faults, Gather, Group, Values, Verdict,
    gather::Then,
    machine::{Ending, Machine, Returned},
    policy::{EnterOnly, ExitPolicy, Exits, Policies, Policy},
};

/// The values of a group that was entered: made by [`Gather::enter`].
///
/// It derefs to the values: `(A, B)`, `[V; N]` or `Vec<V>`. It is for fixtures with a setup and a teardown, for storing in
/// a struct (`Entered<(A, B)>` is its name), for ownership that moves out ([`into_inner`](Self::into_inner)), and for
/// nesting: it is a resource like any other, so that series and parallel compose. Its exit exits every member, with the
/// order, the limit and the order of entering of its group; it fails with the group's own [`Failure`], whose faults keep
/// their own indices; and it answers `Suppress` if all its members do (in a stack, as a stack does). An outer group's
/// policies do not reach inside. Its `witness` shows the error to every member, before the first of their exits.
///
/// A `Vec` may be changed before its exit: whoever is in it then is exited. In a [`stack`](Gather::stack) the order of
/// entering is kept by place, and those that were pushed come last.
///
/// # Panics
///
/// A panic in the exit of a member goes on when the other exits are done, whether or not the group was entered with
/// [`catch_unwind`](Gather::catch_unwind): that is a matter of whoever exits it.
///
/// # Cancellation
///
/// Dropped, it abandons every member.
///
/// ```
/// use gather_cm::{EnterExt, Entered, Exit, ExitCase, gather};
///
/// smol::block_on(async {
///     let open = |name: &'static str| async move { Ok::<_, String>(name) }.exit_with(async |name, case| {
///         println!("{name} is closed: {case:?}");
///         Ok(())
///     });
///     // In two halves:
///     let servers = gather((open("primary"), open("replica"))).enter().await.unwrap();
///     assert_eq!(servers.0.len() + servers.1.len(), 14);
///     servers.exit(ExitCase::Completed).await.unwrap();
///
///     // Nested: beside the servers, which are entered side by side, a network.
///     let servers = async { gather((open("primary"), open("replica"))).enter().await };
///     let network = open("network").errors_into::<Box<dyn std::error::Error>>();
///     gather((network, servers.errors_into()))
///         .with(async |(network, servers)| assert_eq!(network.len() + servers.1.len(), 14))
///         .await
///         .unwrap();
/// });
/// ```
///
/// # Fixtures
///
/// A group that was entered is a fixture for tests: entering it sets up, its exit tears down. In a group of it alone, a
/// test is the body, and the teardown is awaited whether the test returns or (with the feature `std`) panics:
///
/// ```
/// use gather_cm::{DropOnExit, EnterExt, Entered, Exit, ExitCase, gather};
/// use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
///
/// static RUNS: AtomicBool = AtomicBool::new(false);
///
/// struct Server;
///
/// async fn start_server() -> Result<Server, String> {
///     RUNS.store(true, Relaxed);
///     Ok(Server)
/// }
///
/// impl Exit for Server {
///     type Error = String;
///     type Verdict = ();
///     async fn exit(self, _: ExitCase) -> Result<(), String> {
///         Ok(RUNS.store(false, Relaxed))
///     }
/// }
///
/// type Fixture = Entered<(Server, DropOnExit<u16, String>)>;
///
/// async fn with_fixture<R>(test: impl AsyncFnOnce(&mut Fixture) -> R) -> R {
///     let port = async { Ok(5432) }.drop_on_exit();
///     let fixture = gather((start_server(), port)).enter();
///     gather((fixture,)).with(async |(fixture,)| test(fixture).await).await.expect("set up and torn down")
/// }
///
/// // Each of these would be the one line of a `#[test]`.
/// smol::block_on(with_fixture(async |fixture| assert_eq!(*fixture.1, 5432)));
/// assert!(!RUNS.load(Relaxed));
/// # #[cfg(feature = "std")]
/// std::panic::catch_unwind(|| smol::block_on(with_fixture(async |_| assert!(!RUNS.load(Relaxed))))).unwrap_err();
/// assert!(!RUNS.load(Relaxed));
/// ```
///
/// A test's panic goes on when all is torn down, and errors of the teardown are dropped beside it; to see both, add
/// [`catch_unwind`](Gather::catch_unwind). Where the two ends are apart, as in a suite that shares one fixture,
/// `enter()` comes before the tests, and [`exit`](Exit::exit) after them, told `Completed` or `Panicked`.
pub struct Entered<V: Values, P: ExitPolicy = Exits> {
    /// The values, and the order in which they were entered.
    held: Option<(V, V::Ranks<P::Rank>)>,
    policy: P,
}

impl<V: Values, P: ExitPolicy> Entered<V, P> {
    pub(crate) fn new(values: V, ranks: V::Ranks<P::Rank>, policy: P) -> Self {
        Self { held: Some((values, ranks)), policy }
    }

    /// The values and their ranks, and the duty to release them.
    pub(crate) fn into_parts(mut self) -> (V, V::Ranks<P::Rank>) {
        self.held.take().expect(HELD)
    }

    /// The values, and the duty to release them: nothing is exited.
    ///
    /// ```
    /// use gather_cm::{EnterExt, gather};
    ///
    /// smol::block_on(async {
    ///     let member = || async { Ok::<_, ()>(String::from("kept")) }.drop_on_exit();
    ///     let (a, b) = gather((member(), member())).enter().await.unwrap().into_inner();
    ///     assert_eq!(a.into_inner() + &b.into_inner(), "keptkept");
    /// });
    /// ```
    pub fn into_inner(self) -> V {
        self.into_parts().0
    }
}

const HELD: &str = "the values are there until they are taken";

impl<V: Values, P: ExitPolicy> Drop for Entered<V, P> {
    fn drop(&mut self) {
        if let Some((values, _)) = self.held.take() {
            values.abandon();
        }
    }
}

impl<V: Values, P: ExitPolicy> Deref for Entered<V, P> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.held.as_ref().expect(HELD).0
    }
}

impl<V: Values, P: ExitPolicy> DerefMut for Entered<V, P> {
    fn deref_mut(&mut self) -> &mut V {
        &mut self.held.as_mut().expect(HELD).0
    }
}

/// The values are not shown, so that they need not be `Debug`.
impl<V: Values, P: ExitPolicy> fmt::Debug for Entered<V, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entered").finish_non_exhaustive()
    }
}

impl<V: Values<Error: 'static>, P: ExitPolicy> Exit for Entered<V, P> {
    type Error = Failure<(), Infallible, Faults<V::Store>>;
    type Verdict = Verdict;

    fn exit(self, case: ExitCase) -> impl Future<Output = Result<Verdict, Self::Error>> {
        let policy = self.policy;
        let (values, ranks) = self.into_parts();
        let members = values.hold(ranks);
        let machine: Machine<_, fn(Self) -> NoBody<V, P>, NoBody<V, P>, (), Infallible, _> =
            Machine::exits(members, case, (), Policies::exits_only(policy));
        Then { future: machine, then: |outcome: Result<((), Verdict), _>| outcome.map(|((), verdict)| verdict) }
    }

    fn witness(&mut self, error: &dyn Any) {
        (**self).witness(error);
    }

    // Its `Drop` is its `abandon`.
}

/// The block of a body that there is not.
type NoBody<V, P> = core::future::Pending<Returned<V, P, (), Infallible>>;

/// The future of [`Gather::enter`].
///
/// ```
/// use gather_cm::{EnterExt, gather};
/// use std::{pin::pin, task::{Context, Poll, Waker}};
///
/// let member = async { Ok::<_, ()>("lock") }.drop_on_exit();
/// let mut enter = pin!(gather((member,)).enter());
/// let Poll::Ready(Ok(group)) = enter.as_mut().poll(&mut Context::from_waker(Waker::noop())) else { unreachable!() };
/// assert_eq!(*group.0, "lock");
/// ```
///
/// # Panics
///
/// If it is polled again after it has finished, or after a panic got out of it.
///
/// # Cancellation
///
/// Where it is dropped, enters that are pending are dropped, and what is held is abandoned.
#[pin_project]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Enter<T>(#[pin] T);

impl<T: Future> Future for Enter<T> {
    type Output = T::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T::Output> {
        self.project().0.poll(cx)
    }
}

impl<T: FusedFuture> FusedFuture for Enter<T> {
    fn is_terminated(&self) -> bool {
        self.0.is_terminated()
    }
}

impl<T> fmt::Debug for Enter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enter").finish_non_exhaustive()
    }
}

/// A group that was entered, or why not.
type EnterResult<G, P> =
    Result<Entered<<G as Group>::Values, <P as Policy>::Exits>, Failure<(), Infallible, Faults<<G as Group>::Store>>>;

impl<G: Group<Error: 'static>, P: Policy> Gather<G, P> {
    /// Enters every member at the same time, and gives the values as one resource, [`Entered`]: the first half of a life
    /// cycle. The second is its [`exit`](Exit::exit).
    ///
    /// # Errors
    ///
    /// As `with` where a member cannot be entered: those that were are exited. [`until`](Self::until) ends the entering
    /// only.
    ///
    /// # Panics
    ///
    /// With the feature `std`, a panic of a member goes on when those held are exited.
    ///
    /// # Cancellation
    ///
    /// See [`Enter`]. Once the values are there, dropping them abandons them.
    ///
    /// ```
    /// use gather_cm::{DropOnExit, EnterExt, Entered, Exit, ExitCase, gather};
    ///
    /// struct Fixture {
    ///     ports: Entered<[DropOnExit<u16, String>; 2]>,
    /// }
    ///
    /// smol::block_on(async {
    ///     let open = |port: u16| async move { Ok(port) }.drop_on_exit();
    ///     let fixture = Fixture { ports: gather([open(80), open(443)]).enter().await.unwrap() };
    ///     assert_eq!(*fixture.ports[1], 443);
    ///     fixture.ports.exit(ExitCase::Completed).await.unwrap();
    /// });
    /// ```
    pub fn enter(self) -> Enter<impl FusedFuture<Output = EnterResult<G, P>>> {
        let body = |entered: Entered<G::Values, P::Exits>| core::future::ready((None, Ok(Ending::Completed(entered))));
        let machine = Machine::new(self.group.into_members(), body, EnterOnly(self.policy));
        Enter(Then {
            future: machine,
            then: |outcome: Result<_, Failure<_, Infallible, _>>| match outcome {
                Ok((entered, _)) => Ok(entered),
                Err(failure) => Err(failure.without_value()),
            },
        })
    }
}
