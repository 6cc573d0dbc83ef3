//! Who is to be polled of many members, so that a sweep need not pass by all of them; and the twin for targets without
//! compare-and-swap, where it must.

#[cfg(target_has_atomic = "ptr")]
mod imp {
    use alloc::vec::Vec;
    use core::{cmp::Ordering, pin::Pin, task::Context};

    use crate::{
        group::{Poller, wakers::Wakers},
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
        /// In a stack, once the exits have begun: who is held, the last entered last.
        stack: Option<Vec<usize>>,
        /// In a stack: whose turn it was last.
        turn: usize,
    }

    impl Many {
        /// Nothing, if the members are few.
        pub(crate) fn new(len: usize) -> Option<Self> {
            (len > FEW).then(|| Self { wakers: Wakers::new(len), exiting: false, waits: true, stack: None, turn: 0 })
        }

        /// Lets the poller poll those that were woken, and begin those that it wants to begin, in argument order. Who is
        /// woken meanwhile may be left for the next poll.
        pub(crate) fn sweep<S: Slot>(
            &mut self,
            mut slots: Pin<&mut [S]>,
            first: usize,
            cx: &mut Context<'_>,
            poller: &mut impl Poller<S::Error, S::Rank>,
        ) {
            self.wakers.register(cx.waker());
            let mut waiting = self.next_waiting(first, slots.as_mut());
            let mut awake = self.wakers.awake().next(first);
            loop {
                // If it is not wanted, none behind it is.
                let begin = waiting.filter(|index| poller.wants(*index, phase(slots.as_mut(), *index)));
                let woken = self.first_woken(&mut awake, begin, slots.as_mut(), poller);
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
                    waiting = self.next_waiting(index + 1, slots.as_mut());
                }
                if woken == Some(index) {
                    awake = if more { self.wakers.awake().next(index + 1) } else { None };
                }
            }
        }

        /// The first member from `from` on that waits for its turn.
        fn next_waiting(&mut self, from: usize, mut slots: Pin<&mut [impl Slot]>) -> Option<usize> {
            while self.waits {
                let index = self.wakers.waiting().next(from)?;
                match phase(slots.as_mut(), index) {
                    Phase::Queued | Phase::Held => return Some(index),
                    // It was dropped; or it is entering, and will wait when it is held.
                    Phase::Entering | Phase::Exiting | Phase::Over => self.waits = self.wakers.waiting().take(index),
                }
            }
            None
        }

        /// The first of those awake, from `awake` on, that is in flight and wanted; none behind `begin` is looked at.
        fn first_woken<S: Slot>(
            &self,
            awake: &mut Option<usize>,
            begin: Option<usize>,
            mut slots: Pin<&mut [S]>,
            poller: &mut impl Poller<S::Error, S::Rank>,
        ) -> Option<usize> {
            loop {
                let index = (*awake)?;
                if begin.is_some_and(|begin| begin < index) {
                    return None;
                }
                match phase(slots.as_mut(), index) {
                    phase @ (Phase::Entering | Phase::Exiting) if poller.wants(index, phase) => return Some(index),
                    // It is for the other sweep of this poll.
                    Phase::Entering | Phase::Exiting => {}
                    // It was woken too late.
                    Phase::Queued | Phase::Held | Phase::Over => drop(self.wakers.awake().remove(index)),
                }
                *awake = self.wakers.awake().next(index + 1);
            }
        }

        /// In a stack: whose turn it is. See [`Members::turn`].
        pub(crate) fn turn(&mut self, mut slots: Pin<&mut [impl Slot]>) -> Option<usize> {
            let stack = self.stack.get_or_insert_with(|| {
                let len = pin::len(slots.as_mut());
                let mut held = Vec::with_capacity(len);
                held.extend((0..len).filter(|index| phase(slots.as_mut(), *index) == Phase::Held));
                let mut rank = |index: usize| pin::element(slots.as_mut(), index).rank();
                held.sort_unstable_by(|a, b| rank(*a).partial_cmp(&rank(*b)).unwrap_or(Ordering::Equal));
                held
            });
            if phase(slots, self.turn) != Phase::Exiting {
                self.turn = stack.pop()?;
            }
            Some(self.turn)
        }

        /// From now on a wake wakes nobody, until the next sweep.
        pub(crate) fn forget_parent(&mut self) {
            self.wakers.forget_parent();
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
                self.stack.iter_mut().for_each(|stack| stack.push(index));
            }
        }
    }

    fn phase(slots: Pin<&mut [impl Slot]>, index: usize) -> Phase {
        pin::element(slots, index).phase()
    }
}

#[cfg(not(target_has_atomic = "ptr"))]
mod imp {
    use core::{pin::Pin, task::Context};

    use crate::{
        group::Poller,
        slot::{Phase, Slot},
    };

    pub enum Many {}

    impl Many {
        pub(crate) fn new(_: usize) -> Option<Self> {
            None
        }

        pub(crate) fn sweep<S: Slot>(
            &mut self,
            _: Pin<&mut [S]>,
            _: usize,
            _: &mut Context<'_>,
            _: &mut impl Poller<S::Error, S::Rank>,
        ) {
            match *self {}
        }

        pub(crate) fn turn(&mut self, _: Pin<&mut [impl Slot]>) -> Option<usize> {
            match *self {}
        }

        pub(crate) fn forget_parent(&mut self) {
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
