"""What the tests ask of whatever surrounds the box: its card, its USB sockets, its pins. Emulated, a lab's, or a person."""

import abc
import time

import leds

# From the stick's flash until it is seen: emulated, a few times as long as it would be.
FLASHES_S = 60


class CardProtocol(abc.ABC):
    """The SD card, while the box is off."""

    @abc.abstractmethod
    def write(self):
        """The image as it is delivered, and nothing of what was on the card."""


class SticksProtocol(abc.ABC):
    """A USB socket of the box."""

    @abc.abstractmethod
    def plug_in(self, name, image):
        """A stick with this content is there."""

    @abc.abstractmethod
    def pull_out(self, name):
        """At once. What the box has written to it is in the image."""


class PinsProtocol(abc.ABC):
    """What can be seen of the LEDs, and the mute switch."""

    @abc.abstractmethod
    def shows(self, led):
        """What it does, in the words of docs/leds.md."""

    @abc.abstractmethod
    def wait_for_flashes(self, count, plug_in):
        """That all of them flash together so often, once plug_in() has been called."""

    @abc.abstractmethod
    def mute(self, on):
        """Turns the switch."""


class WatchedPins(PinsProtocol):
    """Pins whose levels can be read. Whoever inherits says how, by `look`."""

    # Nobody can see two changes that are closer together than twice this.
    LOOK_EVERY_S = 0.01

    @abc.abstractmethod
    def look(self):
        """{LED: whether it is lit}."""

    def watch(self, seconds):
        """[(when, {LED: lit})]"""
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            yield now, self.look()
            time.sleep(self.LOOK_EVERY_S)

    def shows(self, led):
        return leds.in_words([(when, lit[led]) for when, lit in self.watch(leds.WATCH_S)])

    def wait_for_flashes(self, count, plug_in):
        plug_in()
        begun, were_lit, flashes = 0.0, True, []
        for when, lit in self.watch(FLASHES_S):
            are_lit = all(lit.values())
            if are_lit and not were_lit:
                begun = when
            if were_lit and not are_lit and when - begun < 2 * leds.SHORT_S:
                flashes = [flash for flash in flashes if when - flash < 2] + [when]
            were_lit = are_lit
            if len(flashes) == count:
                return
        raise AssertionError(f"{len(flashes)} flashes together in {FLASHES_S} s")
