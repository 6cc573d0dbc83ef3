//! A handle and a driver are no resource until the member is `driven`.
use std::future::{Ready, ready};

use gather_cm::gather;

async fn connect() -> Result<(u8, Ready<()>), String> {
    Ok((1, ready(())))
}

fn main() {
    let _ = gather((connect(),)).with(async |_| Ok(()));
}
