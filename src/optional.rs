//! Members that need not enter: [`Optional`].

use core::{
    any::Any,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project::pin_project;

use crate::{
    ExitCase, Resource, Verdict,
    adapters::Adapter,
    drive::{Drive, Drove, Exiting, Split},
    exit::{Answer, Judging, sealed},
    unwind::FirstPanic,
};

/// The resource of an optional member, or the error of its enter. [`EnterExt::optional`](crate::EnterExt::optional)
/// makes it, and has an example.
#[derive(Debug)]
pub struct Optional<V, E>(Result<V, E>);

impl<V, E> Optional<V, E> {
    /// Returns whether the member has entered.
    pub fn is_entered(&self) -> bool {
        self.0.is_ok()
    }

    /// Returns the error of the enter, if the member could not be entered.
    pub fn error(&self) -> Option<&E> {
        self.0.as_ref().err()
    }

    /// Returns the resource, or the error of its enter. The resource is not exited, so you are responsible for it now.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{DropOnExit, EnterExt, Entered, Optional, gather};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let cache = async { Ok::<_, io::Error>(7) }.drop_on_exit().optional();
    /// let (cache,) = Entered::into_inner(gather((cache,)).enter().await?);
    /// assert_eq!(Optional::into_inner(cache).map(DropOnExit::into_inner)?, 7);
    /// # Ok(()) }) }
    /// ```
    pub fn into_inner(this: Self) -> Result<V, E> {
        this.0
    }
}

impl<V: Resource<Error = E>, E> Optional<V, E> {
    /// Returns the value, without the adapters around it, if the member has entered.
    pub fn as_mut(&mut self) -> Option<&mut V::Value> {
        self.0.as_mut().ok().map(V::lend_value)
    }
}

impl<V, E> sealed::Sealed for Optional<V, E> {}

impl<V: Resource<Error = E>, E> Resource for Optional<V, E> {
    type Error = E;
    type Verdict = Verdict;
    type Value = Self;

    fn release_resource(self, case: ExitCase) -> impl Exiting<Error = E> {
        OptionalExit(self.0.ok().map(|value| value.release_resource(case)))
    }

    fn exit_resource(self, case: ExitCase) -> impl Future<Output = Result<Verdict, E>> {
        Judging(self.release_resource(case))
    }

    fn lend_value(&mut self) -> &mut Self {
        self
    }

    fn show_error(&mut self, error: &dyn Any) {
        if let Ok(value) = &mut self.0 {
            value.show_error(error);
        }
    }

    fn abandon_resource(self) {
        if let Ok(value) = self.0 {
            value.abandon_resource();
        }
    }

    const OPTIONAL: bool = true;

    fn is_absent(&self) -> bool {
        !self.is_entered()
    }

    const DRIVEN: bool = V::DRIVEN;

    fn drive_resource(&mut self, cx: &mut Context<'_>) -> Drove {
        self.0.as_mut().map_or_else(|_| Drove::default(), |value| value.drive_resource(cx))
    }

    fn has_lost(&self) -> bool {
        self.0.as_ref().is_ok_and(V::has_lost)
    }

    fn take_lost(&mut self) -> Option<E> {
        self.0.as_mut().ok().and_then(V::take_lost)
    }

    fn split_drivers() -> impl Split<Self, Drivers = impl Drive<Self>> {
        SplitOptional(V::split_drivers())
    }
}

/// The drivers of an optional resource, or nothing if the resource is absent.
struct OfOptional<D>(Option<D>);

/// Moves the drivers out with the help of `S`, unless the resource is absent.
#[derive(Clone, Copy)]
struct SplitOptional<S>(S);

impl<V, E, S: Split<V>> Split<Optional<V, E>> for SplitOptional<S> {
    type Drivers = OfOptional<S::Drivers>;

    fn split(self, optional: &mut Optional<V, E>) -> Self::Drivers {
        OfOptional(optional.0.as_mut().ok().map(|value| self.0.split(value)))
    }
}

impl<V, E, D: Drive<V>> Drive<Optional<V, E>> for OfOptional<D> {
    type Kind = D::Kind;

    fn drive(&mut self, index: usize, cx: &mut Context<'_>) -> Drove {
        self.0.as_mut().map_or_else(Drove::default, |drivers| drivers.drive(index, cx))
    }

    fn is_absent(&self, _: usize) -> bool {
        self.0.is_none()
    }

    fn take(&mut self) -> Self {
        Self(self.0.take())
    }

    fn rejoin(self, optional: &mut Optional<V, E>) {
        if let (Some(drivers), Ok(value)) = (self.0, &mut optional.0) {
            drivers.rejoin(value);
        }
    }

    fn clear(&mut self, panic: &mut FirstPanic) {
        if let Some(drivers) = &mut self.0 {
            drivers.clear(panic);
        }
    }
}

/// The exit of an optional resource. If the resource is absent, the exit answers neither way.
#[pin_project]
struct OptionalExit<Fut>(#[pin] Option<Fut>);

impl<Fut: Future<Output = Result<Answer, E>>, E> Future for OptionalExit<Fut> {
    type Output = Result<Answer, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().0.as_pin_mut().map_or(Poll::Ready(Ok(Answer::Neutral)), |exit| exit.poll(cx))
    }
}

impl<Fut: Exiting> Exiting for OptionalExit<Fut> {
    type Error = Fut::Error;
    type Kind = Fut::Kind;

    fn take_lost(self: Pin<&mut Self>) -> Option<Fut::Error> {
        self.project().0.as_pin_mut().and_then(Exiting::take_lost)
    }

    fn driver_ended(self: Pin<&mut Self>) -> bool {
        self.project().0.as_pin_mut().is_some_and(Exiting::driver_ended)
    }
}

/// The adapter of [`EnterExt::optional`](crate::EnterExt::optional), for signatures.
#[derive(Clone, Debug)]
pub struct ByOption;

impl<V, E> Adapter<Result<V, E>> for ByOption {
    type Value = Optional<V, E>;
    type Error = E;

    fn adapt(&mut self, output: Result<V, E>) -> Result<Optional<V, E>, E> {
        Ok(Optional(output))
    }
}
