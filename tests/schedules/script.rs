//! The words of a plan, and of what happens in it.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    convert::Infallible,
    fmt,
    task::Waker,
};

use gather_cm::ExitCase;

/// What acts. Each part has a script, and an error or a panic is told by the part that it comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    Body,
    Enter(usize),
    Exit(usize),
    Witness(usize),
    Abandon(usize),
    /// A nested group, as what fails.
    Group,
}

impl From<Infallible> for Part {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// A part that is released never ends by itself.
pub const NEVER: u8 = u8::MAX;

/// What a part does: it pends until it has been released so often, and ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Script {
    pub pends: u8,
    pub end: End,
    /// The future's destructor panics, when it has ended or is cut.
    pub bomb: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    Well,
    Suppresses,
    Fails,
    Panics,
    /// It panics where its future should be made.
    MakePanics,
}

/// A panic, by the part that it comes from and when that was.
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
    /// Dropped before its end.
    Cut(Part),
    Shown(usize, Part),
    Told(usize, ExitCase),
    Abandoned(usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rollback {
    Settle,
    Eager,
    FailFast,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setup {
    pub rollback: Rollback,
    pub stack: bool,
    pub enter_limit: usize,
    pub exit_limit: usize,
    pub until: bool,
}

/// Errors by index.
pub type Errors = BTreeMap<usize, Part>;

/// What a gather ends with.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub cause: Cause,
    pub exits: Errors,
    pub suppressed: bool,
}

#[derive(Debug, PartialEq)]
pub enum Cause {
    /// All went well.
    Nothing,
    Enter(Errors),
    Body(Part),
    Cancelled,
    Exit,
    Panicked(Panic),
}

/// The scripts that the members and the model play, and what happens in both.
pub struct Scripts {
    scripts: Vec<Cell<Option<Script>>>,
    /// Those that the parts were last polled with.
    wakers: RefCell<Vec<Option<Waker>>>,
    decide: Box<dyn Fn(Part) -> Script>,
    pub played: RefCell<Vec<Event>>,
    pub modelled: RefCell<Vec<Event>>,
}

/// Those that were decided.
impl fmt::Debug for Scripts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.scripts.iter().map(Cell::get)).finish()
    }
}

impl Scripts {
    /// For so many members. What a part does is decided when it first matters: `decide` is asked once.
    pub fn new(members: usize, decide: impl Fn(Part) -> Script + 'static) -> Self {
        let places = 1 + 4 * members;
        Self {
            scripts: vec![Cell::new(None); places],
            wakers: RefCell::new(vec![None; places]),
            decide: Box::new(decide),
            played: RefCell::default(),
            modelled: RefCell::default(),
        }
    }

    fn place(part: Part) -> usize {
        match part {
            Part::Body => 0,
            Part::Enter(member) => 1 + 4 * member,
            Part::Exit(member) => 2 + 4 * member,
            Part::Witness(member) => 3 + 4 * member,
            Part::Abandon(member) => 4 + 4 * member,
            Part::Group => unreachable!("a group has no script of its own"),
        }
    }

    pub fn of(&self, part: Part) -> Script {
        let place = &self.scripts[Self::place(part)];
        place.get().unwrap_or_else(|| {
            let script = (self.decide)(part);
            place.set(Some(script));
            script
        })
    }

    pub fn keep_waker(&self, part: Part, waker: &Waker) {
        self.wakers.borrow_mut()[Self::place(part)] = Some(waker.clone());
    }

    /// It pends once less, and is woken.
    pub fn release(&self, part: Part) {
        let (script, place) = (self.of(part), Self::place(part));
        self.scripts[place].set(Some(Script { pends: script.pends - 1, ..script }));
        let waker = self.wakers.borrow_mut()[place].take();
        waker.expect("it was polled").wake();
    }
}
