"""labgrid's drivers for what surrounds an emulated box. The box itself is labgrid's own QEMUDriver."""

import subprocess
import time

import attr
from labgrid import target_factory
from labgrid.driver import Driver, QEMUDriver
from labgrid.driver.exception import ExecutionError
from labgrid.util import Timeout
from labgrid.util.qmp import QMPError

from channel import Channel
from protocols import CardProtocol, SticksProtocol, WatchedPins

COMMAND_S = 120
# BCM2711 ARM Peripherals, 5.2: set, clear, level; of pins 0 to 31.
GPSET0, GPCLR0, GPLEV0 = 0xFE20001C, 0xFE200028, 0xFE200034


class OfEmulator(Driver):
    """Something that the emulator does. (labgrid has one driver at a time use a console, so QEMUDriver is not bound.)"""

    def ask(self, command, **arguments):
        return self.target.get_driver(QEMUDriver, activate=False).monitor_command(command, arguments)


@target_factory.reg_driver
@attr.s(eq=False)
class EmulatedCard(Driver, CardProtocol):
    """An overlay of the image, as large as a card is: the image itself stays as it is."""

    image = attr.ib(validator=attr.validators.instance_of(str))
    card = attr.ib(validator=attr.validators.instance_of(str))
    size = attr.ib(validator=attr.validators.instance_of(str))

    def write(self):
        image, card = (self.target.env.config.get_image_path(name) for name in (self.image, self.card))
        command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", image, "-F", "raw", card, self.size]
        subprocess.run(command, check=True)


@target_factory.reg_driver
@attr.s(eq=False)
class EmulatedSticks(OfEmulator, SticksProtocol):
    """Sticks that are images. `socket` is what the emulator calls the USB socket."""

    socket = attr.ib(validator=attr.validators.instance_of(dict))

    @Driver.check_active
    def plug_in(self, name, image):
        file = {"driver": "file", "filename": str(image)}
        self.ask("blockdev-add", **{"node-name": name, "driver": "raw", "file": file})
        self.ask("device_add", driver="usb-storage", id=name, drive=name, removable=True, **self.socket)

    @Driver.check_active
    def pull_out(self, name):
        self.ask("device_del", id=name)
        patience = Timeout(float(COMMAND_S))
        while True:
            try:
                return self.ask("blockdev-del", **{"node-name": name})
            # Still in use. (labgrid 26 fails to make a QMPError of what the emulator says.)
            except (QMPError, TypeError):
                if patience.expired:
                    raise
                time.sleep(0.05)


@target_factory.reg_driver
@attr.s(eq=False)
class EmulatedPins(OfEmulator, WatchedPins):
    """The level register of the emulated Pi's GPIO block, read from outside by the emulator's monitor. The emulator has no
    switch to turn: in its stead the level of the switch's pin is written there, by the emulator's own test port."""

    leds = attr.ib(validator=attr.validators.instance_of(dict))
    mute_pin = attr.ib(validator=attr.validators.instance_of(int))
    test_port = attr.ib(validator=attr.validators.instance_of(str))

    @Driver.check_active
    def look(self):
        said = self.ask("human-monitor-command", **{"command-line": f"xp /1wx {GPLEV0:#x}"})
        level = int(said.split(":")[1], 16)
        return {led: bool(level >> pin & 1) for led, pin in self.leds.items()}

    @Driver.check_active
    def mute(self, on):
        # Closed, it joins the pin to ground.
        port = Channel(self.target.env.config.get_path(self.test_port), COMMAND_S)
        port.send(f"writel {GPCLR0 if on else GPSET0:#x} {1 << self.mute_pin:#x}".encode())
        answer = port.line(COMMAND_S)
        if answer != b"OK":
            raise ExecutionError(f"the emulator answers {answer}")
