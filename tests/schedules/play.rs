//! Scripted members that log what happens to them, as the model does.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    fmt::Debug,
    future::{Future, poll_fn},
    iter, mem, panic,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use gather_cm::{Cause, Exit, ExitCase, Failure, Faults};

use super::model::{End, Event, Model, NEVER, Outcome, Part, Result_, Script};

thread_local! {
    pub static LOG: RefCell<Vec<Event>> = const { RefCell::new(Vec::new()) };
}

pub fn log(event: Event) {
    LOG.with_borrow_mut(|log| log.push(event));
}

/// How often each part has still to be released before it ends.
pub type Left = Rc<[Cell<u8>]>;

/// Where a part's counter is: the body's, then each member's enter and exit.
pub fn place(part: Part) -> usize {
    match part {
        Part::Body => 0,
        Part::Enter(index) => 1 + 2 * index,
        Part::Exit(index) => 2 + 2 * index,
    }
}

/// The counters at their start.
pub fn left(body: Script, members: &[(Script, Script)]) -> Left {
    let scripts = members.iter().flat_map(|(enter, exit)| [enter.pends, exit.pends]);
    iter::once(body.pends).chain(scripts).map(Cell::new).collect()
}

/// What the body does.
pub async fn play_body(end: End, left: Left) -> Result<(), u8> {
    let mut play = Play { part: Part::Body, end, left, over: false };
    match poll_fn(|_| play.poll_part()).await {
        End::Fails => Err(0),
        _ => Ok(()),
    }
}

/// The future of a part: it does as its script says, and logs it.
pub struct Play {
    pub part: Part,
    pub end: End,
    pub left: Left,
    pub over: bool,
}

impl Play {
    pub fn poll_part(&mut self) -> Poll<End> {
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
pub struct Member {
    pub play: Play,
    pub exit: End,
    /// Not cut unless it was begun.
    pub begun: bool,
}

impl Member {
    pub fn new(id: usize, (enter, exit): (Script, Script), left: &Left) -> Self {
        let play = Play { part: Part::Enter(id), end: enter.end, left: left.clone(), over: false };
        Self { play, exit: exit.end, begun: false }
    }
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

pub struct Resource {
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
        let code = error.downcast_ref::<u8>().copied().or(error.downcast_ref::<Fault>().map(|fault| fault.0));
        log(Event::Shown(self.index, code.expect("an error of these tests")));
    }

    fn abandon(self) {
        log(Event::Abandoned(self.index));
    }
}

pub type Running = Pin<Box<dyn Future<Output = Outcome>>>;

pub trait Report {
    fn report(self) -> Outcome;
}

/// The error of a group around others.
#[derive(Clone, Copy, Debug)]
pub struct Fault(pub u8);

impl Code for Fault {
    fn code(self) -> u8 {
        self.0
    }
}

/// An error, as the place that it comes from.
pub trait Code: Copy {
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
report!(Vec<Option<Fault>>);
report!([Option<std::convert::Infallible>; 0]);

/// The scripts' panics, which are a place's number, are not printed; all others are news.
pub fn hush() {
    panic::set_hook(Box::new(|info| {
        let message = info.payload().downcast_ref::<String>();
        if message.is_none_or(|message| message.parse::<u8>().is_err()) {
            eprintln!("{info}");
        }
    }));
}

/// What is done at a poll boundary.
#[derive(Clone, Copy, Debug)]
enum Choice {
    Release(Part),
    Nothing,
    Stop,
    Drop,
}

/// Polls the gather and the model side by side, to the end or until it is dropped, and holds the one against the other.
/// `choose` is given the number of ways at each boundary; `stop` is there where it may be set.
pub fn drive(
    plan: &impl Debug,
    mut model: Model,
    future: Running,
    left: &Left,
    stop: Option<&Cell<bool>>,
    mut choose: impl FnMut(usize) -> usize,
) {
    let (mut future, mut path, mut idle) = (Some(future), vec![], false);
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
            return;
        }
        let waiting = model.waiting();
        assert!(!waiting.is_empty(), "pending, and nobody is waited for: {plan:#?} {path:?}");
        let ends = waiting.into_iter().filter(|part| left[place(*part)].get() != NEVER);
        let mut ways: Vec<_> = ends.map(Choice::Release).collect();
        if !idle {
            ways.push(Choice::Nothing);
        }
        if stop.is_some_and(|stop| !stop.get()) {
            ways.push(Choice::Stop);
        }
        ways.push(Choice::Drop);
        let choice = ways[choose(ways.len())];
        path.push(choice);
        match choice {
            Choice::Release(part) => {
                left[place(part)].set(left[place(part)].get() - 1);
                model.release(part);
            }
            Choice::Nothing => idle = true,
            Choice::Stop => {
                stop.expect("only where there is one").set(true);
                model.stop();
            }
            Choice::Drop => {
                drop(future.take());
                model.drop();
                let events = LOG.with_borrow_mut(mem::take);
                assert_eq!(events, mem::take(&mut model.log), "{plan:#?} {path:?}");
                return;
            }
        }
    }
}
