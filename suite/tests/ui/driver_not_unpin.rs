//! A driver that is an async function: it is not `Unpin`.
use gather_cm::{EnterExt, gather};

async fn run() {}

async fn connect() -> Result<(u8, impl Future<Output = ()>), String> {
    Ok((1, run()))
}

fn main() {
    let _ = gather((connect().driven().drop_on_exit(),)).with(async |_| Ok(()));
}
