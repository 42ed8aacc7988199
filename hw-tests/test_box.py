"""The image on a machine: from its first start to a factory reset. The tests build on each other."""

import re
import subprocess
import time

import pytest

from speech import SENTENCES, dialogue

CAPTURE, UPLOAD, INDICATE = STAGES = "listener-capture", "listener-upload", "listener-indicate"
CONFIG, PUBLIC = "/var/lib/listener/config/listener.toml", "/var/lib/listener/public/listener.toml"
# The kernel's virtual sound card and camera (hw-tests/README.md); small and seldom, since it may be emulated.
DEVICES = {
    "audio": {"default_microphone": "Loopback"},
    "video": {"width": 320, "height": 180, "frame_rate": 5, "video_length": 10},
}
SPEECH = "/run/speech.wav"
# Emulated, an utterance is there within half a minute of its end.
DELIVERY_S = 240


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    """A key for logging in."""
    file = tmp_path_factory.mktemp("ssh") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "tester", "-f", file], check=True)
    return file


@pytest.fixture(scope="module")
def settings(api, key):
    """What a good stick brings; with other values for [audio] where they are named."""
    public = key.with_suffix(".pub").read_text().strip()
    return lambda **audio: api.settings(**{**DEVICES, "audio": {**DEVICES["audio"], **audio}}, ssh={"authorized_key": public})


def log_in(box, key, command):
    """As whoever has this key."""
    address, port = box.target.env.config.get_option("ssh").split(":")
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", "IdentitiesOnly=yes", "LogLevel=ERROR"]
    ssh = ["ssh", "-F", "none", "-i", key, "-p", port, *(word for option in options for word in ("-o", option))]
    return subprocess.run([*ssh, f"root@{address}", command], capture_output=True, text=True, timeout=300, check=False)


def say_it(box):
    """The sentences, to whoever listens at the sound card."""
    box.run(f"aplay --quiet --device plughw:Loopback,1 {SPEECH}", 300)


def wait_for_utterances(api, count):
    """Waits until so many are there, each once."""
    deadline = time.monotonic() + DELIVERY_S
    while (now := api.summary())["utterances"]["delivered"] < count and time.monotonic() < deadline:
        time.sleep(0.5)
    assert now["utterances"]["delivered"] == count, now
    assert now["utterances"]["duplicate_rows"] == now["utterances"]["duplicate_tasks"] == 0, now
    assert now["faults"] == []


def assert_heard(box, api):
    """That the sentences arrive as so many utterances."""
    before = api.summary()["utterances"]["delivered"]
    say_it(box)
    wait_for_utterances(api, before + len(SENTENCES))


def test_it_boots_without_a_failed_unit_or_an_ordering_cycle(box):
    assert box.run("systemctl is-system-running --wait || systemctl --failed --plain --no-legend", 400) == "running"
    journal = box.run("journalctl --boot --no-pager --priority notice | grep -i -e 'ordering cycle' -e 'unknown key' || true")
    assert journal == ""
    print(box.run("systemd-analyze"))


def test_its_root_is_read_only(box):
    assert "ro" in box.run("findmnt --noheadings --output OPTIONS /").split(",")
    code, said = box.attempt("touch /usr/bin/changed /etc/changed")
    assert code != 0 and said.count("Read-only file system") == 2, said


def test_its_data_partition_has_grown_to_the_end_of_the_card(box):
    device = box.run("lsblk --noheadings --output NAME --raw $(findmnt --noheadings --output SOURCE --target /var/lib/listener "
                     "| sed 's/\\[.*//')").split()[0]
    disk = box.run(f"lsblk --noheadings --output PKNAME --raw /dev/{device}").split()[0]
    end, size = (int(number) for number in box.run(
        f"cd /sys/class/block; echo $(($(cat {device}/start) + $(cat {device}/size))) $(cat {disk}/size)").split())
    assert size - end < 8192, f"{(size - end) * 512} bytes are left behind {device}"
    partition = int(box.run(f"cat /sys/class/block/{device}/size")) * 512
    file_system = int(box.run("df --output=size --block-size=1 /var/lib/listener | tail -n 1"))
    assert file_system > 0.9 * partition, "the file system has grown with it"


def test_without_settings_it_waits_for_a_stick_and_records_nothing(box):
    # Its exit code says that all is not well.
    said = box.wait_until("listener status | grep attention")
    assert "fast blink" in said and "waiting for a provisioning file" in said
    for unit in (CAPTURE, UPLOAD):
        assert box.run(f"systemctl show -P ActiveState {unit}") == "inactive"


def test_without_a_key_nobody_can_log_in(box, key):
    unlocked = box.run("cut -d: -f2 /etc/shadow | grep -v '^[!*]' || true")
    assert unlocked == "", "no account has a password, not even an empty one"
    assert box.run("systemctl list-units --plain --no-legend --state=active '*getty@*'") == ""
    assert not re.search(r":(0016)\b", box.run("cat /proc/net/tcp /proc/net/tcp6")), "port 22"
    assert log_in(box, key, "true").returncode == 255


def test_a_stick_with_a_bad_file_is_answered_on_the_stick_and_changes_nothing(box, settings, api, stick):
    text = settings().replace("frame_rate", "frame_rat")
    bad = stick(text)
    box.sticks.plug_in("bad", bad.image)
    box.wait_until("listener status | grep '2 blinks'")
    box.wait_until_looked_at()
    box.sticks.pull_out("bad")
    answer = bad.read("listener-result.txt").decode()
    assert "frame_rat" in answer and api.token not in answer
    assert bad.read("listener.toml").decode() == text
    box.run(f"! test -e {CONFIG}")


def test_a_stick_with_a_good_file_is_taken(box, settings, api, stick):
    good = stick(settings(), "LISTENER.TOML")
    box.sticks.plug_in("good", good.image)
    for unit in (CAPTURE, UPLOAD):
        box.wait_for_active(unit)
    box.wait_until_looked_at()
    box.sticks.pull_out("good")
    assert "taken" in good.read("listener-result.txt").decode()
    assert api.token not in good.read("listener.toml").decode(), "is blanked"


def test_it_registers_and_delivers(box, api):
    api.wait_for_more(("clips", "frames"), DELIVERY_S)
    summary = api.summary()
    assert summary["devices"] == 1 and summary["faults"] == []
    assert "camera and microphone are recording" in box.run("listener status || true")


def test_with_a_key_root_logs_in_and_nobody_else(box, key, tmp_path):
    box.wait_until("grep -q ':0016 ' /proc/net/tcp /proc/net/tcp6")
    said = log_in(box, key, "hostname")
    assert said.returncode == 0, said.stderr
    assert said.stdout.strip() == box.run("hostname")
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    assert "Permission denied" in log_in(box, other, "true").stderr


def test_known_speech_arrives_as_so_many_utterances(box, api):
    box.load(SPEECH, dialogue())
    assert_heard(box, api)


def test_without_its_camera_it_goes_on_listening(box, api):
    box.run("echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind")
    box.wait_until("listener status | grep 'double blink'")
    assert_heard(box, api)


def test_a_camera_that_comes_back_is_taken_up_again(box, api):
    box.run("echo vivid.0 >/sys/bus/platform/drivers/vivid/bind")
    box.wait_until("listener status | grep 'camera and microphone are recording'")
    api.wait_for_more(("clips", "frames"), DELIVERY_S)


def test_a_power_cut_loses_nothing_and_sends_nothing_twice(box, api):
    before = api.summary()["utterances"]["delivered"]
    box.run(f"systemctl stop {UPLOAD}")
    say_it(box)
    waiting = "ls /var/lib/listener/data/spool/items/ | grep -c '^utterance'"
    box.wait_until(f"[ $({waiting}) = {len(SENTENCES)} ]")
    box.cut_power()
    wait_for_utterances(api, before + len(SENTENCES))
    api.wait_for_more(("clips", "frames"), DELIVERY_S)
    assert box.run("systemctl --failed --plain --no-legend") == ""


@pytest.mark.parametrize("seconds", [0, 2, 4, *(pytest.param(step / 4, marks=pytest.mark.long) for step in range(1, 40))])
def test_a_stick_pulled_while_it_is_read_leaves_old_or_new_settings_whole(box, settings, stick, seconds):
    # Each time others, so that the new ones are never the old ones.
    now = int(box.run(f"sed -n 's/^pause *= *//p' {CONFIG} | grep . || echo 700"))
    new = stick(settings(pause=now + 1))
    box.sticks.plug_in("pulled", new.image)
    box.wait_until("ls /dev/sd*1")
    time.sleep(seconds)
    box.sticks.pull_out("pulled")
    box.wait_until("! ls /dev/sd*")
    box.wait_until_looked_at()
    kept = box.run(f"grep -h '^pause' {CONFIG} {PUBLIC} || true").split("\n")
    print(f"pulled out after {seconds} s: {kept}")
    assert len(set(kept)) == 1, "what is made from the settings belongs to them"
    assert kept[0] in {"", f"pause = {now}", f"pause = {now + 1}"}
    box.run(f"grep -q '^home_id = 1' {CONFIG} && listener provision --check {CONFIG}")
    assert box.run("systemctl --failed --plain --no-legend") == ""


def test_after_that_a_whole_stick_is_taken(box, settings, api, stick):
    whole = stick(settings(pause=900))
    box.sticks.plug_in("whole", whole.image)
    box.wait_until(f"grep '^pause = 900' {PUBLIC}")
    box.wait_until_looked_at()
    box.sticks.pull_out("whole")
    for unit in (CAPTURE, UPLOAD):
        box.wait_for_active(unit)
    api.wait_for_more(("clips", "frames"), DELIVERY_S)


def test_a_factory_reset_forgets_everything(box, key, stick):
    reset = stick("factory_reset = true\nerase_recordings = true\n")
    box.sticks.plug_in("reset", reset.image)
    box.wait_until("listener status | grep 'waiting for a provisioning file'")
    box.wait_until_looked_at()
    box.sticks.pull_out("reset")
    assert "forgotten" in reset.read("listener-result.txt").decode()
    box.run(f"! test -e {CONFIG} && ! test -e {PUBLIC}")
    assert box.run("ls /var/lib/listener/data/spool/items 2>/dev/null || true") == ""
    for unit in (CAPTURE, UPLOAD):
        assert box.run(f"systemctl show -P ActiveState {unit}") == "inactive"
    assert log_in(box, key, "true").returncode == 255
