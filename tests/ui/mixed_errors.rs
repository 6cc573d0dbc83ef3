//! Members of different error types.
use gather_cm::{EnterExt, gather};

async fn disk() -> Result<u8, std::io::Error> {
    Ok(1)
}

async fn text() -> Result<u8, std::fmt::Error> {
    Ok(1)
}

fn main() {
    let _ = gather((disk().drop_on_exit(), text().drop_on_exit())).with(async |(_a, _b)| ());
}
