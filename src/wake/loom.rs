//! Tests that try every order of the steps of the gather and of the wakers on other threads. `ci/loom.sh` runs them.
extern crate std;

use alloc::sync::Arc;
use core::task::Waker;
use std::{task::Wake, vec::Vec};

use loom::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use super::{awake::Awake, set::BITS};

/// A parent that counts its wakes, and is slow at it. A poll that knows of a wake comes after the wake, as with an
/// executor.
struct Slow {
    wakes: AtomicUsize,
}

impl Slow {
    fn new() -> Arc<Self> {
        Arc::new(Self { wakes: AtomicUsize::new(0) })
    }

    fn wakes(&self) -> usize {
        self.wakes.load(Ordering::Acquire)
    }
}

impl Wake for Slow {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::AcqRel);
    }
}

/// The gather's part in a test. Its parent counts its wakes.
struct Gather {
    awake: Awake,
    parent: Arc<Slow>,
    /// How often each member was polled.
    polls: Vec<usize>,
}

impl Gather {
    fn new(len: usize) -> Self {
        Self { awake: Awake::new(len), parent: Slow::new(), polls: (0..len).map(|_| 0).collect() }
    }

    fn waker(&self, index: usize) -> Waker {
        self.awake.lend(index).clone()
    }

    /// Polls the members that are awake, in order, each of them once.
    fn poll(&mut self) -> Vec<usize> {
        self.awake.look(&self.parent.clone().into(), 0);
        let mut woken = Vec::new();
        while let Some(index) = self.awake.first() {
            self.awake.pass(index);
            self.polls[index] += 1;
            woken.push(index);
        }
        assert!(woken.is_sorted_by(|a, b| a < b), "{woken:?}");
        woken
    }

    /// Polls after all threads have ended. If a member still had to be polled, the parent was woken since the last poll
    /// began. Before that poll it had been woken `wakes` times.
    fn last_poll(&mut self, wakes: usize) -> Vec<usize> {
        let woken = self.poll();
        assert!(woken.is_empty() || self.parent.wakes() > wakes, "{woken:?} sleep for ever");
        assert_eq!(self.poll(), []);
        woken
    }
}

/// Each of these threads wakes its members, one after the other, and says before each wake how far it has come. No
/// member sleeps for ever, and the last poll of a member sees what the threads said before its wake.
fn all_are_polled<const N: usize>(len: usize, threads: [&'static [usize]; N]) {
    loom::model(move || {
        let mut gather = Gather::new(len);
        let said = threads.map(|_| Arc::new(AtomicUsize::new(0)));
        gather.poll();
        let running: Vec<_> = (0..N)
            .map(|thread| {
                let wakers: Vec<_> = threads[thread].iter().map(|index| gather.waker(*index)).collect();
                let said = said[thread].clone();
                thread::spawn(move || {
                    for (step, waker) in wakers.into_iter().enumerate() {
                        said.store(step + 1, Ordering::Relaxed);
                        waker.wake();
                    }
                })
            })
            .collect();
        // For each poll of a member, this has how far the gather had heard each thread come.
        let mut heard = Vec::new();
        let mut hear = |woken: Vec<usize>| {
            let said: Vec<_> = said.iter().map(|said| said.load(Ordering::Relaxed)).collect();
            heard.extend(woken.into_iter().map(|index| (index, said.clone())));
        };
        let wakes = gather.parent.wakes();
        hear(gather.poll());
        // This check comes before the threads are joined, because a join synchronizes too, and would hide a wake that
        // does not.
        for (index, said) in &heard {
            let steps = threads.iter().zip(said).map(|(members, said)| members[..*said].contains(index));
            assert!(steps.into_iter().any(|step| step), "{index} was polled, and nobody had said so: {said:?}");
        }
        running.into_iter().for_each(|thread| thread.join().unwrap());
        gather.last_poll(wakes);
        for (index, polls) in gather.polls.iter().enumerate() {
            let wakes = threads.iter().flat_map(|members| members.iter()).filter(|member| **member == index).count();
            assert!((wakes.min(1)..=wakes).contains(polls), "{index}: {polls} polls for {wakes} wakes");
        }
    });
}

#[test]
fn a_hint_and_another() {
    all_are_polled(2, [&[0], &[1]]);
}

#[test]
fn in_two_words() {
    all_are_polled(BITS + 1, [&[0], &[BITS]]);
}

#[test]
fn the_same_from_two_threads() {
    all_are_polled(2, [&[1], &[1]]);
}

#[test]
fn the_same_and_others() {
    all_are_polled(3, [&[0, 1], &[1]]);
    all_are_polled(3, [&[0, 2, 2]]);
}

/// One member is woken twice in a row, on one thread. Each time the gather sees what the thread said before.
#[test]
fn twice() {
    loom::model(|| {
        let mut gather = Gather::new(2);
        gather.poll();
        let said = Arc::new(AtomicUsize::new(0));
        let (waker, says) = (gather.waker(1), said.clone());
        let thread = thread::spawn(move || {
            says.store(1, Ordering::Relaxed);
            waker.wake_by_ref();
            says.store(2, Ordering::Relaxed);
            waker.wake();
        });
        let mut heard = 0;
        for _ in 0..2 {
            if gather.poll() == [1] {
                heard = said.load(Ordering::Relaxed);
                assert!(heard > 0);
            }
        }
        // The join comes only now, because it synchronizes.
        thread.join().unwrap();
        assert!(gather.poll() == [1] || heard == 2);
    });
}

/// While the gather takes a word, the word is filled again. If the gather takes the new bit, it sees what was said
/// before.
#[test]
fn filled_while_it_is_emptied() {
    loom::model(|| {
        let mut gather = Gather::new(BITS + 2);
        // The first wake becomes the hint.
        gather.waker(0).wake();
        gather.waker(BITS + 1).wake();
        let (waker, said) = (gather.waker(BITS), Arc::new(AtomicUsize::new(0)));
        let says = said.clone();
        let thread = thread::spawn(move || {
            says.store(1, Ordering::Relaxed);
            waker.wake();
        });
        let mut polled = gather.poll();
        assert!(!polled.contains(&BITS) || said.load(Ordering::Relaxed) == 1);
        thread.join().unwrap();
        polled.extend(gather.last_poll(0));
        polled.sort();
        assert_eq!(polled, [0, BITS, BITS + 1]);
    });
}

/// The same happens in a set of three levels. The gather takes a word of each level, while another word is filled.
#[test]
fn in_three_levels() {
    loom::model(|| {
        let last = BITS * BITS;
        let mut gather = Gather::new(last + 1);
        // The first wake becomes the hint.
        gather.waker(0).wake();
        gather.waker(1).wake();
        let (waker, said) = (gather.waker(last), Arc::new(AtomicUsize::new(0)));
        let says = said.clone();
        let thread = thread::spawn(move || {
            says.store(1, Ordering::Relaxed);
            waker.wake();
        });
        let mut polled = gather.poll();
        assert!(!polled.contains(&last) || said.load(Ordering::Relaxed) == 1);
        thread.join().unwrap();
        polled.extend(gather.last_poll(0));
        assert_eq!(polled, [0, 1, last]);
    });
}

/// The next look finds a member that was left for it, whichever members are woken meanwhile.
#[test]
fn kept() {
    loom::model(|| {
        let mut gather = Gather::new(2);
        gather.waker(0).wake();
        let waker = gather.waker(1);
        let thread = thread::spawn(move || waker.wake());
        gather.awake.look(&gather.parent.clone().into(), 0);
        while let Some(index) = gather.awake.first() {
            gather.awake.keep(index);
        }
        let mut polled = gather.poll();
        thread.join().unwrap();
        polled.extend(gather.last_poll(0));
        assert_eq!(polled, [0, 1]);
    });
}

/// Wakers on another thread outlive the gather. The last owner frees the block, once.
#[test]
fn outlived() {
    loom::model(|| {
        let mut awake = Awake::new(2);
        let waker = awake.lend(1).clone();
        let thread = thread::spawn(move || {
            waker.wake_by_ref();
            let another = waker.clone();
            drop(waker);
            another.wake();
        });
        awake.look(Waker::noop(), 0);
        drop(awake);
        thread.join().unwrap();
    });
}

/// If someone uses the parent's waker while it is forgotten, that user drops it. Otherwise it is dropped at once.
#[test]
fn forgotten() {
    loom::model(|| {
        let mut awake = Awake::new(2);
        let parent = Slow::new();
        awake.look(&parent.clone().into(), 0);
        let threads = [0, 1].map(|index| {
            let waker = awake.lend(index).clone();
            thread::spawn(move || waker.wake_by_ref())
        });
        awake.forget_parent();
        let kept = Arc::strong_count(&parent);
        assert!(kept == 1 || kept == 2);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        // The block is still there.
        assert_eq!(Arc::strong_count(&parent), 1);
        assert!(parent.wakes() <= 1);
        let next = Slow::new();
        awake.look(&next.clone().into(), 0);
        assert_eq!((awake.first().is_some(), Arc::strong_count(&next)), (true, 2));
    });
}

/// A look that finds nothing new reads the parent's waker, and writes nothing. It has read the waker before the last
/// user drops it, whether the waker is forgotten or replaced.
#[test]
fn read_before_it_is_dropped() {
    for replaces in [false, true] {
        loom::model(move || {
            let mut awake = Awake::new(2);
            let (parent, next) = (Slow::new(), Slow::new());
            let waker = awake.lend(0).clone();
            awake.look(&parent.clone().into(), 0);
            let thread = thread::spawn(move || waker.wake());
            awake.look(&parent.clone().into(), 0);
            if replaces {
                awake.look(&next.clone().into(), 0);
            } else {
                awake.forget_parent();
            }
            thread.join().unwrap();
            assert_eq!(Arc::strong_count(&parent), 1);
        });
    }
}

/// Each poll has another parent, while threads wake. The last parent is woken, or the look sees the member. No waker of
/// an earlier parent stays.
#[test]
fn replaced() {
    loom::model(|| {
        let mut awake = Awake::new(3);
        let parents = [(); 3].map(|()| Slow::new());
        awake.look(&parents[0].clone().into(), 0);
        let threads = [0, 1].map(|index| {
            let waker = awake.lend(index).clone();
            thread::spawn(move || waker.wake())
        });
        let mut polled = [false; 2];
        for parent in &parents[1..] {
            awake.look(&parent.clone().into(), 0);
            while let Some(index) = awake.first() {
                awake.pass(index);
                polled[index] = true;
            }
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(polled == [true; 2] || parents[2].wakes() > 0);
        assert!(Arc::strong_count(&parents[0]) == 1 && Arc::strong_count(&parents[1]) == 1);
        assert!(parents.iter().all(|parent| parent.wakes() <= 1));
        awake.look(Waker::noop(), 0);
        assert!(parents.iter().all(|parent| Arc::strong_count(parent) == 1));
        while let Some(index) = awake.first() {
            awake.pass(index);
            polled[index] = true;
        }
        assert_eq!(polled, [true; 2]);
    });
}
