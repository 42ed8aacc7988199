"""demo_report.py STATUS_FILE ADDRESS [JSON_FILE]: what was recorded, and what the API received.

Exit code 0 only when all that was recorded was delivered, once.
"""

import json
import sys
import urllib.request


def main() -> int:
    with open(sys.argv[1], encoding="utf-8") as file:
        status = json.load(file)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{sys.argv[2]}/demo/summary.json") as answer:
        received = json.load(answer)

    # The API's documentation calls pictures frames.
    kinds = {"utterances": "utterances", "clips": "clips", "frames": "pictures"}
    counts = {
        kind: {"recorded": status[ours]["recorded"], "delivered": received[kind]["delivered"]}
        for kind, ours in kinds.items()
    }
    print(f"{'':12} {'recorded':>9} {'received':>9} {'twice':>6}")
    well = not received["faults"]
    for kind, count in counts.items():
        twice = received[kind].get("duplicate_rows", 0) + received[kind].get("duplicate_tasks", 0)
        well &= 0 < count["recorded"] == count["delivered"] and twice == 0
        print(f"{kind:12} {count['recorded']:>9} {count['delivered']:>9} {twice:>6}")
    for fault in received["faults"]:
        print(f"fault: {fault}")
    if len(sys.argv) > 3:
        with open(sys.argv[3], "w", encoding="utf-8") as file:
            json.dump(counts, file)
            file.write("\n")
    return 0 if well else 1


sys.exit(main())
