//! Try.
#![cfg(feature = "std")]
use gather_cm::*;
use std::{
    cell::{Cell, RefCell},
    future::{Future, pending, poll_fn},
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, Waker},
};

type Log = Rc<RefCell<Vec<String>>>;
struct Driver {
    log: Log,
    id: usize,
    left: Rc<Cell<usize>>,
    end: Result<(), &'static str>,
}
impl Future for Driver {
    type Output = Result<(), &'static str>;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.log.borrow_mut().push(format!("drive {}", self.id));
        if self.left.get() == 0 {
            return Poll::Ready(self.end);
        }
        self.left.set(self.left.get() - 1);
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
impl Drop for Driver {
    fn drop(&mut self) {
        self.log.borrow_mut().push(format!("drop driver {}", self.id));
    }
}
async fn yields(n: usize) {
    for _ in 0..n {
        let mut y = false;
        poll_fn(|cx| {
            if y {
                Poll::Ready(())
            } else {
                y = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        })
        .await
    }
}
fn member(
    log: &Log,
    id: usize,
    enter: usize,
    exit: usize,
    driver: usize,
    end: Result<(), &'static str>,
) -> impl Member<Value = usize, Error = &'static str> {
    let (log, log2) = (log.clone(), log.clone());
    async move {
        yields(enter).await;
        log.borrow_mut().push(format!("entered {id}"));
        Ok((id, Driver { log, id, left: Rc::new(Cell::new(driver)), end }))
    }
    .driven()
    .exit_with(async move |id, case| {
        log2.borrow_mut().push(format!("exit {id} {case:?}"));
        yields(exit).await;
        log2.borrow_mut().push(format!("exited {id}"));
        Ok(())
    })
}
fn run<T>(f: impl Future<Output = T>) -> (T, usize) {
    let mut f = pin!(f);
    for n in 1.. {
        if let Poll::Ready(v) = f.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return (v, n);
        }
        assert!(n < 100)
    }
    unreachable!()
}
#[test]
fn plain() {
    let log = Log::default();
    let r = run(gather((member(&log, 0, 0, 1, 99, Ok(())), member(&log, 1, 2, 0, 99, Ok(())))).stack().with(
        async |(a, b)| {
            log.borrow_mut().push("body".into());
            yields(1).await;
            log.borrow_mut().push("body".into());
            Ok(*a + *b)
        },
    ));
    println!("{:?}\n{:#?}", r, log.borrow());
}
#[test]
fn lost_in_body() {
    let log = Log::default();
    let r =
        run(gather([member(&log, 0, 0, 1, 99, Ok(())), member(&log, 1, 0, 0, 2, Err("broken"))]).with(async |_| {
            pending::<()>().await;
            Ok(())
        }));
    println!("{:?}\n{:#?}", r, log.borrow());
    assert!(matches!(r.0.unwrap_err().cause, Cause::Lost(errors) if errors.get(1) == Some(&"broken")));
}
#[test]
fn lost_beside_enters_many() {
    let log = Log::default();
    let members: Vec<_> = (0..40)
        .map(|n| member(&log, n, if n == 39 { 4 } else { 0 }, 1, if n == 7 { 1 } else { 99 }, Err("broken")))
        .collect();
    let r = run(gather(members).exit_limit(1).with(async |_| {
        pending::<()>().await;
        Ok(())
    }));
    println!("{:?}", r);
    assert_eq!(log.borrow().iter().filter(|l| l.starts_with("drop driver")).count(), 40);
    assert_eq!(log.borrow().iter().filter(|l| l.starts_with("exited")).count(), 40);
}
#[test]
fn shielded() {
    let log = Log::default();
    let cleanup = RefCell::new(None);
    {
        let mut f = pin!(
            gather((member(&log, 0, 0, 2, 99, Ok(())), member(&log, 1, 0, 0, 99, Ok(()))))
                .in_reverse()
                .shield()
                .with(async |_| {
                    pending::<()>().await;
                    Ok(())
                })
                .on_drop(|c| *cleanup.borrow_mut() = Some(Box::pin(c)))
        );
        assert!(f.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    log.borrow_mut().push("dropped".into());
    let r = run(cleanup.take().unwrap());
    println!("{:?}\n{:#?}", r, log.borrow());
    assert!(r.0.is_ok());
}
#[test]
fn nested() {
    let log = Log::default();
    let inner = gather(vec![member(&log, 0, 0, 2, 99, Ok(())), member(&log, 1, 0, 0, 2, Err("inner broken"))])
        .enter()
        .errors_into::<Text>();
    let outer = async {
        yields(5).await;
        Ok::<_, Text>(())
    }
    .drop_on_exit();
    let r = run(gather((inner, outer)).with(async |_| Ok(())));
    println!("{:?}\n{:#?}", r, log.borrow());
}
impl From<u8> for Never {
    fn from(_: u8) -> Self {
        Never
    }
}
struct Never;
#[test]
fn optional_member() {
    let log = Log::default();
    let a = async { Err::<u8, _>("no cache") }.drop_on_exit().optional();
    let events = RefCell::new(vec![]);
    let r = run(gather((a, member(&log, 1, 0, 0, 99, Ok(())).optional()))
        .observe(|e| events.borrow_mut().push(format!("{e:?}")))
        .with(async |(a, b)| {
            assert_eq!(a.error(), Some(&"no cache"));
            assert!(!a.is_entered());
            Ok(*b.as_mut().unwrap())
        }));
    println!("{:?}\n{:#?} {:#?}", r, log.borrow(), events.borrow());
}
#[derive(Debug)]
struct Text(#[allow(dead_code)] String);
impl<E: std::fmt::Display, S: Shape> From<Failure<E, S>> for Text {
    fn from(f: Failure<E, S>) -> Self {
        Text(f.to_string())
    }
}
