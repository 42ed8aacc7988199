#!/bin/sh
# namespace.sh COMMAND...: runs a command as root of a user name space with 65536 users, where it may change root and own files
# as anybody. Nothing of it is left on this machine. Who is not root needs uidmap, and users of his own in /etc/subuid.
set -eu

if [ "${1:-}" = --inside ]; then
    # The other side writes which users this name space has.
    read -r _ <"$2"
    shift 2
    # In a shell that is root of the name space since its users are known.
    exec "$@"
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkfifo "$dir/go"
unshare --user --mount --pid --fork --kill-child "$0" --inside "$dir/go" "$@" &
child=$!
until [ "$(readlink "/proc/$child/ns/user")" != "$(readlink /proc/self/ns/user)" ]; do
    kill -0 "$child" 2>/dev/null || { echo "error: user name spaces are not to be had here" >&2; exit 1; }
    sleep 0.05
done
if [ "$(id -u)" = 0 ]; then
    echo 0 0 65536 >"/proc/$child/uid_map"
    echo 0 0 65536 >"/proc/$child/gid_map"
else
    # shellcheck disable=SC2046 # start and count
    set -- $(sed -n "s/^$(id -un)://p" /etc/subuid | tr : ' ' | head -n 1)
    [ $# = 2 ] || { echo "error: /etc/subuid has no users for $(id -un): usermod --add-subuids 100000-165535 --add-subgids 100000-165535" >&2; exit 1; }
    newuidmap "$child" 0 "$(id -u)" 1 1 "$1" "$2"
    newgidmap "$child" 0 "$(id -g)" 1 1 "$1" "$2"
fi
echo >"$dir/go"
wait "$child"
