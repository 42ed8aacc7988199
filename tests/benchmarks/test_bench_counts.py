"""What scripts/bench counts makes of counts of instructions."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts/lib"))

from bench_counts import judge  # noqa: E402


def test_growth_by_up_to_5_percent_passes_and_more_fails():
    assert judge({"work": 1050}, {"work": 1000})[1] == []
    [fault] = judge({"work": 1051}, {"work": 1000})[1]
    assert "work needs 1,051 instructions, 5.1% more" in fault


def test_work_that_has_become_much_cheaper_is_to_be_recorded_and_does_not_fail():
    lines, faults = judge({"work": 900}, {"work": 1000})
    assert faults == [] and any("has become cheaper" in line for line in lines)
    assert not any("cheaper" in line for line in judge({"work": 960}, {"work": 1000})[0])


def test_another_compiler_is_shown_and_not_judged():
    lines, faults = judge({"work": 1000}, None)
    assert faults == [] and any("1,000" in line for line in lines)


def test_work_that_is_only_measured_or_only_recorded_fails():
    assert judge({"new": 1}, {})[1] == ["new is not recorded"]
    assert judge({}, {"old": 1})[1] == ["old is recorded and no longer measured"]
