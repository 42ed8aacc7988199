"""What the table says, and when it is a failure."""

import math

from cuts import Cut
from delivery import Outcome
from judge import Verdict
from marks import Mark
from report import Counts, failures, lines, written_per_byte
from write_log import MARK, Entry


def counts(verdict, fsck_repairs=False, disagreements=(), most_seconds_lost=math.inf):
    """Of one good cut and one with this verdict."""
    good = Outcome(Cut(0, 0, 5, 0.0, 1), Verdict(seconds_lost={"audio": 0.0, "video": 0.0}))
    other = Outcome(Cut(1, 10, 12, 0.0, 1), verdict, fsck_repairs)
    return Counts([good, other], [3], 2, list(disagreements), 1.5, 7, most_seconds_lost)


def test_everything_is_counted():
    verdict = Verdict(["a", "b"], ["c"], 3, {"audio": 0.4, "video": 0.9}, ["d"])
    assert counts(verdict, fsck_repairs=True).as_dict() == {
        "seed": 7, "tried": 2, "between_row_and_step": 1, "lost": 2, "doubled": 1, "tasks_doubled": 3, "other_faults": 1, "fsck_repairs": 1,
        "mounted": 2, "mounted_otherwise": 0, "seconds_lost_max": {"audio": 0.4, "video": 0.9}, "bytes_written_per_byte_recorded": 1.5,
    }


def test_anything_lost_doubled_wrong_or_seen_otherwise_is_a_failure():
    none = {"audio": 0.0, "video": 0.0}
    assert failures(counts(Verdict(tasks_doubled=1, seconds_lost=none))) == []
    for wrong in (Verdict(lost=["x"], seconds_lost=none), Verdict(doubled=["x"], seconds_lost=none), Verdict(faults=["x"], seconds_lost=none)):
        [failure] = failures(counts(wrong))
        assert "cut 1" in failure and failure.endswith("x")
        assert failure in lines(counts(wrong)), "it is said above the table"
    assert len(failures(counts(Verdict(seconds_lost=none), fsck_repairs=True))) == 1
    assert failures(counts(Verdict(seconds_lost=none), disagreements=["x"])) == ["x"]


def test_seconds_are_a_failure_only_beyond_what_is_asked_for():
    verdict = Verdict(seconds_lost={"audio": 1.2, "video": 0.9})
    assert failures(counts(verdict)) == []
    assert len(failures(counts(verdict, most_seconds_lost=1.0))) == 1


def test_what_was_written_is_compared_with_what_was_kept():
    entries = [Entry(0, 0, MARK, 0), Entry(0, 4096, 0, 0), Entry(0, 8192, 0, 0), Entry(0, 0, MARK, 0), Entry(0, 4096, 0, 0)]
    found = [Mark(0, "tick", 1.0, ""), Mark(3, "kept", 2.0, "a")]
    assert written_per_byte(entries, found, {"Listener/a": 6144}) == 2.0
