//! 20: tests of a `Vec` of many members, each with a gate of its own. Only woken members are polled, in enter and in
//! exit, with and without limits, along with failures and panics. Nothing that a waker may do breaks this.
#![cfg(feature = "alloc")]

mod common;
#[path = "common/counting.rs"]
mod counting;

use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use common::{Act, Driver, Gate, Log, Member, Report, Wakes, fails, well};
use counting::ALLOCATIONS;
use gather_cm::{EnterExt, Entered, Exit, ExitCase, gather};

const MANY: usize = 5000;

/// Many members, each with a gate before its enter and one before its exit.
struct Many {
    log: Log,
    enters: Vec<Gate>,
    exits: Vec<Gate>,
}

impl Many {
    fn new(count: usize) -> Self {
        let gates = || (0..count).map(|_| Gate::new()).collect();
        Self { log: Log::default(), enters: gates(), exits: gates() }
    }

    fn members(&self, enter: impl Fn(usize) -> Act) -> Vec<Member> {
        let member =
            |name| Member::new(&self.log, name, enter(name).gate(&self.enters[name]), well().gate(&self.exits[name]));
        (0..self.enters.len()).map(member).collect()
    }

    /// Returns which members were polled since the last call.
    fn polled(&self) -> Vec<String> {
        self.log.only(&["poll"])
    }
}

fn lines(what: &str, names: impl IntoIterator<Item = usize>) -> Vec<String> {
    names.into_iter().map(|name| format!("poll {what} {name}")).collect()
}

/// Returns all indices, far out of order.
fn shuffled(count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |step| (step * 2741 + 77) % count)
}

#[test]
fn only_who_was_woken_is_polled() {
    for count in [31, 63, 64, 65, 4096, 4097, MANY] {
        let many = Many::new(count);
        let mut driver = Driver::new(gather(many.members(|_| well())).with(async |_| Ok(())));
        driver.pends();
        assert_eq!(many.polled(), lines("enter", 0..count));
        for (step, name) in shuffled(count).enumerate() {
            let wakes = driver.wakes.count();
            many.enters[name].open();
            assert_eq!(driver.wakes.count(), wakes + 1);
            driver.pends();
            let begun = if step + 1 == count { lines("exit", 0..count) } else { vec![] };
            assert_eq!(many.polled(), [lines("enter", [name]), begun].concat());
            driver.pends();
            assert_eq!(many.polled(), lines("", []), "a poll for nothing polls none");
        }
        for (step, name) in shuffled(count).enumerate() {
            many.exits[name].open();
            assert_eq!(driver.poll().is_ready(), step + 1 == count);
            assert_eq!(many.polled(), lines("exit", [name]));
        }
    }
}

#[test]
fn those_woken_together_are_polled_in_argument_order() {
    let many = Many::new(MANY);
    let mut driver = Driver::new(gather(many.members(|_| well())).with(async |_| Ok(())));
    driver.pends();
    many.polled();
    let some = [4999, 3, 64, 2500, 63, 4095, 4096, 0];
    some.iter().for_each(|name| many.enters[*name].wake());
    assert_eq!(driver.wakes.count(), 1, "once is enough");
    driver.pends();
    assert_eq!(many.polled(), lines("enter", [0, 3, 63, 64, 2500, 4095, 4096, 4999]));
}

/// 6, 13, 20: a member that waits for a place costs nothing. A free place goes to the next member in argument order.
#[test]
fn limits() {
    let many = Many::new(MANY);
    let group = gather(many.members(|_| well())).enter_limit(3).exit_limit(2);
    let mut driver = Driver::new(group.with(async |_| Ok(())));
    driver.pends();
    assert_eq!(many.polled(), lines("enter", 0..3));
    // The second member in flight ends again and again. The others stay.
    for name in [1].into_iter().chain(3..MANY) {
        many.enters[name].open();
        driver.pends();
        let next = if name == 1 { 3 } else { name + 1 };
        assert_eq!(many.polled(), lines("enter", [name, next].into_iter().filter(|name| *name < MANY)));
    }
    many.enters[2].open();
    driver.pends();
    assert_eq!(many.polled(), lines("enter", [2]));
    many.enters[0].open();
    driver.pends();
    assert_eq!(many.polled(), [lines("enter", [0]), lines("exit", 0..2)].concat());
    for name in (1..MANY).chain([0]) {
        many.exits[name].open();
        assert_eq!(driver.poll().is_ready(), name == 0);
        assert_eq!(
            many.polled(),
            lines("exit", [name, name + 1].into_iter().filter(|next| *next < MANY && name > 0 || *next == 0))
        );
    }
}

/// 5: with `eager_rollback` some members exit while others still enter. Each is polled when it is woken, in its own
/// phase.
#[test]
fn eager_rollback() {
    let many = Many::new(MANY);
    let enter = |name| if name == 2000 { fails("e") } else { well() };
    let group = gather(many.members(enter)).eager_rollback().exit_limit(2);
    let mut driver = Driver::new(group.with(async |_| Ok(())));
    driver.pends();
    many.polled();
    [100, 3000, 2000, 4000].iter().for_each(|name| many.enters[*name].open());
    driver.pends();
    assert_eq!(many.polled(), [lines("enter", [100, 2000, 3000, 4000]), lines("exit", [100, 3000])].concat());
    // One member enters late, and comes before the member that waits already.
    many.enters[50].open();
    driver.pends();
    assert_eq!(many.polled(), lines("enter", [50]));
    many.exits[3000].open();
    many.enters[7].open();
    driver.pends();
    assert_eq!(many.polled(), [lines("enter", [7]), lines("exit", [3000, 4000])].concat());
    many.exits[4000].open();
    many.exits[100].wake();
    driver.pends();
    assert_eq!(many.polled(), lines("exit", [100, 4000, 7]));
    many.exits.iter().for_each(Gate::open);
    many.enters.iter().for_each(Gate::open);
    let report = Report::plain(driver.end());
    assert_eq!(report, Report::enter(&[(2000, "e")]));
    assert!(many.log.everything().iter().all(|line| !line.contains("LEAK")));
    let exited = many.log.everything().iter().filter(|line| line.starts_with("exited")).count();
    assert_eq!(exited, MANY - 1);
}

/// 5, 12: a stack of many members is rolled back.
#[test]
fn stack() {
    let many = Many::new(200);
    let enter = |name| if name == 60 { fails("e") } else { well() };
    let mut driver = Driver::new(gather(many.members(enter)).stack().with(async |_| Ok(())));
    driver.pends();
    let order: Vec<_> = shuffled(200).collect();
    order.iter().for_each(|name| {
        many.enters[*name].open();
        driver.pends();
    });
    many.polled();
    let backwards: Vec<_> = order.into_iter().rev().filter(|name| *name != 60).collect();
    for (step, name) in backwards.iter().enumerate() {
        many.exits[*name].open();
        assert_eq!(driver.poll().is_ready(), step + 1 == 199);
        let next = backwards.get(step + 1).copied();
        assert_eq!(many.polled(), lines("exit", [*name].into_iter().chain(next)));
    }
}

/// 12, 20: while enters are pending, the one exit of a stack is polled when it is woken, and so is each of the enters.
#[test]
fn stack_with_eager_rollback() {
    let many = Many::new(200);
    let enter = |name| if name == 60 { fails("e") } else { well() };
    let group = gather(many.members(enter)).stack().eager_rollback();
    let mut driver = Driver::new(group.with(async |_| Ok(())));
    driver.pends();
    [150, 20].iter().for_each(|name| {
        many.enters[*name].open();
        driver.pends();
    });
    many.enters[60].open();
    driver.pends();
    many.polled();
    for (gate, expected) in [
        (&many.enters[7], lines("enter", [7])),
        (&many.exits[20], [lines("exit", [20]), lines("exit", [7])].concat()),
        (&many.enters[199], lines("enter", [199])),
        (&many.exits[7], [lines("exit", [7]), lines("exit", [199])].concat()),
        (&many.exits[199], [lines("exit", [199]), lines("exit", [150])].concat()),
        (&many.enters[3], lines("enter", [3])),
    ] {
        gate.open();
        driver.pends();
        assert_eq!(many.polled(), expected);
    }
    many.exits.iter().chain(&many.enters).for_each(Gate::open);
    let report = Report::plain(driver.end());
    assert_eq!(report, Report::enter(&[(60, "e")]));
    let log = many.log.everything();
    let exited = log.iter().filter(|line| line.starts_with("exited")).count();
    assert_eq!((exited, log.iter().any(|line| line.contains("LEAK"))), (199, false));
}

/// 12, 20: `in_reverse` needs no order of entering, and polls only the exit that was woken.
#[test]
fn in_reverse() {
    for count in [31, 64, 65, 200] {
        let many = Many::new(count);
        let enter = |name| if name == 17 { fails("e") } else { well() };
        let mut driver = Driver::new(gather(many.members(enter)).in_reverse().with(async |_| Ok(())));
        driver.pends();
        shuffled(count).for_each(|name| {
            many.enters[name].open();
            driver.pends();
        });
        many.polled();
        let backwards: Vec<_> = (0..count).rev().filter(|name| *name != 17).collect();
        for (step, name) in backwards.iter().enumerate() {
            many.exits[*name].open();
            assert_eq!(driver.poll().is_ready(), step + 2 == count);
            let next = backwards.get(step + 1).copied();
            assert_eq!(many.polled(), lines("exit", [*name].into_iter().chain(next)));
        }
    }
}

/// 5, 12: members that enter late have their turn by their order. Of the held members, `in_reverse` picks the last
/// argument, and a stack the one that entered last.
#[test]
fn late_members_have_their_turn() {
    const COUNT: usize = 120;
    let late: [Vec<usize>; 4] = [
        (0..COUNT).collect(),
        (0..COUNT).rev().collect(),
        shuffled(COUNT).collect(),
        (0..COUNT).map(|step| (step * 7) % COUNT / 2 * 2 + (step * 7) % 2).collect(),
    ];
    // This many members enter during each exit.
    for (late, at_once) in late.iter().flat_map(|late| [1, 2, 50].map(|at_once| (late, at_once))) {
        for in_reverse in [false, true] {
            let many = Many::new(COUNT);
            let enter = |name| if name == 60 { fails("e") } else { well() };
            let group = gather(many.members(enter)).eager_rollback();
            let mut driver = if in_reverse {
                Driver::new(Box::pin(group.in_reverse().with(async |_| Ok(()))) as Pin<Box<dyn Future<Output = _>>>)
            } else {
                Driver::new(Box::pin(group.stack().with(async |_| Ok(()))) as Pin<Box<dyn Future<Output = _>>>)
            };
            driver.pends();
            many.enters[60].open();
            driver.pends();
            many.polled();
            let mut late = late.iter().copied().filter(|name| *name != 60).peekable();
            let (mut held, mut turn): (Vec<usize>, Option<usize>) = (vec![], None);
            while turn.is_some() || late.peek().is_some() {
                let mut now: Vec<usize> = late.by_ref().take(at_once).collect();
                now.iter().for_each(|name| many.enters[*name].open());
                if let Some(turn) = turn {
                    many.exits[turn].open();
                }
                let ready = driver.poll().is_ready();
                // Members that are woken together enter in argument order.
                now.sort_unstable();
                held.extend(&now);
                if in_reverse {
                    held.sort_unstable();
                }
                let exits = [turn, held.pop()];
                assert_eq!(many.polled(), [lines("enter", now), lines("exit", exits.into_iter().flatten())].concat());
                turn = exits[1];
                assert_eq!(ready, turn.is_none());
            }
            let log = many.log.everything();
            let exited = log.iter().filter(|line| line.starts_with("exited")).count();
            assert_eq!((exited, log.iter().any(|line| line.contains("LEAK"))), (COUNT - 1, false));
        }
    }
}

/// 12, 16: if many resources exit one at a time, a resource whose `on_error` panics keeps its turn, even if others
/// enter late.
#[test]
#[cfg(feature = "std")]
fn after_a_panic_in_on_error() {
    let many = Many::new(100);
    let mut members = many.members(|name| if name == 60 { fails("e") } else { well() });
    for name in [20, 30] {
        let (enter, exit) = (well().gate(&many.enters[name]), well().gate(&many.exits[name]));
        members[name] = Member::new(&many.log, name, enter, exit).on_error_panics();
    }
    let gather = gather(members).in_reverse().eager_rollback().catch_unwind();
    let mut driver = Driver::new(gather.with(async |_| Ok(())));
    driver.pends();
    for (opened, exits) in [
        ([10, 30, 60].map(|name| &many.enters[name]), vec![30]),
        ([&many.exits[30], &many.enters[5], &many.enters[20]], vec![30, 20]),
        ([&many.exits[20], &many.enters[3], &many.enters[7]], vec![20, 10]),
    ] {
        many.polled();
        opened.iter().for_each(|gate| gate.open());
        driver.pends();
        let polled = many.polled().into_iter().filter(|line| line.contains("exit")).collect::<Vec<_>>();
        assert_eq!(polled, lines("exit", exits));
    }
    many.exits.iter().chain(&many.enters).for_each(Gate::open);
    assert_eq!(Report::plain(driver.end()).why, common::Why::Panicked("on_error 30".into()));
    let log = many.log.everything();
    let count = |word: &str| log.iter().filter(|line| line.starts_with(word)).count();
    assert_eq!((count("on_error"), count("exited"), count("LEAK")), (99, 99, 0));
}

/// 14, 20: with `settle`, the pending enters of a large `Vec` run to their end after a stop. Each is polled when it is
/// woken, and queued members never start.
#[test]
fn settle() {
    for (limit, failing) in [(200, None), (200, Some(60)), (50, None), (50, Some(7))] {
        let (many, stop) = (Many::new(200), Gate::new());
        let enter = |name| if Some(name) == failing { fails("e") } else { well() };
        let group = gather(many.members(enter)).enter_limit(limit).cancel_on(stop.wait()).settle();
        let mut driver = Driver::new(group.with(async |_| Ok(())));
        driver.pends();
        let begun = limit.min(200);
        assert_eq!(many.polled(), lines("enter", 0..begun));
        many.enters[3].open();
        stop.open();
        driver.pends();
        assert_eq!(many.polled(), lines("enter", [3]), "no other was woken, and none begins in its place");
        let rest = shuffled(200).filter(|name| *name < begun && *name != 3);
        let held = (0..begun).filter(|name| Some(*name) != failing);
        for (step, name) in rest.enumerate() {
            many.enters[name].open();
            driver.pends();
            let exits = if step + 2 == begun { lines("exit", held.clone()) } else { vec![] };
            assert_eq!(many.polled(), [lines("enter", [name]), exits].concat());
        }
        many.exits.iter().for_each(Gate::open);
        let why = failing.map_or(common::Why::Cancelled, |name| common::Why::Enter(vec![(name, "e")]));
        assert_eq!(Report::plain(driver.end()).why, why);
        let log = many.log.everything();
        let count = |word: &str| log.iter().filter(|line| line.contains(word)).count();
        assert_eq!((count("Cancelled"), count("on_error"), count("LEAK")), (held.count(), 0, 0));
    }
}

/// 15: in every state a drop abandons the held resources, and drops the pending enters and exits.
#[test]
fn dropped() {
    for opened in [0, 1, 100, 200] {
        for exited in [0, 1, 100] {
            let many = Many::new(200);
            let mut driver = Driver::new(gather(many.members(|_| well())).exit_limit(9).with(async |_| Ok(())));
            driver.pends();
            many.enters[..opened].iter().for_each(Gate::open);
            many.exits[..exited].iter().for_each(Gate::open);
            driver.pends();
            let wakers: Vec<_> = many.enters.iter().chain(&many.exits).filter_map(Gate::waker).collect();
            driver.drop();
            let log = many.log.everything();
            let count = |word: &str| log.iter().filter(|line| line.starts_with(word)).count();
            let exited = if opened == 200 { exited } else { 0 };
            assert_eq!(count("exited"), exited);
            assert_eq!(count("abandon"), if opened == 200 { 200 - exited - 9 } else { opened });
            assert_eq!((count("entered"), count("LEAK")), (opened, 0));
            wakers.iter().for_each(Waker::wake_by_ref);
            assert_eq!(many.log.everything().len(), log.len(), "wakers that outlive the gather do nothing");
        }
    }
}

/// 16: if an enter, an exit or an `on_error` of one of many members panics, that does not affect the others.
#[test]
#[cfg(feature = "std")]
fn panics() {
    for exit_limit in [1, 2, 300] {
        let many = Many::new(300);
        let mut members = many.members(|name| match name {
            20 | 290 => common::panics("enter"),
            150 => fails("e"),
            _ => well(),
        });
        let exit = |name: usize| match name % 10 {
            1 => common::panics("exit"),
            2 => well().make_panics(),
            _ => well(),
        };
        for name in [31, 32, 33, 171, 172] {
            let enter = well().gate(&many.enters[name]);
            members[name] = Member::new(&many.log, name, enter, exit(name).gate(&many.exits[name])).on_error_panics();
        }
        let gather = gather(members).eager_rollback().exit_limit(exit_limit).catch_unwind();
        let mut driver = Driver::new(gather.with(async |_| Ok(())));
        driver.pends();
        for name in [20, 150, 10, 31, 290, 200] {
            many.enters[name].open();
            driver.pends();
        }
        many.exits.iter().for_each(Gate::open);
        driver.pends();
        many.enters.iter().for_each(Gate::open);
        let report = Report::plain(driver.end());
        assert_eq!(report.why, common::Why::Panicked("enter".into()));
        let log = many.log.everything();
        let count = |word: &str| log.iter().filter(|line| line.starts_with(word)).count();
        assert_eq!((count("entered"), count("exit "), count("abandon"), count("LEAK")), (297, 297, 0, 0));
    }
}

/// 16, 17: a member that is held although its enter panicked waits for its exit. It has a lower index than members
/// whose exits have begun.
#[test]
#[cfg(feature = "std")]
fn held_after_a_panic() {
    let many = Many::new(100);
    let enter = |name| match name {
        7 => well().drop_panics(),
        60 => fails("e"),
        _ => well(),
    };
    let gather = gather(many.members(enter)).eager_rollback().catch_unwind();
    let mut driver = Driver::new(gather.with(async |_| Ok(())));
    driver.pends();
    for name in [90, 60] {
        many.enters[name].open();
        driver.pends();
    }
    many.polled();
    many.enters[7].open();
    driver.pends();
    assert_eq!(many.polled(), [lines("enter", [7]), lines("exit", [7])].concat());
}

/// 5, 20: members that enter late begin their exits in the poll in which they enter, however far apart they are.
#[test]
fn held_late_in_one_poll() {
    let many = Many::new(200);
    let enter = |name| if name == 60 { fails("e") } else { well() };
    let mut driver = Driver::new(gather(many.members(enter)).eager_rollback().with(async |_| Ok(())));
    driver.pends();
    for name in [190, 60] {
        many.enters[name].open();
        driver.pends();
    }
    many.polled();
    [50, 65, 130].iter().for_each(|name| many.enters[*name].open());
    driver.pends();
    assert_eq!(many.polled(), [lines("enter", [50, 65, 130]), lines("exit", [50, 65, 130])].concat());
}

/// A member may wake itself, or any other member, in its poll. Each poll polls each member at most once, in argument
/// order, and no wake is lost.
#[test]
fn a_wake_in_a_poll() {
    let polls = Rc::new(RefCell::new(vec![]));
    let wakers = Rc::new(RefCell::new(vec![None::<Waker>; 100]));
    let member = |index: usize| {
        let (polls, wakers) = (polls.clone(), wakers.clone());
        let mut times = 0;
        poll_fn(move |cx| {
            polls.borrow_mut().push(index);
            wakers.borrow_mut()[index] = Some(cx.waker().clone());
            times += 1;
            if times == 2 {
                // It wakes itself, the member after it and the member before it.
                [index, (index + 1) % 100, (index + 99) % 100]
                    .iter()
                    .for_each(|other| wakers.borrow()[*other].as_ref().unwrap().wake_by_ref());
            }
            if times == 3 { Poll::Ready(Ok::<_, ()>(())) } else { Poll::Pending }
        })
        .drop_on_exit()
    };
    let mut driver = Driver::new(gather((0..100).map(member).collect::<Vec<_>>()).with(async |_| Ok(())));
    driver.pends();
    assert_eq!(polls.take(), (0..100).collect::<Vec<_>>());
    wakers.borrow()[50].as_ref().unwrap().wake_by_ref();
    let mut total = 0;
    loop {
        let wakes = driver.wakes.count();
        let ready = driver.poll().is_ready();
        assert!(polls.borrow().is_sorted_by(|a, b| a < b), "{polls:?}");
        total += polls.take().len();
        if ready {
            break;
        }
        assert!(driver.wakes.count() > wakes, "pending, and nobody will wake it");
    }
    assert_eq!(total, 200, "each twice more");
}

/// A parent that polls the gather inside `wake`.
struct Inline {
    task: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    polls: AtomicUsize,
}

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        // If the task is being polled already, that poll sees the wake.
        let Ok(mut task) = self.task.try_lock() else { return };
        self.polls.fetch_add(1, Ordering::SeqCst);
        if let Some(future) = task.as_mut() {
            if future.as_mut().poll(&mut Context::from_waker(&Waker::from(self.clone()))).is_ready() {
                *task = None;
            }
        }
    }
}

#[test]
fn polled_inside_wake() {
    let wakers = Arc::new(Mutex::new(vec![]));
    let member = |_| {
        let (wakers, mut pended) = (wakers.clone(), false);
        poll_fn(move |cx| {
            if std::mem::replace(&mut pended, true) {
                return Poll::Ready(Ok::<_, ()>(()));
            }
            wakers.lock().unwrap().push(cx.waker().clone());
            Poll::Pending
        })
        .drop_on_exit()
    };
    let members: Vec<_> = (0..100).map(member).collect();
    let future = Box::pin(async move { gather(members).with(async |_| Ok(())).await.unwrap() });
    let task = Arc::new(Inline { task: Mutex::new(Some(future)), polls: AtomicUsize::new(0) });
    task.clone().wake();
    let wakers = std::mem::take(&mut *wakers.lock().unwrap());
    wakers.into_iter().for_each(Waker::wake);
    assert!(task.task.lock().unwrap().is_none());
    assert_eq!(task.polls.load(Ordering::SeqCst), 101);
}

/// The gather lets go of its parent's waker when it ends, and when it is dropped.
#[test]
fn the_parent_is_let_go() {
    let kept = Rc::new(RefCell::new(vec![]));
    let member = |ready: bool| {
        let kept = kept.clone();
        poll_fn(move |cx| {
            kept.borrow_mut().push(cx.waker().clone());
            if ready { Poll::Ready(Ok::<_, ()>(())) } else { Poll::Pending }
        })
        .drop_on_exit()
    };
    for ready in [true, false] {
        let parent = Arc::new(Wakes::default());
        {
            let mut gather = pin!(gather((0..50).map(|_| member(ready)).collect::<Vec<_>>()).with(async |_| Ok(())));
            let waker = Waker::from(parent.clone());
            assert_eq!(gather.as_mut().poll(&mut Context::from_waker(&waker)).is_ready(), ready);
        }
        assert_eq!(Arc::strong_count(&parent), 1);
        kept.take().into_iter().for_each(Waker::wake);
        assert_eq!(parent.count(), 0);
    }
}

/// If there are only a few members, each poll polls all of them, with the caller's own waker.
#[test]
fn a_few_are_passed_the_callers_waker() {
    let parent = Waker::from(Arc::new(Wakes::default()));
    let mut polls = 0;
    let seen = RefCell::new(&mut polls);
    let member = |_| {
        poll_fn(|cx: &mut Context<'_>| {
            assert!(cx.waker().will_wake(&parent));
            **seen.borrow_mut() += 1;
            Poll::<Result<(), ()>>::Pending
        })
        .drop_on_exit()
    };
    {
        let mut gather = pin!(gather((0..8).map(member).collect::<Vec<_>>()).with(async |_| Ok(())));
        for _ in 0..2 {
            assert!(gather.as_mut().poll(&mut Context::from_waker(&parent)).is_pending());
        }
    }
    assert_eq!(polls, 16);
}

/// Is a body that keeps no waker, and that is pending until it may end.
async fn until_it_may(end: &Cell<bool>) {
    poll_fn(|_| if end.get() { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// One task starts the group of [`Many`], and it moves to another task while the body runs.
fn moved_in_the_body(count: usize, exit_limit: usize) {
    let (many, end) = (Many::new(count), Cell::new(false));
    let group = gather(many.members(|_| well())).exit_limit(exit_limit);
    let mut driver = Driver::new(group.with(async |_| Ok(until_it_may(&end).await)));
    driver.pends();
    assert!(Arc::strong_count(&driver.wakes) > 1, "the enters are pending: a wake must find the task");
    many.enters.iter().for_each(Gate::open);
    assert_eq!(driver.wakes.count(), 1);
    driver.pends();
    assert_eq!(many.polled().len(), 2 * count);

    // The body runs. The wakers of the enters still exist, and wake nobody.
    assert_eq!(Arc::strong_count(&driver.wakes), 1, "no waker of the first task is kept");
    let late: Vec<_> = many.enters.iter().filter_map(Gate::waker).collect();
    assert_eq!(late.len(), count);
    late.iter().for_each(Waker::wake_by_ref);
    let first = std::mem::take(&mut driver.wakes);
    driver.pends();
    assert_eq!((Arc::strong_count(&first), Arc::strong_count(&driver.wakes)), (1, 1));
    late.iter().for_each(Waker::wake_by_ref);
    assert_eq!((first.count(), driver.wakes.count()), (1, 0), "a late wake wakes neither task");
    assert_eq!(many.polled(), lines("", []));

    // The exits begin. Each is polled once, although members were woken meanwhile.
    end.set(true);
    driver.pends();
    let begun = exit_limit.min(count);
    assert_eq!(many.polled(), lines("exit", 0..begun));
    assert!(Arc::strong_count(&driver.wakes) > 1, "the exits are pending: a wake must find the task");
    assert_eq!(Arc::strong_count(&first), 1);
    driver.pends();
    assert_eq!(many.polled(), lines("exit", []), "what was woken in the body causes no poll of an exit");
    assert_eq!(driver.wakes.count(), 0);
    for name in 0..count {
        many.exits[name].open();
        assert_eq!((first.count(), driver.wakes.count()), (1, name + 1), "the second task is woken");
        assert_eq!(driver.poll().is_ready(), name + 1 == count);
        let next = name + begun;
        assert_eq!(many.polled(), lines("exit", [name].into_iter().chain((next < count).then_some(next))));
    }
    assert_eq!((Arc::strong_count(&first), Arc::strong_count(&driver.wakes)), (1, 1));
}

/// 20: while the body runs, the group keeps no waker of its task: a waker of an enter that is called then wakes nobody,
/// and causes no poll of an exit. The exits wake the task that polled last.
#[test]
fn no_waker_is_kept_in_the_body() {
    for count in [31, 40, 200] {
        moved_in_the_body(count, usize::MAX);
        moved_in_the_body(count, 3);
    }
}

/// 20: a wake of an enter is as late if it comes from within the body, or from the destructor of a value that the body
/// holds.
#[test]
fn a_late_wake_from_within_the_body() {
    let many = Many::new(40);
    let wakers = RefCell::new(vec![]);
    let body = async |_: &mut gather_cm::VecRefs<'_, common::Resource>| {
        struct WakesAll<'a>(&'a RefCell<Vec<Waker>>);
        impl Drop for WakesAll<'_> {
            fn drop(&mut self) {
                self.0.borrow().iter().for_each(Waker::wake_by_ref);
            }
        }
        let all = WakesAll(&wakers);
        drop(WakesAll(&wakers));
        smol::future::yield_now().await;
        drop(all);
        Ok(())
    };
    let mut driver = Driver::new(gather(many.members(|_| well())).with(body));
    driver.pends();
    wakers.borrow_mut().extend(many.enters.iter().filter_map(Gate::waker));
    many.enters.iter().for_each(Gate::open);
    let wakes = driver.wakes.count();
    driver.pends();
    assert_eq!(driver.wakes.count(), wakes + 1, "by `yield_now` alone");
    many.polled();
    driver.pends();
    assert_eq!(many.polled(), lines("exit", 0..40));
    assert_eq!(driver.wakes.count(), wakes + 1);
    driver.pends();
    assert_eq!(many.polled(), lines("exit", []));
    many.exits.iter().for_each(Gate::open);
    driver.end().unwrap();
}

/// 20: a group that was entered keeps no waker of the task that entered it, and its exits wake the task that exits it.
#[test]
fn no_waker_is_kept_by_an_entered_group() {
    for opened in [0, 40] {
        let many = Many::new(40);
        many.enters[..opened].iter().for_each(Gate::open);
        let mut entering = Driver::new(gather(many.members(|_| well())).enter());
        if opened == 0 {
            entering.pends();
            many.enters.iter().for_each(Gate::open);
        }
        let mut entered: Entered<Vec<common::Resource>> = entering.end().unwrap();
        assert_eq!(Arc::strong_count(&entering.wakes), 1, "while its future is still there");
        let late: Vec<_> = many.enters.iter().filter_map(Gate::waker).collect();
        let before = entering.wakes.count();
        late.iter().for_each(Waker::wake_by_ref);
        entering.drop();
        assert_eq!((late.len(), entering.wakes.count()), (40 - opened, before));
        assert_eq!(entered.lend().len(), 40);
        many.polled();

        let mut exiting = Driver::new(entered.exit(ExitCase::Completed));
        exiting.pends();
        assert_eq!(many.polled(), lines("exit", 0..40));
        many.exits[7].open();
        assert_eq!((entering.wakes.count(), exiting.wakes.count()), (before, 1));
        exiting.pends();
        assert_eq!(many.polled(), lines("exit", [7]));
        many.exits.iter().for_each(Gate::open);
        exiting.end().unwrap();
    }
}

/// 20: the number of allocations does not grow with the number of members, although the task changes with each poll.
#[test]
fn allocations_do_not_grow() {
    /// Pends once, without a waker, and is ready then.
    async fn once() {
        let mut pended = false;
        poll_fn(|_| if std::mem::replace(&mut pended, true) { Poll::Ready(()) } else { Poll::Pending }).await;
    }
    let run = |count: usize, caller_waker: bool| {
        let wakers = RefCell::new(Vec::with_capacity(count));
        let end = Cell::new(false);
        let member = |_| {
            let wakers = &wakers;
            async move {
                poll_fn(|cx| {
                    wakers.borrow_mut().push(cx.waker().clone());
                    Poll::Ready(())
                })
                .await;
                Ok::<_, ()>(())
            }
            .exit_with(async |(), _| Ok(once().await))
        };
        let members: Vec<_> = (0..count).map(member).collect();
        let tasks = [(); 2].map(|()| Waker::from(Arc::new(Wakes::default())));
        let before = ALLOCATIONS.get();
        // As in a user's program, each poll may come from another task.
        macro_rules! life_cycle {
            ($gather:expr) => {{
                let mut with = pin!($gather.with(async |_| Ok(until_it_may(&end).await)));
                let mut poll = |task: usize| with.as_mut().poll(&mut Context::from_waker(&tasks[task]));
                assert!(poll(0).is_pending() && poll(1).is_pending());
                end.set(true);
                wakers.borrow().iter().for_each(Waker::wake_by_ref);
                assert!(poll(0).is_pending());
                // No exit has asked for a wake. If only woken members are polled, no exit is polled.
                assert_eq!(poll(1).is_ready(), caller_waker);
            }};
        }
        if caller_waker {
            life_cycle!(gather(members).caller_waker());
        } else {
            life_cycle!(gather(members));
        }
        ALLOCATIONS.get() - before
    };
    for caller_waker in [false, true] {
        let [few, more, many] = [40, 400, 4000].map(|count| run(count, caller_waker));
        assert_eq!((few, few), (more, many), "{caller_waker}");
    }
}

/// The wakers that the members were polled with.
type Seen = Rc<RefCell<Vec<Waker>>>;

/// Pends once, and shows the waker of each poll.
async fn shows(seen: &Seen) {
    let mut pended = false;
    poll_fn(|cx| {
        seen.borrow_mut().push(cx.waker().clone());
        if std::mem::replace(&mut pended, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Makes members that show their wakers, in enter and in exit.
macro_rules! showing {
    ($seen:expr) => {{
        let seen: &Seen = $seen;
        let member = |_| {
            let (enters, exits) = (seen.clone(), seen.clone());
            async move { Ok::<_, &str>(shows(&enters).await) }.exit_with(async move |(), _| Ok(shows(&exits).await))
        };
        member
    }};
}

/// Returns how many wakers were seen since the last call. All of them must be the task's own.
fn own(seen: &Seen, task: &Arc<Wakes>) -> usize {
    let task = Waker::from(task.clone());
    let seen = seen.take();
    assert!(seen.iter().all(|waker| waker.will_wake(&task)));
    seen.len()
}

/// Plays a whole life cycle in one future. Every poll polls every member, with the waker of that poll.
fn passes_on<T>(with: impl Future<Output = T>, seen: &Seen, count: usize) -> T {
    let mut driver = Driver::new(with);
    driver.pends();
    assert_eq!(own(seen, &driver.wakes), count, "enters");
    driver.wakes = Arc::default();
    driver.pends();
    assert_eq!(own(seen, &driver.wakes), 2 * count, "enters, and exits");
    driver.wakes = Arc::default();
    let output = driver.end();
    assert_eq!(own(seen, &driver.wakes), count, "exits");
    output
}

/// 20: `caller_waker` passes on the waker of each poll, in enters and in exits, at every size.
#[test]
fn the_callers_waker_is_passed_on() {
    let seen = Seen::default();
    for count in [31, 40, 100] {
        let members = || (0..count).map(showing!(&seen)).collect::<Vec<_>>();
        passes_on(gather(members()).caller_waker().with(async |_| Ok(())), &seen, count).unwrap();
        passes_on(gather(members()).caller_waker().fair().with(async |_| Ok(())), &seen, count).unwrap();
        let limits = gather(members()).enter_limit(200).exit_limit(200).caller_waker();
        passes_on(limits.with(async |_| Ok(())), &seen, count).unwrap();
        let failed = gather(members()).caller_waker().with(async |_| Err::<(), _>("oops"));
        assert_eq!(passes_on(failed, &seen, count).unwrap_err().to_string(), "body failed: oops");

        // Without it, each member has a waker of its own.
        let mut driver = Driver::new(gather(members()).with(async |_| Ok(())));
        driver.pends();
        let task = Waker::from(driver.wakes.clone());
        let wakers = seen.take();
        assert_eq!(wakers.len(), count);
        assert!(wakers.iter().all(|waker| !waker.will_wake(&task)));
        wakers.iter().for_each(Waker::wake_by_ref);
        assert!(driver.wakes.count() > 0);
        driver.pends();
        assert!(seen.take().iter().all(|waker| !waker.will_wake(&task)));
    }
}

/// 20: the exit of a group that was entered passes the waker on, too.
#[test]
fn the_callers_waker_is_passed_on_by_an_entered_group() {
    let seen = Seen::default();
    for count in [31, 40, 100] {
        let members = (0..count).map(showing!(&seen)).collect::<Vec<_>>();
        let mut driver = Driver::new(gather(members).caller_waker().enter());
        driver.pends();
        assert_eq!(own(&seen, &driver.wakes), count);
        let entered = driver.end().unwrap();
        assert_eq!(own(&seen, &driver.wakes), count);
        let mut driver = Driver::new(entered.exit(ExitCase::Completed));
        driver.pends();
        assert_eq!(own(&seen, &driver.wakes), count);
        driver.wakes = Arc::default();
        driver.end().unwrap();
        assert_eq!(own(&seen, &driver.wakes), count);

        // If the group is nested, the outer group passes its caller's waker on to the inner one.
        let inner = async { gather((0..count).map(showing!(&seen)).collect::<Vec<_>>()).caller_waker().enter().await };
        passes_on(gather((inner,)).with(async |_| Ok(())), &seen, count).unwrap();
    }
}

/// 20: `caller_waker` has no effect on tuples, on arrays, and on a `Vec` of a few members, because they pass the waker
/// on anyway.
#[test]
fn the_callers_waker_has_no_effect_on_other_groups() {
    let seen = Seen::default();
    let tuple = || (showing!(&seen)(0), showing!(&seen)(1), showing!(&seen)(2));
    passes_on(gather(tuple()).with(async |_| Ok(())), &seen, 3).unwrap();
    passes_on(gather(tuple()).caller_waker().with(async |_| Ok(())), &seen, 3).unwrap();
    let array = || std::array::from_fn::<_, 40, _>(showing!(&seen));
    passes_on(gather(array()).with(async |_| Ok(())), &seen, 40).unwrap();
    passes_on(gather(array()).caller_waker().with(async |_| Ok(())), &seen, 40).unwrap();
    let few = || (0..30).map(showing!(&seen)).collect::<Vec<_>>();
    passes_on(gather(few()).with(async |_| Ok(())), &seen, 30).unwrap();
    passes_on(gather(few()).caller_waker().with(async |_| Ok(())), &seen, 30).unwrap();
    let sizes = [size_of_val(&gather(tuple()).with(async |_| Ok(()))), {
        size_of_val(&gather(tuple()).caller_waker().with(async |_| Ok(())))
    }];
    assert_eq!(sizes[0], sizes[1]);
    let sizes = [size_of_val(&gather(array()).with(async |_| Ok(()))), {
        size_of_val(&gather(array()).caller_waker().with(async |_| Ok(())))
    }];
    assert_eq!(sizes[0], sizes[1]);
}
