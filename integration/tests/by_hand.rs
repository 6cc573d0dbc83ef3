//! The examples without the crate, by hand with `join!`. None of them is shorter than with the crate.
//!
//! The comparison favours the code by hand. Most of it keeps one error and loses the others. If the body panics, it
//! exits nothing. If its future is dropped, it leaves everything to the destructors.
#![allow(dead_code)] // the examples' own `main` and helpers

#[path = "../examples/app_error.rs"]
mod app_error;
#[path = "../examples/children.rs"]
mod children;
#[path = "../examples/export.rs"]
mod export;
#[path = "../examples/leases.rs"]
mod leases;
#[path = "../examples/mqtt.rs"]
mod mqtt;
#[path = "../examples/quic.rs"]
mod quic;
#[path = "../examples/shards.rs"]
mod shards;
#[path = "../examples/suite.rs"]
mod suite;
#[path = "../examples/transfer_service.rs"]
mod transfer_service;

mod by_hand {
    pub mod export {
        use std::path::Path;

        use anyhow::{Context, Error};
        use deadpool_postgres::Pool;
        use gather_cm::ExitCase;
        use tokio::{fs, join};

        use crate::export::{begin, end};

        pub async fn export(pool: &Pool, target: &Path) -> Result<usize, Error> {
            let folder = target.parent().context("the target has no parent")?;
            let (db, scratch) = match join!(begin(pool), async { tempfile::tempdir_in(folder) }) {
                (Ok(db), Ok(scratch)) => (db, scratch),
                (Ok(db), Err(error)) => {
                    let _ = end(db, ExitCase::EnterFailed).await;
                    return Err(error).context("enter of scratch failed");
                }
                (Err(error), _) => return Err(error).context("enter of db failed"),
            };
            let body = async {
                let file = scratch.path().join("export");
                let rows =
                    db.query("UPDATE gather_cm_outbox SET sent = true WHERE NOT sent RETURNING text", &[]).await?;
                fs::write(&file, rows.iter().map(|row| row.get::<_, String>(0) + "\n").collect::<String>()).await?;
                fs::rename(file, target).await?;
                Ok::<_, Error>(rows.len())
            };
            let result = body.await;
            let case = if result.is_ok() { ExitCase::Completed } else { ExitCase::Failed };
            let ended = end(db, case).await;
            drop(scratch);
            let count = result.context("body failed")?;
            ended.context("exit of db failed")?;
            Ok(count)
        }
    }

    pub mod transfer_service {
        use axum::{
            extract::{Path, State},
            http::StatusCode,
        };
        use gather_cm::{Exit, ExitCase};
        use gather_cm_integration::{Error, Lock, PooledTransaction};
        use tokio::join;

        use crate::transfer_service::{EXPIRY, Service, Transfer};

        pub async fn transfer(
            State(Service { pool, redis, .. }): State<Service>,
            Path((from, to, amount)): Path<Transfer>,
        ) -> Result<String, (StatusCode, String)> {
            let lock = Lock::take(&redis, format!("gather_cm_account:{from}"), EXPIRY);
            let (transaction, lock) = match join!(PooledTransaction::begin(pool), lock) {
                (Ok(transaction), Ok(lock)) => (transaction, lock),
                (Ok(transaction), Err(error)) => {
                    let _ = transaction.exit(ExitCase::EnterFailed).await;
                    return Err((status(&error, false), format!("enter of lock failed: {error}\n")));
                }
                (Err(error), lock) => {
                    if let Ok(lock) = lock {
                        let _ = lock.exit(ExitCase::EnterFailed).await;
                    }
                    return Err((status(&error, false), format!("enter of transaction failed: {error}\n")));
                }
            };
            let body = async {
                let update = "UPDATE gather_cm_accounts SET balance = balance + $1 WHERE name = $2";
                transaction.execute(update, &[&amount, &to]).await?;
                transaction.execute(update, &[&-amount, &from]).await?;
                Ok::<_, Error>(format!("{from} to {to}: {amount}\n"))
            };
            let result = body.await;
            let case = if result.is_ok() { ExitCase::Completed } else { ExitCase::Failed };
            let (ended, released) = join!(transaction.exit(case), lock.exit(case));
            let answer = result.map_err(|error| (status(&error, true), format!("body failed: {error}\n")))?;
            ended.and(released).map_err(|error| (status(&error, false), format!("exit failed: {error}\n")))?;
            Ok(answer)
        }

        fn status(error: &Error, body: bool) -> StatusCode {
            match error {
                Error::Locked(_) => StatusCode::LOCKED,
                Error::Postgres(_) if body => StatusCode::CONFLICT,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            }
        }
    }

    pub mod children {
        use std::{future::pending, io};

        use gather_cm::ExitCase;
        use tokio::{join, try_join};

        use crate::children::{ask, start, stop};

        pub async fn talk(first: &str, second: &str, linger: bool) -> io::Result<()> {
            let (mut first, mut second) = match join!(start(first), start(second)) {
                (Ok(first), Ok(second)) => (first, second),
                (Ok(started), Err(error)) | (Err(error), Ok(started)) => {
                    stop(started, ExitCase::EnterFailed).await?;
                    return Err(error);
                }
                (Err(error), Err(_)) => return Err(error),
            };
            let body = async {
                if let (Some(first), Some(second)) = (first.id(), second.id()) {
                    println!("first is process {first}, second is process {second}");
                }
                let (one, two) = try_join!(ask(&mut first, "one"), ask(&mut second, "two"))?;
                println!("first answers {one}\nsecond answers {two}");
                if linger { pending().await } else { Ok(()) }
            };
            let result = body.await;
            let case = if result.is_ok() { ExitCase::Completed } else { ExitCase::Failed };
            let (first, second) = join!(stop(first, case), stop(second, case));
            result.and(first).and(second)
        }
    }

    pub mod shards {
        use std::{
            cell::RefCell,
            io::{self, ErrorKind::InvalidInput},
            path::Path,
        };

        use futures::{StreamExt, stream};
        use gather_cm::ExitCase;
        use tokio::io::AsyncWriteExt;

        use crate::shards::{COUNT, LIMIT, Peak, create, finish};

        pub async fn write(folder: &Path, text: &[&str]) -> Result<(usize, usize), String> {
            let path = |index| folder.join(format!("shard-{index:02}"));
            let told = |index, error| format!("{}: {error}\n", path(index).display());
            let (opening, syncing) = (RefCell::new(Peak::default()), RefCell::new(Peak::default()));
            let creating = stream::iter(0..COUNT).map(async |index| {
                opening.borrow_mut().add();
                let created = create(path(index)).await;
                opening.borrow_mut().now -= 1;
                created.map_err(|error| told(index, error))
            });
            let (mut shards, mut errors) = (Vec::new(), String::new());
            for (index, created) in creating.buffered(LIMIT).collect::<Vec<_>>().await.into_iter().enumerate() {
                match created {
                    Ok(shard) => shards.push((index, shard)),
                    Err(error) => errors += &error,
                }
            }
            let mut case = if errors.is_empty() { ExitCase::Completed } else { ExitCase::EnterFailed };
            if case == ExitCase::Completed {
                let body = async {
                    for ((_, shard), line) in shards.iter_mut().zip(text) {
                        let line = line.strip_prefix("line ");
                        let line = line.ok_or_else(|| io::Error::new(InvalidInput, "not a line"))?;
                        shard.file.write_all(line.as_bytes()).await?;
                    }
                    Ok::<_, io::Error>(())
                };
                if let Err(error) = body.await {
                    errors += &format!("{error}\n");
                    case = ExitCase::Failed;
                }
            }
            let finishing = stream::iter(shards).map(async |(index, shard)| {
                syncing.borrow_mut().add();
                let finished = finish(shard, case).await;
                syncing.borrow_mut().now -= 1;
                finished.map_err(|error| told(index, error))
            });
            for finished in finishing.buffered(LIMIT).collect::<Vec<_>>().await {
                errors += &finished.err().unwrap_or_default();
            }
            if errors.is_empty() { Ok((opening.take().most, syncing.take().most)) } else { Err(errors) }
        }
    }

    pub mod mqtt {
        use std::{net::SocketAddr, time::Duration};

        use gather_cm::ExitCase;
        use rumqttc::{ConnectionError, QoS};
        use tokio::{join, time::sleep};
        use tokio_util::task::AbortOnDropHandle;

        use crate::mqtt::{self, Error, Session};

        type Connection = AbortOnDropHandle<Result<(), ConnectionError>>;

        async fn connect(broker: SocketAddr, topic: &str, name: &str) -> Result<(Session, Connection), Error> {
            let (session, connection) = mqtt::connect(broker, topic, name).await?;
            Ok((session, AbortOnDropHandle::new(tokio::spawn(connection))))
        }

        async fn disconnect(session: Session, connection: Connection, case: ExitCase) -> Result<(), Error> {
            mqtt::disconnect(session, case).await?;
            Ok(connection.await??)
        }

        pub async fn measure(broker: SocketAddr, topic: &str, warm_up: Duration, linger: bool) -> Result<(), Error> {
            let entered = join!(connect(broker, topic, "sensor"), connect(broker, topic, "display"), sleep(warm_up));
            let ((sensor, sensor_connection), (mut display, display_connection)) = match entered {
                (Ok(sensor), Ok(display), ()) => (sensor, display),
                (Ok((session, connection)), Err(error), ()) | (Err(error), Ok((session, connection)), ()) => {
                    disconnect(session, connection, ExitCase::EnterFailed).await?;
                    return Err(error);
                }
                (Err(error), Err(_), ()) => return Err(error),
            };
            let body = async {
                for degrees in ["19.5", "20.0", "20.5"] {
                    sensor.client.publish(topic, QoS::AtLeastOnce, false, degrees).await?;
                    let message = display.messages.recv().await.ok_or("the connection has ended")?;
                    println!("received {}", String::from_utf8_lossy(&message.payload));
                }
                if linger { std::future::pending().await } else { Ok(()) }
            };
            let result: Result<(), Error> = body.await;
            let case = if result.is_ok() { ExitCase::Completed } else { ExitCase::Failed };
            let (sensor, display) =
                join!(disconnect(sensor, sensor_connection, case), disconnect(display, display_connection, case));
            result.and(sensor).and(display)
        }
    }

    pub mod quic {
        use std::pin::pin;

        use anyhow::Error;
        use gather_cm::ExitCase;
        use quinn::Endpoint;
        use tokio::{join, select, sync::oneshot, try_join};

        use crate::quic::{accept, ask, closed, connect, leave, outlast, serve};

        pub async fn session(server: Endpoint, client: Endpoint, questions: &[String]) -> Result<(), Error> {
            let address = server.local_addr()?;
            let (watch, watched) = oneshot::channel();
            let mut stop = Box::pin(closed(watched));
            let (server, client) = select! {
                biased;
                () = &mut stop => return Ok(println!("the session was cancelled")),
                entered = async { try_join!(accept(server), connect(client, address)) } => entered?,
            };
            let result = {
                let body = pin!(async {
                    let _ = watch.send(client.connection.clone());
                    select! {
                        served = serve(&server.connection) => served.map(|never| match never {}),
                        asked = ask(&client.connection, questions) => asked,
                    }
                });
                select! {
                    biased;
                    () = &mut stop => None,
                    result = body => Some(result),
                }
            };
            drop(stop); // or `leave` waits until the connection times out
            let case = match &result {
                None => ExitCase::Cancelled,
                Some(Ok(())) => ExitCase::Completed,
                Some(Err(_)) => ExitCase::Failed,
            };
            let (server, client) = join!(outlast(server, case), leave(client, case));
            match result {
                None => Ok(println!("the session was cancelled")),
                Some(result) => result.and(server).and(client),
            }
        }
    }

    pub mod app_error {
        use futures::future::join_all;
        use gather_cm::{Exit, ExitCase};
        use tokio::join;

        use crate::app_error::{AppError, Server, listen, ports};

        async fn stop(servers: Vec<Server>, case: ExitCase) -> Result<(), AppError> {
            let stopped = join_all(servers.into_iter().map(|server| server.exit(case))).await;
            first(stopped).map(drop)
        }

        /// Returns all values, or the first error.
        fn first<T>(results: Vec<Result<T, AppError>>) -> Result<Vec<T>, AppError> {
            let (mut values, mut errors) = (Vec::new(), Vec::new());
            for result in results {
                match result {
                    Ok(value) => values.push(value),
                    Err(error) => errors.push(error),
                }
            }
            errors.drain(1.min(errors.len())..).for_each(|error| eprintln!("also: {error}"));
            errors.pop().map_or(Ok(values), Err)
        }

        pub async fn pair() -> Result<Vec<u16>, AppError> {
            let (mut one, mut two) = match join!(listen("127.0.0.1:0"), listen("127.0.0.1:0")) {
                (Ok(one), Ok(two)) => (one, two),
                (Ok(server), Err(error)) | (Err(error), Ok(server)) => {
                    stop(vec![server], ExitCase::EnterFailed).await?;
                    return Err(error);
                }
                (Err(error), Err(other)) => return first(vec![Err(error), Err(other)]),
            };
            let result = ports([&mut one, &mut two]);
            let case = if result.is_ok() { ExitCase::Completed } else { ExitCase::Failed };
            let stopped = stop(vec![one, two], case).await;
            let ports = result?;
            stopped?;
            Ok(ports)
        }

        pub async fn array() -> Result<Vec<u16>, AppError> {
            many(&["127.0.0.1:0"; 3].map(str::to_owned)).await
        }

        pub async fn many(addresses: &[String]) -> Result<Vec<u16>, AppError> {
            let (mut servers, mut failed) = (Vec::new(), Vec::new());
            for entered in join_all(addresses.iter().map(|address| listen(address))).await {
                match entered {
                    Ok(server) => servers.push(server),
                    Err(error) => failed.push(Err(error)),
                }
            }
            if !failed.is_empty() {
                stop(servers, ExitCase::EnterFailed).await?;
                return first(failed);
            }
            let result = ports(&mut servers);
            let case = if result.is_ok() { ExitCase::Completed } else { ExitCase::Failed };
            let stopped = stop(servers, case).await;
            let ports = result?;
            stopped?;
            Ok(ports)
        }
    }

    pub mod leases {
        use std::future::pending;

        use gather_cm::{Exit, ExitCase};
        use tokio::{join, sync::oneshot};

        use crate::leases::{Error, Pool};

        pub async fn run(pool: &Pool, job: usize, begun: oneshot::Sender<()>) -> Result<usize, Error> {
            let (mut left, mut right) = match join!(pool.lease(), pool.lease()) {
                (Ok(left), Ok(right)) => (left, right),
                (Ok(lease), Err(error)) | (Err(error), Ok(lease)) => {
                    lease.exit(ExitCase::EnterFailed).await?;
                    return Err(error);
                }
                (Err(error), Err(_)) => return Err(error),
            };
            let body = async {
                let _ = begun.send(());
                match job {
                    1 => Err(Error::Refused(job)),
                    3 => pending().await,
                    _ => Ok(left.work(job).await + right.work(job).await),
                }
            };
            let result = body.await;
            let case = if result.is_ok() { ExitCase::Completed } else { ExitCase::Failed };
            let (left, right) = join!(left.exit(case), right.exit(case));
            let sum = result?;
            left.and(right)?;
            Ok(sum)
        }
    }

    pub mod suite {
        use gather_cm::ExitCase;
        use tokio::{join, net::TcpListener};

        use crate::suite::{Client, Error, Server, close, connect, serve, stop};

        pub struct Suite {
            pub client: Client,
            server: Server,
        }

        impl Suite {
            pub async fn set_up() -> Result<Self, Error> {
                let listener = TcpListener::bind("127.0.0.1:0").await?; // it has a queue, so that a client need not wait
                let address = listener.local_addr()?;
                match join!(connect(address), serve(listener)) {
                    (Ok(client), Ok(server)) => Ok(Self { client, server }),
                    (Ok(client), Err(error)) => {
                        close(client, ExitCase::EnterFailed).await?;
                        Err(error)
                    }
                    (Err(error), Ok(server)) => {
                        stop(server, ExitCase::EnterFailed).await?;
                        Err(error)
                    }
                    (Err(error), Err(_)) => Err(error),
                }
            }

            pub async fn tear_down(self, case: ExitCase) -> Result<(), Error> {
                let (client, server) = join!(close(self.client, case), stop(self.server, case));
                client.and(server)
            }
        }
    }
}

/// Counts the lines of an item, without comments and blank lines. The item begins with `start`, and ends at a brace
/// below that.
fn lines(source: &str, start: &str) -> usize {
    let from = source.lines().position(|line| line.trim_start().starts_with(start)).expect(start);
    let lines = source.lines().skip(from);
    let indent = lines.clone().next().unwrap().split(start).next().unwrap();
    let end = format!("{indent}}}");
    let length = lines.clone().position(|line| line == end).unwrap() + 1;
    lines.take(length).filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//")).count()
}

#[test]
fn none_is_shorter_by_hand() {
    let twins = include_str!("by_hand.rs");
    macro_rules! assert_not_longer {
        ($($name:literal: $gathered:expr, $by_hand:expr;)*) => {$(
            let source = include_str!(concat!("../examples/", $name, ".rs"));
            let module = &twins[twins.find(concat!("pub mod ", $name, " {")).unwrap()..];
            let gathered: usize = $gathered.iter().map(|start| lines(source, start)).sum();
            let by_hand: usize = $by_hand.iter().map(|start| lines(module, start)).sum();
            println!("{:>16}: {gathered:2} lines, {by_hand:2} by hand", $name);
            assert!(gathered <= by_hand, "{} has {gathered} lines, and {by_hand} by hand", $name);
        )*};
    }
    assert_not_longer! {
        "export": ["pub async fn export("], ["pub async fn export("];
        "transfer_service": ["pub async fn transfer(", "fn status<"], ["pub async fn transfer(", "fn status("];
        "children": ["pub async fn talk("], ["pub async fn talk("];
        "shards": ["pub async fn write("], ["pub async fn write("];
        "mqtt": ["pub async fn measure("], ["pub async fn measure("];
        "quic": ["pub async fn session("], ["pub async fn session("];
        "app_error":
            ["impl<S: Shape> From<", "pub async fn pair(", "pub async fn array(", "pub async fn many("],
            ["async fn stop(", "fn first<", "pub async fn pair(", "pub async fn array(", "pub async fn many("];
        "leases": ["pub async fn run("], ["pub async fn run("];
        "suite":
            ["pub struct Suite {", "pub async fn set_up(", "pub async fn tear_down("],
            ["pub struct Suite {", "pub async fn set_up(", "pub async fn tear_down("];
    }
}

/// Both ways do the same, as long as nothing panics and nothing is dropped.
#[tokio::test]
async fn both_do_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let within_limits = |peaks: Result<_, String>| assert!(matches!(peaks, Ok((1..=8, 1..=8))), "{peaks:?}");
    within_limits(shards::write(folder.path(), &["line one"]).await);
    let other = tempfile::tempdir().unwrap();
    within_limits(by_hand::shards::write(other.path(), &["line one"]).await);
    let refused = Err("not a line\n".to_owned());
    assert_eq!(shards::write(folder.path(), &["one"]).await, refused);
    assert_eq!(by_hand::shards::write(other.path(), &["one"]).await, refused);
    for folder in [folder, other] {
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 40);
        assert_eq!(std::fs::read_to_string(folder.path().join("shard-00")).unwrap(), "one");
    }

    children::talk("cat", "cat", false).await.unwrap();
    by_hand::children::talk("cat", "cat", false).await.unwrap();
    let failure = children::talk("no-such-program", "cat", false).await.unwrap_err();
    assert_eq!(format!("{failure:#}"), "enter of first failed: No such file or directory (os error 2)");
    let error = by_hand::children::talk("no-such-program", "cat", false).await.unwrap_err();
    assert_eq!(error.to_string(), "No such file or directory (os error 2)");

    for questions in [["hello", "world"], ["hello", "bye"]].map(|questions| questions.map(str::to_owned)) {
        let (server, client) = quic::endpoints().unwrap();
        quic::session(server, client, &questions).await.unwrap();
        let (server, client) = quic::endpoints().unwrap();
        by_hand::quic::session(server, client, &questions).await.unwrap();
    }

    assert_eq!(app_error::pair().await.unwrap().len(), by_hand::app_error::pair().await.unwrap().len());
    assert_eq!(app_error::array().await.unwrap().len(), by_hand::app_error::array().await.unwrap().len());
    let (error, by_hand) = (app_error::many(&[]).await.unwrap_err(), by_hand::app_error::many(&[]).await.unwrap_err());
    assert_eq!(error.to_string(), by_hand.to_string());

    let pool = leases::Pool::new(2);
    let begun = || tokio::sync::oneshot::channel().0;
    assert_eq!(leases::run(&pool, 2, begun()).await.unwrap(), 4);
    assert_eq!(by_hand::leases::run(&pool, 2, begun()).await.unwrap(), 4);
    assert_eq!(leases::run(&pool, 1, begun()).await.unwrap_err().to_string(), "body failed: job 1 is refused");
    assert_eq!(by_hand::leases::run(&pool, 1, begun()).await.unwrap_err().to_string(), "job 1 is refused");
    assert_eq!(pool.idle().len(), 2);

    suite::Suite::set_up().await.unwrap().tear_down(gather_cm::ExitCase::Completed).await.unwrap();
    by_hand::suite::Suite::set_up().await.unwrap().tear_down(gather_cm::ExitCase::Completed).await.unwrap();
}
