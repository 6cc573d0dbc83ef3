//! Tasks of `tokio::spawn` hold resources that borrow. Here they are leases of a pool.
//!
//! A lease borrows its pool, so the compiler knows that no lease outlives the pool. Each task leases two workers at the
//! same time, and they go back to the pool in whichever way its job ends.
//!
//! ```text
//! $ cargo run -p gather-cm-integration --example leases
//! job 0: 0 by two workers
//! job 1: body failed: job 1 is refused
//! job 2: 4 by two workers
//! job 3: dropped
//! 4 workers are idle, 2 of them were cleaned
//! ```

use std::{
    fmt,
    future::pending,
    sync::{Arc, Mutex, PoisonError},
};

use gather_cm::{Exit, ExitCase, Failure, Few, gather};
use tokio::{
    sync::{Semaphore, SemaphorePermit, oneshot},
    task::yield_now,
};

#[derive(Debug)]
pub enum Error {
    Refused(usize),
    Closed,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(job) => write!(f, "job {job} is refused"),
            Self::Closed => write!(f, "the pool is closed"),
        }
    }
}

impl std::error::Error for Error {}

#[derive(Default)]
pub struct Worker {
    done: usize,
    cleaned: bool,
}

pub struct Pool {
    permits: Semaphore,
    idle: Mutex<Vec<Worker>>,
}

impl Pool {
    pub fn new(size: usize) -> Self {
        let idle = (0..size).map(|_| Worker::default()).collect();
        Self { permits: Semaphore::new(size), idle: Mutex::new(idle) }
    }

    pub fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Worker>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub async fn lease(&self) -> Result<Lease<'_>, Error> {
        let permit = self.permits.acquire().await.map_err(|_| Error::Closed)?;
        let worker = self.idle().pop().ok_or(Error::Closed)?;
        Ok(Lease { pool: self, worker, _permit: permit })
    }
}

pub struct Lease<'a> {
    pool: &'a Pool,
    worker: Worker,
    _permit: SemaphorePermit<'a>,
}

impl Lease<'_> {
    pub async fn work(&mut self, job: usize) -> usize {
        yield_now().await;
        self.worker.done += 1;
        job
    }
}

impl Exit for Lease<'_> {
    type Error = Error;
    type Verdict = ();

    /// A worker whose job failed is cleaned before it goes back.
    async fn exit(mut self, case: ExitCase) -> Result<(), Error> {
        if case == ExitCase::Failed {
            yield_now().await;
            self.worker.cleaned = true;
        }
        self.abandon();
        Ok(())
    }

    fn abandon(self) {
        self.pool.idle().push(self.worker);
    }
}

pub async fn run(pool: &Pool, job: usize, begun: oneshot::Sender<()>) -> Result<usize, Failure<Error, Few<2>>> {
    gather((pool.lease(), pool.lease()))
        .names(&["left", "right"])
        .with(async |(left, right)| {
            let _ = begun.send(());
            match job {
                1 => Err(Error::Refused(job)),
                3 => pending().await,
                _ => Ok(left.work(job).await + right.work(job).await),
            }
        })
        .assert_send()
        .await
}

#[tokio::main]
async fn main() {
    let pool = Arc::new(Pool::new(4));
    for job in 0..4 {
        let (begun, has_begun) = oneshot::channel();
        let shared = pool.clone();
        let task = tokio::spawn(async move { run(&shared, job, begun).await });
        if job == 3 && has_begun.await.is_ok() {
            task.abort();
        }
        match task.await {
            Ok(Ok(sum)) => println!("job {job}: {sum} by two workers"),
            Ok(Err(failure)) => println!("job {job}: {failure}"),
            Err(_) => println!("job {job}: dropped"),
        }
    }
    let idle = pool.idle();
    let cleaned = idle.iter().filter(|worker| worker.cleaned).count();
    println!("{} workers are idle, {cleaned} of them were cleaned", idle.len());
}
