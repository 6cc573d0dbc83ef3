//! An HTTP service has three parts. On SIGTERM they are released together, each with a deadline.
//!
//! The server passes each request's text to a worker. The worker counts its words, returns the number for the answer,
//! and tells the metrics. On SIGTERM the exits of all three parts begin at once. The server answers the requests that
//! are in flight, and takes no new ones. The worker ends when nobody can send it a text any more, and the metrics are
//! flushed when nobody can add to them. The channels between the parts put this in order. A part that hangs is cut off
//! at its own deadline.
//!
//! ```text
//! $ cargo run -p gather-cm-integration --example http_shutdown
//! listening on 127.0.0.1:41237
//! POST /words                        (curl -d 'one two three' 127.0.0.1:41237/words)
//! SIGTERM                            (kill -TERM ..)
//! the server is released
//! the worker is released
//! metrics: 1 requests, 3 words
//! ```

#[cfg(not(unix))]
fn main() {
    eprintln!("this example needs Unix signals");
}

#[cfg(unix)]
#[tokio::main]
async fn main() -> std::process::ExitCode {
    unix::main().await
}

#[cfg(unix)]
mod unix {
    use std::{convert::Infallible, env, future::pending, io, net::SocketAddr, process::ExitCode, time::Duration};

    use axum::{
        Router,
        extract::{Request, State},
        http::StatusCode,
        middleware::{Next, from_fn_with_state},
        response::{IntoResponse, Response},
        routing::post,
    };
    use gather_cm::{Cause, EnterExt, Exit, ExitCase, gather};
    use tokio::{
        net::TcpListener,
        signal::unix::{SignalKind, signal},
        sync::{mpsc, oneshot},
        time::sleep,
    };
    use tokio_util::{
        sync::{CancellationToken, DropGuard},
        task::AbortOnDropHandle,
    };

    /// A text, and the channel for its number of words.
    type Job = (String, oneshot::Sender<usize>);
    type Task = AbortOnDropHandle<io::Result<()>>;

    /// If the server is dropped, for example at its deadline, it cuts off the requests that are in flight.
    struct Server {
        address: SocketAddr,
        stop: oneshot::Sender<()>,
        task: Task,
        _cut: DropGuard,
    }

    async fn start_server(jobs: mpsc::Sender<Job>) -> io::Result<Server> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let cut = CancellationToken::new();
        let app = Router::new()
            .route("/words", post(count_words))
            .layer(from_fn_with_state(cut.clone(), until_cut))
            .with_state(jobs);
        let (stop, stopped) = oneshot::channel();
        let server = axum::serve(listener, app).with_graceful_shutdown(async { stopped.await.unwrap_or_default() });
        let task = AbortOnDropHandle::new(tokio::spawn(server.into_future()));
        Ok(Server { address, stop, task, _cut: cut.drop_guard() })
    }

    impl Exit for Server {
        type Error = io::Error;
        type Verdict = ();

        async fn exit(self, _: ExitCase) -> io::Result<()> {
            let _ = self.stop.send(()); // a server that has ended listens no more
            self.task.await??;
            println!("the server is released");
            Ok(())
        }
    }

    async fn until_cut(State(cut): State<CancellationToken>, request: Request, next: Next) -> Response {
        println!("{} {}", request.method(), request.uri());
        tokio::select! {
            response = next.run(request) => response,
            () = cut.cancelled() => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }

    async fn count_words(State(jobs): State<mpsc::Sender<Job>>, text: String) -> Result<String, StatusCode> {
        let (answer, answered) = oneshot::channel();
        jobs.send((text, answer)).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        let count = answered.await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        Ok(count.to_string())
    }

    /// Works until nobody can send it a job any more.
    async fn work(mut jobs: mpsc::Receiver<Job>, metrics: mpsc::Sender<usize>) -> io::Result<()> {
        while let Some((text, answer)) = jobs.recv().await {
            let count = text.split_whitespace().count();
            let _ = answer.send(count); // the client may have gone
            metrics.send(count).await.map_err(io::Error::other)?;
        }
        println!("the worker is released");
        Ok(())
    }

    /// Collects until there is nothing left to measure, and flushes.
    async fn measure(mut metrics: mpsc::Receiver<usize>) -> io::Result<()> {
        let (mut requests, mut words) = (0, 0);
        while let Some(count) = metrics.recv().await {
            requests += 1;
            words += count;
        }
        println!("metrics: {requests} requests, {words} words");
        Ok(())
    }

    async fn start_task(work: impl Future<Output = io::Result<()>> + Send + 'static) -> io::Result<Task> {
        Ok(AbortOnDropHandle::new(tokio::spawn(work)))
    }

    async fn join(task: Task, _: ExitCase) -> io::Result<()> {
        task.await?
    }

    /// Returns the error of a part that is too late.
    async fn too_late(deadline: Duration) -> io::Error {
        sleep(deadline).await;
        io::Error::new(io::ErrorKind::TimedOut, format!("not released within {deadline:?}"))
    }

    pub async fn main() -> ExitCode {
        let grace = env::args().nth(1).map_or(5000, |millis| millis.parse().expect("milliseconds"));
        let grace = Duration::from_millis(grace);
        let mut terminate = signal(SignalKind::terminate()).expect("a handler");
        let (job_sender, jobs) = mpsc::channel(64);
        let (metric_sender, metrics) = mpsc::channel(64);

        let server = start_server(job_sender).exit_within(async || too_late(grace).await);
        // After a server is cut off, the other parts still have time to end.
        let worker =
            start_task(work(jobs, metric_sender)).exit_with(join).exit_within(async || too_late(grace * 2).await);
        let metrics = start_task(measure(metrics)).exit_with(join).exit_within(async || too_late(grace * 3).await);

        let Err(failure) = gather((server, worker, metrics))
            .names(&["server", "worker", "metrics"])
            .cancel_on(async {
                terminate.recv().await;
                println!("SIGTERM");
            })
            .with(async |(server, _, _)| {
                println!("listening on {}", server.address);
                pending::<Result<Infallible, _>>().await
            })
            .await;
        if matches!(failure.cause, Cause::Cancelled { .. }) && failure.exits.is_empty() {
            return ExitCode::SUCCESS;
        }
        eprintln!("{failure}");
        ExitCode::FAILURE
    }
}
