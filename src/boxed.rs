//! Futures in boxes, so that they can go on in another place.

use alloc::boxed::Box;
use core::{
    pin::Pin,
    task::{Context, Poll},
};

use crate::{ExitCase, Resource, drive::Exiting};

/// A future in a box. The `Option` is empty once the box has been taken.
pub struct Boxed<Fut>(Option<Pin<Box<Fut>>>);

impl<Fut> Boxed<Fut> {
    fn new(future: Fut) -> Self {
        Self(Some(Box::pin(future)))
    }

    /// Moves the box out.
    pub(crate) fn take(&mut self) -> Self {
        Self(self.0.take())
    }
}

impl<Fut: Future> Future for Boxed<Fut> {
    type Output = Fut::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Fut::Output> {
        let future = self.get_mut().0.as_mut().expect("only a future that is dropped is taken");
        future.as_mut().poll(cx)
    }
}

impl<Fut: Exiting> Exiting for Boxed<Fut> {
    type Error = Fut::Error;
    type Kind = Fut::Kind;

    fn take_lost(self: Pin<&mut Self>) -> Option<Fut::Error> {
        self.get_mut().0.as_mut().and_then(|future| future.as_mut().take_lost())
    }

    fn driver_ended(self: Pin<&mut Self>) -> bool {
        self.get_mut().0.as_mut().is_some_and(|future| future.as_mut().driver_ended())
    }
}

/// A member whose enter is in a box.
pub struct Boxing<M>(pub(crate) M);

impl<M: IntoFuture> IntoFuture for Boxing<M> {
    type Output = M::Output;
    type IntoFuture = Boxed<M::IntoFuture>;

    fn into_future(self) -> Self::IntoFuture {
        Boxed::new(self.0.into_future())
    }
}

/// Calls [`Resource::release_resource`], and puts the future in a box.
pub(crate) fn release_boxed<V: Resource>(value: V, case: ExitCase) -> Boxed<impl Exiting<Error = V::Error>> {
    Boxed::new(value.release_resource(case))
}
