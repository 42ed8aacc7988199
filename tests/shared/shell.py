"""A root shell in a machine under test, whatever leads to it."""

import base64
import pathlib
import shlex

# Emulated, everything takes five to twenty times as long, and other work may share the cores.
COMMAND_S = 120


class Failed(AssertionError):
    """A command in the machine that did not end well."""


class Shell:
    """What is asked of a machine. Whoever inherits says how, by `attempt`."""

    def attempt(self, script, patience_s=COMMAND_S):
        """Runs a shell script as root. Gives its exit code and what it said."""
        raise NotImplementedError

    def run(self, script, patience_s=COMMAND_S):
        """Runs a shell script that has to succeed. Gives what it said."""
        code, said = self.attempt(script, patience_s)
        if code:
            raise Failed(f"exit code {code} of: {script}\n{said}")
        return said.strip()

    def wait_until(self, script, patience_s=COMMAND_S):
        """Waits until a shell script succeeds. Gives what it said."""
        wait = f"until {{ {script}\n}} >/run/waited 2>&1; do sleep 0.3; done; cat /run/waited"
        code, said = self.attempt(wait, patience_s)
        if code:
            _, waited = self.attempt("cat /run/waited; systemctl --no-pager --plain list-units 'listener*'; "
                                     "journalctl -b --no-pager -n 40 -u 'listener*'")
            raise Failed(f"not within {patience_s} s: {script}\n{waited}")
        return said.strip()

    def wait_for_active(self, unit):
        """Waits until a unit runs."""
        self.wait_until(f"[ $(systemctl show -P ActiveState {unit}) = active ]")

    def wait_until_looked_at(self):
        """Waits until no stick is being dealt with. (What runs once is `activating` until it is over, and never `active`.)"""
        self.wait_until("[ -z \"$(systemctl list-units --plain --no-legend --state activating 'listener-provision@sd*')\" ]")

    def put(self, path, text):
        """Writes a file."""
        self.run(f"mkdir -p {shlex.quote(str(pathlib.PurePosixPath(path).parent))}\n"
                 f"echo {base64.b64encode(text.encode()).decode()} | base64 -d >{shlex.quote(path)}")
