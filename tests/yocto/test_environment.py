"""U-Boot's environment on a card: whatever a power cut leaves of the copy that is being written, the other one counts. By the
library that RAUC writes it with, on a file in place of the card, at the places that a box uses."""

import subprocess
from pathlib import Path

import pytest

PLACES = Path("yocto/meta-listener/recipes-bsp/u-boot/files/listener-distro/fw_env.config")
CARD_BYTES = 12 << 20


class Card:
    def __init__(self, folder):
        self.file = folder / "card"
        with open(self.file, "wb") as file:
            file.truncate(CARD_BYTES)
        lines = [line.split() for line in PLACES.read_text().splitlines() if not line.startswith("#")]
        self.places = [(int(offset, 16), int(size, 16)) for _, offset, size in lines]
        self.config = folder / "fw_env.config"
        self.config.write_text("".join(f"{self.file} {offset} {size}\n" for _, offset, size in lines))
        (folder / "first").write_text("BOOT_ORDER=A B\nBOOT_B_LEFT=3\n")
        size = self.places[0][1]
        subprocess.run(["mkenvimage", "-r", "-s", str(size), "-o", folder / "first.bin", folder / "first"], check=True)
        for offset, _ in self.places:
            self.write(offset, (folder / "first.bin").read_bytes())

    def write(self, offset, content):
        with open(self.file, "r+b") as file:
            file.seek(offset)
            file.write(content)

    def read(self):
        return self.file.read_bytes()

    def set(self, value):
        subprocess.run(["fw_setenv", "-c", self.config, "BOOT_B_LEFT", value], check=True, capture_output=True)

    def get(self):
        done = subprocess.run(["fw_printenv", "-c", self.config, "-n", "BOOT_B_LEFT"], check=True, capture_output=True, text=True)
        return done.stdout.strip()


@pytest.fixture
def card(tmp_path):
    return Card(tmp_path)


def test_what_is_written_is_read_and_lies_in_one_copy_alone(card):
    for value in ("2", "1", "0", "3"):
        before = card.read()
        card.set(value)
        assert card.get() == value
        after = card.read()
        changed = [offset for offset, size in card.places if before[offset : offset + size] != after[offset : offset + size]]
        assert len(changed) == 1, "a write that fails would leave no whole copy"


@pytest.mark.parametrize("left", ["nothing", "rubbish", "a part"])
def test_a_power_cut_while_a_copy_is_written_leaves_what_was_before(card, left):
    for old, new in (("2", "1"), ("1", "0")):
        card.set(old)
        before = card.read()
        card.set(new)
        after = card.read()
        for offset, size in card.places:
            if before[offset : offset + size] == after[offset : offset + size]:
                continue
            # A sector is 512 bytes; of those before the cut the new ones are there.
            torn = {"nothing": b"\xff" * size, "rubbish": b"\x5a" * size, "a part": after[offset : offset + 32] + b"\xff" * (size - 32)}[left]
            card.write(offset, torn)
        assert card.get() == old
        card.set(new)
        assert card.get() == new
