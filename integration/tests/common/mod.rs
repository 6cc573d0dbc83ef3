//! Runs the examples as processes of their own.
#![allow(dead_code)] // each test file uses a part

use std::{
    io::{self, Write},
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    runtime::Runtime,
    time::timeout,
};

/// The longest time that a test waits for an event that must come. No test waits until it is over.
pub const BOUND: Duration = Duration::from_secs(120);

/// Returns the command that runs an example. Cargo becomes the example, so that a signal to the process reaches it.
pub fn example(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["run", "--quiet", "--example", name, "--"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs a test on a runtime of its own.
pub fn run(test: impl Future<Output = ()>) {
    Runtime::new().unwrap().block_on(async { timeout(BOUND, test).await }).expect("in time");
}

/// The output of a program, and its exit code.
#[derive(Debug, PartialEq)]
pub struct Ended {
    pub code: Option<i32>,
    pub lines: Vec<String>,
    pub errors: String,
}

impl Ended {
    pub fn of(output: Output) -> Self {
        let [lines, errors] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        Self { code: output.status.code(), lines: lines.lines().map(str::to_owned).collect(), errors }
    }

    #[track_caller]
    pub fn expect(&self, code: i32, lines: &[&str], errors: &str) {
        assert_eq!(
            (self.code, &*self.lines, &*self.errors),
            (Some(code), &*lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>(), errors)
        );
    }
}

/// Runs an example to its end.
pub async fn output(name: &str, arguments: &[&str]) -> Ended {
    Ended::of(example(name, arguments).output().await.unwrap())
}

/// An example that runs. A test reads its output line by line.
pub struct Running {
    pub process: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        let mut process = command.spawn().unwrap();
        let stdin = process.stdin.take().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, stdin, stdout }
    }

    pub async fn line(&mut self) -> String {
        self.stdout.next_line().await.unwrap().expect("another line")
    }

    /// Lets a program that waits for a line of its input go on.
    pub async fn step(&mut self) {
        self.stdin.write_all(b"\n").await.unwrap();
    }

    /// Returns its exit code, the lines that nobody has read, and its errors.
    pub async fn end(mut self) -> Ended {
        drop(self.stdin);
        let mut lines = Vec::new();
        while let Some(line) = self.stdout.next_line().await.unwrap() {
            lines.push(line);
        }
        Ended { lines, ..Ended::of(self.process.wait_with_output().await.unwrap()) }
    }
}

pub fn skipped(test: &str, why: &str) {
    // This does not use `eprintln!`, because its output is shown only if a test fails.
    io::stderr().write_all(format!("{test} is skipped: {why}\n").as_bytes()).unwrap();
}
