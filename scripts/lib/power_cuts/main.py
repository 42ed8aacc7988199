"""Cuts the power of a recording box at many moments, and counts what is lost and what is there twice. scripts/power-cuts starts it."""

import argparse
import math
import os
import random
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Semaphore

import cuts
import report
import server
import write_log
from delivery import Bench
from marks import known, marks
from recording import API, Recording
from replay import Disk, copy

# A delivery mostly waits: five seconds before it asks for rows, and for the program to start.
AT_ONCE_PER_CORE = 6
# Images of cards that wait for a delivery.
IMAGES_AHEAD = 4


def options():
    """What is asked for."""
    parser = argparse.ArgumentParser(prog="scripts/power-cuts", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20 cuts of a short recording; on a busy machine the seconds lost say nothing")
    parser.add_argument("--cuts", type=int, help="how many cuts (500, with --quick 20)")
    parser.add_argument("--record", type=int, metavar="SECONDS", help="how long to record (300, with --quick 40)")
    parser.add_argument("--mount", type=int, help="how many cards to mount in the virtual machine as well (20, with --quick 3)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="for the choice of the cuts")
    parser.add_argument("--seconds-lost", type=float, default=math.inf, metavar="S", help="fail if more of unfinished sound or video is lost at "
                        "any cut")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the counts")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to leave log, cards and what was delivered")
    for name in ("base", "package", "demo-api", "listener"):
        parser.add_argument(f"--{name}", type=lambda path: Path(path).resolve(), required=True, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    for name, usual, quick in (("cuts", 500, 20), ("record", 300, 40), ("mount", 20, 3)):
        if getattr(chosen, name) is None:
            setattr(chosen, name, quick if chosen.quick else usual)
    return chosen


def main():
    """Records, cuts, delivers, counts."""
    chosen = options()
    folder = chosen.keep or Path(tempfile.mkdtemp(prefix="power-cuts-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with Stages() as stage:
            stage(f"seed {chosen.seed}; recording for {chosen.record} s")
            recording = Recording(folder, chosen)
            try:
                counts = try_cuts(chosen, folder, recording, stage)
            finally:
                recording.machine.stop()
    finally:
        if not chosen.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print(*report.lines(counts), sep="\n", flush=True)
    report.write(counts.as_dict(), chosen.json)
    sys.exit(bool(report.failures(counts)))


class Stages:
    """Says what is being done, and how long the last took."""

    def __enter__(self):
        self.began = time.monotonic()
        return self

    def __call__(self, text):
        print(f"[{time.monotonic() - self.began:4.0f} s] {text}", file=sys.stderr, flush=True)

    def __exit__(self, *_):
        self("done")


def try_cuts(chosen, folder, recording, stage):
    """The counts of all cuts of one recording."""
    recording.start()
    stage("the services run")
    recording.record(chosen.record)
    stage("everything is delivered")
    reference = recording.stop()
    with open(recording.log, "rb") as log:
        entries = write_log.entries(log)
        found, changes = marks(entries), server.changes(reference)
        rows = rows_in(found, changes)
        chosen_cuts = cuts.choose(entries, chosen.cuts, chosen.seed, found[0].index, found[-1].index, rows)
        to_mount = random.Random(chosen.seed).sample(chosen_cuts, min(chosen.mount, len(chosen_cuts)))
        stage(f"{len(entries)} entries in the log, {len(rows)} rows; cutting the power {chosen.cuts} times")
        bench = Bench(chosen.listener, chosen.demo_api, reference, changes, server.state(changes), API)
        disk = Disk(recording.at_first, log, entries, folder / "forward.img")
        outcomes = deliver_all(bench, chosen_cuts, disk, found, Places(folder, chosen.keep, to_mount))
    stage(f"mounting {len(to_mount)} cards in the virtual machine")
    disagreements = recording.compare([outcome for outcome in outcomes if outcome.cut in to_mount])
    sizes = {path: (reference / "files" / path).stat().st_size for path in known(found, len(entries)).kept}
    return report.Counts(outcomes, rows, len(to_mount), disagreements, report.written_per_byte(entries, found, sizes), chosen.seed,
                         chosen.seconds_lost)


def rows_in(found, changes):
    """The marks, by index, at which the server has kept a row."""
    kinds = {change["seq"]: change["kind"] for change in changes}
    return [mark.index for mark in found if mark.kind == "api" and kinds[int(mark.value)] in ("audio", "video")]


@dataclass(frozen=True)
class Places:
    """Where cards and deliveries are. Those that are mounted later keep their card as it was when the power went."""

    folder: Path
    keep: bool
    to_mount: list

    def make(self, cut, disk):
        place = self.folder / f"cut-{cut.number}"
        place.mkdir()
        disk.make(cut, place / "card.img")
        if cut in self.to_mount:
            copy(place / "card.img", place / "untouched.img")
        return place

    def clear(self, place):
        if not self.keep:
            for name in ("card", "server"):
                shutil.rmtree(place / name)
            (place / "card.img").unlink()


def deliver_all(bench, chosen_cuts, disk, found, places):
    """The outcome of each cut. Images are made in order; deliveries run side by side."""
    at_once = AT_ONCE_PER_CORE * (os.cpu_count() or 1)
    room = Semaphore(at_once + IMAGES_AHEAD)

    def deliver(cut, place):
        try:
            then = known(found, cut.end)
            outcome = bench.deliver(cut, then.seq, then.kept, then.at_s, place / "card.img", place)
            outcome.untouched = place / "untouched.img"
            places.clear(place)
            return outcome
        finally:
            room.release()

    with ThreadPoolExecutor(at_once) as pool:
        jobs = []
        for cut in chosen_cuts:
            room.acquire()
            jobs.append(pool.submit(deliver, cut, places.make(cut, disk)))
        return [job.result() for job in jobs]


if __name__ == "__main__":
    main()
