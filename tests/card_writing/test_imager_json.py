"""The description for the Raspberry Pi Imager, by what the Imager's own schema and source ask for."""
import hashlib
import json
import lzma
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "scripts/lib/imager_json.py"
# doc/json-schema/os-list-schema.json: of a system, and of a device.
SYSTEM = {
    "name": str, "description": str, "icon": str, "url": str, "extract_size": int, "extract_sha256": str,
    "image_download_size": int, "release_date": str, "devices": list,
}
DEVICE = {"name": str, "description": str, "tags": list}


def describe(folder, *options):
    """What is written beside an image of that content, and the image."""
    content = b"boot" + bytes(1 << 21)
    image = folder / "listener-rpi4-0.1.0.img.xz"
    image.write_bytes(lzma.compress(content))
    call = [sys.executable, "-B", PROGRAM, image, "--url", "https://example.org/listener/", *options]
    out = subprocess.run(call, check=True, capture_output=True, text=True).stdout.strip()
    return content, image, json.loads(Path(out).read_text(encoding="utf-8"))


def test_it_has_what_the_imager_asks_for(tmp_path):
    _, _, told = describe(tmp_path)
    assert set(told) == {"imager", "os_list"}
    [system], [device] = told["os_list"], told["imager"]["devices"]
    for wanted, given in ((SYSTEM, system), (DEVICE, device)):
        assert {key: type(given[key]) for key in wanted} == wanted
    assert system["devices"] == device["tags"]


def test_sizes_and_checksums_are_the_images(tmp_path):
    content, image, told = describe(tmp_path)
    [system] = told["os_list"]
    assert (system["extract_size"], system["extract_sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    packed = image.read_bytes()
    assert (system["image_download_size"], system["image_download_sha256"]) == (len(packed), hashlib.sha256(packed).hexdigest())


def test_its_addresses_lead_to_what_lies_beside_it(tmp_path):
    _, _, told = describe(tmp_path, "--date", "2026-11-25")
    [system] = told["os_list"]
    assert system["url"] == "https://example.org/listener/listener-rpi4-0.1.0.img.xz"
    assert (tmp_path / system["icon"].removeprefix("https://example.org/listener/")).is_file()
    assert (system["name"], system["release_date"]) == ("Listener 0.1.0", "2026-11-25")
