"""Makes the disk as it is after a power cut, from the disk as it was at first and the log of what was written to it."""

import subprocess

import cuts
from write_log import DISCARD


class Disk:
    """A copy of the disk that is written forward, flush by flush. Cuts have to come in the order of the log."""

    def __init__(self, at_first, log, entries, image):
        copy(at_first, image)
        self.image, self.log, self.entries = open(image, "r+b"), log, entries
        self.done = 0

    def make(self, cut, image):
        """The disk after a cut, as an image of its own."""
        for entry in self.entries[self.done:cut.flush + 1]:
            self.write(self.image, entry, 0, entry.length)
        self.done = max(self.done, cut.flush + 1)
        self.image.flush()
        copy(self.image.name, image)
        with open(image, "r+b") as file:
            for entry, start, length in cuts.survivors(self.entries, cut):
                self.write(file, entry, start, length)

    def write(self, file, entry, start, length):
        """Writes a part of an entry's data to where it belongs."""
        if entry.is_mark or not length:
            return
        file.seek(entry.at + start)
        if entry.flags & DISCARD:
            file.write(bytes(length))
        else:
            self.log.seek(entry.data_at + start)
            file.write(self.log.read(length))

    def close(self):
        self.image.close()


def copy(image, target):
    """Copies an image with its holes."""
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(image), str(target)], check=True)
