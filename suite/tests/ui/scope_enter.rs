//! A scope has no members to enter: `with_entered` has a body that enters them.
use gather_cm::{Exit, ExitCase, scope};

struct Link;

impl Exit for Link {
    type Error = String;
    type Verdict = ();

    async fn exit(self, _: ExitCase) -> Result<(), String> {
        Ok(())
    }
}

fn main() {
    let _ = scope::<Link>().enter();
    let _ = scope::<Link>().shield().enter();
}
