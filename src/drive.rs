//! Drivers, as the machine sees them: futures that are polled beside a resource, from its enter to the end of its exit.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::{
    convert::Infallible,
    ops::DerefMut,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project::pin_project;

use crate::{Errors, Shape, exit::Answer, unwind::FirstPanic};

/// What drivers did in a poll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drove {
    /// One has ended: well, or with an error, which waits to be taken.
    pub ended: bool,
    /// One has failed.
    pub failed: bool,
}

impl Drove {
    pub(crate) fn and(self, other: Self) -> Self {
        Self { ended: self.ended || other.ended, failed: self.failed || other.failed }
    }
}

/// The drivers of a resource `V`, or of the resources of a group, while the body borrows the values.
pub trait Drive<V>: Sized {
    type Kind: Kind;

    /// There is no driver.
    fn none() -> Option<Self>;

    /// Polls those of the member `index`. An error waits until the drivers have rejoined their resources.
    fn drive(&mut self, index: usize, cx: &mut Context<'_>) -> Drove;

    /// Polls those of every member, the others although one panics.
    fn drive_all(&mut self, cx: &mut Context<'_>) -> Drove {
        let (mut drove, mut first) = (Drove::default(), FirstPanic::none());
        for index in 0..self.members() {
            first.guard(&mut || drove = drove.and(self.drive(index, cx)));
        }
        first.resume();
        drove
    }

    /// How many members they are of.
    fn members(&self) -> usize {
        1
    }

    /// Moves them out.
    fn take(&mut self) -> Self;

    fn rejoin(self, value: &mut V);

    /// Drops them, one after the other.
    fn clear(&mut self, panic: &mut FirstPanic);
}

/// There is no driver.
#[derive(Clone, Copy, Debug)]
pub struct Undriven;

impl<V> Drive<V> for Undriven {
    type Kind = NoDriver;

    fn none() -> Option<Self> {
        Some(Self)
    }

    fn drive(&mut self, _: usize, _: &mut Context<'_>) -> Drove {
        Drove::default()
    }

    fn take(&mut self) -> Self {
        Self
    }

    fn rejoin(self, _: &mut V) {}

    fn clear(&mut self, _: &mut FirstPanic) {}
}

/// The drivers of what a wrapper wraps.
pub(crate) struct OfTarget<D>(pub(crate) D);

impl<W: DerefMut<Target: Sized>, D: Drive<W::Target>> Drive<W> for OfTarget<D> {
    type Kind = D::Kind;

    fn none() -> Option<Self> {
        D::none().map(Self)
    }

    fn drive(&mut self, index: usize, cx: &mut Context<'_>) -> Drove {
        self.0.drive(index, cx)
    }

    fn take(&mut self) -> Self {
        Self(self.0.take())
    }

    fn rejoin(self, wrapper: &mut W) {
        self.0.rejoin(wrapper);
    }

    fn clear(&mut self, panic: &mut FirstPanic) {
        self.0.clear(panic);
    }
}

/// Splits the drivers off, if there are any. Otherwise nothing is moved.
pub(crate) fn split<V, D: Drive<V>>(value: V, split: impl FnOnce(V) -> (V, D)) -> (V, D) {
    match D::none() {
        Some(none) => (value, none),
        None => split(value),
    }
}

/// Whether there are drivers: [`WithDriver`] or [`NoDriver`]. A type, so that groups without drivers have no room for them.
pub trait Kind: 'static {
    const DRIVEN: bool;
    /// That of a group of members of this kind, and of others.
    type Or<K: Kind>: Kind;
    /// Room for the errors of drivers.
    type Lost<E, S: Shape>: Lost<E, S>;
    /// The drivers of a `Vec` of resources.
    #[cfg(feature = "alloc")]
    type List<V, D: Drive<V>>: Drive<Vec<V>> + FromIterator<D>;
}

#[derive(Clone, Copy, Debug)]
pub enum NoDriver {}

impl Kind for NoDriver {
    const DRIVEN: bool = false;
    type Or<K: Kind> = K;
    type Lost<E, S: Shape> = Infallible;
    #[cfg(feature = "alloc")]
    type List<V, D: Drive<V>> = Undriven;
}

#[cfg(feature = "alloc")]
impl<D> FromIterator<D> for Undriven {
    fn from_iter<I: IntoIterator<Item = D>>(_: I) -> Self {
        Self
    }
}

#[derive(Clone, Copy, Debug)]
pub enum WithDriver {}

impl Kind for WithDriver {
    const DRIVEN: bool = true;
    type Or<K: Kind> = Self;
    type Lost<E, S: Shape> = Errors<E, S>;
    #[cfg(feature = "alloc")]
    type List<V, D: Drive<V>> = Vec<D>;
}

#[cfg(feature = "alloc")]
impl<V, D: Drive<V>> Drive<Vec<V>> for Vec<D> {
    type Kind = WithDriver;

    fn none() -> Option<Self> {
        None
    }

    fn drive(&mut self, index: usize, cx: &mut Context<'_>) -> Drove {
        self[index].drive(0, cx)
    }

    fn members(&self) -> usize {
        self.len()
    }

    fn take(&mut self) -> Self {
        core::mem::take(self)
    }

    fn rejoin(self, values: &mut Vec<V>) {
        self.into_iter().zip(values).for_each(|(driver, value)| driver.rejoin(value));
    }

    fn clear(&mut self, panic: &mut FirstPanic) {
        self.iter_mut().for_each(|driver| driver.clear(panic));
    }
}

/// The errors of drivers that failed before the exits.
pub trait Lost<E, S: Shape>: Sized {
    /// Nothing, if there can be none.
    fn empty() -> Option<Self>;

    fn errors(&self) -> &Errors<E, S>;

    fn errors_mut(&mut self) -> &mut Errors<E, S>;

    fn into_errors(self) -> Errors<E, S>;
}

impl<E, S: Shape> Lost<E, S> for Infallible {
    fn empty() -> Option<Self> {
        None
    }

    fn errors(&self) -> &Errors<E, S> {
        match *self {}
    }

    fn errors_mut(&mut self) -> &mut Errors<E, S> {
        match *self {}
    }

    fn into_errors(self) -> Errors<E, S> {
        match self {}
    }
}

impl<E, S: Shape> Lost<E, S> for Errors<E, S> {
    fn empty() -> Option<Self> {
        Some(Errors::empty())
    }

    fn errors(&self) -> &Self {
        self
    }

    fn errors_mut(&mut self) -> &mut Self {
        self
    }

    fn into_errors(self) -> Self {
        self
    }
}

/// The future of an exit, as a slot sees it.
pub trait Exiting: Future<Output = Result<Answer, Self::Error>> {
    type Error;
    type Kind: Kind;

    /// Whether a driver has ended in the poll that has just ended.
    fn driver_ended(self: Pin<&mut Self>) -> bool {
        false
    }
}

/// The future of an exit without a driver.
#[pin_project]
pub(crate) struct Alone<Fut>(#[pin] pub(crate) Fut);

impl<Fut: Future> Future for Alone<Fut> {
    type Output = Fut::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Fut::Output> {
        self.project().0.poll(cx)
    }
}

impl<Fut: Future<Output = Result<Answer, E>>, E> Exiting for Alone<Fut> {
    type Error = E;
    type Kind = NoDriver;
}
