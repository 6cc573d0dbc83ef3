//! The contract, as a sequential program: what a gather does in each poll. It is to be read as a specification; the
//! numbers are those of the promises in DESIGN.md. What it knows is in state.rs, and what a member is in member.rs.

use super::{member::Ended, script::*, state::*};
use gather_cm::ExitCase::*;

impl Model {
    /// 1: Nothing happens before the first poll.
    pub fn poll(&mut self) -> Option<Outcome> {
        // 14: What stops the group is polled first, and not during exits. A failed group stays failed.
        if self.stopped && (self.ending.is_none() || self.is_entering()) {
            self.cut_all(&[Queued, Entering]);
            self.ending.get_or_insert(Cancelled);
        }
        self.poll_members();
        // 4, 7: The body starts in the poll in which the last is held. 8: The exits begin in the one in which it ends.
        if self.ending.is_none() && !self.is_entering() {
            self.poll_body();
            self.poll_members();
        }
        self.is_over().then(|| self.outcome())
    }

    fn poll_body(&mut self) {
        let ended = self.body.poll();
        self.in_body = ended.is_none();
        self.panic = ended.and_then(|ended| ended.panic);
        self.ending = ended.map(|ended| if ended.error.is_some() { Failed } else { Completed });
    }

    /// 5: The enters of a failed group settle before its exits begin, unless it rolls back eagerly. 20: Of many, who has
    /// begun is polled only if it was woken.
    pub fn poll_members(&mut self) {
        if self.is_entering() {
            self.poll_enters();
        }
        if self.ending.is_some() && (self.setup.rollback == Rollback::Eager || !self.is_entering()) {
            self.poll_exits();
        }
    }

    /// 2: Each in argument order, and under `fail_fast` none after one that failed. 6: At most so many are in flight;
    /// those that could begin from the start do so, and a failed group begins no other.
    fn poll_enters(&mut self) {
        let (limit, fail_fast) = (self.setup.enter_limit, self.setup.rollback == Rollback::FailFast);
        for index in 0..self.members.len() {
            if self.is_asleep(index) || fail_fast && self.ending.is_some() {
                continue;
            }
            if self.place[index] == Queued && self.count(Entering) < limit && (index < limit || self.ending.is_none()) {
                self.place[index] = Entering;
            }
            if self.place[index] == Entering {
                self.poll_enter(index);
            }
        }
        if self.ending.is_some() {
            self.cut_all(if fail_fast { &[Queued, Entering] } else { &[Queued] });
        }
    }

    fn poll_enter(&mut self, index: usize) {
        let Some(ended) = self.members[index].poll_enter() else { return };
        // 3: It is held in the poll that saw it. 17: So it is where the destructor of its future panics.
        self.place[index] = if ended.well { Held } else { Over };
        self.entered.extend(ended.well.then_some(index));
        self.enter_errors.extend(ended.error.map(|error| (index, error)));
        self.panic = self.panic.or(ended.panic);
        // 16: A panic counts as the failure of what panicked.
        if !ended.well || ended.panic.is_some() {
            self.ending.get_or_insert(EnterFailed);
        }
    }

    /// 8: All in flight together, in argument order; 13: at most so many; 12: in a stack one, the last entered first.
    pub fn poll_exits(&mut self) {
        // 9, 16: The case is decided when the first begins; 5: shown is the error of the lowest index known then.
        if self.told.is_none() && self.count(Held) > 0 {
            self.told = if self.panic.is_some() { Some(Panicked) } else { self.ending };
            let first_error = self.enter_errors.values().next().copied();
            self.shown = if self.told == Some(Failed) { Some(Part::Body) } else { first_error };
        }
        let (stack, limit) = (self.setup.stack, if self.setup.stack { 1 } else { self.setup.exit_limit });
        for index in 0..self.members.len() {
            let begins = self.place[index] == Held && self.count(Exiting) < limit && !stack;
            if begins || self.place[index] == Exiting && !self.is_asleep(index) {
                self.poll_exit(index);
            }
        }
        while let (true, Some(index)) = (self.count(Exiting) < limit, self.next_held()) {
            self.poll_exit(index);
        }
    }

    fn poll_exit(&mut self, index: usize) {
        let told = self.told.expect("decided when the first exit begins");
        if self.place[index] == Held {
            self.place[index] = Exiting;
            // 12: In a stack, an error that was suppressed is not shown. 16: Whoever panics there is still exited.
            let shown = self.shown.filter(|_| told != Completed && !self.suppressed);
            self.panic = self.panic.or(self.members[index].begin_exit(told, shown));
        }
        let Some(ended) = self.members[index].poll_exit() else { return };
        self.place[index] = Over;
        // 10: No error is lost, though a destructor panics beside it.
        self.exit_errors.extend(ended.error.map(|error| (index, error)));
        self.panic = self.panic.or(ended.panic);
        self.propagates |= !ended.suppresses;
        self.suppressed |= self.setup.stack && ended.suppresses && told == Failed;
        // 12: In a stack, the next one is told how this one ended.
        if self.setup.stack && [Completed, Failed].contains(&told) {
            self.told = Some(match ended {
                Ended { panic: Some(_), .. } => Panicked,
                Ended { error: Some(_), .. } => Failed,
                Ended { suppresses: true, .. } => Completed,
                _ => told,
            });
        }
    }

    /// 11: There is a member, and every exit says so; 12: or, in a stack, one told of the failure. None failed.
    pub fn suppresses(&self) -> bool {
        self.exit_errors.is_empty() && self.panic.is_none() && (self.suppressed || !self.propagates)
    }

    /// 10: Every error, by index. 16: The first panic is the cause, whatever else there is.
    fn outcome(&self) -> Outcome {
        let cause = match (self.panic, self.ending) {
            (Some(panic), _) => Cause::Panicked(panic),
            (None, Some(EnterFailed)) => Cause::Enter(self.enter_errors.clone()),
            (None, Some(Failed)) => Cause::Body(Part::Body),
            (None, Some(Cancelled)) => Cause::Cancelled,
            (None, _) if self.exit_errors.is_empty() => Cause::Nothing,
            (None, _) => Cause::Exit,
        };
        Outcome { cause, exits: self.exit_errors.clone(), suppressed: self.ending == Some(Failed) && self.suppresses() }
    }

    /// 15: What is pending is dropped, what is held is abandoned. 17: No one is skipped, whoever panics.
    pub fn cut_all(&mut self, places: &[Place]) {
        self.panic = self.panic.or(if std::mem::take(&mut self.in_body) { self.body.cut() } else { None });
        for index in 0..self.members.len() {
            if places.contains(&self.place[index]) {
                self.panic = self.panic.or(self.members[index].cut(self.place[index]));
                self.place[index] = Over;
            }
        }
    }
}
