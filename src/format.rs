//! [`defmt::Format`] for failures and their parts, for firmware that has no room for `core::fmt`. It writes the text of
//! `Debug`, or that of `Display` for an [`Origin`] or a [`Who`].

use defmt::{Format, Formatter, write};

use crate::{Cause, Errors, Failure, Origin, Shape, Who};

impl<E: Format, S: Shape, B: Format> Format for Failure<E, S, B> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Failure {{ cause: {}, exits: {}, suppressed: {} }}", self.cause, self.exits, self.suppressed);
    }
}

impl<E: Format, S: Shape, B: Format> Format for Cause<E, S, B> {
    fn format(&self, f: Formatter<'_>) {
        match self {
            Self::Enter(errors) => write!(f, "Enter({})", errors),
            Self::Lost(errors) => write!(f, "Lost({})", errors),
            Self::Body(error) => write!(f, "Body({})", error),
            Self::Cancelled {} => write!(f, "Cancelled"),
            Self::Exit {} => write!(f, "Exit"),
            #[cfg(feature = "std")]
            Self::Panicked(panic) => write!(f, "Panicked({})", defmt::Debug2Format(panic)),
        }
    }
}

impl<E: Format, S: Shape> Format for Errors<E, S> {
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

impl Format for Origin {
    fn format(&self, f: Formatter<'_>) {
        match self {
            Self::Enter(who) => write!(f, "enter of {} failed", who),
            Self::Body => write!(f, "body failed"),
            Self::Exit(who) => write!(f, "exit of {} failed", who),
            Self::Driver(who) => write!(f, "driver of {} failed", who),
        }
    }
}

impl Format for Who {
    fn format(&self, f: Formatter<'_>) {
        match self.name() {
            Some(name) => write!(f, "{}", name),
            None => write!(f, "member {}", self.index()),
        }
    }
}
