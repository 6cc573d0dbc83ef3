//! One poll's share in the enters. It also drops pending enters.

use core::{
    mem,
    ops::ControlFlow,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project::pin_project;

use crate::{
    Event, ExitCase, Resource, Values,
    drive::Kind,
    group::{ErrorOf, InFlight, LostOf, Members, Number, Poller, Visitor},
    policy::{ExitPolicy, Fairness, Limit, Observer, Parts, Policy, Rank, Stop, tell},
    slot::{Phase, Slot},
    unwind::{self, Caught, FirstPanic},
};

use super::{
    drive::poll_held,
    exit::Exits,
    outcome::Ending,
    recover::{ClearSlots, Cursor, Settle, Step},
};

/// The part that comes after the enters. `F` makes the body, which ends with an `R` or a `B`.
pub(super) enum Next<F, R, B, E, L, N> {
    /// The body. Members are entering, and none has failed.
    Body(F),
    /// The exits, which receive this case unless the group was stopped and something panics. The body is not called.
    /// Other members are entering.
    Fail(ExitCase),
    /// The exits have begun. With `eager_rollback`, they run beside the pending enters.
    Exits(Exits<R, B, E, L, N>),
}

impl<F, R, B, E, L, N: Number> Next<F, R, B, E, L, N> {
    /// Notes why the body will not be called, if it is the first reason or a panic, and drops the body. A group that
    /// was stopped stays stopped until its exits begin, because it settles first.
    pub(super) fn fail(&mut self, case: ExitCase, panic: &mut FirstPanic) {
        if let Self::Body(_) = self {
            panic.drop(mem::replace(self, Self::Fail(case)));
        }
        if let (Self::Fail(case), true) = (&mut *self, panic.is_some()) {
            if *case != ExitCase::Cancelled {
                *case = ExitCase::Panicked;
            }
        }
    }

    /// Returns whether members were entering when the last poll ended.
    fn is_entering(&mut self) -> bool {
        match self {
            Self::Body(_) | Self::Fail(_) => true,
            Self::Exits(exits) => *exits.entering(),
        }
    }
}

/// The members while they are in their slots: while they enter, and while they exit.
#[pin_project(project = InSlotsProj)]
pub(super) struct InSlots<Ms: Members, F, R, B> {
    #[pin]
    pub(super) members: Ms,
    pub(super) next: Next<F, R, B, ErrorOf<Ms>, LostOf<Ms>, Ms::Number>,
    /// The rank of the last member that entered.
    pub(super) rank: Ms::Rank,
    /// How many enters are in flight.
    pub(super) in_flight: Ms::Number,
    /// The first panic, kept until all is done.
    pub(super) panic: FirstPanic,
}

impl<Ms: Members, F, R, B> InSlots<Ms, F, R, B> {
    #[inline]
    pub(super) fn new(
        members: Ms,
        next: Next<F, R, B, ErrorOf<Ms>, LostOf<Ms>, Ms::Number>,
        panic: FirstPanic,
    ) -> Self {
        Self { members, next, rank: Ms::Rank::default(), in_flight: Ms::Number::default(), panic }
    }

    /// Begins the enters that can begin, and polls the ones in flight. It is ready when the body or the exits can
    /// begin. `has_body` says whether there is a body to call, or the values are only kept.
    pub(super) fn poll<P: Policy>(
        mut self: Pin<&mut Self>,
        parts: &mut Parts<'_, P>,
        has_body: bool,
        cx: &mut Context<'_>,
    ) -> Poll<()>
    where
        Ms: Members<Values: Values<Error: 'static>, Rank = RankOf<P>>,
    {
        let (mut entering, mut may_begin) = (self.as_mut().is_entering(), true);
        if entering {
            (entering, may_begin) = self.as_mut().poll_enters(parts, cx);
        }
        if Ms::Kind::DRIVEN {
            self.as_mut().poll_drivers(parts, &mut entering, &mut may_begin, cx);
        }
        let InSlotsProj { mut members, next, panic, .. } = self.project();
        if P::Observer::OBSERVES && !entering && matches!(next, Next::Body(_)) {
            if has_body && !panic.is_some() {
                tell(parts.observer, panic, Event::BodyStarted {});
            }
            // If the observer has panicked, the body is not called either.
            if panic.is_some() {
                next.fail(ExitCase::Panicked, panic);
            }
        }
        if P::Stop::ENABLED && !entering && !(has_body && matches!(next, Next::Body(_))) {
            parts.stop.as_mut().clear(panic);
            if panic.is_some() {
                next.fail(ExitCase::Panicked, panic);
            }
        }
        match next {
            Next::Body(_) if entering => return Poll::Pending,
            // A stopped group settles first, although it would roll back eagerly if it had failed.
            Next::Fail(ExitCase::Cancelled) if entering => return Poll::Pending,
            Next::Fail(_) if entering && !(P::EAGER && may_begin && any_held(members.as_mut())) => {
                return Poll::Pending;
            }
            Next::Body(_) => {}
            Next::Fail(case) => {
                let stopped = *case == ExitCase::Cancelled;
                let case = if stopped && panic.is_some() { ExitCase::Panicked } else { *case };
                let mut exits = Exits::new(Ending::no_body(case));
                if Ms::Kind::DRIVEN && case == ExitCase::Lost {
                    exits.lose(members.as_mut());
                }
                exits.choose_shown(members.as_mut());
                if P::SETTLE && case == ExitCase::Cancelled && any_failed(members.as_mut()) {
                    // An enter has failed after the stop. The exits are not shown its error.
                    exits = Exits::of(Ending::EnterFailed, case);
                }
                *exits.entering() = entering;
                members.begin_exits();
                *next = Next::Exits(exits);
            }
            Next::Exits(exits) => *exits.entering() = entering,
        }
        Poll::Ready(())
    }

    /// Returns whether a member is still entering, and whether exits may begin beside the enters, because a member may
    /// be held for the first time.
    fn poll_enters<P: Policy>(mut self: Pin<&mut Self>, parts: &mut Parts<'_, P>, cx: &mut Context<'_>) -> (bool, bool)
    where
        Ms: Members<Rank = RankOf<P>>,
    {
        let InSlotsProj { mut members, next, rank, in_flight, panic } = self.as_mut().project();
        let (failed, cursor) = (!matches!(next, Next::Body(_)), Cursor::new(Step::Enter));
        let mut sweep = PollEnters { failed, entered: false, rank, in_flight, panic, parts, cursor };
        let mut from = 0;
        while let Err(caught) = unwind::catch(|| sweep.all(members.as_mut(), from, cx)) {
            from = sweep.recover(members.as_mut(), caught);
        }
        let (failed, mut may_begin, pending) = (sweep.failed, sweep.entered, sweep.cursor.pending);
        let mut entering = pending || in_flight.get() > 0;
        if failed {
            self.fail(ExitCase::EnterFailed, parts, &mut entering, &mut may_begin);
        }
        (entering, may_begin)
    }

    /// Polls the drivers of the members that have entered.
    fn poll_drivers<P: Policy>(
        mut self: Pin<&mut Self>,
        parts: &mut Parts<'_, P>,
        entering: &mut bool,
        may_begin: &mut bool,
        cx: &mut Context<'_>,
    ) where
        Ms: Members<Rank = RankOf<P>>,
    {
        let InSlotsProj { members, next, panic, .. } = self.as_mut().project();
        if let Next::Exits(_) = next {
            // The drivers are polled along with the exits.
            return;
        }
        if poll_held(members, parts.observer, panic, cx) {
            self.fail(ExitCase::Lost, parts, entering, may_begin);
        }
    }

    /// Notes that an enter, or the driver of a member that has entered, has failed or panicked.
    fn fail<P: Policy>(
        self: Pin<&mut Self>,
        case: ExitCase,
        parts: &mut Parts<'_, P>,
        entering: &mut bool,
        may_begin: &mut bool,
    ) {
        let InSlotsProj { members, next, panic, .. } = self.project();
        if (P::FAIL_FAST || P::EnterLimit::LIMITED) && matches!(next, Next::Body(_)) {
            let _ = members.visit(0, &mut CutEnters { all: P::FAIL_FAST, panic, observer: parts.observer });
            *entering &= !P::FAIL_FAST;
        }
        *may_begin |= matches!(next, Next::Body(_));
        next.fail(case, panic);
    }

    /// Stops the group. The queued members never start. Unless `settle` is set, every pending enter is dropped.
    pub(super) fn stop(self: Pin<&mut Self>, settle: bool, observer: &mut impl Observer, cause: FirstPanic) {
        let InSlotsProj { members, next, in_flight, panic, .. } = self.project();
        panic.join(cause);
        let _ = members.visit(0, &mut CutEnters { all: !settle, panic, observer });
        if !settle {
            // The next sweep of the enters finds nothing to do.
            *in_flight = Ms::Number::default();
        }
        next.fail(ExitCase::Cancelled, panic);
    }

    /// Returns whether members were entering when the last poll ended.
    pub(super) fn is_entering(self: Pin<&mut Self>) -> bool {
        self.project().next.is_entering()
    }

    /// Drops member by member, so that the destructors of all members run even if more than one panics.
    pub(super) fn clear(self: Pin<&mut Self>, observer: &mut impl Observer, panic: &mut FirstPanic) {
        let _ = self.project().members.visit(0, &mut ClearSlots { panic, observer });
    }
}

/// The ranks of the members.
type RankOf<P> = <<P as Policy>::Exits as ExitPolicy>::Rank;

/// The policy that says which member is polled first.
pub(super) type FairOf<P> = <<P as Policy>::Exits as ExitPolicy>::Fairness;

fn any_held<Ms: Members>(members: Pin<&mut Ms>) -> bool {
    members.visit(0, &mut FindHeld).is_break()
}

fn any_failed<Ms: Members>(members: Pin<&mut Ms>) -> bool {
    members.visit(0, &mut FindFailed).is_break()
}

/// Breaks at the first member that could not be entered.
struct FindFailed;

impl<E, T> Visitor<E, T> for FindFailed {
    fn visit<S>(&mut self, _: usize, slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = E, Rank = T>,
    {
        if slot.has_faults().0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Breaks at the first held member.
struct FindHeld;

impl<E, T> Visitor<E, T> for FindHeld {
    fn visit<S>(&mut self, _: usize, slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = E, Rank = T>,
    {
        if slot.phase() == Phase::Held { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Polls every enter in flight, and begins the ones that can begin.
struct PollEnters<'a, 'p, P: Policy, T, N> {
    /// A member could not be entered, or its entering panicked.
    failed: bool,
    /// A member has entered in this poll.
    entered: bool,
    rank: &'a mut T,
    in_flight: &'a mut N,
    panic: &'a mut FirstPanic,
    parts: &'a mut Parts<'p, P>,
    cursor: Cursor,
}

impl<P: Policy, T: Rank, N: Number> PollEnters<'_, '_, P, T, N> {
    /// Makes every sweep of one poll, the first one from the slot `from` on.
    #[inline]
    fn all<Ms>(&mut self, mut members: Pin<&mut Ms>, mut from: usize, cx: &mut Context<'_>)
    where
        Ms: Members<Rank = T, Number = N>,
    {
        if FairOf::<P>::FAIR {
            let len = members.as_mut().len();
            self.cursor.begin_passes(|| self.parts.exits.fairness().first_enter(len));
        }
        loop {
            self.cursor.begin_sweep();
            members.as_mut().sweep(from, cx, self);
            from = 0;
            if !FairOf::<P>::FAIR || !self.cursor.next_pass() {
                return;
            }
        }
    }

    fn count(&mut self) -> InFlight<'_, P::EnterLimit, N> {
        InFlight { limit: self.parts.enter_limit, number: self.in_flight }
    }

    fn tell(&mut self, event: Event) {
        tell(self.parts.observer, self.panic, event);
    }

    /// Puts in order the slot of the member that panicked. Returns the slot at which the sweep goes on.
    #[cold]
    fn recover<Ms: Members<Rank = T>>(&mut self, mut members: Pin<&mut Ms>, caught: Caught) -> usize {
        let index = self.cursor.recover(members.as_mut(), caught, self.panic);
        // The resource may be held all the same, if the destructor of its enter has panicked.
        let mut settle = Settle { rank: self.rank, held: false };
        let _ = members.as_mut().visit(index, &mut settle);
        let held = settle.held;
        members.note(index);
        self.failed = true;
        self.entered |= held;
        self.count().end();
        self.tell(if held { Event::Entered { index } } else { Event::EnterFailed { index } });
        index + 1
    }
}

impl<E, P, T, N> Poller<E, T> for PollEnters<'_, '_, P, T, N>
where
    P: Policy,
    T: Rank,
    N: Number,
{
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn wants(&mut self, index: usize, phase: Phase) -> bool {
        if FairOf::<P>::FAIR && !self.cursor.pass.covers(index, phase) {
            return false;
        }
        match phase {
            // The members within the limit begin together, as all members do without a limit. A failed group begins no
            // others.
            Phase::Queued if index >= self.parts.enter_limit.max() && self.failed => false,
            Phase::Queued => self.parts.enter_limit.has_room(),
            Phase::Entering => true,
            Phase::Held | Phase::Exiting | Phase::Over => false,
        }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn poll<S>(&mut self, index: usize, mut slot: Pin<&mut S>, cx: &mut Context<'_>) -> ControlFlow<()>
    where
        S: Slot<Error = E, Rank = T>,
    {
        if P::FAIL_FAST && self.failed {
            return ControlFlow::Break(());
        }
        if slot.as_mut().phase() == Phase::Queued {
            self.count().begin();
            self.tell(Event::EnterStarted { index });
        }
        self.cursor.visit(index);
        match slot.as_mut().poll_enter(cx) {
            Poll::Pending => self.cursor.pending = true,
            Poll::Ready(true) => {
                self.count().end();
                slot.as_mut().set_rank(self.rank.next());
                let held = !<S::Value as Resource>::OPTIONAL || slot.phase() == Phase::Held;
                self.entered |= held;
                // An optional member that could not be entered is no failure of the group.
                self.tell(if held { Event::Entered { index } } else { Event::EnterFailed { index } });
            }
            Poll::Ready(false) => {
                self.count().end();
                self.failed = true;
                self.tell(Event::EnterFailed { index });
            }
        }
        ControlFlow::Continue(())
    }
}

/// Drops the members that wait to be entered and, if `all` is set, the pending enters.
pub(super) struct CutEnters<'a, O> {
    pub(super) all: bool,
    pub(super) panic: &'a mut FirstPanic,
    pub(super) observer: &'a mut O,
}

impl<E, T, O: Observer> Visitor<E, T> for CutEnters<'_, O> {
    fn visit<S>(&mut self, index: usize, mut slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = E, Rank = T>,
    {
        let phase = slot.as_mut().phase();
        if phase == Phase::Queued || (self.all && phase == Phase::Entering) {
            slot.cut(self.panic);
        }
        if self.all && phase == Phase::Entering {
            tell(self.observer, self.panic, Event::EnterDropped { index });
        }
        ControlFlow::Continue(())
    }
}
