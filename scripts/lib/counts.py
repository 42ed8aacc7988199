"""Adds up what the stages of scripts/test report. Pure: reads texts, gives texts."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from fnmatch import fnmatchcase

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
# Of a test that runs in several stages the worst result counts; one that ran anywhere was not skipped.
URGENCY = [FAILED, PASSED, SKIPPED]
MODULE_OF_NEED = re.compile(r"(?:^|::)(needs_\w+)::")


@dataclass(frozen=True)
class Case:
    """One test or one check. `why` is the reason of a skip or of a failure."""

    name: str
    outcome: str
    why: str = ""


def from_junit(text, prefix=""):
    """The tests in a report of nextest or pytest."""
    cases = []
    for node in ElementTree.fromstring(text).iter("testcase"):
        name = f"{prefix}{node.get('classname')}::{node.get('name')}"
        if node.find("failure") is not None or node.find("error") is not None:
            cases.append(Case(name, FAILED))
        elif (skipped := node.find("skipped")) is not None:
            cases.append(Case(name, SKIPPED, skipped.get("message") or "no reason is given"))
        else:
            cases.append(Case(name, PASSED))
    return cases


def left_out(text):
    """What a report of pytest says of tests that it leaves out on purpose."""
    properties = ElementTree.fromstring(text).iter("property")
    return [node.get("value") for node in properties if node.get("name") == "left out"]


def from_libtest(text, suite):
    """The tests that Rust's own harness names, one a line. One without a result was cut short."""
    cases = []
    for name, result in re.findall(r"^test (\S+) \.\.\. ?(\w*)", text.replace("\r", ""), re.MULTILINE):
        outcome = {"ok": PASSED, "ignored": SKIPPED}.get(result, FAILED)
        cases.append(Case(f"{suite}::{name}", outcome, "ignored" if outcome == SKIPPED else ""))
    return cases


def merged(cases):
    """Each test once."""
    by_name = {}
    for case in cases:
        known = by_name.get(case.name)
        if known is None or URGENCY.index(case.outcome) < URGENCY.index(known.outcome):
            by_name[case.name] = case
    return list(by_name.values())


def need_of(name):
    """The module that says what a test needs of the machine."""
    found = MODULE_OF_NEED.search(name)
    return found and found[1]


def not_reported(listed, cases, unmet, is_quick):
    """The tests that no stage has run, and a failure if there are none at all: skipped where the machine lacks something, else forgotten. `listed` are all tests, with whether
    they are marked `#[ignore]`; `unmet` are reasons by module."""
    reported = {case.name for case in cases}
    found = [Case("cargo nextest list", FAILED, "it names no test")] * (not listed)
    for name, is_ignored in listed.items():
        need = need_of(name)
        if "::is_no_test::" in name:
            continue
        if is_ignored != bool(need):
            found.append(Case(name, FAILED, "#[ignore] and a module needs_… go together"))
        elif name in reported:
            continue
        elif need in unmet:
            found.append(Case(name, SKIPPED, unmet[need]))
        elif is_quick and "::slow::" in name:
            found.append(Case(name, SKIPPED, "takes minutes; scripts/test without --quick runs it"))
        else:
            found.append(Case(name, FAILED, "no stage of scripts/test runs it"))
    return found


def known_skips(text):
    """The patterns of tests/skips.txt: what comes before the first blank of a line."""
    lines = (line.strip() for line in text.splitlines())
    return [line.split()[0] for line in lines if line and not line.startswith("#")]


def only_known(cases, patterns):
    """The same cases, but a skip that no pattern names has failed, and so has a pattern that names no test at all."""
    judged = []
    for case in cases:
        if case.outcome == SKIPPED and not any(fnmatchcase(case.name, pattern) for pattern in patterns):
            case = Case(case.name, FAILED, f"skipped ({case.why}), and tests/skips.txt does not name it")
        judged.append(case)
    stale = [pattern for pattern in patterns if not any(fnmatchcase(case.name, pattern) for case in cases)]
    return judged + [Case(f"tests/skips.txt: {pattern}", FAILED, "names no test") for pattern in stale]


def lines(cases):
    """What is said at the end: each test that failed or was skipped, and as the last line the counts."""
    said = []
    for outcome in (SKIPPED, FAILED):
        chosen = [case for case in cases if case.outcome == outcome]
        said += [f"{outcome}:"] * bool(chosen)
        said += [f"  {case.name}" + (f": {case.why}" if case.why else "") for case in chosen]
    counts = (sum(case.outcome == outcome for case in cases) for outcome in (PASSED, FAILED, SKIPPED))
    return [*said, "{} passed, {} failed, {} skipped".format(*counts)]
