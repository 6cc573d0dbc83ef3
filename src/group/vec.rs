//! Groups that are `Vec`s.

use alloc::{boxed::Box, vec::Vec};
use core::{any::Any, convert::Infallible, ops::ControlFlow, pin::Pin};

use futures_util::future::FusedFuture;
use pin_project::pin_project;

use crate::{
    Entered, Exit, Failure, Faults, Gather, Group, Verdict, With,
    gather::{Then, lend},
    group::{Members, Values, Visitor, sealed::Sealed},
    machine::{Body, Ending, Machine},
    pin,
    policy::{Policy, Rank},
    slot::{Held, Member, Slot},
    unwind::FirstPanic,
};

/// Slots side by side. The exits' function is kept beside them, for a `Vec` of none.
#[pin_project]
pub struct Slots<S: Slot>(Pin<Box<[S]>>, S::Exit);

impl<S: Slot> Slots<S> {
    fn new(slots: impl Iterator<Item = S>, exit: S::Exit) -> Self {
        Self(Box::into_pin(slots.collect()), exit)
    }
}

impl<S: Slot> Members for Slots<S> {
    type Values = Vec<S::Value>;
    type Rank = S::Rank;
    type Exits = S::Exit;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn visit(self: Pin<&mut Self>, first: usize, visitor: &mut impl Visitor<Self>) -> ControlFlow<()> {
        let mut slots = self.project().0.as_mut();
        (first..slots.len()).try_for_each(|index| visitor.visit(index, pin::element(slots.as_mut(), index)))
    }

    fn take(self: Pin<&mut Self>) -> (Self::Values, <S::Rank as Rank>::List, Self::Exits) {
        let this = self.project();
        let ranks = Rank::list(this.0.iter().map(S::rank));
        let mut slots = this.0.as_mut();
        ((0..slots.len()).map(|index| pin::element(slots.as_mut(), index).take()).collect(), ranks, *this.1)
    }

    fn held(values: Self::Values, ranks: <S::Rank as Rank>::List, exit: Self::Exits) -> Self {
        let slots = values.into_iter().enumerate();
        Self::new(slots.map(|(index, value)| S::held(value, S::Rank::get(&ranks, index), exit)), exit)
    }
}

impl<V: Exit> Values for Vec<V> {
    type Error = V::Error;
    type Store = Vec<Option<V::Error>>;
    type Ranks<T: Rank> = T::List;

    fn hold<T: Rank>(self, ranks: T::List) -> impl Members<Values = Self, Rank = T> {
        let slots = self.into_iter().enumerate();
        Slots::new(slots.map(|(index, value)| Member::entered(value, T::get(&ranks, index), V::exit)), V::exit)
    }

    fn witness(&mut self, error: &dyn Any) {
        let mut first = FirstPanic::none();
        self.iter_mut().for_each(|value| first.guard(|| value.witness(error)));
        first.resume();
    }

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

    fn into_members<T: Rank>(self) -> impl Members<Values = Vec<V>, Rank = T> {
        Slots::new(self.into_iter().map(|member| Member::queued(member, V::exit)), V::exit)
    }
}

impl<M, V, E: 'static, P> Gather<Vec<M>, P>
where
    M: IntoFuture<Output = Result<V, E>>,
    V: Exit<Error = E>,
    P: Policy,
{
    lend!(&mut [V], Vec<Option<E>>, |values: Vec<V>| values.as_mut_slice());
}
