SUMMARY = "The Listener appliance"
DESCRIPTION = "Two read-only roots, one of them running, and a partition with all that is kept."
SECTION = "base"
LICENSE = "MIT | Apache-2.0"

inherit core-image features_check

REQUIRED_DISTRO_FEATURES = "rauc systemd"

IMAGE_FEATURES += "read-only-rootfs"
IMAGE_INSTALL = "packagegroup-core-boot packagegroup-listener"

# /var is made anew in memory at each start; what is kept is mounted over it.
BAD_RECOMMENDATIONS += "volatile-binds"

# An update has to fit where the image has been.
IMAGE_ROOTFS_MAXSIZE = "${@int(d.getVar('LISTENER_ROOT_MIB')) * 1024}"
