//! Runs the scene by hand, as careful as gather is: all enters run together, all exits run together, every error is
//! kept, and every exit receives how the body ended. Compare it with `size_gather`.
#![no_std]
#![no_main]

use embassy_executor::Spawner;
use embassy_futures::join::join3;
use gather_cm::{Exit, ExitCase};
use no_std_check::{
    devices::{Fault, Plan, Radio, Sensor, Silent, Uart, work},
    size::{self, BODY_FAILED, DONE, NOT_ENTERED, NOT_EXITED, Summary, enter_code, exit_code},
};
use panic_halt as _;

type Errors = [Option<Fault>; 3];

enum Cause {
    Enter(Errors),
    Body(Silent),
    Exit(u32),
}

struct Failure {
    cause: Cause,
    exits: Errors,
}

/// Exits a member if it has entered.
async fn exit<V: Exit<Error: Into<Fault>>>(value: Option<V>, case: ExitCase) -> Option<Fault> {
    value?.exit(case).await.err().map(Into::into)
}

async fn run(plan: Plan) -> Result<u32, Failure> {
    let (uart, sensor, radio) = join3(Uart::open(), Sensor::power_up(plan), Radio::power_up(plan)).await;
    let (uart, sensor, radio, result) = match (uart, sensor, radio) {
        (Ok(mut uart), Ok(mut sensor), Ok(mut radio)) => {
            let result = work(&mut uart, &mut sensor, &mut radio).await.map_err(Cause::Body);
            (Some(uart), Some(sensor), Some(radio), result)
        }
        (uart, sensor, radio) => {
            let (uart, uart_fault) = split(uart);
            let (sensor, sensor_fault) = split(sensor);
            let (radio, radio_fault) = split(radio);
            (uart, sensor, radio, Err(Cause::Enter([uart_fault, sensor_fault, radio_fault])))
        }
    };
    let case = match result {
        Ok(_) => ExitCase::Completed,
        Err(Cause::Enter(_)) => ExitCase::EnterFailed,
        Err(_) => ExitCase::Failed,
    };
    let exits = join3(exit(uart, case), exit(sensor, case), exit(radio, case)).await.into();
    match result {
        Ok(value) if exits == [None; 3] => Ok(value),
        Ok(value) => Err(Failure { cause: Cause::Exit(value), exits }),
        Err(cause) => Err(Failure { cause, exits }),
    }
}

fn split<V, E: Into<Fault>>(result: Result<V, E>) -> (Option<V>, Option<Fault>) {
    match result {
        Ok(value) => (Some(value), None),
        Err(error) => (None, Some(error.into())),
    }
}

async fn scene(plan: Plan) -> Summary {
    let failure = match run(plan).await {
        Ok(value) => return Summary { code: DONE, value },
        Err(failure) => failure,
    };
    let (mut code, value) = match failure.cause {
        Cause::Enter(errors) => (each(&errors).fold(NOT_ENTERED, |code, (i, fault)| code | enter_code(i, *fault)), 0),
        Cause::Body(_) => (BODY_FAILED, 0),
        Cause::Exit(value) => (NOT_EXITED, value),
    };
    for (index, fault) in each(&failure.exits) {
        code |= exit_code(index, *fault);
    }
    Summary { code, value }
}

fn each(errors: &Errors) -> impl Iterator<Item = (usize, &Fault)> {
    errors.iter().enumerate().filter_map(|(index, fault)| Some((index, fault.as_ref()?)))
}

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    size::play(scene).await
}
