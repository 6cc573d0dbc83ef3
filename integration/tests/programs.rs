//! Runs the examples that need no server, as processes of their own.

mod common;

use std::{fs, net::TcpListener, path::Path};

use tokio::{io::AsyncWriteExt, net::TcpStream, task::yield_now};

use common::{Ended, Running, example, output, run};

/// Returns the two processes of `first is process 1, second is process 2`.
#[cfg(target_os = "linux")]
fn processes(line: &str) -> [u32; 2] {
    let numbers = line.split(|char: char| !char.is_ascii_digit()).filter_map(|number| number.parse().ok());
    numbers.collect::<Vec<_>>().try_into().expect(line)
}

/// Returns `None` if there is no such process any more, and `Z` if it has ended and nobody has waited for it.
#[cfg(target_os = "linux")]
fn state(process: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

#[cfg(target_os = "linux")]
#[test]
fn children_are_killed_and_waited_for() {
    run(async {
        let ended = output("children", &["cat", "cat"]).await;
        let [first, second] = processes(&ended.lines[0]);
        let mut lines = ended.lines[1..].to_vec();
        lines[2..].sort(); // they are killed together, and either may be the first to end
        let mut gone = [first, second].map(|process| format!("process {process} has ended: signal: 9 (SIGKILL)"));
        gone.sort();
        assert_eq!(lines[..2], ["first answers one", "second answers two"]);
        assert_eq!(lines[2..], gone);
        assert_eq!((ended.code, &*ended.errors), (Some(0), ""));
        assert_eq!([first, second].map(state), [None, None]);
    });
}

/// The second program does not exist. The first one is killed and waited for.
#[cfg(target_os = "linux")]
#[test]
fn a_child_alone_is_killed() {
    run(async {
        let ended = output("children", &["cat", "no-such-program"]).await;
        let [line] = &*ended.lines else { panic!("{ended:?}") };
        let process = line.strip_prefix("process ").unwrap().strip_suffix(" has ended: signal: 9 (SIGKILL)").unwrap();
        assert_eq!(state(process.parse().unwrap()), None);
        let error = "Error: enter of second failed:\n  No such file or directory (os error 2)\n";
        assert_eq!((ended.code, &*ended.errors), (Some(1), error));
    });
}

/// A child answers nothing. The body fails, and both children are killed.
#[cfg(target_os = "linux")]
#[test]
fn children_are_killed_if_the_body_fails() {
    run(async {
        let ended = output("children", &["cat", "true"]).await;
        assert_eq!(ended.lines.iter().filter(|line| line.contains(" has ended: ")).count(), 2, "{ended:?}");
        assert!(ended.lines.iter().any(|line| line.ends_with(" has ended: signal: 9 (SIGKILL)")), "{ended:?}");
        assert!(ended.errors.starts_with("Error: body failed:\n  "), "{ended:?}");
        assert_eq!(ended.code, Some(1));
    });
}

/// Nothing can be awaited on a drop. Both are killed all the same, while the program goes on.
#[cfg(target_os = "linux")]
#[test]
fn children_are_killed_on_a_drop() {
    run(async {
        let mut running = Running::start(example("children", &["cat", "cat", "drop"]));
        let processes = processes(&running.line().await);
        assert_eq!(running.line().await, "first answers one");
        assert_eq!(running.line().await, "second answers two");
        assert!(processes.iter().all(|&process| !matches!(state(process), None | Some('Z'))));
        running.step().await;
        assert_eq!(running.line().await, "dropped");
        while !processes.iter().all(|&process| matches!(state(process), None | Some('Z'))) {
            yield_now().await;
        }
        assert_eq!(running.process.try_wait().unwrap(), None);
        running.step().await;
        running.end().await.expect(0, &[], "");
    });
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

fn shard_names() -> Vec<String> {
    (0..40).map(|index| format!("shard-{index:02}")).collect()
}

async fn shards(folder: &Path, lines: &[&str]) -> Ended {
    output("shards", &[&[folder.to_str().unwrap()], lines].concat()).await
}

#[test]
fn forty_shards_are_written() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let ended = shards(folder.path(), &["line one", "line two", "line three"]).await;
        assert_eq!((ended.code, ended.lines.len(), &*ended.errors), (Some(0), 1, ""), "{ended:?}");
        let peaks = ended.lines[0].strip_prefix("40 files are written, at most ").unwrap();
        let (opened, synced) = peaks.strip_suffix(" synced at once").unwrap().split_once(" opened and ").unwrap();
        for peak in [opened, synced] {
            assert!((1..=8).contains(&peak.parse::<usize>().unwrap()), "{ended:?}"); // a quick disk makes it fewer
        }
        assert_eq!(names(folder.path()), shard_names());
        let texts =
            shard_names().iter().map(|name| fs::read_to_string(folder.path().join(name)).unwrap()).collect::<Vec<_>>();
        assert_eq!(texts[..3], ["one", "two", "three"]);
        assert_eq!(texts[3..], [""; 37]);
    });
}

#[test]
fn no_shard_is_left_if_the_body_fails() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        shards(folder.path(), &["line one", "two"]).await.expect(1, &[], "not a line\n");
        assert_eq!(names(folder.path()), [""; 0]);
    });
}

/// Two of the first eight files cannot be created. The error names both, and the files that were created are removed.
#[test]
fn no_shard_is_left_if_one_cannot_be_created() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        for name in ["shard-03.part", "shard-05.part"] {
            fs::write(folder.path().join(name), "another's").unwrap();
        }
        let errors = ["shard-03", "shard-05"]
            .map(|name| format!("{}: File exists (os error 17)\n", folder.path().join(name).display()));
        shards(folder.path(), &["line one"]).await.expect(1, &[], &errors.concat());
        assert_eq!(names(folder.path()), ["shard-03.part", "shard-05.part"]);
    });
}

/// A folder has one of the names. That exit fails, and the error names it. The other 39 files are written.
#[test]
fn a_shard_that_cannot_be_renamed_is_named() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("shard-20");
        fs::create_dir(&taken).unwrap();
        let error = format!("{}: Is a directory (os error 21)\n", taken.display());
        shards(folder.path(), &["line one"]).await.expect(1, &[], &error);
        let mut expected = shard_names();
        expected.insert(21, "shard-20.part".to_owned());
        assert_eq!(names(folder.path()), expected);
    });
}

#[test]
fn a_quic_session_ends_and_is_idle() {
    run(async {
        let mut ended = output("quic", &["hello", "world"]).await;
        ended.lines[2..].sort(); // either may be idle first
        let expected = [
            "the server answers HELLO",
            "the server answers WORLD",
            "the client is idle",
            "the server is idle: closed by peer: 0", // not "timed out"
        ];
        ended.expect(0, &expected, "");
    });
}

/// The server hangs up while the client waits for an answer.
#[test]
fn a_quic_session_is_cancelled_by_the_server() {
    run(async {
        let mut ended = output("quic", &["hello", "bye", "world"]).await;
        ended.lines[1..3].sort(); // either may be idle first
        let expected = [
            "the server answers HELLO",
            "the client is idle",
            "the server is idle: closed",
            "the session was cancelled",
        ];
        ended.expect(0, &expected, "");
    });
}

#[test]
fn groups_of_every_size_fail_with_the_application_s_error() {
    run(async {
        let lines = ["a pair of 2 ports", "an array of 3 ports", "a Vec of 2 ports"];
        output("app_error", &["127.0.0.1:0", "127.0.0.1:0"]).await.expect(0, &lines, "");

        let taken = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [first, second] = taken.each_ref().map(|taken| taken.local_addr().unwrap().to_string());
        let errors = format!(
            "also: enter of member 2 failed: cannot listen on {second}\n\
             cannot listen on {first}\n\
             because: Address already in use (os error 98)\n"
        );
        output("app_error", &[&first, "127.0.0.1:0", &second]).await.expect(1, &lines[..2], &errors);

        output("app_error", &[]).await.expect(1, &lines[..2], "there is no port\n");
    });
}

#[test]
fn leases_go_back_from_every_task() {
    run(async {
        let lines = [
            "job 0: 0 by two workers",
            "job 1: body failed: job 1 is refused",
            "job 2: 4 by two workers",
            "job 3: dropped",
            "4 workers are idle, 2 of them were cleaned",
        ];
        output("leases", &[]).await.expect(0, &lines, "");
    });
}

#[test]
fn a_suite_is_torn_down() {
    run(async {
        let lines = [
            "the client says hello",
            "the client says hello again",
            "the client is closed: Completed",
            "the server has served 2 questions",
        ];
        output("suite", &[]).await.expect(0, &lines, "");
    });
}

#[test]
fn a_suite_is_torn_down_if_a_test_panics() {
    run(async {
        let ended = output("suite", &["panic"]).await;
        let lines = [
            "the client says hello",
            "the client is closed: Panicked",
            "the server has served 1 questions",
            "a test has failed: oops",
        ];
        assert_eq!(ended.lines, lines);
        assert_eq!(ended.code, Some(1));
        assert!(ended.errors.contains("oops"), "{ended:?}"); // the panic hook prints it
    });
}

#[test]
fn a_client_asks_over_one_connection() {
    run(async {
        let lines =
            ["200 OK: hello", "404 Not Found:", "200 OK: hello", "the client has ended", "the server has ended"];
        output("http_client", &["/", "/nowhere", "/"]).await.expect(0, &lines, "");
    });
}

/// Runs the example `loops`, along with a client that sends it these lines.
async fn loops(lines: &str) -> (Running, TcpStream) {
    let mut service = Running::start(example("loops", &[]));
    let first = service.line().await;
    let mut client = TcpStream::connect(first.strip_prefix("listening on ").expect(&first)).await.unwrap();
    client.write_all(lines.as_bytes()).await.unwrap();
    (service, client)
}

#[test]
fn a_loop_that_fails_stops_the_others() {
    run(async {
        let (service, _client) = loops("17\n8\nx\n").await;
        let lines = ["the sum is 17", "the sum is 25", "listen stops: Lost", "sum stops: Lost", "print stops: Lost"];
        let errors = "Error: driver of sum failed:\n  invalid digit found in string\n";
        service.end().await.expect(1, &lines, errors);
    });
}

#[test]
fn loops_stop_at_a_signal() {
    run(async {
        let (mut service, _client) = loops("17\n").await;
        assert_eq!(service.line().await, "the sum is 17");
        let process = service.process.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &process]).status().unwrap().success());
        let lines = ["listen stops: Cancelled", "sum stops: Cancelled", "print stops: Cancelled"];
        service.end().await.expect(0, &lines, "");
    });
}
