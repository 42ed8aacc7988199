"""The keys that yocto/make-keys makes, and RAUC's settings on a box, as Debian's RAUC takes them."""

import os
import subprocess
from pathlib import Path

import pytest

CONFIGURATION = Path("yocto/meta-listener/recipes-core/rauc/files/listener-distro/system.conf")
# RAUC 1.13 runs the handler that says which version runs, and goes no further without it.
HANDLERS = Path("yocto/meta-listener/recipes-listener/listener/files/appliance/usr/libexec/listener")
IMAGE_BYTES = 1 << 20


def rauc(*arguments):
    return subprocess.run(["rauc", *arguments], capture_output=True, text=True, timeout=60)


def make_keys(folder):
    return subprocess.run(["yocto/make-keys", folder], capture_output=True, text=True, timeout=60)


def settings(folder, keys):
    """Those of a box, which trusts these keys. What RAUC notes stays in the test's folder."""
    text = CONFIGURATION.read_text().replace("@MACHINE@", "raspberrypi4-64").replace("/data/rauc", str(folder / "rauc"))
    text = text.replace("/usr/libexec/listener", str(HANDLERS.absolute()))
    file = folder / "system.conf"
    file.write_text(text.replace("/usr/lib/rauc/authority.cert.pem", str(keys / "authority.cert.pem")))
    return file


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Keys, and an update signed with them."""
    folder = tmp_path_factory.mktemp("update")
    assert make_keys(folder / "keys").returncode == 0
    content = folder / "content"
    content.mkdir()
    (content / "rootfs.ext4").write_bytes(os.urandom(IMAGE_BYTES))
    (content / "manifest.raucm").write_text(
        "[update]\ncompatible=listener-raspberrypi4-64\nversion=0.2.0\n[bundle]\nformat=verity\n[image.rootfs]\nfilename=rootfs.ext4\n")
    keys = folder / "keys"
    done = rauc("--cert", keys / "update.cert.pem", "--key", keys / "update.key.pem", "bundle", content, folder / "update.raucb")
    assert done.returncode == 0, done.stderr
    return folder


def test_a_box_believes_an_update_signed_with_its_builders_keys(made, tmp_path):
    done = rauc("--conf", settings(tmp_path, made / "keys"), "info", "--output-format=shell", made / "update.raucb")
    assert done.returncode == 0, done.stderr
    assert "RAUC_MF_VERSION='0.2.0'" in done.stdout.splitlines()


def test_a_box_does_not_believe_an_update_signed_with_other_keys(made, tmp_path):
    assert make_keys(tmp_path / "others").returncode == 0
    done = rauc("--conf", settings(tmp_path, tmp_path / "others"), "info", made / "update.raucb")
    assert done.returncode != 0 and "signature verification failed" in done.stderr


def test_keys_are_the_owners_alone_and_are_not_made_a_second_time(made):
    keys = made / "keys"
    before = {file.name: file.read_bytes() for file in keys.iterdir()}
    assert set(before) == {"authority.cert.pem", "authority.key.pem", "update.cert.pem", "update.key.pem"}
    assert keys.stat().st_mode & 0o077 == 0
    assert make_keys(keys).returncode == 1
    assert {file.name: file.read_bytes() for file in keys.iterdir()} == before
