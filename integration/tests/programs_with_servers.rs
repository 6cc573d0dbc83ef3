//! Runs the examples that need servers, as processes of their own.
//!
//! `GATHER_CM_TEST_PG`, `GATHER_CM_TEST_REDIS` and `GATHER_CM_TEST_MQTT` say where the servers are. If one of them is
//! not set, its tests say that they are skipped. `integration/servers.sh` runs a command with all three.

mod common;

use std::{env, fs, net::SocketAddr};

use gather_cm_integration::Servers;
use redis::{AsyncCommands, aio::MultiplexedConnection};
use reqwest::{Client, Response, StatusCode};
use rumqttc::{AsyncClient, Event, EventLoop, Incoming, MqttOptions, QoS};
use tokio::{process::Command, sync::Mutex};
use tokio_postgres::NoTls;

use common::{Ended, Running, example, output, run, skipped};

/// A schema of a test's own, in which its programs find their tables.
struct Schema {
    name: String,
    client: tokio_postgres::Client,
}

impl Schema {
    async fn new(servers: &Servers, test: &str, tables: &str) -> Self {
        let (client, connection) = servers.postgres.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        let name = format!("gather_cm_{}_{test}", std::process::id());
        client.batch_execute(&format!("CREATE SCHEMA {name}; SET search_path = {name}; {tables}")).await.unwrap();
        Self { name, client }
    }

    /// Returns the command of an example that uses the tables of the schema.
    fn example(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = example(name, arguments);
        let options = format!("options='-csearch_path={}'", self.name);
        command.env("GATHER_CM_TEST_PG", format!("{} {options}", env::var("GATHER_CM_TEST_PG").unwrap()));
        command
    }

    async fn drop(self) {
        self.client.batch_execute(&format!("DROP SCHEMA {} CASCADE", self.name)).await.unwrap();
    }
}

/// Returns the servers, unless the environment names none.
fn servers(test: &str) -> Option<Servers> {
    let servers = Servers::of_environment();
    if servers.is_none() {
        skipped(test, "GATHER_CM_TEST_PG or GATHER_CM_TEST_REDIS is not set");
    }
    servers.map(Result::unwrap)
}

/// A database of a test's own, with the tables of the example `copy`.
struct Database {
    name: String,
    outside: tokio_postgres::Client,
    inside: tokio_postgres::Client,
}

impl Database {
    async fn new(servers: &Servers, test: &str) -> Self {
        let (outside, connection) = servers.postgres.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        let name = format!("gather_cm_{}_{test}", std::process::id());
        outside.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        let (inside, connection) = servers.postgres.clone().dbname(&name).connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        inside.batch_execute(COPY).await.unwrap();
        Self { name, outside, inside }
    }

    /// Runs the example, and returns also which rows have arrived.
    async fn copy(&self, arguments: &[&str]) -> (Ended, Vec<String>) {
        let mut command = example("copy", arguments);
        let place = format!("{} dbname={}", env::var("GATHER_CM_TEST_PG").unwrap(), self.name);
        let ended = Ended::of(command.env("GATHER_CM_TEST_PG", place).output().await.unwrap());
        let rows = self.inside.query("SELECT text FROM gather_cm_target", &[]).await.unwrap();
        (ended, rows.iter().map(|row| row.get(0)).collect())
    }

    /// Returns how many sessions ended without a goodbye of the client, and how many the server has killed. It counts
    /// when all sessions but the test's own have ended.
    async fn ends(&self) -> (i64, i64) {
        let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND pid <> $2";
        let own: i32 = self.inside.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
        while self.outside.query_one(others, &[&self.name, &own]).await.unwrap().get::<_, i64>(0) > 0 {}
        let ends = "SELECT sessions_abandoned, sessions_killed FROM pg_stat_database WHERE datname = $1";
        let row = self.outside.query_one(ends, &[&self.name]).await.unwrap();
        (row.get(0), row.get(1))
    }

    async fn drop(self) {
        drop(self.inside);
        self.outside.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await.unwrap();
    }
}

const COPY: &str = "CREATE TABLE gather_cm_source (text text);
    CREATE TABLE gather_cm_target (text text);
    INSERT INTO gather_cm_source VALUES ('one'), ('two'), ('three')";

/// Three clients have drivers, and none of them is spawned. One client is lost.
#[test]
fn a_copy_is_committed_or_rolled_back() {
    let Some(servers) = servers("copy") else { return };
    run(async {
        let database = Database::new(&servers, "copy").await;
        let mut redis = servers.redis.get_multiplexed_async_connection().await.unwrap();

        let (ended, rows) = database.copy(&["lose"]).await;
        let errors = "Error: driver of source failed:\n  \
                      PostgreSQL: db error: FATAL: terminating connection due to administrator command\n\
                      exit of source failed:\n  PostgreSQL: connection closed\n";
        ended.expect(1, &["source: ROLLBACK", "target: ROLLBACK"], errors);
        assert_eq!(rows, [""; 0]);
        assert_eq!(redis.get::<_, String>("gather_cm_copy").await.unwrap(), "Lost");
        assert_eq!(database.ends().await, (0, 1));

        let (ended, rows) = database.copy(&[]).await;
        ended.expect(0, &["source: COMMIT", "target: COMMIT", "copied 3 rows"], "");
        assert_eq!(rows, ["one", "two", "three"]);
        assert_eq!(redis.get::<_, String>("gather_cm_copy").await.unwrap(), "Completed");
        // Each connection said goodbye. Without that, a transaction that was begun would not end well.
        assert_eq!(database.ends().await, (0, 1));
        database.drop().await;
    });
}

const OUTBOX: &str = "CREATE TABLE gather_cm_outbox (text text, sent boolean);
    INSERT INTO gather_cm_outbox VALUES ('old', true), ('one', false), ('two', false)";

#[test]
fn an_export_is_committed_or_rolled_back() {
    let Some(servers) = servers("export") else { return };
    run(async {
        let schema = Schema::new(&servers, "export", OUTBOX).await;
        let unsent = async || -> i64 {
            let count = "SELECT count(*) FROM gather_cm_outbox WHERE NOT sent";
            schema.client.query_one(count, &[]).await.unwrap().get(0)
        };
        let export = async |target: &str| Ended::of(schema.example("export", &[target]).output().await.unwrap());
        let folder = tempfile::tempdir().unwrap();
        let names = || fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();

        // The target is a folder with a file in it, so the new file cannot take its place.
        fs::create_dir(folder.path().join("news.txt")).unwrap();
        fs::write(folder.path().join("news.txt/old"), "").unwrap();
        let target = folder.path().join("news.txt");
        let target = target.to_str().unwrap();
        export(target).await.expect(1, &[], "body failed: Is a directory (os error 21)\n");
        assert_eq!(unsent().await, 2);
        assert_eq!(names(), ["news.txt"]);
        fs::remove_dir_all(target).unwrap();

        // The folder does not exist. The transaction is ended, too.
        let nowhere = folder.path().join("nowhere");
        let ended = export(nowhere.join("news.txt").to_str().unwrap()).await;
        let message =
            format!("enter of scratch failed: No such file or directory (os error 2) at path \"{}/", nowhere.display());
        assert!(ended.code == Some(1) && ended.errors.starts_with(&message), "{ended:?}");

        export(target).await.expect(0, &["exported 2 rows"], "");
        assert_eq!(fs::read_to_string(target).unwrap(), "one\ntwo\n");
        assert_eq!(unsent().await, 0);
        assert_eq!(names(), ["news.txt"]);
        schema.drop().await;
    });
}

/// The program prints the whole chain in one line, as anyhow writes it.
#[test]
fn an_export_that_cannot_begin_says_why() {
    if servers("export_nobody").is_none() {
        return;
    }
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let mut command = example("export", &[folder.path().join("news.txt").to_str().unwrap()]);
        let nobody = env::var("GATHER_CM_TEST_PG").unwrap() + " user=nobody";
        let ended = Ended::of(command.env("GATHER_CM_TEST_PG", nobody).output().await.unwrap());
        ended.expect(1, &[], "enter of db failed: db error: FATAL: role \"nobody\" does not exist\n");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    });
}

const ACCOUNTS: &str =
    "CREATE TABLE gather_cm_accounts (name text PRIMARY KEY, balance integer NOT NULL CHECK (balance >= 0));
    INSERT INTO gather_cm_accounts VALUES ('Ada', 100), ('Bob', 0)";

/// The example `transfer_service`, along with clients that look on from outside.
struct Transfers {
    schema: Schema,
    redis: MultiplexedConnection,
    service: Running,
    address: String,
}

impl Transfers {
    /// The key of Ada's lock.
    const KEY: &str = "gather_cm_account:Ada";

    async fn start(servers: &Servers, test: &str) -> Self {
        let schema = Schema::new(servers, test, ACCOUNTS).await;
        let redis = servers.redis.get_multiplexed_async_connection().await.unwrap();
        let mut service = Running::start(schema.example("transfer_service", &[]));
        let address = service.line().await.strip_prefix("listening on ").unwrap().to_owned();
        Self { schema, redis, service, address }
    }

    fn post(&self, path: &str) -> impl Future<Output = reqwest::Result<Response>> + Send + 'static {
        Client::new().post(format!("http://{}/transfer/{path}", self.address)).send()
    }

    async fn transfer(&self, path: &str) -> (StatusCode, String) {
        let answer = self.post(path).await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// Returns the balances of Ada and of Bob.
    async fn balances(&self) -> Vec<i32> {
        let select = "SELECT balance FROM gather_cm_accounts ORDER BY name";
        self.schema.client.query(select, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    async fn is_locked(&mut self) -> bool {
        self.redis.exists(Self::KEY).await.unwrap()
    }

    /// Selects something of each connection that waits for us. Returns their number.
    async fn blocked(&self, select: &str) -> usize {
        let of = "FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))";
        self.schema.client.query(&format!("SELECT {select} {of}"), &[]).await.unwrap().len()
    }

    /// A client goes away while the handler waits for a row, which we hold until `COMMIT`. Its lock is released.
    async fn hang_up(&mut self) {
        self.schema.client.batch_execute("BEGIN; SELECT FROM gather_cm_accounts FOR UPDATE").await.unwrap();
        let request = tokio::spawn(self.post("Ada/Bob/30"));
        while self.blocked("pid").await == 0 {}
        assert!(self.is_locked().await);
        request.abort();
        while self.is_locked().await {}
    }
}

/// One test at a time uses Ada's lock.
static ADA: Mutex<()> = Mutex::const_new(());

#[test]
fn a_transfer_is_committed_or_rolled_back() {
    let Some(servers) = servers("transfer_service") else { return };
    let _ada = ADA.blocking_lock();
    run(async {
        let mut all = Transfers::start(&servers, "transfer").await;

        assert_eq!(all.transfer("Ada/Bob/30").await, (StatusCode::OK, "Ada to Bob: 30\n".to_owned()));
        assert_eq!(all.balances().await, [70, 30]);
        assert!(!all.is_locked().await);

        let (status, message) = all.transfer("Ada/Bob/300").await;
        assert_eq!(status, StatusCode::CONFLICT, "{message}");
        assert!(message.starts_with("body failed: PostgreSQL: db error: ERROR: "), "{message}");
        assert_eq!(all.balances().await, [70, 30]);
        assert!(!all.is_locked().await);

        all.redis.set::<_, _, ()>(Transfers::KEY, "another's").await.unwrap();
        let locked = format!("enter of lock failed: {} is locked by another\n", Transfers::KEY);
        assert_eq!(all.transfer("Ada/Bob/30").await, (StatusCode::LOCKED, locked));
        assert_eq!(all.redis.get_del::<_, String>(Transfers::KEY).await.unwrap(), "another's");

        // The first `UPDATE` of the client that goes away is done. The next request uses the same connection.
        all.hang_up().await;
        all.schema.client.batch_execute("COMMIT").await.unwrap();
        assert_eq!(all.transfer("Ada/Bob/30").await.0, StatusCode::OK);
        assert_eq!(all.balances().await, [40, 60]);

        all.service.process.start_kill().unwrap();
        all.schema.drop().await;
    });
}

/// Ctrl-C comes while a roll-back is under way. The service waits for the roll-back, and says that it fails.
#[cfg(unix)]
#[test]
fn a_service_ends_after_its_cleanups() {
    let Some(servers) = servers("cleanups") else { return };
    let _ada = ADA.blocking_lock();
    run(async {
        let mut all = Transfers::start(&servers, "cleanups").await;
        all.hang_up().await;
        let pid = all.service.process.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().await.unwrap().success());
        assert_eq!(all.service.line().await, "cleanups that still run: 1");
        assert_eq!(all.blocked("pg_terminate_backend(pid)").await, 1);
        let ended = all.service.end().await;
        assert!(ended.errors.starts_with("cleanup: cancelled; exit of transaction failed: PostgreSQL: "), "{ended:?}");
        assert_eq!(ended.code, Some(0));
        all.schema.client.batch_execute("COMMIT").await.unwrap();
        all.schema.drop().await;
    });
}

/// A third client, which watches the other two.
struct Watch {
    topic: String,
    _client: AsyncClient,
    events: EventLoop,
}

impl Watch {
    async fn new(test: &str) -> Option<Self> {
        let Ok(broker) = env::var("GATHER_CM_TEST_MQTT") else {
            skipped(test, "GATHER_CM_TEST_MQTT is not set");
            return None;
        };
        let broker: SocketAddr = broker.parse().unwrap();
        let topic = format!("gather_cm/{}/{test}", std::process::id());
        let options = MqttOptions::new(format!("watch {topic}"), broker.ip().to_string(), broker.port());
        let (client, mut events) = AsyncClient::new(options, 16);
        client.subscribe(format!("{topic}/+"), QoS::AtLeastOnce).await.unwrap();
        while !matches!(events.poll().await.unwrap(), Event::Incoming(Incoming::SubAck(_))) {}
        Some(Self { topic, _client: client, events })
    }

    /// Returns the next two messages, sorted.
    async fn next_two(&mut self) -> [String; 2] {
        let mut messages = Vec::new();
        while messages.len() < 2 {
            if let Event::Incoming(Incoming::Publish(message)) = self.events.poll().await.unwrap() {
                let name = message.topic.rsplit('/').next().unwrap();
                messages.push(format!("{name} is {}", String::from_utf8_lossy(&message.payload)));
            }
        }
        messages.sort();
        messages.try_into().unwrap()
    }
}

const RECEIVED: [&str; 3] = ["received 19.5", "received 20.0", "received 20.5"];

#[test]
fn mqtt_clients_say_goodbye() {
    run(async {
        let Some(mut watch) = Watch::new("goodbye").await else { return };
        output("mqtt", &[&watch.topic]).await.expect(0, &RECEIVED, "");
        assert_eq!(watch.next_two().await, ["display is here", "sensor is here"]);
        assert_eq!(watch.next_two().await, ["display is gone", "sensor is gone"]);
    });
}

/// The oven takes longer to warm up than the broker waits for a client that is silent.
#[test]
fn mqtt_clients_stay_while_another_member_enters() {
    run(async {
        let Some(mut watch) = Watch::new("slow").await else { return };
        output("mqtt", &[&watch.topic, "slow"]).await.expect(0, &RECEIVED, "");
        assert_eq!(watch.next_two().await, ["display is here", "sensor is here"]);
        assert_eq!(watch.next_two().await, ["display is gone", "sensor is gone"]);
    });
}

/// A drop cannot say goodbye. The connections end, and the broker publishes the wills, while the program goes on.
#[test]
fn mqtt_clients_that_are_dropped_are_lost() {
    run(async {
        let Some(mut watch) = Watch::new("dropped").await else { return };
        let mut running = Running::start(example("mqtt", &[&watch.topic, "drop"]));
        for line in RECEIVED {
            assert_eq!(running.line().await, line);
        }
        running.step().await;
        assert_eq!(running.line().await, "dropped");
        assert_eq!(watch.next_two().await, ["display is here", "sensor is here"]);
        assert_eq!(watch.next_two().await, ["display is lost", "sensor is lost"]);
        running.step().await;
        running.end().await.expect(0, &[], "");
    });
}

/// There is no broker. Both clients say so, in one tree.
#[test]
fn mqtt_clients_without_a_broker() {
    run(async {
        if env::var("GATHER_CM_TEST_MQTT").is_err() {
            return skipped("no_broker", "GATHER_CM_TEST_MQTT is not set");
        }
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = example("mqtt", &["gather_cm/nowhere"]);
        let ended = Ended::of(command.env("GATHER_CM_TEST_MQTT", closed.to_string()).output().await.unwrap());
        assert_eq!((ended.code, ended.lines.len()), (Some(1), 0), "{ended:?}");
        for name in ["sensor", "display"] {
            let label = format!("enter of {name} failed:\n  I/O: Connection refused (os error 111)\n");
            assert!(ended.errors.contains(&label), "{ended:?}");
        }
    });
}
