//! The events that an observer receives: [`Event`].

#[cfg(feature = "alloc")]
use alloc::collections::VecDeque;

use crate::ExitCase;
#[cfg(feature = "alloc")]
use crate::lock::{Lock, Shared};

/// A queue of the events in the body of a scope, if anyone observes. The body cannot reach the machine, which therefore
/// reads the queue.
#[derive(Clone, Default)]
#[allow(missing_debug_implementations)] // inside only
pub struct Events(#[cfg(feature = "alloc")] Option<Shared<Lock<VecDeque<Event>>>>);

impl Events {
    /// No queue, because nobody observes.
    pub(crate) const NONE: Self = Self(
        #[cfg(feature = "alloc")]
        None,
    );

    pub(crate) fn pop(&self) -> Option<Event> {
        #[cfg(feature = "alloc")]
        if let Some(queue) = &self.0 {
            return queue.with(VecDeque::pop_front);
        }
        None
    }
}

#[cfg(feature = "alloc")]
impl Events {
    /// Makes a queue, if anyone `observes`.
    pub(crate) fn new(observes: bool) -> Self {
        Self(observes.then(|| Shared::new(Lock::new(VecDeque::new()))))
    }

    pub(crate) fn push(&self, event: Event) {
        if let Some(queue) = &self.0 {
            queue.with(|queue| queue.push_back(event));
        }
    }
}

/// A step that has happened in a gather. The observer of [`Gather::observe`](crate::Gather::observe) receives it. If it
/// concerns a member, the field `index` says which one.
///
/// Every phase that starts also ends, with one event of its own, so that you always know which phases are in flight:
///
/// | starts | ends | meanwhile |
/// | --- | --- | --- |
/// | [`EnterStarted`] | [`Entered`], [`EnterFailed`], [`EnterDropped`], [`HandedOver`] | the member is entering |
/// | [`Entered`] | [`ExitStarted`], [`Abandoned`], [`TakenOut`], [`HandedOver`] | the gather holds the resource |
/// | [`BodyStarted`] | [`BodyEnded`], [`BodyDropped`] | the body runs |
/// | [`ExitStarted`] | [`Exited`], [`ExitFailed`], [`ExitDropped`], [`HandedOver`] | the resource is exiting |
///
/// The event that starts a phase comes before it. The event that ends a phase comes when its future has ended and was
/// dropped. An event of a drop comes after the drop, except [`BodyDropped`], which comes before it. Each variant says
/// more. The body of a [scope](crate::Scope) enters and exits members itself. The observer receives these events in
/// order, when the poll of the body is over.
///
/// Later versions may add variants and fields, so match them with `..`.
///
/// [`EnterStarted`]: Event::EnterStarted
/// [`Entered`]: Event::Entered
/// [`EnterFailed`]: Event::EnterFailed
/// [`EnterDropped`]: Event::EnterDropped
/// [`BodyStarted`]: Event::BodyStarted
/// [`BodyEnded`]: Event::BodyEnded
/// [`BodyDropped`]: Event::BodyDropped
/// [`ExitStarted`]: Event::ExitStarted
/// [`Exited`]: Event::Exited
/// [`ExitFailed`]: Event::ExitFailed
/// [`ExitDropped`]: Event::ExitDropped
/// [`Abandoned`]: Event::Abandoned
/// [`TakenOut`]: Event::TakenOut
/// [`HandedOver`]: Event::HandedOver
///
/// ```
/// use std::io;
///
/// use gather_cm::{EnterExt, Event, gather};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut in_flight = 0;
/// # smol::block_on(async {
/// let member = || async { Ok::<_, io::Error>(()) }.drop_on_exit();
/// let observer = |event| match event {
///     Event::EnterStarted { .. } | Event::ExitStarted { .. } => in_flight += 1,
///     Event::BodyStarted { .. } | Event::BodyEnded { .. } => {}
///     _ => in_flight -= 1,
/// };
/// gather((member(), member())).observe(observer).with(async |_| Ok(())).await
/// # })?;
/// assert_eq!(in_flight, 0);
/// # Ok(()) }
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event {
    /// The member starts to enter. Its `into_future` is called next.
    #[non_exhaustive]
    EnterStarted {
        /// The member's index.
        index: usize,
    },
    /// The member has entered. The gather holds its resource, and the future of the enter was dropped.
    #[non_exhaustive]
    Entered {
        /// The member's index.
        index: usize,
    },
    /// The member could not be entered: it failed or panicked. The future of the enter was dropped.
    #[non_exhaustive]
    EnterFailed {
        /// The member's index.
        index: usize,
    },
    /// The member's enter was dropped halfway: by [`fail_fast`](crate::Gather::fail_fast), by
    /// [`cancel_on`](crate::Gather::cancel_on), or with the gather. The event comes after the drop.
    #[non_exhaustive]
    EnterDropped {
        /// The member's index.
        index: usize,
    },
    /// The body starts: the gather holds every resource, and calls the body next. If a member or the observer has
    /// panicked before, the body is not called, and there is no such event.
    #[non_exhaustive]
    BodyStarted {},
    /// The body has ended, or was cancelled. Its future was dropped, and so was the future of
    /// [`cancel_on`](crate::Gather::cancel_on). No exit has begun.
    #[non_exhaustive]
    BodyEnded {
        /// The case that the exits receive.
        case: ExitCase,
    },
    /// The body is dropped with the gather. The event comes before the drop.
    #[non_exhaustive]
    BodyDropped {},
    /// The member's exit starts. Its [`on_error`](crate::Exit::on_error) has returned if there is an error to show, and
    /// its [`exit`](crate::Exit::exit) is called next.
    #[non_exhaustive]
    ExitStarted {
        /// The member's index.
        index: usize,
    },
    /// The member's exit has finished without an error. Its future was dropped.
    #[non_exhaustive]
    Exited {
        /// The member's index.
        index: usize,
    },
    /// The member's exit failed or panicked. Its future was dropped.
    #[non_exhaustive]
    ExitFailed {
        /// The member's index.
        index: usize,
    },
    /// The member's exit was dropped halfway, with the gather. The event comes after the drop.
    #[non_exhaustive]
    ExitDropped {
        /// The member's index.
        index: usize,
    },
    /// The gather was dropped while it held the resource. The resource was abandoned, and there is no exit. If the body
    /// ran, each resource was abandoned before the first of these events.
    #[non_exhaustive]
    Abandoned {
        /// The member's index.
        index: usize,
    },
    /// The [shielded](crate::Gather::shield) gather was dropped. The member's exit, or its enter and exit, go on
    /// elsewhere and are not observed. The parts that cannot go on were dropped before. The function that you passed to
    /// `on_drop` is called after these events.
    #[non_exhaustive]
    HandedOver {
        /// The member's index.
        index: usize,
    },
    /// The body took the resource out of its [scope](crate::Scope), so there is no exit. The event comes after
    /// everything that the body does with the resource in the same poll.
    #[non_exhaustive]
    TakenOut {
        /// The member's index.
        index: usize,
    },
    /// The member's driver has ended by itself: well, with an error, or with a panic. It was dropped. Beside the
    /// member's exit, this event comes before the event that ends the exit. If the gather drops the driver, there is no
    /// such event.
    #[non_exhaustive]
    DriverEnded {
        /// The member's index.
        index: usize,
    },
}
