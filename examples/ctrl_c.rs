//! A service that runs until Ctrl-C, and then releases its three resources together.
//!
//! ```text
//! $ cargo run --example ctrl_c
//! the service runs; Ctrl-C stops it
//! ^C
//! the listener is released: Cancelled
//! the cache is released: Cancelled
//! the database is released: Cancelled
//! stopped
//! ```

#[cfg(not(unix))]
fn main() {
    eprintln!("this example needs Unix signals");
}

#[cfg(unix)]
fn main() -> Result<(), unix::ServiceError> {
    unix::main()
}

#[cfg(unix)]
mod unix {
    use std::{convert::Infallible, future::pending, io, io::Write, time::Duration};

    use async_signal::{Signal, Signals};
    use gather_cm::{Cause, Exit, ExitCase, Failure, Report, Shape, gather};
    use smol::{Timer, stream::StreamExt};

    /// The reason why the service fails.
    #[derive(Debug)]
    #[allow(dead_code, reason = "`main` prints it with `Debug`")]
    pub enum ServiceError {
        /// Signals cannot be received, or a line cannot be printed.
        Io(io::Error),
        /// Parts of the service failed to start, or to be released.
        Parts(Report),
    }

    impl From<io::Error> for ServiceError {
        fn from(error: io::Error) -> Self {
            Self::Io(error)
        }
    }

    /// One impl is enough for groups of every size.
    impl<S: Shape> From<Failure<io::Error, S>> for ServiceError {
        fn from(failure: Failure<io::Error, S>) -> Self {
            Self::Parts(failure.report())
        }
    }

    /// A part of the service. It takes a while to release.
    struct Part {
        name: &'static str,
        millis: u64,
    }

    async fn start(name: &'static str, millis: u64) -> io::Result<Part> {
        Ok(Part { name, millis })
    }

    impl Exit for Part {
        type Error = io::Error;
        type Verdict = ();

        async fn exit(self, case: ExitCase) -> io::Result<()> {
            Timer::after(Duration::from_millis(self.millis)).await;
            writeln!(io::stdout(), "the {} is released: {case:?}", self.name)
        }
    }

    async fn serve() -> Result<(), ServiceError> {
        let mut signals = Signals::new([Signal::Int])?;
        let parts = (start("listener", 5), start("database", 50), start("cache", 20));
        let result = gather(parts)
            .names(&["listener", "database", "cache"])
            .cancel_on(signals.next())
            .with(async |_parts| {
                writeln!(io::stdout(), "the service runs; Ctrl-C stops it")?;
                pending::<io::Result<Infallible>>().await
            })
            .await;
        let Err(failure) = result;
        // A service ends well if it was stopped, and if everything was released.
        match failure.cause {
            Cause::Cancelled { .. } if failure.exits.is_empty() => {
                writeln!(io::stdout(), "stopped")?;
                Ok(())
            }
            _ => Err(failure.into()),
        }
    }

    pub fn main() -> Result<(), ServiceError> {
        smol::block_on(serve())
    }
}
