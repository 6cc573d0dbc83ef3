//! Tests that drop a shielded gather: which members are exited, what the exits receive, and what the cleanup returns.
#![cfg(feature = "alloc")]

mod common;
#[path = "common/shield.rs"]
mod shield;

use std::{
    cell::{Cell, RefCell},
    future::{pending, ready},
    rc::Rc,
};

use common::{Act, Driver, Gate, Log, Member, Report, Why, assert_released, events, fails, members, well};
use gather_cm::{Cause, EnterExt, gather};
use shield::{Queue, drive};

/// Logs its drop.
struct Shout<'a>(&'a Log, &'static str);

impl Drop for Shout<'_> {
    fn drop(&mut self) {
        self.0.push(self.1);
    }
}

fn cancelled() -> Report<()> {
    Report { why: Why::Cancelled, exits: vec![], suppressed: false }
}

fn exits_failed() -> Report<()> {
    Report { why: Why::Exits, exits: vec![], suppressed: false }
}

fn wells() -> [(Act, Act); 3] {
    [(well(), well()), (well(), well()), (well(), well())]
}

in_each_shape! {
    /// S1: nothing has begun before the first poll.
    [tuple array few many]
    fn before_the_first_poll(group) {
        let (log, queue) = (Log::default(), Queue::default());
        let group = group(members(&log, wells()));
        drop(group.shield().settle().with(async |_| Ok(())).on_drop(queue.spawner()));
        assert!(queue.is_empty());
        assert_eq!(log.take(), [""; 0]);
    }

    /// S1: nothing is left after the end, whether it is good or bad.
    [tuple array few many]
    fn after_the_end(group) {
        for exit in [well(), fails("x")] {
            let (log, queue) = (Log::default(), Queue::default());
            let group = group(members(&log, [(well(), exit.clone()), (well(), well()), (well(), well())]));
            let mut gather = drive(group.shield().with(async |_| Ok(1)).on_drop(queue.spawner()));
            let failed = Report { why: Why::Exits, exits: vec![(0, "x")], suppressed: false };
            let good = exit.end == common::End::Well;
            assert_eq!(gather.end(), if good { Report::value(1) } else { failed });
            gather.drop();
            assert!(queue.is_empty());
            assert_released(&log.take());
        }
    }

    /// S1, S2: pending enters are dropped, and leave nothing to do.
    [tuple array few]
    fn while_nobody_has_entered(group) {
        let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
        let group = group([0, 1, 2].map(|name| Member::new(&log, name, well().gate(&gate), well())));
        let mut gather = drive(group.shield().with(async |_| Ok(())).on_drop(queue.spawner()));
        gather.pends();
        log.take();
        gather.drop();
        assert!(queue.is_empty());
        assert_eq!(log.take(), ["drop enter 0", "drop enter 1", "drop enter 2"]);
    }

    /// S1, S5: an enter error that nobody has seen is handed over although no resource is held.
    [tuple array few]
    fn with_nothing_but_an_error(group) {
        let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
        let slow = || well().gate(&gate);
        let group = group(members(&log, [(slow(), well()), (fails("e"), well()), (slow(), well())]));
        let mut gather = drive(group.shield().with(async |_| Ok(())).on_drop(queue.spawner()));
        gather.pends();
        log.take();
        gather.drop();
        assert_eq!(log.take(), ["drop enter 0", "drop enter 2"]);
        assert_eq!(queue.one().end(), Report::enter(&[(1, "e")]));
        assert_eq!(log.take(), [""; 0]);
    }

    /// S2: held resources are exited and receive `Cancelled`. Pending enters are dropped during the drop.
    [tuple array few many]
    fn while_some_have_entered(group) {
        let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
        let group = group(members(&log, [(well(), fails("x")), (well().gate(&gate), well()), (well(), well())]));
        let mut gather = drive(group.shield().with(async |_| Ok(log.push("body"))).on_drop(queue.spawner()));
        gather.pends();
        log.take();
        gather.drop();
        assert_eq!(log.take(), ["drop enter 1"]);
        assert_eq!(queue.one().end(), cancelled().exits(&[(0, "x")]));
        assert_eq!(events(&log), ["exit 0 Cancelled", "exited 0", "exit 2 Cancelled", "exited 2"]);
    }

    /// S2: queued members never begin, with or without `settle`.
    [tuple array few many]
    fn queued_members_never_begin(group) {
        for settle in [false, true] {
            let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
            let group = group(members(&log, [(well(), well()), (well().gate(&gate), well()), (well(), well())]));
            let shield = group.enter_limit(1).shield();
            let mut gather = if settle {
                drive(shield.settle().with(async |_| Ok(())).on_drop(queue.spawner()))
            } else {
                drive(shield.with(async |_| Ok(())).on_drop(queue.spawner()))
            };
            gather.pends();
            assert_eq!(events(&log), ["enter 0", "entered 0", "enter 1"]);
            gather.drop();
            gate.open();
            assert_eq!(queue.one().end(), Report::value(()));
            let expected: &[&str] = if settle {
                &["entered 1", "exit 0 Cancelled", "exited 0", "exit 1 Cancelled", "exited 1"]
            } else {
                &["exit 0 Cancelled", "exited 0"]
            };
            assert_eq!(events(&log), expected);
        }
    }

    /// S2: with `settle`, pending enters go on where they were, and the exits begin when all have finished. If an enter
    /// fails meanwhile, its error is reported, and shown to no exit.
    [tuple array few many]
    fn settle(group) {
        let (log, queue) = (Log::default(), Queue::default());
        let [g1, g2, g3] = [Gate::new(), Gate::new(), Gate::new()];
        let enters = [(well(), well()), (well().gate(&g1).gate(&g2), well()), (fails("e").gate(&g3), well())];
        let group = group(members(&log, enters));
        let mut gather = drive(group.shield().settle().with(async |_| Ok(())).on_drop(queue.spawner()));
        gather.pends();
        g1.open();
        gather.pends();
        log.take();
        gather.drop();
        assert_eq!(log.take(), [""; 0], "nothing is dropped");
        let mut cleanup = queue.one();
        cleanup.pends();
        g2.open();
        cleanup.pends();
        assert_eq!(events(&log), ["entered 1"]);
        g3.open();
        assert_eq!(cleanup.end(), Report::enter(&[(2, "e")]));
        assert_eq!(events(&log), ["exit 0 Cancelled", "exited 0", "exit 1 Cancelled", "exited 1"]);
        assert_released(&log.everything());
        assert_eq!(log.everything().iter().filter(|line| line.starts_with("enter ")).count(), 3);
    }

    /// S1, S2: with `settle`, an enter is something to do although no resource is held.
    [tuple array few]
    fn settle_while_nobody_has_entered(group) {
        let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
        let group = group([0, 1, 2].map(|name| Member::new(&log, name, well().gate(&gate), well())));
        let mut gather = drive(group.shield().settle().with(async |_| Ok(())).on_drop(queue.spawner()));
        gather.pends();
        gather.drop();
        let mut cleanup = queue.one();
        cleanup.pends();
        gate.open();
        assert_eq!(cleanup.end(), Report::value(()));
        assert_eq!(log.only(&["Cancelled"]), ["exit 0 Cancelled", "exit 1 Cancelled", "exit 2 Cancelled"]);
    }

    /// S3: the body is dropped during the drop, and every value is exited.
    [tuple array few many]
    fn while_the_body_runs(group) {
        for settle in [false, true] {
            let (log, queue) = (Log::default(), Queue::default());
            let shield = group(members(&log, wells())).shield();
            let captured = Shout(&log, "capture dropped");
            let body = async {
                let _captured = captured;
                let _shout = Shout(&log, "body dropped");
                pending::<()>().await;
                Ok(())
            };
            let mut gather = if settle {
                drive(shield.settle().with(async |_| body.await).on_drop(queue.spawner()))
            } else {
                drive(shield.with(async |_| body.await).on_drop(queue.spawner()))
            };
            gather.pends();
            log.take();
            gather.drop();
            assert_eq!(log.take(), ["body dropped", "capture dropped"]);
            assert_eq!(queue.one().end(), Report::value(()));
            assert_eq!(log.only(&["Cancelled"]), ["exit 0 Cancelled", "exit 1 Cancelled", "exit 2 Cancelled"]);
            assert_released(&log.everything());
        }
    }

    /// S9: the drop drops everything but the resources and their exits, in this order: the body, `stop`, then the rest.
    [tuple array few many]
    fn what_is_dropped(group) {
        let (log, queue) = (Log::default(), Queue::default());
        let [watcher, stop, capture] =
            ["observer dropped", "stop dropped", "capture dropped"].map(|line| Shout(&log, line));
        let stop = async {
            let _stop = stop;
            pending::<()>().await;
        };
        let watch = move |_| {
            let _ = &watcher;
        };
        let shield = group(members(&log, wells())).cancel_on(stop).observe(watch).shield();
        let body = async {
            let _capture = capture;
            Ok(pending::<()>().await)
        };
        let spawner = queue.spawner();
        let spawn = |cleanup| {
            log.push("spawn");
            spawner(cleanup);
        };
        let mut gather = drive(shield.with(async |_| body.await).on_drop(spawn));
        gather.pends();
        log.take();
        gather.drop();
        assert_eq!(log.take(), ["capture dropped", "stop dropped", "spawn", "observer dropped"]);
        assert_eq!(queue.one().end(), Report::value(()));
    }

    /// S4, S5: exits in flight go on where they were. Exit errors from before the drop are reported, too.
    [tuple array few many]
    fn while_exits_are_in_flight(group) {
        let (log, queue) = (Log::default(), Queue::default());
        let [g1, g2, g3] = [Gate::new(), Gate::new(), Gate::new()];
        let exits = [(well(), fails("x").gate(&g1).gate(&g2)), (well(), fails("y")), (well(), well().gate(&g3))];
        let group = group(members(&log, exits));
        let mut gather = drive(group.shield().with(async |_| Ok(1)).on_drop(queue.spawner()));
        gather.pends();
        g1.open();
        gather.pends();
        assert_eq!(log.only(&["Completed", "exited"]).len(), 4);
        gather.drop();
        assert_eq!(log.take(), [""; 0], "nothing is dropped");
        let mut cleanup = queue.one();
        cleanup.pends();
        g2.open();
        g3.open();
        assert_eq!(cleanup.end(), exits_failed().exits(&[(0, "x"), (1, "y")]));
        assert_eq!(log.only(&["Completed"]), [""; 0], "no exit begins again");
        assert_released(&log.everything());
    }

    /// S5: if the body has completed and every exit ends well, the cleanup has nothing to report.
    [tuple array few]
    fn after_a_body_that_completed(group) {
        let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
        let group = group([0, 1, 2].map(|name| Member::new(&log, name, well(), well().gate(&gate)).suppress()));
        let mut gather = drive(group.shield().with(async |_| Ok(Shout(&log, "value dropped"))).on_drop(queue.spawner()));
        gather.pends();
        log.take();
        gather.drop();
        assert_eq!(log.take(), ["value dropped"]);
        gate.open();
        assert_eq!(queue.one().end(), Report::value(()));
    }

    /// S5: the body's error is reported if the drop came during the exits, even if they suppress it.
    [tuple array few]
    fn after_a_body_that_failed(group) {
        for suppress in [false, true] {
            let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
            let group = group([0, 1, 2].map(|name| {
                let member = Member::new(&log, name, well(), well().gate(&gate));
                if suppress || name < 2 { member.suppress() } else { member }
            }));
            let mut gather = drive(group.shield().with(async |_| Err::<(), _>("b")).on_drop(queue.spawner()));
            gather.pends();
            gather.drop();
            gate.open();
            let report = Report::body("b");
            assert_eq!(queue.one().end(), if suppress { report.suppressed() } else { report });
        }
    }

    /// S4: exits that wait for their turn begin in the cleanup. Order, limit, case and the error that they are shown
    /// stay.
    [tuple array few]
    fn waiting_exits(group) {
        macro_rules! check {
            ([$($policy:tt)*], $order:expr) => {
                let (log, queue, late) = (Log::default(), Queue::default(), Gate::new());
                let gates = [Gate::new(), Gate::new(), Gate::new()];
                let exit = |name: usize| well().gate(&gates[name]);
                let group = group(members(&log, [
                    (well(), exit(0)), (well().gate(&late), exit(1)), (well(), exit(2)),
                ]));
                let mut gather = drive(group$($policy)*.shield().with(async |_| Err::<(), _>("b")).on_drop(queue.spawner()));
                gather.pends();
                late.open();
                gather.pends();
                let [first, second, third]: [usize; 3] = $order;
                let begins = |name| [format!("on_error {name} b"), format!("exit {name} Failed")];
                assert_eq!(log.only(&["on_error", "Failed"]), begins(first));
                gather.drop();
                let mut cleanup = queue.one();
                cleanup.pends();
                assert_eq!(log.only(&["on_error", "Failed"]), [""; 0]);
                gates[first].open();
                cleanup.pends();
                assert_eq!(log.only(&["on_error", "Failed"]), begins(second));
                gates[second].open();
                cleanup.pends();
                assert_eq!(log.only(&["on_error", "Failed"]), begins(third));
                gates[third].open();
                assert_eq!(cleanup.end(), Report::body("b"), stringify!($($policy)*));
                assert_released(&log.everything());
            };
        }
        check!([.stack()], [1, 2, 0]);
        check!([.in_reverse()], [2, 1, 0]);
        check!([.exit_limit(1)], [0, 1, 2]);
        check!([.exit_limit(1).fair()], [0, 1, 2]);
    }

    /// S4: after a drop while the body runs or members enter, the exits keep their order.
    [tuple array few]
    fn order_of_exits_that_begin_in_the_cleanup(group) {
        macro_rules! check {
            ([$($policy:tt)*], $entering:expr, $body:expr) => {
                for (done, order) in [(false, &$entering[..]), (true, &$body[..])] {
                    let (log, queue, late) = (Log::default(), Queue::default(), Gate::new());
                    let group = group(members(&log, [(well(), well()), (well().gate(&late), well()), (well(), well())]));
                    let with = group$($policy)*.shield().with(async |_| Ok(pending::<()>().await));
                    let mut gather = drive(with.on_drop(queue.spawner()));
                    gather.pends();
                    if done {
                        late.open();
                        gather.pends();
                    }
                    gather.drop();
                    assert_eq!(queue.one().end(), Report::value(()));
                    let exits: Vec<_> = order.iter().map(|name| format!("exit {name} Cancelled")).collect();
                    assert_eq!(log.only(&["Cancelled"]), exits, stringify!($($policy)*));
                }
            };
        }
        check!([.stack()], [2, 0], [1, 2, 0]);
        check!([.in_reverse()], [2, 0], [2, 1, 0]);
        check!([.exit_limit(2)], [0, 2], [0, 1, 2]);
    }

    /// S4: with `settle`, a member that enters after the drop has entered last.
    [tuple array few]
    fn a_stack_that_settles(group) {
        let (log, queue, late) = (Log::default(), Queue::default(), Gate::new());
        let group = group(members(&log, [(well().gate(&late), well()), (well(), well()), (well(), well())]));
        let mut gather = drive(group.stack().shield().settle().with(async |_| Ok(())).on_drop(queue.spawner()));
        gather.pends();
        gather.drop();
        late.open();
        assert_eq!(queue.one().end(), Report::value(()));
        assert_eq!(log.only(&["Cancelled"]), ["exit 0 Cancelled", "exit 2 Cancelled", "exit 1 Cancelled"]);
    }

    /// S4: in a stack, an exit sees how the exits before it ended, on either side of the drop.
    [tuple array few]
    fn a_stack_that_suppresses(group) {
        for before in [false, true] {
            let (log, queue, [g1, g2]) = (Log::default(), Queue::default(), [Gate::new(), Gate::new()]);
            let group = group([
                Member::new(&log, 0, well(), well()),
                Member::new(&log, 1, well(), well().gate(&g1)),
                Member::new(&log, 2, well(), well().gate(&g2)).suppress(),
            ]);
            let mut gather = drive(group.stack().shield().with(async |_| Err::<(), _>("b")).on_drop(queue.spawner()));
            gather.pends();
            if before {
                g2.open();
                gather.pends();
            }
            gather.drop();
            g2.open();
            g1.open();
            assert_eq!(queue.one().end(), Report::body("b").suppressed());
            let begun = ["on_error 2 b", "exit 2 Failed", "exit 1 Completed", "exit 0 Completed"];
            assert_eq!(log.only(&["on_error", "Failed", "Completed"]), begun);
        }
    }

    /// S4: in a failed group the exits receive `EnterFailed`, and are shown the enter error.
    [tuple array few many]
    fn of_a_failed_group(group) {
        let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
        let group = group(members(&log, [(fails("e"), well()), (well().gate(&gate), well()), (well(), fails("x"))]));
        let mut gather = drive(group.shield().with(async |_| Ok(())).on_drop(queue.spawner()));
        gather.pends();
        log.take();
        gather.drop();
        assert_eq!(log.take(), ["drop enter 1"]);
        assert_eq!(queue.one().end(), Report::enter(&[(0, "e")]).exits(&[(2, "x")]));
        assert_eq!(events(&log), ["on_error 2 e", "exit 2 EnterFailed", "exited 2"]);
    }

    /// S4: the same holds with `settle`. A later enter error is reported, too.
    [tuple array few many]
    fn of_a_failed_group_that_settles(group) {
        let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
        let group = group(members(&log, [(fails("e").gate(&gate), well()), (fails("f"), well()), (well(), well())]));
        let mut gather = drive(group.shield().settle().with(async |_| Ok(())).on_drop(queue.spawner()));
        gather.pends();
        gather.drop();
        let mut cleanup = queue.one();
        cleanup.pends();
        assert_eq!(log.only(&["exit"]), [""; 0], "not beside a pending enter");
        gate.open();
        assert_eq!(cleanup.end(), Report::enter(&[(0, "e"), (1, "f")]));
        assert_eq!(events(&log), ["on_error 2 e", "exit 2 EnterFailed", "exited 2"]);
    }

    /// S4: with `eager_rollback`, exits that run along with pending enters go on, and the enters are dropped.
    [tuple array few many]
    fn eager_rollback(group) {
        let (log, queue, [enter, exit]) = (Log::default(), Queue::default(), [Gate::new(), Gate::new()]);
        let acts = [(fails("e"), well()), (well().gate(&enter), well()), (well(), fails("x").gate(&exit))];
        let group = group(members(&log, acts));
        let mut gather = drive(group.eager_rollback().shield().with(async |_| Ok(())).on_drop(queue.spawner()));
        gather.pends();
        assert_eq!(log.only(&["exit"]), ["exit 2 EnterFailed", "poll exit 2"]);
        gather.drop();
        assert_eq!(log.take(), ["drop enter 1"]);
        let mut cleanup = queue.one();
        cleanup.pends();
        exit.open();
        assert_eq!(cleanup.end(), Report::enter(&[(0, "e")]).exits(&[(2, "x")]));
        assert_released(&log.everything());
    }

    /// S4: with `eager_rollback` and `settle`, the enters go on along with the exits, and members that enter are exited
    /// at once.
    [tuple array few]
    fn eager_rollback_that_settles(group) {
        for begun in [true, false] {
            let (log, queue, [enter, exit]) = (Log::default(), Queue::default(), [Gate::new(), Gate::new()]);
            let last = if begun { well() } else { well().gate(&enter) };
            let acts = [(fails("e"), well()), (well().gate(&enter), well()), (last, well().gate(&exit))];
            let group = group(members(&log, acts));
            let group = group.eager_rollback().shield().settle();
            let mut gather = drive(group.with(async |_| Ok(())).on_drop(queue.spawner()));
            gather.pends();
            log.take();
            gather.drop();
            assert_eq!(log.take(), [""; 0]);
            let mut cleanup = queue.one();
            cleanup.pends();
            enter.open();
            cleanup.pends();
            let late = ["on_error 1 e", "exit 1 EnterFailed", "exited 1"];
            let other = ["on_error 2 e", "exit 2 EnterFailed"];
            let expected = if begun { late.to_vec() } else { [&late[..], &other].concat() };
            let lines = events(&log).into_iter().filter(|line| !line.starts_with("entered"));
            assert_eq!(lines.collect::<Vec<_>>(), expected);
            exit.open();
            assert_eq!(cleanup.end(), Report::enter(&[(0, "e")]));
            assert_released(&log.everything());
        }
    }

    /// S1: with `eager_rollback` every exit may have ended while other members enter. The cleanup must still report the
    /// error.
    [tuple array few]
    fn eager_rollback_with_nothing_but_errors(group) {
        let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
        let acts = [(fails("e"), well()), (well().gate(&gate), well()), (well(), fails("x"))];
        let group = group(members(&log, acts));
        let mut gather = drive(group.eager_rollback().shield().with(async |_| Ok(())).on_drop(queue.spawner()));
        gather.pends();
        gather.drop();
        log.take();
        assert_eq!(queue.one().end(), Report::enter(&[(0, "e")]).exits(&[(2, "x")]));
        assert_eq!(log.take(), [""; 0]);
    }

    /// S4: a group that was stopped before the drop stays cancelled.
    [tuple array few many]
    fn after_a_stop(group) {
        for exit in [well(), fails("x")] {
            let (log, queue, [stop, gate]) = (Log::default(), Queue::default(), [Gate::new(), Gate::new()]);
            let group = group(members(&log, [(well(), exit.clone().gate(&gate)), (well(), well()), (well(), well())]));
            let stopped = group.cancel_on(async { stop.wait().await });
            let mut gather = drive(stopped.shield().with(async |_| Ok(pending::<()>().await)).on_drop(queue.spawner()));
            gather.pends();
            stop.open();
            gather.pends();
            assert_eq!(log.only(&["Cancelled"]).len(), 3);
            gather.drop();
            gate.open();
            let good = exit.end == common::End::Well;
            assert_eq!(queue.one().end(), if good { Report::value(()) } else { cancelled().exits(&[(0, "x")]) });
            assert_released(&log.everything());
        }
    }

    /// S2: a stopped group settles, and is dropped. `Gather::settle` alone does not change what a drop does, but
    /// `Shield::settle` does.
    [tuple array few]
    fn while_a_stopped_group_settles(group) {
        for goes_on in [false, true] {
            let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
            let stop = Gate::new();
            let acts = [(well(), well()), (well().gate(&gate), well()), (fails("e").gate(&gate), well())];
            let group = group(members(&log, acts)).settle().cancel_on({
                let stop = stop.clone();
                async move { stop.wait().await }
            });
            let mut gather = if goes_on {
                drive(group.shield().settle().with(async |_| Ok(())).on_drop(queue.spawner()))
            } else {
                drive(group.shield().with(async |_| Ok(())).on_drop(queue.spawner()))
            };
            gather.pends();
            stop.open();
            gather.pends();
            log.take();
            gather.drop();
            assert_eq!(log.only(&["drop"]).len(), if goes_on { 0 } else { 2 });
            gate.open();
            let report = queue.one().end();
            if goes_on {
                assert_eq!(report, Report::enter(&[(2, "e")]));
                assert_eq!(log.only(&["Cancelled", "on_error"]), ["exit 0 Cancelled", "exit 1 Cancelled"]);
            } else {
                assert_eq!(report, Report::value(()));
                assert_eq!(log.only(&["Cancelled", "on_error"]), ["exit 0 Cancelled"]);
            }
        }
    }

    /// S2: `Shield::settle` implies `Gather::settle`: a stop drops no enter either. It replaces `fail_fast`.
    [tuple array few many]
    fn settle_without_a_drop(group) {
        let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
        let stopped = group(members(&log, [(well(), well()), (well().gate(&gate), well()), (well(), well())]));
        let settles = stopped.cancel_on(ready(())).shield().settle();
        let mut gather = drive(settles.with(async |_| Ok(())).on_drop(queue.spawner()));
        assert_eq!(gather.end(), Report { why: Why::Cancelled, exits: vec![], suppressed: false });
        assert_eq!(log.take(), [""; 0]);

        let failing = group(members(&log, [(well(), well()), (well().gate(&gate), well()), (fails("e"), well())]));
        let mut gather = drive(failing.fail_fast().shield().settle().with(async |_| Ok(())).on_drop(queue.spawner()));
        gather.pends();
        assert_eq!(log.only(&["drop enter 1"]), [""; 0]);
        gate.open();
        assert_eq!(gather.end(), Report::enter(&[(2, "e")]));
        assert!(queue.is_empty());
    }

    /// S6: a cleanup that is dropped abandons held resources, and drops exits in flight.
    [tuple array few]
    fn the_cleanup_is_dropped(group) {
        for polls in [0, 1] {
            let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
            let group = group([0, 1, 2].map(|name| Member::new(&log, name, well(), well().gate(&gate))));
            let with = group.exit_limit(2).shield().with(async |_| Ok(pending::<()>().await));
            let mut gather = drive(with.on_drop(queue.spawner()));
            gather.pends();
            gather.drop();
            let mut cleanup = queue.one();
            (0..polls).for_each(|_| cleanup.pends());
            log.take();
            cleanup.drop();
            let dropped = [["abandon 0", "abandon 1", "abandon 2"], ["drop exit 0", "drop exit 1", "abandon 2"]];
            assert_eq!(log.take(), dropped[polls]);
            assert_released(&log.everything());
        }
    }

    /// S10: `enter` hands over the members that have entered. It hands over nothing once the resources are the
    /// caller's.
    [tuple array few]
    fn two_halves(group) {
        for done in [false, true] {
            let (log, queue, gate) = (Log::default(), Queue::default(), Gate::new());
            let group = group(members(&log, [(well(), well()), (well().gate(&gate), well()), (well(), well())]));
            let mut gather = drive(group.shield().enter().on_drop(queue.spawner()));
            gather.pends();
            if done {
                gate.open();
                let Why::Value(entered) = gather.end().why else { panic!("it has not entered") };
                gather.drop();
                assert!(queue.is_empty());
                drop(entered);
                assert_eq!(log.only(&["abandon"]), ["abandon 0", "abandon 1", "abandon 2"]);
            } else {
                gather.drop();
                assert_eq!(queue.one().end(), Report::value(()));
                assert_eq!(log.only(&["Cancelled"]), ["exit 0 Cancelled", "exit 2 Cancelled"]);
            }
        }
    }
}

/// S5: the cleanup's failure has the group's names, and says which error was the body's.
#[test]
fn names_and_own_errors() {
    let (gate, failure) = (Gate::new(), Rc::new(Cell::new(None)));
    let keep = failure.clone();
    let db = async { Ok(()) }.exit_with(async |_, _| {
        gate.wait().await;
        Err::<(), _>("x")
    });
    let cache = async { Ok(()) }.exit_with(async |_, _| Err::<(), _>("y"));
    let group = gather((db, cache)).names(&["db", "cache"]).shield();
    let with = group.with_own_error(async |_| Err::<(), _>(404)).on_drop(|cleanup| {
        gate.open();
        keep.set(Driver::new(cleanup).end().err());
    });
    let mut with = Driver::new(with);
    with.pends();
    with.drop();
    let failure = failure.take().expect("it has failed");
    assert!(matches!(failure.cause, Cause::Body(404)));
    assert_eq!(failure.to_string(), "body failed: 404; exit of db failed: x; exit of cache failed: y");
}

/// 18: a cleanup that has ended says so if it is polled again.
#[test]
#[cfg(feature = "std")]
fn polled_after_the_end() {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        task::{Context, Waker},
    };

    let cleanup = Rc::new(RefCell::new(None));
    let keep = cleanup.clone();
    let member = async { Ok::<_, ()>(()) }.drop_on_exit();
    let with = gather((member,)).shield().with(async |_| Ok(pending::<()>().await));
    let mut with = Driver::new(with.on_drop(move |cleanup| *keep.borrow_mut() = Some(Box::pin(cleanup))));
    with.pends();
    with.drop();
    let mut cleanup = cleanup.take().expect("it was handed over");
    let mut poll = || cleanup.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
    assert!(poll());
    let panic = catch_unwind(AssertUnwindSafe(poll)).unwrap_err();
    assert_eq!(common::message(&*panic), "a gather was polled after it had finished");
}

/// S5: a nested group is one member. It answers for its own members, and its failure is one error.
#[test]
fn a_nested_group() {
    let (log, gate) = (Log::default(), Gate::new());
    let [a, b, _] = members(&log, [(well(), fails("x").gate(&gate)), (well(), well()), (well(), well())]);
    let failure = Rc::new(RefCell::new(None));
    let keep = failure.clone();
    let outer = gather((async { gather((a, b)).enter().await },)).shield();
    let with = outer.with(async |_| Ok(pending::<()>().await));
    let mut with = Driver::new(with.on_drop(move |cleanup| *keep.borrow_mut() = Some(Driver::new(cleanup))));
    with.pends();
    with.drop();
    let mut cleanup = failure.take().expect("it was handed over");
    cleanup.pends();
    assert_eq!(log.only(&["Cancelled"]), ["exit 0 Cancelled", "exit 1 Cancelled"]);
    gate.open();
    let failure = cleanup.end().unwrap_err();
    assert_eq!(failure.to_string(), "cancelled; exit of member 0 failed: exit of member 0 failed: x");
    assert_released(&log.everything());
}
