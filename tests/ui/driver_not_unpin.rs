//! A driver that is an async block: it is not `Unpin`.
use gather_cm::{EnterExt, gather};

async fn connect() -> Result<(u8, impl Future<Output = ()>), String> {
    Ok((1, async {}))
}

fn main() {
    let _ = gather((connect().driven().drop_on_exit(),)).with(async |_| Ok(()));
}
