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
    policy::{ExitPolicy, Exits, Policies, Policy},
};

/// TODO
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

    /// inner
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

    fn abandon(self) {
        drop(self);
    }
}

/// The block of a body that there is not.
type NoBody<V, P> = core::future::Pending<Returned<V, P, (), Infallible>>;

/// The future of [`Gather::enter`].
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
    /// enter
    pub fn enter(self) -> Enter<impl FusedFuture<Output = EnterResult<G, P>>> {
        let body = |entered: Entered<G::Values, P::Exits>| core::future::ready((None, Ok(Ending::Completed(entered))));
        let machine = Machine::new(self.group.into_members(), body, self.policy);
        Enter(Then {
            future: machine,
            then: |outcome: Result<_, Failure<_, Infallible, _>>| match outcome {
                Ok((entered, _)) => Ok(entered),
                Err(failure) => Err(failure.without_value()),
            },
        })
    }
}
