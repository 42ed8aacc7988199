# Sourced by yocto_layers.sh: runs the steps of the program's recipe from fetch to package, without those of other recipes.
# Crates come from Cargo's own cache, and are held to the checksums of Cargo.lock; what is compiled is a stand-in.
# shellcheck disable=SC2154,SC2034 # it says where it works, and takes where bitbake does
: "$work"
need_packages fakeroot

cargo fetch --locked --quiet
mkdir -p "$work/downloads" "$work/recipe/classes"
cp --update "${CARGO_HOME:-$HOME/.cargo}"/registry/cache/*/*.crate "$work/downloads/"
cat >"$work/recipe/stub.conf" <<CONF
INHERIT += "listener_stub"
DL_DIR = "$work/downloads"
CONF
# fakeroot in place of pseudo, which would have to be built; it cannot be where the network is taken away.
cat >"$work/recipe/classes/listener_stub.bbclass" <<'BBCLASS'
DEPENDS:pn-listener = ""
INHIBIT_DEFAULT_DEPS = "1"
INHIBIT_PACKAGE_STRIP = "1"
INHIBIT_PACKAGE_DEBUG_SPLIT = "1"
PACKAGEFUNCS:remove = "package_do_filedeps"
FAKEROOTCMD = "/usr/bin/fakeroot"
FAKEROOTENV = ""
FAKEROOTBASEENV = ""
FAKEROOTNOENV = ""
FAKEROOTDIRS = ""
do_install[network] = "1"
do_package[network] = "1"

do_compile:pn-listener() {
    mkdir -p ${B}/target/${CARGO_TARGET_SUBDIR}
    printf '#!/bin/sh\n' >${B}/target/${CARGO_TARGET_SUBDIR}/listener
}

python package_prepare_pkgdata:pn-listener() {
    bb.utils.mkdirhier(d.getVar("WORKDIR_PKGDATA"))
}
BBCLASS
rm -rf "$work/recipe/tmp"
own "$work/recipe" "$work/downloads"

# What fakeroot has run well it reports as failed; the next look finds it done.
for task in compile install install package package; do
    (build=recipe; bitbake -R stub.conf -b ../project/yocto/meta-listener/recipes-listener/listener/listener_git.bb -c $task >"$work/$task.log" 2>&1) && done=yes || done=no
done
[ "$done" = yes ] || { cat "$work/package.log" >&2; exit 1; }

# Each file of systemd/files in the package of the program, its modes, and the appliance's own.
packages=$(echo "$work"/recipe/tmp/work/*/listener/*/packages-split)
sed '/^#/d' systemd/files | while read -r mode _ destination; do
    file=$packages/listener$destination
    case $destination in /usr/share/doc/*) file=$packages/listener-doc$destination ;; esac
    [ -f "$file" ] || fail "$destination is not in the package"
    [ "$(stat -c %04a "$file")" = "$mode" ] || fail "$destination has other rights than $mode"
done
appliance=$packages/listener-appliance
for file in etc/fstab usr/lib/udev/rules.d/91-listener-image.rules usr/lib/systemd/system/appliance-confirm.service; do
    [ -f "$appliance/$file" ] || fail "/$file is not in listener-appliance"
done
for script in "$appliance"/usr/libexec/listener/*; do [ -x "$script" ] || fail "$script cannot be run"; done
[ ! -e "$appliance/etc/hostname" ] || fail "/etc/hostname is base-files'"
! grep -rq '4c697374\(-\|\\x2d\)03' "$appliance" --exclude=system.conf || fail "something takes root B for the data: $(grep -rl '4c697374\(-\|\\x2d\)03' "$appliance")"
grep -q '^PARTUUID=4c697374-04  */data ' "$appliance/etc/fstab" || fail "the data partition is not in fstab"
grep -q '^/dev/root  */  *ext4  *ro ' "$appliance/etc/fstab" || fail "the root is not in fstab"
