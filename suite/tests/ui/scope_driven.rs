//! A scope cannot poll the driver of a resource.
use std::future::{Ready, ready};

use gather_cm::{EnterExt, Exit, ExitCase, scope};

struct Link;

impl Exit for Link {
    type Error = String;
    type Verdict = ();

    async fn exit(self, _: ExitCase) -> Result<(), String> {
        Ok(())
    }
}

async fn connect() -> Result<(Link, Ready<()>), String> {
    Ok((Link, ready(())))
}

fn main() {
    let _ = scope().with(async |scope| {
        let _link = scope.enter(connect().driven()).await?;
        Ok(())
    });
}
