//! Draws what happens in a gather. Each picture is the recording of a real run. Its clock counts ticks, and nobody
//! waits for it.
//!
//! `cargo run --example timeline -- svg docs/timeline` writes the pictures into a folder. To draw a gather of your own,
//! copy the two files in `timeline/`, and read the docs of the `Recorder`.
//!
//! ```text
//! $ cargo run --example timeline
//! > enters   = is held   # runs   < exits   x is broken off
//!
//! pool: gather([db, cache, broker]).with(body)
//! db      >>>>>>>>>>==========<<<<<<   receives Completed
//! cache   >>>>================<<<<     receives Completed
//! broker  >>>>>>==============<<<<<<<< receives Completed
//! body              ##########
//! tick 5: all have entered
//! tick 10: the body has ended
//! the gather returns Ok(())
//!
//! stack: gather([db, cache, broker]).stack().with(body)
//! db      >>>>>>>>>>==========<<<<<<             receives Completed
//! cache   >>>>==============================<<<< receives Completed
//! broker  >>>>>>====================<<<<<<<<     receives Completed
//! body              ##########
//! tick 5: all have entered
//! tick 10: the body has ended
//! the gather returns Ok(())
//!
//! failed_enter: gather([db, cache, broker]).with(body)
//! db      >>>>>>>>>><<<<<< receives EnterFailed
//! cache   >>>>======<<<<   receives EnterFailed
//! broker  >>>>>x           fails
//! body                     is not called
//! tick 3: broker cannot be entered
//! tick 5: the exits start
//! the gather returns an error: enter of broker failed: no route
//!
//! fail_fast: gather([db, cache, broker]).fail_fast().with(body)
//! db      >>>>>x     is dropped
//! cache   >>>>==<<<< receives EnterFailed
//! broker  >>>>>x     fails
//! body               is not called
//! tick 3: broker cannot be entered
//! the gather returns an error: enter of broker failed: no route
//!
//! shield: gather([db, cache, broker]).shield().with(body).on_drop(spawn)
//! db      >>>>>>>>>>========<<<<<<   receives Cancelled
//! cache   >>>>==============<<<<     receives Cancelled
//! broker  >>>>>>============<<<<<<<< receives Cancelled
//! body              #######x         is dropped
//! tick 5: all have entered
//! tick 9: the future is dropped
//! the cleanup returns Ok(())
//! ```

use std::{env, error::Error, fmt::Display, fs, future::pending, io, path::Path};

use gather_cm::{Exit, ExitCase, gather};

use timeline::{
    draw,
    recorder::{Recorder, Timeline},
};

mod timeline {
    pub mod draw;
    pub mod recorder;
}

// ---- The members ----------------------------------------------------------------------------------------------------

const NAMES: [&str; 3] = ["db", "cache", "broker"];

struct Server {
    index: usize,
    exit_ticks: u32,
    recorder: Recorder,
}

async fn connect(
    index: usize,
    [enter_ticks, exit_ticks]: [u32; 2],
    result: io::Result<()>,
    recorder: Recorder,
) -> io::Result<Server> {
    recorder.clock.sleep(enter_ticks).await;
    result.map(|()| Server { index, exit_ticks, recorder })
}

impl Exit for Server {
    type Error = io::Error;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> io::Result<()> {
        self.recorder.receives(self.index, case);
        self.recorder.clock.sleep(self.exit_ticks).await;
        self.recorder.finishes(self.index);
        Ok(())
    }
}

/// These are three servers that differ in the ticks that they take to enter and to exit. The broker's enter may fail.
fn servers(broker: io::Result<()>, recorder: &Recorder) -> [impl Future<Output = io::Result<Server>> + use<>; 3] {
    let [one, two, three] = [(); 3].map(|()| recorder.clone());
    [connect(0, [5, 3], Ok(()), one), connect(1, [2, 2], Ok(()), two), connect(2, [3, 4], broker, three)]
}

// ---- The scenes -----------------------------------------------------------------------------------------------------

/// A scene runs a gather, and says what it returned.
struct Scene {
    name: &'static str,
    title: &'static str,
    code: &'static str,
    run: fn(&Recorder) -> String,
}

const SCENES: [Scene; 5] = [
    Scene {
        name: "pool",
        title: "A pool: the members enter together and exit together",
        code: "gather([db, cache, broker]).with(body)",
        run: |recorder| {
            let group = gather(servers(Ok(()), recorder)).names(&NAMES).observe(recorder.observer());
            let future = group.with(async |_| Ok(recorder.clock.sleep(5).await));
            outcome("the gather", recorder.clock.run(future, u32::MAX))
        },
    },
    Scene {
        name: "stack",
        title: "A stack: the exits run one at a time, last entered first",
        code: "gather([db, cache, broker]).stack().with(body)",
        run: |recorder| {
            let group = gather(servers(Ok(()), recorder)).names(&NAMES).observe(recorder.observer()).stack();
            let future = group.with(async |_| Ok(recorder.clock.sleep(5).await));
            outcome("the gather", recorder.clock.run(future, u32::MAX))
        },
    },
    Scene {
        name: "failed_enter",
        title: "A failed enter: the other enters run to their end, then the exits run",
        code: "gather([db, cache, broker]).with(body)",
        run: |recorder| {
            let no_route = Err(io::Error::other("no route"));
            let group = gather(servers(no_route, recorder)).names(&NAMES).observe(recorder.observer());
            outcome("the gather", recorder.clock.run(group.with(async |_| Ok(())), u32::MAX))
        },
    },
    Scene {
        name: "fail_fast",
        title: "Fail fast: a failed enter drops the pending enters",
        code: "gather([db, cache, broker]).fail_fast().with(body)",
        run: |recorder| {
            let no_route = Err(io::Error::other("no route"));
            let group = gather(servers(no_route, recorder)).names(&NAMES).observe(recorder.observer()).fail_fast();
            outcome("the gather", recorder.clock.run(group.with(async |_| Ok(())), u32::MAX))
        },
    },
    Scene {
        name: "shield",
        title: "A shield: the future is dropped, and the exits run all the same",
        code: "gather([db, cache, broker]).shield().with(body).on_drop(spawn)",
        run: |recorder| {
            let mut spawned = None;
            let group = gather(servers(Ok(()), recorder)).names(&NAMES).observe(recorder.observer()).shield();
            let future = group.with(async |_| pending::<io::Result<()>>().await);
            recorder.clock.run(future.on_drop(|cleanup| spawned = Some(cleanup)), 9);
            outcome("the cleanup", spawned.and_then(|cleanup| recorder.clock.run(cleanup, u32::MAX)))
        },
    },
];

fn outcome<E: Display>(what: &str, result: Option<Result<(), E>>) -> String {
    match result {
        Some(Ok(())) => format!("{what} returns Ok(())"),
        Some(Err(failure)) => format!("{what} returns an error: {failure}"),
        None => format!("{what} is dropped"),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let folder = match &*arguments {
        [] => None,
        [format, folder] if format == "svg" => Some(Path::new(folder)),
        _ => return Err("usage: timeline [svg FOLDER]".into()),
    };
    if folder.is_none() {
        println!("> enters   = is held   # runs   < exits   x is broken off");
    }
    for scene in &SCENES {
        let recorder = Recorder::default();
        let result = (scene.run)(&recorder);
        let timeline = Timeline::new(&NAMES, &recorder);
        match folder {
            Some(folder) => fs::write(
                folder.join(scene.name).with_extension("svg"),
                draw::svg(scene.title, scene.code, &timeline, &result),
            )?,
            None => print!("\n{}: {}\n{}{result}\n", scene.name, scene.code, draw::text(&timeline)),
        }
    }
    Ok(())
}
