#!/bin/sh
# The Yocto image, as far as it can be tried without building it: which root is started, and what becomes of updates. Options go to
# pytest.
set -eu
cd "$(dirname "$0")/../.."
. scripts/lib/install.sh

need_packages dosfstools e2fsprogs fdisk libubootenv-tool mtools openssl python3-pytest qemu-system-arm rauc squashfs-tools u-boot-qemu \
    u-boot-tools
/usr/bin/python3 -B -m pytest -q -p no:cacheprovider "$@" tests/yocto
