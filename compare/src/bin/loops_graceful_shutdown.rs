use std::time::Duration;

use compare::loops::{run, run_loop};
use tokio_graceful_shutdown::{
    SubsystemBuilder, SubsystemHandle, Toplevel,
    errors::{GracefulShutdownError, SubsystemError},
};

async fn service() -> Result<(), String> {
    let toplevel = Toplevel::new(async |s: &mut SubsystemHandle<String>| {
        for name in ["feed", "index", "mail"] {
            s.start(SubsystemBuilder::new(name, async move |s: &mut SubsystemHandle<String>| {
                run_loop(name, s.on_shutdown_requested()).await
            }));
        }
    });
    let ended = toplevel.catch_signals().handle_shutdown_requests(Duration::from_secs(1)).await;
    ended.map_err(all)
}

/// Every error, with the name of its subsystem.
fn all(error: GracefulShutdownError<String>) -> String {
    let mut text = error.to_string();
    for error in error.get_subsystem_errors() {
        text += &match error {
            SubsystemError::Failed(name, error) => format!("; {name}: {error}"),
            SubsystemError::Panicked(name) => format!("; {name} panicked"),
        };
    }
    text
}

fn main() {
    run(service);
}
