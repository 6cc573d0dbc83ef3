//! Tests under load. Other threads wake members while the gather is polled, moved and dropped. There are many members,
//! many gathers, and many life cycles. The tests are bounded in number, not in time, and they are larger in release
//! mode.
#![cfg(feature = "std")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc, Barrier, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
};

use gather_cm::{Cause, Exit, ExitCase, gather};

const LARGE: usize = if cfg!(debug_assertions) { 1 } else { 20 };

/// An allocator that counts the bytes that are allocated at the moment.
struct Live;

static LIVE: AtomicIsize = AtomicIsize::new(0);

#[global_allocator]
static ALLOCATOR: Live = Live;

// SAFETY: each call is passed on to `System` as it is.
unsafe impl GlobalAlloc for Live {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller keeps the promises that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller keeps the promises that `System` asks for.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The tests run one after the other, because they measure the allocations of the whole process.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Asks another thread to call this waker, some time later.
fn wake_elsewhere(waker: Waker) {
    static THREADS: OnceLock<Vec<mpsc::Sender<Waker>>> = OnceLock::new();
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let threads = THREADS.get_or_init(|| {
        let start = |_| {
            let (sender, wakers) = mpsc::channel::<Waker>();
            std::thread::spawn(move || wakers.into_iter().for_each(Waker::wake));
            sender
        };
        (0..2).map(start).collect()
    });
    let _ = threads[NEXT.fetch_add(1, Ordering::Relaxed) % threads.len()].send(waker);
}

/// Pends this many times. Another thread wakes it each time.
async fn elsewhere(mut times: usize) {
    poll_fn(move |cx| {
        if times == 0 {
            return Poll::Ready(());
        }
        times -= 1;
        wake_elsewhere(cx.waker().clone());
        Poll::Pending
    })
    .await;
}

#[derive(Default)]
struct Counts {
    entered: AtomicUsize,
    exited: AtomicUsize,
    abandoned: AtomicUsize,
}

struct Resource {
    number: usize,
    counts: Arc<Counts>,
    released: AtomicBool,
}

impl Resource {
    fn release(&self, count: &AtomicUsize) {
        assert!(!self.released.swap(true, Ordering::SeqCst), "released twice");
        count.fetch_add(1, Ordering::SeqCst);
    }
}

impl Exit for Resource {
    type Error = usize;
    type Verdict = ();

    async fn exit(self, _: ExitCase) -> Result<(), usize> {
        self.release(&self.counts.exited);
        elsewhere(self.number % 3).await;
        if self.number % 7 == 6 { Err(self.number) } else { Ok(()) }
    }

    fn abandon(self) {
        self.release(&self.counts.abandoned);
    }
}

async fn enter(number: usize, counts: Arc<Counts>) -> Result<Resource, usize> {
    elsewhere(number % 4).await;
    if number % 31 == 30 {
        return Err(number);
    }
    counts.entered.fetch_add(1, Ordering::SeqCst);
    Ok(Resource { number, counts, released: AtomicBool::new(false) })
}

/// Runs a life cycle of some shape, to any of its ends.
async fn cycle(number: usize, counts: Arc<Counts>) {
    let enter = |offset: usize| enter(number + offset, counts.clone());
    match number % 6 {
        0 => drop(gather((enter(0), enter(1), enter(2))).with(async |_| Ok(elsewhere(number % 3).await)).await),
        1 => drop(gather([enter(0), enter(1), enter(2)]).fail_fast().with(async |_| Ok(elsewhere(1).await)).await),
        2 => {
            let group = (0..9).map(enter).collect::<Vec<_>>();
            drop(gather(group).cancel_on(elsewhere(number % 9)).with(async |_| Ok(elsewhere(2).await)).await);
        }
        3 => {
            let group = (0..5).map(enter).collect::<Vec<_>>();
            drop(gather(group).stack().eager_rollback().with(async |_| Ok(elsewhere(1).await)).await);
        }
        // The members of larger groups have wakers of their own. Either all enters fail, which is rare, or none of them
        // does.
        4 => {
            let group = (0..40 + number % 91).map(|offset| enter(31 * offset)).collect::<Vec<_>>();
            drop(gather(group).cancel_on(elsewhere(number % 9)).with(async |_| Ok(elsewhere(2).await)).await);
        }
        _ => {
            let group = (0..40 + number % 91).map(enter).collect::<Vec<_>>();
            drop(gather(group).eager_rollback().exit_limit(9).with(async |_| Ok(())).await);
        }
    }
}

/// A future that is dropped after this many polls.
struct DropAfter<F>(Option<Pin<Box<F>>>, usize);

impl<F: Future<Output = ()>> Future for DropAfter<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.1 == 0 {
            self.0 = None;
            return Poll::Ready(());
        }
        self.1 -= 1;
        self.0.as_mut().expect("not dropped").as_mut().poll(cx)
    }
}

fn assert_released(counts: &Counts, dropped: bool) {
    let (entered, exited) = (counts.entered.load(Ordering::SeqCst), counts.exited.load(Ordering::SeqCst));
    let abandoned = counts.abandoned.load(Ordering::SeqCst);
    assert_eq!(entered, exited + abandoned);
    assert!(entered > 0 && exited > 0);
    assert_eq!(abandoned > 0, dropped);
}

/// Other threads wake members while the gather is polled, moved between workers, and dropped, on tokio and on smol.
#[test]
fn threads() {
    let _alone = alone();
    for drops in [false, true] {
        let counts = Arc::new(Counts::default());
        let task = |number: usize| {
            let polls = if drops { number % 11 } else { usize::MAX };
            DropAfter(Some(Box::pin(cycle(number, counts.clone()))), polls)
        };
        let count = 2_000 * LARGE;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
        runtime.block_on(async {
            let tasks: Vec<_> = (0..count).map(|number| tokio::spawn(task(number))).collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        let executor = smol::Executor::new();
        let tasks: Vec<_> = (0..count).map(|number| executor.spawn(task(number))).collect();
        let (stop, stopped) = smol::channel::unbounded::<()>();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let (executor, stopped) = (&executor, stopped.clone());
                scope.spawn(move || smol::block_on(executor.run(stopped.recv())));
            }
            smol::block_on(async {
                for task in tasks {
                    task.await;
                }
            });
            drop(stop);
        });
        assert_released(&counts, drops);
        println!("{} gathers on two executors, dropped: {drops}", 2 * count);
    }
}

/// The last two wakers of each member. Threads call them as often as they can.
struct Storm(Vec<Mutex<[Option<Waker>; 2]>>);

impl Storm {
    /// Pends this many times. The storm keeps the waker of each poll, and the one of the poll before it.
    async fn pends(&self, member: usize, mut times: usize) {
        poll_fn(|cx| {
            let mut wakers = self.0[member].lock().unwrap();
            wakers.swap(0, 1);
            wakers[0] = Some(cx.waker().clone());
            times = times.wrapping_sub(1);
            if times == usize::MAX { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn wake_all(&self) {
        for wakers in &self.0 {
            let wakers = wakers.lock().unwrap().clone();
            wakers.into_iter().flatten().for_each(Waker::wake);
        }
    }
}

/// A task that knows whether it was woken.
#[derive(Default)]
struct Task(AtomicBool);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Runs a gather of many members in a storm, on another task in each poll, and drops it after this many polls. Returns
/// its tasks.
fn in_a_storm(round: usize, drop_after: usize, counts: &Arc<Counts>) -> Vec<Arc<Task>> {
    struct Stormy<'a>(Resource, &'a Storm);
    impl Exit for Stormy<'_> {
        type Error = usize;
        type Verdict = ();
        async fn exit(self, _: ExitCase) -> Result<(), usize> {
            self.0.release(&self.0.counts.exited);
            Ok(self.1.pends(self.0.number, 2).await)
        }
        fn abandon(self) {
            self.0.abandon();
        }
    }
    let len = 31 + round % 100;
    let storm = Storm((0..len).map(|_| Mutex::default()).collect());
    let enter = async |number: usize| {
        storm.pends(number, 1 + number % 4).await;
        counts.entered.fetch_add(1, Ordering::SeqCst);
        Ok(Stormy(Resource { number, counts: counts.clone(), released: AtomicBool::new(false) }, &storm))
    };
    let members: Vec<_> = (0..len).map(enter).collect();
    let mut future = Box::pin(gather(members).exit_limit(20 + round).with(async |_| Ok(())));
    let (mut tasks, begin) = (vec![Arc::new(Task::default())], Barrier::new(3));
    let mut poll = move |task: &Arc<Task>| {
        let polled = future.as_mut().poll(&mut Context::from_waker(&task.clone().into()));
        polled.map(Result::unwrap).is_ready()
    };
    std::thread::scope(|scope| {
        let threads = [(); 2].map(|()| {
            scope.spawn(|| {
                begin.wait();
                (0..10).for_each(|_| storm.wake_all());
            })
        });
        let mut ended = poll(&tasks[0]);
        begin.wait();
        let (mut polls, mut calm) = (1, 0);
        while !ended && polls < drop_after {
            while !tasks[polls - 1].0.load(Ordering::SeqCst) {
                if threads.iter().all(|thread| thread.is_finished()) {
                    // Each pending member is polled, and comes nearer to its end.
                    storm.wake_all();
                    calm += 1;
                    assert!(tasks[polls - 1].0.load(Ordering::SeqCst) && calm < 100, "a wake is lost");
                }
                std::thread::yield_now();
            }
            tasks.push(Arc::default());
            ended = poll(&tasks[polls]);
            polls += 1;
        }
        assert!(ended || polls == drop_after);
        // The gather is dropped while the threads go on.
        drop(poll);
    });
    storm.wake_all();
    tasks
}

/// Members are woken by two threads while the gather is polled, by another task each time, and while it is dropped.
/// Each resource is exited or abandoned, and neither a task nor a byte is kept.
#[test]
fn storms() {
    let _alone = alone();
    let run = |rounds: usize| {
        let counts = Arc::new(Counts::default());
        for round in 0..rounds {
            let drop_after = if round % 3 == 0 { usize::MAX } else { 1 + round % 11 };
            let tasks = in_a_storm(round, drop_after, &counts);
            assert!(tasks.iter().all(|task| Arc::strong_count(task) == 1), "a task is kept");
        }
        assert_released(&counts, true);
    };
    run(20);
    let before = LIVE.load(Ordering::Relaxed);
    let count = 500 * LARGE;
    run(count);
    let after = LIVE.load(Ordering::Relaxed);
    assert!(after - before < 65_536, "{before} bytes before, {after} after {count} storms");
}

/// A hundred thousand members are in one `Vec`. Some of them fail, in the enter and in the exit.
#[test]
fn many_members() {
    let _alone = alone();
    struct One(usize);
    impl Exit for One {
        type Error = usize;
        type Verdict = ();
        async fn exit(self, _: ExitCase) -> Result<(), usize> {
            smol::future::yield_now().await;
            if self.0 % 1_000 == 999 { Err(self.0) } else { Ok(()) }
        }
    }
    let count = 100_000;
    for failing in [false, true] {
        let enter = |number: usize| async move {
            smol::future::yield_now().await;
            if failing && number % 1_000 == 500 { Err(number) } else { Ok(One(number)) }
        };
        let members: Vec<_> = (0..count).map(enter).collect();
        let exits = match smol::block_on(gather(members).with(async |all| Ok(all.len())).keep_value()) {
            Ok((len, exits)) if !failing => {
                assert_eq!(len, count);
                exits
            }
            Err(failure) if failing => {
                let Cause::Enter(errors) = failure.cause else { panic!("another cause") };
                assert_eq!(errors.len(), count / 1_000);
                failure.exits
            }
            _ => panic!("another end"),
        };
        assert_eq!(exits.len(), count / 1_000);
        assert!(exits.iter().all(|(index, error)| index == *error && index % 1_000 == 999));
    }
}

/// Ten thousand gathers run at once on a multi-thread executor.
#[test]
fn many_gathers() {
    let _alone = alone();
    let counts = Arc::new(Counts::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    runtime.block_on(async {
        let start = |number: usize| {
            let (gate, counts) = (gate.clone(), counts.clone());
            tokio::spawn(async move {
                let group = [enter(number, counts.clone()), enter(number + 1, counts.clone())];
                drop(gather(group).with(async |_| Ok(drop(gate.acquire().await))).await);
            })
        };
        let tasks: Vec<_> = (0..10_000).map(start).collect();
        gate.add_permits(1);
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_released(&counts, false);
}

/// Life cycles run by the hundred thousand (by the million in release mode). In the end, no more bytes are allocated
/// than before.
#[test]
fn soak() {
    let _alone = alone();
    let count = 100_000 * LARGE;
    let run = |count: usize| {
        for number in 0..count {
            let member = |offset: usize| async move {
                smol::future::yield_now().await;
                if (number + offset) % 97 == 0 { Err(offset) } else { Ok(Box::new(offset)) }
            };
            let group = (0..3).map(|offset| {
                use gather_cm::EnterExt;
                member(offset).exit_with(async move |value, _| if number % 89 == 0 { Err(*value) } else { Ok(()) })
            });
            let mut gather =
                Box::pin(gather(group.collect::<Vec<_>>()).with(async |_| Ok(smol::future::yield_now().await)));
            let mut polls = number % 5 + usize::from(number % 3 > 0) * 100;
            while polls > 0 && gather.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
                polls -= 1;
            }
        }
    };
    run(1_000);
    let before = LIVE.load(Ordering::Relaxed);
    run(count);
    let after = LIVE.load(Ordering::Relaxed);
    // The test harness prints meanwhile, and allocates some kilobytes of its own.
    assert!(after - before < 65_536, "{before} bytes before, {after} after {count} life cycles");
    println!("{count} life cycles");
}
