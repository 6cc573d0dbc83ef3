//! The state of a gather in the model.

use std::rc::Rc;

use gather_cm::ExitCase;

use super::{
    member::{Member, Player},
    script::{Errors, Order, Panic, Part, Rollback, Scripts, Setup, Shield},
};

/// The members of a `Vec` of more than this many have wakers of their own, as in src/wake.rs.
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
    pub scripts: Rc<Scripts>,
    pub setup: Setup,
    pub members: Vec<Member>,
    pub place: Vec<Place>,
    /// The members that entered, in the order of entering.
    pub entered: Vec<usize>,
    /// The stop, until it is dropped, and whether it was ready.
    pub stop: Option<Player>,
    pub was_ready: bool,
    /// The body. A nested group has none, because it is entered, and exited later.
    pub body: Option<Player>,
    pub in_body: bool,
    /// The body's value, until it is dropped or returned.
    pub value: Option<Player>,
    /// The parts that were woken since the last poll.
    pub woken: Vec<Part>,
    /// D12: The members that have entered since the drivers were polled.
    pub fresh: Vec<usize>,
    /// How the body ended, or why it is not called.
    pub ending: Option<ExitCase>,
    /// The case and the error that the next exit receives. They are set when the first exit begins.
    pub case: Option<ExitCase>,
    pub error: Option<Part>,
    pub enter_errors: Errors,
    pub exit_errors: Errors,
    /// D4, D5: If the exits began because drivers had failed, these are the members of those drivers, and their errors.
    pub lost: Vec<usize>,
    pub lost_errors: Errors,
    /// Whether a member that is not an empty group was exited.
    pub counts: bool,
    /// Whether one of these members did not return `Suppress`.
    pub propagates: bool,
    /// 12: If exits run one at a time, whether a member that received `Failed` returned `Suppress`.
    pub suppressed: bool,
    /// Whether the rest of the gather goes on after a drop.
    pub handed_over: bool,
    /// The first panic. The others are dropped.
    pub panic: Option<Panic>,
    /// How often the enters were polled, and how often the exits were.
    pub enter_polls: usize,
    pub exit_polls: usize,
    /// Whether the body has ended, or the exits of a failed group have begun.
    pub exits: bool,
    /// D15: With `fair`, whether the body was polled before the drivers.
    pub body_was_first: bool,
}

impl Model {
    pub fn new(setup: Setup, members: Vec<Member>, scripts: &Rc<Scripts>) -> Self {
        let body = Player { part: Part::Body, scripts: scripts.clone() };
        Self { body: Some(body), ..Self::nested(setup, 0, members, scripts) }
    }

    /// Makes a group that is a member of another one.
    pub fn nested(setup: Setup, stop: usize, members: Vec<Member>, scripts: &Rc<Scripts>) -> Self {
        Self {
            scripts: scripts.clone(),
            setup,
            place: vec![Queued; members.len()],
            entered: Vec::with_capacity(members.len()),
            members,
            stop: setup.cancel_on.then(|| Player { part: Part::Stop(stop), scripts: scripts.clone() }),
            was_ready: false,
            body: None,
            in_body: false,
            value: None,
            woken: vec![],
            fresh: vec![],
            ending: None,
            case: None,
            error: None,
            enter_errors: Errors::new(),
            exit_errors: Errors::new(),
            lost: vec![],
            lost_errors: Errors::new(),
            counts: false,
            propagates: false,
            suppressed: false,
            handed_over: false,
            panic: None,
            enter_polls: 0,
            exit_polls: 0,
            exits: false,
            body_was_first: false,
        }
    }

    pub fn player(&self, part: Part) -> Player {
        Player { part, scripts: self.scripts.clone() }
    }

    /// Keeps a panic if it is the first.
    pub fn keep(&mut self, panic: Option<Panic>) {
        self.panic = self.panic.or(panic);
    }

    pub fn drop_stop(&mut self) {
        let stop = self.stop.take();
        if let Some(panic) = stop.and_then(|stop| stop.drop()) {
            self.keep(Some(panic));
            self.drop_value();
        }
    }

    pub fn drop_value(&mut self) {
        let value = self.value.take();
        self.keep(value.and_then(|value| value.drop()));
    }

    /// 22: Returns the members, in argument order. With `fair`, each poll starts with the next member in turn.
    pub fn order(&self, polls: usize) -> impl Iterator<Item = usize> + use<> {
        let (len, first) = (self.members.len(), if self.setup.fair { polls } else { 0 });
        (0..len).map(move |index| (first + index) % len)
    }

    pub fn count(&self, place: Place) -> usize {
        self.place.iter().filter(|other| **other == place).count()
    }

    pub fn is_entering(&self) -> bool {
        self.place.iter().any(|place| [Queued, Entering].contains(place))
    }

    /// Returns whether a member of a large `Vec` is in flight or held, and no part that it waits for was woken.
    pub fn is_asleep(&self, index: usize) -> bool {
        let awake = self.members.len() <= FEW || self.place[index] == Queued || self.fresh.contains(&index);
        !awake && !self.waits_of(index).iter().any(|part| self.woken.contains(part))
    }

    /// Lets the member sleep until a part that it waits for is woken again.
    pub fn falls_asleep(&mut self, index: usize) {
        let waiting = self.waits_of(index);
        self.woken.retain(|part| !waiting.contains(part));
        self.fresh.retain(|other| *other != index);
    }

    fn waits_of(&self, index: usize) -> Vec<Part> {
        let mut waiting = vec![];
        self.members[index].waits(self.place[index], &mut waiting);
        waiting
    }

    pub fn is_over(&self) -> bool {
        self.ending.is_some() && self.place.iter().all(|place| *place == Over)
    }

    /// Returns the next held member: the first one, the one that entered last, or the last one.
    pub fn next_held(&self) -> Option<usize> {
        let held = |index: &usize| self.place[*index] == Held;
        match self.setup.order {
            Order::Pool => (0..self.place.len()).find(held),
            Order::Stack => self.entered.iter().copied().rfind(held),
            Order::InReverse => (0..self.place.len()).rfind(held),
        }
    }

    /// 14: Returns the stop, as long as it exists and was not ready.
    pub fn effective_stop(&self) -> Option<&Player> {
        self.stop.as_ref().filter(|_| !self.was_ready)
    }

    /// 14, S2: Returns whether a stop drops no enter.
    pub fn settles(&self) -> bool {
        self.setup.rollback == Rollback::Settle || self.setup.shield == Shield::EntersAndExits
    }

    /// Adds the parts that something waits for.
    pub fn waits(&self, waiting: &mut Vec<Part>) {
        self.members.iter().zip(&self.place).for_each(|(member, place)| member.waits(*place, waiting));
        // The stop of the whole group is released at any time.
        waiting.extend(self.effective_stop().filter(|_| self.body.is_none()).map(|stop| stop.part));
        waiting.extend(self.in_body.then_some(Part::Body));
    }
}
