//! Runs the scene with gather. Compare it with `size_by_hand`.
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
    let group = gather((uart, sensor, radio));
    let result = group.with_own_error(async |(uart, sensor, radio)| work(uart, sensor, radio).await).keep_value().await;
    let (mut code, value, exits) = match result {
        Ok((value, exits)) if exits.is_empty() => (DONE, value, exits),
        Ok((value, exits)) => (NOT_EXITED, value, exits),
        Err(failure) => {
            let code = match failure.cause {
                Cause::Enter(errors) => {
                    errors.iter().fold(NOT_ENTERED, |code, (i, fault)| code | enter_code(i, *fault))
                }
                Cause::Body(_) => BODY_FAILED,
                _ => !0,
            };
            (code, 0, failure.exits)
        }
    };
    for (index, fault) in exits.iter() {
        code |= exit_code(index, *fault);
    }
    Summary { code, value }
}

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    size::play(scene).await
}
