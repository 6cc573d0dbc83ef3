//! A scope of resources without drivers. It is here so that its neighbours are built, and not only checked.
use gather_cm::{Exit, ExitCase, scope};

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

fn main() {
    let _ = scope().with(async |scope| {
        let _link = scope.enter(link()).await?;
        Ok(())
    });
}
