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
packages="${depends}systemd-sysv,kmod,linux-image-amd64,alsa-utils"
shell=tests/services/shell.sh
key=$({ cat scripts/lib/machine.sh "$shell"; echo "$suite $packages"; } | sha256sum | cut -c 1-16)
base=$folder/$key
if [ ! -f "$base/root.img" ]; then
    say "making a machine for tests (the first time takes some minutes)"
    rm -rf "$folder"
    mkdir -p "$base"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    chmod 755 "$work"
    cat >"$work/essential" <<'EOF'
#!/bin/sh
# The modules that the disk needs, and no others: a small initrd is sooner unpacked.
mkdir -p "$1/etc/initramfs-tools/conf.d"
echo MODULES=list >"$1/etc/initramfs-tools/conf.d/listener"
printf '%s\n' virtio_pci virtio_blk ext4 >"$1/etc/initramfs-tools/modules"
EOF
    chmod +x "$work/essential"
    # apt as root: the user it would change to may have no way into these folders.
    mmdebstrap --quiet --variant=minbase --include="$packages" --essential-hook="$work/essential" \
        --aptopt='APT::Sandbox::User "root"' --aptopt='Acquire::Languages "none"' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/lib/modules/*/drivers/gpu/*' \
        "$suite" "$work/root" >&2
    cd "$work/root"
    # What a machine for tests can do without, and what only takes time when emulated.
    ln -sf /dev/null etc/systemd/system/apt-daily.timer
    ln -sf /dev/null etc/systemd/system/apt-daily-upgrade.timer
    ln -sf /dev/null etc/systemd/system/e2scrub_reap.service
    ln -sf /dev/null etc/systemd/system/getty-static.service
    echo listener-test >etc/hostname
    printf '[Match]\nType=ether\n[Network]\nDHCP=ipv4\n' >etc/systemd/network/ethernet.network
    cat >etc/systemd/system/shell.service <<'EOF'
# A root shell for whoever holds the other end of the port.
[Unit]
After=dev-virtio\x2dports-shell.device
BindsTo=dev-virtio\x2dports-shell.device
[Service]
ExecStart=/usr/local/bin/shell.sh
Restart=always
[Install]
WantedBy=multi-user.target
EOF
    cd - >/dev/null
    install -m 755 "$shell" "$work/root/usr/local/bin/shell.sh"
    systemctl --quiet --root="$work/root" enable systemd-networkd.service shell.service
    cp "$work"/root/boot/vmlinuz-* "$base/vmlinuz"
    cp "$work"/root/boot/initrd.img-* "$base/initrd.img"
    truncate -s 3G "$base/new.img"
    mke2fs -q -t ext4 -E lazy_itable_init=0 -d "$work/root" "$base/new.img"
    mv "$base/new.img" "$base/root.img"
fi
echo "$base"
