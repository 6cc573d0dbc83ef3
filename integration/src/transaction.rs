//! Database handles whose exits commit or roll back, depending on how the body ended.

use std::{io, ops::Deref, panic};

use deadpool_postgres::{Pool, PoolError};
use gather_cm::{Exit, ExitCase};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls};

use crate::Error;

/// A transaction on a connection of its own. It derefs to the client.
///
/// Its exit ends the transaction, closes the connection and joins the connection's task. If it is dropped instead, the
/// connection ends by itself along with the client, and the server rolls back.
#[derive(Debug)]
pub struct Transaction {
    client: Client,
    connection: JoinHandle<Result<(), tokio_postgres::Error>>,
}

impl Transaction {
    /// Connects, and begins.
    pub async fn begin(config: &Config) -> Result<Self, Error> {
        let (client, connection) = config.connect(NoTls).await?;
        let transaction = Self { client, connection: tokio::spawn(connection) };
        match transaction.client.batch_execute("BEGIN").await {
            Ok(()) => Ok(transaction),
            Err(error) => {
                let _ = transaction.close().await; // if that fails too, the cause is the same
                Err(error.into())
            }
        }
    }

    async fn close(self) -> Result<(), tokio_postgres::Error> {
        drop(self.client); // the connection's task ends when there is nobody left who could ask
        self.connection.await.unwrap_or_else(|error| panic::resume_unwind(error.into_panic()))
    }
}

impl Deref for Transaction {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Exit for Transaction {
    type Error = Error;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> Result<(), Error> {
        let ended = self.client.batch_execute(end(case)).await;
        let closed = self.close().await;
        Ok(ended.and(closed)?)
    }
}

/// A transaction on a connection of a pool. It derefs to the client.
///
/// Its exit ends the transaction, and returns the connection to the pool. Hold it in a shielded gather. If it is
/// dropped, the pool gets the connection back in the middle of the transaction, and the next borrower continues that
/// transaction.
#[derive(Debug)]
pub struct PooledTransaction(deadpool_postgres::Client);

impl PooledTransaction {
    /// Waits for a connection, and begins.
    ///
    /// A `BEGIN` that was sent has its effect even if this future is dropped before the answer. So let the group
    /// settle.
    pub async fn begin(pool: Pool) -> Result<Self, Error> {
        let client = pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error.into(),
            error => Error::Io(io::Error::other(error)),
        })?;
        client.batch_execute("BEGIN").await?;
        Ok(Self(client))
    }
}

impl Deref for PooledTransaction {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}

impl Exit for PooledTransaction {
    type Error = Error;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> Result<(), Error> {
        Ok(self.0.batch_execute(end(case)).await?)
    }
}

fn end(case: ExitCase) -> &'static str {
    match case {
        // If a statement has failed and the body passed over that, the server answers `COMMIT` with a roll-back and
        // without an error. `SELECT` fails there, and `COMMIT` is not reached.
        ExitCase::Completed => "SELECT; COMMIT",
        _ => "ROLLBACK",
    }
}
