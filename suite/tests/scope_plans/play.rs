//! The same programs in the crate. Members play their acts and log what happens to them, and a body performs the
//! operations. The game itself polls the gather and the model side by side.

use std::{
    any::Any,
    cell::RefCell,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use gather_cm::{
    Exit, ExitCase, Failure, Lent, LocalBoxExit, LocalBoxed, Many, Resource as IsResource, Scope, Verdict,
};

use super::{model::Model, policies, program::*};

/// The events since the log was taken, and the wakers of the parts that pend.
#[derive(Clone, Default)]
pub struct Log(Rc<RefCell<Vec<Event>>>, Rc<RefCell<Vec<Waker>>>);

impl Log {
    pub fn push(&self, event: Event) {
        self.0.borrow_mut().push(event);
    }

    pub fn take(&self) -> Vec<Event> {
        self.0.take()
    }
}

/// The panic of a part. It says nothing on the terminal, because there are many.
struct Panic(Part);

/// The future of a part.
pub struct Play {
    part: Part,
    act: Act,
    log: Log,
}

impl Play {
    pub fn new(part: Part, act: Act, log: &Log) -> Self {
        Self { part, act, log: log.clone() }
    }
}

impl Future for Play {
    /// Whether it suppresses.
    type Output = Result<bool, Part>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.log.push(Event::Polled(self.part));
        if self.act.pends > 0 {
            self.act.pends -= 1;
            self.log.1.borrow_mut().push(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(match self.act.end {
            End::Panics => resume_unwind(Box::new(Panic(self.part))),
            End::Fails => Err(self.part),
            end => Ok(end == End::Suppresses),
        })
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        self.log.push(Event::Dropped(self.part));
    }
}

/// A resource. It is there until it is exited, abandoned or taken out.
pub struct Resource(Option<(Member, Log)>);

impl Resource {
    fn new(member: Member, log: &Log) -> Self {
        Self(Some((member, log.clone())))
    }

    fn take(&mut self) -> (Member, Log) {
        self.0.take().expect("it is exited, abandoned or taken out once")
    }

    fn exit(mut self, case: ExitCase) -> Play {
        let (member, log) = self.take();
        log.push(Event::ExitBegan(member.id, case));
        Play::new(Part::Exit(member.id), member.exit, &log)
    }

    pub fn take_out(mut self) {
        let (member, log) = self.take();
        log.push(Event::TakenOut(member.id));
    }
}

impl Drop for Resource {
    fn drop(&mut self) {
        if let Some((member, log)) = self.0.take() {
            log.push(Event::Leaked(member.id));
        }
    }
}

impl Exit for Resource {
    type Error = Part;
    type Verdict = bool;

    fn exit(self, case: ExitCase) -> impl Future<Output = Result<bool, Part>> {
        Resource::exit(self, case)
    }

    fn on_error(&mut self, error: &dyn Any) {
        let (member, log) = self.0.as_ref().expect("it is held");
        log.push(Event::OnError(member.id, *error.downcast_ref().expect("an error of these tests")));
    }

    fn abandon(mut self) {
        let (member, log) = self.take();
        log.push(Event::Abandoned(member.id));
    }
}

/// A value that an exit by closure exits. If it is dropped, it is abandoned.
struct Adopted(Option<Resource>);

impl Adopted {
    fn exit(mut self, case: ExitCase) -> Play {
        self.0.take().expect("it is there").exit(case)
    }
}

impl Drop for Adopted {
    fn drop(&mut self) {
        if let Some(resource) = self.0.take() {
            resource.abandon();
        }
    }
}

type Operation<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A guard of any type.
trait Guard<'s> {
    fn index(&self) -> usize;
    fn exit(self: Box<Self>, case: Option<ExitCase>) -> Operation<'s, Result<bool, Part>>;
    fn take_out(self: Box<Self>, member: usize, log: &Log);
}

/// The value of a guard, which can be taken out.
trait TakeOut {
    fn take_out(self, member: usize, log: &Log);
}

impl TakeOut for Resource {
    fn take_out(self, _: usize, _: &Log) {
        Resource::take_out(self);
    }
}

impl TakeOut for LocalBoxed<'static, Resource, Part> {
    fn take_out(self, _: usize, _: &Log) {
        Self::into_inner(self).take_out();
    }
}

impl TakeOut for LocalBoxed<'static, Adopted, Part> {
    fn take_out(self, _: usize, _: &Log) {
        let mut adopted = Self::into_inner(self);
        adopted.0.take().expect("it is there").take_out();
    }
}

impl TakeOut for LocalBoxed<'static, (), Part> {
    fn take_out(self, member: usize, log: &Log) {
        Self::into_inner(self);
        log.push(Event::TakenOut(member));
    }
}

impl<'s, V, R> Guard<'s> for Lent<'s, V, R>
where
    V: Into<R> + IsResource<Error = Part> + TakeOut + 's,
    R: IsResource + 's,
{
    fn index(&self) -> usize {
        Lent::index(self)
    }

    fn exit(self: Box<Self>, case: Option<ExitCase>) -> Operation<'s, Result<bool, Part>> {
        let suppresses = |verdict: V::Verdict| verdict.into() == Verdict::Suppress;
        match case {
            None => {
                let release = Lent::release(*self);
                Box::pin(async move { release.await.map(suppresses) })
            }
            Some(case) => {
                let exit = Lent::exit(*self, case);
                Box::pin(async move { exit.await.map(suppresses) })
            }
        }
    }

    fn take_out(self: Box<Self>, member: usize, log: &Log) {
        Lent::into_inner(*self).take_out(member, log);
    }
}

type AnyGuard<'s> = Box<dyn Guard<'s> + 's>;

/// Says how a member joins a scope of this type.
pub trait Joins: IsResource<Error = Part> + 'static {
    /// Makes a scope that these members have joined.
    fn full(members: &[Member], log: &Log) -> Scope<Self>;

    #[allow(private_interfaces)]
    fn join<'s>(scope: &'s Scope<Self>, member: Member, log: &Log) -> Operation<'s, Result<AnyGuard<'s>, Part>>;
}

async fn enter<T>(member: Member, log: Log, value: fn(Resource) -> T) -> Result<T, Part> {
    Play::new(Part::Enter(member.id), member.enter, &log).await?;
    Ok(value(Resource::new(member, &log)))
}

impl Joins for Resource {
    fn full(members: &[Member], log: &Log) -> Scope<Self> {
        members.iter().map(|member| Self::new(*member, log)).collect()
    }

    #[allow(private_interfaces)]
    fn join<'s>(scope: &'s Scope<Self>, member: Member, log: &Log) -> Operation<'s, Result<AnyGuard<'s>, Part>> {
        let log = log.clone();
        Box::pin(async move {
            Ok(match member.how {
                How::Hold => Box::new(scope.hold(Self::new(member, &log))) as AnyGuard<'s>,
                How::Enter | How::Adopt => Box::new(scope.enter(enter(member, log, |resource| resource)).await?),
            })
        })
    }
}

type Boxes = LocalBoxExit<'static, Part>;

fn defer<'s>(scope: &'s Scope<Boxes>, member: Member, log: &Log) -> AnyGuard<'s> {
    let adopted = Adopted(Some(Resource::new(member, log)));
    Box::new(scope.defer_local(move |case| adopted.exit(case)))
}

impl Joins for Boxes {
    fn full(members: &[Member], log: &Log) -> Scope<Self> {
        let scope = Scope::new();
        members.iter().for_each(|member| drop(defer(&scope, *member, log)));
        scope
    }

    #[allow(private_interfaces)]
    fn join<'s>(scope: &'s Scope<Self>, member: Member, log: &Log) -> Operation<'s, Result<AnyGuard<'s>, Part>> {
        let log = log.clone();
        Box::pin(async move {
            Ok(match member.how {
                How::Hold => defer(scope, member, &log),
                How::Enter => {
                    Box::new(scope.enter_local(enter(member, log, |resource| resource)).await?) as AnyGuard<'s>
                }
                How::Adopt => {
                    let member = enter(member, log, |resource| Adopted(Some(resource)));
                    Box::new(scope.adopt_local(member, Adopted::exit).await?)
                }
            })
        })
    }
}

/// Runs the future for this many polls.
async fn within<T>(polls: Option<u8>, future: Operation<'_, T>) -> Option<T> {
    let (mut future, mut left) = (Some(future), polls);
    poll_fn(|cx| {
        let Some(running) = future.as_mut().filter(|_| left != Some(0)) else {
            future = None;
            return Poll::Ready(None);
        };
        left = left.map(|left| left - 1);
        running.as_mut().poll(cx).map(Some)
    })
    .await
}

/// The guards that the body keeps.
struct Guards<'s>(RefCell<Vec<Option<AnyGuard<'s>>>>);

impl<'s> Guards<'s> {
    fn take(&self, id: usize) -> Option<AnyGuard<'s>> {
        self.0.borrow_mut()[id].take()
    }

    /// Begins the operation. If it is about a guard, it has the guard from now on.
    fn begin<'a, R: Joins>(&'a self, scope: &'s Scope<R>, op: Op, log: &Log) -> Operation<'a, Result<(), Part>>
    where
        's: 'a,
    {
        let log = log.clone();
        match op {
            Op::Join { member, keeps, limit } => {
                let join = within(limit.polls, R::join(scope, member, &log));
                Box::pin(async move {
                    match join.await {
                        Some(Ok(guard)) => {
                            log.push(Event::Joined(member.id, guard.index()));
                            self.0.borrow_mut()[member.id] = Some(guard).filter(|_| keeps);
                        }
                        Some(Err(error)) if limit.strict => return Err(error),
                        _ => {}
                    }
                    Ok(())
                })
            }
            Op::GiveBack { id } => {
                let guard = self.take(id);
                Box::pin(async move { Ok(drop(guard)) })
            }
            Op::Exit { id, case, limit } => {
                let Some(guard) = self.take(id) else { return Box::pin(async { Ok(()) }) };
                let exit = within(limit.polls, guard.exit(case));
                Box::pin(async move {
                    let Some(result) = exit.await else { return Ok(()) };
                    log.push(Event::Released(id, result));
                    if limit.strict { result.map(drop) } else { Ok(()) }
                })
            }
            Op::TakeOut { id } => {
                let guard = self.take(id);
                Box::pin(async move { Ok(guard.into_iter().for_each(|guard| guard.take_out(id, &log))) })
            }
            Op::Pends { mut polls } => Box::pin(poll_fn(move |cx| {
                if polls == 0 {
                    return Poll::Ready(Ok(()));
                }
                polls -= 1;
                log.1.borrow_mut().push(cx.waker().clone());
                Poll::Pending
            })),
        }
    }
}

/// Polls the operations in turn, until all are over or one has failed.
async fn together(ops: Vec<Operation<'_, Result<(), Part>>>) -> Result<(), Part> {
    let mut ops: Vec<_> = ops.into_iter().map(Some).collect();
    poll_fn(|cx| {
        for op in &mut ops {
            if let Some(Poll::Ready(result)) = op.as_mut().map(|running| running.as_mut().poll(cx)) {
                *op = None;
                result?;
            }
        }
        if ops.iter().all(Option::is_none) { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}

pub async fn body<R: Joins>(scope: &Scope<R>, program: Rc<Program>, log: Log) -> Result<Value, Part> {
    let guards = Guards(RefCell::new((0..program.members()).map(|_| None).collect()));
    for step in &program.steps {
        together(step.iter().map(|op| guards.begin(scope, *op, &log)).collect()).await?;
        log.push(Event::Len(scope.len()));
    }
    Play::new(Part::Body, program.body, &log).await?;
    Ok(Value(Some(log)))
}

/// The value that the body returns.
pub struct Value(Option<Log>);

impl Value {
    pub fn returned(mut self) {
        self.0 = None;
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.0.iter().for_each(|log| log.push(Event::ValueDropped));
    }
}

/// The stop, if there is one.
pub struct Stop(pub Option<u8>, pub Log);

impl IntoFuture for Stop {
    type Output = ();
    type IntoFuture = Operation<'static, ()>;

    fn into_future(self) -> Self::IntoFuture {
        let mut stop = self.0.map(|pends| Play::new(Part::Stop, Act { pends, end: End::Well }, &self.1));
        Box::pin(poll_fn(move |cx| match &mut stop {
            Some(play) => Pin::new(play).poll(cx).map(drop),
            None => Poll::Pending,
        }))
    }
}

/// The end of a gather: its outcome, and with `with_entered` a function that says how the resources go on.
pub struct Ended(pub Outcome, pub Option<Later>);
pub type Later = Box<dyn FnOnce(Afterwards) -> Option<Running>>;
pub type Running = Operation<'static, Ended>;

impl From<Failure<Part, Many>> for Ended {
    fn from(failure: Failure<Part, Many>) -> Self {
        let suppressed = failure.is_suppressed();
        let exits = failure.exits.into_iter().collect();
        let cause = match failure.cause {
            gather_cm::Cause::Body(part) => Cause::Body(part),
            gather_cm::Cause::Cancelled { .. } => Cause::Cancelled,
            gather_cm::Cause::Exit { .. } => Cause::Exit,
            gather_cm::Cause::Panicked(panic) => Cause::Panicked(part_of(panic.into_payload())),
            _ => unreachable!("a scope has no enters and no drivers"),
        };
        Self(Outcome { cause, exits, suppressed, value: false }, None)
    }
}

fn part_of(payload: Box<dyn Any + Send>) -> Part {
    match payload.downcast::<Panic>() {
        Ok(panic) => panic.0,
        Err(payload) => resume_unwind(payload),
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

/// Polls a gather. Returns `None` if it pends. Then it must be woken when the parts that it waits for are.
fn poll(future: &mut Running, log: &Log) -> Option<Ended> {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut Context::from_waker(&waker))));
    let wakers = log.1.take();
    match polled {
        Ok(Poll::Ready(ended)) => Some(ended),
        Ok(Poll::Pending) => {
            wakers.into_iter().for_each(Waker::wake);
            assert!(woken.0.load(Ordering::Relaxed), "a lost wake");
            None
        }
        Err(payload) => {
            let cause = Cause::Panicked(part_of(payload));
            Some(Ended(Outcome { cause, exits: Errors::new(), suppressed: false, value: false }, None))
        }
    }
}

impl Program {
    /// Compares the crate with the model, and returns what happened.
    pub fn check(&self) -> (Vec<Event>, Option<Outcome>) {
        let (log, handed_over) = (Log::default(), Rc::default());
        let mut model = Model::new(self);
        let mut future = policies::gathered(&Rc::new(self.clone()), &log, &handed_over);
        let (mut everything, mut drops, mut polls) = (vec![], self.drops.into_iter(), 0);
        let mut drop_at = drops.next().flatten();
        let mut same = |model: &mut Model| {
            let (played, modelled) = (log.take(), std::mem::take(&mut model.log));
            assert_eq!(played, modelled, "played and modelled");
            everything.extend(played);
        };
        let outcome = loop {
            if drop_at == Some(polls) {
                drop(future);
                let hands_over = model.hand_over();
                if !hands_over {
                    model.drop();
                }
                same(&mut model);
                let next: Option<Running> = handed_over.take();
                assert_eq!(next.is_some(), hands_over, "is something handed over?");
                let Some(next) = next else { break None };
                (future, polls, drop_at) = (next, 0, drops.next().flatten());
                continue;
            }
            polls += 1;
            let (played, modelled) = (poll(&mut future, &log), model.poll());
            let Some(Ended(played, later)) = played else {
                same(&mut model);
                assert_eq!(None, modelled, "the gather pends");
                continue;
            };
            same(&mut model);
            assert_eq!(Some(&played), modelled.as_ref(), "played and modelled");
            let Some(later) = later else { break Some(played) };
            let (next, goes_on) = (later(self.afterwards), model.go_on());
            same(&mut model);
            assert_eq!(next.is_some(), goes_on);
            let Some(next) = next else { break Some(played) };
            (future, polls, drop_at) = (next, 0, drops.next().flatten());
        };
        drop(log);
        self.check_log(&everything);
        (everything, outcome)
    }

    /// P3, P4: Checks that indices do not repeat, and that every resource that joined has one end.
    fn check_log(&self, log: &[Event]) {
        let mut indices: Vec<_> = (0..self.full.len()).collect();
        let mut joined: Vec<_> = self.full.iter().map(|member| member.id).collect();
        for event in log {
            if let Event::Joined(id, index) = event {
                indices.push(*index);
                joined.push(*id);
            }
        }
        let count = indices.len();
        indices.sort_unstable();
        indices.dedup();
        assert_eq!(indices.len(), count, "an index was used twice");
        for id in 0..self.members() {
            let ends = log.iter().filter(|event| match event {
                Event::ExitBegan(other, _) | Event::TakenOut(other) | Event::Leaked(other) => *other == id,
                // If the resource was taken out, its box drops the closure.
                Event::Abandoned(other) => *other == id && !log.contains(&Event::TakenOut(id)),
                _ => false,
            });
            assert_eq!(ends.count(), usize::from(joined.contains(&id)), "the ends of member {id}");
            let exits = log.iter().filter(|event| **event == Event::Dropped(Part::Exit(id))).count();
            assert!(exits <= 1, "member {id} was exited twice");
        }
    }
}
