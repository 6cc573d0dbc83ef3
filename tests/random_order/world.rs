//! The parts of a random life cycle, and the record of what has happened to them.

use std::{
    collections::BTreeSet,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use gather_cm::{Event, Exit, ExitCase};

/// A small generator of numbers, which its seed determines.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Returns a number less than `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % end
    }

    /// Returns `true` once in this many times.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn pick<T: Copy>(&mut self, some: &[T]) -> T {
        some[self.below(some.len())]
    }
}

/// What a part of a life cycle does. A member has the first three.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    Enter,
    Driver,
    Exit,
    Body,
    Stop,
}

const ROLES: usize = 5;

type Key = (Role, usize);

/// How a part ends.
#[derive(Clone, Copy, PartialEq)]
pub enum End {
    Well,
    Fails,
    Never,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// It was not polled yet.
    New,
    /// It pends until its gate is opened.
    Shut,
    /// Its gate is open and it was woken, so the gather owes it a poll.
    Open,
    /// It pends until it is dropped.
    Asleep,
    /// It has ended or was dropped.
    Over,
}

/// One future of the life cycle.
struct Part {
    pends: usize,
    end: End,
    stage: Stage,
    /// The number of the last poll of the gather that has polled it, and how often that has polled it.
    polled: (usize, usize),
    waker: Option<Waker>,
}

/// What became of a member's resource.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    Absent,
    Held,
    Exiting,
    Exited,
    Abandoned,
}

/// How many events of some kinds an observer has received.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
pub struct Told {
    pub entered: usize,
    pub exited: usize,
    pub abandoned: usize,
}

/// What is random about a life cycle, apart from the policies.
pub struct Setup {
    pub len: usize,
    pub driven: bool,
    pub scope: bool,
}

pub struct State {
    pub random: Random,
    len: usize,
    driven: bool,
    scope: bool,
    parts: Vec<Part>,
    /// Some of these may have ended since.
    shut: Vec<Key>,
    /// How many parts are open.
    due: usize,
    /// Wakers of earlier polls. Those of a member's own have its index.
    old: Vec<(Option<usize>, Waker)>,
    /// Members whose futures are polled only if they were woken.
    pub sleeps: bool,
    /// The number of the gather's poll that runs, or ran last.
    pub poll: usize,
    /// For each member, this has the number of the poll in which, or after which, it was woken last.
    woken: Vec<usize>,
    pub fates: Vec<Fate>,
    /// Members that have entered in this poll, and whose drivers are polled in it.
    with_driver: Vec<usize>,
    pub cases: Vec<ExitCase>,
    /// The members whose parts have failed, by role.
    pub failed: [BTreeSet<usize>; ROLES],
    pub told: Told,
    fault: Option<String>,
}

impl State {
    fn part(&mut self, (role, index): Key) -> &mut Part {
        let place = role as usize * self.len + index;
        &mut self.parts[place]
    }

    fn set(&mut self, key: Key, stage: Stage) {
        let old = std::mem::replace(&mut self.part(key).stage, stage);
        self.due = self.due + usize::from(stage == Stage::Open) - usize::from(old == Stage::Open);
    }

    pub fn ended(&mut self, role: Role) -> bool {
        self.part((role, 0)).stage == Stage::Over
    }

    fn fault(&mut self, fault: String) {
        self.fault.get_or_insert(fault);
    }

    /// Returns the member that the part's waker stands for, if it is a waker of the member's own.
    fn owner(&self, (role, index): Key) -> Option<usize> {
        match role {
            Role::Exit | Role::Driver => Some(index),
            Role::Enter => (!self.scope).then_some(index),
            Role::Body | Role::Stop => None,
        }
    }

    /// Records that a part is polled, and says what is wrong about that.
    fn polled(&mut self, key: Key) {
        let (poll, sleeps, owner, drivers_fail) =
            (self.poll, self.sleeps, self.owner(key), !self.failed[Role::Driver as usize].is_empty());
        let exit_begins = self.part((Role::Exit, key.1)).polled.0 == poll;
        let woken = owner.map_or(poll, |member| self.woken[member]);
        let part = self.part(key);
        let ((last, times), stage) = (part.polled, part.stage);
        part.polled = (poll, if last == poll { times + 1 } else { 1 });
        let most = match key.0 {
            // The poll in which the exits begin may poll a driver twice.
            Role::Driver => 2,
            // It may end in one more poll.
            Role::Body if drivers_fail => 2,
            _ => 1,
        };
        if stage == Stage::Over {
            self.fault(format!("{key:?} was polled after its end"));
        }
        if last == poll && times == most {
            self.fault(format!("{key:?} was polled {} times in one poll", times + 1));
        }
        // A driver is polled along with the exit that begins.
        let may = last == 0 || woken >= last || (key.0 == Role::Driver && exit_begins);
        if sleeps && !may {
            self.fault(format!("{key:?} was not woken after poll {last}, and was polled in poll {poll}"));
        }
    }

    /// Opens a gate, and returns the waker that the caller must wake.
    fn open_one(&mut self) -> Option<(Option<usize>, Waker)> {
        while !self.shut.is_empty() {
            let which = self.random.below(self.shut.len());
            let key = self.shut.swap_remove(which);
            if self.part(key).stage == Stage::Shut {
                self.set(key, Stage::Open);
                let waker = self.part(key).waker.clone().expect("it was polled");
                return Some((self.owner(key), waker));
            }
        }
        None
    }
}

/// The state that all parts of one life cycle, its wakers and its executor share. No lock is held while a waker is
/// called.
#[derive(Clone)]
pub struct World(Arc<Mutex<State>>);

impl World {
    pub fn new(mut random: Random, setup: &Setup) -> Self {
        let len = setup.len;
        let (failing, slow) = (random.pick(&[0, 0, 1, len / 20]), random.pick(&[1, 3, 6]));
        let mut parts = Vec::with_capacity(ROLES * len);
        for role in [Role::Enter, Role::Driver, Role::Exit, Role::Body, Role::Stop] {
            for _ in 0..len {
                let end = match role {
                    Role::Driver if random.one_in(2) => End::Never,
                    Role::Stop if random.one_in(3) => End::Never,
                    Role::Driver if random.one_in(8 * len) => End::Fails,
                    Role::Body if random.one_in(4) => End::Fails,
                    Role::Enter | Role::Exit if random.below(len) < failing && random.one_in(2) => End::Fails,
                    _ => End::Well,
                };
                let pends = if role == Role::Stop { 1 + random.below(12) } else { random.below(slow) };
                parts.push(Part { pends, end, stage: Stage::New, polled: (0, 0), waker: None });
            }
        }
        Self(Arc::new(Mutex::new(State {
            random,
            len,
            driven: setup.driven,
            scope: setup.scope,
            parts,
            shut: vec![],
            due: 0,
            old: vec![],
            sleeps: false,
            poll: 0,
            woken: vec![0; len],
            fates: vec![Fate::Absent; len],
            with_driver: vec![],
            cases: vec![],
            failed: Default::default(),
            told: Told::default(),
            fault: None,
        })))
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn part(&self, role: Role, index: usize) -> Running {
        Running { world: self.clone(), key: (role, index) }
    }

    /// Enters a member, along with its driver.
    pub async fn enter(self, index: usize) -> Result<(Resource, Running), usize> {
        self.part(Role::Enter, index).await?;
        let mut state = self.state();
        state.fates[index] = Fate::Held;
        if state.driven {
            state.with_driver.push(index);
        }
        drop(state);
        let driver = self.part(Role::Driver, index);
        Ok((Resource { world: self, index, over: false }, driver))
    }

    /// Panics if something went wrong in the last poll. A panic in a member would be caught.
    #[track_caller]
    pub fn check(&self) {
        let mut state = self.state();
        for index in std::mem::take(&mut state.with_driver) {
            if state.part((Role::Driver, index)).polled.0 == 0 {
                state.fault(format!("the driver {index} was not polled in the poll in which its member entered"));
            }
        }
        let fault = state.fault.take();
        drop(state);
        assert!(fault.is_none(), "{}", fault.unwrap_or_default());
    }

    /// Returns whether a part was woken and has not been polled since.
    pub fn is_due(&self) -> bool {
        self.state().due > 0
    }

    pub fn one_in(&self, times: usize) -> bool {
        self.state().random.one_in(times)
    }

    pub fn below(&self, end: usize) -> usize {
        self.state().random.below(end)
    }

    /// Opens a gate and wakes the part behind it. Returns whether there was one.
    pub fn stir(&self) -> bool {
        let opened = self.state().open_one();
        let Some((member, waker)) = opened else { return false };
        self.wake(member, waker);
        true
    }

    /// Wakes a waker of an earlier poll, in vain. Its part may be over.
    pub fn haunt(&self) {
        let mut state = self.state();
        let end = state.old.len();
        if end > 0 {
            let which = state.random.below(end);
            let (member, waker) = state.old[which].clone();
            drop(state);
            self.wake(member, waker);
        }
    }

    /// Wakes all wakers that are left, and drops them.
    pub fn haunt_all(&self) {
        let old = std::mem::take(&mut self.state().old);
        old.into_iter().for_each(|(member, waker)| self.wake(member, waker));
        let wakers: Vec<_> = self.state().parts.iter_mut().filter_map(|part| part.waker.take()).collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    fn wake(&self, member: Option<usize>, waker: Waker) {
        let mut state = self.state();
        if let Some(member) = member {
            state.woken[member] = state.poll;
        }
        let how = state.random.below(4);
        drop(state);
        match how {
            0 => waker.wake_by_ref(),
            1 => waker.wake(),
            2 => {
                let clone = waker.clone();
                drop(waker);
                clone.wake();
            }
            _ => {
                waker.wake_by_ref();
                waker.wake();
            }
        }
    }

    /// Receives an event, as an observer.
    pub fn tell(&self, event: Event) {
        let told = &mut self.state().told;
        match event {
            Event::Entered { .. } => told.entered += 1,
            Event::Exited { .. } | Event::ExitFailed { .. } => told.exited += 1,
            Event::Abandoned { .. } => told.abandoned += 1,
            _ => {}
        }
    }
}

/// The future of a part. It pends a few times, each time until it has woken itself or until its gate is opened. A
/// sibling opens the gate in its poll, the executor does so later, or the parent's `wake` does.
pub struct Running {
    world: World,
    key: (Role, usize),
}

impl Future for Running {
    type Output = Result<(), usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (world, key) = (&self.world, self.key);
        let mut state = world.state();
        state.polled(key);
        let before = state.part(key).waker.replace(cx.waker().clone());
        let mut dropped = None;
        if let Some(before) = before {
            let old = (state.owner(key), before);
            if state.old.len() < 100 {
                state.old.push(old);
            } else {
                let which = state.random.below(100);
                dropped = Some(std::mem::replace(&mut state.old[which], old));
            }
        }
        let part = state.part(key);
        let (stage, end, done) = (part.stage, part.end, part.pends == 0);
        let goes_on = matches!(stage, Stage::New | Stage::Open);
        let mut wakes = None;
        if goes_on && !done {
            part.pends -= 1;
            if state.random.one_in(4) {
                state.set(key, Stage::Open);
                wakes = Some(state.owner(key));
            } else {
                state.set(key, Stage::Shut);
                state.shut.push(key);
            }
        } else if goes_on {
            state.set(key, if end == End::Never { Stage::Asleep } else { Stage::Over });
            if end == End::Fails {
                state.failed[key.0 as usize].insert(key.1);
            }
        }
        let [stirs, haunts] = [state.random.one_in(4), state.random.one_in(8)];
        drop(state);
        drop(dropped);
        if let Some(owner) = wakes {
            world.wake(owner, cx.waker().clone());
        }
        if stirs {
            world.stir();
        }
        if haunts {
            world.haunt();
        }
        match end {
            End::Never => Poll::Pending,
            _ if !goes_on || !done => Poll::Pending,
            End::Well => Poll::Ready(Ok(())),
            End::Fails => Poll::Ready(Err(key.1)),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.world.state().set(self.key, Stage::Over);
    }
}

/// A resource that records what becomes of it.
pub struct Resource {
    world: World,
    index: usize,
    over: bool,
}

impl Resource {
    fn becomes(&mut self, fate: Fate) {
        let (mut state, index) = (self.world.state(), self.index);
        if self.over || state.fates[index] != Fate::Held {
            let old = state.fates[index];
            state.fault(format!("the resource {index} was {old:?}, and becomes {fate:?}"));
        }
        state.fates[index] = fate;
        self.over = true;
    }
}

impl Exit for Resource {
    type Error = usize;
    type Verdict = ();

    fn exit(mut self, case: ExitCase) -> impl Future<Output = Result<(), usize>> {
        self.becomes(Fate::Exiting);
        self.world.state().cases.push(case);
        let exit = self.world.part(Role::Exit, self.index);
        async move {
            let result = exit.await;
            self.world.state().fates[self.index] = Fate::Exited;
            result
        }
    }

    fn abandon(mut self) {
        self.becomes(Fate::Abandoned);
    }
}

impl Drop for Resource {
    fn drop(&mut self) {
        if !self.over {
            let index = self.index;
            self.world.state().fault(format!("the resource {index} leaks"));
        }
    }
}
