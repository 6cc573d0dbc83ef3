//! Every schedule: a small sequential model of the contract, and an explorer that holds the crate against it.
//!
//! For every script of enters, exits and the body, for every policy and pair of policies, the explorer goes through every
//! order of wakes, with a spurious poll, a stop, or a drop at every poll boundary. After each poll, what happened in the
//! crate must be what happens in the model: who was polled, entered, told what, shown what, cut, abandoned; and at the end
//! the result. In release mode there are millions of schedules; the plain `cargo test` goes through a smaller bound.
#![cfg(feature = "std")]

#[path = "schedules/model.rs"]
mod model;

use std::{
    any::Any,
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    mem,
    num::NonZeroUsize,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use gather_cm::{Cause, Exit, ExitCase, Failure, Faults, gather};
use model::{End, Event, Model, NEVER, Outcome, Part, Result_, Rollback, Script, Setup};

thread_local! {
    static LOG: RefCell<Vec<Event>> = const { RefCell::new(Vec::new()) };
}

fn log(event: Event) {
    LOG.with_borrow_mut(|log| log.push(event));
}

/// How often each part has still to be released before it ends.
type Left = Rc<[Cell<u8>]>;

/// Where a part's counter is: the body's, then each member's enter and exit.
fn place(part: Part) -> usize {
    match part {
        Part::Body => 0,
        Part::Enter(index) => 1 + 2 * index,
        Part::Exit(index) => 2 + 2 * index,
    }
}

/// The future of a part: it does as its script says, and logs it.
struct Play {
    part: Part,
    end: End,
    left: Left,
    over: bool,
}

impl Play {
    fn poll_part(&mut self) -> Poll<End> {
        log(Event::Polled(self.part));
        if self.left[place(self.part)].get() > 0 {
            return Poll::Pending;
        }
        self.over = true;
        assert!(self.end != End::Panics, "{}", place(self.part));
        Poll::Ready(self.end)
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        if !self.over {
            log(Event::Cut(self.part));
        }
    }
}

/// A member: its enter, which becomes the resource.
struct Member {
    play: Play,
    exit: End,
    /// Not cut unless it was begun.
    begun: bool,
}

impl Future for Member {
    type Output = Result<Resource, u8>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        self.begun = true;
        let Part::Enter(index) = self.play.part else { unreachable!() };
        self.play.poll_part().map(|end| match end {
            End::Fails => Err(place(self.play.part) as u8),
            _ => Ok(Resource { index, end: self.exit, left: self.play.left.clone() }),
        })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.play.over |= !self.begun;
    }
}

struct Resource {
    index: usize,
    end: End,
    left: Left,
}

impl Exit for Resource {
    type Error = u8;
    type Verdict = bool;

    fn exit(self, case: ExitCase) -> impl Future<Output = Result<bool, u8>> {
        log(Event::Told(self.index, case));
        let mut play = Play { part: Part::Exit(self.index), end: self.end, left: self.left, over: false };
        poll_fn(move |_| {
            play.poll_part().map(|end| match end {
                End::Fails => Err(place(play.part) as u8),
                end => Ok(end == End::Suppresses),
            })
        })
    }

    fn witness(&mut self, error: &dyn Any) {
        log(Event::Shown(self.index, *error.downcast_ref().expect("an error of this test")));
    }

    fn abandon(self) {
        log(Event::Abandoned(self.index));
    }
}

type Running = Pin<Box<dyn Future<Output = Outcome>>>;

trait Report {
    fn report(self) -> Outcome;
}

/// An error, as the place that it comes from.
trait Code: Copy {
    fn code(self) -> u8;
}

impl Code for u8 {
    fn code(self) -> u8 {
        self
    }
}

impl Code for std::convert::Infallible {
    fn code(self) -> u8 {
        match self {}
    }
}

macro_rules! report {
    ($Store:ty $(, $N:ident)?) => {
        impl<$(const $N: usize)?> Report for Result<(), Failure<(), u8, Faults<$Store>>> {
            fn report(self) -> Outcome {
                let failure = match self {
                    Ok(()) => return Outcome::default(),
                    Err(failure) => failure,
                };
                let exits = failure.exits.iter().map(|(index, error)| (index, error.code())).collect();
                let suppressed = failure.is_suppressed();
                let result = match failure.cause {
                    Cause::Enter(faults) => Result_::Enter(faults.iter().map(|(index, error)| (index, error.code())).collect()),
                    Cause::Body(error) => Result_::Body(error),
                    Cause::Cancelled => Result_::Cancelled,
                    Cause::Exit(()) => Result_::Exit,
                    Cause::Panicked(panic) => {
                        let message = *panic.into_payload().downcast::<String>().expect("a message");
                        Result_::Panicked(message.parse().expect("a place"))
                    }
                    _ => unreachable!(),
                };
                Outcome { result, exits, suppressed }
            }
        }
    };
}
report!([Option<u8>; N], N);
report!(Vec<Option<u8>>);
report!([Option<std::convert::Infallible>; 0]);

/// The gather of `$group` under the policies of `setup`, as a future of its report.
macro_rules! start {
    ($group:expr, $setup:expr, $stop:expr, $body:expr) => {{
        let (setup, body, gather) = ($setup, $body, gather($group).catch_unwind());
        macro_rules! run {
            ($gather:expr) => {{
                let gather = $gather;
                Box::pin(async move { gather.try_with(async move |_| body.await).await.report() }) as Running
            }};
        }
        if setup.is_default() {
            run!(gather)
        } else {
            let stop: Rc<Cell<bool>> = $stop;
            let stop = poll_fn(move |_| if stop.get() { Poll::Ready(()) } else { Poll::Pending });
            let limit = |n: usize| NonZeroUsize::new(n).expect("a limit");
            let gather = gather.enter_limit(limit(setup.enter_limit)).exit_limit(limit(setup.exit_limit)).until(stop);
            match (setup.rollback, setup.stack) {
                (Rollback::Settle, false) => run!(gather),
                (Rollback::Eager, false) => run!(gather.eager_rollback()),
                (Rollback::FailFast, false) => run!(gather.fail_fast()),
                (Rollback::Settle, true) => run!(gather.stack()),
                (Rollback::Eager, true) => run!(gather.stack().eager_rollback()),
                (Rollback::FailFast, true) => run!(gather.stack().fail_fast()),
            }
        }
    }};
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    Tuple,
    Array,
    Vector,
}

#[derive(Clone, Debug)]
struct Plan {
    shape: Shape,
    setup: Setup,
    members: Vec<(Script, Script)>,
    body: Script,
}

impl Plan {
    fn start(&self, left: &Left, stop: &Rc<Cell<bool>>) -> Running {
        let member = |index: usize| {
            let (enter, exit) = self.members[index];
            let play = Play { part: Part::Enter(index), end: enter.end, left: left.clone(), over: false };
            Member { play, exit: exit.end, begun: false }
        };
        let (end, left) = (self.body.end, left.clone());
        let body = async move {
            let mut play = Play { part: Part::Body, end, left, over: false };
            match poll_fn(|_| play.poll_part()).await {
                End::Fails => Err(0),
                _ => Ok(()),
            }
        };
        let (setup, stop) = (&self.setup, stop.clone());
        match (self.shape, self.members.len()) {
            (Shape::Tuple, 0) => start!((), setup, stop, body),
            (Shape::Tuple, 1) => start!((member(0),), setup, stop, body),
            (Shape::Tuple, 2) => start!((member(0), member(1)), setup, stop, body),
            (Shape::Tuple, _) => start!((member(0), member(1), member(2)), setup, stop, body),
            (Shape::Array, 1) => start!([member(0)], setup, stop, body),
            (Shape::Array, 2) => start!([member(0), member(1)], setup, stop, body),
            (Shape::Array, 3) => start!([member(0), member(1), member(2)], setup, stop, body),
            _ => start!((0..self.members.len()).map(member).collect::<Vec<_>>(), setup, stop, body),
        }
    }
}

/// What is done at a poll boundary.
#[derive(Clone, Copy, Debug)]
enum Choice {
    Release(Part),
    Nothing,
    Stop,
    Drop,
}

/// Goes through every schedule of the plan; says how many there are.
fn explore(plan: &Plan) -> u64 {
    let mut choices: Vec<usize> = vec![];
    let mut schedules = 0;
    loop {
        let widths = schedule(plan, &choices);
        schedules += 1;
        choices.resize(widths.len(), 0);
        // The next in lexical order: the last choice that can be another one is, and those behind it begin anew.
        loop {
            match choices.pop() {
                None => return schedules,
                Some(last) if last + 1 < widths[choices.len()] => {
                    choices.push(last + 1);
                    break;
                }
                Some(_) => {}
            }
        }
    }
}

/// Runs one schedule, in the crate and in the model. Says between how many ways there was to choose at each boundary.
fn schedule(plan: &Plan, choices: &[usize]) -> Vec<usize> {
    let scripts = plan.members.iter().flat_map(|(enter, exit)| [enter.pends, exit.pends]);
    let left: Left = std::iter::once(plan.body.pends).chain(scripts).map(Cell::new).collect();
    let stop = Rc::new(Cell::new(false));
    let mut model = Model::new(plan.setup.clone(), &plan.members, plan.body);
    let mut future = Some(plan.start(&left, &stop));
    let (mut widths, mut path, mut idle) = (vec![], vec![], 0);
    let mut context = Context::from_waker(Waker::noop());
    LOG.with_borrow_mut(Vec::clear);
    loop {
        let polled = future.as_mut().expect("not dropped").as_mut().poll(&mut context);
        let expected = model.poll();
        let events = LOG.with_borrow_mut(mem::take);
        assert_eq!(events, mem::take(&mut model.log), "{plan:#?} {path:?}");
        let outcome = match polled {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        };
        assert_eq!(outcome, expected, "{plan:#?} {path:?}");
        if outcome.is_some() {
            break;
        }
        let waiting = model.waiting();
        assert!(!waiting.is_empty(), "pending, and nobody is waited for: {plan:#?} {path:?}");
        let mut ways: Vec<_> = waiting.iter().copied().map(Choice::Release).collect();
        ways.retain(|way| !matches!(way, Choice::Release(part) if left[place(*part)].get() == NEVER));
        if idle == 0 {
            ways.push(Choice::Nothing);
        }
        if !plan.setup.is_default() && plan.setup.until && !stop.get() {
            ways.push(Choice::Stop);
        }
        ways.push(Choice::Drop);
        let choice = ways[choices.get(widths.len()).copied().unwrap_or(0)];
        widths.push(ways.len());
        path.push(choice);
        match choice {
            Choice::Release(part) => {
                left[place(part)].set(left[place(part)].get() - 1);
                model.release(part);
            }
            Choice::Nothing => idle += 1,
            Choice::Stop => {
                stop.set(true);
                model.stop();
            }
            Choice::Drop => {
                drop(future.take());
                model.drop();
                let events = LOG.with_borrow_mut(mem::take);
                assert_eq!(events, mem::take(&mut model.log), "{plan:#?} {path:?}");
                break;
            }
        }
    }
    widths
}

const READY: Script = Script { pends: 0, end: End::Well };
const ONCE: Script = Script { pends: 1, end: End::Well };
const TWICE: Script = Script { pends: 2, end: End::Well };
const FAILS: Script = Script { pends: 0, end: End::Fails };
const LATE: Script = Script { pends: 1, end: End::Fails };
const PANICS: Script = Script { pends: 0, end: End::Panics };
const PANICS_LATE: Script = Script { pends: 1, end: End::Panics };
const SUPPRESSES: Script = Script { pends: 0, end: End::Suppresses };
const SUPPRESSES_LATE: Script = Script { pends: 1, end: End::Suppresses };
const HANGS: Script = Script { pends: NEVER, end: End::Well };

/// Every policy, every pair of them, and more: the rollbacks and the orders with each set of limits, with and without a
/// stop; and no policy at all.
fn setups() -> Vec<Setup> {
    let mut setups = vec![Setup::default()];
    for rollback in [Rollback::Settle, Rollback::Eager, Rollback::FailFast] {
        for stack in [false, true] {
            for (enter_limit, exit_limit) in [(9, 9), (1, 9), (2, 9), (9, 1), (1, 1)] {
                for until in [false, true] {
                    setups.push(Setup { rollback, stack, enter_limit, exit_limit, until });
                }
            }
        }
    }
    setups
}

/// Every way to take `count` of `items`, with repetition.
fn product<T: Copy>(items: &[T], count: usize) -> Vec<Vec<T>> {
    let mut all = vec![vec![]];
    for _ in 0..count {
        all = all.iter().flat_map(|head| items.iter().map(|item| [&head[..], &[*item]].concat())).collect();
    }
    all
}

fn pairs(enters: &[Script], exits: &[Script]) -> Vec<(Script, Script)> {
    enters.iter().flat_map(|enter| exits.iter().map(|exit| (*enter, *exit))).collect()
}

/// Explores every plan of `count` members with these scripts, on two threads; prints how many schedules there were.
fn explore_all(count: usize, members: &[(Script, Script)], bodies: &[Script]) {
    std::panic::set_hook(Box::new(|info| {
        // The scripts' panics are a place's number; all others are news.
        let message = info.payload().downcast_ref::<String>();
        if message.is_none_or(|message| message.parse::<u8>().is_err()) {
            eprintln!("{info}");
        }
    }));
    let setups = setups();
    let groups = product(members, count);
    let explore_some = |half: usize| {
        let mut schedules = 0;
        for (number, group) in groups.iter().enumerate() {
            for setup in setups.iter().skip((half + number) % 2).step_by(2) {
                for body in bodies {
                    if body.pends == NEVER && !setup.until {
                        continue;
                    }
                    for shape in [Shape::Tuple, Shape::Array, Shape::Vector] {
                        let (setup, members) = (setup.clone(), group.clone());
                        schedules += explore(&Plan { shape, setup, members, body: *body });
                    }
                }
            }
        }
        schedules
    };
    let schedules: u64 = std::thread::scope(|scope| {
        let halves = [0, 1].map(|half| scope.spawn(move || explore_some(half)));
        halves.map(|half| half.join().expect("as in the model")).iter().sum()
    });
    println!("{count} members: {schedules} schedules");
}

const DEEP: bool = !cfg!(debug_assertions);

#[test]
fn none() {
    explore_all(0, &[], &[READY, ONCE, FAILS, PANICS, PANICS_LATE, HANGS]);
}

#[test]
fn one() {
    let enters = [READY, ONCE, TWICE, FAILS, LATE, PANICS, PANICS_LATE, HANGS];
    let exits = [READY, ONCE, TWICE, FAILS, LATE, PANICS, PANICS_LATE, SUPPRESSES, SUPPRESSES_LATE];
    explore_all(1, &pairs(&enters, &exits), &[READY, ONCE, FAILS, LATE, PANICS, PANICS_LATE, HANGS]);
}

#[test]
fn two() {
    if DEEP {
        let enters = [READY, ONCE, TWICE, FAILS, LATE, PANICS, HANGS];
        let exits = [READY, ONCE, FAILS, LATE, PANICS, SUPPRESSES];
        explore_all(2, &pairs(&enters, &exits), &[READY, ONCE, FAILS, PANICS]);
    } else {
        explore_all(2, &pairs(&[READY, ONCE, FAILS, PANICS], &[READY, LATE, SUPPRESSES]), &[READY, FAILS]);
    }
}

#[test]
fn three() {
    if DEEP {
        let mut members = pairs(&[READY, ONCE, LATE], &[READY, ONCE, FAILS]);
        members.extend([(FAILS, READY), (PANICS, READY), (READY, SUPPRESSES)]);
        explore_all(3, &members, &[READY, FAILS]);
    } else {
        explore_all(3, &[(READY, READY), (ONCE, ONCE), (FAILS, READY), (READY, FAILS)], &[READY]);
    }
}
