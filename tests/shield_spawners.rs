//! S10: any spawner may run a shielded gather's exits. It needs no bounds of the body and the policies.
#![cfg(feature = "alloc")]

mod common;

use std::{
    cell::{Cell, RefCell},
    fmt::Display,
    future::{Future, pending},
    io,
    pin::Pin,
    rc::Rc,
    sync::mpsc,
};

use async_executor::LocalExecutor;
use common::Driver;
use gather_cm::{
    EnterExt, Entered, Exit, ExitCase, Failure, FailureOf, HandOver, Many, Member, Shield, ShieldEnters, WithShield,
    gather, policies::Policy,
};

/// A resource that sends the case that it receives.
struct Sends(mpsc::Sender<ExitCase>);

impl Exit for Sends {
    type Error = String;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> Result<(), String> {
        smol::future::yield_now().await;
        self.0.send(case).map_err(|error| error.to_string())
    }
}

/// Enters a resource. The enter borrows the name, and the resource does not.
async fn enter(sender: mpsc::Sender<ExitCase>, name: &str) -> Result<Sends, String> {
    smol::future::yield_now().await;
    if name.is_empty() { Err(name.into()) } else { Ok(Sends(sender)) }
}

/// Polls the future until its body runs, and drops it.
fn start_and_drop<T>(future: impl Future<Output = T>) {
    let mut driver = Driver::new(future);
    (0..3).for_each(|_| driver.pends());
    driver.drop();
}

/// Asserts that each of this many exits has received `Cancelled`.
fn all_cancelled(receiver: &mpsc::Receiver<ExitCase>, count: usize) {
    for _ in 0..count {
        assert_eq!(receiver.recv(), Ok(ExitCase::Cancelled));
    }
}

/// A helper that serves every group.
fn report<F: Future<Output = Result<(), E>> + Send + 'static, E: Display + Send>(cleanup: F) {
    smol::spawn(async {
        if let Err(failure) = cleanup.await {
            eprintln!("cleanup: {failure}");
        }
    })
    .detach();
}

/// Members, body, `stop` and observer may borrow, and need not be `Send`, although the cleanup must be `Send` and
/// `'static`.
#[test]
fn locals_may_be_borrowed_under_tokio() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let _guard = runtime.enter();
    let (sender, receiver) = mpsc::channel();
    let (name, seen) = (String::from("local"), Rc::new(Cell::new(0)));
    let member = || enter(sender.clone(), &name);
    macro_rules! check {
        ($count:literal, $group:expr) => {
            let stop = async { assert_eq!(pending::<usize>().await, seen.get()) };
            let group = $group.cancel_on(stop).observe(|_| seen.set(seen.get() + 1)).shield();
            let body = async {
                let local = Rc::new(&name);
                pending::<()>().await;
                Ok(drop(local))
            };
            start_and_drop(group.with(async |_| body.await).on_drop(|cleanup| {
                tokio::spawn(cleanup);
            }));
            all_cancelled(&receiver, $count);
        };
    }
    check!(2, gather((member(), member())));
    check!(3, gather([member(), member(), member()]));
    check!(2, gather(vec![member(), member()]));
    check!(40, gather((0..40).map(|_| member()).collect::<Vec<_>>()));
    assert!(seen.get() > 0);
}

/// With `settle` the enters go on, so they must be `Send` and `'static`. The body need not be.
#[test]
fn enters_that_settle_under_tokio() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let _guard = runtime.enter();
    let (sender, receiver) = mpsc::channel();
    let name = String::from("local");
    let group = gather((enter(sender.clone(), "a"), enter(sender, "b"))).shield().settle();
    let with = group.with(async |_| {
        let local = Rc::new(&name);
        Ok(local.len())
    });
    let mut driver = Driver::new(with.on_drop(|cleanup| {
        tokio::spawn(cleanup);
    }));
    driver.pends();
    driver.drop();
    all_cancelled(&receiver, 2);
}

/// The compiler infers that the cleanup is `Send`, through adapters, closures and a helper, with every policy.
#[test]
fn a_helper_that_reports() {
    let (sender, receiver) = mpsc::channel();
    let closure = sender.clone();
    let adapted = async { Ok::<_, String>(()) }.exit_with(async move |(), case| {
        smol::future::yield_now().await;
        closure.send(case).map_err(|error| error.to_string())
    });
    let boxed = enter(sender.clone(), "boxed").exit_within(async || pending().await);
    let group = gather((adapted, boxed, enter(sender.clone(), "c")));
    let group = group.stack().exit_limit(1).names(&["a", "b", "c"]).fair().caller_waker();
    #[cfg(feature = "std")]
    let group = group.catch_unwind();
    start_and_drop(group.shield().with(async |_| Ok(pending::<()>().await)).on_drop(report));
    all_cancelled(&receiver, 3);

    let own = gather([enter(sender.clone(), "a")]).shield().settle();
    start_and_drop(own.with_own_error(async |_| Err::<(), _>(pending::<io::Error>().await)).on_drop(report));
    all_cancelled(&receiver, 1);

    let mut driver =
        Driver::new(gather(vec![enter(sender, "a")]).in_reverse().shield().settle().enter().on_drop(report));
    driver.pends();
    driver.drop();
    all_cancelled(&receiver, 1);
}

/// A resource that borrows, and is not `Send`.
struct Borrows<'a>(&'a RefCell<Vec<String>>, Rc<str>);

impl Exit for Borrows<'_> {
    type Error = io::Error;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> io::Result<()> {
        smol::future::yield_now().await;
        self.0.borrow_mut().push(format!("{} {case:?}", self.1));
        Ok(())
    }
}

async fn borrow<'a>(log: &'a RefCell<Vec<String>>, name: &str) -> io::Result<Borrows<'a>> {
    let name = Rc::from(name);
    smol::future::yield_now().await;
    Ok(Borrows(log, name))
}

/// Borrowed resources that are not `Send` need an executor that takes them.
#[test]
fn borrowed_resources_under_a_local_executor() {
    let log = RefCell::default();
    let executor = LocalExecutor::new();
    macro_rules! check {
        ($group:expr, $expected:expr) => {
            let group = $group;
            start_and_drop(
                group.with(async |_| Ok(pending::<()>().await)).on_drop(|cleanup| executor.spawn(cleanup).detach()),
            );
            while executor.try_tick() {}
            assert_eq!(log.take(), $expected);
        };
    }
    check!(gather((borrow(&log, "a"), borrow(&log, "b"))).shield(), ["a Cancelled", "b Cancelled"]);
    check!(gather([borrow(&log, "a"), borrow(&log, "b")]).stack().shield(), ["b Cancelled", "a Cancelled"]);
    check!(gather(vec![borrow(&log, "a"), borrow(&log, "b")]).shield().settle(), ["a Cancelled", "b Cancelled"]);
}

/// A firmware or a server may have a queue of boxed futures without an output.
#[test]
fn a_queue_of_boxes() {
    type Task<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;
    let (log, queue) = (RefCell::default(), RefCell::new(Vec::<Task<'_>>::new()));
    let with = gather((borrow(&log, "a"),)).shield().with(async |_| Ok(pending::<()>().await));
    start_and_drop(with.on_drop(|cleanup| queue.borrow_mut().push(Box::pin(async { drop(cleanup.await) }))));
    for task in queue.take() {
        smol::block_on(task);
    }
    assert_eq!(log.take(), ["a Cancelled"]);
}

/// A group that has entered is one member. Its exit goes on as a whole.
#[test]
fn a_nested_group() {
    let (sender, receiver) = mpsc::channel();
    let inner = async {
        let entered = gather((enter(sender.clone(), "a"), enter(sender.clone(), "b"))).enter().await;
        entered.map_err(|failure| failure.to_string())
    };
    let inner = inner.exit_with(async |group: Entered<(Sends, Sends)>, case| {
        group.exit(case).await.map_err(|failure| failure.to_string())
    });
    let group = gather((inner, enter(sender.clone(), "c"))).shield();
    start_and_drop(group.with(async |_| Ok(pending::<()>().await)).on_drop(report));
    all_cancelled(&receiver, 3);

    let inner = async { gather([enter(sender.clone(), "a"), enter(sender.clone(), "b")]).enter().await };
    start_and_drop(gather((inner,)).shield().with(async |_| Ok(pending::<()>().await)).on_drop(report));
    all_cancelled(&receiver, 2);
}

/// A shield is inside another gather's member. If the outer gather is dropped, so is the inner one, and it hands its
/// exits over.
#[test]
fn inside_a_member() {
    let (sender, receiver) = mpsc::channel();
    let inner = async {
        let body = async |_: (&mut Sends,)| Ok(pending::<()>().await);
        gather((enter(sender.clone(), "inner"),)).shield().with(body).on_drop(report).await.map_err(|f| f.to_string())
    };
    let mut driver = Driver::new(gather((inner.drop_on_exit(), enter(sender.clone(), "outer"))).with(async |_| Ok(())));
    (0..3).for_each(|_| driver.pends());
    driver.drop();
    all_cancelled(&receiver, 1);
    assert!(receiver.try_recv().is_err(), "the outer one has no shield");
}

/// `keep_value` and `assert_send` come after `on_drop`.
#[test]
fn keep_value_and_assert_send() {
    fn spawned<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
        smol::block_on(smol::spawn(future))
    }
    let (sender, receiver) = mpsc::channel();
    drop(receiver);
    let member = move || enter(sender.clone(), "a");
    let again = member.clone();
    let kept = spawned(async move {
        let group = gather((member(), member())).shield();
        let with = group.with(async |_| Ok(7)).on_drop(report).keep_value().assert_send();
        with.await
    });
    let (value, exits) = kept.expect("only exits fail");
    assert_eq!((value, exits.len()), (7, 2));
    let failure = spawned(gather([again()]).shield().settle().with(async |_| Ok(7)).on_drop(report).assert_send());
    assert_eq!(failure.unwrap_err().exits.len(), 1);
}

/// Code that is generic over policies needs no bound for them, whatever the spawner asks for.
#[test]
fn generic_over_policies() {
    type Members = [Pin<Box<dyn Future<Output = Result<Sends, String>> + Send>>; 2];

    fn with<P: Policy>(group: Shield<Members, P>) -> impl Future<Output = Result<(), FailureOf<[Sends; 2]>>> {
        group.with(async |_| Ok(pending::<()>().await)).on_drop(report)
    }
    fn entering<P: Policy>(group: ShieldEnters<Members, P>) -> impl Future {
        group.enter().on_drop(report)
    }
    let (sender, receiver) = mpsc::channel();
    let members = || -> Members { ["a", "b"].map(|name| Box::pin(enter(sender.clone(), name)) as _) };
    start_and_drop(with(gather(members()).shield()));
    start_and_drop(with(gather(members()).stack().cancel_on(pending::<()>()).observe(|_| ()).shield()));
    all_cancelled(&receiver, 4);
    let mut driver = Driver::new(entering(gather(members()).stack().shield().settle()));
    driver.pends();
    driver.drop();
    all_cancelled(&receiver, 2);
}

/// Makes a member whose type only its signature tells.
fn known_by_signature(sender: mpsc::Sender<ExitCase>) -> impl Member<Value = Sends, Error = String, Resource = Sends> {
    enter(sender, "a")
}

/// Names a life cycle in a signature.
fn life_cycle(
    sender: mpsc::Sender<ExitCase>,
) -> WithShield<impl HandOver<Value = (), Cleanup = impl Future + Send + 'static>> {
    gather((known_by_signature(sender),)).shield().with(async |_| Ok(pending::<()>().await))
}

#[test]
fn in_signatures() {
    let (sender, receiver) = mpsc::channel();
    start_and_drop(life_cycle(sender.clone()).on_drop(|cleanup| smol::spawn(async { drop(cleanup.await) }).detach()));
    all_cancelled(&receiver, 1);

    struct AppError;
    impl From<Failure<String, Many>> for AppError {
        fn from(_: Failure<String, Many>) -> Self {
            Self
        }
    }
    let run = async {
        let group = gather(vec![known_by_signature(sender)]).shield();
        group.with(async |_| Ok(pending::<()>().await)).on_drop(report).await?;
        Ok::<_, AppError>(())
    };
    start_and_drop(run);
    all_cancelled(&receiver, 1);
}
