//! The woken members, in argument order. The hint names one of them, and the set has the others.

use core::{mem, ops::Deref, task::Waker};

use super::{
    block::{Wakers, Woken},
    set::Walk,
};

/// The members that the next polls must poll. A sweep looks, and then passes or keeps one member after the other.
///
/// | what                     | until                                                                       |
/// |--------------------------|-----------------------------------------------------------------------------|
/// | `hint`                   | it is passed or kept                                                        |
/// | `kept`, a hint that was kept | the next look, which makes it the hint again                            |
/// | `walk`, if `walking`     | the next look, which puts its remaining members back into the set              |
/// | `more`: in the set       | the next look, which begins a walk                                          |
/// | `inserted`: in the set   | the next look, which begins a walk                                          |
pub(super) struct Awake {
    wakers: Wakers,
    hint: Option<usize>,
    kept: Option<usize>,
    walk: Walk,
    walking: bool,
    inserted: bool,
}

impl Awake {
    /// Makes it for `len` members, who all sleep.
    pub(super) fn new(len: usize) -> Self {
        Self {
            wakers: Wakers::new(len),
            hint: None,
            kept: None,
            walk: Walk::default(),
            walking: false,
            inserted: false,
        }
    }

    /// From now on a wake wakes `parent`. Takes the members from index `from` on that were woken before this look, or
    /// are left from an earlier one. The others stay awake. A member that is woken meanwhile is left for the next look.
    #[inline]
    pub(super) fn look(&mut self, parent: &Waker, from: usize) {
        let woken = self.wakers.look(parent);
        let one = !woken.more && woken.hint.is_none_or(|hint| hint >= from);
        if one && !self.walking && !self.inserted && self.hint.is_none() && self.kept.is_none() {
            self.hint = woken.hint;
        } else {
            self.collect(woken, from);
        }
    }

    /// Does the rest of a look if more than one member may be awake.
    #[cold]
    fn collect(&mut self, woken: Woken, from: usize) {
        let set = self.wakers.set();
        let mut more = (self.walking && self.walk.end(set)) | woken.more | mem::take(&mut self.inserted);
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

    /// Returns the first member that is left of the last look.
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

    /// Returns a number that is higher than the index of every member.
    pub(super) fn capacity(&self) -> usize {
        self.wakers.set().capacity()
    }

    /// Wakes a member for the next look, without its waker.
    pub(super) fn insert(&mut self, index: usize) {
        self.wakers.set().insert(index);
        self.inserted = true;
    }

    /// Returns the waker of a member.
    #[inline]
    pub(super) fn lend(&self, index: usize) -> impl Deref<Target = Waker> + use<'_> {
        self.wakers.lend(index)
    }

    /// From now on a wake wakes nobody, until the next look.
    pub(super) fn forget_parent(&mut self) {
        self.wakers.forget_parent();
    }
}

#[cfg(all(test, not(gather_cm_loom)))]
mod tests {
    extern crate std;

    use std::{
        boxed::Box,
        collections::BTreeSet,
        sync::{
            Arc, Mutex, OnceLock,
            atomic::{AtomicUsize, Ordering},
        },
        task::Wake,
        thread,
        vec::Vec,
    };

    use super::*;

    /// A parent that counts its wakes, and calls `then` in each of them.
    struct Parent {
        wakes: AtomicUsize,
        then: Box<dyn Fn() + Send + Sync>,
    }

    impl Parent {
        fn new(then: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
            Arc::new(Self { wakes: AtomicUsize::new(0), then: Box::new(then) })
        }

        fn count(self: &Arc<Self>) -> (usize, usize) {
            (self.wakes.load(Ordering::SeqCst), Arc::strong_count(self) - 1)
        }
    }

    impl Wake for Parent {
        fn wake(self: Arc<Self>) {
            self.wake_by_ref();
        }

        fn wake_by_ref(self: &Arc<Self>) {
            self.wakes.fetch_add(1, Ordering::SeqCst);
            (self.then)();
        }
    }

    fn poll(awake: &mut Awake, parent: &Arc<Parent>) -> Vec<usize> {
        awake.look(&parent.clone().into(), 0);
        let mut woken = Vec::new();
        while let Some(index) = awake.first() {
            awake.pass(index);
            woken.push(index);
        }
        woken
    }

    /// Other threads wake, clone and drop the wakers, before and after the gather is gone.
    #[test]
    fn from_other_threads() {
        let len = if cfg!(miri) { 6 } else { 200 }; // Miri is slow
        for round in 0..if cfg!(miri) { 20 } else { 100 } {
            let mut awake = Awake::new(len);
            let threads: Vec<_> = (0..4)
                .map(|number| {
                    let some: Vec<_> = (number..len).step_by(4).map(|index| awake.lend(index).clone()).collect();
                    thread::spawn(move || some.iter().cloned().for_each(Waker::wake))
                })
                .collect();
            let parents = [(); 2].map(|()| Parent::new(|| ()));
            let mut woken = BTreeSet::new();
            while round % 2 == 0 && woken.len() < len {
                thread::yield_now();
                let polled = poll(&mut awake, &parents[woken.len() % 2]);
                assert!(polled.into_iter().all(|index| woken.insert(index)), "each is woken once");
            }
            drop(awake);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert!(parents.iter().all(|parent| parent.count().1 == 0));
        }
    }

    /// The first wake wakes the parent, and nothing wakes it twice. The parent's waker stays where it is.
    #[test]
    fn one_wake_for_many() {
        let (mut awake, parent) = (Awake::new(100), Parent::new(|| ()));
        for round in 1..4 {
            assert_eq!(poll(&mut awake, &parent), []);
            assert_eq!(poll(&mut awake, &parent), []);
            [70, 3, 70, 99, 3].iter().for_each(|index| awake.lend(*index).wake_by_ref());
            assert_eq!(parent.count(), (round, 1));
            assert_eq!(poll(&mut awake, &parent), [3, 70, 99]);
        }
    }

    /// A member stays awake, once, if it is kept, if it comes before the start, or if the look is left on the way.
    #[test]
    fn what_stays_awake() {
        let (mut awake, parent) = (Awake::new(100), Parent::new(|| ()));
        let waker = parent.clone().into();
        for some in [&[9][..], &[70, 9, 80], &[9, 70, 99, 0]] {
            some.iter().for_each(|index| awake.lend(*index).wake_by_ref());
            awake.look(&waker, 10);
            while let Some(index) = awake.first() {
                assert!(index >= 10);
                awake.keep(index);
            }
            // The hint of the next look is one that is kept, or another.
            awake.lend(some[some.len() - 1]).wake_by_ref();
            awake.look(&waker, 0);
            if let Some(first) = awake.first() {
                awake.keep(first);
            }
            let mut sorted = some.to_vec();
            sorted.sort();
            assert_eq!(poll(&mut awake, &parent), sorted);
            assert_eq!(poll(&mut awake, &parent), []);
        }
    }

    /// A parent polls inside its wake, each time with another waker. No slot is overwritten while it is in use. If no
    /// slot is free, the new parent is woken at once.
    #[test]
    fn both_slots_in_use() {
        let awake = Arc::new(Mutex::new(Awake::new(100)));
        let wakers: Vec<_> = (0..5).map(|index| awake.lock().unwrap().lend(index).clone()).collect();
        // The polls are nested, each in the wake of the parent before.
        let parents = Arc::new(OnceLock::<[Arc<Parent>; 4]>::new());
        let nested = |depth: usize| {
            let (awake, wakers, parents) = (awake.clone(), wakers.clone(), Arc::downgrade(&parents));
            Parent::new(move || {
                // The look itself wakes the parent.
                let Ok(mut awake) = awake.try_lock() else { return };
                let parents = parents.upgrade().unwrap();
                let Some(parent) = parents.get().unwrap().get(depth + 1) else { return };
                assert_eq!(poll(&mut awake, parent), [depth]);
                drop(awake);
                wakers[depth + 1].wake_by_ref();
            })
        };
        let parents = parents.get_or_init(|| [0, 1, 2, 3].map(nested));
        let outside = parents.each_ref().map(|parent| parent.count().1);
        poll(&mut awake.lock().unwrap(), &parents[0]);
        wakers[0].wake_by_ref();
        // The third parent finds both slots in use. The look itself wakes it, and keeps it nowhere. So the fourth is
        // not polled.
        assert_eq!(parents.each_ref().map(|parent| parent.count().0), [1, 1, 1, 0]);
        let last = Parent::new(|| ());
        assert_eq!(poll(&mut awake.lock().unwrap(), &last), [2]);
        assert_eq!(parents.each_ref().map(|parent| parent.count().1), outside, "no earlier parent is kept");
        wakers[4].wake_by_ref();
        assert_eq!(last.count(), (1, 1));
    }

    /// A parent that is forgotten inside its own wake is dropped after the wake.
    #[test]
    fn forgotten_in_its_wake() {
        let awake = Arc::new(Mutex::new(Awake::new(100)));
        let forget = awake.clone();
        let parent = Parent::new(move || forget.lock().unwrap().forget_parent());
        poll(&mut awake.lock().unwrap(), &parent);
        let waker = awake.lock().unwrap().lend(7).clone();
        waker.wake_by_ref();
        assert_eq!(parent.count(), (1, 0));
        waker.wake_by_ref();
        assert_eq!(parent.count(), (1, 0), "forgotten");
    }

    /// If a parent panics as it is woken, cloned or dropped, the counts are right afterwards, and the next parent is
    /// woken.
    #[test]
    #[cfg(feature = "std")]
    fn parents_that_panic() {
        use std::panic::{AssertUnwindSafe, catch_unwind};

        fn panics(f: impl FnOnce()) {
            assert!(catch_unwind(AssertUnwindSafe(f)).is_err());
        }

        /// A parent that panics when its last waker is dropped.
        struct Drops;
        impl Wake for Drops {
            fn wake(self: Arc<Self>) {}
        }
        impl Drop for Drops {
            fn drop(&mut self) {
                panic!("dropped");
            }
        }

        let mut awake = Awake::new(100);
        let parent = Parent::new(|| panic!("woken"));
        for _ in 0..3 {
            poll(&mut awake, &parent);
            let waker = awake.lend(3).clone();
            panics(|| waker.wake());
            assert_eq!(parent.count().1, 1);
            assert_eq!(poll(&mut awake, &parent), [3]);
        }
        awake.forget_parent();
        assert_eq!(parent.count(), (3, 0), "no use is left, so that it is let go");

        for next in [true, false] {
            let drops = Waker::from(Arc::new(Drops));
            awake.look(&drops, 0);
            drop(drops);
            let parent = Parent::new(|| ());
            awake.lend(5).wake_by_ref();
            panics(|| if next { awake.look(&parent.clone().into(), 0) } else { awake.forget_parent() });
            assert_eq!(poll(&mut awake, &parent), [5]);
            awake.lend(6).wake_by_ref();
            assert_eq!(parent.count(), (1, 1));
            assert_eq!(poll(&mut awake, &parent), [6]);
            awake.forget_parent();
            assert_eq!(parent.count(), (1, 0));
        }
    }
}
