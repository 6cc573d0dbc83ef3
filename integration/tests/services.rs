//! Tests of a transaction, a lock and a directory as one group, with a real PostgreSQL and a real Redis.
//!
//! `GATHER_CM_TEST_PG` and `GATHER_CM_TEST_REDIS` say where they are, as in `host=localhost user=postgres` and
//! `redis://localhost`. If they are not set, each test says that it was skipped. `integration/servers.sh` runs a
//! command with both.

use std::{
    future::{Future, pending},
    io::{self, BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use deadpool_postgres::{Manager, Pool};
use gather_cm::{Cause, DropOnExit, EnterExt, ExitCase, gather};
use gather_cm_integration::{Error, Lock, PooledTransaction, Servers, Transaction, directory};
use redis::{AsyncCommands, aio::MultiplexedConnection};
use tempfile::TempDir;
use tokio::{
    join,
    runtime::{Handle, Runtime},
    sync::{Notify, oneshot},
    task::JoinSet,
    time::timeout,
};
use tokio_postgres::{Client, NoTls};

/// The longest time that a test waits for an event that must come. No test waits until it is over.
const BOUND: Duration = Duration::from_secs(120);
/// When the locks expire. This is too late to help a test.
const EXPIRY: Duration = Duration::from_secs(600);

/// The values that the body of all three members borrows.
type Held<'a> = (&'a mut Transaction, &'a mut Lock, &'a mut TempDir);

/// A table and a name of a test's own, along with clients that look on from outside.
struct Place {
    servers: Servers,
    /// The name of the table and of the transactions' connections. The name of each lock begins with it.
    name: String,
    postgres: Client,
    redis: MultiplexedConnection,
}

impl Place {
    async fn new(mut servers: Servers, test: &str) -> Result<Self, Error> {
        let (postgres, connection) = servers.postgres.connect(NoTls).await?;
        tokio::spawn(connection);
        let name = format!("gather_cm_{}_{test}", std::process::id());
        postgres.batch_execute(&format!("CREATE TABLE {name} (run bigint)")).await?;
        let redis = servers.redis.get_multiplexed_async_connection().await?;
        servers.postgres.application_name(&name);
        Ok(Self { servers, name, postgres, redis })
    }

    /// Makes the three members: a transaction, a lock and a directory.
    fn members(
        &self,
        lock: &str,
    ) -> (
        impl Future<Output = Result<Transaction, Error>>,
        impl Future<Output = Result<Lock, Error>>,
        impl Future<Output = Result<DropOnExit<TempDir, Error>, Error>>,
    ) {
        (
            Transaction::begin(&self.servers.postgres),
            Lock::take(&self.servers.redis, format!("{}:{lock}", self.name), EXPIRY),
            directory(),
        )
    }

    /// Uses all three. There is a row that is not committed yet, a lock that is held, and a file in the directory.
    async fn work(&self, run: i64, (transaction, lock, directory): &Held<'_>) -> Result<(), Error> {
        transaction.execute(&format!("INSERT INTO {} VALUES ($1)", self.name), &[&run]).await?;
        assert!(!self.rows().await?.contains(&run));
        assert!(self.locks().await?.contains(&lock.key().to_string()));
        std::fs::write(directory.path().join("receipt"), run.to_string())?;
        Ok(())
    }

    /// Returns the rows that were committed.
    async fn rows(&self) -> Result<Vec<i64>, Error> {
        let rows = self.postgres.query(&format!("SELECT run FROM {} ORDER BY run", self.name), &[]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Asserts that no lock is held, and that these rows were committed.
    async fn assert_released(&self, rows: &[i64]) -> Result<(), Error> {
        assert_eq!(self.locks().await?, [""; 0]);
        assert_eq!(self.rows().await?, rows);
        Ok(())
    }

    async fn locks(&self) -> Result<Vec<String>, Error> {
        Ok(self.redis.clone().keys(format!("{}:*", self.name)).await?)
    }

    /// Returns how many connections of the test's transactions the server has.
    async fn connections(&self) -> Result<i64, Error> {
        let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
        Ok(self.postgres.query_one(count, &[&self.name]).await?.get(0))
    }

    /// Asserts that nothing is left. A lock is released when its exit ends. A connection is closed then, too, but the
    /// server takes a moment to see that.
    async fn assert_nothing_left(&self) -> Result<(), Error> {
        assert_eq!(self.locks().await?, [""; 0]);
        let gone = async {
            while self.connections().await? > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok(())
        };
        timeout(BOUND, gone).await.expect("the connections are closed")
    }

    async fn drop_table(self) -> Result<(), Error> {
        Ok(self.postgres.batch_execute(&format!("DROP TABLE {}", self.name)).await?)
    }
}

fn skipped(test: &str, why: &str) {
    // This does not use `eprintln!`, because its output is shown only if a test fails.
    io::stderr().write_all(format!("{test} is skipped: {why}\n").as_bytes()).unwrap();
}

/// Runs a test in a place of its own, and checks that it leaves nothing behind. The table is dropped even if the test
/// panics.
fn run(name: &str, test: impl AsyncFnOnce(&Place) -> Result<(), Error>) {
    let Some(servers) = Servers::of_environment() else {
        return skipped(name, "GATHER_CM_TEST_PG or GATHER_CM_TEST_REDIS is not set");
    };
    let place = Place::new(servers.unwrap(), name).exit_with(async |place: Place, case| {
        let left = if case == ExitCase::Completed { place.assert_nothing_left().await } else { Ok(()) };
        place.drop_table().await?;
        left
    });
    let all = gather((place,)).with(async |(place,)| test(place).await);
    Runtime::new().unwrap().block_on(async { timeout(BOUND, all).await }).expect("in time").unwrap();
}

/// Makes an error that a body or a member can fail with.
fn refusal() -> Error {
    Error::Io(io::Error::other("refused"))
}

#[test]
fn committed_where_the_body_completes() {
    run("completed", async |place| {
        let path = gather(place.members("lock"))
            .with(async |held| {
                place.work(1, &held).await?;
                Ok(held.2.path().to_path_buf())
            })
            .await
            .unwrap();
        place.assert_released(&[1]).await?;
        assert!(!path.exists());
        Ok(())
    });
}

#[test]
fn rolled_back_where_the_body_fails() {
    run("failed", async |place| {
        let failure = gather(place.members("lock"))
            .with(async |held| {
                place.work(1, &held).await?;
                Err::<(), _>(refusal())
            })
            .await
            .unwrap_err();
        assert_eq!(failure.to_string(), "body failed: refused");
        place.assert_released(&[]).await
    });
}

#[test]
fn rolled_back_where_the_body_panics() {
    run("panicked", async |place| {
        let failure = gather(place.members("lock"))
            .catch_unwind()
            .with(async |held| -> Result<(), Error> {
                place.work(1, &held).await?;
                panic!("oops");
            })
            .await
            .unwrap_err();
        assert_eq!(failure.to_string(), "panicked: oops");
        place.assert_released(&[]).await
    });
}

#[test]
fn rolled_back_where_the_group_is_stopped() {
    run("stopped", async |place| {
        let (stop, stopped) = oneshot::channel();
        let failure = gather(place.members("lock"))
            .cancel_on(async { stopped.await.unwrap() })
            .with(async |held| -> Result<(), Error> {
                place.work(1, &held).await?;
                stop.send(()).unwrap();
                pending().await
            })
            .await
            .unwrap_err();
        assert!(matches!(failure.cause, Cause::Cancelled { .. }) && failure.exits.is_empty(), "{failure}");
        place.assert_released(&[]).await
    });
}

/// The lock belongs to another client. The transaction is rolled back, and the other's lock is not touched.
#[test]
fn rolled_back_where_the_lock_is_held_by_another() {
    run("locked", async |place| {
        let other = gather(place.members("lock"));
        let nested = async |_: (&mut Transaction, &mut Lock, &mut TempDir)| {
            let second = gather(place.members("lock"));
            let failure = second.with(async |_| -> Result<(), _> { unreachable!("the lock is held") }).await;
            let failure = failure.unwrap_err();
            assert_eq!(place.locks().await?.len(), 1);
            Ok(failure.to_string())
        };
        let message = other.with(nested).await.unwrap();
        assert_eq!(message, format!("enter of member 1 failed: {}:lock is locked by another", place.name));
        Ok(())
    });
}

/// PostgreSQL refuses the connection. The lock is released.
#[test]
fn released_where_the_transaction_cannot_begin() {
    run("no_database", async |place| {
        let mut config = place.servers.postgres.clone();
        config.dbname("gather_cm_there_is_none");
        let (_, lock, directory) = place.members("lock");
        let failure = gather((Transaction::begin(&config), lock, directory)).with(async |_| Ok(())).await.unwrap_err();
        let message = failure.to_string();
        assert!(message.starts_with("enter of member 0 failed: PostgreSQL: "), "{message}");
        assert!(message.ends_with("database \"gather_cm_there_is_none\" does not exist"), "{message}");
        Ok(())
    });
}

/// The third member fails when the other two are held. Both are released, and receive `EnterFailed`.
#[test]
fn rolled_back_where_another_member_fails() {
    run("enter_failed", async |place| {
        let (transaction, lock, _) = place.members("lock");
        let (held, both_held) = oneshot::channel();
        let witnessed = async {
            let transaction = transaction.await?;
            transaction.execute(&format!("INSERT INTO {} VALUES (1)", place.name), &[]).await?;
            held.send(()).unwrap();
            Ok(transaction)
        };
        let fails = async {
            both_held.await.unwrap();
            while place.locks().await?.is_empty() {}
            Err::<(), _>(refusal())
        };
        let failure = gather((witnessed, lock, fails.drop_on_exit())).with(async |_| Ok(())).await.unwrap_err();
        assert_eq!(failure.to_string(), "enter of member 2 failed: refused");
        place.assert_released(&[]).await
    });
}

/// The lock has expired and belongs to another client by now. That client keeps it, the loss is reported, and the
/// body's value is not lost.
#[test]
fn a_lock_that_was_lost_is_not_released() {
    run("lost", async |place| {
        let (value, exits) = gather(place.members("lock"))
            .with(async |held| {
                place.work(1, &held).await?;
                place.redis.clone().set::<_, _, ()>(held.1.key(), "another's").await?;
                Ok(17)
            })
            .keep_value()
            .await
            .unwrap();
        assert_eq!(value, 17);
        assert!(matches!(exits.get(1), Some(Error::LockLost(_))), "{exits:?}");
        assert_eq!(exits.len(), 1);
        assert_eq!(place.rows().await?, [1]);
        let key = format!("{}:lock", place.name);
        assert_eq!(place.redis.clone().get_del::<_, String>(key).await?, "another's");
        Ok(())
    });
}

/// A statement failed, and the body ignored that. The server cannot commit, and the failure says so.
#[test]
fn a_transaction_that_cannot_be_committed_is_a_fault() {
    run("aborted", async |place| {
        let failure = gather(place.members("lock"))
            .with(async |held| {
                place.work(1, &held).await.unwrap();
                held.0.execute("SELECT 1 / 0", &[]).await.unwrap_err();
                Ok(())
            })
            .await
            .unwrap_err();
        assert!(matches!(failure.cause, Cause::Exit { .. }), "{failure}");
        assert!(failure.exits.get(0).unwrap().to_string().contains("current transaction is aborted"), "{failure}");
        assert_eq!(failure.exits.len(), 1);
        assert_eq!(place.rows().await?, [0; 0]);
        Ok(())
    });
}

/// The future is dropped in the body. Nothing can be awaited, and still nothing is left for long.
#[test]
fn nothing_stays_where_the_future_is_dropped() {
    run("dropped", async |place| {
        let (working, works) = oneshot::channel();
        let all = gather(place.members("lock")).with(async |held| {
            place.work(1, &held).await?;
            working.send(held.2.path().to_path_buf()).unwrap();
            pending::<Result<(), Error>>().await
        });
        let path = tokio::select! {
            result = all => panic!("the body has no end: {result:?}"),
            path = works => path.unwrap(),
        };
        assert!(!path.exists());
        while !place.locks().await?.is_empty() {}
        assert_eq!(place.rows().await?, [0; 0]);
        Ok(())
    });
}

/// Makes a pool of one connection. The first borrower is dropped when it has notified, and the next one inserts a row.
/// Returns whether the next one found itself in a transaction.
async fn drop_a_borrower(
    place: &Place,
    borrower: impl AsyncFnOnce(Pool, &Notify) -> Result<(), Error>,
) -> Result<bool, Error> {
    let manager = Manager::new(place.servers.postgres.clone(), NoTls);
    let pool = Pool::builder(manager).max_size(1).build().map_err(io::Error::other)?;
    let works = Notify::new();
    tokio::select! {
        result = borrower(pool.clone(), &works) => panic!("the body has no end: {result:?}"),
        () = works.notified() => {}
    }
    let next = pool.get().await.map_err(io::Error::other)?;
    let found = next.query_one("SELECT pg_current_xact_id_if_assigned() IS NOT NULL", &[]).await?.get(0);
    next.batch_execute(&format!("BEGIN; INSERT INTO {} VALUES (2); COMMIT", place.name)).await?;
    Ok(found)
}

/// Without a shield, the pool gets an open transaction, and its next borrower commits that.
#[test]
fn committed_by_another_if_there_is_no_shield() {
    run("unshielded", async |place| {
        let found = drop_a_borrower(place, async |pool, works| {
            let all = gather((PooledTransaction::begin(pool),)).with(async |(transaction,)| {
                transaction.execute(&format!("INSERT INTO {} VALUES (1)", place.name), &[]).await?;
                works.notify_one();
                pending::<Result<(), Error>>().await
            });
            Ok(all.await.unwrap())
        });
        assert!(found.await?);
        place.assert_released(&[1, 2]).await
    });
}

/// The next borrower waits until the transaction is rolled back.
#[test]
fn rolled_back_if_a_shielded_future_is_dropped() {
    run("shielded", async |place| {
        let found = drop_a_borrower(place, async |pool, works| {
            let all = gather((PooledTransaction::begin(pool),))
                .shield()
                .with(async |(transaction,)| {
                    transaction.execute(&format!("INSERT INTO {} VALUES (1)", place.name), &[]).await?;
                    works.notify_one();
                    pending::<Result<(), Error>>().await
                })
                .on_drop(|cleanup| drop(tokio::spawn(cleanup)));
            Ok(all.await.unwrap())
        });
        assert!(!found.await?);
        place.assert_released(&[2]).await
    });
}

/// When the exit has ended, the connection's task has too.
#[tokio::test]
async fn the_connection_is_joined() {
    let Some(servers) = Servers::of_environment() else {
        return skipped("joined", "GATHER_CM_TEST_PG or GATHER_CM_TEST_REDIS is not set");
    };
    let begin = Transaction::begin(&servers.as_ref().unwrap().postgres);
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    gather((begin,)).with(async |_| Ok(assert_eq!(tasks(), before + 1))).await.unwrap();
    assert_eq!(tasks(), before);
}

/// A thousand runs, 32 at a time, that end in four ways. The futures go to tasks of their own, so they are `Send`.
#[test]
fn nothing_is_left_of_a_thousand_runs() {
    const RUNS: usize = 1000;

    async fn life_cycle(place: &Place, run: usize) -> Result<(), Error> {
        let name = run.to_string();
        let (transaction, lock, directory) = place.members(&name);
        let directory = async { if run % 4 == 3 { Err(refusal()) } else { directory.await } };
        let (stop, stopped) = oneshot::channel::<()>();
        let stop_request = async {
            if stopped.await.is_err() {
                pending().await // this run is not stopped
            }
        };
        let mut path = None;
        let result = gather((transaction, lock, directory))
            .cancel_on(stop_request)
            .with(async |held| {
                path = Some(held.2.path().to_path_buf());
                place.work(run as i64, &held).await?;
                match run % 4 {
                    0 => Ok(()),
                    1 => Err(refusal()),
                    _ => {
                        stop.send(()).unwrap();
                        pending().await
                    }
                }
            })
            .await;
        let message = result.map_or_else(|failure| failure.to_string(), |()| "completed".to_string());
        assert_eq!(
            message,
            ["completed", "body failed: refused", "cancelled", "enter of member 2 failed: refused"][run % 4]
        );
        assert!(path.is_none_or(|path| !path.exists()));
        Ok(())
    }

    run("thousand", async |place| {
        // A task's future must be `'static`, so the tasks share a place of their own that looks on at the same table.
        let redis = place.redis.clone();
        let (postgres, connection) = place.servers.postgres.connect(NoTls).await?;
        let looking_on = tokio::spawn(connection);
        let shared = Place { servers: place.servers.clone(), name: place.name.clone(), postgres, redis };
        let shared = Arc::new((shared, AtomicUsize::new(0)));
        let mut workers = JoinSet::new();
        for _ in 0..32 {
            let shared = shared.clone();
            workers.spawn(async move {
                let (place, next) = &*shared;
                loop {
                    match next.fetch_add(1, Relaxed) {
                        run if run < RUNS => life_cycle(place, run).await?,
                        _ => return Ok::<_, Error>(()),
                    }
                }
            });
        }
        for result in workers.join_all().await {
            result?;
        }
        drop(shared);
        looking_on.await.unwrap()?;
        let completed: Vec<_> = (0..RUNS as i64).step_by(4).collect();
        assert_eq!(place.rows().await?, completed);
        Ok(())
    });
}

/// Servers of a test's own, which it may kill.
struct OwnServers {
    script: Child,
    servers: Servers,
    postgres_pid: String,
    redis_pid: String,
}

impl OwnServers {
    /// Returns `None` if they are not installed, or if no servers were asked for.
    fn start(test: &str) -> Option<Self> {
        if Servers::of_environment().is_none() {
            skipped(test, "GATHER_CM_TEST_PG or GATHER_CM_TEST_REDIS is not set");
            return None;
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/servers.sh");
        let mut script = Command::new(script)
            .args(["sh", "-c", "env; echo end; read end || true"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(script.stdout.take().unwrap()).lines().map(Result::unwrap);
        let environment: Vec<_> = lines.take_while(|line| line != "end").collect();
        let value = |name: &str| environment.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let Some(postgres) = value("GATHER_CM_TEST_PG") else {
            assert_eq!(script.wait().unwrap().code(), Some(77), "the servers do not start");
            skipped(test, "a server is not installed");
            return None;
        };
        let servers = Servers::at(postgres, value("GATHER_CM_TEST_REDIS").unwrap()).unwrap();
        let postgres_pid = value("GATHER_CM_TEST_PG_PID").unwrap().to_string();
        let redis_pid = value("GATHER_CM_TEST_REDIS_PID").unwrap().to_string();
        Some(Self { script, servers, postgres_pid, redis_pid })
    }

    /// Kills PostgreSQL as a crash would. Every backend goes at once, too, and none says goodbye to its clients.
    fn kill_postgres(&self) {
        kill("-QUIT", &self.postgres_pid);
    }

    fn kill_redis(&self) {
        kill("-KILL", &self.redis_pid);
    }
}

impl Drop for OwnServers {
    fn drop(&mut self) {
        drop(self.script.stdin.take()); // the end of its input is the end of its command
        let _ = self.script.wait();
    }
}

fn kill(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

/// Asks a server until it does not answer any more.
async fn wait_for_end(place: &Place) {
    while place.redis.clone().ping::<()>().await.is_ok() {}
}

fn run_with_own_servers(name: &str, test: impl AsyncFnOnce(&OwnServers, Place)) {
    let Some(own) = OwnServers::start(name) else { return };
    Runtime::new().unwrap().block_on(async {
        let all = async {
            let place = Place::new(own.servers.clone(), name).await.unwrap();
            test(&own, place).await;
        };
        timeout(BOUND, all).await.expect("in time");
    });
}

/// PostgreSQL is killed while it works for the body. The body and the roll-back fail, and the lock and the directory
/// are released.
#[test]
fn postgres_is_killed() {
    run_with_own_servers("postgres_killed", async |own, place| {
        let mut path = None;
        let failure = gather(place.members("lock"))
            .with(async |held| {
                place.work(1, &held).await?;
                path = Some(held.2.path().to_path_buf());
                let (ended, ()) = join!(held.0.batch_execute("SELECT pg_sleep(600)"), async { own.kill_postgres() });
                Ok(ended?)
            })
            .await
            .unwrap_err();
        println!("{failure}");
        assert!(matches!(failure.cause, Cause::Body(Error::Postgres(_))), "{failure}");
        assert!(matches!(failure.exits.get(0), Some(Error::Postgres(_))), "{failure}");
        assert_eq!(failure.exits.len(), 1);
        assert_eq!(place.locks().await.unwrap(), [""; 0]);
        assert!(!path.unwrap().exists());
    });
}

/// Redis is killed in the body, which no longer needs it. The release fails, and the transaction is committed all the
/// same.
#[test]
fn redis_is_killed() {
    run_with_own_servers("redis_killed", async |own, place| {
        let (path, exits) = gather(place.members("lock"))
            .with(async |held| {
                place.work(1, &held).await?;
                own.kill_redis();
                wait_for_end(&place).await;
                Ok(held.2.path().to_path_buf())
            })
            .keep_value()
            .await
            .unwrap();
        println!("{exits:?}");
        assert!(matches!(exits.get(1), Some(Error::Redis(_))), "{exits:?}");
        assert_eq!(exits.len(), 1);
        assert!(!path.exists());
        assert_eq!(place.rows().await.unwrap(), [1]);
        assert_eq!(place.connections().await.unwrap(), 0);
    });
}

/// Both are killed. There are three faults, none of them hides another, and the directory is removed.
#[test]
fn both_are_killed() {
    run_with_own_servers("both_killed", async |own, place| {
        let mut path = None;
        let failure = gather(place.members("lock"))
            .with(async |held| {
                place.work(1, &held).await?;
                path = Some(held.2.path().to_path_buf());
                own.kill_redis();
                wait_for_end(&place).await;
                let (ended, ()) = join!(held.0.batch_execute("SELECT pg_sleep(600)"), async { own.kill_postgres() });
                Ok(ended?)
            })
            .await
            .unwrap_err();
        println!("{failure}");
        assert!(matches!(failure.cause, Cause::Body(Error::Postgres(_))), "{failure}");
        assert!(matches!(failure.exits.get(0), Some(Error::Postgres(_))), "{failure}");
        assert!(matches!(failure.exits.get(1), Some(Error::Redis(_))), "{failure}");
        assert_eq!(failure.exits.len(), 2);
        assert!(!path.unwrap().exists());
    });
}
