//! 16, 17: of several panics, the first one is the cause, whichever parts panic. Each test plays one life of a gather,
//! in which many parts can panic, one after the other. It lets each part panic alone, then each pair of parts, then
//! all.
#![cfg(feature = "std")]

mod common;

use std::{
    cell::{Cell, RefCell},
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use common::Driver;
use gather_cm::{EnterExt, Event, Failure, Shape};

/// Says which parts panic. Each part has a bit.
#[derive(Default)]
struct Fuses {
    lit: Cell<u32>,
    /// The parts that have panicked.
    burnt: RefCell<Vec<usize>>,
    exited: Cell<usize>,
    abandoned: Cell<usize>,
}

/// No part has this number.
const NONE: usize = 31;

impl Fuses {
    fn burn(&self, part: usize) {
        if self.lit.get() & (1 << part) != 0 {
            self.burnt.borrow_mut().push(part);
            panic!("{part}");
        }
    }

    /// Makes an observer that panics in the part of an event.
    fn observer(&self, part: impl Fn(Event) -> usize) -> impl FnMut(Event) {
        move |event| self.burn(part(event))
    }

    /// Makes a future that runs `act`. It may panic as it ends, and as it is dropped.
    fn part<T, F: FnMut(&mut Context<'_>) -> Poll<T>>(&self, poll: usize, drop: usize, act: F) -> Part<'_, F> {
        Part { fuses: self, poll, drop, act }
    }

    /// Makes an exit that counts, and ends at once.
    fn exit(
        &self,
        poll: usize,
        drop: usize,
    ) -> Part<'_, impl FnMut(&mut Context<'_>) -> Poll<Result<(), &'static str>>> {
        self.exited.set(self.exited.get() + 1);
        self.part(poll, drop, |_| Poll::Ready(Ok(())))
    }

    fn abandon(&self, part: usize) {
        self.abandoned.set(self.abandoned.get() + 1);
        self.burn(part);
    }

    /// Makes a value whose destructor may panic.
    fn bomb(&self, part: usize) -> Bomb<'_> {
        Bomb(self, part)
    }
}

struct Part<'a, F> {
    fuses: &'a Fuses,
    poll: usize,
    drop: usize,
    act: F,
}

impl<F> Unpin for Part<'_, F> {}

impl<T, F: FnMut(&mut Context<'_>) -> Poll<T>> Future for Part<'_, F> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let polled = (self.act)(cx);
        if polled.is_ready() {
            self.fuses.burn(self.poll);
        }
        polled
    }
}

impl<F> Drop for Part<'_, F> {
    fn drop(&mut self) {
        self.fuses.burn(self.drop);
    }
}

struct Bomb<'a>(&'a Fuses, usize);

impl Drop for Bomb<'_> {
    fn drop(&mut self) {
        self.0.burn(self.1);
    }
}

/// Plays a life with each of these parts, with each pair, and with all of them. `play` receives the parts that must
/// panic, and returns the message of the panic that it has seen. If all panic in the order of their numbers, so do any
/// two.
fn each(parts: usize, play: impl Fn(&Fuses) -> Option<String>) {
    let pairs = (0..parts).flat_map(|one| (one..parts).map(move |other| (1 << one) | (1 << other)));
    for lit in pairs.chain([0, (1 << parts) - 1]) {
        let fuses = Fuses { lit: Cell::new(lit), ..Fuses::default() };
        let seen = play(&fuses);
        fuses.lit.set(0);
        let first = (0..parts).find(|part| lit & (1 << part) != 0);
        assert_eq!(seen, first.map(|part| part.to_string()), "{lit:b}: {:?} have panicked", fuses.burnt);
    }
}

/// Returns the message of the panic that is the cause.
fn cause<T, S: Shape>(result: Result<T, Failure<&'static str, S>>) -> Option<String> {
    match result.err()?.cause {
        gather_cm::Cause::Panicked(panic) => Some(common::message(&*panic.into_payload()).to_string()),
        _ => None,
    }
}

/// Returns the message of the panic of `f`.
fn unwinds<T>(f: impl FnOnce() -> T) -> Option<String> {
    let payload = catch_unwind(AssertUnwindSafe(f)).err()?;
    Some(common::message(&*payload).to_string())
}

/// A stop ends the body.
#[test]
fn of_a_stopped_body() {
    let run = |fuses: &Fuses, catch: bool| {
        let member = |exit, drop| async { Ok::<_, &str>(()) }.exit_with(move |(), _| fuses.exit(exit, drop));
        let mut seen = Vec::new();
        each_shape!([member(4, 5), member(7, 8)], |gather| {
            let fires = Cell::new(false);
            let stop = fuses.part(0, 2, |_| if fires.get() { Poll::Ready(()) } else { Poll::Pending });
            let gather = gather.cancel_on(stop).observe(fuses.observer(|event| match event {
                Event::BodyEnded { .. } => 3,
                Event::Exited { index: 0, .. } | Event::ExitFailed { index: 0, .. } => 6,
                Event::Exited { index: 1, .. } | Event::ExitFailed { index: 1, .. } => 9,
                _ => NONE,
            }));
            macro_rules! run {
                ($gather:expr) => {
                    Driver::new($gather.with(async |_| {
                        let _bomb = fuses.bomb(1);
                        Ok(pending::<()>().await)
                    }))
                };
            }
            fuses.exited.set(0);
            if catch {
                let mut driver = run!(gather.catch_unwind());
                driver.pends();
                fires.set(true);
                seen.push(cause(driver.end()));
            } else {
                let mut driver = run!(gather);
                driver.pends();
                fires.set(true);
                seen.push(unwinds(|| drop(driver.end())));
            }
            assert_eq!(fuses.exited.get(), 2);
        });
        assert!(seen.windows(2).all(|two| two[0] == two[1]), "{seen:?}");
        seen.swap_remove(0)
    };
    each(10, |fuses| run(fuses, true));
    each(10, |fuses| run(fuses, false));
}

/// An enter fails, and then a stop ends the enters that have run on.
#[test]
fn of_a_failed_group_that_is_stopped() {
    each(12, |fuses| {
        let mut seen = Vec::new();
        let member = |name: usize| {
            let (poll, drop) = [(0, 1), (NONE, 5), (NONE, NONE)][name];
            let enter = fuses.part(poll, drop, move |_| match name {
                0 => Poll::Ready(Err("e0")),
                1 => Poll::Pending,
                _ => Poll::Ready(Ok(())),
            });
            enter.exit_with(|(), _| fuses.exit(9, 10))
        };
        each_shape!([member(0), member(1), member(2)], |gather| {
            let fires = Cell::new(false);
            let stop = fuses.part(4, 7, |_| if fires.get() { Poll::Ready(()) } else { Poll::Pending });
            let gather = gather.cancel_on(stop).catch_unwind().observe(fuses.observer(|event| match event {
                Event::EnterFailed { .. } => 2,
                Event::EnterDropped { .. } => 6,
                Event::ExitStarted { .. } => 8,
                Event::Exited { .. } | Event::ExitFailed { .. } => 11,
                _ => NONE,
            }));
            let bomb = fuses.bomb(3);
            fuses.exited.set(0);
            let mut driver = Driver::new(gather.with(async move |_| -> Result<(), _> {
                let _bomb = &bomb;
                unreachable!()
            }));
            driver.pends();
            fires.set(true);
            seen.push(cause(driver.end()));
            assert_eq!(fuses.exited.get(), 1);
        });
        assert!(seen.windows(2).all(|two| two[0] == two[1]), "{seen:?}");
        seen.swap_remove(0)
    });
}

/// A driver fails during the body. The group is lost, and the exits run along with the other driver.
#[test]
fn of_a_lost_driver() {
    each(13, |fuses| {
        let mut seen = Vec::new();
        let lose = Cell::new(false);
        let member = |name: usize| {
            let lose = &lose;
            let (poll, drop) = [(0, 1), (NONE, 11)][name];
            let driver = fuses.part(poll, drop, move |_| {
                if name == 0 && lose.get() { Poll::Ready(Err::<(), _>("d0")) } else { Poll::Pending }
            });
            let [poll, drop] = [[6, 7], [9, 10]][name];
            async { Ok::<_, &str>(((), driver)) }.driven().exit_with(move |(), _| fuses.exit(poll, drop))
        };
        each_shape!([member(0), member(1)], |gather| {
            let gather = gather.catch_unwind().observe(fuses.observer(|event| match event {
                Event::DriverEnded { index: 0, .. } => 2,
                Event::BodyEnded { .. } => 4,
                Event::ExitStarted { index: 0, .. } => 5,
                Event::ExitFailed { index: 0, .. } | Event::Exited { index: 0, .. } => 8,
                Event::ExitFailed { index: 1, .. } | Event::Exited { index: 1, .. } => 12,
                _ => NONE,
            }));
            fuses.exited.set(0);
            lose.set(false);
            let mut driver = Driver::new(gather.with(async |_| {
                let _bomb = fuses.bomb(3);
                Ok(pending::<()>().await)
            }));
            driver.pends();
            lose.set(true);
            seen.push(cause(driver.end()));
            assert_eq!(fuses.exited.get(), 2);
        });
        assert!(seen.windows(2).all(|two| two[0] == two[1]), "{seen:?}");
        seen.swap_remove(0)
    });
}

/// The gather is dropped while the body runs along with drivers.
#[test]
fn of_a_drop_in_the_body() {
    each(9, |fuses| {
        let mut seen = Vec::new();
        let member = |name: usize| {
            let driver = fuses.part(NONE, 1 + name, |_| Poll::<()>::Pending);
            let enter = async { Ok::<_, &str>(((), driver)) };
            enter.driven().exit_with(|(), _| fuses.exit(NONE, NONE)).abandon_with(move |()| fuses.abandon(4 + name))
        };
        macro_rules! drop_it {
            ($gather:expr) => {{
                let stop = fuses.part(NONE, 8, |_| Poll::<()>::Pending);
                let gather = $gather.cancel_on(stop).catch_unwind().observe(fuses.observer(|event| match event {
                    Event::BodyDropped { .. } => 0,
                    Event::Abandoned { index, .. } => 6 + index,
                    _ => NONE,
                }));
                fuses.abandoned.set(0);
                let mut driver = Driver::new(gather.with(async |_| {
                    let _bomb = fuses.bomb(3);
                    Ok(pending::<()>().await)
                }));
                driver.pends();
                seen.push(unwinds(|| driver.drop()));
                assert_eq!((fuses.exited.get(), fuses.abandoned.get()), (0, 2));
            }};
        }
        each_shape!([member(0), member(1)], |gather| drop_it!(gather));
        each_shape!([member(0).optional(), member(1).optional()], |gather| drop_it!(gather));
        assert!(seen.windows(2).all(|two| two[0] == two[1]), "{seen:?}");
        seen.swap_remove(0)
    });
}

/// The gather is dropped while members enter.
#[test]
fn of_a_drop_in_the_enters() {
    each(6, |fuses| {
        let mut seen = Vec::new();
        let member = |name: usize| {
            let pends = name == 0;
            let drop = if pends { 0 } else { NONE };
            let enter =
                fuses.part(NONE, drop, move |_| if pends { Poll::Pending } else { Poll::Ready(Ok::<_, &str>(())) });
            enter.exit_with(|(), _| fuses.exit(NONE, NONE)).abandon_with(|()| fuses.abandon(2))
        };
        each_shape!([member(0), member(1)], |gather| {
            let stop = fuses.part(NONE, 5, |_| Poll::<()>::Pending);
            let gather = gather.cancel_on(stop).catch_unwind().observe(fuses.observer(|event| match event {
                Event::EnterDropped { .. } => 1,
                Event::Abandoned { .. } => 3,
                _ => NONE,
            }));
            let bomb = fuses.bomb(4);
            fuses.abandoned.set(0);
            let mut driver = Driver::new(gather.with(async move |_| -> Result<(), _> {
                let _bomb = &bomb;
                unreachable!()
            }));
            driver.pends();
            seen.push(unwinds(|| driver.drop()));
            assert_eq!((fuses.exited.get(), fuses.abandoned.get()), (0, 1));
        });
        assert!(seen.windows(2).all(|two| two[0] == two[1]), "{seen:?}");
        seen.swap_remove(0)
    });
}

/// The gather is dropped while an exit is in flight, and another one waits for its place.
#[test]
fn of_a_drop_in_the_exits() {
    each(5, |fuses| {
        let mut seen = Vec::new();
        let member = || {
            let exit = |(), _| fuses.part(NONE, 0, |_| Poll::<Result<(), _>>::Pending);
            async { Ok::<_, &str>(()) }.exit_with(exit).abandon_with(|()| fuses.abandon(2))
        };
        each_shape!([member(), member()], |gather| {
            let gather = gather.exit_limit(1).catch_unwind().observe(fuses.observer(|event| match event {
                Event::ExitDropped { .. } => 1,
                Event::Abandoned { .. } => 3,
                _ => NONE,
            }));
            fuses.abandoned.set(0);
            let mut driver = Driver::new(gather.with(async |_| Ok(fuses.bomb(4))));
            driver.pends();
            seen.push(unwinds(|| driver.drop()));
            assert_eq!(fuses.abandoned.get(), 1);
        });
        assert!(seen.windows(2).all(|two| two[0] == two[1]), "{seen:?}");
        seen.swap_remove(0)
    });
}

/// The body completes. Its value is dropped only if something panics, and then its destructor always panics.
#[test]
fn of_a_body_that_completes() {
    each(7, |fuses| {
        fuses.lit.set(fuses.lit.get() | 1 << 7);
        let mut seen = Vec::new();
        let member = || async { Ok::<_, &str>(()) }.exit_with(|(), _| fuses.exit(4, 5));
        each_shape!([member()], |gather| {
            let stop = fuses.part(NONE, 1, |_| Poll::<()>::Pending);
            let gather = gather.cancel_on(stop).catch_unwind().observe(fuses.observer(|event| match event {
                Event::BodyEnded { .. } => 2,
                Event::ExitStarted { .. } => 3,
                Event::Exited { .. } | Event::ExitFailed { .. } => 6,
                _ => NONE,
            }));
            fuses.exited.set(0);
            let mut value = Some(fuses.bomb(7));
            let mut driver = Driver::new(gather.with(async |_| {
                let _bomb = fuses.bomb(0);
                Ok(value.take())
            }));
            seen.push(cause(driver.end().map(std::mem::forget)));
            assert_eq!(fuses.exited.get(), 1);
        });
        seen.swap_remove(0)
    });
}
