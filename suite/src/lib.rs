//! The tests of gather-cm that need more crates than its own package does. They are in `tests`.
