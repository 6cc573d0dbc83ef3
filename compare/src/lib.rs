//! What the Rust programs of the comparison share: a machine that takes its time to start and to stop, a body that uses
//! three of them, and the situations that each program is put in. All of it runs in counted steps of one thread, so that
//! what is printed is the same each time.

pub mod loops;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    fmt,
    future::pending,
    mem,
    panic::{self, AssertUnwindSafe},
};

#[derive(Clone, Copy, PartialEq)]
pub enum Situation {
    EnterFails,
    ExitFails,
    BodyPanics,
    Dropped,
    /// As `Dropped`, but another task stops the machines.
    Shielded,
    /// As `Dropped`, but the program is told to end by a future of its own: [`stop_signal`].
    Stopped,
}

use Situation::*;

impl fmt::Display for Situation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EnterFails => "the second enter fails",
            ExitFails => "the second exit fails",
            BodyPanics => "the body panics",
            Dropped => "the task is dropped",
            Shielded => "the task is dropped, with a shield",
            Stopped => "the group is told to stop",
        })
    }
}

thread_local! {
    static SITUATION: Cell<Situation> = const { Cell::new(EnterFails) };
    static RUNNING: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
}

/// What the programs that have no word of their own tell a machine that stops.
#[derive(Clone, Copy, Debug)]
pub enum Told {
    Completed,
    Panicked,
    EnterFailed,
    Nothing,
}

/// A machine. It counts as running from when its start begins until its stop has ended.
pub struct Vm {
    name: &'static str,
    stopped: bool,
}

impl Vm {
    pub async fn start(name: &'static str) -> Result<Self, String> {
        log_start(format_args!("{name} starts"));
        RUNNING.with_borrow_mut(|running| running.insert(name));
        let halfway = Halfway(name);
        pause(match name {
            "a" => 1,
            "b" => 2,
            _ => 6,
        })
        .await;
        mem::forget(halfway);
        if name == "b" && SITUATION.get() == EnterFails {
            println!("b cannot start");
            RUNNING.with_borrow_mut(|running| running.remove(name));
            return Err("no memory for b".into());
        }
        log_start(format_args!("{name} has started"));
        Ok(Self { name, stopped: false })
    }

    /// Stops the machine, told how its use ended.
    pub async fn stop(mut self, told: impl fmt::Debug) -> Result<(), String> {
        println!("{} stops, told {told:?}", self.name);
        pause(match self.name {
            "a" => 1,
            "b" => 2,
            _ => 3,
        })
        .await;
        self.stopped = true;
        RUNNING.with_borrow_mut(|running| running.remove(self.name));
        if self.name == "b" && SITUATION.get() == ExitFails {
            println!("b has stopped, with an error");
            return Err("b lost its disk".into());
        }
        println!("{} has stopped", self.name);
        Ok(())
    }
}

impl Drop for Vm {
    /// A machine cannot be waited for here.
    fn drop(&mut self) {
        if !self.stopped {
            println!("{} is dropped, and still runs", self.name);
        }
    }
}

/// Says that a start was dropped halfway.
struct Halfway(&'static str);

impl Drop for Halfway {
    fn drop(&mut self) {
        println!("{} is dropped while it starts", self.0);
    }
}

/// The body.
pub async fn work<'a>(vms: impl IntoIterator<Item = &'a mut Vm>) -> usize {
    let vms = vms.into_iter().count();
    println!("the body uses {vms} machines");
    match SITUATION.get() {
        BodyPanics => panic!("oops"),
        Dropped | Shielded | Stopped => pending().await,
        EnterFails | ExitFails => vms,
    }
}

/// Ready when the body has been waiting for a while.
pub async fn stop_signal() {
    pause(20).await;
}

/// The starts are of interest where one fails.
fn log_start(event: fmt::Arguments<'_>) {
    if SITUATION.get() == EnterFails {
        println!("{event}");
    }
}

async fn pause(steps: usize) {
    for _ in 0..steps {
        tokio::task::yield_now().await;
    }
}

/// Puts `task` in each of the four situations.
pub fn run<E: fmt::Display>(task: impl AsyncFn() -> Result<usize, E>) {
    for situation in [EnterFails, ExitFails, BodyPanics, Dropped] {
        run_in(situation, &task);
    }
}

/// Puts `task` in one situation, and says what became of it.
pub fn run_in<E: fmt::Display>(situation: Situation, task: impl AsyncFn() -> Result<usize, E>) {
    SITUATION.set(situation);
    panic::set_hook(Box::new(|_| {}));
    println!("== {situation}");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let result = tokio::select! {
                biased;
                result = task() => Some(result),
                () = pause(40), if matches!(situation, Dropped | Shielded) => None,
            };
            if situation == Shielded {
                pause(40).await; // the other task runs meanwhile
            }
            result
        })
    }));
    match result {
        Ok(Some(Ok(value))) => println!("=> the body's value, {value}"),
        Ok(Some(Err(error))) => println!("=> an error: {error}"),
        Ok(None) => println!("=> dropped"),
        Err(_) => println!("=> the panic goes on"),
    }
    let left = RUNNING.take();
    println!("still running: {}", if left.is_empty() { "none".into() } else { Vec::from_iter(left).join(", ") });
}
