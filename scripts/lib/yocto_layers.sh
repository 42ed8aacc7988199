#!/bin/sh
# yocto_layers.sh DIR TOOLS: scripts/check-yocto's part that needs the layers: clones of what yocto/kas.yml names, in DIR by
# the same names. Builds nothing; what it has parsed it keeps in $LISTENER_YOCTO_DIR (/var/tmp/listener-yocto).
set -eu
layers=$1 tools=$(realpath "$2")
. scripts/lib/install.sh
need_packages chrpath cpio diffstat dosfstools e2fsprogs fdisk file gawk git locales lz4 mtools openssl parted util-linux zstd
# Bitbake does not start without.
locale -a | grep -qi '^en_US\.utf-\?8$' || as_root localedef -i en_US -f UTF-8 en_US.UTF-8

work=${LISTENER_YOCTO_DIR:-/var/tmp/listener-yocto}
mkdir -p "$work"
project=$work/project image=raspberrypi4-64

began=$(date +%s)
step() { say "$1"; began=$(date +%s); }
took() { say "  $(($(date +%s) - began)) s"; }

# Bitbake refuses to be root.
if [ "$(id -u)" = 0 ]; then
    own() { chown -R nobody:nogroup "$@"; }
    unprivileged() { setpriv --reuid nobody --regid nogroup --clear-groups "$@"; }
else
    own() { :; }
    unprivileged() { "$@"; }
fi
inside() {
    (cd "$work" && unprivileged env -i HOME="$work" LANG=en_US.UTF-8 PATH="$tools/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
        KAS_WORK_DIR="$work" KAS_BUILD_DIR="$work/${build-build}" LISTENER_KEYS="${keys-$work/keys}" PYTHONDONTWRITEBYTECODE=1 \
        GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*' nice "$@")
}
bitbake() { inside kas --log-level error shell project/offline.yml -c "bitbake $*"; }

step "the project as it is here, the layers as they are pinned, keys"
rm -rf "$project"
mkdir -p "$project"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --preserve=timestamps -t "$project"
sed -n 's/^  \([a-z-]*\):$/\1/p' yocto/kas.yml | grep -vx listener | while read -r repository; do
    [ -d "$layers/$repository" ] || fail "there is no $layers/$repository: clone what yocto/kas.yml names"
    [ -d "$work/$repository" ] || git clone -q --shared "$layers/$repository" "$work/$repository"
done
[ -d "$work/keys" ] || yocto/make-keys "$work/keys" 2>/dev/null
# What is fetched and built elsewhere is not wanted; of the layers' recipes only those that the image can want are parsed.
cat >"$project/offline.yml" <<'YML'
header:
  version: 19
  includes:
    - yocto/kas.yml
local_conf_header:
  offline: |
    BB_NO_NETWORK = "1"
    CONNECTIVITY_CHECK_URIS = ""
    BB_HASHSERVE = ""
    BB_SIGNATURE_HANDLER = "OEBasicHash"
    BBMASK = "/meta-openembedded/(?!.*/(libcamera|libpisp|nlohmann-json)/) /dynamic-layers/(?!.*/(libcamera|libpisp)/)"
YML
own "$work"
inside sh -euc 'cd project; git init -q; git add -A; git -c user.name=check -c user.email=check@localhost commit -qm check'
took

step "parsing"
bitbake --parse-only >"$work/parse.log" 2>&1 || { cat "$work/parse.log" >&2; exit 1; }
took

step "what image and bundle are made of"
bitbake -g listener-image listener-bundle >"$work/graph.log" 2>&1 || { cat "$work/graph.log" >&2; exit 1; }
for recipe in listener listener-image listener-bundle libcamera linux-raspberrypi rauc rauc-conf rpi-cmdline rpi-config rpi-u-boot-scr u-boot \
    gstreamer1.0-plugins-good wpa-supplicant openssh; do
    grep -qx "$recipe" "$work/build/pn-buildlist" || fail "$recipe is no part of the image"
done
for recipe in x264 ffmpeg gstreamer1.0-plugins-ugly mesa bluez5; do
    ! grep -qx "$recipe" "$work/build/pn-buildlist" || fail "$recipe is a part of the image, and should not be"
done
took

step "without keys: a message that says what to do"
mkdir -p "$work/recipe"
own "$work/recipe"
bundle=../project/yocto/meta-listener/recipes-core/bundles/listener-bundle.bb
if (keys='' build=recipe && bitbake -b $bundle -c configure) >"$work/no-keys.log" 2>&1; then fail "a bundle can be built without keys"; fi
grep -q 'yocto/make-keys' "$work/no-keys.log" || { cat "$work/no-keys.log" >&2; fail "the message does not say what to do"; }
took

step "what settings come to"
# expect RECIPE VARIABLE PATTERN...: each pattern is found in the variable's last value.
expect() {
    recipe=$1 variable=$2
    shift 2
    value=$(sed -n "s/^\(export \)\?$variable=\"\(.*\)\"\$/\2/p" "$work/settings/$recipe")
    for pattern in "$@"; do
        printf '%s\n' " $value " | grep -q -e "$pattern" || fail "$recipe: $variable is '$value', without '$pattern'"
    done
}
rm -rf "$work/settings"
mkdir "$work/settings"
own "$work/settings"
recipes=$(sed -n 's/^expect \([a-z0-9.-]*\) .*/\1/p' scripts/lib/yocto_layers.sh | sort -u | tr '\n' ' ')
# One server for all of them.
inside kas --log-level error shell project/offline.yml -c "export BB_SERVER_TIMEOUT=60
    for recipe in $recipes; do bitbake -e \$recipe >../settings/\$recipe; done
    bitbake --kill-server" >"$work/settings.log" 2>&1 || { cat "$work/settings.log" >&2; exit 1; }
expect listener-image IMAGE_FEATURES ' read-only-rootfs '
expect listener-image DISTRO_FEATURES ' systemd ' ' rauc ' ' wifi ' ' alsa '
expect listener-image IMAGE_ROOTFS_MAXSIZE ' 786432 '
expect listener-image WKS_FULL_PATH '/listener\.wks '
expect listener-image WICVARS 'LISTENER_ROOT_MIB'
expect listener-image IMAGE_BOOT_FILES 'u-boot.bin;kernel8.img' 'boot.scr' 'ov5647.dtbo' 'imx708.dtbo'
expect listener-image IMAGE_FSTYPES ' ext4 ' ' wic.bmap '
expect listener-image LICENSE_FLAGS_ACCEPTED '^ synaptics-killswitch $'
expect listener-image INHERIT ' create-spdx '
expect listener-image IMAGE_LINGUAS '^  $'
grep -q '^do_create_image_sbom_spdx\|do_create_image_sbom_spdx ()' "$work/settings/listener-image" || fail "listener-image makes no SBOM"
expect listener-bundle RAUC_BUNDLE_COMPATIBLE "^ listener-$image \$"
expect listener-bundle RAUC_KEY_FILE "^ $work/keys/update.key.pem \$"
expect rauc-conf SRC_URI 'file://system.conf' "file://authority.cert.pem"
expect rauc-conf FILESPATH '/meta-listener/recipes-core/rauc/files/listener-distro:' ":$work/keys/\?:"
expect rauc 'RDEPENDS:rauc' ' u-boot-env ' 'u-boot-fw-utils'
expect u-boot SRC_URI 'file://listener.cfg'
expect u-boot FILESPATH '/meta-listener/recipes-bsp/u-boot/files/listener-distro:'
expect rpi-u-boot-scr FILESPATH '/meta-listener/recipes-bsp/rpi-u-boot-scr/files/listener-distro:'
expect rpi-u-boot-scr KERNEL_IMAGETYPE '^ Image $'
expect rpi-cmdline CMDLINE 'cma=256M' 'rootwait rootfstype=ext4 ro panic=10'
expect rpi-config RPI_EXTRA_CONFIG 'camera_auto_detect=1'
expect rpi-config ENABLE_UART '^ 1 $'
expect linux-raspberrypi SRC_URI 'file://listener.cfg'
expect libcamera PACKAGECONFIG ' gst' ' raspberrypi'
expect gstreamer1.0-plugins-good PACKAGECONFIG ' v4l2 ' ' jpeg '
expect systemd PACKAGECONFIG ' networkd ' ' resolved ' ' timesyncd '
expect base-files hostname '^ listener $'
expect packagegroup-listener 'RDEPENDS:packagegroup-listener' ' kernel-module-bcm2835-codec ' ' kernel-image ' ' libcamera-gst '
expect listener SRC_URI "git://$project;" 'crate://crates.io/alsa/'
! grep -q 'RRECOMMENDS:rauc=".*rauc-mark-good' "$work/settings/rauc" || fail "every start would be good"
took

step "the program's files, from fetched to packed; what is compiled is a stand-in"
. scripts/lib/yocto_recipe.sh
took

step "a card, of small roots"
scripts/lib/yocto_card.sh "$work" "$layers"
took
