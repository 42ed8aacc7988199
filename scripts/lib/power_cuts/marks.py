"""The marks in the log of a card: what was known when. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mark:
    """`index` is its place in the log, `value` what `kind` is about: `api` has the number of a change, `kept` a file."""

    index: int
    kind: str
    at_s: float
    value: str


def marks(entries):
    """All marks of ours."""
    found = []
    for index, entry in enumerate(entries):
        kind, *rest = entry.text.split(",", 2)
        if kind in ("api", "kept", "tick"):
            found.append(Mark(index, kind, float(rest[0]), rest[1]))
    return found


@dataclass(frozen=True)
class Known:
    """What was known when the power went: the last change of the server, the files kept, and the time: at the latest."""

    seq: int
    kept: frozenset
    at_s: float


def known(found, end):
    """What was known at the entry `end`, which is where the power went."""
    seq, kept, at_s = 0, set(), found[-1].at_s
    for mark in found:
        if mark.index >= end:
            at_s = mark.at_s
            break
        if mark.kind == "api":
            seq = int(mark.value)
        elif mark.kind == "kept":
            kept.add(f"Listener/{mark.value}")
    return Known(seq, frozenset(kept), at_s)
