# nooelint: oelint.file.underscores,oelint.var.mandatoryvar.SRC_URI - its version is the distribution's; it is made of an image
SUMMARY = "An update of the Listener appliance, signed"
DESCRIPTION = "A whole root, for whichever of the two does not run."
SECTION = "base"
LICENSE = "MIT | Apache-2.0"

inherit bundle listener_keys

RAUC_BUNDLE_COMPATIBLE = "listener-${MACHINE}"
RAUC_BUNDLE_VERSION = "${DISTRO_VERSION}"
RAUC_BUNDLE_FORMAT = "verity"
RAUC_BUNDLE_SLOTS = "rootfs"
# nooelint: oelint.vars.mispell.unknown - named after the slot
RAUC_SLOT_rootfs = "listener-image"
# nooelint: oelint.vars.mispell.unknown - named after the slot
RAUC_SLOT_rootfs[fstype] = "ext4"
RAUC_KEY_FILE = "${LISTENER_KEYS}/update.key.pem"
RAUC_CERT_FILE = "${LISTENER_KEYS}/update.cert.pem"
