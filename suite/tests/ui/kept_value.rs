//! A value that is kept past the body.
use gather_cm::{EnterExt, gather};

async fn one() -> Result<u8, String> {
    Ok(1)
}

fn main() {
    let _ = gather((one().drop_on_exit(),)).with(async |(value,)| Ok(value));
    let mut kept = None;
    let _ = gather([one().drop_on_exit()]).with(async |[value]| {
        kept = Some(value);
        Ok(())
    });
    let mut kept = None;
    let _ = gather(vec![one().drop_on_exit()]).with(async |all| {
        kept = all.get_mut(0);
        Ok(())
    });
}
