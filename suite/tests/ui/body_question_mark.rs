//! A `?` in a body, on an error that does not become the group's.
use gather_cm::{EnterExt, gather};

async fn one() -> Result<u8, String> {
    Ok(1)
}

fn main() {
    let _ = gather((one().drop_on_exit(),)).with(async |_| {
        std::fs::read("a")?;
        Ok(())
    });
}
