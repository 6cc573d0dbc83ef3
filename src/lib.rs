#![doc = include_str!("../README.md")]
#![no_std]
#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod exit;
mod failure;
mod gather;
mod group;
mod machine;
mod member;
mod pin;
mod slot;
mod unwind;

pub use exit::{Exit, ExitCase, Verdict};
pub use failure::{Cause, Failure, Faults};
pub use gather::{Gather, With, gather};
pub use group::Group;
pub use member::{Adapted, DropOnExit, EnterExt, ErrorsInto, ExitWith};

#[cfg(feature = "std")]
pub use unwind::Panic;
