//! Which members are still in flight? `Gather::observe` tells you. Here each member has a progress bar (indicatif), and
//! a span for each of its phases (tracing).
//!
//! ```text
//! cargo run -p gather-cm-integration --example progress            # in a terminal: bars
//! cargo run -p gather-cm-integration --example progress -- spans   # a line as each span closes
//! ```

use std::{convert::Infallible, time::Duration};

use gather_cm::{EnterExt, Event, ExitCase, gather};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tracing::{Span, info_span};
use tracing_subscriber::fmt::format::FmtSpan;

const NAMES: [&str; 3] = ["database", "broker", "search"];

/// A bar for each member, which spins while the member enters or exits.
struct Bars(Vec<ProgressBar>);

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::new();
        let style = ProgressStyle::with_template("{prefix:>10} {spinner} {elapsed} {msg}").expect("a template");
        let bar = |name| all.add(ProgressBar::new_spinner().with_style(style.clone()).with_prefix(name));
        Self(NAMES.map(bar).into())
    }

    fn tell(&self, event: Event) {
        match event {
            Event::EnterStarted { index, .. } => self.spin(index, "starts"),
            Event::Entered { index, .. } => self.rest(index, "is up"),
            Event::EnterFailed { index, .. } => self.0[index].abandon_with_message("did not start"),
            Event::ExitStarted { index, .. } => self.spin(index, "shuts down"),
            Event::Exited { index, .. } => self.0[index].finish_with_message("is down"),
            Event::EnterDropped { index, .. }
            | Event::ExitDropped { index, .. }
            | Event::ExitFailed { index, .. }
            | Event::Abandoned { index, .. } => self.0[index].abandon_with_message("was not shut down"),
            _ => {}
        }
    }

    fn spin(&self, index: usize, message: &'static str) {
        self.0[index].reset_elapsed();
        self.0[index].set_message(message);
        self.0[index].enable_steady_tick(Duration::from_millis(80));
    }

    fn rest(&self, index: usize, message: &'static str) {
        self.0[index].disable_steady_tick();
        self.0[index].set_message(message);
    }
}

/// A span for each member that is in flight. It closes when the next event of its member replaces it.
struct Spans([Span; NAMES.len()]);

impl Spans {
    fn tell(&mut self, event: Event) {
        let (index, span) = match event {
            Event::EnterStarted { index, .. } => (index, info_span!("enter", member = NAMES[index])),
            Event::Entered { index, .. } => (index, info_span!("held", member = NAMES[index])),
            Event::ExitStarted { index, .. } => (index, info_span!("exit", member = NAMES[index])),
            Event::EnterFailed { index, .. }
            | Event::EnterDropped { index, .. }
            | Event::Exited { index, .. }
            | Event::ExitFailed { index, .. }
            | Event::ExitDropped { index, .. }
            | Event::Abandoned { index, .. } => (index, Span::none()),
            Event::BodyEnded { case, .. } => return tracing::info!(?case, "the body has ended"),
            _ => return,
        };
        self.0[index] = span;
    }
}

#[tokio::main]
async fn main() {
    let mut spans = None;
    if std::env::args().nth(1).as_deref() == Some("spans") {
        tracing_subscriber::fmt().with_span_events(FmtSpan::CLOSE).with_ansi(false).with_writer(std::io::stdout).init();
        spans = Some(Spans([const { Span::none() }; NAMES.len()]));
    }
    let bars = Bars::new();
    let service = |millis: u64| {
        let work = move || tokio::time::sleep(Duration::from_millis(millis));
        async move { Ok::<_, Infallible>(work().await) }.exit_with(async move |(), _: ExitCase| Ok(work().await))
    };
    gather([service(700), service(300), service(500)])
        .observe(|event| match &mut spans {
            Some(spans) => spans.tell(event),
            None => bars.tell(event),
        })
        .with(async |_| Ok(tokio::time::sleep(Duration::from_millis(200)).await))
        .await
        .expect("nothing fails here");
    if spans.is_none() {
        // Without a terminal, the bars are not drawn.
        bars.0.iter().for_each(|bar| println!("{} {}", bar.prefix(), bar.message()));
    }
}
