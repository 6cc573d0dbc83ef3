//! Groups that are `Vec`s.

use alloc::{boxed::Box, vec::Vec};
use core::{convert::Infallible, ops::ControlFlow, pin::Pin};

use futures_util::future::FusedFuture;
use pin_project::pin_project;

use crate::{
    Exit, Failure, Faults, Gather, Group, With,
    gather::lend,
    group::{Lent, Members, Values, Visitor, sealed::Sealed},
    machine::{Body, Ending, Machine},
    pin,
    slot::{Held, Member, Slot},
};

/// Slots side by side. The exits' function is kept beside them, for a `Vec` of none.
#[pin_project]
pub struct Slots<S: Slot>(Pin<Box<[S]>>, S::Exit);

impl<S: Slot> Members for Slots<S> {
    type Values = Vec<S::Value>;
    type Error = S::Error;
    type Exits = S::Exit;
    type Store = Vec<Option<S::Error>>;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn visit(self: Pin<&mut Self>, first: usize, visitor: &mut impl Visitor<S::Error>) -> ControlFlow<()> {
        let mut slots = self.project().0.as_mut();
        (first..slots.len()).try_for_each(|index| visitor.visit(index, pin::element(slots.as_mut(), index)))
    }

    fn take(self: Pin<&mut Self>) -> (Self::Values, Self::Exits) {
        let this = self.project();
        let mut slots = this.0.as_mut();
        ((0..slots.len()).map(|index| pin::element(slots.as_mut(), index).take()).collect(), *this.1)
    }

    fn held(values: Self::Values, exit: Self::Exits) -> Self {
        Self(Box::into_pin(values.into_iter().map(|value| S::held(value, exit)).collect()), exit)
    }
}

impl<V: Exit> Values for Vec<V> {
    fn abandon(self) {
        drop(self.into_iter().map(Held::new).collect::<Vec<_>>());
    }
}

impl<M, V, E> Sealed for Vec<M>
where
    M: IntoFuture<Output = Result<V, E>>,
    V: Exit<Error = E>,
{
}

impl<M, V, E> Group for Vec<M>
where
    M: IntoFuture<Output = Result<V, E>>,
    V: Exit<Error = E>,
{
    type Values = Vec<V>;
    type Error = E;
    type Store = Vec<Option<E>>;

    fn into_members(self) -> impl Members<Values = Vec<V>, Error = E, Store = Vec<Option<E>>> {
        Slots(Box::into_pin(self.into_iter().map(|member| Member::queued(member, V::exit)).collect()), V::exit)
    }
}

impl<M, V, E: 'static> Gather<Vec<M>>
where
    M: IntoFuture<Output = Result<V, E>>,
    V: Exit<Error = E>,
{
    lend!(&mut [V], Vec<Option<E>>, |lent| lent.get_mut());
}
