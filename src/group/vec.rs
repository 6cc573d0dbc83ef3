//! Groups that are `Vec`s.

use alloc::{boxed::Box, vec::Vec};
use core::{any::Any, ops::ControlFlow, pin::Pin, task::Context};

use pin_project::pin_project;

use crate::{
    Errors, Group, Many as ManyShape, Resource,
    drive::{Drive, Drove, Kind, OfEach, Split},
    group::{Members, Poller, PortableMembers, Sweep, Values, Visitor, find_turn, sealed::Sealed},
    pin,
    policy::Rank,
    slot::{FromEnter, FromHeld, Held, MemberSlot, PortableSlot, Slot},
    unwind::FirstPanic,
    wake::Many,
};

/// Slots side by side. The function that makes the exits' futures is kept beside them, because a `Vec` of no slots
/// needs it, too.
#[pin_project]
pub struct Slots<S: Slot> {
    slots: Pin<Box<[S]>>,
    release: S::Release,
    /// If there are many slots, this says which of them to poll.
    many: Option<Many>,
}

impl<S: Slot> Slots<S> {
    pub(crate) fn new(slots: impl Iterator<Item = S>, release: S::Release, caller_waker: bool) -> Self {
        let slots = Box::into_pin(slots.collect::<Box<[S]>>());
        let many = if caller_waker { None } else { Many::new(slots.len()) };
        Self { slots, release, many }
    }
}

impl<S: Slot> Slots<S> {
    /// Makes slots that hold resources, which wait for their exits.
    pub(crate) fn held(slots: impl Iterator<Item = S>, release: S::Release, caller_waker: bool) -> Self {
        let mut slots = Self::new(slots, release, caller_waker);
        if let Some(many) = &mut slots.many {
            many.begin_exits();
            if S::Kind::DRIVEN {
                many.drive_all();
            }
        }
        slots
    }

    pub(crate) fn release(self: Pin<&mut Self>) -> S::Release {
        *self.project().release
    }
}

impl<S: Slot> Members for Slots<S> {
    type Values = Vec<S::Value>;
    type Rank = S::Rank;
    type Emptied = Emptied<S::Release>;
    type Number = usize;
    type Kind = S::Kind;

    fn len(self: Pin<&mut Self>) -> usize {
        pin::len(self.project().slots.as_mut())
    }

    fn visit(self: Pin<&mut Self>, first: usize, visitor: &mut impl Visitor<S::Error, S::Rank>) -> ControlFlow<()> {
        let mut slots = self.project().slots.as_mut();
        (first..pin::len(slots.as_mut()))
            .try_for_each(|index| visitor.visit(index, pin::element(slots.as_mut(), index)))
    }

    fn sweep(
        mut self: Pin<&mut Self>,
        first: usize,
        cx: &mut Context<'_>,
        poller: &mut impl Poller<S::Error, S::Rank>,
    ) {
        let this = self.as_mut().project();
        match this.many {
            Some(many) => many.sweep(this.slots.as_mut(), first, cx, poller),
            None => drop(self.visit(first, &mut Sweep { cx, poller })),
        }
    }

    fn drive_held(mut self: Pin<&mut Self>, cx: &mut Context<'_>, poller: &mut impl Poller<S::Error, S::Rank>) {
        let this = self.as_mut().project();
        match this.many {
            Some(many) => many.drive_held(this.slots.as_mut(), cx, poller),
            None => drop(self.visit(0, &mut Sweep { cx, poller })),
        }
    }

    fn drive_emptied(
        emptied: &mut Self::Emptied,
        len: usize,
        cx: &mut Context<'_>,
        mut drive: impl FnMut(usize, &mut Context<'_>),
    ) {
        match &mut emptied.many {
            Some(many) => many.drive_emptied(cx, drive),
            None => (0..len).for_each(|index| drive(index, cx)),
        }
    }

    fn turn(mut self: Pin<&mut Self>) -> Option<usize> {
        let this = self.as_mut().project();
        match this.many {
            Some(many) => many.turn(this.slots.as_mut()),
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
            many.note(index, pin::element(this.slots.as_mut(), index));
        }
    }

    fn forget_parent(self: Pin<&mut Self>) {
        if let Some(many) = self.project().many {
            many.forget_parent();
        }
    }

    fn take(self: Pin<&mut Self>) -> (Self::Values, <S::Rank as Rank>::List, Self::Emptied) {
        let this = self.project();
        let mut slots = this.slots.as_mut();
        let len = pin::len(slots.as_mut());
        let ranks = Rank::list((0..len).map(|index| pin::element(slots.as_mut(), index).rank()));
        let values = (0..len).map(|index| pin::element(slots.as_mut(), index).take()).collect();
        (values, ranks, Emptied { release: *this.release, many: this.many.take() })
    }

    fn empty(emptied: &mut Self::Emptied) -> Self {
        Self { slots: Box::into_pin(Box::new([])), release: emptied.release, many: emptied.many.take() }
    }

    fn fill(self: Pin<&mut Self>, values: Self::Values, ranks: <S::Rank as Rank>::List) {
        let this = self.project();
        let slots = values.into_iter().enumerate();
        let slots = slots.map(|(index, value)| S::held(value, S::Rank::get(&ranks, index), *this.release));
        *this.slots = Box::into_pin(slots.collect());
        this.many.iter_mut().for_each(Many::begin_exits);
    }
}

impl<S: PortableSlot> PortableMembers for Slots<S> {
    const ENTERS: bool = S::ENTERS;
    type Moved = Slots<S::Moved>;

    fn move_out(self: Pin<&mut Self>) -> Self::Moved {
        let this = self.project();
        let mut slots = this.slots.as_mut();
        let moved = (0..pin::len(slots.as_mut())).map(|index| pin::element(slots.as_mut(), index).move_out());
        Slots { slots: Box::into_pin(moved.collect()), release: *this.release, many: this.many.take() }
    }
}

/// The rest of the slots, while the body has the values.
pub struct Emptied<K> {
    release: K,
    many: Option<Many>,
}

impl<V: Resource> Values for Vec<V> {
    type Error = V::Error;
    type Shape = ManyShape;
    type Ranks<T: Rank> = T::List;
    const OPTIONAL: bool = V::OPTIONAL;
    const DRIVEN: bool = V::DRIVEN;

    fn hold<T: Rank>(self, ranks: T::List, caller_waker: bool) -> impl Members<Values = Self, Rank = T> {
        let slots = self.into_iter().enumerate();
        let slots = slots.map(|(index, value)| {
            MemberSlot::<FromHeld<_, _>, _>::held(value, T::get(&ranks, index), V::release_resource)
        });
        Slots::held(slots, V::release_resource, caller_waker)
    }

    fn show(&mut self, error: &dyn Any) {
        let mut first = FirstPanic::none();
        self.iter_mut().for_each(|value| first.guard(&mut || value.show_error(error)));
        first.resume();
    }

    fn drive(&mut self, cx: &mut Context<'_>) -> Drove {
        let (mut drove, mut first) = (Drove::default(), FirstPanic::none());
        for value in self {
            first.guard(&mut || drove = drove.and(value.drive_resource(cx)));
        }
        first.resume();
        drove
    }

    fn has_lost(&self) -> bool {
        self.iter().any(V::has_lost)
    }

    fn take_lost(&mut self) -> Option<Errors<V::Error, ManyShape>> {
        Errors::collect(self.iter_mut().map(V::take_lost))
    }

    fn split() -> impl Split<Self, Drivers = impl Drive<Self>> {
        OfEach(V::split_drivers())
    }

    fn abandon(self) {
        drop(self.into_iter().map(Held::new).collect::<Vec<_>>());
    }
}

impl<V, S: Split<V>> Split<Vec<V>> for OfEach<S> {
    type Drivers = Box<[S::Drivers]>;

    fn split(self, values: &mut Vec<V>) -> Self::Drivers {
        values.iter_mut().map(|value| self.0.split(value)).collect()
    }
}

impl<M, V, E> Sealed for Vec<M>
where
    M: IntoFuture<Output = Result<V, E>>,
    V: Resource<Error = E>,
{
}

impl<M, V, E> Group for Vec<M>
where
    M: IntoFuture<Output = Result<V, E>>,
    V: Resource<Error = E>,
{
    type Values = Vec<V>;
    type Error = E;
    type Shape = ManyShape;

    fn into_members<T: Rank>(self, caller_waker: bool, _: bool) -> impl Members<Values = Vec<V>, Rank = T> {
        let slots =
            self.into_iter().map(|member| MemberSlot::<FromEnter<_, _>, _>::queued(member, V::release_resource));
        Slots::new(slots, V::release_resource, caller_waker)
    }
}
