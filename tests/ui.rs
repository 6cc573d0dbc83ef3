//! Wrong uses are told in a few lines that say what to do. Bless with `TRYBUILD=overwrite`.
#![cfg(feature = "std")]

/// The compiler's words change from version to version: they are held against those of the version that they are from.
#[test]
fn compile_errors_read_well() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = std::process::Command::new(rustc).arg("--version").output().expect("rustc --version");
    let version = String::from_utf8_lossy(&version.stdout);
    if version.starts_with("rustc 1.95.") {
        trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
    } else {
        println!("not compared: the messages are those of rustc 1.95, and this is {version}");
    }
}
