SUMMARY = "Listens and watches in a room and feeds a conversational assistant's API"
DESCRIPTION = "The program with its services, and what makes an appliance of the system it runs on."
SECTION = "multimedia"
# The weights of the detector of voices are Silero's.
LICENSE = "(MIT | Apache-2.0) & MIT"
LIC_FILES_CHKSUM = "\
    file://LICENSE-MIT;md5=f3b26cfc3641b62b12ebe291802601bc \
    file://LICENSE-APACHE;md5=22a53954e4e0ec258dfce4391e905dac \
    file://src/segment/voice/LICENSE-silero-vad;md5=475d6abdf4b0304512f6d01b55906b6c \
"

DEPENDS = "alsa-lib clang-native gstreamer1.0 gstreamer1.0-plugins-base sqlite3 udev"

inherit cargo cargo_lock_crates pkgconfig systemd useradd

CARGO_LOCK = "${LISTENER_PROJECT}/Cargo.lock"

PV = "0.1.0+git"
SRC_URI = "git://${LISTENER_PROJECT};protocol=file;nobranch=1;usehead=1 file://appliance"
# nooelint: oelint.vars.autorev - the commit is the one that this layer is of
SRCREV = "${AUTOREV}"

# The bindings of v4l are made from the target's headers.
export LIBCLANG_PATH = "${STAGING_LIBDIR_NATIVE}"
export BINDGEN_EXTRA_CLANG_ARGS = "${HOST_CC_ARCH}${TOOLCHAIN_OPTIONS} --target=${TARGET_SYS}"

PACKAGES =+ "${PN}-appliance"

# What systemd/files lists. The appliance's files are those of the SD card's image, where the data partition is the third, not
# the fourth; but for its host name and GStreamer's registry. Without an initrd its partition grows when the root is mounted.
do_install() {
    sed '/^#/d' ${S}/systemd/files | while read -r mode source destination; do
        case $source in
            target/release/*) source=${B}/target/${CARGO_TARGET_SUBDIR}/${source##*/} ;;
            *) source=${S}/$source ;;
        esac
        install -D -m "$mode" "$source" "${D}$destination"
    done

    for root in ${S}/scripts/lib/image/root ${UNPACKDIR}/appliance; do
        (cd "$root" && find . -type f ! -path ./etc/hostname ! -path ./etc/hosts) |
            while read -r file; do
                case $file in ./usr/libexec/*) mode=0755 ;; *) mode=0644 ;; esac
                install -D -m $mode "$root/$file" "${D}/$file"
            done
    done
    install -m 0755 ${S}/scripts/lib/image/initramfs/grow ${D}${libexecdir}/listener/grow
    sed -i '/^\[Service\]/,$d' ${D}${systemd_system_unitdir}/listener-capture.service.d/image.conf
    sed -i 's/\(4c697374\(-\|\\x2d\)\)03/\104/' ${D}${sysconfdir}/fstab \
        ${D}${libexecdir}/listener/grow ${D}${systemd_system_unitdir}/appliance-data.service
    sed -i 's/^PARTUUID=4c697374-02 .*/\/dev\/root  \/  ext4  ro  0 0/' ${D}${sysconfdir}/fstab
    # Where something is mounted.
    install -d ${D}/data ${D}/boot/firmware ${D}${sysconfdir}/wpa_supplicant
}

# The numbers are fixed: what is recorded belongs to them, on a partition that outlives each root.
USERADD_PACKAGES = "${PN}"
GROUPADD_PARAM:${PN} = "--system --gid 951 listener; --system --gid 952 gpio"
USERADD_PARAM:${PN} = "\
    --system --uid 953 --user-group --no-create-home --home-dir / --shell /sbin/nologin listener-capture; \
    --system --uid 954 --user-group --no-create-home --home-dir / --shell /sbin/nologin listener-upload; \
    --system --uid 955 --user-group --no-create-home --home-dir / --shell /sbin/nologin listener-indicate \
"

SYSTEMD_PACKAGES = "${PN} ${PN}-appliance"
SYSTEMD_SERVICE:${PN} = "listener.target"
SYSTEMD_SERVICE:${PN}-appliance = "\
    appliance-confirm.service \
    appliance-data.service \
    appliance-folders.service \
    appliance-host-name.service \
    appliance-ssh.path \
"

FILES:${PN} += "\
    ${nonarch_libdir}/systemd \
    ${nonarch_libdir}/sysctl.d \
    ${nonarch_libdir}/sysusers.d \
    ${nonarch_libdir}/tmpfiles.d/listener.conf \
    ${nonarch_libdir}/udev/rules.d/90-listener.rules \
"
FILES:${PN}-appliance += "\
    /boot/firmware \
    /data \
    ${libexecdir}/listener \
    ${nonarch_libdir}/systemd/journald.conf.d/image.conf \
    ${nonarch_libdir}/systemd/resolved.conf.d \
    ${nonarch_libdir}/systemd/system.conf.d/image.conf \
    ${nonarch_libdir}/systemd/system-preset/10-listener.preset \
    ${nonarch_libdir}/systemd/system-preset/98-${PN}-appliance.preset \
    ${nonarch_libdir}/systemd/timesyncd.conf.d \
    ${nonarch_libdir}/tmpfiles.d/listener-* \
    ${nonarch_libdir}/udev/rules.d/91-listener-image.rules \
    ${nonarch_libdir}/udev/rules.d/92-listener-update.rules \
    ${sysconfdir} \
    ${systemd_system_unitdir}/appliance-* \
    ${systemd_system_unitdir}/listener-.service.d/early.conf \
    ${systemd_system_unitdir}/listener-capture.service.d \
    ${systemd_system_unitdir}/listener-provision@boot.service.d/image.conf \
    ${systemd_system_unitdir}/wpa_supplicant@.service.d \
"

# GStreamer's plugins by element: app: appsink; jpeg: jpegdec, jpegenc; videoparsersbad: h264parse; video4linux2: v4l2src,
# v4l2h264enc; videotestsrc: how fast an encoder is; the others are named as their elements are.
RDEPENDS:${PN} = "\
    alsa-lib \
    ca-certificates \
    gstreamer1.0-plugins-bad-videoparsersbad \
    gstreamer1.0-plugins-base-app \
    gstreamer1.0-plugins-base-videoconvertscale \
    gstreamer1.0-plugins-base-videorate \
    gstreamer1.0-plugins-base-videotestsrc \
    gstreamer1.0-plugins-good-jpeg \
    gstreamer1.0-plugins-good-video4linux2 \
    openssh-ssh \
    rsync \
    util-linux-findmnt \
"
RDEPENDS:${PN}-appliance = "\
    ${PN} \
    alsa-utils-alsactl \
    alsa-utils-amixer \
    e2fsprogs-e2fsck \
    e2fsprogs-mke2fs \
    openssh-keygen \
    openssh-sshd \
    rauc \
    util-linux-blkid \
    util-linux-mount \
    util-linux-partx \
    util-linux-sfdisk \
    util-linux-umount \
    wpa-supplicant \
"
