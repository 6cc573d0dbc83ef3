//! Scripted members that log what happens to them, gates that are opened by hand, and a driver that polls by hand.
#![allow(dead_code, missing_docs)]

use std::{
    any::Any,
    cell::{Cell, RefCell},
    collections::VecDeque,
    fmt::Display,
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

#[cfg(feature = "alloc")]
use gather_cm::VecRefs;
use gather_cm::{Cause, Errors, Exit, ExitCase, Failure, gather};

/// The events in order, since the log was last taken, and from the start.
#[derive(Clone, Default)]
pub struct Log(Rc<RefCell<Vec<String>>>, Rc<RefCell<Vec<String>>>);

impl Log {
    pub fn push(&self, line: impl Display) {
        self.0.borrow_mut().push(line.to_string());
        self.1.borrow_mut().push(line.to_string());
    }

    /// Returns everything that was logged.
    pub fn everything(&self) -> Vec<String> {
        self.1.borrow().clone()
    }

    /// Returns what was logged since the last call.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.borrow_mut())
    }

    /// Returns how many times `line` was logged since the last `take`.
    pub fn count(&self, line: &str) -> usize {
        self.0.borrow().iter().filter(|entry| *entry == line).count()
    }

    /// Takes the log, and keeps the lines that hold one of `words`.
    pub fn only(&self, words: &[&str]) -> Vec<String> {
        self.take().into_iter().filter(|line| words.iter().any(|word| line.contains(word))).collect()
    }
}

/// Something that a future waits for, and a test opens.
#[derive(Clone, Debug, Default)]
pub struct Gate(Rc<(Cell<bool>, RefCell<Option<Waker>>)>);

impl Gate {
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the gate, and wakes the future that waits for it.
    pub fn open(&self) {
        self.0.0.set(true);
        self.wake();
    }

    pub fn is_open(&self) -> bool {
        self.0.0.get()
    }

    /// Wakes the future that waits for it, in vain.
    pub fn wake(&self) {
        let waker = self.0.1.borrow().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Returns the waker of the last future that waited.
    pub fn waker(&self) -> Option<Waker> {
        self.0.1.borrow().clone()
    }

    pub fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.0.get() {
            return Poll::Ready(());
        }
        *self.0.1.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }

    pub async fn wait(&self) {
        std::future::poll_fn(|cx| self.poll(cx)).await;
    }
}

/// How an act ends.
#[derive(Clone, Copy, PartialEq)]
pub enum End {
    Well,
    Fails(&'static str),
    Panics(&'static str),
}

/// Says what an enter or an exit does: it waits at its gates, one after the other, and then ends.
#[derive(Clone)]
pub struct Act {
    pub gates: VecDeque<Gate>,
    pub end: End,
    /// Its future's destructor panics.
    pub drop_panics: bool,
    /// It panics while its future is being made (`into_future`, or `exit` itself).
    pub make_panics: bool,
    /// It wakes itself in each poll.
    pub busy: bool,
}

impl Act {
    pub fn new(end: End) -> Self {
        Self { gates: VecDeque::new(), end, drop_panics: false, make_panics: false, busy: false }
    }

    pub fn busy(mut self) -> Self {
        self.busy = true;
        self
    }

    pub fn gate(mut self, gate: &Gate) -> Self {
        self.gates.push_back(gate.clone());
        self
    }

    pub fn drop_panics(mut self) -> Self {
        self.drop_panics = true;
        self
    }

    pub fn make_panics(mut self) -> Self {
        self.make_panics = true;
        self
    }

    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        if self.busy {
            cx.waker().wake_by_ref();
        }
        while let Some(gate) = self.gates.front() {
            if gate.poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.gates.pop_front();
        }
        Poll::Ready(match self.end {
            End::Well => Ok(()),
            End::Fails(error) => Err(error),
            End::Panics(message) => panic!("{message}"),
        })
    }
}

pub fn well() -> Act {
    Act::new(End::Well)
}

pub fn fails(error: &'static str) -> Act {
    Act::new(End::Fails(error))
}

pub fn panics(message: &'static str) -> Act {
    Act::new(End::Panics(message))
}

/// A member that acts as told, and logs it under its name.
pub struct Member {
    pub name: usize,
    log: Log,
    enter: Act,
    exit: Act,
    suppress: bool,
    on_error_panics: bool,
    abandon_panics: bool,
}

impl Member {
    pub fn new(log: &Log, name: usize, enter: Act, exit: Act) -> Self {
        Self { name, log: log.clone(), enter, exit, suppress: false, on_error_panics: false, abandon_panics: false }
    }

    pub fn suppress(mut self) -> Self {
        self.suppress = true;
        self
    }

    pub fn on_error_panics(mut self) -> Self {
        self.on_error_panics = true;
        self
    }

    pub fn abandon_panics(mut self) -> Self {
        self.abandon_panics = true;
        self
    }
}

impl IntoFuture for Member {
    type Output = Result<Resource, &'static str>;
    type IntoFuture = Enter;

    fn into_future(self) -> Enter {
        self.log.push(format_args!("enter {}", self.name));
        assert!(!self.enter.make_panics, "make enter {}", self.name);
        Enter(Some(self))
    }
}

/// The future of a member's enter.
pub struct Enter(Option<Member>);

impl Future for Enter {
    type Output = Result<Resource, &'static str>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let member = self.0.as_mut().expect("polled after it had ended");
        let (name, log) = (member.name, member.log.clone());
        log.push(format_args!("poll enter {name}"));
        let Poll::Ready(result) = member.enter.poll(cx) else { return Poll::Pending };
        match result {
            Ok(()) => {
                log.push(format_args!("entered {name}"));
                let drop_panics = std::mem::take(&mut member.enter.drop_panics);
                let enter = Act { drop_panics, ..well() };
                let shell = Member::new(&log, name, enter, well());
                let member = self.0.replace(shell).expect("it is there");
                Poll::Ready(Ok(Resource(Some(member))))
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl Drop for Enter {
    fn drop(&mut self) {
        if let Some(member) = self.0.take() {
            member.log.push(format_args!("drop enter {}", member.name));
            assert!(!member.enter.drop_panics, "drop enter {}", member.name);
        }
    }
}

/// A resource that logs what becomes of it. If it is dropped anywhere but in `exit`, by its exit's future or in
/// `abandon`, it logs a leak.
pub struct Resource(Option<Member>);

impl Resource {
    pub fn name(&self) -> usize {
        self.0.as_ref().expect("it is there").name
    }
}

impl Exit for Resource {
    type Error = &'static str;
    type Verdict = bool;

    fn exit(mut self, case: ExitCase) -> impl Future<Output = Result<bool, &'static str>> {
        let member = self.0.take().expect("it is there");
        member.log.push(format_args!("exit {} {case:?}", member.name));
        assert!(!member.exit.make_panics, "make exit {}", member.name);
        Leaving(member)
    }

    fn on_error(&mut self, error: &dyn Any) {
        let member = self.0.as_ref().expect("it is there");
        let error = error.downcast_ref::<&str>().unwrap_or(&"another error");
        member.log.push(format_args!("on_error {} {error}", member.name));
        assert!(!member.on_error_panics, "on_error {}", member.name);
    }

    fn abandon(mut self) {
        let member = self.0.take().expect("it is there");
        member.log.push(format_args!("abandon {}", member.name));
        assert!(!member.abandon_panics, "abandon {}", member.name);
    }
}

impl Drop for Resource {
    fn drop(&mut self) {
        if let Some(member) = &self.0 {
            member.log.push(format_args!("LEAK {}", member.name));
        }
    }
}

/// The future of a resource's exit.
struct Leaving(Member);

impl Future for Leaving {
    type Output = Result<bool, &'static str>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let name = self.0.name;
        self.0.log.push(format_args!("poll exit {name}"));
        let result = self.0.exit.poll(cx);
        if result.is_ready() {
            self.0.log.push(format_args!("exited {name}"));
        }
        let suppress = self.0.suppress;
        result.map(|result| result.map(|()| suppress))
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.log.push(format_args!("drop exit {}", self.0.name));
        assert!(!self.0.exit.drop_panics, "drop exit {}", self.0.name);
    }
}

/// A waker that counts.
#[derive(Default)]
pub struct Wakes(AtomicUsize);

impl Wakes {
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Polls a future by hand.
pub struct Driver<'a, T> {
    future: Option<Pin<Box<dyn Future<Output = T> + 'a>>>,
    pub wakes: Arc<Wakes>,
}

impl<'a, T> Driver<'a, T> {
    pub fn new(future: impl Future<Output = T> + 'a) -> Self {
        Self { future: Some(Box::pin(future)), wakes: Arc::default() }
    }

    pub fn poll(&mut self) -> Poll<T> {
        let waker = Waker::from(self.wakes.clone());
        let future = self.future.as_mut().expect("not dropped");
        future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// Polls, and expects the end.
    pub fn end(&mut self) -> T {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("the gather is pending"),
        }
    }

    /// Polls, and expects `Pending`.
    pub fn pends(&mut self) {
        assert!(self.poll().is_pending(), "the gather has ended");
    }

    pub fn drop(&mut self) {
        drop(self.future.take());
    }
}

/// Runs a future in a task of tokio. Each poll has a budget, and a member that is always ready uses it up. Returns
/// `None` if the future has not ended in this many polls. It calls `before` before each poll, with the number of the
/// poll.
pub fn budgeted<T>(polls: usize, mut before: impl FnMut(usize), future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut poll = 0;
    let run = std::future::poll_fn(|cx| {
        if poll == polls {
            return Poll::Ready(None);
        }
        before(poll);
        poll += 1;
        future.as_mut().poll(cx).map(Some)
    });
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(run)
}

/// Takes one step that is always ready, until tokio's budget is used up.
pub async fn step(always: &tokio::sync::Semaphore) {
    drop(always.acquire().await);
}

/// How a gather ended, in the same form for each shape.
#[derive(Debug, PartialEq)]
pub enum Why<R> {
    Value(R),
    Enter(Vec<(usize, &'static str)>),
    Lost(Vec<(usize, &'static str)>),
    Body(&'static str),
    Cancelled,
    /// Only exits failed, and the value was kept.
    Exit(R),
    /// Only exits failed, and the value was dropped.
    Exits,
    #[cfg(feature = "std")]
    Panicked(String),
}

#[derive(Debug, PartialEq)]
pub struct Report<R> {
    pub why: Why<R>,
    pub exits: Vec<(usize, &'static str)>,
    pub suppressed: bool,
}

impl<R> Report<R> {
    pub fn value(value: R) -> Self {
        Self { why: Why::Value(value), exits: vec![], suppressed: false }
    }

    pub fn enter(faults: &[(usize, &'static str)]) -> Self {
        Self { why: Why::Enter(faults.to_vec()), exits: vec![], suppressed: false }
    }

    pub fn lost(faults: &[(usize, &'static str)]) -> Self {
        Self { why: Why::Lost(faults.to_vec()), exits: vec![], suppressed: false }
    }

    /// Only exits failed, and the value was dropped.
    pub fn only_exits(faults: &[(usize, &'static str)]) -> Self {
        Self { why: Why::Exits, exits: faults.to_vec(), suppressed: false }
    }

    pub fn cancelled() -> Self {
        Self { why: Why::Cancelled, exits: vec![], suppressed: false }
    }

    pub fn body(error: &'static str) -> Self {
        Self { why: Why::Body(error), exits: vec![], suppressed: false }
    }

    pub fn exit(value: R) -> Self {
        Self { why: Why::Exit(value), exits: vec![], suppressed: false }
    }

    pub fn exits(mut self, faults: &[(usize, &'static str)]) -> Self {
        self.exits = faults.to_vec();
        self
    }

    pub fn suppressed(mut self) -> Self {
        self.suppressed = true;
        self
    }
}

/// A gather with `keep_value`: its value is there although exits failed.
impl<R, S: gather_cm::Shape> From<Kept<R, S>> for Report<R> {
    fn from(result: Kept<R, S>) -> Self {
        match result {
            Ok((value, exits)) if exits.is_empty() => {
                assert_eq!(exits.iter().count(), 0);
                Self::value(value)
            }
            Ok((value, exits)) => Self::exit(value).exits(&pairs(&exits)),
            Err(failure) => Self::failed(failure),
        }
    }
}

/// What a gather with `keep_value` returns.
pub type Kept<R, S> = Result<(R, Errors<&'static str, S>), Failure<&'static str, S>>;

impl<R> Report<R> {
    /// A gather without `keep_value`: if only exits failed, its value is gone, and this is [`Why::Exits`].
    pub fn plain<S: gather_cm::Shape>(result: Result<R, Failure<&'static str, S>>) -> Self {
        match result {
            Ok(value) => Self::value(value),
            Err(failure) => Self::failed(failure),
        }
    }

    fn failed<S: gather_cm::Shape>(failure: Failure<&'static str, S>) -> Self {
        let exits = pairs(&failure.exits);
        let suppressed = failure.is_suppressed();
        let why = match failure.cause {
            Cause::Enter(errors) => Why::Enter(errors.into_iter().collect()),
            Cause::Lost(errors) => Why::Lost(errors.into_iter().collect()),
            Cause::Body(error) => Why::Body(error),
            Cause::Cancelled { .. } => Why::Cancelled,
            Cause::Exit { .. } => Why::Exits,
            #[cfg(feature = "std")]
            Cause::Panicked(panic) => Why::Panicked(message(&*panic.into_payload()).to_string()),
            _ => unreachable!(),
        };
        Self { why, exits, suppressed }
    }
}

fn pairs<S: gather_cm::Shape>(errors: &Errors<&'static str, S>) -> Vec<(usize, &'static str)> {
    let pairs: Vec<_> = errors.iter().map(|(index, error)| (index, *error)).collect();
    assert_eq!((pairs.len(), pairs.is_empty()), (errors.len(), errors.is_empty()));
    assert!(pairs.iter().all(|(index, error)| errors.get(*index) == Some(error)));
    pairs
}

/// Returns the message of a panic.
pub fn message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .expect("a panic with a message")
}

/// A shape of group. [`shapes`] runs a test that is generic over it for each shape.
pub trait Shape {
    /// Makes a gather of three members, whose body may fail.
    fn three<'a, R: 'a>(
        members: [Member; 3],
        body: impl AsyncFnOnce([&mut Resource; 3]) -> Result<R, &'static str> + 'a,
    ) -> Driver<'a, Report<R>>;
}

pub struct Tuple;
pub struct Array;
#[cfg(feature = "alloc")]
pub struct Vector;

impl Shape for Tuple {
    fn three<'a, R: 'a>(
        [a, b, c]: [Member; 3],
        body: impl AsyncFnOnce([&mut Resource; 3]) -> Result<R, &'static str> + 'a,
    ) -> Driver<'a, Report<R>> {
        let gather = gather((a, b, c)).with(async move |(a, b, c)| body([a, b, c]).await).keep_value();
        Driver::new(async { Report::from(gather.await) })
    }
}

impl Shape for Array {
    fn three<'a, R: 'a>(
        members: [Member; 3],
        body: impl AsyncFnOnce([&mut Resource; 3]) -> Result<R, &'static str> + 'a,
    ) -> Driver<'a, Report<R>> {
        let gather = gather(members).with(async move |all| body(all).await).keep_value();
        Driver::new(async { Report::from(gather.await) })
    }
}

#[cfg(feature = "alloc")]
impl Shape for Vector {
    fn three<'a, R: 'a>(
        members: [Member; 3],
        body: impl AsyncFnOnce([&mut Resource; 3]) -> Result<R, &'static str> + 'a,
    ) -> Driver<'a, Report<R>> {
        let body = async move |all: &mut VecRefs<'_, Resource>| {
            assert_eq!((all.len(), all.is_empty()), (3, false));
            let mut all = all.iter_mut();
            let three = [(); 3].map(|()| all.next().expect("three members, three values"));
            assert!(all.next().is_none());
            body(three).await
        };
        let gather = gather(Vec::from(members)).with(body).keep_value();
        Driver::new(async { Report::from(gather.await) })
    }
}

/// Runs each test, a function that is generic over [`Shape`], for tuple, array and `Vec`.
#[macro_export]
macro_rules! shapes {
    ($($test:ident)*) => {
        mod tuple { $(#[test] fn $test() { super::$test::<super::common::Tuple>() })* }
        mod array { $(#[test] fn $test() { super::$test::<super::common::Array>() })* }
        #[cfg(feature = "alloc")]
        mod vector { $(#[test] fn $test() { super::$test::<super::common::Vector>() })* }
    };
}

/// Runs a block for a gather of the members in a tuple, an array and a `Vec`: `each_shape!([a(), b()], |gather| { ..
/// })`. The members are made anew each time, and have one type.
#[macro_export]
macro_rules! each_shape {
    ([$($member:expr),* $(,)?], |$gather:ident| $run:expr) => {{
        { let $gather = gather_cm::gather(($($member,)*)); $run }
        { let $gather = gather_cm::gather([$($member),*]); $run }
        #[cfg(feature = "alloc")]
        { let $gather = gather_cm::gather(vec![$($member),*]); $run }
    }};
}

/// Asserts that every entered resource was exited or abandoned, exactly once, and that none was dropped otherwise.
pub fn assert_released(log: &[String]) {
    for name in 0..16 {
        let count = |line: String| log.iter().filter(|entry| **entry == line).count();
        let entered = count(format!("entered {name}"));
        let exit = format!("exit {name} ");
        let exited = log.iter().filter(|entry| entry.starts_with(&exit)).count();
        let abandoned = count(format!("abandon {name}"));
        assert!(entered <= 1, "{name} entered twice: {log:#?}");
        assert_eq!(entered, exited + abandoned, "{name}: {log:#?}");
        assert_eq!(count(format!("LEAK {name}")), 0, "{log:#?}");
    }
}

/// What a failed enter or a stop does to the other members.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rollback {
    RunOn,
    Eager,
    FailFast,
    Settle,
}

/// The order of the exits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    Pool,
    Stack,
    InReverse,
}

/// All policies at once. At first they have no effect. Other tests use each policy alone, or none at all.
#[derive(Clone, Debug)]
pub struct Setup {
    pub rollback: Rollback,
    pub order: Order,
    pub enter_limit: usize,
    pub exit_limit: usize,
    /// The group is cancelled when this opens.
    pub stop: Gate,
}

impl Default for Setup {
    fn default() -> Self {
        Self { rollback: Rollback::RunOn, order: Order::Pool, enter_limit: 99, exit_limit: 99, stop: Gate::new() }
    }
}

macro_rules! drive {
    ($gather:expr, $body:expr) => {
        Driver::new(async move { Report::from($gather.with(async move |_| $body.await).keep_value().await) })
    };
}

/// Makes a gather of the group with the policies and a body that acts as told. It returns panics as values.
macro_rules! arrange {
    ($group:expr, $setup:expr, $log:expr, $body:expr, $($more:tt)*) => {{
        let (setup, log, mut act, stop): (&Setup, Log, Act, Gate) = ($setup, $log.clone(), $body, $setup.stop.clone());
        let gather = gather($group)
            .enter_limit(setup.enter_limit)
            .exit_limit(setup.exit_limit)
            .cancel_on(async move { stop.wait().await })
            $($more)*;
        #[cfg(feature = "std")]
        let gather = gather.catch_unwind();
        let body = async move {
            log.push("body");
            let shout = Shout(log, "body dropped");
            let result = std::future::poll_fn(|cx| act.poll(cx)).await;
            drop(shout);
            result.map(|()| 7)
        };
        match (setup.rollback, setup.order) {
            (Rollback::RunOn, Order::Pool) => drive!(gather, body),
            (Rollback::Eager, Order::Pool) => drive!(gather.eager_rollback(), body),
            (Rollback::FailFast, Order::Pool) => drive!(gather.fail_fast(), body),
            (Rollback::Settle, Order::Pool) => drive!(gather.settle(), body),
            (Rollback::RunOn, Order::Stack) => drive!(gather.stack(), body),
            (Rollback::Eager, Order::Stack) => drive!(gather.stack().eager_rollback(), body),
            (Rollback::FailFast, Order::Stack) => drive!(gather.stack().fail_fast(), body),
            (Rollback::Settle, Order::Stack) => drive!(gather.settle().stack(), body),
            (Rollback::RunOn, Order::InReverse) => drive!(gather.in_reverse(), body),
            (Rollback::Eager, Order::InReverse) => drive!(gather.eager_rollback().in_reverse(), body),
            (Rollback::FailFast, Order::InReverse) => drive!(gather.in_reverse().fail_fast(), body),
            (Rollback::Settle, Order::InReverse) => drive!(gather.in_reverse().settle(), body),
        }
    }};
}

/// Logs its own end.
struct Shout(Log, &'static str);

impl Drop for Shout {
    fn drop(&mut self) {
        self.0.push(self.1);
    }
}

/// Does what [`Shape`] does, with every policy.
pub trait Policed {
    fn run(members: [Member; 3], setup: &Setup, log: &Log, body: Act) -> Driver<'static, Report<u32>>;

    /// Does what [`run`](Self::run) does, with `fair`, `caller_waker` and `names`.
    fn fair(members: [Member; 3], setup: &Setup, log: &Log, body: Act) -> Driver<'static, Report<u32>>;

    /// Does what [`run`](Self::run) does, with one more `stop`.
    fn stopped<'a>(
        members: [Member; 3],
        setup: &Setup,
        log: &Log,
        stop: impl Future<Output = ()> + 'a,
        body: Act,
    ) -> Driver<'a, Report<u32>>;
}

impl Policed for Tuple {
    fn run([a, b, c]: [Member; 3], setup: &Setup, log: &Log, body: Act) -> Driver<'static, Report<u32>> {
        arrange!((a, b, c), setup, log, body,)
    }

    fn fair([a, b, c]: [Member; 3], setup: &Setup, log: &Log, body: Act) -> Driver<'static, Report<u32>> {
        arrange!((a, b, c), setup, log, body, .fair().caller_waker().names(&["a", "b", "c"]))
    }

    fn stopped<'a>(
        [a, b, c]: [Member; 3],
        setup: &Setup,
        log: &Log,
        stop: impl Future<Output = ()> + 'a,
        body: Act,
    ) -> Driver<'a, Report<u32>> {
        arrange!((a, b, c), setup, log, body, .cancel_on(stop))
    }
}

impl Policed for Array {
    fn run(members: [Member; 3], setup: &Setup, log: &Log, body: Act) -> Driver<'static, Report<u32>> {
        arrange!(members, setup, log, body,)
    }

    fn fair(members: [Member; 3], setup: &Setup, log: &Log, body: Act) -> Driver<'static, Report<u32>> {
        arrange!(members, setup, log, body, .fair().caller_waker().names(&["a", "b", "c"]))
    }

    fn stopped<'a>(
        members: [Member; 3],
        setup: &Setup,
        log: &Log,
        stop: impl Future<Output = ()> + 'a,
        body: Act,
    ) -> Driver<'a, Report<u32>> {
        arrange!(members, setup, log, body, .cancel_on(stop))
    }
}

#[cfg(feature = "alloc")]
impl Policed for Vector {
    fn run(members: [Member; 3], setup: &Setup, log: &Log, body: Act) -> Driver<'static, Report<u32>> {
        arrange!(Vec::from(members), setup, log, body,)
    }

    fn fair(members: [Member; 3], setup: &Setup, log: &Log, body: Act) -> Driver<'static, Report<u32>> {
        arrange!(Vec::from(members), setup, log, body, .fair().caller_waker().names(&["a", "b", "c"]))
    }

    fn stopped<'a>(
        members: [Member; 3],
        setup: &Setup,
        log: &Log,
        stop: impl Future<Output = ()> + 'a,
        body: Act,
    ) -> Driver<'a, Report<u32>> {
        arrange!(Vec::from(members), setup, log, body, .cancel_on(stop))
    }
}

/// Makes three members, each with the enter and the exit at its index.
pub fn members(log: &Log, acts: [(Act, Act); 3]) -> [Member; 3] {
    let mut name = 0;
    acts.map(|(enter, exit)| {
        name += 1;
        Member::new(log, name - 1, enter, exit)
    })
}

/// Returns the lines that tell of beginnings and ends, without the polls between them, and without the drops of futures
/// at their end.
pub fn events(log: &Log) -> Vec<String> {
    log.take().into_iter().filter(|line| !line.contains("poll") && !line.starts_with("drop")).collect()
}

/// Makes a member that enters and exits well, each in one poll.
pub fn member(log: &Log, name: usize) -> Member {
    Member::new(log, name, well(), well())
}

/// Makes a resource that has already entered.
pub fn held(log: &Log, name: usize, exit: Act) -> Resource {
    let enter = Member::new(log, name, well(), exit).into_future();
    futures_util::FutureExt::now_or_never(enter).expect("it is ready").unwrap_or_else(|_| unreachable!())
}
