//! What a member is in the model: one that plays its scripts, or a group that is entered as one.

use std::rc::Rc;

use gather_cm::ExitCase::{self, Completed};

use super::{
    script::{End, Event, Panic, Part, Scripts, When},
    state::{Model, Place},
};

/// How a part ended: with a value, an error, or neither; and perhaps with a panic, of itself or of its future's
/// destructor.
#[derive(Clone, Copy, Default)]
pub struct Ended {
    pub well: bool,
    /// It is no empty group.
    pub counts: bool,
    /// It answered `Suppress`, and no panic interrupted it.
    pub suppresses: bool,
    pub error: Option<Part>,
    pub panic: Option<Panic>,
}

/// A part that plays its script.
pub struct Player {
    pub part: Part,
    pub scripts: Rc<Scripts>,
}

impl Player {
    fn log(&self, event: Event) {
        self.scripts.modelled.borrow_mut().push(event);
    }

    /// Polled until it has ended.
    pub fn poll(&self) -> Option<Ended> {
        let script = self.scripts.of(self.part);
        if script.end == End::MakePanics {
            return Some(Ended { counts: true, panic: Some(Panic(self.part, When::Made)), ..Ended::default() });
        }
        self.log(Event::Polled(self.part));
        if script.pends > 0 {
            return None;
        }
        Some(Ended {
            well: [End::Well, End::Suppresses].contains(&script.end),
            counts: true,
            suppresses: script.end == End::Suppresses,
            error: (script.end == End::Fails).then_some(self.part),
            panic: (script.end == End::Panics).then_some(Panic(self.part, When::Polled)),
        })
    }

    /// Polled until it has ended; then it is dropped at once.
    pub fn run(&self) -> Option<Ended> {
        let ended = self.poll()?;
        let dropped = self.drop();
        let panic = ended.panic.or(dropped);
        Some(Ended { suppresses: ended.suppresses && panic.is_none(), panic, ..ended })
    }

    /// Dropped, if it was made.
    pub fn drop(&self) -> Option<Panic> {
        if self.scripts.of(self.part).end == End::MakePanics {
            return None;
        }
        self.log(Event::Dropped(self.part));
        self.scripts.of(self.part).bomb.then_some(Panic(self.part, When::Dropped))
    }

    /// A call: `on_error` or `abandon`.
    fn call(&self, event: Event) -> Option<Panic> {
        self.log(event);
        (self.scripts.of(self.part).end == End::Panics).then_some(Panic(self.part, When::Polled))
    }
}

pub enum Member {
    Leaf(usize, Rc<Scripts>),
    Group(Box<Model>),
    /// A group that is exited by hand: it answers with a verdict, even if it is empty.
    ByHand(Box<Model>),
}

use Member::*;

fn player(id: usize, scripts: &Rc<Scripts>, part: fn(usize) -> Part) -> Player {
    Player { part: part(id), scripts: scripts.clone() }
}

impl Member {
    pub fn poll_enter(&mut self) -> Option<Ended> {
        match self {
            Leaf(id, scripts) => player(*id, scripts, Part::Enter).run(),
            Group(group) | ByHand(group) => {
                group.poll_stop();
                group.poll_members();
                let entered = group.ending.is_none() && !group.is_entering();
                (entered || group.is_over()).then(|| group.ended(entered))
            }
        }
    }

    /// Receives the error, if there is one, and then the case.
    pub fn begin_exit(&mut self, case: ExitCase, error: Option<Part>) -> Option<Panic> {
        let panic = error.and_then(|error| self.on_error(error));
        match self {
            Leaf(id, scripts) => player(*id, scripts, Part::Exit).log(Event::ExitBegan(*id, case)),
            Group(group) | ByHand(group) => (group.ending, group.case) = (Some(Completed), Some(case)),
        }
        panic
    }

    /// In a group, every member receives it before the first of their exits begins.
    fn on_error(&mut self, error: Part) -> Option<Panic> {
        match self {
            Leaf(id, scripts) => player(*id, scripts, Part::OnError).call(Event::OnError(*id, error)),
            Group(group) | ByHand(group) => {
                group.members.iter_mut().fold(None, |first, member| first.or(member.on_error(error)))
            }
        }
    }

    pub fn poll_exit(&mut self) -> Option<Ended> {
        let (group, by_hand) = match self {
            Leaf(id, scripts) => return player(*id, scripts, Part::Exit).run(),
            Group(group) => (group, false),
            ByHand(group) => (group, true),
        };
        group.poll_exits();
        let well = group.exit_errors.is_empty() && group.panic.is_none();
        group.is_over().then(|| Ended { counts: group.counts || by_hand, ..group.ended(well) })
    }

    /// Dropped where it is.
    pub fn cut(&mut self, place: Place) -> Option<Panic> {
        match (self, place) {
            (_, Place::Queued | Place::Over) => None,
            (Leaf(id, scripts), Place::Entering) => player(*id, scripts, Part::Enter).drop(),
            (Leaf(id, scripts), Place::Held) => player(*id, scripts, Part::Abandon).call(Event::Abandoned(*id)),
            (Leaf(id, scripts), Place::Exiting) => player(*id, scripts, Part::Exit).drop(),
            (Group(group) | ByHand(group), _) => group.cut(),
        }
    }

    /// What is waited for in it.
    pub fn waits(&self, place: Place, waiting: &mut Vec<Part>) {
        match (self, place) {
            (Leaf(id, _), Place::Entering) => waiting.push(Part::Enter(*id)),
            (Leaf(id, _), Place::Exiting) => waiting.push(Part::Exit(*id)),
            (Group(group) | ByHand(group), Place::Entering | Place::Exiting) => group.waits(waiting),
            _ => {}
        }
    }
}

impl Model {
    /// How a group ends as a member: what failed in it is inside its one error, or behind its panic.
    fn ended(&self, well: bool) -> Ended {
        let error = (!well && self.panic.is_none()).then_some(Part::Group);
        Ended { well, counts: self.counts, suppresses: well && self.suppresses(), error, panic: self.panic }
    }
}
