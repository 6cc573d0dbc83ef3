//! Says what the images `minimal_*` do. They have one group of three devices, each of which is only a bit in a plan.
//! They have no executor, no timer and no board. Each end of the group is checked.
//!
//! It is a module of each image, and not of the library, which would link the board's interrupt handlers.

use core::{
    future::{Future, poll_fn},
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use gather_cm::{Exit, ExitCase};

/// The bits of a plan say which parts fail. The lowest three are the enters, and the next one is the body.
pub const BODY: u32 = 1 << 3;
pub const EXITS: u32 = 4;

/// The value that the body returns if all is well.
const WELL: u32 = 1 << 31;

pub struct Fault(pub u8);

/// A device. Each index has a type of its own.
pub struct Device<const INDEX: u32> {
    plan: u32,
    pub used: u32,
}

/// Pends once.
async fn pause() {
    let mut paused = false;
    poll_fn(|_| if core::mem::replace(&mut paused, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

fn fails(plan: u32, bit: u32) -> Result<(), Fault> {
    if plan >> bit & 1 == 1 { Err(Fault(bit as u8)) } else { Ok(()) }
}

impl<const INDEX: u32> Device<INDEX> {
    pub async fn open(plan: u32) -> Result<Self, Fault> {
        pause().await;
        fails(plan, INDEX)?;
        Ok(Self { plan, used: 0 })
    }
}

impl<const INDEX: u32> Exit for Device<INDEX> {
    type Error = Fault;
    type Verdict = ();

    async fn exit(self, _: ExitCase) -> Result<(), Fault> {
        pause().await;
        fails(self.plan, EXITS + INDEX)
    }
}

/// The body.
pub async fn work(a: &mut Device<0>, b: &mut Device<1>, c: &mut Device<2>) -> Result<u32, Fault> {
    a.used += 1;
    b.used += 1;
    pause().await;
    c.used += 1;
    fails(a.plan, BODY.trailing_zeros())?;
    Ok(WELL)
}

/// Returns the bit of an error in the sum of all errors.
pub fn bit(fault: &Fault) -> u32 {
    1 << fault.0
}

/// Runs the group to each of its ends. The sum of all its errors must be the parts that the plan lets fail, and that
/// could fail.
pub fn play<F: Future<Output = u32>>(scene: impl Fn(u32) -> F) -> ! {
    for plan in 0..1 << 7 {
        let enters = plan & 0b111;
        let opened = !enters << EXITS;
        let expected = match plan {
            0 => WELL,
            _ if enters > 0 => plan & (opened | enters) & !BODY,
            _ => plan,
        };
        if drive(scene(black_box(plan))) != expected {
            semihosting::process::exit(1);
        }
    }
    semihosting::process::exit(0)
}

fn drive<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}
