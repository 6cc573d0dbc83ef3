//! Copies the rows of one PostgreSQL to another, and tells Redis how that ended. Nothing is spawned.
//!
//! Each of the three libraries returns a client along with a connection that somebody must poll. `driven` lets the
//! gather poll it while the others connect, during the copy, and along with the exits. Each database begins its
//! transaction in `prepared`, before it counts as entered. By `to_end`, the exit also waits until the connection has
//! said goodbye.
//!
//! If a connection fails, the copy ends at once, and every exit receives `Lost`. With the argument `lose`, the program
//! asks PostgreSQL to end the connection of the source.
//!
//! ```text
//! $ export GATHER_CM_TEST_PG='host=127.0.0.1 user=postgres' GATHER_CM_TEST_REDIS=redis://127.0.0.1
//! $ cargo run -p gather-cm-integration --example copy
//! source: COMMIT
//! target: COMMIT
//! copied 3 rows
//! $ cargo run -p gather-cm-integration --example copy -- lose
//! source: ROLLBACK
//! target: ROLLBACK
//! Error: driver of source failed:
//!   PostgreSQL: db error: FATAL: terminating connection due to administrator command
//! exit of source failed:
//!   PostgreSQL: connection closed
//! ```
//!
//! It needs the tables `gather_cm_source (text text)` and `gather_cm_target (text text)`.

use std::{env, error, future::pending};

use gather_cm::{EnterExt, ExitCase, Member, Report, gather};
use gather_cm_integration::{Error, Servers};
use redis::{AsyncCommands, aio::MultiplexedConnection};
use tokio::net::TcpStream;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// Makes a member that is a transaction on a connection of its own.
pub fn transaction(config: &Config, name: &'static str) -> impl Member<Value = Client, Error = Error> {
    let end = async move |client: Client, case| {
        let end = if case == ExitCase::Completed { "COMMIT" } else { "ROLLBACK" };
        println!("{name}: {end}");
        client.batch_execute(end).await
    };
    let connect = config.connect(NoTls).prepared(async |client| client.batch_execute("BEGIN").await);
    connect.driven().exit_with(end).to_end().errors_into()
}

/// Makes a member that is a key of Redis, which says how the copy goes.
pub fn state(server: &redis::Client) -> impl Member<Value = MultiplexedConnection, Error = Error> {
    let connect = async {
        let info = server.get_connection_info();
        let stream = TcpStream::connect(info.addr().to_string()).await?;
        let (client, driver) = MultiplexedConnection::new(info.redis_settings(), stream).await?;
        Ok((client, Box::pin(driver)))
    };
    let prepared = connect.prepared(async |client| Ok(client.set("gather_cm_copy", "running").await?));
    prepared.driven().exit_with(async |mut client: MultiplexedConnection, case| {
        client.set::<_, _, ()>("gather_cm_copy", format!("{case:?}")).await?;
        Ok(())
    })
}

pub async fn copy(servers: &Servers, lose: bool) -> Result<u64, Report> {
    let source = transaction(&servers.postgres, "source");
    let target = transaction(&servers.postgres, "target");
    gather((source, target, state(&servers.redis)))
        .names(&["source", "target", "state"])
        .with(async |(source, target, _)| {
            let mut copied = 0;
            for row in source.query("SELECT text FROM gather_cm_source", &[]).await? {
                let text: &str = row.get(0);
                copied += target.execute("INSERT INTO gather_cm_target VALUES ($1)", &[&text]).await?;
            }
            if lose {
                // After a simple query no request is in flight that could get PostgreSQL's last words instead of the
                // driver.
                let answer = source.simple_query("SELECT pg_backend_pid()").await?;
                let process = answer.iter().find_map(|message| match message {
                    SimpleQueryMessage::Row(row) => row.get(0),
                    _ => None,
                });
                let terminate = format!("SELECT pg_terminate_backend({})", process.unwrap_or("NULL"));
                target.batch_execute(&terminate).await?;
                return pending().await; // this does not use the source
            }
            Ok(copied)
        })
        .await
        .map_err(|failure| failure.report())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn error::Error + Send + Sync>> {
    let servers = Servers::of_environment().ok_or("GATHER_CM_TEST_PG or GATHER_CM_TEST_REDIS is not set")??;
    let copied = copy(&servers, env::args().nth(1).is_some()).await?;
    println!("copied {copied} rows");
    Ok(())
}
