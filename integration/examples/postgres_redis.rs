//! Makes a transfer between two accounts. A PostgreSQL transaction, a Redis lock and a directory for the receipt are in
//! one group.
//!
//! They are entered at the same time. If the transfer succeeds, the transaction is committed. If it fails or takes too
//! long, or if one of the three fails to enter, the transaction is rolled back. In every case the lock is released and
//! the directory removed.
//!
//! ```text
//! $ integration/servers.sh cargo run -p gather-cm-integration --example postgres_redis
//! committed: Ada to Bob: 30
//! rolled back: body failed: PostgreSQL: db error: ERROR: .. violates check constraint ..
//! rolled back: enter of lock failed: gather_cm_account:Ada is locked by another
//! Ada has 70
//! Bob has 30
//! ```
//!
//! It uses the servers that `GATHER_CM_TEST_PG` and `GATHER_CM_TEST_REDIS` name, as in `host=localhost user=postgres`
//! and `redis://localhost`, and a table `gather_cm_accounts` there, which it drops at the end.

use std::{error, fs, time::Duration};

use gather_cm::{EnterExt, ExitCase, gather};
use gather_cm_integration::{Error, Lock, Servers, Transaction, directory};
use tokio::time::sleep;
use tokio_postgres::{Client, NoTls};

/// How long a transfer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the lock lives. This is longer than `PATIENCE`, because a lock that expires while it is held protects
/// nothing.
const EXPIRY: Duration = Duration::from_secs(30);

fn lock_of(servers: &Servers, account: &str) -> impl Future<Output = Result<Lock, Error>> {
    Lock::take(&servers.redis, format!("gather_cm_account:{account}"), EXPIRY)
}

/// Moves `amount`, and returns the receipt.
async fn transfer(servers: &Servers, from: &str, to: &str, amount: i32) -> Result<String, String> {
    gather((Transaction::begin(&servers.postgres), lock_of(servers, from), directory()))
        .names(&["transaction", "lock", "receipt"])
        .cancel_on(sleep(PATIENCE))
        .with(async |(transaction, _lock, directory)| {
            let receipt = directory.path().join("receipt");
            fs::write(&receipt, format!("{from} to {to}: {amount}"))?;
            let update = "UPDATE gather_cm_accounts SET balance = balance + $1 WHERE name = $2";
            transaction.execute(update, &[&amount, &to]).await?;
            transaction.execute(update, &[&-amount, &from]).await?;
            Ok(fs::read_to_string(receipt)?)
        })
        .await
        .map_err(|failure| failure.to_string())
}

async fn accounts(servers: &Servers) -> Result<Client, Error> {
    let (client, connection) = servers.postgres.connect(NoTls).await?;
    tokio::spawn(connection);
    client
        .batch_execute(
            "CREATE TABLE gather_cm_accounts (name text PRIMARY KEY, balance integer NOT NULL CHECK (balance >= 0));
             INSERT INTO gather_cm_accounts VALUES ('Ada', 100), ('Bob', 0)",
        )
        .await?;
    Ok(client)
}

async fn drop_accounts(client: Client, _: ExitCase) -> Result<(), Error> {
    Ok(client.batch_execute("DROP TABLE gather_cm_accounts").await?)
}

/// Tries three transfers, and prints the accounts.
async fn transfers(servers: &Servers, client: &Client) -> Result<(), Error> {
    let receipt = transfer(servers, "Ada", "Bob", 30).await.expect("Ada has 100");
    println!("committed: {receipt}");

    let failure = transfer(servers, "Ada", "Bob", 300).await.expect_err("Ada has 70");
    println!("rolled back: {failure}");

    let locked = gather((lock_of(servers, "Ada"),))
        .with(async |_| Ok(transfer(servers, "Ada", "Bob", 30).await.expect_err("the lock is held")))
        .await
        .expect("nobody else takes it");
    println!("rolled back: {locked}");

    for row in client.query("SELECT name, balance FROM gather_cm_accounts ORDER BY name", &[]).await? {
        println!("{} has {}", row.get::<_, &str>(0), row.get::<_, i32>(1));
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn error::Error>> {
    let servers = Servers::of_environment().ok_or("GATHER_CM_TEST_PG or GATHER_CM_TEST_REDIS is not set")??;
    let accounts = accounts(&servers).exit_with(drop_accounts);
    gather((accounts,)).with(async |(client,)| transfers(&servers, client).await).await?;
    Ok(())
}
