//! The members' wakers and the cell for their parent's waker, in one allocation. This is one of two files with
//! `unsafe`.
//!
//! The block is a [`Header`] and the [`Node`]s of the set behind it. A waker's data pointer needs no allocation to say
//! which member it is for. It points into the member's node, which is aligned to 64 bytes, and its distance from the
//! start of the node is the member's number there. Each waker owns a count of the block, and the gather owns one. The
//! last owner frees it.
//!
//! The parent's waker stays in one of two slots, and is woken by reference. The gather writes to a slot only while
//! nobody uses it. [`State`] says when that is so. Nothing is ever locked, and nobody waits.
//!
//! | what                   | atomic read-modify-writes                                                              |
//! |------------------------|----------------------------------------------------------------------------------------|
//! | clone or drop a waker  | one                                                                                    |
//! | a wake, the first since the gather looked | two: one before the parent is woken, one after it                   |
//! | another wake           | one, and an insert into the set unless it is the same member                           |
//! | [`Wakers::look`]       | one; none if nothing has happened; two or three if the parent is another one           |
//! | [`Wakers::forget_parent`] | one                                                                                 |
#![allow(unsafe_code)]

use alloc::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use core::{
    mem::{self, ManuallyDrop},
    ops::Deref,
    ptr::{self, NonNull},
    slice,
    task::{RawWaker, RawWakerVTable, Waker},
};

#[cfg(not(all(test, gather_cm_loom)))]
use core::sync::atomic::{AtomicUsize, Ordering};
#[cfg(all(test, gather_cm_loom))]
use loom::sync::atomic::{AtomicUsize, Ordering};

#[cfg(not(all(test, gather_cm_loom)))]
use cell::UnsafeCell;
#[cfg(all(test, gather_cm_loom))]
use loom::cell::UnsafeCell;

use super::{
    set::{BITS, Node, Set},
    state::{FORGOTTEN, State},
};

/// A cell with the interface of loom's cell.
#[cfg(not(all(test, gather_cm_loom)))]
mod cell {
    pub(super) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(super) fn new(value: T) -> Self {
            Self(core::cell::UnsafeCell::new(value))
        }

        pub(super) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        pub(super) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}

/// The cell for the waker of the parent.
struct Parent {
    state: AtomicUsize,
    slots: [UnsafeCell<Option<Waker>>; 2],
}

// SAFETY: a slot is shared between threads, and its waker is `Send` and `Sync`. [`State`] says when the gather may
// write to a slot, and when the last user may.
unsafe impl Sync for Parent {}

impl Parent {
    fn new() -> Self {
        Self { state: AtomicUsize::new(0), slots: [UnsafeCell::new(None), UnsafeCell::new(None)] }
    }

    /// Replaces one state by the next, or returns the state that it has found instead. It acquires in both cases.
    #[inline]
    fn step(&self, from: State, to: State) -> Result<(), State> {
        let step = self.state.compare_exchange_weak(from.0, to.0, Ordering::AcqRel, Ordering::Acquire);
        step.map(drop).map_err(State)
    }

    /// # Safety
    ///
    /// The caller is a user of the slot, or the gather while the slot is the current one, which holds a waker.
    unsafe fn with<R>(&self, slot: usize, f: impl FnOnce(&Waker) -> R) -> Option<R> {
        // SAFETY: nobody writes, because the gather writes only while there are no users, and the last user only if the
        // slot is stale.
        self.slots[slot].with(|waker| unsafe { (*waker).as_ref().map(f) })
    }

    /// # Safety
    ///
    /// The caller is the last user of a stale slot, or the gather while the slot is unused and nothing is registered in
    /// it.
    unsafe fn replace(&self, slot: usize, waker: Option<Waker>) -> Option<Waker> {
        // SAFETY: nobody else comes to the slot, because only a wake that finds it registered adds a user.
        self.slots[slot].with_mut(|old| unsafe { mem::replace(&mut *old, waker) })
    }

    /// Says that the member was woken. `insert` inserts it into the set.
    #[inline]
    fn wake(&self, index: usize, insert: impl Fn()) {
        let mut inserted = false;
        let mut state = State(self.state.load(Ordering::Relaxed));
        let slot = loop {
            let told = match state.with_hint(index) {
                Some(told) if !inserted => told,
                _ => {
                    if !mem::replace(&mut inserted, true) {
                        insert();
                    }
                    state.with_more()
                }
            };
            // The step is taken even if the state stays as it is. Then the gather, which replaces the state later, sees
            // what this thread wrote before.
            let (next, slot) = told.begin_use();
            match self.step(state, next) {
                Ok(()) => break slot,
                Err(now) => state = now,
            }
        };
        if let Some(slot) = slot {
            let user = User { parent: self, slot };
            // SAFETY: `user` is a user of the slot until it is dropped, even if the parent panics.
            unsafe { self.with(slot, Waker::wake_by_ref) };
            drop(user);
        }
    }

    /// From now on a wake wakes `parent`. Returns which members were woken before.
    ///
    /// # Safety
    ///
    /// Only the gather may call it, and the gather must call nothing else here at the same time.
    #[inline]
    unsafe fn look(&self, parent: &Waker) -> Woken {
        let mut state = State(self.state.load(Ordering::Acquire));
        // SAFETY: the caller is the gather, the slot is the current one, and `can_stay` says that it holds a waker.
        let mut stays =
            state.can_stay() && unsafe { self.with(state.slot(), |old| old.will_wake(parent)) } == Some(true);
        let mut slot = Some(state.slot());
        if !stays {
            // SAFETY: the caller has promised the same for this function.
            (state, slot) = unsafe { self.change(parent) };
        }
        loop {
            let looked = state.looked();
            let next = slot.map_or(looked, |slot| looked.registered(slot));
            if next == state {
                break;
            }
            match self.step(state, next) {
                Ok(()) => break,
                // A wake came in between, and its use has filled the count.
                Err(now) if stays && !now.can_stay() => {
                    stays = false;
                    // SAFETY: the caller has promised the same for this function.
                    (state, slot) = unsafe { self.change(parent) };
                }
                Err(now) => state = now,
            }
        }
        Woken { hint: state.hint(), more: state.more() }
    }

    /// Forgets the parent, and puts another one into a free slot. Returns that slot, if there is one. The caller still
    /// has to register it.
    ///
    /// # Safety
    ///
    /// The caller promises the same as for [`look`](Self::look).
    #[cold]
    unsafe fn change(&self, parent: &Waker) -> (State, Option<usize>) {
        let new = parent.clone();
        let state = State(self.state.fetch_and(FORGOTTEN, Ordering::AcqRel) & FORGOTTEN);
        let slot = state.free_slot();
        match slot {
            // SAFETY: the caller is the gather, nothing is registered, and the slot has no users.
            Some(slot) => drop(unsafe { self.replace(slot, Some(new)) }),
            // Calls of two older parents are under way, so both slots are in use. The next poll tries again.
            None => new.wake(),
        }
        (state, slot)
    }

    /// # Safety
    ///
    /// The caller promises the same as for [`look`](Self::look).
    unsafe fn forget(&self) {
        let state = State(self.state.fetch_and(FORGOTTEN, Ordering::AcqRel) & FORGOTTEN);
        // SAFETY: the caller is the gather, nothing is registered, and the slot is unused.
        let take = |slot| if state.is_unused(slot) { unsafe { self.replace(slot, None) } } else { None };
        drop([0, 1].map(take));
    }
}

/// A call of the waker in a slot, which is counted in the state.
struct User<'a> {
    parent: &'a Parent,
    slot: usize,
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        let Self { parent, slot } = *self;
        let (mut state, mut stale) = (State(parent.state.load(Ordering::Acquire)), None);
        loop {
            if state.is_last_of_stale(slot) && stale.is_none() {
                // SAFETY: no user is added to a stale slot, and as long as this user is counted, the slot stays stale.
                stale = unsafe { parent.replace(slot, None) };
            }
            match parent.step(state, state.end_use(slot)) {
                Ok(()) => return,
                Err(now) => state = now,
            }
        }
    }
}

/// The members that were woken between two looks.
pub(super) struct Woken {
    /// One of the members.
    pub(super) hint: Option<usize>,
    /// Whether the set holds further members.
    pub(super) more: bool,
}

#[repr(C, align(64))]
struct Header {
    owners: AtomicUsize,
    nodes: usize,
    parent: Parent,
}

/// The distance of the nodes from the start of the block. It is a multiple of their alignment.
const NODES: usize = size_of::<Header>();
const _: () = assert!(NODES % align_of::<Node>() == 0 && BITS <= align_of::<Node>());

/// There can be more owners than this only if someone forgets wakers.
const MOST_OWNERS: usize = usize::MAX / 2;

/// An owner of a block.
///
/// The pointer is the one that `alloc` has returned, or is derived from it. So it may access the whole block.
struct Block(NonNull<Header>);

// SAFETY: the contents of a block are `Send` and `Sync`, and its owners are counted atomically.
unsafe impl Send for Block {}
// SAFETY: as for `Send`.
unsafe impl Sync for Block {}

impl Block {
    fn new(nodes: usize) -> Self {
        let layout = Self::layout(nodes);
        // SAFETY: the layout has at least the size of the header. The header and each node lie within it, aligned, and
        // are written before anyone reads them.
        unsafe {
            let Some(start) = NonNull::new(alloc(layout)) else { handle_alloc_error(layout) };
            let block = Self(start.cast());
            block.0.write(Header { owners: AtomicUsize::new(1), nodes, parent: Parent::new() });
            (0..nodes).for_each(|number| block.node(number).write(Node::new(number)));
            block
        }
    }

    fn layout(nodes: usize) -> Layout {
        let nodes = Layout::array::<Node>(nodes);
        let layout = nodes.and_then(|nodes| Layout::new::<Header>().extend(nodes));
        layout.expect("the members themselves take more memory").0
    }

    fn header(&self) -> &Header {
        // SAFETY: the block is alive, because `self` owns it. Every write to the header goes through cells.
        unsafe { self.0.as_ref() }
    }

    /// Returns the place of a node, which lies within the block.
    fn node(&self, number: usize) -> *mut Node {
        self.0.as_ptr().wrapping_byte_add(NODES).cast::<Node>().wrapping_add(number)
    }

    fn set(&self) -> Set<'_> {
        // SAFETY: `new` has written this many nodes, and since then every write to them goes through cells.
        Set::new(unsafe { slice::from_raw_parts(self.node(0), self.header().nodes) })
    }

    #[inline]
    fn wake(&self, index: usize) {
        self.header().parent.wake(index, || self.insert(index));
    }

    #[cold]
    fn insert(&self, index: usize) {
        self.set().insert(index);
    }

    /// Returns the data pointer of a member's waker.
    #[inline]
    fn data(&self, index: usize) -> *const () {
        assert!(index / BITS < self.header().nodes);
        self.node(index / BITS).wrapping_byte_add(index % BITS).cast()
    }

    /// Returns the block and the index that the data pointer of a waker stands for. The block is only borrowed, because
    /// the waker owns the count.
    ///
    /// # Safety
    ///
    /// [`data`](Self::data) has made `data`, and its block is alive as long as the result is used.
    unsafe fn of(data: *const ()) -> (ManuallyDrop<Self>, usize) {
        let bit = data.addr() % align_of::<Node>();
        let node = data.wrapping_byte_sub(bit).cast::<Node>();
        // SAFETY: [`data`](Self::data) has added `bit` to the address of a node, which is a multiple of the node's
        // alignment. The block lies around the node. The number is never written again.
        unsafe {
            let number = (*node).number;
            let start = node.wrapping_sub(number).wrapping_byte_sub(NODES).cast::<Header>();
            (ManuallyDrop::new(Self(NonNull::new_unchecked(start.cast_mut()))), number * BITS + bit)
        }
    }

    /// Frees the block. The last owner calls it after it has given up its count.
    #[cold]
    fn free(&self) {
        // This is no fence, because ThreadSanitizer does not know fences.
        self.header().owners.load(Ordering::Acquire);
        let nodes = self.header().nodes;
        // SAFETY: nobody owns the block any more, so nobody refers to it. It was made by `new` with this layout.
        unsafe {
            ptr::slice_from_raw_parts_mut(self.node(0), nodes).drop_in_place();
            self.0.drop_in_place();
            dealloc(self.0.as_ptr().cast(), Self::layout(nodes));
        }
    }
}

impl Clone for Block {
    fn clone(&self) -> Self {
        let owners = &self.header().owners;
        if owners.fetch_add(1, Ordering::Relaxed) > MOST_OWNERS {
            // Someone forgets wakers. Without this check the count would wrap.
            owners.fetch_sub(1, Ordering::Relaxed);
            panic!("too many wakers");
        }
        Self(self.0)
    }
}

impl Drop for Block {
    #[inline]
    fn drop(&mut self) {
        if self.header().owners.fetch_sub(1, Ordering::Release) == 1 {
            self.free();
        }
    }
}

/// The wakers of many members, as the gather owns them. Wakers that outlive it have no effect.
pub(super) struct Wakers {
    block: Block,
}

impl Wakers {
    /// Makes the wakers of `len` members, of whom there is at least one.
    pub(super) fn new(len: usize) -> Self {
        Self { block: Block::new(len.div_ceil(BITS)) }
    }

    /// Registers the parent, and then takes the woken members. A wake that this look does not see wakes the parent.
    #[inline]
    pub(super) fn look(&mut self, parent: &Waker) -> Woken {
        // SAFETY: this is the gather, and it is borrowed exclusively.
        unsafe { self.block.header().parent.look(parent) }
    }

    /// From now on a wake wakes nobody, and nothing keeps the parent's waker except calls of it that are under way.
    pub(super) fn forget_parent(&mut self) {
        // SAFETY: this is the gather, and it is borrowed exclusively.
        unsafe { self.block.header().parent.forget() }
    }

    /// Returns the set of the woken members. It is worth a look if [`Wakers::look`] returned `more`.
    pub(super) fn set(&self) -> Set<'_> {
        self.block.set()
    }

    /// Lends the waker of a member. It owns no count. Its clones do.
    #[inline]
    pub(super) fn lend(&self, index: usize) -> impl Deref<Target = Waker> + use<'_> {
        // SAFETY: this is the pointer that `VTABLE` expects. The waker is never dropped, so it needs no count of its
        // own. It borrows `self`, which owns a count.
        let waker = unsafe { Waker::from_raw(RawWaker::new(self.block.data(index), &VTABLE)) };
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

/// # Safety
///
/// `data` is the pointer of a waker that is alive.
unsafe fn clone_waker(data: *const ()) -> RawWaker {
    // SAFETY: a waker that is cloned is alive, and so is its block.
    let (block, _) = unsafe { Block::of(data) };
    // The clone owns the new count.
    mem::forget(Block::clone(&block));
    RawWaker::new(data, &VTABLE)
}

/// # Safety
///
/// `data` is the pointer of a waker that owns a count. This call gives the count up.
unsafe fn wake(data: *const ()) {
    // SAFETY: the waker owns a count, which `block` takes over.
    let (block, index) = unsafe { Block::of(data) };
    ManuallyDrop::into_inner(block).wake(index);
}

/// # Safety
///
/// `data` is the pointer of a waker that is alive.
unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the waker, which is borrowed, keeps the block alive.
    let (block, index) = unsafe { Block::of(data) };
    block.wake(index);
}

/// # Safety
///
/// `data` is the pointer of a waker that owns a count. This call gives the count up.
unsafe fn drop_waker(data: *const ()) {
    // SAFETY: the waker owns a count, and gives it up.
    drop(ManuallyDrop::into_inner(unsafe { Block::of(data) }.0));
}
