"""What clips and pictures cost: listener, with sound, spool and upload, beside a bare gst-launch-1.0 in the same run."""

import argparse
import datetime
import json
import os
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

SIZES = ((640, 480, 24), (1920, 1080, 30))
CLIP_S = 20
ENDURANCE_S = 600
TOKEN = "a-token-for-the-benchmark"


def usage_of(process):
    """Waits for a process to end; its processor time in seconds and its peak memory in MB."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{process.args[0]} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def bare(size, seconds, folder):
    """The elements that the listener uses, with its settings: one file of H.264, one JPEG a second; no sound."""
    width, height, rate = size
    kilobits = -(-width * height * rate * 150 // 1000 // 25000) * 25
    pipeline = f"""
        videotestsrc is-live=true pattern=ball background-color=0xff1d3557 foreground-color=0xffffb703
            num-buffers={seconds * rate}
        ! video/x-raw,format=I420,width={width},height={height},framerate={rate}/1 ! tee name=frames
        frames. ! queue ! x264enc tune=zerolatency speed-preset=ultrafast bitrate={kilobits} key-int-max={rate}
        ! h264parse ! video/x-h264,stream-format=avc,alignment=au
        ! mp4mux fragment-duration=1000 fragment-mode=first-moov-then-finalise ! filesink location={folder}/bare.mp4
        frames. ! queue ! videorate drop-only=true ! video/x-raw,framerate=1/1 ! jpegenc
        ! multifilesink location={folder}/%d.jpg"""
    return usage_of(subprocess.Popen(["gst-launch-1.0", "-q", "-e", *pipeline.split()]))


class Api:
    """The stand-in for the API, while it is open."""

    def __init__(self, programs, folder):
        self.folder = folder
        command = [f"{programs}/demo-api", "--listen", "127.0.0.1:0", "--home_id", "1", "--token", TOKEN]
        self.process = subprocess.Popen([*command, "--data_dir", folder], stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().split()[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def get(self, path):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.address + path) as answer:
            return json.load(answer)


def listener(programs, size, seconds, folder):
    """The whole job. Gives its processor time, its peak memory, and the clips that arrived: (row, file)."""
    width, height, rate = size
    with Api(programs, f"{folder}/api") as api:
        command = [f"{programs}/listener", "run", "--source", "test", "--for", str(seconds)]
        command += ["--api_domain", api.address, "--home_id", "1", "--data_dir", f"{folder}/data"]
        command += ["--width", str(width), "--height", str(height), "--frame_rate", str(rate)]
        environment = dict(os.environ, LISTENER_TOKEN=TOKEN, RUST_LOG="warn")
        used = usage_of(subprocess.Popen(command, env=environment))
        faults = api.get("/demo/summary.json")["faults"]
        if faults:
            sys.exit(f"demo-api found: {faults}")
        rows = sorted(api.get("/demo/rows.json")["video"], key=lambda row: row["start_time"])
        files = [f"{folder}/api/files/Listener/videos/{row['uid']}/{row['video_file']}" for row in rows]
        return used, list(zip(rows, files))


def frames_of(path):
    """The number of frames that an MP4's index lists."""
    with open(path, "rb") as file:
        data = file.read()

    def find(start, end, names):
        at = start
        while at + 8 <= end:
            size, kind = struct.unpack(">I4s", data[at : at + 8])
            head = 8
            if size == 1:
                size, head = struct.unpack(">Q", data[at + 8 : at + 16])[0], 16
            if kind == names[0]:
                return (at + head) if len(names) == 1 else find(at + head, at + size, names[1:])
            at += max(size, 8)
        sys.exit(f"{path} has no {names[0]}")

    samples = find(0, len(data), [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsz"])
    return struct.unpack(">I", data[samples + 8 : samples + 12])[0]


def decodes(path):
    pipeline = f"filesrc location={path} ! qtdemux ! h264parse ! avdec_h264 ! fakesink sync=false"
    return subprocess.run(["gst-launch-1.0", "-q", *pipeline.split()], check=False).returncode == 0


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def judge(clips, rate):
    """Frames missing between the first clip's start and the last one's end; ends if a clip is not as it should be."""
    spans = [(seconds_of(row["start_time"]), seconds_of(row["end_time"])) for row, _ in clips]
    frame = 1 / rate
    for start, _ in spans[1:]:
        late = start % CLIP_S
        if late > frame + 0.002:
            sys.exit(f"a clip begins {late:.3f} s after its multiple of {CLIP_S} s")
    for (_, end), (start, _) in zip(spans, spans[1:]):
        if abs(start - end) > frame + 0.002:
            sys.exit(f"{start - end:.3f} s between two clips")
    bad = [path for _, path in clips if not decodes(path)]
    if bad:
        sys.exit(f"these do not decode: {bad}")
    expected = round((spans[-1][1] - spans[0][0]) * rate)
    found = sum(frames_of(path) for _, path in clips)
    lengths = sum(end - start for start, end in spans)
    print(f"  {len(clips)} clips, {lengths:.2f} s in all, every one decodes; {found} frames of {expected}", flush=True)
    return max(0, expected - found)


def compare(programs, size, rounds, seconds):
    """Rounds of both, one after the other. Gives (ratio of processor time, further memory in MB, dropped frames)."""
    name = f"{size[0]}x{size[1]} at {size[2]}"
    print(f"{name}: {'gst-launch-1.0':>28} {'listener':>24}   ratio", flush=True)
    pairs, dropped = [], 0
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            # In turn first, so that a machine that grows busier is no advantage to either.
            if number % 2:
                ours, clips = listener(programs, size, seconds, folder)
                theirs = bare(size, seconds, folder)
            else:
                theirs = bare(size, seconds, folder)
                ours, clips = listener(programs, size, seconds, folder)
            pairs.append((theirs, ours))
            shown = [f"{cpu / seconds:.4f} CPU s/s {memory:5.1f} MB" for cpu, memory in (theirs, ours)]
            print(f"  {shown[0]:>40} {shown[1]:>24}   {ours[0] / theirs[0]:.3f}", flush=True)
            dropped += judge(clips, size[2])
    # The middle one: a burst of other work on the machine falls on one side of a round or the other.
    ratio = statistics.median(ours[0] / theirs[0] for theirs, ours in pairs)
    memory = [max(one[side][1] for one in pairs) for side in (0, 1)]
    return ratio, memory[1] - memory[0], dropped


def endurance(programs):
    """Ten minutes beside a busy loop on every core. Gives the dropped frames."""
    loops = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(os.cpu_count() or 1)]
    try:
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            (cpu, memory), clips = listener(programs, SIZES[0], ENDURANCE_S, folder)
            took = time.monotonic() - began
            print(f"640x480 at 24, {len(loops)} cores loaded: {took:.0f} s, {cpu / ENDURANCE_S:.4f} CPU s/s, {memory:.1f} MB")
            return judge(clips, SIZES[0][2])
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--endurance", action="store_true")
    parser.add_argument("--json")
    options = parser.parse_args()
    figures = {}
    if options.endurance:
        figures["dropped_frames"] = endurance(options.programs)
    else:
        small, large = (compare(options.programs, size, options.rounds, options.seconds) for size in SIZES)
        figures["cpu_ratio_640x480"] = round(small[0], 3)
        figures["cpu_ratio_1920x1080"] = round(large[0], 3)
        figures["rss_extra_mb"] = round(max(small[1], large[1]), 1)
        figures["dropped_frames"] = small[2]
    print(json.dumps(figures))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(figures, file)
            file.write("\n")


main()
