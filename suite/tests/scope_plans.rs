//! Runs random programs of the dynamic scope. A program has operations that the body performs, one after the other or
//! concurrently, and a way in which it ends. Each program is compared with a model of the contract. A program that
//! fails is shrunk, and written to the regressions file next to this file.
//!
//! The same programs run in CPython's `contextlib.AsyncExitStack`, as far as it has the operations: see python.rs.
#![cfg(feature = "std")]

#[path = "scope_plans/model.rs"]
mod model;
#[path = "scope_plans/play.rs"]
mod play;
#[path = "scope_plans/policies.rs"]
mod policies;
#[path = "scope_plans/program.rs"]
mod program;
#[cfg(not(miri))]
#[path = "scope_plans/python.rs"]
mod python;

use std::ops::Range;

use gather_cm::ExitCase;
use program::*;
use proptest::{prelude::*, test_runner::FileFailurePersistence};

/// Makes an act that is mostly well: `calm` times out of `calm` and three.
fn act(exit: bool, calm: u32) -> impl Strategy<Value = Act> {
    let well = prop_oneof![1 => Just(End::Well), u32::from(exit) => Just(End::Suppresses)];
    let end = prop_oneof![calm => well, 2 => Just(End::Fails), 1 => Just(End::Panics)];
    let pends = prop_oneof![2 => Just(0), 2 => 1..4u8];
    (pends, end).prop_map(|(pends, end)| Act { pends, end })
}

fn member(calm: u32) -> impl Strategy<Value = Member> {
    let how = prop_oneof![3 => Just(How::Enter), 1 => Just(How::Hold), 1 => Just(How::Adopt)];
    (how, act(false, calm), act(true, calm)).prop_map(|(how, enter, exit)| Member { id: 0, how, enter, exit })
}

fn limit() -> impl Strategy<Value = Limit> {
    (prop::option::weighted(0.2, 0..4u8), any::<bool>()).prop_map(|(polls, strict)| Limit { polls, strict })
}

fn case() -> impl Strategy<Value = ExitCase> {
    prop_oneof![Just(ExitCase::Completed), Just(ExitCase::Failed), Just(ExitCase::Cancelled), Just(ExitCase::Panicked)]
}

/// Makes an operation. The numbers of the members come later.
fn op(calm: u32) -> impl Strategy<Value = Op> {
    let id = || any::<u8>().prop_map(usize::from);
    let join = (member(calm), any::<bool>(), limit());
    prop_oneof![
        6 => join.prop_map(|(member, keeps, limit)| Op::Join { member, keeps, limit }),
        1 => id().prop_map(|id| Op::GiveBack { id }),
        2 => (id(), prop::option::of(case()), limit()).prop_map(|(id, case, limit)| Op::Exit { id, case, limit }),
        1 => id().prop_map(|id| Op::TakeOut { id }),
        1 => (0..3u8).prop_map(|polls| Op::Pends { polls }),
    ]
}

fn steps(count: Range<usize>, ops: Range<usize>, calm: u32) -> impl Strategy<Value = Vec<Vec<Op>>> {
    prop::collection::vec(prop::collection::vec(op(calm), ops), count)
}

/// Gives each member its number, and each operation one of the members that have begun before.
fn number(full: &mut [Member], steps: &mut [Vec<Op>], boxed: bool) {
    let mut count = 0;
    let mut next = |member: &mut Member| {
        (member.id, count) = (count, count + 1);
        member.how = if member.how == How::Adopt && !boxed { How::Enter } else { member.how };
        count
    };
    let mut joined = 0;
    for member in full {
        joined = next(member);
        member.how = How::Hold;
    }
    for step in steps {
        step.retain(|op| joined > 0 || matches!(op, Op::Join { .. } | Op::Pends { .. }));
        let before = joined;
        for op in step {
            match op {
                Op::Join { member, .. } => joined = next(member),
                Op::GiveBack { id } | Op::Exit { id, .. } | Op::TakeOut { id } => *id %= before.max(1),
                Op::Pends { .. } => {}
            }
        }
    }
}

fn program() -> impl Strategy<Value = Program> {
    let full = prop_oneof![3 => Just(vec![]), 1 => prop::collection::vec(member(24), 1..4)];
    // Some programs have more members than share the caller's waker.
    let steps = prop_oneof![
        4 => steps(0..6, 1..4, 12),
        2 => steps(1..6, 1..4, 100),
        1 => steps(1..4, 10..25, 600),
    ];
    let stop = prop::option::of(0..12u8);
    let drop = || prop::option::weighted(0.25, 0..16u8);
    let afterwards = prop_oneof![
        4 => case().prop_map(Afterwards::Exit),
        1 => Just(Afterwards::Abandon),
        1 => Just(Afterwards::IntoVec),
    ];
    let drops = (drop(), drop()).prop_map(|(first, second)| [first, second]);
    let setup = (any::<u8>(), 1..5usize).prop_map(|(which, limit)| policies::setup(which.into(), limit));
    (setup, stop, full, steps, act(true, 8), drops, afterwards).prop_map(
        |((setup, stops), stop, mut full, mut steps, body, drops, afterwards)| {
            number(&mut full, &mut steps, setup.boxed);
            Program { setup, stop: stop.filter(|_| stops), full, steps, body, drops, afterwards }
        },
    )
}

fn config() -> ProptestConfig {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scope_plans.regressions");
    let cases = std::env::var("GATHER_CM_PLANS").ok().map(|cases| cases.parse().expect("a number"));
    ProptestConfig {
        cases: cases.unwrap_or(if cfg!(debug_assertions) { 2_000 } else { 40_000 }),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(path))),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn programs_behave_as_the_model(program in program()) {
        program.check();
    }
}
