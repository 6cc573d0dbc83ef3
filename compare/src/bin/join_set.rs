use compare::{Told, Vm, run, work};
use tokio::task::JoinSet;

async fn task() -> Result<usize, String> {
    let mut starts = JoinSet::new();
    for name in ["a", "b", "c"] {
        starts.spawn(Vm::start(name));
    }
    let (mut vms, mut faults) = (Vec::new(), Vec::new());
    for started in starts.join_all().await {
        match started {
            Ok(vm) => vms.push(vm),
            Err(error) => faults.push(error),
        }
    }
    if !faults.is_empty() {
        faults.extend(stop_all(vms, Told::EnterFailed).await);
        return Err(faults.join("; "));
    }
    let value = work(&mut vms).await;
    let faults = stop_all(vms, Told::Completed).await;
    if faults.is_empty() { Ok(value) } else { Err(faults.join("; ")) }
}

async fn stop_all(vms: Vec<Vm>, told: Told) -> Vec<String> {
    let mut stops = JoinSet::new();
    for vm in vms {
        stops.spawn(vm.stop(told));
    }
    stops.join_all().await.into_iter().filter_map(Result::err).collect()
}

fn main() {
    run(task);
}
