//! Texas Instruments' LM3S6965 evaluation board, as QEMU has it. Registers are named as in its data sheet.

use cortex_m::peripheral::{NVIC, syst::SystClkSource};
use cortex_m_rt::exception;
use lm3s6965::{Interrupt, interrupt};

use super::{DRIVER, STOP, TICK_HZ};

/// The clock after reset.
const CLOCK_HZ: u32 = 12_500_000;
const TICK_CYCLES: u32 = CLOCK_HZ / TICK_HZ as u32;

const RCGC1: usize = 0x400F_E104;
const RCGC2: usize = 0x400F_E108;

const GPIOA_DATA: usize = 0x4000_4000;
const GPIOA_DIR: usize = 0x4000_4400;
const GPIOA_DEN: usize = 0x4000_451C;

const UART0_DR: usize = 0x4000_C000;
const UART0_FR: usize = 0x4000_C018;
const UART0_IBRD: usize = 0x4000_C024;
const UART0_FBRD: usize = 0x4000_C028;
const UART0_LCRH: usize = 0x4000_C02C;
const UART0_CTL: usize = 0x4000_C030;
const UART0_PERIPH_ID0: usize = 0x4000_CFE0;

const TIMER0_CFG: usize = 0x4003_0000;
const TIMER0_TAMR: usize = 0x4003_0004;
const TIMER0_CTL: usize = 0x4003_000C;
const TIMER0_IMR: usize = 0x4003_0018;
const TIMER0_ICR: usize = 0x4003_0024;
const TIMER0_TAILR: usize = 0x4003_0028;

fn read(address: usize) -> u32 {
    // SAFETY: this function is private, and called only with the registers above, which may be read at any time.
    unsafe { (address as *const u32).read_volatile() }
}

fn write(address: usize, value: u32) {
    // SAFETY: this function is private, and called only with the registers above. None of them makes the chip touch
    // Rust's memory.
    unsafe { (address as *mut u32).write_volatile(value) }
}

fn modify(address: usize, change: impl FnOnce(u32) -> u32) {
    critical_section::with(|_| write(address, change(read(address))));
}

/// Clocks the devices, and starts the time. Call it once.
pub fn start() {
    modify(RCGC1, |on| on | 1 << 16 | 1); // TIMER0, UART0
    modify(RCGC2, |on| on | 1); // GPIOA
    modify(GPIOA_DIR, |out| out | POWER_PINS);
    modify(GPIOA_DEN, |digital| digital | POWER_PINS);
    let mut syst = cortex_m::Peripherals::take().expect("the board is started once").SYST;
    syst.set_reload(TICK_CYCLES - 1);
    syst.set_clock_source(SystClkSource::Core);
    syst.clear_current();
    syst.enable_counter();
    syst.enable_interrupt();
}

#[exception]
fn SysTick() {
    DRIVER.tick();
}

/// PA2 and PA3 switch the power of the devices that are soldered to the board.
const POWER_PINS: u32 = 0b1100;

/// Switches the power of a device (0 or 1).
pub fn set_power(device: u32, on: bool) {
    // The address says which bits this is about, so that no others are touched.
    let pin = 4_usize << device;
    write(GPIOA_DATA + (pin << 2), if on { pin as u32 } else { 0 });
}

/// Returns whether any device has power, according to the pins themselves.
pub fn any_power() -> bool {
    read(GPIOA_DATA + ((POWER_PINS as usize) << 2)) != 0
}

/// The number by which a PL011 identifies itself.
pub const UART_ID: u8 = 0x11;

/// Switches UART0 on, with 115,200 baud and 8N1. Returns the number by which it identifies itself.
pub fn uart_on() -> u8 {
    write(UART0_IBRD, 6);
    write(UART0_FBRD, 50);
    write(UART0_LCRH, 0x70); // eight bits, FIFO
    write(UART0_CTL, 0x301); // receive, transmit, enable
    read(UART0_PERIPH_ID0) as u8
}

pub fn uart_off() {
    write(UART0_CTL, 0);
}

pub fn uart_is_on() -> bool {
    read(UART0_CTL) & 1 != 0
}

/// Returns whether there is no room for a byte.
pub fn uart_is_full() -> bool {
    read(UART0_FR) & 1 << 5 != 0
}

/// Returns whether a byte is still on its way.
pub fn uart_is_busy() -> bool {
    read(UART0_FR) & 1 << 3 != 0
}

pub fn uart_put(byte: u8) {
    write(UART0_DR, byte.into());
}

/// Lets TIMER0 interrupt once, after this many ticks, and signal [`STOP`].
pub fn start_stop_timer(ticks: u32) {
    write(TIMER0_CTL, 0);
    write(TIMER0_CFG, 0); // 32 bits
    write(TIMER0_TAMR, 1); // one shot
    write(TIMER0_TAILR, ticks * TICK_CYCLES);
    write(TIMER0_IMR, 1);
    // SAFETY: no critical section relies on this interrupt's being masked.
    unsafe { NVIC::unmask(Interrupt::TIMER_0A) };
    write(TIMER0_CTL, 1);
}

#[interrupt]
fn TIMER_0A() {
    write(TIMER0_ICR, 1);
    STOP.signal(());
}
