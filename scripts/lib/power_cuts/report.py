"""What scripts/power-cuts says at the end: a table, and the same counts as JSON. Pure, but for writing."""

import json
from dataclasses import dataclass

from cuts import is_between_row_and_step

SHOWN = 5


@dataclass(frozen=True)
class Counts:
    """What came of all cuts. `rows` are the marks of rows, `disagreements` what host and virtual machine saw differently. More seconds than
    `most_seconds_lost` are a failure."""

    outcomes: list
    rows: list
    mounted: int
    disagreements: list
    written_per_byte: float
    seed: int
    most_seconds_lost: float

    def total(self, of):
        return sum(of(outcome) for outcome in self.outcomes)

    def as_dict(self):
        worst = {kind: max(outcome.verdict.seconds_lost[kind] for outcome in self.outcomes) for kind in ("audio", "video")}
        return {
            "seed": self.seed,
            "tried": len(self.outcomes),
            "between_row_and_step": self.total(lambda outcome: is_between_row_and_step(outcome.cut, self.rows)),
            "lost": self.total(lambda outcome: len(outcome.verdict.lost)),
            "doubled": self.total(lambda outcome: len(outcome.verdict.doubled)),
            "tasks_doubled": self.total(lambda outcome: outcome.verdict.tasks_doubled),
            "other_faults": self.total(lambda outcome: len(outcome.verdict.faults)),
            "fsck_repairs": self.total(lambda outcome: outcome.fsck_repairs),
            "mounted": self.mounted,
            "mounted_otherwise": len(self.disagreements),
            "seconds_lost_max": {kind: round(seconds, 2) for kind, seconds in worst.items()},
            "bytes_written_per_byte_recorded": round(self.written_per_byte, 2),
        }


TITLES = {
    "tried": "power cuts",
    "between_row_and_step": "  of them between a row and the note that it was posted",
    "lost": "finished items lost",
    "doubled": "rows doubled",
    "tasks_doubled": "tasks posted again after the cut, with the same track id",
    "other_faults": "other faults",
    "fsck_repairs": "file systems to repair",
    "mounted": "cards mounted in the virtual machine, too",
    "mounted_otherwise": "  files that it sees otherwise",
    "seconds_lost_max": "unfinished seconds lost, at most",
    "bytes_written_per_byte_recorded": "bytes written per byte recorded (small pictures, short clips)",
}


def lines(counts):
    """The table, and above it the first of what is wrong."""
    said = [*failures(counts)[:SHOWN], f"seed {counts.seed}"]
    for name, value in counts.as_dict().items():
        if name == "seconds_lost_max":
            value = ", ".join(f"{kind} {seconds}" for kind, seconds in value.items())
        if name in TITLES:
            said.append(f"{TITLES[name]:64} {value}")
    return said


def failures(counts):
    """Everything that must not be, a line each."""
    found = []
    for outcome in counts.outcomes:
        cut, verdict = outcome.cut, outcome.verdict
        where = f"cut {cut.number} (after entry {cut.flush}, to {cut.end}, share {cut.share}, seed {cut.seed})"
        for what, items in (("lost", verdict.lost), ("doubled", verdict.doubled), ("fault", verdict.faults)):
            found += [f"{where}: {what}: {item}" for item in items]
        found += [f"{where}: its file system had to be repaired"] * outcome.fsck_repairs
        found += [f"{where}: {seconds:.2f} s of unfinished {kind} are lost" for kind, seconds in verdict.seconds_lost.items()
                  if seconds > counts.most_seconds_lost]
    return found + counts.disagreements


def written_per_byte(entries, found, sizes):
    """What was written to the card for each byte kept, from the first item to the last. `sizes` are those of all files kept."""
    kept = [mark.index for mark in found if mark.kind == "kept"]
    written = sum(entry.length for entry in entries[found[0].index:kept[-1]])
    return written / sum(sizes.values())


def write(counts, file):
    """Writes counts as JSON, if that was asked for."""
    if file:
        file.write_text(json.dumps(counts, indent=2) + "\n")
