//! A member whose value is no resource.
use gather_cm::gather;

struct Plain;

async fn plain() -> Result<Plain, String> {
    Ok(Plain)
}

fn main() {
    let _ = gather((plain(), plain())).with(async |(_a, _b)| ());
    let _ = gather([plain(), plain()]).with(async |_| ());
    let _ = gather(vec![plain(), plain()]).with(async |_| ());
}
