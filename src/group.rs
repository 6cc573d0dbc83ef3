//! What a group is: the sealed traits that the machine sees. The shapes say only how to visit the slots.

use core::{ops::ControlFlow, pin::Pin};

use crate::{failure::Store, slot::Slot};

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
    type Values;
    /// The error of every member, in enter and in exit.
    type Error;
    /// Where the errors are kept by index: a group fails with [`Faults<Store>`](crate::Faults).
    type Store: Store<Error = Self::Error>;

    #[doc(hidden)]
    fn into_members(self) -> impl Members<Values = Self::Values, Error = Self::Error, Store = Self::Store>;
}

pub mod sealed {
    pub trait Sealed {}
}

/// The values of a group, as they are lent to the body.
pub trait Values {
    /// Abandons every one of them, in argument order.
    fn abandon(self);
}

/// Owns a group's values while the body borrows them: dropped, it abandons them.
pub(crate) struct Lent<V: Values>(Option<V>);

impl<V: Values> Lent<V> {
    pub(crate) fn new(values: V) -> Self {
        Self(Some(values))
    }

    pub(crate) fn get_mut(&mut self) -> &mut V {
        self.0.as_mut().expect("lent until it is taken, once")
    }

    /// The values, and the duty to release them.
    pub(crate) fn take(&mut self) -> V {
        self.0.take().expect("lent until it is taken, once")
    }
}

impl<V: Values> Drop for Lent<V> {
    fn drop(&mut self) {
        if let Some(values) = self.0.take() {
            values.abandon();
        }
    }
}

/// The slots of a group.
pub trait Members {
    type Values;
    type Error;
    /// The functions that make the exits' futures; they have no size.
    type Exits: Copy + Send + Sync;
    type Store: Store<Error = Self::Error>;

    fn len(&self) -> usize;

    /// Shows the slots to `visitor` in argument order, from index `first` on, until it breaks.
    fn visit(self: Pin<&mut Self>, first: usize, visitor: &mut impl Visitor<Self::Error>) -> ControlFlow<()>;

    /// Moves every resource out. All must be held.
    fn take(self: Pin<&mut Self>) -> (Self::Values, Self::Exits);

    /// Slots that hold `values`.
    fn held(values: Self::Values, exits: Self::Exits) -> Self;
}

/// Something to be done at each slot, whatever its types.
pub trait Visitor<E> {
    fn visit<S: Slot<Error = E>>(&mut self, index: usize, slot: Pin<&mut S>) -> ControlFlow<()>;
}
