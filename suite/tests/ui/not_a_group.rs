//! One member that is not in a tuple, and things that are no members.
use gather_cm::{EnterExt, gather};

async fn one() -> Result<u8, String> {
    Ok(1)
}

async fn no_result() -> u8 {
    1
}

fn main() {
    let _ = gather(one().drop_on_exit()).with(async |_| Ok(()));
    let _ = gather((1, 2));
    let _ = gather((no_result(),));
    let _ = no_result().drop_on_exit();
}
