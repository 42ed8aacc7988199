"""bench_spool.py BINARIES [JSON_FILE]: what a long backlog costs: memory, start-up, and a new utterance's time.

The figures are added to those that are in JSON_FILE already.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

TOKEN = "bench"
PICTURE = b"\xff\xd8" + bytes(20_000) + b"\xff\xd9"
WARM_UP_S = 6
# No quiet behind an utterance is kept beyond its pause: its end is when it was known to be over.
PAUSE_MS = 300


# Nobody answers there.
NOWHERE = "http://127.0.0.1:9"


def fill(binaries: Path, data: Path, items: int, picture: bytes) -> None:
    """Pictures of the last days, one a second. A first run makes the ledger from their names."""
    run = uuid.uuid4()
    folder = data / "spool" / "items"
    folder.mkdir(parents=True)
    first = datetime.now(timezone.utc) - timedelta(seconds=items + 60)
    for number in range(items):
        taken = (first + timedelta(seconds=number)).replace(microsecond=0)
        name = f"picture_{taken:%Y%m%dT%H%M%S}.000000Z_0_{run.hex}_0_{len(picture)}"
        (folder / f"{name}.jpg").write_bytes(picture)
    with Listener(binaries, data, NOWHERE) as listener:
        listener.seconds_until("microphone: recording")


class Listener:
    """A listener on test sources, until the end of the block."""

    def __init__(self, binaries: Path, data: Path, address: str) -> None:
        command = [binaries / "listener", "run", "--source", "test", "--api_domain", address, "--home_id", "1"]
        command += ["--data_dir", data, "--pause", str(PAUSE_MS), "--width", "160", "--height", "120"]
        environment = {**os.environ, "LISTENER_TOKEN": TOKEN}
        self.log = open(data / "log", "w+", encoding="utf-8")
        self.started = time.monotonic()
        self.process = subprocess.Popen(command, stderr=self.log, env=environment)
        self.data = data

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def seconds_until(self, said: str) -> float:
        while said not in (self.data / "log").read_text(encoding="utf-8"):
            if self.process.poll() is not None or time.monotonic() > self.started + 60:
                sys.exit("the listener said:\n" + (self.data / "log").read_text(encoding="utf-8"))
            time.sleep(0.005)
        return time.monotonic() - self.started

    def rss_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1024


def long_backlog(binaries: Path, items: int) -> tuple[float, float]:
    """Seconds until sound is recorded, and MB of memory after a while, while nothing can be delivered."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        if items:
            fill(binaries, data, items, b"jpeg")
        with Listener(binaries, data, NOWHERE) as listener:
            start_s = listener.seconds_until("microphone: recording")
            time.sleep(WARM_UP_S)
            return start_s, statistics.median(listener.rss_mb() for _ in range(20) if not time.sleep(0.1))


def latency_ms(binaries: Path, items: int, least: int, seconds: int) -> list[float]:
    """From the end of each utterance to its accepted task, while a backlog is delivered of which `least` are left."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        fill(binaries, data, items, PICTURE)
        command = [binaries / "demo-api", "--listen", "127.0.0.1:0", "--data_dir", Path(folder) / "api"]
        command += ["--token", TOKEN, "--home_id", "1"]
        api = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert api.stdout
            address = api.stdout.readline().split()[-1]
            with Listener(binaries, data, address) as listener:
                listener.seconds_until("microphone: recording")
                time.sleep(seconds)
                status = json.loads((data / "status.json").read_text(encoding="utf-8"))
            if status["pictures"]["waiting"] < least:
                sys.exit(f"only {status['pictures']['waiting']} items were left: begin with more")
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(f"{address}/demo/tasks.json") as answer:
                tasks = json.load(answer)
        finally:
            api.kill()
            api.wait()
    took = []
    for task in tasks:
        accepted = datetime.fromisoformat(task["created_at"].replace("Z", "+00:00"))
        end = datetime.fromisoformat(task["parameters"]["end_time"]).replace(tzinfo=timezone.utc)
        took.append((accepted - end).total_seconds() * 1000)
    if len(took) < 5:
        sys.exit(f"only {len(took)} utterances arrived")
    return took


def main() -> None:
    binaries = Path(sys.argv[1])
    empty_start_s, empty_mb = long_backlog(binaries, 0)
    start_s, full_mb = long_backlog(binaries, 100_000)
    _, fuller_mb = long_backlog(binaries, 200_000)
    took = latency_ms(binaries, 60_000, 10_000, 24)
    figures = {
        "latency_ms_median": round(statistics.median(took), 1),
        "rss_extra_mb_100k": round(full_mb - empty_mb, 1),
        "rss_extra_mb_200k": round(fuller_mb - empty_mb, 1),
        "startup_s_100k": round(start_s, 2),
    }
    print(f"from the end of an utterance to its accepted task, over 10,000 items waiting: median of {len(took)}:"
          f" {figures['latency_ms_median']} ms, longest {max(took):.1f} ms")
    print(f"memory with 100,000 items waiting: {full_mb:.1f} MB, with 200,000 {fuller_mb:.1f} MB, with none {empty_mb:.1f} MB")
    print(f"from start to recording with 100,000 items waiting: {start_s:.2f} s, with none {empty_start_s:.2f} s")
    if len(sys.argv) > 2:
        target = Path(sys.argv[2])
        others = json.loads(target.read_text(encoding="utf-8")) if target.exists() and target.stat().st_size else {}
        target.write_text(json.dumps({**others, **figures}) + "\n", encoding="utf-8")


main()
