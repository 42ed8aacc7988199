# appliance-confirm.service says when a start was good; RAUC's own service says so always.
RDEPENDS:${PN}:append:listener-distro = " u-boot-env"
RRECOMMENDS:${PN}:remove:listener-distro = "${PN}-mark-good"
