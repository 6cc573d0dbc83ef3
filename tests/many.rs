//! 20: a `Vec` of many members, each with a gate of its own: only who was woken is polled, in enter and in exit, with and
//! without limits, beside failures and panics; and nothing that a waker may do breaks it.
#![cfg(feature = "alloc")]

mod common;

use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use common::{Act, Driver, Gate, Log, Member, Report, fails, well};
use gather_cm::{EnterExt, gather};

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

    /// Who was polled, since the last time.
    fn polled(&self) -> Vec<String> {
        self.log.only(&["poll"])
    }
}

fn lines(what: &str, names: impl IntoIterator<Item = usize>) -> Vec<String> {
    names.into_iter().map(|name| format!("poll {what} {name}")).collect()
}

/// All indices, far from their order.
fn shuffled(count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |step| (step * 2741 + 77) % count)
}

fn limit(n: usize) -> std::num::NonZeroUsize {
    n.try_into().unwrap()
}

#[test]
fn only_who_was_woken_is_polled() {
    for count in [31, 63, 64, 65, 4096, 4097, MANY] {
        let many = Many::new(count);
        let mut driver = Driver::new(gather(many.members(|_| well())).try_with(async |_| Ok::<_, &str>(())));
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
    let mut driver = Driver::new(gather(many.members(|_| well())).try_with(async |_| Ok::<_, &str>(())));
    driver.pends();
    many.polled();
    let some = [4999, 3, 64, 2500, 63, 4095, 4096, 0];
    some.iter().for_each(|name| many.enters[*name].wake());
    assert_eq!(driver.wakes.count(), 1, "once is enough");
    driver.pends();
    assert_eq!(many.polled(), lines("enter", [0, 3, 63, 64, 2500, 4095, 4096, 4999]));
}

/// 6, 13, 20: who waits for a place costs nothing; a place that is made is given in argument order.
#[test]
fn limits() {
    let many = Many::new(MANY);
    let group = gather(many.members(|_| well())).enter_limit(limit(3)).exit_limit(limit(2));
    let mut driver = Driver::new(group.try_with(async |_| Ok::<_, &str>(())));
    driver.pends();
    assert_eq!(many.polled(), lines("enter", 0..3));
    // The second in flight ends again and again; the others stay.
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

/// 5: with `eager_rollback` some exit while others still enter; each is polled when it is woken, in its own phase.
#[test]
fn eager_rollback() {
    let many = Many::new(MANY);
    let enter = |name| if name == 2000 { fails("e") } else { well() };
    let group = gather(many.members(enter)).eager_rollback().exit_limit(limit(2));
    let mut driver = Driver::new(group.try_with(async |_| Ok::<_, &str>(())));
    driver.pends();
    many.polled();
    [100, 3000, 2000, 4000].iter().for_each(|name| many.enters[*name].open());
    driver.pends();
    assert_eq!(many.polled(), [lines("enter", [100, 2000, 3000, 4000]), lines("exit", [100, 3000])].concat());
    // One enters late, and comes before the one that waits already.
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
    let report: Report<()> = driver.end().into();
    assert_eq!(report, Report::enter(&[(2000, "e")]));
    assert!(many.log.everything().iter().all(|line| !line.contains("LEAK")));
    let exited = many.log.everything().iter().filter(|line| line.starts_with("exited")).count();
    assert_eq!(exited, MANY - 1);
}

/// 5, 12: a stack of many, rolled back.
#[test]
fn stack() {
    let many = Many::new(200);
    let enter = |name| if name == 60 { fails("e") } else { well() };
    let mut driver = Driver::new(gather(many.members(enter)).stack().try_with(async |_| Ok::<_, &str>(())));
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

/// 12, 20: beside enters that are pending, the one exit of a stack is polled when it is woken, and so is each of them.
#[test]
fn stack_with_eager_rollback() {
    let many = Many::new(200);
    let enter = |name| if name == 60 { fails("e") } else { well() };
    let group = gather(many.members(enter)).stack().eager_rollback();
    let mut driver = Driver::new(group.try_with(async |_| Ok::<_, &str>(())));
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
    let report: Report<()> = driver.end().into();
    assert_eq!(report, Report::enter(&[(60, "e")]));
    let log = many.log.everything();
    let exited = log.iter().filter(|line| line.starts_with("exited")).count();
    assert_eq!((exited, log.iter().any(|line| line.contains("LEAK"))), (199, false));
}

/// 15: whatever the state, a drop abandons what is held, and cuts what is pending.
#[test]
fn dropped() {
    for opened in [0, 1, 100, 200] {
        for exited in [0, 1, 100] {
            let many = Many::new(200);
            let mut driver = Driver::new(gather(many.members(|_| well())).exit_limit(limit(9)).with(async |_| ()));
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

/// 16: a panic in an enter, an exit or a `witness` of one of many costs the others nothing.
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
            members[name] = Member::new(&many.log, name, enter, exit(name).gate(&many.exits[name])).witness_panics();
        }
        let gather = gather(members).eager_rollback().exit_limit(limit(exit_limit)).catch_unwind();
        let mut driver = Driver::new(gather.try_with(async |_| Ok::<_, &str>(())));
        driver.pends();
        for name in [20, 150, 10, 31, 290, 200] {
            many.enters[name].open();
            driver.pends();
        }
        many.exits.iter().for_each(Gate::open);
        driver.pends();
        many.enters.iter().for_each(Gate::open);
        let report: Report<()> = driver.end().into();
        assert_eq!(report.why, common::Why::Panicked("enter".into()));
        let log = many.log.everything();
        let count = |word: &str| log.iter().filter(|line| line.starts_with(word)).count();
        assert_eq!((count("entered"), count("exit "), count("abandon"), count("LEAK")), (297, 297, 0, 0));
    }
}

/// A member may wake itself, or any other, in its poll: each is polled at most once a poll, in argument order, and no wake
/// is lost.
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
                // Itself, one behind and one before.
                [index, (index + 1) % 100, (index + 99) % 100]
                    .iter()
                    .for_each(|other| wakers.borrow()[*other].as_ref().unwrap().wake_by_ref());
            }
            if times == 3 { Poll::Ready(Ok::<_, ()>(())) } else { Poll::Pending }
        })
        .drop_on_exit()
    };
    let mut driver = Driver::new(gather((0..100).map(member).collect::<Vec<_>>()).with(async |_| ()));
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
        // Where it is being polled already, who polls it goes on by itself.
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
    let future = Box::pin(async move { gather(members).with(async |_| ()).await.unwrap() });
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
        let parent = Arc::new(common::Wakes::default());
        {
            let mut gather = pin!(gather((0..50).map(|_| member(ready)).collect::<Vec<_>>()).with(async |_| ()));
            let waker = Waker::from(parent.clone());
            assert_eq!(gather.as_mut().poll(&mut Context::from_waker(&waker)).is_ready(), ready);
        }
        assert_eq!(Arc::strong_count(&parent), 1);
        kept.take().into_iter().for_each(Waker::wake);
        assert_eq!(parent.count(), 0);
    }
}

/// A few members are polled with the caller's own waker, and all in each poll.
#[test]
fn a_few_are_passed_the_callers_waker() {
    let parent = Waker::from(Arc::new(common::Wakes::default()));
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
        let mut gather = pin!(gather((0..8).map(member).collect::<Vec<_>>()).with(async |_| ()));
        for _ in 0..2 {
            assert!(gather.as_mut().poll(&mut Context::from_waker(&parent)).is_pending());
        }
    }
    assert_eq!(polls, 16);
}
