"""What counts as lost and as there twice."""

from judge import Before, judge
from marks import known, marks
from server import Row, State, journal_of, restore, state
from write_log import MARK, Entry

UTTERANCE, CLIP, PICTURE = "Listener/audio/u/0-20260101000002.wav", "Listener/videos/u/2026-01-01_00-00-00.mp4", "Listener/videos/u/frames/m/1.jpg"
SPOKEN = Row(UTTERANCE, 0, 10.0, 14.0, "T-0")
SEEN = Row(CLIP, None, 10.0, 13.0, None)
ALL = State([SPOKEN, SEEN], ["T-0"], {UTTERANCE, CLIP, PICTURE})


def verdict(after, kept=(UTTERANCE, CLIP, PICTURE), held=None, at_s=20.0, is_whole=lambda file: True):
    return judge(Before(frozenset(kept), held or State(), at_s), after, ALL, is_whole)


def test_what_has_arrived_whole_is_neither_lost_nor_doubled():
    found = verdict(ALL)
    assert (found.lost, found.doubled, found.tasks_doubled, found.seconds_lost) == ([], [], 0, {"audio": 0.0, "video": 0.0})


def test_an_item_without_its_file_its_row_or_its_task_is_lost():
    assert verdict(State([SEEN], [], {CLIP, PICTURE})).lost == [UTTERANCE]
    assert verdict(State([SPOKEN, SEEN], [], ALL.uploads)).lost == [UTTERANCE], "nobody answers without a task"
    assert verdict(State([SPOKEN], ["T-0"], ALL.uploads)).lost == [CLIP]
    assert verdict(State(ALL.rows, ALL.tasks, {UTTERANCE, CLIP})).lost == [PICTURE]


def test_an_item_with_other_bytes_is_lost():
    assert verdict(ALL, is_whole=lambda file: file != CLIP).lost == [CLIP]


def test_what_was_not_acknowledged_is_not_lost():
    assert verdict(State(), kept=()).lost == []


def test_what_the_server_has_held_must_stay():
    assert verdict(State([SPOKEN], ["T-0"], {UTTERANCE}), kept=(), held=ALL).lost == [CLIP, PICTURE]


def test_a_second_row_of_an_utterance_or_of_a_clip_is_counted():
    longer = Row("Listener/audio/u/0-20260101000003.wav", 0, 10.0, 15.0, "T-0")
    assert len(verdict(State([SPOKEN, longer, SEEN], ["T-0"], ALL.uploads)).doubled) == 1
    assert len(verdict(State([SPOKEN, SEEN, SEEN], ["T-0"], ALL.uploads)).doubled) == 1


def test_the_same_seconds_in_two_items_are_counted():
    other = Row("Listener/audio/u/1-20260101000003.wav", 1, 12.0, 15.0, "T-1")
    assert len(verdict(State([SPOKEN, other, SEEN], ["T-0", "T-1"], ALL.uploads)).doubled) == 1


def test_tasks_that_are_there_twice_since_the_cut_are_counted_apart():
    twice = State(ALL.rows, ["T-0", "T-0"], ALL.uploads)
    assert verdict(twice).tasks_doubled == 1
    assert verdict(twice, held=twice).tasks_doubled == 0, "that was so before"


def test_seconds_are_lost_of_what_was_going_on_and_of_nothing_else():
    cut_short = Row("Listener/audio/u/0-20260101000001.wav", 0, 10.0, 12.0, "T-0")
    after = State([cut_short], ["T-0"], {cut_short.file})
    assert verdict(after, kept=(), at_s=12.5).seconds_lost == {"audio": 0.5, "video": 2.5}
    assert verdict(after, kept=(CLIP,), at_s=12.5).seconds_lost == {"audio": 0.5, "video": 0.0}
    assert verdict(State(), kept=(), at_s=9.0).seconds_lost == {"audio": 0.0, "video": 0.0}, "it had not begun"
    assert verdict(State(), kept=(), at_s=99.0).seconds_lost == {"audio": 4.0, "video": 3.0}, "never more than there was"


def test_only_what_is_marked_before_the_cut_is_known():
    texts = ("tick,1.0,", "api,2.0,1", "kept,3.0,audio/u/0.wav", "api,4.0,2", "dm-log-writes-end")
    found = marks([Entry(0, 0, MARK, 0, text) for text in texts])
    assert [mark.kind for mark in found] == ["tick", "api", "kept", "api"]
    assert (known(found, 2).seq, known(found, 2).kept, known(found, 2).at_s) == (1, frozenset(), 3.0)
    assert (known(found, 3).kept, known(found, 4).seq) == ({"Listener/audio/u/0.wav"}, 2)


def test_the_server_is_restored_to_what_it_was_after_a_change(tmp_path):
    row = {"id": 1, "uid": "u", "video_file": "c.mp4", "start_time": "2026-01-01T00:00:00Z", "end_time": "2026-01-01T00:00:03Z"}
    changes = [
        {"seq": 1, "at": "2026-01-01T00:00:00Z", "kind": "upload", "dest_path": "Listener/videos/u/c.mp4", "bytes": 1},
        {"seq": 2, "at": "2026-01-01T00:00:00Z", "kind": "video", "row": row},
        {"seq": 3, "at": "2026-01-01T00:00:00Z", "kind": "deleted", "table": "video", "id": 1},
    ]
    file = tmp_path / "files/Listener/videos/u/c.mp4"
    file.parent.mkdir(parents=True)
    file.write_text("x")
    for last, uploads, rows in ((0, 0, 0), (1, 1, 0), (2, 1, 1), (3, 1, 0)):
        folder = tmp_path / f"at-{last}"
        held = restore(changes, tmp_path / "files", last, folder)
        assert (len(held.uploads), len(held.rows)) == (uploads, rows)
        assert (folder / "files/Listener/videos/u/c.mp4").exists() == bool(uploads)
        assert len((folder / "rows.jsonl").read_text().splitlines()) == max(0, last - 1)
    assert state(changes).rows == [] and journal_of("deleted") == "rows.jsonl"
