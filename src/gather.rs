//! The function that users call first, [`gather`], and the builder that it returns.

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

/// A group, and the policies of its life cycle. [`gather`] makes it, and [`with`], [`with_own_error`] or [`enter`] runs
/// it.
///
/// There is one `with` for each shape of group. They differ in what the body borrows:
///
/// | group | the body borrows |
/// | --- | --- |
/// | `(A, B)`, or another tuple of 0 to 12 members | `(&mut a, &mut b)` |
/// | `[M; N]` | `[&mut v; N]` |
/// | `Vec<M>` | [`&mut VecRefs`](crate::VecRefs) |
/// | [`Scope`](crate::Scope) | `&Scope` |
///
/// The body borrows the values themselves, without the adapters around them. On this page, the methods of `(A, B)`
/// stand for those of every tuple.
///
/// The methods that run a group come first, and its policies come after them. Policies are types, so one that you do
/// not use costs nothing. They combine in any order, and a [table](crate::policies#if-two-policies-meet) says what
/// happens if two of them meet.
///
/// [`enter`]: Gather::enter
/// [`with`]: Gather::with
/// [`with_own_error`]: Gather::with_own_error
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
/// It is lazy: nothing runs before you poll the future that `with` returns. The name comes from a question about
/// Python, whose author wished for such a group beside [`asyncio.gather`].
///
/// # Error types
///
/// All members of a group share one error type, and the body fails with it too, unless you call
/// [`with_own_error`](Gather::with_own_error). If two members differ, the compiler says "type mismatch resolving
/// `<.. as IntoFuture>::Output == Result<_, E>`" (E0271): adapt one of them with
/// [`errors_into`](crate::EnterExt::errors_into). If the compiler cannot infer the error type, name it in one member:
/// `Ok::<_, MyError>(..)`.
///
/// # Members that need one another
///
/// If an enter fails, the other enters run to their end. Members that cannot finish their enters without one another
/// (the two sides of a handshake) then never finish. For such members, call [`fail_fast`](Gather::fail_fast), or give
/// them a deadline by [`enter_within`](crate::EnterExt::enter_within).
///
/// # Many members
///
/// The members of a tuple or an array, and those of a `Vec` of at most 30, share the waker of the caller. The members
/// of a larger `Vec` receive wakers of their own, so that only woken members are polled. embassy's timers accept only
/// wakers of embassy's own executor. Call [`caller_waker`](Gather::caller_waker) for a large `Vec` of them.
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
    /// A failed enter drops the pending enters. Then the held resources are exited.
    ///
    /// This is the quickest end, because it takes only as long as the exits. Use it if every enter cleans up after
    /// itself when it is dropped. [`FailFast`] says what a dropped enter may leave behind, and has an example.
    pub fn fail_fast(self) -> Gather<G, Policies<FailFast, L, S, C, X, Ob>>
    where
        G: Known,
    {
        let Policies { enter_limit, stop, exits, observer, .. } = self.policy;
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds: PhantomData } }
    }

    /// A failed enter starts the exits of the held resources at once, beside the pending enters. A member that enters
    /// later is exited when it has entered.
    ///
    /// Use it if an enter must not be dropped, and if exits may overlap with enters. [`EagerRollback`] compares it with
    /// the default, and has an example.
    pub fn eager_rollback(self) -> Gather<G, Policies<EagerRollback, L, S, C, X, Ob>>
    where
        G: Known,
    {
        let Policies { enter_limit, stop, exits, observer, .. } = self.policy;
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds: PhantomData } }
    }

    /// A stop drops no pending enter. When [`cancel_on`](Self::cancel_on) stops the group, the pending enters run to
    /// their end, and then the held resources are exited with [`ExitCase::Cancelled`](crate::ExitCase::Cancelled).
    ///
    /// Use it if a dropped enter could leave something behind that only an exit removes. [`Settle`] says what happens
    /// if such an enter fails, and has an example.
    pub fn settle(self) -> Gather<G, Policies<Settle, L, S, C, X, Ob>>
    where
        G: Known,
    {
        let Policies { enter_limit, stop, exits, observer, .. } = self.policy;
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds: PhantomData } }
    }

    /// At most `n` enters are in flight. They start in argument order, and the other members are queued.
    ///
    /// Do not limit members that wait for one another. [`Limited`] says which queued members never start, and has an
    /// example.
    ///
    /// # Panics
    ///
    /// It panics if `n` is 0.
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

    /// When `stop` is ready before the body has ended, the gather drops the pending enters and the body, and exits
    /// every held resource with [`ExitCase::Cancelled`](crate::ExitCase::Cancelled).
    ///
    /// Any future can be the stop signal, whatever its output: a timer of any runtime, a channel, Ctrl-C, an interrupt.
    /// With a timer, this is a timeout that still releases everything, which a dropped future does not. [`Either`] says
    /// when the gather polls and drops `stop` and what a stop does to a nested group, and has an example.
    ///
    /// # Errors
    ///
    /// The gather fails with [`Cause::Cancelled`](crate::Cause::Cancelled).
    pub fn cancel_on<F: IntoFuture>(self, stop: F) -> Gather<G, Policies<Rb, L, Either<S, F>, C, X, Ob>> {
        let Policies { enter_limit, stop: before, exits, observer, kinds } = self.policy;
        let stop = Either::new(before, stop);
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds } }
    }

    /// Calls `observer` with each [`Event`], when it happens.
    ///
    /// Use it for progress, for tracing, and to find out which member hangs. The gather calls it in the middle of a
    /// poll, so it should be quick. [`Observed`] says what a panic of the observer does, and has an example.
    pub fn observe<F: FnMut(Event)>(self, observer: F) -> Gather<G, Policies<Rb, L, S, C, X, Observed<Ob, F>>> {
        let Policies { enter_limit, stop, exits, observer: before, kinds } = self.policy;
        let observer = Observed(before, observer);
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds } }
    }

    /// A panic becomes [`Cause::Panicked`](crate::Cause::Panicked) when all exits have finished, and does not resume.
    ///
    /// [`Catch`] says which errors are kept beside the panic, and has an example.
    #[cfg(feature = "std")]
    pub fn catch_unwind(self) -> Gather<G, Policies<Rb, L, S, Catch, X, Ob>> {
        let Policies { enter_limit, stop, exits, observer, .. } = self.policy;
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds: PhantomData } }
    }
}

impl<G: Group, Rb, L, S, C, O, XL, N, F, W, Ob> Gather<G, Policies<Rb, L, S, C, Exits<O, XL, N, F, W>, Ob>> {
    /// Exits run one at a time, last entered first, and see how the exits before them ended. This makes the group an
    /// exit *stack*, like Python's [`AsyncExitStack`].
    ///
    /// Which member enters last may differ from run to run. If your resources have a fixed order, use
    /// [`in_reverse`](Self::in_reverse). [`Stack`] says what each exit receives, and has an example.
    ///
    /// [`AsyncExitStack`]: https://docs.python.org/3/library/contextlib.html#contextlib.AsyncExitStack
    pub fn stack(self) -> Gather<G, Policies<Rb, L, S, C, Exits<Stack, XL, N, F, W>, Ob>> {
        let Policies { enter_limit, stop, exits, observer, kinds } = self.policy;
        let exits = Exits { limit: exits.limit, names: exits.names, fair: exits.fair, kinds: PhantomData };
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds } }
    }

    /// Exits run one at a time, in reverse argument order, whichever member entered first.
    ///
    /// Use it if one of your resources needs another, such as a server that uses a database. A [`stack`](Self::stack)
    /// differs only in the order. [`InReverse`] has an example.
    pub fn in_reverse(self) -> Gather<G, Policies<Rb, L, S, C, Exits<InReverse, XL, N, F, W>, Ob>> {
        let Policies { enter_limit, stop, exits, observer, kinds } = self.policy;
        let exits = Exits { limit: exits.limit, names: exits.names, fair: exits.fair, kinds: PhantomData };
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds } }
    }

    /// At most `n` exits are in flight. They start in argument order. A failed exit does not stop the queued ones.
    ///
    /// Do not limit members that wait for one another. [`Limited`] says what becomes of queued exits in a drop, and has
    /// an example.
    ///
    /// # Panics
    ///
    /// It panics if `n` is 0.
    #[track_caller]
    pub fn exit_limit(self, n: usize) -> Gather<G, Policies<Rb, L, S, C, Exits<O, Limited, N, F, W>, Ob>> {
        let Policies { enter_limit, stop, exits, observer, kinds } = self.policy;
        let exits =
            Exits { limit: Limited::new("exit_limit", n), names: exits.names, fair: exits.fair, kinds: PhantomData };
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds } }
    }

    /// Names the members, for errors: `enter of db failed` instead of `enter of member 0 failed`.
    ///
    /// A tuple or an array takes exactly one name for each member, and a `Vec` takes a slice. The names are `&'static`.
    /// If you know them only at run time, look them up by [`Who::index`](crate::Who::index). [`Named`] has an example.
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

    /// Each poll starts one member further than the poll before it, so that no enter starves another enter, and no exit
    /// starves another exit.
    ///
    /// Use it if a member that is always ready starves the others, as it does under tokio. [`Fair`] says which parts of
    /// a gather may starve even so, and has an example.
    pub fn fair(self) -> Gather<G, Policies<Rb, L, S, C, Exits<O, XL, N, Fair, W>, Ob>> {
        let Policies { enter_limit, stop, exits, observer, kinds } = self.policy;
        let exits = Exits { limit: exits.limit, names: exits.names, fair: Fair::default(), kinds: PhantomData };
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds } }
    }

    /// Passes the caller's own waker to the members of a large `Vec`.
    ///
    /// Use it if a member accepts only wakers of its own executor, as embassy's timers do. [`CallerWaker`] has an
    /// example.
    pub fn caller_waker(self) -> Gather<G, Policies<Rb, L, S, C, Exits<O, XL, N, F, CallerWaker>, Ob>> {
        let Policies { enter_limit, stop, exits, observer, kinds } = self.policy;
        let exits = Exits { limit: exits.limit, names: exits.names, fair: exits.fair, kinds: PhantomData };
        Gather { group: self.group, policy: Policies { enter_limit, stop, exits, observer, kinds } }
    }
}
