//! Groups that are `Vec`s.

use alloc::{boxed::Box, vec::Vec};
use core::{any::Any, convert::Infallible, ops::ControlFlow, pin::Pin, task::Context};

use futures_util::future::FusedFuture;
use pin_project::pin_project;

use crate::{
    Entered, Exit, Failure, Faults, Gather, Group, Verdict, With,
    gather::{Then, lend},
    group::{Members, Poller, Sweep, Values, Visitor, find_turn, many::Many, sealed::Sealed},
    machine::{Body, Ending, Machine},
    pin,
    policy::{Policy, Rank},
    slot::{Held, Member, Slot},
    unwind::FirstPanic,
};

/// Slots side by side. The exits' function is kept beside them, for a `Vec` of none.
#[pin_project]
pub struct Slots<S: Slot> {
    slots: Pin<Box<[S]>>,
    exit: S::Exit,
    /// If they are many: who of them is to be polled.
    many: Option<Many>,
}

impl<S: Slot> Slots<S> {
    fn new(slots: impl Iterator<Item = S>, exit: S::Exit) -> Self {
        let slots = Box::into_pin(slots.collect::<Box<[S]>>());
        let many = Many::new(slots.len());
        Self { slots, exit, many }
    }
}

impl<S: Slot> Members for Slots<S> {
    type Values = Vec<S::Value>;
    type Rank = S::Rank;
    type Emptied = Emptied<S::Exit>;
    type Number = usize;

    fn len(&self) -> usize {
        self.slots.len()
    }

    fn visit(self: Pin<&mut Self>, first: usize, visitor: &mut impl Visitor<Self>) -> ControlFlow<()> {
        let mut slots = self.project().slots.as_mut();
        (first..slots.len()).try_for_each(|index| visitor.visit(index, pin::element(slots.as_mut(), index)))
    }

    fn sweep(mut self: Pin<&mut Self>, first: usize, cx: &mut Context<'_>, poller: &mut impl Poller<Self>) {
        let this = self.as_mut().project();
        match this.many {
            Some(many) => many.sweep(this.slots.as_mut(), first, cx, poller),
            None => drop(self.visit(first, &mut Sweep { cx, poller })),
        }
    }

    fn turn(mut self: Pin<&mut Self>) -> Option<usize> {
        let this = self.as_mut().project();
        match this.many {
            Some(many) => many.turn(this.slots),
            None => find_turn(self),
        }
    }

    fn begin_exits(self: Pin<&mut Self>) {
        if let Some(many) = self.project().many {
            many.begin_exits();
        }
    }

    fn note(self: Pin<&mut Self>, index: usize) {
        let this = self.project();
        if let Some(many) = this.many {
            many.note(index, this.slots[index].phase());
        }
    }

    fn take(self: Pin<&mut Self>) -> (Self::Values, <S::Rank as Rank>::List, Self::Emptied) {
        let this = self.project();
        let ranks = Rank::list(this.slots.iter().map(S::rank));
        let mut slots = this.slots.as_mut();
        let values = (0..slots.len()).map(|index| pin::element(slots.as_mut(), index).take()).collect();
        (values, ranks, Emptied { len: slots.len(), exit: *this.exit, many: this.many.take() })
    }

    fn emptied_len(emptied: &Self::Emptied) -> usize {
        emptied.len
    }

    fn held(values: Self::Values, ranks: <S::Rank as Rank>::List, emptied: Self::Emptied) -> Self {
        let Emptied { exit, many, .. } = emptied;
        let slots = values.into_iter().enumerate();
        let slots = slots.map(|(index, value)| S::held(value, S::Rank::get(&ranks, index), exit)).collect();
        Self { slots: Box::into_pin(slots), exit, many }
    }
}

/// What stays of the slots while the values are with the body.
pub struct Emptied<K> {
    len: usize,
    exit: K,
    many: Option<Many>,
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
