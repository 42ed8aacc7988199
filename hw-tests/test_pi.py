"""What is the Pi's own: its card, its pins, its USB. The tests build on each other."""

import pytest

from test_box import CAPTURE, DEVICES

ITEMS = "/var/lib/listener/data/spool/items"


@pytest.fixture(scope="module")
def settings(api):
    return lambda **sections: api.settings(**{**DEVICES, **sections})


def test_it_runs_from_its_card(pi):
    assert pi.run("systemctl is-system-running --wait || systemctl --failed --plain --no-legend", 900) == "running"
    assert pi.run("tr -d '\\0' </proc/device-tree/model").startswith("Raspberry Pi 4")
    for folder in ("/", "/var/lib/listener"):
        assert pi.run(f"findmnt --noheadings --output SOURCE --target {folder}").startswith("/dev/mmcblk")


def test_unprovisioned_it_shows_its_code_on_the_leds(pi):
    pi.wait_for_active("listener-indicate")
    assert pi.pins.shows("attention") == "fast blink"
    assert pi.pins.shows("health") == "off"
    assert pi.pins.shows("data") == "off"


def test_a_bad_stick_makes_the_red_led_blink_twice(pi, settings, stick):
    bad = stick(settings().replace("frame_rate", "frame_rat"))
    pi.sticks.plug_in("bad", bad.image)
    pi.wait_until("listener status | grep '2 blinks'", 400)
    assert pi.pins.shows("attention") == "2 blinks, pause"
    pi.wait_until_looked_at()
    pi.sticks.pull_out("bad")
    assert "frame_rat" in bad.read("listener-result.txt").decode()


def test_a_good_stick_makes_all_leds_flash_three_times(pi, settings, stick):
    # The switch is off from the beginning: where it is emulated, its pin is low until it is turned.
    pi.pins.mute(False)
    good = stick(settings(mute={"pin": 23}))
    pi.pins.wait_for_flashes(3, lambda: pi.sticks.plug_in("good", good.image))
    pi.wait_until_looked_at()
    pi.sticks.pull_out("good")
    pi.wait_for_active(CAPTURE)
    pi.wait_until("listener status | grep 'camera and microphone are recording'", 400)
    assert pi.pins.shows("health") == "steady"


def test_muted_it_records_nothing_and_shows_it(pi):
    pi.pins.mute(True)
    pi.wait_until("listener status | grep 'muted: nothing is recorded'")
    assert pi.pins.shows("health") == "a flash every 3 s"
    devices = pi.run(f"ls -l /proc/$(systemctl show -P MainPID {CAPTURE})/fd")
    assert "/dev/" in devices and not any(device in devices for device in ("/dev/snd/pcm", "/dev/video")), devices
    count = f"ls {ITEMS} | wc -l"
    before = pi.run(count)
    pi.run("sleep 15")
    assert pi.run(f"systemctl stop listener-upload; {count}") <= before, "nothing is added; something may be delivered"


def test_no_longer_muted_it_records_again(pi):
    pi.pins.mute(False)
    pi.wait_until("listener status | grep 'camera and microphone are recording'", 400)
    assert pi.pins.shows("health") == "steady"
