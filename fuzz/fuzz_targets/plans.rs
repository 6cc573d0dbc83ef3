//! Bytes to a plan of a group with nested groups, held against the model of the contract.
#![no_main]
#![allow(dead_code)] // what only the explorer of every schedule needs

#[path = "../../tests/schedules/member.rs"]
mod member;
#[path = "../../tests/schedules/model.rs"]
mod model;
#[path = "../../tests/schedules/plan.rs"]
mod plan;
#[path = "../../tests/schedules/play.rs"]
mod play;
#[path = "../../tests/schedules/script.rs"]
mod script;
#[path = "../../tests/schedules/state.rs"]
mod state;

use arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use plan::{Leaf, Node, Plan};
use script::{End, NEVER, Rollback, Script, Setup};
use state::FEW;

/// And a fault, if the first byte is a high one.
fn script(bytes: &mut Unstructured<'_>, exit: bool) -> Result<(Script, Option<u8>)> {
    let byte: u8 = bytes.arbitrary()?;
    let end = match byte % 10 {
        0 => End::Panics,
        1 | 2 => End::Fails,
        3 | 4 if exit => End::Suppresses,
        _ => End::Well,
    };
    let pends = match bytes.int_in_range(0..=7)? {
        7 if !exit => NEVER,
        pends => pends % 4,
    };
    Ok((Script { pends, end, bomb: false }, (byte / 10).checked_sub(20)))
}

fn leaf(bytes: &mut Unstructured<'_>) -> Result<Leaf> {
    let ((enter, fault), (exit, another)) = (script(bytes, false)?, script(bytes, true)?);
    let mut leaf = Leaf { enter, exit, witness_panics: false, abandon_panics: false };
    fault.into_iter().chain(another).for_each(|fault| leaf.add_fault(fault));
    Ok(leaf)
}

fn setup(bytes: &mut Unstructured<'_>) -> Result<Setup> {
    let rollback = *bytes.choose(&[Rollback::Settle, Rollback::Eager, Rollback::FailFast])?;
    let limits = [99, 99, 99, 1, 2, 3];
    Ok(Setup {
        rollback,
        stack: bytes.arbitrary()?,
        enter_limit: *bytes.choose(&limits)?,
        exit_limit: *bytes.choose(&limits)?,
        until: bytes.arbitrary()?,
    })
}

fn plan(bytes: &mut Unstructured<'_>) -> Result<Plan> {
    let (setup_, (body, fault)) = (setup(bytes)?, script(bytes, true)?);
    let body = Script { bomb: fault.is_some(), ..body };
    let mut nodes = vec![];
    // Seven stand for many.
    let count = match bytes.int_in_range(0..=7)? {
        7 => FEW + 2,
        few => few,
    };
    for _ in 0..count {
        nodes.push(if bytes.ratio(1, 4)? {
            let inner = Setup { until: false, ..setup(bytes)? };
            let count = bytes.int_in_range(0..=4)?;
            Node::Group(inner, (0..count).map(|_| leaf(bytes)).collect::<Result<_>>()?)
        } else {
            Node::Leaf(leaf(bytes)?)
        });
    }
    Ok(Plan { setup: setup_, nodes, body, choices: bytes.bytes(bytes.len())?.to_vec() })
}

fuzz_target!(|data: &[u8]| {
    if let Ok(plan) = plan(&mut Unstructured::new(data)) {
        plan.check();
    }
});
