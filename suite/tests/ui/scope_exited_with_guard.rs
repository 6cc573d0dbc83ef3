//! A scope alone is exited while a guard lives.
use gather_cm::{Exit, ExitCase, Scope};

struct Link;

impl Exit for Link {
    type Error = String;
    type Verdict = ();

    async fn exit(self, _: ExitCase) -> Result<(), String> {
        Ok(())
    }
}

async fn link() -> Result<Link, String> {
    Ok(Link)
}

async fn exits() -> Option<()> {
    let scope = Scope::new();
    let lent = scope.enter(link()).await.ok()?;
    scope.exit(ExitCase::Completed).await.ok()?;
    Some(drop(lent))
}

fn main() {
    let _ = exits();
}
