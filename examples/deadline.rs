//! Gives each member a deadline. One of three TCP servers never answers a close.
//!
//! `exit_within` names the server that hangs. The others close, and the program ends in
//! time. `keep_value` keeps the value that the body returned, although an exit failed.

use std::{error::Error, fmt, io, net::SocketAddr, time::Duration};

use gather_cm::{EnterExt, Exit, ExitCase, Failure, Report, Shape, gather};
use smol::{
    Timer,
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// The reason why there is no connection, or none any more.
#[derive(Debug)]
enum ConnectionError {
    Io { server: &'static str, source: io::Error },
    TooLate { server: &'static str, question: &'static str },
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { server, .. } => write!(f, "the connection to {server} failed"),
            Self::TooLate { server, question } => {
                write!(f, "{server} has not answered {question} in time")
            }
        }
    }
}

impl Error for ConnectionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::TooLate { .. } => None,
        }
    }
}

/// The reason why the program fails.
#[derive(Debug)]
#[allow(dead_code, reason = "`main` prints it with `Debug`")]
enum AppError {
    /// A server could not be started.
    Server(io::Error),
    /// The work with the servers failed.
    Work(Report),
}

impl From<io::Error> for AppError {
    fn from(error: io::Error) -> Self {
        Self::Server(error)
    }
}

impl<S: Shape> From<Failure<ConnectionError, S>> for AppError {
    fn from(failure: Failure<ConnectionError, S>) -> Self {
        Self::Work(failure.report())
    }
}

/// Starts a server on a free port of the loopback. It answers `hello` with `welcome`, and
/// `close` with `bye`. A server that is `mute` never answers `close`.
async fn start_server(mute: bool) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    smol::spawn(async move {
        let (stream, _) = listener.accept().await?;
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while stream.read_line(&mut line).await? > 0 {
            match line.trim() {
                "hello" => stream.get_mut().write_all(b"welcome\n").await?,
                "close" if !mute => stream.get_mut().write_all(b"bye\n").await?,
                _ => {}
            }
            line.clear();
        }
        io::Result::Ok(())
    })
    .detach();
    Ok(address)
}

struct Connection {
    server: &'static str,
    stream: BufReader<TcpStream>,
}

impl Connection {
    async fn ask(&mut self, question: &str) -> Result<String, ConnectionError> {
        let answer = async {
            self.stream.get_mut().write_all(format!("{question}\n").as_bytes()).await?;
            let mut answer = String::new();
            self.stream.read_line(&mut answer).await?;
            io::Result::Ok(answer.trim().to_string())
        };
        answer.await.map_err(|source| ConnectionError::Io { server: self.server, source })
    }
}

impl Exit for Connection {
    type Error = ConnectionError;
    type Verdict = ();

    async fn exit(mut self, _: ExitCase) -> Result<(), ConnectionError> {
        let answer = self.ask("close").await?;
        println!("{} says {answer}", self.server);
        Ok(())
    }
}

async fn connect(server: &'static str, to: SocketAddr) -> Result<Connection, ConnectionError> {
    let stream = TcpStream::connect(to).await;
    let stream = stream.map_err(|source| ConnectionError::Io { server, source })?;
    let mut connection = Connection { server, stream: BufReader::new(stream) };
    let answer = connection.ask("hello").await?;
    println!("{server} says {answer}");
    Ok(connection)
}

/// Returns the error of a server that is too late.
async fn too_late(server: &'static str, question: &'static str) -> ConnectionError {
    Timer::after(Duration::from_secs(2)).await;
    ConnectionError::TooLate { server, question }
}

async fn run() -> Result<(), AppError> {
    let servers = [
        ("alpha", start_server(false).await?),
        ("beta", start_server(true).await?),
        ("gamma", start_server(false).await?),
    ];
    let members = servers.map(|(server, address)| {
        connect(server, address)
            .enter_within(async move || too_late(server, "hello").await)
            .exit_within(async move || too_late(server, "close").await)
    });
    let work = gather(members).with(async |connections| Ok(connections.len()));
    let (count, exits) = work.keep_value().await?;
    for (member, error) in &exits {
        println!("exit of member {member} failed: {error}");
    }
    println!("the work with {count} servers is done all the same");
    Ok(())
}

fn main() -> Result<(), AppError> {
    smol::block_on(run())
}
