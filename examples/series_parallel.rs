//! Nested groups: series and parallel compose. Prints the order of events.
//!
//! A cluster is a network and, beside it, storage: a disk, and on it a primary and a replica. The disk and its servers are
//! a series (entered one after the other, exited in the reverse order); the two servers are parallel, and so are the
//! network and the storage.

use std::{convert::Infallible, error::Error, num::NonZeroUsize, time::Duration};

use gather_cm::{EnterExt, Exit, ExitCase, gather};
use smol::Timer;

/// Something that takes its time.
struct Part {
    name: &'static str,
    millis: u64,
}

async fn start(name: &'static str, millis: u64) -> Result<Part, Infallible> {
    println!("{name} starts");
    Timer::after(Duration::from_millis(millis)).await;
    println!("{name} is up");
    Ok(Part { name, millis })
}

impl Exit for Part {
    type Error = Infallible;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> Result<(), Infallible> {
        println!("{} stops, told {case:?}", self.name);
        Timer::after(Duration::from_millis(self.millis)).await;
        println!("{} is down", self.name);
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let servers = async { gather((start("primary", 40), start("replica", 80))).enter().await };
    let storage = async {
        gather((start("disk", 20).errors_into::<Box<dyn Error>>(), servers.errors_into()))
            .enter_limit(NonZeroUsize::MIN)
            .stack()
            .enter()
            .await
    };
    let cluster = gather((start("network", 10).errors_into::<Box<dyn Error>>(), storage.errors_into()));
    smol::block_on(cluster.with(async |_| println!("the cluster works")))?;
    Ok(())
}
