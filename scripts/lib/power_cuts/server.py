"""demo-api's state: what it holds, read from the journals in its folder, and the folder as it was at an earlier change."""

import json
import os
from dataclasses import dataclass, field
from datetime import datetime

# Where demo-api keeps what (src/bin/demo-api/persist.rs).
JOURNALS = ("rows.jsonl", "tasks.jsonl", "devices.jsonl", "uploads.jsonl")


@dataclass(frozen=True)
class Row:
    """A row for an utterance or a clip; `file` is the path below the server's folder of files, `number` that of the utterance."""

    file: str
    number: int | None
    start_s: float
    end_s: float
    track: str | None

    @property
    def kind(self):
        return "video" if self.number is None else "audio"

    @property
    def run(self):
        return self.file.split("/")[2]

    @property
    def key(self):
        """What no other row may have."""
        return (self.run, self.file.rsplit("/", 1)[1] if self.number is None else self.number)


@dataclass
class State:
    """What the server holds. `tasks` are the tracks of the tasks, `uploads` the paths that were uploaded."""

    rows: list = field(default_factory=list)
    tasks: list = field(default_factory=list)
    uploads: set = field(default_factory=set)


def changes(folder):
    """All changes of a server's state, in order."""
    found = []
    for name in JOURNALS:
        found += [json.loads(line) for line in (folder / name).read_text().splitlines()]
    return sorted(found, key=lambda change: change["seq"])


def state(found, last_seq=None):
    """What the server held after a change, or after all of them."""
    by_id, held = {}, State()
    for change in found:
        if last_seq is not None and change["seq"] > last_seq:
            break
        match change["kind"]:
            case "audio" | "video" as table:
                by_id[table, change["row"]["id"]] = row_of(table, change["row"])
            case "deleted":
                by_id.pop((change["table"], change["id"]), None)
            case "task":
                held.tasks.append(change["task"]["track_id"])
            case "upload":
                held.uploads.add(change["dest_path"])
    held.rows = list(by_id.values())
    return held


def row_of(table, row):
    """A row as the server has it."""
    times = (datetime.fromisoformat(row[name]).timestamp() for name in ("start_time", "end_time"))
    if table == "audio":
        return Row(f"Listener/audio/{row['uid']}/{row['audio_file']}", row["sequence_index"], *times, row["track_id"])
    return Row(f"Listener/videos/{row['uid']}/{row['video_file']}", None, *times, None)


def restore(found, files, last_seq, folder):
    """Makes a server's folder as it was after a change. Files are linked: the server puts a new one beside, and renames."""
    held = state(found, last_seq)
    for path in held.uploads:
        target = folder / "files" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(files / path, target)
    folder.mkdir(parents=True, exist_ok=True)
    journals = {name: [] for name in JOURNALS}
    for change in found:
        if change["seq"] <= last_seq:
            journals[journal_of(change["kind"])].append(json.dumps(change) + "\n")
    for name, lines in journals.items():
        (folder / name).write_text("".join(lines))
    return held


def journal_of(kind):
    """In which journal a change is."""
    return {"task": "tasks.jsonl", "device": "devices.jsonl", "upload": "uploads.jsonl"}.get(kind, "rows.jsonl")
