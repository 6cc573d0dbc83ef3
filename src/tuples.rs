//! The tuples that are groups.

/// Calls the macro `$tuple` once for each tuple. It receives the number of members, the name of the struct of slots, the
/// error type (`Infallible` if there is no member to name one) and its generic parameter, and a line for each member: its
/// index, a name, and the names of its slot, of its value, of its own type and of its driver.
macro_rules! for_each_tuple {
    ($tuple:ident) => {
        $tuple!(0, Slots0, Infallible, [],);
        $tuple!(1, Slots1, E, [E],
            0 a S0 V0 M0 D0
        );
        $tuple!(2, Slots2, E, [E],
            0 a S0 V0 M0 D0
            1 b S1 V1 M1 D1
        );
        $tuple!(3, Slots3, E, [E],
            0 a S0 V0 M0 D0
            1 b S1 V1 M1 D1
            2 c S2 V2 M2 D2
        );
        $tuple!(4, Slots4, E, [E],
            0 a S0 V0 M0 D0
            1 b S1 V1 M1 D1
            2 c S2 V2 M2 D2
            3 d S3 V3 M3 D3
        );
        $tuple!(5, Slots5, E, [E],
            0 a S0 V0 M0 D0
            1 b S1 V1 M1 D1
            2 c S2 V2 M2 D2
            3 d S3 V3 M3 D3
            4 e S4 V4 M4 D4
        );
        $tuple!(6, Slots6, E, [E],
            0 a S0 V0 M0 D0
            1 b S1 V1 M1 D1
            2 c S2 V2 M2 D2
            3 d S3 V3 M3 D3
            4 e S4 V4 M4 D4
            5 f S5 V5 M5 D5
        );
        $tuple!(7, Slots7, E, [E],
            0 a S0 V0 M0 D0
            1 b S1 V1 M1 D1
            2 c S2 V2 M2 D2
            3 d S3 V3 M3 D3
            4 e S4 V4 M4 D4
            5 f S5 V5 M5 D5
            6 g S6 V6 M6 D6
        );
        $tuple!(8, Slots8, E, [E],
            0 a S0 V0 M0 D0
            1 b S1 V1 M1 D1
            2 c S2 V2 M2 D2
            3 d S3 V3 M3 D3
            4 e S4 V4 M4 D4
            5 f S5 V5 M5 D5
            6 g S6 V6 M6 D6
            7 h S7 V7 M7 D7
        );
        $tuple!(9, Slots9, E, [E],
            0 a S0 V0 M0 D0
            1 b S1 V1 M1 D1
            2 c S2 V2 M2 D2
            3 d S3 V3 M3 D3
            4 e S4 V4 M4 D4
            5 f S5 V5 M5 D5
            6 g S6 V6 M6 D6
            7 h S7 V7 M7 D7
            8 i S8 V8 M8 D8
        );
        $tuple!(10, Slots10, E, [E],
            0 a S0 V0 M0 D0
            1 b S1 V1 M1 D1
            2 c S2 V2 M2 D2
            3 d S3 V3 M3 D3
            4 e S4 V4 M4 D4
            5 f S5 V5 M5 D5
            6 g S6 V6 M6 D6
            7 h S7 V7 M7 D7
            8 i S8 V8 M8 D8
            9 j S9 V9 M9 D9
        );
        $tuple!(11, Slots11, E, [E],
            0 a S0 V0 M0 D0
            1 b S1 V1 M1 D1
            2 c S2 V2 M2 D2
            3 d S3 V3 M3 D3
            4 e S4 V4 M4 D4
            5 f S5 V5 M5 D5
            6 g S6 V6 M6 D6
            7 h S7 V7 M7 D7
            8 i S8 V8 M8 D8
            9 j S9 V9 M9 D9
            10 k S10 V10 M10 D10
        );
        $tuple!(12, Slots12, E, [E],
            0 a S0 V0 M0 D0
            1 b S1 V1 M1 D1
            2 c S2 V2 M2 D2
            3 d S3 V3 M3 D3
            4 e S4 V4 M4 D4
            5 f S5 V5 M5 D5
            6 g S6 V6 M6 D6
            7 h S7 V7 M7 D7
            8 i S8 V8 M8 D8
            9 j S9 V9 M9 D9
            10 k S10 V10 M10 D10
            11 l S11 V11 M11 D11
        );
    };
}
