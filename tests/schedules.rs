//! Every schedule: a small sequential model of the contract, and an explorer that holds the crate against it.
//!
//! For every script of enters, exits and the body, for every policy and pair of policies, the explorer goes through every
//! order of wakes, with a spurious poll, a stop, or a drop at every poll boundary. After each poll, what happened in the
//! crate must be what happens in the model: who was polled, entered, told what, shown what, cut, abandoned; and at the end
//! the result. In release mode there are millions of schedules; the plain `cargo test` goes through a smaller bound.
#![cfg(feature = "std")]
#![allow(dead_code)] // what only the large plans need

#[path = "schedules/model.rs"]
mod model;
#[path = "schedules/play.rs"]
mod play;

use std::{cell::Cell, future::poll_fn, num::NonZeroUsize, rc::Rc, task::Poll};

use gather_cm::gather;
use model::{End, Kid, Model, NEVER, Rollback, Script, Setup};
use play::{Left, Member, Report, Running, drive, hush, left, play_body};

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
        let member = |index: usize| Member::new(index, self.members[index], left);
        let body = play_body(self.body.end, left.clone());
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
    let left = left(plan.body, &plan.members);
    let stop = Rc::new(Cell::new(false));
    let leaf = |(id, (enter, exit)): (usize, &(Script, Script))| Kid::Leaf { id, enter: *enter, exit: *exit };
    let kids = plan.members.iter().enumerate().map(leaf).collect();
    let model = Model::new(plan.setup.clone(), kids, plan.body);
    let future = plan.start(&left, &stop);
    let mut widths = vec![];
    drive(plan, model, future, &left, plan.setup.until.then_some(&*stop), |ways| {
        widths.push(ways);
        choices.get(widths.len() - 1).copied().unwrap_or(0)
    });
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
    hush();
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
        members.extend([(FAILS, READY), (PANICS, READY), (PANICS_LATE, READY)]);
        members.extend([(READY, SUPPRESSES), (READY, PANICS), (ONCE, SUPPRESSES_LATE)]);
        explore_all(3, &members, &[READY, FAILS]);
    } else {
        explore_all(3, &[(READY, READY), (ONCE, ONCE), (FAILS, READY), (READY, FAILS)], &[READY]);
    }
}
