"""trim.py ROOT PLUGINS: removes the GStreamer plugins that the file PLUGINS does not name, and the libraries that then no program
and no other plugin needs. Fails if something that stays needs a library that is not there."""

import json
import pathlib
import re
import subprocess
import sys

LIBRARIES = "usr/lib/aarch64-linux-gnu"
# Opened by name without a word of it in the program: name services, and what ends a thread.
BY_NAME = re.compile(r"libnss_|libgcc_s")


class Program:
    """A program or library, and what it needs: linked, or named in a note for packagers (https://systemd.io/ELF_DLOPEN_METADATA)."""

    def __init__(self, path):
        tell = lambda *what: subprocess.run(["readelf", *what, path], capture_output=True, text=True, check=True).stdout
        self.linked = re.findall(r"\(NEEDED\).*\[(.*)\]", tell("--dynamic", "--wide"))
        notes = re.findall(r"(\[\{.*\}\])", tell("--string-dump=.note.dlopen")) if ".note.dlopen" in tell("--section-headers", "--wide") else []
        self.opened = [name for note in notes for entry in json.loads(note) for name in entry["soname"]]


def programs(root):
    for path in sorted((root / "usr").rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(4) == b"\x7fELF" and path.suffix != ".ko":
                    yield path


def main(root, plugins):
    kept = {f"libgst{name}.so" for line in plugins.read_text().splitlines() if not line.startswith("#") for name in line.split()}
    folder = root / LIBRARIES
    there = {path.name for path in (folder / "gstreamer-1.0").iterdir()}
    if not kept <= there:
        sys.exit(f"error: there are no plugins {sorted(kept - there)}")
    for name in there - kept:
        (folder / "gstreamer-1.0" / name).unlink()

    found = {path: Program(path) for path in programs(root)}
    # Beside the common folder, libraries lie in those of their packages.
    by_name = {}
    for path in [*folder.glob("**/*.so*"), *(root / "usr/lib").glob("*.so*"), *(root / "usr/lib/systemd").glob("*.so*")]:
        by_name.setdefault(path.name, path.resolve())
    needed = set()
    waiting = [path for path in found if path.parent != folder or BY_NAME.match(path.name)]
    missing = []
    while waiting:
        path = waiting.pop()
        if path in needed or path not in found:
            continue
        needed.add(path)
        missing += [f"{path} needs {name}" for name in found[path].linked if name not in by_name]
        waiting += [by_name[name] for name in (*found[path].linked, *found[path].opened) if name in by_name]
    if missing:
        sys.exit("error: left out, but needed:\n" + "\n".join(missing))
    removed = [path for path in found if path not in needed]
    size = sum(path.stat().st_size for path in removed)
    for path in removed:
        path.unlink()
    for link in folder.iterdir():
        if link.is_symlink() and not link.exists():
            link.unlink()
    print(f"{len(there - kept)} plugins and {len(removed)} libraries are left out, {size / 1e6:.0f} MB")


main(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]))
