FILESEXTRAPATHS:prepend:listener-distro := "${THISDIR}/files:"
SRC_URI:append:listener-distro = " file://listener.cfg"
