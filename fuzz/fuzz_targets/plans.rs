//! Makes bytes to a plan of a group with nested groups, and compares it with the model of the contract.
#![no_main]
#![allow(dead_code)] // what only the explorer of every schedule needs

#[path = "../../suite/tests/schedules/member.rs"]
mod member;
#[path = "../../suite/tests/schedules/model.rs"]
mod model;
#[path = "../../suite/tests/schedules/plan.rs"]
mod plan;
#[path = "../../suite/tests/schedules/play.rs"]
mod play;
#[path = "../../suite/tests/schedules/script.rs"]
mod script;
#[path = "../../suite/tests/schedules/state.rs"]
mod state;

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use plan::{Group, Leaf, Node, Plan, shielded};
use script::{Drivers, End, NEVER, Order, Rollback, Script, Setup, Shield};
use state::FEW;

/// Makes a script, and a fault if the first byte is high.
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

/// Makes the script of a driver. Half of the drivers run until they are dropped.
fn driver(bytes: &mut Unstructured<'_>) -> Result<(Script, Option<u8>)> {
    let (script, fault) = script(bytes, false)?;
    Ok((if bytes.arbitrary()? { Script { pends: NEVER, ..script } } else { script }, fault))
}

fn leaf(bytes: &mut Unstructured<'_>) -> Result<Leaf> {
    let ((enter, fault), (exit, another), (driver, third)) =
        (script(bytes, false)?, script(bytes, true)?, driver(bytes)?);
    let mut leaf = Leaf { enter, exit, driver, on_error_panics: false, abandon_panics: false };
    fault.into_iter().chain(another).chain(third).for_each(|fault| leaf.add_fault(fault));
    Ok(leaf)
}

/// Makes a setup. Only the setup of the whole group may have a shield.
fn setup(bytes: &mut Unstructured<'_>, of_all: bool) -> Result<Setup> {
    let rollback = *bytes.choose(&[Rollback::RunOn, Rollback::Eager, Rollback::FailFast, Rollback::Settle])?;
    let limits = [99, 99, 99, 1, 2, 3];
    let order = *bytes.choose(&[Order::Pool, Order::Stack, Order::InReverse])?;
    let (enter_limit, exit_limit) = (*bytes.choose(&limits)?, *bytes.choose(&limits)?);
    let (cancel_on, fair, last) = (bytes.arbitrary()?, bytes.arbitrary()?, u8::arbitrary(bytes)?);
    let setup = Setup {
        shield: Shield::Nothing,
        rollback,
        order,
        enter_limit,
        exit_limit,
        cancel_on,
        fair,
        keep_value: last % 2 == 1,
        drivers: [Drivers::Absent, Drivers::Absent, Drivers::Dropped, Drivers::ToEnd][usize::from(last / 2 % 4)],
    };
    let shields = [Shield::Nothing, Shield::Nothing, Shield::Exits, Shield::EntersAndExits];
    Ok(if of_all { shielded(setup, shields[usize::from(last / 64)]) } else { setup })
}

fn plan(bytes: &mut Unstructured<'_>) -> Result<Plan> {
    let (setup_, (body, fault)) = (setup(bytes, true)?, script(bytes, true)?);
    let body = Script { bomb: fault.is_some(), ..body };
    let mut nodes = vec![];
    // The number seven stands for many members.
    let count = match bytes.int_in_range(0..=7)? {
        7 => FEW + 2,
        few => few,
    };
    for _ in 0..count {
        nodes.push(if bytes.ratio(1, 4)? {
            let (setup, count) = (setup(bytes, false)?, bytes.int_in_range(0..=4)?);
            let leaves = (0..count).map(|_| leaf(bytes)).collect::<Result<_>>()?;
            Node::Group(Group { setup, stop: Script::STOP, leaves })
        } else {
            Node::Leaf(leaf(bytes)?)
        });
    }
    let mut plan = Plan { setup: setup_, nodes, body, stop: Script::STOP, value_bomb: false, choices: vec![] };
    // This is one more fault besides those of the leaves: of the body, of its value or of `stop`.
    if bytes.ratio(1, 4)? {
        plan.add_fault(bytes.arbitrary()?);
    }
    plan.choices = bytes.bytes(bytes.len())?.to_vec();
    Ok(plan)
}

fuzz_target!(|data: &[u8]| {
    if let Ok(plan) = plan(&mut Unstructured::new(data)) {
        plan.check();
    }
});
