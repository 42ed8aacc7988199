SUMMARY = "The program, and what the Pi needs for it"
DESCRIPTION = "Its kernel, firmware, cameras, updates; beside what any system consists of."
SECTION = "base"

PACKAGE_ARCH = "${MACHINE_ARCH}"

inherit packagegroup

# The kernel itself: each root has its own. All of its modules: which camera, microphone or network adapter somebody plugs in
# is not known here. Named besides: the hardware encoder, without which nothing is recorded.
RDEPENDS:${PN} = "\
    kernel-image \
    kernel-module-bcm2835-codec \
    kernel-modules \
    libcamera \
    libcamera-gst \
    linux-firmware-rpidistro-bcm43455 \
    linux-firmware-rpidistro-bcm43456 \
    listener \
    listener-appliance \
    rauc \
    rauc-conf \
    wireless-regdb-static \
"
