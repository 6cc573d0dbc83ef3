//! Tests every schedule. There is a small sequential model of the contract, and an explorer that compares the crate
//! with it.
//!
//! The explorer goes through every order of wakes, one at a time and several together. It drops the gather before the
//! first poll and between every two polls, and cancels it in the same way if there is a `cancel_on`. After each poll,
//! the same must have happened in the crate and in the model: the same futures were polled and dropped, the same
//! members received the same error and case, and the same members were abandoned. At the end, the results must be the
//! same. The explorer chooses what a part does when that first matters, so few schedules differ only in steps that
//! never happen.
//!
//! In release mode, for tuples, arrays and `Vec`s alike, this is complete:
//!
//! - No member and one member: they run every script of enter, exit and body (`ALL`). Destructors panic, even those of
//!   `stop` and of the body's value. `stop`, `on_error`, `abandon` and the making of a future panic, too. As many of
//!   these panics as possible come at once, and there is a spurious poll between any two polls. The policies are none,
//!   each, every pair without `fair`, and more. (`pairs` says which pairs with `settle` and `in_reverse` are left out.)
//! - Two members: they run every script of `ALL`, under the same policies. Under no policy and under each alone, there
//!   is also a spurious poll between any two polls, and up to two such panics.
//! - Three members: they run every script that pends at most once (`ONCE_AT_MOST`), under the same policies.
//!
//! The rest is a selection, mostly of one script of each kind (`FEW`):
//!
//! - Two members: one part is rare, such as a `stop` that panics, under every pair of policies with `cancel_on`.
//! - Two and three members: there is a spurious poll, under `fair` along with each other policy.
//! - Three members: there is a spurious poll, or one part pends twice or is rare, under no policy and under each alone.
//! - Groups are members, and some of them are empty (`Shape::Nested`).
//! - One member with a driver: it runs every script of the driver and of the exit, with one part that is rare, and a
//!   spurious poll. There is a selection for two such members, and for a group of one along with an optional one
//!   (`Shape::Driven`, `Shape::DrivenNested`).
//!
//! The plain `cargo test` goes through less, mostly of `FEW`.
#![cfg(feature = "std")]
#![allow(dead_code)] // what only the large plans need

#[path = "schedules/member.rs"]
mod member;
#[path = "schedules/model.rs"]
mod model;
#[path = "schedules/play.rs"]
mod play;
#[path = "schedules/script.rs"]
mod script;
#[path = "schedules/state.rs"]
mod state;

use std::{
    array,
    cell::{Cell, RefCell},
    rc::Rc,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use gather_cm::{EnterExt, Failure, gather};
use member::Member;
use play::{Choose, Stop, WithDriver, play_body, with_policies, with_shield};
use script::{Drivers, End, NEVER, Order, Outcome, Part, Rollback, Running, Script, Scripts, Setup, Shield};
use state::Model;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Tuple,
    /// An array. It always has `keep_value`, which has nothing to do with the shape.
    Array,
    Vector,
    /// A tuple with groups as members.
    Nested,
    /// Members with drivers: a tuple of one, or a `Vec` of two.
    Driven,
    /// A tuple of such a member, which is optional, and a group of one.
    DrivenNested,
}

const SHAPES: [Shape; 3] = [Shape::Tuple, Shape::Array, Shape::Vector];

#[derive(Clone, Copy, Debug)]
struct Plan {
    count: usize,
    shape: Shape,
    setup: Setup,
}

/// The error of a group that is a member of another group.
impl<E, S: gather_cm::Shape> From<Failure<E, S>> for Part {
    fn from(_: Failure<E, S>) -> Self {
        Part::Group
    }
}

impl Plan {
    fn start(&self, scripts: &Rc<Scripts>) -> Running {
        fn members<const N: usize>(scripts: &Rc<Scripts>) -> [play::Member; N] {
            array::from_fn(|id| play::Member(id, scripts.clone()))
        }
        macro_rules! start {
            // Each has a function of its own, so that their stack frames do not become a single one.
            ($group:expr, $with:ident $(, $keep_value:ident)?) => {{
                let start = || -> Running {
                let (body, stop) = (scripts.clone(), Stop::new(&self.setup, 0, scripts));
                let gather = gather($group).catch_unwind();
                if self.setup.shield == Shield::Nothing {
                    with_policies!(gather, &self.setup, stop, |gather| {
                        let gather = gather.$with(async move |_| play_body(body).await)$(.$keep_value())?;
                        Box::pin(async move { Outcome::from(gather.await) }) as Running
                    })
                } else {
                    let scripts = scripts.clone();
                    with_shield!(gather, &self.setup, stop, |gather| {
                        let gather = gather.$with(async move |_| play_body(body).await).on_drop(move |cleanup| {
                            let cleanup = async { Outcome::from(cleanup.await) };
                            assert!(scripts.handed_over.replace(Some(Box::pin(cleanup))).is_none(), "handed over twice");
                        })$(.$keep_value())?;
                        Box::pin(async move { Outcome::from(gather.await) }) as Running
                    })
                }
                };
                start()
            }};
        }
        /// Makes a group that is a member.
        macro_rules! group {
            ($($member:expr),*) => {
                gather(($($member,)*)).enter().errors_into::<Part>()
            };
        }
        let driven = |id| {
            let drivers = self.setup.drivers;
            play::driven(WithDriver(id, scripts.clone(), drivers), drivers)
        };
        let none = || gather(Vec::<play::Member>::new()).fair().enter().errors_into::<Part>();
        match (self.shape, self.count) {
            (Shape::Tuple, 0) => start!((), with_own_error),
            (Shape::Tuple, 1) => start!(<(_,)>::from(members(scripts)), with),
            (Shape::Tuple, 2) => start!(<(_, _)>::from(members(scripts)), with),
            (Shape::Tuple, _) => start!(<(_, _, _)>::from(members(scripts)), with),
            (Shape::Array, 0) => start!(members::<0>(scripts), with, keep_value),
            (Shape::Array, 1) => start!(members::<1>(scripts), with, keep_value),
            (Shape::Array, 2) => start!(members::<2>(scripts), with, keep_value),
            (Shape::Array, _) => start!(members::<3>(scripts), with, keep_value),
            (Shape::Vector, 0) => start!(Vec::from(members::<0>(scripts)), with_own_error),
            (Shape::Vector, 1) => start!(Vec::from(members::<1>(scripts)), with_own_error),
            (Shape::Vector, 2) => start!(Vec::from(members::<2>(scripts)), with_own_error),
            (Shape::Vector, _) => start!(Vec::from(members::<3>(scripts)), with_own_error),
            (Shape::Driven, 1) => start!((driven(0),), with),
            (Shape::Driven, _) => start!((0..self.count).map(driven).collect::<Vec<_>>(), with),
            (Shape::DrivenNested, _) => start!((driven(0).optional(), group!(driven(1))), with),
            (Shape::Nested, 0) => start!((group!(), group!(none())), with),
            (Shape::Nested, 1) => {
                let [a] = members(scripts);
                start!((a, group!(group!(), none())), with)
            }
            (Shape::Nested, _) => {
                let [a, b] = members(scripts);
                start!((none(), gather((group!(a), b)).stack().enter().errors_into::<Part>()), with)
            }
        }
    }

    /// Makes the same members for the model.
    fn members(&self, scripts: &Rc<Scripts>) -> Vec<Member> {
        let leaf = |id| Member::leaf(id, self.setup.drivers, scripts);
        let with = |setup, members| Member::Group(Box::new(Model::nested(setup, 0, members, scripts)));
        let group = |members| with(NO_POLICY, members);
        let none = || group(vec![]);
        match (self.shape, self.count) {
            (Shape::Nested, 0) => vec![none(), group(vec![none()])],
            (Shape::Nested, 1) => vec![leaf(0), group(vec![none(), none()])],
            (Shape::Nested, _) => {
                let stack = Setup { order: Order::Stack, ..NO_POLICY };
                vec![none(), with(stack, vec![group(vec![leaf(0)]), leaf(1)])]
            }
            (Shape::DrivenNested, _) => vec![leaf(0).optional(), group(vec![leaf(1)])],
            (_, count) => (0..count).map(leaf).collect(),
        }
    }
}

/// Says what the explorer tries.
#[derive(Clone, Copy)]
struct Range {
    enters: &'static [Script],
    exits: &'static [Script],
    drivers: &'static [Script],
    bodies: &'static [Script],
    /// At most `rares` parts of a schedule may play these scripts, too.
    rare: &'static [Script],
    rares: usize,
    /// Whether there is a spurious poll between any two polls.
    idle: bool,
    /// Whether only schedules with a rare part or a spurious poll count. The others are counted elsewhere.
    only_these: bool,
}

/// Goes through all choices, one schedule after the other, in lexical order.
struct Explorer {
    range: Range,
    /// The ways that were chosen, each along with the number of ways.
    choices: RefCell<Vec<(usize, usize)>>,
    at: Cell<usize>,
    rares: Cell<usize>,
    idled: Cell<bool>,
}

impl Choose for &Explorer {
    const ALL: bool = true;

    fn may_idle(&self) -> bool {
        self.range.idle && !self.idled.get()
    }

    fn idle(&mut self) {
        self.idled.set(true);
    }

    fn choose(&mut self, ways: usize) -> usize {
        let mut choices = self.choices.borrow_mut();
        let at = self.at.replace(self.at.get() + 1);
        if at == choices.len() {
            choices.push((0, ways));
        }
        choices[at].0
    }
}

impl Explorer {
    /// Chooses what a part does, when that first matters.
    fn decide(mut self: &Self, part: Part) -> Script {
        let (scripts, rare) = match part {
            Part::Enter(_) => (self.range.enters, self.range.rare),
            Part::Exit(_) => (self.range.exits, self.range.rare),
            Part::Driver(_) => (self.range.drivers, &[BOMB, BOMB_FAILS, BOMB_HANGS, BOMB_PANICS_LATE][..]),
            Part::Body => (self.range.bodies, self.range.rare),
            Part::Value => (&[READY][..], &[BOMB][..]),
            Part::Stop(_) => (&[ONCE][..], &[BOMB_LATE, PANICS_LATE, BOMB_PANICS_LATE][..]),
            Part::OnError(_) | Part::Abandon(_) => (&[READY][..], &[PANICS][..]),
            Part::Group => unreachable!("it has no script of its own"),
        };
        let rare = if self.rares.get() < self.range.rares { rare } else { &[] };
        let way = self.choose(scripts.len() + rare.len());
        self.rares.set(self.rares.get() + usize::from(way >= scripts.len()));
        *scripts.iter().chain(rare).nth(way).expect("one of them")
    }

    /// Moves on to the next schedule in lexical order. The last choice that can change does so, and the choices after
    /// it begin anew.
    fn next(&self) -> bool {
        self.at.set(0);
        self.rares.set(0);
        self.idled.set(false);
        let mut choices = self.choices.borrow_mut();
        while let Some((chosen, ways)) = choices.pop() {
            if chosen + 1 < ways {
                choices.push((chosen + 1, ways));
                return true;
            }
        }
        false
    }
}

/// Goes through every schedule of the plan. Returns how many there are.
fn explore(plan: &Plan, range: Range) -> u64 {
    let explorer =
        Explorer { range, choices: RefCell::default(), at: Cell::new(0), rares: Cell::new(0), idled: Cell::new(false) };
    let explorer = Rc::new(explorer);
    let mut schedules = 0;
    loop {
        let decider = explorer.clone();
        let scripts = Rc::new(Scripts::new(plan.count, 1, move |part| decider.decide(part)));
        let model = Model::new(plan.setup, plan.members(&scripts), &scripts);
        play::play(plan, &scripts, model, plan.start(&scripts), &*explorer);
        schedules += u64::from(!range.only_these || explorer.rares.get() > 0 || explorer.idled.get());
        if !explorer.next() {
            return schedules;
        }
    }
}

const MAX: usize = usize::MAX;

const READY: Script = Script { pends: 0, end: End::Well, bomb: false };
const ONCE: Script = Script { pends: 1, ..READY };
const TWICE: Script = Script { pends: 2, ..READY };
const HANGS: Script = Script { pends: NEVER, ..READY };
const FAILS: Script = Script { end: End::Fails, ..READY };
const LATE: Script = Script { end: End::Fails, ..ONCE };
const PANICS: Script = Script { end: End::Panics, ..READY };
const PANICS_LATE: Script = Script { end: End::Panics, ..ONCE };
const SUPPRESSES: Script = Script { end: End::Suppresses, ..READY };
const SUPPRESSES_LATE: Script = Script { end: End::Suppresses, ..ONCE };
/// The part's destructor panics.
const BOMB: Script = Script { bomb: true, ..READY };
const BOMB_LATE: Script = Script { bomb: true, ..ONCE };
const BOMB_HANGS: Script = Script { bomb: true, ..HANGS };
const BOMB_FAILS: Script = Script { bomb: true, ..FAILS };
const BOMB_SUPPRESSES: Script = Script { bomb: true, ..SUPPRESSES };
const BOMB_PANICS: Script = Script { bomb: true, ..PANICS };
const BOMB_PANICS_LATE: Script = Script { bomb: true, ..PANICS_LATE };
const MAKE_PANICS: Script = Script { end: End::MakePanics, ..READY };

/// Every script.
const ALL: Range = Range {
    enters: &[READY, ONCE, TWICE, FAILS, LATE, PANICS, HANGS],
    exits: &[READY, ONCE, TWICE, FAILS, LATE, PANICS, SUPPRESSES],
    drivers: &[READY, ONCE, TWICE, FAILS, LATE, PANICS, PANICS_LATE, HANGS],
    bodies: &[READY, ONCE, FAILS, PANICS, HANGS],
    rare: &[BOMB, BOMB_LATE, BOMB_FAILS, BOMB_SUPPRESSES, BOMB_PANICS, MAKE_PANICS],
    rares: 0,
    idle: false,
    only_these: false,
};

/// Every script that pends at most once.
const ONCE_AT_MOST: Range = Range {
    enters: &[READY, ONCE, FAILS, LATE, PANICS, HANGS],
    exits: &[READY, ONCE, FAILS, LATE, PANICS, SUPPRESSES],
    bodies: &[READY, ONCE, FAILS, PANICS],
    ..ALL
};

/// One script of each kind. All others are rare.
const FEW: Range = Range {
    enters: &[READY, ONCE, FAILS, PANICS, HANGS],
    exits: &[READY, ONCE, FAILS, PANICS, SUPPRESSES],
    bodies: &[READY, FAILS],
    rare: &[TWICE, PANICS_LATE, SUPPRESSES_LATE, BOMB, BOMB_LATE, BOMB_FAILS, BOMB_PANICS, MAKE_PANICS],
    ..ALL
};

const NO_POLICY: Setup = Setup {
    shield: Shield::Nothing,
    rollback: Rollback::RunOn,
    order: Order::Pool,
    enter_limit: MAX,
    exit_limit: MAX,
    cancel_on: false,
    fair: false,
    keep_value: false,
    drivers: Drivers::Absent,
};

/// Returns no policy, and each policy alone.
fn singles() -> Vec<Setup> {
    vec![
        NO_POLICY,
        Setup { rollback: Rollback::Eager, ..NO_POLICY },
        Setup { rollback: Rollback::FailFast, ..NO_POLICY },
        Setup { order: Order::Stack, ..NO_POLICY },
        Setup { order: Order::InReverse, ..NO_POLICY },
        Setup { enter_limit: 1, ..NO_POLICY },
        Setup { enter_limit: 2, ..NO_POLICY },
        Setup { exit_limit: 1, ..NO_POLICY },
        Setup { exit_limit: 2, ..NO_POLICY },
        Setup { cancel_on: true, ..NO_POLICY },
        SETTLE,
        FAIR,
    ]
}

/// The policy `settle`. It has a stop, because it has no meaning without one.
const SETTLE: Setup = Setup { rollback: Rollback::Settle, cancel_on: true, ..NO_POLICY };

const FAIR: Setup = Setup { fair: true, ..NO_POLICY };

/// Returns every pair of policies, and more: the rollbacks and orders with each set of limits, with and without a stop.
/// `settle` comes only with a stop, and has nothing to do with a limit of exits. `in_reverse` differs from `stack` in
/// the order alone, which a limit of enters and a stop do not change.
fn pairs() -> Vec<Setup> {
    let mut setups = vec![];
    for rollback in [Rollback::RunOn, Rollback::Eager, Rollback::FailFast] {
        for order in [Order::Pool, Order::Stack] {
            for (enter_limit, exit_limit) in [(MAX, MAX), (1, MAX), (2, MAX), (MAX, 1), (1, 1)] {
                for cancel_on in [false, true] {
                    setups.push(Setup { rollback, order, enter_limit, exit_limit, cancel_on, ..NO_POLICY });
                }
            }
        }
    }
    for order in [Order::Pool, Order::Stack, Order::InReverse] {
        setups.extend([MAX, 1, 2].map(|enter_limit| Setup { order, enter_limit, ..SETTLE }));
    }
    for rollback in [Rollback::Eager, Rollback::FailFast] {
        setups.push(Setup { rollback, order: Order::InReverse, ..NO_POLICY });
    }
    setups.retain(|setup| !singles().contains(setup));
    setups
}

/// Adds `fair` to the sets of policies.
fn fair(setups: Vec<Setup>) -> Vec<Setup> {
    setups.into_iter().filter(|setup| !setup.fair).map(|setup| Setup { fair: true, ..setup }).collect()
}

/// Returns, with each shield, no other policy, and each of a selection of rollbacks and orders, alone and with limits.
fn shielded() -> Vec<Setup> {
    use {Order::*, Rollback::*, Shield::*};
    let kinds = [
        (Exits, RunOn, Pool),
        (Exits, Eager, Pool),
        (Exits, FailFast, Pool),
        (Exits, RunOn, Stack),
        (Exits, Eager, InReverse),
        (EntersAndExits, RunOn, Pool),
        (EntersAndExits, Eager, Pool),
        (EntersAndExits, RunOn, Stack),
        (EntersAndExits, Eager, InReverse),
    ];
    let mut setups = vec![];
    for (shield, rollback, order) in kinds {
        for (enter_limit, exit_limit) in [(MAX, MAX), (1, MAX), (MAX, 1)] {
            setups.push(Setup { shield, rollback, order, enter_limit, exit_limit, ..NO_POLICY });
        }
        setups.push(Setup { shield, rollback, order, cancel_on: true, ..NO_POLICY });
    }
    setups.push(Setup { shield: Exits, ..SETTLE });
    // A limit means nothing to exits that run one at a time.
    setups.retain(|setup| setup.exit_limit == MAX || setup.order == Pool);
    setups
}

/// Keeps the sets of policies that have a stop.
fn stopped(mut setups: Vec<Setup>) -> Vec<Setup> {
    setups.retain(|setup| setup.cancel_on);
    setups
}

/// Explores groups of `count` members under each set of policies in each range, on two threads. It prints how many
/// schedules there were.
fn explore_all(shapes: &[Shape], count: usize, tours: &[(Vec<Setup>, Range)]) {
    let plans = tours.iter().flat_map(|(setups, range)| {
        let plans = setups.iter().flat_map(|setup| shapes.iter().map(|shape| (*shape, *setup)));
        plans.map(|(shape, setup)| {
            let setup = Setup { keep_value: shape == Shape::Array, ..setup };
            (Plan { count, shape, setup }, *range)
        })
    });
    let (plans, next) = (plans.collect::<Vec<_>>(), AtomicUsize::new(0));
    let explore_some = || {
        let taken = std::iter::from_fn(|| plans.get(next.fetch_add(1, Ordering::Relaxed)));
        taken.map(|(plan, range)| explore(plan, *range)).sum::<u64>()
    };
    let schedules: u64 = thread::scope(|scope| {
        // Without optimization, and under ASan, so many kinds of gathers take a lot of stack.
        let half = || thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, explore_some);
        let halves = [0, 1].map(|_| half().expect("a thread"));
        halves.map(|half| half.join().expect("as in the model")).iter().sum()
    });
    println!("{count} members, {shapes:?}: {schedules} schedules");
}

const DEEP: bool = !cfg!(debug_assertions);

#[test]
fn none() {
    let all = Range { rares: MAX, idle: true, ..ALL };
    explore_all(&SHAPES, 0, &[(singles(), all), (pairs(), all), (fair(pairs()), all), (shielded(), all)]);
}

#[test]
fn one() {
    let all = if DEEP { Range { rares: MAX, idle: true, ..ALL } } else { Range { rares: 1, ..FEW } };
    explore_all(&SHAPES, 1, &[(singles(), all), (pairs(), all)]);
}

#[test]
fn two() {
    if DEEP {
        let (idle, rare) = (Range { idle: true, ..ALL }, Range { rares: 2, only_these: true, ..ALL });
        let stop = Range { rares: 1, only_these: true, ..FEW };
        let tours = [
            (pairs(), ALL),
            (singles(), idle),
            (singles(), rare),
            (fair(singles()), Range { idle: true, ..FEW }),
            (stopped(pairs()), stop),
        ];
        explore_all(&SHAPES, 2, &tours);
    } else {
        explore_all(&SHAPES, 2, &[(pairs(), FEW), (singles(), FEW), (fair(singles()), FEW)]);
    }
}

#[test]
fn three() {
    if DEEP {
        let idle = Range { idle: true, only_these: true, ..FEW };
        let rare = Range { rares: 1, only_these: true, ..FEW };
        let tours = [
            (pairs(), ONCE_AT_MOST),
            (singles(), ONCE_AT_MOST),
            (singles(), idle),
            (singles(), rare),
            (fair(singles()), Range { idle: true, ..FEW }),
        ];
        explore_all(&SHAPES, 3, &tours);
    } else {
        let few = Range { enters: &[READY, ONCE, FAILS], bodies: &[READY], ..FEW };
        explore_all(&SHAPES, 3, &[(singles(), few)]);
    }
}

#[test]
fn with_a_shield() {
    let one = if DEEP { Range { rares: 2, idle: true, ..ALL } } else { Range { rares: 1, ..FEW } };
    explore_all(&SHAPES, 1, &[(shielded(), one)]);
    let few = Range { enters: &[READY, ONCE, FAILS], exits: &[READY, ONCE, FAILS, SUPPRESSES], bodies: &[ONCE], ..FEW };
    explore_all(&SHAPES, 2, &[(shielded(), if DEEP { Range { rares: 1, ..FEW } } else { few })]);
    if DEEP {
        explore_all(&SHAPES, 3, &[(shielded(), few)]);
    }
    explore_all(&[Shape::Nested], 1, &[(shielded(), Range { rares: 1, ..FEW })]);
}

#[test]
fn nested() {
    let all = Range { rares: 1, idle: true, ..if DEEP { ALL } else { FEW } };
    explore_all(&[Shape::Nested], 0, &[(singles(), all), (pairs(), all)]);
    explore_all(&[Shape::Nested], 1, &[(singles(), all), (pairs(), all)]);
    let few = if DEEP { Range { rares: 1, idle: true, ..FEW } } else { FEW };
    explore_all(&[Shape::Nested], 2, &[(singles(), few), (pairs(), few)]);
}

/// Adds drivers to the sets of policies.
fn driven(setups: Vec<Setup>, drivers: Drivers) -> Vec<Setup> {
    setups.into_iter().map(|setup| Setup { drivers, ..setup }).collect()
}

#[test]
fn with_drivers() {
    use Drivers::*;
    let few = Range {
        enters: &[READY, ONCE, FAILS],
        exits: &[READY, ONCE, FAILS],
        drivers: &[HANGS, LATE],
        bodies: &[READY, HANGS],
        ..FEW
    };
    let (one, two) = if DEEP {
        let one = Range { enters: &[READY, ONCE], rares: 1, ..ALL };
        (one, Range { drivers: &[HANGS, FAILS, LATE, PANICS_LATE], bodies: &[READY, ONCE, HANGS], ..few })
    } else {
        (Range { drivers: ALL.drivers, rares: 1, ..few }, Range { bodies: &[HANGS], ..few })
    };
    let mixed = || [stopped(pairs()), shielded()].concat();
    let tours = [
        (driven(singles(), Dropped), Range { idle: DEEP, ..one }),
        (driven(singles(), ToEnd), one),
        (driven(mixed(), Dropped), one),
    ];
    explore_all(&[Shape::Driven], 1, if DEEP { &tours } else { &tours[..2] });
    let tours = [(driven(singles(), Dropped), two), (driven(mixed(), Dropped), Range { bodies: &[HANGS], ..two })];
    explore_all(&[Shape::Driven, Shape::DrivenNested], 2, if DEEP { &tours } else { &tours[..1] });
}
