//! Groups that are arrays.

use core::{array, convert::Infallible, ops::ControlFlow, pin::Pin};

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

/// Slots side by side. The exits' function is kept beside them, for an array of none.
#[pin_project]
pub struct Slots<S: Slot, const N: usize>(#[pin] [S; N], S::Exit);

impl<S: Slot, const N: usize> Members for Slots<S, N> {
    type Values = [S::Value; N];
    type Error = S::Error;
    type Exits = S::Exit;
    type Store = [Option<S::Error>; N];

    fn len(&self) -> usize {
        N
    }

    fn visit(self: Pin<&mut Self>, first: usize, visitor: &mut impl Visitor<S::Error>) -> ControlFlow<()> {
        let mut slots = pin::array_as_slice(self.project().0);
        (first..N).try_for_each(|index| visitor.visit(index, pin::element(slots.as_mut(), index)))
    }

    fn take(self: Pin<&mut Self>) -> (Self::Values, Self::Exits) {
        let this = self.project();
        let mut slots = pin::array_as_slice(this.0);
        (array::from_fn(|index| pin::element(slots.as_mut(), index).take()), *this.1)
    }

    fn held(values: Self::Values, exit: Self::Exits) -> Self {
        Self(values.map(|value| S::held(value, exit)), exit)
    }
}

impl<V: Exit, const N: usize> Values for [V; N] {
    fn abandon(self) {
        drop(self.map(Held::new));
    }
}

impl<M, V, E, const N: usize> Sealed for [M; N]
where
    M: IntoFuture<Output = Result<V, E>>,
    V: Exit<Error = E>,
{
}

impl<M, V, E, const N: usize> Group for [M; N]
where
    M: IntoFuture<Output = Result<V, E>>,
    V: Exit<Error = E>,
{
    type Values = [V; N];
    type Error = E;
    type Store = [Option<E>; N];

    fn into_members(self) -> impl Members<Values = [V; N], Error = E, Store = [Option<E>; N]> {
        Slots(self.map(|member| Member::queued(member, V::exit)), V::exit)
    }
}

impl<M, V, E: 'static, const N: usize> Gather<[M; N]>
where
    M: IntoFuture<Output = Result<V, E>>,
    V: Exit<Error = E>,
{
    lend!(&mut [V; N], [Option<E>; N], |lent| lent.get_mut());
}
