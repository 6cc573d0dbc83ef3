//! Who is awake, in argument order: one member by the hint, the others by the set.

use core::{ops::Deref, task::Waker};

use super::{
    block::{Wakers, Woken},
    set::Walk,
};

/// The members that are to be polled. A sweep looks, and then passes or keeps one member after the other.
///
/// | what                     | until                                                                       |
/// |--------------------------|-----------------------------------------------------------------------------|
/// | `hint`                   | it is passed or kept                                                        |
/// | `kept`, a hint that was kept | the next look, which makes it the hint again                            |
/// | `walk`, if `walking`     | the next look, which puts back into the set what is left of it              |
/// | `more`: in the set       | the next look, which begins a walk                                          |
pub(super) struct Awake {
    wakers: Wakers,
    hint: Option<usize>,
    kept: Option<usize>,
    walk: Walk,
    walking: bool,
}

impl Awake {
    /// For `len` members, all of whom sleep.
    pub(super) fn new(len: usize) -> Self {
        Self { wakers: Wakers::new(len), hint: None, kept: None, walk: Walk::default(), walking: false }
    }

    /// From now on a wake wakes `parent`. Takes the members from index `from` on that were woken before, and those that are
    /// left from before; the others stay awake. A member that is woken meanwhile is left for the next look.
    #[inline]
    pub(super) fn look(&mut self, parent: &Waker, from: usize) {
        let woken = self.wakers.look(parent);
        let one = !woken.more && woken.hint.is_none_or(|hint| hint >= from);
        if one && !self.walking && self.hint.is_none() && self.kept.is_none() {
            self.hint = woken.hint;
        } else {
            self.collect(woken, from);
        }
    }

    /// What to look at if there may be more than one.
    #[cold]
    fn collect(&mut self, woken: Woken, from: usize) {
        let set = self.wakers.set();
        let mut more = (self.walking && self.walk.end(set)) | woken.more;
        for index in [self.hint.take(), self.kept.take(), woken.hint].into_iter().flatten() {
            if index >= from && self.hint.is_none_or(|hint| hint == index) {
                self.hint = Some(index);
            } else {
                set.insert(index);
                more = true;
            }
        }
        self.walking = more;
        if more {
            self.walk.begin(set, from);
        }
    }

    /// The first member that is left of the last look.
    #[inline]
    pub(super) fn first(&mut self) -> Option<usize> {
        if !self.walking {
            return self.hint;
        }
        let walked = self.walk.first(self.wakers.set());
        self.hint.into_iter().chain(walked).min()
    }

    /// Lets the first member sleep.
    #[inline]
    pub(super) fn pass(&mut self, first: usize) {
        self.hint = self.hint.filter(|hint| *hint != first);
        if self.walking {
            self.walk.pass(first);
        }
    }

    /// Leaves the first member for the next look.
    pub(super) fn keep(&mut self, first: usize) {
        if self.hint == Some(first) {
            self.kept = Some(first);
            self.pass(first);
        } else {
            self.walk.keep(first);
        }
    }

    /// The waker of a member.
    #[inline]
    pub(super) fn lend(&self, index: usize) -> impl Deref<Target = Waker> + use<'_> {
        self.wakers.lend(index)
    }

    /// From now on a wake wakes nobody, until the next look.
    pub(super) fn forget_parent(&mut self) {
        self.wakers.forget_parent();
    }
}
