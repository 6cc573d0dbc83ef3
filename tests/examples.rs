//! Runs examples as processes of their own: the ones that end by a signal, by a deadline or by a drop, and the ones
//! with a scope.
#![cfg(all(unix, feature = "std", not(miri)))]

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
};

/// Cargo, which builds an example and then becomes it.
fn example(name: &str) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["run", "--quiet", "--example", name, "--"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("RUSTFLAGS"); // of a sanitizer, which the build of macros does not take
    command
}

/// A service receives SIGINT while it runs: its three resources are released, and receive `Cancelled`.
#[test]
fn ctrl_c() {
    let mut process = example("ctrl_c").stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(process.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "the service runs; Ctrl-C stops it\n");
    // Each shell has `kill`. Some systems have no program of this name.
    let kill = format!("kill -INT {}", process.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    let mut lines: Vec<_> = rest.lines().collect();
    assert_eq!(lines.pop(), Some("stopped"));
    lines.sort();
    assert_eq!(
        lines,
        [
            "the cache is released: Cancelled",
            "the database is released: Cancelled",
            "the listener is released: Cancelled"
        ]
    );
    assert!(process.wait().unwrap().success());
}

/// The program names the server that never answers a close. The other servers close, and the program ends.
#[test]
fn deadline() {
    let output = example("deadline").output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    for line in [
        "alpha says bye",
        "gamma says bye",
        "exit of member 1 failed: beta has not answered close in time",
        "the work with 3 servers is done all the same",
    ] {
        assert!(output.lines().any(|printed| printed == line), "{line:?} in {output}");
    }
}

/// The steps of the storage come in order. Steps that run side by side come in any order.
#[test]
fn series_parallel() {
    let output = example("series_parallel").output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let at =
        |line: &str| output.lines().position(|printed| printed == line).unwrap_or_else(|| panic!("{line}: {output}"));
    let series = [
        "disk starts",
        "disk is up",
        "replica starts",
        "replica is up",
        "the cluster works",
        "replica stops: Completed",
        "replica is down",
        "disk stops: Completed",
        "disk is down",
    ];
    assert!(series.is_sorted_by_key(|line| at(line)), "{output}");
    assert!(at("primary starts") < at("replica is up") && at("replica starts") < at("primary is up"));
    assert!(at("network starts") < at("disk is up") && at("network stops: Completed") < at("replica is down"));
    assert!(output.lines().all(|line| !line.contains("EnterFailed")), "{output}");
}

/// One member of the inner group does not start. All others are released, and the error names the path to that member.
#[test]
fn series_parallel_that_fails() {
    let output = example("series_parallel").arg("replica").output().unwrap();
    assert!(!output.status.success());
    let printed = String::from_utf8(output.stdout).unwrap();
    for name in ["network", "disk", "primary"] {
        let line = format!("{name} stops: EnterFailed");
        assert!(printed.lines().any(|printed| printed == line), "{line:?} in {printed}");
    }
    assert!(!printed.contains("the cluster works") && !printed.contains("replica is up"), "{printed}");
    let error = String::from_utf8(output.stderr).unwrap();
    let at = |part: &str| error.find(part).unwrap_or_else(|| panic!("{part}: {error}"));
    let way = ["enter of storage failed", "enter of servers failed", "enter of replica failed"];
    assert!(way.is_sorted_by_key(|part| at(part)), "{error}");
}

/// The caller drops its request: both connections are exited, and the error of the one that fails is logged.
#[test]
fn shield() {
    let output = example("shield").output().unwrap();
    let lines = [
        "the cache is open",
        "the database is open",
        "the request is dropped",
        "the cache is closed: Cancelled",
        "cleanup: cancelled; exit of database failed: the server does not answer",
        "all cleanups have ended",
    ];
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().collect::<Vec<_>>(), lines);
    assert!(output.status.success());
}

/// Runs an example as its docs show, once for each `$ cargo run`, and compares the output with the lines below the
/// command.
fn prints_what_its_docs_show(name: &str) {
    let source = fs::read_to_string(format!("{}/examples/{name}.rs", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let docs: Vec<_> = source.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim_start).collect();
    let shown = docs.split(|line| line.starts_with("```")).nth(1).expect("a block");
    let mut runs = 0;
    for run in shown.join("\n").split("$ cargo run --example ").skip(1) {
        let (command, lines) = run.split_once('\n').expect("an output");
        let arguments = command.strip_prefix(name).expect("this example").split_whitespace().skip(1);
        let output = example(name).args(arguments).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), lines.trim_end(), "{command}");
        assert!(output.status.success(), "{command}");
        runs += 1;
    }
    assert!(runs > 0);
}

/// Two enters are joined. The exits run one after the other in a stack, and together in a pool.
#[test]
fn exit_stack() {
    prints_what_its_docs_show("exit_stack");
}

/// A failed enter is followed by a fallback, and a resource is released early.
#[test]
fn hosts() {
    prints_what_its_docs_show("hosts");
}

/// A resource joins under a condition.
#[test]
fn conditional() {
    prints_what_its_docs_show("conditional");
}

/// If one port cannot be opened, the others are closed.
#[test]
fn all_or_nothing() {
    prints_what_its_docs_show("all_or_nothing");
}

/// Resources of different types are in one scope, in a task of tokio.
#[test]
fn plugins() {
    prints_what_its_docs_show("plugins");
}

/// A struct has a scope, and the scope exits everything that joined.
#[test]
fn fixture() {
    prints_what_its_docs_show("fixture");
}

/// The timelines of five gathers are drawn as text.
#[test]
fn timeline() {
    prints_what_its_docs_show("timeline");
}
