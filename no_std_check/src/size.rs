//! Says what the images `size_*` do. They play one scene with several ends, and each end is checked.

use embassy_time::Instant;

use crate::{
    board,
    devices::{Fault, Plan, RadioError, SensorError},
};

/// How the scene ended: a code, and the body's value if there is one. The firmware would show this on its display.
#[derive(Clone, Copy, PartialEq)]
pub struct Summary {
    /// The lowest four bits say why the scene ended. Four more bits follow for each member whose enter failed, and for
    /// each member whose exit failed.
    pub code: u32,
    pub value: u32,
}

pub const DONE: u32 = 0;
pub const NOT_ENTERED: u32 = 1;
pub const BODY_FAILED: u32 = 2;
pub const NOT_EXITED: u32 = 3;

/// Returns the bits of a member's error in the code, for an enter that failed, or for an exit.
pub fn enter_code(index: usize, fault: Fault) -> u32 {
    fault_code(fault) << (4 + 4 * index)
}

pub fn exit_code(index: usize, fault: Fault) -> u32 {
    fault_code(fault) << (16 + 4 * index)
}

fn fault_code(fault: Fault) -> u32 {
    match fault {
        Fault::Uart(_) => 1,
        Fault::Sensor(SensorError::Restless) => 2,
        Fault::Radio(RadioError::NoNetwork) => 3,
        Fault::Radio(RadioError::NoAnswer) => 4,
        Fault::Radio(RadioError::Late) => 5,
    }
}

const WELL: Plan = Plan { no_network: false, silent: false, restless: false, no_answer: false, hangs: false };

/// Each plan says what goes wrong. Its summary and its time must come of it.
const EXPECTED: [(Plan, Summary, u64); 6] = [
    (WELL, Summary { code: DONE, value: 3 }, 30 + 6 + 50),
    (Plan { no_network: true, ..WELL }, Summary { code: 0x3001, value: 0 }, 30 + 5),
    (Plan { no_network: true, restless: true, ..WELL }, Summary { code: 0x0020_3001, value: 0 }, 30 + 5),
    (Plan { silent: true, ..WELL }, Summary { code: BODY_FAILED, value: 0 }, 30 + 1 + 40),
    (Plan { silent: true, no_answer: true, ..WELL }, Summary { code: 0x0400_0002, value: 0 }, 30 + 1 + 40),
    (Plan { restless: true, no_answer: true, ..WELL }, Summary { code: 0x0420_0003, value: 3 }, 30 + 6 + 50),
];

/// Plays the scene to each of its ends. The exit status says whether all of them were right.
pub async fn play(scene: impl AsyncFn(Plan) -> Summary) -> ! {
    board::start();
    for (index, (plan, summary, ticks)) in EXPECTED.iter().enumerate() {
        let start = Instant::now();
        let right = scene(*plan).await == *summary && start.elapsed().as_ticks() == *ticks;
        if !right || board::any_power() || board::uart_is_on() {
            semihosting::process::exit(index as i32 + 1);
        }
    }
    semihosting::process::exit(0)
}
