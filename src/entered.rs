//! A group that was entered, as a value: [`Entered`], a resource like any other.

use core::{
    any::Any,
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project::pin_project;

use crate::{
    Cause, Cycle, Errors, Exit, ExitCase, Failure, FailureOf, Gather, Group, Known, Shape, Values, Verdict, With,
    drive::{Drive, Drove, Exiting, Split, Undriven},
    exit::Answer,
    group::{HeldAll, Members},
    machine::{After, Ended, ExitOnly, Machine},
    policy::{ExitPolicy, Exits, Policy},
    slot::Nobody,
    unwind::FirstPanic,
};
#[cfg(feature = "alloc")]
use crate::{
    Resource,
    group::scope::{Joined, TellsBeside},
    observe::Events,
};

/// The resources of a group that was entered. [`Gather::enter`] returns them.
///
/// An `Entered` derefs to the resources: `(A, B)`, `[V; N]` or `Vec<V>`. [`lend`](Self::lend) returns references to
/// their values, as a body receives them. Use an `Entered` for fixtures with a setup and a teardown, and for a field of
/// a struct, with the type `Entered<(A, B)>`. Use it also for nesting, since it is a resource like any other.
///
/// Its exit exits every member. It keeps the order, the limit, the names, `fair`, `caller_waker` and the order of
/// entering of its group. It does not keep the observer, `catch_unwind` and `cancel_on`. It fails with the group's own
/// [`Failure`](crate::Failure), whose errors keep their indices. It answers `Suppress` if all its members do. In a
/// stack, the [rule of a stack](crate::Failure::is_suppressed) applies. The policies of an outer group do not reach
/// inside. Its `on_error` shows the error to every member, before the first of their exits.
///
/// If its members have [drivers](crate::EnterExt::driven), make it a member of an outer group, as the example does. The
/// outer group then polls the drivers. Without an outer group, nobody polls them between `enter` and
/// [`exit`](Exit::exit). The exit polls them in either case.
///
/// You may change a `Vec` before its exit, which exits the resources that it then holds. In a [`stack`](Gather::stack)
/// the order of entering is kept by place, and resources at new places count as entered last.
///
/// # Panics
///
/// If the exit of a member panics, the panic resumes when the other exits have finished, whether or not the group was
/// entered with [`catch_unwind`](Gather::catch_unwind).
///
/// # Cancellation
///
/// If you drop an `Entered`, it abandons every member.
///
/// A nested group enters as part of the enter of a member of the outer group. If the outer group drops that member's
/// enter, the nested group abandons the resources that it holds by then. Three things drop the enter:
/// [`fail_fast`](Gather::fail_fast) when another member fails, [`cancel_on`](Gather::cancel_on) when its future is
/// ready, and a drop of the outer future. You can avoid this:
///
/// - Call [`settle`](Gather::settle) on the outer group. After a stop, the outer group then lets the nested group
///   enter, and exits it.
/// - Stop the nested group itself: `gather(..).cancel_on(..).enter()` exits its resources, and then fails.
/// - Call [`shield`](Gather::shield) and [`settle`](crate::Shield::settle) on the outer group, if its future may be
///   dropped.
///
/// ```
/// use std::{error::Error, io};
///
/// use gather_cm::{EnterExt, Exit, ExitCase, gather};
///
/// # fn main() -> Result<(), Box<dyn Error>> { smol::block_on(async {
/// let open = |name: &'static str| {
///     async move { Ok::<_, io::Error>(name) }.exit_with(async |name, case| {
///         println!("{name} is closed: {case:?}");
///         Ok(())
///     })
/// };
/// // In two halves:
/// let servers = gather((open("primary"), open("replica"))).enter().await?;
/// assert_eq!(servers.0.len() + servers.1.len(), 14);
/// servers.exit(ExitCase::Completed).await?;
///
/// // Nested: the servers enter side by side, beside a network.
/// let servers = async { gather((open("primary"), open("replica"))).enter().await };
/// let network = open("network").errors_into::<Box<dyn Error>>();
/// gather((network, servers.errors_into()))
///     .with(async |(network, servers)| Ok(assert_eq!(network.len() + servers.1.len(), 14)))
///     .await
///     .map_err(|failure| failure.to_string())?;
/// # Ok(()) }) }
/// ```
///
/// # Fixtures
///
/// An `Entered` can be a fixture for tests. Its enter is the setup, and its exit is the teardown. Make the test the
/// body of a group that has the fixture as its only member. The group then awaits the teardown, whether the test
/// returns or (with the feature `std`) panics:
///
/// ```
/// use std::{
///     io,
///     sync::atomic::{AtomicBool, Ordering::Relaxed},
/// };
///
/// use gather_cm::{DropOnExit, EnterExt, Entered, Exit, ExitCase, Failure, gather};
///
/// static RUNS: AtomicBool = AtomicBool::new(false);
///
/// struct Server;
///
/// async fn start_server() -> Result<Server, io::Error> {
///     RUNS.store(true, Relaxed);
///     Ok(Server)
/// }
///
/// impl Exit for Server {
///     type Error = io::Error;
///     type Verdict = ();
///
///     async fn exit(self, _: ExitCase) -> Result<(), io::Error> {
///         Ok(RUNS.store(false, Relaxed))
///     }
/// }
///
/// type Fixture = Entered<(Server, DropOnExit<u16, io::Error>)>;
///
/// async fn with_fixture(test: impl AsyncFnOnce(&mut Fixture)) -> Result<(), String> {
///     let port = async { Ok(5432) }.drop_on_exit();
///     let fixture = gather((start_server(), port)).enter();
///     let group = gather((fixture,));
///     let result = group.with(async |(fixture,)| Ok(test(fixture).await)).await;
///     result.map_err(|failure| failure.to_string())
/// }
///
/// # fn main() -> Result<(), String> {
/// // Each of these would be the one line of a `#[test]`.
/// smol::block_on(with_fixture(async |fixture| assert_eq!(*fixture.1, 5432)))?;
/// assert!(!RUNS.load(Relaxed));
/// # #[cfg(feature = "std")]
/// let failing = || smol::block_on(with_fixture(async |_| assert!(!RUNS.load(Relaxed))));
/// # #[cfg(feature = "std")]
/// assert!(std::panic::catch_unwind(failing).is_err());
/// assert!(!RUNS.load(Relaxed));
/// # Ok(()) }
/// ```
///
/// A test's panic resumes when the teardown has finished, and errors of the teardown are dropped beside it. If you want
/// to see both, add [`catch_unwind`](Gather::catch_unwind). If the setup and the teardown are in different places, as
/// in a suite that shares one fixture, call `enter()` before the tests and [`exit`](Exit::exit) after them, with
/// `Completed` or `Panicked`.
#[must_use = "dropped, it abandons every member: exit it, or make it a member of a group"]
pub struct Entered<V: Values, P: ExitPolicy = Exits> {
    held: HeldAll<V, P::Rank>,
    policy: P,
}

impl<V: Values, P: ExitPolicy> Entered<V, P> {
    pub(crate) fn new(held: HeldAll<V, P::Rank>, policy: P) -> Self {
        Self { held, policy }
    }

    pub(crate) fn into_held(self) -> HeldAll<V, P::Rank> {
        self.held
    }

    /// Returns the resources without exiting them. You are responsible for them now.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{DropOnExit, EnterExt, Entered, gather};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let member = || async { Ok::<_, io::Error>(String::from("kept")) }.drop_on_exit();
    /// let (a, b) = Entered::into_inner(gather((member(), member())).enter().await?);
    /// assert_eq!(DropOnExit::into_inner(a) + &b, "keptkept");
    /// # Ok(()) }) }
    /// ```
    pub fn into_inner(this: Self) -> V {
        this.into_held().take().0
    }
}

impl<V: Values, P: ExitPolicy> Deref for Entered<V, P> {
    type Target = V;

    fn deref(&self) -> &V {
        self.held.values()
    }
}

impl<V: Values, P: ExitPolicy> DerefMut for Entered<V, P> {
    fn deref_mut(&mut self) -> &mut V {
        self.held.values_mut()
    }
}

/// The resources are not shown, so that they need not be `Debug`.
impl<V: Values, P: ExitPolicy> fmt::Debug for Entered<V, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entered").finish_non_exhaustive()
    }
}

impl<V: Values<Error: 'static>, P: ExitPolicy> Exit for Entered<V, P> {
    type Error = FailureOf<V>;
    type Verdict = Verdict;

    fn exit(self, case: ExitCase) -> impl Future<Output = Result<Verdict, Self::Error>> {
        exit_all(self, case)
    }

    fn on_error(&mut self, error: &dyn Any) {
        (**self).show(error);
    }

    // Its `Drop` is its `abandon`.

    fn exit_in_group(self, case: ExitCase) -> impl Exiting<Error = Self::Error> {
        exit_all(self, case)
    }

    const DRIVEN_IN_GROUP: bool = V::DRIVEN;

    fn drive_in_group(&mut self, cx: &mut Context<'_>) -> Drove {
        self.held.values_mut().drive(cx)
    }

    fn has_lost_in_group(&self) -> bool {
        self.held.values().has_lost()
    }

    fn take_lost_in_group(&mut self) -> Option<Self::Error> {
        let errors = self.held.values_mut().take_lost()?;
        let names = <V::Shape as Shape>::from_slice(self.policy.names());
        Some(Failure { cause: Cause::Lost(errors), exits: Errors::empty(), suppressed: false, names })
    }

    fn split_in_group() -> impl Split<Self, Drivers = impl Drive<Self>> {
        OfGroup(V::split())
    }
}

/// The drivers of a group that was entered.
#[derive(Clone, Copy)]
struct OfGroup<D>(D);

impl<V: Values, P: ExitPolicy, S: Split<V>> Split<Entered<V, P>> for OfGroup<S> {
    type Drivers = OfGroup<S::Drivers>;

    fn split(self, entered: &mut Entered<V, P>) -> Self::Drivers {
        OfGroup(self.0.split(entered.held.values_mut()))
    }
}

impl<V: Values, P: ExitPolicy, D: Drive<V>> Drive<Entered<V, P>> for OfGroup<D> {
    type Kind = D::Kind;

    fn drive(&mut self, _: usize, cx: &mut Context<'_>) -> Drove {
        self.0.drive_all(cx)
    }

    fn take(&mut self) -> Self {
        Self(self.0.take())
    }

    fn rejoin(self, entered: &mut Entered<V, P>) {
        self.0.rejoin(entered.held.values_mut());
    }

    fn clear(&mut self, panic: &mut FirstPanic) {
        self.0.clear(panic);
    }
}

/// Exits every member. `A` is the form of the answer.
fn exit_all<V, P, A>(entered: Entered<V, P>, case: ExitCase) -> ExitAll<impl Members<Values = V, Rank = P::Rank>, P, A>
where
    V: Values<Error: 'static>,
    P: ExitPolicy,
    A: FromAnswer,
{
    let policy = entered.policy;
    let (values, ranks) = entered.into_held().take();
    let members = values.hold(ranks, P::CALLER_WAKER);
    ExitAll { exits: ExitOnly::new(members, case, policy), answer: PhantomData }
}

/// The future of an [`Entered`]'s exit. It returns the common answer of the members as an `A`.
#[pin_project]
struct ExitAll<Ms: Members, X, A> {
    #[pin]
    exits: ExitOnly<Ms, X>,
    answer: PhantomData<fn() -> A>,
}

/// The two forms of an answer: [`Answer`] for an exit within a group, and [`Verdict`] for an exit by hand.
trait FromAnswer {
    fn from_answer(answer: Answer) -> Self;
}

impl FromAnswer for Answer {
    fn from_answer(answer: Answer) -> Self {
        answer
    }
}

impl FromAnswer for Verdict {
    fn from_answer(answer: Answer) -> Self {
        Self::of(answer)
    }
}

impl<Ms, X> Exiting for ExitAll<Ms, X, Answer>
where
    Ms: Members<Values: Values<Error: 'static>, Rank = X::Rank>,
    X: ExitPolicy,
{
    type Error = FailureOf<Ms::Values>;
    type Kind = Ms::Kind;

    fn driver_ended(self: Pin<&mut Self>) -> bool {
        self.project().exits.driver_ended()
    }
}

impl<Ms, X, A> Future for ExitAll<Ms, X, A>
where
    Ms: Members<Values: Values<Error: 'static>, Rank = X::Rank>,
    X: ExitPolicy,
    A: FromAnswer,
{
    type Output = Result<A, FailureOf<Ms::Values>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(self.project().exits.poll_cycle(cx)) {
            Ok(((), answer)) => Ok(A::from_answer(answer)),
            Err((failure, _)) => Err(failure),
        })
    }
}

/// Keeps the values after the enters of [`Gather::enter`].
pub(crate) struct Keep;

impl<V: Values, X: ExitPolicy> After<V, X> for Keep {
    const BODY: bool = false;
    type Value = Entered<V, X>;
    type Error = V::Error;
    type Block = Nobody<(HeldAll<V, X::Rank>, Ended<Result<Entered<V, X>, V::Error>>)>;
    type Drivers = Undriven;

    fn split(&self, _: &mut V) -> Undriven {
        Undriven
    }

    fn begin(self, held: HeldAll<V, X::Rank>, policy: X) -> Result<Self::Block, Entered<V, X>> {
        Err(Entered::new(held, policy))
    }
}

/// The body of a scope, as in [`Call`](crate::machine::Call). If it succeeds, the resources that have joined come along
/// with its value.
#[cfg(feature = "alloc")]
pub(crate) struct CallAndKeep<C, K> {
    body: C,
    block: K,
}

#[cfg(feature = "alloc")]
impl<C, K> CallAndKeep<C, K> {
    pub(crate) fn new(body: C, block: K) -> Self {
        Self { body, block }
    }
}

#[cfg(feature = "alloc")]
impl<C, K, Fut, R: Resource, X: ExitPolicy, T, B> After<Joined<R>, X> for CallAndKeep<C, K>
where
    K: FnOnce(C, HeldAll<Joined<R>, X::Rank>, X) -> Fut,
    Fut: Future<Output = (HeldAll<Joined<R>, X::Rank>, Ended<Result<Kept<T, R, X>, B>>)>,
{
    const BODY: bool = true;
    type Value = Kept<T, R, X>;
    type Error = B;
    type Block = Fut;
    type Drivers = TellsBeside;

    fn split(&self, joined: &mut Joined<R>) -> TellsBeside {
        TellsBeside::of(joined)
    }

    fn begin(self, held: HeldAll<Joined<R>, X::Rank>, policy: X) -> Result<Fut, Self::Value> {
        Ok((self.block)(self.body, held, policy))
    }

    const KEEPS: bool = true;

    fn keep((value, _): Self::Value, mut held: HeldAll<Joined<R>, X::Rank>, policy: X) -> Self::Value {
        held.values_mut().events = Events::NONE;
        (value, Some(Entered::new(held, policy)))
    }
}

/// The value of a body. The resources that it has entered come along with it once it is known that they are kept.
#[cfg(feature = "alloc")]
pub(crate) type Kept<T, R, X> = (T, Option<Entered<Joined<R>, X>>);

impl<G: Group<Error: 'static>, P: Policy> Gather<G, P> {
    /// Enters every member at the same time, and returns the resources as one value, an [`Entered`]. This is the first
    /// half of a life cycle, and the [`exit`](Exit::exit) of that value is the second half.
    ///
    /// If members have [drivers](crate::EnterExt::driven), nobody polls the drivers until the exit. Make the [`Entered`] a
    /// member of an outer group then. [`Entered`] has an example.
    ///
    /// # Errors
    ///
    /// It fails as `with` does if a member cannot be entered, and the members that entered are exited.
    /// [`cancel_on`](Self::cancel_on) cancels the enters only.
    ///
    /// # Panics
    ///
    /// With the feature `std`, a panic of a member resumes when the held resources have been exited.
    ///
    /// # Cancellation
    ///
    /// [`With`] says what a drop of the future does. If you drop the [`Entered`] later, it abandons its resources.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{DropOnExit, EnterExt, Entered, Exit, ExitCase, gather};
    ///
    /// struct Fixture {
    ///     ports: Entered<[DropOnExit<u16, io::Error>; 2]>,
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let open = |port: u16| async move { Ok(port) }.drop_on_exit();
    /// let fixture = Fixture { ports: gather([open(80), open(443)]).enter().await? };
    /// assert_eq!(*fixture.ports[1], 443);
    /// fixture.ports.exit(ExitCase::Completed).await?;
    /// # Ok(()) }) }
    /// ```
    pub fn enter(
        self,
    ) -> With<impl Cycle<Value = Entered<G::Values, P::Exits>, Error = G::Error, Shape = G::Shape, BodyError = G::Error>>
    where
        G: Known,
    {
        let members = self.group.into_members(<P::Exits as ExitPolicy>::CALLER_WAKER, false);
        With(Machine::new(members, Keep, self.policy))
    }
}
