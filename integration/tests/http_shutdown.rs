//! Runs the example `http_shutdown` as a process of its own, with real clients, and sends it SIGTERM.
#![cfg(unix)]

use std::{process::Stdio, time::Duration};

use reqwest::{Body, Client, Response, StatusCode};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStdout, Command},
    sync::mpsc,
    task::JoinHandle,
    time::timeout,
};
use tokio_stream::wrappers::ReceiverStream;

/// The longest time that a test waits for an event that must come. No test waits until it is over.
const BOUND: Duration = Duration::from_secs(120);

struct Service {
    process: Child,
    output: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Service {
    async fn start(arguments: &[&str]) -> Self {
        // Cargo becomes the example, so that the signal reaches the example.
        let mut process = Command::new(env!("CARGO"))
            .args(["run", "--quiet", "--example", "http_shutdown", "--"])
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = output.next_line().await.unwrap().expect("the service starts");
        let address = line.strip_prefix("listening on ").expect(&line);
        Self { process, output, url: format!("http://{address}/words") }
    }

    async fn expect_line(&mut self, expected: &str) {
        assert_eq!(self.output.next_line().await.unwrap().as_deref(), Some(expected));
    }

    /// Posts a text, over a connection of its own.
    async fn post(&self, text: impl Into<Body>) -> reqwest::Result<Response> {
        Client::new().post(&self.url).body(text).send().await
    }

    /// Begins a request whose text is sent bit by bit. Returns the sender of the rest, and the answer.
    async fn begin(&mut self) -> (mpsc::Sender<Result<&'static str, String>>, JoinHandle<reqwest::Result<Response>>) {
        let (sender, text) = mpsc::channel(1);
        let request = Client::new().post(&self.url).body(Body::wrap_stream(ReceiverStream::new(text))).send();
        let answer = tokio::spawn(request);
        sender.send(Ok("one two ")).await.unwrap();
        self.expect_line("POST /words").await; // it is in flight
        (sender, answer)
    }

    /// Sends SIGTERM, and waits until the service refuses connections.
    async fn terminate(&mut self) {
        let pid = self.process.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        self.expect_line("SIGTERM").await;
        // Connections that are taken just before the listener is closed send nothing.
        let address = self.url.trim_start_matches("http://").trim_end_matches("/words");
        while TcpStream::connect(address).await.is_ok() {}
        let refused = self.post("refused").await.unwrap_err();
        let message = format!("{refused:?}");
        assert!(message.contains("ConnectionRefused"), "{message}");
    }

    /// Returns its exit code, the rest of its output, and its errors.
    async fn end(self) -> (Option<i32>, Vec<String>, String) {
        let Self { process, mut output, .. } = self;
        let mut lines = Vec::new();
        while let Some(line) = output.next_line().await.unwrap() {
            lines.push(line);
        }
        let ended = process.wait_with_output().await.unwrap();
        (ended.status.code(), lines, String::from_utf8(ended.stderr).unwrap())
    }
}

#[tokio::test]
async fn a_request_in_flight_is_answered() {
    let test = async {
        let mut service = Service::start(&[]).await;
        assert_eq!(service.post("a b c d").await.unwrap().text().await.unwrap(), "4");
        service.expect_line("POST /words").await;

        let (rest, answer) = service.begin().await;
        service.terminate().await;
        rest.send(Ok("three")).await.unwrap();
        drop(rest);
        let answer = answer.await.unwrap().unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.text().await.unwrap(), "3");

        let (code, mut lines, errors) = service.end().await;
        lines.sort(); // the last connection may end after the worker has nobody left to serve
        assert_eq!(lines, ["metrics: 2 requests, 7 words", "the server is released", "the worker is released"]);
        assert_eq!(errors, "");
        assert_eq!(code, Some(0));
    };
    timeout(BOUND, test).await.expect("in time");
}

/// A client never ends its request. The server is cut off at its deadline, and the error names it. The other parts are
/// released.
#[tokio::test]
async fn a_request_that_hangs_is_cut_off() {
    let test = async {
        let mut service = Service::start(&["2000"]).await;
        let (_rest, answer) = service.begin().await;
        service.terminate().await;
        assert_eq!(answer.await.unwrap().unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);

        let (code, lines, errors) = service.end().await;
        assert_eq!(lines, ["the worker is released", "metrics: 0 requests, 0 words"]);
        assert_eq!(errors, "cancelled; exit of server failed: not released within 2s\n");
        assert_eq!(code, Some(1));
    };
    timeout(BOUND, test).await.expect("in time");
}
