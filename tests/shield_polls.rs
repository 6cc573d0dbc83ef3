//! Tests that drop a shielded gather at every poll, and its cleanup at every poll, under every policy.
#![cfg(feature = "alloc")]

mod common;
#[path = "common/shield.rs"]
mod shield;

use std::task::Poll;

use common::{Driver, Gate, Log, Member, Report, Why, assert_released, fails, well};
use shield::{Queue, drive};

/// Runs a life cycle for everything that may fail, for each number of polls before the drop, and after it. `$all` says
/// that every enter runs to its end, unless the drop cuts it.
macro_rules! at_every_poll {
    ($group:ident, $all:literal, [$($policy:tt)*], [$($settle:tt)*]) => {
        for failing in 0..16usize {
            for drop_after in 1..9 {
                for cleanup_polls in 0..9 {
                    let settle = !stringify!($($settle)*).is_empty();
                    let plan = Plan { failing, drop_after, cleanup_polls, settle, all: $all };
                    plan.run(|log, gates| {
                        let members = [0, 1, 2].map(|name| {
                            let enter = if failing & (1 << name) != 0 { fails("e") } else { well() };
                            Member::new(log, name, enter.gate(&gates[name]), fails("x").gate(&gates[4 + name]))
                        });
                        let (body, queue) = (gates[3].clone(), Queue::default());
                        let body = async move {
                            body.wait().await;
                            if failing & 8 != 0 { Err("b") } else { Ok(()) }
                        };
                        let group = $group(members)$($policy)*.shield()$($settle)*;
                        let with = group.with(async |_| body.await).on_drop(queue.spawner());
                        (queue, drive(with))
                    });
                }
            }
        }
    };
}

macro_rules! each_policy {
    ($($test:ident $all:literal [$($policy:tt)*])*) => {$(
        in_each_shape! {
            [tuple array few]
            fn $test(group) {
                at_every_poll!(group, $all, [$($policy)*], []);
                at_every_poll!(group, $all, [$($policy)*], [.settle()]);
            }
        }
    )*};
}

// S5, S6: every resource is released once. If the cleanup ends, it has abandoned no resource, and it reports every
// error once.
each_policy! {
    no_policy true []
    stack true [.stack()]
    exit_limit true [.exit_limit(1).fair()]
    enter_limit false [.enter_limit(1).in_reverse()]
    fail_fast false [.fail_fast()]
    eager_rollback true [.eager_rollback()]
    eager_rollback_of_a_stack true [.eager_rollback().stack()]
    eager_rollback_with_a_limit false [.enter_limit(2).eager_rollback().exit_limit(1)]
}

/// Says when the future is dropped, and which parts fail.
struct Plan {
    failing: usize,
    drop_after: usize,
    cleanup_polls: usize,
    settle: bool,
    all: bool,
}

impl Plan {
    /// Runs the plan. Each poll opens one gate, the later gates of a phase first.
    fn run(&self, begin: impl FnOnce(&Log, &[Gate; 7]) -> (Queue, Driver<'static, Report<()>>)) {
        let Self { failing, drop_after, cleanup_polls, settle, all } = *self;
        let (log, gates) = (Log::default(), std::array::from_fn(|_| Gate::new()));
        let (queue, mut gather) = begin(&log, &gates);
        let mut order = [2, 0, 1, 3, 6, 4, 5].iter();
        let mut step = |future: &mut Driver<'static, Report<()>>| match future.poll() {
            Poll::Ready(report) => Some(report),
            Poll::Pending => {
                order.next().inspect(|gate| gates[**gate].open());
                None
            }
        };
        let mut report = (0..drop_after).find_map(|_| step(&mut gather));
        let ended = report.is_some();
        gather.drop();
        if !queue.is_empty() {
            assert!(!ended, "it has ended");
            let mut cleanup = queue.one();
            report = (0..cleanup_polls).find_map(|_| step(&mut cleanup));
            cleanup.drop();
            assert!(report.is_some() || cleanup_polls < 8, "it never ends");
        }
        let log = log.everything();
        assert_released(&log);
        if let Some(report) = report {
            let about = format!("{failing} {settle} {drop_after} {cleanup_polls}: {report:?} {log:#?}");
            assert!(!log.iter().any(|line| line.starts_with("abandon")), "{about}");
            let exited = (0..3).filter(|name| log.contains(&format!("exited {name}")));
            assert_eq!(report.exits, exited.map(|name| (name, "x")).collect::<Vec<_>>(), "{about}");
            match report.why {
                Why::Enter(errors) => {
                    assert!(errors.iter().all(|(index, _)| failing & (1 << index) != 0), "{about}");
                    if all && (settle || ended) {
                        assert_eq!(errors.len(), (failing & 7).count_ones() as usize, "{about}");
                    }
                }
                Why::Body("b") => assert!(failing == 8, "{about}"),
                Why::Cancelled => assert!(!ended && !report.exits.is_empty(), "{about}"),
                Why::Exits => assert!(failing == 0 && !report.exits.is_empty(), "{about}"),
                Why::Value(()) => assert!(!ended && report.exits.is_empty(), "{about}"),
                why => panic!("{why:?} {about}"),
            }
        }
    }
}
