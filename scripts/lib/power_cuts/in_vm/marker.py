"""In the virtual machine: marker.py DEVICE SOCKET KEPT puts marks into the log of the dm-log-writes device DEVICE:
  api,TIME,SEQ     a change of demo-api's state, told over SOCKET; demo-api answers its client afterwards
  kept,TIME,FILE   the program has logged to the FIFO KEPT that it keeps an item
  tick,TIME,       each 100 ms, so that the time of every other entry is known
TIME is seconds since 1970."""

import fcntl
import os
import re
import socket
import struct
import sys
import threading
import time

TICK_S = 0.1
# uapi/linux/dm-ioctl.h: struct dm_ioctl, behind it struct dm_target_msg. DM_TARGET_MSG is number 14.
HEAD = struct.Struct("=3I3IiI2IQ128s129s7x")
DM_TARGET_MSG = (3 << 30) | (HEAD.size << 16) | (0xFD << 8) | 14
KEPT = re.compile(rb"\bkept (\S+)")


class Log:
    """The log of a device, as something to put marks into."""

    def __init__(self, device):
        self.device = device.encode()
        self.control = os.open("/dev/mapper/control", os.O_RDWR)
        self.lock = threading.Lock()

    def mark(self, kind, value=""):
        message = struct.pack("=Q", 0)
        with self.lock:
            message += f"mark {kind},{time.time():.6f},{value}".encode() + b"\0"
            message += bytes(-len(message) % 8)
            size = HEAD.size + len(message)
            head = HEAD.pack(4, 0, 0, size, HEAD.size, 0, 0, 0, 0, 0, 0, self.device, b"")
            fcntl.ioctl(self.control, DM_TARGET_MSG, bytearray(head + message))


def follow_api(log, path):
    """Marks each change that demo-api tells of."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    while True:
        connection, _ = server.accept()
        for line in connection.makefile("rb"):
            log.mark("api", int(line))
            connection.sendall(b"+")


def follow_program(log, path):
    """Marks each item that the program says it keeps."""
    os.mkfifo(path)
    # Opened for writing, too, it does not end when the program is stopped.
    with open(os.open(path, os.O_RDWR), "rb", buffering=0) as fifo, open("/run/capture.log", "ab") as copy:
        rest = b""
        while True:
            *lines, rest = (rest + fifo.read(1 << 16)).split(b"\n")
            for line in lines:
                if found := KEPT.search(line):
                    log.mark("kept", found[1].decode())
                copy.write(line + b"\n")
            copy.flush()


def main():
    device, api, program = sys.argv[1:]
    log = Log(device)
    for follow, path in ((follow_api, api), (follow_program, program)):
        threading.Thread(target=stop_if_it_fails, args=(follow, log, path), daemon=True).start()
    while True:
        log.mark("tick")
        time.sleep(TICK_S)


def stop_if_it_fails(follow, log, path):
    """Without one kind of marks the others prove nothing."""
    try:
        follow(log, path)
    finally:
        os._exit(1)


main()
