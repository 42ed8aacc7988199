"""What the tests of the services share: one machine with the package, and the stand-in for the API."""

import pathlib

import pytest

from api import Api
from machine import Machine


def pytest_addoption(parser):
    for name in ("--base", "--package", "--demo-api"):
        # Whole: a disk's backing file is looked for from where the disk is.
        parser.addoption(name, type=lambda path: pathlib.Path(path).resolve())
    parser.addoption("--skip-all", metavar="WHY", help="where there can be no such machine")


def pytest_collection_modifyitems(config, items):
    if why := config.getoption("--skip-all"):
        for item in items:
            item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(scope="session")
def api(request, tmp_path_factory):
    api = Api(request.config.getoption("--demo-api"), tmp_path_factory.mktemp("api"))
    yield api
    api.stop()


@pytest.fixture(scope="session")
def machine(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("machine")
    machine = Machine(request.config.getoption("--base"), folder)
    yield machine
    machine.stop()
