//! The handle is no resource.
use std::future::{Ready, ready};

use gather_cm::{EnterExt, gather};

struct Handle;

async fn connect() -> Result<(Handle, Ready<()>), String> {
    Ok((Handle, ready(())))
}

fn main() {
    let _ = gather((connect().driven(),)).with(async |_| Ok(()));
}
