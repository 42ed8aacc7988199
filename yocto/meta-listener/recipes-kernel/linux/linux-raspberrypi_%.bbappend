FILESEXTRAPATHS:prepend:listener := "${THISDIR}/files:"
SRC_URI:append:listener = " file://listener.cfg"
