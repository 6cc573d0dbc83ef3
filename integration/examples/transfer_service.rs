//! An axum handler that holds a PostgreSQL transaction and a Redis lock while it works.
//!
//! Both are entered at the same time, and both are released before the client has its answer. If the client goes
//! away, axum drops the handler's future: the server of the database rolls back, and a task releases the lock.
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
//! ```
//!
//! It uses the servers that `GATHER_CM_TEST_PG` and `GATHER_CM_TEST_REDIS` name, and a table `gather_cm_accounts
//! (name text, balance integer)` there.

use std::{error, time::Duration};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::post,
};
use gather_cm::{Failure, Origin, Shape, gather};
use gather_cm_integration::{Error, Lock, Servers, Transaction};
use tokio::net::TcpListener;

pub const EXPIRY: Duration = Duration::from_secs(30);

pub type Transfer = (String, String, i32);

pub async fn transfer(
    State(servers): State<Servers>,
    Path((from, to, amount)): Path<Transfer>,
) -> Result<String, (StatusCode, String)> {
    let lock = Lock::take(&servers.redis, format!("gather_cm_account:{from}"), EXPIRY);
    gather((Transaction::begin(&servers.postgres), lock))
        .names(&["transaction", "lock"])
        .with(async |(transaction, _lock)| {
            let update = "UPDATE gather_cm_accounts SET balance = balance + $1 WHERE name = $2";
            transaction.execute(update, &[&amount, &to]).await?;
            transaction.execute(update, &[&-amount, &from]).await?;
            Ok(format!("{from} to {to}: {amount}\n"))
        })
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

#[tokio::main]
async fn main() -> Result<(), Box<dyn error::Error>> {
    let servers = Servers::of_environment().ok_or("GATHER_CM_TEST_PG or GATHER_CM_TEST_REDIS is not set")??;
    let app = Router::new().route("/transfer/{from}/{to}/{amount}", post(transfer)).with_state(servers);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
