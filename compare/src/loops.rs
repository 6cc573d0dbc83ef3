//! What the two programs with background loops share: a loop that works until it is told to stop, and the situations that
//! each program is put in.

use std::{
    cell::Cell,
    fmt,
    future::{pending, poll_fn},
    panic::{self, AssertUnwindSafe},
    process::{self, Command},
    task::Poll,
};

#[derive(Clone, Copy, PartialEq)]
enum Situation {
    OneFails,
    AnotherFailsToo,
    OnePanics,
    Signal,
    Late,
}

use Situation::*;

impl fmt::Display for Situation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OneFails => "a loop fails",
            AnotherFailsToo => "a loop fails, and another one while it stops",
            OnePanics => "a loop panics",
            Signal => "the process receives SIGINT",
            Late => "a loop does not stop in time",
        })
    }
}

thread_local! {
    static SITUATION: Cell<Situation> = const { Cell::new(OneFails) };
}

/// A background loop. If it is told to stop, it first finishes its current job.
pub async fn run_loop(name: &'static str, stop: impl Future<Output = ()>) -> Result<(), String> {
    let dropped = Dropped(name);
    let result = tokio::select! {
        biased;
        () = stop => finish(name).await,
        error = jobs(name) => Err(error),
    };
    std::mem::forget(dropped);
    println!("{name} has ended");
    result
}

/// Works until a job fails.
async fn jobs(name: &str) -> String {
    pause(3).await;
    match (name, SITUATION.get()) {
        ("index", OneFails | AnotherFailsToo) => "the disk is full".to_owned(),
        ("index", OnePanics) => panic!("oops"),
        ("mail", Signal | Late) => {
            let killed = Command::new("kill").args(["-INT", &process::id().to_string()]).status();
            assert!(killed.is_ok_and(|status| status.success()));
            pending().await
        }
        _ => pending().await,
    }
}

async fn finish(name: &str) -> Result<(), String> {
    println!("{name} finishes its job");
    pause(if name == "feed" { 1 } else { 2 }).await;
    match (name, SITUATION.get()) {
        ("mail", AnotherFailsToo) => Err("the peer has hung up".to_owned()),
        ("mail", Late) => pending().await,
        _ => Ok(()),
    }
}

/// Says that a loop was dropped halfway.
struct Dropped(&'static str);

impl Drop for Dropped {
    fn drop(&mut self) {
        println!("{} is dropped", self.0);
    }
}

async fn pause(steps: usize) {
    for step in 0..=steps {
        let mut polled = step == steps;
        poll_fn(|cx| {
            if polled {
                return Poll::Ready(());
            }
            polled = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

/// Puts `service` in each of the situations, and says how it ended.
pub fn run<E: fmt::Display>(service: impl AsyncFn() -> Result<(), E>) {
    panic::set_hook(Box::new(|_| {}));
    for situation in [OneFails, AnotherFailsToo, OnePanics, Signal, Late] {
        SITUATION.set(situation);
        println!("== {situation}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        match panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(service()))) {
            Ok(Ok(())) => println!("=> it has ended well"),
            Ok(Err(error)) => println!("=> an error: {error}"),
            Err(_) => println!("=> the panic goes on"),
        }
    }
}
