"""What scripts/flash does, as root: chooses nothing by itself, refuses whatever is not a card, writes, reads back."""
import argparse
import hashlib
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

COLUMNS = "NAME,TYPE,SIZE,RO,RM,TRAN,VENDOR,MODEL,FSTYPE,LABEL,MOUNTPOINTS"
READ_BYTES = 4 << 20  # what a card gives at its full speed


class Refused(Exception):
    """Nothing has been written."""


def refusal(disk, sd_card, needed_bytes):
    """Why this disk, as lsblk describes it, is not written to; None if it may be. A mistake here erases somebody's files."""
    name = disk["name"]
    if disk["type"] == "part":
        return f"{name} is a partition; the image has its own: name the whole disk"
    if disk["type"] != "disk":
        return f"{name} is no disk but a {disk['type']} device"
    if not (disk["rm"] or disk["tran"] == "usb" or sd_card):
        return f"{name} is built into this machine ({size(disk['size'])}, {disk['tran'] or 'no USB'}): only cards and USB disks are written to"
    if not disk["size"]:
        return f"there is no card in {name}"
    if disk["ro"]:
        return f"{name} is write-protected: look for the lock on the side of the card or its adapter"
    for part in below(disk):
        if mounts := [place for place in part["mountpoints"] if place]:
            if "/" in mounts or "[SWAP]" in mounts:
                return f"{name} carries the running system"
            return f"{part['name']} is in use at {mounts[0]}: sudo umount {part['name']}"
        if part["type"] not in ("disk", "part"):
            return f"{part['name']} ({part['type']}) on {name} is in use: stop it first"
    if disk["size"] < needed_bytes:
        return f"{name} is too small: it has {size(disk['size'])}, the image needs {size(needed_bytes)}"
    return None


def below(disk):
    """The disk, its partitions, and what is made of them."""
    yield disk
    for child in disk.get("children", []):
        yield from below(child)


def description(disk):
    """The disk in words by which its owner knows it."""
    maker = " ".join(word.strip() for word in (disk["vendor"], disk["model"]) if word) or "no name"
    parts = [f"{part['label'] or 'no label'} ({part['fstype']})" for part in below(disk) if part["fstype"]]
    return f"{disk['name']}: {maker}, {size(disk['size'])}, holding {', '.join(parts) or 'nothing that is known'}"


def size(count):
    """As printed on the card."""
    return f"{count / 1e9:.1f} GB" if count else "no size"


def lsblk(*devices):
    """What the kernel knows of these disks, or of all."""
    call = ["lsblk", "--json", "--bytes", "--paths", "--output", COLUMNS, *devices]
    answer = subprocess.run(call, check=True, capture_output=True, text=True).stdout
    return json.loads(answer)["blockdevices"]


def is_sd_card(name):
    """A card in a reader of its own, as laptops have. Soldered memory has the same names, and the type MMC."""
    kind = Path("/sys/block", Path(name).name, "device/type")
    return kind.is_file() and kind.read_text().strip() == "SD"


def block_map(image):
    """The .bmap beside the image."""
    plain = image.with_suffix("") if image.suffix == ".xz" else image
    for candidate in (Path(f"{plain}.bmap"), Path(f"{image}.bmap")):
        if candidate.is_file():
            return candidate
    raise Refused(f"there is no {plain}.bmap beside the image, which says what to write and what must be read back")


def mapped_ranges(bmap):
    """The image's size, and of each range that has content: where it begins, its length, its SHA-256."""
    root = ElementTree.parse(bmap).getroot()
    total, block = int(root.findtext("ImageSize")), int(root.findtext("BlockSize"))
    if root.findtext("ChecksumType", "").strip() != "sha256":
        raise Refused(f"{bmap} has no SHA-256 to read back by: make it with bmaptool create")
    ranges = []
    for entry in root.iter("Range"):
        first, _, last = entry.text.strip().partition("-")
        start = int(first) * block
        end = min((int(last or first) + 1) * block, total)
        ranges.append((start, end - start, entry.get("chksum")))
    return total, ranges


def differences(device, ranges):
    """The ranges that are not what they should be, as (start, length)."""
    wrong = []
    with open(device, "rb", buffering=0) as disk:
        for start, length, expected in ranges:
            disk.seek(start)
            found, left = hashlib.sha256(), length
            while left and (data := disk.read(min(left, READ_BYTES))):
                found.update(data)
                left -= len(data)
            if found.hexdigest() != expected:
                wrong.append((start, length))
    return wrong


def newest_image(folder):
    """The image that scripts/image made last."""
    images = sorted(folder.glob("listener-rpi4-*.img.xz"), key=lambda image: image.stat().st_mtime)
    if not images:
        raise Refused(f"there is no image in {folder}: make one with scripts/image, or name one with --image")
    return images[-1]


def flash(options):
    """Everything, in order."""
    if not options.device:
        cards = [disk for disk in lsblk() if refusal(disk, is_sd_card(disk["name"]), 0) is None]
        print("\n".join(map(description, cards)) or "no card and no USB disk is plugged in")
        return
    image = Path(options.image) if options.image else newest_image(Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "image")
    if not image.is_file():
        raise Refused(f"there is no {image}")
    bmap = block_map(image)
    total, ranges = mapped_ranges(bmap)
    if not Path(options.device).is_block_device():
        raise Refused(f"{options.device} is no disk; those that are: scripts/flash")
    disk = lsblk(os.path.realpath(options.device))[0]
    if reason := refusal(disk, is_sd_card(disk["name"]), total):
        raise Refused(reason)
    print(description(disk), f"All of it will be overwritten by {image.name}.", sep="\n")
    if not options.yes and input("Write yes to go on: ").strip().lower() != "yes":
        raise Refused("nothing was written")
    if subprocess.run(["bmaptool", "copy", "--bmap", bmap, image, disk["name"]], check=False).returncode:
        sys.exit(f"error: bmaptool gave up, as it says above; {disk['name']} is not usable as it is")
    # What is still in memory would be read back from there.
    subprocess.run(["blockdev", "--flushbufs", disk["name"]], check=True)
    print("reading back", flush=True)
    if wrong := differences(disk["name"], ranges):
        first = wrong[0][0]
        sys.exit(f"error: {len(wrong)} of {len(ranges)} ranges do not read back as written, the first at byte {first}: try another card")
    print("The card is written and reads back as it should. It may be pulled out; if its folders have opened, eject them first.")


def main():
    """Reads the options."""
    parser = argparse.ArgumentParser(prog="scripts/flash", description="Writes the image to an SD card and reads it back.")
    parser.add_argument("device", nargs="?", help="the whole disk, such as /dev/sdb; without it, lists those that could be meant")
    parser.add_argument("--image", help="a .img or .img.xz with its .bmap beside it; by default the one scripts/image made last")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    try:
        flash(parser.parse_args())
    except Refused as reason:
        sys.exit(f"error: {reason}")
    except EOFError:
        sys.exit("error: nobody was there to answer, so nothing was written; --yes does not ask")
    except KeyboardInterrupt:
        sys.exit("error: interrupted; if writing had begun, the card is not usable as it is")
    except subprocess.CalledProcessError as failed:
        sys.exit(f"error: {failed.cmd[0]} failed: {failed.stderr or failed}")


if __name__ == "__main__":
    main()
