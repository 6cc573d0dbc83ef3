//! A fixture is in the field of a struct. Functions exit its members, and the members still have types with names.
//!
//! `exit_with` takes a closure, and the type of a closure cannot be written down. `exit_boxed` makes a resource whose
//! type names only the value and the error: `ExitBoxed<Client, Error>`.
//!
//! ```text
//! $ cargo run -p gather-cm-integration --example suite
//! the client says hello
//! the client says hello again
//! the client is closed: Completed
//! the server has served 2 questions
//! $ cargo run -p gather-cm-integration --example suite -- panic
//! the client says hello
//! the client is closed: Panicked
//! the server has served 1 questions
//! a test has failed: oops
//! ```

use std::{env, io, net::SocketAddr, panic::AssertUnwindSafe, process::ExitCode};

use futures::FutureExt;
use gather_cm::{EnterExt, Entered, Exit, ExitBoxed, ExitCase, gather};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

pub type Error = io::Error;

pub struct Server {
    task: JoinHandle<Result<usize, Error>>,
}

pub struct Client {
    stream: BufReader<TcpStream>,
}

/// Answers one client, line by line, until it hangs up.
pub async fn serve(listener: TcpListener) -> Result<Server, Error> {
    let task = tokio::spawn(async move {
        let mut stream = BufReader::new(listener.accept().await?.0);
        let (mut served, mut question) = (0, String::new());
        while stream.read_line(&mut question).await? > 0 {
            stream.write_all(question.as_bytes()).await?;
            question.clear();
            served += 1;
        }
        Ok(served)
    });
    Ok(Server { task })
}

pub async fn stop(server: Server, case: ExitCase) -> Result<(), Error> {
    if case == ExitCase::EnterFailed {
        return Ok(server.task.abort()); // there is no client that could hang up
    }
    let served = server.task.await??;
    Ok(println!("the server has served {served} questions"))
}

pub async fn connect(address: SocketAddr) -> Result<Client, Error> {
    Ok(Client { stream: BufReader::new(TcpStream::connect(address).await?) })
}

pub async fn close(mut client: Client, case: ExitCase) -> Result<(), Error> {
    client.stream.shutdown().await?;
    Ok(println!("the client is closed: {case:?}"))
}

impl Client {
    async fn ask(&mut self, question: &str) -> Result<String, Error> {
        self.stream.write_all(format!("{question}\n").as_bytes()).await?;
        let mut answer = String::new();
        self.stream.read_line(&mut answer).await?;
        Ok(answer.trim_end().to_owned())
    }
}

/// The parts that all tests share, set up once.
pub struct Suite {
    parts: Entered<(ExitBoxed<Client, Error>, ExitBoxed<Server, Error>)>,
}

impl Suite {
    pub async fn set_up() -> Result<Self, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").await?; // it has a queue, so that a client need not wait
        let address = listener.local_addr()?;
        let parts = gather((connect(address).exit_boxed(close), serve(listener).exit_boxed(stop)))
            .enter()
            .await
            .map_err(Error::other)?;
        Ok(Self { parts })
    }

    /// Runs a test. If it panics, the next ones do not run.
    async fn test(&mut self, question: &str, panics: bool) -> Result<(), Error> {
        let (client, _) = self.parts.lend();
        println!("the client says {}", client.ask(question).await?);
        assert!(!panics, "oops");
        Ok(())
    }

    pub async fn tear_down(self, case: ExitCase) -> Result<(), Error> {
        self.parts.exit(case).await.map(drop).map_err(Error::other)
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode, Error> {
    let panics = env::args().nth(1).is_some();
    let mut suite = Suite::set_up().await?;
    let tests = async {
        suite.test("hello", panics).await?;
        suite.test("hello again", false).await
    };
    let (case, error) = match AssertUnwindSafe(tests).catch_unwind().await {
        Ok(Ok(())) => (ExitCase::Completed, None),
        Ok(Err(error)) => (ExitCase::Failed, Some(error.to_string())),
        Err(panic) => (ExitCase::Panicked, panic.downcast_ref::<&str>().map(|&message| message.to_owned())),
    };
    suite.tear_down(case).await?;
    Ok(error.map_or(ExitCode::SUCCESS, |error| {
        println!("a test has failed: {error}");
        ExitCode::FAILURE
    }))
}
