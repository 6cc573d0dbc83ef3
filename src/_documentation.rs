//! The documents of the repository, as pages of these docs.
//!
//! - [`design`] lists the promises by number, and explains the choices behind them.
//! - [`compare`] solves two tasks with this crate and with its peers, and shows what each of them does if a part fails.
//! - [`migrating`] shows what replaces each construct of Python's async context managers.
//! - [`drivers`] explains members that come as a handle and a driver.
//! - [`benchmarks`] compares the crate with the best alternatives, and says how to reproduce each number.
//! - [`changelog`] lists the changes of each version.
//!
#![cfg_attr(
    feature = "std",
    doc = "[`_topic`](crate::_topic) has articles about cancellation, errors, firmware and `Send`."
)]
//!
//! # What is in the repository alone
//!
//! These documents also mention files that the published package does not contain: the scripts that check and measure
//! the crate in `ci/`, its tests, the programs of [`compare`] in `compare/`, and the firmware in `no_std_check/`. The
//! links to them lead here. You find the files under the same paths in a clone of the repository.

/// DESIGN.md: the reasons for the design of the crate, and its promises by number.
///
pub mod design {
    #![doc = include_str!("_documentation/links.txt")]
    #![doc = include_str!("../DESIGN.md")]
}

/// COMPARE.md: the same tasks with this crate and with its peers.
///
pub mod compare {
    #![doc = include_str!("_documentation/links.txt")]
    #![doc = include_str!("../COMPARE.md")]
}

/// MIGRATING.md: from Python's async context managers to this crate.
///
pub mod migrating {
    #![doc = include_str!("_documentation/links.txt")]
    #![doc = include_str!("../MIGRATING.md")]
}

/// DRIVERS.md: members that come as a handle and a driver.
///
pub mod drivers {
    #![doc = include_str!("_documentation/links.txt")]
    #![doc = include_str!("../DRIVERS.md")]
}

/// BENCHMARKS.md: how quick and how small the crate is, beside the best alternatives.
///
pub mod benchmarks {
    #![doc = include_str!("_documentation/links.txt")]
    #![doc = include_str!("../BENCHMARKS.md")]
}

/// CHANGELOG.md: the changes of each version.
///
pub mod changelog {
    #![doc = include_str!("_documentation/links.txt")]
    #![doc = include_str!("../CHANGELOG.md")]
}
