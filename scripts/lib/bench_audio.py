"""bench_audio.py SHARED RESULTS CRITERION [JSON_FILE]: a table of how well and how cheaply speech is cut."""

import json
import re
import subprocess
import sys

SCORE = re.compile(
    r"right (?P<right>[\d.]+)%, cut (?P<cut>[\d.]+)%.*false (?P<false>[\d.]+)/min.*p95 (?P<p95>\d+) ms", re.DOTALL
)


def score(shared: str, results: str) -> dict[str, float]:
    command = [sys.executable, f"{shared}/eval/score_segments.py", f"{shared}/speech", results]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = SCORE.search(printed)
    if not found:
        sys.exit(f"the scorer said: {printed}")
    return {name: float(value) for name, value in found.groupdict().items()}


def cpu_ms_per_s(criterion: str, name: str) -> float:
    with open(f"{criterion}/segment_a_minute/{name}/new/estimates.json", encoding="utf-8") as file:
        return json.load(file)["mean"]["point_estimate"] / 60 / 1e6


def main() -> None:
    shared, results, criterion = sys.argv[1:4]
    cpu = {name: cpu_ms_per_s(criterion, name) for name in ("auto", "fixed")}
    print(f"{'threshold':10} {'right %':>8} {'cut %':>6} {'false/min':>10} {'decision p95 ms':>16} {'CPU ms/s':>9}")
    for threshold in ("auto", "600", "5000"):
        scored = score(shared, f"{results}/{threshold}")
        cost = cpu["auto" if threshold == "auto" else "fixed"]
        print(
            f"{threshold:10} {scored['right']:8.1f} {scored['cut']:6.1f} {scored['false']:10.2f}"
            f" {scored['p95']:16.0f} {cost:9.3f}"
        )
        if threshold == "auto" and len(sys.argv) > 4:
            figures = {
                "right_percent": scored["right"],
                "cut_percent": scored["cut"],
                "false_per_minute": scored["false"],
                "decision_p95_ms": scored["p95"],
                "cpu_ms_per_s": round(cost, 4),
            }
            with open(sys.argv[4], "w", encoding="utf-8") as file:
                json.dump(figures, file)
                file.write("\n")


main()
