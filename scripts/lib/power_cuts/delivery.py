"""A card after a power cut: it is checked, read, opened by the program and delivered to the end, to a demo-api that is as it was then."""

import hashlib
import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import judge
import server
from api import Api

# Nothing to be heard: what replays it opens the spool as a start of the machine does, and then delivers.
SILENCE = b"RIFF$\x0c\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80>\0\0\0}\0\0\x02\0\x10\0data\0\x0c\0\0" + bytes(0xC00)
# Of an item whose row may be there twice the second look is left to the next start.
STARTS = 3
START_S = 300


@dataclass
class Outcome:
    """What came of one cut."""

    cut: object
    verdict: judge.Verdict = None
    fsck_repairs: bool = False
    tree: dict = field(default_factory=dict)
    untouched: Path = None


@dataclass(frozen=True)
class Bench:
    """What all deliveries share: programs, and all that the server held after the recording."""

    listener: Path
    demo_api: Path
    reference: Path
    changes: list
    whole: server.State
    api_domain: str

    def deliver(self, cut, before_seq, kept, at_s, image, folder):
        """Gives the outcome of a cut. Its image is put right, and stays."""
        outcome = Outcome(cut)
        outcome.fsck_repairs = check(image)
        read(image, folder / "card")
        outcome.tree = tree(folder / "card")
        held = server.restore(self.changes, self.reference / "files", before_seq, folder / "server")
        api = Api(self.demo_api, folder / "server")
        try:
            faults = self.start_until_empty(folder, api)
            summary = api.summary()
        finally:
            api.stop()
        after = server.state(server.changes(folder / "server"))
        before = judge.Before(frozenset(kept), held, at_s)
        reference = self.reference

        def is_whole(file):
            ours, whole = (place / "files" / file for place in (folder / "server", reference))
            return ours.is_file() and whole.is_file() and (ours.samefile(whole) or ours.read_bytes() == whole.read_bytes())

        outcome.verdict = judge.judge(before, after, self.whole, is_whole)
        outcome.verdict.faults += faults + summary["faults"]
        return outcome

    def start_until_empty(self, folder, api):
        """Starts the program until nothing waits. Gives what was wrong with that."""
        silence, data = folder / "silence.wav", folder / "card" / "data"
        silence.write_bytes(SILENCE)
        # Asked as a proxy, demo-api answers under any name.
        environment = {**os.environ, "LISTENER_TOKEN": api.token, "RUST_LOG": "info", "http_proxy": api.address, "no_proxy": ""}
        command = [self.listener, "replay", silence, "--data_dir", data, "--home_id", "1", "--api_domain", self.api_domain]
        for _ in range(STARTS):
            try:
                done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=START_S, check=False)
            except subprocess.TimeoutExpired:
                return [f"the program does not end within {START_S} s"]
            (folder / "listener.log").open("a").write(done.stderr)
            if done.returncode:
                return [f"exit code {done.returncode}: {done.stderr[-800:]}"]
            waiting, wrong = left(self.listener, data)
            if wrong or not waiting:
                return wrong
        # What waits has been sent, or else is counted as lost: a second look for its row is due two minutes later.
        return []


def left(listener, data):
    """How many items wait in the spool, and what must not be in it."""
    done = subprocess.run([listener, "spool", "--json", "--data_dir", data], capture_output=True, text=True, check=True)
    spool = json.loads(done.stdout)
    wrong = [f"{amount['items']} refused: {kind}" for kind, amount in spool["refused"].items() if amount["items"]]
    wrong += [f"{spool['damaged_files']} damaged files"] * bool(spool["damaged_files"])
    return sum(amount["items"] for amount in spool["waiting"].values()), wrong


def check(image):
    """Replays the journal as mounting does; says whether anything is left to repair then, and repairs it."""
    for options in (["-E", "journal_only"], ["-p"]):
        subprocess.run(["e2fsck", *options, image], capture_output=True, check=False)
    if subprocess.run(["e2fsck", "-fn", image], capture_output=True, check=False).returncode == 0:
        return False
    subprocess.run(["e2fsck", "-fy", image], capture_output=True, check=False)
    return True


def read(image, folder):
    """Copies all files of an image to a folder."""
    folder.mkdir(parents=True)
    subprocess.run(["debugfs", "-R", f"rdump / {folder}", image], capture_output=True, check=True)


def tree(folder):
    """Each file, by its path: size and hash."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and "lost+found" not in path.parts)
    return {str(path.relative_to(folder)): [path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()] for path in files}
