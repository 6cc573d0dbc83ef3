//! An application with one error type (thiserror), and one conversion for the failures of groups of every size.
//!
//! The conversion keeps the first error, so that you can match on it like any other, and logs the rest. After that `?`
//! turns the failure of a pair, of an array and of a `Vec` into an `AppError`.
//!
//! ```text
//! $ cargo run -p gather-cm-integration --example app_error -- 127.0.0.1:0
//! a pair of 2 ports
//! an array of 3 ports
//! a Vec of 1 ports
//! $ cargo run -p gather-cm-integration --example app_error -- 127.0.0.1:80 127.0.0.1:81
//! a pair of 2 ports
//! an array of 3 ports
//! also: enter of member 1 failed: cannot listen on 127.0.0.1:81
//! cannot listen on 127.0.0.1:80
//! because: Permission denied (os error 13)
//! ```

use std::{env, error::Error, io, process::ExitCode};

use gather_cm::{Exit, ExitCase, Failure, Shape, gather};
use tokio::{net::TcpListener, task::JoinHandle};

#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error("cannot listen on {address}")]
    Listen { address: String, source: io::Error },
    #[error("there is no port")]
    Empty,
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A group was cancelled, or panicked under `catch_unwind`. There is no error of a member.
    #[error("stopped: {0}")]
    Stopped(String),
}

impl<S: Shape> From<Failure<AppError, S>> for AppError {
    fn from(failure: Failure<AppError, S>) -> Self {
        failure
            .into_error(|origin, error| eprintln!("also: {origin}: {error}"))
            .unwrap_or_else(|failure| Self::Stopped(failure.to_string()))
    }
}

/// A port that a task listens on.
pub struct Server {
    port: u16,
    task: JoinHandle<io::Result<()>>,
}

pub async fn listen(address: &str) -> Result<Server, AppError> {
    let bound = TcpListener::bind(address).await;
    let listener = bound.map_err(|source| AppError::Listen { address: address.to_owned(), source })?;
    let port = listener.local_addr()?.port();
    let task = tokio::spawn(async move {
        loop {
            drop(listener.accept().await?);
        }
    });
    Ok(Server { port, task })
}

impl Exit for Server {
    type Error = AppError;
    type Verdict = ();

    async fn exit(self, _: ExitCase) -> Result<(), AppError> {
        self.task.abort();
        match self.task.await {
            Err(error) if error.is_cancelled() => Ok(()),
            ended => Ok(ended.map_err(io::Error::other)??),
        }
    }

    fn abandon(self) {
        self.task.abort();
    }
}

pub fn ports<'a>(servers: impl IntoIterator<Item = &'a mut Server>) -> Result<Vec<u16>, AppError> {
    let ports: Vec<_> = servers.into_iter().map(|server| server.port).collect();
    if ports.is_empty() { Err(AppError::Empty) } else { Ok(ports) }
}

pub async fn pair() -> Result<Vec<u16>, AppError> {
    let pair = gather((listen("127.0.0.1:0"), listen("127.0.0.1:0")));
    Ok(pair.with(async |(first, second)| ports([first, second])).await?)
}

pub async fn array() -> Result<Vec<u16>, AppError> {
    Ok(gather(["127.0.0.1:0"; 3].map(listen)).with(async |servers| ports(servers)).await?)
}

pub async fn many(addresses: &[String]) -> Result<Vec<u16>, AppError> {
    let servers: Vec<_> = addresses.iter().map(|address| listen(address)).collect();
    Ok(gather(servers).with(async |servers| ports(servers.iter_mut())).await?)
}

async fn run(addresses: &[String]) -> Result<(), AppError> {
    println!("a pair of {} ports", pair().await?.len());
    println!("an array of {} ports", array().await?.len());
    println!("a Vec of {} ports", many(addresses).await?.len());
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    let Err(error) = run(&env::args().skip(1).collect::<Vec<_>>()).await else { return ExitCode::SUCCESS };
    eprintln!("{error}");
    if let Some(source) = error.source() {
        eprintln!("because: {source}");
    }
    ExitCode::FAILURE
}
