"""Where the scripts are, and logs made by hand."""

import io
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts/lib/power_cuts"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "shared"))
import write_log  # noqa: E402 (the folder has to be known first)

BLOCK = 4096


@pytest.fixture
def log_of():
    """Makes a log of entries: (flags, block, letters), a letter for each block; or a text, which is a mark."""

    def make(*entries):
        body = b""
        for entry in entries:
            if isinstance(entry, str):
                head = write_log.ENTRY.pack(0, 0, write_log.MARK, len(entry)) + entry.encode()
                data = b""
            else:
                flags, block, letters = entry
                data = b"".join(letter.encode() * BLOCK for letter in letters)
                head = write_log.ENTRY.pack(block * BLOCK // 512, len(data) // 512, flags, 0)
                data = b"" if flags & write_log.DISCARD else data
            body += head.ljust(512, b"\0") + data
        first = write_log.SUPER.pack(write_log.MAGIC, 1, len(entries), 512)
        return io.BytesIO(first.ljust(512, b"\0") + body)

    return make
