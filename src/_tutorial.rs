//! # Tutorial
//!
//! This tutorial teaches you to hold several async resources together. You build the life cycle of a small shop, which
//! is a service that needs a database, a cache and a message broker. Read the chapters in order, because each one adds
//! to the shop.
//!
//! ## What you learn
//!
//! | chapter | after it, you can |
//! | --- | --- |
//! | [1: the first group](chapter_1) | enter several resources at the same time, use them in one body, and exit all of them |
//! | [2: errors](chapter_2) | find out what failed, let an exit receive the error, and make one error of a failure |
//! | [3: policies](chapter_3) | put the exits in an order, limit the enters and exits in flight, and give deadlines |
//! | [4: cancellation](chapter_4) | stop a group from outside, and know what a drop of its future does |
//! | [5: the dynamic scope](chapter_5) | enter resources while the body runs, in a loop or under a condition |
//! | [6: drivers](chapter_6) | use libraries that return a handle along with a driver |
//! | [7: the shield](chapter_7) | let the exits finish although the caller has dropped the future |
//!
//! ## What you need
//!
//! You should have written some `async` functions in Rust, and you should know that a future does nothing before it is
//! polled. You need Rust 1.85 or later.
//!
//! You need no particular runtime. The examples call `smol::block_on`, and the same groups run on tokio, on embassy, or
//! on an executor of your own. If you want to run the examples, make a crate with two dependencies:
//!
//! ```sh
//! cargo new shop
//! cd shop
//! cargo add gather-cm smol
//! ```
//!
//! ## How to read the examples
//!
//! The servers of the shop are fakes in memory, so every example ends in the same way each time. Each example asserts
//! what the text says. Most examples leave out the `fn main` around them, and the functions that an earlier example has
//! shown.
//!
//! After the tutorial, look up every policy in the docs of [`Gather`], and every adapter in those of [`EnterExt`].
//!
//! Next: [chapter 1, the first group](chapter_1).
//!
//! [`EnterExt`]: crate::EnterExt
//! [`Gather`]: crate::Gather

pub mod chapter_1;
pub mod chapter_2;
pub mod chapter_3;
pub mod chapter_4;
pub mod chapter_5;
pub mod chapter_6;
pub mod chapter_7;
