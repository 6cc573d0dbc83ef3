//! Policies with arguments that they do not take.
use gather_cm::{EnterExt, gather};

async fn one() -> Result<u8, String> {
    Ok(1)
}

fn main() {
    let _ = gather((one().drop_on_exit(),)).cancel_on(5).with(async |_| Ok(()));
    let _ = gather((one().drop_on_exit(),)).enter_limit("x").with(async |_| Ok(()));
    let _ = gather((one().drop_on_exit(),)).exit_limit(-1).with(async |_| Ok(()));
    let _ = gather((one().drop_on_exit(),)).observe(5).with(async |_| Ok(()));
}
