"""The log that dm-log-writes keeps of a device: what was written, in the order in which it became durable, and marks. The format is
that of the kernel (drivers/md/dm-log-writes.c): a super block, then one sector for each entry with its data behind it."""

import struct
from dataclasses import dataclass

MAGIC = 0x6A736677736872
# The kernel counts in sectors of the device below; these tools give it no other.
SECTOR_BYTES = 512
SUPER = struct.Struct("<QQQI")
ENTRY = struct.Struct("<QQQQ")
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8


@dataclass(frozen=True)
class Entry:
    """`at` and `length` are bytes of the device, `data_at` is where in the log the data is. A mark has only `text`."""

    at: int
    length: int
    flags: int
    data_at: int
    text: str = ""

    @property
    def is_flush(self):
        return bool(self.flags & FLUSH)

    @property
    def is_mark(self):
        return bool(self.flags & MARK)

    @property
    def is_durable(self):
        """Whether it has reached the disk when it is in the log. Other writes are there for certain after the next flush only."""
        return bool(self.flags & FUA)


class NotALog(ValueError):
    """What is no log of dm-log-writes, or one that ends too soon."""


def entries(log):
    """All entries of a log, an open file."""
    log.seek(0)
    magic, version, count, sector_bytes = read(log, SUPER)
    if magic != MAGIC or version != 1:
        raise NotALog(f"magic number {magic:#x}, version {version}")
    if sector_bytes != SECTOR_BYTES:
        raise NotALog(f"sectors of {sector_bytes} bytes")
    found, position = [], SECTOR_BYTES
    for _ in range(count):
        log.seek(position)
        sector, sectors, flags, text_bytes = read(log, ENTRY)
        text = log.read(text_bytes).decode() if flags & MARK else ""
        found.append(Entry(sector * SECTOR_BYTES, sectors * SECTOR_BYTES, flags, position + SECTOR_BYTES, text))
        # Of a discard there is no data.
        position += SECTOR_BYTES + (0 if flags & DISCARD else sectors * SECTOR_BYTES)
    return found


def read(log, fields):
    """The next fields of an open file."""
    data = log.read(fields.size)
    if len(data) < fields.size:
        raise NotALog("it ends too soon")
    return fields.unpack(data)
