//! Articles about topics that concern several items of the crate.
//!
//! - [`cancellation`]: what happens if a gather ends early, and how you prepare for it.
//! - [`errors`]: where each error goes, and how you turn it into an error of your own.
//! - [`embedded`]: how you use the crate in firmware, without `std` and without a heap.
//! - [`send`]: when you can spawn a gather, and what to do if the compiler says that you cannot.
//!
//! For a first look at the crate, start with the [crate's own page](crate).

pub mod cancellation;
pub mod embedded;
pub mod errors;
pub mod send;
