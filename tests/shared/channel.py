"""Unix sockets of an emulator."""

import socket
import time

SEND_S = 120


class Channel:
    """A Unix socket on which lines come and go."""

    def __init__(self, path, patience_s):
        deadline = time.monotonic() + patience_s
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                self.socket.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        self.rest = b""

    def line(self, patience_s):
        deadline = time.monotonic() + patience_s
        while b"\n" not in self.rest:
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            read = self.socket.recv(1 << 16)
            if not read:
                raise EOFError("the machine has gone")
            self.rest += read
        line, self.rest = self.rest.split(b"\n", 1)
        return line

    def send(self, line):
        self.socket.settimeout(SEND_S)
        self.socket.sendall(line + b"\n")
