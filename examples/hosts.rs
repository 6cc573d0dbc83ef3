//! A loop over hosts. If a host does not answer, its mirror takes its place. One connection is released early.
//!
//! ```text
//! $ cargo run --example hosts
//! alpha is connected
//! no route to beta; its mirror is tried
//! beta.mirror is connected
//! no route to gamma; its mirror is tried
//! no route to gamma.mirror; gamma is skipped
//! delta is connected
//! alpha says bye: Completed
//! the work goes on with 2 hosts
//! beta.mirror says bye: Completed
//! delta says bye: Completed
//! ```

use std::{error::Error, fmt};

use gather_cm::{Exit, ExitCase, Lent, Scope, scope};

/// The reason why a host cannot be used.
#[derive(Debug)]
enum HostError {
    NoRoute(String),
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoute(host) => write!(f, "no route to {host}"),
        }
    }
}

impl Error for HostError {}

struct Connection {
    host: String,
}

async fn connect(host: String) -> Result<Connection, HostError> {
    match host.as_str() {
        "beta" | "gamma" | "gamma.mirror" => Err(HostError::NoRoute(host)),
        _ => {
            println!("{host} is connected");
            Ok(Connection { host })
        }
    }
}

impl Exit for Connection {
    type Error = HostError;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> Result<(), HostError> {
        println!("{} says bye: {case:?}", self.host);
        Ok(())
    }
}

/// A failed enter changes nothing for the scope, so a fallback is a `match`.
async fn work(scope: &Scope<Connection>) -> Result<(), HostError> {
    let mut links = Vec::new();
    for host in ["alpha", "beta", "gamma", "delta"] {
        let link = match scope.enter(connect(host.to_owned())).await {
            Ok(link) => link,
            Err(error) => {
                println!("{error}; its mirror is tried");
                match scope.enter(connect(format!("{host}.mirror"))).await {
                    Ok(link) => link,
                    Err(error) => {
                        println!("{error}; {host} is skipped");
                        continue;
                    }
                }
            }
        };
        links.push(link);
    }
    // The first connection is not needed any more. Its exit runs now, and the others run at the end.
    Lent::release(links.remove(0)).await?;
    println!("the work goes on with {} hosts", links.len());
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    Ok(smol::block_on(scope().with(work))?)
}
