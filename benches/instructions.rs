//! Runs each life cycle `CALLS` times, so that callgrind counts the instructions. `ci/bench.sh --instructions` runs it.

mod common;

use std::{array, future::ready, hint::black_box};

use common::{Pend, Ready, drive, peers::*};

// ci/bench.py divides by this number.
const CALLS: usize = 20;

/// Makes a function for each life cycle. Callgrind knows it by its path, such as `instructions::pend::tuple2_gather`.
macro_rules! count {
    ($($name:ident: $($path:ident)::* [$($generic:tt),*];)*) => {
        $(
            #[inline(never)]
            fn $name() {
                let numbers = black_box(array::from_fn(|index| index as u64));
                black_box(&drive($($path)::*::<Kind $(, $generic)*>(numbers)));
            }
        )*

        pub fn run() {
            for _ in 0..CALLS {
                $($name();)*
            }
        }
    };
}

macro_rules! count_all {
    () => {
        count! {
            tuple2_gather: tuple2::gather [];
            tuple2_embassy: tuple2::embassy [];
            tuple2_futures: tuple2::futures [];
            tuple2_tokio: tuple2::tokio [];
            tuple2_concurrency: tuple2::concurrency [];
            tuple4_gather: tuple4::gather [];
            tuple4_embassy: tuple4::embassy [];
            tuple4_futures: tuple4::futures [];
            tuple4_tokio: tuple4::tokio [];
            tuple4_concurrency: tuple4::concurrency [];
            tuple8_gather: tuple8::gather [];
            tuple8_embassy: tuple8::embassy [];
            tuple8_futures: tuple8::futures [];
            tuple8_tokio: tuple8::tokio [];
            tuple8_concurrency: tuple8::concurrency [];
            array2_gather: gather_array [2];
            array2_embassy: array [2, Embassy];
            array2_concurrency: array [2, Concurrency];
            array4_gather: gather_array [4];
            array4_embassy: array [4, Embassy];
            array4_concurrency: array [4, Concurrency];
            array8_gather: gather_array [8];
            array8_embassy: array [8, Embassy];
            array8_concurrency: array [8, Concurrency];
        }
    };
}

mod at_once {
    use super::*;
    type Kind = Ready;
    count_all!();
}

mod pend {
    use super::*;
    type Kind = Pend;
    count_all!();
}

/// The driver alone, which is subtracted.
#[inline(never)]
fn driver_alone() {
    let number = black_box(0_u64);
    black_box(&drive(ready(number)));
}

fn main() {
    // Values that are made once in a thread are not counted.
    drive(ready(()));
    for _ in 0..CALLS {
        driver_alone();
    }
    at_once::run();
    pend::run();
}
