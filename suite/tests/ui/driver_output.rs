//! Drivers that return what no member can take: a value, and an error of another type.
use std::future::{Ready, ready};

use gather_cm::{EnterExt, gather};

struct Other;

async fn value() -> Result<(u8, Ready<u8>), String> {
    Ok((1, ready(1)))
}

async fn other() -> Result<(u8, Ready<Result<(), Other>>), String> {
    Ok((1, ready(Ok(()))))
}

fn main() {
    let _ = gather((value().driven().drop_on_exit(),)).with(async |_| Ok(()));
    let _ = gather((other().driven().drop_on_exit(),)).with(async |_| Ok(()));
}
