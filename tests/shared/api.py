"""demo-api on this machine, and what a box is told of it."""

import json
import secrets
import subprocess
import time
import urllib.request

# Small and seldom: an emulated machine encodes a few pictures a second.
VIDEO = {"width": 320, "height": 240, "frame_rate": 5, "video_length": 10}


class Api:
    """demo-api, as this machine and as the one under test see it."""

    def __init__(self, program, folder, host="10.0.2.2", listen="127.0.0.1"):
        """The emulator's network hands on to this machine what goes to 10.0.2.2."""
        self.token = "secret-" + secrets.token_hex(12)
        command = [program, "--listen", f"{listen}:0", "--data_dir", folder, "--token", self.token]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        said = next(line for line in self.process.stdout if "http://" in line)
        port = said.split("http://")[1].split()[0].rstrip("/").rsplit(":", 1)[1]
        self.address, self.seen_from_within = f"http://127.0.0.1:{port}", f"http://{host}:{port}"

    def summary(self):
        """What has arrived, and what was wrong with it."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.address + "/demo/summary.json") as answer:
            return json.load(answer)

    def wait_for_more(self, kinds=("utterances", "clips", "frames"), patience_s=240):
        """Waits until more of each kind has been delivered than now."""
        before = self.summary()
        deadline = time.monotonic() + patience_s
        while True:
            now = self.summary()
            if all(now[kind]["delivered"] > before[kind]["delivered"] for kind in kinds):
                return
            assert time.monotonic() < deadline, f"in {patience_s} s nothing more than {before}"
            time.sleep(0.5)

    def settings(self, token=True, **sections):
        """A listener.toml for it, with whatever else is named."""
        lines = ["home_id = 1", f'api_domain = "{self.seen_from_within}"']
        lines += [f'token = "{self.token}"'] if token else []
        for section, values in {"video": VIDEO, **sections}.items():
            # What JSON writes of numbers, words and lists, TOML reads.
            lines += [f"[{section}]", *(f"{name} = {json.dumps(value)}" for name, value in values.items())]
        return "\n".join([*lines, ""])

    def stop(self):
        self.process.kill()
        self.process.wait()
