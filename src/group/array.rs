//! Groups that are arrays.

use core::{any::Any, array, ops::ControlFlow, pin::Pin, task::Context};

use pin_project::pin_project;

use crate::{
    Errors, Few, Group, Resource,
    drive::{Drive, Drove, OfEach, Split},
    group::{Members, Values, Visitor, sealed::Sealed},
    pin,
    policy::Rank,
    slot::{FromEnter, FromHeld, Held, MemberSlot, Slot},
    unwind::FirstPanic,
};
#[cfg(feature = "alloc")]
use crate::{group::PortableMembers, slot::PortableSlot};

/// Slots side by side. The function that makes the exits' futures is kept beside them, because an array of no slots
/// needs it, too.
#[pin_project]
pub struct Slots<S: Slot, const N: usize>(#[pin] [S; N], S::Release);

impl<S: Slot, const N: usize> Slots<S, N> {
    pub(crate) fn new(slots: [S; N], release: S::Release) -> Self {
        Self(slots, release)
    }
}

impl<S: Slot, const N: usize> Members for Slots<S, N> {
    type Values = [S::Value; N];
    type Rank = S::Rank;
    type Emptied = S::Release;
    type Number = ();
    type Kind = S::Kind;

    fn len(self: Pin<&mut Self>) -> usize {
        N
    }

    fn visit(self: Pin<&mut Self>, first: usize, visitor: &mut impl Visitor<S::Error, S::Rank>) -> ControlFlow<()> {
        let mut slots = pin::array_as_slice(self.project().0);
        (first..N).try_for_each(|index| visitor.visit(index, pin::element(slots.as_mut(), index)))
    }

    #[inline]
    fn take(self: Pin<&mut Self>) -> (Self::Values, [S::Rank; N], Self::Emptied) {
        let this = self.project();
        let mut slots = pin::array_as_slice(this.0);
        let ranks = array::from_fn(|index| pin::element(slots.as_mut(), index).rank());
        (array::from_fn(|index| pin::element(slots.as_mut(), index).take()), ranks, *this.1)
    }

    #[inline]
    fn empty(release: &mut Self::Emptied) -> Self {
        Self(array::from_fn(|_| S::empty(*release)), *release)
    }

    fn fill(self: Pin<&mut Self>, values: Self::Values, ranks: [S::Rank; N]) {
        let mut slots = pin::array_as_slice(self.project().0);
        for (index, value) in values.into_iter().enumerate() {
            pin::element(slots.as_mut(), index).hold(value, ranks[index]);
        }
    }
}

#[cfg(feature = "alloc")]
impl<S: PortableSlot, const N: usize> PortableMembers for Slots<S, N> {
    const ENTERS: bool = S::ENTERS;
    type Moved = Slots<S::Moved, N>;

    fn move_out(self: Pin<&mut Self>) -> Self::Moved {
        let this = self.project();
        let mut slots = pin::array_as_slice(this.0);
        Slots(array::from_fn(|index| pin::element(slots.as_mut(), index).move_out()), *this.1)
    }
}

impl<V: Resource, const N: usize> Values for [V; N] {
    type Error = V::Error;
    type Shape = Few<N>;
    type Ranks<T: Rank> = [T; N];
    const OPTIONAL: bool = V::OPTIONAL;
    const DRIVEN: bool = V::DRIVEN;

    fn hold<T: Rank>(self, ranks: [T; N], _: bool) -> impl Members<Values = Self, Rank = T> {
        let mut ranks = ranks.into_iter();
        let slot =
            |value| MemberSlot::<FromHeld<_, _>, _>::held(value, ranks.next().unwrap_or_default(), V::release_resource);
        Slots::new(self.map(slot), V::release_resource)
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

    fn take_lost(&mut self) -> Option<Errors<V::Error, Few<N>>> {
        Errors::collect(self.iter_mut().map(V::take_lost))
    }

    fn split() -> impl Split<Self, Drivers = impl Drive<Self>> {
        OfEach(V::split_drivers())
    }

    fn abandon(self) {
        drop(self.map(Held::new));
    }
}

impl<V, S: Split<V>, const N: usize> Split<[V; N]> for OfEach<S> {
    type Drivers = [S::Drivers; N];

    fn split(self, values: &mut [V; N]) -> Self::Drivers {
        values.each_mut().map(|value| self.0.split(value))
    }
}

impl<V, D: Drive<V>, const N: usize> Drive<[V; N]> for [D; N] {
    type Kind = D::Kind;

    fn drive(&mut self, index: usize, cx: &mut Context<'_>) -> Drove {
        self[index].drive(0, cx)
    }

    fn members(&self) -> usize {
        N
    }

    fn is_absent(&self, index: usize) -> bool {
        self[index].is_absent(0)
    }

    fn take(&mut self) -> Self {
        self.each_mut().map(D::take)
    }

    fn rejoin(self, values: &mut [V; N]) {
        self.into_iter().zip(values).for_each(|(driver, value)| driver.rejoin(value));
    }

    fn clear(&mut self, panic: &mut FirstPanic) {
        self.iter_mut().for_each(|driver| driver.clear(panic));
    }
}

impl<M, V, E, const N: usize> Sealed for [M; N]
where
    M: IntoFuture<Output = Result<V, E>>,
    V: Resource<Error = E>,
{
}

impl<M, V, E, const N: usize> Group for [M; N]
where
    M: IntoFuture<Output = Result<V, E>>,
    V: Resource<Error = E>,
{
    type Values = [V; N];
    type Error = E;
    type Shape = Few<N>;

    fn into_members<T: Rank>(self, _: bool, _: bool) -> impl Members<Values = [V; N], Rank = T> {
        let slot = |member| MemberSlot::<FromEnter<_, _>, _>::queued(member, V::release_resource);
        Slots::new(self.map(slot), V::release_resource)
    }
}
