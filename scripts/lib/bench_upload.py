"""bench_upload.py DEMO_API UPLOAD_BENCH [JSON_FILE]: how fast what waits is delivered, beside curl in the same run.

Each figure is a function that returns its part of the JSON object; FIGURES lists them.
"""

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

TOKEN = "a-token-for-benchmarks"
PICTURES = 5000
PICTURE_BYTES = 30_000  # 640 x 480 at the encoder's quality
ROUNDS = 3


@contextmanager
def demo_api(program: str, folder: pathlib.Path) -> Iterator[str]:
    """A fresh server; yields its address."""
    command = [program, "--listen", "127.0.0.1:0", "--token", TOKEN, "--home_id", "1", "--data_dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()


def arrived(folder: pathlib.Path) -> int:
    return sum(1 for _ in (folder / "files").rglob("*.jpg"))


def rate(api: pathlib.Path, seconds: float) -> float:
    if arrived(api) != PICTURES:
        sys.exit(f"{arrived(api)} of {PICTURES} pictures arrived")
    return PICTURES / seconds


def by_curl(program: str, work: pathlib.Path) -> float:
    """Pictures a second, posted by curl over one connection that is kept alive."""
    pictures = sorted((work / "data/spool/items").glob("*.jpg"))
    with demo_api(program, work / "curl-api") as address:
        transfers = (
            f'url = "{address}/hardware/upload_file/"\nheader = "Authorization: Token {TOKEN}"\noutput = "/dev/null"\n'
            'write-out = "%{num_connects}\\n"\n'
            f'form = "dest_path=Listener/videos/curl/frames/2026-09-21_{n // 3600:02}-{n // 60 % 60:02}/{n % 60}.jpg"\n'
            f'form = "file=@{picture};type=image/jpeg"\n'
            for n, picture in enumerate(pictures)
        )
        config = work / "curl.config"
        config.write_text("next\n".join(transfers))
        began = time.monotonic()
        command = ["curl", "--silent", "--config", config]
        connections = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        seconds = time.monotonic() - began
    if sum(map(int, connections)) != 1:
        sys.exit("curl did not keep its connection")
    return rate(work / "curl-api", seconds)


def by_listener(program: str, bench: str, work: pathlib.Path) -> float:
    """Pictures a second, from the spool in which they wait."""
    with demo_api(program, work / "api") as address:
        command = [bench, "deliver", work / "data", address, TOKEN]
        seconds = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return rate(work / "api", seconds)


def frames(api: str, bench: str) -> dict[str, float]:
    """Pictures a second with thousands waiting, as a multiple of what curl does."""
    rates: dict[str, list[float]] = {"listener": [], "curl": []}
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            work = pathlib.Path(folder)
            subprocess.run([bench, "fill", work / "data", str(PICTURES), str(PICTURE_BYTES)], check=True)
            rates["curl"].append(by_curl(api, work))
            rates["listener"].append(by_listener(api, bench, work))
    listener, curl = (statistics.median(rates[name]) for name in ("listener", "curl"))
    print(f"pictures a second, {PICTURES} waiting: {listener:.0f}; curl on one connection: {curl:.0f}")
    return {"frames_ratio_to_curl": round(listener / curl, 3)}


FIGURES = [frames]


def main() -> None:
    api, bench = sys.argv[1:3]
    figures: dict[str, float] = {}
    for figure in FIGURES:
        figures |= figure(api, bench)
    for name, value in figures.items():
        print(f"{name}: {value}")
    if len(sys.argv) > 3:
        with open(sys.argv[3], "w", encoding="utf-8") as file:
            json.dump(figures, file)
            file.write("\n")


main()
