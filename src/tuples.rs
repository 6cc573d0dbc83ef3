//! The tuples that are groups.

/// Calls the macro `$tuple` once for each tuple. It receives the number of members, the name of the struct of slots,
/// the error type (`Infallible` if there is no member to name one) and its generic parameter, and a line for each
/// member: its index, a name, and the names of its slot, of its value, of its own type and of its driver.
macro_rules! for_each_tuple {
    ($tuple:ident) => {
        $tuple!(0, Slots0, Infallible, [],);
        for_each_tuple!(
            $tuple, [],
            [1 Slots1] [0 a S0 V0 M0 D0]
            [2 Slots2] [1 b S1 V1 M1 D1]
            [3 Slots3] [2 c S2 V2 M2 D2]
            [4 Slots4] [3 d S3 V3 M3 D3]
            [5 Slots5] [4 e S4 V4 M4 D4]
            [6 Slots6] [5 f S5 V5 M5 D5]
            [7 Slots7] [6 g S6 V6 M6 D6]
            [8 Slots8] [7 h S7 V7 M7 D7]
            [9 Slots9] [8 i S8 V8 M8 D8]
            [10 Slots10] [9 j S9 V9 M9 D9]
            [11 Slots11] [10 k S10 V10 M10 D10]
            [12 Slots12] [11 l S11 V11 M11 D11]
        );
    };
    // The last tuple had the members `$before`. This one has one more.
    ($tuple:ident, [$($before:tt)*], [$n:tt $Slots:ident] [$($member:tt)*] $($more:tt)*) => {
        $tuple!($n, $Slots, E, [E], $($before)* $($member)*);
        for_each_tuple!($tuple, [$($before)* $($member)*], $($more)*);
    };
    ($tuple:ident, [$($all:tt)*],) => {};
}
