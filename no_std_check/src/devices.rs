//! The devices: the board's own UART, and a sensor and a radio that take their time. Each has an error type of its own.
//!
//! If there is no time for `exit`, as in a gather that is dropped, `Drop` releases the parts that they hold.

use embassy_time::Timer;
use gather_cm::{Exit, ExitCase};

use crate::board;

/// How long the sensor warms up, and how long it takes to put it to rest, in ticks.
pub const SENSOR_UP: u32 = 30;
pub const SENSOR_DOWN: u32 = 5;
/// How long the radio looks for its network, how long it takes to sign off, and how long just to ramp down.
pub const RADIO_UP: u32 = 20;
pub const RADIO_DOWN: u32 = 50;
pub const RADIO_RAMP_DOWN: u32 = 40;

const SENSOR: u32 = 0;
const RADIO: u32 = 1;

/// The error of any device. A group of all three fails with it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Fault {
    Uart(UartError),
    Sensor(SensorError),
    Radio(RadioError),
}

#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum UartError {
    /// Another device is at its address.
    Unknown(u8),
}

#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SensorError {
    /// The sensor does not come to rest.
    Restless,
}

#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RadioError {
    NoNetwork,
    /// The network did not answer when the radio signed off.
    NoAnswer,
    /// The radio did not power down in time.
    Late,
}

impl From<UartError> for Fault {
    fn from(error: UartError) -> Self {
        Self::Uart(error)
    }
}

impl From<SensorError> for Fault {
    fn from(error: SensorError) -> Self {
        Self::Sensor(error)
    }
}

impl From<RadioError> for Fault {
    fn from(error: RadioError) -> Self {
        Self::Radio(error)
    }
}

/// Says what goes wrong.
#[derive(Clone, Copy, Default)]
pub struct Plan {
    pub no_network: bool,
    pub silent: bool,
    pub restless: bool,
    pub no_answer: bool,
    pub hangs: bool,
}

async fn wait(ticks: u32) {
    Timer::after_ticks(ticks.into()).await;
}

/// The power of a device. A drop cuts it.
struct Power(u32);

impl Power {
    fn on(device: u32) -> Self {
        board::set_power(device, true);
        Self(device)
    }
}

impl Drop for Power {
    fn drop(&mut self) {
        board::set_power(self.0, false);
    }
}

/// UART0, switched on. A drop switches it off.
pub struct Uart(());

impl Uart {
    pub async fn open() -> Result<Self, UartError> {
        let (uart, id) = (Self(()), board::uart_on());
        wait(1).await; // the line must be idle before the first byte
        if id == board::UART_ID { Ok(uart) } else { Err(UartError::Unknown(id)) }
    }

    pub fn write(&mut self, text: &[u8]) {
        for &byte in text {
            while board::uart_is_full() {}
            board::uart_put(byte);
        }
    }
}

impl Drop for Uart {
    fn drop(&mut self) {
        board::uart_off();
    }
}

impl Exit for Uart {
    type Error = UartError;
    type Verdict = ();

    /// Waits until all bytes that were written have left.
    async fn exit(self, _: ExitCase) -> Result<(), UartError> {
        while board::uart_is_busy() {
            wait(1).await;
        }
        Ok(())
    }
}

pub struct Sensor {
    plan: Plan,
    readings: u32,
    _power: Power,
}

impl Sensor {
    pub async fn power_up(plan: Plan) -> Result<Self, SensorError> {
        let power = Power::on(SENSOR);
        wait(SENSOR_UP).await;
        Ok(Self { plan, readings: 0, _power: power })
    }

    /// Returns how often the sensor was read, if it answers.
    pub async fn read(&mut self) -> Option<u32> {
        wait(1).await;
        self.readings += 1;
        (!self.plan.silent).then_some(self.readings)
    }
}

impl Exit for Sensor {
    type Error = SensorError;
    type Verdict = ();

    async fn exit(self, _: ExitCase) -> Result<(), SensorError> {
        wait(SENSOR_DOWN).await;
        if self.plan.restless { Err(SensorError::Restless) } else { Ok(()) }
    }
}

pub struct Radio {
    plan: Plan,
    sent: u32,
    _power: Power,
}

impl Radio {
    pub async fn power_up(plan: Plan) -> Result<Self, RadioError> {
        let power = Power::on(RADIO);
        wait(RADIO_UP).await;
        if plan.no_network { Err(RadioError::NoNetwork) } else { Ok(Self { plan, sent: 0, _power: power }) }
    }

    /// Returns the sum of the values that were sent.
    pub async fn send(&mut self, value: u32) -> u32 {
        wait(2).await;
        self.sent += value;
        self.sent
    }
}

impl Exit for Radio {
    type Error = RadioError;
    type Verdict = ();

    /// Signs off if all went well. In any other case there is nobody left to talk to.
    async fn exit(self, case: ExitCase) -> Result<(), RadioError> {
        if self.plan.hangs {
            core::future::pending::<()>().await;
        }
        wait(if case == ExitCase::Completed { RADIO_DOWN } else { RADIO_RAMP_DOWN }).await;
        if self.plan.no_answer { Err(RadioError::NoAnswer) } else { Ok(()) }
    }
}

/// The error of a body. The sensor gave no reading.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Silent;

/// Uses the devices: it writes and sends two readings. Returns the sum of the values that were sent.
pub async fn work(uart: &mut Uart, sensor: &mut Sensor, radio: &mut Radio) -> Result<u32, Silent> {
    let mut sent = 0;
    for _ in 0..2 {
        let reading = sensor.read().await.ok_or(Silent)?;
        uart.write(b"reading\n");
        sent = radio.send(reading).await;
    }
    Ok(sent)
}
