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
    }

    impl Many {
        /// Nothing, if the members are few.
        pub(crate) fn new(len: usize) -> Option<Self> {
            (len > FEW).then(|| Self { wakers: Wakers::new(len), exiting: false })
        }

        /// Lets the poller poll those that were woken, and begin those that it wants to begin, in argument order.
        pub(crate) fn sweep<Ms, S>(
            &self,
            mut slots: Pin<&mut [S]>,
            first: usize,
            cx: &mut Context<'_>,
            poller: &mut impl Poller<Ms>,
        ) where
            Ms: Members<Values: crate::Values<Error = S::Error>, Rank = S::Rank>,
            S: Slot,
        {
            self.wakers.register(cx.waker());
            let mut from = first;
            while let Some(index) = self.next(from, &slots, poller) {
                let mut slot = pin::element(slots.as_mut(), index);
                let waker = self.wakers.lend(index);
                let flow = poller.poll(index, slot.as_mut(), &mut Context::from_waker(&waker));
                self.note(index, slot.phase());
                if flow.is_break() {
                    return;
                }
                from = index + 1;
            }
        }

        /// The next slot from `from` on that the poller wants: it is no longer waiting, or no longer awake.
        fn next<Ms: Members>(&self, from: usize, slots: &[impl Slot], poller: &mut impl Poller<Ms>) -> Option<usize> {
            let (waiting, awake) = (self.wakers.waiting(), self.wakers.awake());
            let mut at = from;
            let begin = loop {
                let Some(index) = waiting.next(at) else { break None };
                match slots[index].phase() {
                    phase @ (Phase::Queued | Phase::Held) => break poller.wants(index, phase).then_some(index),
                    // It was dropped; or it is entering, and will wait when it is held.
                    Phase::Entering | Phase::Exiting | Phase::Over => waiting.remove(index),
                }
            };
            let woken = loop {
                let Some(index) = awake.next(at) else { break None };
                match slots[index].phase() {
                    phase @ (Phase::Entering | Phase::Exiting) if poller.wants(index, phase) => break Some(index),
                    // It is for the other sweep of this poll.
                    Phase::Entering | Phase::Exiting => at = index + 1,
                    Phase::Queued | Phase::Held | Phase::Over => awake.remove(index),
                }
            };
            if begin.is_some() && woken.is_none_or(|woken| begin < Some(woken)) {
                waiting.remove(begin?);
                begin
            } else {
                awake.remove(woken?);
                woken
            }
        }

        /// From now on, members that are held wait for their exit.
        pub(crate) fn begin_exits(&mut self) {
            self.exiting = true;
            self.wakers.all_wait();
        }

        /// Is told of a slot that may have come to another phase.
        pub(crate) fn note(&self, index: usize, phase: Phase) {
            if self.exiting && phase == Phase::Held {
                self.wakers.waiting().insert(index);
            }
        }
    }
}

#[cfg(not(target_has_atomic = "ptr"))]
mod imp {
    use core::{pin::Pin, task::Context};

    use crate::{group::Poller, slot::Phase};

    pub enum Many {}

    impl Many {
        pub(crate) fn new(_: usize) -> Option<Self> {
            None
        }

        pub(crate) fn sweep<Ms, S>(&self, _: Pin<&mut [S]>, _: usize, _: &mut Context<'_>, _: &mut impl Poller<Ms>) {
            match *self {}
        }

        pub(crate) fn begin_exits(&mut self) {
            match *self {}
        }

        pub(crate) fn note(&self, _: usize, _: Phase) {
            match *self {}
        }
    }
}

pub use imp::Many;
