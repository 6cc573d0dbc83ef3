//! A fixture has a scope in a struct. Each test starts the servers that it needs, and the fixture stops all of them.
//!
//! ```text
//! $ cargo run --example fixture
//! db starts
//! web starts
//! web asks db
//! db stops: Completed
//! web stops: Completed
//! the test has passed
//! ```

use std::{error::Error, io};

use gather_cm::{Exit, ExitCase, FailureOf, Joined, Lent, Scope};

struct Server {
    name: &'static str,
}

impl Exit for Server {
    type Error = io::Error;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> io::Result<()> {
        println!("{} stops: {case:?}", self.name);
        Ok(())
    }
}

/// If it is dropped, it abandons the servers. `tear_down` stops them.
#[derive(Default)]
struct Fixture {
    servers: Scope<Server>,
}

impl Fixture {
    async fn start(&self, name: &'static str) -> io::Result<Lent<'_, Server>> {
        let start = async {
            println!("{name} starts");
            Ok(Server { name })
        };
        self.servers.enter(start).await
    }

    /// It takes the fixture by value. While a test has a server, this does not compile.
    async fn tear_down(self, case: ExitCase) -> Result<(), FailureOf<Joined<Server>>> {
        self.servers.exit(case).await?;
        Ok(())
    }
}

async fn test_ask(fixture: &Fixture) -> io::Result<()> {
    let db = fixture.start("db").await?;
    let web = fixture.start("web").await?;
    println!("{} asks {}", web.name, db.name);
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    smol::block_on(async {
        let fixture = Fixture::default();
        let result = test_ask(&fixture).await;
        let case = if result.is_ok() { ExitCase::Completed } else { ExitCase::Failed };
        fixture.tear_down(case).await?;
        result?;
        println!("the test has passed");
        Ok(())
    })
}
