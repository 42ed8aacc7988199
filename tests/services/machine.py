"""A virtual machine with a root shell, sticks to plug in, and a power switch. Emulated, so that it runs anywhere."""

import base64
import json
import pathlib
import subprocess
import time

from channel import Channel
from shell import COMMAND_S, Failed, Shell

MEMORY_MB = 1536
BOOT_S = 300
STARTS = 3
# Which processor it has.
EMULATED, VIRTUALISED = ("-accel", "tcg,thread=multi"), ("-accel", "kvm")
# Its clock counts its instructions, 500 million a second: it is slow on a busy machine, but what runs in it does not notice.
EMULATED_STEADILY = ("-accel", "tcg,thread=single", "-icount", "shift=1")


class Machine(Shell):
    """Starts from a root that is left as it is: what is written goes to an overlay in `folder`. `disks` are raw images, which become
    /dev/vdb, /dev/vdc and so on."""

    def __init__(self, base, folder, accelerator=EMULATED, disks=()):
        self.base, self.folder = pathlib.Path(base), pathlib.Path(folder)
        self.options = list(accelerator)
        for disk in disks:
            self.options += ["-drive", f"file={disk},format=raw,if=virtio,cache=unsafe"]
        self.disk, self.console = self.folder / "disk.qcow2", self.folder / "console.log"
        backing = ["-b", str(self.base / "root.img"), "-F", "raw"]
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *backing, str(self.disk)], check=True)
        self.start()

    def start(self):
        """Power on. Each time by an emulator of its own: one that resets itself is several times slower from then on."""
        for attempts_left in reversed(range(STARTS)):
            self.launch()
            try:
                while self.shell.line(BOOT_S) != b"ready":
                    pass
                return
            except (OSError, EOFError) as error:
                # QEMU 10 with two emulated processors sometimes aborts in a start (iotlb_to_section): an EOFError.
                if isinstance(error, EOFError) and attempts_left:
                    self.stop()
                    continue
                said = self.console.read_text(errors="replace")[-4000:]
                raise Failed(f"no shell within {BOOT_S} s; the console said:\n{said}") from error

    def launch(self):
        """Starts the emulator."""
        monitor, shell = self.folder / "monitor", self.folder / "shell"
        for socket_file in (monitor, shell):
            socket_file.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-M", "q35", "-cpu", "max", "-smp", "2"]
            + ["-m", str(MEMORY_MB), "-nodefaults", "-no-reboot", "-display", "none", "-serial", f"file:{self.console}"]
            + ["-kernel", str(self.base / "vmlinuz"), "-initrd", str(self.base / "initrd.img")]
            # On a busy machine the emulated timer fails a test that only real ones need (no_timer_check).
            + ["-append", "root=/dev/vda rw console=ttyS0 mitigations=off no_timer_check quiet"]
            # What the machine has written is there after a power cut, as on a disk; what it has not is lost with its memory.
            + ["-drive", f"file={self.disk},format=qcow2,if=virtio,cache=unsafe", *self.options]
            + ["-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net", "-device", "virtio-rng-pci"]
            + ["-device", "qemu-xhci,id=usb", "-qmp", f"unix:{monitor},server=on,wait=off"]
            # It only says that it would have reset: this machine may stand still for longer than its dog waits.
            + ["-device", "i6300esb", "-action", "watchdog=none"]
            + ["-device", "virtio-serial-pci", "-chardev", f"socket,id=shell,path={shell},server=on,wait=off"]
            + ["-device", "virtserialport,chardev=shell,name=shell"]
        )
        self.monitor = Channel(monitor, 10)
        self.monitor.line(10)
        self.tell("qmp_capabilities")
        self.shell = Channel(shell, 10)

    def tell(self, command, **arguments):
        """A command for the emulator."""
        self.monitor.send(json.dumps({"execute": command, "arguments": arguments}).encode())
        while True:
            answer = json.loads(self.monitor.line(COMMAND_S))
            if "error" in answer:
                raise Failed(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def attempt(self, script, patience_s=COMMAND_S):
        self.shell.send(b"%d %s" % (patience_s, base64.b64encode(script.encode())))
        code, said = self.shell.line(patience_s + 60).split(b" ")
        return int(code), base64.b64decode(said).decode(errors="replace")

    def plug_in(self, name, image):
        """Plugs in a USB stick."""
        file = {"driver": "file", "filename": str(image)}
        self.tell("blockdev-add", **{"node-name": name, "driver": "raw", "file": file})
        self.tell("device_add", driver="usb-storage", bus="usb.0", id=name, drive=name, removable=True)

    def pull_out(self, name):
        """Pulls a stick out, at once."""
        self.tell("device_del", id=name)
        deadline = time.monotonic() + COMMAND_S
        while True:
            try:
                return self.tell("blockdev-del", **{"node-name": name})
            except Failed:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def reboot(self):
        """Shuts down in good order, and starts again."""
        self.shell.send(b"%d %s" % (COMMAND_S, base64.b64encode(b"systemctl --no-block reboot")))
        self.process.wait(BOOT_S)
        self.start()

    def cut_power(self):
        """Stops in the middle of everything, and starts again."""
        self.stop()
        self.start()

    def stop(self):
        self.process.kill()
        self.process.wait()
