//! This crate has the examples of the cookbook. `cargo test -p gather-cm-cookbook --doc` runs them.

#[path = "../../src/_cookbook.rs"]
mod _cookbook;
