//! Prints by semihosting, without core's formatting, which would be larger than everything else here.

use semihosting::io::{self, Write};

/// Prints each of its arguments: texts and numbers.
#[macro_export]
macro_rules! say {
    ($($part:expr),*) => {{ $($crate::say::Say::say(&$part);)* }};
}

pub trait Say {
    fn say(&self);
}

impl Say for &str {
    fn say(&self) {
        let written = io::stdout().and_then(|mut stdout| stdout.write_all(self.as_bytes()));
        if written.is_err() {
            semihosting::process::exit(3);
        }
    }
}

impl Say for u32 {
    fn say(&self) {
        let mut digits = [b'0'; 10];
        let mut rest = *self;
        let mut first = digits.len();
        while rest > 0 || first == digits.len() {
            first -= 1;
            digits[first] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        if let Ok(number) = core::str::from_utf8(&digits[first..]) {
            number.say();
        }
    }
}
