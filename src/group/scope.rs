//! Groups whose members are not known beforehand.

use alloc::vec::Vec;
use core::{
    any::Any,
    fmt, mem,
    ops::{ControlFlow, Deref, DerefMut},
    pin::Pin,
    task::Context,
};

use pin_project::pin_project;

use crate::{
    Errors, Event, Many, Resource,
    drive::{Drive, Drove, NoDriver, Split},
    group::{Members, Poller, PortableMembers, Values, Visitor, vec},
    observe::Events,
    policy::Rank,
    slot::{FromHeld, Held, MemberSlot, Phase, PortableSlot, Slot},
    unwind::FirstPanic,
};

/// The index and the rank of a resource that has joined a scope.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    pub(crate) index: usize,
    /// The rank, which says when the resource joined.
    pub(crate) rank: usize,
}

/// The resources that have joined a [`Scope`](crate::Scope), by index. It derefs to a slice.
///
/// [`with_entered`](crate::Gather::with_entered) returns them in an [`Entered`](crate::Entered), and has an example.
pub struct Joined<R> {
    pub(crate) values: Vec<R>,
    /// One mark for each value, in the order of the indices.
    pub(crate) marks: Vec<Mark>,
    pub(crate) next: Mark,
    pub(crate) events: Events,
}

impl<R> Joined<R> {
    /// Returns the resources without exiting them. You are responsible for them now.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{DropOnExit, EnterExt, Entered, scope};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let open = |port: u16| async move { Ok::<_, io::Error>(port) }.drop_on_exit();
    /// let ((), ports) = scope()
    ///     .with_entered(async |scope| {
    ///         for port in [80, 443] {
    ///             scope.enter(open(port)).await?;
    ///         }
    ///         Ok(())
    ///     })
    ///     .await?;
    /// let ports = Entered::into_inner(ports).into_vec();
    /// assert_eq!(ports.into_iter().map(DropOnExit::into_inner).collect::<Vec<_>>(), [80, 443]);
    /// # Ok(()) }) }
    /// ```
    pub fn into_vec(self) -> Vec<R> {
        self.values
    }

    /// Sorts the resources by index.
    pub(crate) fn sort(&mut self) {
        if self.marks.is_sorted_by_key(|mark| mark.index) {
            return;
        }
        let mut pairs = self.marks.drain(..).zip(self.values.drain(..)).collect::<Vec<_>>();
        pairs.sort_unstable_by_key(|(mark, _)| mark.index);
        for (mark, value) in pairs {
            self.marks.push(mark);
            self.values.push(value);
        }
    }
}

impl<R> Deref for Joined<R> {
    type Target = [R];

    fn deref(&self) -> &[R] {
        &self.values
    }
}

impl<R> DerefMut for Joined<R> {
    fn deref_mut(&mut self) -> &mut [R] {
        &mut self.values
    }
}

impl<R: fmt::Debug> fmt::Debug for Joined<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Joined").field(&self.values).finish()
    }
}

impl<R: Resource> Values for Joined<R> {
    type Error = R::Error;
    type Shape = Many;
    type Ranks<T: Rank> = ();
    const OPTIONAL: bool = R::OPTIONAL;
    const DRIVEN: bool = false;
    const GROWS: bool = true;

    fn hold<T: Rank>(self, (): (), caller_waker: bool) -> impl Members<Values = Self, Rank = T> {
        ScopeSlots::<MemberSlot<FromHeld<_, _>, T>>::new(self, R::release_resource, caller_waker)
    }

    fn show(&mut self, error: &dyn Any) {
        self.values.show(error);
    }

    fn drive(&mut self, _: &mut Context<'_>) -> Drove {
        Drove::default()
    }

    fn has_lost(&self) -> bool {
        false
    }

    fn take_lost(&mut self) -> Option<Errors<R::Error, Many>> {
        None
    }

    fn split() -> impl Split<Self, Drivers = impl Drive<Self>> {
        WillTell
    }

    fn abandon(self) {
        let mut first = FirstPanic::none();
        for (value, mark) in self.values.into_iter().zip(self.marks) {
            first.drop(Held::new(value));
            self.events.push(Event::Abandoned { index: mark.index });
        }
        first.resume_in_drop();
    }
}

/// Takes the place of drivers, which a scope does not have. The body of a scope has the resources, and reports in a
/// queue what happens to them.
pub(crate) struct TellsBeside(Events);

impl TellsBeside {
    pub(crate) fn of<R>(joined: &Joined<R>) -> Self {
        Self(joined.events.clone())
    }
}

/// Makes a [`TellsBeside`] when the body begins.
#[derive(Clone, Copy)]
struct WillTell;

impl<R> Split<Joined<R>> for WillTell {
    type Drivers = TellsBeside;

    fn split(self, joined: &mut Joined<R>) -> TellsBeside {
        TellsBeside::of(joined)
    }
}

impl<R> Drive<Joined<R>> for TellsBeside {
    type Kind = NoDriver;

    fn drive(&mut self, _: usize, _: &mut Context<'_>) -> Drove {
        Drove::default()
    }

    fn members(&self) -> usize {
        0
    }

    fn events(&self) -> Events {
        self.0.clone()
    }

    fn take(&mut self) -> Self {
        Self(self.0.clone())
    }

    fn rejoin(self, _: &mut Joined<R>) {}

    fn clear(&mut self, _: &mut FirstPanic) {}
}

/// The slots of resources that have joined a scope. In here a slot has a place, and for the machine it has an index.
#[pin_project]
pub struct ScopeSlots<S: Slot> {
    #[pin]
    slots: vec::Slots<S>,
    /// The mark of each place, in the order of the indices.
    marks: Vec<Mark>,
    next: Mark,
    events: Events,
    caller_waker: bool,
}

impl<S: Slot> ScopeSlots<S> {
    /// Makes slots that hold the resources that have joined. `release` makes the exits' futures.
    pub(crate) fn new(joined: Joined<S::Value>, release: S::Release, caller_waker: bool) -> Self {
        let Joined { values, marks, next, events } = joined;
        let slots = values.into_iter().zip(&marks);
        let slots = slots.map(|(value, mark)| S::held(value, S::Rank::from_number(mark.rank), release));
        let slots = vec::Slots::held(slots, release, caller_waker);
        Self { slots, marks, next, events, caller_waker }
    }
}

/// Returns the place of the first member with this index or a higher one.
fn place(marks: &[Mark], index: usize) -> usize {
    // Most often no member has left, so that its index is its place.
    if index == 0 || marks.get(index).is_some_and(|mark| mark.index == index) {
        return index;
    }
    marks.partition_point(|mark| mark.index < index)
}

impl<S: Slot> Members for ScopeSlots<S> {
    type Values = Joined<S::Value>;
    type Rank = S::Rank;
    type Emptied = Emptied<S::Release>;
    type Number = usize;
    type Kind = NoDriver;

    fn len(self: Pin<&mut Self>) -> usize {
        self.project().marks.len()
    }

    fn index(self: Pin<&mut Self>, place: usize) -> usize {
        self.project().marks.get(place).map_or(place, |mark| mark.index)
    }

    fn visit(self: Pin<&mut Self>, first: usize, visitor: &mut impl Visitor<S::Error, S::Rank>) -> ControlFlow<()> {
        let this = self.project();
        let first = place(this.marks, first);
        this.slots.visit(first, &mut ByIndex { marks: this.marks, inner: visitor })
    }

    fn sweep(self: Pin<&mut Self>, first: usize, cx: &mut Context<'_>, poller: &mut impl Poller<S::Error, S::Rank>) {
        let this = self.project();
        let first = place(this.marks, first);
        this.slots.sweep(first, cx, &mut ByIndex { marks: this.marks, inner: poller });
    }

    fn turn(self: Pin<&mut Self>) -> Option<usize> {
        let this = self.project();
        this.slots.turn().map(|place| this.marks[place].index)
    }

    fn begin_exits(self: Pin<&mut Self>) {
        self.project().slots.begin_exits();
    }

    fn note(self: Pin<&mut Self>, index: usize) {
        let this = self.project();
        this.slots.note(place(this.marks, index));
    }

    fn forget_parent(self: Pin<&mut Self>) {
        self.project().slots.forget_parent();
    }

    fn take(self: Pin<&mut Self>) -> (Joined<S::Value>, (), Self::Emptied) {
        let this = self.project();
        let (values, _, vec) = this.slots.take();
        let events = mem::replace(this.events, Events::NONE);
        let joined = Joined { values, marks: mem::take(this.marks), next: *this.next, events };
        (joined, (), Emptied { vec, caller_waker: *this.caller_waker })
    }

    fn empty(emptied: &mut Self::Emptied) -> Self {
        let next = Mark { index: 0, rank: 0 };
        let slots = vec::Slots::empty(&mut emptied.vec);
        Self { slots, marks: Vec::new(), next, events: Events::NONE, caller_waker: emptied.caller_waker }
    }

    fn fill(mut self: Pin<&mut Self>, joined: Joined<S::Value>, (): ()) {
        let this = self.as_mut().project();
        let filled = Self::new(joined, this.slots.release(), *this.caller_waker);
        self.set(filled);
    }
}

impl<S: PortableSlot> PortableMembers for ScopeSlots<S> {
    const ENTERS: bool = S::ENTERS;
    type Moved = ScopeSlots<S::Moved>;

    fn move_out(self: Pin<&mut Self>) -> Self::Moved {
        let this = self.project();
        ScopeSlots {
            slots: this.slots.move_out(),
            marks: mem::take(this.marks),
            next: *this.next,
            events: Events::NONE,
            caller_waker: *this.caller_waker,
        }
    }
}

/// The rest of the slots, while the body has the resources.
pub struct Emptied<K> {
    vec: vec::Emptied<K>,
    caller_waker: bool,
}

/// Passes slots on under their indices.
struct ByIndex<'a, T> {
    marks: &'a [Mark],
    inner: &'a mut T,
}

impl<E, T, I: Visitor<E, T>> Visitor<E, T> for ByIndex<'_, I> {
    fn visit<S>(&mut self, place: usize, slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = E, Rank = T>,
    {
        self.inner.visit(self.marks[place].index, slot)
    }
}

impl<E, T, I: Poller<E, T>> Poller<E, T> for ByIndex<'_, I> {
    fn wants(&mut self, place: usize, phase: Phase) -> bool {
        self.inner.wants(self.marks[place].index, phase)
    }

    fn poll<S>(&mut self, place: usize, slot: Pin<&mut S>, cx: &mut Context<'_>) -> ControlFlow<()>
    where
        S: Slot<Error = E, Rank = T>,
    {
        self.inner.poll(self.marks[place].index, slot, cx)
    }
}
