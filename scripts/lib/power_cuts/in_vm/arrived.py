"""In the virtual machine: arrived.py PORT succeeds when demo-api has all that the program has said it keeps: files, rows and tasks."""

import json
import re
import sys
import urllib.request


def ask(path):
    with urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/demo/{path}") as answer:
        return json.load(answer)


kept = {f"Listener/{path}" for path in re.findall(r"\bkept (\S+)", open("/run/capture.log").read())}
rows = ask("rows.json")
tracks = {task["track_id"] for task in ask("tasks.json")}
arrived = {path for path in rows["uploads"] if path.endswith(".jpg")}
arrived |= {f"Listener/audio/{row['uid']}/{row['audio_file']}" for row in rows["audio"] if row["track_id"] in tracks}
arrived |= {f"Listener/videos/{row['uid']}/{row['video_file']}" for row in rows["video"]}
waiting = kept - arrived
print(len(kept), "kept, of which wait", len(waiting), *sorted(waiting)[:5])
sys.exit(bool(waiting))
