//! Who is to be polled of many members, so that a sweep need not pass by all of them; and the twin for targets without
//! compare-and-swap, where it must.

#[cfg(target_has_atomic = "ptr")]
mod imp {
    use core::{pin::Pin, task::Context};

    use crate::{
        group::{Members, Poller, wakers::Wakers},
        pin,
        slot::{Phase, Slot},
    };

    /// So many members are polled with the caller's own waker: no more than a few of them are woken in vain.
    const FEW: usize = 30;

    pub struct Many {
        wakers: Wakers,
        /// A member that is held waits for its exit.
        exiting: bool,
        /// Someone may wait for a turn.
        waits: bool,
    }

    impl Many {
        /// Nothing, if the members are few.
        pub(crate) fn new(len: usize) -> Option<Self> {
            (len > FEW).then(|| Self { wakers: Wakers::new(len), exiting: false, waits: true })
        }

        /// Lets the poller poll those that were woken, and begin those that it wants to begin, in argument order. Who is
        /// woken meanwhile may be left for the next poll.
        pub(crate) fn sweep<Ms, S>(
            &mut self,
            mut slots: Pin<&mut [S]>,
            first: usize,
            cx: &mut Context<'_>,
            poller: &mut impl Poller<Ms>,
        ) where
            Ms: Members<Values: crate::Values<Error = S::Error>, Rank = S::Rank>,
            S: Slot,
        {
            self.wakers.register(cx.waker());
            let mut waiting = self.next_waiting(first, &slots);
            let mut woken = self.next_woken(first, &slots, poller);
            loop {
                // If it is not wanted, none behind it is.
                let begin = waiting.filter(|index| poller.wants(*index, slots[*index].phase()));
                let Some(index) = begin.into_iter().chain(woken).min() else { return };
                let mut more = true;
                if begin == Some(index) {
                    self.waits = self.wakers.waiting().take(index);
                } else {
                    more = self.wakers.awake().remove(index);
                }
                let mut slot = pin::element(slots.as_mut(), index);
                let flow = {
                    let waker = self.wakers.lend(index);
                    poller.poll(index, slot.as_mut(), &mut Context::from_waker(&waker))
                };
                self.note(index, slot.phase());
                if flow.is_break() {
                    return;
                }
                if waiting.is_some_and(|waiting| waiting <= index) {
                    waiting = self.next_waiting(index + 1, &slots);
                }
                if woken == Some(index) {
                    woken = if more { self.next_woken(index + 1, &slots, poller) } else { None };
                }
            }
        }

        /// The first member from `from` on that waits for its turn.
        fn next_waiting(&mut self, from: usize, slots: &[impl Slot]) -> Option<usize> {
            while self.waits {
                let index = self.wakers.waiting().next(from)?;
                match slots[index].phase() {
                    Phase::Queued | Phase::Held => return Some(index),
                    // It was dropped; or it is entering, and will wait when it is held.
                    Phase::Entering | Phase::Exiting | Phase::Over => self.waits = self.wakers.waiting().take(index),
                }
            }
            None
        }

        /// The first member from `from` on that is in flight, was woken, and is wanted.
        fn next_woken<Ms: Members>(
            &self,
            mut from: usize,
            slots: &[impl Slot],
            poller: &mut impl Poller<Ms>,
        ) -> Option<usize> {
            let awake = self.wakers.awake();
            loop {
                let index = awake.next(from)?;
                match slots[index].phase() {
                    phase @ (Phase::Entering | Phase::Exiting) if poller.wants(index, phase) => return Some(index),
                    // It is for the other sweep of this poll.
                    Phase::Entering | Phase::Exiting => from = index + 1,
                    // It was woken too late.
                    Phase::Queued | Phase::Held | Phase::Over => drop(awake.remove(index)),
                }
            }
        }

        /// From now on, members that are held wait for their exit.
        pub(crate) fn begin_exits(&mut self) {
            (self.exiting, self.waits) = (true, true);
            self.wakers.all_wait();
        }

        /// Is told of a slot that may have come to another phase.
        pub(crate) fn note(&mut self, index: usize, phase: Phase) {
            if self.exiting && phase == Phase::Held {
                self.waits = true;
                self.wakers.waiting().insert(index);
            }
        }
    }
}

#[cfg(not(target_has_atomic = "ptr"))]
mod imp {
    use core::{pin::Pin, task::Context};

    use crate::{
        group::{Members, Poller},
        slot::Phase,
    };

    pub enum Many {}

    impl Many {
        pub(crate) fn new(_: usize) -> Option<Self> {
            None
        }

        pub(crate) fn sweep<Ms: Members, S>(
            &mut self,
            _: Pin<&mut [S]>,
            _: usize,
            _: &mut Context<'_>,
            _: &mut impl Poller<Ms>,
        ) {
            match *self {}
        }

        pub(crate) fn begin_exits(&mut self) {
            match *self {}
        }

        pub(crate) fn note(&mut self, _: usize, _: Phase) {
            match *self {}
        }
    }
}

pub use imp::Many;
