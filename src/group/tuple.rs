//! Groups that are tuples.
#![allow(clippy::unused_unit, unused_mut, unused_variables)] // the tuple of none

use core::{any::Any, convert::Infallible, ops::ControlFlow, pin::Pin};

use pin_project::pin_project;

use crate::{
    Few, Group, Resource,
    group::{Members, Values, Visitor, sealed::Sealed},
    policy::Rank,
    slot::{FromEnter, FromHeld, Held, MemberSlot, Slot},
    unwind::FirstPanic,
};

/// `$Slots` is the name of the struct of slots, `$Error` the error type (`Infallible` if there is no member to give
/// one), and then a line for each member: its index, a name, and the names of its slot, its value and its own type.
macro_rules! tuple {
    ($Slots:ident, $n:literal, $Error:ty, [$($E:ident)?], $($i:tt $field:ident $S:ident $V:ident $M:ident)*) => {
        #[pin_project]
        pub struct $Slots<T, $($S),*> {
            $(#[pin] $field: $S,)*
            ranks: [T; 0],
        }

        impl<T: Rank, $($E,)? $($S: Slot<Error = $Error, Rank = T>),*> Members for $Slots<T, $($S),*> {
            type Values = ($($S::Value,)*);
            type Rank = T;
            type Emptied = ($($S::Release,)*);
            type Number = ();

            fn len(self: Pin<&mut Self>) -> usize {
                $n
            }

            fn visit(self: Pin<&mut Self>, first: usize, visitor: &mut impl Visitor<$Error, T>) -> ControlFlow<()> {
                let this = self.project();
                $(if first <= $i {
                    visitor.visit($i, this.$field)?;
                })*
                ControlFlow::Continue(())
            }

            #[inline]
            fn take(self: Pin<&mut Self>) -> (Self::Values, [T; $n], Self::Emptied) {
                let mut this = self.project();
                let ranks = [$(this.$field.as_mut().rank()),*];
                let releases = ($(this.$field.as_mut().release(),)*);
                (($(this.$field.take(),)*), ranks, releases)
            }

            fn emptied_len(_: &Self::Emptied) -> usize {
                $n
            }

            #[inline]
            fn empty(releases: &mut Self::Emptied) -> Self {
                Self { $($field: $S::empty(releases.$i),)* ranks: [] }
            }

            fn fill(self: Pin<&mut Self>, values: Self::Values, ranks: [T; $n]) {
                let this = self.project();
                $(this.$field.hold(values.$i, ranks[$i]);)*
            }
        }

        impl<$($E,)? $($V: Resource<Error = $Error>),*> Values for ($($V,)*) {
            type Error = $Error;
            type Shape = Few<$n>;
            type Ranks<T: Rank> = [T; $n];

            fn hold<T: Rank>(self, ranks: [T; $n], _: bool) -> impl Members<Values = Self, Rank = T> {
                $Slots {
                    $($field: MemberSlot::<FromHeld<_, _>, _>::held(self.$i, ranks[$i], $V::release_resource),)*
                    ranks: [],
                }
            }

            fn show(&mut self, error: &dyn Any) {
                let mut first = FirstPanic::none();
                $(first.guard(&mut || self.$i.show_error(error));)*
                first.resume();
            }

            fn abandon(self) {
                let _held = ($(Held::new(self.$i),)*);
            }
        }

        impl<$($E,)? $($M, $V),*> Sealed for ($($M,)*)
        where
            $($M: IntoFuture<Output = Result<$V, $Error>>, $V: Resource<Error = $Error>,)*
        {
        }

        impl<$($E,)? $($M, $V),*> Group for ($($M,)*)
        where
            $($M: IntoFuture<Output = Result<$V, $Error>>, $V: Resource<Error = $Error>,)*
        {
            type Values = ($($V,)*);
            type Error = $Error;
            type Shape = Few<$n>;

            fn into_members<T: Rank>(self, _: bool) -> impl Members<Values = Self::Values, Rank = T> {
                $Slots {
                    $($field: MemberSlot::<FromEnter<_, _>, _>::queued(self.$i, $V::release_resource),)*
                    ranks: [],
                }
            }
        }
    };
}

tuple!(Slots0, 0, Infallible, [],);
tuple!(Slots1, 1, E, [E],
    0 a S0 V0 M0
);
tuple!(Slots2, 2, E, [E],
    0 a S0 V0 M0
    1 b S1 V1 M1
);
tuple!(Slots3, 3, E, [E],
    0 a S0 V0 M0
    1 b S1 V1 M1
    2 c S2 V2 M2
);
tuple!(Slots4, 4, E, [E],
    0 a S0 V0 M0
    1 b S1 V1 M1
    2 c S2 V2 M2
    3 d S3 V3 M3
);
tuple!(Slots5, 5, E, [E],
    0 a S0 V0 M0
    1 b S1 V1 M1
    2 c S2 V2 M2
    3 d S3 V3 M3
    4 e S4 V4 M4
);
tuple!(Slots6, 6, E, [E],
    0 a S0 V0 M0
    1 b S1 V1 M1
    2 c S2 V2 M2
    3 d S3 V3 M3
    4 e S4 V4 M4
    5 f S5 V5 M5
);
tuple!(Slots7, 7, E, [E],
    0 a S0 V0 M0
    1 b S1 V1 M1
    2 c S2 V2 M2
    3 d S3 V3 M3
    4 e S4 V4 M4
    5 f S5 V5 M5
    6 g S6 V6 M6
);
tuple!(Slots8, 8, E, [E],
    0 a S0 V0 M0
    1 b S1 V1 M1
    2 c S2 V2 M2
    3 d S3 V3 M3
    4 e S4 V4 M4
    5 f S5 V5 M5
    6 g S6 V6 M6
    7 h S7 V7 M7
);
tuple!(Slots9, 9, E, [E],
    0 a S0 V0 M0
    1 b S1 V1 M1
    2 c S2 V2 M2
    3 d S3 V3 M3
    4 e S4 V4 M4
    5 f S5 V5 M5
    6 g S6 V6 M6
    7 h S7 V7 M7
    8 i S8 V8 M8
);
tuple!(Slots10, 10, E, [E],
    0 a S0 V0 M0
    1 b S1 V1 M1
    2 c S2 V2 M2
    3 d S3 V3 M3
    4 e S4 V4 M4
    5 f S5 V5 M5
    6 g S6 V6 M6
    7 h S7 V7 M7
    8 i S8 V8 M8
    9 j S9 V9 M9
);
tuple!(Slots11, 11, E, [E],
    0 a S0 V0 M0
    1 b S1 V1 M1
    2 c S2 V2 M2
    3 d S3 V3 M3
    4 e S4 V4 M4
    5 f S5 V5 M5
    6 g S6 V6 M6
    7 h S7 V7 M7
    8 i S8 V8 M8
    9 j S9 V9 M9
    10 k S10 V10 M10
);
tuple!(Slots12, 12, E, [E],
    0 a S0 V0 M0
    1 b S1 V1 M1
    2 c S2 V2 M2
    3 d S3 V3 M3
    4 e S4 V4 M4
    5 f S5 V5 M5
    6 g S6 V6 M6
    7 h S7 V7 M7
    8 i S8 V8 M8
    9 j S9 V9 M9
    10 k S10 V10 M10
    11 l S11 V11 M11
);
