//! Opens all ports, or none of them. If one of them is taken, the ports that are open are closed again.
//!
//! ```text
//! $ cargo run --example all_or_nothing
//! port 80 is open
//! port 443 is open
//! port 8080 is open
//! the server listens to 3 ports
//! port 80 is closed: Completed
//! port 443 is closed: Completed
//! port 8080 is closed: Completed
//! $ cargo run --example all_or_nothing -- 443
//! port 80 is open
//! port 80 is closed: Failed
//! no port is open: body failed: port 443 is taken
//! ```

use std::{env, error::Error, fmt};

use gather_cm::{Entered, Exit, ExitCase, FailureOf, Joined, scope};

/// The reason why there is no server.
#[derive(Debug)]
enum PortError {
    Taken(u16),
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(port) => write!(f, "port {port} is taken"),
        }
    }
}

impl Error for PortError {}

struct Port(u16);

async fn open(port: u16) -> Result<Port, PortError> {
    if env::args().any(|argument| argument == port.to_string()) {
        return Err(PortError::Taken(port));
    }
    println!("port {port} is open");
    Ok(Port(port))
}

impl Exit for Port {
    type Error = PortError;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> Result<(), PortError> {
        println!("port {} is closed: {case:?}", self.0);
        Ok(())
    }
}

/// The caller receives all ports, and is responsible for them.
async fn listen(ports: &[u16]) -> Result<Entered<Joined<Port>>, FailureOf<Joined<Port>>> {
    let opening = scope().with_entered(async |scope| {
        for &port in ports {
            scope.enter(open(port)).await?;
        }
        Ok(())
    });
    let ((), ports) = opening.await?;
    Ok(ports)
}

fn main() -> Result<(), Box<dyn Error>> {
    smol::block_on(async {
        match listen(&[80, 443, 8080]).await {
            Ok(ports) => {
                println!("the server listens to {} ports", ports.len());
                ports.exit(ExitCase::Completed).await?;
            }
            Err(failure) => println!("no port is open: {failure}"),
        }
        Ok(())
    })
}
