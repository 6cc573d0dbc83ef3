//! The contract of the scope, as a sequential program. It says what a scope does in each poll, and you can read it as a
//! specification. P1 to P14 are the behaviours of a scope, and plain numbers are the promises of every gather.

use std::collections::{BTreeMap, btree_map::Entry};

use gather_cm::ExitCase::{self, *};

use super::program::*;

/// A resource that has joined.
struct Joined {
    member: Member,
    /// Its place in the order of joining.
    rank: usize,
    place: Place,
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Lent,
    Held,
    Exiting,
    /// It was exited, abandoned or dropped halfway.
    Over,
}

use Place::*;

/// An operation of the current step.
#[derive(Clone, Copy)]
struct Running {
    op: Op,
    /// The index of the resource, from when the operation has one.
    index: Option<usize>,
    polls: u8,
    over: bool,
}

/// The reason why the body ends early.
enum Interrupt {
    Failed(Part),
    Panicked(Part),
}

pub struct Model {
    program: Program,
    pub log: Vec<Event>,
    pub polled: bool,
    /// P4: The next index, and the last rank.
    next: usize,
    rank: usize,
    /// The resources that the scope is responsible for, by index.
    joined: BTreeMap<usize, Joined>,
    /// How often a part will still pend.
    pends: BTreeMap<Part, u8>,
    step: usize,
    running: Option<Vec<Running>>,
    in_body: bool,
    body_polled: bool,
    stop: bool,
    stop_ready: bool,
    value: bool,
    ending: Option<ExitCase>,
    error: Option<Part>,
    case: Option<ExitCase>,
    shown: Option<Part>,
    exit_errors: Errors,
    panic: Option<Part>,
    counts: bool,
    propagates: bool,
    suppressed: bool,
    exit_polls: usize,
    /// P6: Whether the body has succeeded, and the caller exits the resources that have joined.
    by_hand: bool,
    handed_over: bool,
}

impl Model {
    pub fn new(program: &Program) -> Self {
        let mut model = Self {
            program: program.clone(),
            log: vec![],
            polled: false,
            next: 0,
            rank: 0,
            joined: BTreeMap::new(),
            pends: BTreeMap::new(),
            step: 0,
            running: None,
            in_body: false,
            body_polled: false,
            stop: program.stop.is_some(),
            stop_ready: false,
            value: false,
            ending: None,
            error: None,
            case: None,
            shown: None,
            exit_errors: Errors::new(),
            panic: None,
            counts: false,
            propagates: false,
            suppressed: false,
            exit_polls: 0,
            by_hand: false,
            handed_over: false,
        };
        // P10: A gather may take a scope that resources have joined already.
        for member in program.full.clone() {
            let index = model.begin();
            model.join(index, member, Held);
        }
        model
    }

    /// 1: Nothing happens before the first poll.
    pub fn poll(&mut self) -> Option<Outcome> {
        let first = !std::mem::replace(&mut self.polled, true);
        if self.ending.is_none() {
            // 14: `stop` is polled first. When it is ready, the body is dropped, or is not called.
            if self.stop && self.poll_stop() {
                self.end_body(Cancelled);
            } else {
                // 4: No member has to enter, so the body starts in the first poll.
                self.in_body |= first;
                self.poll_body();
            }
        }
        self.ending?;
        // P6: On success nothing is exited.
        let entered = [Way::Entered, Way::ShieldEntered].contains(&self.program.setup.way);
        if entered && self.ending == Some(Completed) && !self.by_hand {
            return Some(Outcome { cause: Cause::Nothing, exits: Errors::new(), suppressed: false, value: true });
        }
        self.poll_exits();
        self.is_over().then(|| self.outcome())
    }

    fn poll_stop(&mut self) -> bool {
        self.log.push(Event::Polled(Part::Stop));
        let left = self.pends.entry(Part::Stop).or_insert(self.program.stop.unwrap_or_default());
        self.stop_ready = *left == 0;
        *left = left.saturating_sub(1);
        self.stop_ready
    }

    /// P3: Lent resources are returned, and pending operations are dropped along with the body. 14: Then `stop` is
    /// dropped.
    fn end_body(&mut self, ending: ExitCase) {
        self.drop_body();
        self.ending = Some(ending);
        self.value = ending == Completed;
        self.drop_stop();
    }

    fn drop_stop(&mut self) {
        if std::mem::take(&mut self.stop) && self.polled {
            self.log.push(Event::Dropped(Part::Stop));
        }
    }

    fn drop_body(&mut self) {
        for mut running in self.running.take().unwrap_or_default() {
            self.drop_op(&mut running);
        }
        if std::mem::take(&mut self.body_polled) {
            self.log.push(Event::Dropped(Part::Body));
        }
        self.in_body = false;
        for joined in self.joined.values_mut().filter(|joined| joined.place == Lent) {
            joined.place = Held;
        }
    }

    /// P1: The body polls the operations, in its own order.
    fn poll_body(&mut self) {
        while self.step < self.program.steps.len() {
            let ops = &self.program.steps[self.step];
            let begin = |op: &Op| Running { op: *op, index: None, polls: 0, over: false };
            let begun = |ops: &Vec<Op>| ops.iter().map(begin).collect::<Vec<_>>();
            let mut step = match self.running.take() {
                Some(step) => step,
                None => {
                    let mut step = begun(ops);
                    step.iter_mut().for_each(|running| self.take_guard(running));
                    step
                }
            };
            for at in 0..step.len() {
                if step[at].over {
                    continue;
                }
                match self.poll_op(&mut step[at]) {
                    Ok(over) => step[at].over = over,
                    Err(interrupt) => {
                        step[at].over = true;
                        self.running = Some(step);
                        return self.interrupt(interrupt);
                    }
                }
            }
            if step.iter().any(|running| !running.over) {
                self.running = Some(step);
                return;
            }
            self.step += 1;
            let held = self.joined.values().filter(|joined| joined.place == Held).count();
            self.log.push(Event::Len(held));
        }
        self.body_polled = true;
        match self.act(Part::Body, self.program.body) {
            None => {}
            Some(End::Well | End::Suppresses) => {
                self.body_polled = false;
                self.end_body(Completed);
            }
            Some(end) => {
                self.body_polled = false;
                let failed = end == End::Fails;
                self.interrupt(if failed { Interrupt::Failed(Part::Body) } else { Interrupt::Panicked(Part::Body) });
            }
        }
    }

    fn interrupt(&mut self, interrupt: Interrupt) {
        match interrupt {
            Interrupt::Failed(part) => {
                self.error = Some(part);
                self.end_body(Failed);
            }
            // 16: The case is `Panicked`.
            Interrupt::Panicked(part) => {
                self.panic = self.panic.or(Some(part));
                self.end_body(Panicked);
            }
        }
    }

    /// Polls a part until it has ended. Then the part is dropped at once.
    fn act(&mut self, part: Part, act: Act) -> Option<End> {
        self.log.push(Event::Polled(part));
        let left = self.pends.entry(part).or_insert(act.pends);
        if *left > 0 {
            *left -= 1;
            return None;
        }
        self.log.push(Event::Dropped(part));
        Some(act.end)
    }

    /// The guard moves into the operation, if the body has one.
    fn take_guard(&mut self, running: &mut Running) {
        let (Op::GiveBack { id } | Op::Exit { id, .. } | Op::TakeOut { id }) = running.op else { return };
        let lent = |(_, joined): &(&usize, &mut Joined)| joined.member.id == id && joined.place == Lent;
        let taken = self.joined.iter_mut().find(lent).map(|(index, joined)| (*index, joined));
        match taken {
            Some((index, joined)) => {
                running.index = Some(index);
                // The resource stays lent, but to this operation, so that no other one finds it.
                joined.place = Over;
            }
            None => running.over = true,
        }
    }

    /// P4: An enter takes its index when it begins.
    fn begin(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    /// P4: A resource takes its rank when its enter ends.
    fn join(&mut self, index: usize, member: Member, place: Place) {
        self.rank += 1;
        let joined = Joined { member, rank: self.rank, place };
        match self.joined.entry(index) {
            Entry::Vacant(entry) => _ = entry.insert(joined),
            Entry::Occupied(_) => panic!("no index is used twice"),
        }
    }

    /// Polls an operation. Returns whether it is over.
    fn poll_op(&mut self, running: &mut Running) -> Result<bool, Interrupt> {
        if let Op::Join { limit, .. } | Op::Exit { limit, .. } = running.op {
            if limit.polls == Some(running.polls) {
                self.drop_op(running);
                return Ok(true);
            }
        }
        let first = running.polls == 0;
        running.polls += 1;
        match running.op {
            Op::Pends { polls } => Ok(running.polls > polls),
            Op::GiveBack { .. } => {
                self.give_back(running.index);
                Ok(true)
            }
            // P5: A resource that is taken out leaves nothing behind.
            Op::TakeOut { id } => {
                let taken = running.index.and_then(|index| self.joined.remove(&index));
                // The box drops the exit along with it.
                if taken.is_some_and(|joined| joined.member.how == How::Hold && self.boxed()) {
                    self.log.push(Event::Abandoned(id));
                }
                self.log.push(Event::TakenOut(id));
                Ok(true)
            }
            Op::Join { member, keeps, limit } => {
                let index = *running.index.get_or_insert_with(|| self.begin());
                let ended = match member.how {
                    How::Hold => Some(End::Well),
                    How::Enter | How::Adopt => self.act(Part::Enter(member.id), member.enter),
                };
                match ended {
                    None => Ok(false),
                    Some(End::Well | End::Suppresses) => {
                        self.join(index, member, if keeps { Lent } else { Held });
                        self.log.push(Event::Joined(member.id, index));
                        Ok(true)
                    }
                    // P2: A failed enter is the body's business.
                    Some(End::Fails) if limit.strict => Err(Interrupt::Failed(Part::Enter(member.id))),
                    Some(End::Fails) => Ok(true),
                    Some(End::Panics) => Err(Interrupt::Panicked(Part::Enter(member.id))),
                }
            }
            // P5: The resource exits now. P4: Its error goes to the caller.
            Op::Exit { id, case, limit } => {
                let index = running.index.expect("the operation has a guard");
                if first {
                    self.log.push(Event::ExitBegan(id, case.unwrap_or(Completed)));
                }
                let Some(end) = self.act(Part::Exit(id), self.joined[&index].member.exit) else { return Ok(false) };
                self.joined.remove(&index);
                let result = match end {
                    End::Panics => return Err(Interrupt::Panicked(Part::Exit(id))),
                    End::Fails => Err(Part::Exit(id)),
                    end => Ok(end == End::Suppresses),
                };
                self.log.push(Event::Released(id, result));
                match result {
                    Err(error) if limit.strict => Err(Interrupt::Failed(error)),
                    _ => Ok(true),
                }
            }
        }
    }

    fn give_back(&mut self, index: Option<usize>) {
        if let Some(joined) = index.and_then(|index| self.joined.get_mut(&index)) {
            joined.place = Held;
        }
    }

    /// P3: A pending enter or exit is dropped. P5: If it was never polled, the scope has the resource back.
    fn drop_op(&mut self, running: &mut Running) {
        if std::mem::replace(&mut running.over, true) {
            return;
        }
        match running.op {
            Op::Join { member, .. } if running.polls > 0 => self.log.push(Event::Dropped(Part::Enter(member.id))),
            Op::Join { .. } | Op::Pends { .. } => {}
            Op::Exit { id, .. } if running.polls > 0 => {
                running.index.map(|index| self.joined.remove(&index));
                self.log.push(Event::Dropped(Part::Exit(id)));
            }
            Op::Exit { .. } | Op::GiveBack { .. } | Op::TakeOut { .. } => self.give_back(running.index),
        }
    }

    fn boxed(&self) -> bool {
        self.program.setup.boxed
    }

    fn indices(&self, place: Place) -> Vec<usize> {
        self.joined.iter().filter(|(_, joined)| joined.place == place).map(|(index, _)| *index).collect()
    }

    fn is_over(&self) -> bool {
        self.indices(Held).is_empty() && self.indices(Exiting).is_empty()
    }

    /// 8, 13: All exits run together, in the order of their indices, or at most as many as the limit. 12: In a stack
    /// one exit runs, and the resource that joined last comes first. With `in_reverse` one exit runs, in the reverse
    /// order of the indices. 22: With `fair`, each poll starts with the next exit in turn, and others start in their
    /// order all the same.
    fn poll_exits(&mut self) {
        if self.case.is_none() {
            self.case = if self.panic.is_some() { Some(Panicked) } else { self.ending };
            self.shown = self.error.filter(|_| self.case == Some(Failed));
        }
        let Setup { order, fair, .. } = self.program.setup;
        let pool = order == Order::Pool;
        let limit = if pool { self.program.setup.exit_limit } else { 1 };
        let all: Vec<_> = self.joined.keys().copied().collect();
        for at in 0..all.len() {
            let index = all[if fair { (at + self.exit_polls) % all.len() } else { at }];
            let begins = self.place(index) == Held && self.indices(Exiting).len() < limit && pool && !fair;
            if begins || self.place(index) == Exiting {
                self.poll_exit(index);
            }
        }
        self.exit_polls += 1;
        while let (true, Some(index)) = (self.indices(Exiting).len() < limit, self.next_held()) {
            self.poll_exit(index);
        }
    }

    fn place(&self, index: usize) -> Place {
        self.joined[&index].place
    }

    fn next_held(&self) -> Option<usize> {
        let held = self.indices(Held).into_iter();
        match self.program.setup.order {
            Order::Pool => held.min(),
            Order::Stack => held.max_by_key(|index| self.joined[index].rank),
            Order::InReverse => held.max(),
        }
    }

    fn poll_exit(&mut self, index: usize) {
        let case = self.case.expect("decided when the first exit begins");
        let joined = self.joined.get_mut(&index).expect("it has joined");
        let member = joined.member;
        if joined.place == Held {
            joined.place = Exiting;
            // 9: The resource receives the error, and then the case. 12: If exits run one at a time, a suppressed error
            // is not shown. An exit by closure has no `on_error`.
            let shown = self.shown.filter(|_| case != Completed && !self.suppressed);
            let is_closure = self.boxed() && member.how != How::Enter;
            self.log.extend(shown.filter(|_| !is_closure).map(|error| Event::OnError(member.id, error)));
            self.log.push(Event::ExitBegan(member.id, case));
        }
        let Some(end) = self.act(Part::Exit(member.id), member.exit) else { return };
        self.joined.get_mut(&index).expect("it has joined").place = Over;
        match end {
            End::Fails => _ = self.exit_errors.insert(index, Part::Exit(member.id)),
            End::Panics => self.panic = self.panic.or(Some(Part::Exit(member.id))),
            End::Well | End::Suppresses => {}
        }
        let one_at_a_time = self.program.setup.order != Order::Pool;
        self.counts = true;
        self.propagates |= end != End::Suppresses;
        self.suppressed |= one_at_a_time && end == End::Suppresses && case == Failed;
        // 12: If exits run one at a time, the next exit sees how this one ended.
        if one_at_a_time && [Completed, Failed].contains(&case) {
            self.case = Some(match end {
                End::Panics => Panicked,
                End::Fails => Failed,
                End::Suppresses => Completed,
                End::Well => case,
            });
        }
    }

    /// 11: The scope suppresses if every exit does. 12: If exits run one at a time, one exit that received `Failed` is
    /// enough. No exit may have failed.
    fn suppresses(&self) -> bool {
        let none_failed = self.exit_errors.is_empty() && self.panic.is_none();
        none_failed && (self.suppressed || self.counts && !self.propagates)
    }

    /// 10: The outcome has every error, by index. 16: The first panic is the cause, whatever else there is. It resumes
    /// unless it is caught.
    fn outcome(&mut self) -> Outcome {
        let Setup { catches, way, .. } = self.program.setup;
        if self.panic.is_some() || !self.exit_errors.is_empty() && way != Way::KeepValue {
            self.drop_value();
        }
        let failed = !self.exit_errors.is_empty();
        let cause = match (self.panic, self.ending) {
            (Some(part), _) => Cause::Panicked(part),
            (None, Some(Failed)) => Cause::Body(self.error.expect("the body has failed")),
            // S5: If the caller has dropped the gather, it knows about the cancellation, so a cleanup without errors
            // reports nothing.
            (None, Some(Cancelled)) if !self.handed_over || failed => Cause::Cancelled,
            (None, _) => {
                if failed {
                    Cause::Exit
                } else {
                    Cause::Nothing
                }
            }
        };
        let exits =
            if self.panic.is_some() && (!catches || self.by_hand) { Errors::new() } else { self.exit_errors.clone() };
        // If the resources exit by hand, this is the verdict.
        let suppressed = (self.by_hand || self.ending == Some(Failed)) && self.suppresses();
        Outcome { cause, exits, suppressed, value: self.value }
    }

    fn drop_value(&mut self) {
        if std::mem::take(&mut self.value) {
            self.log.push(Event::ValueDropped);
        }
    }

    /// 15: Pending futures are dropped, and held resources are abandoned, in the order of the indices.
    pub fn drop(&mut self) {
        self.drop_body();
        self.drop_joined();
        self.drop_value();
        self.drop_stop();
    }

    fn drop_joined(&mut self) {
        for joined in self.joined.values_mut() {
            match joined.place {
                Held => self.log.push(Event::Abandoned(joined.member.id)),
                Exiting => self.log.push(Event::Dropped(Part::Exit(joined.member.id))),
                Lent | Over => {}
            }
            joined.place = Over;
        }
    }

    /// Drops a shielded gather. S2, S3: The body is dropped. S1: Returns whether something is left to do or to report.
    pub fn hand_over(&mut self) -> bool {
        let shield = [Way::Shield, Way::ShieldEntered].contains(&self.program.setup.way);
        if !shield || self.by_hand || self.handed_over || !self.polled {
            return false;
        }
        self.drop_body();
        self.drop_stop();
        self.drop_value();
        self.ending.get_or_insert(Cancelled);
        self.handed_over = !self.is_over() || self.panic.is_some() || !self.exit_errors.is_empty();
        self.handed_over
    }

    /// Goes on with the rest of it. Returns whether exits must be polled.
    pub fn go_on(&mut self) -> bool {
        match self.program.afterwards {
            Afterwards::Exit(case) => {
                // The exits are those of a group that has completed. There is no error to show, and no value.
                (self.case, self.value, self.by_hand) = (Some(case), false, true);
                return true;
            }
            Afterwards::Abandon => self.drop_joined(),
            Afterwards::IntoVec => {
                let members = self.joined.values().map(|joined| joined.member.id);
                self.log.extend(members.map(Event::TakenOut));
                self.joined.clear();
            }
        }
        false
    }
}
