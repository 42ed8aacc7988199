"""At which moments the power is cut. Pure: takes the entries of a log, and gives moments that can have been.

What is before a flush is on the disk. A write between two flushes is in the log before the second, but nobody knows when it was
written; a mark is where it was made. So there are two kinds of moments:
  - right before a flush is over: all marks up to there, and any part of the writes since the flush before;
  - right after a mark or a write that went past the cache (FUA): none of the writes that were not flushed.
Any other would leave on the disk what the program wrote only after a later answer of the server."""

import random
from dataclasses import dataclass

# A card writes in pages, and a file system in blocks of this size: one is written or not.
BLOCK_BYTES = 4096
# So often the moment is one right after the server has kept a row: as many cuts as are wanted there fall between the row and the
# note that it was posted.
ROW_SHARE = 0.3
# How much of the writes that were not flushed is on the disk; which ones is drawn for each block.
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Cut:
    """All writes before entry `flush` are on the disk. Up to entry `end`, what went past the cache is as well, and of the other
    writes a part, `share`, that `seed` chooses."""

    number: int
    flush: int
    end: int
    share: float
    seed: int


def choose(entries, count, seed, begin, end, rows):
    """`count` cuts between the entries `begin` and `end`, in the order of the log. `rows` are the marks, by index, at which the server
    has kept a row."""
    chance = random.Random(seed)
    flushes = [index for index in range(begin, end) if entries[index].is_flush]
    stretches = list(zip(flushes, flushes[1:]))
    with_row = [stretch for stretch in stretches if any(stretch[0] < row < stretch[1] for row in rows)]
    if not stretches:
        raise ValueError("there are no two flushes in the log")
    drawn = []
    for _ in range(count):
        is_at_row = bool(with_row) and chance.random() < ROW_SHARE
        first, second = chance.choice(with_row if is_at_row else stretches)
        moments = [index for index in range(first + 1, second) if entries[index].is_mark or entries[index].is_durable]
        if is_at_row:
            row = min(row for row in rows if first < row < second)
            moments = [index for index in moments if index >= row]
        if moments and chance.random() < 0.5:
            drawn.append((first, chance.choice(moments) + 1, 0.0, chance.getrandbits(32)))
        else:
            drawn.append((first, second, chance.choice(SHARES), chance.getrandbits(32)))
    return [Cut(number, *rest) for number, rest in enumerate(sorted(drawn))]


def survivors(entries, cut):
    """What is written after the last flush and is on the disk all the same: entries, each with where its bytes begin and how many
    they are."""
    chance = random.Random(cut.seed)
    for entry in entries[cut.flush + 1:cut.end]:
        if entry.is_mark or not entry.length:
            continue
        if entry.is_durable:
            yield entry, 0, entry.length
            continue
        for start in range(0, entry.length, BLOCK_BYTES):
            if chance.random() < cut.share:
                yield entry, start, min(BLOCK_BYTES, entry.length - start)


def is_between_row_and_step(cut, rows):
    """Whether the server has kept a row of which nothing can be noted on the disk: no flush is over since."""
    return any(cut.flush < row < cut.end for row in rows)
