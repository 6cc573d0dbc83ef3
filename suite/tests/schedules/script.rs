//! The words of a plan, and of what happens in it.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::Waker,
};

use gather_cm::ExitCase;

/// A part that acts. Each part has a script, and an error or a panic names the part that it comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    Body,
    /// The body's value: only its destructor acts.
    Value,
    /// The stop: 0 is that of the whole group, and others are those of nested groups.
    Stop(usize),
    Enter(usize),
    Exit(usize),
    /// The driver of a member.
    Driver(usize),
    OnError(usize),
    Abandon(usize),
    /// A nested group that has failed.
    Group,
}

impl From<Infallible> for Part {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// A part that is released never ends by itself.
pub const NEVER: u8 = u8::MAX;

/// Says what a part does: it pends until it has been released this many times, and then ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Script {
    pub pends: u8,
    pub end: End,
    /// Whether the destructor panics.
    pub bomb: bool,
}

impl Script {
    /// A part that ends well at once.
    pub const WELL: Self = Self { pends: 0, end: End::Well, bomb: false };
    /// A `stop` that fires after it was released once.
    pub const STOP: Self = Self { pends: 1, ..Self::WELL };
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    Well,
    Suppresses,
    Fails,
    Panics,
    /// It panics when its future should be made.
    MakePanics,
}

/// A panic, along with the part that it comes from and the moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Panic(pub Part, pub When);

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    Made,
    Polled,
    Dropped,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    Polled(Part),
    /// A future was dropped, at its end or before, or the body's value was.
    Dropped(Part),
    OnError(usize, Part),
    ExitBegan(usize, ExitCase),
    Abandoned(usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rollback {
    RunOn,
    Eager,
    FailFast,
    Settle,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    Pool,
    Stack,
    InReverse,
}

/// Says whether members have drivers, and what becomes of a driver that still runs when the exit has finished.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Drivers {
    Absent,
    Dropped,
    ToEnd,
}

/// What goes on after a drop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shield {
    Nothing,
    Exits,
    EntersAndExits,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setup {
    pub shield: Shield,
    pub rollback: Rollback,
    pub order: Order,
    pub enter_limit: usize,
    pub exit_limit: usize,
    pub cancel_on: bool,
    pub fair: bool,
    pub keep_value: bool,
    pub drivers: Drivers,
}

pub type Running = Pin<Box<dyn Future<Output = Outcome>>>;

/// Errors by index.
pub type Errors = BTreeMap<usize, Part>;

/// The outcome of a gather.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub cause: Cause,
    pub exits: Errors,
    pub suppressed: bool,
    /// Whether the body's value was returned.
    pub value: bool,
}

#[derive(Debug, PartialEq)]
pub enum Cause {
    /// Nothing failed.
    Nothing,
    Enter(Errors),
    Body(Part),
    Cancelled,
    Lost(Errors),
    Exit,
    Panicked(Panic),
}

/// The scripts that the members and the model play, and what happens in both.
pub struct Scripts {
    members: usize,
    scripts: Vec<Cell<Option<Script>>>,
    /// The wakers that the parts were last polled with.
    wakers: RefCell<Vec<Option<Waker>>>,
    decide: Box<dyn Fn(Part) -> Script>,
    /// The cleanup that a dropped gather has handed over.
    pub handed_over: RefCell<Option<Running>>,
    pub played: RefCell<Vec<Event>>,
    pub modelled: RefCell<Vec<Event>>,
}

/// Shows the scripts that were decided.
impl fmt::Debug for Scripts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.scripts.iter().map(Cell::get)).finish()
    }
}

impl Scripts {
    /// Makes the scripts for this many members, and for this many groups with a `stop`. `decide` says what a part does.
    /// It is called once for each part, when that first matters.
    pub fn new(members: usize, stops: usize, decide: impl Fn(Part) -> Script + 'static) -> Self {
        let places = 2 + 5 * members + stops;
        Self {
            members,
            scripts: vec![Cell::new(None); places],
            wakers: RefCell::new(vec![None; places]),
            decide: Box::new(decide),
            handed_over: RefCell::default(),
            played: RefCell::default(),
            modelled: RefCell::default(),
        }
    }

    fn place(&self, part: Part) -> usize {
        match part {
            Part::Body => 0,
            Part::Value => 1,
            Part::Enter(member) => 2 + 5 * member,
            Part::Exit(member) => 3 + 5 * member,
            Part::OnError(member) => 4 + 5 * member,
            Part::Abandon(member) => 5 + 5 * member,
            Part::Driver(member) => 6 + 5 * member,
            Part::Stop(group) => 2 + 5 * self.members + group,
            Part::Group => unreachable!("a group has no script of its own"),
        }
    }

    pub fn of(&self, part: Part) -> Script {
        let place = &self.scripts[self.place(part)];
        place.get().unwrap_or_else(|| {
            let script = (self.decide)(part);
            place.set(Some(script));
            script
        })
    }

    pub fn keep_waker(&self, part: Part, waker: &Waker) {
        self.wakers.borrow_mut()[self.place(part)] = Some(waker.clone());
    }

    /// Lets the part pend once less. Wakes it if it was polled.
    pub fn release(&self, part: Part) {
        let (script, place) = (self.of(part), self.place(part));
        self.scripts[place].set(Some(Script { pends: script.pends - 1, ..script }));
        let waker = self.wakers.borrow_mut()[place].take();
        waker.into_iter().for_each(Waker::wake);
    }
}
