"""Runs the stages of scripts/test in order, up to the first that fails, and says at the end what was counted: one line, the last, with
what passed, failed and was skipped. A check such as formatting counts as one; a test that runs in two stages counts once."""

import argparse
import json
import os
import platform
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import counts
import needs

TARGET = Path(os.environ.get("CARGO_TARGET_DIR", "target")).resolve()
# nextest writes below the workspace, wherever the build is.
NEXTEST = Path("target/nextest")
SHELL_FOLDERS = [".ci", "scripts"]


@dataclass(frozen=True)
class Stage:
    """`report` is where the command leaves which tests it ran; a check leaves none and is one test. `prefix` tells tests apart that run
    elsewhere, too."""

    name: str
    command: list[str]
    report: Path | None = None
    prefix: str = ""
    is_quick: bool = False


def check(name, *command, is_quick=False):
    return Stage(name, list(command), is_quick=is_quick)


def pytest(name, *command, is_quick=False):
    return Stage(name, list(command), TARGET / "test-reports" / f"{name.replace(' ', '-')}.xml", is_quick=is_quick)


def nextest(name, profile, *command, prefix="", is_quick=False):
    return Stage(name, list(command), NEXTEST / profile / "junit.xml", prefix, is_quick)


def stages(lacking, is_amd64=platform.machine() == "x86_64"):
    """All of them, in order: what fails soonest first."""
    # To the end: a run in a fresh system takes an hour, so it is to show all that fails.
    tests = ["cargo", "nextest", "run", "--locked", "--all-features", "--no-fail-fast"]
    filterset = ["--run-ignored", "all", "-E", needs.filterset(lacking)]
    clippy = ["cargo", "clippy", "--locked"]
    strict = ["--", "-D", "warnings"]
    python = ["/usr/bin/python3", "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    return [
        check("formatting", "cargo", "fmt", "--check", is_quick=True),
        check("shell scripts", "shellcheck", "--shell=sh", *shell_scripts(), is_quick=True),
        check("dependencies", "scripts/lib/dependencies.sh", is_quick=True),
        pytest("tests of scripts", *python, "tests/benchmarks", "tests/card_writing", "tests/counting", "tests/power_cuts",
               is_quick=True),
        check("lints", *clippy, "--all-targets", "--all-features", *strict, is_quick=True),
        check("lints without devices", *clippy, "--no-default-features", "--lib", *strict, is_quick=True),
        check("the Yocto layer", "scripts/check-yocto", is_quick=True),
        nextest("tests", "default", *tests, *filterset, is_quick=True),
        nextest("slow tests", "slow", *tests, "--profile", "slow", *filterset),
        *[Stage("sticks in a virtual machine", ["scripts/lib/sticks_in_vm.sh"], TARGET / "sticks-in-vm.log")] * is_amd64,
        pytest("the Yocto image", "scripts/lib/test_yocto.sh"),
        nextest("the library for arm64", "default", "scripts/lib/test_aarch64.sh", "library", prefix="arm64 "),
        check("the program for arm64 beside Debian 12", "scripts/lib/test_aarch64.sh", "bookworm"),
        check("the program for arm64 beside Debian 13", "scripts/lib/test_aarch64.sh", "trixie"),
        check("instruction counts", "scripts/bench", "counts"),
        pytest("the package and its services", "scripts/system-test"),
        pytest("the image on an emulated box", "scripts/hw-test"),
    ]


def shell_scripts():
    """By their first line, or by name if they are sourced."""
    files = sorted(file for folder in SHELL_FOLDERS for file in Path(folder).rglob("*") if file.is_file())
    return [str(file) for file in files if file.suffix == ".sh" or file.read_bytes().startswith(b"#!/bin/sh\n")]


def say(text):
    """A headline, as scripts/lib/install.sh has them."""
    print(f"\033[1m{text}\033[0m" if sys.stderr.isatty() else text, file=sys.stderr, flush=True)


def run(stage):
    """The cases of a stage, and what it leaves out on purpose."""
    say(stage.name)
    environment = dict(os.environ)
    if stage.report:
        stage.report.parent.mkdir(parents=True, exist_ok=True)
        stage.report.unlink(missing_ok=True)
        options = f"{os.environ.get('PYTEST_ADDOPTS', '')} --junitxml={shlex.quote(str(stage.report))}"
        environment["PYTEST_ADDOPTS"] = options
    began = time.monotonic()
    code = subprocess.run(stage.command, env=environment, check=False).returncode
    print(f"{stage.name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    if not stage.report:
        return [counts.Case(stage.name, counts.FAILED if code else counts.PASSED)], []
    cases, left_out = read(stage)
    if not cases:
        cases = [counts.Case(stage.name, counts.FAILED, "it ran no test")]
    elif code and not has_failed(cases):
        cases.append(counts.Case(stage.name, counts.FAILED, f"exit code {code}"))
    return cases, left_out


def read(stage):
    """What a stage has reported."""
    if not stage.report.is_file():
        return [], []
    text = stage.report.read_text(errors="replace")
    if stage.report.suffix == ".log":
        return counts.from_libtest(text, "listener::sticks"), []
    return counts.from_junit(text, stage.prefix), counts.left_out(text)


@contextmanager
def built_beside(command):
    """Builds what later stages need, while the tests of earlier ones wait more than they calculate. A stage that comes to it sooner waits
    for cargo's lock, and one that finds it has failed builds it itself."""
    building = subprocess.Popen(["chrt", "--idle", "0", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        building.terminate()
        building.wait()


def has_failed(cases):
    return any(case.outcome == counts.FAILED for case in cases)


def listed():
    """All tests of the crate, with whether they are marked `#[ignore]`."""
    command = ["cargo", "nextest", "list", "--locked", "--all-features", "--message-format", "json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        return {}
    suites = json.loads(done.stdout)["rust-suites"]
    return {f"{suite}::{name}": test["ignored"] for suite, found in suites.items() for name, test in found["testcases"].items()}


def run_in_order(chosen, act=run):
    """Up to the first stage that fails. Gives all cases, and notes on what did not run."""
    cases, notes, left = [], [], list(chosen)
    while left and not has_failed(cases):
        stage = left.pop(0)
        try:
            found, left_out = act(stage)
        except KeyboardInterrupt:
            found, left_out = [counts.Case(stage.name, counts.FAILED, "interrupted")], []
        cases = counts.merged(cases + found)
        notes += [f"left out: {stage.name}: {what}" for what in left_out]
    return cases, notes + [f"not run: {stage.name}" for stage in left]


def main():
    """Reads the options."""
    parser = argparse.ArgumentParser(prog="scripts/test", description="Everything that has to hold before a change lands.")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--quick", action="store_true", help="without what takes minutes")
    choice.add_argument("--only-known-skips", action="store_true", help="a skipped test that tests/skips.txt does not name is a failure")
    options = parser.parse_args()
    # The counts are said then, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    lacking = needs.unmet()
    every = stages(lacking)
    chosen = [stage for stage in every if stage.is_quick or not options.quick]
    with built_beside(["true"] if options.quick else ["cargo", "build", "--locked", "--release"]):
        cases, notes = run_in_order(chosen)
    notes += [f"left out by --quick: {stage.name}" for stage in every if stage not in chosen]
    if not has_failed(cases):
        cases += counts.not_reported(listed(), cases, lacking, options.quick)
        if options.only_known_skips:
            cases = counts.only_known(cases, counts.known_skips(Path("tests/skips.txt").read_text()))
    print(*notes, *counts.lines(cases), sep="\n", flush=True)
    sys.exit(has_failed(cases))


if __name__ == "__main__":
    main()
