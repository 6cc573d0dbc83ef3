//! A deadline a member: three TCP servers, one of which never answers a close.
//!
//! `exit_within` names the one that hangs; the others close, and the program ends in time.

use std::{io, net::SocketAddr, time::Duration};

use gather_cm::{Cause, EnterExt, Exit, ExitCase, gather};
use smol::{
    Timer,
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// Starts a server on a free port of the loopback. It answers `hello` with `welcome`, and `close` with `bye`; a server
/// that is `mute` never answers the latter.
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
    name: &'static str,
    stream: BufReader<TcpStream>,
}

impl Connection {
    async fn ask(&mut self, question: &str) -> Result<String, String> {
        let answer = async {
            self.stream.get_mut().write_all(format!("{question}\n").as_bytes()).await?;
            let mut answer = String::new();
            self.stream.read_line(&mut answer).await?;
            io::Result::Ok(answer.trim().to_string())
        };
        answer.await.map_err(|error| format!("{}: {error}", self.name))
    }
}

impl Exit for Connection {
    type Error = String;
    type Verdict = ();

    async fn exit(mut self, _: ExitCase) -> Result<(), String> {
        let answer = self.ask("close").await?;
        println!("{} says {answer}", self.name);
        Ok(())
    }
}

async fn connect(name: &'static str, address: SocketAddr) -> Result<Connection, String> {
    let stream = TcpStream::connect(address).await.map_err(|error| format!("{name}: {error}"))?;
    let mut connection = Connection { name, stream: BufReader::new(stream) };
    let answer = connection.ask("hello").await?;
    println!("{name} says {answer}");
    Ok(connection)
}

/// What a member that is too late fails with.
async fn too_late(name: &'static str, what: &str) -> String {
    Timer::after(Duration::from_millis(300)).await;
    format!("{name} has not answered {what} in time")
}

fn main() -> io::Result<()> {
    smol::block_on(async {
        let servers = [
            ("alpha", start_server(false).await?),
            ("beta", start_server(true).await?),
            ("gamma", start_server(false).await?),
        ];
        let members = servers.map(|(name, address)| {
            connect(name, address)
                .enter_within(async move || too_late(name, "hello").await)
                .exit_within(async move || too_late(name, "close").await)
        });
        let result = gather(members).with(async |connections| connections.len()).await;
        match result {
            Ok(_) => println!("all have closed"),
            Err(failure) => {
                println!("{failure}");
                if let Cause::Exit(count) = failure.cause {
                    println!("the work with {count} servers is done all the same");
                }
            }
        }
        Ok(())
    })
}
