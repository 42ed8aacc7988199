"""bench_counts.py PROGRAM RECORD [--record]: counts the instructions of each work that PROGRAM names, by Callgrind.

Fails if one needs over 5 % more than RECORD says for this compiler. A compiler that RECORD does not have is only reported.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

MOST_GROWTH_PERCENT = 5
# Of benches/counts.rs; the asterisks stand for what each compiler's way to write names puts around them.
COUNTED_FUNCTION = "*counts*measured*"


def compiler() -> str:
    """The compiler with what decides its code: Debian's has another LLVM than rustup's of the same version."""
    printed = subprocess.run([os.environ.get("RUSTC", "rustc"), "-vV"], check=True, capture_output=True, text=True).stdout
    fields = dict(line.split(": ", 1) for line in printed.splitlines() if ": " in line)
    return f"rustc {fields['release']}, LLVM {fields['LLVM version']}, {fields['host']}"


def count(program: str, work: str) -> int:
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"--toggle-collect={COUNTED_FUNCTION}"]
    # By a name without its folder, and without an environment: both take memory, and where the rest lies then decides a
    # hundredth of the count.
    folder, name = Path(program).parent, f"./{Path(program).name}"
    done = subprocess.run([*valgrind, name, work], cwd=folder, env={"PATH": os.defpath}, capture_output=True, text=True)
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not collected or collected[1] == "0":
        sys.exit(f"error: Callgrind counted nothing for {work}. It said:\n{done.stderr}")
    return int(collected[1])


def judge(counts: dict[str, int], recorded: dict[str, int] | None) -> tuple[list[str], list[str]]:
    """The lines to show, and the faults among them."""
    lines, faults = [], []
    for work, now in counts.items():
        before = (recorded or {}).get(work)
        change = "" if before is None else f"{(now / before - 1) * 100:+8.2f} %"
        lines.append(f"{work:16}{now:>12,}{change}")
        if recorded is not None and before is None:
            faults.append(f"{work} is not recorded")
        elif before is not None and now * 100 > before * (100 + MOST_GROWTH_PERCENT):
            faults.append(f"{work} needs {now:,} instructions, {now / before - 1:.1%} more than the recorded {before:,}")
        elif before is not None and now * (100 + MOST_GROWTH_PERCENT) < before * 100:
            lines.append(f"{work} has become cheaper. Record that, or it can grow back unnoticed: scripts/bench counts --record")
    faults += [f"{work} is recorded and no longer measured" for work in recorded or {} if work not in counts]
    return lines, faults


def main() -> int:
    program, record = sys.argv[1], Path(sys.argv[2])
    works = subprocess.run([program], check=True, capture_output=True, text=True).stdout.split()
    counts = {work: count(program, work) for work in works}
    recorded = json.loads(record.read_text(encoding="utf-8"))
    key = compiler()
    if "--record" in sys.argv[3:]:
        text = json.dumps(recorded | {key: counts}, indent=2, sort_keys=True)
        record.write_text(text + "\n", encoding="utf-8")
        print(f"recorded for {key}. Say in the commit why the counts have changed.")
        return 0
    lines, faults = judge(counts, recorded.get(key))
    print(f"instructions, with {key}", *lines, sep="\n")
    if key not in recorded:
        print(f"NOT COMPARED: {record} has no counts for this compiler. scripts/bench counts --record adds them.")
    for fault in faults:
        print(f"error: {fault}. If that is meant, run scripts/bench counts --record and say why in the commit.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
