//! Runs one group of three by hand, as careful as gather is, and next to nothing else. Compare it with
//! `minimal_gather`.
#![no_std]
#![no_main]

#[path = "../minimal.rs"]
mod minimal;

use embassy_futures::join::join3;
use gather_cm::{Exit, ExitCase};
#[cfg(target_arch = "arm")]
use lm3s6965 as _; // the table of interrupts
use minimal::{Device, Fault, bit, work};
use panic_halt as _;

type Errors = [Option<Fault>; 3];

enum Cause {
    Enter(Errors),
    Body(Fault),
    Exit,
}

struct Failure {
    cause: Cause,
    exits: Errors,
}

/// Exits a member if it has entered.
async fn exit<V: Exit<Error = Fault>>(value: Option<V>, case: ExitCase) -> Option<Fault> {
    value?.exit(case).await.err()
}

async fn run(plan: u32) -> Result<u32, Failure> {
    let (a, b, c) = join3(Device::<0>::open(plan), Device::<1>::open(plan), Device::<2>::open(plan)).await;
    let (a, b, c, result) = match (a, b, c) {
        (Ok(mut a), Ok(mut b), Ok(mut c)) => {
            let result = work(&mut a, &mut b, &mut c).await.map_err(Cause::Body);
            (Some(a), Some(b), Some(c), result)
        }
        (a, b, c) => {
            let (a, a_fault) = split(a);
            let (b, b_fault) = split(b);
            let (c, c_fault) = split(c);
            (a, b, c, Err(Cause::Enter([a_fault, b_fault, c_fault])))
        }
    };
    let case = match result {
        Ok(_) => ExitCase::Completed,
        Err(Cause::Enter(_)) => ExitCase::EnterFailed,
        Err(_) => ExitCase::Failed,
    };
    let exits: Errors = join3(exit(a, case), exit(b, case), exit(c, case)).await.into();
    match result {
        Ok(value) if exits.iter().all(Option::is_none) => Ok(value),
        Ok(_) => Err(Failure { cause: Cause::Exit, exits }),
        Err(cause) => Err(Failure { cause, exits }),
    }
}

fn split<V>(result: Result<V, Fault>) -> (Option<V>, Option<Fault>) {
    match result {
        Ok(value) => (Some(value), None),
        Err(fault) => (None, Some(fault)),
    }
}

async fn scene(plan: u32) -> u32 {
    let failure = match run(plan).await {
        Ok(value) => return value,
        Err(failure) => failure,
    };
    let code = match failure.cause {
        Cause::Enter(errors) => errors.iter().flatten().fold(0, |code, fault| code | bit(fault)),
        Cause::Body(fault) => bit(&fault),
        Cause::Exit => 0,
    };
    failure.exits.iter().flatten().fold(code, |code, fault| code | bit(fault))
}

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    minimal::play(scene)
}
