//! A scope of one type cannot be entered with another one by `enter`.
use gather_cm::{Exit, ExitCase, scope};

struct Link;
struct Disk;

impl Exit for Link {
    type Error = String;
    type Verdict = ();

    async fn exit(self, _: ExitCase) -> Result<(), String> {
        Ok(())
    }
}

impl Exit for Disk {
    type Error = String;
    type Verdict = ();

    async fn exit(self, _: ExitCase) -> Result<(), String> {
        Ok(())
    }
}

async fn link() -> Result<Link, String> {
    Ok(Link)
}

async fn disk() -> Result<Disk, String> {
    Ok(Disk)
}

fn main() {
    let _ = scope().with(async |scope| {
        let _link = scope.enter(link()).await?;
        let _disk = scope.enter(disk()).await?;
        Ok(())
    });
}
