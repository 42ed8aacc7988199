"""Mounts some cards in the virtual machine, as the box would, and compares what the kernel finds with what was read on the host."""

import json

# What is printed for each file: size, hash, path.
LIST = "find . -path ./lost+found -prune -o -type f -print0 | sort -z | xargs -0r stat -c '%s %n'; " \
       "find . -path ./lost+found -prune -o -type f -print0 | sort -z | xargs -0r sha256sum"


def mounted(machine, device, offset_bytes, size_bytes):
    """The files of a card that lies at this place of a disk, as the kernel has them after it has replayed the journal."""
    table = f"0 {size_bytes // 512} linear {device} {offset_bytes // 512}"
    said = machine.run(f"dmsetup create cut --table '{table}' && mkdir -p /cut && mount -o noatime /dev/mapper/cut /cut && cd /cut && "
                       f"{{ {LIST}; }}; cd /; umount /cut && dmsetup remove cut")
    return parse(said)


def parse(said):
    """Size and hash by path."""
    sizes, hashes = {}, {}
    for line in said.splitlines():
        first, path = line.split(maxsplit=1)
        (hashes if len(first) == 64 else sizes)[path.removeprefix("./")] = first
    return {path: [int(size), hashes[path]] for path, size in sizes.items()}


def differences(ours, theirs):
    """What two lists of files do not agree on."""
    return [f"{path}: host {json.dumps(ours.get(path))}, virtual machine {json.dumps(theirs.get(path))}"
            for path in sorted(ours.keys() | theirs.keys()) if ours.get(path) != theirs.get(path)]
