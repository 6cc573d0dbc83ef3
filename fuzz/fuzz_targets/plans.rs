//! Bytes to a plan of a group with nested groups, held against the model of the contract.
#![no_main]
#![allow(dead_code)] // what only the explorer of every schedule needs

#[path = "../../tests/schedules/model.rs"]
mod model;
#[path = "../../tests/schedules/plan.rs"]
mod plan;
#[path = "../../tests/schedules/play.rs"]
mod play;

use arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use model::{End, NEVER, Rollback, Script, Setup};
use plan::{Node, Plan};
use play::hush;

fn script(bytes: &mut Unstructured<'_>, exit: bool) -> Result<Script> {
    let end = match bytes.int_in_range(0..=9)? {
        0 => End::Panics,
        1 | 2 => End::Fails,
        3 | 4 if exit => End::Suppresses,
        _ => End::Well,
    };
    let pends = match bytes.int_in_range(0..=7)? {
        7 if !exit => NEVER,
        pends => pends % 4,
    };
    Ok(Script { pends, end })
}

fn leaf(bytes: &mut Unstructured<'_>) -> Result<(Script, Script)> {
    Ok((script(bytes, false)?, script(bytes, true)?))
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
    let (setup_, body) = (setup(bytes)?, script(bytes, true)?);
    let mut nodes = vec![];
    for _ in 0..bytes.int_in_range(0..=6)? {
        nodes.push(if bytes.ratio(1, 4)? {
            let inner = Setup { until: false, ..setup(bytes)? };
            let count = bytes.int_in_range(0..=4)?;
            Node::Group(inner, (0..count).map(|_| leaf(bytes)).collect::<Result<_>>()?)
        } else {
            let (enter, exit) = leaf(bytes)?;
            Node::Leaf(enter, exit)
        });
    }
    Ok(Plan { setup: setup_, nodes, body, choices: bytes.bytes(bytes.len())?.to_vec() })
}

fuzz_target!(|data: &[u8]| {
    hush();
    if let Ok(plan) = plan(&mut Unstructured::new(data)) {
        plan.check();
    }
});
