//! Tests that drop the future, between every two polls.

mod common;

use common::{Gate, Log, Member, Report, Shape, assert_released, fails, well};

/// 15: a drop while members enter drops the pending enters, and abandons the held resources.
fn in_enter<S: Shape>() {
    let log = Log::default();
    let gate = Gate::new();
    let mut gather = S::three(
        [
            Member::new(&log, 0, well().gate(&gate), well()),
            Member::new(&log, 1, well(), well()),
            Member::new(&log, 2, fails("e"), well()),
        ],
        async |_| Ok(()),
    );
    gather.pends();
    log.take();
    gather.drop();
    assert_eq!(log.take(), ["drop enter 0", "abandon 1"]);
}

/// 15: a drop in the body drops the body first. Then all resources are abandoned, in argument order.
fn in_body<S: Shape>() {
    struct Shout<'a>(&'a Log);
    impl Drop for Shout<'_> {
        fn drop(&mut self) {
            self.0.push("body dropped");
        }
    }
    let log = Log::default();
    let mut gather = S::three([0, 1, 2].map(|name| Member::new(&log, name, well(), well())), async |_| {
        let _shout = Shout(&log);
        std::future::pending::<Result<(), _>>().await
    });
    gather.pends();
    log.take();
    gather.drop();
    assert_eq!(log.take(), ["body dropped", "abandon 0", "abandon 1", "abandon 2"]);
}

/// 15: a drop during the exits drops an exit in flight along with the resource inside it. No resource is abandoned.
fn in_exit<S: Shape>() {
    let log = Log::default();
    let gate = Gate::new();
    let mut gather = S::three(
        [
            Member::new(&log, 0, well(), well().gate(&gate)),
            Member::new(&log, 1, well(), well()),
            Member::new(&log, 2, well(), well().gate(&gate)),
        ],
        async |_| Ok(()),
    );
    gather.pends();
    log.take();
    gather.drop();
    assert_eq!(log.take(), ["drop exit 0", "drop exit 2"]);
}

/// 15: wherever a drop comes between two polls of any path, each resource is exited or abandoned, exactly once.
fn at_every_poll<S: Shape>() {
    for failing in 0..16usize {
        for drop_after in 0..12 {
            let log = Log::default();
            let mut gates = vec![];
            let mut gate = || {
                gates.push(Gate::new());
                gates[gates.len() - 1].clone()
            };
            let body = gate();
            let members = [0, 1, 2].map(|name| {
                let enter = if failing & (1 << name) != 0 { fails("e") } else { well() };
                Member::new(&log, name, enter.gate(&gate()), fails("x").gate(&gate()))
            });
            let mut gather = S::three(members, async |_| {
                body.wait().await;
                if failing & 8 != 0 { Err("b") } else { Ok(()) }
            });
            let mut ended = false;
            for poll in 0..drop_after {
                ended = gather.poll().is_ready();
                if ended {
                    break;
                }
                // Each poll opens one gate, the later gates of a phase first.
                let order = [5, 1, 3, 0, 2, 6, 4];
                if let Some(index) = order.get(poll) {
                    gates[*index].open();
                }
            }
            gather.drop();
            assert!(ended || drop_after < 9, "it never ends: {:#?}", log.take());
            assert_released(&log.take());
        }
    }
}

/// 15: if the future is dropped after its end, nothing more happens.
fn after_the_end<S: Shape>() {
    let log = Log::default();
    let mut gather = S::three([0, 1, 2].map(|name| Member::new(&log, name, well(), well())), async |_| Ok(()));
    assert_eq!(gather.end(), Report::value(()));
    log.take();
    gather.drop();
    assert_eq!(log.take(), [""; 0]);
}

shapes! {
    in_enter
    in_body
    in_exit
    at_every_poll
    after_the_end
}
