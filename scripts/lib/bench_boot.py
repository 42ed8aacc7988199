"""bench_boot.py ROUNDS [JSON_FILE]: how long after the kernel's start the emulated box records, beside a bare start of the same root.

Needs what scripts/hw-test sets (LG_…), and hw-tests and tests/shared in PYTHONPATH.
"""

import json
import pathlib
import statistics
import sys
import tempfile

from box import Box
from labgrid import Environment
from labgrid.driver import QEMUDriver
from stick import Stick

# A start takes 80 s on idle cores.
START_S = 400
BARE = " ".join(f"systemd.mask=listener{unit}" for unit in (".target", "-capture.service", "-upload.service", "-indicate.service"))
# Nobody is at that address: what is recorded stays.
SETTINGS = """home_id = 1
api_domain = "http://10.0.2.2:9"
token = "a-token-for-benchmarks"
[audio]
default_microphone = "Loopback"
[video]
width = 320
height = 180
frame_rate = 5
"""


def started(box: Box) -> float:
    """Seconds from the kernel's start until what a machine starts for is reached."""
    box.run("systemctl is-system-running --wait", START_S)
    return int(box.run("systemctl show -P ActiveEnterTimestampMonotonic multi-user.target")) / 1e6


def recording(box: Box) -> float:
    """Seconds from the kernel's start until both microphone and camera record."""
    said = "journalctl --boot --unit listener-capture --output short-monotonic --no-pager | grep ': {}: recording$'"
    lines = [box.wait_until(said.format(part), START_S).splitlines()[0] for part in ("microphone", "camera")]
    return max(float(line.split("]")[0].strip("[ ")) for line in lines)


def provisioned(box: Box, folder: str) -> None:
    """Settings are taken, and the data partition has grown: the next start is like any other."""
    stick = Stick(pathlib.Path(folder) / "stick.img", {"listener.toml": SETTINGS.encode()})
    box.start_anew()
    box.run("systemctl is-system-running --wait", START_S)
    box.sticks.plug_in("settings", stick.image)
    recording(box)
    box.run("sync")
    box.stop()


def main() -> None:
    rounds = int(sys.argv[1])
    environment = Environment("hw-tests/qemu.yaml")
    target = environment.get_target("main")
    box, machine = Box(target), target.get_driver(QEMUDriver, activate=False)
    words = machine.boot_args
    bare, listening = [], []
    with tempfile.TemporaryDirectory() as folder:
        provisioned(box, folder)
        for _ in range(rounds):
            for figures, measure, more in ((bare, started, BARE), (listening, recording, "")):
                # It is told how to start when it is activated.
                target.deactivate(machine)
                machine.boot_args = f"{words} {more}"
                target.activate(machine)
                box.start()
                figures.append(measure(box))
                box.stop()
    result = {"bare_s": bare, "recording_s": listening, "ratio": statistics.median(listening) / statistics.median(bare)}
    print(f"bare start: {bare}; recording after: {listening}; ratio of medians: {result['ratio']:.2f} (at most 1.15 is wanted)")
    if len(sys.argv) > 2:
        pathlib.Path(sys.argv[2]).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
