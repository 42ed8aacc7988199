# What the scripts install, on Debian 12 or 13. Sourced, not run.

# Debian leaves it out of an ordinary user's path; it has what formats, partitions and checks file systems.
PATH=$PATH:/usr/sbin:/sbin

say() { if [ -t 2 ]; then printf '\033[1m%s\033[0m\n' "$*" >&2; else printf '%s\n' "$*" >&2; fi; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else fail "this needs root: run it as root, or install sudo; it wants to run: $*"
    fi
}

# Installs those of the named packages that are missing, and says which.
need_packages() {
    missing=""
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null || fail "these packages are needed, and this is not Debian:$missing"
    say "installing:$missing"
    apt_update
    # shellcheck disable=SC2086 # a list of packages
    apt_install $missing
}

# An archive that falters is asked again.
apt_update() { as_root apt-get -o DPkg::Lock::Timeout=400 -o Acquire::Retries=5 -q update >&2; }
apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=400 -o Acquire::Retries=5 -q install -y \
        --no-install-recommends "$@" >&2
}

# What builds the program, and what runs it: the bindings of v4l are made with libclang; v4l2src, jpegenc and mp4mux are in
# good, h264parse in bad, x264enc in ugly; libasound2-plugins has the microphone `pulse`. Then whatever else is named.
need_program_packages() {
    need_packages build-essential pkg-config libclang-dev libasound2-dev libgstreamer1.0-dev \
        libgstreamer-plugins-base1.0-dev libsqlite3-dev \
        gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly \
        libasound2-plugins "$@"
}

# Whether `cargo` is there and not older than Cargo.toml asks for.
rust_is_new_enough() {
    command -v cargo >/dev/null || return 1
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    have=$(rustc --version | cut -d' ' -f2)
    [ "$(printf '%s\n%s\n' "$wanted" "$have" | sort -V | head -n 1)" = "$wanted" ]
}

candidate() { apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: //p' | grep -qv '^(none)$'; }

# Debian keeps a new enough Rust for its browsers (rustc-web); where it does not, it has rustup.
need_rust() {
    # Cargo fetches by HTTPS, and trusts whom the system trusts.
    need_packages ca-certificates
    rust_is_new_enough && return 0
    apt_update
    if candidate rustc-web; then
        need_packages rustc-web cargo-web
    elif candidate rustup; then
        need_packages rustup
        rustup default stable >&2
    fi
    hash -r
    rust_is_new_enough || fail "Rust $(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) or newer is needed: https://rustup.rs"
}

# Formatter and linter, from wherever the compiler came.
need_rust_tools() {
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 && return 0
    if command -v rustup >/dev/null; then rustup component add rustfmt clippy >&2
    else need_packages rustfmt-web rust-web-clippy
    fi
}

need_nextest() {
    PATH="$HOME/.cargo/bin:$PATH"
    cargo nextest --version >/dev/null 2>&1 || need_cargo_tools
}

# Built in a hurry: it packs once, and optimising it would take a minute more.
need_cargo_deb() {
    PATH="$HOME/.cargo/bin:$PATH"
    cargo deb --version >/dev/null 2>&1 && return 0
    say "installing: cargo-deb (from crates.io; half a minute)"
    need_packages xz-utils
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=256 \
        cargo install --locked --no-default-features 'cargo-deb@^3.8' >&2
}

# need_from_pypi FOLDER PROGRAM REQUIREMENT...: a program in a folder of its own below the target's: Debian's Python is Debian's to
# change (PEP 668).
need_from_pypi() {
    venv=${CARGO_TARGET_DIR:-target}/$1 program=$2
    shift 2
    [ -x "$venv/bin/$program" ] && return 0
    need_packages python3 python3-venv
    say "installing, from PyPI: $*"
    # Debian's own: another user may have to run it.
    /usr/bin/python3 -m venv "$venv" >&2
    "$venv/bin/pip" install --quiet "$@" >&2
}

# Tools of cargo, as programs of fixed versions.
need_cargo_tools() {
    need_from_pypi cargo-tools cargo-nextest --require-hashes -r scripts/lib/cargo-tools.txt
    # Last, since the folder has a Python of its own.
    PATH="$PATH:$(cd "$venv/bin" && pwd)"
}

# What checks the dependencies: their licences and sources, and whether they are used.
need_cargo_deny_and_shear() {
    PATH="$HOME/.cargo/bin:$PATH"
    { cargo deny --version && cargo shear --version; } >/dev/null 2>&1 || need_cargo_tools
}

# A server that speaks S3, for the tests.
need_moto() { need_from_pypi moto moto_server 'moto[server]>=5,<6'; }

# Django REST framework, which the API is made of, for a small one of the tests' own.
need_django() { need_from_pypi django django-admin 'Django>=5.2,<5.3' 'djangorestframework>=3.16,<4'; }

# The linter of Yocto recipes, and what sets a build up from yocto/kas.yml.
need_yocto_tools() { need_from_pypi yocto-tools kas 'oelint-adv>=9.11,<10' 'kas>=5.5,<6'; }

# Tests of hardware, emulated or not.
need_labgrid() { need_from_pypi labgrid labgrid-client 'labgrid>=26,<27' 'pytest>=9,<10'; }

# An SSH server for the tests, which start one of their own: Debian's service is not wanted on a machine that had none.
need_sshd() {
    [ -x /usr/sbin/sshd ] && return 0
    need_packages openssh-server
    [ ! -d /run/systemd/system ] || as_root systemctl --quiet disable --now ssh.service >&2
}

# need_qemu PACKAGE...: those of QEMU that are named, of any version. Parts of two versions break each other: where need_qemu_10 has
# been, they come from where it had its own.
need_qemu() {
    for part in qemu-system-common qemu-utils qemu-system-arm; do
        if dpkg --compare-versions "$(dpkg-query -W -f='${Version}' "$part" 2>/dev/null)" ge 1:10; then
            need_qemu_10 "$@"
            return
        fi
    done
    need_packages "$@"
}

# need_qemu_10 PACKAGE...: those of QEMU that are named, of a version that has the Raspberry Pi 4. Debian 13 has it; Debian 12 in
# its backports, from where only what is asked for comes.
need_qemu_10() {
    old=""
    for package in "$@"; do
        dpkg --compare-versions "$(dpkg-query -W -f='${Version}' "$package" 2>/dev/null)" ge 1:10 || old="$old $package"
    done
    [ -n "$old" ] || return 0
    candidate "$1" || apt_update
    version=$(apt-cache policy "$1" | sed -n 's/^ *Candidate: //p')
    dpkg --compare-versions "$version" ge 1:10 && { need_packages "$@"; return; }
    # shellcheck disable=SC1091 # any Debian's
    backports=$(. /etc/os-release && echo "$VERSION_CODENAME-backports")
    if ! apt-cache policy | grep -q "n=$backports"; then
        # From wherever this machine has its Debian.
        # shellcheck disable=SC2016 # apt's names
        mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' | grep " ${backports%-backports}\$" | head -n 1 | cut -d' ' -f1)
        [ -n "$mirror" ] || fail "QEMU 10 is needed, and apt has no source of ${backports%-backports} to derive $backports from"
        say "adding a source of packages, with a low priority: $mirror $backports (/etc/apt/sources.list.d/backports.list)"
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $backports main" |
            as_root tee /etc/apt/sources.list.d/backports.list >/dev/null
        apt_update
    fi
    say "installing QEMU 10, from $backports:$old"
    # shellcheck disable=SC2086 # a list of packages
    apt_install -t "$backports" $old
}
