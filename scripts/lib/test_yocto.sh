#!/bin/sh
# The Yocto image, as far as it can be tried without building it: which root is started, and what becomes of updates. Options go to
# pytest.
set -eu
cd "$(dirname "$0")/../.."
. scripts/lib/install.sh

need_packages dosfstools e2fsprogs fdisk libubootenv-tool mtools openssl python3-pytest rauc squashfs-tools u-boot-qemu \
    u-boot-tools
# Debian 12's own, 7.2, does not let U-Boot write its environment to flash: it runs into a timeout.
need_qemu_10 qemu-system-arm
/usr/bin/python3 -B -m pytest -q -p no:cacheprovider "$@" tests/yocto
