#!/bin/sh
# emulated.sh IMAGE FOLDER (whole paths): what an emulator starts the image with, taken from it: kernel, initrd, and the Pi's
# device tree without what QEMU's Pi has not. Prints the kernel command line. The image stays as it is.
set -eu
image=$1 folder=$2
mkdir -p "$folder"

# The first partition is the FAT one that the Pi's firmware reads.
start=$(sfdisk --json "$image" | jq '.partitiontable.partitions[0].start')
boot="$image@@$((start * 512))"
for file in vmlinuz initrd.img bcm2711-rpi-4-b.dtb cmdline.txt; do
    mcopy -n -o -i "$boot" "::$file" "$folder/$file"
done
cp "$folder/bcm2711-rpi-4-b.dtb" "$folder/pi.dtb"

# With these on, Linux waits for ever or resets.
for node in interrupt-controller@7ef00100 i2c@7ef04500 i2c@7ef09500 hdmi@7ef00700 hdmi@7ef05700 clock@7ef00000 \
    serial@7e201000/bluetooth; do
    fdtput -t s "$folder/pi.dtb" "/soc/$node" status disabled
done
# QEMU has the USB of older Pis, without the means to find out which end it is; the Pi 4's own hangs off PCIe, which it lacks.
fdtput -t s "$folder/pi.dtb" /soc/usb@7e980000 dr_mode host
# The card's power and voltage are switched by firmware, and Wi-Fi is at the port where QEMU has the card.
fdtput -d "$folder/pi.dtb" /emmc2bus/mmc@7e340000 vmmc-supply vqmmc-supply
fdtput -d "$folder/pi.dtb" /soc/mmc@7e300000 mmc-pwrseq non-removable
fdtput -r "$folder/pi.dtb" /soc/mmc@7e300000/wifi@1
cat "$folder/cmdline.txt"
