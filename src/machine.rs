//! The heart of the crate: one hand-written future, enter -> body -> exit. It knows no group's shape and no member's
//! types.

use core::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project::{pin_project, pinned_drop};

mod body;
mod drive;
mod enter;
mod exit;
#[cfg(feature = "alloc")]
mod hand_over;
mod outcome;
mod recover;

pub(crate) use body::{After, Body, Call, Ended};
pub(crate) use exit::ExitOnly;
#[cfg(feature = "alloc")]
pub(crate) use hand_over::Rest;

use crate::{
    Event, ExitCase, Values,
    cycle::{self, Cycle},
    drive::{Drive, Kind},
    exit::Answer,
    group::{ErrorOf, HeldAll, Members, ShapeOf},
    observe::Events,
    policy::{ExitPolicy, Fairness, Observer, Panics, Parts, Policy, Stop, tell},
    unwind::FirstPanic,
};

use body::{cancel_block, poll_block};
use drive::drive;
use enter::{FairOf, InSlots, InSlotsProj, Next};
use exit::{ExitProj, Exits};
use outcome::{AFTER_THE_END, Ending, Finished, complete, fail};
use recover::{Clear, EndOnUnwind};

/// The states of the machine.
///
/// | state   | its `next` | meaning                                                                     | what comes     |
/// |---------|------------|-----------------------------------------------------------------------------|----------------|
/// | `Slots` | `Body`     | members enter, and none has failed                                          | `Body`         |
/// | `Slots` | `Fail`     | a member has failed, or the group was stopped; other members enter          | `Exits`        |
/// | `Body`  |            | the block owns the values, and lends them                                   | `Exits`        |
/// | `Slots` | `Exits`    | members exit; some of them wait for the limit, or for their turn in a stack | `Done`         |
/// | `Done`  |            | it has finished, or a panic got out                                         |                |
///
/// Three things make the steps: the end of a member's enter or exit, the end of the body, and `stop`, which ends the
/// enters and the body with `Cancelled`. A panic counts as the failure of the part that panicked.
#[pin_project(project = StateProj)]
enum State<Ms: Members, F: After<Ms::Values, X>, X: ExitPolicy> {
    Slots(#[pin] InSlots<Ms, F, F::Value, F::Error>),
    Body {
        #[pin]
        block: F::Block,
        emptied: Ms::Emptied,
        drivers: F::Drivers,
    },
    Done,
}

impl<Ms: Members, F: After<Ms::Values, X>, X: ExitPolicy> State<Ms, F, X> {
    fn end(mut self: Pin<&mut Self>) {
        self.set(Self::Done);
    }

    /// Returns the exits.
    ///
    /// # Panics
    ///
    /// It panics if the life cycle has finished.
    fn exits(self: Pin<&mut Self>) -> ExitProj<'_, Ms, F::Value, F::Error> {
        match self.project() {
            StateProj::Slots(phase) => {
                let InSlotsProj { members, next, panic, .. } = phase.project();
                if let Next::Exits(exits) = next {
                    return ExitProj { members, exits, panic };
                }
            }
            StateProj::Body { .. } | StateProj::Done => {}
        }
        panic!("{AFTER_THE_END}")
    }
}

/// Tells the observer what has happened in the body of a scope.
fn tell_all<O: Observer>(events: &Events, observer: &mut O, panic: &mut FirstPanic) {
    if O::OBSERVES {
        while let Some(event) = events.pop() {
            tell(observer, panic, event);
        }
    }
}

/// Values of more bytes than this are moved in functions that are not inlined. They lie for a moment in the stack frame
/// of such a function, and these frames should not all become part of one.
const LARGE: usize = 1024;

fn apart_if<T>(large: bool, f: impl FnOnce() -> T) -> T {
    #[inline(never)]
    fn apart<T>(f: impl FnOnce() -> T) -> T {
        f()
    }
    if large { apart(f) } else { f() }
}

/// A group's whole life cycle. `F` comes after the enters.
#[pin_project(PinnedDrop)]
pub(crate) struct Machine<Ms: Members, F: After<Ms::Values, P::Exits>, P: Policy> {
    #[pin]
    state: State<Ms, F, P::Exits>,
    #[pin]
    policy: P,
}

impl<Ms: Members, F: After<Ms::Values, P::Exits>, P: Policy> Machine<Ms, F, P> {
    pub(crate) fn new(members: Ms, after: F, policy: P) -> Self {
        Self { state: State::Slots(InSlots::new(members, Next::Body(after), FirstPanic::none())), policy }
    }

    fn is_done(self: Pin<&mut Self>) -> bool {
        matches!(self.project().state.project(), StateProj::Done)
    }

    #[inline(never)]
    fn drop_parts(mut self: Pin<&mut Self>) {
        let mut first = FirstPanic::none();
        self.as_mut().clear(&mut first);
        self.project().policy.parts().stop.clear(&mut first);
        first.resume_in_drop();
    }
}

impl<Ms, F, P> Machine<Ms, F, P>
where
    Ms: Members<Values: Values<Error: 'static>, Rank = <P::Exits as ExitPolicy>::Rank>,
    F: After<Ms::Values, P::Exits, Error: 'static>,
    P: Policy,
{
    /// Moves on through the states as far as it can.
    fn poll_states(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Finished<Ms, F::Value, F::Error>> {
        let this = self.project();
        let (mut state, mut parts) = (this.state, this.policy.parts());
        if P::Stop::ENABLED {
            state.as_mut().poll_stop(&mut parts, cx);
        }
        let large = size_of::<Ms::Values>() > LARGE;
        let mut drives = true;
        if let StateProj::Slots(phase) = state.as_mut().project() {
            ready!(phase.poll(&mut parts, F::BODY, cx));
            drives = false;
            if let Some(value) = apart_if(large, || state.as_mut().leave_enter(&mut parts)) {
                return Poll::Ready(Ok(Ok((value, Answer::Propagate))));
            }
        }
        if let StateProj::Body { .. } = state.as_mut().project() {
            if Ms::Kind::DRIVEN {
                ready!(apart_if(large, || state.as_mut().poll_body_and_drivers(drives, &mut parts, cx)));
            } else {
                ready!(apart_if(large, || state.as_mut().poll_body(&mut parts, cx)));
            }
        }
        if F::KEEPS {
            if let Some(value) = state.as_mut().keep(*parts.exits) {
                return Poll::Ready(Ok(Ok((value, Answer::Propagate))));
            }
        }
        let ExitProj { mut members, exits, panic } = state.as_mut().exits();
        let polled = exits.poll(members.as_mut(), parts.exits, parts.observer, panic, cx);
        if polled.is_pending() || (P::EAGER && *exits.entering()) {
            return Poll::Pending;
        }
        let (ending, answers) = exits.results();
        if let Some(value) = complete(members.as_mut(), ending, answers, panic) {
            state.end();
            return Poll::Ready(Ok(Ok(value)));
        }
        let failed = fail(members, ending, answers, panic, parts.exits.names(), P::Panics::CATCH);
        state.end();
        Poll::Ready(failed)
    }
}

impl<Ms, F, X> State<Ms, F, X>
where
    Ms: Members<Values: Values<Error: 'static>, Rank = X::Rank>,
    F: After<Ms::Values, X, Error: 'static>,
    X: ExitPolicy,
{
    /// Goes on to the body, unless the group has failed. If there is no body, returns the value.
    fn leave_enter<P>(mut self: Pin<&mut Self>, parts: &mut Parts<'_, P>) -> Option<F::Value>
    where
        P: Policy<Exits = X>,
    {
        let StateProj::Slots(phase) = self.as_mut().project() else { return None };
        let InSlotsProj { mut members, next, .. } = phase.project();
        let Next::Body(_) = next else { return None };
        // This comes while the slots still hold every resource, because a waker's destructor may panic. If there are
        // drivers, the waker stays, because they go on to wake it.
        if !Ms::Kind::DRIVEN {
            members.as_mut().forget_parent();
        }
        let Next::Body(after) = mem::replace(next, Next::Fail(ExitCase::Cancelled)) else { return None };
        let (values, ranks, emptied) = members.take();
        let mut held = HeldAll::new(values, ranks);
        let drivers = after.split(held.values_mut());
        match after.begin(held, *parts.exits) {
            Ok(block) => {
                self.set(Self::Body { block, emptied, drivers });
                None
            }
            Err(value) => {
                self.end();
                Some(value)
            }
        }
    }

    /// Polls the body, and the drivers unless they were polled before. Goes on to the exits if one of them ends the
    /// body.
    fn poll_body_and_drivers<P>(
        mut self: Pin<&mut Self>,
        drives: bool,
        parts: &mut Parts<'_, P>,
        cx: &mut Context<'_>,
    ) -> Poll<()>
    where
        P: Policy<Exits = X>,
    {
        let body_first = drives && FairOf::<P>::FAIR && parts.exits.fairness().body_first();
        if drives && !body_first {
            self.as_mut().poll_drivers(parts, cx);
        }
        let polled = self.as_mut().poll_body(parts, cx);
        if body_first && polled.is_pending() {
            self.as_mut().poll_drivers(parts, cx);
            return if self.is_body() { Poll::Pending } else { Poll::Ready(()) };
        }
        polled
    }

    /// Polls the block that owns the values. When it has returned them, goes on to the exits.
    fn poll_body<P: Policy>(mut self: Pin<&mut Self>, parts: &mut Parts<'_, P>, cx: &mut Context<'_>) -> Poll<()> {
        let StateProj::Body { block, .. } = self.as_mut().project() else { return Poll::Ready(()) };
        // The result is used in place, because the values should be moved as seldom as possible.
        let mut polled = poll_block(P::Stop::ENDS_BODY || Ms::Kind::DRIVEN || Ms::Values::GROWS, block, cx);
        let mut first = FirstPanic::none();
        if Ms::Values::GROWS && P::Observer::OBSERVES && polled.is_pending() {
            let StateProj::Body { block, drivers, .. } = self.as_mut().project() else { return Poll::Ready(()) };
            tell_all(&drivers.events(), parts.observer, &mut first);
            if first.is_some() {
                polled = cancel_block(block);
            }
        }
        let Poll::Ready(returned) = &mut polled else { return Poll::Pending };
        self.leave_body(returned, ExitCase::Cancelled, first, true, parts);
        Poll::Ready(())
    }

    /// Polls the drivers beside the body. If one fails, the body is polled once more, and it is dropped if it does not
    /// end then. If one panics, the body is dropped at once.
    fn poll_drivers<P: Policy>(mut self: Pin<&mut Self>, parts: &mut Parts<'_, P>, cx: &mut Context<'_>) {
        let StateProj::Body { block, emptied, drivers } = self.as_mut().project() else { return };
        let (mut first, mut failed) = (FirstPanic::none(), false);
        Ms::drive_emptied(emptied, drivers.members(), cx, |index, cx| {
            failed |= drive(index, parts.observer, &mut first, || drivers.drive(index, cx));
        });
        if !failed && !first.is_some() {
            return;
        }
        let mut polled = if first.is_some() { Poll::Pending } else { poll_block(true, block, cx) };
        if polled.is_pending() {
            let StateProj::Body { block, .. } = self.as_mut().project() else { return };
            polled = cancel_block(block);
        }
        if let Poll::Ready(returned) = &mut polled {
            self.leave_body(returned, ExitCase::Lost, first, true, parts);
        }
    }

    /// Ends with the value of a body that has succeeded, and with the resources, which are not exited.
    fn keep(mut self: Pin<&mut Self>, policy: X) -> Option<F::Value> {
        let ExitProj { members, exits, panic } = self.as_mut().exits();
        let value = exits.value_of_body(panic)?;
        let (values, ranks, _) = members.take();
        self.end();
        Some(F::keep(value, HeldAll::new(values, ranks), policy))
    }

    fn is_body(self: Pin<&mut Self>) -> bool {
        matches!(self.project(), StateProj::Body { .. })
    }

    /// Goes on to the exits, which receive `why` if the body did not end by itself. `tells` is unset if the observer
    /// knows already.
    fn leave_body<P: Policy>(
        mut self: Pin<&mut Self>,
        (held, ended): &mut (HeldAll<Ms::Values, X::Rank>, Ended<Result<F::Value, F::Error>>),
        why: ExitCase,
        mut panic: FirstPanic,
        tells: bool,
        parts: &mut Parts<'_, P>,
    ) {
        let StateProj::Body { emptied, drivers, .. } = self.as_mut().project() else { return };
        tell_all(&drivers.events(), parts.observer, &mut panic);
        if Ms::Kind::DRIVEN {
            drivers.take().rejoin(held.values_mut());
        }
        let ending = match mem::replace(ended, Ok(None)) {
            Ok(Some(Ok(value))) => Ending::Completed(value),
            Ok(Some(Err(error))) => Ending::Failed(error),
            Ok(None) => Ending::Cancelled,
            Err(caught) => {
                panic.keep(caught);
                Ending::Panicked
            }
        };
        let lost = why == ExitCase::Lost && matches!(ending, Ending::Cancelled);
        let next = Self::Slots(InSlots::new(Ms::empty(emptied), Next::Exits(Exits::new(ending)), panic));
        self.set(next);
        let StateProj::Slots(phase) = self.project() else { return };
        let InSlotsProj { mut members, next, panic, .. } = phase.project();
        let Next::Exits(exits) = next else { return };
        // Without `std`, a panic of `stop` or of the observer gets out from here: there is no body any more.
        parts.stop.as_mut().clear(panic);
        if panic.is_some() {
            exits.panic(panic);
        }
        let lost = lost && !panic.is_some();
        if tells {
            let case = if lost { why } else { exits.case() };
            tell(parts.observer, panic, Event::BodyEnded { case });
        }
        let (values, ranks) = held.take();
        members.as_mut().fill(values, ranks);
        if Ms::Kind::DRIVEN && lost {
            exits.lose(members);
        }
    }

    /// Polls `stop`, as long as it is there and was not ready. When it is ready, it ends the enters and the body. A
    /// failed group stays failed. With `settle` the pending enters run on.
    fn poll_stop<P: Policy>(mut self: Pin<&mut Self>, parts: &mut Parts<'_, P>, cx: &mut Context<'_>) {
        // This goes by `project`, because a shared reference to the state would cover the body's block, which borrows
        // from itself.
        let matters = match self.as_mut().project() {
            StateProj::Slots(phase) => phase.is_entering(),
            StateProj::Body { .. } => true,
            StateProj::Done => false,
        };
        if !matters {
            return;
        }
        let (mut first, mut stopped) = (FirstPanic::none(), false);
        first.guard(&mut || stopped = parts.stop.as_mut().poll_stop(cx).is_ready());
        if !stopped && !first.is_some() {
            return;
        }
        match self.as_mut().project() {
            StateProj::Slots(phase) => phase.stop(P::SETTLE, parts.observer, first),
            StateProj::Body { block, .. } => {
                if let Poll::Ready(returned) = &mut cancel_block(block) {
                    self.leave_body(returned, ExitCase::Cancelled, first, true, parts);
                }
            }
            _ => {}
        }
    }
}

impl<Ms: Members, F: After<Ms::Values, P::Exits>, P: Policy> cycle::sealed::Sealed for Machine<Ms, F, P> {}

impl<Ms, F, P> Cycle for Machine<Ms, F, P>
where
    Ms: Members<Values: Values<Error: 'static>, Rank = <P::Exits as ExitPolicy>::Rank>,
    F: After<Ms::Values, P::Exits, Error: 'static>,
    P: Policy,
{
    type Value = F::Value;
    type Error = ErrorOf<Ms>;
    type Shape = ShapeOf<Ms>;
    type BodyError = F::Error;
    const CATCH: bool = P::Panics::CATCH;

    fn poll_cycle(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<cycle::OutcomeOf<Self>> {
        let mut guard = EndOnUnwind(self);
        let finished = guard.0.as_mut().poll_states(cx);
        mem::forget(guard);
        Poll::Ready(ready!(finished).unwrap_or_else(|caught| caught.resume()))
    }

    fn is_over(&self) -> bool {
        matches!(self.state, State::Done)
    }
}

impl<Ms: Members, F: After<Ms::Values, P::Exits>, P: Policy> Clear for Machine<Ms, F, P> {
    #[inline(never)]
    fn clear(self: Pin<&mut Self>, panic: &mut FirstPanic) {
        let this = self.project();
        let (mut state, observer) = (this.state, this.policy.parts().observer);
        let mut drivers = None;
        match state.as_mut().project() {
            StateProj::Slots(phase) => phase.clear(observer, panic),
            StateProj::Body { drivers: all, .. } => {
                tell(observer, panic, Event::BodyDropped {});
                let mut all = all.take();
                all.clear(panic);
                drivers = Some(all);
            }
            StateProj::Done => return,
        }
        panic.guard(&mut || state.as_mut().end());
        let Some(drivers) = drivers else { return };
        tell_all(&drivers.events(), observer, panic);
        if P::Observer::OBSERVES {
            for index in 0..drivers.members() {
                if !drivers.is_absent(index) {
                    tell(observer, panic, Event::Abandoned { index });
                }
            }
        }
    }
}

#[pinned_drop]
impl<Ms: Members, F: After<Ms::Values, P::Exits>, P: Policy> PinnedDrop for Machine<Ms, F, P> {
    #[inline]
    fn drop(mut self: Pin<&mut Self>) {
        if P::Stop::ENABLED || !self.as_mut().is_done() {
            self.drop_parts();
        }
    }
}
