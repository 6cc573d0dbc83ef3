use std::{fmt::Display, future::pending, time::Duration};

use compare::loops::{run, run_loop};
use gather_cm::{Cause, EnterExt, Member, gather};
use tokio::{signal::ctrl_c, sync::oneshot, time::sleep};

/// The loop is the driver. Its handle tells it to stop when the gather drops it.
fn background(name: &'static str) -> impl Member<Error = String> {
    let start = async move {
        let (handle, stop) = oneshot::channel::<()>();
        Ok((handle, Box::pin(run_loop(name, async { drop(stop.await) }))))
    };
    start.driven().drop_on_exit().to_end().exit_within(async || {
        sleep(Duration::from_secs(1)).await;
        "it did not stop in time".to_owned()
    })
}

async fn service() -> Result<(), impl Display> {
    let loops = gather(["feed", "index", "mail"].map(background));
    let ended = loops
        .names(&["feed", "index", "mail"])
        .cancel_on(ctrl_c())
        .with(async |_| pending::<Result<(), _>>().await)
        .await;
    match ended {
        Err(failure) if matches!(failure.cause, Cause::Cancelled { .. }) && failure.exits.is_empty() => Ok(()),
        ended => ended,
    }
}

fn main() {
    run(service);
}
