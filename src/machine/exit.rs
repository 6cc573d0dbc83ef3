//! One poll's share in the exits: their order, their limit, and the error that they are shown.

use core::{
    any::Any,
    mem,
    ops::ControlFlow,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project::{pin_project, pinned_drop};

use crate::{
    Event, ExitCase, Values,
    cycle::Outcome,
    drive::{Flag, Index, Kind},
    exit::Answer,
    group::{ErrorOf, InFlight, LostOf, Members, Number, Poller, ShapeOf, Visitor},
    policy::{ExitPolicy, Fairness, Limit, Observer, Unobserved, tell},
    slot::{Phase, Slot},
    unwind::{self, Caught, FirstPanic},
};

use super::{
    drive::poll_held,
    outcome::{AFTER_THE_END, Answers, Ending, Finished, complete, fail},
    recover::{Clear, ClearSlots, Cursor, EndOnUnwind, Pass, Step},
};

/// The exits, once the first one has begun.
pub(super) struct Exits<R, B, E, L, N> {
    /// How the life cycle ends when the exits have finished.
    ending: Ending<R, B, E, L>,
    course: Course<N>,
}

/// How far the exits have come.
#[derive(Clone, Copy)]
struct Course<N> {
    /// The case that the next exit receives.
    case: ExitCase,
    answers: Answers,
    /// In a stack, whether the body's error was suppressed.
    suppressed: bool,
    /// With `eager_rollback`, whether members are entering beside the exits.
    entering: bool,
    in_flight: N,
}

impl<R, B, E, L, N: Number> Exits<R, B, E, L, N> {
    /// Makes exits that receive the case of the `ending`.
    pub(super) fn new(ending: Ending<R, B, E, L>) -> Self {
        let case = ending.case();
        Self::of(ending, case)
    }

    /// Makes exits that receive the `case`.
    pub(super) fn of(ending: Ending<R, B, E, L>, case: ExitCase) -> Self {
        let in_flight = N::default();
        let course = Course { case, answers: Answers::Neutral, suppressed: false, entering: false, in_flight };
        Self { ending, course }
    }

    /// The case that the next exit receives.
    pub(super) fn case(&self) -> ExitCase {
        self.course.case
    }

    /// Notes that something has panicked before the first exit.
    pub(super) fn panic(&mut self, panic: &mut FirstPanic) {
        self.course.case = ExitCase::Panicked;
        panic.drop(mem::replace(&mut self.ending, Ending::Panicked));
    }

    /// Returns the same exits, without the body's value. If something has panicked in the drop, exits that have not
    /// begun receive `Panicked`.
    #[cfg(feature = "alloc")]
    pub(super) fn hand_over(&mut self, panic: &mut FirstPanic) -> Exits<(), B, E, L, N> {
        let mut course = self.course;
        let ending = mem::replace(&mut self.ending, Ending::Cancelled).drop_value(panic);
        if panic.is_some() {
            course.case = ExitCase::Panicked;
        }
        Exits { ending, course }
    }

    /// Moves the body's value out, if the body has completed. No exit has begun. If something has panicked since, the
    /// exits receive `Panicked`.
    pub(super) fn value_of_body(&mut self, panic: &mut FirstPanic) -> Option<R> {
        if self.course.case != ExitCase::Completed {
            return None;
        }
        if panic.is_some() {
            self.panic(panic);
            return None;
        }
        match mem::replace(&mut self.ending, Ending::Cancelled) {
            Ending::Completed(value) => Some(value),
            other => {
                self.ending = other;
                None
            }
        }
    }

    /// Returns how the life cycle ends, and the answers of the exits.
    pub(super) fn results(&mut self) -> (&mut Ending<R, B, E, L>, Answers) {
        (&mut self.ending, self.course.answers)
    }

    /// Notes that drivers have failed. The exits are shown the first of their errors.
    pub(super) fn lose<Ms>(&mut self, members: Pin<&mut Ms>)
    where
        Ms: Members<Values: Values<Error = E>>,
        L: Index,
    {
        let mut first = LendLost { first: None };
        let _ = members.visit(0, &mut first);
        let Some((index, error)) = first.first else { return };
        if let Some(index) = L::new(index) {
            self.ending = Ending::Shown(error, Some(index));
            self.course.case = ExitCase::Lost;
        }
    }

    /// Chooses the error that the exits of a failed group are shown: the first of the errors that are known now.
    pub(super) fn choose_shown<Ms>(&mut self, members: Pin<&mut Ms>)
    where
        Ms: Members<Values: Values<Error = E>>,
    {
        self.ending.show(|| {
            let mut first = LendFirst { error: None };
            let _ = members.visit(0, &mut first);
            first.error
        });
    }

    /// Returns the flag that says whether members are entering beside the exits.
    pub(super) fn entering(&mut self) -> &mut bool {
        &mut self.course.entering
    }

    /// Begins the exits that can begin, and polls the ones in flight. It is ready when all have finished.
    pub(super) fn poll<Ms, X, O>(
        &mut self,
        mut members: Pin<&mut Ms>,
        policy: &mut X,
        observer: &mut O,
        panic: &mut FirstPanic,
        cx: &mut Context<'_>,
    ) -> Poll<()>
    where
        Ms: Members<Values: Values<Error = E>, Rank = X::Rank, Number = N>,
        X: ExitPolicy,
        O: Observer,
        B: 'static,
        E: 'static,
    {
        let Self { ending, course } = self;
        // Most often there is no error to show. (In a stack, the case may also be `Completed` because an error was
        // suppressed, which is not shown any more.)
        let shown = if course.case == ExitCase::Completed { None } else { ending.shown() };
        let cursor = Cursor::new(Step::Exit);
        let mut sweep = PollExits { shown, turn: 0, policy, course, observer, panic, cursor, driver_ended: false };
        let mut from = 0;
        while let Err(caught) = unwind::catch(|| sweep.all(members.as_mut(), from, cx)) {
            from = sweep.recover(members.as_mut(), caught);
        }
        let pending = sweep.cursor.pending;
        if Ms::Kind::DRIVEN {
            let _ = poll_held(members, observer, panic, cx);
        }
        if pending || course.in_flight.get() > 0 { Poll::Pending } else { Poll::Ready(()) }
    }
}

/// The exits of a group, up to their end.
#[pin_project(project = ExitProj)]
pub(crate) struct ExitPhase<Ms: Members, R, B> {
    #[pin]
    pub(super) members: Ms,
    pub(super) exits: Exits<R, B, ErrorOf<Ms>, LostOf<Ms>, Ms::Number>,
    pub(super) panic: FirstPanic,
}

impl<Ms: Members, R, B> ExitPhase<Ms, R, B> {
    pub(super) fn new(members: Ms, exits: Exits<R, B, ErrorOf<Ms>, LostOf<Ms>, Ms::Number>, panic: FirstPanic) -> Self {
        Self { members, exits, panic }
    }

    /// Drops member by member, so that the destructors of all members run even if more than one panics.
    pub(super) fn clear(self: Pin<&mut Self>, observer: &mut impl Observer, panic: &mut FirstPanic) {
        let _ = self.project().members.visit(0, &mut ClearSlots { panic, observer });
    }
}

/// The exits of a group that was entered, without an enter or a body.
#[pin_project(PinnedDrop)]
pub(crate) struct ExitOnly<Ms: Members, X> {
    #[pin]
    phase: Option<ExitPhase<Ms, (), ErrorOf<Ms>>>,
    policy: X,
    /// Whether a driver has ended in the last poll.
    driver_ended: <Ms::Kind as Kind>::Flag,
}

/// Remembers whether a driver has ended.
struct NoteEnd<'a, F>(&'a mut F);

impl<F: Flag> Observer for NoteEnd<'_, F> {
    const OBSERVES: bool = true;

    fn tell(&mut self, event: Event) {
        if let Event::DriverEnded { .. } = event {
            self.0.set();
        }
    }
}

impl<Ms, X> ExitOnly<Ms, X>
where
    Ms: Members<Values: Values<Error: 'static>, Rank = X::Rank>,
    X: ExitPolicy,
{
    /// Makes the exits of held members, which receive `case`. There is no error to show.
    pub(crate) fn new(members: Ms, case: ExitCase, policy: X) -> Self {
        let exits = Exits::of(Ending::Completed(()), case);
        Self {
            phase: Some(ExitPhase::new(members, exits, FirstPanic::none())),
            policy,
            driver_ended: Default::default(),
        }
    }

    /// Returns whether a driver has ended in the last poll.
    pub(crate) fn driver_ended(self: Pin<&mut Self>) -> bool {
        self.project().driver_ended.is_set()
    }

    pub(crate) fn poll_cycle(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Outcome<(), ErrorOf<Ms>, ShapeOf<Ms>, ErrorOf<Ms>>> {
        let mut guard = EndOnUnwind(self);
        let finished = guard.0.as_mut().poll_phase(cx);
        mem::forget(guard);
        Poll::Ready(ready!(finished).unwrap_or_else(|caught| caught.resume()))
    }

    fn poll_phase(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Finished<Ms, (), ErrorOf<Ms>>> {
        let mut this = self.project();
        let phase = this.phase.as_mut().as_pin_mut().expect(AFTER_THE_END);
        let ExitProj { mut members, exits, panic } = phase.project();
        ready!(if Ms::Kind::DRIVEN {
            *this.driver_ended = Default::default();
            exits.poll(members.as_mut(), this.policy, &mut NoteEnd(this.driver_ended), panic, cx)
        } else {
            exits.poll(members.as_mut(), this.policy, &mut Unobserved, panic, cx)
        });
        let (ending, answers) = exits.results();
        let finished = match complete(members.as_mut(), ending, answers, panic) {
            Some(value) => Ok(Ok(value)),
            None => fail(members, ending, answers, panic, this.policy.names(), false),
        };
        this.phase.set(None);
        Poll::Ready(finished)
    }
}

impl<Ms: Members, X> Clear for ExitOnly<Ms, X> {
    fn clear(self: Pin<&mut Self>, panic: &mut FirstPanic) {
        let mut phase = self.project().phase;
        if let Some(phase) = phase.as_mut().as_pin_mut() {
            phase.clear(&mut Unobserved, panic);
        }
        panic.guard(&mut || phase.set(None));
    }
}

#[pinned_drop]
impl<Ms: Members, X> PinnedDrop for ExitOnly<Ms, X> {
    fn drop(self: Pin<&mut Self>) {
        let mut first = FirstPanic::none();
        self.clear(&mut first);
        first.resume_in_drop();
    }
}

/// Moves out the first error of a driver. Marks every member that has lost a driver.
struct LendLost<E> {
    first: Option<(usize, E)>,
}

impl<E, T> Visitor<E, T> for LendLost<E> {
    fn visit<S>(&mut self, index: usize, mut slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = E, Rank = T>,
    {
        slot.as_mut().lose();
        if self.first.is_none() {
            self.first = slot.take_lost().map(|error| (index, error));
        }
        ControlFlow::Continue(())
    }
}

/// Moves out the first error of an enter.
struct LendFirst<E> {
    error: Option<E>,
}

impl<E, T> Visitor<E, T> for LendFirst<E> {
    fn visit<S>(&mut self, _: usize, slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = E, Rank = T>,
    {
        self.error = slot.lend_enter_fault();
        if self.error.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Begins every exit that can begin, and polls every exit in flight. In a stack, it looks only at the slot whose turn
/// it is.
struct PollExits<'a, X, N, O> {
    shown: Option<&'a dyn Any>,
    /// In a stack, the slot whose turn it is.
    turn: usize,
    policy: &'a mut X,
    course: &'a mut Course<N>,
    observer: &'a mut O,
    panic: &'a mut FirstPanic,
    cursor: Cursor,
    /// The driver of the member that is polled has ended.
    driver_ended: bool,
}

impl<X: ExitPolicy, N: Number, O: Observer> PollExits<'_, X, N, O> {
    /// Makes every sweep of one poll, the first one from the slot `from` on.
    #[inline]
    fn all<Ms>(&mut self, mut members: Pin<&mut Ms>, mut from: usize, cx: &mut Context<'_>)
    where
        Ms: Members<Rank = X::Rank, Number = N>,
    {
        if X::STACK {
            while let Some(turn) = members.as_mut().turn() {
                self.turn = turn;
                self.cursor.begin_sweep();
                members.as_mut().sweep(turn, cx, self);
                if self.cursor.pending || self.course.in_flight.get() > 0 {
                    return;
                }
            }
            return;
        }
        if X::Fairness::FAIR {
            let len = members.as_mut().len();
            self.cursor.begin_passes(|| members.as_mut().index(self.policy.fairness().first_exit(len)));
        }
        loop {
            self.cursor.begin_sweep();
            members.as_mut().sweep(from, cx, self);
            from = 0;
            if X::Fairness::FAIR && self.cursor.next_pass() {
                continue;
            }
            // The limit may have held back a member that entered late, while a member behind it was exiting. That exit
            // may have ended since.
            let held_back = mem::take(&mut self.cursor.held_back);
            if !X::Limit::LIMITED || !held_back || !self.policy.limit().has_room() {
                return;
            }
            self.cursor.pass = Pass::Start;
        }
    }

    fn count(&mut self) -> InFlight<'_, X::Limit, N> {
        InFlight { limit: self.policy.limit(), number: &mut self.course.in_flight }
    }

    /// Puts in order the slot of the member that panicked. Returns the slot at which the sweep goes on.
    #[cold]
    fn recover<Ms: Members>(&mut self, mut members: Pin<&mut Ms>, caught: Caught) -> usize {
        let index = self.cursor.recover(members.as_mut(), caught, self.panic);
        members.note(index);
        match self.cursor.step {
            // The resource must still be exited.
            Step::OnError => {
                self.cursor.step = Step::Shown;
                index
            }
            Step::Enter | Step::Shown | Step::Exit => {
                self.count().end();
                if Ms::Kind::DRIVEN {
                    self.tell_driver(index);
                }
                tell(self.observer, self.panic, Event::ExitFailed { index });
                if X::STACK {
                    self.next(ExitCase::Panicked);
                }
                index + 1
            }
        }
    }

    /// Tells the observer that the driver of this member has ended, if it has.
    fn tell_driver(&mut self, index: usize) {
        if mem::take(&mut self.driver_ended) {
            tell(self.observer, self.panic, Event::DriverEnded { index });
        }
    }

    /// In a stack, tells the next exit by its case how this exit ended, if the case can change at all.
    fn next(&mut self, next: ExitCase) {
        if let ExitCase::Completed | ExitCase::Failed = self.course.case {
            self.course.case = next;
        }
    }
}

impl<E, T, X: ExitPolicy, N: Number, O: Observer> Poller<E, T> for PollExits<'_, X, N, O> {
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn wants(&mut self, index: usize, phase: Phase) -> bool {
        if X::STACK && index != self.turn {
            return false;
        }
        if X::Fairness::FAIR && !X::STACK && !self.cursor.pass.covers(index, phase) {
            return false;
        }
        match phase {
            Phase::Held => {
                let has_room = self.policy.limit().has_room();
                self.cursor.held_back |= !has_room;
                has_room
            }
            Phase::Exiting => !X::Limit::LIMITED || !matches!(self.cursor.pass, Pass::Start),
            Phase::Queued | Phase::Entering | Phase::Over => false,
        }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn poll<S>(&mut self, index: usize, mut slot: Pin<&mut S>, cx: &mut Context<'_>) -> ControlFlow<()>
    where
        S: Slot<Error = E, Rank = T>,
    {
        self.cursor.visit(index);
        if slot.as_mut().phase() == Phase::Held {
            // In a stack an error that was suppressed is not shown any more.
            if let (Some(error), false) = (self.shown, self.course.suppressed) {
                self.cursor.show(|| slot.as_mut().show(error));
            }
            self.count().begin();
            tell(self.observer, self.panic, Event::ExitStarted { index });
            slot.as_mut().begin_exit(self.course.case);
        }
        let polled = slot.poll_exit(cx, &mut self.driver_ended);
        if S::Kind::DRIVEN {
            self.tell_driver(index);
        }
        match polled {
            Poll::Pending => self.cursor.pending = true,
            Poll::Ready(Some(answer)) => {
                self.count().end();
                tell(self.observer, self.panic, Event::Exited { index });
                let mut answers = Answers::from(answer);
                if X::STACK && answer == Answer::Suppress {
                    if self.course.case == ExitCase::Failed {
                        (answers, self.course.suppressed) = (Answers::Suppressed, true);
                    }
                    self.next(ExitCase::Completed);
                }
                self.course.answers = self.course.answers.max(answers);
            }
            Poll::Ready(None) => {
                self.count().end();
                tell(self.observer, self.panic, Event::ExitFailed { index });
                self.course.answers = Answers::Failed;
                if X::STACK {
                    self.next(ExitCase::Failed);
                }
            }
        }
        if X::STACK { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
