//! A destructor panics in each phase, next to pinned siblings that are linked into an intrusive list. If a sibling were
//! moved, or freed without its destructor, the list would be broken. (AddressSanitizer and valgrind see that.)
#![cfg(feature = "std")]

mod common;

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, Waker},
};

use gather_cm::{EnterExt, gather};
use tokio::sync::Notify;

type Gather<'a> = Pin<Box<dyn Future<Output = bool> + 'a>>;

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Enter,
    Body,
    Exit,
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("bomb");
    }
}

/// Waits in the list of `notify`, along with a bomb that goes off when this future is dropped.
async fn wait(notify: &Notify, bomb: bool) {
    let _bomb = bomb.then(|| Bomb);
    notify.notified().await;
}

/// Makes three members that wait in `phase`. The member at `bomb` panics when it is dropped there.
fn start(notify: &Notify, phase: Phase, bomb: usize, shape: usize) -> Gather<'_> {
    let member = move |index: usize| {
        async move {
            if phase == Phase::Enter {
                wait(notify, index == bomb).await;
            }
            Ok::<_, ()>(index)
        }
        .exit_with(async move |_, _| {
            if phase == Phase::Exit {
                wait(notify, index == bomb).await;
            }
            Ok(())
        })
    };
    let body = async move {
        if phase == Phase::Body {
            wait(notify, true).await;
        }
        Ok(())
    };
    match shape {
        0 => Box::pin(async move {
            let group = (member(0), member(1), member(2));
            gather(group).catch_unwind().with(async move |_| body.await).await.is_ok()
        }),
        1 => Box::pin(async move {
            gather([0, 1, 2].map(member)).catch_unwind().with(async move |_| body.await).await.is_ok()
        }),
        _ => Box::pin(async move {
            let group = [0, 1, 2].map(member).into_iter().collect::<Vec<_>>();
            gather(group).catch_unwind().with(async move |_| body.await).await.is_ok()
        }),
    }
}

fn poll(gather: &mut Gather<'_>) -> Poll<bool> {
    gather.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// For every phase, every index and every shape, a gather is dropped while all members are in the list, and another one
/// runs to its end.
#[test]
fn siblings_stay_where_they_are() {
    for phase in [Phase::Enter, Phase::Body, Phase::Exit] {
        for bomb in 0..3 {
            for shape in 0..3 {
                let notify = Notify::new();
                let mut gather = start(&notify, phase, bomb, shape);
                assert!(poll(&mut gather).is_pending());
                catch_unwind(AssertUnwindSafe(|| drop(gather))).unwrap_err();
                // Every member has left the list, so this finds no waiter.
                notify.notify_waiters();

                let mut gather = start(&notify, phase, bomb, shape);
                assert!(poll(&mut gather).is_pending());
                // The members are woken one after the other, so two siblings are still in the list when the bomb goes
                // off.
                let mut ended = None;
                for _ in 0..8 {
                    notify.notify_one();
                    if let Poll::Ready(well) = poll(&mut gather) {
                        ended = Some(well);
                        break;
                    }
                }
                assert_eq!(ended, Some(false), "it ends with the bomb's panic");
            }
        }
    }
}
