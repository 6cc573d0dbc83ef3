//! A caller loses interest in a request and drops its future. The exits run all the same.
//!
//! ```text
//! $ cargo run --example shield
//! the cache is open
//! the database is open
//! the request is dropped
//! the cache is closed: Cancelled
//! cleanup: cancelled; exit of database failed: the server does not answer
//! all cleanups have ended
//! ```

use std::{error::Error, fmt, future::pending};

use async_executor::LocalExecutor;
use gather_cm::{Exit, ExitCase, FailureOf, gather};
use smol::future::{or, yield_now};

/// The reason why a server cannot be used.
#[derive(Debug)]
enum ServerError {
    NoAnswer,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer => f.write_str("the server does not answer"),
        }
    }
}

impl Error for ServerError {}

/// A connection that says goodbye. It borrows the name of its server.
struct Connection<'a> {
    server: &'a str,
}

async fn connect(server: &str) -> Result<Connection<'_>, ServerError> {
    println!("the {server} is open");
    Ok(Connection { server })
}

impl Exit for Connection<'_> {
    type Error = ServerError;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> Result<(), ServerError> {
        yield_now().await; // the goodbye takes a while
        if self.server == "database" {
            return Err(ServerError::NoAnswer);
        }
        println!("the {} is closed: {case:?}", self.server);
        Ok(())
    }
}

/// Works with both servers until its caller drops the future. Then `cleanups` runs the
/// exits, which may borrow the names, too.
async fn request<'a>(
    [cache, database]: &'a [String; 2],
    cleanups: &LocalExecutor<'a>,
) -> Result<(), FailureOf<(Connection<'a>, Connection<'a>)>> {
    gather((connect(cache), connect(database)))
        .names(&["cache", "database"])
        .shield()
        .with(async |_| pending::<Result<(), ServerError>>().await)
        .on_drop(|cleanup| {
            // Nobody waits for the exits, so their errors go to the log.
            let log = async {
                if let Err(failure) = cleanup.await {
                    println!("cleanup: {failure}");
                }
            };
            cleanups.spawn(log).detach();
        })
        .await
}

fn main() -> Result<(), Box<dyn Error>> {
    let servers = ["cache", "database"].map(String::from);
    let cleanups = LocalExecutor::new();
    smol::block_on(async {
        let loses_interest = async {
            yield_now().await;
            println!("the request is dropped");
            Ok(())
        };
        or(request(&servers, &cleanups), loses_interest).await?;
        while !cleanups.is_empty() {
            cleanups.tick().await;
        }
        println!("all cleanups have ended");
        Ok(())
    })
}
