#!/usr/bin/env bash
# Installs what the checks need beyond Rust. For Debian, as root.
set -euo pipefail
apt-get update -qq
apt-get install -y -qq --no-install-recommends procps python3 qemu-system-x86 valgrind >/dev/null
