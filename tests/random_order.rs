//! An executor that does everything in a random order: it polls a life cycle only if the waker of the last poll was
//! woken, replaces that waker, waits long, and drops. The parts wake themselves, one another, and with wakers of
//! earlier polls.
//!
//! `GATHER_CM_PLANS` says how many life cycles there are. If one fails, it prints its seed, and `GATHER_CM_SEED`
//! repeats it.
#![cfg(feature = "alloc")]

#[path = "random_order/world.rs"]
mod world;

use std::{
    cell::RefCell,
    collections::BTreeSet,
    future::{Future, poll_fn},
    hash::{BuildHasher, RandomState},
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use gather_cm::{Cause, EnterExt, ExitCase, Failure, Scope, Shape, gather, scope};
use world::{Fate, Random, Resource, Role, Setup, Told, World};

/// Up to this many members of a `Vec` share the caller's waker.
const FEW: usize = 30;

/// How a life cycle ended, and which members have failed according to its result.
#[derive(Debug)]
struct Ended {
    why: Why,
    failed: BTreeSet<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Why {
    Well,
    Enter,
    Lost,
    Body,
    Cancelled,
    Exit,
}

impl Ended {
    fn of<R, S: Shape>(result: Result<R, Failure<usize, S>>) -> Self {
        let Err(failure) = result else { return Self { why: Why::Well, failed: BTreeSet::new() } };
        let mut failed: BTreeSet<_> = failure.exits.iter().map(|(index, _)| index).collect();
        let why = match failure.cause {
            Cause::Enter(errors) => {
                failed.extend(errors.iter().map(|(index, _)| index));
                Why::Enter
            }
            Cause::Lost(errors) => {
                failed.extend(errors.iter().map(|(index, _)| index));
                Why::Lost
            }
            Cause::Body(_) => Why::Body,
            Cause::Cancelled { .. } => Why::Cancelled,
            Cause::Exit { .. } => Why::Exit,
            _ => panic!("nothing panics"),
        };
        Self { why, failed }
    }
}

type LifeCycle = Pin<Box<dyn Future<Output = Ended>>>;

/// The cleanup that a shield has handed over.
type HandedOver = Rc<RefCell<Option<LifeCycle>>>;

fn boxed<R: 'static, S: Shape>(future: impl Future<Output = Result<R, Failure<usize, S>>> + 'static) -> LifeCycle {
    Box::pin(async { Ended::of(future.await) })
}

/// The task that polls a life cycle, until it has another waker.
struct Parent {
    woken: AtomicBool,
    world: World,
    /// Whether its wake wakes others.
    meddles: bool,
}

impl Wake for Parent {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::SeqCst) && self.meddles {
            self.world.stir();
            self.world.haunt();
        }
    }
}

/// One random life cycle.
struct Run {
    world: World,
    setup: Setup,
    /// Its policies, as they are written.
    policies: &'static str,
    handed_over: HandedOver,
    /// One in this many polls has another waker.
    replaces: usize,
}

/// Chooses one of these gathers by its number, along with its policies. The gathers of the second list have a shield.
macro_rules! choose {
    ($which:expr, $gather:expr, $body:expr, $handed_over:ident: $([$($policies:tt)*])* shielded $([$($late:tt)*])*) => {{
        let (mut number, which) = (0, $which);
        loop {
            $(
                if number == which {
                    break (stringify!($($policies)*), boxed($gather $($policies)* .with($body)));
                }
                number += 1;
            )*
            $(
                if number == which {
                    let spawn = move |cleanup| *$handed_over.borrow_mut() = Some(boxed(cleanup));
                    break (stringify!($($late)*), boxed($gather $($late)* .with($body).on_drop(spawn)));
                }
                number += 1;
            )*
            assert_eq!(number, COUNT);
        }
    }};
}

/// Makes a `Vec` group, with or without drivers.
macro_rules! of_vec {
    ($world:ident, $members:expr, $handed_over:ident) => {{
        const COUNT: usize = 20;
        let (n, m) = ($world.below(40) + 1, $world.below(40) + 1);
        let (stop, body, observer) = ($world.part(Role::Stop, 0), $world.part(Role::Body, 0), $world.clone());
        choose! {
            $world.below(COUNT), gather($members), async move |_| body.await, $handed_over:
            []
            [.fair()]
            [.caller_waker().fair()]
            [.caller_waker().exit_limit(m).observe(move |event| observer.tell(event))]
            [.enter_limit(n).exit_limit(m)]
            [.enter_limit(n).fair().stack()]
            [.fail_fast().in_reverse()]
            [.fail_fast().exit_limit(m).observe(move |event| observer.tell(event))]
            [.eager_rollback().cancel_on(stop)]
            [.eager_rollback().exit_limit(m).fair()]
            [.eager_rollback().stack().fair()]
            [.eager_rollback().in_reverse().enter_limit(n).cancel_on(stop)]
            [.settle().cancel_on(stop).observe(move |event| observer.tell(event))]
            [.settle().enter_limit(n).cancel_on(stop).exit_limit(m)]
            [.cancel_on(stop).in_reverse().fair()]
            shielded
            [.shield()]
            [.exit_limit(m).fair().cancel_on(stop).shield()]
            [.stack().eager_rollback().shield()]
            [.enter_limit(n).cancel_on(stop).shield().settle()]
            [.eager_rollback().exit_limit(m).shield().settle()]
        }
    }};
}

/// Makes a scope whose body enters all members. Each poll of the body polls each of them.
macro_rules! of_scope {
    ($world:ident, $len:expr, $handed_over:ident) => {{
        const COUNT: usize = 6;
        let (m, body, len) = ($world.below(40) + 1, $world.clone(), $len);
        let (stop, observer) = ($world.part(Role::Stop, 0), $world.clone());
        choose! {
            $world.below(COUNT), scope(), async move |scope: &Scope<Resource>| enter_all(scope, body, len).await,
            $handed_over:
            []
            [.fair().exit_limit(m)]
            [.stack().observe(move |event| observer.tell(event))]
            [.in_reverse().cancel_on(stop)]
            [.caller_waker()]
            shielded
            [.cancel_on(stop).exit_limit(m).shield()]
        }
    }};
}

async fn enter_all(scope: &Scope<Resource>, world: World, len: usize) -> Result<(), usize> {
    let member = |index| {
        let world = world.clone();
        async move { world.enter(index).await.map(|(resource, _)| resource) }
    };
    let mut enters: Vec<_> = (0..len).map(|index| Some(Box::pin(scope.enter(member(index))))).collect();
    let mut lent = vec![];
    poll_fn(|cx| {
        for enter in &mut enters {
            let polled = enter.as_mut().map_or(Poll::Pending, |enter| enter.as_mut().poll(cx));
            if let Poll::Ready(result) = polled {
                *enter = None;
                lent.extend(result);
            }
        }
        if enters.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    // Some guards return their resources before the others.
    lent.retain(|_| world.one_in(2));
    world.part(Role::Body, 0).await
}

/// Makes a random life cycle, which has not been polled yet.
fn life_cycle(seed: u64) -> (Run, LifeCycle) {
    let mut random = Random::new(seed);
    let kind = random.below(5);
    let (driven, scoped) = (kind > 2, kind == 2);
    let len = match random.below(50) {
        0 if !scoped => random.pick(&[1000, 4095, 4096, 4097]),
        _ => random.pick(&[1, 2, 29, 30, 31, 32, 63, 64, 65, 127, 128, 129]),
    };
    let replaces = random.pick(&[usize::MAX, 1, 3]);
    let setup = Setup { len, driven, scope: scoped };
    let world = World::new(random, &setup);
    let handed_over = HandedOver::default();
    let spawn = handed_over.clone();
    let members = (0..len).map(|index| world.clone().enter(index));
    let (policies, future) = if scoped {
        of_scope!(world, len, spawn)
    } else if driven {
        let members: Vec<_> = members.map(|member| member.driven()).collect();
        of_vec!(world, members, spawn)
    } else {
        let members: Vec<_> = members.map(|member| async { Ok(member.await?.0) }).collect();
        of_vec!(world, members, spawn)
    };
    world.state().sleeps = !scoped && len > FEW && !policies.contains("caller_waker");
    (Run { world, setup, policies, handed_over, replaces }, future)
}

impl Run {
    /// Polls a future until it has ended, or drops it before.
    fn drive(&self, mut future: LifeCycle, drop_after: usize) -> Option<Ended> {
        let world = &self.world;
        let parent = || {
            let (woken, world) = (AtomicBool::new(false), world.clone());
            Arc::new(Parent { woken, meddles: world.one_in(2), world })
        };
        let mut task = parent();
        for polls in 0..(100 + 100 * self.setup.len) {
            if polls == drop_after {
                return None;
            }
            if world.one_in(self.replaces) {
                task = parent();
            }
            task.woken.store(false, Ordering::SeqCst);
            world.state().poll += 1;
            let polled = future.as_mut().poll(&mut Context::from_waker(&Waker::from(task.clone())));
            world.check();
            if let Poll::Ready(ended) = polled {
                return Some(ended);
            }
            // This says how much happens before the next poll.
            let mut patience = if world.one_in(20) { 50 } else { world.below(3) };
            loop {
                let woken = task.woken.load(Ordering::SeqCst);
                assert!(woken || !world.is_due(), "a wake is lost");
                if patience == 0 && (woken || world.one_in(100)) {
                    break;
                }
                patience = patience.saturating_sub(1);
                if world.one_in(8) {
                    world.haunt();
                } else if !world.stir() {
                    assert!(
                        task.woken.load(Ordering::SeqCst),
                        "nothing is left to be woken, and the gather is pending"
                    );
                    break;
                }
            }
        }
        panic!("the gather does not end");
    }

    fn random_drop(&self) -> usize {
        if self.world.one_in(4) { self.world.below(3 + self.setup.len / 3) } else { usize::MAX }
    }

    /// Runs a life cycle, and the rest of it after a drop.
    fn check(&self, future: LifeCycle) {
        let mut ended = self.drive(future, self.random_drop());
        let (dropped, mut cut) = (ended.is_none(), ended.is_none());
        let cleanup = self.handed_over.take();
        assert!(cleanup.is_none() || dropped, "an end hands nothing over");
        if let Some(cleanup) = cleanup {
            ended = self.drive(cleanup, self.random_drop());
            cut = ended.is_none();
        }
        self.world.haunt_all();
        self.world.check();
        self.check_fates(cut);
        if let Some(ended) = ended {
            self.check_end(&ended, dropped);
        }
    }

    /// Checks that each entered resource has exited once. If the last future was dropped, the resource may be abandoned
    /// instead, or dropped in its exit.
    fn check_fates(&self, cut: bool) {
        let mut state = self.world.state();
        let count = |some: &[Fate]| state.fates.iter().filter(|fate| some.contains(fate)).count();
        let (entered, exited) = (self.setup.len - count(&[Fate::Absent]), count(&[Fate::Exited]));
        let (abandoned, in_flight) = (count(&[Fate::Abandoned]), count(&[Fate::Exiting]));
        assert_eq!(entered, exited + abandoned + in_flight);
        assert!(cut || entered == exited, "{abandoned} were abandoned, and {in_flight} were dropped in their exits");
        assert_eq!(state.cases.len(), exited + in_flight);
        if self.policies.contains("observe") {
            assert_eq!(state.told, Told { entered, exited, abandoned }, "as an observer received it");
        }
        if !self.policies.contains("stack") && !self.policies.contains("in_reverse") {
            state.cases.dedup();
            assert!(state.cases.len() <= 1, "{:?}", state.cases);
        }
    }

    /// Checks that the result says which members have failed, and which case the exits have received.
    fn check_end(&self, ended: &Ended, dropped: bool) {
        let mut state = self.world.state();
        let [mut failed, drivers, exits, body] =
            [Role::Enter, Role::Driver, Role::Exit, Role::Body].map(|role| state.failed[role as usize].clone());
        if self.setup.scope {
            // The body returned the error.
            failed.clear();
        }
        let enter_failed = !failed.is_empty();
        failed.extend(drivers.iter().chain(&exits));
        assert_eq!(ended.failed, failed, "{ended:?}");
        assert_eq!(ended.why == Why::Enter, enter_failed);
        match ended.why {
            Why::Well => assert!(dropped || body.is_empty()),
            Why::Enter => {}
            Why::Lost => assert!(!drivers.is_empty()),
            Why::Body => assert!(!body.is_empty()),
            Why::Cancelled => assert!(dropped || state.ended(Role::Stop)),
            Why::Exit => assert!(!failed.is_empty()),
        }
        let may = |case: &ExitCase| match (ended.why, case) {
            (_, ExitCase::Cancelled) if dropped => true,
            // In a stack, exits see how the exits before them have ended.
            (Why::Well, case) => *case == ExitCase::Completed,
            (Why::Exit, case) => matches!(case, ExitCase::Completed | ExitCase::Failed),
            (Why::Enter, case) => matches!(case, ExitCase::EnterFailed | ExitCase::Lost | ExitCase::Cancelled),
            (Why::Lost, case) => *case == ExitCase::Lost,
            (Why::Body, case) => *case == ExitCase::Failed,
            (Why::Cancelled, case) => *case == ExitCase::Cancelled,
        };
        assert!(state.cases.iter().all(may), "{ended:?}, {:?}", state.cases);
    }
}

/// Prints how to repeat a life cycle, if it fails.
struct Repeat<'a>(u64, &'a Run);

impl Drop for Repeat<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Run { setup, policies, .. } = self.1;
            let what = if setup.scope { "in a scope" } else { "in a `Vec`" };
            eprintln!("{} members {what}, driven: {}, policies: {policies}", setup.len, setup.driven);
            eprintln!("GATHER_CM_SEED={} repeats it", self.0);
        }
    }
}

/// 2, 15, 20, D1, D12, S4: in any order, no wake is lost, no member is polled that sleeps or has ended, and each
/// resource exits once or is abandoned once.
#[test]
fn no_wake_is_lost_in_any_order() {
    let number = |name| std::env::var(name).ok().map(|number| number.parse::<u64>().expect("a number"));
    let count = number("GATHER_CM_PLANS").unwrap_or(if cfg!(debug_assertions) { 4_000 } else { 60_000 });
    let first = RandomState::new().hash_one(count) >> 16;
    let seeds = number("GATHER_CM_SEED").map_or(first..first + count, |seed| seed..seed + 1);
    for seed in seeds {
        let (run, future) = life_cycle(seed);
        let _repeat = Repeat(seed, &run);
        run.check(future);
    }
}
