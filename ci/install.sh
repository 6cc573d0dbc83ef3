#!/usr/bin/env bash
# Installs what the checks need beyond Rust, at once, so that no two checks ask for it at the same time. For Debian, as root.
set -euo pipefail
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends procps python3 chromium python3-venv valgrind \
    binutils-arm-none-eabi lld qemu-system-arm qemu-system-misc qemu-system-x86 \
    mosquitto postgresql redis-server >/dev/null
