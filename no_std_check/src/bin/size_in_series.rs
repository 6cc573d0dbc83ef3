//! Uses the same devices one after the other, and takes no care of errors. Both other images have this in common, so it
//! is no part of the cost of gather. Nobody runs this image, because it does not do what the others do.
#![no_std]
#![no_main]

use embassy_executor::Spawner;
use gather_cm::{Exit, ExitCase};
use no_std_check::{
    devices::{Fault, Plan, Radio, Sensor, Uart, work},
    size::{self, BODY_FAILED, DONE, Summary, exit_code},
};
use panic_halt as _;

async fn run(plan: Plan) -> Result<Summary, Fault> {
    let (mut uart, mut sensor, mut radio) =
        (Uart::open().await?, Sensor::power_up(plan).await?, Radio::power_up(plan).await?);
    let (case, summary) = match work(&mut uart, &mut sensor, &mut radio).await {
        Ok(value) => (ExitCase::Completed, Summary { code: DONE, value }),
        Err(_) => (ExitCase::Failed, Summary { code: BODY_FAILED, value: 0 }),
    };
    uart.exit(case).await?;
    sensor.exit(case).await?;
    radio.exit(case).await?;
    Ok(summary)
}

async fn scene(plan: Plan) -> Summary {
    run(plan).await.unwrap_or_else(|fault| Summary { code: exit_code(0, fault), value: 0 })
}

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    size::play(scene).await
}
