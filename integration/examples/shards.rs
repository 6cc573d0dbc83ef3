//! Forty files are in one group. They receive their names only if all of them were written.
//!
//! The body writes each file under another name. If it completes, each exit syncs its file to the disk and renames it.
//! If it fails, or if a file cannot be created, each exit removes its file. At most eight files are opened, and at most
//! eight synced, at the same time, because a disk is not quicker with forty requests.
//!
//! ```text
//! $ cargo run -p gather-cm-integration --example shards -- /tmp/shards
//! 40 files are written, at most 8 opened and 8 synced at once
//! ```

use std::{
    env,
    io::{self, ErrorKind::InvalidInput},
    path::{Path, PathBuf},
    process::ExitCode,
};

use gather_cm::{EnterExt, Event, ExitCase, Origin, gather};
use tokio::{
    fs::{self, File},
    io::AsyncWriteExt,
};

pub const COUNT: usize = 40;
pub const LIMIT: usize = 8;

pub struct Shard {
    pub file: File,
    part: PathBuf,
    path: PathBuf,
}

pub async fn create(path: PathBuf) -> io::Result<Shard> {
    let part = path.with_extension("part");
    Ok(Shard { file: File::create_new(&part).await?, part, path })
}

pub async fn finish(mut shard: Shard, case: ExitCase) -> io::Result<()> {
    if case != ExitCase::Completed {
        return fs::remove_file(shard.part).await;
    }
    shard.file.flush().await?;
    shard.file.sync_all().await?;
    fs::rename(shard.part, shard.path).await
}

fn remove(shard: Shard) {
    let _ = std::fs::remove_file(shard.part); // nobody is left to receive the error
}

/// Counts how many were in flight at most.
#[derive(Default)]
pub struct Peak {
    pub now: usize,
    pub most: usize,
}

impl Peak {
    pub fn add(&mut self) {
        self.now += 1;
        self.most = self.most.max(self.now);
    }
}

/// Writes `text`, spread over the shards, and returns the peaks of opening and syncing.
pub async fn write(folder: &Path, text: &[&str]) -> Result<(usize, usize), String> {
    let path = |index| folder.join(format!("shard-{index:02}"));
    let (mut opening, mut syncing) = (Peak::default(), Peak::default());
    gather((0..COUNT).map(|index| create(path(index)).exit_with(finish).abandon_with(remove)).collect::<Vec<_>>())
        .enter_limit(LIMIT)
        .exit_limit(LIMIT)
        .observe(|event| match event {
            Event::EnterStarted { .. } => opening.add(),
            Event::Entered { .. } | Event::EnterFailed { .. } => opening.now -= 1,
            Event::ExitStarted { .. } => syncing.add(),
            Event::Exited { .. } | Event::ExitFailed { .. } => syncing.now -= 1,
            _ => {}
        })
        .with(async |shards| {
            for (shard, line) in shards.iter_mut().zip(text) {
                let line = line.strip_prefix("line ").ok_or_else(|| io::Error::new(InvalidInput, "not a line"))?;
                shard.file.write_all(line.as_bytes()).await?;
            }
            Ok(())
        })
        .await
        .map_err(|failure| {
            // The names of the files are known only at run time.
            let told = failure.errors().map(|(origin, error)| match origin {
                Origin::Enter(who) | Origin::Exit(who) => format!("{}: {error}\n", path(who.index()).display()),
                _ => format!("{error}\n"),
            });
            told.collect::<String>()
        })?;
    Ok((opening.most, syncing.most))
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(folder) = env::args_os().nth(1) else {
        eprintln!("usage: shards FOLDER [LINE..]");
        return ExitCode::FAILURE;
    };
    let lines: Vec<_> = env::args().skip(2).collect();
    match write(folder.as_ref(), &lines.iter().map(String::as_str).collect::<Vec<_>>()).await {
        Ok((opened, synced)) => {
            println!("{COUNT} files are written, at most {opened} opened and {synced} synced at once");
            ExitCode::SUCCESS
        }
        Err(errors) => {
            eprint!("{errors}");
            ExitCode::FAILURE
        }
    }
}
