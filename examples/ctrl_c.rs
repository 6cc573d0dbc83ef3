//! A service that runs until Ctrl-C, and then releases its three resources together.
//!
//! ```text
//! $ cargo run --example ctrl_c
//! the service runs; Ctrl-C stops it
//! ^C
//! the listener is released: Cancelled
//! ..
//! ```

#[cfg(not(unix))]
fn main() {
    eprintln!("this example needs Unix signals");
}

#[cfg(unix)]
fn main() -> std::io::Result<()> {
    use std::{future::pending, time::Duration};

    use async_signal::{Signal, Signals};
    use gather_cm::{Cause, EnterExt, gather};
    use smol::{Timer, stream::StreamExt};

    let member = |name: &'static str, slow: u64| {
        async move { Ok::<_, String>(name) }.exit_with(async move |name, case| {
            Timer::after(Duration::from_millis(slow)).await;
            println!("the {name} is released: {case:?}");
            Ok(())
        })
    };
    let mut signals = Signals::new([Signal::Int])?;
    let ctrl_c = async {
        signals.next().await;
    };
    smol::block_on(async {
        let result = gather((member("listener", 5), member("database", 50), member("cache", 20)))
            .until(ctrl_c)
            .with(async |_| {
                println!("the service runs; Ctrl-C stops it");
                pending::<()>().await
            })
            .await;
        match result {
            Err(failure) if matches!(failure.cause, Cause::Cancelled) && failure.exits.is_empty() => {
                println!("stopped");
                Ok(())
            }
            result => Err(std::io::Error::other(format!("{result:?}"))),
        }
    })
}
