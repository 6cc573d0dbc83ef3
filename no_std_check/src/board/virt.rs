//! QEMU's RISC-V machine `virt`. It has no pins, so two words replace the pins that switch power.

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use riscv::interrupt::{Interrupt, machine};
use riscv_rt::core_interrupt;

use super::{DRIVER, STOP, TICK_HZ};

/// The clock that `MTIME` counts.
const CLOCK_HZ: u32 = 10_000_000;
const TICK_CYCLES: u32 = CLOCK_HZ / TICK_HZ as u32;
const TICK_NANOSECONDS: u32 = 1_000_000_000 / TICK_HZ as u32;

const MTIMECMP: usize = 0x0200_4000;
const MTIME: usize = 0x0200_BFF8;

/// A 16550, whose registers are bytes.
const UART_THR: usize = 0x1000_0000;
const UART_FCR: usize = 0x1000_0002;
const UART_LCR: usize = 0x1000_0003;
const UART_MCR: usize = 0x1000_0004;
const UART_LSR: usize = 0x1000_0005;
const UART_SCR: usize = 0x1000_0007;

/// A Goldfish clock, with an alarm. Its interrupt is the eleventh of the interrupt controller.
const RTC_TIME_LOW: usize = 0x0010_1000;
const RTC_TIME_HIGH: usize = 0x0010_1004;
const RTC_ALARM_LOW: usize = 0x0010_1008;
const RTC_ALARM_HIGH: usize = 0x0010_100C;
const RTC_IRQ_ENABLED: usize = 0x0010_1010;
const RTC_CLEAR_INTERRUPT: usize = 0x0010_101C;
const RTC_IRQ: usize = 11;

const PLIC_PRIORITY: usize = 0x0C00_0000;
const PLIC_ENABLE: usize = 0x0C00_2000;
const PLIC_CLAIM: usize = 0x0C20_0004;

fn read<T: Copy>(address: usize) -> T {
    // SAFETY: this function is private, and called only with the registers above, at their sizes. They may be read at
    // any time.
    unsafe { (address as *const T).read_volatile() }
}

fn write<T: Copy>(address: usize, value: T) {
    // SAFETY: this function is private, and called only with the registers above, at their sizes. None of them makes
    // the machine touch Rust's memory.
    unsafe { (address as *mut T).write_volatile(value) }
}

/// Starts the time. Call it once.
pub fn start() {
    write::<u32>(MTIMECMP + 4, 0);
    write::<u32>(MTIMECMP, read::<u32>(MTIME) + TICK_CYCLES);
    write::<u32>(PLIC_PRIORITY + 4 * RTC_IRQ, 1);
    write::<u32>(PLIC_ENABLE, 1 << RTC_IRQ);
    // SAFETY: no critical section is open.
    unsafe {
        machine::enable_interrupt(Interrupt::MachineTimer);
        machine::enable_interrupt(Interrupt::MachineExternal);
        machine::enable();
    }
}

#[core_interrupt(Interrupt::MachineTimer)]
fn machine_timer() {
    // Seven minutes of 32 bits are enough.
    write::<u32>(MTIMECMP, read::<u32>(MTIMECMP) + TICK_CYCLES);
    DRIVER.tick();
}

static POWER: [AtomicBool; 2] = [const { AtomicBool::new(false) }; 2];

/// Switches the power of a device (0 or 1).
pub fn set_power(device: u32, on: bool) {
    POWER[device as usize].store(on, Relaxed);
}

/// Returns whether any device has power.
pub fn any_power() -> bool {
    POWER.iter().any(|power| power.load(Relaxed))
}

/// The value that the UART's scratch register gives back.
pub const UART_ID: u8 = 0x5A;

/// Switches the UART on, with 8N1. Returns the value that its scratch register gives back.
pub fn uart_on() -> u8 {
    write::<u8>(UART_LCR, 3);
    write::<u8>(UART_FCR, 1);
    write::<u8>(UART_MCR, 1);
    write::<u8>(UART_SCR, UART_ID);
    read(UART_SCR)
}

pub fn uart_off() {
    write::<u8>(UART_MCR, 0);
}

pub fn uart_is_on() -> bool {
    read::<u8>(UART_MCR) & 1 != 0
}

/// Returns whether there is no room for a byte.
pub fn uart_is_full() -> bool {
    read::<u8>(UART_LSR) & 1 << 5 == 0
}

/// Returns whether a byte is still on its way.
pub fn uart_is_busy() -> bool {
    read::<u8>(UART_LSR) & 1 << 6 == 0
}

pub fn uart_put(byte: u8) {
    write(UART_THR, byte);
}

/// Lets the clock's alarm interrupt once, after this many ticks, and signal [`STOP`].
pub fn start_stop_timer(ticks: u32) {
    let low = u64::from(read::<u32>(RTC_TIME_LOW)); // latches the other half
    let alarm = (u64::from(read::<u32>(RTC_TIME_HIGH)) << 32 | low) + u64::from(ticks * TICK_NANOSECONDS);
    write(RTC_IRQ_ENABLED, 1_u32);
    write(RTC_ALARM_HIGH, (alarm >> 32) as u32);
    write(RTC_ALARM_LOW, alarm as u32); // sets it
}

#[core_interrupt(Interrupt::MachineExternal)]
fn machine_external() {
    let irq = read::<u32>(PLIC_CLAIM);
    write(RTC_CLEAR_INTERRUPT, 1_u32);
    write(PLIC_CLAIM, irq);
    STOP.signal(());
}
