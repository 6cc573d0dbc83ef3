//! Puts a group in order after a panic, and in a drop.

use core::{mem, ops::ControlFlow, pin::Pin};

use crate::{
    Event,
    group::{Members, Visitor},
    policy::{Observer, Rank, tell},
    slot::{Phase, Slot},
    unwind::{self, Caught, FirstPanic},
};

/// The step that the sweep takes at the slot that it has come to.
#[derive(Clone, Copy)]
pub(super) enum Step {
    /// It polls the enter.
    Enter,
    /// It shows the error to the resource.
    OnError,
    /// `on_error` has panicked, and the sweep goes on to the exit.
    Shown,
    /// It begins or polls the exit.
    Exit,
}

/// How far the sweep of one poll has come. It lives outside of the code that a panic unwinds, so that the sweep goes on
/// behind the member that panicked.
pub(super) struct Cursor {
    /// How many slots the sweep has come to. The code of the last of them runs.
    come_to: usize,
    pub(super) step: Step,
    /// A member that the sweep came by is not done.
    pub(super) pending: bool,
    /// An exit was held back by the limit.
    pub(super) held_back: bool,
    /// Which slots the sweep is for.
    pub(super) pass: Pass,
}

impl Cursor {
    pub(super) fn new(step: Step) -> Self {
        Self { come_to: 0, step, pending: false, held_back: false, pass: Pass::All }
    }

    /// Notes that a sweep begins. A panic before it comes to a member is the caller's, for example in the clone of a
    /// waker.
    pub(super) fn begin_sweep(&mut self) {
        if unwind::CATCHES {
            self.come_to = 0;
        }
    }

    /// Notes that from now on a panic comes from the member `index`.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn visit(&mut self, index: usize) {
        if unwind::CATCHES {
            self.come_to = index + 1;
        }
    }

    /// Calls `show` for the exit that begins next, unless `show` has panicked for it before.
    pub(super) fn show(&mut self, show: impl FnOnce()) {
        if !matches!(mem::replace(&mut self.step, Step::OnError), Step::Shown) {
            show();
        }
        self.step = Step::Exit;
    }

    /// With `fair()`, begins the passes of a poll, unless they have begun. `first` returns the member at which they
    /// start.
    pub(super) fn begin_passes(&mut self, first: impl FnOnce() -> usize) {
        if let Pass::All = self.pass {
            self.pass = Pass::From(first());
        }
    }

    /// With `fair()`, goes on to the next pass of this poll. Returns whether there is one.
    pub(super) fn next_pass(&mut self) -> bool {
        self.pass = match self.pass {
            Pass::From(first) => Pass::Below(first),
            Pass::Below(_) => Pass::Start,
            Pass::All | Pass::Start => return false,
        };
        true
    }

    /// Drops the future that has panicked, and returns its index. If the panic was not a member's, it resumes.
    #[cold]
    pub(super) fn recover<Ms: Members>(
        &mut self,
        members: Pin<&mut Ms>,
        caught: Caught,
        panic: &mut FirstPanic,
    ) -> usize {
        let Some(index) = mem::take(&mut self.come_to).checked_sub(1) else { caught.resume() };
        panic.keep(caught);
        let _ = members.visit(index, &mut Cut { panic });
        index
    }
}

/// Which slots a sweep of one poll is for. Without `fair()` one pass is enough. With it, three passes make a poll:
///
/// 1. members in flight, from one member on
/// 2. members in flight, up to that member
/// 3. members that start
#[derive(Clone, Copy)]
pub(super) enum Pass {
    All,
    From(usize),
    Below(usize),
    Start,
}

impl Pass {
    pub(super) fn covers(self, index: usize, phase: Phase) -> bool {
        let waits = matches!(phase, Phase::Queued | Phase::Held);
        match self {
            Self::All => true,
            Self::From(first) => !waits && index >= first,
            Self::Below(first) => !waits && index < first,
            Self::Start => waits,
        }
    }
}

/// Drops the future of the one member that panicked.
struct Cut<'a> {
    panic: &'a mut FirstPanic,
}

impl<E, T> Visitor<E, T> for Cut<'_> {
    fn visit<S>(&mut self, _: usize, slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = E, Rank = T>,
    {
        slot.cut(self.panic);
        ControlFlow::Break(())
    }
}

/// Gives a rank to the member that panicked, if it has entered all the same. Remembers whether it has.
pub(super) struct Settle<'a, T> {
    pub(super) rank: &'a mut T,
    pub(super) held: bool,
}

impl<E, T: Rank> Visitor<E, T> for Settle<'_, T> {
    fn visit<S>(&mut self, _: usize, mut slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = E, Rank = T>,
    {
        self.held = slot.as_mut().phase() == Phase::Held;
        if self.held {
            slot.set_rank(self.rank.next());
        }
        ControlFlow::Break(())
    }
}

/// Empties every slot.
pub(super) struct ClearSlots<'a, O> {
    pub(super) panic: &'a mut FirstPanic,
    pub(super) observer: &'a mut O,
}

impl<E, T, O: Observer> Visitor<E, T> for ClearSlots<'_, O> {
    fn visit<S>(&mut self, index: usize, mut slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = E, Rank = T>,
    {
        let event = match slot.as_mut().phase() {
            Phase::Entering => Some(Event::EnterDropped { index }),
            Phase::Held => Some(Event::Abandoned { index }),
            Phase::Exiting => Some(Event::ExitDropped { index }),
            Phase::Queued | Phase::Over => None,
        };
        slot.clear(self.panic);
        if let Some(event) = event {
            tell(self.observer, self.panic, event);
        }
        ControlFlow::Continue(())
    }
}

/// A future that can be dropped part by part, so that the destructors of all parts run even if more than one panics.
pub(super) trait Clear {
    fn clear(self: Pin<&mut Self>, panic: &mut FirstPanic);
}

/// Ends a life cycle if a panic gets out of it, as every panic does without `std`. If it is polled again, it panics and
/// says so.
pub(super) struct EndOnUnwind<'a, T: Clear>(pub(super) Pin<&'a mut T>);

impl<T: Clear> Drop for EndOnUnwind<'_, T> {
    fn drop(&mut self) {
        self.0.as_mut().clear(&mut FirstPanic::none());
    }
}
