#!/usr/bin/env bash
# Checks the crate without std and without a heap. It builds the crate for microcontrollers, runs the firmware of
# no_std_check in QEMU, and prints how much flash gather-cm takes.
#
# The script uses the targets that rustup has installed. If one is missing, Debian's rustc builds core from Debian's
# sources, which the script unpacks below target/ and does not install. It then also builds alloc, to check those wakers
# of many members that need no compare-and-swap. It runs on Debian, as root.
#
#   ci/no_std_check.sh          runs all checks
#   ci/no_std_check.sh --size   only prints how much flash and RAM gather-cm takes on Cortex-M3
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
tools=$root/target/tools
export CARGO_TARGET_DIR=$root/target/embedded
export PATH=$tools/bin:$PATH
mkdir -p "$CARGO_TARGET_DIR"
arm=thumbv7m-none-eabi
riscv=riscv32imac-unknown-none-elf

fail() {
    echo "$*" >&2
    exit 1
}

for tool in qemu-system-arm qemu-system-riscv32 arm-none-eabi-size ld.lld; do
    command -v "$tool" >/dev/null && continue
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends \
        binutils-arm-none-eabi lld qemu-system-arm qemu-system-misc >/dev/null
    break
done

# Unpacks Debian's rustc 1.96 and the sources of core.
debian=$CARGO_TARGET_DIR/debian
unpack_rustc() {
    [ ! -x "$debian/rustc" ] || return 0
    apt-get update -qq
    local version package
    version=$(apt-cache madison rustc-web | awk '$3 ~ /^1\.96\./ { print $3; exit }')
    [ -n "$version" ] || fail "Debian has no rustc-web 1.96; install the targets with rustup"
    rm -rf "$debian"
    mkdir -p "$debian"
    (
        cd "$debian"
        apt-get download -q "rustc-web=$version" "libstd-rust-web-1.96=$version" "libstd-rust-web-dev=$version" \
            "rust-web-src=$version" libllvm22
        for package in *.deb; do dpkg -x "$package" . && rm "$package"; done
        cat >rustc.new <<END
#!/bin/sh
LD_LIBRARY_PATH=$debian/usr/lib/x86_64-linux-gnu:$debian/usr/lib exec $debian/usr/bin/rustc "\$@"
END
        chmod +x rustc.new
        mv rustc.new rustc
    )
}

# cargo_for TARGET COMMAND ARGUMENT..: runs cargo with rustup's core for the target, or with Debian's.
cargo_for() {
    local target=$1 command=$2
    shift 2
    set -- "$command" --release --target "$target" "$@"
    if rustup target list --installed 2>/dev/null | grep -qx "$target"; then
        ${limit:-} cargo "$@"
    else
        unpack_rustc
        RUSTC=$debian/rustc RUSTC_BOOTSTRAP=1 CARGO_UNSTABLE_BUILD_STD=${std:-core} \
            CARGO_TARGET_THUMBV7M_NONE_EABI_LINKER=arm-none-eabi-ld \
            CARGO_TARGET_RISCV32IMAC_UNKNOWN_NONE_ELF_LINKER=ld.lld \
            ${limit:-} cargo "$@"
    fi
}

# run TARGET IMAGE [FEATURES]: runs the image in QEMU, for a minute at most. IMAGE.uart beside it has the UART's output.
run() {
    local image=$CARGO_TARGET_DIR/$1/release/$2
    cargo_for "$1" build --bin "$2" --features "${3:-}"
    rm -f "$image.uart"
    limit="timeout 60" cargo_for "$1" run --quiet --bin "$2" --features "${3:-}" -- -serial "file:$image.uart" ||
        fail "$2 did not end well"
}

all_but_size() {
    for target in thumbv6m-none-eabi riscv32imc-unknown-none-elf; do
        for features in "" alloc defmt; do
            echo "== core: $target, features: ${features:-none}"
            std=core,alloc cargo_for "$target" build --lib --no-default-features --features "$features"
        done
    done

    cd no_std_check
    cargo fmt --check
    for target in "$arm" "$riscv"; do
        echo "== scenes: $target"
        run "$target" scenes
        diff "$CARGO_TARGET_DIR/$target/release/scenes.uart" <(printf '%s\n' reading reading waiting reading reading reading reading) ||
            fail "the UART gave something else"
    done

    echo "== defmt"
    command -v defmt-print >/dev/null || cargo install --quiet --debug --locked --root "$tools" defmt-print@1.2.0
    image=$CARGO_TARGET_DIR/$arm/release/log
    run "$arm" log defmt >"$image.defmt"
    defmt-print -e "$image" --log-format '{s}' <"$image.defmt" | tee "$image.txt"
    diff "$image.txt" log.txt || fail "the log says something else"
}

if [ "${1:-}" != --size ]; then
    all_but_size
fi

cd "$root/no_std_check"
echo "== size"
# The most flash that gather-cm may take, as a ratio to the same program by hand. If the target is missed, the column
# `today` has the ratio that must not be exceeded.
#          target today
bounds='
size       1.10   1.20
minimal    1.25   1.50
'
for image in scenes size_in_series; do
    cargo_for "$arm" build --bin "$image"
done
for image in size_gather size_by_hand minimal_gather minimal_by_hand; do
    run "$arm" "$image"
done
cd "$CARGO_TARGET_DIR/$arm/release"
for image in scenes size_gather size_by_hand minimal_gather minimal_by_hand; do
    if arm-none-eabi-nm --demangle "$image" | grep -E '__rust_alloc|__rg_alloc|\bfmt\b'; then
        fail "$image holds an allocator, or core's formatting"
    fi
done
too_large=
results=$root/target/bench/flash.tsv # for `ci/bench.sh --markdown`
mkdir -p "${results%/*}"
: >"$results"
while read -r images target today; do
    [ -n "$images" ] || continue
    echo "$images: bytes"
    arm-none-eabi-size "${images}_gather" "${images}_by_hand" | awk -v images="$images" \
        -v target="$target" -v today="$today" -v results="$results" '
        NR > 1 { flash[NR - 1] = $1; ram[NR - 1] = $2 + $3 }
        END {
            print "                 flash    RAM"
            printf "with gather     %6d %6d\n", flash[1], ram[1]
            printf "by hand         %6d %6d\n", flash[2], ram[2]
            # If the image by hand needs no RAM, there is no ratio.
            ratio = flash[1] / flash[2]
            if (ram[2]) printf "ratio           %6.3f %6.3f\n", ratio, ram[1] / ram[2]
            else printf "ratio           %6.3f\n", ratio
            print "target          " (ratio <= target ? "met" : "not met") ": at most " target
            printf "Cortex-M3, %s: flash\t", images >>results
            printf "%d / %d bytes\t%.2f\t%s\n", flash[1], flash[2], ratio, target >>results
            exit (ratio > target && ratio > today || ram[1] > ram[2])
        }' || too_large="$too_large $images"
done <<<"$bounds"
arm-none-eabi-size size_in_series | awk 'NR > 1 { printf "in series       %6d %6d\n", $1, $2 + $3 }'
[ -z "$too_large" ] || fail "more flash than is known, or more RAM than by hand:$too_large"
