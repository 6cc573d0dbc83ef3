//! A recorder writes down what happens in a gather, and when. A timeline sorts the records by member.

use std::{
    cell::{Cell, RefCell},
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use gather_cm::{Event, ExitCase};
use smol::future::yield_now;

/// A clock that nobody waits for. Its time goes on by one tick when everything is pending.
#[derive(Clone, Default)]
pub struct Clock(Rc<Cell<u32>>);

impl Clock {
    pub fn now(&self) -> u32 {
        self.0.get()
    }

    pub async fn sleep(&self, ticks: u32) {
        let end = self.now() + ticks;
        while self.now() < end {
            yield_now().await;
        }
    }

    /// Polls the future once a tick. If it is still pending at tick `end`, it is dropped.
    pub fn run<F: Future>(&self, future: F, end: u32) -> Option<F::Output> {
        let mut future = pin!(future);
        while self.now() < end {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return Some(output);
            }
            self.0.set(self.now() + 1);
        }
        None
    }
}

/// Records what happens in a gather, and when.
///
/// You can record a gather of your own:
///
/// 1. Pass [`observer`](Self::observer) to `Gather::observe`.
/// 2. Call [`receives`](Self::receives) when an exit begins, and [`finishes`](Self::finishes) when it ends. Without
///    these calls, the picture shows no cases, and no exits that a shield has handed over.
/// 3. If the picture should show real time, let [`Clock::now`] return milliseconds.
#[derive(Clone, Default)]
pub struct Recorder {
    pub clock: Clock,
    records: Rc<RefCell<Vec<(u32, Record)>>>,
}

#[derive(Clone, Copy)]
enum Record {
    Event(Event),
    // The two that a resource tells of itself:
    Receives { index: usize, case: ExitCase },
    Finishes { index: usize },
}

impl Recorder {
    fn record(&self, record: Record) {
        self.records.borrow_mut().push((self.clock.now(), record));
    }

    pub fn observer(&self) -> impl FnMut(Event) + use<> {
        let recorder = self.clone();
        move |event| recorder.record(Record::Event(event))
    }

    pub fn receives(&self, index: usize, case: ExitCase) {
        self.record(Record::Receives { index, case });
    }

    pub fn finishes(&self, index: usize) {
        self.record(Record::Finishes { index });
    }
}

#[derive(Clone, Copy, PartialEq)]
pub enum Phase {
    Enter,
    Held,
    Body,
    Exit,
}

pub struct Span {
    pub phase: Phase,
    pub from: u32,
    pub to: Option<u32>,
    /// An exit receives it.
    pub case: Option<ExitCase>,
    /// This says how the span ends if it is broken off.
    pub broken: Option<&'static str>,
}

/// A member or the body goes from phase to phase.
pub struct Row {
    pub name: &'static str,
    pub spans: Vec<Span>,
}

impl Row {
    fn begin(&mut self, now: u32, phase: Phase) {
        self.end(now, None);
        self.spans.push(Span { phase, from: now, to: None, case: None, broken: None });
    }

    fn end(&mut self, now: u32, broken: Option<&'static str>) {
        if let Some(last) = self.spans.last_mut() {
            last.to.get_or_insert(now);
            last.broken = last.broken.or(broken);
        }
    }

    fn receive(&mut self, now: u32, case: ExitCase) {
        if self.spans.last().is_none_or(|last| last.phase != Phase::Exit) {
            self.begin(now, Phase::Exit); // it was handed over, so there is no event
        }
        if let Some(last) = self.spans.last_mut() {
            last.case = Some(case);
        }
    }
}

pub struct Timeline {
    /// The last row is the body's.
    pub rows: Vec<Row>,
    /// A mark names a tick at which the gather goes on to something else.
    pub marks: Vec<(u32, String)>,
    pub handed_over: Option<u32>,
    pub end: u32,
}

impl Timeline {
    pub fn new(names: &[&'static str], recorder: &Recorder) -> Self {
        let records = recorder.records.borrow();
        let body = names.len();
        let mut rows: Vec<_> = names.iter().chain(&["body"]).map(|name| Row { name, spans: Vec::new() }).collect();
        let (mut marks, mut handed_over) = (Vec::new(), None);
        for &(now, record) in &*records {
            let event = match record {
                Record::Event(event) => event,
                Record::Receives { index, case } => {
                    rows[index].receive(now, case);
                    continue;
                }
                Record::Finishes { index } => {
                    rows[index].end(now, None);
                    continue;
                }
            };
            match event {
                Event::EnterStarted { index, .. } => rows[index].begin(now, Phase::Enter),
                Event::Entered { index, .. } => rows[index].begin(now, Phase::Held),
                Event::BodyStarted { .. } => rows[body].begin(now, Phase::Body),
                Event::BodyEnded { .. } => rows[body].end(now, None),
                Event::BodyDropped { .. } => rows[body].end(now, Some("is dropped")),
                Event::ExitStarted { index, .. } => rows[index].begin(now, Phase::Exit),
                Event::Exited { index, .. } => rows[index].end(now, None),
                Event::EnterFailed { index, .. } | Event::ExitFailed { index, .. } => {
                    rows[index].end(now, Some("fails"));
                }
                Event::EnterDropped { index, .. } | Event::ExitDropped { index, .. } => {
                    rows[index].end(now, Some("is dropped"));
                }
                Event::Abandoned { index, .. } => rows[index].end(now, Some("is abandoned")),
                Event::TakenOut { index, .. } => rows[index].end(now, Some("is taken out")),
                Event::HandedOver { .. } => handed_over = Some(now),
                _ => {}
            }
            let mark = match event {
                Event::EnterFailed { index, .. } => format!("{} cannot be entered", names[index]),
                Event::BodyStarted { .. } => "all have entered".into(),
                Event::BodyEnded { .. } => "the body has ended".into(),
                Event::ExitStarted { .. } if rows[body].spans.is_empty() => "the exits start".into(),
                Event::HandedOver { .. } => "the future is dropped".into(),
                _ => continue,
            };
            if marks.iter().all(|(tick, text)| *tick != now && *text != mark) {
                marks.push((now, mark));
            }
        }
        for row in &mut rows {
            row.spans.retain(|span| span.phase != Phase::Held || span.to != Some(span.from));
        }
        Self { rows, marks, handed_over, end: records.last().map_or(0, |&(now, _)| now) }
    }
}
