//! Tests of wakers that are called twice or late, or that poll re-entrantly. Others poll after the end.

mod common;

use std::{
    cell::RefCell,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use common::{Gate, Log, Member, Report, Shape, assert_released, message, well};
use futures_util::future::FusedFuture;
use gather_cm::{EnterExt, gather};

fn gated(log: &Log, enters: &Gate, exits: &Gate) -> [Member; 3] {
    [0, 1, 2].map(|name| Member::new(log, name, well().gate(enters), well().gate(exits)))
}

/// A waker that is called twice, in vain, or after the gather is gone does no harm.
fn twice_late_and_for_nothing<S: Shape>() {
    let (log, enters, exits) = (Log::default(), Gate::new(), Gate::new());
    let mut gather = S::three(gated(&log, &enters, &exits), async |_| Ok(()));
    gather.pends();
    enters.wake();
    enters.wake();
    gather.pends();
    enters.open();
    enters.open();
    gather.pends();
    exits.open();
    assert_eq!(gather.end(), Report::value(()));
    let late = exits.waker().unwrap();
    gather.drop();
    late.wake();
    enters.wake();
    assert_released(&log.take());
}

/// If each poll has another waker, the last one is woken.
fn the_last_waker_is_woken<S: Shape>() {
    let (log, enters, exits) = (Log::default(), Gate::new(), Gate::new());
    let mut gather = S::three(gated(&log, &enters, &exits), async |_| Ok(()));
    gather.pends();
    let first = std::mem::take(&mut gather.wakes);
    gather.pends();
    enters.open();
    assert_eq!((first.count(), gather.wakes.count()), (0, 1));
}

shapes! {
    twice_late_and_for_nothing
    the_last_waker_is_woken
}

/// 18: a poll after the end panics with a clear message, and `is_terminated` returned `true` before.
#[test]
fn polled_after_the_end() {
    let mut gather = pin!(gather((async { Ok::<_, ()>(1) }.drop_on_exit(),)).with(async |_| Ok(())));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(!gather.is_terminated());
    assert!(gather.as_mut().poll(&mut cx).is_ready());
    assert!(gather.is_terminated());
    let payload = catch_unwind(AssertUnwindSafe(|| gather.as_mut().poll(&mut cx).is_ready())).unwrap_err();
    assert_eq!(message(&*payload), "a gather was polled after it had finished");
}

/// 18: without `std` a panic unwinds through the gather. Held resources are abandoned, and the next poll says clearly
/// that it has ended.
#[test]
#[cfg(not(feature = "std"))]
fn polled_after_a_panic_got_out() {
    let log = Log::default();
    let members = (Member::new(&log, 0, well(), well()), Member::new(&log, 1, common::panics("enter"), well()));
    let mut gather = pin!(gather(members).with(async |_| Ok(())));
    let mut cx = Context::from_waker(Waker::noop());
    let payload = catch_unwind(AssertUnwindSafe(|| gather.as_mut().poll(&mut cx).is_ready())).unwrap_err();
    assert_eq!(message(&*payload), "enter");
    assert_released(&log.take());
    let payload = catch_unwind(AssertUnwindSafe(|| gather.as_mut().poll(&mut cx).is_ready())).unwrap_err();
    assert_eq!(message(&*payload), "a gather was polled after it had finished");
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A waker that polls the task right inside `wake`, as some executors do.
struct Inline {
    task: Mutex<Option<Task>>,
    polls: AtomicUsize,
}

impl Inline {
    fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Arc<Self> {
        let this = Arc::new(Self { task: Mutex::new(Some(Box::pin(task))), polls: AtomicUsize::new(0) });
        this.clone().wake();
        this
    }

    fn is_done(&self) -> bool {
        self.task.lock().unwrap().is_none()
    }
}

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        // A wake from within a poll finds the task taken. The loop sees that another poll was asked for.
        self.polls.fetch_add(1, Ordering::SeqCst);
        let Some(mut task) = self.task.try_lock().ok().and_then(|mut task| task.take()) else { return };
        loop {
            let polls = self.polls.load(Ordering::SeqCst);
            match task.as_mut().poll(&mut Context::from_waker(&self.clone().into())) {
                Poll::Ready(()) => return,
                Poll::Pending if self.polls.load(Ordering::SeqCst) == polls => break,
                Poll::Pending => {}
            }
        }
        *self.task.lock().unwrap() = Some(task);
    }
}

/// Wakes its own waker before it pends.
async fn yields(times: usize) {
    for _ in 0..times {
        smol::future::yield_now().await;
    }
}

/// Members that wake within their own poll, on a waker that polls inside `wake`.
#[test]
fn a_waker_that_polls_inside_wake() {
    let member =
        |times| async move { Ok::<_, ()>(yields(times).await) }.exit_with(async move |(), _| Ok(yields(times).await));
    let tuple = Inline::spawn(async move {
        gather((member(0), member(3), member(1))).with(async |_| Ok(yields(2).await)).await.unwrap();
    });
    assert!(tuple.is_done());
    let array = Inline::spawn(async move {
        gather([member(0), member(3), member(1)]).with(async |_| Ok(yields(2).await)).await.unwrap();
    });
    assert!(array.is_done());
    #[cfg(feature = "alloc")]
    {
        let vec = Inline::spawn(async move {
            gather((0..40).map(member).collect::<Vec<_>>()).with(async |_| Ok(yields(2).await)).await.unwrap();
        });
        assert!(vec.is_done());
    }
}

/// A member that wakes another, which polls the whole gather from within, is not entered twice.
#[test]
fn a_member_that_wakes_a_sibling_inside_its_poll() {
    thread_local! {
        static SIBLING: RefCell<Option<Waker>> = const { RefCell::new(None) };
    }
    let waits = |rounds: usize| {
        async move {
            let mut left = rounds;
            std::future::poll_fn(|cx| {
                if let Some(waker) = SIBLING.with_borrow_mut(|sibling| sibling.replace(cx.waker().clone())) {
                    waker.wake();
                }
                left = left.saturating_sub(1);
                if left == 0 { Poll::Ready(Ok::<_, ()>(())) } else { Poll::Pending }
            })
            .await
        }
        .drop_on_exit()
    };
    let task = Inline::spawn(async move {
        gather([waits(5), waits(7), waits(3)]).with(async |_| Ok(())).await.unwrap();
    });
    assert!(task.is_done());
    SIBLING.take();
}
