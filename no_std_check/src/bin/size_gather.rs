//! The scene with gather. Compare `size_by_hand`.
#![no_std]
#![no_main]

use embassy_executor::Spawner;
use gather_cm::{Cause, EnterExt, gather};
use no_std_check::{
    devices::{Fault, Plan, Radio, Sensor, Uart, work},
    size::{self, BODY_FAILED, DONE, NOT_ENTERED, NOT_EXITED, Summary, enter_code, exit_code},
};
use panic_halt as _;

async fn scene(plan: Plan) -> Summary {
    let uart = Uart::open().errors_into::<Fault>();
    let sensor = Sensor::power_up(plan).errors_into();
    let radio = Radio::power_up(plan).errors_into();
    let result = gather((uart, sensor, radio)).try_with(async |(uart, sensor, radio)| work(uart, sensor, radio).await);
    let failure = match result.await {
        Ok(value) => return Summary { code: DONE, value },
        Err(failure) => failure,
    };
    let (mut code, value) = match failure.cause {
        Cause::Enter(faults) => (faults.iter().fold(NOT_ENTERED, |code, (i, fault)| code | enter_code(i, *fault)), 0),
        Cause::Body(_) => (BODY_FAILED, 0),
        Cause::Exit(value) => (NOT_EXITED, value),
        _ => (!0, 0),
    };
    for (index, fault) in failure.exits.iter() {
        code |= exit_code(index, *fault);
    }
    Summary { code, value }
}

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    size::play(scene).await
}
