//! Groups that are tuples.
#![allow(clippy::unused_unit, unused_mut, unused_variables)] // the tuple of none

use core::{any::Any, convert::Infallible, ops::ControlFlow, pin::Pin, task::Context};

use pin_project::pin_project;

use crate::{
    Errors, Few, Group, Known, Resource,
    drive::{Drive, Drove, Kind, NoDriver, Split},
    group::{Members, Values, Visitor, sealed::Sealed},
    policy::Rank,
    slot::{FromEnter, FromHeld, Held, MemberSlot, Slot},
    unwind::FirstPanic,
};
#[cfg(feature = "alloc")]
use crate::{group::PortableMembers, slot::PortableSlot};

/// Whether one of these has a driver.
macro_rules! or {
    () => { NoDriver };
    ($One:ident as $Trait:ty $(, $Other:ident as $Others:ty)*) => {
        <<$One as $Trait>::Kind as Kind>::Or<or!($($Other as $Others),*)>
    };
    ($One:ident $(, $Other:ident)*) => { <$One::Kind as Kind>::Or<or!($($Other),*)> };
}

macro_rules! tuple {
    // On a page of the docs, the tuple of two stands for all of them.
    (2, $($tuple:tt)*) => {
        tuple!([], 2, $($tuple)*);
    };
    ($n:literal, $($tuple:tt)*) => {
        tuple!([#[cfg_attr(doc, doc(hidden))]], $n, $($tuple)*);
    };
    (
        [$($hidden:tt)*],
        $n:literal, $Slots:ident, $Error:ty, [$($E:ident)?], $($i:tt $field:ident $S:ident $V:ident $M:ident $D:ident)*
    ) => {
        #[pin_project]
        pub struct $Slots<T, $($S),*> {
            $(#[pin] $field: $S,)*
            ranks: [T; 0],
        }

        #[cfg(feature = "alloc")]
        impl<T, $($S),*> $Slots<T, $($S),*> {
            pub(crate) fn new(slots: ($($S,)*)) -> Self {
                Self { $($field: slots.$i,)* ranks: [] }
            }
        }

        impl<T: Rank, $($E,)? $($S: Slot<Error = $Error, Rank = T>),*> Members for $Slots<T, $($S),*> {
            type Values = ($($S::Value,)*);
            type Rank = T;
            type Emptied = ($($S::Release,)*);
            type Number = ();
            type Kind = or!($($S),*);

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

            #[inline]
            fn empty(releases: &mut Self::Emptied) -> Self {
                Self { $($field: $S::empty(releases.$i),)* ranks: [] }
            }

            fn fill(self: Pin<&mut Self>, values: Self::Values, ranks: [T; $n]) {
                let this = self.project();
                $(this.$field.hold(values.$i, ranks[$i]);)*
            }
        }

        #[cfg(feature = "alloc")]
        impl<T: Rank, $($E,)? $($S: PortableSlot<Error = $Error, Rank = T>),*> PortableMembers for $Slots<T, $($S),*> {
            const ENTERS: bool = false $(|| $S::ENTERS)*;
            type Moved = $Slots<T, $($S::Moved),*>;

            fn move_out(self: Pin<&mut Self>) -> Self::Moved {
                let this = self.project();
                $Slots { $($field: this.$field.move_out(),)* ranks: [] }
            }
        }

        $($hidden)*
        impl<$($E,)? $($V: Resource<Error = $Error>),*> Values for ($($V,)*) {
            type Error = $Error;
            type Shape = Few<$n>;
            type Ranks<T: Rank> = [T; $n];
            const OPTIONAL: bool = false $(|| $V::OPTIONAL)*;
            const DRIVEN: bool = false $(|| $V::DRIVEN)*;

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

            fn drive(&mut self, cx: &mut Context<'_>) -> Drove {
                let (mut drove, mut first) = (Drove::default(), FirstPanic::none());
                $(first.guard(&mut || drove = drove.and(self.$i.drive_resource(cx)));)*
                first.resume();
                drove
            }

            fn has_lost(&self) -> bool {
                false $(|| self.$i.has_lost())*
            }

            fn take_lost(&mut self) -> Option<Errors<$Error, Few<$n>>> {
                let lost: [Option<$Error>; $n] = [$(self.$i.take_lost()),*];
                Errors::collect(lost.into_iter())
            }

            #[allow(clippy::unused_unit)]
            fn split() -> impl Split<Self, Drivers = impl Drive<Self>> {
                ($($V::split_drivers(),)*)
            }

            fn abandon(self) {
                let _held = ($(Held::new(self.$i),)*);
            }
        }

        impl<$($V, $D: Split<$V>),*> Split<($($V,)*)> for ($($D,)*) {
            type Drivers = ($($D::Drivers,)*);

            #[allow(clippy::unused_unit, unused_variables)]
            fn split(self, values: &mut ($($V,)*)) -> Self::Drivers {
                ($(self.$i.split(&mut values.$i),)*)
            }
        }

        impl<$($V, $D: Drive<$V>),*> Drive<($($V,)*)> for ($($D,)*) {
            type Kind = or!($($D as Drive<$V>),*);

            fn drive(&mut self, index: usize, cx: &mut Context<'_>) -> Drove {
                match index {
                    $($i => self.$i.drive(0, cx),)*
                    _ => Drove::default(),
                }
            }

            fn members(&self) -> usize {
                $n
            }

            fn is_absent(&self, index: usize) -> bool {
                match index {
                    $($i => self.$i.is_absent(0),)*
                    _ => false,
                }
            }

            fn take(&mut self) -> Self {
                ($(self.$i.take(),)*)
            }

            fn rejoin(self, values: &mut ($($V,)*)) {
                $(self.$i.rejoin(&mut values.$i);)*
            }

            fn clear(&mut self, panic: &mut FirstPanic) {
                $(self.$i.clear(panic);)*
            }
        }

        impl<$($E,)? $($M, $V),*> Sealed for ($($M,)*)
        where
            $($M: IntoFuture<Output = Result<$V, $Error>>, $V: Resource<Error = $Error>,)*
        {
        }

        $($hidden)*
        impl<$($M),*> Known for ($($M,)*) where Self: Group {}

        $($hidden)*
        impl<$($E,)? $($M, $V),*> Group for ($($M,)*)
        where
            $($M: IntoFuture<Output = Result<$V, $Error>>, $V: Resource<Error = $Error>,)*
        {
            type Values = ($($V,)*);
            type Error = $Error;
            type Shape = Few<$n>;

            fn into_members<T: Rank>(self, _: bool, _: bool) -> impl Members<Values = Self::Values, Rank = T> {
                $Slots {
                    $($field: MemberSlot::<FromEnter<_, _>, _>::queued(self.$i, $V::release_resource),)*
                    ranks: [],
                }
            }
        }
    };
}

for_each_tuple!(tuple);
