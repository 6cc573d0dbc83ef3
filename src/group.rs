//! The traits of a group, which are sealed and which the machine sees. The shapes say only how to visit the slots.

use core::{any::Any, ops::ControlFlow, pin::Pin, task::Context};

use crate::{
    Errors, Shape,
    drive::{Drive, Drove, Kind, Split},
    policy::{Limit, Rank},
    slot::{Phase, Slot},
};

pub(crate) mod array;
#[cfg(feature = "alloc")]
pub(crate) mod scope;
pub(crate) mod tuple;
#[cfg(feature = "alloc")]
pub(crate) mod vec;

/// Several members that are entered together: a tuple of 0 to 12, an array, or (feature `alloc`) a `Vec`.
///
/// A member is any [`IntoFuture`] that returns `Result<V, E>`, if `V` is a [`Resource`](crate::Resource) with the error
/// type `E`. All members of a group share one error type. Use [`EnterExt::errors_into`](crate::EnterExt::errors_into)
/// if theirs differ. The empty tuple is a group too. Its error type is [`Infallible`](core::convert::Infallible).
///
/// This trait is sealed. Among the implementors, the tuple of two stands for every tuple.
///
/// ```
/// use std::io;
///
/// use gather_cm::{EnterExt, Gather, Group, gather};
///
/// fn prepare<G: Group>(members: G) -> Gather<G> {
///     gather(members)
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// let open = |n: u32| async move { Ok::<_, io::Error>(n) }.drop_on_exit();
/// let sum = prepare((open(1), open(2))).with(async |(a, b)| Ok(*a + *b)).await?;
/// assert_eq!(sum, 3);
/// # Ok(()) }) }
/// ```
#[cfg_attr(
    not(feature = "alloc"),
    diagnostic::on_unimplemented(note = "a `Vec` is a group only with gather-cm's feature `alloc`")
)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a group of members",
    label = "expected a tuple of 0 to 12 members, an array, or a `Vec`",
    note = "a member returns `Result<V, E>` when awaited, and `V` implements `gather_cm::Exit<Error = E>`",
    note = "one member alone is a group as a tuple: `gather((member,))`",
    note = "all members of a group have one error type; `.errors_into()` from `gather_cm::EnterExt` converts theirs"
)]
pub trait Group: Sized + sealed::Sealed {
    /// The resources: `(A, B)` for a tuple, `[V; N]` for an array, `Vec<V>` for a `Vec`.
    type Values: Values<Error = Self::Error, Shape = Self::Shape>;
    /// The error of every member, for its enter and for its exit.
    type Error;
    /// The shape of the group's errors: it fails with [`Failure<Error, Shape>`](crate::Failure).
    type Shape: Shape;

    #[doc(hidden)]
    fn into_members<T: Rank>(self, caller_waker: bool, observed: bool)
    -> impl Members<Values = Self::Values, Rank = T>;
}

/// A group whose members are known before it runs: every group but a [`Scope`](crate::Scope). The policies that are
/// about the enters of a group need this trait.
///
/// This trait is sealed. Among the implementors, the tuple of two stands for every tuple.
///
/// ```
/// use gather_cm::{
///     Gather, Known, gather,
///     policies::{FailFast, Policies},
/// };
///
/// fn prepare<G: Known>(members: G) -> Gather<G, Policies<FailFast>> {
///     gather(members).fail_fast()
/// }
///
/// drop(prepare(()));
/// ```
#[diagnostic::on_unimplemented(
    message = "the members of `{Self}` are not known beforehand",
    label = "this policy is about the enters of a group; the body of a scope enters its resources itself",
    note = "in the body, decide with a `match` or with `?` what a failed enter means",
    note = "`with_entered` exits what has joined if the body fails, and keeps all of it if the body succeeds"
)]
pub trait Known: Group {}

impl<M, const N: usize> Known for [M; N] where Self: Group {}

#[cfg(feature = "alloc")]
impl<M> Known for alloc::vec::Vec<M> where Self: Group {}

/// The resources of a group: a tuple, an array or a `Vec`.
///
/// This trait is sealed. Among the implementors, the tuple of two stands for every tuple.
///
/// ```
/// use std::io;
///
/// use gather_cm::{EnterExt, Entered, Exit, ExitCase, FailureOf, Values, gather};
///
/// async fn tear_down<V>(group: Entered<V>) -> Result<(), FailureOf<V>>
/// where
///     V: Values<Error: 'static>,
/// {
///     group.exit(ExitCase::Completed).await.map(|_verdict| ())
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// let open = |n: u32| async move { Ok::<_, io::Error>(n) }.drop_on_exit();
/// tear_down(gather([open(1), open(2)]).enter().await?).await?;
/// # Ok(()) }) }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the resources of a group",
    label = "expected a tuple of 0 to 12 resources, an array, or a `Vec`"
)]
pub trait Values: Sized {
    /// The error of every member.
    type Error;
    /// The shape of the group's errors.
    type Shape: Shape;
    /// The ranks of the resources, which say when each one entered.
    #[doc(hidden)]
    type Ranks<T: Rank>;
    /// Whether one of the resources may be absent.
    #[doc(hidden)]
    const OPTIONAL: bool;
    /// Whether one of the resources has a driver.
    #[doc(hidden)]
    const DRIVEN: bool;
    /// Whether others may join while the body has the resources.
    #[doc(hidden)]
    const GROWS: bool = false;

    /// Makes slots that hold the values.
    #[doc(hidden)]
    fn hold<T: Rank>(self, ranks: Self::Ranks<T>, caller_waker: bool) -> impl Members<Values = Self, Rank = T>;

    /// Shows the error to every resource, in argument order.
    #[doc(hidden)]
    fn show(&mut self, error: &dyn Any);

    /// Polls the drivers of every resource.
    #[doc(hidden)]
    fn drive(&mut self, cx: &mut Context<'_>) -> Drove;

    /// Returns whether the error of a driver that failed is in one of the resources.
    #[doc(hidden)]
    fn has_lost(&self) -> bool;

    /// Moves out the errors of drivers that failed, if there are any.
    #[doc(hidden)]
    fn take_lost(&mut self) -> Option<Errors<Self::Error, Self::Shape>>;

    /// Returns a `Split` that moves the drivers out.
    #[doc(hidden)]
    fn split() -> impl Split<Self, Drivers = impl Drive<Self>>;

    /// Abandons every resource, in argument order.
    #[doc(hidden)]
    fn abandon(self);
}

/// The resources of a group, and their ranks. Its drop abandons the resources. It is empty once they have been taken.
pub(crate) struct HeldAll<V: Values, T: Rank>(Option<(V, V::Ranks<T>)>);

const HELD: &str = "the values are there until they are taken";

impl<V: Values, T: Rank> HeldAll<V, T> {
    pub(crate) fn new(values: V, ranks: V::Ranks<T>) -> Self {
        Self(Some((values, ranks)))
    }

    /// Moves the values out. The caller is responsible for them now.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn take(&mut self) -> (V, V::Ranks<T>) {
        self.0.take().expect(HELD)
    }

    /// Abandons the values. This is rare, and moves the values, so it has a stack frame of its own.
    #[cold]
    #[inline(never)]
    fn abandon(&mut self) {
        if let Some((values, _)) = self.0.take() {
            values.abandon();
        }
    }

    pub(crate) fn values(&self) -> &V {
        &self.0.as_ref().expect(HELD).0
    }

    pub(crate) fn values_mut(&mut self) -> &mut V {
        &mut self.0.as_mut().expect(HELD).0
    }
}

impl<V: Values, T: Rank> Drop for HeldAll<V, T> {
    #[inline]
    fn drop(&mut self) {
        if self.0.is_some() {
            self.abandon();
        }
    }
}

pub mod sealed {
    pub trait Sealed {}
}

/// The slots of a group.
pub trait Members: Sized {
    type Values: Values;
    type Rank: Rank;
    /// The rest of the slots when the values are moved out: the functions that make the exits' futures, and the block
    /// of wakers, without the caller's waker.
    type Emptied: Send + Sync;
    /// The number of members in flight, if a sweep may skip some of them.
    type Number: Number;
    /// Whether the members have drivers.
    type Kind: Kind;

    // The methods look at the slots through `Pin<&mut Self>` only, because a shared reference would cover futures that
    // borrow from themselves.
    fn len(self: Pin<&mut Self>) -> usize;

    /// Returns the index of the member at a place below the [`len`](Self::len).
    fn index(self: Pin<&mut Self>, place: usize) -> usize {
        place
    }

    /// Shows the slots to `visitor` in argument order, from index `first` on, until it breaks.
    fn visit(
        self: Pin<&mut Self>,
        first: usize,
        visitor: &mut impl Visitor<ErrorOf<Self>, Self::Rank>,
    ) -> ControlFlow<()>;

    /// Does the same as [`visit`](Self::visit), for a poll. It may skip members that were not woken, and members that
    /// wait for a turn that does not come in this poll.
    fn sweep(
        self: Pin<&mut Self>,
        first: usize,
        cx: &mut Context<'_>,
        poller: &mut impl Poller<ErrorOf<Self>, Self::Rank>,
    ) {
        let _ = self.visit(first, &mut Sweep { cx, poller });
    }

    /// Shows to `poller` the held members with drivers that were woken, or that have entered since.
    fn drive_held(self: Pin<&mut Self>, cx: &mut Context<'_>, poller: &mut impl Poller<ErrorOf<Self>, Self::Rank>) {
        let _ = self.visit(0, &mut Sweep { cx, poller });
    }

    /// Does the same as [`drive_held`](Self::drive_held), while the body has the values.
    fn drive_emptied(
        _: &mut Self::Emptied,
        len: usize,
        cx: &mut Context<'_>,
        mut drive: impl FnMut(usize, &mut Context<'_>),
    ) {
        (0..len).for_each(|index| drive(index, cx));
    }

    /// In a stack, returns the member whose turn it is to exit. This is the member whose exit is in flight. If there is
    /// none, it is the held member with the highest rank, and among equal ranks the one with the highest index.
    fn turn(self: Pin<&mut Self>) -> Option<usize> {
        find_turn(self)
    }

    /// Notes that held members wait for their exit from now on.
    fn begin_exits(self: Pin<&mut Self>) {}

    /// Notes that a slot has changed outside of a sweep, and may be held.
    fn note(self: Pin<&mut Self>, _index: usize) {}

    /// Drops the caller's waker, if the slots keep it. Its destructor may panic.
    fn forget_parent(self: Pin<&mut Self>) {}

    /// Moves every resource out. All members must be held.
    fn take(self: Pin<&mut Self>) -> (Self::Values, RanksOf<Self>, Self::Emptied);

    /// Makes slots that hold nothing. They take over the parts that `emptied` has kept.
    fn empty(emptied: &mut Self::Emptied) -> Self;

    /// Moves `values` into empty slots, where they wait for their exit. They are moved one by one into their places, so
    /// that the stack need not hold all of them once more.
    fn fill(self: Pin<&mut Self>, values: Self::Values, ranks: RanksOf<Self>);
}

/// The slots of a group whose members can go on in another place.
#[cfg(feature = "alloc")]
pub trait PortableMembers: Members {
    /// Whether the enters can go on in another place, too.
    const ENTERS: bool;
    type Moved: Members<Values = Self::Values, Rank = Self::Rank, Number = Self::Number, Kind = Self::Kind>;

    /// Moves everything out. Queued members, and enters that cannot go on, must have been cut.
    fn move_out(self: Pin<&mut Self>) -> Self::Moved;
}

/// One member's error.
pub type ErrorOf<Ms> = <<Ms as Members>::Values as Values>::Error;

/// The shape of the members' errors.
pub type ShapeOf<Ms> = <<Ms as Members>::Values as Values>::Shape;

/// The index of a member that has lost its driver.
pub type LostOf<Ms> = <<Ms as Members>::Kind as Kind>::Index;

/// The ranks of the members, which say when each one entered.
pub type RanksOf<Ms> = <<Ms as Members>::Values as Values>::Ranks<<Ms as Members>::Rank>;

/// Visits each slot. The types of the slots may differ. `E` is the members' error, and `T` is their rank.
pub trait Visitor<E, T> {
    fn visit<S>(&mut self, index: usize, slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = E, Rank = T>;
}

/// Polls the slots that it wants to poll.
pub trait Poller<E, T> {
    /// Returns whether it begins or polls a member in this phase. If it does not begin a member that waits, it begins
    /// none behind it.
    fn wants(&mut self, index: usize, phase: Phase) -> bool;

    /// Begins or polls a member that it wants.
    fn poll<S>(&mut self, index: usize, slot: Pin<&mut S>, cx: &mut Context<'_>) -> ControlFlow<()>
    where
        S: Slot<Error = E, Rank = T>;
}

/// A sweep that passes by every slot, with the caller's own waker.
pub(crate) struct Sweep<'a, 'cx, P> {
    pub(crate) cx: &'a mut Context<'cx>,
    pub(crate) poller: &'a mut P,
}

impl<E, T, P: Poller<E, T>> Visitor<E, T> for Sweep<'_, '_, P> {
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn visit<S>(&mut self, index: usize, mut slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = E, Rank = T>,
    {
        if self.poller.wants(index, slot.as_mut().phase()) {
            self.poller.poll(index, slot, self.cx)
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// Finds the [`Members::turn`] by a look at every slot.
pub(crate) fn find_turn<Ms: Members>(members: Pin<&mut Ms>) -> Option<usize> {
    let mut find = FindTurn { turn: None };
    let _ = members.visit(0, &mut find);
    find.turn.map(|(index, _)| index)
}

struct FindTurn<T> {
    turn: Option<(usize, T)>,
}

impl<E, T: Rank> Visitor<E, T> for FindTurn<T> {
    fn visit<S>(&mut self, index: usize, mut slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = E, Rank = T>,
    {
        let (phase, rank) = (slot.as_mut().phase(), slot.rank());
        let last = self.turn.is_none_or(|(_, highest)| highest <= rank);
        if phase == Phase::Exiting || (phase == Phase::Held && last) {
            self.turn = Some((index, rank));
        }
        if phase == Phase::Exiting { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// The members in flight in one phase, counted for the limit and for the machine.
pub(crate) struct InFlight<'a, L, N> {
    pub(crate) limit: &'a mut L,
    pub(crate) number: &'a mut N,
}

impl<L: Limit, N: Number> InFlight<'_, L, N> {
    pub(crate) fn begin(self) {
        self.limit.begin();
        self.number.set(self.number.get() + 1);
    }

    pub(crate) fn end(self) {
        self.limit.end();
        // A number that is left out is always 0.
        self.number.set(self.number.get().wrapping_sub(1));
    }
}

/// A number, or `()` if the machine can do without a number. Then it is always 0.
pub trait Number: Copy + Default + Send + Sync {
    fn get(self) -> usize;
    fn set(&mut self, number: usize);
}

impl Number for () {
    fn get(self) -> usize {
        0
    }

    fn set(&mut self, _: usize) {}
}

impl Number for usize {
    fn get(self) -> usize {
        self
    }

    fn set(&mut self, number: usize) {
        *self = number;
    }
}
