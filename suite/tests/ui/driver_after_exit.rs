//! `driven` comes first: the adapters after it concern the handle.
use std::future::{Ready, ready};

use gather_cm::{EnterExt, gather};

async fn connect() -> Result<(u8, Ready<()>), String> {
    Ok((1, ready(())))
}

fn main() {
    let _ = gather((connect().drop_on_exit().driven(),)).with(async |_| Ok(()));
}
