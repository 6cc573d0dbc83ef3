//! Asks a small web server several questions over one connection of hyper. The program spawns nothing.
//!
//! hyper returns a `SendRequest` along with a `Connection` that somebody must poll, and so the client is `driven`. The
//! server is driven, too: its driver is the future of `axum::serve`, which ends by itself when the handle is dropped.
//! (axum spawns a task for each connection.) The client needs the server, so its group is inside of the server's body.
//!
//! ```text
//! $ cargo run -p gather-cm-integration --example http_client -- / /nowhere
//! 200 OK: hello
//! 404 Not Found:
//! the client has ended
//! the server has ended
//! ```

use std::{env, error, future::Future, io, net::SocketAddr};

use axum::{Router, routing::get};
use gather_cm::{EnterExt, gather};
use http_body_util::{BodyExt, Empty};
use hyper::{
    Request,
    body::Bytes,
    client::conn::http1::{self, Connection, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

pub type Error = Box<dyn error::Error + Send + Sync>;

pub struct Server {
    address: SocketAddr,
    /// The server shuts down when this is dropped.
    _stop: oneshot::Sender<()>,
}

pub async fn serve() -> Result<(Server, impl Future<Output = io::Result<()>> + Unpin), Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel();
    let app = Router::new().route("/", get(async || "hello"));
    let served = axum::serve(listener, app).with_graceful_shutdown(async { drop(stopped.await) });
    let driver = async {
        served.await?;
        println!("the server has ended");
        Ok(())
    };
    Ok((Server { address, _stop: stop }, Box::pin(driver)))
}

type Client = SendRequest<Empty<Bytes>>;

pub async fn connect(address: SocketAddr) -> Result<(Client, Connection<TokioIo<TcpStream>, Empty<Bytes>>), Error> {
    let stream = TcpStream::connect(address).await?;
    Ok(http1::handshake(TokioIo::new(stream)).await?)
}

async fn ask(client: &mut Client, path: &str) -> Result<(), Error> {
    let question = Request::get(path).header("host", "localhost").body(Empty::new())?;
    let answer = client.send_request(question).await?;
    let status = answer.status();
    let text = answer.into_body().collect().await?.to_bytes();
    println!("{}", format!("{status}: {}", String::from_utf8_lossy(&text)).trim_end());
    Ok(())
}

async fn run(paths: impl Iterator<Item = String>) -> Result<(), Error> {
    let server = serve().driven().drop_on_exit().to_end();
    let asked = gather((server,))
        .names(&["server"])
        .with(async |(server,)| {
            let client = connect(server.address).driven().drop_on_exit().to_end();
            let asked = gather((client,)).names(&["client"]).with(async |(client,)| {
                for path in paths {
                    ask(client, &path).await?;
                }
                Ok(())
            });
            asked.await.map_err(|failure| failure.report())?;
            println!("the client has ended");
            Ok(())
        })
        .await;
    Ok(asked.map_err(|failure| failure.report())?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(env::args().skip(1)).await
}
