//! The contract, as a sequential program. It says what a gather does in each poll, and you can read it as a
//! specification. The numbers are those of the promises in DESIGN.md. The state of the model is in state.rs, and its
//! members are in member.rs.

use super::{member::*, script::*, state::*};
use gather_cm::ExitCase::{self, *};

impl Model {
    /// 1: Nothing happens before the first poll.
    pub fn poll(&mut self) -> Option<Outcome> {
        self.poll_stop();
        let runs = self.in_body;
        self.poll_members();
        // 4, 7: The body starts in the poll in which the last member is held. 8: The exits begin in the poll in which
        // the body ends.
        if self.ending.is_none() && !self.is_entering() {
            if runs {
                self.poll_body_and_drivers()
            } else {
                self.poll_body()
            }
            self.poll_members();
        }
        self.is_over().then(|| self.outcome())
    }

    /// 14: `stop` is polled first, as long as there is one. When it is ready, the pending enters and the body are
    /// dropped. With `settle` the pending enters run on, and the queued members never start. A failed group stays
    /// failed.
    pub fn poll_stop(&mut self) {
        let Some(ended) = self.effective_stop().and_then(Player::poll) else { return };
        self.was_ready = true;
        self.keep(ended.panic);
        self.cut_all(if self.settles() { &[Queued] } else { &[Queued, Entering] });
        self.ending.get_or_insert(Cancelled);
    }

    /// D2: Drivers are polled before the body. D15: With `fair`, they are polled after it in every other poll. D4: If a
    /// driver fails, the body is polled once more. Then it is dropped. D9: It is dropped at once if a driver panics.
    fn poll_body_and_drivers(&mut self) {
        self.body_was_first = self.setup.fair && !self.body_was_first;
        if self.body_was_first {
            self.poll_body();
        }
        if self.ending.is_some() {
            return;
        }
        let lost = self.poll_drivers();
        if self.panic.is_none() && (lost || !self.body_was_first) {
            self.poll_body();
        }
        if lost && self.ending.is_none() {
            self.cut_all(&[]);
            self.ending = Some(Lost);
        }
    }

    /// D1: Polls the drivers of the held members. D12: In a large `Vec`, it polls only those that were woken or whose
    /// members have entered since. Returns whether one has failed.
    fn poll_drivers(&mut self) -> bool {
        let mut failed = false;
        for index in 0..self.members.len() {
            if self.place[index] == Held && !self.is_asleep(index) {
                self.falls_asleep(index);
                let drove = self.members[index].drive();
                failed |= drove.failed;
                self.keep(drove.panic);
            }
        }
        failed
    }

    fn poll_body(&mut self) {
        let ended = self.body.as_ref().and_then(Player::run);
        self.in_body = ended.is_none();
        let Some(ended) = ended else { return };
        self.ending = Some(if ended.error.is_some() { Failed } else { Completed });
        self.exits = true;
        self.value = (ended.well && ended.panic.is_none()).then(|| self.player(Part::Value));
        self.keep(ended.panic);
    }

    /// 5: The enters of a failed group run on before its exits begin, unless it rolls back eagerly. 20: In a large
    /// `Vec`, a member that has begun is polled only if it was woken.
    pub fn poll_members(&mut self) {
        if self.is_entering() {
            self.poll_enters();
        }
        // D5: A driver that fails during the enters counts as a failed enter.
        if !self.in_body && !self.exits && self.poll_drivers() {
            self.fail(Lost);
        }
        // 14: `stop` is dropped when no enter is pending and the body has ended or is not called, before any exit is
        // polled. 17: A panic of its destructor counts.
        if !self.is_entering() && (self.ending.is_some() || self.body.is_none()) {
            self.drop_stop();
            self.ending = self.ending.or(self.panic.map(|_| Panicked));
        }
        let eager = self.setup.rollback == Rollback::Eager && self.ending != Some(Cancelled);
        if self.ending.is_some() && (eager || !self.is_entering()) {
            self.poll_exits();
        }
    }

    /// 2: Each enter is polled in argument order, and under `fail_fast` none is polled after one that failed. 22: With
    /// `fair`, the enters in flight take turns. The others start in argument order all the same. 6: At most as many as
    /// the limit are in flight. Members that could start in the first poll do so, and a failed group starts no others.
    fn poll_enters(&mut self) {
        let (limit, fail_fast) = (self.setup.enter_limit, self.setup.rollback == Rollback::FailFast);
        for index in self.order(self.enter_polls) {
            let stops = fail_fast && self.ending.is_some();
            if self.place[index] == Entering && !self.is_asleep(index) && !stops {
                self.poll_enter(index);
            }
        }
        self.enter_polls += 1;
        for index in 0..self.members.len() {
            let stops = self.ending.is_some() && (fail_fast || index >= limit);
            if self.place[index] == Queued && self.count(Entering) < limit && !stops {
                self.place[index] = Entering;
                self.poll_enter(index);
            }
        }
        if let Some(ending) = self.ending {
            self.fail(ending);
        }
    }

    /// The body is not called. 5: The first reason stays.
    fn fail(&mut self, ending: ExitCase) {
        self.ending.get_or_insert(ending);
        let fail_fast = self.setup.rollback == Rollback::FailFast;
        self.cut_all(if fail_fast { &[Queued, Entering] } else { &[Queued] });
    }

    fn poll_enter(&mut self, index: usize) {
        let Some(ended) = self.members[index].poll_enter() else { return };
        // 3: The resource is held in the poll that saw it. 17: It is held even if the destructor of its future panics.
        self.place[index] = if ended.well { Held } else { Over };
        self.entered.extend(ended.well.then_some(index));
        self.fresh.extend(ended.well.then_some(index));
        self.enter_errors.extend(ended.error.map(|error| (index, error)));
        self.keep(ended.panic);
        // 16: A panic counts as a failed enter. 24: An optional member does not fail the group.
        if !ended.well && !ended.absent || ended.panic.is_some() {
            self.ending.get_or_insert(EnterFailed);
        }
    }

    /// 8: All exits are in flight together, in argument order. 13: At most as many as the limit are in flight. 12: In a
    /// stack one exit is in flight, and the member that entered last comes first. With `in_reverse` one exit is in
    /// flight, in reverse argument order. 22: With `fair`, the exits in flight take turns. The others start in their
    /// order all the same.
    pub fn poll_exits(&mut self) {
        if self.case.is_none() {
            if self.count(Held) == 0 {
                return;
            }
            self.exits = true;
            // 9, 16, 17: The case is decided when the first exit begins. 5: The error is that of the lowest index known
            // then.
            self.case = if self.panic.is_some() { Some(Panicked) } else { self.ending };
            // 14: An enter that failed after the stop is shown to no exit.
            self.error = match self.case {
                Some(Failed) => Some(Part::Body),
                Some(Cancelled) => None,
                Some(Lost) => self.lose(),
                _ => self.enter_errors.values().next().copied(),
            };
        }
        let (pool, fair) = (self.setup.order == Order::Pool, self.setup.fair);
        let limit = if pool { self.setup.exit_limit } else { 1 };
        for index in self.order(self.exit_polls) {
            let begins = self.place[index] == Held && self.count(Exiting) < limit && pool && !fair;
            if begins || self.place[index] == Exiting && !self.is_asleep(index) {
                self.poll_exit(index);
            }
        }
        self.exit_polls += 1;
        while let (true, Some(index)) = (self.count(Exiting) < limit, self.next_held()) {
            self.poll_exit(index);
        }
        // D1: A driver goes on while its member waits for its exit. D6: If it fails, that is the error of the exit.
        self.poll_drivers();
    }

    /// D4, D5: Drivers have failed. The exits are shown the error of the first one.
    fn lose(&mut self) -> Option<Part> {
        let members = self.members.iter_mut().zip(&self.place).enumerate();
        let mut lost = members.filter(|(_, (member, place))| **place == Held && member.has_lost());
        let (first, (member, _)) = lost.next()?;
        let error = member.take_lost();
        self.lost = lost.map(|(index, _)| index).collect();
        self.lost_errors.extend(error.map(|error| (first, error)));
        error
    }

    fn poll_exit(&mut self, index: usize) {
        let case = self.case.expect("decided when the first exit begins");
        if self.place[index] == Held {
            self.place[index] = Exiting;
            // 12: If exits run one at a time, a suppressed error is not shown. 16: A resource whose `on_error` panics
            // is still exited.
            let error = self.error.filter(|_| case != Completed && !self.suppressed);
            let panic = self.members[index].begin_exit(case, error);
            self.keep(panic);
        }
        self.falls_asleep(index);
        let Some(ended) = self.members[index].poll_exit() else { return };
        self.place[index] = Over;
        // 10: No error is lost, although a destructor panics in the same poll.
        let errors = if self.lost.contains(&index) { &mut self.lost_errors } else { &mut self.exit_errors };
        errors.extend(ended.error.map(|error| (index, error)));
        self.keep(ended.panic);
        let one_at_a_time = self.setup.order != Order::Pool;
        self.counts |= ended.counts;
        self.propagates |= ended.counts && !ended.suppresses;
        self.suppressed |= one_at_a_time && ended.suppresses && case == Failed;
        // 12: If exits run one at a time, the next exit sees how this one ended.
        if one_at_a_time && [Completed, Failed].contains(&case) {
            self.case = Some(match ended {
                Ended { panic: Some(_), .. } => Panicked,
                Ended { error: Some(_), .. } => Failed,
                Ended { suppresses: true, .. } => Completed,
                _ => case,
            });
        }
    }

    /// 11: The group suppresses if it has a member that is not an empty group, and if every exit suppresses. 12: If
    /// exits run one at a time, one exit that received `Failed` is enough. No exit may have failed.
    pub fn suppresses(&self) -> bool {
        let none_failed = self.exit_errors.is_empty() && self.panic.is_none();
        none_failed && (self.suppressed || self.counts && !self.propagates)
    }

    /// 10: The outcome has every error, by index. 16: The first panic is the cause, whatever else there is. The body's
    /// value is dropped if exits failed, unless `keep_value` was called. 17: A panic of its destructor counts.
    fn outcome(&mut self) -> Outcome {
        if self.panic.is_some() || !self.exit_errors.is_empty() && !self.setup.keep_value {
            self.drop_value();
        }
        let cause = match (self.panic, self.ending) {
            (Some(panic), _) => Cause::Panicked(panic),
            // 14: With `settle`, an enter may fail after the stop.
            (None, Some(EnterFailed | Cancelled | Lost)) if !self.enter_errors.is_empty() => {
                // D5: The outcome has the errors of drivers along with the enter errors.
                self.exit_errors.append(&mut self.lost_errors);
                Cause::Enter(self.enter_errors.clone())
            }
            (None, Some(Lost)) => Cause::Lost(self.lost_errors.clone()),
            (None, Some(Failed)) => Cause::Body(Part::Body),
            // S5: The caller has dropped the gather, and knows that it was cancelled.
            (None, Some(Cancelled)) if self.handed_over && self.exit_errors.is_empty() => Cause::Nothing,
            (None, Some(Cancelled)) => Cause::Cancelled,
            (None, _) if self.exit_errors.is_empty() => Cause::Nothing,
            (None, _) => Cause::Exit,
        };
        let suppressed = self.ending == Some(Failed) && self.suppresses();
        Outcome { cause, exits: self.exit_errors.clone(), suppressed, value: self.value.is_some() }
    }

    /// 15: Pending futures are dropped, and held resources are abandoned. 17: A panic of one skips no other. The first
    /// panic of a destructor goes on, and not a panic that was kept.
    pub fn cut(&mut self) -> Option<Panic> {
        self.panic = None;
        // The drivers that run along with the body are dropped before it.
        for index in 0..if self.in_body { self.members.len() } else { 0 } {
            let panic = self.members[index].drop_drivers();
            self.keep(panic);
        }
        self.cut_all(&[Queued, Entering, Held, Exiting]);
        self.drop_value();
        self.drop_stop();
        self.panic
    }

    /// S2, S3: When a shielded gather is dropped, the pending enters are dropped, unless they settle, and so is the
    /// body. S1: Returns whether something is left to do or to report. S4, S5: After that, `poll` does the same as
    /// before. S6: So does `cut`.
    pub fn hand_over(&mut self) -> bool {
        if self.setup.shield == Shield::Nothing || self.handed_over {
            return false;
        }
        let earlier = self.panic.take();
        let enters = self.setup.shield == Shield::EntersAndExits;
        self.cut_all(if enters { &[Queued] } else { &[Queued, Entering] });
        self.drop_stop();
        self.drop_value();
        // S8: Exits that have not begun receive `Panicked` if one of these panics.
        if self.panic.is_some() {
            self.case = self.case.and(Some(Panicked));
        }
        self.panic = earlier.or(self.panic);
        self.ending.get_or_insert(Cancelled);
        let in_flight = [Entering, Held, Exiting].iter().any(|place| self.count(*place) > 0);
        let unseen = self.panic.is_some() || !self.enter_errors.is_empty() || !self.exit_errors.is_empty();
        self.handed_over = in_flight || unseen;
        self.handed_over
    }

    fn cut_all(&mut self, places: &[Place]) {
        if let (true, Some(body)) = (std::mem::take(&mut self.in_body), &self.body) {
            self.keep(body.drop());
            self.exits = true;
        }
        for index in 0..self.members.len() {
            if places.contains(&self.place[index]) {
                let panic = self.members[index].cut(self.place[index]);
                self.keep(panic);
                self.place[index] = Over;
            }
        }
    }
}
