//! A body that returns no `Result`.
use gather_cm::{EnterExt, gather};

async fn one() -> Result<u8, String> {
    Ok(1)
}

fn main() {
    let _ = gather((one().drop_on_exit(),)).with(async |(value,)| *value);
    let _ = gather([one().drop_on_exit()]).with(async |_| {});
    let _ = gather(vec![one().drop_on_exit()]).with(async |all| all.len());
    let _ = gather((one().drop_on_exit(),)).with_own_error(async |(value,)| *value);
}
