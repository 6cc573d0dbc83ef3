//! 23: members, bodies and exits hold references to themselves across an await, in every shape and under every policy,
//! and are dropped at every poll. The tests are small enough for Miri. Miri sees it if a reference of the crate
//! disturbs one of theirs:
//!
//! ```text
//! cargo +nightly miri test --test miri
//! MIRIFLAGS=-Zmiri-tree-borrows cargo +nightly miri test --test miri
//! ```
//!
//! No test here uses a thread, a clock or an executor.

use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    marker::PhantomPinned,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use gather_cm::{EnterExt, Event, Exit, ExitCase, gather};

/// Pends once, and wakes its task at once.
async fn yield_now() {
    let mut pended = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut pended, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Pends this many times. Meanwhile it holds references to its own locals.
async fn borrows(times: usize) -> usize {
    let mut locals = [0, 0];
    let [polls, sum] = &mut locals;
    for time in 0..times {
        *polls += 1;
        yield_now().await;
        *sum += time;
    }
    let count = *polls;
    assert_eq!(*sum, (0..times).sum::<usize>());
    count
}

/// Counts what has become of the members.
#[derive(Default)]
struct Counts {
    entered: Cell<usize>,
    exited: Cell<usize>,
    abandoned: Cell<usize>,
}

fn count(cell: &Cell<usize>) {
    cell.set(cell.get() + 1);
}

/// Says what goes wrong in a life cycle.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrong {
    Nothing,
    /// The second member's enter fails in its second poll.
    Enter,
    Body,
    /// The first exit fails.
    Exit,
    #[cfg(feature = "std")]
    EnterPanics,
    #[cfg(feature = "std")]
    BodyPanics,
    #[cfg(feature = "std")]
    ExitPanics,
}

const ALL: &[Wrong] = &[
    Wrong::Nothing,
    Wrong::Enter,
    Wrong::Body,
    Wrong::Exit,
    #[cfg(feature = "std")]
    Wrong::EnterPanics,
    #[cfg(feature = "std")]
    Wrong::BodyPanics,
    #[cfg(feature = "std")]
    Wrong::ExitPanics,
];

/// Panics, and prints nothing.
#[cfg(feature = "std")]
fn panic() -> ! {
    std::panic::resume_unwind(Box::new("panic"))
}

struct Resource<'a> {
    index: usize,
    value: u32,
    wrong: Wrong,
    counts: &'a Counts,
}

impl Exit for Resource<'_> {
    type Error = String;
    type Verdict = bool;

    async fn exit(mut self, _: ExitCase) -> Result<bool, String> {
        count(&self.counts.exited);
        let value = &mut self.value;
        *value += 1;
        assert_eq!(borrows(self.index % 3).await, self.index % 3);
        *value += 1;
        match self.wrong {
            Wrong::Exit if self.index == 0 => Err(format!("exit {}", self.index)),
            #[cfg(feature = "std")]
            Wrong::ExitPanics if self.index == 0 => panic(),
            _ => Ok(self.index % 2 == 0),
        }
    }

    fn on_error(&mut self, error: &dyn std::any::Any) {
        self.value += u32::from(error.is::<String>());
    }

    fn abandon(mut self) {
        self.value += 1;
        count(&self.counts.abandoned);
    }
}

async fn enter(index: usize, wrong: Wrong, counts: &Counts) -> Result<Resource<'_>, String> {
    let mut resource = Resource { index, value: 0, wrong, counts };
    let value = &mut resource.value;
    assert_eq!(borrows(index % 3).await, index % 3);
    *value += 1;
    match wrong {
        Wrong::Enter if index == 1 => return Err(String::from("enter 1")),
        #[cfg(feature = "std")]
        Wrong::EnterPanics if index == 1 => panic(),
        _ => {}
    }
    count(&counts.entered);
    Ok(resource)
}

/// Does what a body does with each value, and ends as a body does.
async fn work<'v>(values: impl Iterator<Item = &'v mut u32>, wrong: Wrong) -> Result<u32, String> {
    let mut sum = 0;
    for value in values {
        *value += 1;
        if sum < 3 {
            yield_now().await;
        }
        *value += 1;
        sum += 1;
    }
    match wrong {
        Wrong::Body => Err(String::from("body")),
        #[cfg(feature = "std")]
        Wrong::BodyPanics => panic(),
        _ => Ok(sum),
    }
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Runs a future again and again, and drops it after no poll, after one poll, and so on to its end. A panic counts as
/// an end. Under Miri the steps grow, so that the test of a long life cycle leaves some polls out.
fn dropped_at_every_poll<F: Future>(make: impl Fn() -> F) {
    let mut polls = 0;
    loop {
        let mut future = Box::pin(make());
        let run = || (0..polls).any(|_| poll(future.as_mut()).is_ready());
        #[cfg(feature = "std")]
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_or(true);
        #[cfg(not(feature = "std"))]
        let ended = { run }();
        drop(future);
        if ended {
            return;
        }
        assert!(polls < 400, "it does not end");
        polls += if cfg!(miri) { 1 + polls / 3 } else { 1 };
    }
}

/// A number of members with which a `Vec` no longer shares the caller's waker.
#[cfg(feature = "alloc")]
const MANY: usize = 31;

/// Runs a life cycle under every policy, and drops it at every poll. Each resource must then have been exited or
/// abandoned.
///
/// Miri takes long. There, each thing that goes wrong has only some of the policies, beginning with another one, from
/// `$first` on.
macro_rules! every_policy {
    ($first:literal, $of:literal, |$wrong:ident, $counts:ident| $members:expr, $body:expr) => {{
        let mut turn: usize = $first;
        let seen = Cell::new(0);
        let observer = |event| {
            if matches!(event, Event::Entered { .. } | Event::Exited { .. }) {
                count(&seen);
            }
        };
        for &$wrong in ALL {
            macro_rules! run {
                ($with:ident, |$gather:ident| $policies:expr) => {
                    turn += 1;
                    if !cfg!(miri) || turn % $of == 0 {
                        let counts = Counts::default();
                        let $counts = &counts;
                        dropped_at_every_poll(|| {
                            let $gather = gather($members);
                            $policies.$with($body)
                        });
                        let released = counts.exited.get() + counts.abandoned.get();
                        assert_eq!(counts.entered.get(), released, "{:?} {}", $wrong, stringify!($policies));
                        assert!(released > 0);
                    }
                };
            }
            run!(with, |it| it);
            run!(with_own_error, |it| it.cancel_on(std::future::pending::<()>()));
            run!(with, |it| it.cancel_on(borrows(1)).fail_fast());
            run!(with, |it| it.cancel_on(borrows(2)).fair());
            run!(with, |it| it.cancel_on(borrows(4)).eager_rollback().exit_limit(1));
            run!(with, |it| it.fail_fast().stack());
            run!(with, |it| it.eager_rollback().enter_limit(2).observe(&observer));
            run!(with, |it| it.eager_rollback().stack());
            run!(with, |it| it.eager_rollback().in_reverse());
            run!(with, |it| it.cancel_on(borrows(2)).settle().in_reverse());
            run!(with, |it| it.stack().fair().cancel_on(borrows(5)));
            run!(with, |it| it.enter_limit(2).exit_limit(2).fair().observe(&observer));
            run!(with, |it| it.caller_waker().cancel_on(borrows(9)).cancel_on(borrows(3)));
            #[cfg(feature = "std")]
            run!(with, |it| it.catch_unwind().fair().observe(&observer).cancel_on(borrows(6)));
        }
        assert!(seen.get() > 0);
    }};
}

#[test]
fn tuples() {
    every_policy!(
        0,
        5,
        |wrong, counts| (enter(0, wrong, counts), enter(1, wrong, counts), enter(2, wrong, counts)),
        async |(a, b, c)| work([&mut a.value, &mut b.value, &mut c.value].into_iter(), wrong).await
    );
}

#[test]
fn arrays() {
    every_policy!(
        1,
        5,
        |wrong, counts| [enter(0, wrong, counts), enter(1, wrong, counts), enter(2, wrong, counts)],
        async |all| work(all.into_iter().map(|one| &mut one.value), wrong).await
    );
}

#[test]
#[cfg(feature = "alloc")]
fn vecs_of_a_few() {
    every_policy!(
        2,
        5,
        |wrong, counts| (0..3).map(|index| enter(index, wrong, counts)).collect::<Vec<_>>(),
        async |all| work(all.iter_mut().map(|one| &mut one.value), wrong).await
    );
}

/// These groups are too large to share the caller's waker.
#[test]
#[cfg(feature = "alloc")]
fn vecs_of_many() {
    every_policy!(
        3,
        17,
        |wrong, counts| (0..MANY).map(|index| enter(index, wrong, counts)).collect::<Vec<_>>(),
        async |all| work(all.iter_mut().map(|one| &mut one.value), wrong).await
    );
}

/// A shielded life cycle is dropped after each number of polls, and so is its cleanup in its turn. Each resource must
/// then have been exited or abandoned.
#[cfg(feature = "alloc")]
mod shield {
    use super::*;

    /// Polls a future this many times, or to its end. Returns whether it has ended. A panic counts as an end.
    fn poll_times<F: Future + ?Sized>(mut future: Pin<&mut F>, times: usize) -> bool {
        let run = || {
            let mut cx = Context::from_waker(Waker::noop());
            (0..times).any(|_| future.as_mut().poll(&mut cx).is_ready())
        };
        #[cfg(feature = "std")]
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_or(true);
        #[cfg(not(feature = "std"))]
        let ended = { run }();
        ended
    }

    /// Miri takes long. There, the test plays only some of the things that go wrong.
    macro_rules! dropped_at_every_poll {
        ($of:literal, |$wrong:ident, $counts:ident| $shielded:expr, $body:expr) => {
            for &$wrong in ALL.iter().step_by(if cfg!(miri) { $of } else { 1 }) {
                let (mut polls, mut cleanup_polls, mut handed_over) = (1, 0, 0);
                loop {
                    let counts = Counts::default();
                    let $counts = &counts;
                    let cleanup = RefCell::new(None::<Pin<Box<dyn Future<Output = ()> + '_>>>);
                    let spawn = |rest| *cleanup.borrow_mut() = Some(Box::pin(async { drop(rest.await) }));
                    let mut future = Box::pin($shielded.with($body).on_drop(|cleanup| spawn(cleanup)));
                    let ended = poll_times(future.as_mut(), polls);
                    drop(future);
                    let ended_twice = cleanup.take().is_none_or(|mut cleanup| {
                        handed_over += 1;
                        poll_times(cleanup.as_mut(), cleanup_polls)
                    });
                    let released = counts.exited.get() + counts.abandoned.get();
                    assert_eq!(counts.entered.get(), released, "{:?} {polls} {cleanup_polls}", $wrong);
                    if ended {
                        break;
                    }
                    assert!(polls < 400, "it does not end");
                    let step = if cfg!(miri) { 1 + polls / 2 } else { 1 };
                    (polls, cleanup_polls) = if ended_twice {
                        (polls + step, 0)
                    } else {
                        (polls, 1 + cleanup_polls * (1 + usize::from(cfg!(miri))))
                    };
                }
                assert!(handed_over > 0);
            }
        };
    }

    #[test]
    fn tuple() {
        dropped_at_every_poll!(
            3,
            |wrong, counts| gather((enter(1, wrong, counts), enter(2, wrong, counts))).shield(),
            async |(a, b)| work([&mut a.value, &mut b.value].into_iter(), wrong).await
        );
    }

    #[test]
    fn tuple_that_settles() {
        dropped_at_every_poll!(
            2,
            |wrong, counts| gather((enter(1, wrong, counts), enter(2, wrong, counts))).stack().shield().settle(),
            async |(a, b)| work([&mut a.value, &mut b.value].into_iter(), wrong).await
        );
    }

    #[test]
    fn array() {
        dropped_at_every_poll!(
            3,
            |wrong, counts| gather([0, 1, 2].map(|index| enter(index, wrong, counts)))
                .eager_rollback()
                .exit_limit(1)
                .cancel_on(borrows(5))
                .shield(),
            async |all| work(all.into_iter().map(|one| &mut one.value), wrong).await
        );
    }

    #[test]
    fn vec_that_settles() {
        dropped_at_every_poll!(
            2,
            |wrong, counts| {
                let members = (0..3).map(|index| enter(index, wrong, counts)).collect::<Vec<_>>();
                gather(members).eager_rollback().enter_limit(2).shield().settle()
            },
            async |all| work(all.iter_mut().map(|one| &mut one.value), wrong).await
        );
    }

    #[test]
    fn vec_of_many() {
        dropped_at_every_poll!(
            6,
            |wrong, counts| {
                // All members but the first few are ready at once.
                let members = (0..MANY).map(|index| enter(index.min(3), wrong, counts)).collect::<Vec<_>>();
                gather(members).fair().shield()
            },
            async |all| work(all.iter_mut().take(2).map(|one| &mut one.value), wrong).await
        );
    }
}

/// The case of 23: the body holds a reference to a value while the stop of the group is polled.
#[test]
fn a_body_beside_a_stop() {
    let member = || async { Ok::<_, String>(1) }.drop_on_exit();
    for times in 0..5 {
        dropped_at_every_poll(|| {
            gather((member(),)).cancel_on(borrows(times)).with(async |(v,)| {
                *v += 1;
                yield_now().await;
                *v += 1;
                Ok(())
            })
        });
        dropped_at_every_poll(|| {
            gather([member()]).cancel_on(borrows(times)).with(async |[v]| {
                *v += 1;
                yield_now().await;
                *v += 1;
                Ok(())
            })
        });
        #[cfg(feature = "alloc")]
        for len in [1, MANY] {
            dropped_at_every_poll(|| {
                let members: Vec<_> = (0..len).map(|_| member()).collect();
                gather(members).cancel_on(borrows(times)).with(async |all| {
                    let v = all.get_mut(0).expect("one");
                    *v += 1;
                    yield_now().await;
                    *v += 1;
                    let mut sum = 0;
                    for v in all {
                        yield_now().await;
                        *v += 1;
                        sum += *v;
                        if sum > 7 {
                            break;
                        }
                    }
                    Ok(sum)
                })
            });
        }
    }
}

/// A body may hand its references to a closure that it keeps, and to a future of its own.
#[test]
fn a_body_that_lends_on() {
    dropped_at_every_poll(|| {
        let members = [1, 2, 3].map(|number| async move { Ok::<_, String>([number; 2]) }.drop_on_exit());
        gather(members).cancel_on(borrows(7)).with(async |[a, b, c]| {
            let mut add = |number: u32| a[0] += number;
            let other = async {
                for value in b.iter_mut() {
                    *value += 1;
                    yield_now().await;
                    *value += 1;
                }
            };
            add(1);
            other.await;
            add(2);
            let [first, second] = c;
            yield_now().await;
            std::mem::swap(first, second);
            Ok(*first + a[0])
        })
    });
}

/// Every adapter takes closures and deadlines that hold references across an await.
#[test]
fn adapters() {
    for deadline in 0..5 {
        dropped_at_every_poll(|| {
            let late = async move || {
                borrows(deadline).await;
                "late"
            };
            let plain = async move || {
                let mut value = 7;
                let value = &mut value;
                yield_now().await;
                *value += 1;
                Ok::<u32, &'static str>(*value)
            };
            let exit = async |mut value: u32, _| {
                let value = &mut value;
                yield_now().await;
                *value += 1;
                borrows(1).await;
                Ok(())
            };
            let group = (
                plain().exit_with(exit).enter_within(late),
                plain().exit_with(exit).abandon_with(drop).exit_within(late),
                plain().drop_on_exit().enter_within(late).exit_within(late).errors_into::<&'static str>(),
            );
            gather(group).fair().with(async |(a, b, c)| {
                *a += 1;
                yield_now().await;
                *b += *a;
                yield_now().await;
                *c += *b;
                Ok(*c)
            })
        });
    }
}

#[test]
#[cfg(feature = "alloc")]
fn boxed() {
    async fn exit(mut value: u32, _: ExitCase) -> Result<(), String> {
        let value = &mut value;
        yield_now().await;
        *value += 1;
        Ok(())
    }
    dropped_at_every_poll(|| {
        let members = [1, 2, 3].map(|number| async move { Ok(number) }.exit_boxed(exit));
        gather(members).cancel_on(borrows(4)).with(async |[a, b, c]| {
            *a += 1;
            yield_now().await;
            *b += *a;
            yield_now().await;
            *c += *b;
            Ok(*c)
        })
    });
    let counts = Counts::default();
    dropped_at_every_poll(|| {
        let counts = &counts;
        let member = |index| async move { enter(index, Wrong::Nothing, counts).await.map(Box::new) };
        gather([0, 1, 2].map(member))
            .stack()
            .with(async |all| work(all.into_iter().map(|one| &mut one.value), Wrong::Body).await)
    });
    assert_eq!(counts.entered.get(), counts.exited.get() + counts.abandoned.get());
}

/// The body's value is kept along with the errors of exits. The body borrows values from outside mutably.
#[test]
fn values() {
    for wrong in [Wrong::Nothing, Wrong::Exit] {
        let counts = Counts::default();
        let mut outside = [0, 0];
        let mut future = Box::pin(
            gather((enter(0, wrong, &counts), enter(1, wrong, &counts)))
                .with(async |(a, b)| {
                    outside[0] += a.value;
                    yield_now().await;
                    outside[1] += b.value;
                    Ok(&mut outside)
                })
                .keep_value(),
        );
        let output = loop {
            if let Poll::Ready(output) = poll(future.as_mut()) {
                break output;
            }
        };
        let (value, errors) = output.unwrap();
        value[0] += 1;
        assert_eq!((*value, errors.len()), ([2, 1], usize::from(wrong == Wrong::Exit)));
        drop(future);
        assert_eq!(counts.exited.get(), 2);
    }
}

/// An entered group moves into its outer group, and is lent and exited there.
#[test]
fn nested() {
    for &wrong in if cfg!(miri) { &[Wrong::Nothing, Wrong::Enter] } else { ALL } {
        let counts = Counts::default();
        let enter = |index| enter(index, wrong, &counts);
        dropped_at_every_poll(|| {
            let pair = async move { gather((enter(0), enter(1))).stack().cancel_on(borrows(9)).enter().await };
            let array = async move { gather([enter(2), enter(3)]).eager_rollback().fair().exit_limit(1).enter().await };
            let group = (
                pair.errors_into::<Error>(),
                array.errors_into(),
                enter(4).errors_into(),
                #[cfg(feature = "alloc")]
                async move { gather((0..MANY).map(enter).collect::<Vec<_>>()).enter().await }.errors_into(),
            );
            gather(group).cancel_on(borrows(12)).with(async |group| {
                let (a, b) = group.0.lend();
                let [c, d] = group.1.lend();
                a.value += 1;
                yield_now().await;
                b.value += a.value;
                c.value += b.value;
                yield_now().await;
                d.value += c.value;
                let e = &mut *group.2;
                e.value += d.value;
                #[cfg(feature = "alloc")]
                for one in group.3.lend().iter_mut().take(3) {
                    yield_now().await;
                    one.value += e.value;
                }
                Ok(())
            })
        });
        assert_eq!(counts.entered.get(), counts.exited.get() + counts.abandoned.get());
    }
}

/// The error of the groups of [`nested`].
struct Error(#[allow(dead_code, reason = "it is only held")] String);

impl From<String> for Error {
    fn from(error: String) -> Self {
        Self(error)
    }
}

impl<S: gather_cm::Shape> From<gather_cm::Failure<String, S>> for Error {
    fn from(failure: gather_cm::Failure<String, S>) -> Self {
        Self(failure.to_string())
    }
}

/// A group is entered without a body, and exited later. Both halves are dropped at every poll. In between, the group is
/// lent, moved and lent again.
#[test]
fn in_two_halves() {
    for halfway in [false, true] {
        let counts = Counts::default();
        let enter = |index| enter(index, Wrong::Nothing, &counts);
        macro_rules! halves {
            ($group:expr, |$entered:ident| $lend:expr) => {
                dropped_at_every_poll(|| async {
                    let mut $entered = gather($group).cancel_on(borrows(20)).enter().await.expect("entered");
                    $lend;
                    let mut $entered = Box::new($entered);
                    yield_now().await;
                    $lend;
                    if halfway {
                        yield_now().await;
                        return;
                    }
                    $entered.exit(ExitCase::Failed).await.expect("exited");
                })
            };
        }
        halves!((enter(0), enter(1)), |entered| {
            let (a, b) = entered.lend();
            std::mem::swap(&mut a.value, &mut b.value);
        });
        halves!([enter(0), enter(1)], |entered| {
            let [a, b] = entered.lend();
            std::mem::swap(&mut a.value, &mut b.value);
        });
        #[cfg(feature = "alloc")]
        for len in [2, MANY] {
            halves!((0..len).map(enter).collect::<Vec<_>>(), |entered| {
                let mut all = entered.lend();
                all.get_mut(1).expect("two").value += 1;
                for one in all.iter_mut() {
                    one.value += 1;
                }
            });
        }
        assert!(counts.entered.get() > 0);
        assert_eq!(counts.entered.get(), counts.exited.get() + counts.abandoned.get());
    }
}

/// The test keeps wakers, and calls them in every phase, after the end, and after a drop.
#[test]
#[cfg(feature = "alloc")]
fn late_wakers() {
    async fn shows(wakers: &RefCell<Vec<Waker>>) {
        for _ in 0..2 {
            poll_fn(|cx| {
                wakers.borrow_mut().push(cx.waker().clone());
                Poll::Ready(())
            })
            .await;
            yield_now().await;
        }
    }
    for len in [3, MANY] {
        for polls in (0..9).step_by(if cfg!(miri) { 2 } else { 1 }) {
            let wakers = RefCell::default();
            let member = |_| {
                let wakers = &wakers;
                async move { Ok::<_, String>(shows(wakers).await) }
                    .exit_with(async move |(), _| Ok(shows(wakers).await))
            };
            let members = (0..len).map(member).collect::<Vec<_>>();
            let mut with = Box::pin(gather(members).fair().with(async |_| Ok(yield_now().await)));
            for _ in 0..polls {
                if poll(with.as_mut()).is_ready() {
                    break;
                }
                wakers.borrow().iter().for_each(Waker::wake_by_ref);
            }
            let kept = wakers.take();
            drop(with);
            kept.into_iter().for_each(Waker::wake);
        }
    }
}

/// The nodes that wait, as pointers to their places, as in an intrusive list.
#[derive(Clone, Default)]
struct List(Rc<RefCell<Vec<*const Node>>>);

/// A future with a pointer to itself in a list.
struct Node {
    list: List,
    listed: bool,
    open: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    _pinned: PhantomPinned,
}

impl List {
    fn wait(&self) -> Node {
        Node {
            list: self.clone(),
            listed: false,
            open: Cell::new(false),
            waker: RefCell::default(),
            _pinned: PhantomPinned,
        }
    }

    /// Opens up to `most` nodes.
    fn open(&self, most: usize) {
        let mut nodes = self.0.borrow_mut();
        let most = most.min(nodes.len());
        for node in nodes.drain(..most) {
            // SAFETY: a node is pinned when it enters the list, and leaves it when it is dropped. Meanwhile, other code
            // has only shared references to it, to its cells.
            let node = unsafe { &*node };
            node.open.set(true);
            node.waker.take().expect("it waits").wake();
        }
    }
}

impl Future for Node {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: the node is not moved.
        let this = unsafe { self.get_unchecked_mut() };
        if this.open.get() {
            return Poll::Ready(());
        }
        this.waker.replace(Some(cx.waker().clone()));
        if !this.listed {
            this.listed = true;
            this.list.0.borrow_mut().push(this);
        }
        Poll::Pending
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let this: *const Self = self;
        if self.listed && !self.open.get() {
            let mut nodes = self.list.0.borrow_mut();
            let place = nodes.iter().position(|node| *node == this).expect("it is where it was");
            nodes.swap_remove(place);
        }
    }
}

/// Drivers borrow from themselves, along with handles that the body borrows.
mod driven {
    use super::*;

    /// The driver of the first member ends, the driver of the second never does, and the driver of the third fails
    /// along with an exit.
    async fn drive(index: usize, wrong: Wrong) -> Result<(), String> {
        borrows(3 + index).await;
        match index {
            0 => Ok(()),
            2 if wrong == Wrong::Exit => Err(String::from("driver 2")),
            _ => std::future::pending().await,
        }
    }

    async fn connect<'a>(
        index: usize,
        wrong: Wrong,
        counts: &'a Counts,
    ) -> Result<(Resource<'a>, Pin<Box<impl Future<Output = Result<(), String>>>>), String> {
        Ok((enter(index, wrong, counts).await?, Box::pin(drive(index, wrong))))
    }

    #[test]
    fn tuples() {
        every_policy!(
            0,
            9,
            |wrong, counts| (
                connect(0, wrong, counts).driven(),
                enter(1, wrong, counts).optional(),
                connect(2, wrong, counts).driven().optional()
            ),
            async |(a, b, c)| {
                let some = b.as_mut().map(|one| &mut one.value).into_iter().chain(c.as_mut().map(|one| &mut one.value));
                work([&mut a.value].into_iter().chain(some), wrong).await
            }
        );
    }

    #[test]
    fn arrays() {
        every_policy!(
            1,
            9,
            |wrong, counts| [0, 1, 2].map(|index| connect(index, wrong, counts).driven()),
            async |all| work(all.into_iter().map(|one| &mut one.value), wrong).await
        );
    }

    #[test]
    #[cfg(feature = "alloc")]
    fn vecs_of_a_few() {
        every_policy!(
            2,
            9,
            |wrong, counts| (0..3).map(|index| connect(index, wrong, counts).driven()).collect::<Vec<_>>(),
            async |all| work(all.iter_mut().map(|one| &mut one.value), wrong).await
        );
    }

    /// These groups are too large to share the caller's waker.
    #[test]
    #[cfg(feature = "alloc")]
    fn vecs_of_many() {
        every_policy!(
            3,
            29,
            |wrong, counts| (0..MANY).map(|index| connect(index, wrong, counts).driven()).collect::<Vec<_>>(),
            async |all| work(all.iter_mut().map(|one| &mut one.value), wrong).await
        );
    }
}

/// Tests of scopes: guards live across an await, enters and releases are in flight, and boxes are exited in place.
#[cfg(feature = "alloc")]
mod scope {
    use futures_util::future::join;
    use gather_cm::{Lent, LocalBoxExit, Scope, scope};

    use super::*;

    /// Joins a scope in each way, and leaves it in each way.
    async fn joins<'a>(scope: &Scope<Resource<'a>>, wrong: Wrong, counts: &'a Counts) -> Result<u32, String> {
        let mut first = scope.hold(enter(0, Wrong::Nothing, counts).await?);
        first.wrong = wrong;
        let pair = join(scope.enter(enter(2, wrong, counts)), scope.enter(enter(3, wrong, counts))).await;
        let (mut second, third) = (pair.0?, pair.1?);
        let value = &mut second.value;
        yield_now().await;
        *value += 1;
        drop(second);
        let (released, entered) = join(Lent::release(third), scope.enter(enter(1, wrong, counts))).await;
        assert!(!released?);
        drop(Lent::release(entered?));
        let last = &mut first.value;
        let sum = work([last].into_iter(), wrong).await?;
        first.value += 1;
        Ok(sum)
    }

    /// Runs `$of` the things that go wrong with each of the policies, dropped at every poll.
    macro_rules! every_policy {
        (|$wrong:ident, $counts:ident| $body:expr) => {{
            let seen = Cell::new(0);
            let observer = |_: Event| count(&seen);
            let mut turn = 0;
            for &$wrong in ALL {
                macro_rules! run {
                    ($with:ident, |$gather:ident| $policies:expr, |$future:ident| $end:expr) => {
                        turn += 1;
                        if !cfg!(miri) || turn % 4 == 0 {
                            let counts = Counts::default();
                            let $counts = &counts;
                            dropped_at_every_poll(|| {
                                let $gather = scope();
                                let $future = $policies.$with($body);
                                $end
                            });
                            let released = counts.exited.get() + counts.abandoned.get();
                            assert_eq!(counts.entered.get(), released, "{:?} {}", $wrong, stringify!($policies));
                            assert!(released > 0);
                        }
                    };
                }
                run!(with, |it| it, |with| with);
                run!(with_own_error, |it| it.stack().cancel_on(borrows(7)), |with| with);
                run!(with, |it| it.in_reverse().observe(&observer), |with| with);
                run!(with, |it| it.exit_limit(1).fair().cancel_on(borrows(12)).observe(&observer), |with| with);
                run!(with_entered, |it| it, |with| with);
                run!(with_entered, |it| it.stack().cancel_on(borrows(9)).observe(&observer), |with| with);
                run!(with, |it| it.shield(), |with| with.on_drop(drop));
                run!(with, |it| it.cancel_on(borrows(5)).observe(&observer).shield(), |with| with.on_drop(drop));
                run!(with_entered, |it| it.shield(), |with| with.on_drop(drop));
            }
            assert!(seen.get() > 0);
        }};
    }

    #[test]
    fn scopes() {
        every_policy!(|wrong, counts| async |scope| joins(scope, wrong, counts).await);
    }

    #[test]
    fn boxes() {
        async fn joins<'a>(
            scope: &Scope<LocalBoxExit<'a, String>>,
            wrong: Wrong,
            counts: &'a Counts,
        ) -> Result<u32, String> {
            let mut first = scope.enter_local(enter(0, wrong, counts)).await?;
            let value = &mut first.value;
            yield_now().await;
            *value += 1;
            scope.defer_local(async |_| {
                borrows(2).await;
                Ok(())
            });
            let exit = async |resource: Resource<'a>, case| resource.exit(case).await;
            let pair =
                join(scope.adopt_local(enter(1, wrong, counts), exit), scope.enter_local(enter(2, wrong, counts)))
                    .await;
            let (second, third) = (pair.0?, pair.1?);
            Lent::release(third).await?;
            work([&mut first.value].into_iter(), wrong).await.map(|sum| sum + second.value)
        }

        // A value that was adopted has no `abandon`, so it is dropped, and not counted.
        for &wrong in ALL.iter().step_by(if cfg!(miri) { 3 } else { 1 }) {
            let counts = Counts::default();
            let shared = &counts;
            dropped_at_every_poll(|| scope().with(async |scope| joins(scope, wrong, shared).await));
            dropped_at_every_poll(|| scope().stack().with(async |scope| joins(scope, wrong, shared).await));
            assert!(counts.exited.get() > 0 && counts.abandoned.get() > 0);
        }
    }

    /// A scope stands on its own, and is exited or dropped.
    #[test]
    fn alone() {
        let counts = Counts::default();
        dropped_at_every_poll(|| async {
            let scope = Scope::new();
            let result = joins(&scope, Wrong::Nothing, &counts).await;
            assert!(result.is_ok());
            assert!(scope.exit(ExitCase::Completed).await.is_ok());
        });
        assert_eq!(counts.entered.get(), counts.exited.get() + counts.abandoned.get());
    }
}

/// Members, bodies and exits are in an intrusive list. Their siblings open them in the middle of a poll, and the test
/// opens others between two polls.
#[test]
fn intrusive_lists() {
    macro_rules! run {
        ($polls:expr, |$list:ident, $member:ident| $gather:expr) => {
            for polls in $polls {
                let $list = List::default();
                let $member = |index: usize| {
                    let (enter, exit) = ($list.clone(), $list.clone());
                    async move {
                        if index % 4 != 3 {
                            enter.wait().await;
                        }
                        enter.open(1);
                        yield_now().await;
                        Ok::<_, String>(index)
                    }
                    .exit_with(async move |index, _| {
                        if index % 4 == 3 {
                            yield_now().await;
                            exit.open(2);
                        } else {
                            exit.wait().await;
                        }
                        Ok(())
                    })
                };
                let mut with = Box::pin($gather);
                for _ in 0..polls {
                    if poll(with.as_mut()).is_ready() {
                        break;
                    }
                    $list.open(1);
                }
                drop(with);
                assert!($list.0.borrow().is_empty(), "every waiting future has left");
            }
        };
    }
    run!(0..12, |list, member| {
        let theirs = list.clone();
        gather((member(0), member(3), member(1))).with(async move |_| Ok(theirs.wait().await))
    });
    run!(0..12, |list, member| {
        let (theirs, stop) = (list.clone(), list.clone());
        let group = gather([member(0), member(3), member(1)]).cancel_on(stop.wait()).fair();
        group.with(async move |_| Ok(theirs.wait().await))
    });
    #[cfg(feature = "alloc")]
    run!(0..12, |list, member| {
        let theirs = list.clone();
        let group = gather((1..5).map(member).collect::<Vec<_>>()).stack().eager_rollback();
        group.with(async move |_| Ok(theirs.wait().await))
    });
    #[cfg(feature = "alloc")]
    run!([0, 1, 7, 20, 60], |list, member| {
        let theirs = list.clone();
        gather((0..MANY).map(member).collect::<Vec<_>>()).with(async move |_| Ok(theirs.wait().await))
    });
}
