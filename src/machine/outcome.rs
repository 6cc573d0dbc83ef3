//! How a life cycle ends: the ending, the errors, the result.

use core::{any::Any, mem, ops::ControlFlow, pin::Pin};

use crate::{
    Cause, Errors, ExitCase, Failure, Shape, Values,
    cycle::Outcome,
    drive::{Index, Kind},
    exit::Answer,
    group::{ErrorOf, LostOf, Members, ShapeOf, Visitor},
    slot::Slot,
    unwind::{self, Caught, FirstPanic},
};

/// How the body ended, or why it was not called: an [`ExitCase`], along with the value or the error to return.
///
/// `Shown` holds the error that the exits are shown. It is the error of an enter, also after a panic, or the error of a
/// driver, along with the index `L` of its member.
pub(crate) enum Ending<R, B, E, L> {
    Completed(R),
    Failed(B),
    Cancelled,
    Panicked,
    EnterFailed,
    Shown(E, Option<L>),
}

impl<R, B, E, L> Ending<R, B, E, L> {
    /// Returns the ending of a body that was not called.
    pub(super) fn no_body(case: ExitCase) -> Self {
        match case {
            ExitCase::Cancelled => Self::Cancelled,
            ExitCase::Panicked => Self::Panicked,
            _ => Self::EnterFailed,
        }
    }

    pub(super) fn case(&self) -> ExitCase {
        match self {
            Self::Completed(_) => ExitCase::Completed,
            Self::Failed(_) => ExitCase::Failed,
            Self::Cancelled => ExitCase::Cancelled,
            Self::Panicked => ExitCase::Panicked,
            Self::Shown(_, Some(_)) => ExitCase::Lost,
            Self::EnterFailed | Self::Shown(_, None) => ExitCase::EnterFailed,
        }
    }

    /// Returns the error that the exits are shown.
    pub(super) fn shown(&self) -> Option<&dyn Any>
    where
        B: 'static,
        E: 'static,
    {
        match self {
            Self::Failed(error) => Some(error),
            Self::Shown(error, _) => Some(error),
            _ => None,
        }
    }

    /// If the body was not called because something failed, the exits are shown the error that `find` returns.
    pub(super) fn show(&mut self, find: impl FnOnce() -> Option<E>) {
        if let Self::Panicked | Self::EnterFailed = self {
            if let Some(error) = find() {
                *self = Self::Shown(error, None);
            }
        }
    }

    /// Returns the same ending, without the body's value.
    #[cfg(feature = "alloc")]
    pub(super) fn drop_value(self, panic: &mut FirstPanic) -> Ending<(), B, E, L> {
        match self {
            Self::Completed(value) => {
                panic.drop(value);
                Ending::Completed(())
            }
            Self::Failed(error) => Ending::Failed(error),
            Self::Cancelled => Ending::Cancelled,
            Self::Panicked => Ending::Panicked,
            Self::EnterFailed => Ending::EnterFailed,
            Self::Shown(error, lost) => Ending::Shown(error, lost),
        }
    }

    /// Moves out the error that the exits were shown, if it came from an enter or a driver.
    fn take_shown(self) -> (Self, Option<E>, Option<L>) {
        match self {
            Self::Shown(error, lost) => (Self::EnterFailed, Some(error), lost),
            ending => (ending, None, None),
        }
    }
}

/// The answers of the exits so far. Of these variants, the last one that applies is set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answers {
    Neutral,
    /// An exit answered `Suppress`.
    Suppress,
    /// An exit answered `Propagate`.
    Propagate,
    /// In a stack: an exit that received `Failed` answered `Suppress`.
    Suppressed,
    /// An exit failed.
    Failed,
}

impl From<Answer> for Answers {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Neutral => Self::Neutral,
            Answer::Suppress => Self::Suppress,
            Answer::Propagate => Self::Propagate,
        }
    }
}

impl From<Answers> for Answer {
    fn from(answers: Answers) -> Self {
        match answers {
            Answers::Neutral => Self::Neutral,
            Answers::Suppress | Answers::Suppressed => Self::Suppress,
            Answers::Propagate | Answers::Failed => Self::Propagate,
        }
    }
}

/// The message if a life cycle is polled after its end.
pub(super) const AFTER_THE_END: &str = "a gather was polled after it had finished";

/// How a life cycle of these members ends: with an outcome, or with the panic that now resumes.
pub(super) type Finished<Ms, R, B> = Result<Outcome<R, ErrorOf<Ms>, ShapeOf<Ms>, B>, Caught>;

/// Returns the value and the common answer of the exits, if nothing has failed.
#[inline]
pub(super) fn complete<Ms: Members, R, B>(
    mut members: Pin<&mut Ms>,
    ending: &mut Ending<R, B, ErrorOf<Ms>, LostOf<Ms>>,
    answers: Answers,
    panic: &mut FirstPanic,
) -> Option<(R, Answer)> {
    if <Ms::Values as Values>::OPTIONAL {
        let _ = members.as_mut().visit(0, &mut ClearAbsent { panic });
    }
    // This does not use `guard`, so that most groups, which have nothing to do here, have no code for it.
    if let Err(caught) = unwind::catch(|| members.forget_parent()) {
        panic.keep(caught);
    }
    if answers == Answers::Failed || panic.is_some() || !matches!(ending, Ending::Completed(_)) {
        return None;
    }
    // The value is moved out in place, because moving all of the state out would bring code for each field.
    match mem::replace(ending, Ending::Cancelled) {
        Ending::Completed(value) => Some((value, answers.into())),
        _ => None,
    }
}

/// Moves the errors out, if [`complete`] has found no value.
#[inline(never)]
pub(super) fn fail<Ms: Members, R, B>(
    mut members: Pin<&mut Ms>,
    ending: &mut Ending<R, B, ErrorOf<Ms>, LostOf<Ms>>,
    answers: Answers,
    panic: &mut FirstPanic,
    names: &'static [&'static str],
    catch: bool,
) -> Finished<Ms, R, B> {
    let (ending, mut lent, first_lost) = mem::replace(ending, Ending::Cancelled).take_shown();
    let mut lost = None;
    if Ms::Kind::DRIVEN {
        if let Some(first) = first_lost {
            let mut take = TakeLost { lent: lent.take(), index: first.get(), errors: Errors::empty() };
            let _ = members.as_mut().visit(0, &mut take);
            lost = Some(take.errors);
        }
    }
    let mut errors = TakeErrors { enters: Errors::empty(), exits: Errors::empty(), lent };
    // An exit that failed, and whose future then panicked in its destructor, is known by its panic alone.
    if answers == Answers::Failed || panic.is_some() || matches!(ending, Ending::EnterFailed) {
        if Errors::<ErrorOf<Ms>, ShapeOf<Ms>>::GROWS {
            let mut count = CountErrors { enters: 0, exits: 0 };
            let _ = members.as_mut().visit(0, &mut count);
            errors.enters.reserve(count.enters);
            errors.exits.reserve(count.exits);
        }
        let _ = members.visit(0, &mut errors);
    }
    let TakeErrors { enters, mut exits, .. } = errors;
    let mut value = None;
    let cause = if let Some(caught) = panic.take() {
        panic.drop(ending);
        enters.into_iter().chain(lost.into_iter().flatten()).for_each(|(_, error)| panic.drop(error));
        if !catch {
            exits.into_iter().for_each(|(_, error)| panic.drop(error));
            return Err(caught);
        }
        Cause::panicked(caught)
    } else {
        match ending {
            Ending::Completed(completed) => {
                value = Some(completed);
                Cause::Exit {}
            }
            Ending::Failed(error) => Cause::Body(error),
            Ending::Cancelled => Cause::Cancelled {},
            Ending::EnterFailed | Ending::Shown(..) => match lost {
                Some(lost) if enters.is_empty() => Cause::Lost(lost),
                // An enter has failed as well.
                Some(lost) => {
                    exits = exits.merge(lost, panic);
                    Cause::Enter(enters)
                }
                None => Cause::Enter(enters),
            },
            Ending::Panicked => unreachable!("no panic is forgotten"),
        }
    };
    let suppressed = Answer::from(answers) == Answer::Suppress && matches!(cause, Cause::Body(_));
    Ok(Err((Failure { cause, exits, suppressed, names: <ShapeOf<Ms>>::from_slice(names) }, value)))
}

/// Drops the errors of optional members that could not be entered, because their destructors may panic.
struct ClearAbsent<'a> {
    panic: &'a mut FirstPanic,
}

impl<E, T> Visitor<E, T> for ClearAbsent<'_> {
    fn visit<S>(&mut self, _: usize, slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = E, Rank = T>,
    {
        slot.clear_absent(self.panic);
        ControlFlow::Continue(())
    }
}

/// Moves out the errors of drivers that have failed before the exits. The error of the member `index` is not in its
/// slot, but lent.
struct TakeLost<E, S: Shape> {
    lent: Option<E>,
    index: usize,
    errors: Errors<E, S>,
}

impl<E, T, K: Shape> Visitor<E, T> for TakeLost<E, K> {
    fn visit<S>(&mut self, index: usize, mut slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = E, Rank = T>,
    {
        let lost = if index == self.index {
            self.lent.take()
        } else if slot.as_mut().is_lost() {
            slot.take_exit_fault()
        } else {
            None
        };
        if let Some(error) = lost {
            self.errors.put(index, error);
        }
        ControlFlow::Continue(())
    }
}

/// Counts the errors.
struct CountErrors {
    enters: usize,
    exits: usize,
}

impl<E, T> Visitor<E, T> for CountErrors {
    fn visit<S>(&mut self, _: usize, slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = E, Rank = T>,
    {
        let (enter, exit) = slot.has_faults();
        self.enters += usize::from(enter);
        self.exits += usize::from(exit);
        ControlFlow::Continue(())
    }
}

/// Moves out all errors, in the order of their indices. The one that the exits were shown is not in its slot, but lent.
struct TakeErrors<E, S: Shape> {
    enters: Errors<E, S>,
    exits: Errors<E, S>,
    lent: Option<E>,
}

impl<E, T, K: Shape> Visitor<E, T> for TakeErrors<E, K> {
    fn visit<S>(&mut self, index: usize, mut slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = E, Rank = T>,
    {
        if let Some(error) = slot.as_mut().take_enter_fault(&mut self.lent) {
            self.enters.put(index, error);
        }
        if let Some(error) = slot.take_exit_fault() {
            self.exits.put(index, error);
        }
        ControlFlow::Continue(())
    }
}
