//! A shielded gather that is awaited before it knows who runs the remaining exits.
use gather_cm::{EnterExt, gather};

async fn one() -> Result<u8, String> {
    Ok(1)
}

fn main() {
    let _ = async { gather((one().drop_on_exit(),)).shield().with(async |_| Ok(())).await };
}
