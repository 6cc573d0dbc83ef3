#![doc = include_str!("../README.md")]
//!
//! ## Which error, which case
//!
//! In a few words; [`Failure`] has them all.
//!
//! | what happens | the body | exits are told | the gather ends with |
//! |--------------|----------|----------------|----------------------|
//! | all is well | runs | `Completed` | the body's value |
//! | a member cannot be entered; the others settle | is not called | `EnterFailed` | `Cause::Enter` |
//! | the body fails | runs | `Failed` | `Cause::Body` |
//! | the group is told to stop (`until`) | is dropped | `Cancelled` | `Cause::Cancelled` |
//! | the body or an enter panics (feature `std`) | — | `Panicked` | the panic, when all exits are done |
//! | an exit fails or panics | ran | as above: a sibling alters nothing | `Cause::Exit`, or the panic |
//! | the future is dropped | is dropped | nothing: `Exit::abandon` is called | — |
#![no_std]
#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod entered;
mod exit;
mod failure;
#[cfg(feature = "defmt")]
mod format;
mod gather;
mod group;
mod machine;
mod member;
mod observe;
mod pin;
mod policy;
mod slot;
mod unwind;

pub use entered::{Enter, Entered};
pub use exit::{Exit, ExitCase, Verdict};
pub use failure::{Cause, Failure, Faults};
pub use gather::{Gather, With, gather};
pub use group::{Group, Values};
pub use member::{Adapted, DropOnExit, EnterExt, EnterWithin, ErrorsInto, ExitWith, ExitWithin};
pub use observe::Event;

#[cfg(feature = "std")]
pub use unwind::Panic;

/// The types that the policies of a [`Gather`] are: needed only to write down the type of a `Gather`, or of an
/// [`Entered`] with exit policies.
///
/// ```
/// use gather_cm::{DropOnExit, EnterExt, Entered, gather, policies::{Exits, Stack}};
///
/// struct Fixture {
///     group: Entered<(DropOnExit<u8, ()>, DropOnExit<u16, ()>), Exits<Stack>>,
/// }
///
/// smol::block_on(async {
///     let members = (async { Ok(1) }.drop_on_exit(), async { Ok(2) }.drop_on_exit());
///     let fixture = Fixture { group: gather(members).stack().enter().await.unwrap() };
///     assert_eq!(*fixture.group.1, 2);
/// });
/// ```
pub mod policies {
    pub use crate::policy::{
        Catch, EagerRollback, Either, Exits, FailFast, Limited, Never, Observed, Policies, Pool, Resume, Settle, Stack,
        Unlimited, Unobserved,
    };
}

#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../MIGRATING.md")]
mod migrating {}
