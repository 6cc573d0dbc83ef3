//! Nests groups, so that series and parallel steps compose. It prints the order of
//! events.
//!
//! A cluster has a network, and storage next to it. The storage has a disk, with a
//! primary and a replica on it. The disk and its servers are a series: they are entered
//! one after the other, and exited in the reverse order. The two servers are parallel,
//! and so are the network and the storage.
//!
//! ```text
//! cargo run --example series_parallel             all parts start and stop
//! cargo run --example series_parallel -- primary  this part fails; the others are stopped
//! ```

use std::{env, error::Error, fmt, time::Duration};

use gather_cm::{EnterExt, Exit, ExitCase, Failure, Report, Shape, gather};
use smol::Timer;

/// The reason why there is no cluster.
#[derive(Debug)]
enum ClusterError {
    /// This part does not start.
    Part(&'static str),
    /// A group of parts failed.
    Group(Report),
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part(name) => write!(f, "the {name} does not start"),
            Self::Group(report) => write!(f, "{report}"),
        }
    }
}

impl Error for ClusterError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Part(_) => None,
            Self::Group(report) => report.source(),
        }
    }
}

/// One impl is enough for groups of every size. So `?` and `errors_into` take all of
/// them.
impl<S: Shape> From<Failure<ClusterError, S>> for ClusterError {
    fn from(failure: Failure<ClusterError, S>) -> Self {
        Self::Group(failure.report())
    }
}

/// A part of the cluster. It takes some time to start and to stop.
struct Part {
    name: &'static str,
    millis: u64,
}

async fn start(name: &'static str, millis: u64) -> Result<Part, ClusterError> {
    println!("{name} starts");
    Timer::after(Duration::from_millis(millis)).await;
    if env::args().any(|argument| argument == name) {
        return Err(ClusterError::Part(name));
    }
    println!("{name} is up");
    Ok(Part { name, millis })
}

impl Exit for Part {
    type Error = ClusterError;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> Result<(), ClusterError> {
        println!("{} stops: {case:?}", self.name);
        Timer::after(Duration::from_millis(self.millis)).await;
        println!("{} is down", self.name);
        Ok(())
    }
}

async fn run() -> Result<(), ClusterError> {
    let servers =
        async { gather((start("primary", 40), start("replica", 80))).names(&["primary", "replica"]).enter().await };
    let storage = async {
        gather((start("disk", 20), servers.errors_into::<ClusterError>()))
            .names(&["disk", "servers"])
            .enter_limit(1)
            .stack()
            .enter()
            .await
    };
    gather((start("network", 10), storage.errors_into::<ClusterError>()))
        .names(&["network", "storage"])
        .with(async |_| {
            println!("the cluster works");
            Ok(())
        })
        .await?;
    Ok(())
}

fn main() -> Result<(), ClusterError> {
    smol::block_on(run())
}
