//! Plugins of different types join one scope, on tokio. Each is in a box, along with its
//! exit.
//!
//! ```text
//! $ cargo run --example plugins
//! the mailer runs
//! the audit log runs
//! a mail to bob is sent
//! the audit log has 1 line
//! the plugins stop: Completed
//! the audit log is flushed: Completed
//! the mailer has stopped: Completed
//! ```

use std::{error::Error, fmt};

use gather_cm::{Exit, ExitCase, scope};

/// The reason why a plugin does not work.
#[derive(Debug)]
enum PluginError {
    NoAddress,
}

impl fmt::Display for PluginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("the mail has no address"),
        }
    }
}

impl Error for PluginError {}

/// A plugin that knows how it exits.
struct Mailer;

impl Mailer {
    async fn start() -> Result<Self, PluginError> {
        println!("the mailer runs");
        Ok(Self)
    }

    async fn send(&self, to: &str) -> Result<String, PluginError> {
        if to.is_empty() {
            return Err(PluginError::NoAddress);
        }
        println!("a mail to {to} is sent");
        Ok(format!("mail to {to}"))
    }
}

impl Exit for Mailer {
    type Error = PluginError;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> Result<(), PluginError> {
        println!("the mailer has stopped: {case:?}");
        Ok(())
    }
}

/// A plugin that has another type, and no `Exit`.
async fn audit_log() -> Result<Vec<String>, PluginError> {
    println!("the audit log runs");
    Ok(Vec::new())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let task = tokio::spawn(async {
        let plugins = scope().stack().with(async |scope| {
            let mailer = scope.enter_boxed(Mailer::start(), Mailer::exit).await?;
            let flush = async |_lines, case| Ok(println!("the audit log is flushed: {case:?}"));
            let mut log = scope.adopt(audit_log(), flush).await?;
            scope.defer(async |case| Ok(println!("the plugins stop: {case:?}")));
            // Each guard derefs to its own type.
            log.push(mailer.send("bob").await?);
            println!("the audit log has {} line", log.len());
            Ok(())
        });
        plugins.await
    });
    Ok(task.await??)
}
