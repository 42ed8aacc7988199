"""What the tests of the services share: one machine with the package, and the stand-in for the API."""

import json
import pathlib
import secrets
import subprocess
import urllib.request

import pytest

from machine import Machine


def pytest_addoption(parser):
    for name in ("--base", "--package", "--demo-api"):
        # Whole: a disk's backing file is looked for from where the disk is.
        parser.addoption(name, required=True, type=lambda path: pathlib.Path(path).resolve())


class Api:
    """demo-api on this machine, as the virtual one sees it."""

    def __init__(self, program, folder):
        self.token = "secret-" + secrets.token_hex(12)
        command = [program, "--listen", "127.0.0.1:0", "--data_dir", folder, "--token", self.token]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        said = next(line for line in self.process.stdout if "http://" in line)
        self.address = "http://" + said.split("http://")[1].split()[0].rstrip("/")
        # The emulator's network hands on what goes to this address.
        self.seen_from_within = "http://10.0.2.2:" + self.address.rsplit(":", 1)[1]

    def summary(self):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.address + "/demo/summary.json") as answer:
            return json.load(answer)


@pytest.fixture(scope="session")
def api(request, tmp_path_factory):
    api = Api(request.config.getoption("--demo-api"), tmp_path_factory.mktemp("api"))
    yield api
    api.process.kill()
    api.process.wait()


@pytest.fixture(scope="session")
def machine(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("machine")
    machine = Machine(request.config.getoption("--base"), folder)
    yield machine
    machine.stop()
