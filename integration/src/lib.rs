//! Members of a group for real services: a PostgreSQL [`Transaction`], a Redis [`Lock`] and a [`directory`].
//!
//! A [`PooledTransaction`] returns its connection to a pool. The examples `postgres_redis` and `transfer_service` and
//! the tests share all of them.
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

/// Makes a temporary directory. Its own `Drop` is its exit, and removes it along with all that is in it.
pub async fn directory() -> Result<DropOnExit<TempDir, Error>, Error> {
    async { Ok(tempfile::tempdir()?) }.drop_on_exit().await
}

/// The addresses of the servers.
#[derive(Clone, Debug)]
pub struct Servers {
    /// The address of PostgreSQL.
    pub postgres: tokio_postgres::Config,
    /// The address of Redis.
    pub redis: redis::Client,
}

impl Servers {
    /// Returns the servers at these addresses, such as `host=localhost user=postgres` and `redis://localhost`.
    pub fn at(postgres: &str, redis: &str) -> Result<Self, Error> {
        Ok(Self { postgres: postgres.parse()?, redis: redis::Client::open(redis)? })
    }

    /// Returns the servers that the environment names: `GATHER_CM_TEST_PG` and `GATHER_CM_TEST_REDIS`.
    ///
    /// It returns `None` if one of the two is not set.
    pub fn of_environment() -> Option<Result<Self, Error>> {
        let [postgres, redis] = ["GATHER_CM_TEST_PG", "GATHER_CM_TEST_REDIS"].map(|name| env::var(name).ok());
        Some(Self::at(&postgres?, &redis?))
    }
}
