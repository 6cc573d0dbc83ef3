//! Members that play their scripts in the crate and log what happens to them. The game itself is here, too. It polls
//! the gather and the model side by side, and compares them.

use std::{
    any::Any,
    fmt::Debug,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

use gather_cm::{Adapted, ByDriver, Cause, EnterExt, Errors, Exit, ExitCase, Failure, Shape};

use super::{
    script::{self, Drivers, End, Event, NEVER, Outcome, Panic, Part, Running, Scripts, Setup, When},
    state::Model,
};

fn log(scripts: &Scripts, event: Event) {
    scripts.played.borrow_mut().push(event);
}

/// Panics without a word on the terminal, because there are millions of panics.
fn panics(part: Part, when: When) -> ! {
    resume_unwind(Box::new(Panic(part, when)))
}

/// Ends a destructor, by a panic if the script says so.
fn bomb(part: Part, scripts: &Scripts) {
    // Two panics at once would abort the process.
    if scripts.of(part).bomb && !thread::panicking() {
        panics(part, When::Dropped);
    }
}

/// The future of a part.
pub struct Play {
    part: Part,
    scripts: Rc<Scripts>,
}

impl Play {
    pub fn new(part: Part, scripts: &Rc<Scripts>) -> Self {
        if scripts.of(part).end == End::MakePanics {
            panics(part, When::Made);
        }
        Self { part, scripts: scripts.clone() }
    }
}

impl Future for Play {
    /// Whether it suppresses.
    type Output = Result<bool, Part>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        log(&self.scripts, Event::Polled(self.part));
        let script = self.scripts.of(self.part);
        if script.pends > 0 {
            self.scripts.keep_waker(self.part, cx.waker());
            return Poll::Pending;
        }
        Poll::Ready(match script.end {
            End::Panics => panics(self.part, When::Polled),
            End::Fails => Err(self.part),
            end => Ok(end == End::Suppresses),
        })
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        log(&self.scripts, Event::Dropped(self.part));
        bomb(self.part, &self.scripts);
    }
}

/// The body.
pub async fn play_body(scripts: Rc<Scripts>) -> Result<Value, Part> {
    Play::new(Part::Body, &scripts).await?;
    Ok(Value(Some(scripts)))
}

/// The value that the body returns.
pub struct Value(Option<Rc<Scripts>>);

impl Drop for Value {
    fn drop(&mut self) {
        if let Some(scripts) = self.0.take() {
            log(&scripts, Event::Dropped(Part::Value));
            bomb(Part::Value, &scripts);
        }
    }
}

/// The stop of a group, if it has one.
pub struct Stop(Option<(Part, Rc<Scripts>)>);

impl Stop {
    pub fn new(setup: &Setup, id: usize, scripts: &Rc<Scripts>) -> Self {
        Self(setup.cancel_on.then(|| (Part::Stop(id), scripts.clone())))
    }
}

impl IntoFuture for Stop {
    type Output = ();
    type IntoFuture = Stopping;

    fn into_future(self) -> Stopping {
        Stopping(self.0.map(|(part, scripts)| Play::new(part, &scripts)))
    }
}

/// The future of `Stop`.
pub struct Stopping(Option<Play>);

impl Future for Stopping {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Some(play) => Pin::new(play).poll(cx).map(drop),
            None => Poll::Pending,
        }
    }
}

/// A member that has not begun.
pub struct Member(pub usize, pub Rc<Scripts>);

impl IntoFuture for Member {
    type Output = Result<Resource, Part>;
    type IntoFuture = Entering;

    fn into_future(self) -> Entering {
        Entering(self.0, Play::new(Part::Enter(self.0), &self.1))
    }
}

/// Its enter.
pub struct Entering(usize, Play);

impl Future for Entering {
    type Output = Result<Resource, Part>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let id = self.0;
        Pin::new(&mut self.1).poll(cx).map(|result| result.map(|_| Resource(id, self.1.scripts.clone())))
    }
}

/// The resource of a member.
pub struct Resource(usize, Rc<Scripts>);

impl Resource {
    fn call(&self, part: Part, event: Event) {
        log(&self.1, event);
        if self.1.of(part).end == End::Panics {
            panics(part, When::Polled);
        }
    }
}

impl Exit for Resource {
    type Error = Part;
    type Verdict = bool;

    fn exit(self, case: ExitCase) -> impl Future<Output = Result<bool, Part>> {
        log(&self.1, Event::ExitBegan(self.0, case));
        Play::new(Part::Exit(self.0), &self.1)
    }

    fn on_error(&mut self, error: &dyn Any) {
        let error = *error.downcast_ref::<Part>().expect("an error of these tests");
        self.call(Part::OnError(self.0), Event::OnError(self.0, error));
    }

    fn abandon(self) {
        self.call(Part::Abandon(self.0), Event::Abandoned(self.0));
    }
}

/// A member that has a driver, if `Drivers` says so.
pub struct WithDriver(pub usize, pub Rc<Scripts>, pub Drivers);

/// Makes a member with drivers of this kind.
pub fn driven<M, H>(member: M, drivers: Drivers) -> Adapted<M, ByDriver>
where
    M: IntoFuture<Output = Result<(H, Driving), Part>>,
{
    let driven = member.driven();
    if drivers == Drivers::ToEnd { driven.to_end() } else { driven }
}

impl IntoFuture for WithDriver {
    type Output = Result<(Resource, Driving), Part>;
    type IntoFuture = EnteringWithDriver;

    fn into_future(self) -> EnteringWithDriver {
        EnteringWithDriver(Member(self.0, self.1).into_future(), self.2)
    }
}

/// Its enter.
pub struct EnteringWithDriver(Entering, Drivers);

impl Future for EnteringWithDriver {
    type Output = Result<(Resource, Driving), Part>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let driven = self.1 != Drivers::Absent;
        Pin::new(&mut self.0).poll(cx).map_ok(|resource| {
            let driver = driven.then(|| Play { part: Part::Driver(resource.0), scripts: resource.1.clone() });
            (resource, Driving(driver))
        })
    }
}

/// A driver. If there is none, this ends well at once.
pub struct Driving(Option<Play>);

impl Driving {
    pub const NONE: Self = Self(None);
}

impl Future for Driving {
    type Output = Result<(), Part>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().map_or(Poll::Ready(Ok(())), |play| Pin::new(play).poll(cx).map_ok(drop))
    }
}

/// Expands to `$run`, in which `$name` is `$gather` with the policies of `$setup`. The limits and `$stop`, as types,
/// are there together or not at all. `settle` and `in_reverse` need them, so they are there only along with them.
macro_rules! with_policies {
    ($gather:expr, $setup:expr, $stop:expr, |$name:ident| $run:expr) => {{
        let setup: &Setup = $setup;
        let limited = setup.enter_limit.min(setup.exit_limit) < usize::MAX || setup.cancel_on;
        if limited || setup.rollback == Rollback::Settle || setup.order == Order::InReverse {
            let gather = $gather.enter_limit(setup.enter_limit).exit_limit(setup.exit_limit).cancel_on($stop);
            with_policies!(fair gather, setup, $name, $run, [
                RunOn InReverse: in_reverse;
                Eager InReverse: in_reverse eager_rollback;
                FailFast InReverse: in_reverse fail_fast;
                Settle Pool: settle;
                Settle Stack: stack settle;
                Settle InReverse: in_reverse settle;
            ])
        } else {
            with_policies!(fair $gather, setup, $name, $run, [])
        }
    }};
    (fair $gather:expr, $setup:ident, $name:ident, $run:expr, $more:tt) => {
        if $setup.fair {
            with_policies!(each $gather.fair(), $setup, $name, $run, $more)
        } else {
            with_policies!(each $gather, $setup, $name, $run, $more)
        }
    };
    (each $gather:expr, $setup:ident, $name:ident, $run:expr, [$($more:tt)*]) => {
        with_policies!(@ $gather, $setup, $name, $run, [
            RunOn Pool: ;
            Eager Pool: eager_rollback;
            FailFast Pool: fail_fast;
            RunOn Stack: stack;
            Eager Stack: stack eager_rollback;
            FailFast Stack: stack fail_fast;
            $($more)*
        ])
    };
    (@ $gather:expr, $setup:ident, $name:ident, $run:expr, [$($rollback:ident $order:ident: $($policy:ident)*;)*]) => {{
        let gather = $gather;
        #[allow(unreachable_patterns)]
        match ($setup.rollback, $setup.order) {
            $((Rollback::$rollback, Order::$order) => {
                let $name = gather$(.$policy())*;
                $run
            })*
            _ => unreachable!("only beside the limits"),
        }
    }};
}
pub(crate) use with_policies;

/// Does the same for a `$setup` with a shield, under a selection of policies.
macro_rules! with_shield {
    ($gather:expr, $setup:expr, $stop:expr, |$name:ident| $run:expr) => {{
        let setup: &Setup = $setup;
        let gather = $gather.enter_limit(setup.enter_limit).exit_limit(setup.exit_limit).cancel_on($stop);
        with_shield!(@ gather, setup, $name, $run, [
            Exits RunOn Pool: shield;
            Exits Eager Pool: eager_rollback shield;
            Exits FailFast Pool: fail_fast shield;
            Exits Settle Pool: settle shield;
            Exits RunOn Stack: stack shield;
            Exits Eager InReverse: in_reverse eager_rollback shield;
            EntersAndExits RunOn Pool: shield settle;
            EntersAndExits Eager Pool: eager_rollback shield settle;
            EntersAndExits RunOn Stack: stack shield settle;
            EntersAndExits Eager InReverse: in_reverse eager_rollback shield settle;
        ])
    }};
    (@ $gather:expr, $setup:ident, $name:ident, $run:expr,
        [$($shield:ident $rollback:ident $order:ident: $($policy:ident)*;)*]
    ) => {{
        match ($setup.shield, $setup.rollback, $setup.order) {
            $((Shield::$shield, Rollback::$rollback, Order::$order) => {
                let $name = $gather$(.$policy())*;
                $run
            })*
            _ => unreachable!("not in the selection"),
        }
    }};
}
pub(crate) use with_shield;

fn by_index<E: Into<Part>, S: Shape>(errors: Errors<E, S>) -> script::Errors {
    errors.into_iter().map(|(index, error)| (index, error.into())).collect()
}

/// Returns the outcome of a gather that returned the body's value.
fn returned(mut value: Value, exits: script::Errors) -> Outcome {
    value.0.take().expect("returned once");
    let cause = if exits.is_empty() { script::Cause::Nothing } else { script::Cause::Exit };
    Outcome { cause, exits, suppressed: false, value: true }
}

impl<E: Into<Part>, S: Shape> From<Failure<E, S, Part>> for Outcome {
    fn from(failure: Failure<E, S, Part>) -> Self {
        let suppressed = failure.is_suppressed();
        let cause = match failure.cause {
            Cause::Enter(errors) => script::Cause::Enter(by_index(errors)),
            Cause::Body(error) => script::Cause::Body(error),
            Cause::Cancelled { .. } => script::Cause::Cancelled,
            Cause::Lost(errors) => script::Cause::Lost(by_index(errors)),
            Cause::Exit { .. } => script::Cause::Exit,
            Cause::Panicked(panic) => {
                script::Cause::Panicked(*panic.into_payload().downcast().expect("a script's panic"))
            }
            _ => unreachable!(),
        };
        Outcome { cause, exits: by_index(failure.exits), suppressed, value: false }
    }
}

/// The result of a cleanup, in the model's words.
impl<E: Into<Part>, S: Shape> From<Result<(), Failure<E, S, Part>>> for Outcome {
    fn from(result: Result<(), Failure<E, S, Part>>) -> Self {
        let nothing =
            Outcome { cause: script::Cause::Nothing, exits: script::Errors::new(), suppressed: false, value: false };
        result.map_or_else(Self::from, |()| nothing)
    }
}

/// The result, in the model's words.
impl<E: Into<Part>, S: Shape> From<Result<Value, Failure<E, S, Part>>> for Outcome {
    fn from(result: Result<Value, Failure<E, S, Part>>) -> Self {
        result.map_or_else(Self::from, |value| returned(value, script::Errors::new()))
    }
}

/// The same, with `keep_value`.
impl<E: Into<Part>, S: Shape> From<Result<(Value, Errors<E, S>), Failure<E, S, Part>>> for Outcome {
    fn from(result: Result<(Value, Errors<E, S>), Failure<E, S, Part>>) -> Self {
        result.map_or_else(Self::from, |(value, exits)| returned(value, by_index(exits)))
    }
}

/// Whether the gather was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What the game does between two polls.
#[derive(Clone, Copy, Debug)]
enum Choice {
    /// Releases the parts whose bits are set, of the parts that something waits for.
    Release(u64),
    Nothing,
    Stop,
    Drop,
}

/// How a game goes on.
pub trait Choose {
    /// Whether any parts may be released together, and not only one, or one and the two after it. If so, there is also
    /// a choice before the first poll.
    const ALL: bool;

    /// Returns whether there may be a spurious poll now.
    fn may_idle(&self) -> bool;

    /// Records that there is a spurious poll.
    fn idle(&mut self);

    /// Chooses one of this many ways.
    fn choose(&mut self, ways: usize) -> usize;
}

/// Polls the gather and the model side by side, to the end or until they are dropped.
pub fn play<C: Choose>(plan: &impl Debug, scripts: &Scripts, mut model: Model, mut future: Running, mut chooser: C) {
    let (mut path, mut waiting, mut stopped) = (vec![], vec![], !model.setup.cancel_on);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    // Whether the gather, or its cleanup, has not been polled yet, and whether the gather was polled.
    let (mut fresh, mut polled) = (C::ALL, false);
    loop {
        if !fresh {
            woken.0.store(false, Ordering::Relaxed);
            let outcome = future.as_mut().poll(&mut Context::from_waker(&waker));
            let expected = model.poll();
            model.woken.clear();
            polled = true;
            let path = (plan, &path, scripts);
            compare(scripts, &path);
            match outcome {
                Poll::Ready(outcome) => return assert_eq!(Some(outcome), expected, "{path:#?}"),
                Poll::Pending => assert_eq!(None, expected, "{path:#?}"),
            }
        }
        waiting.clear();
        model.waits(&mut waiting);
        assert!(fresh || !waiting.is_empty(), "pending, and nobody is waited for: {:#?}", (plan, &path, scripts));
        waiting.retain(|part| scripts.of(*part).pends != NEVER);
        let count = waiting.len();
        let releases = if C::ALL { (1 << count) - 1 } else { 2 * count };
        let release = |way: usize| match way as u64 {
            bits if C::ALL => Choice::Release(bits + 1),
            alone if way < count => Choice::Release(1 << alone),
            first => Choice::Release(0b1001001 << (first - count as u64)),
        };
        let others = [(fresh || chooser.may_idle(), Choice::Nothing), (!stopped, Choice::Stop), (true, Choice::Drop)];
        let mut others = others.iter().filter_map(|(possible, choice)| possible.then_some(*choice));
        let way = chooser.choose(releases + others.clone().count());
        let choice = if way < releases { release(way) } else { others.nth(way - releases).expect("a way") };
        path.push(choice);
        match choice {
            Choice::Release(bits) => {
                let released = waiting.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1);
                model.woken.extend(released.map(|(_, part)| *part));
                model.woken.iter().for_each(|part| scripts.release(*part));
                assert!(fresh || woken.0.load(Ordering::Relaxed), "not woken: {:#?}", (plan, &path, scripts));
            }
            Choice::Nothing if !fresh => chooser.idle(),
            Choice::Nothing => {}
            Choice::Stop => {
                scripts.release(Part::Stop(0));
                stopped = true;
            }
            Choice::Drop => {
                let dropped = catch_unwind(AssertUnwindSafe(|| drop(future)));
                let panic = dropped.err().map(|payload| *payload.downcast().expect("a script's panic"));
                let rest = scripts.handed_over.borrow_mut().take();
                let goes_on = polled && model.hand_over();
                let expected = if polled && !goes_on { model.cut() } else { None };
                let path = (plan, &path, scripts);
                compare(scripts, &path);
                assert_eq!((panic, rest.is_some()), (expected, goes_on), "{path:#?}");
                let Some(rest) = rest else { return };
                (future, fresh, stopped) = (rest, true, true);
                continue;
            }
        }
        fresh = false;
    }
}

/// Compares what happened in the crate with what should have happened.
fn compare(scripts: &Scripts, path: &impl Debug) {
    let (played, modelled) = (&mut *scripts.played.borrow_mut(), &mut *scripts.modelled.borrow_mut());
    assert_eq!(played, modelled, "{path:#?}");
    played.clear();
    modelled.clear();
}
