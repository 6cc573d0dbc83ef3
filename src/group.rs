//! What a group is: the sealed traits that the machine sees. The shapes say only how to visit the slots.

use core::{any::Any, ops::ControlFlow, pin::Pin};

use crate::{failure::Store, policy::Rank, slot::Slot};

mod array;
mod tuple;
#[cfg(feature = "alloc")]
mod vec;

/// Several members that are entered together: a tuple of 0 to 12, an array, or (feature `alloc`) a `Vec`.
///
/// A member is anything that can be awaited ([`IntoFuture`]) and gives `Result<V, E>`, where `V` is a resource
/// ([`Exit<Error = E>`](crate::Exit)). All members of a group share one error type;
/// [`EnterExt::errors_into`](crate::EnterExt::errors_into) brings different ones together. The empty tuple is a group
/// too; its error type is [`Infallible`](core::convert::Infallible).
///
/// This trait is sealed: it cannot be implemented elsewhere.
///
/// ```
/// use gather_cm::{EnterExt, Gather, Group, gather};
///
/// fn prepare<G: Group>(members: G) -> Gather<G> {
///     gather(members)
/// }
///
/// let open = |n: u32| async move { Ok::<_, ()>(n) }.drop_on_exit();
/// smol::block_on(async {
///     prepare((open(1), open(2))).with(async |(a, b)| assert_eq!((**a, **b), (1, 2))).await.unwrap();
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a group of members",
    label = "expected a tuple of 0 to 12 members, an array, or a `Vec`",
    note = "a member gives `Result<V, E>` when awaited, and `V` implements `gather_cm::Exit<Error = E>`",
    note = "one member alone is a group as a tuple: `gather((member,))`"
)]
pub trait Group: Sized + sealed::Sealed {
    /// What the members give: `(A, B)` for a tuple, `[V; N]` for an array, `Vec<V>` for a `Vec`.
    type Values: Values<Error = Self::Error, Store = Self::Store>;
    /// The error of every member, in enter and in exit.
    type Error;
    /// Where the errors are kept by index: a group fails with [`Faults<Store>`](crate::Faults).
    type Store: Store<Error = Self::Error>;

    #[doc(hidden)]
    fn into_members<T: Rank>(self) -> impl Members<Values = Self::Values, Rank = T>;
}

/// The values of a group: a tuple, an array or a `Vec` of resources. Sealed.
///
/// ```
/// use gather_cm::{EnterExt, Entered, Exit, ExitCase, Values, gather};
///
/// async fn tear_down<V: Values<Error: 'static>>(group: Entered<V>) -> bool {
///     group.exit(ExitCase::Completed).await.is_ok()
/// }
///
/// smol::block_on(async {
///     let open = |n: u32| async move { Ok::<_, ()>(n) }.drop_on_exit();
///     let group = gather([open(1), open(2)]).enter().await.unwrap();
///     assert!(tear_down(group).await);
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the values of a group",
    label = "expected a tuple of 0 to 12 resources, an array, or a `Vec`"
)]
pub trait Values: Sized {
    /// The error of every member.
    type Error;
    /// Where the errors are kept by index.
    type Store: Store<Error = Self::Error>;
    /// When each of them was entered.
    #[doc(hidden)]
    type Ranks<T: Rank>;

    /// Slots that hold the values.
    #[doc(hidden)]
    fn hold<T: Rank>(self, ranks: Self::Ranks<T>) -> impl Members<Values = Self, Rank = T>;

    /// Shows the error to every one of them, in argument order.
    #[doc(hidden)]
    fn witness(&mut self, error: &dyn Any);

    /// Abandons every one of them, in argument order.
    #[doc(hidden)]
    fn abandon(self);
}

pub mod sealed {
    pub trait Sealed {}
}

/// The slots of a group.
pub trait Members: Sized {
    type Values: Values;
    type Rank: Rank;
    /// The functions that make the exits' futures; they have no size.
    type Exits: Copy + Send + Sync;

    fn len(&self) -> usize;

    /// Shows the slots to `visitor` in argument order, from index `first` on, until it breaks.
    fn visit(self: Pin<&mut Self>, first: usize, visitor: &mut impl Visitor<Self>) -> ControlFlow<()>;

    /// Moves every resource out. All must be held.
    fn take(self: Pin<&mut Self>) -> (Self::Values, RanksOf<Self>, Self::Exits);

    /// Slots that hold `values`.
    fn held(values: Self::Values, ranks: RanksOf<Self>, exits: Self::Exits) -> Self;
}

/// One member's error.
pub type ErrorOf<Ms> = <<Ms as Members>::Values as Values>::Error;

/// Where the members' errors are kept by index.
pub type StoreOf<Ms> = <<Ms as Members>::Values as Values>::Store;

/// When the members were entered.
pub type RanksOf<Ms> = <<Ms as Members>::Values as Values>::Ranks<<Ms as Members>::Rank>;

/// Something to be done at each slot, whatever its types.
pub trait Visitor<Ms: Members> {
    fn visit<S>(&mut self, index: usize, slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = ErrorOf<Ms>, Rank = Ms::Rank>;
}
