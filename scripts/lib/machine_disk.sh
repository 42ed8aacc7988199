#!/bin/sh
# machine_disk.sh SUITE PACKAGES FOLDER: in a name space of its own (namespace.sh), makes the system of a machine for tests:
# FOLDER/root.img, vmlinuz and initrd.img. PACKAGES is a list with commas.
set -eu
. scripts/lib/install.sh
suite=$1 packages=$2 folder=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cat >"$work/essential" <<'HOOK'
#!/bin/sh
# The modules that the disk needs, and no others: a small initrd is sooner unpacked.
mkdir -p "$1/etc/initramfs-tools/conf.d"
echo MODULES=list >"$1/etc/initramfs-tools/conf.d/listener"
printf '%s\n' virtio_pci virtio_blk ext4 >"$1/etc/initramfs-tools/modules"
HOOK
chmod +x "$work/essential"
# apt as root: the user it would change to may have no way into these folders.
mmdebstrap --quiet --mode=root --variant=minbase --include="$packages" --essential-hook="$work/essential" \
    --aptopt='APT::Sandbox::User "root"' --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "5"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/lib/modules/*/drivers/gpu/*' \
    "$suite" "$work/root" >&2

# What a machine for tests can do without, and what only takes time when emulated.
units=$work/root/etc/systemd/system
for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_reap.service getty-static.service; do
    ln -sf /dev/null "$units/$unit"
done
echo listener-test >"$work/root/etc/hostname"
printf '[Match]\nType=ether\n[Network]\nDHCP=ipv4\n' >"$work/root/etc/systemd/network/ethernet.network"
cat >"$units/shell.service" <<'UNIT'
# A root shell for whoever holds the other end of the port.
[Unit]
After=dev-virtio\x2dports-shell.device
BindsTo=dev-virtio\x2dports-shell.device
[Service]
ExecStart=/usr/local/bin/shell.sh
Restart=always
[Install]
WantedBy=multi-user.target
UNIT
install -m 755 tests/services/shell.sh "$work/root/usr/local/bin/shell.sh"
systemctl --quiet --root="$work/root" enable systemd-networkd.service shell.service
cp "$work"/root/boot/vmlinuz-* "$folder/vmlinuz"
cp "$work"/root/boot/initrd.img-* "$folder/initrd.img"
truncate -s 3G "$folder/new.img"
mke2fs -q -t ext4 -E lazy_itable_init=0 -d "$work/root" "$folder/new.img"
mv "$folder/new.img" "$folder/root.img"
