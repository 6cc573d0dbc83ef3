//! Tests of the memory of a scope: it keeps nothing of the resources that have left it.
#![cfg(feature = "alloc")]

#[path = "common/counting.rs"]
#[allow(dead_code)]
mod counting;

use counting::{ALLOCATIONS, BYTES, PEAK};
use futures_util::FutureExt;
use gather_cm::{BoxExit, Boxed, Cause, Exit, ExitCase, Lent, Scope, scope};

/// A resource of 64 bytes. Its exit fails unless the first number is 0.
struct Bytes([u64; 8]);

impl Exit for Bytes {
    type Error = u64;
    type Verdict = ();

    async fn exit(self, _: ExitCase) -> Result<(), u64> {
        if self.0[0] == 0 { Ok(()) } else { Err(self.0[0]) }
    }
}

async fn enter(n: u64) -> Result<Bytes, u64> {
    Ok(Bytes([n; 8]))
}

/// Returns the most bytes that are allocated while `f` runs.
fn peak<T>(f: impl FnOnce() -> T) -> (T, usize) {
    let before = BYTES.get();
    PEAK.set(before);
    let output = f();
    (output, PEAK.get() - before)
}

/// P5: one resource leaves a pool and another one joins it, a million times.
#[test]
fn a_pool_that_lives_long() {
    const POOL: usize = 10_000;
    const ROUNDS: usize = 1_000_000;
    let group = scope().with(async |scope| {
        let mut pool = (0..POOL).map(|_| scope.hold(Bytes([0; 8]))).collect::<Vec<_>>();
        let (allocations, bytes) = (ALLOCATIONS.get(), BYTES.get());
        for round in 0..ROUNDS {
            let lent = scope.enter(enter(0)).await?;
            let old = std::mem::replace(&mut pool[round % POOL], lent);
            match round % 3 {
                0 => Lent::release(old).await?,
                1 => Lent::exit(old, ExitCase::Failed).await?,
                _ => drop(Lent::into_inner(old)),
            }
        }
        assert_eq!((ALLOCATIONS.get(), BYTES.get(), scope.len()), (allocations, bytes, 0));
        // The resources go back and forth. The scope keeps no more than one place for each.
        drop(pool);
        assert_eq!(scope.len(), POOL);
        assert!(BYTES.get() - bytes <= 2 * POOL * (size_of::<Bytes>() + 3 * size_of::<usize>()));
        Ok(scope.hold(Bytes([0; 8])).0.len() + Lent::index(&scope.hold(Bytes([0; 8]))))
    });
    assert_eq!(group.now_or_never().expect("it is ready").expect("no exit fails"), 8 + POOL + ROUNDS + 1);
}

/// P5: a failed enter, a dropped one, and a guard that comes and goes leave nothing behind either.
#[test]
fn nothing_is_left() {
    let group = scope().with(async |scope| {
        drop(scope.hold(Bytes([0; 8])));
        let bytes = BYTES.get();
        for _ in 0..10_000 {
            assert!(scope.enter(async { Err::<Bytes, _>(()) }).await.is_err());
            assert!(scope.enter(std::future::pending::<Result<Bytes, ()>>()).now_or_never().is_none());
        }
        assert_eq!(BYTES.get(), bytes);
        Ok(())
    });
    group.now_or_never().expect("it is ready").expect("no exit fails");
}

/// P5: the same holds for boxes, and for a scope on its own.
#[test]
fn boxes_leave_nothing_either() {
    let scope = Scope::<BoxExit<u64>>::new();
    let bytes = BYTES.get();
    for round in 0..20_000 {
        let enter = scope.enter_boxed(enter(0), Bytes::exit);
        let lent = enter.now_or_never().expect("it is ready").expect("it enters");
        if round % 2 == 0 {
            let released = Lent::release(lent).now_or_never().expect("it is ready");
            assert!(released.is_ok());
        } else {
            Boxed::into_inner(Lent::into_inner(lent));
        }
    }
    assert_eq!((BYTES.get(), scope.len()), (bytes, 0));
    let allocations = ALLOCATIONS.get();
    drop(scope.defer(async |_| Ok(())));
    let made = ALLOCATIONS.get() - allocations;
    assert!(made <= 3, "one box, and room for it: {made}");
}

/// P14: the room for errors follows their number, not the highest index.
#[test]
fn sparse_errors() {
    const INDEX: usize = 1_000_000;
    let (failure, peak) = peak(|| {
        let group = scope().with(async |scope| {
            for _ in 0..INDEX {
                Lent::into_inner(scope.hold(Bytes([0; 8])));
            }
            (1..=3).for_each(|n| drop(scope.hold(Bytes([n; 8]))));
            Ok(())
        });
        group.now_or_never().expect("it is ready").unwrap_err()
    });
    assert!(matches!(failure.cause, Cause::Exit { .. }));
    let errors = failure.exits.iter().map(|(index, error)| (index, *error)).collect::<Vec<_>>();
    assert_eq!(errors, [(INDEX, 1), (INDEX + 1, 2), (INDEX + 2, 3)]);
    assert_eq!((failure.exits.get(INDEX), failure.exits.get(0)), (Some(&1), None));
    assert!(peak < 10_000, "{peak} bytes");
}
