//! The dynamic scope: resources that join while the body runs.

use alloc::vec::Vec;
use core::{
    any::Any,
    fmt,
    future::poll_fn,
    mem,
    ops::{Deref, DerefMut},
    pin::pin,
};

use crate::{
    Entered, Event, Exit, ExitCase, FailureOf, Gather, Group, Many, Resource, Values, Verdict,
    drive::Exiting,
    gather,
    group::{
        HeldAll, Members,
        scope::{Joined, Mark, ScopeSlots},
        sealed::Sealed,
    },
    lock::Lock,
    observe::Events,
    policy::{ExitPolicy, Exits, Observer, Policy, Rank},
    slot::Slot,
    unwind::FirstPanic,
};

mod boxes;

pub use boxes::{BoxExit, Boxed, LocalBoxExit, LocalBoxed};

/// Starts a life cycle whose members are not known beforehand. It does the same as `gather(Scope::new())`.
///
/// The body receives a [`&Scope`](Scope), and enters resources as it goes: in a loop, under a condition, or several at
/// the same time. When the body has ended, the gather exits all resources that have joined, in a pool or in a
/// [`stack`](Gather::stack). This is Python's [`AsyncExitStack`], with concurrent exits.
///
/// Policies of the exits, [`cancel_on`](Gather::cancel_on), `observe`, `catch_unwind` and [`shield`](Gather::shield)
/// apply as to any group. Policies of the enters and `names` do not compile, because the body itself enters the
/// resources. [`Known`](crate::Known) is the trait that they ask for. If you want to keep the resources when the body
/// succeeds, call [`with_entered`](Gather::with_entered).
///
/// [`AsyncExitStack`]: https://docs.python.org/3/library/contextlib.html#contextlib.AsyncExitStack
///
/// ```
/// use std::io;
///
/// use gather_cm::{EnterExt, scope};
///
/// async fn connect(host: &str) -> Result<String, io::Error> {
///     if host == "b" { Err(io::Error::other("no route")) } else { Ok(host.to_uppercase()) }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// let connected = scope()
///     .with(async |scope| {
///         let mut links = Vec::new();
///         for host in ["a", "b", "c"] {
///             match scope.enter(connect(host).drop_on_exit()).await {
///                 Ok(link) => links.push(link),
///                 Err(error) => eprintln!("{host}: {error}"), // goes on with the next one
///             }
///         }
///         Ok(links.iter().map(|link| link.as_str()).collect::<String>())
///     })
///     .await?;
/// assert_eq!(connected, "AC");
/// # Ok(()) }) }
/// ```
pub fn scope<R: Resource>() -> Gather<Scope<R>> {
    gather(Scope::new())
}

/// A group whose members are not known beforehand. [`scope`] makes one with policies and a body.
///
/// A resource *joins* when you [`enter`](Self::enter) or [`hold`](Self::hold) it. From then on the scope is responsible
/// for it. You use it through a guard, [`Lent`], and the scope takes it back when you drop the guard. Each `enter` and
/// each `hold` has an index, and so does each call that boxes a resource. The indices count from 0, in the order in
/// which they begin. An `enter` begins when its future is first polled. No index is used twice.
///
/// The resources have one type, `R`. If yours have different types, use [`BoxExit`](crate::BoxExit), or an enum of your
/// own along with [`enter_into`](Self::enter_into).
///
/// A scope on its own is a value that you may keep in a struct. It is a resource itself: its exit exits all resources
/// that have joined, in a pool. `gather(scope)` adds policies and a body. If you drop a scope, it abandons its
/// resources.
///
/// With the feature `std`, threads may share a scope. Without it, the future of a scope is not `Send`.
///
/// This is a scope in a struct:
///
/// ```
/// use std::io;
///
/// use gather_cm::{DropOnExit, EnterExt, Exit, ExitCase, Scope};
///
/// struct Fixture {
///     ports: Scope<DropOnExit<u16, io::Error>>,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// let fixture = Fixture { ports: Scope::new() };
/// for port in [80, 443] {
///     fixture.ports.enter(async move { Ok::<_, io::Error>(port) }.drop_on_exit()).await?;
/// }
/// assert_eq!(fixture.ports.len(), 2);
/// fixture.ports.exit(ExitCase::Completed).await?;
/// # Ok(()) }) }
/// ```
///
/// # Many enters at the same time
///
/// The body polls the enters, so it may use any join. If you do not know how many there are, push them to a
/// `FuturesUnordered` of the crate `futures-util`:
///
/// ```
/// use std::io;
///
/// use futures_util::stream::{FuturesUnordered, TryStreamExt};
/// use gather_cm::{EnterExt, scope};
///
/// async fn connect(host: &str) -> Result<usize, io::Error> {
///     Ok(host.len())
/// }
///
/// # #[cfg(feature = "std")] // so that the future is `Send`
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hosts = ["a".to_owned(), "bc".to_owned()];
/// let task = smol::spawn(async move {
///     let group = scope().with(async |scope| {
///         let mut enters = FuturesUnordered::new();
///         for host in &hosts {
///             enters.push(scope.enter(connect(host).drop_on_exit()));
///         }
///         let mut sum = 0;
///         while let Some(link) = enters.try_next().await? {
///             sum += **link;
///         }
///         Ok(sum)
///     });
///     group.await
/// });
/// assert_eq!(smol::block_on(task)?, 3);
/// # Ok(()) }
/// # #[cfg(not(feature = "std"))]
/// # fn main() {}
/// ```
///
/// The loop avoids an error of the compiler. If you write `stream::iter(&hosts).map(|host| scope.enter(..))` in a block
/// that you spawn, the compiler may say that some implementation is "not general enough". It may say so without a
/// scope, too. The reason is [rust#110338](https://github.com/rust-lang/rust/issues/110338).
///
/// You can also let a [`gather`] of a `Vec` enter the members, and hold its values. The policies of enters apply then:
///
/// ```
/// use std::io;
///
/// use gather_cm::{EnterExt, Entered, gather, scope};
///
/// async fn connect(host: &str) -> Result<usize, io::Error> {
///     Ok(host.len())
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// let hosts = ["a", "bc", "def"];
/// let count = scope()
///     .with(async |scope| {
///         let members = hosts.iter().map(|host| connect(host).drop_on_exit());
///         let members: Vec<_> = members.collect();
///         let entering = gather(members).enter_limit(2).fail_fast().enter();
///         let links = entering.await.map_err(|failure| io::Error::other(failure.report()))?;
///         for link in Entered::into_inner(links) {
///             scope.hold(link);
///         }
///         Ok(scope.len())
///     })
///     .await?;
/// assert_eq!(count, 3);
/// # Ok(()) }) }
/// ```
///
/// # Resources of different types
///
/// | your resources | use |
/// | --- | --- |
/// | are `Send` and `'static` | a `Scope<BoxExit<E>>`, with [`enter_boxed`](Self::enter_boxed), [`adopt`](Self::adopt) and [`defer`](Self::defer) |
/// | may borrow, and stay on one thread | a `Scope<LocalBoxExit<'_, E>>`, with [`enter_local`](Self::enter_local), [`adopt_local`](Self::adopt_local) and [`defer_local`](Self::defer_local) |
/// | may borrow, and the future must be `Send` | an enum of yours, with [`enter_into`](Self::enter_into) and [`hold_into`](Self::hold_into) |
///
/// An enum needs no allocation for each resource. This macro writes one for you:
///
/// ```
/// use std::{any::Any, io};
///
/// use gather_cm::{Exit, ExitCase, Verdict, scope};
///
/// macro_rules! resources {
///     (enum $Name:ident<$life:lifetime>: $Error:ty { $($Variant:ident($Type:ty),)* }) => {
///         enum $Name<$life> {
///             $($Variant($Type),)*
///         }
///
///         $(impl<$life> From<$Type> for $Name<$life> {
///             fn from(value: $Type) -> Self {
///                 Self::$Variant(value)
///             }
///         })*
///
///         impl<$life> Exit for $Name<$life> {
///             type Error = $Error;
///             type Verdict = Verdict;
///
///             async fn exit(self, case: ExitCase) -> Result<Verdict, $Error> {
///                 match self {
///                     $(Self::$Variant(value) => value.exit(case).await.map(Into::into),)*
///                 }
///             }
///
///             fn on_error(&mut self, error: &dyn Any) {
///                 match self {
///                     $(Self::$Variant(value) => value.on_error(error),)*
///                 }
///             }
///
///             fn abandon(self) {
///                 match self {
///                     $(Self::$Variant(value) => value.abandon(),)*
///                 }
///             }
///         }
///     };
/// }
///
/// struct Disk<'a>(&'a str);
/// struct Link<'a>(&'a str);
///
/// resources! {
///     enum Part<'a>: io::Error {
///         Disk(Disk<'a>),
///         Link(Link<'a>),
///     }
/// }
/// #
/// # impl Exit for Disk<'_> {
/// #     type Error = io::Error;
/// #     type Verdict = ();
/// #
/// #     async fn exit(self, _: ExitCase) -> Result<(), io::Error> {
/// #         Ok(())
/// #     }
/// # }
/// #
/// # impl Exit for Link<'_> {
/// #     type Error = io::Error;
/// #     type Verdict = bool;
/// #
/// #     async fn exit(self, _: ExitCase) -> Result<bool, io::Error> {
/// #         Ok(false)
/// #     }
/// # }
///
/// # #[cfg(feature = "std")] // so that the future is `Send`
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let names = ["sda".to_owned(), "eth0".to_owned()];
/// let executor = smol::Executor::new(); // its tasks may borrow, and must be `Send`
/// let task = executor.spawn(scope::<Part<'_>>().with(async |scope| {
///     let disk = scope.enter_into(async { io::Result::Ok(Disk(&names[0])) }).await?;
///     let link = scope.hold_into(Link(&names[1]));
///     Ok(disk.0.len() + link.0.len())
/// }));
/// assert_eq!(smol::block_on(executor.run(task))?, 7);
/// # Ok(()) }
/// # #[cfg(not(feature = "std"))]
/// # fn main() {}
/// ```
pub struct Scope<R: Resource> {
    store: Lock<Store<R>>,
    events: Events,
}

/// The resources that are not lent, in any order.
struct Store<R> {
    values: Vec<R>,
    marks: Vec<Mark>,
    /// The next index, and the last rank.
    next: Mark,
}

impl<R> Store<R> {
    fn next_index(&mut self) -> usize {
        let index = self.next.index;
        self.next.index += 1;
        index
    }

    fn next_rank(&mut self) -> usize {
        self.next.rank += 1;
        self.next.rank
    }
}

impl<R: Resource> Scope<R> {
    /// Makes a scope without resources. There is an example [above](Self).
    pub const fn new() -> Self {
        const {
            assert!(
                !R::DRIVEN,
                "a scope cannot poll the driver of a resource: make it a member of a group, see `EnterExt::driven`"
            );
        }
        let next = Mark { index: 0, rank: 0 };
        Self { store: Lock::new(Store { values: Vec::new(), marks: Vec::new(), next }), events: Events::NONE }
    }

    /// Enters a member, which then joins the scope.
    ///
    /// The member is any future that returns `Result<R, E>`. You may enter several at the same time, with any `join!`.
    ///
    /// # Errors
    ///
    /// If the member fails, `enter` returns its error as it is, of any type. Nothing else happens to the scope, so you
    /// may try again, or enter another member instead.
    ///
    /// # Cancellation
    ///
    /// If you drop the future, the member is dropped.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{EnterExt, scope};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let open = |port: u16| async move { Ok::<_, io::Error>(port) }.drop_on_exit();
    /// let sum = scope()
    ///     .with(async |scope| {
    ///         let both = smol::future::zip(scope.enter(open(80)), scope.enter(open(443))).await;
    ///         let (a, b) = (both.0?, both.1?);
    ///         Ok(**a + **b)
    ///     })
    ///     .await?;
    /// assert_eq!(sum, 523);
    /// # Ok(()) }) }
    /// ```
    pub fn enter<M, E>(&self, member: M) -> impl Future<Output = Result<Lent<'_, R>, E>>
    where
        M: IntoFuture<Output = Result<R, E>>,
    {
        self.enter_into(member)
    }

    /// Does what [`enter`](Self::enter) does, for a member whose resource is not yet an `R`. It becomes one when you
    /// drop the guard.
    ///
    /// # Errors
    ///
    /// It fails as [`enter`](Self::enter) does.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{Exit, ExitCase, scope};
    ///
    /// struct Disk;
    /// struct Link;
    ///
    /// enum Resource {
    ///     Disk(Disk),
    ///     Link(Link),
    /// }
    ///
    /// impl From<Disk> for Resource {
    ///     fn from(disk: Disk) -> Self {
    ///         Self::Disk(disk)
    ///     }
    /// }
    ///
    /// impl From<Link> for Resource {
    ///     fn from(link: Link) -> Self {
    ///         Self::Link(link)
    ///     }
    /// }
    ///
    /// impl Exit for Resource {
    ///     type Error = io::Error;
    ///     type Verdict = ();
    ///
    ///     async fn exit(self, _: ExitCase) -> Result<(), io::Error> {
    ///         match self {
    ///             Self::Disk(Disk) | Self::Link(Link) => Ok(()),
    ///         }
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let group = scope::<Resource>().with(async |scope| {
    ///     let _disk = scope.enter_into(async { Ok::<_, io::Error>(Disk) }).await?;
    ///     let _link = scope.hold_into(Link);
    ///     Ok(())
    /// });
    /// group.await?;
    /// # Ok(()) }) }
    /// ```
    pub fn enter_into<M, V: Into<R>, E>(&self, member: M) -> impl Future<Output = Result<Lent<'_, V, R>, E>>
    where
        M: IntoFuture<Output = Result<V, E>>,
    {
        self.enter_as(member, |value| value)
    }

    /// Enters a member, and makes a `V` of its resource. No other `async fn` wraps this one, because each layer would
    /// hold the member once more.
    async fn enter_as<M, U, V: Into<R>, E>(&self, member: M, make: impl FnOnce(U) -> V) -> Result<Lent<'_, V, R>, E>
    where
        M: IntoFuture<Output = Result<U, E>>,
    {
        let index = self.store.with(Store::next_index);
        let mut enter = self.begin(index, ENTER);
        // The result is kept outside of the future's block, because the destructor of the future may panic.
        let result;
        {
            let mut future = pin!(enter.calls(|| member.into_future()));
            let output = poll_fn(|cx| enter.calls(|| future.as_mut().poll(cx))).await;
            result = output.map(|value| {
                let rank = self.store.with(Store::next_rank);
                Lent { scope: self, mark: Mark { index, rank }, value: Some(make(value)) }
            });
            enter.end(if result.is_ok() { Event::Entered { index } } else { Event::EnterFailed { index } });
        }
        result
    }

    /// Takes a resource that has already entered. This is the `use` of JavaScript's [`AsyncDisposableStack`].
    ///
    /// [`AsyncDisposableStack`]: https://developer.mozilla.org/en-US/docs/Web/JavaScript/Reference/Global_Objects/AsyncDisposableStack
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{Exit, ExitCase, scope};
    ///
    /// struct File;
    ///
    /// impl Exit for File {
    ///     type Error = io::Error;
    ///     type Verdict = ();
    ///
    ///     async fn exit(self, case: ExitCase) -> Result<(), io::Error> {
    ///         Ok(println!("flushed: {case:?}"))
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let files = async |scope: &gather_cm::Scope<File>| {
    ///     scope.hold(File);
    ///     Ok(scope.len())
    /// };
    /// assert_eq!(scope().with(files).await?, 1);
    /// # Ok(()) }) }
    /// ```
    pub fn hold(&self, value: R) -> Lent<'_, R> {
        self.hold_into(value)
    }

    /// Does what [`hold`](Self::hold) does, for a value that is not yet an `R`. It becomes one when you drop the guard.
    /// [`enter_into`](Self::enter_into) has an example.
    pub fn hold_into<V: Into<R>>(&self, value: V) -> Lent<'_, V, R> {
        let mark = self.store.with(|store| {
            let index = store.next_index();
            Mark { index, rank: store.next_rank() }
        });
        self.events.push(Event::EnterStarted { index: mark.index });
        self.events.push(Event::Entered { index: mark.index });
        Lent { scope: self, mark, value: Some(value) }
    }

    /// Returns the number of resources in the scope that are not lent. There is an example [above](Self).
    pub fn len(&self) -> usize {
        self.store.with(|store| store.values.len())
    }

    /// Returns whether every resource of the scope is lent, or none has joined.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{EnterExt, Scope};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let scope = Scope::new();
    /// let lent = scope.enter(async { Ok::<_, io::Error>(7) }.drop_on_exit()).await?;
    /// assert!(scope.is_empty());
    /// drop(lent);
    /// assert!(!scope.is_empty());
    /// # Ok(()) }) }
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn begin(&self, index: usize, kind: Kind) -> Begun<'_> {
        self.events.push((kind.started)(index));
        Begun { events: &self.events, index, kind, calls: false, over: false }
    }

    /// Takes back a resource that was lent.
    fn put(&self, mark: Mark, value: R) {
        self.store.with(|store| {
            store.marks.push(mark);
            store.values.push(value);
        });
    }

    /// Remembers whether anyone observes.
    pub(crate) fn observed(mut self, observes: bool) -> Self {
        self.events = Events::new(observes);
        self
    }

    /// Moves the resources out, in the order of their indices.
    pub(crate) fn into_joined(mut self) -> Joined<R> {
        self.take_joined()
    }

    fn take_joined(&mut self) -> Joined<R> {
        let store = self.store.get_mut();
        let (values, marks) = (mem::take(&mut store.values), mem::take(&mut store.marks));
        let mut joined = Joined { values, marks, next: store.next, events: self.events.clone() };
        joined.sort();
        joined
    }
}

impl<R: Resource> Sealed for Scope<R> {}

impl<R: Resource> Group for Scope<R> {
    type Values = Joined<R>;
    type Error = R::Error;
    type Shape = Many;

    fn into_members<T: Rank>(self, caller_waker: bool, observed: bool) -> impl Members<Values = Joined<R>, Rank = T> {
        self.observed(observed).into_joined().hold((), caller_waker)
    }
}

impl<S: Slot<Value: Resource>> ScopeSlots<S> {
    /// Makes slots of the resources that have joined `scope`, under these policies.
    pub(crate) fn of<P: Policy>(scope: Scope<S::Value>, release: S::Release) -> Self {
        let joined = scope.observed(P::Observer::OBSERVES).into_joined();
        Self::new(joined, release, <P::Exits as ExitPolicy>::CALLER_WAKER)
    }
}

/// Makes the scope that the body receives, from the resources that have joined.
impl<R: Resource> From<Joined<R>> for Scope<R> {
    fn from(joined: Joined<R>) -> Self {
        let Joined { values, marks, next, events } = joined;
        Self { store: Lock::new(Store { values, marks, next }), events }
    }
}

/// Abandons the resources that have joined, in the order of the indices.
impl<R: Resource> Drop for Scope<R> {
    fn drop(&mut self) {
        if !self.store.get_mut().values.is_empty() {
            self.take_joined().abandon();
        }
    }
}

impl<R: Resource> Default for Scope<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Resource> fmt::Debug for Scope<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Makes a scope of resources that have already entered.
impl<R: Resource> FromIterator<R> for Scope<R> {
    fn from_iter<I: IntoIterator<Item = R>>(values: I) -> Self {
        let scope = Self::new();
        for value in values {
            scope.hold(value);
        }
        scope
    }
}

impl<R: Resource<Error: 'static>> Exit for Scope<R> {
    type Error = FailureOf<Joined<R>>;
    type Verdict = Verdict;

    fn exit(self, case: ExitCase) -> impl Future<Output = Result<Verdict, Self::Error>> {
        self.into_entered().exit(case)
    }

    fn on_error(&mut self, error: &dyn Any) {
        let mut first = FirstPanic::none();
        for value in &mut self.store.get_mut().values {
            first.guard(&mut || value.show_error(error));
        }
        first.resume();
    }

    // There is no `abandon` here, because `Drop` abandons the resources.

    fn exit_in_group(self, case: ExitCase) -> impl Exiting<Error = Self::Error> {
        self.into_entered().exit_in_group(case)
    }
}

impl<R: Resource<Error: 'static>> Scope<R> {
    fn into_entered(self) -> Entered<Joined<R>> {
        Entered::new(HeldAll::new(self.into_joined(), ()), Exits::DEFAULT)
    }
}

/// The events of something that has a beginning and an end.
#[derive(Clone, Copy)]
struct Kind {
    started: fn(usize) -> Event,
    panicked: fn(usize) -> Event,
    dropped: fn(usize) -> Event,
}

const ENTER: Kind = Kind {
    started: |index| Event::EnterStarted { index },
    panicked: |index| Event::EnterFailed { index },
    dropped: |index| Event::EnterDropped { index },
};

const EXIT: Kind = Kind {
    started: |index| Event::ExitStarted { index },
    panicked: |index| Event::ExitFailed { index },
    dropped: |index| Event::ExitDropped { index },
};

/// An enter or an exit that has begun, and that the body polls. It reports its end as an event, even if it is dropped
/// halfway.
struct Begun<'s> {
    events: &'s Events,
    index: usize,
    kind: Kind,
    /// The member's code is running. If this is dropped now, that code has panicked.
    calls: bool,
    over: bool,
}

impl Begun<'_> {
    /// Calls the member's code.
    fn calls<T>(&mut self, f: impl FnOnce() -> T) -> T {
        self.calls = true;
        let output = f();
        self.calls = false;
        output
    }

    fn end(mut self, event: Event) {
        self.over = true;
        self.events.push(event);
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if !self.over {
            let event = if self.calls { self.kind.panicked } else { self.kind.dropped };
            self.events.push(event(self.index));
        }
    }
}

/// A resource that has joined a [`Scope`], while the body uses it. It derefs to the resource.
///
/// When you drop the guard, the scope takes the resource back, and exits it at the end. You use a `V`, and the scope
/// keeps it as an `R`. If you forget the guard by [`mem::forget`](core::mem::forget), the resource leaks, and is never
/// exited.
///
/// Call its functions as `Lent::release(lent)`, because methods would hide methods of the resource.
///
/// ```
/// use std::io;
///
/// use gather_cm::{EnterExt, Lent, scope};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// let open = |name: &'static str| {
///     async move { Ok::<_, io::Error>(name) }
///         .exit_with(async |name, case| Ok(println!("{name} is closed: {case:?}")))
/// };
/// scope()
///     .with(async |scope| {
///         let lock = scope.enter(open("lock")).await?;
///         let log = scope.enter(open("log")).await?;
///         assert_eq!((Lent::index(&lock), Lent::index(&log)), (0, 1));
///         Lent::release(lock).await?; // "lock is closed: Completed"
///         assert_eq!(**log, "log");
///         Ok(())
///     })
///     .await?; // "log is closed: Completed"
/// # Ok(()) }) }
/// ```
pub struct Lent<'s, V: Into<R>, R: Resource = V> {
    scope: &'s Scope<R>,
    mark: Mark,
    /// It is empty once the resource was taken.
    value: Option<V>,
}

const LENT: &str = "the resource is there until it is taken";

impl<V: Into<R>, R: Resource> Lent<'_, V, R> {
    /// Returns the index of the resource in its scope. There is an example [above](Self).
    pub fn index(this: &Self) -> usize {
        this.mark.index
    }

    /// Takes the resource out of the scope without exiting it. You are responsible for it now. This is `pop_all` of
    /// Python's `AsyncExitStack`, for one resource.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{DropOnExit, EnterExt, Lent, scope};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let kept = scope()
    ///     .with(async |scope| {
    ///         let lent = scope.enter(async { Ok::<_, io::Error>(7) }.drop_on_exit()).await?;
    ///         Ok(DropOnExit::into_inner(Lent::into_inner(lent)))
    ///     })
    ///     .await?;
    /// assert_eq!(kept, 7);
    /// # Ok(()) }) }
    /// ```
    pub fn into_inner(mut this: Self) -> V {
        let value = this.value.take().expect(LENT);
        this.scope.events.push(Event::TakenOut { index: this.mark.index });
        value
    }

    /// Exits the resource now, with [`Completed`](ExitCase::Completed). There is an example [above](Self).
    ///
    /// # Errors
    ///
    /// It returns the error of the exit, which then does not appear in the gather's failure.
    ///
    /// # Cancellation
    ///
    /// If you never poll the future, the scope takes the resource back. After the first poll, a drop of the future
    /// drops the exit halfway.
    pub fn release(this: Self) -> impl Future<Output = Result<V::Verdict, V::Error>>
    where
        V: Resource,
    {
        Self::exit(this, ExitCase::Completed)
    }

    /// Exits the resource now, with the case that you pass.
    ///
    /// # Errors
    ///
    /// It returns the error of the exit, which then does not appear in the gather's failure.
    ///
    /// # Cancellation
    ///
    /// A drop does the same as in [`release`](Self::release).
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{EnterExt, ExitCase, Lent, scope};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let begin = async { Ok::<_, io::Error>(()) }
    ///     .exit_with(async |(), case| Ok(assert_eq!(case, ExitCase::Failed, "rolled back")));
    /// scope()
    ///     .with(async |scope| Lent::exit(scope.enter(begin).await?, ExitCase::Failed).await)
    ///     .await?;
    /// # Ok(()) }) }
    /// ```
    pub async fn exit(mut this: Self, case: ExitCase) -> Result<V::Verdict, V::Error>
    where
        V: Resource,
    {
        const {
            assert!(
                !V::DRIVEN,
                "a scope cannot poll the driver of a resource: make it a member of a group, see `EnterExt::driven`"
            )
        }
        let value = this.value.take().expect(LENT);
        let index = this.mark.index;
        let mut exit = this.scope.begin(index, EXIT);
        // The result is kept outside of the future's block, as in `enter_as`.
        let result;
        {
            let mut future = pin!(exit.calls(|| value.exit_resource(case)));
            result = poll_fn(|cx| exit.calls(|| future.as_mut().poll(cx))).await;
            exit.end(if result.is_ok() { Event::Exited { index } } else { Event::ExitFailed { index } });
        }
        result
    }
}

impl<V: Into<R>, R: Resource> Drop for Lent<'_, V, R> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            // No lock is held while `into` runs.
            let value = value.into();
            self.scope.put(self.mark, value);
        }
    }
}

impl<V: Into<R>, R: Resource> Deref for Lent<'_, V, R> {
    type Target = V;

    fn deref(&self) -> &V {
        self.value.as_ref().expect(LENT)
    }
}

impl<V: Into<R>, R: Resource> DerefMut for Lent<'_, V, R> {
    fn deref_mut(&mut self) -> &mut V {
        self.value.as_mut().expect(LENT)
    }
}

impl<V: Into<R> + fmt::Debug, R: Resource> fmt::Debug for Lent<'_, V, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lent").field(&self.value.as_ref().expect(LENT)).finish()
    }
}
