"""How scripts/test adds up what its stages report."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts/lib"))
import counts  # noqa: E402 (the folder has to be known first)
from counts import FAILED, PASSED, SKIPPED, Case  # noqa: E402

NEXTEST = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="3"><testsuite name="listener::system">
  <testcase name="faults::a_is_so" classname="listener::system" time="1"/>
  <testcase name="faults::b_is_so" classname="listener::system" time="1"><failure type="test failure">why</failure></testcase>
  <testcase name="faults::c_is_so" classname="listener::system" time="1"><flakyFailure type="test failure"/></testcase>
</testsuite></testsuites>"""
PYTEST = """<?xml version="1.0"?><testsuites><testsuite name="pytest">
  <properties><property name="left out" value="39 tests, which take longer"/><property name="other" value="x"/></properties>
  <testcase classname="hw-tests.test_box" name="test_a" time="1"/>
  <testcase classname="hw-tests.test_box" name="test_b" time="1"><skipped type="pytest.skip" message="no disk">there</skipped></testcase>
  <testcase classname="hw-tests.test_box" name="test_c" time="1"><error message="failed on setup">why</error></testcase>
</testsuite></testsuites>"""
LIBTEST = """running 4 tests\r
test boot::a_is_so ... ok\r
test needs_x::b_is_so ... FAILED\r
test needs_x::c_is_so ... ignored\r
test needs_x::d_is_so ... """


def test_tests_of_nextest_are_named_by_their_binary():
    assert counts.from_junit(NEXTEST) == [
        Case("listener::system::faults::a_is_so", PASSED),
        Case("listener::system::faults::b_is_so", FAILED),
        Case("listener::system::faults::c_is_so", PASSED),
    ]
    assert counts.from_junit(NEXTEST, "arm64 ")[0].name == "arm64 listener::system::faults::a_is_so"


def test_a_skip_of_pytest_has_its_reason_and_an_error_is_a_failure():
    assert counts.from_junit(PYTEST) == [
        Case("hw-tests.test_box::test_a", PASSED),
        Case("hw-tests.test_box::test_b", SKIPPED, "no disk"),
        Case("hw-tests.test_box::test_c", FAILED),
    ]
    assert counts.left_out(PYTEST) == ["39 tests, which take longer"]


def test_a_test_in_a_virtual_machine_that_is_cut_short_has_failed():
    outcomes = {case.name: case.outcome for case in counts.from_libtest(LIBTEST, "listener::sticks")}
    assert outcomes == {
        "listener::sticks::boot::a_is_so": PASSED,
        "listener::sticks::needs_x::b_is_so": FAILED,
        "listener::sticks::needs_x::c_is_so": SKIPPED,
        "listener::sticks::needs_x::d_is_so": FAILED,
    }


@pytest.mark.parametrize("outcomes, expected", [
    ([PASSED, PASSED], PASSED), ([SKIPPED, PASSED], PASSED), ([PASSED, SKIPPED], PASSED), ([PASSED, FAILED], FAILED), ([FAILED, PASSED], FAILED),
])
def test_a_test_that_runs_in_two_stages_counts_once(outcomes, expected):
    assert counts.merged([Case("a", outcome) for outcome in outcomes]) == [Case("a", expected)]


def missing(name, is_ignored=False, unmet=None, is_quick=False):
    """What is made of a test that no stage has reported."""
    [case] = counts.not_reported({name: is_ignored, "listener::a": False}, [Case("listener::a", PASSED)], unmet or {}, is_quick)
    return case


def test_a_test_that_no_stage_runs_has_failed():
    assert missing("listener::b").outcome == FAILED
    assert missing("listener::needs_x::b", is_ignored=True).outcome == FAILED
    assert missing("listener::system::slow::b").outcome == FAILED


def test_a_test_that_needs_what_the_machine_lacks_is_skipped_with_the_reason():
    assert missing("listener::needs_x::b", is_ignored=True, unmet={"needs_x": "needs x"}) == Case("listener::needs_x::b", SKIPPED, "needs x")


def test_a_quick_run_skips_the_slow_tests_and_no_others():
    assert missing("listener::system::slow::b", is_quick=True).outcome == SKIPPED
    assert missing("listener::system::b", is_quick=True).outcome == FAILED


def test_a_list_without_tests_has_failed():
    assert [case.outcome for case in counts.not_reported({}, [], {}, False)] == [FAILED]


def test_what_other_tests_start_is_no_test():
    assert counts.not_reported({"listener::alsa::is_no_test::a": True}, [], {}, False) == []


@pytest.mark.parametrize("name, is_ignored", [("listener::needs_x::b", False), ("listener::b", True)])
def test_what_is_ignored_says_by_its_module_what_it_needs_and_the_other_way_round(name, is_ignored):
    assert missing(name, is_ignored=is_ignored, unmet={"needs_x": "needs x"}).outcome == FAILED


SKIPS = """
# A comment.
listener::*::needs_x::*   no machine has one
tests.card_writing.*      in a container
"""


def test_only_the_skips_of_the_list_are_accepted():
    patterns = counts.known_skips(SKIPS)
    assert patterns == ["listener::*::needs_x::*", "tests.card_writing.*"]
    cases = [Case("listener::a::needs_x::b", SKIPPED, "x"), Case("tests.card_writing.test_flash::test_c", PASSED), Case("listener::d", SKIPPED, "y")]
    judged = counts.only_known(cases, patterns)
    assert judged[:2] == cases[:2]
    assert (judged[2].name, judged[2].outcome) == ("listener::d", FAILED)
    assert len(judged) == 3, "a pattern whose test was run is not stale"


def test_a_pattern_that_names_no_test_has_failed():
    judged = counts.only_known([Case("listener::a::needs_x::b", PASSED)], counts.known_skips(SKIPS))
    assert judged[1:] == [Case("tests/skips.txt: tests.card_writing.*", FAILED, "names no test")]


def test_the_last_line_counts_and_those_above_name_what_was_skipped_or_failed():
    said = counts.lines([Case("a", PASSED), Case("b", SKIPPED, "needs x"), Case("c", FAILED), Case("d", PASSED)])
    assert said == ["skipped:", "  b: needs x", "failed:", "  c", "2 passed, 1 failed, 1 skipped"]
    assert counts.lines([Case("a", PASSED)]) == ["1 passed, 0 failed, 0 skipped"]
