//! Logs with defmt which cases resources receive and how groups fail. `defmt-print` on the host makes text of it.
#![no_std]
#![no_main]

use defmt_semihosting as _;
use embassy_executor::Spawner;
use gather_cm::{Cause, EnterExt, Exit, ExitCase, Verdict, gather};
use no_std_check::{
    board,
    devices::{Fault, Plan, Radio, Sensor, Uart, work},
};
use panic_halt as _;

struct Logged<V>(V);

impl<V: Exit> Exit for Logged<V> {
    type Error = V::Error;
    type Verdict = Verdict;

    async fn exit(self, case: ExitCase) -> Result<Verdict, V::Error> {
        let verdict = self.0.exit(case).await?.into();
        defmt::println!("told {}, answers {}", case, verdict);
        Ok(verdict)
    }
}

async fn log(plan: Plan) {
    let members = (
        async { Ok(Logged(Uart::open().await?)) }.errors_into::<Fault>(),
        async { Ok(Logged(Sensor::power_up(plan).await?)) }.errors_into(),
        async { Ok(Logged(Radio::power_up(plan).await?)) }.errors_into(),
    );
    let result = gather(members)
        .with_own_error(async |(uart, sensor, radio)| work(&mut uart.0, &mut sensor.0, &mut radio.0).await)
        .await;
    match result {
        Ok(value) => defmt::println!("{}", value),
        Err(failure) => {
            if let Cause::Enter(errors) = &failure.cause {
                defmt::println!("{}", errors);
            }
            defmt::println!("{}", failure);
        }
    }
}

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    board::start();
    log(Plan { no_network: true, restless: true, ..Plan::default() }).await;
    log(Plan { silent: true, restless: true, no_answer: true, ..Plan::default() }).await;
    log(Plan { restless: true, ..Plan::default() }).await;
    semihosting::process::exit(0)
}
