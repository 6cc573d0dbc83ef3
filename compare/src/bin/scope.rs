use std::fmt::Display;

use compare::{Situation, Vm, run, run_in, work};
use futures::join;
use gather_cm::{EnterExt, scope};

async fn task() -> Result<usize, impl Display> {
    let vm = |name| Vm::start(name).exit_with(Vm::stop);
    let group = scope().with(async |scope| {
        let (a, b, c) = join!(scope.enter(vm("a")), scope.enter(vm("b")), scope.enter(vm("c")));
        let (mut a, mut b, mut c) = (a?, b?, c?);
        Ok(work([&mut **a, &mut **b, &mut **c]).await)
    });
    group.await
}

async fn task_with_a_shield() -> Result<usize, impl Display> {
    let vm = |name| Vm::start(name).exit_with(Vm::stop);
    let task = scope().shield().with(async |scope| {
        let mut vms = Vec::new();
        for name in ["a", "b", "c"] {
            vms.push(scope.enter(vm(name)).await?);
        }
        Ok(work(vms.iter_mut().map(|vm| &mut ***vm)).await)
    });
    task.on_drop(|cleanup| drop(tokio::spawn(cleanup))).await
}

fn main() {
    run(task);
    run_in(Situation::Shielded, task_with_a_shield);
}
