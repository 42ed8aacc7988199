#!/bin/sh
# card.sh BASE PACKAGE FOLDER: in a name space of its own, puts the program's package and root/ onto the root that base.sh made,
# and packs the partitions: FOLDER/boot.vfat, root.squashfs, data.ext4 and manifest.
set -eu
base=$1 package=$2 folder=$3 parts=$(dirname "$0")
root=$folder/root boot=$folder/boot
umask 022
export LC_ALL=C
# shellcheck source=scripts/lib/image/arm64_programs.sh
. "$parts/arm64_programs.sh"

mkdir -p "$root" "$boot"
tar -C "$root" --numeric-owner --xattrs -xf "$base"

inside() { "$parts/inside.sh" "$root" "$@"; }
cp "$package" "$root/listener.deb"
inside dpkg --force-unsafe-io --install /listener.deb >"$folder/package.log" 2>&1 || { cat "$folder/package.log" >&2; exit 1; }

# All that it is linked to is there.
inside listener --version >/dev/null

cp -R --no-preserve=ownership "$parts/root/." "$root/"
: >"$root/etc/machine-id"
mkdir -p "$root/data" "$root/boot/firmware"
ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
# shellcheck disable=SC2046 # a list of units
inside systemctl --quiet mask $(sed '/^#/d' "$parts/masked")
inside systemctl --quiet set-default multi-user.target
inside systemctl --quiet enable systemd-networkd.service systemd-resolved.service systemd-timesyncd.service \
    appliance-data.service appliance-folders.service appliance-host-name.service appliance-ssh.path
# It looks for virtual machines' sockets, and fails where there are none.
mkdir -p "$root/etc/systemd/system-generators"
ln -sf /dev/null "$root/etc/systemd/system-generators/systemd-ssh-generator"
# No password is this one's; sshd takes no key for an account that is locked altogether.
inside usermod --password '*' root
dpkg-query --admindir="$root/var/lib/dpkg" --show --showformat='${Package} ${Version} ${Architecture}\n' | sort >"$folder/manifest"

# What the Pi's firmware reads. The Pi 4 itself has the first stage; start4.elf and fixup4.dat are the second.
kernel=$(ls "$root/lib/modules")
cp "$root/usr/lib/raspi-firmware/start4.elf" "$root/usr/lib/raspi-firmware/fixup4.dat" "$boot/"
cp -R "$root/usr/lib/raspi-firmware/overlays" "$boot/"
cp "$root/usr/lib/linux-image-$kernel/broadcom"/bcm2711-*.dtb "$boot/"
cp "$root/boot/vmlinuz-$kernel" "$boot/vmlinuz"
cp "$root/boot/initrd.img-$kernel" "$boot/initrd.img"
cp "$parts/boot/config.txt" "$parts/boot/cmdline.txt" "$boot/"

# /var is made anew in memory at each start; what starts before that finds empty folders. Of the root nothing is ever installed.
rm -rf "${root:?}"/var "${root:?}"/boot "$root/usr/lib/linux-image-$kernel" "$root/usr/lib/raspi-firmware" \
    "$root/usr/sbin/policy-rc.d" "$root/listener.deb" "$root"/etc/*- "$root/etc/.pwd.lock" "$root"/etc/ssh/ssh_host_* \
    "$root"/etc/wpa_supplicant/* "$root"/vmlinuz* "$root"/initrd.img* "$root/usr/share/doc"
# By the date of this file, SOURCE_DATE_EPOCH, the clock begins at the first start, which knows no other (systemd(1)).
touch "$root/usr/lib/clock-epoch"
mkdir -p "$root/boot/firmware" "$root/var/cache" "$root/var/lib" "$root/var/log" "$root/var/tmp"
chmod 1777 "$root/var/tmp"

# What is newer than SOURCE_DATE_EPOCH gets that time.
rm -f "$folder/root.squashfs"
mksquashfs "$root" "$folder/root.squashfs" -noappend -quiet -no-progress -comp zstd -Xcompression-level 15

find "$boot" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
rm -f "$folder/boot.vfat"
mkfs.vfat --invariant -i 4c697374 -n LISTENER -F 32 -C "$folder/boot.vfat" $((128 * 1024)) >/dev/null
(cd "$boot" && TZ=UTC mcopy -i "$folder/boot.vfat" -s -p -m ./* ::)

rm -f "$folder/data.ext4"
truncate -s 128M "$folder/data.ext4"
E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH mke2fs -q -t ext4 -b 4096 -i 32768 -m 1 -J size=16 -L listener-data \
    -U 4c697374-656e-6572-0000-646174610000 -E hash_seed=4c697374-656e-6572-0000-686173680000,lazy_itable_init=0,lazy_journal_init=0 \
    "$folder/data.ext4"
