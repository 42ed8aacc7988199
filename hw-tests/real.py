"""labgrid's drivers for what surrounds a real box: a card between box and lab, a second Raspberry Pi beside it, or a person.
How they are wired is in README.md."""

import subprocess
import tempfile

import attr
from labgrid import target_factory
from labgrid.driver import Driver, SSHDriver, USBSDMuxDriver, USBStorageDriver
from labgrid.driver.usbstoragedriver import Mode

from protocols import CardProtocol, PinsProtocol, SticksProtocol, WatchedPins


@target_factory.reg_driver
@attr.s(eq=False)
class MuxedCard(Driver, CardProtocol):
    """A card in a USB-SD-Mux. The box is given a root shell at its serial port by the same words as an emulated one."""

    bindings = {"mux": USBSDMuxDriver, "storage": USBStorageDriver}
    image = attr.ib(validator=attr.validators.instance_of(str))
    cmdline = attr.ib(validator=attr.validators.instance_of(str))

    @Driver.check_active
    def write(self):
        self.mux.set_mode("host")
        self.storage.write_image(self.target.env.config.get_image_path(self.image), mode=Mode.BMAPTOOL)
        boot = self.storage.storage.path + "1"
        # As root: it is a disk.
        subprocess.run(["sudo", "blockdev", "--rereadpt", self.storage.storage.path], check=True)
        subprocess.run(["sudo", "udevadm", "settle"], check=True)
        command = ["sudo", "mtype", "-i", boot, "::cmdline.txt"]
        words = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        with tempfile.NamedTemporaryFile("w") as file:
            print(words, self.cmdline, file=file, flush=True)
            subprocess.run(["sudo", "mcopy", "-o", "-i", boot, file.name, "::cmdline.txt"], check=True)
        subprocess.run(["sudo", "blockdev", "--flushbufs", self.storage.storage.path], check=True)
        self.mux.set_mode("dut")


@target_factory.reg_driver
@attr.s(eq=False)
class CardByHand(Driver, CardProtocol):
    """A person who writes the card."""

    image = attr.ib(validator=attr.validators.instance_of(str))
    cmdline = attr.ib(validator=attr.validators.instance_of(str))

    def write(self):
        image = self.target.env.config.get_image_path(self.image)
        self.target.interact(f"Write {image} onto the card (scripts/flash). Append this to the one line of cmdline.txt on its first "
                             f"partition:\n  {self.cmdline}\nPut the card into the box, then press Enter. ")


class OfHelper(Driver):
    """Something that the second Raspberry Pi does: the target `helper`, reached by SSH as root."""

    @property
    def helper(self):
        return self.target.env.get_target("helper").get_driver(SSHDriver)


@target_factory.reg_driver
@attr.s(eq=False)
class HelperSticks(OfHelper, SticksProtocol):
    """The helper's USB port acts as a stick (Linux, Documentation/usb/mass-storage.rst)."""

    CONTENT = "/run/stick.img"

    def __attrs_post_init__(self):
        super().__attrs_post_init__()
        self.images = {}

    def plug_in(self, name, image):
        self.images[name] = image
        self.helper.put(str(image), self.CONTENT)
        self.helper.run_check(f"modprobe g_mass_storage file={self.CONTENT} removable=1 stall=0")

    def pull_out(self, name):
        self.helper.run_check("modprobe --remove g_mass_storage && sync")
        self.helper.get(self.CONTENT, str(self.images.pop(name)))


@target_factory.reg_driver
@attr.s(eq=False)
class HelperPins(OfHelper, WatchedPins):
    """The helper's pins are joined to those of the box. `leds`: which of its own sees which LED."""

    leds = attr.ib(validator=attr.validators.instance_of(dict))
    mute_pin = attr.ib(validator=attr.validators.instance_of(int))

    def look(self):
        return dict(list(self.watch(0.1))[-1][1])

    def watch(self, seconds):
        # Looked at there, since the way there takes longer than a flash. gpioget and gpioset are those of libgpiod 2.
        pins = " ".join(str(pin) for pin in self.leds.values())
        script = (f"end=$(($(date +%s%N) + {int(seconds * 1e9)})); while now=$(date +%s%N) && [ $now -lt $end ]; "
                  f"do echo $now $(gpioget --numeric --chip gpiochip0 {pins}); done")
        for line in self.helper.run_check(script, timeout=seconds + 60):
            when, *levels = line.split()
            yield int(when) / 1e9, {led: level == "1" for led, level in zip(self.leds, levels)}

    def mute(self, on):
        # Closed, the switch joins the pin to ground; open, the box pulls it up.
        self.helper.run("pkill --exact gpioset")
        if on:
            self.helper.run_check(f"gpioset --daemonize --chip gpiochip0 {self.mute_pin}=0")


@target_factory.reg_driver
@attr.s(eq=False)
class SticksByHand(Driver, SticksProtocol):
    """A person with a stick and a reader. What needs a stick to be pulled out at a moment is not as exact."""

    def plug_in(self, name, image):
        self.target.interact(f"Write {image} onto a stick (dd), plug it into the box, then press Enter. ")

    def pull_out(self, name):
        self.target.interact("Pull the stick out and press Enter; then read it back into the same file (dd) and press Enter again. ")


@target_factory.reg_driver
@attr.s(eq=False)
class PinsByHand(Driver, PinsProtocol):
    """A person who looks at the LEDs."""

    def ask(self, question):
        return input(f"{self.target.name}: {question} ").strip()

    def shows(self, led):
        return self.ask(f"What does the LED {led} do, in the words of docs/leds.md?")

    def wait_for_flashes(self, count, plug_in):
        plug_in()
        assert self.ask(f"Did all three LEDs flash together {count} times? (yes or no)") == "yes"

    def mute(self, on):
        self.target.interact(f"Turn the mute switch {'on' if on else 'off'}, then press Enter. ")
