//! Large random plans, of up to 64 members and with nested groups, held against the model of the contract. What fails
//! is shrunk, and written to the regressions file beside this one.
#![cfg(feature = "std")]
#![allow(dead_code)] // what only the explorer of every schedule needs

#[path = "schedules/member.rs"]
mod member;
#[path = "schedules/model.rs"]
mod model;
#[path = "schedules/plan.rs"]
mod plan;
#[path = "schedules/play.rs"]
mod play;
#[path = "schedules/script.rs"]
mod script;
#[path = "schedules/state.rs"]
mod state;

use std::ops::Range;

use plan::{Leaf, Node, Plan};
use proptest::{prelude::*, test_runner::FileFailurePersistence};
use script::{End, NEVER, Rollback, Script, Setup};
use state::FEW;

/// Mostly well, `calm` times out of so many and three: a large group in which everything fails says little.
fn script(exit: bool, calm: u32) -> impl Strategy<Value = Script> {
    let well = if exit {
        prop_oneof![4 => Just(End::Well), 4 => Just(End::Suppresses)].boxed()
    } else {
        Just(End::Well).boxed()
    };
    let end = prop_oneof![calm => well, 2 => Just(End::Fails), 1 => Just(End::Panics)];
    let pends = prop_oneof![calm / 6 => Just(0), calm / 6 => 1..4u8, 1 => if exit { Just(0) } else { Just(NEVER) }];
    (pends, end).prop_map(|(pends, end)| Script { pends, end, bomb: false })
}

fn setup() -> impl Strategy<Value = Setup> {
    let rollback = prop_oneof![Just(Rollback::Settle), Just(Rollback::Eager), Just(Rollback::FailFast)];
    let limit = || prop_oneof![Just(99), 1..6usize];
    (rollback, any::<bool>(), limit(), limit(), any::<bool>()).prop_map(
        |(rollback, stack, enter_limit, exit_limit, until)| Setup { rollback, stack, enter_limit, exit_limit, until },
    )
}

fn nodes(count: Range<usize>, calm: u32) -> impl Strategy<Value = Vec<Node>> {
    let leaf = move || {
        (script(false, calm), script(true, calm)).prop_map(|(enter, exit)| Leaf {
            enter,
            exit,
            witness_panics: false,
            abandon_panics: false,
        })
    };
    let group = (setup(), prop::collection::vec(leaf(), 0..6))
        .prop_map(|(setup, leaves)| Node::Group(Setup { until: false, ..setup }, leaves));
    let node = prop_oneof![4 => leaf().prop_map(Node::Leaf), 1 => group];
    prop::collection::vec(node, count).prop_map(|mut nodes| {
        let mut leaves = 0;
        nodes.retain(|node| {
            leaves += if let Node::Group(_, leaves) = node { leaves.len() } else { 1 };
            leaves <= 64
        });
        nodes
    })
}

fn plan() -> impl Strategy<Value = Plan> {
    let (few, many) = (0..FEW + 1, FEW + 1..64);
    let nodes = prop_oneof![2 => nodes(few, 24), 1 => nodes(many.clone(), 24), 1 => nodes(many, 2400)];
    // A drop is the last of the ways: seldom chosen, for the plans to get far.
    let choice = prop_oneof![60 => 0..240u8, 1 => 0..=255u8];
    let choices = prop::collection::vec(choice, 0..200);
    // Panics beside those of the scripts: in destructors, and where nothing has begun.
    let fault = (any::<usize>(), any::<u8>());
    let faults = prop_oneof![Just(vec![]), prop::collection::vec(fault, 0..4)];
    (setup(), nodes, script(true, 24), choices, faults).prop_map(|(setup, nodes, body, choices, faults)| {
        let mut plan = Plan { setup, nodes, body, choices };
        faults.into_iter().for_each(|(which, fault)| plan.add_fault(which, fault));
        plan
    })
}

fn config() -> ProptestConfig {
    let regressions = FileFailurePersistence::Direct(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plans.regressions"));
    let cases = std::env::var("GATHER_CM_PLANS").ok().map(|cases| cases.parse().expect("a number"));
    ProptestConfig {
        cases: cases.unwrap_or(if cfg!(debug_assertions) { 500 } else { 40_000 }),
        failure_persistence: Some(Box::new(regressions)),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn large_plans_behave_as_the_model(plan in plan()) {
        plan.check();
    }
}
