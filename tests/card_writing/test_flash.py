"""What scripts/flash refuses, and what it finds when it reads back. The disks are as lsblk describes real ones."""
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts/lib"))
import flash  # noqa: E402 (the folder has to be known first)

IMAGE_BYTES = 3_000_000_000


def disk(**given):
    """A USB card reader with a card of 32 GB, but for what is given."""
    usual = {
        "name": "/dev/sdb", "type": "disk", "size": 31_914_983_424, "ro": False, "rm": True, "tran": "usb",
        "vendor": "Generic ", "model": "STORAGE DEVICE", "fstype": None, "label": None, "mountpoints": [None],
    }
    return usual | given


def part(*mounts, **given):
    """A partition of that card."""
    usual = {"name": "/dev/sdb1", "type": "part", "tran": None, "fstype": "vfat", "label": "BOOT"}
    return disk(**usual | {"mountpoints": list(mounts) or [None]} | given)


def refusal(sd_card=False, **given):
    """Why this one is not written to."""
    return flash.refusal(disk(**given), sd_card, IMAGE_BYTES)


def test_a_card_in_a_usb_reader_is_written_to():
    assert refusal(children=[part()]) is None


def test_a_usb_disk_that_does_not_call_itself_removable_is_written_to():
    assert refusal(rm=False) is None


def test_a_card_in_a_laptops_own_reader_is_written_to():
    assert refusal(name="/dev/mmcblk0", rm=False, tran=None, sd_card=True) is None


@pytest.mark.parametrize("given, reason", [
    ({"name": "/dev/nvme0n1", "rm": False, "tran": "nvme"}, "built into this machine"),
    ({"name": "/dev/sda", "rm": False, "tran": "sata"}, "built into this machine"),
    ({"name": "/dev/vda", "rm": False, "tran": None}, "built into this machine"),
    ({"name": "/dev/mmcblk0", "rm": False, "tran": "mmc"}, "built into this machine"),
    ({"name": "/dev/sdb1", "type": "part"}, "name the whole disk"),
    ({"name": "/dev/sr0", "type": "rom"}, "no disk but a rom device"),
    ({"name": "/dev/loop0", "type": "loop", "rm": False, "tran": None}, "no disk but a loop device"),
    ({"size": 0}, "no card in /dev/sdb"),
    ({"ro": True}, "look for the lock"),
    ({"size": IMAGE_BYTES - 512}, "too small: it has 3.0 GB"),
    ({"children": [part("/media/me/BOOT")]}, "sudo umount /dev/sdb1"),
    ({"mountpoints": ["/media/me/stick"]}, "sudo umount /dev/sdb"),
    ({"children": [part(None, "/")]}, "carries the running system"),
    ({"children": [part("[SWAP]")]}, "carries the running system"),
    ({"children": [part(children=[disk(name="/dev/mapper/root", type="crypt", mountpoints=["/"])])]}, "carries the running system"),
    ({"children": [part(children=[disk(name="/dev/mapper/vault", type="crypt")])]}, "/dev/mapper/vault (crypt) on /dev/sdb is in use"),
])
def test_nothing_else_is_written_to(given, reason):
    assert reason in refusal(**given)


def test_a_card_is_described_as_its_owner_knows_it():
    card = disk(children=[part(), part(label=None, fstype=None)])
    assert flash.description(card) == "/dev/sdb: Generic STORAGE DEVICE, 31.9 GB, holding BOOT (vfat)"


@pytest.fixture(name="image")
def make_image(tmp_path):
    """A sparse image, of no whole number of blocks, with its block map."""
    image = tmp_path / "listener-rpi4-0.img"
    with image.open("wb") as file:
        file.write(b"boot" * 3000)
        file.seek(5 << 20)
        file.write(b"root" * 300_000)
        file.truncate((9 << 20) + 512)
    subprocess.run(["bmaptool", "-q", "create", "-o", f"{image}.bmap", image], check=True)
    return image


def write(image, card):
    """As scripts/flash writes, onto what was on the card before."""
    card.write_bytes(b"\xa5" * (10 << 20))
    subprocess.run(["bmaptool", "-q", "copy", "--bmap", f"{image}.bmap", image, card], check=True)


def test_a_card_that_was_written_reads_back_as_it_should(image, tmp_path):
    write(image, tmp_path / "card")
    total, ranges = flash.mapped_ranges(flash.block_map(image))
    assert (total, len(ranges)) == ((9 << 20) + 512, 2)
    assert flash.differences(tmp_path / "card", ranges) == []


def test_one_wrong_byte_on_the_card_is_found(image, tmp_path):
    write(image, tmp_path / "card")
    with (tmp_path / "card").open("r+b") as card:
        card.seek((5 << 20) + 4096)
        card.write(b"x")
    _, ranges = flash.mapped_ranges(flash.block_map(image))
    assert flash.differences(tmp_path / "card", ranges) == [ranges[1][:2]]


def test_a_card_that_ends_too_soon_is_found(image, tmp_path):
    write(image, tmp_path / "card")
    with (tmp_path / "card").open("r+b") as card:
        card.truncate(6 << 20)
    _, ranges = flash.mapped_ranges(flash.block_map(image))
    assert flash.differences(tmp_path / "card", ranges) == [ranges[1][:2]]


def test_the_block_map_of_a_compressed_image_is_found_beside_it(image):
    assert flash.block_map(Path(f"{image}.xz")) == Path(f"{image}.bmap")


def test_an_image_without_its_block_map_is_refused(tmp_path):
    with pytest.raises(flash.Refused, match="beside the image"):
        flash.block_map(tmp_path / "listener-rpi4-0.img.xz")


def disks_of_the_running_system():
    """As lsblk shows them; in a container it shows none, or fails."""
    try:
        disks = flash.lsblk()
    except subprocess.CalledProcessError:
        return []
    return [disk for disk in disks if any("/" in part["mountpoints"] for part in flash.below(disk))]


def test_the_program_refuses_the_disk_it_runs_from():
    disks = disks_of_the_running_system()
    if not disks:
        pytest.skip("lsblk shows no disk that carries the running system")
    for running in disks:
        # Even if it could be a card.
        assert flash.refusal(running | {"rm": True, "ro": False}, True, 0) == f"{running['name']} carries the running system"
