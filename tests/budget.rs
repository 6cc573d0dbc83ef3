//! 14, 22, D15: tokio's cooperative budget. A part of a life cycle that is always ready uses up the budget of each
//! poll, and the parts after it see only `Pending`. These tests say which parts still come to their ends, and in how
//! many polls.
#![cfg(feature = "std")]

mod common;

use std::{
    cell::Cell,
    future::{Future, pending},
    pin::Pin,
};

use common::{budgeted, step};
use gather_cm::{Cause, EnterExt, gather};
use tokio::{sync::Semaphore, task::yield_now};

/// Few members share the caller's waker, and the members of the largest group have wakers of their own.
const SIZES: [usize; 3] = [3, 30, 40];

type Driver<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// The counts that all parts of a life cycle share.
struct Table {
    always: Semaphore,
    /// How many parts have had enough.
    done: Cell<usize>,
}

impl Table {
    fn new() -> Self {
        Self { always: Semaphore::new(9), done: Cell::new(0) }
    }

    /// Is ready again and again, until this many others are done.
    async fn greedy(&self, others: usize) {
        while self.done.get() < others {
            step(&self.always).await;
        }
    }

    /// Takes three steps, each in a poll of its own.
    async fn modest(&self) {
        for _ in 0..3 {
            step(&self.always).await;
            yield_now().await;
        }
        self.done.set(self.done.get() + 1);
    }

    /// Is greedy until the others are done, or modest.
    async fn one_is_greedy(&self, greedy: bool, others: usize) {
        if greedy { self.greedy(others).await } else { self.modest().await }
    }
}

/// Runs a test for the first member, one in the middle and the last one of groups of each size.
fn at_each_place(mut test: impl FnMut(usize, usize, &Table)) {
    for len in SIZES {
        [0, len / 2, len - 1].into_iter().for_each(|place| test(len, place, &Table::new()));
    }
}

/// 22: with `fair`, a greedy enter starves no other enter, wherever it stands.
#[test]
fn enters_take_turns() {
    at_each_place(|len, place, table| {
        let enter = |index| async move { Ok::<_, &str>(table.one_is_greedy(index == place, len - 1).await) };
        let group: Vec<_> = (0..len).map(|index| enter(index).drop_on_exit()).collect();
        let ended = budgeted(5 * len, |_| {}, gather(group).fair().with(async |_| Ok(())));
        ended.expect("no enter starves").unwrap();
    });
}

/// 22: with `fair`, a greedy exit starves no other exit, wherever it stands.
#[test]
fn exits_take_turns() {
    at_each_place(|len, place, table| {
        let member = |index| {
            let exit = async move |(), _| Ok::<_, &str>(table.one_is_greedy(index == place, len - 1).await);
            async { Ok(()) }.exit_with(exit)
        };
        let ended =
            budgeted(5 * len, |_| {}, gather((0..len).map(member).collect::<Vec<_>>()).fair().with(async |_| Ok(())));
        ended.expect("no exit starves").unwrap();
    });
}

/// 2, 8, D2: without `fair`, a greedy enter, exit or driver at the end of the group starves nobody before it.
#[test]
fn those_before_a_greedy_member_come_first() {
    for len in SIZES {
        let table = &Table::new();
        let act = async |index: usize| table.one_is_greedy(index + 1 == len, len - 1).await;
        let act = &act;
        let enter = |index| async move { Ok::<_, &str>(act(index).await) }.drop_on_exit();
        let ended = budgeted(5, |_| {}, gather((0..len).map(enter).collect::<Vec<_>>()).with(async |_| Ok(())));
        ended.expect("no enter starves").unwrap();

        table.done.set(0);
        let exit = |index| async { Ok::<_, &str>(()) }.exit_with(async move |(), _| Ok(act(index).await));
        let ended = budgeted(5, |_| {}, gather((0..len).map(exit).collect::<Vec<_>>()).with(async |_| Ok(())));
        ended.expect("no exit starves").unwrap();

        table.done.set(0);
        let driven = |index| {
            let driver: Driver<'_> = Box::pin(act(index));
            async { Ok::<_, &str>(((), driver)) }.driven().drop_on_exit().to_end()
        };
        let ended = budgeted(5, |_| {}, gather((0..len).map(driven).collect::<Vec<_>>()).with(async |_| Ok(())));
        ended.expect("no driver starves").unwrap();
    }
}

/// D2: drivers come after the enters, so that a greedy driver starves no enter.
#[test]
fn a_greedy_driver_starves_no_enter() {
    at_each_place(|len, place, table| {
        let member = |index| {
            let enter = async move {
                if index != place {
                    table.modest().await;
                }
                let driver: Driver<'_> =
                    if index == place { Box::pin(table.greedy(len - 1)) } else { Box::pin(pending()) };
                Ok::<_, &str>(((), driver))
            };
            enter.driven().drop_on_exit()
        };
        let ended = budgeted(5, |_| {}, gather((0..len).map(member).collect::<Vec<_>>()).with(async |_| Ok(())));
        ended.expect("no enter starves").unwrap();
    });
}

/// 5: with `eager_rollback` the exits come after the enters, so that greedy exits starve no enter.
#[test]
fn a_greedy_exit_starves_no_enter() {
    at_each_place(|len, place, table| {
        let member = |index| {
            let enter = async move {
                if index == place {
                    return Err("e");
                }
                if index != (place + 1) % len {
                    table.modest().await;
                }
                Ok(())
            };
            enter.exit_with(async move |(), _| Ok(table.greedy(len - 2).await))
        };
        let gather = gather((0..len).map(member).collect::<Vec<_>>()).eager_rollback();
        let failure = budgeted(5, |_| {}, gather.with(async |_| Ok(()))).expect("no enter starves").unwrap_err();
        assert_eq!(failure.to_string(), format!("enter of member {place} failed: e"));
    });
}

/// D15: with `fair`, a greedy driver does not starve the body.
#[test]
fn a_body_beside_a_greedy_driver() {
    at_each_place(|len, place, table| {
        let member = |index| {
            let driver: Driver<'_> = if index == place { Box::pin(table.greedy(1)) } else { Box::pin(pending()) };
            async { Ok::<_, &str>(((), driver)) }.driven().drop_on_exit()
        };
        let gather = gather((0..len).map(member).collect::<Vec<_>>()).fair();
        let ended = budgeted(10, |_| {}, gather.with(async |_| Ok(table.modest().await)));
        ended.expect("the body has its turn").unwrap();
    });
}

/// D2, D15: a greedy body starves no driver, with `fair` or without.
#[test]
fn drivers_beside_a_greedy_body() {
    for len in SIZES {
        for fair in [false, true] {
            let table = &Table::new();
            let member = |_| {
                let driver: Driver<'_> = Box::pin(table.modest());
                async { Ok::<_, &str>(((), driver)) }.driven().drop_on_exit()
            };
            let members: Vec<_> = (0..len).map(member).collect();
            let body = async |_: &mut gather_cm::VecRefs<'_, _>| Ok(table.greedy(len).await);
            let ended = if fair {
                budgeted(20, |_| {}, gather(members).fair().with(body))
            } else {
                budgeted(20, |_| {}, gather(members).with(body))
            };
            ended.expect("the drivers have their turns").unwrap();
        }
    }
}

/// 14: a `stop` that needs some budget itself fires along with a greedy enter, driver or body.
#[test]
fn a_stop_fires_beside_each_greedy_part() {
    at_each_place(|len, place, table| {
        for greedy in ["enter", "driver", "body"] {
            let stop = Semaphore::new(0);
            let ever = |is: bool| async move {
                if is {
                    table.greedy(usize::MAX).await
                }
            };
            let member = |index| {
                let enter = async move {
                    ever(greedy == "enter" && index == place).await;
                    let driver: Driver<'_> = Box::pin(ever(greedy == "driver" && index == place));
                    Ok::<_, &str>(((), driver))
                };
                enter.driven().drop_on_exit()
            };
            let gather = gather((0..len).map(member).collect::<Vec<_>>()).cancel_on(step(&stop));
            let body = async |_: &mut gather_cm::VecRefs<'_, _>| {
                ever(greedy == "body").await;
                Ok(pending::<()>().await)
            };
            let passes = |poll| stop.add_permits(usize::from(poll == 3));
            let ended = budgeted(8, passes, gather.with(body));
            assert!(matches!(ended.expect("it is stopped").unwrap_err().cause, Cause::Cancelled { .. }));
        }
    });
}

/// 22: a deadline fires although its own member is greedy, and with `fair` although another member is.
#[test]
fn deadlines_fire() {
    at_each_place(|len, place, table| {
        let time = &Semaphore::new(0);
        let late = async || {
            step(time).await;
            "late"
        };
        // One member is greedy for ever, and each of the others hangs.
        let hangs = async |index: usize| {
            if index == place { table.greedy(usize::MAX).await } else { pending().await }
        };
        let (hangs, late) = (&hangs, &late);
        let passes = |poll| time.add_permits(usize::from(poll == 3));
        let enter = |index| async move { Ok(hangs(index).await) }.drop_on_exit().enter_within(async || late().await);
        let group = gather((0..len).map(enter).collect::<Vec<_>>()).fair();
        let failure = budgeted(5 * len, passes, group.with(async |_| Ok(()))).expect("all fire").unwrap_err();
        assert!(matches!(failure.cause, Cause::Enter(errors) if errors.len() == len));

        time.forget_permits(9);
        let exit = |index| async { Ok(()) }.exit_with(async move |(), _| Ok(hangs(index).await));
        let exit = |index| exit(index).exit_within(async || late().await);
        let group = gather((0..len).map(exit).collect::<Vec<_>>()).fair();
        let failure = budgeted(5 * len, passes, group.with(async |_| Ok(()))).expect("all fire").unwrap_err();
        assert_eq!(failure.exits.len(), len);
    });
}
