//! One poll's share in the drivers of held members.

use core::{ops::ControlFlow, pin::Pin, task::Context};

use crate::{
    Event,
    drive::Drove,
    group::{Members, Poller},
    policy::{Observer, tell},
    slot::{Phase, Slot},
    unwind::FirstPanic,
};

/// Polls the drivers of held members. Returns whether one has failed or panicked.
pub(super) fn poll_held<Ms: Members>(
    members: Pin<&mut Ms>,
    observer: &mut impl Observer,
    panic: &mut FirstPanic,
    cx: &mut Context<'_>,
) -> bool {
    let mut poll = PollDrivers { failed: false, observer, panic };
    members.drive_held(cx, &mut poll);
    poll.failed
}

struct PollDrivers<'a, O> {
    failed: bool,
    observer: &'a mut O,
    panic: &'a mut FirstPanic,
}

impl<E, T, O: Observer> Poller<E, T> for PollDrivers<'_, O> {
    fn wants(&mut self, _: usize, phase: Phase) -> bool {
        phase == Phase::Held
    }

    fn poll<S>(&mut self, index: usize, mut slot: Pin<&mut S>, cx: &mut Context<'_>) -> ControlFlow<()>
    where
        S: Slot<Error = E, Rank = T>,
    {
        self.failed |= drive(index, self.observer, self.panic, || slot.as_mut().drive(cx));
        ControlFlow::Continue(())
    }
}

/// Calls `poll`, which polls the drivers of one member. Returns whether one has failed or panicked.
pub(super) fn drive(
    index: usize,
    observer: &mut impl Observer,
    panic: &mut FirstPanic,
    mut poll: impl FnMut() -> Drove,
) -> bool {
    let mut drove = None;
    panic.guard(&mut || drove = Some(poll()));
    // A driver that panicked has been dropped, so it has ended.
    let Drove { ended, failed } = drove.unwrap_or(Drove { ended: true, failed: true });
    if ended {
        tell(observer, panic, Event::DriverEnded { index });
    }
    failed
}
