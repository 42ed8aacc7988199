#!/bin/sh
# machine.sh FOLDER PACKAGE (paths as seen from the project's folder): disk, kernel and initrd of a machine that has all that
# the package depends on, but not the package. Prints where they are; made anew only when something about them has changed.
set -eu
folder=$1 package=$2
cd "$(dirname "$0")/../.."
. scripts/lib/install.sh

# shellcheck disable=SC1091 # any Debian's
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
# Of alternatives, the first that this release has: what the machine runs was built here.
depends=$(dpkg-deb -f "$package" Depends | sed 's/([^)]*)//g; s/ *| */|/g' | tr -d ' ' | tr ',' '\n' | while IFS='|' read -r first second; do
    if [ -z "$second" ] || candidate "$first"; then echo "$first"; else echo "$second"; fi
done | tr '\n' ',')
packages="${depends}systemd-sysv,kmod,linux-image-amd64,alsa-utils,dmsetup,python3"
shell=tests/services/shell.sh
key=$({ cat scripts/lib/machine.sh scripts/lib/machine_disk.sh "$shell"; echo "$suite $packages"; } | sha256sum | cut -c 1-16)
base=$folder/$key
if [ ! -f "$base/root.img" ]; then
    say "making a machine for tests (the first time takes some minutes)"
    rm -rf "${folder:?}"
    mkdir -p "$base"
    scripts/lib/namespace.sh scripts/lib/machine_disk.sh "$suite" "$packages" "$base" >&2
fi
echo "$base"
