//! An axum handler that holds a PostgreSQL transaction and a Redis lock while it works.
//!
//! Both are entered at the same time, and both are released before the client has its answer. The transaction borrows
//! the only connection of a pool. If the client goes away, axum drops the handler's future. The gather is shielded, so
//! a task then rolls back, returns the connection and releases the lock. Without the shield, the next request would
//! find itself in the middle of this transaction, and would commit half of it.
//!
//! ```text
//! $ cargo run -p gather-cm-integration --example transfer_service
//! listening on 127.0.0.1:41237
//! $ curl -X POST 127.0.0.1:41237/transfer/Ada/Bob/30
//! Ada to Bob: 30
//! $ curl -X POST 127.0.0.1:41237/transfer/Ada/Bob/300
//! body failed: PostgreSQL: db error: ERROR: .. violates check constraint ..
//! $ curl -X POST 127.0.0.1:41237/transfer/Ada/Bob/30
//! enter of lock failed: gather_cm_account:Ada is locked by another
//! $ curl -m 0.2 -X POST 127.0.0.1:41237/transfer/Ada/Bob/30
//! curl: (28) Operation timed out after 200 milliseconds with 0 bytes received
//! ```
//!
//! If you press Ctrl-C, the service ends when the last transaction has been rolled back.
//!
//! It uses the servers that `GATHER_CM_TEST_PG` and `GATHER_CM_TEST_REDIS` name, and a table `gather_cm_accounts
//! (name text, balance integer)` there.

use std::{error, fmt::Display, time::Duration};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::post,
};
use deadpool_postgres::{Manager, Pool};
use gather_cm::{Failure, Origin, Shape, gather};
use gather_cm_integration::{Error, Lock, PooledTransaction, Servers};
use tokio::{net::TcpListener, signal};
use tokio_postgres::NoTls;
use tokio_util::task::TaskTracker;

pub const EXPIRY: Duration = Duration::from_secs(30);

pub type Transfer = (String, String, i32);

#[derive(Clone)]
pub struct Service {
    pub pool: Pool,
    pub redis: redis::Client,
    /// The exits of handlers that were dropped.
    pub cleanups: TaskTracker,
}

pub async fn transfer(
    State(Service { pool, redis, cleanups }): State<Service>,
    Path((from, to, amount)): Path<Transfer>,
) -> Result<String, (StatusCode, String)> {
    let key = format!("gather_cm_account:{from}");
    let lock = async move { Lock::take(&redis, key, EXPIRY).await };
    gather((PooledTransaction::begin(pool), lock))
        .names(&["transaction", "lock"])
        .shield()
        .settle() // a `BEGIN` that was sent needs its `ROLLBACK`
        .with(async |(transaction, _lock)| {
            let update = "UPDATE gather_cm_accounts SET balance = balance + $1 WHERE name = $2";
            transaction.execute(update, &[&amount, &to]).await?;
            transaction.execute(update, &[&-amount, &from]).await?;
            Ok(format!("{from} to {to}: {amount}\n"))
        })
        .on_drop(|cleanup| drop(cleanups.spawn(log(cleanup))))
        .await
        .map_err(|failure| (status(&failure), format!("{failure}\n")))
}

fn status<S: Shape>(failure: &Failure<Error, S>) -> StatusCode {
    match failure.errors().next() {
        Some((Origin::Enter(_), Error::Locked(_))) => StatusCode::LOCKED,
        Some((Origin::Body, Error::Postgres(_))) => StatusCode::CONFLICT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

async fn log(cleanup: impl Future<Output = Result<(), impl Display>>) {
    if let Err(failure) = cleanup.await {
        eprintln!("cleanup: {failure}");
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn error::Error>> {
    let servers = Servers::of_environment().ok_or("GATHER_CM_TEST_PG or GATHER_CM_TEST_REDIS is not set")??;
    let pool = Pool::builder(Manager::new(servers.postgres, NoTls)).max_size(1).build()?;
    let cleanups = TaskTracker::new();
    let service = Service { pool, redis: servers.redis, cleanups: cleanups.clone() };
    let app = Router::new().route("/transfer/{from}/{to}/{amount}", post(transfer)).with_state(service);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    let interrupt = async { drop(signal::ctrl_c().await) };
    axum::serve(listener, app).with_graceful_shutdown(interrupt).await?;
    println!("cleanups that still run: {}", cleanups.len());
    cleanups.close();
    cleanups.wait().await;
    Ok(())
}
