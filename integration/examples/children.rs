//! Two child processes are in one group. The group kills both and waits for both, whatever happens. A drop kills both
//! at once.
//!
//! ```text
//! $ cargo run -p gather-cm-integration --example children -- cat cat
//! first is process 4711, second is process 4712
//! first answers one
//! second answers two
//! process 4711 has ended: signal: 9 (SIGKILL)
//! process 4712 has ended: signal: 9 (SIGKILL)
//! $ cargo run -p gather-cm-integration --example children -- cat no-such-program
//! process 4713 has ended: signal: 9 (SIGKILL)
//! Error: enter of second failed:
//!   No such file or directory (os error 2)
//! ```
//!
//! `kill_on_drop` alone would kill both, too, but wait for neither. A process that nobody has waited for may still hold
//! its port, its lock or its file when the next one starts.

use std::{env, error::Error, io, process::Stdio};

use gather_cm::{EnterExt, ExitCase, Report, gather};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, stdin},
    process::{Child, Command},
    select, try_join,
};

pub async fn start(program: &str) -> io::Result<Child> {
    Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
}

pub async fn stop(mut child: Child, _: ExitCase) -> io::Result<()> {
    let id = child.id();
    child.start_kill()?;
    let status = child.wait().await?;
    if let Some(id) = id {
        println!("process {id} has ended: {status}");
    }
    Ok(())
}

fn kill(mut child: Child) {
    let _ = child.start_kill(); // it fails if the process has ended
}

/// Sends a line to a filter, and returns its answer.
pub async fn ask(child: &mut Child, line: &str) -> io::Result<String> {
    let (Some(stdin), Some(stdout)) = (&mut child.stdin, &mut child.stdout) else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    stdin.write_all(format!("{line}\n").as_bytes()).await?;
    let mut answer = String::new();
    if BufReader::new(stdout).read_line(&mut answer).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(answer.trim_end().to_owned())
}

pub async fn talk(first: &str, second: &str, linger: bool) -> Result<(), Report> {
    let child = |program| start(program).exit_with(stop).abandon_with(kill);
    gather((child(first), child(second)))
        .names(&["first", "second"])
        .with(async |(first, second)| {
            if let (Some(first), Some(second)) = (first.id(), second.id()) {
                println!("first is process {first}, second is process {second}");
            }
            let (one, two) = try_join!(ask(first, "one"), ask(second, "two"))?;
            println!("first answers {one}\nsecond answers {two}");
            if linger { std::future::pending().await } else { Ok(()) }
        })
        .await
        .map_err(|failure| failure.report())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [first, second, rest @ ..] = &*arguments else { return Err("usage: children PROGRAM PROGRAM [drop]".into()) };
    if rest.is_empty() {
        return Ok(talk(first, second, false).await?);
    }
    // Each line of the input is a step. The first one drops the future, and the second one ends the program.
    let mut steps = BufReader::new(stdin()).lines();
    select! {
        talked = talk(first, second, true) => return Ok(talked?),
        step = steps.next_line() => drop(step?),
    }
    println!("dropped");
    steps.next_line().await?;
    Ok(())
}
