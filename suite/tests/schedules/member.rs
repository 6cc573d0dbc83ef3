//! The members in the model. A member plays its scripts, or it is a group that is entered as one.

use std::{mem, rc::Rc};

use gather_cm::ExitCase::{self, Completed};

use super::{
    script::{Drivers, End, Event, Panic, Part, Scripts, When},
    state::{Model, Place},
};

/// How a part ended: with a value, with an error, or with neither. It may also have panicked, by itself or in its
/// future's destructor.
#[derive(Clone, Copy, Default)]
pub struct Ended {
    pub well: bool,
    /// 24: An optional member failed to enter.
    pub absent: bool,
    /// It is not an empty group.
    pub counts: bool,
    /// It returned `Suppress`, and no panic interrupted it.
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

    /// Polls it until it has ended.
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
            absent: false,
            counts: true,
            suppresses: script.end == End::Suppresses,
            error: (script.end == End::Fails).then_some(self.part),
            panic: (script.end == End::Panics).then_some(Panic(self.part, When::Polled)),
        })
    }

    /// Polls it until it has ended. Then it is dropped at once.
    pub fn run(&self) -> Option<Ended> {
        let ended = self.poll()?;
        let dropped = self.drop();
        let panic = ended.panic.or(dropped);
        Some(Ended { suppresses: ended.suppresses && panic.is_none(), panic, ..ended })
    }

    /// Drops it, if it was made.
    pub fn drop(&self) -> Option<Panic> {
        if self.scripts.of(self.part).end == End::MakePanics {
            return None;
        }
        self.log(Event::Dropped(self.part));
        self.scripts.of(self.part).bomb.then_some(Panic(self.part, When::Dropped))
    }

    /// Records a call of `on_error` or `abandon`.
    fn call(&self, event: Event) -> Option<Panic> {
        self.log(event);
        (self.scripts.of(self.part).end == End::Panics).then_some(Panic(self.part, When::Polled))
    }
}

/// A driver. It runs from the enter of its member on.
#[derive(Clone, Copy, PartialEq)]
enum Driver {
    Runs,
    /// Its error is kept in the member.
    Failed,
    Over,
}

/// A member that plays its scripts.
pub struct Leaf {
    id: usize,
    scripts: Rc<Scripts>,
    drivers: Drivers,
    driver: Driver,
    optional: bool,
    /// How the exit ended, while it waits for the driver.
    exited: Option<Ended>,
}

impl Leaf {
    fn player(&self, part: fn(usize) -> Part) -> Player {
        Player { part: part(self.id), scripts: self.scripts.clone() }
    }

    /// 24: The error of an optional member is not the group's.
    fn poll_enter(&mut self) -> Option<Ended> {
        let ended = self.player(Part::Enter).run()?;
        if ended.well && self.drivers != Drivers::Absent {
            self.driver = Driver::Runs;
        }
        let absent = self.optional && ended.error.is_some();
        Some(Ended { absent, error: ended.error.filter(|_| !absent), ..ended })
    }

    /// D3: A driver that has ended is dropped. D9: A driver that panicked is never polled again.
    fn drive(&mut self) -> Drove {
        let runs = self.driver == Driver::Runs;
        let ended = if runs { self.player(Part::Driver).run() } else { None };
        let Some(ended) = ended else { return Drove::default() };
        self.driver = if ended.error.is_some() { Driver::Failed } else { Driver::Over };
        Drove { failed: ended.error.is_some() || ended.panic.is_some(), panic: ended.panic }
    }

    fn drop_driver(&mut self) -> Option<Panic> {
        let runs = mem::replace(&mut self.driver, Driver::Over) == Driver::Runs;
        if runs { self.player(Part::Driver).drop() } else { None }
    }

    fn take_lost(&mut self) -> Option<Part> {
        let failed = self.driver == Driver::Failed;
        failed.then(|| {
            self.driver = Driver::Over;
            Part::Driver(self.id)
        })
    }

    /// D2: The driver is polled after the exit, even in the poll in which the exit finishes. D8: It is dropped then,
    /// unless it runs to its end. D9: A panic of the driver counts as the exit's.
    fn poll_exit(&mut self) -> Option<Ended> {
        let exit = self.player(Part::Exit);
        if self.exited.is_none() {
            self.exited = exit.run();
        }
        let panicked = self.exited.is_some_and(|exited| exited.panic.is_some());
        let drove = if panicked { Drove::default() } else { self.drive() };
        let waits = self.exited.is_none() || self.drivers == Drivers::ToEnd && self.driver == Driver::Runs;
        if waits && !panicked && drove.panic.is_none() {
            return None;
        }
        // D6: The error of the driver takes the place of the exit's error. 10: A panic does not make either of them
        // lost.
        let exited = self.exited.unwrap_or_default();
        let error = self.take_lost().or(exited.error);
        let dropped = [if self.exited.is_none() { exit.drop() } else { None }, self.drop_driver()];
        let panic = exited.panic.or(drove.panic).or(dropped[0]).or(dropped[1]);
        let suppresses = exited.suppresses && error.is_none() && panic.is_none();
        Some(Ended { well: exited.well && error.is_none(), counts: true, suppresses, error, panic, ..exited })
    }
}

/// What the drivers of a member did in a poll.
#[derive(Default)]
pub struct Drove {
    /// Whether one has failed or panicked.
    pub failed: bool,
    pub panic: Option<Panic>,
}

impl Drove {
    fn and(self, other: Self) -> Self {
        Self { failed: self.failed || other.failed, panic: self.panic.or(other.panic) }
    }
}

pub enum Member {
    Leaf(Leaf),
    Group(Box<Model>),
    /// A group that is exited by hand. It returns a verdict, even if it is empty.
    ByHand(Box<Model>),
}

use Member::*;

impl Member {
    pub fn leaf(id: usize, drivers: Drivers, scripts: &Rc<Scripts>) -> Self {
        Leaf(Leaf { id, scripts: scripts.clone(), drivers, driver: Driver::Over, optional: false, exited: None })
    }

    pub fn optional(mut self) -> Self {
        if let Leaf(leaf) = &mut self {
            leaf.optional = true;
        }
        self
    }

    /// Returns the members of a nested group that is held.
    fn inside(&mut self) -> impl Iterator<Item = &mut Member> {
        match self {
            // D11: Nobody polls the drivers of a group that is held by hand.
            Leaf(_) | ByHand(_) => [].iter_mut(),
            Group(group) => group.members.iter_mut(),
        }
    }

    /// Polls the drivers of a held member.
    pub fn drive(&mut self) -> Drove {
        match self {
            Leaf(leaf) => leaf.drive(),
            _ => self.inside().fold(Drove::default(), |drove, member| drove.and(member.drive())),
        }
    }

    /// Returns whether a driver has failed, and its error was not taken.
    pub fn has_lost(&self) -> bool {
        match self {
            Leaf(leaf) => leaf.driver == Driver::Failed,
            Group(group) => group.members.iter().any(Member::has_lost),
            ByHand(_) => false,
        }
    }

    pub fn take_lost(&mut self) -> Option<Part> {
        match self {
            Leaf(leaf) => leaf.take_lost(),
            _ => self.inside().filter_map(Member::take_lost).last().map(|_| Part::Group),
        }
    }

    pub fn drop_drivers(&mut self) -> Option<Panic> {
        match self {
            Leaf(leaf) => leaf.drop_driver(),
            _ => self.inside().fold(None, |first, member| {
                let panic = member.drop_drivers();
                first.or(panic)
            }),
        }
    }

    pub fn poll_enter(&mut self) -> Option<Ended> {
        match self {
            Leaf(leaf) => leaf.poll_enter(),
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
            Leaf(leaf) => leaf.player(Part::Exit).log(Event::ExitBegan(leaf.id, case)),
            Group(group) | ByHand(group) => (group.ending, group.case) = (Some(Completed), Some(case)),
        }
        panic
    }

    /// Passes the error to the member. In a group, every member receives it before the first of their exits begins.
    fn on_error(&mut self, error: Part) -> Option<Panic> {
        match self {
            Leaf(leaf) => leaf.player(Part::OnError).call(Event::OnError(leaf.id, error)),
            Group(group) | ByHand(group) => {
                group.members.iter_mut().fold(None, |first, member| first.or(member.on_error(error)))
            }
        }
    }

    pub fn poll_exit(&mut self) -> Option<Ended> {
        let (group, by_hand) = match self {
            Leaf(leaf) => return leaf.poll_exit(),
            Group(group) => (group, false),
            ByHand(group) => (group, true),
        };
        group.poll_exits();
        let well = group.exit_errors.is_empty() && group.panic.is_none();
        group.is_over().then(|| Ended { counts: group.counts || by_hand, ..group.ended(well) })
    }

    /// Drops the member in the place where it is.
    pub fn cut(&mut self, place: Place) -> Option<Panic> {
        match (self, place) {
            (_, Place::Queued | Place::Over) => None,
            (Leaf(leaf), Place::Entering) => leaf.player(Part::Enter).drop(),
            (Leaf(leaf), place) => {
                let panic = match place {
                    Place::Held => leaf.player(Part::Abandon).call(Event::Abandoned(leaf.id)),
                    _ if leaf.exited.is_some() => None,
                    _ => leaf.player(Part::Exit).drop(),
                };
                let dropped = leaf.drop_driver();
                panic.or(dropped)
            }
            (Group(group) | ByHand(group), _) => group.cut(),
        }
    }

    /// Adds the parts of the member that something waits for.
    pub fn waits(&self, place: Place, waiting: &mut Vec<Part>) {
        match (self, place) {
            (Leaf(leaf), Place::Entering) => waiting.push(Part::Enter(leaf.id)),
            (Leaf(leaf), Place::Held | Place::Exiting) => {
                let exits = place == Place::Exiting && leaf.exited.is_none();
                waiting.extend(exits.then_some(Part::Exit(leaf.id)));
                waiting.extend((leaf.driver == Driver::Runs).then_some(Part::Driver(leaf.id)));
            }
            (Group(group), Place::Held) => group.waits(waiting),
            (Group(group) | ByHand(group), Place::Entering | Place::Exiting) => group.waits(waiting),
            _ => {}
        }
    }
}

impl Model {
    /// Returns how a group ends as a member. All its failures are inside its one error, or behind its panic.
    fn ended(&self, well: bool) -> Ended {
        let error = (!well && self.panic.is_none()).then_some(Part::Group);
        Ended {
            well,
            absent: false,
            counts: self.counts,
            suppresses: well && self.suppresses(),
            error,
            panic: self.panic,
        }
    }
}
