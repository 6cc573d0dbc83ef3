//! The heart: one hand-written future, enter -> body -> exit. It knows no group's shape and no member's types.

use core::{
    any::Any,
    marker::PhantomData,
    mem,
    ops::ControlFlow,
    pin::Pin,
    ptr,
    task::{Context, Poll, Waker, ready},
};

use pin_project::{pin_project, pinned_drop};

use crate::{
    Cause, Entered, Errors, Event, ExitCase, Failure, Shape,
    cycle::{self, Cycle},
    exit::Answer,
    group::{ErrorOf, Members, Number, Poller, ShapeOf, Values, Visitor},
    policy::{ExitPolicy, Fairness, Limit, Observer, Parts, Policy, Rank, RollbackKind, Stop},
    slot::{Phase, Slot},
    unwind::{self, Caught, FirstPanic},
};

/// How the body ended, or why it was not called, and what there is to hand back: an [`ExitCase`] with its load.
pub(crate) enum Ending<R, B> {
    Completed(R),
    Failed(B),
    Cancelled,
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
            Self::Cancelled => ExitCase::Cancelled,
            Self::Panicked => ExitCase::Panicked,
            Self::EnterFailed => ExitCase::EnterFailed,
        }
    }
}

/// What the body's block gives back: the values that were lent, and how the body ended. Where the body kept the values
/// there is nothing to exit: the ending is the end.
pub(crate) type Returned<V, X, R, B> = (Option<Entered<V, X>>, Result<Ending<R, B>, Caught>);

/// What is to come while the members are in their slots.
enum Stage<F, R, B> {
    /// The body: `F` makes its block. No member has failed.
    Body(F),
    /// The exits, and then the end.
    Exit(Ending<R, B>),
}

/// The states of the machine.
///
/// | state                    | meaning                                                | next                            |
/// |--------------------------|--------------------------------------------------------|---------------------------------|
/// | `Members`, stage `Body`  | members are entering, none has failed                  | `Body`; stage `Exit`            |
/// | `Members`, stage `Exit`, | a member failed; those in flight settle                | stage `Exit`, not `entering`    |
/// | `entering`               | (`EagerRollback`: beside the exits of those held)      |                                 |
/// | `Members`, stage `Exit`, | exits are in flight, and held back by a limit or by    | `Done`                          |
/// | not `entering`           | the stack's order                                      |                                 |
/// | `Body`                   | the block owns the values, and lends them              | `Members`, stage `Exit`; `Done` |
/// | `Done`                   | finished, or a panic got out                           |                                 |
///
/// What makes the steps: a member's enter or exit that ends; the body's end; `stop`, which ends the stages of entering and
/// the body with `Cancelled`. A panic counts as the failure of what panicked.
#[pin_project(project = StateProj, project_replace = StateOwn)]
enum State<Ms: Members, F, Fut, R, B> {
    Members {
        #[pin]
        members: Ms,
        stage: Stage<F, R, B>,
        /// What the next exit is told, from when the first one begins.
        case: Option<ExitCase>,
        flags: Flags,
        /// The rank of the last member that entered.
        rank: Ms::Rank,
        tally: Tally<Ms::Number>,
        /// The first panic, kept until all is done.
        panic: FirstPanic,
    },
    Body {
        #[pin]
        block: Fut,
        emptied: Ms::Emptied,
    },
    Done,
}

/// What is known of the members together.
#[derive(Default)]
struct Flags {
    /// Not all have entered or failed.
    entering: bool,
    /// A member has entered.
    held: bool,
    /// An exit failed.
    exit_failed: bool,
    /// An exit answered `Propagate`, or panicked.
    propagate: bool,
    /// An exit answered `Suppress`.
    suppress: bool,
    /// In a stack: an exit that was told of a failure answered `Suppress`.
    suppressed: bool,
}

/// What a sweep does not find out where it passes over members.
#[derive(Default)]
struct Tally<T> {
    enters_in_flight: T,
    exits_in_flight: T,
    /// Where the error that the others are shown is to be looked for.
    witnessed: T,
}

fn one_more(number: &mut impl Number) {
    number.set(number.get() + 1);
}

fn one_less(number: &mut impl Number) {
    // A number that is left out is 0.
    number.set(number.get().wrapping_sub(1));
}

/// Which slots a sweep of one poll is for. Without `fair()` one pass is enough; with it, three passes make a poll: who is in
/// flight, from one member on; who is in flight, up to that member; and those that start.
#[derive(Clone, Copy, Default)]
enum Pass {
    #[default]
    All,
    From(usize),
    Below(usize),
    Start,
}

impl Pass {
    fn covers(self, index: usize, phase: Phase) -> bool {
        let waits = matches!(phase, Phase::Queued | Phase::Held);
        match self {
            Self::All => true,
            Self::From(first) => !waits && index >= first,
            Self::Below(first) => !waits && index < first,
            Self::Start => waits,
        }
    }
}

/// How far one poll has come. It lives outside what a panic unwinds, so that the poll goes on behind the member that
/// panicked.
#[derive(Default)]
struct Cursor {
    /// What may stop the group has had its turn in this poll.
    stop_done: bool,
    /// The enters have had theirs.
    enters_done: bool,
    /// The slot that the sweep under way has come to.
    at: usize,
    /// Set while user code of the slot `at` runs.
    visiting: bool,
    /// The slot `at` panicked in `on_error`, and is not shown the error again.
    witnessed: bool,
    /// A member that the sweep under way came by is not done.
    pending: bool,
    /// A member could not be entered, or its entering panicked.
    enter_failed: bool,
    /// The first exits begin in this poll.
    exits_begin: bool,
    /// An exit was held back by the limit.
    held_back: bool,
    /// What the sweep under way is for.
    pass: Pass,
}

impl Cursor {
    /// Where a sweep goes on: behind the slot that panicked, where panics are caught.
    fn at(&self) -> usize {
        if unwind::CATCHES { self.at } else { 0 }
    }

    fn begin_visit(&mut self, index: usize) {
        if unwind::CATCHES {
            self.at = index;
            self.visiting = true;
        }
    }

    fn end_visit(&mut self) {
        if unwind::CATCHES {
            self.at += 1;
            self.visiting = false;
            self.witnessed = false;
        }
    }

    /// With `fair()`: what a poll begins with, if it has not begun. `first` is the member that it starts with.
    fn begin_passes(&mut self, first: impl FnOnce() -> usize) {
        if let Pass::All = self.pass {
            self.pass = Pass::From(first());
        }
    }

    /// With `fair()`: goes on to the next pass of this poll, if there is one.
    fn next_pass(&mut self) -> bool {
        self.pass = match self.pass {
            Pass::From(first) => Pass::Below(first),
            Pass::Below(_) => Pass::Start,
            Pass::All | Pass::Start => return false,
        };
        self.at = 0;
        true
    }

    /// Ends the sweep of the enters; says whether one is pending.
    fn end_enters(&mut self) -> bool {
        self.enters_done = true;
        self.at = 0;
        self.pass = Pass::All;
        mem::take(&mut self.pending)
    }
}

/// The waker that tells the body's block to give the values back, by its address. No one is ever woken by it.
static CANCEL: &Waker = Waker::noop();

fn is_cancel(waker: &Waker) -> bool {
    ptr::eq(waker, CANCEL)
}

/// How the life cycle of these members ends.
pub(crate) type Outcome<Ms, R, B> = cycle::Outcome<R, ErrorOf<Ms>, ShapeOf<Ms>, B>;

/// A group's whole life cycle. `F` makes the body's block `Fut` from the values.
#[pin_project(PinnedDrop)]
pub(crate) struct Machine<Ms: Members, F, Fut, R, B, P: Policy> {
    #[pin]
    state: State<Ms, F, Fut, R, B>,
    #[pin]
    policy: P,
}

impl<Ms, F, Fut, R, B, P> Machine<Ms, F, Fut, R, B, P>
where
    Ms: Members<Values: Values<Error: 'static>>,
    F: FnOnce(Entered<Ms::Values, P::Exits>) -> Fut,
    Fut: Future<Output = Returned<Ms::Values, P::Exits, R, B>>,
    B: 'static,
    P: Policy<Exits: ExitPolicy<Rank = Ms::Rank>>,
{
    /// The whole life cycle.
    pub(crate) fn new(members: Ms, body: F, policy: P) -> Self {
        let flags = Flags { entering: true, ..Flags::default() };
        Self::start(members, Stage::Body(body), None, flags, policy)
    }

    /// The exits alone, told `case`, of members that are held. There is no error to show.
    pub(crate) fn exits(members: Ms, case: ExitCase, value: R, policy: P) -> Self {
        Self::start(members, Stage::Exit(Ending::Completed(value)), Some(case), Flags::default(), policy)
    }

    fn start(members: Ms, stage: Stage<F, R, B>, case: Option<ExitCase>, flags: Flags, policy: P) -> Self {
        Self { state: State::start(members, stage, case, flags, FirstPanic::none()), policy }
    }

    /// Goes as far as it can. A panic of a member goes through it, and leaves what `recover` expects.
    fn step(self: Pin<&mut Self>, cx: &mut Context<'_>, cursor: &mut Cursor) -> Step<Ms, R, B> {
        let mut this = self.project();
        let Parts { enter_limit, mut stop, exits: exit_policy, observer } = this.policy.parts();
        if P::Stop::ENABLED && !mem::replace(&mut cursor.stop_done, true) {
            this.state.as_mut().poll_stop(stop.as_mut(), observer, cx);
        }
        loop {
            match this.state.as_mut().project() {
                StateProj::Members { mut members, stage, case, flags, rank, tally, panic } => {
                    if flags.entering && !cursor.enters_done {
                        let fail_fast = P::ROLLBACK == RollbackKind::FailFast;
                        let failed = matches!(stage, Stage::Exit(_));
                        if FairOf::<P>::FAIR {
                            let len = members.as_mut().len();
                            cursor.begin_passes(|| exit_policy.fairness().first_enter(len));
                        }
                        let mut enters = PollEnters::<P, _, _> {
                            limit: enter_limit,
                            failed,
                            cursor,
                            flags,
                            rank,
                            tally,
                            observer,
                            panic,
                        };
                        loop {
                            members.as_mut().sweep(enters.cursor.at(), cx, &mut enters);
                            if !FairOf::<P>::FAIR || !enters.cursor.next_pass() {
                                break;
                            }
                        }
                        flags.entering = cursor.end_enters() || tally.enters_in_flight.get() > 0;
                        if cursor.enter_failed && !failed && (fail_fast || P::EnterLimit::LIMITED) {
                            let in_flight = &mut tally.enters_in_flight;
                            let mut cut = CutEnters { all: fail_fast, panic, in_flight, observer };
                            let _ = members.as_mut().visit(0, &mut cut);
                            flags.entering &= !fail_fast;
                        }
                        // Also if the observer panics while a failed group runs on.
                        let failed = cursor.enter_failed || (panic.is_some() && matches!(stage, Stage::Exit(_)));
                        if failed && case.is_none() {
                            stage.fail(Ending::EnterFailed, panic);
                        }
                    }
                    cursor.enters_done = true;
                    let no_body = matches!(stage, Stage::Exit(_)) || !P::BODY;
                    if P::Stop::ENABLED && !flags.entering && no_body {
                        let before = panic.is_some();
                        stop.as_mut().clear(panic);
                        if panic.is_some() && !before {
                            stage.fail(Ending::Panicked, panic);
                        }
                    }
                    let eager = P::ROLLBACK == RollbackKind::Eager;
                    match stage {
                        Stage::Exit(ending) if eager || !flags.entering => {
                            let sweep = ExitSweep { policy: exit_policy, case, flags, tally, cursor, observer, panic };
                            sweep.poll(members, ending, eager, cx);
                            if flags.entering || cursor.pending || tally.exits_in_flight.get() > 0 {
                                return Poll::Pending;
                            }
                            return Poll::Ready(finish::<_, _, _, _, _, P>(this.state, exit_policy.names()));
                        }
                        _ if flags.entering => return Poll::Pending,
                        _ => {}
                    }
                    if P::Observer::OBSERVES {
                        if P::BODY && !panic.is_some() {
                            tell(observer, panic, Event::BodyStarted {});
                        }
                        // A panic of the observer, too, leaves no way to the body.
                        if panic.is_some() {
                            stage.fail(Ending::EnterFailed, panic);
                            continue;
                        }
                    }
                    let (values, ranks, emptied) = members.as_mut().take();
                    let entered = Entered::new(values, ranks, *exit_policy);
                    if let StateOwn::Members { stage: Stage::Body(body), .. } =
                        this.state.as_mut().project_replace(State::Done)
                    {
                        this.state.set(State::Body { block: body(entered), emptied });
                    }
                }
                StateProj::Body { block, .. } => {
                    let (entered, ending) = if P::Stop::ENABLED && is_cancel(cx.waker()) {
                        // The caller's own waker happens to be at that address: it gets another one.
                        ready!(block.poll(&mut Context::from_waker(&cx.waker().clone())))
                    } else {
                        ready!(block.poll(cx))
                    };
                    let Some(entered) = entered else {
                        this.state.set(State::Done);
                        return Poll::Ready(match ending {
                            Ok(Ending::Completed(value)) => Ok(Ok((value, Answer::Propagate))),
                            Ok(_) => unreachable!("the body has kept the values"),
                            Err(caught) => Err(caught),
                        });
                    };
                    this.state.as_mut().leave_body(entered, ending, FirstPanic::none(), stop.as_mut(), observer);
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
        let this = self.project();
        let Parts { enter_limit, exits: exit_policy, observer, .. } = this.policy.parts();
        if let StateProj::Members { mut members, case, flags, rank, tally, panic, .. } = this.state.project() {
            panic.keep(caught);
            let entering = !cursor.enters_done;
            let mut cut = Cut { panic, held: false, rank: entering.then_some(rank) };
            let _ = members.as_mut().visit(cursor.at, &mut cut);
            let held = cut.held;
            members.note(cursor.at);
            if entering {
                // The resource may be held all the same, where the panic was that of its enter's destructor.
                cursor.enter_failed = true;
                flags.held |= held;
                enter_limit.end();
                one_less(&mut tally.enters_in_flight);
                let index = cursor.at;
                tell(observer, panic, if held { Event::Entered { index } } else { Event::EnterFailed { index } });
            } else if held {
                // The panic was that of `on_error`: the resource is still to be exited.
                cursor.witnessed = true;
                return;
            } else {
                exit_policy.limit().end();
                one_less(&mut tally.exits_in_flight);
                tell(observer, panic, Event::ExitFailed { index: cursor.at });
                flags.propagate = true;
                if P::Exits::STACK {
                    next_case(case, ExitCase::Panicked);
                }
            }
            cursor.end_visit();
        }
    }
}

/// Who is polled first.
type FairOf<P> = <<P as Policy>::Exits as ExitPolicy>::Fairness;

type Step<Ms, R, B> = Poll<Result<Outcome<Ms, R, B>, Caught>>;

impl<F, R, B> Stage<F, R, B> {
    /// Notes why the body will not be called, if it is the first reason or a panic, and drops the body.
    fn fail(&mut self, ending: Ending<R, B>, panic: &mut FirstPanic) {
        if let Self::Body(_) = self {
            panic.guard(|| *self = Self::Exit(ending));
        }
        if panic.is_some() {
            panic.guard(|| *self = Self::Exit(Ending::Panicked));
        }
    }
}

impl<Ms: Members, F, Fut, R, B> State<Ms, F, Fut, R, B> {
    fn start(members: Ms, stage: Stage<F, R, B>, case: Option<ExitCase>, flags: Flags, panic: FirstPanic) -> Self {
        Self::Members { members, stage, case, flags, rank: Default::default(), tally: Tally::default(), panic }
    }

    /// Goes on to the exits.
    fn leave_body<X: ExitPolicy<Rank = Ms::Rank>>(
        mut self: Pin<&mut Self>,
        entered: Entered<Ms::Values, X>,
        ending: Result<Ending<R, B>, Caught>,
        mut panic: FirstPanic,
        stop: Pin<&mut impl Stop>,
        observer: &mut impl Observer,
    ) {
        let StateOwn::Body { emptied, .. } = self.as_mut().project_replace(Self::Done) else {
            unreachable!("the body is left once")
        };
        let mut ending = ending.unwrap_or_else(|caught| {
            panic.keep(caught);
            Ending::Panicked
        });
        stop.clear(&mut panic);
        if panic.is_some() {
            panic.guard(|| ending = Ending::Panicked);
        }
        tell(observer, &mut panic, Event::BodyEnded { case: ending.case() });
        let (values, ranks) = entered.into_parts();
        let members = Ms::held(values, ranks, emptied);
        self.set(Self::start(members, Stage::Exit(ending), None, Flags::default(), panic));
    }

    /// Polls what may stop the group, while that matters. It ends the entering and the body; a failed group stays failed.
    fn poll_stop<X>(
        mut self: Pin<&mut Self>,
        mut stop: Pin<&mut impl Stop>,
        observer: &mut impl Observer,
        cx: &mut Context<'_>,
    ) where
        Fut: Future<Output = Returned<Ms::Values, X, R, B>>,
        X: ExitPolicy<Rank = Ms::Rank>,
    {
        // By `project`: a shared reference to the state would cover the body's block, which borrows from itself.
        match self.as_mut().project() {
            StateProj::Members { flags: Flags { entering: true, .. }, .. } | StateProj::Body { .. } => {}
            _ => return,
        }
        let mut first = FirstPanic::none();
        let mut stopped = false;
        first.guard(|| stopped = stop.as_mut().poll_stop(cx).is_ready());
        if !stopped && !first.is_some() {
            return;
        }
        match self.as_mut().project() {
            StateProj::Members { members, stage, case, flags, tally, panic, .. } => {
                panic.join(first);
                let in_flight = &mut tally.enters_in_flight;
                let _ = members.visit(0, &mut CutEnters { all: true, panic, in_flight, observer });
                flags.entering = false;
                if case.is_none() {
                    stage.fail(Ending::Cancelled, panic);
                }
            }
            StateProj::Body { block, .. } => {
                if let Poll::Ready((Some(entered), ending)) = block.poll(&mut Context::from_waker(CANCEL)) {
                    self.leave_body(entered, ending, first, stop, observer);
                }
            }
            StateProj::Done => {}
        }
    }
}

/// One poll's share in the exits.
struct ExitSweep<'a, X, T, O> {
    policy: &'a mut X,
    case: &'a mut Option<ExitCase>,
    flags: &'a mut Flags,
    tally: &'a mut Tally<T>,
    cursor: &'a mut Cursor,
    observer: &'a mut O,
    panic: &'a mut FirstPanic,
}

impl<X: ExitPolicy, T: Number, O: Observer> ExitSweep<'_, X, T, O> {
    /// Begins the exits that can begin, and polls those in flight.
    fn poll<Ms, R, B>(mut self, mut members: Pin<&mut Ms>, ending: &Ending<R, B>, eager: bool, cx: &mut Context<'_>)
    where
        Ms: Members<Values: Values<Error: 'static>, Rank = X::Rank, Number = T>,
        B: 'static,
    {
        let begin = self.case.is_none();
        if begin {
            if eager && self.flags.entering && !self.flags.held {
                return;
            }
            *self.case = Some(ending.case());
            self.cursor.exits_begin = true;
            members.as_mut().begin_exits();
        }
        let hold_back = X::STACK || X::Limit::LIMITED || eager;
        let mut taken = Witnessed { members, fault: None };
        if matches!(ending, Ending::EnterFailed | Ending::Panicked) && (self.cursor.exits_begin || hold_back) {
            taken.take(begin, &mut self.tally.witnessed);
        }
        let Witnessed { members, fault } = &mut taken;
        let shown = match ending {
            Ending::Failed(error) => Some(error as &dyn Any),
            _ => fault.as_ref().map(|(_, error)| error as &dyn Any),
        };
        self.sweep(members.as_mut(), shown, cx);
    }

    fn sweep<Ms>(&mut self, mut members: Pin<&mut Ms>, shown: Option<&dyn Any>, cx: &mut Context<'_>)
    where
        Ms: Members<Rank = X::Rank, Number = T>,
    {
        let mut exits = PollExits { sweep: self, shown, turn: 0 };
        if X::STACK {
            while let Some(turn) = members.as_mut().turn() {
                exits.turn = turn;
                members.as_mut().sweep(turn, cx, &mut exits);
                let ExitSweep { tally, cursor, .. } = &*exits.sweep;
                if cursor.pending || tally.exits_in_flight.get() > 0 {
                    return;
                }
            }
            return;
        }
        if X::Fairness::FAIR {
            let len = members.as_mut().len();
            let ExitSweep { policy, cursor, .. } = &mut *exits.sweep;
            cursor.begin_passes(|| policy.fairness().first_exit(len));
        }
        loop {
            let at = exits.sweep.cursor.at();
            members.as_mut().sweep(at, cx, &mut exits);
            if X::Fairness::FAIR && exits.sweep.cursor.next_pass() {
                continue;
            }
            // One that entered late may have been held back for the place of one behind it, which has ended since.
            let ExitSweep { policy, cursor, .. } = &mut *exits.sweep;
            if !X::Limit::LIMITED || !mem::take(&mut cursor.held_back) || !policy.limit().has_room() {
                return;
            }
            cursor.at = 0;
            cursor.pass = Pass::Start;
        }
    }
}

/// Tells the observer, and keeps its panic if it is the first.
fn tell<O: Observer>(observer: &mut O, panic: &mut FirstPanic, event: Event) {
    if O::OBSERVES {
        panic.guard(|| observer.tell(event));
    }
}

/// In a stack: the next exit is told how this one ended, if the case can change at all.
fn next_case(case: &mut Option<ExitCase>, next: ExitCase) {
    if let Some(ExitCase::Completed | ExitCase::Failed) = case {
        *case = Some(next);
    }
}

/// The error of an enter that the others are shown, taken out of its slot. Dropped, it is put back.
struct Witnessed<'a, Ms: Members> {
    members: Pin<&'a mut Ms>,
    fault: Option<(usize, ErrorOf<Ms>)>,
}

impl<Ms: Members> Witnessed<'_, Ms> {
    /// Chooses it in the poll in which the exits begin: the first that is known. Later, takes the one that was chosen.
    fn take(&mut self, begin: bool, at: &mut Ms::Number) {
        let mut take = TakeWitnessed { chosen: !begin, fault: None };
        let _ = self.members.as_mut().visit(if begin { 0 } else { at.get() }, &mut take);
        self.fault = take.fault;
        if begin {
            let none = self.members.as_mut().len();
            at.set(self.fault.as_ref().map_or(none, |(index, _)| *index));
        }
    }
}

impl<Ms: Members> Drop for Witnessed<'_, Ms> {
    fn drop(&mut self) {
        if let Some((index, error)) = self.fault.take() {
            let _ = self.members.as_mut().visit(index, &mut ReturnWitnessed(Some(error)));
        }
    }
}

/// Moves the errors out, and says how it all ended: with an outcome, or with the panic that now resumes.
fn finish<Ms: Members, F, Fut, R, B, P: Policy>(
    mut state: Pin<&mut State<Ms, F, Fut, R, B>>,
    names: &'static [&'static str],
) -> Result<Outcome<Ms, R, B>, Caught> {
    let mut errors = TakeErrors { enters: Errors::empty(), exits: Errors::empty() };
    let StateProj::Members { mut members, stage: Stage::Exit(ending), flags, panic, .. } = state.as_mut().project()
    else {
        unreachable!("a gather finishes when all have left")
    };
    // In place: `project_replace` would bring code for each field and state.
    let ending = mem::replace(ending, Ending::Cancelled);
    let mut panic = mem::replace(panic, FirstPanic::none());
    let Flags { exit_failed, propagate, suppress, suppressed, .. } = *flags;
    let answer = match (suppressed || (suppress && !propagate), propagate || suppress) {
        _ if exit_failed => Answer::Propagate,
        (true, _) => Answer::Suppress,
        (false, true) => Answer::Propagate,
        (false, false) => Answer::Neutral,
    };
    // An exit that failed, and whose future then panicked in its destructor, is known by its panic alone.
    if exit_failed || panic.is_some() || matches!(ending, Ending::EnterFailed) {
        if Errors::<ErrorOf<Ms>, ShapeOf<Ms>>::GROWS {
            let mut count = CountErrors { enters: 0, exits: 0 };
            let _ = members.as_mut().visit(0, &mut count);
            errors.enters.reserve(count.enters);
            errors.exits.reserve(count.exits);
        }
        let _ = members.visit(0, &mut errors);
    }
    // Guarded, since a waker of the caller may panic as it is dropped.
    panic.guard(|| state.set(State::Done));
    let TakeErrors { enters, exits } = errors;
    let mut value = None;
    let cause = if let Some(caught) = panic.take() {
        panic.guard(|| drop(ending));
        enters.into_iter().for_each(|(_, error)| panic.guard(|| drop(error)));
        if !P::CATCH {
            exits.into_iter().for_each(|(_, error)| panic.guard(|| drop(error)));
            return Err(caught);
        }
        Cause::panicked(caught)
    } else {
        match ending {
            Ending::Completed(value) if !exit_failed => return Ok(Ok((value, answer))),
            Ending::Completed(completed) => {
                value = Some(completed);
                Cause::Exit {}
            }
            Ending::Failed(error) => Cause::Body(error),
            Ending::Cancelled => Cause::Cancelled {},
            Ending::EnterFailed => Cause::Enter(enters),
            Ending::Panicked => unreachable!("no panic is forgotten"),
        }
    };
    let suppressed = answer == Answer::Suppress && matches!(cause, Cause::Body(_));
    Ok(Err((Failure { cause, exits, suppressed, names: <ShapeOf<Ms>>::from_slice(names) }, value)))
}

/// Ends the machine where a panic gets out of it, as all do without `std`: polled again, it says so.
struct EndOnUnwind<'a, Ms: Members, F, Fut, R, B, P: Policy>(Pin<&'a mut Machine<Ms, F, Fut, R, B, P>>);

impl<Ms: Members, F, Fut, R, B, P: Policy> Drop for EndOnUnwind<'_, Ms, F, Fut, R, B, P> {
    fn drop(&mut self) {
        drop(self.0.as_mut().clear());
    }
}

impl<Ms: Members, F, Fut, R, B, P: Policy> cycle::sealed::Sealed for Machine<Ms, F, Fut, R, B, P> {}

impl<Ms, F, Fut, R, B, P> Cycle for Machine<Ms, F, Fut, R, B, P>
where
    Ms: Members<Values: Values<Error: 'static>>,
    F: FnOnce(Entered<Ms::Values, P::Exits>) -> Fut,
    Fut: Future<Output = Returned<Ms::Values, P::Exits, R, B>>,
    B: 'static,
    P: Policy<Exits: ExitPolicy<Rank = Ms::Rank>>,
{
    type Value = R;
    type Error = ErrorOf<Ms>;
    type Shape = ShapeOf<Ms>;
    type BodyError = B;
    const CATCH: bool = P::CATCH;

    fn poll_cycle(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<Ms, R, B>> {
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

    fn is_over(&self) -> bool {
        matches!(self.state, State::Done)
    }
}

impl<Ms: Members, F, Fut, R, B, P: Policy> Machine<Ms, F, Fut, R, B, P> {
    /// Drops member by member, so that the destructors of all run though more than one may panic. The first panic is kept.
    fn clear(self: Pin<&mut Self>) -> FirstPanic {
        let this = self.project();
        let (mut state, mut first) = (this.state, FirstPanic::none());
        let observer = this.policy.parts().observer;
        let mut abandoned = 0;
        match state.as_mut().project() {
            StateProj::Members { members, .. } => {
                let _ = members.visit(0, &mut Clear { panic: &mut first, observer });
            }
            StateProj::Body { emptied, .. } if P::Observer::OBSERVES => {
                tell(observer, &mut first, Event::BodyDropped {});
                abandoned = Ms::emptied_len(emptied);
            }
            _ => {}
        }
        first.guard(|| state.set(State::Done));
        (0..abandoned).for_each(|index| tell(observer, &mut first, Event::Abandoned { index }));
        first
    }
}

#[pinned_drop]
impl<Ms: Members, F, Fut, R, B, P: Policy> PinnedDrop for Machine<Ms, F, Fut, R, B, P> {
    fn drop(mut self: Pin<&mut Self>) {
        let mut first = self.as_mut().clear();
        self.project().policy.parts().stop.clear(&mut first);
        if let Some(caught) = first.take() {
            caught.resume_in_drop();
        }
    }
}

/// Polls every enter that is in flight, and begins those that can begin.
struct PollEnters<'a, P: Policy, T, N> {
    limit: &'a mut P::EnterLimit,
    cursor: &'a mut Cursor,
    flags: &'a mut Flags,
    rank: &'a mut T,
    tally: &'a mut Tally<N>,
    observer: &'a mut P::Observer,
    panic: &'a mut FirstPanic,
    /// The group had failed before.
    failed: bool,
}

impl<Ms: Members<Rank = T, Number = N>, P: Policy, T: Rank, N: Number> Poller<Ms> for PollEnters<'_, P, T, N> {
    #[inline(always)]
    fn wants(&mut self, index: usize, phase: Phase) -> bool {
        if FairOf::<P>::FAIR && !self.cursor.pass.covers(index, phase) {
            return false;
        }
        match phase {
            // Those within the limit begin together, as all do without one; a failed group begins no other.
            Phase::Queued if index >= self.limit.max() && (self.failed || self.cursor.enter_failed) => false,
            Phase::Queued => self.limit.has_room(),
            Phase::Entering => true,
            Phase::Held | Phase::Exiting | Phase::Over => false,
        }
    }

    #[inline(always)]
    fn poll<S>(&mut self, index: usize, mut slot: Pin<&mut S>, cx: &mut Context<'_>) -> ControlFlow<()>
    where
        S: Slot<Error = ErrorOf<Ms>, Rank = Ms::Rank>,
    {
        if P::ROLLBACK == RollbackKind::FailFast && self.cursor.enter_failed {
            return ControlFlow::Break(());
        }
        if slot.as_mut().phase() == Phase::Queued {
            self.limit.begin();
            one_more(&mut self.tally.enters_in_flight);
            tell(self.observer, self.panic, Event::EnterStarted { index });
        }
        self.cursor.begin_visit(index);
        match slot.as_mut().poll_enter(cx) {
            Poll::Pending => self.cursor.pending = true,
            Poll::Ready(entered) => {
                self.limit.end();
                one_less(&mut self.tally.enters_in_flight);
                if entered {
                    self.flags.held = true;
                    slot.set_rank(self.rank.next());
                    tell(self.observer, self.panic, Event::Entered { index });
                } else {
                    self.cursor.enter_failed = true;
                    tell(self.observer, self.panic, Event::EnterFailed { index });
                }
            }
        }
        self.cursor.end_visit();
        ControlFlow::Continue(())
    }
}

/// Begins every exit that can begin, and polls every one in flight. In a stack: of the one slot whose turn it is.
struct PollExits<'s, 'a, X, N, O> {
    sweep: &'s mut ExitSweep<'a, X, N, O>,
    shown: Option<&'s dyn Any>,
    turn: usize,
}

impl<Ms: Members<Number = N>, X: ExitPolicy, N: Number, O: Observer> Poller<Ms> for PollExits<'_, '_, X, N, O> {
    #[inline(always)]
    fn wants(&mut self, index: usize, phase: Phase) -> bool {
        if X::STACK && index != self.turn {
            return false;
        }
        let ExitSweep { policy, cursor, .. } = &mut *self.sweep;
        if X::Fairness::FAIR && !X::STACK && !cursor.pass.covers(index, phase) {
            return false;
        }
        match phase {
            Phase::Held => {
                let has_room = policy.limit().has_room();
                cursor.held_back |= !has_room;
                has_room
            }
            Phase::Exiting => !X::Limit::LIMITED || !matches!(cursor.pass, Pass::Start),
            Phase::Queued | Phase::Entering | Phase::Over => false,
        }
    }

    #[inline(always)]
    fn poll<S>(&mut self, index: usize, mut slot: Pin<&mut S>, cx: &mut Context<'_>) -> ControlFlow<()>
    where
        S: Slot<Error = ErrorOf<Ms>, Rank = Ms::Rank>,
    {
        let ExitSweep { policy, case, flags, tally, cursor, observer, panic } = &mut *self.sweep;
        let told = case.unwrap_or(ExitCase::Completed);
        cursor.begin_visit(index);
        if slot.as_mut().phase() == Phase::Held {
            // In a stack an error that was suppressed is not shown any more.
            let show = told != ExitCase::Completed && !flags.suppressed && !cursor.witnessed;
            if let (Some(error), true) = (self.shown, show) {
                slot.as_mut().show(error);
            }
            policy.limit().begin();
            one_more(&mut tally.exits_in_flight);
            tell(*observer, panic, Event::ExitStarted { index });
            slot.as_mut().begin_exit(told);
        }
        match slot.poll_exit(cx) {
            Poll::Pending => cursor.pending = true,
            Poll::Ready(answer) => {
                policy.limit().end();
                one_less(&mut tally.exits_in_flight);
                let event = if answer.is_some() { Event::Exited { index } } else { Event::ExitFailed { index } };
                tell(*observer, panic, event);
                flags.propagate |= answer == Some(Answer::Propagate);
                flags.suppress |= answer == Some(Answer::Suppress);
                if X::STACK && answer == Some(Answer::Suppress) {
                    flags.suppressed |= told == ExitCase::Failed;
                    next_case(case, ExitCase::Completed);
                }
                if answer.is_none() {
                    flags.exit_failed = true;
                    if X::STACK {
                        next_case(case, ExitCase::Failed);
                    }
                }
            }
        }
        cursor.end_visit();
        if X::STACK { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Moves the error out that the others are shown: the one that was chosen before, or else the first of an enter.
struct TakeWitnessed<E> {
    chosen: bool,
    fault: Option<(usize, E)>,
}

impl<Ms: Members> Visitor<Ms> for TakeWitnessed<ErrorOf<Ms>> {
    fn visit<S>(&mut self, index: usize, slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = ErrorOf<Ms>, Rank = Ms::Rank>,
    {
        let error = if self.chosen { slot.take_witnessed() } else { slot.take_enter_fault() };
        self.fault = error.map(|error| (index, error));
        if self.fault.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Puts the error back that the others were shown.
struct ReturnWitnessed<E>(Option<E>);

impl<Ms: Members> Visitor<Ms> for ReturnWitnessed<ErrorOf<Ms>> {
    fn visit<S>(&mut self, _: usize, slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = ErrorOf<Ms>, Rank = Ms::Rank>,
    {
        if let Some(error) = self.0.take() {
            slot.return_witnessed(error);
        }
        ControlFlow::Break(())
    }
}

/// Drops the future of the one member that panicked, and gives it a rank if it has entered all the same.
struct Cut<'a, T> {
    panic: &'a mut FirstPanic,
    rank: Option<&'a mut T>,
    held: bool,
}

impl<Ms: Members<Rank = T>, T: Rank> Visitor<Ms> for Cut<'_, T> {
    fn visit<S>(&mut self, _: usize, mut slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = ErrorOf<Ms>, Rank = Ms::Rank>,
    {
        self.panic.guard(|| slot.as_mut().cut());
        self.held = slot.as_mut().phase() == Phase::Held;
        if let (true, Some(rank)) = (self.held, self.rank.take()) {
            slot.set_rank(rank.next());
        }
        ControlFlow::Break(())
    }
}

/// Drops the members that wait to be entered and, where `all` is set, the enters that are pending.
struct CutEnters<'a, N, O> {
    all: bool,
    panic: &'a mut FirstPanic,
    in_flight: &'a mut N,
    observer: &'a mut O,
}

impl<Ms: Members, N: Number, O: Observer> Visitor<Ms> for CutEnters<'_, N, O> {
    fn visit<S>(&mut self, index: usize, mut slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = ErrorOf<Ms>, Rank = Ms::Rank>,
    {
        let phase = slot.as_mut().phase();
        if phase == Phase::Queued || (self.all && phase == Phase::Entering) {
            self.panic.guard(|| slot.cut());
        }
        if self.all && phase == Phase::Entering {
            one_less(self.in_flight);
            tell(self.observer, self.panic, Event::EnterDropped { index });
        }
        ControlFlow::Continue(())
    }
}

/// Drops whatever the slots hold.
struct Clear<'a, O> {
    panic: &'a mut FirstPanic,
    observer: &'a mut O,
}

impl<Ms: Members, O: Observer> Visitor<Ms> for Clear<'_, O> {
    fn visit<S>(&mut self, index: usize, mut slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = ErrorOf<Ms>, Rank = Ms::Rank>,
    {
        let event = match slot.as_mut().phase() {
            Phase::Entering => Some(Event::EnterDropped { index }),
            Phase::Held => Some(Event::Abandoned { index }),
            Phase::Exiting => Some(Event::ExitDropped { index }),
            Phase::Queued | Phase::Over => None,
        };
        self.panic.guard(|| slot.clear());
        event.into_iter().for_each(|event| tell(self.observer, self.panic, event));
        ControlFlow::Continue(())
    }
}

/// Counts the errors.
struct CountErrors {
    enters: usize,
    exits: usize,
}

impl<Ms: Members> Visitor<Ms> for CountErrors {
    fn visit<S>(&mut self, _: usize, slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = ErrorOf<Ms>, Rank = Ms::Rank>,
    {
        let (enter, exit) = slot.has_faults();
        self.enters += usize::from(enter);
        self.exits += usize::from(exit);
        ControlFlow::Continue(())
    }
}

/// Moves all errors out.
struct TakeErrors<E, S: Shape> {
    enters: Errors<E, S>,
    exits: Errors<E, S>,
}

impl<Ms: Members> Visitor<Ms> for TakeErrors<ErrorOf<Ms>, ShapeOf<Ms>> {
    fn visit<S>(&mut self, index: usize, mut slot: Pin<&mut S>) -> ControlFlow<()>
    where
        S: Slot<Error = ErrorOf<Ms>, Rank = Ms::Rank>,
    {
        if let Some(error) = slot.as_mut().take_enter_fault() {
            self.enters.put(index, error);
        }
        if let Some(error) = slot.take_exit_fault() {
            self.exits.put(index, error);
        }
        ControlFlow::Continue(())
    }
}

/// The body's own future. When it has ended, or is told to, it is dropped here, panic or not, so that the values that it
/// borrows survive it. `S` is what may tell it to.
#[pin_project]
pub(crate) struct Body<Fut, S> {
    #[pin]
    state: BodyState<Fut>,
    stop: PhantomData<fn() -> S>,
}

#[pin_project(project = BodyProj)]
enum BodyState<Fut> {
    Running(#[pin] Fut),
    /// With the panic of the call that should have made the future.
    Ended(Option<Caught>),
}

impl<Fut, S> Body<Fut, S> {
    /// `call` makes the body's future.
    pub(crate) fn new(call: impl FnOnce() -> Fut) -> Self {
        let made = unwind::catch(call);
        let state = made.map_or_else(|caught| BodyState::Ended(Some(caught)), BodyState::Running);
        Self { state, stop: PhantomData }
    }
}

impl<Fut: Future, S: Stop> Future for Body<Fut, S> {
    /// Nothing, if it was told to end.
    type Output = Result<Option<Fut::Output>, Caught>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        let mut output = None;
        let polled = unwind::catch(|| {
            match state.as_mut().project() {
                BodyProj::Ended(panic) => return Poll::Ready(panic.take()),
                BodyProj::Running(_) if S::ENABLED && is_cancel(cx.waker()) => {}
                BodyProj::Running(future) => output = Some(ready!(future.poll(cx))),
            }
            state.set(BodyState::Ended(None));
            Poll::Ready(None)
        });
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(None)) => Poll::Ready(Ok(output)),
            Ok(Poll::Ready(Some(caught))) | Err(caught) => {
                let mut others = FirstPanic::none();
                others.guard(|| state.set(BodyState::Ended(None)));
                others.guard(|| drop(output));
                Poll::Ready(Err(caught))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use core::{future::pending, pin::pin};

    use super::*;
    use crate::{EnterExt, gather};

    /// A caller's own waker that is at the same address as [`CANCEL`] does not end the body.
    #[test]
    fn a_caller_with_the_static_waker() {
        let member = async { Ok::<_, ()>(()) }.drop_on_exit();
        let mut gather = pin!(gather((member,)).cancel_on(pending::<()>()).with(async |_| Ok(pending::<()>().await)));
        let mut cx = Context::from_waker(CANCEL);
        for _ in 0..3 {
            assert!(gather.as_mut().poll(&mut cx).is_pending());
        }
    }
}
