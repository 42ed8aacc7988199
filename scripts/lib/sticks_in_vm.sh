#!/bin/sh
# Runs tests/sticks as root on Debian's kernel in a virtual machine: few machines have loop devices, FAT and exFAT for tests.
# scripts/lib/sticks_in_vm.sh [PART OF A TEST'S NAME]. QEMU emulates: no /dev/kvm, no root and no network are needed, and some minutes.
# What the tests say is kept in target/sticks-in-vm.log.
set -eu
cd "$(dirname "$0")/../.."
. scripts/lib/install.sh

need_qemu qemu-system-x86
need_packages busybox-static cpio xz-utils dosfstools e2fsprogs exfatprogs mount jq
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say "fetching Debian's kernel"
kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' | head -n 1)
[ -n "$kernel" ] || fail "apt knows no linux-image-cloud-amd64; on Debian for amd64: apt-get update"
(cd "$work" && apt-get -q download "$kernel" >&2 && dpkg-deb -x ./*.deb kernel)

say "building the tests, and with them the program"
tests=$(cargo test --locked --all-features --test sticks --no-run --message-format json |
    jq -r 'select(.target.name == "sticks" and .executable) | .executable')
program=$(cargo metadata --format-version 1 --no-deps | jq -r .target_directory)/debug/listener

# A root of the programs that take part and of the libraries they need, each at the path it has here.
root=$work/root
mkdir -p "$root/proc" "$root/sys" "$root/dev" "$root/run" "$root/tmp" "$root/etc" "$root/lib/modules"
ln -s /proc/mounts "$root/etc/mtab"
for name in "$tests" "$program" mkfs.vfat mkfs.exfat mkfs.ext4 mount umount losetup blockdev wipefs mkfifo mknod; do
    file=$(command -v "$name")
    { echo "$file"; ldd "$file" | grep -o '/[^ ]*'; } | while read -r needed; do
        [ -e "$root$needed" ] || { mkdir -p "$root$(dirname "$needed")" && cp -L "$needed" "$root$needed"; }
    done
done
strip "$root$tests" "$root$program"
for name in loop fat vfat exfat nls_cp437 nls_ascii nls_utf8; do
    # Debian 13 packs them.
    find "$work/kernel" -name "$name.ko*" -exec cp {} "$root/lib/modules" \;
done
for packed in "$root"/lib/modules/*.xz; do [ ! -e "$packed" ] || xz -d "$packed"; done
mkdir -p "$root/bin"
cp /bin/busybox "$root/bin/busybox"
for name in sh true echo; do [ -e "$root/bin/$name" ] || ln -s busybox "$root/bin/$name"; done
cat >"$root/init" <<INIT
#!/bin/busybox sh
PATH=/bin:/sbin:/usr/bin:/usr/sbin
export PATH TMPDIR=/run
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t tmpfs -o size=700m run /run
for round in 1 2; do for module in /lib/modules/*.ko; do /bin/busybox insmod \$module 2>/dev/null; done; done
[ -e /etc/shadow ] || echo secret > /etc/shadow
# Nothing of the kernel between the name of a test and its result: damaged file systems make it talk.
echo 1 > /proc/sys/kernel/printk
$tests --test-threads 1 --include-ignored "${1:-}" && echo STICKS PASSED
/bin/busybox poweroff -f
INIT
chmod +x "$root/init"
(cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$work/initrd"

say "trying sticks in a virtual machine"
log=${CARGO_TARGET_DIR:-target}/sticks-in-vm.log
# On a busy machine the emulated timer fails a test that only real ones need (no_timer_check).
timeout 1800 qemu-system-x86_64 -M q35 -cpu max -smp 2 -m 2G -nographic -no-reboot -nic none \
    -kernel "$(echo "$work"/kernel/boot/vmlinuz-*)" -initrd "$work/initrd" \
    -append "console=ttyS0 quiet panic=-1 no_timer_check" </dev/null | tee "$log"
grep -q '^STICKS PASSED' "$log" || fail "sticks were not taken as they should be; see above"
