//! The contract, as a sequential program: what a gather does in each poll. It is to be read as a specification.

use gather_cm::ExitCase::{self, *};

/// A part that is released never ends by itself.
pub const NEVER: u8 = u8::MAX;

/// What a part does: it pends until it has been released so often, and ends.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    pub pends: u8,
    pub end: End,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    Well,
    Suppresses,
    Fails,
    Panics,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    Enter(usize),
    Body,
    Exit(usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    Polled(Part),
    /// Dropped before its end.
    Cut(Part),
    Shown(usize, u8),
    Told(usize, ExitCase),
    Abandoned(usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rollback {
    Settle,
    Eager,
    FailFast,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    pub rollback: Rollback,
    pub stack: bool,
    pub enter_limit: usize,
    pub exit_limit: usize,
    pub until: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self { rollback: Rollback::Settle, stack: false, enter_limit: usize::MAX, exit_limit: usize::MAX, until: false }
    }
}

impl Setup {
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Debug, Default, PartialEq)]
pub enum Result_ {
    #[default]
    Value,
    Enter(Vec<(usize, u8)>),
    Body(u8),
    Cancelled,
    Exit,
    Panicked(usize),
}

#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    pub result: Result_,
    pub exits: Vec<(usize, u8)>,
    pub suppressed: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Queued,
    Entering,
    Held,
    Exiting,
    Over,
}

pub struct Model {
    setup: Setup,
    enters: Vec<Script>,
    exits: Vec<Script>,
    body: Script,
    place: Vec<Place>,
    /// Who entered, in the order of entering.
    entered: Vec<usize>,
    in_body: bool,
    stopped: bool,
    /// How the body ended, or why it is not called.
    ending: Option<ExitCase>,
    /// What the next exit is told and shown, from when the first exit begins.
    told: Option<ExitCase>,
    shown: Option<u8>,
    enter_faults: Vec<(usize, u8)>,
    exit_faults: Vec<(usize, u8)>,
    suppressed: Vec<bool>,
    stack_suppressed: bool,
    panic: Option<usize>,
    pub log: Vec<Event>,
}

use Place::*;

impl Model {
    pub fn new(setup: Setup, members: &[(Script, Script)], body: Script) -> Self {
        Self {
            setup,
            enters: members.iter().map(|member| member.0).collect(),
            exits: members.iter().map(|member| member.1).collect(),
            body,
            place: vec![Queued; members.len()],
            entered: vec![],
            in_body: false,
            stopped: false,
            ending: None,
            told: None,
            shown: None,
            enter_faults: vec![],
            exit_faults: vec![],
            suppressed: vec![false; members.len()],
            stack_suppressed: false,
            panic: None,
            log: vec![],
        }
    }

    fn members(&self, place: Place) -> Vec<usize> {
        (0..self.place.len()).filter(|index| self.place[*index] == place).collect()
    }

    fn entering(&self) -> bool {
        !self.in_body && (self.ending.is_none() || self.place.iter().any(|place| [Queued, Entering].contains(place)))
    }

    /// 14: it is polled first; it ends the enters and the body, and a failed group stays failed.
    fn poll_stop(&mut self) {
        if self.stopped && (self.entering() || self.in_body) {
            self.drop_enters();
            if self.in_body {
                self.in_body = false;
                self.log.push(Event::Cut(Part::Body));
            }
            self.ending.get_or_insert(Cancelled);
        }
    }

    /// Those that wait for their turn never begin; those that are pending are dropped.
    fn drop_enters(&mut self) {
        for index in 0..self.place.len() {
            if self.place[index] == Entering {
                self.log.push(Event::Cut(Part::Enter(index)));
            }
            if [Queued, Entering].contains(&self.place[index]) {
                self.place[index] = Over;
            }
        }
    }

    /// 2 to 6: every member in argument order, at most so many in flight.
    fn poll_enters(&mut self) {
        let (limit, fail_fast) = (self.setup.enter_limit, self.setup.rollback == Rollback::FailFast);
        for index in 0..self.place.len() {
            let failed = self.ending.is_some();
            if fail_fast && failed {
                break;
            }
            let room = self.members(Entering).len() < limit;
            if self.place[index] == Queued && room && (index < limit || !failed) {
                self.place[index] = Entering;
            }
            if self.place[index] != Entering {
                continue;
            }
            self.log.push(Event::Polled(Part::Enter(index)));
            if self.enters[index].pends > 0 {
                continue;
            }
            self.place[index] = Over;
            // 9: nothing alters the case once the first exit has begun.
            let fails = |this: &mut Self, case| {
                if this.told.is_none() && this.ending != Some(Panicked) {
                    this.ending = Some(case);
                }
            };
            match self.enters[index].end {
                End::Fails => {
                    self.enter_faults.push((index, 1 + 2 * index as u8));
                    fails(self, EnterFailed);
                }
                End::Panics => {
                    self.panic.get_or_insert(1 + 2 * index);
                    fails(self, Panicked);
                }
                End::Well | End::Suppresses => {
                    self.place[index] = Held;
                    self.entered.push(index);
                }
            }
        }
        if self.ending.is_some() {
            match fail_fast {
                true => self.drop_enters(),
                false => self.members(Queued).iter().for_each(|index| self.place[*index] = Over),
            }
        }
    }

    /// 7: it starts in the poll in which the last member is held.
    fn poll_body(&mut self) {
        self.log.push(Event::Polled(Part::Body));
        if self.body.pends == 0 {
            self.in_body = false;
            self.ending = Some(match self.body.end {
                End::Fails => Failed,
                End::Panics => Panicked,
                End::Well | End::Suppresses => Completed,
            });
            if self.body.end == End::Panics {
                self.panic = Some(0);
            }
        }
    }

    /// 8, 12, 13: each that is in flight once; and those begin for which there is room, or whose turn it is.
    fn poll_exits(&mut self, ending: ExitCase) {
        if self.told.is_none() && !self.members(Held).is_empty() {
            self.told = Some(ending);
            self.shown = match ending {
                Failed => Some(0),
                _ => self.enter_faults.iter().min().map(|fault| fault.1),
            };
        }
        if self.setup.stack {
            let last_held = |this: &Self| this.entered.iter().rev().copied().find(|index| this.place[*index] == Held);
            while let Some(index) = self.members(Exiting).pop().or_else(|| last_held(self)) {
                if !self.exit(index) {
                    return;
                }
            }
        } else {
            let has_room = |this: &Self| this.members(Exiting).len() < this.setup.exit_limit;
            for index in 0..self.place.len() {
                if self.place[index] == Exiting || (self.place[index] == Held && has_room(self)) {
                    self.exit(index);
                }
            }
            while let (true, Some(index)) = (has_room(self), self.members(Held).first().copied()) {
                self.exit(index);
            }
        }
    }

    /// Polls one exit, which begins if it has not; says whether it ended.
    fn exit(&mut self, index: usize) -> bool {
        let told = self.told.expect("known when the first exit begins");
        if self.place[index] == Held {
            self.place[index] = Exiting;
            if let (Some(error), true) = (self.shown, told != Completed) {
                self.log.push(Event::Shown(index, error));
            }
            self.log.push(Event::Told(index, told));
        }
        self.log.push(Event::Polled(Part::Exit(index)));
        if self.exits[index].pends > 0 {
            return false;
        }
        self.place[index] = Over;
        let next = match self.exits[index].end {
            End::Well => None,
            End::Suppresses => {
                self.suppressed[index] = true;
                self.stack_suppressed |= self.setup.stack && told == Failed && self.exit_faults.is_empty();
                Some(Completed)
            }
            End::Fails => {
                self.exit_faults.push((index, 2 + 2 * index as u8));
                Some(Failed)
            }
            End::Panics => {
                self.panic.get_or_insert(2 + 2 * index);
                Some(Panicked)
            }
        };
        if self.setup.stack && [Completed, Failed].contains(&told) {
            self.told = next.or(self.told);
        }
        true
    }

    pub fn poll(&mut self) -> Option<Outcome> {
        self.poll_stop();
        if self.entering() {
            self.poll_enters();
            self.in_body = self.ending.is_none() && self.members(Held).len() == self.place.len();
        }
        if self.in_body {
            self.poll_body();
        }
        let ending = self.ending?;
        if self.entering() && self.setup.rollback != Rollback::Eager {
            return None;
        }
        self.poll_exits(ending);
        self.place.iter().all(|place| *place == Over).then(|| self.outcome(ending))
    }

    /// 10, 11, 16: everything that failed, by index; a panic is the cause, whatever else there is.
    fn outcome(&self, ending: ExitCase) -> Outcome {
        let sorted = |faults: &[(usize, u8)]| {
            let mut faults = faults.to_vec();
            faults.sort();
            faults
        };
        let suppress = !self.place.is_empty() && self.exit_faults.is_empty() && self.panic.is_none();
        let all = self.suppressed.iter().all(|suppressed| *suppressed);
        let result = match (self.panic, ending) {
            (Some(place), _) => Result_::Panicked(place),
            (None, EnterFailed) => Result_::Enter(sorted(&self.enter_faults)),
            (None, Failed) => Result_::Body(0),
            (None, Cancelled) => Result_::Cancelled,
            (None, _) if !self.exit_faults.is_empty() => Result_::Exit,
            (None, _) => Result_::Value,
        };
        let suppressed = suppress && (all || self.stack_suppressed) && ending == Failed;
        Outcome { result, exits: sorted(&self.exit_faults), suppressed }
    }

    /// 15: what is pending is dropped, what is held is abandoned.
    pub fn drop(&mut self) {
        if self.in_body {
            self.log.push(Event::Cut(Part::Body));
        }
        for index in 0..self.place.len() {
            match self.place[index] {
                Entering => self.log.push(Event::Cut(Part::Enter(index))),
                Held => self.log.push(Event::Abandoned(index)),
                Exiting => self.log.push(Event::Cut(Part::Exit(index))),
                Queued | Over => {}
            }
        }
    }

    pub fn stop(&mut self) {
        self.stopped = true;
    }

    pub fn release(&mut self, part: Part) {
        let script = match part {
            Part::Enter(index) => &mut self.enters[index],
            Part::Body => &mut self.body,
            Part::Exit(index) => &mut self.exits[index],
        };
        script.pends -= 1;
    }

    /// Who is waited for.
    pub fn waiting(&self) -> Vec<Part> {
        let body = self.in_body.then_some(Part::Body);
        let enters = self.members(Entering).into_iter().map(Part::Enter);
        enters.chain(body).chain(self.members(Exiting).into_iter().map(Part::Exit)).collect()
    }
}
