//! A guard that is kept past the body: nobody can join or use a resource once the exits begin.
use gather_cm::{Exit, ExitCase, Scope, scope};

struct Link;

impl Exit for Link {
    type Error = String;
    type Verdict = ();

    async fn exit(self, _: ExitCase) -> Result<(), String> {
        Ok(())
    }
}

fn main() {
    let mut kept = None;
    let _ = scope().with(async |scope: &Scope<Link>| {
        kept = Some(scope.hold(Link));
        Ok(())
    });
    let mut kept = None;
    let _ = scope().with(async |scope: &Scope<Link>| {
        kept = Some(scope);
        Ok(())
    });
}
