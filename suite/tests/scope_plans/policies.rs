//! The gather of a program, under its policies.

use std::{cell::RefCell, rc::Rc};

use gather_cm::{Entered, Exit, Failure, Joined, LocalBoxExit, Many, Scope, Verdict, gather, policies::ExitPolicy};

use super::{play::*, program::*};

pub type HandedOver = Rc<RefCell<Option<Running>>>;

use Way::*;

/// The ways of each kind of policies, along with whether there are boxes.
const WAYS: [(u8, Way, bool); 24] = [
    (0, With, false),
    (0, KeepValue, false),
    (1, With, false),
    (1, Entered, false),
    (2, With, false),
    (3, With, false),
    (3, KeepValue, false),
    (3, Entered, false),
    (3, Shield, false),
    (3, ShieldEntered, false),
    (4, With, false),
    (4, Shield, false),
    (5, With, false),
    (5, KeepValue, false),
    (5, Entered, false),
    (5, Shield, false),
    (6, With, false),
    (6, Entered, false),
    (6, Shield, false),
    (7, With, false),
    (8, ShieldEntered, false),
    (0, With, true),
    (3, Shield, true),
    (5, With, true),
];

fn returned(value: Value, exits: impl IntoIterator<Item = (usize, Part)>) -> Ended {
    value.returned();
    let exits: Errors = exits.into_iter().collect();
    let cause = if exits.is_empty() { Cause::Nothing } else { Cause::Exit };
    Ended(Outcome { cause, exits, suppressed: false, value: true }, None)
}

fn kept<P: ExitPolicy>(value: Value, entered: Entered<Joined<Resource>, P>) -> Ended {
    let Ended(outcome, _) = returned(value, None);
    let later = |afterwards| {
        match afterwards {
            Afterwards::Exit(case) => {
                let exits = entered.exit(case);
                return Some(Box::pin(async move {
                    let verdict = match exits.await {
                        Ok(verdict) => verdict,
                        Err(failure) => return failure.into(),
                    };
                    let suppressed = verdict == Verdict::Suppress;
                    let exits = Errors::new();
                    Ended(Outcome { cause: Cause::Nothing, exits, suppressed, value: false }, None)
                }) as Running);
            }
            Afterwards::Abandon => drop(entered),
            Afterwards::IntoVec => Entered::into_inner(entered).into_vec().into_iter().for_each(Resource::take_out),
        }
        None
    };
    Ended(outcome, Some(Box::new(later)))
}

fn cleaned_up(result: Result<(), Failure<Part, Many>>) -> Ended {
    let nothing = Outcome { cause: Cause::Nothing, exits: Default::default(), suppressed: false, value: false };
    result.map_or_else(Ended::from, |()| Ended(nothing, None))
}

/// Runs `$future`, and converts its value.
macro_rules! run {
    ($future:expr, $value:pat => $ended:expr) => {{
        let future = $future;
        Box::pin(async move {
            match future.await {
                Ok($value) => $ended,
                Err(failure) => failure.into(),
            }
        }) as Running
    }};
}

/// Says what is done with a cleanup.
macro_rules! hand_over {
    ($handed_over:ident) => {
        move |cleanup| {
            let cleanup = Box::pin(async move { cleaned_up(cleanup.await) });
            *$handed_over.borrow_mut() = Some(cleanup as Running);
        }
    };
}

macro_rules! way {
    ($gather:expr, $body:expr, $handed_over:ident, With) => {
        run!($gather.with($body), value => returned(value, None))
    };
    ($gather:expr, $body:expr, $handed_over:ident, KeepValue) => {
        run!($gather.with($body).keep_value(), (value, exits) => returned(value, exits))
    };
    ($gather:expr, $body:expr, $handed_over:ident, Entered) => {
        run!($gather.with_entered($body), (value, entered) => kept(value, entered))
    };
    ($gather:expr, $body:expr, $handed_over:ident, Shield) => {
        run!($gather.shield().with($body).on_drop(hand_over!($handed_over)), value => returned(value, None))
    };
    ($gather:expr, $body:expr, $handed_over:ident, ShieldEntered) => {
        run!(
            $gather.shield().with_entered($body).on_drop(hand_over!($handed_over)),
            (value, entered) => kept(value, entered)
        )
    };
}

macro_rules! with_policies {
    ($gather:expr, [$($policies:tt)*]) => {
        $gather$($policies)*
    };
}

/// Runs `$gather` with the policies of the program's setup, in the way of that setup.
macro_rules! ways {
    ($R:ty, $program:ident, $log:ident, $handed_over:ident, [
        $($kind:literal $($way:ident)|*: $policies:tt;)*
    ]) => {
        match ($program.setup.kind, $program.setup.way) {
            $($(($kind, $way) => {
                let gather = with_policies!(gather(<$R as Joins>::full(&$program.full, $log)), $policies);
                let (program, log, handed_over) = ($program.clone(), $log.clone(), $handed_over.clone());
                let _ = &handed_over;
                way!(gather, async move |scope: &Scope<$R>| body(scope, program, log).await, handed_over, $way)
            })*)*
            other => unreachable!("{other:?} is not one of `WAYS`"),
        }
    };
}

/// The index in `WAYS` of a stack that may be cancelled, and that catches panics.
pub const STACK: usize = 12;

/// Returns a setup, and whether it has a `cancel_on`.
pub fn setup(which: usize, limit: usize) -> (Setup, bool) {
    let (kind, way, boxed) = WAYS[which % WAYS.len()];
    let order = match kind {
        1 | 5 | 7 => Order::Stack,
        2 | 6 => Order::InReverse,
        _ => Order::Pool,
    };
    let exit_limit = if [3, 4, 8].contains(&kind) { limit } else { 99 };
    let fair = [4, 6, 7, 8].contains(&kind);
    (Setup { kind, way, boxed, order, exit_limit, fair, catches: [3, 5, 6, 8].contains(&kind) }, kind >= 3)
}

/// Makes the gather of a program.
pub fn gathered(program: &Rc<Program>, log: &Log, handed_over: &HandedOver) -> Running {
    let limit = program.setup.exit_limit;
    let stop = Stop(program.stop, log.clone());
    if program.setup.boxed {
        return ways!(LocalBoxExit<'static, Part>, program, log, handed_over, [
            0 With: [];
            3 Shield: [.exit_limit(limit).cancel_on(stop).catch_unwind()];
            5 With: [.stack().cancel_on(stop).catch_unwind().caller_waker()];
        ]);
    }
    ways!(Resource, program, log, handed_over, [
        0 With | KeepValue: [];
        1 With | Entered: [.stack()];
        2 With: [.in_reverse().caller_waker()];
        3 With | KeepValue | Entered | Shield | ShieldEntered: [.exit_limit(limit).cancel_on(stop).catch_unwind()];
        4 With | Shield: [.exit_limit(limit).cancel_on(stop).fair()];
        5 With | KeepValue | Entered | Shield: [.stack().cancel_on(stop).catch_unwind().caller_waker()];
        6 With | Entered | Shield: [.in_reverse().cancel_on(stop).fair().catch_unwind()];
        7 With: [.stack().exit_limit(limit).cancel_on(stop).fair()];
        8 ShieldEntered: [.exit_limit(limit).cancel_on(stop).catch_unwind().caller_waker().fair()];
    ])
}
