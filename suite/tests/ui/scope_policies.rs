//! Policies about enters do not apply to a scope: its body enters.
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
    let _ = scope::<Link>().fail_fast();
    let _ = scope::<Link>().eager_rollback();
    let _ = scope::<Link>().enter_limit(2);
    let _ = scope::<Link>().settle();
    let _ = scope::<Link>().shield().settle();
    let _ = scope::<Link>().names(&["a"]);
}
