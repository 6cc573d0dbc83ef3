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

/// A member: one of its own, or a group that is entered as one.
#[allow(clippy::large_enum_variant)]
pub enum Kid {
    Leaf { id: usize, enter: Script, exit: Script },
    Group(Model),
}

/// What a nested group fails with, in the group around it.
pub const NESTED: u8 = 255;

/// How a member's enter or exit goes wrong.
enum Fault {
    Error(u8),
    Panic(usize),
}

pub struct Model {
    setup: Setup,
    kids: Vec<Kid>,
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
    pub fn new(setup: Setup, kids: Vec<Kid>, body: Script) -> Self {
        let count = kids.len();
        Self {
            setup,
            kids,
            body,
            place: vec![Queued; count],
            entered: vec![],
            in_body: false,
            stopped: false,
            ending: None,
            told: None,
            shown: None,
            enter_faults: vec![],
            exit_faults: vec![],
            suppressed: vec![false; count],
            stack_suppressed: false,
            panic: None,
            log: vec![],
        }
    }

    fn members(&self, place: Place) -> Vec<usize> {
        (0..self.place.len()).filter(|index| self.place[*index] == place).collect()
    }

    fn entering(&self) -> bool {
        self.place.iter().any(|place| [Queued, Entering].contains(place))
    }

    /// 14: it is polled first; it ends the enters and the body, and a failed group stays failed.
    fn poll_stop(&mut self) {
        if self.stopped && (self.ending.is_none() || self.entering()) {
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
                self.drop_kid(index);
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
            let Some(result) = self.poll_enter(index) else { continue };
            self.place[index] = if result.is_ok() { Held } else { Over };
            let case = match result {
                Ok(()) => {
                    self.entered.push(index);
                    continue;
                }
                Err(Fault::Error(error)) => {
                    self.enter_faults.push((index, error));
                    EnterFailed
                }
                Err(Fault::Panic(place)) => {
                    self.panic.get_or_insert(place);
                    Panicked
                }
            };
            // 9: nothing alters the case once the first exit has begun.
            if self.told.is_none() && self.ending != Some(Panicked) {
                self.ending = Some(case);
            }
        }
        if self.ending.is_some() {
            match fail_fast {
                true => self.drop_enters(),
                false => self.members(Queued).iter().for_each(|index| self.place[*index] = Over),
            }
        }
    }

    fn poll_enter(&mut self, index: usize) -> Option<Result<(), Fault>> {
        match &mut self.kids[index] {
            Kid::Leaf { id, enter, .. } => {
                self.log.push(Event::Polled(Part::Enter(*id)));
                let code = 1 + 2 * *id;
                (enter.pends == 0).then_some(match enter.end {
                    End::Fails => Err(Fault::Error(code as u8)),
                    End::Panics => Err(Fault::Panic(code)),
                    End::Well | End::Suppresses => Ok(()),
                })
            }
            Kid::Group(group) => {
                group.poll_members();
                self.log.append(&mut group.log);
                match group.ending {
                    None => (!group.entering()).then_some(Ok(())),
                    Some(_) => group.fault_when_over().map(Err),
                }
            }
        }
    }

    /// How a group ends that fails as a member.
    fn fault_when_over(&self) -> Option<Fault> {
        let over = self.place.iter().all(|place| *place == Over);
        over.then(|| self.panic.map_or(Fault::Error(NESTED), Fault::Panic))
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
            if let (Some(error), true) = (self.shown, told != Completed && !self.stack_suppressed) {
                self.show(index, error);
            }
            match &mut self.kids[index] {
                Kid::Leaf { id, .. } => self.log.push(Event::Told(*id, told)),
                Kid::Group(group) => (group.ending, group.told) = (Some(Completed), Some(told)),
            }
        }
        let Some(result) = self.poll_exit(index) else { return false };
        self.place[index] = Over;
        let next = match result {
            Ok(false) => None,
            Ok(true) => {
                self.suppressed[index] = true;
                self.stack_suppressed |= self.setup.stack && told == Failed;
                Some(Completed)
            }
            Err(Fault::Error(error)) => {
                self.exit_faults.push((index, error));
                Some(Failed)
            }
            Err(Fault::Panic(place)) => {
                self.panic.get_or_insert(place);
                Some(Panicked)
            }
        };
        if self.setup.stack && [Completed, Failed].contains(&told) {
            self.told = next.or(self.told);
        }
        true
    }

    /// Shows the error to a member, or to every member of a nested group.
    fn show(&mut self, index: usize, error: u8) {
        match &mut self.kids[index] {
            Kid::Leaf { id, .. } => self.log.push(Event::Shown(*id, error)),
            Kid::Group(group) => {
                (0..group.kids.len()).for_each(|index| group.show(index, error));
                self.log.append(&mut group.log);
            }
        }
    }

    /// Gives whether it suppresses.
    fn poll_exit(&mut self, index: usize) -> Option<Result<bool, Fault>> {
        match &mut self.kids[index] {
            Kid::Leaf { id, exit, .. } => {
                self.log.push(Event::Polled(Part::Exit(*id)));
                let code = 2 + 2 * *id;
                (exit.pends == 0).then_some(match exit.end {
                    End::Fails => Err(Fault::Error(code as u8)),
                    End::Panics => Err(Fault::Panic(code)),
                    end => Ok(end == End::Suppresses),
                })
            }
            Kid::Group(group) => {
                group.poll_exits(Completed);
                self.log.append(&mut group.log);
                let fault = group.fault_when_over()?;
                let well = group.panic.is_none() && group.exit_faults.is_empty();
                Some(if well { Ok(group.suppresses()) } else { Err(fault) })
            }
        }
    }

    /// The enters, and the exits of a rollback.
    fn poll_members(&mut self) {
        if self.entering() {
            self.poll_enters();
        }
        if let (Some(ending), true) = (self.ending, !self.entering() || self.setup.rollback == Rollback::Eager) {
            self.poll_exits(ending);
        }
    }

    pub fn poll(&mut self) -> Option<Outcome> {
        self.poll_stop();
        if !self.in_body {
            self.poll_members();
            self.in_body = self.ending.is_none() && !self.entering();
        }
        if self.in_body {
            self.poll_body();
            self.ending.into_iter().for_each(|ending| self.poll_exits(ending));
        }
        self.place.iter().all(|place| *place == Over).then(|| self.outcome(self.ending)).flatten()
    }

    /// 11, 12: every exit says so; in a stack, one that was told of the failure.
    fn suppresses(&self) -> bool {
        let all = self.suppressed.iter().all(|suppressed| *suppressed);
        !self.kids.is_empty() && self.exit_faults.is_empty() && self.panic.is_none() && (all || self.stack_suppressed)
    }

    /// 10, 16: everything that failed, by index; a panic is the cause, whatever else there is.
    fn outcome(&self, ending: Option<ExitCase>) -> Option<Outcome> {
        let sorted = |faults: &[(usize, u8)]| {
            let mut faults = faults.to_vec();
            faults.sort();
            faults
        };
        let result = match (self.panic, ending?) {
            (Some(place), _) => Result_::Panicked(place),
            (None, EnterFailed) => Result_::Enter(sorted(&self.enter_faults)),
            (None, Failed) => Result_::Body(0),
            (None, Cancelled) => Result_::Cancelled,
            (None, _) if !self.exit_faults.is_empty() => Result_::Exit,
            (None, _) => Result_::Value,
        };
        let suppressed = ending == Some(Failed) && self.suppresses();
        Some(Outcome { result, exits: sorted(&self.exit_faults), suppressed })
    }

    /// 15: what is pending is dropped, what is held is abandoned.
    pub fn drop(&mut self) {
        if self.in_body {
            self.log.push(Event::Cut(Part::Body));
        }
        for index in 0..self.place.len() {
            self.drop_kid(index);
        }
    }

    fn drop_kid(&mut self, index: usize) {
        let place = self.place[index];
        match &mut self.kids[index] {
            Kid::Leaf { id, .. } => match place {
                Entering => self.log.push(Event::Cut(Part::Enter(*id))),
                Held => self.log.push(Event::Abandoned(*id)),
                Exiting => self.log.push(Event::Cut(Part::Exit(*id))),
                Queued | Over => {}
            },
            Kid::Group(group) if [Entering, Held, Exiting].contains(&place) => {
                group.drop();
                self.log.append(&mut group.log);
            }
            Kid::Group(_) => {}
        }
    }

    pub fn stop(&mut self) {
        self.stopped = true;
    }

    pub fn release(&mut self, part: Part) {
        if part == Part::Body {
            self.body.pends -= 1;
        }
        for kid in &mut self.kids {
            match kid {
                Kid::Leaf { id, enter, .. } if part == Part::Enter(*id) => enter.pends -= 1,
                Kid::Leaf { id, exit, .. } if part == Part::Exit(*id) => exit.pends -= 1,
                Kid::Leaf { .. } => {}
                Kid::Group(group) if part != Part::Body => group.release(part),
                Kid::Group(_) => {}
            }
        }
    }

    /// Who is waited for.
    pub fn waiting(&self) -> Vec<Part> {
        let mut waiting = vec![];
        for (kid, place) in self.kids.iter().zip(&self.place) {
            match (kid, place) {
                (Kid::Leaf { id, .. }, Entering) => waiting.push(Part::Enter(*id)),
                (Kid::Leaf { id, .. }, Exiting) => waiting.push(Part::Exit(*id)),
                (Kid::Group(group), Entering | Exiting) => waiting.extend(group.waiting()),
                _ => {}
            }
        }
        waiting.extend(self.in_body.then_some(Part::Body));
        waiting
    }
}
