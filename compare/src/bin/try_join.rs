use compare::{Told, Vm, run, work};
use futures::try_join;

async fn task() -> Result<usize, String> {
    let (mut a, mut b, mut c) = try_join!(Vm::start("a"), Vm::start("b"), Vm::start("c"))?;
    let value = work([&mut a, &mut b, &mut c]).await;
    try_join!(a.stop(Told::Nothing), b.stop(Told::Nothing), c.stop(Told::Nothing))?;
    Ok(value)
}

fn main() {
    run(task);
}
