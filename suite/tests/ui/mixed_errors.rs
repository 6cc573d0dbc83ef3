//! Members of different error types, and a member that enters with one and exits with another.
use gather_cm::{EnterExt, Exit, ExitCase, gather};

async fn disk() -> Result<u8, std::io::Error> {
    Ok(1)
}

async fn text() -> Result<u8, std::fmt::Error> {
    Ok(1)
}

struct File;

impl Exit for File {
    type Error = std::io::Error;
    type Verdict = ();

    async fn exit(self, _: ExitCase) -> Result<(), std::io::Error> {
        Ok(())
    }
}

async fn open() -> Result<File, String> {
    Ok(File)
}

fn main() {
    let _ = gather((disk().drop_on_exit(), text().drop_on_exit())).with(async |(_a, _b)| Ok(()));
    let _ = gather((open(),));
}
