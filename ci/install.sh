#!/usr/bin/env bash
# Installs what the checks need beyond Rust. For Debian, as root.
set -euo pipefail
apt-get update -qq
apt-get install -y -qq --no-install-recommends qemu-system-x86 procps >/dev/null
