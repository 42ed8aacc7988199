"""Which disks a power cut may leave, from a log of writes made by hand."""

import cuts
import pytest
import write_log
from conftest import BLOCK
from cuts import Cut
from replay import Disk
from write_log import DISCARD, FLUSH, FUA

FLUSHED = (FLUSH, 0, "")


def disks(log, tmp_path, *chosen):
    """The first letters of the blocks of the disk after each cut."""
    first, image = tmp_path / "first", tmp_path / "image"
    first.write_bytes(b"." * 6 * BLOCK)
    disk = Disk(first, log, write_log.entries(log), tmp_path / "forward")
    found = []
    for cut in chosen:
        disk.make(cut, image)
        data = image.read_bytes()
        found.append("".join(chr(data[block * BLOCK]) for block in range(6)))
        assert all(len(set(data[block * BLOCK:(block + 1) * BLOCK])) == 1 for block in range(6))
    disk.close()
    return found


def test_what_is_flushed_is_on_the_disk_and_what_is_not_may_be(log_of, tmp_path):
    log = log_of((0, 0, "ab"), FLUSHED, (0, 2, "cd"), FLUSHED)
    some = [Cut(0, 1, 3, share, 1) for share in (0.0, 1.0)]
    assert disks(log, tmp_path, *some) == ["ab....", "abcd.."]


def test_any_block_of_what_is_not_flushed_may_be_lost_alone(log_of, tmp_path):
    log = log_of(FLUSHED, (0, 0, "abcdef"), FLUSHED)
    found = disks(log, tmp_path, *[Cut(seed, 0, 2, 0.5, seed) for seed in range(60)])
    assert len(set(found)) > 30, "many ways to lose"
    assert all(letter in (".", "abcdef"[place]) for disk in found for place, letter in enumerate(disk))


def test_the_same_seed_leaves_the_same_disk(log_of, tmp_path):
    log = log_of(FLUSHED, (0, 0, "abcdef"), FLUSHED)
    assert len(set(disks(log, tmp_path, *[Cut(0, 0, 2, 0.5, 7)] * 5))) == 1


def test_what_went_past_the_cache_is_on_the_disk_without_a_flush(log_of, tmp_path):
    log = log_of(FLUSHED, (FUA, 1, "x"), (0, 2, "cd"), FLUSHED)
    assert disks(log, tmp_path, Cut(0, 0, 2, 0.0, 1), Cut(1, 0, 3, 0.0, 1)) == [".x....", ".x...."]


def test_the_later_of_two_writes_of_a_block_counts(log_of, tmp_path):
    log = log_of((0, 0, "a"), (0, 0, "b"), FLUSHED, (DISCARD, 0, "b"), FLUSHED)
    assert disks(log, tmp_path, Cut(0, 2, 3, 0.0, 1), Cut(1, 4, 5, 0.0, 1)) == ["b.....", "\0....."]


def test_marks_are_read_and_leave_the_disk_alone(log_of, tmp_path):
    log = log_of("api,1.5,1", (0, 0, "a"), FLUSHED, "kept,2.5,audio/u/0.wav")
    assert [entry.text for entry in write_log.entries(log) if entry.is_mark] == ["api,1.5,1", "kept,2.5,audio/u/0.wav"]
    assert disks(log, tmp_path, Cut(0, 2, 4, 1.0, 1)) == ["a....."]


def test_a_log_that_is_none_or_ends_too_soon_is_refused(log_of):
    whole = log_of((0, 0, "a"), FLUSHED)
    for start, end in ((1, None), (0, 512 + 512 + BLOCK + 8)):
        cut_short = type(whole)(whole.getvalue()[start:end])
        with pytest.raises(write_log.NotALog):
            write_log.entries(cut_short)


def test_cuts_are_in_order_and_many_are_right_after_a_row(log_of):
    log = log_of(*[FLUSHED, (0, 0, "a"), "api,1,1", (FUA, 1, "b"), FLUSHED, (0, 2, "c")] * 20, FLUSHED)
    entries = write_log.entries(log)
    rows = [index for index, entry in enumerate(entries) if entry.is_mark]
    chosen = cuts.choose(entries, 200, 3, 0, len(entries), rows)
    assert [cut.number for cut in chosen] == list(range(200))
    assert [cut.flush for cut in chosen] == sorted(cut.flush for cut in chosen)
    assert sum(cuts.is_between_row_and_step(cut, rows) for cut in chosen) > 60
    assert cuts.choose(entries, 200, 3, 0, len(entries), rows) == chosen, "seeded"


def test_right_after_a_mark_nothing_is_on_the_disk_that_was_not_flushed(log_of):
    # The program may have written it only after the answer that the mark stands for.
    log = log_of(*[FLUSHED, "api,1,1", (0, 0, "a"), "api,2,2", (0, 1, "b")] * 10, FLUSHED)
    entries = write_log.entries(log)
    for cut in cuts.choose(entries, 300, 5, 0, len(entries), []):
        assert entries[cut.flush].is_flush
        assert cut.share == 0.0 or entries[cut.end].is_flush
        assert not any(entry.is_flush for entry in entries[cut.flush + 1:cut.end])
