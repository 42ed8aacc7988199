"""What the tests of the box share: the box, the Pi, the stand-in for the API."""

import pathlib

import pytest

from api import Api
from box import Box
from stick import Stick

LEFT_OUT = pytest.StashKey()


def pytest_addoption(parser):
    parser.addoption("--demo-api", type=pathlib.Path, help="the program demo-api")
    parser.addoption("--all", action="store_true", help="also what takes longer than 20 minutes")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: only with --all")


def pytest_collection_modifyitems(config, items):
    """What is not asked for is deselected, which pytest counts, and not skipped."""
    long = [item for item in items if item.get_closest_marker("long") and not config.getoption("--all")]
    config.stash[LEFT_OUT] = len(long)
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session", autouse=True)
def left_out(request, record_testsuite_property):
    """Has the report say it, too, for scripts/lib/counts.py."""
    if count := request.config.stash[LEFT_OUT]:
        record_testsuite_property("left out", f"{count} tests, which scripts/hw-test --all runs")


@pytest.fixture(scope="session")
def api(request, env, tmp_path_factory):
    options = env.config.get_option
    api = Api(request.config.getoption("--demo-api"), tmp_path_factory.mktemp("api"), options("host"), options("listen"))
    yield api
    api.stop()


@pytest.fixture(scope="module")
def box(env):
    """Begins with its card as it is delivered."""
    box = Box(env.get_target("main"))
    box.start_anew()
    yield box
    box.stop()


@pytest.fixture(scope="module")
def pi(env):
    """The same box, where it is a Pi."""
    pi = Box(env.get_target("pi") or env.get_target("main"))
    pi.start_anew()
    yield pi
    pi.stop()


@pytest.fixture
def stick(tmp_path):
    """Makes a stick with a listener.toml."""
    return lambda text, name="listener.toml": Stick(tmp_path / "stick.img", {name: text.encode()})
