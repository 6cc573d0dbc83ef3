//! A QUIC session (quinn) ends when the server hangs up. The program leaves when the network has nothing of the session
//! any more.
//!
//! A handshake takes two, so server and client are entered at the same time. An endpoint must not be dropped too early:
//! its peer would find out only by a timeout. Each exit is therefore quinn's `wait_idle`, which waits until no
//! connection is left. A connection closes when its last handle is dropped. The stop holds a handle, and nobody polls
//! the stop while the exits run. The exits end all the same, because `cancel_on` drops its stop before any exit begins.
//!
//! ```text
//! $ cargo run -p gather-cm-integration --example quic -- hello world
//! the server answers HELLO
//! the server answers WORLD
//! the client is idle
//! the server is idle: closed by peer: 0
//! $ cargo run -p gather-cm-integration --example quic -- hello bye world
//! the server answers HELLO
//! the client is idle
//! the server is idle: closed
//! the session was cancelled
//! ```

use std::{
    convert::Infallible,
    env,
    future::pending,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use anyhow::{Context, Error};
use gather_cm::{Cause, EnterExt, ExitCase, gather};
use quinn::{ClientConfig, Connection, Endpoint, ServerConfig, VarInt, rustls};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{select, sync::oneshot};

const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Makes a server with a certificate of its own, and a client that trusts it.
pub fn endpoints() -> Result<(Endpoint, Endpoint), Error> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()])?;
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let server = ServerConfig::with_single_cert(vec![cert.der().clone()], key.into())?;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(cert.into())?;
    let mut client = Endpoint::client(LOOPBACK)?;
    client.set_default_client_config(ClientConfig::with_root_certificates(Arc::new(roots))?);
    Ok((Endpoint::server(server, LOOPBACK)?, client))
}

pub struct Peer {
    pub endpoint: Endpoint,
    pub connection: Connection,
}

pub async fn accept(endpoint: Endpoint) -> Result<Peer, Error> {
    let connection = endpoint.accept().await.context("the endpoint is closed")?.await?;
    Ok(Peer { endpoint, connection })
}

pub async fn connect(endpoint: Endpoint, server: SocketAddr) -> Result<Peer, Error> {
    let connection = endpoint.connect(server, "localhost")?.await?;
    Ok(Peer { endpoint, connection })
}

/// The server waits until its client has left.
pub async fn outlast(server: Peer, _: ExitCase) -> Result<(), Error> {
    let reason = server.connection.closed().await;
    server.endpoint.wait_idle().await;
    Ok(println!("the server is idle: {reason}"))
}

/// The client leaves. Its connection closes when the last handle is dropped.
pub async fn leave(client: Peer, _: ExitCase) -> Result<(), Error> {
    drop(client.connection);
    client.endpoint.wait_idle().await;
    Ok(println!("the client is idle"))
}

/// Answers in capitals, and hangs up at `bye`.
pub async fn serve(connection: &Connection) -> Result<Infallible, Error> {
    loop {
        let (mut answer, mut question) = connection.accept_bi().await?;
        let question = question.read_to_end(1024).await?;
        if question == b"bye" {
            connection.close(VarInt::from_u32(0), b"bye");
            return pending().await; // the client has still to notice
        }
        answer.write_all(&question.to_ascii_uppercase()).await?;
        answer.finish()?;
    }
}

pub async fn ask(connection: &Connection, questions: &[String]) -> Result<(), Error> {
    for question in questions {
        let (mut sender, mut receiver) = connection.open_bi().await?;
        sender.write_all(question.as_bytes()).await?;
        sender.finish()?;
        if question == "bye" {
            return pending().await; // it is the server's turn
        }
        println!("the server answers {}", String::from_utf8(receiver.read_to_end(1024).await?)?);
    }
    Ok(())
}

pub async fn closed(connection: oneshot::Receiver<Connection>) {
    match connection.await {
        Ok(connection) => drop(connection.closed().await),
        Err(_) => pending().await, // there will be no connection
    }
}

/// Asks until there are no questions any more, or until the server hangs up.
pub async fn session(server: Endpoint, client: Endpoint, questions: &[String]) -> Result<(), Error> {
    let address = server.local_addr()?;
    let (watch, watched) = oneshot::channel();
    let result = gather((accept(server).exit_with(outlast), connect(client, address).exit_with(leave)))
        .names(&["server", "client"])
        .fail_fast() // alone, neither of them ends
        .cancel_on(closed(watched))
        .with(async |(server, client)| {
            let _ = watch.send(client.connection.clone());
            select! {
                served = serve(&server.connection) => served.map(|never| match never {}),
                asked = ask(&client.connection, questions) => asked,
            }
        })
        .await;
    match result {
        Err(failure) if matches!(failure.cause, Cause::Cancelled { .. }) => Ok(println!("the session was cancelled")),
        result => Ok(result.map_err(|failure| failure.report())?),
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let (server, client) = endpoints()?;
    session(server, client, &env::args().skip(1).collect::<Vec<_>>()).await
}
