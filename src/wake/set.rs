//! A set of indices. Any thread inserts into it, and the gather takes the indices out in order. It has a bit for each
//! index. Above each word of bits, it has a bit that says whether any of them is set, level by level up to a single
//! word.
//!
//! | bit above | word below | what it is                                                               |
//! |-----------|------------|--------------------------------------------------------------------------|
//! | 0         | empty      | no index is set                                                          |
//! | 1         | not empty  | the gather will find it                                                  |
//! | 1         | empty      | the gather was there before the bit was set, and looks in vain           |
//! | 0         | not empty  | the insert that filled the word is under way, and wakes the gather later |
//!
//! An insert releases and a walk acquires, so that a walk that takes an index sees what was written before its insert.
//!
//! | what                     | atomic read-modify-writes                                                         |
//! |--------------------------|-----------------------------------------------------------------------------------|
//! | [`Set::insert`]          | one, and one more for each level above whose word was empty                       |
//! | [`Walk::begin`]          | one, and one insert for each word that the last walk has left                          |
//! | [`Walk::first`]          | one for each word on the way that was not taken yet                               |
//! | [`Walk::keep`]           | none at once; an insert for each word of which something was kept                 |

use core::mem;
#[cfg(not(all(test, gather_cm_loom)))]
use core::sync::atomic::{AtomicUsize, Ordering};
#[cfg(all(test, gather_cm_loom))]
use loom::sync::atomic::{AtomicUsize, Ordering};

pub(super) const BITS: usize = usize::BITS as usize;

/// The most levels that a set can have. They are enough for all members that fit into memory.
const LEVELS: usize = 7;

/// The words of up to [`BITS`] members. The wakers' data pointers point into it too, and only the block knows about
/// them.
#[repr(align(64))]
pub(super) struct Node {
    pub(super) number: usize,
    /// The word of the members, and one word for each level above. The words of each level are in the first nodes.
    words: [AtomicUsize; LEVELS],
}

impl Node {
    pub(super) fn new(number: usize) -> Self {
        Self { number, words: [(); LEVELS].map(|()| AtomicUsize::new(0)) }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Set<'a> {
    nodes: &'a [Node],
}

impl<'a> Set<'a> {
    pub(super) fn new(nodes: &'a [Node]) -> Self {
        Self { nodes }
    }

    /// Returns how many members there is room for.
    pub(super) fn capacity(self) -> usize {
        self.nodes.len() * BITS
    }

    fn word(self, level: usize, at: usize) -> &'a AtomicUsize {
        &self.nodes[at].words[level]
    }

    /// Returns the level that has a single word.
    fn top(self) -> usize {
        let (mut level, mut words) = (0, self.nodes.len());
        while words > 1 {
            (level, words) = (level + 1, words.div_ceil(BITS));
        }
        level
    }

    pub(super) fn insert(self, index: usize) {
        self.insert_bits(0, index / BITS, 1 << (index % BITS));
    }

    /// Sets bits of a word, and then the bits above it, until it meets a word that was not empty.
    fn insert_bits(self, level: usize, mut at: usize, mut bits: usize) {
        for level in level..=self.top() {
            if self.word(level, at).fetch_or(bits, Ordering::Release) != 0 {
                return;
            }
            (at, bits) = (at / BITS, 1 << (at % BITS));
        }
    }
}

/// A walk through the set in ascending order. It takes each word once, from the top down. It keeps the bits that it has
/// taken and not passed, so that nothing is lost if the walk is left on the way.
#[derive(Default)]
pub(super) struct Walk {
    /// For each level, the word that was taken last, and its bits that the walk has not looked at.
    levels: [(usize, usize); LEVELS],
    /// The bits of the lowest word that stay in the set.
    kept: usize,
    /// The walk takes no index before this one.
    from: usize,
    /// Whether something that the walk came by is still in the set.
    left: bool,
}

impl Walk {
    /// Starts at the first index that is not less than `from`.
    pub(super) fn begin(&mut self, set: Set<'_>, from: usize) {
        (self.from, self.left) = (from, false);
        self.take(set, set.top(), 0);
    }

    /// Puts everything back that was taken and not passed. Returns whether anything is left in the set.
    pub(super) fn end(&mut self, set: Set<'_>) -> bool {
        self.put_back(set);
        for (level, (at, bits)) in self.levels.iter_mut().enumerate() {
            if *bits != 0 {
                set.insert_bits(level, *at, mem::take(bits));
                self.left = true;
            }
        }
        self.left
    }

    /// Returns the lowest index that is left. It stays the first one until it is passed.
    pub(super) fn first(&mut self, set: Set<'_>) -> Option<usize> {
        loop {
            let level = self.levels.iter().position(|(_, bits)| *bits != 0)?;
            let (at, bits) = &mut self.levels[level];
            let next = *at * BITS + bits.trailing_zeros() as usize;
            if level == 0 {
                return Some(next);
            }
            *bits &= *bits - 1;
            self.take(set, level - 1, next);
        }
    }

    /// Goes on after this index, if it is the first one.
    pub(super) fn pass(&mut self, index: usize) {
        let (at, bits) = &mut self.levels[0];
        if index / BITS == *at {
            *bits &= !(1 << (index % BITS));
        }
    }

    /// Goes on after this index in the same way, but leaves it in the set.
    pub(super) fn keep(&mut self, index: usize) {
        let (_, bits) = self.levels[0];
        self.pass(index);
        self.kept |= bits & !self.levels[0].1;
        self.left = true;
    }

    fn take(&mut self, set: Set<'_>, level: usize, at: usize) {
        if level == 0 {
            self.put_back(set);
        }
        let bits = set.word(level, at).swap(0, Ordering::Acquire);
        // Bits of the word that stand only for indices before `from` go back at once.
        let before = (self.from >> (level as u32 * BITS.ilog2())).saturating_sub(at * BITS);
        let before = if before < BITS { bits & !(!0 << before) } else { bits };
        if before != 0 {
            set.insert_bits(level, at, before);
            self.left = true;
        }
        self.levels[level] = (at, bits & !before);
    }

    fn put_back(&mut self, set: Set<'_>) {
        if self.kept != 0 {
            set.insert_bits(0, self.levels[0].0, mem::take(&mut self.kept));
        }
    }
}

#[cfg(all(test, not(gather_cm_loom)))]
mod tests {
    extern crate std;

    use std::{collections::BTreeSet, vec::Vec};

    use super::*;

    fn nodes(len: usize) -> Vec<Node> {
        (0..len.div_ceil(BITS)).map(Node::new).collect()
    }

    fn random(seed: &mut u64, below: usize) -> usize {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 33) as usize % below
    }

    /// Compares the set with one of the standard library, at the edges of words and of levels. The walks pass, keep or
    /// leave indices, from the start or from further on, with inserts on the way.
    #[test]
    fn a_set() {
        let square = BITS * BITS;
        let lens = [1, 2, BITS - 1, BITS, BITS + 1, square - 1, square, square + 1, 300_000];
        // Miri is slow: it looks at one level of words and at two.
        for len in lens.into_iter().take(if cfg!(miri) { 5 } else { lens.len() }) {
            let nodes = nodes(len);
            let (set, mut walk, mut model, mut seed) = (Set::new(&nodes), Walk::default(), BTreeSet::new(), 1);
            assert!((len..len + BITS).contains(&set.capacity()));
            for _ in 0..if cfg!(miri) { 30 } else { 300 } {
                for _ in 0..random(&mut seed, 20) {
                    let index = random(&mut seed, len);
                    // One in three indices is at the edge of a word.
                    let index = if index % 3 == 0 { index / BITS * BITS } else { index };
                    set.insert(index);
                    model.insert(index);
                }
                let from = if random(&mut seed, 2) == 0 { 0 } else { random(&mut seed, len + 70) };
                let mut expected: Vec<_> = model.range(from..).copied().rev().collect();
                walk.begin(set, from);
                loop {
                    let first = walk.first(set);
                    assert_eq!(first, expected.pop());
                    let Some(index) = first else { break };
                    match random(&mut seed, 8) {
                        0 => break,
                        1 | 2 => walk.keep(index),
                        what => {
                            walk.pass(index);
                            model.remove(&index);
                            // The next walk finds an index that was passed and inserted again.
                            if what == 3 {
                                set.insert(index);
                                model.insert(index);
                            }
                        }
                    }
                }
                walk.end(set);
            }
            walk.begin(set, 0);
            model.into_iter().for_each(|index| {
                assert_eq!(walk.first(set), Some(index));
                walk.pass(index);
            });
            assert_eq!((walk.first(set), walk.end(set)), (None, false));
        }
    }

    /// A walk says whether something stays behind, because it was kept, came before the start, or was not looked at.
    #[test]
    fn what_is_left() {
        for len in [BITS, BITS * BITS, 300_000] {
            let nodes = nodes(len);
            let (set, mut walk) = (Set::new(&nodes), Walk::default());
            set.insert(7);
            for from in [8, len, len + 1] {
                walk.begin(set, from);
                assert_eq!((walk.first(set), walk.end(set)), (None, true), "before its start");
            }
            walk.begin(set, 7);
            assert!(walk.end(set), "not looked at");
            walk.begin(set, 0);
            assert_eq!(walk.first(set), Some(7));
            assert!(walk.end(set), "looked at, and not passed");
            walk.begin(set, 0);
            assert_eq!(walk.first(set), Some(7));
            walk.keep(7);
            assert_eq!((walk.first(set), walk.end(set)), (None, true), "kept");
            walk.begin(set, 0);
            assert_eq!(walk.first(set), Some(7));
            walk.pass(7);
            assert_eq!((walk.first(set), walk.end(set)), (None, false));
        }
    }
}
