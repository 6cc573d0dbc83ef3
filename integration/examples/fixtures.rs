//! Test fixtures have async set-up and teardown. The teardown runs even if the test panics.
//!
//! A fixture is a group that was entered. Here it has a server, and the directory that its test writes to. `enter` sets
//! it up, and the `exit` of its result tears it down. That result is a resource like any other. So [`with_fixture`]
//! gathers it alone, lends it to a test, and tears it down whether the test returns or panics.
//!
//! ```ignore
//! #[tokio::test]
//! async fn says_hello() {
//!     with_fixture(async |fixture| assert_eq!(ask(fixture, "hello").await.unwrap(), "hello")).await;
//! }
//! ```
//!
//! If set-up and teardown are far apart, as in a suite that sets up once for all its tests, call both by hand, as
//! [`suite`] does.

use std::{
    fs, io,
    net::SocketAddr,
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
};

use futures::FutureExt;
use gather_cm::{DropOnExit, EnterExt, Entered, Exit, ExitCase, gather};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

/// A server that sends back every line that it receives.
struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<()>>,
}

async fn start_server() -> io::Result<Server> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (stop, mut stopped) = oneshot::channel();
    let task = tokio::spawn(async move {
        loop {
            let (mut stream, _) = tokio::select! {
                accepted = listener.accept() => accepted?,
                _ = &mut stopped => return Ok(()),
            };
            let (mut reader, mut writer) = stream.split();
            copy(&mut reader, &mut writer).await?;
        }
    });
    Ok(Server { address, stop, task })
}

impl Exit for Server {
    type Error = io::Error;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> io::Result<()> {
        let _ = self.stop.send(()); // if the server has failed, its task says why
        self.task.await??;
        println!("the server is stopped: {case:?}");
        Ok(())
    }
}

type Fixture = Entered<(Server, DropOnExit<TempDir, io::Error>)>;

async fn set_up() -> Result<Fixture, <Fixture as Exit>::Error> {
    gather((start_server(), async { tempfile::tempdir() }.drop_on_exit())).enter().await
}

/// Runs a test with a fixture of its own.
async fn with_fixture<R>(test: impl AsyncFnOnce(&mut Fixture) -> R) -> R {
    gather((set_up(),)).with(async |(fixture,)| Ok(test(fixture).await)).await.expect("set up and torn down")
}

/// Sets up once, runs several tests, and tears down.
async fn suite() {
    let mut fixture = set_up().await.expect("set up");
    let tests = async {
        ask(&mut fixture, "first").await.unwrap();
        ask(&mut fixture, "second").await.unwrap();
    };
    let outcome = AssertUnwindSafe(tests).catch_unwind().await;
    let case = if outcome.is_ok() { ExitCase::Completed } else { ExitCase::Panicked };
    fixture.exit(case).await.expect("torn down");
    outcome.unwrap_or_else(|panic| panic::resume_unwind(panic));
}

/// Asks the server of a fixture, and writes the answer to its directory.
async fn ask(fixture: &mut Fixture, question: &str) -> io::Result<String> {
    let (server, directory) = &mut **fixture;
    let mut stream = TcpStream::connect(server.address).await?;
    stream.write_all(question.as_bytes()).await?;
    stream.shutdown().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    fs::write(directory.path().join("answer"), &answer)?;
    Ok(answer)
}

/// Asserts that both parts of a fixture are gone.
async fn assert_torn_down((address, directory): (SocketAddr, PathBuf)) {
    assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    assert!(!directory.exists());
}

#[tokio::main]
async fn main() {
    let parts = with_fixture(async |fixture| {
        assert_eq!(ask(fixture, "hello").await.unwrap(), "hello");
        (fixture.0.address, fixture.1.path().to_path_buf())
    });
    assert_torn_down(parts.await).await;

    let mut parts = None;
    let test = with_fixture(async |fixture| {
        parts = Some((fixture.0.address, fixture.1.path().to_path_buf()));
        assert_eq!(ask(fixture, "hello").await.unwrap(), "hello, you");
    });
    let panic = AssertUnwindSafe(test).catch_unwind().await.unwrap_err();
    assert!(panic.downcast::<String>().unwrap().contains("hello, you"));
    assert_torn_down(parts.unwrap()).await;

    suite().await;
}
