//! The one word on which the gather and the wakers agree. It has no atomics: [`Parent`](super::block) applies these
//! steps by compare-and-swap.
//!
//! | bits                     | says                                                                                |
//! |--------------------------|-------------------------------------------------------------------------------------|
//! | [`REGISTERED`]           | the next wake wakes the parent, and clears this                                     |
//! | [`KEPT`]                 | the current slot holds the parent's waker                                           |
//! | [`MORE`]                 | the set holds members that were woken since the gather last looked                  |
//! | [`SLOT`]                 | which of the two slots is the current one                                           |
//! | users of slot 0, of slot 1 | so many calls of the slot's waker are under way                                   |
//! | hint                     | one more than the index of a member that was woken since the gather looked, or 0    |
//!
//! These are the valid states, and the steps that leave them:
//!
//! | registered | kept | hint | more | what it is                | left by                                                |
//! |------------|------|------|------|---------------------------|--------------------------------------------------------|
//! | 1          | 1    | no   | 0    | no member was woken       | a wake, which writes its index as the hint             |
//! | 0          | 1    | yes  | any  | the parent was woken      | the gather, when it looks: it takes hint and more      |
//! | 0          | 1    | no   | 1    | the same: no index fitted | the same                                               |
//! | 0          | 0    | any  | any  | no parent is known        | the gather, when it looks: it registers its parent     |
//!
//! If both slots are in use when the gather has another parent, it registers nothing, and wakes that parent at once.
//! The next poll tries again.
//!
//! A user of a slot is counted in the step that clears [`REGISTERED`], so that one look admits at most one user. A look
//! that finds the count full registers in the other slot, so no count can wrap.
//!
//! A slot is free if it has no users and is not registered. Then it belongs to the gather. A slot is stale if it is not
//! the current one, or if nothing is kept. No user is added to a stale slot, and its last user drops the waker that is
//! in it.

const REGISTERED: usize = 1;
const KEPT: usize = 1 << 1;
const MORE: usize = 1 << 2;
const SLOT: usize = 1 << 3;
const USERS: [u32; 2] = [4, 4 + USERS_BITS];
const USERS_BITS: u32 = usize::BITS / 6;
const MOST_USERS: usize = (1 << USERS_BITS) - 1;
const HINT: u32 = 4 + 2 * USERS_BITS;
const NO_HINT: usize = (1 << HINT) - 1;

/// The bits that stay when the gather forgets the parent.
pub(super) const FORGOTTEN: usize = !(REGISTERED | KEPT);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct State(pub(super) usize);

impl State {
    /// Returns the hint, if there is one.
    pub(super) fn hint(self) -> Option<usize> {
        (self.0 >> HINT).checked_sub(1)
    }

    /// Returns whether the gather must look into the set.
    pub(super) fn more(self) -> bool {
        self.0 & MORE != 0
    }

    /// The slot of the parent's waker.
    pub(super) fn slot(self) -> usize {
        usize::from(self.0 & SLOT != 0)
    }

    fn users(self, slot: usize) -> usize {
        self.0 >> USERS[slot] & MOST_USERS
    }

    /// Returns whether the current slot holds a waker for which one more user can be counted.
    pub(super) fn can_stay(self) -> bool {
        self.0 & KEPT != 0 && (self.0 & REGISTERED != 0 || self.users(self.slot()) < MOST_USERS)
    }

    /// Returns whether nobody uses a slot. If nothing is registered either, the slot belongs to the gather.
    pub(super) fn is_unused(self, slot: usize) -> bool {
        self.users(slot) == 0
    }

    /// Returns whether a user of this slot is the last one, of a waker that is no longer the parent's.
    pub(super) fn is_last_of_stale(self, slot: usize) -> bool {
        self.users(slot) == 1 && (self.0 & KEPT == 0 || self.slot() != slot)
    }

    /// Returns a slot that the gather may write to once nothing is registered.
    pub(super) fn free_slot(self) -> Option<usize> {
        [self.slot(), 1 - self.slot()].into_iter().find(|slot| self.is_unused(*slot))
    }

    /// The gather has taken the woken members.
    pub(super) fn looked(self) -> Self {
        Self(self.0 & NO_HINT & !MORE)
    }

    /// The next wake wakes the waker in this slot.
    pub(super) fn registered(self, slot: usize) -> Self {
        Self((self.0 & !SLOT) | (slot * SLOT) | KEPT | REGISTERED)
    }

    /// Says by the hint that a member was woken. Returns `None` if the hint names another member, or if the index does
    /// not fit.
    pub(super) fn with_hint(self, index: usize) -> Option<Self> {
        match self.hint() {
            Some(hint) => (hint == index).then_some(self),
            None => (index < !0 >> HINT).then(|| Self(self.0 | (index + 1) << HINT)),
        }
    }

    /// Says that the set holds a woken member.
    pub(super) fn with_more(self) -> Self {
        Self(self.0 | MORE)
    }

    /// Begins a use of the registered slot, and returns that slot, if a wake must wake the parent.
    pub(super) fn begin_use(self) -> (Self, Option<usize>) {
        if self.0 & REGISTERED == 0 {
            return (self, None);
        }
        let slot = self.slot();
        (Self((self.0 & !REGISTERED) + (1 << USERS[slot])), Some(slot))
    }

    /// The use of a slot ends.
    pub(super) fn end_use(self, slot: usize) -> Self {
        Self(self.0 - (1 << USERS[slot]))
    }
}

#[cfg(all(test, not(gather_cm_loom)))]
mod tests {
    use super::*;

    /// Each look admits one user, until the count is full. Then the other slot is used.
    #[test]
    fn counts_do_not_wrap() {
        let mut state = State(0).registered(0);
        for users in 1..=MOST_USERS {
            assert!(state.can_stay());
            state = state.begin_use().0;
            assert_eq!((state.users(0), state.users(1), state.slot()), (users, 0, 0));
            if users < MOST_USERS {
                state = state.registered(0);
            }
        }
        assert!(!state.can_stay());
        assert_eq!(state.free_slot(), Some(1));
        state = state.registered(1).begin_use().0;
        assert_eq!((state.users(0), state.users(1), state.free_slot()), (MOST_USERS, 1, None));
        assert_eq!(state.hint(), None);
        for _ in 1..MOST_USERS {
            assert!(!state.is_last_of_stale(0));
            state = state.end_use(0);
        }
        assert!(state.is_last_of_stale(0) && !state.is_last_of_stale(1));
        assert!(State(state.0 & FORGOTTEN).is_last_of_stale(1));
        assert_eq!(state.end_use(0).free_slot(), Some(0));
    }

    /// The first index becomes the hint, if it fits.
    #[test]
    fn hints() {
        let (state, most) = (State(0).registered(1).begin_use().0, (!0 >> HINT) - 1);
        for index in [0, 1, most] {
            let hinted = state.with_hint(index).unwrap();
            assert_eq!(hinted.hint(), Some(index));
            assert_eq!(hinted.with_hint(index), Some(hinted));
            assert_eq!(hinted.with_hint(2), None);
            assert_eq!(hinted.with_more().looked(), state);
        }
        assert_eq!([most + 1, usize::MAX].map(|index| state.with_hint(index)), [None; 2]);
    }
}
