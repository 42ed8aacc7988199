# Has this name space's kernel run programs for the Pi, under qemu-user. Sourced inside namespace.sh, not run.

# Since Linux 6.7 a name space has its own table of foreign programs; before, the machine's own has to have them.
if mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc 2>/dev/null && [ ! -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ]; then
    # As Debian's own, in either release: an ELF program, 64 bits, for AArch64; the emulator is opened here and now.
    printf '%s' ':qemu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'"$(command -v qemu-aarch64-static)"':F' \
        >/proc/sys/fs/binfmt_misc/register
fi
[ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ] || {
    echo "error: this kernel does not run programs for arm64: install binfmt-support, or start systemd-binfmt.service" >&2
    exit 1
}
