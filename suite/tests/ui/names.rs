//! Names, one too many and one too few.
use gather_cm::{EnterExt, gather};

async fn one() -> Result<u8, String> {
    Ok(1)
}

fn main() {
    let _ = gather((one().drop_on_exit(), one().drop_on_exit())).names(&["a", "b", "c"]);
    let _ = gather([one().drop_on_exit(), one().drop_on_exit()]).names(&["a"]);
    let _ = gather(vec![one().drop_on_exit()]).names("a");
}
