#!/usr/bin/env bash
# Installs all Debian packages that the checks need, so that no two checks install packages at the same time. Adds the
# parts that Miri and the sanitizers need to a nightly compiler that comes without them. It runs on Debian, as root.
set -euo pipefail
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends procps python3 chromium fonts-symbola \
    python3-venv valgrind binutils-arm-none-eabi lld qemu-system-arm qemu-system-misc qemu-system-x86 \
    mosquitto postgresql redis-server >/dev/null
rustup component add --toolchain nightly miri rust-src
