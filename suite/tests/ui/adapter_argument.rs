//! Adapters with arguments that they do not take.
use gather_cm::EnterExt;

async fn one() -> Result<u8, String> {
    Ok(1)
}

fn main() {
    let _ = one().exit_with(async |_value, _case| ());
    let _ = one().exit_with(async |_value, _case| Ok(1));
    let _ = one().exit_with(async |_value| Ok(()));
    let _ = one().exit_with(|_value, _case| Ok(()));
    let _ = one().drop_on_exit().exit_within(std::time::Duration::from_secs(1));
    let _ = one().enter_within(async || "late");
}
