//! A resource that borrows from another one of the same scope. An inner scope takes it.
use gather_cm::{Exit, ExitCase, scope};

struct Link<'a>(Option<&'a str>);

impl Exit for Link<'_> {
    type Error = String;
    type Verdict = ();

    async fn exit(self, _: ExitCase) -> Result<(), String> {
        Ok(())
    }
}

struct Owner(String);

impl<'a> From<Owner> for Link<'a> {
    fn from(_: Owner) -> Self {
        Link(None)
    }
}

fn main() {
    let _ = scope::<Link<'_>>().with(async |scope| {
        let owner = scope.hold_into(Owner(String::from("a")));
        scope.hold(Link(Some(&owner.0)));
        Ok(())
    });
}
