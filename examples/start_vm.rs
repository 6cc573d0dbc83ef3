//! Two real QEMU machines start at the same time, are used together, and shut down at the same time.
//!
//! A machine counts as entered when its monitor ([QMP]) has answered `qmp_capabilities`, and
//! is exited by `quit`.
//!
//! ```text
//! cargo run --example start_vm                   both run; one is paused and resumed
//! cargo run --example start_vm -- --fail-second  the second fails: the first is shut down
//! cargo run --example start_vm -- --fail-body    the body fails: both are shut down
//! ```
//!
//! It needs `qemu-system-x86_64`: Debian's package `qemu-system-x86`.
//!
//! [QMP]: https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html

#[cfg(not(unix))]
fn main() {
    eprintln!("this example needs Unix sockets");
}

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    unix::main()
}

#[cfg(unix)]
mod unix {
    use std::{
        collections::HashMap,
        env,
        error::Error,
        fmt, fs, io,
        path::PathBuf,
        process::{ExitCode, Stdio},
    };

    use gather_cm::{Exit, ExitCase, Failure, Report, Shape, gather};
    use smol::{
        future::or,
        io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
        net::unix::{UnixListener, UnixStream},
        process::{Child, Command},
    };
    use tinyjson::JsonValue;

    const PROGRAM: &str = "qemu-system-x86_64";

    /// The reason why a machine failed.
    #[derive(Debug)]
    enum VmError {
        NotInstalled,
        /// The machine ended by itself. This is its output.
        Ended(String),
        /// Its monitor refused a command.
        Refused(String),
        Io(io::Error),
        /// A group of machines failed.
        Group(Report),
    }

    impl fmt::Display for VmError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                Self::NotInstalled => {
                    write!(f, "{PROGRAM} was not found; install it, for example with `apt-get install qemu-system-x86`")
                }
                Self::Ended(message) => write!(f, "the machine ended: {message}"),
                Self::Refused(message) => write!(f, "the monitor refused: {message}"),
                Self::Io(error) => write!(f, "{error}"),
                Self::Group(report) => fmt::Display::fmt(report, f),
            }
        }
    }

    impl Error for VmError {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            match self {
                Self::Io(error) => error.source(),
                Self::Group(report) => report.source(),
                _ => None,
            }
        }
    }

    /// With this impl, `?` takes the failure of a gather of any size.
    impl<S: Shape> From<Failure<VmError, S>> for VmError {
        fn from(failure: Failure<VmError, S>) -> Self {
            Self::Group(failure.report())
        }
    }

    impl From<io::Error> for VmError {
        fn from(error: io::Error) -> Self {
            Self::Io(error)
        }
    }

    type Object = HashMap<String, JsonValue>;

    /// A monitor's connection. Each line has one JSON object, in both directions.
    struct Monitor(BufReader<UnixStream>);

    impl Monitor {
        async fn read(&mut self) -> Result<Object, VmError> {
            let mut line = String::new();
            if self.0.read_line(&mut line).await? == 0 {
                return Err(VmError::Ended("its monitor hung up".to_string()));
            }
            let value: JsonValue = line.parse().map_err(io::Error::other)?;
            Ok(value.try_into().map_err(io::Error::other)?)
        }

        /// Sends a command, and waits for the answer. Skips the events that arrive before the answer.
        async fn ask(&mut self, command: &str) -> Result<JsonValue, VmError> {
            let request = format!("{{\"execute\": \"{command}\"}}\n");
            self.0.get_mut().write_all(request.as_bytes()).await?;
            loop {
                let mut answer = self.read().await?;
                if let Some(value) = answer.remove("return") {
                    return Ok(value);
                }
                if let Some(error) = answer.remove("error") {
                    return Err(VmError::Refused(error.stringify().map_err(io::Error::other)?));
                }
            }
        }
    }

    /// The path of a socket. The socket is removed when it is no longer needed.
    struct SocketPath(PathBuf);

    impl Drop for SocketPath {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    /// A machine that runs. If it is dropped instead of exited, its process is killed.
    struct Vm {
        name: &'static str,
        process: Child,
        monitor: Monitor,
    }

    /// Starts a machine without disk and display, and waits until its monitor answers.
    async fn start_vm(name: &'static str, options: &[&str]) -> Result<Vm, VmError> {
        let path = SocketPath(env::temp_dir().join(format!("gather-cm-{}-{name}.sock", std::process::id())));
        // The machine connects to us, so we need not wait for a socket to appear.
        let listener = UnixListener::bind(&path.0)?;
        let mut process = Command::new(PROGRAM)
            .args(["-name", name, "-accel", "tcg", "-m", "8M", "-nodefaults", "-no-user-config", "-display", "none"])
            .arg("-chardev")
            .arg(format!("socket,id=monitor,path={}", path.0.display()))
            .args(["-mon", "chardev=monitor,mode=control"])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => VmError::NotInstalled,
                _ => VmError::Io(error),
            })?;

        let connected = async { Ok(Some(listener.accept().await?.0)) };
        let ended = async { process.status().await.map(|_| None) };
        let Some(stream) = or(connected, ended).await? else {
            return Err(last_words(&mut process).await?);
        };
        let mut monitor = Monitor(BufReader::new(stream));
        let negotiated = async {
            monitor.read().await?; // the greeting
            monitor.ask("qmp_capabilities").await
        };
        match negotiated.await {
            Ok(_) => Ok(Vm { name, process, monitor }),
            // QEMU checks its options in several steps, so it may end when its monitor is already connected.
            Err(VmError::Ended(_)) => Err(last_words(&mut process).await?),
            Err(error) => Err(error),
        }
    }

    /// Returns what a machine that has ended wrote to its stderr.
    async fn last_words(process: &mut Child) -> Result<VmError, VmError> {
        let mut message = String::new();
        if let Some(stderr) = &mut process.stderr {
            stderr.read_to_string(&mut message).await?;
        }
        process.status().await?;
        Ok(VmError::Ended(message.trim_end().to_string()))
    }

    impl Vm {
        /// Returns `running`, `paused` and so on.
        async fn state(&mut self) -> Result<String, VmError> {
            let answer = self.monitor.ask("query-status").await?;
            let status = answer.get::<Object>().and_then(|answer| answer.get("status")?.get::<String>());
            Ok(status.cloned().unwrap_or_else(|| "unknown".to_string()))
        }

        async fn pause(&mut self) -> Result<(), VmError> {
            self.monitor.ask("stop").await.map(drop)
        }

        async fn resume(&mut self) -> Result<(), VmError> {
            self.monitor.ask("cont").await.map(drop)
        }
    }

    impl Exit for Vm {
        type Error = VmError;
        type Verdict = ();

        async fn exit(mut self, case: ExitCase) -> Result<(), VmError> {
            if case != ExitCase::Completed {
                println!("{}: shut down, told {case:?}", self.name);
            }
            self.monitor.ask("quit").await?;
            let status = self.process.status().await?;
            if !status.success() {
                return Err(VmError::Ended(status.to_string()));
            }
            println!("{}: has quit", self.name);
            Ok(())
        }
    }

    async fn run(fail_second: bool, fail_body: bool) -> Result<(), VmError> {
        let options: &[&str] = if fail_second { &["-machine", "no-such-machine"] } else { &[] };
        gather((start_vm("vm1", &[]), start_vm("vm2", options)))
            .with(async |(vm1, vm2)| {
                println!("vm1: {}, vm2: {}", vm1.state().await?, vm2.state().await?);
                if fail_body {
                    return Err(VmError::Refused("the body was told to fail".to_string()));
                }
                vm1.pause().await?;
                println!("vm1: {}, vm2: {}", vm1.state().await?, vm2.state().await?);
                vm1.resume().await?;
                println!("vm1: {}, vm2: {}", vm1.state().await?, vm2.state().await?);
                Ok(())
            })
            .await?;
        Ok(())
    }

    pub fn main() -> ExitCode {
        let (mut fail_second, mut fail_body) = (false, false);
        for argument in env::args().skip(1) {
            match argument.as_str() {
                "--fail-second" => fail_second = true,
                "--fail-body" => fail_body = true,
                _ => {
                    eprintln!("usage: start_vm [--fail-second] [--fail-body]");
                    return ExitCode::FAILURE;
                }
            }
        }
        match smol::block_on(run(fail_second, fail_body)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error:#}");
                ExitCode::FAILURE
            }
        }
    }
}
