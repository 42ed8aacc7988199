"""What some tests need of the machine. A module of tests that is called as here is run where its probe succeeds, else counted as
skipped; its tests are marked `#[ignore]`, so that nothing else runs them. What is in a module `is_no_test` is only started by tests."""

import subprocess
from dataclasses import dataclass

PROBE_S = 20
# As the tests do: root makes a mount namespace, others are root in a user namespace.
OWN_USERS = '[ "$(id -u)" != 0 ] || exec unshare --mount true; exec unshare --user --map-root-user --map-auto --mount true'


@dataclass(frozen=True)
class Need:
    """`probe` succeeds where there is what is needed. Without one, no machine has it: a stage of its own brings it."""

    module: str
    what: str
    probe: list[str] | None


NEEDS = [
    Need("needs_user_namespaces", "user namespaces", ["unshare", "--user", "--map-root-user", "--mount", "true"]),
    Need("needs_subordinate_users", "to be root, or users for its namespaces in /etc/subuid and /etc/subgid", ["sh", "-c", OWN_USERS]),
    Need("needs_shared_speech", "the recordings of ../shared/speech", ["test", "-d", "../shared/speech"]),
    Need("needs_shared_field", "the files of ../shared/field/media", ["test", "-d", "../shared/field/media"]),
    Need("needs_no_pins", "a machine that is no Raspberry Pi", ["test", "!", "-e", "/dev/gpiomem"]),
    Need("needs_v4l2h264enc", "a Raspberry Pi's encoder, v4l2h264enc", ["gst-inspect-1.0", "--exists", "v4l2h264enc"]),
    Need("needs_loop_devices", "the virtual machine of scripts/lib/sticks_in_vm.sh, on Debian for amd64", None),
]


def succeeds(probe):
    """Whether a probe does."""
    try:
        return subprocess.run(probe, capture_output=True, timeout=PROBE_S, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def unmet(can=succeeds):
    """What this machine lacks: reasons by module."""
    return {need.module: f"needs {need.what}" for need in NEEDS if need.probe is None or not can(need.probe)}


def filterset(lacking):
    """The tests that this machine can run, as nextest asks for them."""
    return f"not test(/(^|::)({'|'.join([*lacking, 'is_no_test'])})::/)"
