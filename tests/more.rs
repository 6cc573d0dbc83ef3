//! Says how to run the tests that `cargo test` does not run.

fn main() {
    println!("\nThe models, the other executors and the compiler's messages: cargo test -p gather-cm-suite");
    println!("What each kind of test proves, and how to run it alone: tests/README.md\n");
}
