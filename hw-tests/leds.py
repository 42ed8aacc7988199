"""What an LED does, in the words of docs/leds.md, from having looked at it often enough."""

import statistics

# Long enough for the longest pattern to come round twice: eight blinks, then a pause.
WATCH_S = 16
# Longer than an LED is dark within a pattern (1 s), shorter than any pattern's pause (1.55 s).
PAUSE_S = 1.3
# Between the flash of 150 ms and the blink of 300 ms.
SHORT_S = 0.225
# Between what flickers (50 ms, mostly) and what blinks fast (125 ms).
FLICKER_S = 0.09


def runs(seen):
    """(lit or not, for how long) one after the other, of [(when, lit or not)], but for what was cut off at either end."""
    changes = [now for before, now in zip(seen, seen[1:]) if before[1] != now[1]]
    return [(lit, until - since) for (since, lit), (until, _) in zip(changes, changes[1:])]


def in_words(seen):
    """What it does, as docs/leds.md says it."""
    lengths = runs(seen)
    if not lengths:
        return "steady" if seen[-1][1] else "off"
    lit = statistics.median(length for is_lit, length in lengths if is_lit)
    pauses = [at for at, (is_lit, length) in enumerate(lengths) if not is_lit and length > PAUSE_S]
    if not pauses:
        if lit > 2 * SHORT_S:
            return "slow blink"
        return "fast blink" if lit > FLICKER_S else "flicker"
    assert len(pauses) > 1, f"changes while it is looked at: {lengths}"
    flashes = {(until - since) // 2 for since, until in zip(pauses, pauses[1:])}
    assert len(flashes) == 1, f"changes while it is looked at: {lengths}"
    count = flashes.pop()
    if lit > SHORT_S:
        return f"{count} blinks, pause"
    return {1: "a flash every 3 s", 2: "double blink"}.get(count, f"{count} short flashes, pause")
