//! Runs the same life cycles, of each shape, on every executor. They are spawned if the executor can spawn.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use gather_cm::{Exit, ExitCase, gather};
use smol::future::yield_now;

/// Counts the enters and the exits.
#[derive(Clone, Default)]
struct Counts(Arc<(AtomicUsize, AtomicUsize)>);

impl Counts {
    fn assert(&self, expected: usize) {
        assert_eq!(self.0.0.load(Ordering::SeqCst), expected, "entered");
        assert_eq!(self.0.1.load(Ordering::SeqCst), expected, "exited");
    }
}

struct Resource {
    number: u32,
    counts: Counts,
}

impl Exit for Resource {
    type Error = String;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> Result<(), String> {
        yield_now().await;
        self.counts.0.1.fetch_add(1, Ordering::SeqCst);
        if self.number == 9 { Err(format!("{case:?}")) } else { Ok(()) }
    }
}

async fn enter(number: u32, counts: &Counts) -> Result<Resource, String> {
    for _ in 0..number % 3 {
        yield_now().await;
    }
    if number == 13 {
        return Err("unlucky".to_string());
    }
    counts.0.0.fetch_add(1, Ordering::SeqCst);
    Ok(Resource { number, counts: counts.clone() })
}

async fn tuple(counts: Counts) {
    let with = gather((enter(1, &counts), enter(2, &counts))).with(async |(a, b)| {
        yield_now().await;
        Ok(a.number + b.number)
    });
    assert_eq!(with.await.unwrap(), 3);
}

async fn array(counts: Counts) {
    let with = gather([enter(4, &counts), enter(5, &counts), enter(9, &counts)]).with_own_error(async |all| {
        yield_now().await;
        Err::<(), _>(all.len())
    });
    let failure = with.await.unwrap_err();
    assert_eq!(failure.to_string(), "body failed: 3; exit of member 2 failed: Failed");
}

async fn vec(counts: Counts) {
    #[cfg(feature = "alloc")]
    {
        let members: Vec<_> = (10..16).map(|number| enter(number, &counts)).collect();
        let failure = gather(members).with(async |_| Ok(())).await.unwrap_err();
        assert!(matches!(failure.cause, gather_cm::Cause::Enter(errors) if errors.get(3).unwrap() == "unlucky"));
    }
    let _ = counts;
}

/// The number of members that the three life cycles enter together.
const ENTERED: usize = 5 + if cfg!(feature = "alloc") { 5 } else { 0 };

async fn all(counts: Counts) {
    tuple(counts.clone()).await;
    array(counts.clone()).await;
    vec(counts).await;
}

/// Runs a life cycle with `!Send` parts: resources that share an `Rc`.
async fn local() {
    use std::{cell::Cell, rc::Rc};
    struct Local(Rc<Cell<u32>>);
    impl Exit for Local {
        type Error = ();
        type Verdict = ();
        async fn exit(self, _: ExitCase) -> Result<(), ()> {
            yield_now().await;
            self.0.set(self.0.get() + 1);
            Ok(())
        }
    }
    let count = Rc::new(Cell::new(0));
    let enter = || async {
        yield_now().await;
        Ok(Local(count.clone()))
    };
    gather((enter(), enter())).with(async |_| Ok(yield_now().await)).await.unwrap();
    gather([enter(), enter()]).with(async |_| Ok(yield_now().await)).await.unwrap();
    #[cfg(feature = "alloc")]
    gather(vec![enter(), enter()]).with(async |_| Ok(yield_now().await)).await.unwrap();
    assert_eq!(count.get(), if cfg!(feature = "alloc") { 6 } else { 4 });
}

#[test]
fn pollster() {
    let counts = Counts::default();
    ::pollster::block_on(all(counts.clone()));
    ::pollster::block_on(local());
    counts.assert(ENTERED);
}

#[test]
fn smol() {
    let counts = Counts::default();
    ::smol::block_on(async {
        all(counts.clone()).await;
        local().await;
        ::smol::spawn(tuple(counts.clone())).await;
        ::smol::spawn(array(counts.clone())).await;
        ::smol::spawn(vec(counts.clone())).await;
        let executor = ::smol::LocalExecutor::new();
        executor.run(executor.spawn(local())).await;
    });
    counts.assert(2 * ENTERED);
}

#[test]
fn async_executor_on_one_thread_and_on_several() {
    let counts = Counts::default();
    let executor = async_executor::Executor::new();
    ::smol::block_on(executor.run(executor.spawn(all(counts.clone()))));
    let tasks: Vec<_> = (0..200).map(|_| executor.spawn(all(counts.clone()))).collect();
    std::thread::scope(|scope| {
        let (stop, stopped) = ::smol::channel::unbounded::<()>();
        for _ in 0..4 {
            let (executor, stopped) = (&executor, stopped.clone());
            scope.spawn(move || ::smol::block_on(executor.run(stopped.recv())));
        }
        ::smol::block_on(async {
            for task in tasks {
                task.await;
            }
        });
        drop(stop);
    });
    counts.assert(201 * ENTERED);
}

fn on_tokio(runtime: tokio::runtime::Runtime) {
    let counts = Counts::default();
    runtime.block_on(async {
        all(counts.clone()).await;
        let tasks: Vec<_> = (0..200).map(|_| tokio::spawn(all(counts.clone()))).collect();
        for task in tasks {
            task.await.unwrap();
        }
        tokio::spawn(tuple(counts.clone())).await.unwrap();
        tokio::spawn(array(counts.clone())).await.unwrap();
        tokio::spawn(vec(counts.clone())).await.unwrap();
        tokio::task::LocalSet::new().run_until(async { tokio::task::spawn_local(local()).await.unwrap() }).await;
    });
    counts.assert(202 * ENTERED);
}

#[test]
fn tokio_current_thread() {
    on_tokio(tokio::runtime::Builder::new_current_thread().build().unwrap());
}

#[test]
fn tokio_multi_thread() {
    on_tokio(tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap());
}

#[test]
fn async_std() {
    let counts = Counts::default();
    ::async_std::task::block_on(async {
        all(counts.clone()).await;
        ::async_std::task::spawn(all(counts.clone())).await;
        local().await;
    });
    counts.assert(2 * ENTERED);
}

#[test]
fn futures_local_pool() {
    use futures::{executor::LocalPool, task::LocalSpawnExt};
    let counts = Counts::default();
    let mut pool = LocalPool::new();
    pool.spawner().spawn_local(all(counts.clone())).unwrap();
    pool.spawner().spawn_local(local()).unwrap();
    pool.run();
    counts.assert(ENTERED);
}

/// embassy's executor never returns, so it has a thread of its own, and its task reports the end through a channel.
#[test]
fn embassy_executor_on_std() {
    use embassy_executor::{Executor, SpawnToken, Spawner, raw::TaskStorage};

    fn leak<F: Future + 'static>(future: impl FnOnce() -> F) -> SpawnToken<impl Sized> {
        Box::leak(Box::new(TaskStorage::<F>::new())).spawn(future).unwrap()
    }

    let counts = Counts::default();
    let (done, wait) = std::sync::mpsc::channel();
    let theirs = counts.clone();
    std::thread::spawn(move || {
        let executor: &'static mut Executor = Box::leak(Box::new(Executor::new()));
        executor.run(|spawner: Spawner| {
            spawner.spawn(leak(move || async move {
                all(theirs).await;
                local().await;
                done.send(()).unwrap();
            }));
        });
    });
    wait.recv().unwrap();
    counts.assert(ENTERED);
}

/// Closures as users write them are spawned as they are, for each shape, on tokio and on smol.
#[test]
fn closures_can_be_spawned() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let owned = Counts::default();
    let member = |number: u32| {
        let counts = owned.clone();
        async move { enter(number, &counts).await }
    };
    let sum = runtime.block_on(async {
        let tuple = gather((member(1), member(2))).with(async |(a, b)| Ok(a.number + b.number));
        tokio::spawn(tuple).await.unwrap().unwrap()
    });
    assert_eq!(sum, 3);
    let array = gather([member(1), member(2)]).with(async |all| {
        yield_now().await;
        Ok(all.iter().map(|one| one.number).sum::<u32>())
    });
    assert_eq!(::smol::block_on(::smol::spawn(array)).unwrap(), 3);
    #[cfg(feature = "alloc")]
    {
        let vec = gather(vec![member(1), member(2)]).with(async |all| {
            for one in all.iter_mut() {
                yield_now().await;
                one.number += 1;
            }
            Ok(all.len())
        });
        assert_eq!(runtime.block_on(async { tokio::spawn(vec).await.unwrap().unwrap() }), 2);
    }
}
