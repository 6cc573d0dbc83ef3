#!/usr/bin/env bash
# Builds the crate with Rust 1.85, and tests a program that uses every shape and policy. If rustup has no Rust 1.85, the
# script unpacks Debian's below target/, and does not install it.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=target/msrv

if rustc=$(rustup which --toolchain 1.85 rustc 2>/dev/null); then
    export RUSTC=$rustc
else
    root=$PWD/target/msrv/debian
    if [ ! -x "$root/rustc" ]; then
        version=$(apt-cache madison rustc-web | awk '$3 ~ /^1\.85\./ { print $3; exit }')
        [ -n "$version" ] || { echo "Debian has no rustc-web 1.85; install it with rustup" >&2; exit 1; }
        mkdir -p "$root"
        cd "$root"
        apt-get download -q "rustc-web=$version" "libstd-rust-web-1.85=$version" "libstd-rust-web-dev=$version" libllvm19
        for package in *.deb; do dpkg -x "$package" . && rm "$package"; done
        cat >rustc <<END
#!/bin/sh
LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu:$root/usr/lib exec $root/usr/bin/rustc "\$@"
END
        chmod +x rustc
        cd - >/dev/null
    fi
    export RUSTC=$root/rustc
fi
"$RUSTC" --version
"$RUSTC" --version | grep -q '^rustc 1\.85\.' || { echo "not 1.85" >&2; exit 1; }
for features in "" alloc std defmt; do
    cargo build --lib --no-default-features --features "$features"
done

# This package depends on the crate as that of a user does. tests/miri.rs needs no other crate, and uses every shape and
# policy.
user=$PWD/target/msrv/user
mkdir -p "$user/src"
: >"$user/src/lib.rs"
cp Cargo.lock "$user"
cat >"$user/Cargo.toml" <<END
[package]
name = "user"
edition = "2024"

[dependencies]
gather-cm = { path = "$PWD" }

[[test]]
name = "usage"
path = "$PWD/tests/miri.rs"

[workspace]
END
cargo test --manifest-path "$user/Cargo.toml"
