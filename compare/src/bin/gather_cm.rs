use std::fmt::Display;

use compare::{Situation, Vm, run, run_in, stop_signal, work};
use gather_cm::{EnterExt, gather};

async fn task() -> Result<usize, impl Display> {
    let vm = |name| Vm::start(name).exit_with(Vm::stop);
    gather((vm("a"), vm("b"), vm("c"))).with(async |(a, b, c)| Ok(work([a, b, c]).await)).await
}

async fn task_with_a_shield() -> Result<usize, impl Display> {
    let vm = |name| Vm::start(name).exit_with(Vm::stop);
    let group = gather((vm("a"), vm("b"), vm("c"))).shield();
    let task = group.with(async |(a, b, c)| Ok(work([a, b, c]).await));
    task.on_drop(|cleanup| drop(tokio::spawn(cleanup))).await
}

async fn task_that_can_be_stopped() -> Result<usize, impl Display> {
    let vm = |name| Vm::start(name).exit_with(Vm::stop);
    let group = gather((vm("a"), vm("b"), vm("c"))).cancel_on(stop_signal());
    group.with(async |(a, b, c)| Ok(work([a, b, c]).await)).await
}

fn main() {
    run(task);
    run_in(Situation::Shielded, task_with_a_shield);
    run_in(Situation::Stopped, task_that_can_be_stopped);
}
