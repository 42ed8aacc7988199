"""That what an LED does is told in the right words, whatever is looked at it with."""

import itertools
import random

import pytest

from leds import WATCH_S, in_words

# As in docs/leds.svg: lit and dark in milliseconds, over and over.
PATTERNS = {
    "slow blink": [1000, 1000],
    "double blink": [150, 150, 150, 1550],
    "a flash every 3 s": [150, 2850],
    "fast blink": [125, 125],
    "flicker": [50, 100, 50, 50, 150, 100, 50, 150],
    **{f"{count} blinks, pause": [300, 300] * (count - 1) + [300, 1800] for count in range(2, 9)},
}


def looked_at(pattern, begin_s):
    """What is seen when an emulated machine is looked at: seldom, and its clock runs unevenly."""
    chance, edges, at = random.Random(begin_s), [], 0.0
    for place, length in enumerate(itertools.cycle(pattern)):
        edges.append((at, place % 2 == 0))
        at += length / 1000 * chance.uniform(0.9, 1.1)
        if at > begin_s + WATCH_S:
            break
    looks = (begin_s + step / 60 for step in range(WATCH_S * 60))
    return [(look, [lit for since, lit in edges if since <= look][-1]) for look in looks]


@pytest.mark.parametrize("words", PATTERNS)
def test_every_pattern_of_the_card_is_told_apart(words):
    assert {in_words(looked_at(PATTERNS[words], begin_s)) for begin_s in (0, 0.7, 2.9, 5.1)} == {words}


def test_an_led_that_does_not_change_is_off_or_steady():
    assert in_words([(0, False), (1, False)]) == "off"
    assert in_words([(0, True), (1, True)]) == "steady"
