"""The package on a machine with a real systemd, from its installation to its removal. The tests build on each other."""

import re
import shlex

import pytest

from stick import Stick

CAPTURE, UPLOAD, INDICATE = "listener-capture", "listener-upload", "listener-indicate"
STAGES = (CAPTURE, UPLOAD, INDICATE)
MAX_EXPOSURE = 2.0


def of(machine, unit, what):
    return machine.run(f"systemctl show --property={what} --value {unit}.service")


def test_the_package_is_installed_on_a_running_system(machine, request, tmp_path):
    package = request.config.getoption("--package")
    stick = Stick(tmp_path / "package.img", {"listener.deb": package.read_bytes()})
    machine.plug_in("package", stick.image)
    machine.wait_until("mount -o ro /dev/sda1 /mnt")
    machine.run("dpkg --install /mnt/listener.deb", 300)
    machine.run("umount /mnt")
    machine.pull_out("package")
    assert machine.run("systemctl is-enabled listener.target") == "enabled"
    groups = {user: set(machine.run(f"id -nG {user}").split()) for user in STAGES}
    assert groups == {user: {user} for user in STAGES}, "the units give the groups, and each only its own"


def test_it_boots_without_a_failed_unit_or_a_cycle(machine):
    # Sound and pictures come from the program itself: this machine has no devices.
    unit = machine.run(f"cat /usr/lib/systemd/system/{CAPTURE}.service")
    command = re.search("^ExecStart=.*$", unit, re.MULTILINE)[0]
    machine.put(f"/etc/systemd/system/{CAPTURE}.service.d/source.conf", f"[Service]\nExecStart=\n{command} --source test\n")
    machine.reboot()
    assert machine.run("systemctl is-system-running --wait", 300) == "running"
    assert machine.run("systemctl --failed --plain --no-legend") == ""
    journal = machine.run("journalctl --boot --no-pager")
    assert "ordering cycle" not in journal.lower()
    assert not re.findall("(?i)unknown (?:key|section|lvalue).*", journal)
    print(machine.run("systemd-analyze"))
    # The watchdog of the machine is fed by systemd itself.
    assert re.search("Watchdog running with a hardware timeout of 15s", journal)


def test_without_settings_it_says_so_and_records_nothing(machine):
    machine.wait_for_active(INDICATE)
    assert of(machine, CAPTURE, "ActiveState") == of(machine, UPLOAD, "ActiveState") == "inactive"
    # Its exit code says that all is not well.
    said = machine.wait_until("listener status | grep attention")
    assert "fast blink" in said and "waiting for a provisioning file" in said


@pytest.mark.parametrize("unit", [*STAGES, "listener-provision@sda1", "listener-provision@boot"])
def test_each_service_has_few_rights(machine, unit):
    said = machine.run(f"systemd-analyze security --no-pager {unit}.service", 300)
    exposure = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)[1])
    print(f"{unit}: {exposure}")
    assert exposure <= MAX_EXPOSURE, said


def test_a_stick_with_a_bad_file_is_answered_and_changes_nothing(machine, api, tmp_path):
    text = api.settings().replace("frame_rate", "frame_rat")
    stick = Stick(tmp_path / "stick.img", {"listener.toml": text.encode()})
    machine.plug_in("bad", stick.image)
    machine.wait_until("journalctl --boot --no-pager --unit 'listener-provision@*' | grep frame_rat")
    machine.wait_until_looked_at()
    machine.pull_out("bad")
    assert "frame_rat" in stick.read("listener-result.txt").decode()
    assert api.token not in stick.read("listener-result.txt").decode()
    assert stick.read("listener.toml").decode() == text
    assert of(machine, CAPTURE, "ActiveState") == "inactive"


def test_a_stick_with_a_good_file_sets_it_going(machine, api, tmp_path):
    stick = Stick(tmp_path / "stick.img", {"LISTENER.TOML": api.settings().encode()})
    machine.plug_in("good", stick.image)
    for unit in (CAPTURE, UPLOAD):
        machine.wait_for_active(unit)
    machine.wait_until_looked_at()
    machine.pull_out("good")
    assert "taken" in stick.read("listener-result.txt").decode()
    assert api.token not in stick.read("listener.toml").decode(), "is blanked"
    api.wait_for_more()


def test_each_stage_has_only_its_own_rights(machine):
    pids = {unit: of(machine, unit, "MainPID") for unit in STAGES}
    for unit, pid in pids.items():
        status = machine.run(f"cat /proc/{pid}/status")
        assert re.search(r"CapBnd:\s+0+$", status, re.MULTILINE) and re.search(r"NoNewPrivs:\s+1$", status, re.MULTILINE)
        assert machine.run(f"ps -o user= -p {pid} || stat -c %U /proc/{pid}") == unit
        assert re.search(r"Max core file size\s+0\s+0", machine.run(f"cat /proc/{pid}/limits"))
        network = machine.run(f"nsenter --net --target {pid} cat /proc/net/dev")
        assert ("enp" in network) == (unit == UPLOAD), f"{unit} has {network}"
    inside = f"nsenter --mount --target {pids[UPLOAD]}"
    machine.run(f"! {inside} ls /dev/snd /dev/video0 /dev/vda")


def test_the_token_reaches_the_upload_alone(machine, api):
    token = api.token
    config = "/var/lib/listener/config/listener.toml"
    assert machine.run(f"stat -c '%a %U:%G' {config}") == "600 root:root"
    assert token in machine.run(f"cat {config}")
    credential = f"/run/credentials/{UPLOAD}.service/listener.toml"
    for unit in (CAPTURE, INDICATE):
        pid = of(machine, unit, "MainPID")
        become = f"nsenter --mount --target {pid} setpriv --reuid {unit} --regid listener --init-groups"
        for file in (config, credential):
            code, said = machine.attempt(f"{become} cat {file}")
            assert code != 0 and token not in said, f"{unit} reads {file}"
    # Each of these greps has to find something else, so that it cannot pass by looking nowhere.
    machine.run("journalctl --no-pager --output export >/run/journal; grep -q listener-capture /run/journal")
    machine.run("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ >/run/processes 2>/dev/null; grep -qa report_to /run/processes")
    machine.run("grep -q home_id /var/lib/listener/public/listener.toml && test -s /run/listener/status.json")
    found = machine.run(f"grep -rlaF -e {shlex.quote(token)} /run/journal /run/processes /run/listener /tmp /var/tmp /var/log "
                        "/var/cache /var/lib/listener /etc 2>/dev/null || true")
    assert found == config
    machine.run("rm /run/journal /run/processes")


@pytest.mark.parametrize("unit", STAGES)
def test_a_stage_that_is_killed_starts_again_and_goes_on(machine, api, unit):
    starts, pid = int(of(machine, unit, "NRestarts")), of(machine, unit, "MainPID")
    machine.run(f"kill -KILL {pid}")
    machine.wait_until(f"[ $(systemctl show -P NRestarts {unit}) -gt {starts} ]")
    machine.wait_for_active(unit)
    api.wait_for_more()


@pytest.mark.parametrize("unit", STAGES)
def test_a_stage_that_hangs_is_killed_and_starts_again(machine, api, unit):
    starts, pid = int(of(machine, unit, "NRestarts")), of(machine, unit, "MainPID")
    machine.run(f"kill -STOP {pid}")
    machine.wait_until(f"[ $(systemctl show -P NRestarts {unit}) -gt {starts} ]", 300)
    assert re.search(rf"{unit}.service: (?:Watchdog timeout|Failed with result 'watchdog')",
                     machine.run(f"journalctl --boot --no-pager --unit {unit}"))
    machine.wait_for_active(unit)
    api.wait_for_more()


def test_its_status_is_told_in_words(machine):
    said = machine.wait_until("listener status")
    assert "camera and microphone are recording" in said, said


def test_it_stops_and_starts_in_good_order(machine, api):
    machine.run("systemctl stop listener.target")
    for unit in STAGES:
        # The target's own stop does not wait for them.
        machine.run(f"systemctl stop {unit}")
        assert (of(machine, unit, "ActiveState"), of(machine, unit, "Result")) == ("inactive", "success"), unit
    machine.run("systemctl start listener.target", 300)
    api.wait_for_more()


def test_what_claims_to_be_a_keyboard_gives_no_orders(machine):
    boot = machine.run("cat /proc/sys/kernel/random/boot_id")
    machine.tell("device_add", driver="usb-kbd", bus="usb.0", id="keyboard")
    machine.wait_until("grep 'QEMU USB Keyboard' /proc/bus/input/devices")
    orders = [["power"], ["sleep"], ["alt", "sysrq", "b"], *[["ctrl", "alt", "delete"]] * 8]
    for keys in orders:
        machine.tell("send-key", keys=[{"type": "qcode", "data": key} for key in keys])
    # It has come to where it would have been obeyed.
    machine.wait_until("journalctl --boot --no-pager _PID=1 | grep 'Received SIGINT'")
    assert machine.run("cat /proc/sys/kernel/random/boot_id") == boot
    assert machine.run("systemctl list-jobs --no-legend --plain") in ("", "No jobs running.")
    for unit in STAGES:
        assert of(machine, unit, "ActiveState") == "active"
    machine.tell("device_del", id="keyboard")


def test_a_power_cut_loses_no_settings_and_sends_nothing_twice(machine, api):
    machine.cut_power()
    api.wait_for_more(patience_s=400)
    assert machine.run("systemctl --failed --plain --no-legend") == ""


def test_everything_arrives_once(machine, api):
    machine.run(f"systemctl stop {CAPTURE}")
    machine.wait_until("[ -z \"$(ls /var/lib/listener/data/spool/items)\" ]", 400)
    summary = api.summary()
    assert summary["faults"] == []
    for kind, twice in (("utterances", "duplicate_rows"), ("utterances", "duplicate_tasks"), ("clips", "duplicate_rows")):
        assert summary[kind][twice] == 0, summary
    print(summary)


def test_it_records_from_devices_under_the_same_rights(machine, api):
    # The kernel's own camera, and a sound card whose two ends are joined; a tone without end is cut every five seconds.
    machine.run("modprobe vivid n_devs=1 node_types=0x1; modprobe snd-aloop; udevadm settle")
    machine.run("systemd-run --unit tone speaker-test -D plughw:Loopback,1 -c 2 -t sine -f 440")
    machine.run(f"rm -r /etc/systemd/system/{CAPTURE}.service.d; systemctl daemon-reload")
    # A tone is no voice: a box that names no threshold would hear nobody.
    machine.run("sed -i 's/^energy_threshold = .*/energy_threshold = 600\\ntimeout = 5000/' /var/lib/listener/public/listener.toml")
    machine.run("grep -q '^timeout = 5000' /var/lib/listener/public/listener.toml")
    machine.run(f"systemctl restart {CAPTURE}", 300)
    api.wait_for_more()
    said = machine.run("listener status")
    assert "camera and microphone are recording" in said
    machine.run("systemctl stop tone")


def test_removed_it_stops_and_purged_it_forgets_the_token(machine, api):
    machine.run("dpkg --remove listener", 300)
    assert machine.run("systemctl list-units --plain --no-legend 'listener*'") == ""
    said = machine.run("dpkg --purge listener", 300)
    assert "token" in said and "recordings are kept" in said
    machine.run("! test -e /var/lib/listener/config && test -e /var/lib/listener/data")
    assert machine.run("systemctl --failed --plain --no-legend") == ""
