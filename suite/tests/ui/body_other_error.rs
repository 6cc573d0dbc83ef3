//! A body whose error is not the group's.
use gather_cm::{EnterExt, gather};

async fn one() -> Result<u8, String> {
    Ok(1)
}

fn main() {
    let _ = gather((one().drop_on_exit(),)).with(async |_| std::fs::read("a"));
    let _ = gather([one().drop_on_exit()]).with(async |_| Err::<(), _>(std::fmt::Error));
    let _ = gather(vec![one().drop_on_exit()]).with(async |_| -> Result<(), std::io::Error> {
        std::fs::write("a", "b")?;
        Ok(())
    });
}
