#!/bin/sh
# disk.sh FOLDER IMAGE: puts the partitions that card.sh made together: MBR, since every Pi 4 starts from it. Where nothing is
# written, the file has holes.
set -eu
folder=$1 image=$2
# In MiB, at multiples of 4: what cards erase at once.
# shellcheck disable=SC2017 # rounded up
mib() { echo $((($(stat -c %s "$1") + 4194303) / 4194304 * 4)); }
boot=$(mib "$folder/boot.vfat") root=$(mib "$folder/root.squashfs") data=$(mib "$folder/data.ext4")
rm -f "$image"
truncate -s $((4 + boot + root + data))M "$image"
# The disk's id ("List") is in fstab and cmdline.txt.
sfdisk --quiet "$image" <<END
label: dos
label-id: 0x4c697374
start=4MiB, size=${boot}MiB, type=c, bootable
start=$((4 + boot))MiB, size=${root}MiB, type=83
start=$((4 + boot + root))MiB, size=${data}MiB, type=83
END
put() { dd if="$1" of="$image" bs=1M seek="$2" conv=notrunc,sparse status=none; }
put "$folder/boot.vfat" 4
put "$folder/root.squashfs" $((4 + boot))
put "$folder/data.ext4" $((4 + boot + root))
