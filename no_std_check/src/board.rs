//! The board that the image is for, with its time, its power and its UART. Both boards have the same functions.

#[cfg_attr(target_arch = "arm", path = "board/lm3s6965evb.rs")]
#[cfg_attr(target_arch = "riscv32", path = "board/virt.rs")]
mod this;
pub use this::*;

use core::cell::RefCell;

use critical_section::Mutex;
use embassy_sync::{blocking_mutex::raw::CriticalSectionRawMutex, signal::Signal};
use embassy_time::TICK_HZ;
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

/// An interrupt that is not the time's signals this: see `start_stop_timer`.
pub static STOP: Signal<CriticalSectionRawMutex, ()> = Signal::new();

/// Returns the ticks since the start.
pub fn now() -> u32 {
    DRIVER.now() as u32
}

/// The driver of embassy-time. It counts the interrupts of the board's periodic timer.
struct Time(Mutex<RefCell<State>>);

struct State {
    now: u64,
    queue: Queue,
}

embassy_time_driver::time_driver_impl!(
    static DRIVER: Time = Time(Mutex::new(RefCell::new(State { now: 0, queue: Queue::new() })))
);

impl Time {
    /// Moves the time on by one tick.
    fn tick(&self) {
        critical_section::with(|cs| {
            let State { now, queue } = &mut *self.0.borrow_ref_mut(cs);
            *now += 1;
            queue.next_expiration(*now);
        });
    }
}

impl Driver for Time {
    fn now(&self) -> u64 {
        critical_section::with(|cs| self.0.borrow_ref(cs).now)
    }

    fn schedule_wake(&self, at: u64, waker: &core::task::Waker) {
        // The next tick looks into the queue.
        critical_section::with(|cs| self.0.borrow_ref_mut(cs).queue.schedule_wake(at, waker));
    }
}
