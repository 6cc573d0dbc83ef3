//! Wrong uses get an error of a few lines that says what to do. Bless with `TRYBUILD=overwrite`, and read the result.
#![cfg(all(feature = "std", not(miri)))]

/// The compiler's words change from version to version. They are compared only with those of the version that wrote
/// them.
#[test]
fn compile_errors_read_well() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = std::process::Command::new(rustc).arg("--version").output().expect("rustc --version");
    let version = String::from_utf8_lossy(&version.stdout);
    if version.starts_with("rustc 1.95.") {
        let cases = trybuild::TestCases::new();
        cases.compile_fail("tests/ui/*.rs");
        // If one must build, then all are built, and constant assertions fail. Otherwise they are only checked.
        cases.pass("tests/ui_pass/*.rs");
    } else {
        println!("not compared: the messages are those of rustc 1.95, and this is {version}");
    }
}
