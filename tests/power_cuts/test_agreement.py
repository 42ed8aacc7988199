"""What host and virtual machine find on a card is compared file by file."""

from agreement import differences, parse

HASH = "0" * 64


def test_files_are_read_with_size_and_hash_whatever_their_names():
    said = f"5 ./data/a b\n0 ./lock\n{HASH}  ./data/a b\n{HASH}  ./lock\n"
    assert parse(said) == {"data/a b": [5, HASH], "lock": [0, HASH]}
    assert parse("") == {}


def test_each_file_that_only_one_side_has_or_that_differs_is_named():
    ours = {"same": [1, HASH], "other": [1, HASH], "ours": [1, HASH]}
    theirs = {"same": [1, HASH], "other": [2, HASH], "theirs": [1, HASH]}
    assert [line.split(":")[0] for line in differences(ours, theirs)] == ["other", "ours", "theirs"]
    assert differences(ours, ours) == []
