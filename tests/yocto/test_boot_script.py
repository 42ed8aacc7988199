"""Which root the boot script of the Yocto image starts, for every value of its counters: on Debian's U-Boot for an emulated
ARM machine. What it lacks of a Pi's is put in its place: the card is a virtio disk, and of a start only its words are seen."""

import itertools
import re
import select
import subprocess
import time
from pathlib import Path

import pytest

SCRIPT = Path("yocto/meta-listener/recipes-bsp/rpi-u-boot-scr/files/listener-distro/boot.cmd.in")
U_BOOT = Path("/usr/lib/u-boot/qemu_arm64/u-boot.bin")
FLASH_BYTES = 64 << 20
# Ten times what it takes on an idle machine.
DEADLINE_S = 60

ORDERS = ["", "A B", "B A"]
COUNTERS = ["", "0", "1", "2", "3"]


class Machine:
    """An emulated machine with U-Boot, its environment and a card."""

    def __init__(self, folder, card):
        flash, environment = folder / "flash", folder / "environment"
        flash.write_bytes(U_BOOT.read_bytes())
        for file in (flash, environment):
            with open(file, "ab") as grown:
                grown.truncate(FLASH_BYTES)
        self.process = subprocess.Popen(
            ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a57", "-m", "256", "-display", "none", "-monitor", "none",
             "-serial", "stdio", "-net", "none", "-drive", f"if=pflash,format=raw,file={flash},readonly=on",
             "-drive", f"if=pflash,format=raw,file={environment}", "-drive", f"if=virtio,format=raw,file={card}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.heard = ""
        self.wait_for("Hit any key to stop autoboot")
        self.process.stdin.write(b"\r")
        self.process.stdin.flush()
        self.wait_for("=> ")

    def wait_for(self, pattern):
        """Everything up to the first place where the pattern is found."""
        deadline = time.monotonic() + DEADLINE_S
        while not (match := re.search(pattern, self.heard)):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                pytest.fail(f"not heard within {DEADLINE_S} s: {pattern}\n{self.heard[-3000:]}")
            piece = self.process.stdout.read1(65536)
            assert piece, f"the machine has ended:\n{self.heard[-3000:]}"
            self.heard += piece.decode(errors="replace").replace("\r", "")
        said, self.heard = self.heard[: match.end()], self.heard[match.end():]
        return said

    def run(self, *commands):
        """What they say."""
        said = ""
        for command in commands:
            self.process.stdin.write(command.encode() + b"\r")
            self.process.stdin.flush()
            said += self.wait_for(r"\n=> ")
        return said

    def close(self):
        self.process.kill()
        self.process.wait()


def boot_script(folder, name, **words):
    """The script as U-Boot reads it, with other words in place of some of its own."""
    text = SCRIPT.read_text().replace("@@BOOT_MEDIA@@", "virtio").replace("@@KERNEL_IMAGETYPE@@", "Image")
    text = text.replace("@@KERNEL_BOOTCMD@@", 'echo STARTS ${slot} "[${bootargs}]"; true')
    for word, other in words.items():
        text, count = re.subn(rf"^( *){word}$", rf"\1{other}", text, flags=re.MULTILINE)
        assert count
    source = folder / f"{name}.cmd"
    source.write_text(text)
    compiled = folder / f"{name}.scr"
    subprocess.run(["mkimage", "-A", "arm64", "-T", "script", "-C", "none", "-d", source, compiled], check=True, capture_output=True)
    return compiled


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """One with both scripts on the first partition, and a kernel on each of the two roots."""
    folder = tmp_path_factory.mktemp("u-boot")
    # To be asked again and again: says what it would save, and where it would reset.
    asked = boot_script(folder, "asked", saveenv='echo SAVES "[${BOOT_ORDER}/${BOOT_A_LEFT}/${BOOT_B_LEFT}]"', reset="echo RESETS")
    real = boot_script(folder, "boot")
    boot = folder / "boot.vfat"
    subprocess.run(["mkfs.vfat", "-C", boot, str(16 << 10)], check=True, capture_output=True)
    subprocess.run(["mcopy", "-i", boot, asked, real, "::"], check=True)
    root, tree = folder / "root.ext4", folder / "tree"
    (tree / "boot").mkdir(parents=True)
    (tree / "boot/Image-6.18").write_text("kernel")
    (tree / "boot/Image").symlink_to("Image-6.18")
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", tree, root, "16M"], check=True)
    card = folder / "card"
    with open(card, "wb") as file:
        file.truncate(64 << 20)
    subprocess.run(["sfdisk", "--quiet", card], input="label: dos\nstart=1MiB, size=16MiB, type=c\nstart=17MiB, size=16MiB\nstart=33MiB, size=16MiB\n",
                   text=True, check=True)
    for number, file in ((1, boot), (17, root), (33, root)):
        subprocess.run(["dd", f"if={file}", f"of={card}", "bs=1M", f"seek={number}", "conv=notrunc", "status=none"], check=True)
    made = Machine(folder, card)
    made.run("virtio scan", "setenv serial# 10000000abcdef01", "fdt addr ${fdt_addr}", 'fdt resize 256', 'fdt set /chosen bootargs "console=x"')
    yield made
    made.close()


def expected(order, left_a, left_b):
    """The slot that is started, and what is saved."""
    left = {"A": int(left_a or "3"), "B": int(left_b or "3")}
    order = order or "A B"
    for slot in order.split():
        if left[slot] > 0:
            left[slot] -= 1
            return slot, f"{order}/{left['A']}/{left['B']}"
    return None, "A B/3/3"


def asked(machine, order, left_a, left_b):
    """The same, as the script has it, and the kernel's command line."""
    said = machine.run(f'setenv BOOT_ORDER "{order}"', f'setenv BOOT_A_LEFT "{left_a}"', f'setenv BOOT_B_LEFT "{left_b}"',
                       "load virtio 0:1 ${scriptaddr} asked.scr", "source ${scriptaddr}")
    said, _, _ = said.partition("\nRESETS\n")
    saved = re.findall(r"^SAVES \[(.*)\]$", said, re.MULTILINE)
    started = re.findall(r"^STARTS ([AB]) \[(.*)\]$", said, re.MULTILINE)
    assert len(saved) == 1, said
    slot, arguments = started[0] if started else (None, "")
    return (slot, saved[0]), arguments


@pytest.mark.parametrize("order", ORDERS)
def test_each_root_is_started_while_it_has_attempts_and_first_the_one_that_is_wanted(machine, order):
    for left_a, left_b in itertools.product(COUNTERS, COUNTERS):
        said, _ = asked(machine, order, left_a, left_b)
        assert said == expected(order, left_a, left_b), (order, left_a, left_b)


@pytest.mark.parametrize("slot, partition", [("A", 2), ("B", 3)])
def test_the_kernel_is_told_its_root_its_slot_and_who_the_box_is(machine, slot, partition):
    _, arguments = asked(machine, "A B" if slot == "A" else "B A", "3", "3")
    identity = "10000000abcdef01" * 2
    assert arguments == f"console=x root=PARTUUID=4c697374-0{partition} rauc.slot={slot} systemd.machine_id={identity}"


def test_starts_that_nobody_finds_good_go_three_times_to_each_root_and_then_on_from_the_beginning(machine):
    said = machine.run("env default -a", "setenv bootcmd 'virtio scan; load virtio 0:1 ${scriptaddr} boot.scr; source ${scriptaddr}'",
                "setenv bootdelay -2", "setenv BOOT_ORDER 'B A'", "setenv BOOT_A_LEFT 3", "setenv BOOT_B_LEFT 3", "saveenv")
    assert "Writing to Flash... done" in said, said
    machine.process.stdin.write(b"reset\r")
    machine.process.stdin.flush()
    starts = [re.search(r"STARTS ([AB])", machine.wait_for(r"STARTS [AB] .*\n"))[1] for _ in range(8)]
    assert "".join(starts) == "BBBAAAAA"
