"""How scripts/test runs its stages, and what it asks of the machine."""
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts/lib"))
import needs  # noqa: E402 (the folder has to be known first)
import stages  # noqa: E402
from counts import FAILED, PASSED, Case  # noqa: E402

ONE_TEST = '<testsuites><testsuite name="x"><testcase classname="x" name="{}"/></testsuite></testsuites>'


def stage(folder, script, has_report=True):
    """One whose command is this script, with the place of its report as $1."""
    report = folder / "reports/junit.xml"
    return stages.Stage("a stage", ["sh", "-c", script, "sh", str(report)], report if has_report else None)


def leaves(name, code=0):
    """A script that reports one test that has passed."""
    return f"echo '{ONE_TEST.format(name)}' >\"$1\"; exit {code}"


def test_what_is_built_beside_ends_with_the_stages(tmp_path):
    told = tmp_path / "told"
    with stages.built_beside(["sh", "-c", f"echo begun >{told}; exec sleep 600"]):
        while not (told.exists() and told.read_text()):
            time.sleep(0.01)
    # Here it has ended, or this test would not be over.
    assert told.read_text() == "begun\n"


@pytest.mark.parametrize("script, outcome", [("true", PASSED), ("false", FAILED)])
def test_a_check_is_one_test(tmp_path, script, outcome):
    assert stages.run(stage(tmp_path, script, has_report=False)) == ([Case("a stage", outcome)], [])


def test_the_tests_of_a_stage_are_those_of_its_report(tmp_path):
    assert stages.run(stage(tmp_path, leaves("a"))) == ([Case("x::a", PASSED)], [])


def test_a_stage_that_leaves_no_report_has_failed_and_the_last_runs_report_is_none(tmp_path):
    stages.run(stage(tmp_path, leaves("a")))
    cases, _ = stages.run(stage(tmp_path, "true"))
    assert [case.outcome for case in cases] == [FAILED]


def test_a_stage_that_ran_no_test_has_failed(tmp_path):
    cases, _ = stages.run(stage(tmp_path, "echo '<testsuites/>' >\"$1\""))
    assert [case.outcome for case in cases] == [FAILED]


def test_a_stage_that_ends_badly_although_its_tests_have_passed_has_failed(tmp_path):
    cases, _ = stages.run(stage(tmp_path, leaves("a", code=3)))
    assert cases == [Case("x::a", PASSED), Case("a stage", FAILED, "exit code 3")]


def test_after_a_stage_that_fails_no_other_runs_and_what_was_counted_is_kept():
    def act(stage):
        return ([Case("a", PASSED), Case("b", FAILED)], []) if stage.name == "second" else ([Case("a", PASSED), Case("c", PASSED)], ["39 tests"])

    three = [stages.Stage(name, []) for name in ("first", "second", "third")]
    cases, notes = stages.run_in_order(three, act)
    assert cases == [Case("a", PASSED), Case("c", PASSED), Case("b", FAILED)]
    assert notes == ["left out: first: 39 tests", "not run: third"]


def test_an_interrupted_stage_has_failed():
    def act(_):
        raise KeyboardInterrupt

    assert stages.run_in_order([stages.Stage("a stage", [])], act) == ([Case("a stage", FAILED, "interrupted")], [])


def test_pytest_is_told_where_its_report_goes(tmp_path):
    script = leaves("a") + '; case "$PYTEST_ADDOPTS" in *--junitxml=*"$1"*) ;; *) exit 1;; esac'
    assert stages.run(stage(tmp_path, script)) == ([Case("x::a", PASSED)], [])


def test_no_two_stages_share_a_name_and_each_program_is_there():
    every = stages.stages({})
    assert len({one.name for one in every}) == len(every)
    for one in every:
        assert "/" not in one.command[0] or Path(one.command[0]).exists(), one


def test_what_the_machine_lacks_is_left_out_of_the_tests():
    lacking = needs.unmet(lambda probe: "gst-inspect-1.0" not in probe)
    assert set(lacking) == {"needs_v4l2h264enc", "needs_loop_devices"}
    assert needs.filterset(lacking) == "not test(/(^|::)(needs_v4l2h264enc|needs_loop_devices|is_no_test)::/)"


def test_every_need_that_a_module_names_is_known():
    sources = [file.read_text() for folder in ("src", "tests") for file in Path(folder).rglob("*.rs")]
    named = {word.rstrip(" ;{") for text in sources for line in text.splitlines() if line.startswith("mod needs_") for word in line.split()[1:2]}
    assert named == {need.module for need in needs.NEEDS}


def test_a_program_that_is_not_there_has_not_what_is_needed():
    assert not needs.succeeds(["no-such-program"])
    assert needs.succeeds(["true"])
