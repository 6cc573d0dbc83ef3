//! Runs one group of three with gather, and next to nothing else. Compare it with `minimal_by_hand`.
#![no_std]
#![no_main]

#[path = "../minimal.rs"]
mod minimal;

use gather_cm::{Cause, gather};
#[cfg(target_arch = "arm")]
use lm3s6965 as _; // the table of interrupts
use minimal::{Device, bit, work};
use panic_halt as _;

async fn scene(plan: u32) -> u32 {
    let group = gather((Device::<0>::open(plan), Device::<1>::open(plan), Device::<2>::open(plan)));
    let failure = match group.with(async |(a, b, c)| work(a, b, c).await).await {
        Ok(value) => return value,
        Err(failure) => failure,
    };
    let code = match failure.cause {
        Cause::Enter(errors) => errors.iter().fold(0, |code, (_, fault)| code | bit(fault)),
        Cause::Body(fault) => bit(&fault),
        _ => 0,
    };
    failure.exits.iter().fold(code, |code, (_, fault)| code | bit(fault))
}

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    minimal::play(scene)
}
