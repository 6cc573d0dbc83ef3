//! [`defmt::Format`] for how a gather fails: as `Debug`, for firmware that has no room for `core::fmt`.

use defmt::{Format, Formatter, write};

use crate::{Cause, Failure, Faults, failure::Store};

/// The body's value is not shown, so that it need not be `Format`.
impl<R, B: Format, F: Format> Format for Failure<R, B, F> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Failure {{ cause: {}, exits: {}, suppressed: {} }}", self.cause, self.exits, self.suppressed);
    }
}

/// The body's value is not shown, so that it need not be `Format`.
impl<R, B: Format, F: Format> Format for Cause<R, B, F> {
    fn format(&self, f: Formatter<'_>) {
        match self {
            Self::Enter(faults) => write!(f, "Enter({})", faults),
            Self::Body(error) => write!(f, "Body({})", error),
            Self::Cancelled => write!(f, "Cancelled"),
            Self::Exit(_) => write!(f, "Exit(..)"),
            #[cfg(feature = "std")]
            Self::Panicked(panic) => write!(f, "Panicked({})", defmt::Debug2Format(panic)),
        }
    }
}

impl<S: Store<Error: Format>> Format for Faults<S> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "{{");
        for (place, (index, error)) in self.iter().enumerate() {
            if place > 0 {
                write!(f, ", ");
            }
            write!(f, "{}: {}", index, error);
        }
        write!(f, "}}");
    }
}
