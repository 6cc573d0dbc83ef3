//! The words of a program, of what happens in it, and of how it ends.

use std::collections::BTreeMap;

use gather_cm::ExitCase;

/// What acts. An error or a panic names the part that it comes from. The numbers are those of the program's members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Body,
    Stop,
    Enter(usize),
    Exit(usize),
}

/// What a part does: it pends in so many polls, and ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Act {
    pub pends: u8,
    pub end: End,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    Well,
    /// An exit that answers `Suppress`.
    Suppresses,
    Fails,
    Panics,
}

/// How a member joins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum How {
    Enter,
    /// By `hold`. In a scope of boxes: by `defer`.
    Hold,
    /// Only in a scope of boxes.
    Adopt,
}

#[derive(Clone, Copy, Debug)]
pub struct Member {
    pub id: usize,
    pub how: How,
    pub enter: Act,
    pub exit: Act,
}

/// What the body does. `id` is a member that has joined before, or not: then nothing happens.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// The guard is kept until the body ends, or dropped at once.
    Join {
        member: Member,
        keeps: bool,
        limit: Limit,
    },
    /// The guard is dropped.
    GiveBack {
        id: usize,
    },
    /// Without a case it is `release`.
    Exit {
        id: usize,
        case: Option<ExitCase>,
        limit: Limit,
    },
    TakeOut {
        id: usize,
    },
    Pends {
        polls: u8,
    },
}

/// What becomes of an operation that does not succeed at once.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// After so many polls its future is dropped.
    pub polls: Option<u8>,
    /// If it fails, the body fails.
    pub strict: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    Pool,
    Stack,
    InReverse,
}

/// What the gather is made into.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    With,
    KeepValue,
    Entered,
    Shield,
    ShieldEntered,
}

/// The policies. policies.rs says what the kinds are, which the model does not know.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub kind: u8,
    pub way: Way,
    /// In boxes.
    pub boxed: bool,
    pub order: Order,
    /// The exits in flight at once. It is high if there is no limit.
    pub exit_limit: usize,
    pub fair: bool,
    pub catches: bool,
}

/// What becomes of the resources that `with_entered` returns.
#[derive(Clone, Copy, Debug)]
pub enum Afterwards {
    Exit(ExitCase),
    Abandon,
    IntoVec,
}

#[derive(Clone, Debug)]
pub struct Program {
    pub setup: Setup,
    /// `cancel_on` pends in so many polls.
    pub stop: Option<u8>,
    /// The members that have joined by `hold` before the scope is gathered: the first ones.
    pub full: Vec<Member>,
    /// The operations of a step are concurrent.
    pub steps: Vec<Vec<Op>>,
    /// What the body does after these.
    pub body: Act,
    /// Before so many polls the future is dropped; and again, after so many more, what it has handed over.
    pub drops: [Option<u8>; 2],
    pub afterwards: Afterwards,
}

impl Program {
    /// How many members there are.
    pub fn members(&self) -> usize {
        let joins = |ops: &Vec<Op>| ops.iter().filter(|op| matches!(op, Op::Join { .. })).count();
        self.full.len() + self.steps.iter().map(joins).sum::<usize>()
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    Polled(Part),
    /// A future, at its end or before.
    Dropped(Part),
    /// The body has a guard of this member. Its index is the other number.
    Joined(usize, usize),
    /// So many resources of the scope are not lent.
    Len(usize),
    OnError(usize, Part),
    ExitBegan(usize, ExitCase),
    /// What `release` or `exit` has returned.
    Released(usize, Result<bool, Part>),
    Abandoned(usize),
    TakenOut(usize),
    /// The body's value was dropped.
    ValueDropped,
    /// Neither exited nor abandoned. It never happens.
    Leaked(usize),
}

/// Errors by index.
pub type Errors = BTreeMap<usize, Part>;

#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub cause: Cause,
    pub exits: Errors,
    /// For the exit of an `Entered`, this is its verdict.
    pub suppressed: bool,
    /// The body's value was returned.
    pub value: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cause {
    /// Nothing failed.
    Nothing,
    Body(Part),
    Cancelled,
    Exit,
    Panicked(Part),
}
