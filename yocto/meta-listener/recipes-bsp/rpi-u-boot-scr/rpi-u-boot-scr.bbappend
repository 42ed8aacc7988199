FILESEXTRAPATHS:prepend:listener := "${THISDIR}/files:"
