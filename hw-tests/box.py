"""The box under test, as the tests see it: a root shell, a power switch, and what is around it."""

import base64
import shlex
import socket
import threading

from labgrid.driver import ShellDriver
from labgrid.protocol import PowerProtocol

from protocols import CardProtocol, PinsProtocol, SticksProtocol
from shell import COMMAND_S, Shell

# How long a shell takes to answer, beyond what it was asked to do.
ANSWER_S = 60
# A terminal takes 4095 characters a line.
LINE_CHARACTERS = 2000


class Box(Shell):
    """A labgrid target."""

    def __init__(self, target):
        self.target = target
        self.power, self.shell = target.get_driver(PowerProtocol), target.get_driver(ShellDriver, activate=False)
        self.card = target.get_driver(CardProtocol, activate=False)

    @property
    def sticks(self):
        return self.target.get_driver(SticksProtocol)

    @property
    def pins(self):
        return self.target.get_driver(PinsProtocol)

    def start_anew(self):
        """With the card as it is delivered."""
        self.stop()
        self.target.activate(self.card)
        self.card.write()
        self.start()

    def start(self):
        self.power.on()
        self.target.activate(self.shell)
        # What the kernel says there is not mixed into what the shell says.
        self.run("dmesg --console-level 1")

    def stop(self):
        """In the middle of everything: the power is gone."""
        self.target.deactivate(self.shell)
        self.power.off()

    def cut_power(self):
        self.stop()
        self.start()

    def attempt(self, script, patience_s=COMMAND_S):
        text = base64.b64encode(script.encode()).decode()
        parts = [text[at:at + LINE_CHARACTERS] for at in range(0, len(text), LINE_CHARACTERS)]
        for into, part in zip([">", *[">>"] * len(parts)], parts):
            self.shell.run(f"printf %s {part} {into}/run/script.base64", timeout=ANSWER_S)
        command = f"base64 -d /run/script.base64 >/run/script; timeout {patience_s} bash /run/script </dev/null 2>&1"
        said, _, code = self.shell.run(command, timeout=patience_s + ANSWER_S, decodeerrors="replace")
        return code, "\n".join(said)

    def load(self, path, content):
        """Brings a file there that is too long for `put`."""
        with socket.create_server(("", 0)) as server:
            server.settimeout(COMMAND_S)
            threading.Thread(target=hand_out, args=(server, content)).start()
            host, port = self.target.env.config.get_option("host"), server.getsockname()[1]
            self.run(f"cat </dev/tcp/{host}/{port} >{shlex.quote(path)}; [ $(stat -c %s {shlex.quote(path)}) = {len(content)} ]")


def hand_out(server, content):
    """To the first that comes."""
    connection, _ = server.accept()
    with connection:
        connection.sendall(content)
