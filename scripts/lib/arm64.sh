# Debian for arm64 in folders of one's own, to build the program and to try it: nothing of it is installed on this machine, whose
# dpkg hears of no other architecture. Needs no root but for the tools. Sourced behind install.sh, not run.

# All of it can be made anew. What is being made has another name until it is whole.
arm64_cache=${XDG_CACHE_HOME:-$HOME/.cache}/listener/arm64

# The Debian archives that this machine itself installs from, a line each: label, address, suite.
debian_archives() {
    # shellcheck disable=SC2016 # apt's, not the shell's
    apt-get indextargets --format '$(LABEL) $(REPO_URI) $(RELEASE)' \
        'Created-By: Packages' 'Origin: Debian' 'Component: main' "Architecture: $(dpkg --print-architecture)" | sort -u
}

# arm64_apt_conf FOLDER: what apt has to know to act as on a machine for arm64 that has nothing installed, but for FOLDER/sources.list:
# apt-get -c=FOLDER/apt.conf.
arm64_apt_conf() {
    mkdir -p "$1/lists/partial" "$1/archives/partial" "$1/none"
    : >"$1/status"
    # Read behind the machine's own configuration, so that its proxy holds.
    cat >"$1/apt.conf" <<CONF
#clear APT::Architectures;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::State "$1";
Dir::State::status "$1/status";
Dir::State::lists "$1/lists";
Dir::Cache "$1";
Dir::Cache::archives "$1/archives";
Dir::Etc::sourcelist "$1/sources.list";
Dir::Etc::sourceparts "$1/none";
Dir::Etc::preferences "$1/none/preferences";
Dir::Etc::preferencesparts "$1/none";
Dir::Log "$1";
CONF
}

# arm64_apt SUITE: makes a folder, $making, with apt's configuration and lists. SUITE is one of Debian's releases, or `host` for all
# that this machine installs from.
arm64_apt() {
    need_packages debian-archive-keyring
    [ -n "$(debian_archives)" ] || apt_update
    mkdir -p "$arm64_cache"
    making=$(mktemp -d "$arm64_cache/making.XXXXXX")
    trap 'rm -rf "$making"' EXIT
    mkdir "$making/root"
    debian_archives | while read -r label address suite; do
        if [ "$1" = host ]; then echo "$address $suite"
        elif [ "$label" = Debian ]; then echo "$address $1"
        fi
    done | sort -u | sed 's|.*|deb [target=Packages signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] & main|' >"$making/sources.list"
    [ -s "$making/sources.list" ] || fail "apt on this machine knows no archive of Debian's; what it knows: apt-get indextargets"
    arm64_apt_conf "$making"
    apt-get -c="$making/apt.conf" -qq update >&2
}

# Gives $making/root its name, unless somebody else was quicker.
arm64_keep() {
    mv -T "$making/root" "$1" 2>/dev/null || [ -d "$1" ]
}

# arm64_root SUITE DEPENDS: prints a folder with what DEPENDS names, as in a package's field, and all that it needs in turn,
# unpacked but not configured. How it is made is not in its name: who changes that changes the name.
arm64_root() (
    root=$arm64_cache/$1-$(printf '%s' "$2" | sha256sum | cut -c 1-16)
    if [ ! -d "$root" ]; then
        say "unpacking for arm64, from Debian $1: $2"
        arm64_apt "$1"
        apt-get -c="$making/apt.conf" -qq satisfy --download-only "$2" >&2 ||
            fail "Debian $1 for arm64 does not give: $2"
        for folder in lib bin sbin; do
            mkdir -p "$making/root/usr/$folder"
            ln -s "usr/$folder" "$making/root/$folder"
        done
        for package in "$making"/archives/*.deb; do dpkg-deb -x "$package" "$making/root" || exit; done
        # What a link names from the top is meant from the top of this folder.
        find "$making/root" -type l -lname '/*' | while read -r link; do
            ln -snfr "$making/root$(readlink "$link")" "$link"
        done
        arm64_keep "$root"
    fi
    echo "$root"
)

# rust_for_arm64: prints a system root for this machine's own rustc-web that has the standard library for arm64.
rust_for_arm64() (
    # Rebuilt by Debian without a change, for one architecture or another, it is +b1: the compiler is the same.
    version=$(dpkg-query -W -f='${Version}' rustc-web | sed 's/+b[0-9]*$//')
    root=$arm64_cache/rust-$version
    if [ ! -d "$root" ]; then
        say "unpacking Rust's standard library for arm64, $version"
        arm64_apt host
        same=$(apt-cache -c="$making/apt.conf" madison libstd-rust-web-dev | cut -d'|' -f2 | tr -d ' ' |
            grep -xF -e "$version" -e "$version+b1" -e "$version+b2" -e "$version+b3" | head -n 1)
        [ -n "$same" ] || fail "Debian no longer has libstd-rust-web-dev $version; bring the compiler up to date: apt install rustc-web cargo-web"
        (cd "$making/archives" && apt-get -c="$making/apt.conf" -qq download "libstd-rust-web-dev=$same" >&2)
        dpkg-deb -x "$making"/archives/*.deb "$making/root"
        arm64_keep "$root"
    fi
    echo "$root/usr"
)

# What a build for arm64 needs: packages, and variables that concern this target alone.
arm64_environment() {
    need_packages gcc-aarch64-linux-gnu gcc libc6-dev libclang-dev pkgconf rustc-web cargo-web
    # The oldest release that the program is to run on. What is built with it also runs on newer ones.
    sysroot=$(arm64_root bookworm "libc6-dev, libasound2-dev, libgstreamer1.0-dev, libgstreamer-plugins-base1.0-dev, libsqlite3-dev")
    rust=$(rust_for_arm64)
    libraries=$sysroot/usr/lib/aarch64-linux-gnu
    # Debian's compiler, whose standard library this is; rustup's may come first.
    export PATH="/usr/bin:$PATH" RUSTC=/usr/bin/rustc
    unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
    # -B: gcc would first look where Debian has libc for cross-compiling, which is of this machine's release.
    # The same program wherever it is built: what a panic would say of a crate's source does not begin with someone's home.
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS="--sysroot=$rust -Clink-arg=--sysroot=$sysroot -Clink-arg=-B$libraries \
--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo --remap-path-prefix=$PWD=listener"
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
    export CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc
    export CFLAGS_aarch64_unknown_linux_gnu="--sysroot=$sysroot"
    export BINDGEN_EXTRA_CLANG_ARGS_aarch64_unknown_linux_gnu="--sysroot=$sysroot"
    export PKG_CONFIG_ALLOW_CROSS_aarch64_unknown_linux_gnu=1
    export PKG_CONFIG_SYSROOT_DIR_aarch64_unknown_linux_gnu="$sysroot"
    export PKG_CONFIG_LIBDIR_aarch64_unknown_linux_gnu="$libraries/pkgconfig:$sysroot/usr/share/pkgconfig"
}
