"""Describes an image to the Raspberry Pi Imager, which takes the description by its --repo or as its content repository.

imager_json.py IMAGE.img.xz --url BASE [--date YYYY-MM-DD]: BASE is where the image, the description and the icon will be. Both are
written beside the image, and the description's path is printed. The schema is doc/json-schema in the Imager's repository.
"""
import argparse
import hashlib
import json
import lzma
import os
import shutil
import time
from pathlib import Path
from urllib.parse import quote

READ_BYTES = 1 << 20
ICON = Path(__file__).resolve().parents[2] / "docs/icon.svg"
# The Imager's own word for a Pi 4 with a 64-bit system.
TAG = "pi4-64bit"


def measure(stream):
    """Size and SHA-256 of what the stream gives."""
    total, digest = 0, hashlib.sha256()
    while data := stream.read(READ_BYTES):
        total += len(data)
        digest.update(data)
    return total, digest.hexdigest()


def description(name, base, date, packed, unpacked):
    """The repository with the one image; `packed` and `unpacked` are size and SHA-256 of it."""
    base = base.rstrip("/")
    version = name.removeprefix("listener-rpi4-").removesuffix(".img.xz")
    system = {
        "name": f"Listener {version}",
        "description": "Listens and watches in a room and feeds a conversational assistant's API",
        "icon": f"{base}/{ICON.name}",
        "url": f"{base}/{quote(name)}",
        "extract_size": unpacked[0],
        "extract_sha256": unpacked[1],
        "image_download_size": packed[0],
        "image_download_sha256": packed[1],
        "release_date": date,
        "devices": [TAG],
        "architecture": "armv8",
        # Users, passwords and Wi-Fi are not the Imager's to set: listener.toml brings what the box needs.
        "init_format": "none",
    }
    # Without a list of devices of its own the Imager has none to choose from.
    pi4 = {"name": "Raspberry Pi 4", "description": "Model B", "tags": [TAG], "matching_type": "exclusive", "default": True}
    return {"imager": {"devices": [pi4]}, "os_list": [system]}


def main():
    """Reads the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", type=Path)
    parser.add_argument("--url", required=True, help="where image, description and icon will be put: https://example.org/listener")
    parser.add_argument("--date", help="of the release; by default SOURCE_DATE_EPOCH's, or the image's own")
    options = parser.parse_args()
    with options.image.open("rb") as packed, lzma.open(options.image) as unpacked:
        measures = measure(packed), measure(unpacked)
    made = int(os.environ.get("SOURCE_DATE_EPOCH", options.image.stat().st_mtime))
    date = options.date or time.strftime("%Y-%m-%d", time.gmtime(made))
    out = Path(str(options.image).removesuffix(".img.xz") + ".rpi-imager-manifest")
    out.write_text(json.dumps(description(options.image.name, options.url, date, *measures), indent=2) + "\n")
    shutil.copyfile(ICON, out.parent / ICON.name)
    print(out)


if __name__ == "__main__":
    main()
