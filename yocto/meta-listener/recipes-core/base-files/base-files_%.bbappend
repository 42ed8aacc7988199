# listener-appliance has it.
# nooelint: oelint.func.specific - an override of the distribution (DISTROOVERRIDES)
do_install:append:listener-distro() {
    rm ${D}${sysconfdir}/fstab
}
