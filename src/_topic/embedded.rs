//! # Embedded
//!
//! The crate is `no_std`. Tuples and arrays need no heap, no timer and no atomics, and they run on any executor. This
//! article shows how you use it in firmware: [the features](#which-features-do-you-need),
//! [memory](#where-does-it-live), [panics](#panics), [embassy](#on-embassy), [interrupts](#interrupts-and-wakers),
//! [logs](#logs), and [how you measure flash and RAM](#how-large-is-it).
//!
//! ```toml
//! [dependencies]
//! gather-cm = { version = "0.1", default-features = false }
//! ```
//!
//! The firmware in [`no_std_check/`](crate::_documentation#what-is-in-the-repository-alone) uses the crate like this,
//! on a Cortex-M3 and on RISC-V, in QEMU. You need no board to run it.
//!
//! ## Which features do you need?
//!
//! | feature | what it adds | what it asks for |
//! | --- | --- | --- |
//! | none | tuples of up to twelve members and arrays, every adapter of [`EnterExt`] but one, drivers, optional members, every policy but two, [`Entered`], [`Failure`] | `core` |
//! | `defmt` | `defmt::Format` for the types that you [log](#logs) | `defmt` |
//! | `alloc` | groups that are a `Vec`, [`scope`](crate::scope()), [`shield`], [`exit_boxed`], [`report`], exits of a `Box` | a global allocator |
//! | `std` | panics are caught, [`catch_unwind`], a scope that is `Sync`; it enables `alloc` | `std` |
//!
//! The missing adapter is `exit_boxed`, and the missing policies are `shield` and `catch_unwind`. Cargo adds up the
//! features that the crates of a program enable, so a library should enable only the features that it needs.
//!
//! You need no `Vec` if you know the greatest number of members when you compile. Use an array of them. If some of them
//! may be missing at run time, make them [`optional`]:
//!
//! ```
//! # use core::{fmt, pin::pin, task::{Context, Poll, Waker}};
//! use gather_cm::{EnterExt, Exit, ExitCase, gather};
//!
//! struct Sensor {
//!     address: u8,
//! }
//!
//! #[derive(Debug, PartialEq)]
//! enum Fault {
//!     NoAnswer,
//! }
//!
//! impl Exit for Sensor {
//!     type Error = Fault;
//!     type Verdict = ();
//!
//!     async fn exit(self, _case: ExitCase) -> Result<(), Fault> {
//!         Ok(()) // the sensor sleeps
//!     }
//! }
//!
//! async fn wake_up(address: u8) -> Result<Sensor, Fault> {
//!     if address < 0x42 { Ok(Sensor { address }) } else { Err(Fault::NoAnswer) }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sensors = [0x40, 0x41, 0x42].map(|address| wake_up(address).optional());
//! let work = gather(sensors).with(async |sensors| {
//!     let answering = sensors.into_iter().filter_map(|sensor| sensor.as_mut());
//!     Ok(answering.map(|sensor| u32::from(sensor.address)).sum::<u32>())
//! });
//! assert_eq!(block_on(work)?, 0x81);
//! # Ok(()) }
//! #
//! # impl fmt::Display for Fault {
//! #     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
//! #         f.write_str("no answer")
//! #     }
//! # }
//! # impl core::error::Error for Fault {}
//!
//! /// A small executor: it needs `core` alone.
//! fn block_on<F: Future>(future: F) -> F::Output {
//!     let mut future = pin!(future);
//!     let mut cx = Context::from_waker(Waker::noop());
//!     loop {
//!         if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
//!             return output;
//!         }
//!         // Here a microcontroller sleeps until the next interrupt (`wfe`).
//!     }
//! }
//! ```
//!
//! ## Where does it live?
//!
//! A gather is one future, and all of its memory is in that future. So it lives where you put the future:
//!
//! | you write | the future lives |
//! | --- | --- |
//! | `.await` in an `async fn` | inside of the future of that function |
//! | a task of embassy | in a static, which `#[embassy_executor::task]` makes |
//! | `pin!(future)` in `main` | on the stack of `main`, which never returns |
//!
//! The enter, the value and the exit of a member share one place, because a member is in one of these phases at a time.
//! So each member takes the room of its largest phase, and not of all three. `size_of_val` returns the number of bytes,
//! on the host as well as on the target:
//!
//! ```
//! use core::{convert::Infallible, mem::size_of_val};
//!
//! use gather_cm::{EnterExt, gather};
//!
//! async fn frame() -> Result<[u8; 1024], Infallible> {
//!     Ok([0; 1024])
//! }
//!
//! let group = gather((frame().drop_on_exit(), frame().drop_on_exit()));
//! let future = group.with(async |(a, b)| Ok(a[0] + b[0]));
//! assert!(size_of_val(&future) < 3 * 1024);
//! ```
//!
//! Three rules keep a gather small:
//!
//! - **Borrow large buffers.** A value moves from its enter to the body, and from there to its exit. Each move takes
//!   time and may take stack. If a value has a `&'static mut [u8]` instead of a buffer, only two words move.
//! - **Do not capture large values by `move` in the body.** The compiler keeps the captures of an async closure twice.
//!   Borrow them.
//! - **Leave out what you do not need.** A policy that you do not use takes no memory and no code.
//!
//! [`Gather::enter`] returns an [`Entered`], whose type has a name. So it can be a field of your own struct, such as an
//! `Entered<(Uart, Radio)>`.
//!
//! ## Panics
//!
//! Without `std`, nothing catches a panic. Firmware usually has `panic = "abort"` and a panic handler that does not
//! return. Then *no exit runs* after a panic, and neither does `abandon` or `Drop`. If a motor must not run on, stop it
//! in the panic handler, or let a watchdog reset the board.
//!
//! If your target unwinds, a panic drops the gather on its way, and the drop abandons the held resources.
//!
//! Without `alloc`, the crate itself panics in two cases: a limit of 0, and a future that you poll again after its end.
//!
//! ## On embassy
//!
//! A gather is a future like any other, so await it in a task. The task's future is in a static then, along with all
//! members and values. The [cookbook](crate::_cookbook#embassy) has a whole program. Four things are special:
//!
//! - **Timers.** Use an `embassy_time::Timer` in [`cancel_on`], [`enter_within`] or [`exit_within`]. embassy's timers
//!   accept only wakers of embassy's own executor. Tuples and arrays pass these on. A `Vec` of more than 30 members has
//!   wakers of its own, so call [`caller_waker`] for it.
//! - **`select`.** `embassy_futures::select` drops the other future. If that is a gather, its resources are
//!   [abandoned](super::cancellation). If they must be exited, use `cancel_on` instead.
//! - **Drivers.** embassy-net returns a `Runner` that somebody must poll. You can [pin it
//!   outside](crate::_documentation::drivers#without-a-heap) of the gather, and pass it in with [`driven`].
//! - **`shield`.** Without a heap, there is no [`shield`]. A task that nobody drops needs none, and tasks of embassy
//!   run to their end.
//!
//! ## Interrupts and wakers
//!
//! An interrupt is a signal like any other. It sets a flag and wakes the task, and the gather sees it in its next poll.
//! With an executor, use a `Signal` of `embassy-sync` or an `AtomicWaker`. With the small executor from above, which
//! polls after each interrupt, a flag is enough:
//!
//! ```
//! use core::{
//!     cell::Cell,
//!     future::{pending, poll_fn},
//!     sync::atomic::{AtomicBool, Ordering::Relaxed},
//!     task::Poll,
//! };
//! # use core::{convert::Infallible, pin::pin, task::{Context, Waker}};
//!
//! use gather_cm::{Cause, EnterExt, ExitCase, gather};
//!
//! static PRESSED: AtomicBool = AtomicBool::new(false);
//!
//! // The handler of an interrupt. Here the body calls it, so that the example ends.
//! fn button() {
//!     PRESSED.store(true, Relaxed);
//! }
//!
//! async fn pressed() {
//!     let look = |pressed| if pressed { Poll::Ready(()) } else { Poll::Pending };
//!     poll_fn(|_cx| look(PRESSED.load(Relaxed))).await
//! }
//!
//! let motor_runs = Cell::new(false);
//! let start = async { Ok::<_, Infallible>(motor_runs.set(true)) };
//! let motor = start.exit_with(async |(), case| {
//!     assert_eq!(case, ExitCase::Cancelled);
//!     Ok(motor_runs.set(false))
//! });
//! let result = block_on(gather((motor,)).cancel_on(pressed()).with(async |_| {
//!     button();
//!     Ok(pending::<()>().await)
//! }));
//! let cause = result.map_err(|failure| failure.cause);
//! assert!(matches!(cause, Err(Cause::Cancelled { .. })));
//! assert!(!motor_runs.get());
//! #
//! # fn block_on<F: Future>(future: F) -> F::Output {
//! #     let mut future = pin!(future);
//! #     let mut cx = Context::from_waker(Waker::noop());
//! #     loop {
//! #         if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
//! #             return output;
//! #         }
//! #     }
//! # }
//! ```
//!
//! Tuples and arrays pass the waker of their task to every member. After a wake, the gather polls each pending member
//! once, which is cheap if they are few.
//!
//! **Targets without compare-and-swap**, such as `thumbv6m-none-eabi` and `riscv32imc-unknown-none-elf`, need nothing
//! special. The crate uses no atomics on them, and the members of a large `Vec` share the waker of the caller. Your
//! executor may need `critical-section` or `portable-atomic`.
//!
//! ## Logs
//!
//! The formatting of `core::fmt` needs much flash. If you enable the feature `defmt`, the text stays on the host. These
//! types implement `defmt::Format`:
//!
//! | type | prints |
//! | --- | --- |
//! | [`ExitCase`], [`Verdict`](crate::Verdict), [`Event`](crate::Event) | the variant |
//! | [`Failure`], [`Cause`](crate::Cause), [`Errors`](crate::Errors), if the error types implement it | what their `Debug` prints |
//! | [`Origin`](crate::Origin), [`Who`](crate::Who) | what their `Display` prints |
//!
//! In this example, the third member of a group fails to enter, and the exit of the second one fails. Then
//! `defmt::error!("{}", failure)` prints:
//!
//! ```text
//! Failure { cause: Enter({2: Radio(NoNetwork)}), exits: {1: Sensor(Restless)}, suppressed: false }
//! ```
//!
//! To see which device hangs, log the events: `gather(devices).observe(|event| defmt::trace!("{}", event))`.
//!
//! ## How large is it?
//!
//! [BENCHMARKS](crate::_documentation::benchmarks) compares the flash of a small image with the flash of the same image
//! by hand. If you want to measure your own firmware, build it in release mode, and look at the sections of the image:
//! `.text` is flash, and `.data` and `.bss` are RAM.
//!
//! ```sh
//! cargo build --release --target thumbv7m-none-eabi
//! arm-none-eabi-size target/thumbv7m-none-eabi/release/firmware
//! ```
//!
//! In a clone of the repository, `ci/no_std_check.sh --size` prints the flash and the RAM of two programs, each with
//! gather-cm and by hand. It fails if one of the images has an allocator in it, or core's formatting.
//!
//! Most of the flash that gather-cm needs is for the ways in which a group may fail: a drop in each phase, a failed
//! enter, a failed exit. These settings help:
//!
//! ```toml
//! [profile.release]
//! codegen-units = 1
//! lto = true
//! opt-level = "s"
//! panic = "abort"
//! ```
//!
//! Also, use an array for several devices of the same type. A tuple has code for each of its members.
//!
//! [`caller_waker`]: crate::Gather::caller_waker
//! [`cancel_on`]: crate::Gather::cancel_on
//! [`catch_unwind`]: crate::Gather::catch_unwind
//! [`driven`]: crate::EnterExt::driven
//! [`enter_within`]: crate::EnterExt::enter_within
//! [`Entered`]: crate::Entered
//! [`EnterExt`]: crate::EnterExt
//! [`exit_boxed`]: crate::EnterExt::exit_boxed
//! [`exit_within`]: crate::EnterExt::exit_within
//! [`ExitCase`]: crate::ExitCase
//! [`Failure`]: crate::Failure
//! [`Gather::enter`]: crate::Gather::enter
//! [`optional`]: crate::EnterExt::optional
//! [`report`]: crate::Failure::report
//! [`shield`]: crate::Gather::shield
