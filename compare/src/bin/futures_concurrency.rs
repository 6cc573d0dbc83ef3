use std::panic::{AssertUnwindSafe, resume_unwind};

use compare::{Told, Vm, run, work};
use futures::FutureExt;
use futures_concurrency::future::Join;

async fn task() -> Result<usize, String> {
    let (mut vms, mut faults) = (Vec::new(), Vec::new());
    for started in ["a", "b", "c"].map(Vm::start).join().await {
        match started {
            Ok(vm) => vms.push(vm),
            Err(error) => faults.push(error),
        }
    }
    if !faults.is_empty() {
        faults.extend(stop_all(vms, Told::EnterFailed).await);
        return Err(faults.join("; "));
    }
    let result = AssertUnwindSafe(work(&mut vms)).catch_unwind().await;
    let faults = stop_all(vms, if result.is_ok() { Told::Completed } else { Told::Panicked }).await;
    let value = result.unwrap_or_else(|panic| resume_unwind(panic));
    if faults.is_empty() { Ok(value) } else { Err(faults.join("; ")) }
}

async fn stop_all(vms: Vec<Vm>, told: Told) -> Vec<String> {
    let stops = Vec::from_iter(vms.into_iter().map(|vm| vm.stop(told)));
    stops.join().await.into_iter().filter_map(Result::err).collect()
}

fn main() {
    run(task);
}
