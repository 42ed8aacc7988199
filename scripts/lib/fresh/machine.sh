#!/bin/sh
# machine.sh CACHE FOLDER SUITE USER COMMAND...: makes the new system, runs the command in it, removes it. FOLDER has what
# scripts/fresh prepared: the clone, ../shared, the settings of the registries. Needs root.
# shellcheck disable=SC2317 # functions that a trap or another function calls by name
set -eu
cache=$1 prepared=$2 suite=$3 user=$4
shift 4
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/lib/install.sh
. "$here/../install.sh"
export LC_ALL=C

# --- The minimal system: made once for each release and each list of sources ---
include=ca-certificates,git
[ "$user" = root ] || include=$include,sudo
base=$cache/$suite-$({ echo "$include"; cat "$prepared/settings/sources.list"; } | sha256sum | cut -c 1-16)
if [ ! -d "$base" ]; then
    say "making a minimal Debian: $suite (a minute)"
    making=$(mktemp -d "$cache/making.XXXXXX")
    # apt as root: the user it would change to may have no way into this folder.
    mmdebstrap --quiet --mode=root --variant=minbase --include="$include" \
        --aptopt="$prepared/settings/apt.conf" --aptopt='APT::Sandbox::User "root"' --aptopt='Acquire::Retries "5"' \
        "$suite" "$making" "$prepared/settings/sources.list" >&2
    rm -f "$making/etc/apt/apt.conf.d/99mmdebstrap" "$making"/etc/apt/sources.list.d/*
    cp "$prepared/settings/sources.list" "$making/etc/apt/sources.list"
    chmod 755 "$making"
    mv -T "$making" "$base"
fi

# --- A copy of it, gone whatever happens ---
# What a killed run left behind goes first: nobody holds its lock any more.
for left in "$cache"/run.*; do
    [ -d "$left" ] || continue
    # shellcheck disable=SC2094 # a folder is not read by opening it
    (flock --nonblock 9 && rm -rf --one-file-system "$left") 9<"$left" || true
done
run=$(mktemp -d "$cache/run.XXXXXX")
exec 9<"$run"
flock 9
root=$run/root
machine=""
clean_up() {
    # The first process of the name space takes all others with it, and the last of them its mounts.
    [ -z "$machine" ] || { kill -KILL "$machine" 2>/dev/null; wait "$machine" 2>/dev/null; }
    # Loop devices outlive their processes.
    losetup --noheadings --output NAME,BACK-INO,BACK-MAJ:MIN 2>/dev/null | while read -r name inode device; do
        [ "$(stat -c '%Hd:%Ld' "$root" 2>/dev/null)" != "$device" ] || [ -z "$(find "$root" -xdev -inum "$inode" -print -quit)" ] || losetup -d "$name"
    done
    rm -rf --one-file-system "$run"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
cp -a --reflink=auto "$base" "$root"

if [ "$user" = root ]; then
    home=/root
else
    home=/home/$user
    chroot "$root" useradd --create-home --shell /bin/bash "$user"
    echo "$user ALL=(ALL) NOPASSWD: ALL" >"$root/etc/sudoers.d/$user"
fi

# --- What it knows of its registries ---
cat /etc/resolv.conf >"$root/etc/resolv.conf"
hostname=$(uname -n)
echo "$hostname" >"$root/etc/hostname"
printf '127.0.0.1 localhost %s\n::1 localhost\n' "$hostname" >"$root/etc/hosts"
settings=$prepared/settings
{ cat "$settings/apt.conf"; echo 'Acquire::Retries "5";'; } >"$root/etc/apt/apt.conf.d/90registries"
# Nothing of it outlives a power cut anyway: unpacking takes a quarter of the time without waiting for the disk.
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/fresh"
cp "$settings/auth.conf" "$root/etc/apt/auth.conf"
cp "$settings/pip.conf" "$root/etc/pip.conf"
mkdir -p "$root$home/.cargo" "$root/usr/local/share/ca-certificates"
cp "$settings/cargo.toml" "$root$home/.cargo/config.toml"
# The authorities that this machine trusts beyond Debian's, a file each.
awk -v known="$root/etc/ssl/certs/ca-certificates.crt" -v into="$root/usr/local/share/ca-certificates/" '
    /BEGIN CERTIFICATE/ { text = "" }
    { text = text $0 "\n" }
    /END CERTIFICATE/ {
        if (FILENAME == known) has[text] = 1
        else if (!(text in has)) { file = into "carried-in-" ++count ".crt"; printf "%s", text >file; close(file) }
    }' "$root/etc/ssl/certs/ca-certificates.crt" "$settings/authorities.pem"
chroot "$root" update-ca-certificates >/dev/null 2>&1

# --- Downloads: each file is kept with its hash. apt, cargo or pip has checked it when it came ---
# Where they lie in the new system, and the name for it in the cache.
downloads="
    /var/cache/apt/archives apt-$suite
    $home/.cargo/registry/cache crates
    $home/.cache/pip wheels"
# A larger cache begins anew: it is full of versions that nobody asks for any more.
most_mib=6144
each_download() {
    mkdir -p "$cache/downloads"
    (
        flock 8
        echo "$downloads" | while read -r inside name; do [ -z "$inside" ] || "$1" "$root$inside" "$cache/downloads/$name"; done
    ) 8<"$cache/downloads"
}
bring_in() {
    [ -f "$2.sha256" ] || return 0
    mkdir -p "$1"
    # Only files whose hash is right.
    (cd "$2" && sha256sum --check "$2.sha256" 2>/dev/null | sed -n 's/: OK$//p' | tr '\n' '\0' |
        xargs -0 -r cp -a --parents --reflink=auto -t "$1")
}
take_out() {
    [ -d "$1" ] || return 0
    rm -rf "$1/partial" "$1/lock" "$2.new"
    cp -a --reflink=auto "$1" "$2.new"
    (cd "$2.new" && find . -type f -exec sha256sum {} +) >"$2.sha256.new"
    rm -rf "$2"
    mv -T "$2.new" "$2"
    mv "$2.sha256.new" "$2.sha256"
}
[ "$(du -sm "$cache/downloads" 2>/dev/null | cut -f1)" -lt "$most_mib" ] 2>/dev/null || rm -rf "$cache/downloads"
each_download bring_in
mkdir -p "$root/var/cache/apt/archives/partial"

# --- The checkout ---
mkdir "$root$home/src"
mv "$prepared/listener" "$root$home/src/listener"
[ ! -d "$prepared/shared" ] || mv "$prepared/shared" "$root$home/src/shared"
owner=$(chroot "$root" id -u "$user")
chown -R "$owner:$owner" "$root$home"

cp "$here/inside.sh" "$run/inside.sh"
say "running in a new Debian ($suite, as $user): $*"
unshare --mount --pid --ipc --fork --kill-child --propagation private "$run/inside.sh" "$root" "$user" "$home" "$@" </dev/null &
machine=$!
code=0
wait "$machine" || code=$?
machine=""
# Not of a run that was interrupted: what it was writing may be cut short.
each_download take_out
exit "$code"
