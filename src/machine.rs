//! The heart: one hand-written future, enter -> body -> exit. It knows no group's shape and no member's types.

use core::{
    any::Any,
    mem,
    ops::ControlFlow,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::future::FusedFuture;
use pin_project::{pin_project, pinned_drop};

use crate::{
    Cause, ExitCase, Failure, Faults, Verdict,
    failure::Store,
    group::{Members, Visitor},
    slot::{EnterPoll, ExitPoll, Slot},
    unwind::{self, Caught, FirstPanic},
};

/// How the body ended, or why it was not called, and what there is to hand back: an [`ExitCase`] with its load.
pub(crate) enum Ending<R, B> {
    Completed(R),
    Failed(B),
    Panicked,
    EnterFailed,
}

impl<R, B> From<Result<R, B>> for Ending<R, B> {
    fn from(result: Result<R, B>) -> Self {
        match result {
            Ok(value) => Self::Completed(value),
            Err(error) => Self::Failed(error),
        }
    }
}

impl<R, B> Ending<R, B> {
    fn case(&self) -> ExitCase {
        match self {
            Self::Completed(_) => ExitCase::Completed,
            Self::Failed(_) => ExitCase::Failed,
            Self::Panicked => ExitCase::Panicked,
            Self::EnterFailed => ExitCase::EnterFailed,
        }
    }
}

/// What the body's block gives back: the values that were lent, and how the body ended.
pub(crate) type Returned<V, R, B> = (V, Result<Ending<R, B>, Caught>);

/// What is to come while the members are in their slots.
enum Stage<F, R, B> {
    /// The body: `F` makes its block. No member has failed.
    Body(F),
    /// The exits, and then the end.
    Exit(Ending<R, B>),
}

/// The states of the machine.
///
/// | state                     | meaning                                             | next                             |
/// |---------------------------|-----------------------------------------------------|----------------------------------|
/// | `Members`, stage `Body`   | members are entering, none has failed               | `Body`; stage `Exit`             |
/// | `Members`, stage `Exit`,  | a member failed, the others settle                  | `Exit`, not `entering`           |
/// | `entering`                |                                                     |                                  |
/// | `Members`, stage `Exit`,  | exits are in flight; the first sweep begins them    | `Done`                           |
/// | not `entering`            |                                                     |                                  |
/// | `Body`                    | the block owns the values, and lends them           | `Members`, stage `Exit`          |
/// | `Done`                    | finished, or a panic got out                        |                                  |
#[pin_project(project = StateProj, project_replace = StateOwn)]
enum State<Ms: Members, F, Fut, R, B> {
    Members {
        #[pin]
        members: Ms,
        stage: Stage<F, R, B>,
        flags: Flags,
        /// The first panic, kept until all is done.
        panic: FirstPanic,
    },
    Body {
        #[pin]
        block: Fut,
        exits: Ms::Exits,
    },
    Done,
}

/// What is known of the members together.
#[derive(Default)]
struct Flags {
    /// Not all have entered or failed.
    entering: bool,
    /// The exits have begun.
    exiting: bool,
    /// An exit failed.
    exit_failed: bool,
    /// An exit did not answer `Suppress`.
    propagate: bool,
}

/// How far one poll has come. It lives outside what a panic unwinds, so that the poll goes on behind the member that
/// panicked.
#[derive(Default)]
struct Cursor {
    /// The enters have had their turn in this poll.
    enters_done: bool,
    /// The slot that the sweep under way has come to.
    at: usize,
    /// Set while user code of the slot `at` runs.
    visiting: bool,
    /// The slot `at` panicked in `witness`, and is not shown the error again.
    witnessed: bool,
    /// A member that the sweep under way came by is pending.
    pending: bool,
    /// A member could not be entered, or its entering panicked.
    enter_failed: bool,
    enter_panicked: bool,
}

impl Cursor {
    fn begin_visit(&mut self, index: usize) {
        self.at = index;
        self.visiting = true;
    }

    fn end_visit(&mut self) {
        self.at += 1;
        self.visiting = false;
        self.witnessed = false;
    }

    /// Ends the sweep of the enters; says whether one is pending.
    fn end_enters(&mut self) -> bool {
        self.enters_done = true;
        self.at = 0;
        mem::take(&mut self.pending)
    }
}

pub(crate) type Outcome<Ms, R, B> = Result<R, Failure<R, B, Faults<<Ms as Members>::Store>>>;

/// A group's whole life cycle. `F` makes the body's block `Fut` from the values.
#[pin_project(PinnedDrop)]
pub(crate) struct Machine<Ms: Members, F, Fut, R, B> {
    #[pin]
    state: State<Ms, F, Fut, R, B>,
}

impl<Ms, F, Fut, R, B> Machine<Ms, F, Fut, R, B>
where
    Ms: Members<Error: 'static>,
    F: FnOnce(Ms::Values) -> Fut,
    Fut: Future<Output = Returned<Ms::Values, R, B>>,
    B: 'static,
{
    pub(crate) fn new(members: Ms, body: F) -> Self {
        let flags = Flags { entering: true, ..Flags::default() };
        Self { state: State::Members { members, stage: Stage::Body(body), flags, panic: FirstPanic::none() } }
    }

    /// Goes as far as it can. A panic of a member goes through it, and leaves what `recover` expects.
    fn step(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        cursor: &mut Cursor,
    ) -> Poll<Result<Outcome<Ms, R, B>, Caught>> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::Members { mut members, stage, flags, panic } => {
                    if flags.entering && !cursor.enters_done {
                        let _ = members.as_mut().visit(cursor.at, &mut PollEnters { cx, cursor });
                        flags.entering = cursor.end_enters();
                        if cursor.enter_failed || cursor.enter_panicked {
                            panic.guard(|| stage.fail(cursor.enter_panicked));
                        }
                    }
                    if flags.entering {
                        return Poll::Pending;
                    }
                    if let Stage::Exit(ending) = stage {
                        poll_exits(members, ending, flags, cx, cursor);
                        if cursor.pending {
                            return Poll::Pending;
                        }
                        return Poll::Ready(finish(this.state));
                    }
                    let (values, exits) = members.as_mut().take();
                    if let StateOwn::Members { stage: Stage::Body(body), .. } =
                        this.state.as_mut().project_replace(State::Done)
                    {
                        this.state.set(State::Body { block: body(values), exits });
                    }
                }
                StateProj::Body { block, exits } => {
                    let (values, ending) = ready!(block.poll(cx));
                    let mut panic = FirstPanic::none();
                    let ending = ending.unwrap_or_else(|caught| {
                        panic.keep(caught);
                        Ending::Panicked
                    });
                    let (members, stage) = (Ms::held(values, *exits), Stage::Exit(ending));
                    this.state.set(State::Members { members, stage, flags: Flags::default(), panic });
                }
                StateProj::Done => panic!("a gather was polled after it had finished"),
            }
        }
    }

    /// Puts in order what the panic of a member left behind, so that `step` can go on.
    #[cold]
    fn recover(self: Pin<&mut Self>, caught: Caught, cursor: &mut Cursor) {
        if !mem::take(&mut cursor.visiting) {
            caught.resume();
        }
        if let StateProj::Members { members, flags, panic, .. } = self.project().state.project() {
            panic.keep(caught);
            let mut cut = Cut { panic, held: false };
            let _ = members.visit(cursor.at, &mut cut);
            if flags.entering {
                // The resource may be held all the same, where the panic was that of its enter's destructor.
                cursor.enter_panicked = true;
            } else if cut.held {
                // The panic was that of `witness`: the resource is still to be exited.
                cursor.witnessed = true;
                return;
            } else {
                flags.propagate = true;
            }
            cursor.end_visit();
        }
    }
}

impl<F, R, B> Stage<F, R, B> {
    /// Notes that a member could not be entered. The body, which will not be called, is dropped.
    fn fail(&mut self, panicked: bool) {
        if panicked {
            *self = Self::Exit(Ending::Panicked);
        } else if let Self::Body(_) = self {
            *self = Self::Exit(Ending::EnterFailed);
        }
    }
}

/// Begins the exits of all that are held, and polls all that are in flight.
fn poll_exits<Ms: Members<Error: 'static>, R, B: 'static>(
    members: Pin<&mut Ms>,
    ending: &Ending<R, B>,
    flags: &mut Flags,
    cx: &mut Context<'_>,
    cursor: &mut Cursor,
) {
    let at = cursor.at;
    let mut exits = PollExits { case: ending.case(), witness: None, cx, cursor, flags };
    let _ = match ending {
        Ending::Failed(error) => {
            exits.witness = Some(error);
            members.visit(at, &mut exits)
        }
        Ending::EnterFailed | Ending::Panicked if !exits.flags.exiting => {
            let mut witnessed = Witnessed::take(members);
            exits.witness = witnessed.fault.as_ref().map(|(_, error)| error as &dyn Any);
            witnessed.members.as_mut().visit(at, &mut exits)
        }
        _ => members.visit(at, &mut exits),
    };
    flags.exiting = true;
}

/// The first error of an enter, taken out of its slot so that the others can be shown it. Dropped, it is put back.
struct Witnessed<'a, Ms: Members> {
    members: Pin<&'a mut Ms>,
    fault: Option<(usize, Ms::Error)>,
}

impl<'a, Ms: Members> Witnessed<'a, Ms> {
    fn take(mut members: Pin<&'a mut Ms>) -> Self {
        let mut take = TakeEnterFault(None);
        let _ = members.as_mut().visit(0, &mut take);
        Self { members, fault: take.0 }
    }
}

impl<Ms: Members> Drop for Witnessed<'_, Ms> {
    fn drop(&mut self) {
        if let Some((index, error)) = self.fault.take() {
            let _ = self.members.as_mut().visit(index, &mut ReturnEnterFault(Some(error)));
        }
    }
}

/// Moves the faults out, and says how it all ended: with an outcome, or with the panic that now resumes.
fn finish<Ms: Members, F, Fut, R, B>(
    mut state: Pin<&mut State<Ms, F, Fut, R, B>>,
) -> Result<Outcome<Ms, R, B>, Caught> {
    let mut faults = TakeFaults { enters: Ms::Store::empty(), exits: Ms::Store::empty() };
    let mut suppress = false;
    if let StateProj::Members { members, stage, flags, .. } = state.as_mut().project() {
        suppress = members.len() > 0 && !flags.propagate && !flags.exit_failed;
        if flags.exit_failed || matches!(stage, Stage::Exit(Ending::EnterFailed | Ending::Panicked)) {
            let _ = members.visit(0, &mut faults);
        }
    }
    let StateOwn::Members { stage: Stage::Exit(ending), flags, mut panic, .. } = state.project_replace(State::Done)
    else {
        unreachable!("a gather finishes when all have left")
    };
    if let Some(caught) = panic.take() {
        panic.guard(|| drop(ending));
        panic.guard(|| drop(faults));
        return Err(caught);
    }
    let cause = match ending {
        Ending::Completed(value) if !flags.exit_failed => return Ok(Ok(value)),
        Ending::Completed(value) => Cause::Exit(value),
        Ending::Failed(error) => Cause::Body(error),
        Ending::EnterFailed => Cause::Enter(Faults(faults.enters)),
        Ending::Panicked => unreachable!("no panic is forgotten"),
    };
    Ok(Err(Failure { suppressed: suppress && matches!(cause, Cause::Body(_)), cause, exits: Faults(faults.exits) }))
}

/// Ends the machine where a panic gets out of it, as all do without `std`: polled again, it says so.
struct EndOnUnwind<'a, Ms: Members, F, Fut, R, B>(Pin<&'a mut Machine<Ms, F, Fut, R, B>>);

impl<Ms: Members, F, Fut, R, B> Drop for EndOnUnwind<'_, Ms, F, Fut, R, B> {
    fn drop(&mut self) {
        self.0.as_mut().project().state.set(State::Done);
    }
}

impl<Ms, F, Fut, R, B> Future for Machine<Ms, F, Fut, R, B>
where
    Ms: Members<Error: 'static>,
    F: FnOnce(Ms::Values) -> Fut,
    Fut: Future<Output = Returned<Ms::Values, R, B>>,
    B: 'static,
{
    type Output = Outcome<Ms, R, B>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut cursor = Cursor::default();
        let mut guard = EndOnUnwind(self);
        let polled = loop {
            match unwind::catch(|| guard.0.as_mut().step(cx, &mut cursor)) {
                Ok(Poll::Pending) => break Poll::Pending,
                Ok(Poll::Ready(Ok(outcome))) => break Poll::Ready(outcome),
                Ok(Poll::Ready(Err(caught))) => caught.resume(),
                Err(caught) => guard.0.as_mut().recover(caught, &mut cursor),
            }
        };
        mem::forget(guard);
        polled
    }
}

impl<Ms, F, Fut, R, B> FusedFuture for Machine<Ms, F, Fut, R, B>
where
    Self: Future,
    Ms: Members,
{
    fn is_terminated(&self) -> bool {
        matches!(self.state, State::Done)
    }
}

#[pinned_drop]
impl<Ms: Members, F, Fut, R, B> PinnedDrop for Machine<Ms, F, Fut, R, B> {
    /// Drops member by member, so that the destructors of all run though more than one may panic.
    fn drop(self: Pin<&mut Self>) {
        let mut this = self.project();
        let mut first = FirstPanic::none();
        if let StateProj::Members { members, .. } = this.state.as_mut().project() {
            let _ = members.visit(0, &mut Clear { panic: &mut first });
        }
        first.guard(|| this.state.set(State::Done));
        if let Some(caught) = first.take() {
            caught.resume_in_drop();
        }
    }
}

/// Moves the first error of an enter out.
struct TakeEnterFault<E>(Option<(usize, E)>);

impl<E> Visitor<E> for TakeEnterFault<E> {
    fn visit<S: Slot<Error = E>>(&mut self, index: usize, slot: Pin<&mut S>) -> ControlFlow<()> {
        self.0 = slot.take_enter_fault().map(|error| (index, error));
        if self.0.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Puts the error of an enter back.
struct ReturnEnterFault<E>(Option<E>);

impl<E> Visitor<E> for ReturnEnterFault<E> {
    fn visit<S: Slot<Error = E>>(&mut self, _: usize, slot: Pin<&mut S>) -> ControlFlow<()> {
        if let Some(error) = self.0.take() {
            slot.return_enter_fault(error);
        }
        ControlFlow::Break(())
    }
}

/// Polls every enter that is pending.
struct PollEnters<'a, 'cx> {
    cx: &'a mut Context<'cx>,
    cursor: &'a mut Cursor,
}

impl<E> Visitor<E> for PollEnters<'_, '_> {
    fn visit<S: Slot<Error = E>>(&mut self, index: usize, slot: Pin<&mut S>) -> ControlFlow<()> {
        self.cursor.begin_visit(index);
        match slot.poll_enter(self.cx) {
            EnterPoll::Idle | EnterPoll::Held => {}
            EnterPoll::Pending => self.cursor.pending = true,
            EnterPoll::Failed => self.cursor.enter_failed = true,
        }
        self.cursor.end_visit();
        ControlFlow::Continue(())
    }
}

/// Begins every exit that can begin, and polls every one in flight.
struct PollExits<'a, 'cx> {
    cx: &'a mut Context<'cx>,
    cursor: &'a mut Cursor,
    flags: &'a mut Flags,
    case: ExitCase,
    witness: Option<&'a dyn Any>,
}

impl<E> Visitor<E> for PollExits<'_, '_> {
    fn visit<S: Slot<Error = E>>(&mut self, index: usize, mut slot: Pin<&mut S>) -> ControlFlow<()> {
        self.cursor.begin_visit(index);
        if slot.is_held() {
            if let (Some(error), false) = (self.witness, self.cursor.witnessed) {
                slot.as_mut().witness(error);
            }
            slot.as_mut().begin_exit(self.case);
        }
        match slot.poll_exit(self.cx) {
            ExitPoll::Idle => {}
            ExitPoll::Pending => self.cursor.pending = true,
            ExitPoll::Gone(verdict) => self.flags.propagate |= verdict == Verdict::Propagate,
            ExitPoll::Failed => self.flags.exit_failed = true,
        }
        self.cursor.end_visit();
        ControlFlow::Continue(())
    }
}

/// Drops the future of the one member that panicked.
struct Cut<'a> {
    panic: &'a mut FirstPanic,
    /// It is held, whatever panicked.
    held: bool,
}

impl<E> Visitor<E> for Cut<'_> {
    fn visit<S: Slot<Error = E>>(&mut self, _: usize, mut slot: Pin<&mut S>) -> ControlFlow<()> {
        self.panic.guard(|| slot.as_mut().cut());
        self.held = slot.is_held();
        ControlFlow::Break(())
    }
}

/// Drops whatever the slots hold.
struct Clear<'a> {
    panic: &'a mut FirstPanic,
}

impl<E> Visitor<E> for Clear<'_> {
    fn visit<S: Slot<Error = E>>(&mut self, _: usize, slot: Pin<&mut S>) -> ControlFlow<()> {
        self.panic.guard(|| slot.clear());
        ControlFlow::Continue(())
    }
}

/// Moves all errors out.
struct TakeFaults<T> {
    enters: T,
    exits: T,
}

impl<E, T: Store<Error = E>> Visitor<E> for TakeFaults<T> {
    fn visit<S: Slot<Error = E>>(&mut self, index: usize, mut slot: Pin<&mut S>) -> ControlFlow<()> {
        if let Some(error) = slot.as_mut().take_enter_fault() {
            self.enters.put(index, error);
        }
        if let Some(error) = slot.take_exit_fault() {
            self.exits.put(index, error);
        }
        ControlFlow::Continue(())
    }
}

/// The body's own future. When it has ended it is dropped here, panic or not, so that the values that it borrows
/// survive it.
#[pin_project(project = BodyProj)]
pub(crate) enum Body<Fut> {
    Running(#[pin] Fut),
    /// With the panic of the call that should have made the future.
    Ended(Option<Caught>),
}

impl<Fut> Body<Fut> {
    /// `call` makes the body's future.
    pub(crate) fn new(call: impl FnOnce() -> Fut) -> Self {
        unwind::catch(call).map_or_else(|caught| Self::Ended(Some(caught)), Self::Running)
    }
}

impl<Fut: Future> Future for Body<Fut> {
    type Output = Result<Fut::Output, Caught>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut output = None;
        let polled = unwind::catch(|| match self.as_mut().project() {
            BodyProj::Ended(panic) => panic.take(),
            BodyProj::Running(future) => {
                if let Poll::Ready(value) = future.poll(cx) {
                    output = Some(value);
                    self.set(Self::Ended(None));
                }
                None
            }
        });
        if let Ok(Some(caught)) | Err(caught) = polled {
            let mut others = FirstPanic::none();
            others.guard(|| self.set(Self::Ended(None)));
            others.guard(|| drop(output));
            return Poll::Ready(Err(caught));
        }
        output.map_or(Poll::Pending, |value| Poll::Ready(Ok(value)))
    }
}
