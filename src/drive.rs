//! Drivers, as the machine sees them: futures that are polled beside a resource, from its enter to the end of its exit.

#[cfg(feature = "alloc")]
use alloc::{boxed::Box, vec::Vec};
use core::{
    convert::Infallible,
    ops::DerefMut,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project::pin_project;

use crate::{exit::Answer, observe::Events, unwind::FirstPanic};

/// The result of polling drivers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drove {
    /// A driver has ended, well or with an error. The error waits to be taken.
    pub ended: bool,
    /// A driver has failed.
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

    /// Polls the drivers of the member `index`. An error waits until the drivers have rejoined their resources.
    fn drive(&mut self, index: usize, cx: &mut Context<'_>) -> Drove;

    /// Polls the drivers of every member. If one panics, the others are polled all the same.
    fn drive_all(&mut self, cx: &mut Context<'_>) -> Drove {
        let (mut drove, mut first) = (Drove::default(), FirstPanic::none());
        for index in 0..self.members() {
            first.guard(&mut || drove = drove.and(self.drive(index, cx)));
        }
        first.resume();
        drove
    }

    /// Returns the number of members whose drivers these are.
    fn members(&self) -> usize {
        1
    }

    /// Returns the events of members that the body itself enters and exits.
    fn events(&self) -> Events {
        Events::NONE
    }

    /// Returns whether the member `index` is an optional member that could not be entered.
    fn is_absent(&self, index: usize) -> bool {
        let _ = index;
        false
    }

    /// Moves the drivers out.
    fn take(&mut self) -> Self;

    fn rejoin(self, value: &mut V);

    /// Drops the drivers, one after the other.
    fn clear(&mut self, panic: &mut FirstPanic);
}

/// Stands for the drivers of a resource that has none.
#[derive(Clone, Copy, Debug)]
pub struct Undriven;

impl<V> Drive<V> for Undriven {
    type Kind = NoDriver;

    fn drive(&mut self, _: usize, _: &mut Context<'_>) -> Drove {
        Drove::default()
    }

    fn take(&mut self) -> Self {
        Self
    }

    fn rejoin(self, _: &mut V) {}

    fn clear(&mut self, _: &mut FirstPanic) {}
}

/// The drivers of the value inside a wrapper.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfTarget<D>(pub(crate) D);

impl<W: DerefMut<Target: Sized>, D: Drive<W::Target>> Drive<W> for OfTarget<D> {
    type Kind = D::Kind;

    fn drive(&mut self, index: usize, cx: &mut Context<'_>) -> Drove {
        self.0.drive(index, cx)
    }

    fn is_absent(&self, index: usize) -> bool {
        self.0.is_absent(index)
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

/// Moves the drivers out of a `V`, in place, because a `V` may be large. It is not a closure, because the name of a
/// closure's type would repeat every `V` in it, and a debug build stores that name many times.
pub trait Split<V>: Copy + Send + Sync {
    type Drivers: Drive<V>;

    fn split(self, value: &mut V) -> Self::Drivers;
}

impl<V> Split<V> for Undriven {
    type Drivers = Self;

    fn split(self, _: &mut V) -> Self {
        self
    }
}

impl<W: DerefMut<Target: Sized>, S: Split<W::Target>> Split<W> for OfTarget<S> {
    type Drivers = OfTarget<S::Drivers>;

    fn split(self, wrapper: &mut W) -> Self::Drivers {
        OfTarget(self.0.split(wrapper))
    }
}

/// Moves the drivers out of each of many values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfEach<S>(pub(crate) S);

/// Whether there are drivers: [`WithDriver`] or [`NoDriver`]. It is a type, so that groups without drivers have no room
/// for the state of drivers.
pub trait Kind: 'static {
    const DRIVEN: bool;
    /// The kind of a group that has members of this kind and of the kind `K`.
    type Or<K: Kind>: Kind;
    /// A flag, which is never set without drivers.
    type Flag: Flag;
    /// The index of a member, which has no value without drivers.
    type Index: Index;
}

/// See [`Kind::Flag`].
pub trait Flag: Copy + Default + Send + Sync + 'static {
    fn set(&mut self);

    fn is_set(self) -> bool;
}

impl Flag for () {
    fn set(&mut self) {}

    fn is_set(self) -> bool {
        false
    }
}

impl Flag for bool {
    fn set(&mut self) {
        *self = true;
    }

    fn is_set(self) -> bool {
        self
    }
}

/// See [`Kind::Index`].
pub trait Index: Copy + Send + Sync + 'static {
    fn new(index: usize) -> Option<Self>;

    fn get(self) -> usize;
}

impl Index for Infallible {
    fn new(_: usize) -> Option<Self> {
        None
    }

    fn get(self) -> usize {
        match self {}
    }
}

impl Index for usize {
    fn new(index: usize) -> Option<Self> {
        Some(index)
    }

    fn get(self) -> usize {
        self
    }
}

#[derive(Clone, Copy, Debug)]
pub enum NoDriver {}

impl Kind for NoDriver {
    const DRIVEN: bool = false;
    type Or<K: Kind> = K;
    type Flag = ();
    type Index = Infallible;
}

#[derive(Clone, Copy, Debug)]
pub enum WithDriver {}

impl Kind for WithDriver {
    const DRIVEN: bool = true;
    type Or<K: Kind> = Self;
    type Flag = bool;
    type Index = usize;
}

#[cfg(feature = "alloc")]
impl<V, D: Drive<V>> Drive<Vec<V>> for Box<[D]> {
    type Kind = D::Kind;

    fn drive(&mut self, index: usize, cx: &mut Context<'_>) -> Drove {
        self[index].drive(0, cx)
    }

    fn members(&self) -> usize {
        self.len()
    }

    fn is_absent(&self, index: usize) -> bool {
        self[index].is_absent(0)
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

/// The future of an exit, as a slot sees it.
pub trait Exiting: Future<Output = Result<Answer, Self::Error>> {
    type Error;
    type Kind: Kind;

    /// Moves out the error with which an unfinished exit would end. It is the error of a driver that has failed, or of
    /// a handle whose driver goes on.
    fn take_lost(self: Pin<&mut Self>) -> Option<Self::Error> {
        None
    }

    /// Returns whether a driver has ended in the poll that has just ended.
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
