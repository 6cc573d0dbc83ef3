//! What a member is in the model: one that plays its scripts, or a group that is entered as one.

use std::rc::Rc;

use gather_cm::ExitCase::{self, Completed};

use super::{
    script::{End, Event, Panic, Part, Scripts, When},
    state::{Model, Place},
};

/// How a part ended: with a value, an error, or neither; and perhaps a panic, of itself or of its future's destructor.
#[derive(Clone, Copy, Default)]
pub struct Ended {
    pub well: bool,
    /// It answered `Suppress`, and was not interrupted by a panic.
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
            return Some(Ended { panic: Some(Panic(self.part, When::Made)), ..Ended::default() });
        }
        self.log(Event::Polled(self.part));
        if script.pends > 0 {
            return None;
        }
        let panic = (script.end == End::Panics).then_some(Panic(self.part, When::Polled));
        Some(Ended {
            well: [End::Well, End::Suppresses].contains(&script.end),
            suppresses: script.end == End::Suppresses && !script.bomb,
            error: (script.end == End::Fails).then_some(self.part),
            panic: panic.or(self.dropped()),
        })
    }

    /// Dropped before its end.
    pub fn cut(&self) -> Option<Panic> {
        self.log(Event::Cut(self.part));
        self.dropped()
    }

    fn dropped(&self) -> Option<Panic> {
        self.scripts.of(self.part).bomb.then_some(Panic(self.part, When::Dropped))
    }

    /// A call: `witness` or `abandon`.
    fn call(&self, event: Event) -> Option<Panic> {
        self.log(event);
        (self.scripts.of(self.part).end == End::Panics).then_some(Panic(self.part, When::Polled))
    }
}

pub enum Member {
    Leaf(usize, Rc<Scripts>),
    Group(Box<Model>),
}

use Member::*;

fn player(id: usize, scripts: &Rc<Scripts>, part: fn(usize) -> Part) -> Player {
    Player { part: part(id), scripts: scripts.clone() }
}

impl Member {
    pub fn poll_enter(&mut self) -> Option<Ended> {
        match self {
            Leaf(id, scripts) => player(*id, scripts, Part::Enter).poll(),
            Group(group) => {
                group.poll_members();
                let entered = group.ending.is_none() && !group.is_entering();
                (entered || group.is_over()).then(|| group.ended(entered))
            }
        }
    }

    /// Is shown the error, if there is one to be shown; then it is told the case.
    pub fn begin_exit(&mut self, told: ExitCase, shown: Option<Part>) -> Option<Panic> {
        let panic = shown.and_then(|error| self.witness(error));
        match self {
            Leaf(id, scripts) => player(*id, scripts, Part::Exit).log(Event::Told(*id, told)),
            Group(group) => (group.ending, group.told) = (Some(Completed), Some(told)),
        }
        panic
    }

    /// In a group, every member is shown it before the first of their exits.
    fn witness(&mut self, error: Part) -> Option<Panic> {
        match self {
            Leaf(id, scripts) => player(*id, scripts, Part::Witness).call(Event::Shown(*id, error)),
            Group(group) => group.members.iter_mut().fold(None, |first, member| first.or(member.witness(error))),
        }
    }

    pub fn poll_exit(&mut self) -> Option<Ended> {
        match self {
            Leaf(id, scripts) => player(*id, scripts, Part::Exit).poll(),
            Group(group) => {
                group.poll_exits();
                let well = group.exit_errors.is_empty() && group.panic.is_none();
                group.is_over().then(|| group.ended(well))
            }
        }
    }

    /// Dropped where it is.
    pub fn cut(&mut self, place: Place) -> Option<Panic> {
        match (self, place) {
            (_, Place::Queued | Place::Over) => None,
            (Leaf(id, scripts), Place::Entering) => player(*id, scripts, Part::Enter).cut(),
            (Leaf(id, scripts), Place::Held) => player(*id, scripts, Part::Abandon).call(Event::Abandoned(*id)),
            (Leaf(id, scripts), Place::Exiting) => player(*id, scripts, Part::Exit).cut(),
            (Group(group), _) => group.cut(),
        }
    }

    /// Who is waited for in it.
    pub fn waits(&self, place: Place, waiting: &mut Vec<Part>) {
        match (self, place) {
            (Leaf(id, _), Place::Entering) => waiting.push(Part::Enter(*id)),
            (Leaf(id, _), Place::Exiting) => waiting.push(Part::Exit(*id)),
            (Group(group), Place::Entering | Place::Exiting) => group.waits(waiting),
            _ => {}
        }
    }
}

impl Model {
    /// How a group ends as a member: what failed in it is inside its one error, or behind its panic.
    fn ended(&self, well: bool) -> Ended {
        let error = (!well && self.panic.is_none()).then_some(Part::Group);
        Ended { well, suppresses: well && self.suppresses(), error, panic: self.panic }
    }
}
