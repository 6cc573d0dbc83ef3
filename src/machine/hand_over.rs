//! The part of a life cycle that can go on without its caller, and that a drop hands over.

use core::{convert::Infallible, marker::PhantomData, mem, ops::ControlFlow, pin::Pin, task::Poll};

use crate::{
    Event, ExitCase, Values,
    drive::Undriven,
    group::{HeldAll, PortableMembers, Visitor},
    policy::{ExitPolicy, Observer, Policy, Stop, tell},
    slot::{Nobody, Phase, Slot},
    unwind::FirstPanic,
};

use super::{
    Machine, State, StateProj,
    body::{After, Ended, cancel_block},
    enter::{CutEnters, InSlots, InSlotsProj, Next},
};

/// Says that there is no body any more. Its error would be a `B`.
pub(crate) struct NoBody<B>(Infallible, PhantomData<fn() -> B>);

impl<V: Values, X: ExitPolicy, B> After<V, X> for NoBody<B> {
    const BODY: bool = false;
    type Value = ();
    type Error = B;
    type Block = Nobody<(HeldAll<V, X::Rank>, Ended<Result<(), B>>)>;
    type Drivers = Undriven;

    fn split(&self, _: &mut V) -> Undriven {
        Undriven
    }

    fn begin(self, _: HeldAll<V, X::Rank>, _: X) -> Result<Self::Block, ()> {
        match self.0 {}
    }
}

/// The rest of a life cycle after a drop.
pub(crate) type Rest<Ms, B, P> = Machine<<Ms as PortableMembers>::Moved, NoBody<B>, <P as Policy>::AfterDrop>;

/// The slots of the rest of a life cycle.
type RestOfSlots<Ms, B> = InSlots<<Ms as PortableMembers>::Moved, NoBody<B>, (), B>;

impl<Ms, F, P> Machine<Ms, F, P>
where
    Ms: PortableMembers<Values: Values<Error: 'static>, Rank = <P::Exits as ExitPolicy>::Rank>,
    F: After<Ms::Values, P::Exits, Error: 'static>,
    P: Policy,
{
    /// Drops the body, and the enters that cannot go on. Moves the rest out, if there is something to do or to report.
    pub(crate) fn hand_over(self: Pin<&mut Self>) -> Option<Rest<Ms, F::Error, P>> {
        let mut this = self.project();
        let mut parts = this.policy.as_mut().parts();
        if let StateProj::Body { block, .. } = this.state.as_mut().project() {
            let mut first = FirstPanic::none();
            tell(parts.observer, &mut first, Event::BodyDropped {});
            if let Poll::Ready(returned) = &mut cancel_block(block) {
                this.state.as_mut().leave_body(returned, ExitCase::Cancelled, first, false, &mut parts);
            }
        }
        let StateProj::Slots(phase) = this.state.as_mut().project() else { return None };
        let rest = phase.hand_over(parts.stop.as_mut(), parts.observer)?;
        this.state.end();
        Some(Machine { state: State::Slots(rest), policy: this.policy.after_drop() })
    }
}

impl<Ms: PortableMembers, F, R, B> InSlots<Ms, F, R, B> {
    /// Drops the body that was not called, `stop`, and the enters that cannot go on. Moves the rest out.
    fn hand_over(
        self: Pin<&mut Self>,
        stop: Pin<&mut impl Stop>,
        observer: &mut impl Observer,
    ) -> Option<RestOfSlots<Ms, B>> {
        let InSlotsProj { mut members, next, rank, in_flight, panic } = self.project();
        let mut dropped = FirstPanic::none();
        let mut cut = CutEnters { all: !Ms::ENTERS, panic: &mut dropped, observer };
        let _ = members.as_mut().visit(0, &mut cut);
        if !Ms::ENTERS {
            *in_flight = Ms::Number::default();
        }
        next.fail(ExitCase::Cancelled, &mut dropped);
        stop.clear(&mut dropped);
        let next = match next {
            Next::Exits(exits) => Next::Exits(exits.hand_over(&mut dropped)),
            Next::Fail(case) => Next::Fail(*case),
            Next::Body(_) => unreachable!("the body was dropped"),
        };
        panic.join(dropped);
        let mut tell = TellHandedOver { any: panic.is_some(), panic, observer };
        let _ = members.as_mut().visit(0, &mut tell);
        if !tell.any {
            return None;
        }
        // The caller's waker is of no use to the new caller.
        panic.guard(&mut || members.as_mut().forget_parent());
        let panic = mem::replace(panic, FirstPanic::none());
        Some(InSlots { members: members.move_out(), next, rank: *rank, in_flight: *in_flight, panic })
    }
}

/// Tells the observer of each member that is handed over. Remembers whether there is something to do or to report.
struct TellHandedOver<'a, O> {
    any: bool,
    panic: &'a mut FirstPanic,
    observer: &'a mut O,
}

impl<E, T, O: Observer> Visitor<E, T> for TellHandedOver<'_, O> {
    fn visit<S>(&mut self, index: usize, mut slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = E, Rank = T>,
    {
        if let Phase::Entering | Phase::Held | Phase::Exiting = slot.as_mut().phase() {
            self.any = true;
            tell(self.observer, self.panic, Event::HandedOver { index });
        }
        self.any |= slot.has_faults() != (false, false);
        ControlFlow::Continue(())
    }
}
