use std::panic::{AssertUnwindSafe, resume_unwind};

use compare::{Told, Vm, run, work};
use futures::{FutureExt, join};

async fn task() -> Result<usize, String> {
    let (mut a, mut b, mut c) = match join!(Vm::start("a"), Vm::start("b"), Vm::start("c")) {
        (Ok(a), Ok(b), Ok(c)) => (a, b, c),
        (a, b, c) => {
            let (a, b, c) = join!(undo(a), undo(b), undo(c));
            return Err(faults([a, b, c]));
        }
    };
    let result = AssertUnwindSafe(work([&mut a, &mut b, &mut c])).catch_unwind().await;
    let told = if result.is_ok() { Told::Completed } else { Told::Panicked };
    let (a, b, c) = join!(a.stop(told), b.stop(told), c.stop(told));
    let value = result.unwrap_or_else(|panic| resume_unwind(panic));
    if a.is_ok() && b.is_ok() && c.is_ok() { Ok(value) } else { Err(faults([a, b, c])) }
}

async fn undo(started: Result<Vm, String>) -> Result<(), String> {
    started?.stop(Told::EnterFailed).await
}

fn faults(results: [Result<(), String>; 3]) -> String {
    Vec::from_iter(results.into_iter().filter_map(Result::err)).join("; ")
}

fn main() {
    run(task);
}
