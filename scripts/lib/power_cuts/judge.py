"""What a power cut has cost. Pure: compares what was acknowledged before the cut with what the server holds in the end."""

from collections import Counter
from dataclasses import dataclass, field

KINDS = ("audio", "video")
# Two recordings of one kind and run that overlap by more have the same seconds in them.
OVERLAP_S = 0.2


@dataclass
class Verdict:
    """`lost` and `doubled` name items; `seconds_lost` is what is missing of unfinished sound and video; `faults` is whatever else is
    wrong."""

    lost: list = field(default_factory=list)
    doubled: list = field(default_factory=list)
    tasks_doubled: int = 0
    seconds_lost: dict = field(default_factory=dict)
    faults: list = field(default_factory=list)


@dataclass(frozen=True)
class Before:
    """What was so when the power went. `kept` are the files that the program had acknowledged, `held` is what the server held, `at_s`
    when it was at the latest."""

    kept: frozenset
    held: object
    at_s: float


def judge(before, after, whole, is_whole):
    """`after` is what the server holds in the end, `whole` what it held after the recording that was not cut. `is_whole` says
    whether the server has a file as it was recorded."""
    verdict = Verdict()
    rows = {row.file for row in after.rows}
    tasks = set(after.tasks)
    started = {row.file for row in after.rows if row.track in tasks}
    for file in sorted(before.kept):
        follows = started if "/audio/" in file else rows if file.endswith(".mp4") else after.uploads
        if file not in follows or not is_whole(file):
            verdict.lost.append(file)
    # By key, since what was cut short may be sent under the name of its earlier end.
    keys = Counter((row.kind, row.key) for row in after.rows)
    verdict.lost += [row.file for row in before.held.rows if (row.kind, row.key) not in keys and row.file not in verdict.lost]
    verdict.lost += sorted(before.held.uploads - after.uploads - set(verdict.lost))
    verdict.doubled = [f"{kind} {run} {name}" for (kind, (run, name)), times in keys.items() for _ in range(times - 1)]
    verdict.doubled += overlapping(after.rows)
    verdict.tasks_doubled = surplus(after.tasks) - surplus(before.held.tasks)
    verdict.seconds_lost = {kind: seconds_lost(kind, before, after, whole) for kind in KINDS}
    return verdict


def surplus(tracks):
    """How many tasks there are beyond the first of each track."""
    return len(tracks) - len(set(tracks))


def overlapping(rows):
    """Rows whose recordings hold the same seconds, though they are not of the same item."""
    found = []
    for kind in KINDS:
        ordered = sorted((row for row in rows if row.kind == kind), key=lambda row: (row.run, row.start_s))
        for one, other in zip(ordered, ordered[1:]):
            if one.run == other.run and one.key != other.key and other.start_s < one.end_s - OVERLAP_S:
                found.append(f"{other.file} begins before the end of {one.file}")
    return found


def seconds_lost(kind, before, after, whole):
    """Of what was being recorded when the power went, and had not been acknowledged: how much of it has not arrived."""
    lost_s = 0.0
    ends = {(row.run, row.number, round(row.start_s, 3)): row.end_s for row in after.rows if row.kind == kind}
    for row in whole.rows:
        if row.kind != kind or row.file in before.kept or row.start_s >= before.at_s:
            continue
        due_s = min(row.end_s, before.at_s)
        end_s = ends.get((row.run, row.number, round(row.start_s, 3)), row.start_s)
        lost_s += max(0.0, due_s - end_s)
    return lost_s
