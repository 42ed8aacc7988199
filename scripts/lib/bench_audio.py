"""bench_audio.py LISTENER SHARED RESULTS CRITERION [JSON_FILE]: tables of how well and how cheaply speech is cut.

SILERO in the environment names the network that real talk is compared with; without it the comparison is left out."""

import json
import os
import re
import subprocess
import sys

DIGITS = re.compile(
    r"right (?P<right>[\d.]+)%, cut (?P<cut>[\d.]+)%.*false (?P<false>[\d.]+)/min.*p95 (?P<p95>\d+) ms", re.DOTALL
)
REAL = re.compile(
    r"lost (?P<lost>-?[\d.]+)%, .*edges inside speech (?P<edges>\d+), utterances (?P<utterances>\d+), without speech (?P<without>\d+)"
)
LEADS_S = (0, 5)


def asked(pattern: re.Pattern[str], *command: str) -> dict[str, float]:
    printed = subprocess.run([sys.executable, *command], check=True, capture_output=True, text=True).stdout
    found = pattern.search(printed)
    if not found:
        sys.exit(f"the scorer said: {printed}")
    return {name: float(value) for name, value in found.groupdict().items()}


def cpu_ms_per_s(criterion: str, name: str) -> float:
    with open(f"{criterion}/segment_a_minute/{name}/new/estimates.json", encoding="utf-8") as file:
        return json.load(file)["mean"]["point_estimate"] / 60 / 1e6


def real_talk(listener: str, shared: str) -> dict[str, float]:
    """Prints the table of real talk. Its figures for `auto`."""
    print("people talking, from the first sample and after five seconds of their quiet room")
    print(f"{'by':10} {'quiet before':>13} {'lost %':>7} {'edges inside speech':>20} {'utterances':>11} {'without speech':>15}")
    figures = {}
    for by in ("auto", *(["silero"] if "SILERO" in os.environ else [])):
        for lead_s in LEADS_S:
            scored = asked(REAL, f"{shared}/eval/real_speech.py", listener, f"{shared}/speech/real", by, str(lead_s))
            print(
                f"{by:10} {lead_s:11} s {scored['lost']:7.1f} {scored['edges']:20.0f} {scored['utterances']:11.0f}"
                f" {scored['without']:15.0f}"
            )
            if by == "auto":
                figures[f"real_lost_percent_after_{lead_s}_s"] = scored["lost"]
    return figures


def digits(shared: str, results: str) -> dict[str, float]:
    """Prints the table of dialogues of digits. Its figures for `auto`."""
    print("digits read aloud, over seven noises")
    print(f"{'threshold':10} {'right %':>8} {'cut %':>6} {'false/min':>10} {'decision p95 ms':>16}")
    for threshold in ("5000", "600", "auto"):
        scored = asked(DIGITS, f"{shared}/eval/score_segments.py", f"{shared}/speech", f"{results}/{threshold}")
        print(
            f"{threshold:10} {scored['right']:8.1f} {scored['cut']:6.1f} {scored['false']:10.2f} {scored['p95']:16.0f}"
        )
    return {
        "right_percent": scored["right"],
        "cut_percent": scored["cut"],
        "false_per_minute": scored["false"],
        "decision_p95_ms": scored["p95"],
    }


def cost(criterion: str) -> dict[str, float]:
    """Prints what a second of sound costs. Its figures for `auto`."""
    print("processor time for a second of sound")
    figures = {}
    for name in ("fixed", "auto-quiet", "auto-knocks", "auto"):
        ms = cpu_ms_per_s(criterion, name)
        print(f"{name:12} {ms:7.3f} ms")
        figures[f"cpu_ms_per_s_{name}"] = round(ms, 4)
    return figures


def main() -> None:
    listener, shared, results, criterion = sys.argv[1:5]
    figures = real_talk(listener, shared)
    print()
    figures |= digits(shared, results)
    print()
    figures |= cost(criterion)
    if len(sys.argv) > 5:
        with open(sys.argv[5], "w", encoding="utf-8") as file:
            json.dump(figures, file)
            file.write("\n")


main()
