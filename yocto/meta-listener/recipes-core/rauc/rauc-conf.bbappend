# What boxes trust is the builder's, and lies outside of all layers.
FILESEXTRAPATHS:prepend:listener-distro := "${THISDIR}/files:${LISTENER_KEYS}:"

inherit_defer ${@'listener_keys' if d.getVar('DISTRO') == 'listener' else ''}

RAUC_KEYRING_FILE:listener-distro = "authority.cert.pem"

# nooelint: oelint.func.specific - an override of the distribution (DISTROOVERRIDES)
do_install:append:listener-distro() {
    sed -i 's/@MACHINE@/${MACHINE}/' ${D}${nonarch_libdir}/rauc/system.conf
    if [ -n "${LISTENER_UPDATE_URL}" ]; then
        printf '\n[polling]\nurl=%s\ninstall-criteria=always\nreboot-criteria=updated-slots\n' \
            '${LISTENER_UPDATE_URL}' >>${D}${nonarch_libdir}/rauc/system.conf
    fi
}
