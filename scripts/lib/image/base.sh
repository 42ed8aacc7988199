#!/bin/sh
# base.sh FOLDER: in a name space of its own (namespace.sh), makes FOLDER/root from the packages in FOLDER/debs, of which those
# named in FOLDER/essential come first. They are unpacked by this machine's dpkg, and only configured as what they are,
# under qemu-user: all of it there would take three times as long.
set -eu
folder=$1 parts=$(dirname "$0")
root=$folder/root
umask 022
export LC_ALL=C
# shellcheck source=scripts/lib/image/arm64_programs.sh
. "$parts/arm64_programs.sh"

mkdir -p "$root/var/lib/dpkg"
: >"$root/var/lib/dpkg/status"
echo arm64 >"$root/var/lib/dpkg/arch"

# Their scripts need one another before any of them is installed. base-files first: it has /bin, a link.
cd "$folder/debs"
for package in base-files_* $(cat "$folder/essential"); do
    dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root" --keep-directory-symlink
done

# Nothing is started; nothing is asked.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
mkdir -p "$root/boot/firmware" "$root/etc/initramfs-tools/conf.d"
# The initrd is made once, at the end.
echo update_initramfs=no >"$root/etc/initramfs-tools/update-initramfs.conf"
initramfs=$root/etc/initramfs-tools
mkdir -p "$initramfs/hooks" "$initramfs/scripts/local-premount" "$initramfs/scripts/init-bottom"
cp "$parts/initramfs/modules" "$initramfs/modules"
cp "$parts/initramfs/conf" "$initramfs/conf.d/listener"
cp "$parts/initramfs/hook" "$initramfs/hooks/listener"
cp "$parts/initramfs/grow" "$initramfs/scripts/local-premount/grow"
cp "$parts/initramfs/machine-id" "$initramfs/scripts/init-bottom/machine-id"
# The names of network cards, as in the system itself.
mkdir -p "$root/etc/systemd/network"
cp "$parts/root/etc/systemd/network/99-default.link" "$root/etc/systemd/network/"

inside() { "$parts/inside.sh" "$root" "$@"; }

echo "unpacking"
# shellcheck disable=SC2016 # for the shell in there
unshare --mount env -i PATH="$PATH" LC_ALL=C DEBIAN_FRONTEND=noninteractive sh -euc '
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    exec dpkg --root="$1" --force-architecture --force-depends --force-unsafe-io --force-confold --unpack ./*.deb
' sh "$root" >"$folder/unpack.log" 2>&1 || { tail -n 40 "$folder/unpack.log"; exit 1; }
rm -f "$root/var/lib/dpkg/arch"
echo "configuring"
# INITRD=No: for the hook of the kernel's package.
inside env INITRD=No dpkg --force-unsafe-io --force-confold --configure -a >"$folder/configure.log" 2>&1 || { tail -n 40 "$folder/configure.log"; exit 1; }

echo "making the initrd"
kernel=$(ls "$root/lib/modules")
inside mkinitramfs -o "/boot/initrd.img-$kernel" "$kernel"

echo "leaving out what nothing on the box uses"
sed '/^#/d;/^$/d' "$parts/leave-out" | while read -r path; do rm -rf "${root:?}$path"; done
python3 "$parts/trim.py" "$root" "$parts/plugins"

echo "looking up GStreamer's plugins"
mkdir -p "$root/usr/lib/listener"
inside env GST_REGISTRY=/usr/lib/listener/gstreamer.registry gst-inspect-1.0 --print-all >"$folder/plugins.log" 2>&1
if grep -i 'failed to load' "$folder/plugins.log"; then exit 1; fi
chmod 644 "$root/usr/lib/listener/gstreamer.registry"
# It looks about in its home.
rm -rf "$root/root/.cache" "$root/root/.local"

# What was made just now is of the same day each time.
find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
tar -C "$root" --numeric-owner --xattrs -cf "$folder/root.tar" .
