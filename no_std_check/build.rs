//! Passes the linker the script that defmt needs, for the one image that logs with it.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_DEFMT").is_some() {
        println!("cargo:rustc-link-arg-bin=log=-Tdefmt.x");
    }
}
