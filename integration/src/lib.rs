//! Members of a group that are real services: a PostgreSQL [`Transaction`], a Redis [`Lock`] and a [`directory`].
//!
//! A [`PooledTransaction`] returns its connection to a pool. The examples `postgres_redis` and `transfer_service` and the
//! tests share all of them.
#![warn(missing_docs)]

mod error;
mod lock;
mod transaction;

use std::env;

use gather_cm::{DropOnExit, EnterExt};
use tempfile::TempDir;

pub use error::Error;
pub use lock::Lock;
pub use transaction::{PooledTransaction, Transaction};

/// A temporary directory, removed with all that is in it: its own `Drop` is its exit.
pub async fn directory() -> Result<DropOnExit<TempDir, Error>, Error> {
    async { Ok(tempfile::tempdir()?) }.drop_on_exit().await
}

/// The addresses of the servers.
#[derive(Clone, Debug)]
pub struct Servers {
    /// Of PostgreSQL.
    pub postgres: tokio_postgres::Config,
    /// Of Redis.
    pub redis: redis::Client,
}

impl Servers {
    /// The servers at these addresses, such as `host=localhost user=postgres` and `redis://localhost`.
    pub fn at(postgres: &str, redis: &str) -> Result<Self, Error> {
        Ok(Self { postgres: postgres.parse()?, redis: redis::Client::open(redis)? })
    }

    /// Those of the environment: `GATHER_CM_TEST_PG` and `GATHER_CM_TEST_REDIS`.
    ///
    /// Returns `None` if one of the two is not set.
    pub fn of_environment() -> Option<Result<Self, Error>> {
        let [postgres, redis] = ["GATHER_CM_TEST_PG", "GATHER_CM_TEST_REDIS"].map(|name| env::var(name).ok());
        Some(Self::at(&postgres?, &redis?))
    }
}
