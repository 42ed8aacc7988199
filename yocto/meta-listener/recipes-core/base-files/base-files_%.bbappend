# listener-appliance has it.
do_install:append:listener() {
    rm ${D}${sysconfdir}/fstab
}
