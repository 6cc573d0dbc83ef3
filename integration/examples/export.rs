//! Exports the new rows of a table to a file. A connection of a pool (deadpool) and a temporary directory are in one
//! group, and the errors are anyhow's.
//!
//! The rows are marked as sent in a transaction, which is committed only if the file is in its place. If anything
//! fails, the transaction is rolled back, the connection returns to the pool, and the directory is removed. If the
//! future is dropped, nothing can be awaited. The connection is then closed, because a pool must not get it back in the
//! middle of a transaction.
//!
//! ```text
//! $ export GATHER_CM_TEST_PG='host=127.0.0.1 user=postgres'
//! $ cargo run -p gather-cm-integration --example export -- news.txt
//! exported 3 rows
//! $ GATHER_CM_TEST_PG='host=127.0.0.1 user=nobody' cargo run -p gather-cm-integration --example export -- news.txt
//! enter of db failed: db error: FATAL: role "nobody" does not exist
//! ```
//!
//! It needs a table `gather_cm_outbox (text text, sent boolean)`.

use std::{env, path::Path, process::ExitCode};

use anyhow::{Context, Error};
use deadpool_postgres::{Client, Manager, Pool, PoolError};
use gather_cm::{EnterExt, ExitCase, gather};
use tokio::fs;
use tokio_postgres::NoTls;

pub async fn begin(pool: &Pool) -> Result<Client, Error> {
    let db = pool.get().await.map_err(|error| match error {
        PoolError::Backend(error) => Error::new(error), // around it, the pool only says that it tried
        error => Error::new(error),
    })?;
    db.batch_execute("BEGIN").await?;
    Ok(db)
}

pub async fn end(db: Client, case: ExitCase) -> Result<(), Error> {
    let end = if case == ExitCase::Completed { "COMMIT" } else { "ROLLBACK" };
    Ok(db.batch_execute(end).await?)
}

pub async fn export(pool: &Pool, target: &Path) -> Result<usize, Error> {
    let folder = target.parent().context("the target has no parent")?;
    let db = begin(pool).exit_with(end).abandon_with(|db| drop(Client::take(db)));
    let scratch = async { Ok(tempfile::tempdir_in(folder)?) }.drop_on_exit();
    let result = gather((db, scratch))
        .names(&["db", "scratch"])
        .with(async |(db, scratch)| {
            let file = scratch.path().join("export");
            let rows = db.query("UPDATE gather_cm_outbox SET sent = true WHERE NOT sent RETURNING text", &[]).await?;
            fs::write(&file, rows.iter().map(|row| row.get::<_, String>(0) + "\n").collect::<String>()).await?;
            fs::rename(file, target).await?;
            Ok(rows.len())
        })
        .await;
    Ok(result.map_err(|failure| failure.report())?)
}

async fn run() -> Result<usize, Error> {
    let config = env::var("GATHER_CM_TEST_PG").context("GATHER_CM_TEST_PG is not set")?.parse()?;
    let target = env::args_os().nth(1).context("no target")?;
    let pool = Pool::builder(Manager::new(config, NoTls)).max_size(4).build()?;
    export(&pool, target.as_ref()).await
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(rows) => {
            println!("exported {rows} rows");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
