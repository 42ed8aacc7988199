"""What the Yocto image's scripts decide about updates, with commands that are made up and folders of the test's own."""

import os
import subprocess
from pathlib import Path

import pytest

APPLIANCE = Path("yocto/meta-listener/recipes-listener/listener/files/appliance/usr")
SCRIPTS = APPLIANCE / "libexec/listener"
# Where the scripts look on a box; below the test's own folder here.
PLACES = ["/data/rauc", "/run/listener-update", "/run/listener", "/proc/cmdline", "/var/lib/listener", "/usr/lib/os-release"]
MINUTE = 6


class Box:
    """A box whose time passes only when a script sleeps."""

    def __init__(self, folder, slot="A"):
        self.folder = folder
        for place in ("data/rauc", "run/listener", "run/listener-update", "proc", "var/lib/listener/public", "usr/lib", "bin", "stick"):
            (folder / place).mkdir(parents=True)
        (folder / "proc/cmdline").write_text(f"console=x root=PARTUUID=1 rauc.slot={slot} quiet\n")
        (folder / "usr/lib/os-release").write_text("VERSION_ID=0.1.0\n")
        (folder / "var/lib/listener/public/listener.toml").write_text("")
        self.command("sync")
        self.command("umount", 'rm -f "$1"/*')
        self.stick()
        self.command("systemctl")
        self.command("rauc")
        self.command("ip")
        self.command("sleep")
        self.status()

    def command(self, name, body="", code=0):
        """One that notes how it was called."""
        file = self.folder / "bin" / name
        file.write_text(f'#!/bin/sh\necho "{name} $*" >>{self.folder}/called\n{body}\nexit {code}\n')
        file.chmod(0o755)

    def status(self, *faults, is_known=True):
        """What `listener status --faults` says."""
        lines = "\n".join(faults)
        self.command("listener", f'case $1 in status) {"" if is_known else "exit 1"}\ncat <<END\n{lines}\nEND\n;; esac')

    def stick(self, is_writable=True):
        """What is written on it is there once it was mounted writable, and is no longer."""
        stick, rw = self.folder / "stick", self.folder / "rw"
        self.command("mount", f"""for last; do :; done
case "$*" in
    *remount,rw,*) {f"touch {rw}" if is_writable else "exit 32"} ;;
    *remount,ro,*) [ -e {rw} ] || exit 1; rm {rw}; cp "$last"/*.txt {stick} ;;
    *) cp -R {stick}/. "$last" ;;
esac""")

    def on_trial(self, slot):
        (self.folder / "data/rauc/trial").write_text(f"{slot}\n")

    def is_on_trial(self):
        return (self.folder / "data/rauc/trial").exists()

    def bundle(self, name="update.raucb", version="0.2.0", hash="abc"):
        (self.folder / "stick" / name).write_text("bundle")
        self.command("rauc", f"""case $1 in info) echo "RAUC_MF_VERSION='{version}'"; echo RAUC_MF_HASH={hash} ;; esac""")

    def rauc_install(self, body):
        """What RAUC does and says when it installs."""
        file = self.folder / "bin/rauc"
        file.write_text(file.read_text().replace("esac", f"install) {body} ;; esac"))

    def answer(self):
        """What a person reads on the stick."""
        return (self.folder / "stick/listener-update-result.txt").read_bytes().decode()

    def reports(self):
        """What the indicator is told."""
        return [line.removeprefix("listener report-update ") for line in self.called("listener") if " report-update " in line]

    def run(self, script, *arguments):
        text = f"echo $$ >{self.folder}/pid\n" + (SCRIPTS / script).read_text()
        for place in PLACES:
            text = text.replace(place, f"{self.folder}{place}")
        (self.folder / "called").write_text("")
        done = subprocess.run(["sh", "-c", text, script, *arguments], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}"})
        self.said = done.stdout + done.stderr
        return done.returncode

    def called(self, *names):
        lines = (self.folder / "called").read_text().splitlines()
        return [line for line in lines if line.split()[0] in names]

    def confirm(self):
        """How long it took, in steps of 10 s, and what came of it."""
        self.run("confirm")
        decided = [line for line in self.called("rauc", "systemctl") if line in ("rauc status mark-good", "systemctl reboot")]
        assert len(decided) == 1, (decided, self.said)
        return len(self.called("sleep")), "good" if "mark-good" in decided[0] else "starts again"


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path)


def test_a_root_that_is_not_on_trial_is_good_at_once(box):
    assert box.confirm() == (0, "good")


def test_a_root_is_good_at_once_when_the_other_one_was_on_trial_and_that_is_over(box):
    box.on_trial("B")
    assert box.confirm() == (0, "good")
    assert not box.is_on_trial()


def test_the_root_that_goes_on_after_an_update_was_given_up_says_so_once(box):
    box.on_trial("B")
    box.confirm()
    assert box.reports() == ["--failed=the last one was given up, or cut short while it was written; version 0.1.0 runs"]
    assert "given up" in box.said
    box.confirm()
    assert box.reports() == []


def test_what_the_indicator_does_not_hear_changes_nothing(box):
    box.on_trial("B")
    box.command("listener", code=1)
    assert box.confirm() == (0, "good")
    assert box.run("begin-trial") == 0
    box.bundle()
    assert installed(box) == (0, ["update.raucb", "systemctl reboot"])


def test_an_update_is_good_after_a_minute_in_which_it_records_and_reaches_the_api(box):
    box.on_trial("A")
    assert box.confirm() == (MINUTE, "good")
    assert not box.is_on_trial()


@pytest.mark.parametrize("fault", ["clock", "api", "storage", "microphone", "camera", "disk"])
def test_an_update_with_a_fault_is_given_up_after_half_an_hour_where_there_is_a_network(box, fault):
    box.on_trial("A")
    box.status(fault)
    assert box.confirm() == (30 * MINUTE, "starts again")
    assert box.is_on_trial()


@pytest.mark.parametrize("fault", ["token", "home"])
def test_a_fault_of_the_settings_is_none_of_the_update(box, fault):
    box.on_trial("A")
    box.status(fault)
    assert box.confirm() == (MINUTE, "good")


def test_without_a_network_an_update_that_records_is_good_after_half_an_hour(box):
    box.on_trial("A")
    box.status("clock", "api")
    box.command("ip", code=2)
    assert box.confirm() == (30 * MINUTE, "good")


def test_without_a_network_an_update_that_does_not_record_is_given_up(box):
    box.on_trial("A")
    box.status("clock", "api", "camera")
    box.command("ip", code=2)
    assert box.confirm() == (30 * MINUTE, "starts again")


def test_an_update_whose_indicator_is_silent_is_given_up(box):
    box.on_trial("A")
    box.status(is_known=False)
    assert box.confirm() == (30 * MINUTE, "starts again")


def test_an_update_whose_services_are_down_is_given_up(box):
    box.on_trial("A")
    box.command("systemctl", 'case "$*" in *is-active*) exit 3 ;; esac')
    assert box.confirm() == (30 * MINUTE, "starts again")


def test_a_box_without_settings_has_nothing_to_record(box):
    box.on_trial("A")
    (box.folder / "var/lib/listener/public/listener.toml").unlink()
    box.command("systemctl", 'case "$*" in *is-active*) exit 3 ;; esac')
    assert box.confirm() == (MINUTE, "good")


@pytest.mark.parametrize("slot, other", [("A", "B"), ("B", "A")])
def test_before_an_update_is_written_the_other_root_is_on_trial(tmp_path, slot, other):
    box = Box(tmp_path, slot)
    assert box.run("begin-trial") == 0
    assert (box.folder / "data/rauc/trial").read_text() == f"{other}\n"
    assert box.reports() == ["--installing"]


def installed(box):
    code = box.run("update", "/dev/sda1")
    assert box.called("umount"), "the stick stays mounted"
    did = [line.rsplit("/", 1)[-1] for line in box.called("rauc", "systemctl") if line.startswith(("rauc install", "systemctl reboot"))]
    return code, did


@pytest.mark.parametrize("slot", ["A", "B"])
def test_while_what_runs_is_on_trial_the_root_that_was_good_is_not_written_over(tmp_path, slot):
    box = Box(tmp_path, slot)
    box.on_trial(slot)
    assert box.run("begin-trial") == 1
    assert (tmp_path / "data/rauc/trial").read_text() == f"{slot}\n"
    box.bundle()
    assert box.run("update", "/dev/sda1") == 0
    assert not any(line.startswith("rauc install") for line in box.called("rauc"))
    assert "version 0.1.0 is on trial itself" in box.answer()
    assert box.run("update", "/dev/sda1") == 0, "the stick stays in"
    box.on_trial({"A": "B", "B": "A"}[slot])
    assert box.run("update", "/dev/sda1") == 0
    assert "rauc install" in " ".join(box.called("rauc"))


def test_a_stick_without_an_update_changes_nothing(box):
    assert installed(box) == (0, [])
    assert box.reports() == [] and not any((box.folder / "stick").iterdir())


def test_an_update_is_looked_for_when_provisioning_is_done_with_the_stick():
    unit = (APPLIANCE / "lib/systemd/system/appliance-update@.service").read_text()
    assert "\nAfter=listener-provision@%i.service\n" in unit
    provision = Path("systemd/usr/lib/systemd/system/listener-provision@.service.d/provision.conf").read_text()
    assert "\nType=oneshot\n" in provision, "it has started when it has ended"


def test_what_came_of_an_update_is_on_the_stick_before_the_box_starts_again(box):
    box.bundle()
    installed(box)
    assert box.answer() == "Update 0.2.0 was installed; the box is starting it.\r\n"
    assert box.reports() == ["--installed"]
    steps = [" ".join(line.split()[:3]).split(",nosuid")[0] for line in box.called("rauc", "mount", "systemctl")]
    assert steps == ["mount -o ro", "rauc info --output-format=shell", f"rauc install {box.called('rauc')[1].split()[-1]}",
                     "mount -o remount,rw", "mount -o remount,ro", "systemctl reboot"]


def test_an_answer_that_is_there_is_not_written_again(box):
    box.bundle(version="0.1.0")
    installed(box)
    assert len(box.called("mount")) == 3
    installed(box)
    assert len(box.called("mount")) == 1 and box.answer() == "Update 0.1.0 runs already.\r\n"


def test_a_stick_that_cannot_be_written_brings_its_update_all_the_same_and_once(box):
    box.stick(is_writable=False)
    box.bundle()
    assert installed(box) == (0, ["update.raucb", "systemctl reboot"])
    assert installed(box) == (0, [])


def test_an_update_that_was_given_up_is_answered(box):
    box.bundle()
    installed(box)
    installed(box)
    why = "version 0.2.0 has been tried and was given up; version 0.1.0 runs"
    assert (box.answer(), box.reports()) == (f"The update was not installed: {why}.\r\n", [f"--failed={why}"])


@pytest.mark.parametrize("body", ["kill $(cat {folder}/pid); exit 143", "mkdir {folder}/data/rauc/tried.new"])
def test_an_update_that_is_cut_short_says_so(box, body):
    box.bundle()
    box.rauc_install(body.format(folder=box.folder))
    code, did = installed(box)
    assert code != 0 and did == ["update.raucb"]
    assert len(box.reports()) == 1 and box.reports()[0].startswith("--failed=")
    assert box.answer().startswith("The update was not installed: ")


def test_an_update_on_a_stick_is_installed_and_started_and_not_a_second_time(box):
    box.bundle()
    assert installed(box) == (0, ["update.raucb", "systemctl reboot"])
    assert installed(box) == (0, []), "it has been given up, or the stick stayed in"
    box.bundle(hash="def")
    assert installed(box) == (0, ["update.raucb", "systemctl reboot"])


def test_a_stick_is_mounted_so_that_nothing_on_it_can_be_run(box):
    installed(box)
    box.bundle()
    installed(box)
    assert len(box.called("mount")) == 3
    assert all(",nosuid,nodev,noexec,nosymfollow,errors=remount-ro " in line for line in box.called("mount"))


def test_what_runs_already_is_not_installed(box):
    box.bundle(version="0.1.0")
    assert installed(box) == (0, [])
    assert (box.answer(), box.reports()) == ("Update 0.1.0 runs already.\r\n", ["--installed"])


def test_of_two_updates_neither_is_installed(box):
    box.bundle()
    box.bundle("other.raucb")
    assert installed(box) == (1, [])
    assert "leave one" in box.said
    assert box.answer() == "The update was not installed: there are 2 updates on the stick; leave one.\r\n"
    assert box.reports() == ["--failed=there are 2 updates on the stick; leave one"]


def test_an_update_signed_by_others_is_not_installed(box):
    box.bundle()
    box.command("rauc", 'echo "rauc-Message: Reading bundle" >&2; echo "signature verification failed" >&2', code=1)
    assert installed(box) == (1, [])
    why = "it is damaged, or not signed with a key that this box trusts (signature verification failed)"
    assert (box.answer(), box.reports()) == (f"The update was not installed: {why}.\r\n", [f"--failed={why}"])


def test_an_installation_that_failed_is_tried_again_with_the_stick(box):
    box.bundle()
    box.rauc_install("printf '%s\\n' installing ' 40% Copying' 'LastError: no room' idle; echo 'Installing `x` failed' >&2; exit 1")
    assert installed(box) == (1, ["update.raucb"])
    assert box.answer() == "The update was not installed: version 0.2.0 could not be written (no room).\r\n"
    assert box.reports() == ["--failed=version 0.2.0 could not be written (no room)"]
    box.bundle()
    assert installed(box) == (0, ["update.raucb", "systemctl reboot"])
