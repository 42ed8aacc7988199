"""How many bytes are written to the card for each byte recorded, counted at the block layer, the journal of ext4 among them. Records with
default settings on an ext4 of its own on a loop device, and delivers to demo-api elsewhere. Needs root."""

import argparse
import os
import re
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from api import Api
from recording import MKE2FS, MOUNT
from report import write

CARD_MB = 4096
# Until first items have been delivered.
SETTLE_S = 30
DRAIN_S = 60
DAY_S = 86_400
SECTOR_BYTES = 512


def main():
    """Reads the options."""
    parser = argparse.ArgumentParser(prog="scripts/power-cuts --writes", description=__doc__)
    parser.add_argument("seconds", type=int, help="how long to count")
    parser.add_argument("--scene", type=Path, metavar="FILE", help="a film to record from, at its pace; else the test sound and the test picture")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the counts")
    for name in ("demo-api", "listener"):
        parser.add_argument(f"--{name}", type=lambda path: Path(path).resolve(), required=True, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="writes-") as folder:
        counts = measure(chosen, Path(folder))
    print(*(f"{name:40} {value:>16,}" for name, value in counts.items()), sep="\n")
    write(counts, chosen.json)


def measure(chosen, folder):
    """The counts for a recording."""
    with ExitStack() as stack:
        device, card = mounted(folder, stack)
        api = Api(chosen.demo_api, folder / "server")
        stack.callback(api.stop)
        log = folder / "capture.log"
        recorder = record(chosen, stack, card / "data", api, log)
        time.sleep(SETTLE_S)
        before = written_bytes(device), kept(log)
        time.sleep(chosen.seconds)
        after = written_bytes(device), kept(log)
        recorder.terminate()
        recorder.wait()
        files = [folder / "server" / "files" / "Listener" / path for path in after[1][len(before[1]):]]
        deadline = time.monotonic() + DRAIN_S
        while not all(file.exists() for file in files) and time.monotonic() < deadline:
            time.sleep(1)
        written, recorded = after[0] - before[0], sum(file.stat().st_size for file in files)
    return {
        "seconds": chosen.seconds,
        "items": len(files),
        "bytes_recorded": recorded,
        "bytes_written": written,
        "bytes_written_per_byte_recorded": round(written / recorded, 3),
        "bytes_written_a_day": round(written * DAY_S / chosen.seconds),
    }


def record(chosen, stack, data, api, log):
    """Starts to record and to deliver. Gives the process that records."""
    environment = {**os.environ, "LISTENER_TOKEN": api.token, "RUST_LOG": "info,listener=debug"}
    delivery = ["--home_id", "1", "--api_domain", api.address]
    if chosen.scene:
        return start(stack, [chosen.listener, "replay", chosen.scene, "--data_dir", data, *delivery], environment, log)
    start(stack, [chosen.listener, "upload", "--data_dir", data, *delivery], environment, log.with_name("upload.log"))
    return start(stack, [chosen.listener, "capture", "--source", "test", "--data_dir", data], environment, log)


def mounted(folder, stack):
    """An ext4 like the box's: its device's name and where it is."""
    image, card = folder / "card.img", folder / "card"
    with open(image, "wb") as file:
        file.truncate(CARD_MB << 20)
    subprocess.run([*MKE2FS, image], check=True)
    card.mkdir()
    device = subprocess.run(["losetup", "--find", "--show", image], check=True, capture_output=True, text=True).stdout.strip()
    stack.callback(subprocess.run, ["losetup", "--detach", device], check=True)
    subprocess.run([*MOUNT.split(), device, card], check=True)
    stack.callback(subprocess.run, ["umount", card], check=True)
    return Path(device).name, card


def start(stack, command, environment, log):
    """Starts a process of the program, which is stopped at the end."""
    with open(log, "wb") as file:
        process = subprocess.Popen(command, env=environment, stderr=file, stdin=subprocess.DEVNULL)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return process


def written_bytes(device):
    """What was written to a device since it is there (kernel: Documentation/block/stat.rst, the seventh number)."""
    return int(Path(f"/sys/class/block/{device}/stat").read_text().split()[6]) * SECTOR_BYTES


def kept(log):
    """The items that the program has said it keeps, in order."""
    return re.findall(r"\bkept (\S+)", log.read_text())


if __name__ == "__main__":
    main()
