//! A spawner that returns a handle, which would cancel the exits if it were dropped.
use gather_cm::{EnterExt, gather};

async fn one() -> Result<u8, String> {
    Ok(1)
}

fn main() {
    let _ = gather((one().drop_on_exit(),)).shield().with(async |_| Ok(())).on_drop(smol::spawn);
}
