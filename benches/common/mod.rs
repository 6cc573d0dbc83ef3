//! What all benches measure: the same enters, bodies and exits, and the same drivers, for every contestant.

#![allow(dead_code, reason = "not every bench uses all of it")]

pub mod peers;

use std::{
    cell::RefCell,
    future::Future,
    hint::black_box,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
};

use gather_cm::{Exit, ExitCase};

/// How enters, bodies and exits end: at once, ..
pub const READY: u8 = 0;
/// .. after they have pended once, and woken at once, ..
pub const PEND: u8 = 1;
/// .. or when the driver opens their gate.
pub const GATE: u8 = 2;

/// The enter, the body or the exit that is given this number fails, so that no contestant can leave its errors out.
pub const FAILS: u64 = 1 << 40;

/// A resource whose exit ends as `MODE` says.
pub struct Resource<const MODE: u8>(pub u64);

pub async fn enter<const MODE: u8>(number: u64) -> Result<Resource<MODE>, u64> {
    Turn::<MODE>(0).await;
    if number == FAILS { Err(number) } else { Ok(Resource(number)) }
}

impl<const MODE: u8> Exit for Resource<MODE> {
    type Error = u64;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> Result<(), u64> {
        Turn::<MODE>(0).await;
        if self.0 == FAILS + case as u64 { Err(self.0) } else { Ok(()) }
    }
}

/// The body, given the sum of what it is lent.
pub async fn body<const MODE: u8>(sum: u64) -> Result<u64, u64> {
    Turn::<MODE>(0).await;
    if sum == FAILS { Err(sum) } else { Ok(sum) }
}

/// Ends as `MODE` says. Holds the number of its gate and one, or nothing before it is polled.
struct Turn<const MODE: u8>(u32);

impl<const MODE: u8> Future for Turn<MODE> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match (MODE, self.0) {
            (READY, _) | (PEND, 1) => Poll::Ready(()),
            (PEND, _) => {
                self.0 = 1;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            _ => GATES.with_borrow_mut(|gates| gates.poll(&mut self.0, cx)),
        }
    }
}

thread_local! {
    static GATES: RefCell<Gates> = const { RefCell::new(Gates { gates: Vec::new(), closed: Vec::new(), seed: 0 }) };
}

/// Gates that are opened one at a time, in random order.
struct Gates {
    /// The waker of whoever waits at a gate; none if it is open.
    gates: Vec<Option<Waker>>,
    closed: Vec<usize>,
    seed: u64,
}

impl Gates {
    fn poll(&mut self, number: &mut u32, cx: &mut Context<'_>) -> Poll<()> {
        if *number == 0 {
            self.closed.push(self.gates.len());
            self.gates.push(Some(cx.waker().clone()));
            *number = self.gates.len() as u32;
            return Poll::Pending;
        }
        match &mut self.gates[*number as usize - 1] {
            None => Poll::Ready(()),
            Some(waker) => {
                waker.clone_from(cx.waker());
                Poll::Pending
            }
        }
    }

    /// Opens one, and gives the waker of whoever waits there.
    fn open(&mut self) -> Option<Waker> {
        if self.closed.is_empty() {
            return None;
        }
        // Xorshift.
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        let gate = self.closed.swap_remove(self.seed as usize % self.closed.len());
        self.gates[gate].take()
    }

    fn reset(&mut self) {
        self.gates.clear();
        self.closed.clear();
        self.seed = 0x9e37_79b9_7f4a_7c15;
    }
}

/// A waker that counts.
#[derive(Default)]
pub struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

thread_local! {
    static COUNT: Arc<Count> = Arc::default();
}

/// Polls the future whenever it was woken, and opens a gate whenever it was not.
pub fn drive<T>(future: impl Future<Output = T>) -> T {
    let future = pin!(future);
    // As an executor sees it: nothing is known of it.
    drive_unknown(black_box(future))
}

#[inline(never)]
fn drive_unknown<T>(mut future: Pin<&mut dyn Future<Output = T>>) -> T {
    let count = COUNT.with(Arc::clone);
    let waker = Waker::from(Arc::clone(&count));
    GATES.with_borrow_mut(Gates::reset);
    loop {
        count.0.store(0, Relaxed);
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        while count.0.load(Relaxed) == 0 {
            GATES.with_borrow_mut(Gates::open).expect("all gates are open, and nobody was woken").wake();
        }
    }
}
