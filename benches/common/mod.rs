//! The life cycles that all benches measure: the same enters, bodies and exits, and the same drivers, for every
//! contestant.

#![allow(dead_code, reason = "not every bench uses all of it")]

#[cfg(feature = "alloc")]
pub mod many;
pub mod peers;
#[cfg(feature = "alloc")]
pub mod scopes;

use std::{
    cell::{Cell, RefCell},
    future::Future,
    hint::black_box,
    marker::PhantomData,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
};

use gather_cm::{Exit, ExitCase};

/// The kind of the enters, bodies and exits: how they end, and what they hold meanwhile.
pub trait Kind: Send + 'static {
    const TURN: When;
    type Enter: Load;
    type Value: Load;
    type Body: Load;
    type Exit: Load;
}

#[derive(Clone, Copy, PartialEq)]
pub enum When {
    /// The future ends at once.
    Ready,
    /// The future pends once, wakes itself at once, and then ends.
    Pend,
    /// The future does the same as `Pend`, and its polls are counted.
    Counted,
    /// The future ends when the driver opens its gate.
    Gate,
}

/// The value that a future holds: nothing, or some bytes.
pub trait Load: Send + 'static {
    fn new(number: u64) -> Self;
    /// Returns zero, but the compiler does not know that.
    fn zero(&self) -> u64;
}

impl Load for () {
    fn new(_: u64) {}

    fn zero(&self) -> u64 {
        0
    }
}

pub struct Bytes<const N: usize>([u8; N]);

impl<const N: usize> Load for Bytes<N> {
    fn new(number: u64) -> Self {
        Self([(number >> 56) as u8; N])
    }

    fn zero(&self) -> u64 {
        self.0[self.0.len() / 2].into()
    }
}

macro_rules! kinds {
    ($($name:ident: $turn:ident, $enter:ty, $value:ty, $body:ty, $exit:ty;)*) => { $(
        pub struct $name;
        impl Kind for $name {
            const TURN: When = When::$turn;
            type Enter = $enter;
            type Value = $value;
            type Body = $body;
            type Exit = $exit;
        }
    )* };
}

kinds! {
    Ready: Ready, (), (), (), ();
    Pend: Pend, (), (), (), ();
    Counted: Counted, (), (), (), ();
    Gate: Gate, (), (), (), ();
    LargeEnters: Pend, Bytes<1024>, (), (), ();
    LargeValues: Pend, (), Bytes<1024>, (), ();
    HugeValues: Pend, (), Bytes<32_768>, (), ();
    LargeBody: Pend, (), (), Bytes<1024>, ();
    LargeExits: Pend, (), (), (), Bytes<1024>;
    LargeAll: Pend, Bytes<1024>, Bytes<1024>, Bytes<1024>, Bytes<1024>;
}

/// An enter or a body that receives this number fails, so that no contestant can leave its errors out.
pub const FAILS: u64 = 1 << 40;
/// An exit whose number, along with its case, is this number fails, too.
pub const EXIT_FAILS: u64 = FAILS + 1;

pub struct Resource<K: Kind> {
    pub number: u64,
    load: K::Value,
}

pub async fn enter<K: Kind>(number: u64) -> Result<Resource<K>, u64> {
    let load = K::Enter::new(number);
    Turn::<K>::new().await;
    let number = number + load.zero();
    if number == FAILS { Err(number) } else { Ok(Resource { number, load: K::Value::new(number) }) }
}

/// The body. It receives the sum of the values that it borrows.
pub async fn body<K: Kind>(sum: u64) -> Result<u64, u64> {
    let load = K::Body::new(sum);
    Turn::<K>::new().await;
    let sum = sum + load.zero();
    if sum == FAILS { Err(sum) } else { Ok(sum) }
}

impl<K: Kind> Exit for Resource<K> {
    type Error = u64;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> Result<(), u64> {
        let load = K::Exit::new(self.number);
        Turn::<K>::new().await;
        let number = self.number + self.load.zero() + load.zero();
        if number == EXIT_FAILS + case as u64 { Err(number) } else { Ok(()) }
    }
}

/// Ends when `K` says so. Holds whether it has pended, or one more than the number of its gate.
struct Turn<K>(u32, PhantomData<fn() -> K>);

impl<K: Kind> Turn<K> {
    fn new() -> Self {
        Self(0, PhantomData)
    }
}

impl<K: Kind> Future for Turn<K> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if matches!(K::TURN, When::Counted | When::Gate) {
            POLLS.set(POLLS.get() + 1);
        }
        let number = &mut self.0;
        match K::TURN {
            When::Ready => Poll::Ready(()),
            When::Gate => GATES.with_borrow_mut(|gates| gates.poll(number, cx)),
            When::Pend | When::Counted if *number == 0 => {
                *number = 1;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            When::Pend | When::Counted => Poll::Ready(()),
        }
    }
}

thread_local! {
    static POLLS: Cell<usize> = const { Cell::new(0) };
}

/// Returns how often a member or body of the kind `Counted` or `Gate` was polled meanwhile.
pub fn polls_of(run: impl FnOnce()) -> usize {
    let before = POLLS.get();
    run();
    POLLS.get() - before
}

thread_local! {
    static GATES: RefCell<Gates> = const { RefCell::new(Gates { gates: Vec::new(), closed: Vec::new(), seed: 0 }) };
}

/// Gates that are opened one at a time, in random order.
struct Gates {
    /// The waker of the future that waits at a gate, or none if the gate is open.
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

    /// Opens a gate, and returns the waker of the future that waits there.
    fn open(&mut self) -> Option<Waker> {
        if self.closed.is_empty() {
            return None;
        }
        // This is xorshift.
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        // A division would take longer than the rest.
        let index = ((self.seed >> 32) * self.closed.len() as u64) >> 32;
        let gate = self.closed.swap_remove(index as usize);
        self.gates[gate].take()
    }

    fn reset(&mut self) {
        self.gates.clear();
        self.closed.clear();
        self.seed = 0x9e37_79b9_7f4a_7c15;
    }
}

/// The whole life cycles that a bench compares, by name. The first is gather's.
pub type Contestants<'a> = Vec<(&'static str, Box<dyn Fn() + 'a>)>;

fn contestant<'a, F: Future>(
    name: &'static str,
    life_cycle: impl Fn() -> F + 'a,
) -> (&'static str, Box<dyn Fn() + 'a>) {
    (name, Box::new(move || drop(black_box(drive(life_cycle())))))
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
    drive_unknown(black_box(pin!(future)))
}

/// Polls the future as an executor does, which knows nothing of its type.
#[inline(never)]
fn drive_unknown<T>(mut future: Pin<&mut dyn Future<Output = T>>) -> T {
    let (count, waker) = begin();
    loop {
        count.0.store(0, Relaxed);
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        while count.0.load(Relaxed) == 0 {
            assert!(open_gate(), "all gates are open, and nobody was woken");
        }
    }
}

/// Does what `drive` does, along with the tasks that the future spawns.
pub fn drive_on<T>(runtime: &tokio::runtime::Runtime, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let (count, waker) = begin();
    count.0.store(1, Relaxed);
    runtime.block_on(std::future::poll_fn(|cx| {
        if count.0.swap(0, Relaxed) == 0 {
            // If no gate is closed, a task has not come to its gate yet.
            open_gate();
        } else if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Poll::Ready(output);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }))
}

fn begin() -> (Arc<Count>, Waker) {
    GATES.with_borrow_mut(Gates::reset);
    let count = COUNT.with(Arc::clone);
    (Arc::clone(&count), count.into())
}

/// Opens a gate, if one is closed, and wakes the future that waits there.
fn open_gate() -> bool {
    let waker = GATES.with_borrow_mut(Gates::open);
    waker.map(Waker::wake).is_some()
}
