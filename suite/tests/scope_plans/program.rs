//! The words for a program, for its events, and for its end.

use std::collections::BTreeMap;

use gather_cm::ExitCase;

/// A part that acts. An error or a panic names the part that it comes from. The numbers are those of the program's
/// members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Body,
    Stop,
    Enter(usize),
    Exit(usize),
}

/// Says what a part does: it pends in this many polls, and then ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Act {
    pub pends: u8,
    pub end: End,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    Well,
    /// The exit returns `Suppress`.
    Suppresses,
    Fails,
    Panics,
}

/// Says how a member joins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum How {
    Enter,
    /// It joins by `hold`, or by `defer` in a scope of boxes.
    Hold,
    /// It joins by `adopt`. There is this only in a scope of boxes.
    Adopt,
}

#[derive(Clone, Copy, Debug)]
pub struct Member {
    pub id: usize,
    pub how: How,
    pub enter: Act,
    pub exit: Act,
}

/// An operation of the body. `id` is a member. If it has not joined before, nothing happens.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// A member joins. Its guard is kept until the body ends, or dropped at once.
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

/// Says what becomes of an operation that does not succeed at once.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// After this many polls its future is dropped.
    pub polls: Option<u8>,
    /// Whether the body fails if the operation fails.
    pub strict: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    Pool,
    Stack,
    InReverse,
}

/// The future that the gather becomes.
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
    /// Whether the resources are in boxes.
    pub boxed: bool,
    pub order: Order,
    /// How many exits are in flight at most. The number is high if there is no limit.
    pub exit_limit: usize,
    pub fair: bool,
    pub catches: bool,
}

/// Says what becomes of the resources that `with_entered` returns.
#[derive(Clone, Copy, Debug)]
pub enum Afterwards {
    Exit(ExitCase),
    Abandon,
    IntoVec,
}

#[derive(Clone, Debug)]
pub struct Program {
    pub setup: Setup,
    /// `cancel_on` pends in this many polls.
    pub stop: Option<u8>,
    /// The members that have joined by `hold` before the scope is gathered. They are the first ones.
    pub full: Vec<Member>,
    /// The operations of a step are concurrent.
    pub steps: Vec<Vec<Op>>,
    /// The act of the body after these steps.
    pub body: Act,
    /// The future is dropped after this many polls. After so many more polls, its cleanup is dropped, too.
    pub drops: [Option<u8>; 2],
    pub afterwards: Afterwards,
}

impl Program {
    /// Returns how many members there are.
    pub fn members(&self) -> usize {
        let joins = |ops: &Vec<Op>| ops.iter().filter(|op| matches!(op, Op::Join { .. })).count();
        self.full.len() + self.steps.iter().map(joins).sum::<usize>()
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    Polled(Part),
    /// A future was dropped, at its end or before.
    Dropped(Part),
    /// The body has a guard of this member. Its index is the other number.
    Joined(usize, usize),
    /// This many resources of the scope are not lent.
    Len(usize),
    OnError(usize, Part),
    ExitBegan(usize, ExitCase),
    /// `release` or `exit` has returned this.
    Released(usize, Result<bool, Part>),
    Abandoned(usize),
    TakenOut(usize),
    /// The body's value was dropped.
    ValueDropped,
    /// A resource was neither exited nor abandoned. This never happens.
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
    /// Whether the body's value was returned.
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
