FILESEXTRAPATHS:prepend:listener-distro := "${THISDIR}/files:"
