//! Knows which of many members a poll must poll, so that a sweep need not look at all of them. Targets without
//! compare-and-swap have a twin of it, and their sweeps look at all members.

#[cfg(target_has_atomic = "ptr")]
mod awake;
#[cfg(target_has_atomic = "ptr")]
mod block;
#[cfg(all(test, gather_cm_loom))]
mod loom;
#[cfg(target_has_atomic = "ptr")]
mod set;
#[cfg(target_has_atomic = "ptr")]
mod state;

#[cfg(target_has_atomic = "ptr")]
mod imp {
    use alloc::{collections::BinaryHeap, vec, vec::Vec};
    use core::{mem, pin::Pin, task::Context};

    use super::awake::Awake;
    use crate::{
        drive::Kind,
        group::Poller,
        pin,
        policy::Rank,
        slot::{Phase, Slot},
    };

    /// A group of up to this many members is polled with the caller's own waker. A wake then polls only a few members
    /// in vain.
    const FEW: usize = 30;

    pub struct Many {
        awake: Awake,
        /// A member that becomes held waits for its exit.
        exiting: bool,
        /// No driver has been polled yet.
        drive_all: bool,
        /// No member before this index waits, except the members in `late`.
        cursor: usize,
        /// Members before the cursor that became held after the exits had begun.
        late: Late,
        /// In a stack, this has the held members and their ranks once the exits have begun.
        stack: Option<BinaryHeap<(usize, usize)>>,
        /// In a stack, this is the member whose turn it was last.
        turn: usize,
    }

    impl Many {
        /// Returns `None` if the members are few.
        pub(crate) fn new(len: usize) -> Option<Self> {
            (len > FEW).then(|| Self {
                awake: Awake::new(len),
                exiting: false,
                drive_all: false,
                cursor: 0,
                late: Late::default(),
                stack: None,
                turn: 0,
            })
        }

        /// Lets the poller poll the woken members, and begin the ones that it wants to begin, in argument order. A
        /// member that is woken meanwhile is left for the next poll.
        pub(crate) fn sweep<S: Slot>(
            &mut self,
            mut slots: Pin<&mut [S]>,
            first: usize,
            cx: &mut Context<'_>,
            poller: &mut impl Poller<S::Error, S::Rank>,
        ) {
            self.awake.look(cx.waker(), first);
            let mut from = first;
            loop {
                // If the poller does not want this member, it wants none after it either.
                let begin = self.next_waiting(from, slots.as_mut());
                let begin = begin.filter(|index| poller.wants(*index, phase(slots.as_mut(), *index)));
                let woken = self.first_woken(begin, slots.as_mut(), poller);
                let Some(index) = woken.or(begin) else { return };
                let mut slot = pin::element(slots.as_mut(), index);
                if slot.as_mut().phase() == Phase::Queued {
                    // The member no longer waits. The poll may even leave it held.
                    self.cursor = index + 1;
                }
                let flow = {
                    let waker = self.awake.lend(index);
                    poller.poll(index, slot.as_mut(), &mut Context::from_waker(&waker))
                };
                self.note(index, slot);
                if flow.is_break() {
                    return;
                }
                from = index + 1;
            }
        }

        /// Returns the first member from `from` on that waits for its turn.
        #[inline]
        fn next_waiting(&mut self, from: usize, mut slots: Pin<&mut [impl Slot]>) -> Option<usize> {
            let none_ahead = self.cursor >= pin::len(slots.as_mut());
            if none_ahead && self.late.is_empty() { None } else { self.find_waiting(from, slots) }
        }

        fn find_waiting(&mut self, from: usize, mut slots: Pin<&mut [impl Slot]>) -> Option<usize> {
            let len = pin::len(slots.as_mut());
            let mut waits = |index| matches!(phase(slots.as_mut(), index), Phase::Queued | Phase::Held);
            if self.stack.is_some() {
                // No other member has its turn.
                return Some(from).filter(|at| *at < len && waits(*at));
            }
            let mut at = from.max(self.cursor);
            while at < len && !waits(at) {
                at += 1;
            }
            if from <= self.cursor {
                self.cursor = at;
            }
            while let Some(late) = self.late.next(from) {
                if waits(late) {
                    return Some(late.min(at));
                }
                self.late.remove(late);
            }
            Some(at).filter(|at| *at < len)
        }

        /// Returns the first woken member that is in flight and that the poller wants, and lets it sleep. It looks at
        /// no member after `begin`.
        #[inline]
        fn first_woken<S: Slot>(
            &mut self,
            begin: Option<usize>,
            mut slots: Pin<&mut [S]>,
            poller: &mut impl Poller<S::Error, S::Rank>,
        ) -> Option<usize> {
            loop {
                let index = self.awake.first().filter(|index| begin.is_none_or(|begin| *index <= begin))?;
                match phase(slots.as_mut(), index) {
                    phase @ (Phase::Entering | Phase::Exiting) if poller.wants(index, phase) => {
                        self.awake.pass(index);
                        return Some(index);
                    }
                    // Another sweep polls this member.
                    Phase::Entering | Phase::Exiting => self.awake.keep(index),
                    // The exit of this member begins, and it polls the driver, too.
                    Phase::Held if S::Kind::DRIVEN && begin == Some(index) => {
                        self.awake.pass(index);
                        return begin;
                    }
                    Phase::Held if S::Kind::DRIVEN => self.awake.keep(index),
                    // It was woken too late.
                    Phase::Queued | Phase::Held | Phase::Over => self.awake.pass(index),
                }
            }
        }

        /// In a stack, returns the member whose turn it is. See `Members::turn`.
        pub(crate) fn turn(&mut self, mut slots: Pin<&mut [impl Slot]>) -> Option<usize> {
            let stack = self.stack.get_or_insert_with(|| {
                let len = pin::len(slots.as_mut());
                let mut held = Vec::with_capacity(len);
                for index in 0..len {
                    let mut slot = pin::element(slots.as_mut(), index);
                    if slot.as_mut().phase() == Phase::Held {
                        held.push((slot.rank().number(), index));
                    }
                }
                held.into()
            });
            if phase(slots, self.turn) != Phase::Exiting {
                (_, self.turn) = stack.pop()?;
            }
            Some(self.turn)
        }

        /// From now on a wake wakes nobody, until the next sweep.
        pub(crate) fn forget_parent(&mut self) {
            self.awake.forget_parent();
        }

        /// From now on, held members wait for their exit.
        pub(crate) fn begin_exits(&mut self) {
            (self.exiting, self.cursor) = (true, 0);
        }

        /// Shows held members to the poller: each one that was woken for its driver, or that has entered since the last
        /// call.
        pub(crate) fn drive_held<S: Slot>(
            &mut self,
            mut slots: Pin<&mut [S]>,
            cx: &mut Context<'_>,
            poller: &mut impl Poller<S::Error, S::Rank>,
        ) {
            self.awake.look(cx.waker(), 0);
            if mem::take(&mut self.drive_all) {
                for index in 0..pin::len(slots.as_mut()) {
                    let mut slot = pin::element(slots.as_mut(), index);
                    if poller.wants(index, slot.as_mut().phase()) {
                        let waker = self.awake.lend(index);
                        let _ = poller.poll(index, slot, &mut Context::from_waker(&waker));
                    }
                }
            }
            while let Some(index) = self.awake.first() {
                let mut slot = pin::element(slots.as_mut(), index);
                let phase = slot.as_mut().phase();
                if !poller.wants(index, phase) {
                    self.awake.keep(index);
                    continue;
                }
                self.awake.pass(index);
                let waker = self.awake.lend(index);
                let _ = poller.poll(index, slot, &mut Context::from_waker(&waker));
            }
        }

        /// Says that no driver has been polled with these wakers.
        pub(crate) fn drive_all(&mut self) {
            self.drive_all = true;
        }

        /// Polls the drivers that were woken, while the body has the values.
        pub(crate) fn drive_emptied(&mut self, cx: &mut Context<'_>, mut drive: impl FnMut(usize, &mut Context<'_>)) {
            self.awake.look(cx.waker(), 0);
            while let Some(index) = self.awake.first() {
                self.awake.pass(index);
                let waker = self.awake.lend(index);
                drive(index, &mut Context::from_waker(&waker));
            }
        }

        /// Takes note that a slot may have come to another phase.
        #[inline]
        pub(crate) fn note<S: Slot>(&mut self, index: usize, mut slot: Pin<&mut S>) {
            if S::Kind::DRIVEN && slot.as_mut().phase() == Phase::Held {
                self.awake.insert(index);
            }
            if self.exiting && slot.as_mut().phase() == Phase::Held {
                self.is_held_late(index, slot.rank().number());
            }
        }

        #[cold]
        fn is_held_late(&mut self, index: usize, rank: usize) {
            if let Some(stack) = &mut self.stack {
                stack.push((rank, index));
            } else if index < self.cursor {
                self.late.insert(index, self.awake.capacity());
            }
        }
    }

    /// A set of indices, for one thread. It allocates once, when the first index is inserted.
    #[derive(Default)]
    struct Late {
        words: Vec<usize>,
        len: usize,
    }

    const BITS: usize = usize::BITS as usize;

    impl Late {
        fn is_empty(&self) -> bool {
            self.len == 0
        }

        /// Inserts an index less than `end`.
        fn insert(&mut self, index: usize, end: usize) {
            if self.words.is_empty() {
                self.words = vec![0; end.div_ceil(BITS)];
            }
            let (word, bit) = (&mut self.words[index / BITS], 1 << (index % BITS));
            self.len += usize::from(*word & bit == 0);
            *word |= bit;
        }

        /// Removes an index that is in the set.
        fn remove(&mut self, index: usize) {
            self.words[index / BITS] &= !(1 << (index % BITS));
            self.len -= 1;
        }

        /// Returns the lowest index in the set that is not less than `from`.
        fn next(&self, from: usize) -> Option<usize> {
            if self.is_empty() {
                return None;
            }
            let mut mask = !0 << (from % BITS);
            for (at, word) in self.words.iter().enumerate().skip(from / BITS) {
                let bits = word & mask;
                if bits != 0 {
                    return Some(at * BITS + bits.trailing_zeros() as usize);
                }
                mask = !0;
            }
            None
        }
    }

    fn phase(slots: Pin<&mut [impl Slot]>, index: usize) -> Phase {
        pin::element(slots, index).phase()
    }
}

#[cfg(not(target_has_atomic = "ptr"))]
mod imp {
    use core::{pin::Pin, task::Context};

    use crate::{group::Poller, slot::Slot};

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

        pub(crate) fn drive_held<S: Slot>(
            &mut self,
            _: Pin<&mut [S]>,
            _: &mut Context<'_>,
            _: &mut impl Poller<S::Error, S::Rank>,
        ) {
            match *self {}
        }

        pub(crate) fn drive_all(&mut self) {
            match *self {}
        }

        pub(crate) fn drive_emptied(&mut self, _: &mut Context<'_>, _: impl FnMut(usize, &mut Context<'_>)) {
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

        pub(crate) fn note(&mut self, _: usize, _: Pin<&mut impl Slot>) {
            match *self {}
        }
    }
}

pub use imp::Many;
