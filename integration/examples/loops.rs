//! A service has three background loops, which are one group. The loop that fails first stops the others, and the error
//! names it.
//!
//! Each loop is a driven member, and its handle is its name. The body waits for ever. Ctrl-C stops the group by
//! `cancel_on`. Nothing is spawned, so the loops may borrow.
//!
//! ```text
//! $ cargo run -p gather-cm-integration --example loops
//! listening on 127.0.0.1:42107
//! the sum is 17
//! the sum is 25
//! listen stops: Lost
//! sum stops: Lost
//! print stops: Lost
//! Error: driver of sum failed:
//!   invalid digit found in string
//! ```

use std::{error, future::pending};

use gather_cm::{Cause, EnterExt, Member, gather};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    signal::ctrl_c,
    sync::mpsc::{Receiver, Sender, channel},
};

pub type Error = Box<dyn error::Error + Send + Sync>;

/// Passes on the lines of each client.
async fn listen(lines: Sender<String>) -> Result<(), Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (client, _) = listener.accept().await?;
        let mut read = BufReader::new(client).lines();
        while let Some(line) = read.next_line().await? {
            lines.send(line).await?;
        }
    }
}

async fn sum(mut lines: Receiver<String>, sums: Sender<u32>) -> Result<(), Error> {
    let mut sum = 0;
    while let Some(line) = lines.recv().await {
        sum += line.parse::<u32>()?;
        sums.send(sum).await?;
    }
    Ok(())
}

async fn print(mut sums: Receiver<u32>) {
    while let Some(sum) = sums.recv().await {
        println!("the sum is {sum}");
    }
}

/// Makes a member whose handle is its name, and whose driver is the loop.
pub fn background<D>(name: &'static str, driver: D) -> impl Member<Value = &'static str, Error = Error>
where
    D: Future<Output: gather_cm::DriverOutput<Error>>,
{
    async move { Ok((name, Box::pin(driver))) }.driven().exit_with(async |name, case| {
        println!("{name} stops: {case:?}");
        Ok(())
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (lines, lines_read) = channel(16);
    let (sums, sums_made) = channel(16);
    let loops = (
        background("listen", listen(lines)),
        background("sum", sum(lines_read, sums)),
        background("print", print(sums_made)),
    );
    let served = gather(loops).names(&["listen", "sum", "print"]).cancel_on(ctrl_c());
    match served.with(async |_| pending::<Result<(), _>>().await).await {
        Err(failure) if matches!(failure.cause, Cause::Cancelled { .. }) && failure.exits.is_empty() => Ok(()),
        served => Ok(served.map_err(|failure| failure.report())?),
    }
}
