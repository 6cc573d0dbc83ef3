//! 16, 17, 20: a large `Vec` keeps its caller's waker. If that waker panics as it is cloned, woken or dropped, that is
//! not a panic of a member. It leaves the poll, although panics are caught. The gather has then ended. It has abandoned
//! each held resource once, it has dropped each pending future once, and it keeps no waker.
#![cfg(feature = "std")]

use std::{
    cell::{Cell, RefCell},
    future::{Future, pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    ptr,
    task::{Context, Poll, RawWaker, RawWakerVTable, Waker},
};

use gather_cm::{EnterExt, Event, gather};

thread_local! {
    /// The next call of this kind panics.
    static PANICS: Cell<Option<Call>> = const { Cell::new(None) };
    /// How many wakers exist.
    static WAKERS: Cell<usize> = const { Cell::new(0) };
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Call {
    Clone,
    Wake,
    Drop,
}

fn call(call: Call) {
    if PANICS.get() == Some(call) {
        PANICS.set(None);
        panic!("{call:?}");
    }
}

fn new(number: *const ()) -> RawWaker {
    WAKERS.set(WAKERS.get() + 1);
    RawWaker::new(number, &VTABLE)
}

fn gone() {
    WAKERS.set(WAKERS.get() - 1);
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(
    |number| {
        call(Call::Clone);
        new(number)
    },
    |_| {
        gone();
        call(Call::Wake);
    },
    |_| call(Call::Wake),
    |_| {
        gone();
        call(Call::Drop);
    },
);

/// Makes a waker. Two of these wake the same task if their numbers are equal.
fn waker(number: usize) -> Waker {
    // SAFETY: the functions of the table use the pointer only to pass it on.
    unsafe { Waker::from_raw(new(ptr::without_provenance(number))) }
}

/// A value that counts itself, and can log its end.
struct Counts<'a> {
    live: &'a Cell<isize>,
    log: &'a RefCell<Vec<(&'static str, usize)>>,
    index: usize,
}

impl Drop for Counts<'_> {
    fn drop(&mut self) {
        self.live.set(self.live.get() - 1);
    }
}

/// The phase of a gather of forty members with drivers.
#[derive(Clone, Copy, PartialEq, Debug)]
enum At {
    /// In its first poll.
    Start,
    /// Some members are held, and the others enter.
    Enters,
    /// The body runs along with the drivers.
    Body,
    /// Some exits are in flight, and the others wait.
    Exits,
}

/// Polls a gather up to `at`. In the next poll, which another task makes, `panics` panics. Checks what becomes of all
/// parts.
fn play(at: At, panics: Call) {
    const COUNT: usize = 40;
    let (live, log, events) = (Cell::new(0), RefCell::default(), RefCell::new(Vec::new()));
    let member = |index: usize| {
        let (live, log) = (&live, &log);
        let enters = at == At::Enters && index % 2 == 1;
        let enter = async move {
            live.set(live.get() + 1);
            let counts = Counts { live, log, index };
            if enters {
                pending::<()>().await;
            }
            Ok::<_, &str>((counts, pending::<()>()))
        };
        enter
            .driven()
            .exit_with(async |counts: Counts<'_>, _| {
                counts.log.borrow_mut().push(("exit", counts.index));
                pending::<Result<(), _>>().await
            })
            .abandon_with(|counts| counts.log.borrow_mut().push(("abandon", counts.index)))
    };
    let before = WAKERS.get();
    {
        let gather = gather((0..COUNT).map(member).collect::<Vec<_>>());
        let gather = gather.exit_limit(10).catch_unwind().observe(|event| events.borrow_mut().push(event));
        let body = async |_: &mut gather_cm::VecRefs<'_, _>| {
            if at == At::Body {
                pending::<()>().await;
            }
            Ok(())
        };
        let mut with = Box::pin(gather.with(body));
        let [one, other] = [waker(1), waker(2)];
        let mut poll = |waker| {
            let poll = || -> Poll<_> { with.as_mut().poll(&mut Context::from_waker(waker)).map(drop) };
            catch_unwind(AssertUnwindSafe(poll))
        };
        if at != At::Start {
            assert!(matches!(poll(&one), Ok(Poll::Pending)));
        }
        PANICS.set(Some(panics));
        let Err(payload) = poll(&other) else { panic!("{at:?} {panics:?}: no panic got out") };
        assert_eq!(payload.downcast_ref::<String>(), Some(&format!("{panics:?}")), "{at:?}");
        assert_eq!(PANICS.get(), None);
        // The gather has ended before it is dropped.
        assert_eq!(live.get(), 0, "{at:?} {panics:?}");
        assert!(poll(&one).is_err(), "it was polled after its end");
    }
    assert_eq!(WAKERS.get(), before, "{at:?} {panics:?}");
    let ends = |what: &str| {
        let mut ends: Vec<_> = log.borrow().iter().filter(|(end, _)| *end == what).map(|(_, index)| *index).collect();
        ends.sort_unstable();
        ends
    };
    let (exits, abandoned): (Vec<usize>, Vec<usize>) = match at {
        At::Start => (vec![], vec![]),
        At::Enters => (vec![], (0..COUNT).step_by(2).collect()),
        At::Body => (vec![], (0..COUNT).collect()),
        At::Exits => ((0..10).collect(), (10..COUNT).collect()),
    };
    assert_eq!((ends("exit"), ends("abandon")), (exits, abandoned), "{at:?} {panics:?}");
    let count = |is: fn(&Event) -> bool| events.borrow().iter().filter(|event| is(event)).count();
    assert_eq!(count(|event| matches!(event, Event::EnterFailed { .. } | Event::ExitFailed { .. })), 0);
    assert_eq!(count(|event| matches!(event, Event::Abandoned { .. })), ends("abandon").len());
    assert_eq!(count(|event| matches!(event, Event::ExitDropped { .. })), ends("exit").len());
    assert_eq!(count(|event| matches!(event, Event::EnterDropped { .. })), if at == At::Enters { 20 } else { 0 });
}

#[test]
fn its_clone_panics() {
    [At::Start, At::Enters, At::Body, At::Exits].into_iter().for_each(|at| play(at, Call::Clone));
}

/// The gather drops the waker of its last caller when it has received another one.
#[test]
fn its_destructor_panics() {
    [At::Enters, At::Body, At::Exits].into_iter().for_each(|at| play(at, Call::Drop));
}

/// The waker panics as a member wakes it, within the member's own poll or elsewhere. The code that called `wake`
/// receives the panic. The gather is not disturbed by a panic elsewhere, and the member is polled next.
#[test]
fn it_panics_as_it_is_woken() {
    let wakers = RefCell::new(Vec::<Waker>::new());
    let polls = Cell::new(0);
    let member = |index: usize| {
        let (wakers, polls) = (&wakers, &polls);
        let mut polled = 0;
        let enter = poll_fn(move |cx| {
            polled += 1;
            if index == 7 {
                polls.set(polls.get() + 1);
                wakers.borrow_mut().push(cx.waker().clone());
            }
            if index != 7 || polled == 3 { Poll::Ready(Ok::<_, &str>(())) } else { Poll::Pending }
        });
        enter.exit_with(async |(), _| Ok(()))
    };
    let mut with = Box::pin(gather((0..40).map(member).collect::<Vec<_>>()).catch_unwind().with(async |_| Ok(())));
    let waker = waker(1);
    let mut cx = Context::from_waker(&waker);
    for polled in 1..3 {
        assert!(Pin::new(&mut with).poll(&mut cx).is_pending());
        assert_eq!(polls.get(), polled);
        PANICS.set(Some(Call::Wake));
        let woken = wakers.borrow_mut().pop().unwrap();
        let payload = catch_unwind(AssertUnwindSafe(|| woken.wake())).unwrap_err();
        assert_eq!(payload.downcast_ref::<String>(), Some(&"Wake".to_string()));
    }
    assert!(matches!(Pin::new(&mut with).poll(&mut cx), Poll::Ready(Ok(()))));
    drop(with);
    wakers.take();
    drop(waker);
    assert_eq!(WAKERS.get(), 0);
}
