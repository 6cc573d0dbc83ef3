//! Runs programs in CPython's `AsyncExitStack`. They use only what it has: members that are entered or pushed one after
//! the other, exits in a stack, and a body that ends, fails, panics or is cancelled. It has no guards, so no member
//! leaves early.

use std::{
    env,
    io::{ErrorKind, Write},
    process::{Command, Stdio},
};

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};

use super::{act, member, number, policies, program::*};

fn program() -> impl Strategy<Value = Program> {
    let member = (member(8), any::<bool>())
        .prop_map(|(member, strict)| vec![Op::Join { member, keeps: true, limit: Limit { polls: None, strict } }]);
    let stop = prop::option::weighted(0.3, 0..12u8);
    (prop::collection::vec(member, 1..7), act(true, 4), stop).prop_map(|(mut steps, body, stop)| {
        // The first member is a witness. It receives the case that is left when the others have exited.
        let well = Act { pends: 0, end: End::Well };
        if let Op::Join { member, .. } = &mut steps[0][0] {
            *member = Member { id: 0, how: How::Hold, enter: well, exit: well };
        }
        number(&mut [], &mut steps, false);
        let setup = policies::setup(policies::STACK, 99).0;
        let afterwards = Afterwards::Abandon;
        Program { setup, stop, full: vec![], steps, body, drops: [None; 2], afterwards }
    })
}

fn act_json(act: Act) -> Value {
    json!({ "pends": act.pends, "end": format!("{:?}", act.end) })
}

fn program_json(program: &Program) -> Value {
    let members = program.steps.iter().flatten().filter_map(|op| match op {
        Op::Join { member, limit, .. } => Some(json!({
            "holds": member.how == How::Hold, "enter": act_json(member.enter), "exit": act_json(member.exit),
            "strict": limit.strict,
        })),
        _ => None,
    });
    json!({ "members": members.collect::<Vec<_>>(), "body": act_json(program.body), "stop": program.stop })
}

fn word(part: Part) -> String {
    match part {
        Part::Body => "body".into(),
        Part::Stop => "stop".into(),
        Part::Enter(id) => format!("enter {id}"),
        Part::Exit(id) => format!("exit {id}"),
    }
}

/// Returns the line of an event that Python has, too. It has no future whose end a program could see, no indices and no
/// `len`.
fn line(event: &Event) -> Option<String> {
    match event {
        Event::Polled(Part::Stop) => None,
        Event::Polled(part) => Some(format!("poll {}", word(*part))),
        Event::OnError(id, part) => Some(format!("on_error {id} {}", word(*part))),
        Event::ExitBegan(id, case) => Some(format!("exit {id} {case:?}")),
        _ => None,
    }
}

#[test]
fn stacks_behave_as_those_of_python() {
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let programs: Vec<_> = (0..500).map(|_| program().new_tree(&mut runner).expect("a program").current()).collect();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/exit_stack.py");
    let python = Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut python = match python {
        Err(error) if error.kind() == ErrorKind::NotFound && env::var_os("GATHER_CM_PYTHON").is_none() => {
            return eprintln!("skipped: there is no python3");
        }
        python => python.expect("python3 starts"),
    };
    let input = Value::from(programs.iter().map(program_json).collect::<Vec<_>>()).to_string();
    python.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("python3 reads");
    let output = python.wait_with_output().expect("python3 ends");
    assert!(output.status.success(), "python3 has failed");
    let logs: Vec<Vec<String>> = serde_json::from_slice::<Value>(&output.stdout)
        .ok()
        .and_then(|logs| {
            let strings =
                |log: &Value| log.as_array().map(|log| log.iter().filter_map(Value::as_str).map(Into::into).collect());
            logs.as_array()?.iter().map(strings).collect()
        })
        .expect("a list of logs");
    assert_eq!(logs.len(), programs.len());
    for (program, mut log) in programs.iter().zip(logs) {
        let (events, outcome) = program.check();
        let end = log.pop().expect("an end");
        assert_eq!(events.iter().filter_map(line).collect::<Vec<_>>(), log, "crate and Python: {program:#?}");
        // The `with` statement of Python raises the error that the witness received.
        if let Some(witness) = log.iter().find_map(|line| line.strip_prefix("exit 0 ")) {
            assert_eq!(end, format!("end {witness}"), "{program:#?}");
        }
        let outcome = outcome.expect("it is not dropped");
        let clean = outcome.cause == Cause::Nothing || outcome.suppressed;
        // 10: The crate loses no error of an exit, although a later exit suppresses it.
        let well = end == "end Completed" && outcome.exits.is_empty();
        assert_eq!(clean, well, "{outcome:?} and {end}: {program:#?}");
    }
}
