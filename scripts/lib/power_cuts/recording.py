"""A recording of the installed package in a virtual machine, on ext4 over dm-log-writes. What comes of it: the log, the disk as it was at
first, and all that demo-api has kept."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import agreement
from delivery import read
from machine import EMULATED, EMULATED_STEADILY, VIRTUALISED, Machine

CAPTURE, UPLOAD = "listener-capture", "listener-upload"
# As scripts/lib/image/card.sh makes the data partition, and as fstab there mounts it.
MKE2FS = ["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-i", "32768", "-m", "1", "-J", "size=16",
          "-E", "lazy_itable_init=0,lazy_journal_init=0"]
MOUNT = "mount -o noatime,commit=30,nosuid,nodev,noexec"
CARD_MB, LOG_MB, SERVER_MB = 256, 2048, 2048
TOKEN = "power-cut"
SERVER_PORT, PROXY_PORT = 8001, 8000
# By a name, which holds on the host as well: recordings are for the API for which they were made.
API = f"http://api.example:{PROXY_PORT}"
# Small, so that software encodes it where the machine is emulated. The voice of the test sound pauses for less than `pause`, so that
# somebody speaks all the time.
DEFAULTS = f"""home_id = 1
token = "{TOKEN}"
api_domain = "{API}"
"""
SMALL = DEFAULTS + """[audio]
energy_threshold = 5000
pause = 2000
timeout = 4000
[video]
width = 320
height = 240
frame_rate = 5
video_length = 3
"""
START_S, DRAIN_S = 900, 900
# An emulated second may take so many.
SLOWEST = 20


class Recording:
    """Disks and machine. /dev/vdb is the card, /dev/vdc its log, /dev/vdd has the package, demo-api and what that keeps, /dev/vde is
    for images of cards after power cuts."""

    def __init__(self, folder, chosen):
        """`chosen` are the options of scripts/power-cuts."""
        self.folder, self.seed = Path(folder), chosen.seed
        self.card, self.log, self.server, self.cut_cards = (self.folder / name for name in ("card.img", "log.img", "server.img", "cut.img"))
        make(self.card, CARD_MB)
        make(self.log, LOG_MB, file_system=False)
        make(self.cut_cards, max(1, chosen.mount * CARD_MB), file_system=False)
        content = self.folder / "content"
        content.mkdir()
        for file in (chosen.package, chosen.demo_api, *(Path(__file__).parent / "in_vm").iterdir()):
            shutil.copy(file, content)
        make(self.server, SERVER_MB, content=content)
        self.package = chosen.package.name
        self.at_first = self.folder / "at-first.img"
        subprocess.run(["cp", "--sparse=always", self.card, self.at_first], check=True)
        self.machine = Machine(chosen.base, self.folder, accelerator(chosen.quick), (self.card, self.log, self.server, self.cut_cards))

    def start(self, settings=SMALL):
        """Installs the package on the logged card, and sets everything going."""
        run = self.machine.run
        run("modprobe dm-log-writes")
        run("dmsetup create card --table \"0 $(blockdev --getsz /dev/vdb) log-writes /dev/vdb /dev/vdc\"")
        run(f"mkdir -p /var/lib/listener /server; {MOUNT} /dev/mapper/card /var/lib/listener; mount /dev/vdd /server; chmod 755 /server/demo-api")
        run(f"dpkg --install /server/{self.package}", START_S)
        unit = run(f"cat /usr/lib/systemd/system/{CAPTURE}.service")
        command = re.search("^ExecStart=.*$", unit, re.MULTILINE)[0]
        self.machine.put(f"/etc/systemd/system/{CAPTURE}.service.d/test.conf", "[Service]\nStandardError=file:/run/kept\n"
                         f"Environment=RUST_LOG=info,listener=debug\nExecStart=\n{command} --source test\n")
        self.machine.put("/var/lib/listener/config/listener.toml", settings)
        run("echo 127.0.0.1 api.example >>/etc/hosts; systemctl daemon-reload; chmod 600 /var/lib/listener/config/listener.toml")
        run("systemd-run --unit marker /usr/bin/python3 /server/marker.py card /run/changes /run/kept")
        self.machine.wait_until("test -S /run/changes && test -p /run/kept")
        run(f"systemd-run --unit demo-api /server/demo-api --listen 127.0.0.1:{SERVER_PORT} --data_dir /server/data --token {TOKEN} "
            "--notify /run/changes")
        run(f"systemd-run --unit proxy /usr/bin/python3 /server/proxy.py {PROXY_PORT} {SERVER_PORT} {self.seed}")
        run(f"systemctl restart listener-provision@boot {CAPTURE} {UPLOAD} listener.target", START_S)

    def record(self, length_s):
        """Records for a while, then delivers what waits. In the middle both processes are killed, so that the power is cut also while they
        take up what was left."""
        run = self.machine.run
        # By the machine's own time.
        run(f"sleep {length_s / 2}", length_s * SLOWEST)
        run(f"systemctl kill --signal KILL {CAPTURE} {UPLOAD}")
        run(f"sleep {length_s / 2}", length_s * SLOWEST)
        run(f"systemctl stop {CAPTURE}; systemctl kill --signal USR1 proxy", START_S)
        self.machine.wait_until(f"/usr/bin/python3 /server/arrived.py {SERVER_PORT}", DRAIN_S)

    def stop(self):
        """Ends the log, and gives what came of it: the machine stays, to look at cards."""
        run = self.machine.run
        run("systemctl is-active marker proxy demo-api")
        run(f"systemctl stop listener.target {UPLOAD} listener-indicate", START_S)
        run("umount /var/lib/listener; dmsetup status card >/run/log-status; systemctl stop marker proxy demo-api; dmsetup remove card")
        status = run("cat /run/log-status")
        assert "logging_disabled" not in status, status
        run("umount /server; sync")
        read(self.server, self.folder / "server")
        return self.folder / "server" / "data"

    def compare(self, outcomes):
        """Mounts the cards of these cuts in the virtual machine. Gives what it and the host do not agree on."""
        size_bytes, found = CARD_MB << 20, []
        for place, outcome in enumerate(outcomes):
            subprocess.run(["dd", f"if={outcome.untouched}", f"of={self.cut_cards}", "bs=1M", f"seek={place * CARD_MB}", "conv=notrunc,sparse",
                            "status=none"], check=True)
            theirs = agreement.mounted(self.machine, "/dev/vde", place * size_bytes, size_bytes)
            found += [f"cut {outcome.cut.number}: {what}" for what in agreement.differences(outcome.tree, theirs)]
        return found


def accelerator(is_quick):
    """The processor itself, where it can run a virtual machine, else an emulated one: the quicker one, or one that a busy machine does not
    make lag behind, so that the seconds lost are its own. There may be a /dev/kvm without a processor for it (nested, by software alone),
    in which an ordinary kernel gets nowhere."""
    flags = set(Path("/proc/cpuinfo").read_text().split())
    if flags & {"vmx", "svm"} and os.access("/dev/kvm", os.R_OK | os.W_OK):
        return VIRTUALISED
    return EMULATED if is_quick else EMULATED_STEADILY


def make(image, size_mb, file_system=True, content=None):
    """An empty disk."""
    with open(image, "wb") as file:
        file.truncate(size_mb << 20)
    if file_system:
        subprocess.run([*MKE2FS, *(["-d", content] if content else []), image], check=True)
