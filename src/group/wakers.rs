//! Many members' wakers, in one block: when one of them wakes, only that one is polled. One of two files with `unsafe`.
//!
//! A waker's data pointer needs no allocation to say which member it is for: it points into the member's [`Node`], which
//! is aligned to 64 bytes, and how far into it is the member's number there.
//!
//! Whether a member is to be polled is a bit of `awake`, which wakers set and the gather clears:
//!
//! | bit | the member | next                                                                                       |
//! |-----|------------|--------------------------------------------------------------------------------------------|
//! | 0   | is asleep  | 1: a waker, on whatever thread, sets the bit and then wakes the parent                     |
//! | 1   | is awake   | 0: the gather clears the bit and then polls the member, so that a wake in its poll is kept |
//!
//! The gather registers the parent's waker before it looks for bits: a wake that it does not see wakes the parent. Each
//! waker owns a count of the block, and the gather owns one; who lets go last frees it. Nothing is ever locked.
#![allow(unsafe_code)]

use alloc::boxed::Box;
use core::{
    mem::ManuallyDrop,
    ops::Deref,
    ptr,
    sync::atomic::AtomicPtr,
    task::{RawWaker, RawWakerVTable, Waker},
};

#[cfg(not(all(test, gather_cm_loom)))]
use {
    alloc::sync::Arc,
    core::sync::atomic::{AtomicUsize, Ordering},
    futures_util::task::AtomicWaker,
};
#[cfg(all(test, gather_cm_loom))]
use {
    loom::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    tests::AtomicWaker,
};

const BITS: usize = usize::BITS as usize;

/// As many levels as the words of a set can have: enough for all members that fit into memory.
const LEVELS: usize = 7;

/// What the wakers of up to [`BITS`] members point into, and their part of the sets.
#[repr(align(64))]
struct Node {
    /// Where the block is that this is a part of: written once, before anyone else has it. (Atomic, so that it is `Sync`.)
    block: AtomicPtr<Block>,
    /// The index of the first of the members.
    first: usize,
    /// The words of each set: those of the members, and one of each level above.
    words: [[AtomicUsize; LEVELS]; 2],
}

const _: () = assert!(BITS <= align_of::<Node>());

/// A set of indices in which the lowest one from some index on is quickly found: a bit for each index, and above each
/// word of bits a bit that says whether it has any, level by level up to a single word. The words of each level are in
/// the first of the nodes.
///
/// A bit may say so of a word that is empty. It may be missing while an `insert` is under way, who then wakes the parent.
#[derive(Clone, Copy)]
pub(crate) struct Set<'a> {
    nodes: &'a [Node],
    number: usize,
    levels: usize,
}

impl<'a> Set<'a> {
    fn word(self, level: usize, at: usize) -> Option<&'a AtomicUsize> {
        Some(&self.nodes.get(at)?.words[self.number][level])
    }

    pub(crate) fn insert(self, index: usize) {
        self.insert_at(0, index);
    }

    /// Sets a bit of `level`, and those above it until one is found that is no news.
    fn insert_at(self, level: usize, index: usize) {
        let mut at = index;
        for level in level..self.levels {
            let Some(word) = self.word(level, at / BITS) else { return };
            if word.fetch_or(1 << (at % BITS), Ordering::AcqRel) != 0 {
                return;
            }
            at /= BITS;
        }
    }

    /// Inserts all indices less than `len`. No other thread may use the set meanwhile.
    fn fill(self, len: usize) {
        let mut bits = len;
        for level in 0..self.levels {
            for (at, node) in self.nodes[..bits.div_ceil(BITS)].iter().enumerate() {
                let missing = BITS - (bits - at * BITS).min(BITS);
                node.words[self.number][level].store(!0 >> missing, Ordering::Relaxed);
            }
            bits = bits.div_ceil(BITS);
        }
    }

    /// Removes an index. Says whether there may be another one.
    pub(crate) fn remove(self, index: usize) -> bool {
        let (mut at, mut below) = (index, None::<&AtomicUsize>);
        for level in 0..self.levels {
            let Some(word) = self.word(level, at / BITS) else { return true };
            let bit = 1 << (at % BITS);
            let left = word.fetch_and(!bit, Ordering::AcqRel) & !bit;
            // The word below may have been filled again before its bit here was cleared. A later fill reads
            // what this read-modify-write leaves, and so sets the bit here after it was cleared.
            if below.is_some_and(|below| below.fetch_or(0, Ordering::AcqRel) != 0) {
                self.insert_at(level, at);
                return true;
            }
            if left != 0 {
                return true;
            }
            (at, below) = (at / BITS, Some(word));
        }
        false
    }

    /// The same, where no other thread uses the set.
    pub(crate) fn take(self, index: usize) -> bool {
        let mut at = index;
        for level in 0..self.levels {
            let Some(word) = self.word(level, at / BITS) else { return true };
            let left = word.load(Ordering::Relaxed) & !(1 << (at % BITS));
            word.store(left, Ordering::Relaxed);
            if left != 0 {
                return true;
            }
            at /= BITS;
        }
        false
    }

    /// The lowest index in the set that is not less than `from`.
    pub(crate) fn next(self, from: usize) -> Option<usize> {
        let (mut level, mut at) = (0, from);
        while level < self.levels {
            let bits = self.word(level, at / BITS)?.load(Ordering::Acquire) & (!0 << (at % BITS));
            if bits == 0 {
                (level, at) = (level + 1, at / BITS + 1);
                continue;
            }
            at = at / BITS * BITS + bits.trailing_zeros() as usize;
            if level == 0 {
                return Some(at);
            }
            (level, at) = (level - 1, at * BITS);
        }
        None
    }
}

struct Block {
    parent: AtomicWaker,
    nodes: Box<[Node]>,
    levels: usize,
}

impl Block {
    fn set(&self, number: usize) -> Set<'_> {
        Set { nodes: &self.nodes, number, levels: self.levels }
    }

    fn awake(&self) -> Set<'_> {
        self.set(0)
    }

    fn wake(&self, index: usize) {
        self.awake().insert(index);
        self.parent.wake();
    }
}

/// The wakers of many members, and which of them are to be polled or wait for their turn. Wakers that outlive it have no
/// effect.
pub(crate) struct Wakers {
    block: Arc<Block>,
    len: usize,
}

impl Wakers {
    /// For `len` members, all of whom wait for their turn.
    pub(crate) fn new(len: usize) -> Self {
        let nodes = (0..len.div_ceil(BITS)).map(|at| Node {
            block: AtomicPtr::new(ptr::null_mut()),
            first: at * BITS,
            words: [(); 2].map(|()| [(); LEVELS].map(|()| AtomicUsize::new(0))),
        });
        let (mut levels, mut words) = (1, len.div_ceil(BITS));
        while words > 1 {
            (levels, words) = (levels + 1, words.div_ceil(BITS));
        }
        let at = Arc::into_raw(Arc::new(Block { parent: AtomicWaker::new(), nodes: nodes.collect(), levels }));
        // SAFETY: it comes from `into_raw`, one line above.
        let block = unsafe { Arc::from_raw(at) };
        block.nodes.iter().for_each(|node| node.block.store(at.cast_mut(), Ordering::Relaxed));
        let wakers = Self { block, len };
        wakers.all_wait();
        wakers
    }

    /// From now on a wake wakes `parent`.
    pub(crate) fn register(&self, parent: &Waker) {
        self.block.parent.register(parent);
    }

    /// From now on a wake wakes nobody, and nothing keeps the parent's waker.
    pub(crate) fn forget_parent(&self) {
        drop(self.block.parent.take());
    }

    /// The members that were woken.
    pub(crate) fn awake(&self) -> Set<'_> {
        self.block.awake()
    }

    /// The members that wait for their turn to begin.
    pub(crate) fn waiting(&self) -> Set<'_> {
        self.block.set(1)
    }

    /// Lets all members wait for their turn.
    pub(crate) fn all_wait(&self) {
        self.waiting().fill(self.len);
    }

    /// The waker of a member. It is lent: only its clones own a count.
    pub(crate) fn lend(&self, index: usize) -> impl Deref<Target = Waker> + use<'_> {
        let node = &raw const self.block.nodes[index / BITS];
        let data = node.cast::<u8>().wrapping_add(index % BITS);
        // SAFETY: this is the pointer that `VTABLE` expects. It is never dropped, so that it needs no count: `self`, which
        // it borrows, owns one.
        let waker = unsafe { Waker::from_raw(RawWaker::new(data.cast(), &VTABLE)) };
        Lent { waker: ManuallyDrop::new(waker), _owner: self }
    }
}

impl Drop for Wakers {
    fn drop(&mut self) {
        self.forget_parent();
    }
}

/// A waker without a count of its own.
struct Lent<'a> {
    waker: ManuallyDrop<Waker>,
    _owner: &'a Wakers,
}

impl Deref for Lent<'_> {
    type Target = Waker;

    fn deref(&self) -> &Waker {
        &self.waker
    }
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone_waker, wake, wake_by_ref, drop_waker);

/// The block and the index that the data pointer of a waker stands for.
///
/// # Safety
///
/// `data` was made by [`Wakers::lend`], and its block is alive.
unsafe fn parts(data: *const ()) -> (*const Block, usize) {
    let number = data.addr() % align_of::<Node>();
    // SAFETY: `lend` has added `number` to a node's address, which is a multiple of the alignment. The node lives as long
    // as its block, and what is read is never written again.
    let node = unsafe { &*data.cast::<u8>().sub(number).cast::<Node>() };
    (node.block.load(Ordering::Relaxed), node.first + number)
}

/// # Safety
///
/// `data` is that of a waker that is alive.
unsafe fn clone_waker(data: *const ()) -> RawWaker {
    // SAFETY: a waker that is cloned is alive: its block is alive, and came from `into_raw`.
    unsafe {
        let (block, _) = parts(data);
        Arc::increment_strong_count(block);
    }
    RawWaker::new(data, &VTABLE)
}

/// # Safety
///
/// `data` is that of a waker that owns a count, which is given up.
unsafe fn wake(data: *const ()) {
    // SAFETY: the waker owns a count, which goes over to `block`.
    let (block, index) = unsafe {
        let (block, index) = parts(data);
        (Arc::from_raw(block), index)
    };
    block.wake(index);
}

/// # Safety
///
/// `data` is that of a waker that is alive.
unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the waker, which is borrowed, keeps the block alive.
    unsafe {
        let (block, index) = parts(data);
        (*block).wake(index);
    }
}

/// # Safety
///
/// `data` is that of a waker that owns a count, which is given up.
unsafe fn drop_waker(data: *const ()) {
    // SAFETY: the waker owns a count, and gives it up.
    unsafe {
        let (block, _) = parts(data);
        drop(Arc::from_raw(block));
    }
}

/// Every order of what two threads do: run by `ci/loom.sh`.
#[cfg(all(test, gather_cm_loom))]
mod tests {
    extern crate std;

    use core::task::Poll;
    use std::vec::Vec;

    use futures_util::future::poll_fn;
    use loom::{future::block_on, sync::atomic::AtomicBool, thread};

    use super::*;

    /// Loom's, by the names of `futures_util`'s.
    pub(super) struct AtomicWaker(loom::future::AtomicWaker);

    impl AtomicWaker {
        pub(super) fn new() -> Self {
            Self(loom::future::AtomicWaker::new())
        }

        pub(super) fn register(&self, waker: &Waker) {
            self.0.register_by_ref(waker);
        }

        pub(super) fn wake(&self) {
            self.0.wake();
        }

        pub(super) fn take(&self) -> Option<Waker> {
            self.0.take_waker()
        }
    }

    /// As a gather does: gives who is awake, in order, each once, and lets them sleep.
    fn sweep(wakers: &Wakers) -> Vec<usize> {
        let (mut from, mut woken) = (0, Vec::new());
        while let Some(index) = wakers.awake().next(from) {
            wakers.awake().remove(index);
            woken.push(index);
            from = index + 1;
        }
        woken
    }

    /// Each of these members is woken once, by a thread of its own that first says so. Nobody sleeps for ever, and who is
    /// polled sees what was said.
    fn all_are_polled(len: usize, members: &'static [usize]) {
        loom::model(move || {
            let wakers = Wakers::new(len);
            let said: Vec<_> = members.iter().map(|_| Arc::new(AtomicBool::new(false))).collect();
            let threads = members.iter().zip(&said).map(|(index, said)| {
                let (waker, said) = (wakers.lend(*index).clone(), said.clone());
                thread::spawn(move || {
                    said.store(true, Ordering::Relaxed);
                    waker.wake();
                })
            });
            let threads: Vec<_> = threads.collect();
            let mut polled = Vec::new();
            block_on(poll_fn(|cx| {
                wakers.register(cx.waker());
                for index in sweep(&wakers) {
                    let at = members.iter().position(|member| *member == index).expect("only they are woken");
                    assert!(said[at].load(Ordering::Relaxed));
                    polled.push(index);
                }
                if polled.len() == members.len() { Poll::Ready(()) } else { Poll::Pending }
            }));
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            polled.sort();
            assert_eq!(polled, members);
            assert!(sweep(&wakers).is_empty());
        });
    }

    #[test]
    fn in_one_word() {
        all_are_polled(2, &[0, 1]);
    }

    #[test]
    fn in_two_words() {
        all_are_polled(BITS + 1, &[0, BITS]);
    }

    /// While the gather clears the last bit of a word and the bit above it, the word is filled again. (A word that
    /// the sweep starts in, or goes on in, is looked into anyway.)
    #[test]
    fn filled_while_it_is_emptied() {
        loom::model(|| {
            let wakers = Wakers::new(BITS + 2);
            wakers.awake().insert(BITS + 1);
            let waker = wakers.lend(BITS).clone();
            let thread = thread::spawn(move || waker.wake());
            let mut polled = Vec::new();
            block_on(poll_fn(|cx| {
                wakers.register(cx.waker());
                polled.extend(sweep(&wakers));
                if polled.len() == 2 { Poll::Ready(()) } else { Poll::Pending }
            }));
            thread.join().unwrap();
        });
    }

    /// Wakers that outlive the gather, on another thread: the last owner frees the block, once.
    #[test]
    fn outlived() {
        loom::model(|| {
            let wakers = Wakers::new(2);
            let waker = wakers.lend(1).clone();
            let thread = thread::spawn(move || {
                waker.wake_by_ref();
                let another = waker.clone();
                drop(waker);
                another.wake();
            });
            block_on(poll_fn(|cx| {
                wakers.register(cx.waker());
                Poll::Ready(())
            }));
            drop(wakers);
            thread.join().unwrap();
        });
    }
}

#[cfg(all(test, not(gather_cm_loom)))]
mod tests {
    extern crate std;

    use std::{collections::BTreeSet, iter, thread, vec::Vec};

    use super::*;

    fn all(set: Set<'_>) -> Vec<usize> {
        iter::successors(set.next(0), |index| set.next(index + 1)).collect()
    }

    /// Held against a set of the standard library, at the edges of words and of levels.
    #[test]
    fn a_set() {
        let square = BITS * BITS;
        let lens = [1, 2, BITS - 1, BITS, BITS + 1, square - 1, square, square + 1, 300_000];
        // Miri is slow: it looks at one level of words and at two.
        for len in lens.into_iter().take(if cfg!(miri) { 5 } else { lens.len() }) {
            let wakers = Wakers::new(len);
            let (set, mut model) = (wakers.awake(), BTreeSet::new());
            assert_eq!(all(set), []);
            let mut random = 1_u64;
            for _ in 0..2000 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let (index, from) = ((random >> 33) as usize % len, (random >> 13) as usize % (len + 70));
                // Often one that is there, and often the edge of a word.
                let index = if random % 3 == 0 { index / BITS * BITS } else { index };
                match random >> 62 {
                    0 | 1 => (set.insert(index), model.insert(index)).1,
                    2 => (set.remove(index) != model.is_empty(), model.remove(&index)).1,
                    _ => model.pop_first().is_some_and(|first| (set.remove(first) != model.is_empty(), true).1),
                };
                assert_eq!(set.next(from), model.range(from..).next().copied());
            }
            assert_eq!(all(set), model.into_iter().collect::<Vec<_>>());
            assert_eq!(all(wakers.waiting()), (0..len).collect::<Vec<_>>());
            (0..len).for_each(|index| assert_eq!(wakers.waiting().take(index), index + 1 < len));
            assert_eq!(all(wakers.waiting()), []);
        }
    }

    /// Woken, cloned and dropped on other threads, before and after the gather is gone.
    #[test]
    fn from_other_threads() {
        let len = if cfg!(miri) { 6 } else { 3 * BITS }; // Miri is slow
        for round in 0..100 {
            let wakers = Wakers::new(len);
            let threads: Vec<_> = (0..4)
                .map(|number| {
                    let some: Vec<_> = (number..len).step_by(4).map(|index| wakers.lend(index).clone()).collect();
                    thread::spawn(move || some.iter().cloned().for_each(Waker::wake))
                })
                .collect();
            let mut woken = BTreeSet::new();
            while round % 2 == 0 && woken.len() < len {
                thread::yield_now();
                wakers.register(Waker::noop());
                while let Some(index) = wakers.awake().next(0) {
                    wakers.awake().remove(index);
                    assert!(woken.insert(index), "each is woken once");
                }
            }
            drop(wakers);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
    }
}
