#!/bin/sh
# yocto_card.sh WORK DIR: has wic make a card of the image's layout, of small roots, and looks at its partitions. wic is that of
# DIR/wic, or the last one that openembedded-core had itself.
set -eu
work=$1/card layers=$2
. scripts/lib/install.sh
rm -rf "$work"
mkdir -p "$work/native/usr" "$work/variables" "$work/boot/bootfiles" "$work/root/boot" "$work/out"

if [ -d "$layers/wic" ]; then
    wic() { PYTHONPATH=$layers/wic/src /usr/bin/python3 -B -m wic "$@"; }
else
    last=$(git -C "$layers/openembedded-core" log -1 --format=%H -- scripts/lib/wic/ksparser.py)
    [ -n "$last" ] || fail "there is neither $layers/wic nor wic in the history of $layers/openembedded-core"
    git -C "$layers/openembedded-core" archive "$last^" scripts meta/lib | tar -x -C "$work"
    wic() { PATH=$layers/bitbake/bin:$PATH /usr/bin/python3 -B "$work/scripts/wic" "$@"; }
fi

# The tools of this machine, in place of those that a build makes.
for folder in bin sbin; do ln -s /usr/$folder "$work/native/$folder"; ln -s /usr/$folder "$work/native/usr/$folder"; done
echo kernel >"$work/root/boot/Image"
for file in u-boot.bin boot.scr bootfiles/config.txt; do echo "$file" >"$work/boot/$file"; done
size=$(sed -n 's/^LISTENER_ROOT_MIB = "\(.*\)"/\1/p' yocto/meta-listener/conf/distro/listener.conf)
sed "s/\${LISTENER_ROOT_MIB}/$size/" yocto/meta-listener/files/wic/listener.wks.in >"$work/listener.wks"
cat >"$work/variables/listener-image.env" <<ENV
IMAGE_BOOT_FILES="bootfiles/* u-boot.bin;kernel8.img boot.scr"
DEPLOY_DIR_IMAGE="$work/boot"
IMAGE_ROOTFS="$work/root"
RECIPE_SYSROOT_NATIVE="$work/native"
FAKEROOTCMD=""
PSEUDO_INCLUDE_PATHS=""
ROOTFS_SIZE="8192"
ENV
(cd "$work" && export BUILDDIR="$work" LANG=en_US.UTF-8 &&
    wic create "$work/listener.wks" -e listener-image -v variables -o out -r "$work/root" -b "$work/boot" -k "$work/boot" -n "$work/native") \
    >"$work/wic.log" 2>&1 || { cat "$work/wic.log" >&2; exit 1; }

card=$(echo "$work"/out/*.direct)
# In MiB: where each partition begins, its size and its type.
found=$(sfdisk -d "$card" | sed -n 's/^label-id: //p; s/.*start= *\([0-9]*\), size= *\([0-9]*\), type=\([0-9a-f]*\).*/\1 \2 \3/p' |
    awk 'NF == 1 { print } NF == 3 { print $1 / 2048, $2 / 2048, $3 }')
wanted="0x4c697374
12 128 c
140 $size 83
$((140 + size)) $size 83
$((140 + 2 * size)) 128 83"
[ "$found" = "$wanted" ] || fail "the card is not as it should be: $found"
part() { dd if="$card" of="$work/part" bs=1M skip="$1" count="$2" conv=sparse status=none; }
part 12 128
for file in boot.scr kernel8.img config.txt; do mtype -i "$work/part" "::$file" >/dev/null || fail "$file is not on the boot partition"; done
for begin in 140 $((140 + size)); do
    part $begin "$size"
    [ "$(debugfs -R 'cat /boot/Image' "$work/part" 2>/dev/null)" = kernel ] || fail "there is no kernel on the root at $begin MiB"
    ! debugfs -R 'cat /etc/fstab' "$work/part" 2>/dev/null | grep -q . || fail "wic has written an fstab"
done
part $((140 + 2 * size)) 128
[ "$(e2label "$work/part")" = listener-data ] || fail "the data partition has another label"
# U-Boot's environment: nothing is there yet.
[ -z "$(dd if="$card" bs=1M skip=1 count=11 status=none | tr -d '\0' | head -c 1)" ] || fail "something lies where U-Boot's environment goes"
rm -rf "$work"
