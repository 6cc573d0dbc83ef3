//! What the model knows of a gather.

use std::rc::Rc;

use gather_cm::ExitCase;

use super::{
    member::{Member, Player},
    script::{Errors, Panic, Part, Scripts, Setup},
};

/// A `Vec` of more members than these gives them wakers of its own: as in src/group/many.rs.
pub const FEW: usize = 30;

#[derive(Clone, Copy, PartialEq)]
pub enum Place {
    Queued,
    Entering,
    Held,
    Exiting,
    Over,
}

pub use Place::*;

pub struct Model {
    pub setup: Setup,
    pub members: Vec<Member>,
    pub place: Vec<Place>,
    /// Those that entered, in the order of entering.
    pub entered: Vec<usize>,
    pub body: Player,
    pub in_body: bool,
    /// Who was woken since the last poll.
    pub woken: Vec<Part>,
    /// What stops the group is ready.
    pub stopped: bool,
    /// How the body ended, or why it is not called.
    pub ending: Option<ExitCase>,
    /// What the next exit is told and shown, from when the first one begins.
    pub told: Option<ExitCase>,
    pub shown: Option<Part>,
    pub enter_errors: Errors,
    pub exit_errors: Errors,
    /// There is no member, or one did not answer `Suppress`.
    pub propagates: bool,
    /// In a stack: one that was told `Failed` answered `Suppress`.
    pub suppressed: bool,
    /// The first; the others are dropped.
    pub panic: Option<Panic>,
}

impl Model {
    pub fn new(setup: Setup, members: Vec<Member>, scripts: &Rc<Scripts>) -> Self {
        Self {
            setup,
            place: vec![Queued; members.len()],
            entered: Vec::with_capacity(members.len()),
            propagates: members.is_empty(),
            members,
            body: Player { part: Part::Body, scripts: scripts.clone() },
            in_body: false,
            woken: vec![],
            stopped: false,
            ending: None,
            told: None,
            shown: None,
            enter_errors: Errors::new(),
            exit_errors: Errors::new(),
            suppressed: false,
            panic: None,
        }
    }

    pub fn count(&self, place: Place) -> usize {
        self.place.iter().filter(|other| **other == place).count()
    }

    pub fn is_entering(&self) -> bool {
        self.place.iter().any(|place| [Queued, Entering].contains(place))
    }

    /// In flight among many, and none of those was woken that are waited for in it.
    pub fn is_asleep(&self, index: usize) -> bool {
        if self.members.len() <= FEW || ![Entering, Exiting].contains(&self.place[index]) {
            return false;
        }
        let mut waiting = vec![];
        self.members[index].waits(self.place[index], &mut waiting);
        !waiting.iter().any(|part| self.woken.contains(part))
    }

    pub fn is_over(&self) -> bool {
        self.ending.is_some() && self.place.iter().all(|place| *place == Over)
    }

    /// The next of those held: in a stack the last entered, else the first.
    pub fn next_held(&self) -> Option<usize> {
        let held = |index: &usize| self.place[*index] == Held;
        if self.setup.stack { self.entered.iter().copied().rfind(held) } else { (0..self.place.len()).find(held) }
    }

    /// Dropped: the first panic of a destructor goes on, and not one that was kept.
    pub fn cut(&mut self) -> Option<Panic> {
        self.panic = None;
        self.cut_all(&[Queued, Entering, Held, Exiting]);
        self.panic
    }

    /// Who is waited for.
    pub fn waits(&self, waiting: &mut Vec<Part>) {
        self.members.iter().zip(&self.place).for_each(|(member, place)| member.waits(*place, waiting));
        waiting.extend(self.in_body.then_some(Part::Body));
    }
}
