//! A value that is kept past the body.
use gather_cm::{EnterExt, gather};

async fn one() -> Result<u8, String> {
    Ok(1)
}

fn main() {
    let _ = gather((one().drop_on_exit(),)).with(async |(value,)| value);
    let mut kept = None;
    let _ = gather([one().drop_on_exit()]).with(async |[value]| kept = Some(value));
}
