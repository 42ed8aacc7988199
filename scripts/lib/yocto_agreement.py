"""What the Yocto layer says twice, or repeats from elsewhere in the project, has to agree. Needs GStreamer's tools and plugins,
as the tests do; no layers."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

LAYER = Path("yocto/meta-listener")
RECIPE = (LAYER / "recipes-listener/listener/listener_git.bb").read_text()
APPLIANCE = LAYER / "recipes-listener/listener/files/appliance"
IMAGE = Path("scripts/lib/image/root")
DISTRO = (LAYER / "conf/distro/listener.conf").read_text()

# Encoders in software are in packages that need the flag `commercial`; the core's own elements are in gstreamer1.0, libcamera's
# in libcamera-gst. `replay` and the demo are not for the box.
NOT_INSTALLED = {"coreelements", "libcamera", "openh264", "x264"}

failures = []


def same(what, left, right):
    if left != right:
        failures.append(f"{what}: {left!r} is not {right!r}")


def found(pattern, text, what):
    match = re.search(pattern, text, re.MULTILINE)
    if not match:
        sys.exit(f"error: {what}: nothing like {pattern}")
    return match[1]


def text_of(*parts):
    return LAYER.joinpath(*parts).read_text()


def versions():
    version = tomllib.loads(Path("Cargo.toml").read_text())["package"]["version"]
    same("DISTRO_VERSION and Cargo.toml's version", found(r'^DISTRO_VERSION = "(.*)"', DISTRO, "version"), version)
    same("PV and Cargo.toml's version", found(r'^PV = "(.*)\+git"', RECIPE, "version"), version)


def pins():
    """Each repository but this one is pinned: a whole commit and the branch it is on."""
    repositories = re.split(r"\n  (?=[\w-]+:\n)", Path("yocto/kas.yml").read_text().split("\nrepos:\n")[1])
    for repository in repositories:
        name = repository.strip().split(":")[0]
        is_pinned = re.search(r"\n    commit: [0-9a-f]{40}\n", repository + "\n")
        if name != "listener" and not (is_pinned and "\n    branch: " in repository):
            failures.append(f"yocto/kas.yml: {name} has no whole commit, or no branch")
    same("distribution in kas.yml", found(r"^distro: (.*)", Path("yocto/kas.yml").read_text(), "distro"), "listener")


def users():
    """Those that the recipe makes are those of sysusers.d: it cannot make them on a root that is never written."""
    lines = Path("systemd/usr/lib/sysusers.d/listener.conf").read_text().splitlines()
    wanted = {line.split()[1] for line in lines if line and not line.startswith("#")}
    parts = re.findall(r"^(?:USER|GROUP)ADD_PARAM:\$\{PN\} = (\"(?:[^\"]|\n)*?\")", RECIPE, re.MULTILINE)
    made = {entry.strip(' "\\\n').split()[-1] for part in parts for entry in part.split(";")}
    same("users and groups of the recipe and of sysusers.d", sorted(made), sorted(wanted))
    numbers = re.findall(r"--[ug]id (\d+)", RECIPE)
    same("numbers of users and groups, each once", len(numbers), len(set(numbers)))


def files():
    """Every unit that the recipe enables is installed, and every unit that is to be enabled is; nothing names the third
    partition of the SD card's image where the recipe does not put the fourth in its place."""
    enabled = re.findall(r"SYSTEMD_SERVICE:\$\{PN\}(?:-appliance)? = \"((?:[^\"]|\n)*?)\"", RECIPE)
    enabled = {unit for units in enabled for unit in units.replace("\\", " ").split()}
    places = [Path("systemd"), IMAGE, APPLIANCE]
    units = [unit for place in places for unit in (place / "usr/lib/systemd/system").iterdir() if unit.is_file()]
    to_enable = {unit.name for unit in units if "\n[Install]\n" in unit.read_text()}
    same("units enabled and units with [Install]", sorted(enabled), sorted(to_enable))
    candidates = [*IMAGE.rglob("*"), Path("scripts/lib/image/initramfs/grow")]
    naming = {file.name for file in candidates if file.is_file() and re.search(r"4c697374(-|\\x2d)03", file.read_text())}
    rewritten = found(r"(sed -i 's/.*?03/(?:.|\n)*?)\n    sed", RECIPE, "the fourth partition")
    same("files that name the third partition, and are rewritten", sorted(naming), sorted(name for name in naming if name in rewritten))
    if "systemd/files | while read -r mode source destination" not in RECIPE:
        failures.append("the recipe does not install from systemd/files")
    for place in (IMAGE, APPLIANCE):
        for script in (place / "usr/libexec/listener").iterdir():
            same(f"{script} begins as a script", script.read_text().splitlines()[0], "#!/bin/sh")


def partitions():
    """Disk id, partitions, the environment of U-Boot: in the layout, the boot script, RAUC's and U-Boot's settings."""
    layout = text_of("files/wic/listener.wks.in")
    disk = found(r"--diskid 0x([0-9a-f]{8})", layout, "disk id")
    rauc = text_of("recipes-core/rauc/files/listener-distro/system.conf")
    slots = re.findall(r"device=/dev/disk/by-partuuid/([0-9a-f]{8})-(\d\d)\ntype=ext4\nbootname=([AB])", rauc)
    script = text_of("recipes-bsp/rpi-u-boot-scr/files/listener-distro/boot.cmd.in")
    started = re.findall(r"setenv slot ([AB])\n *setenv part (\d)", script)
    same("roots of system.conf and of the boot script", [(name, number.lstrip("0")) for _, number, name in slots], started)
    same("disk ids", {disk}, {one for one, _, _ in slots} | {found(r"PARTUUID=([0-9a-f]{8})-0\$\{part\}", script, "root")}
         | set(re.findall(r"([0-9a-f]{8})-0\d", (IMAGE / "etc/fstab").read_text())))
    same("lines of roots in the layout", layout.count("part / --source rootfs"), len(slots))

    uboot = text_of("recipes-bsp/u-boot/files/listener-distro/listener.cfg")
    size = found(r"^CONFIG_ENV_SIZE=(.*)", uboot, "size")
    offsets = [found(rf"^CONFIG_ENV_{name}=(.*)", uboot, name) for name in ("OFFSET", "OFFSET_REDUND")]
    lines = text_of("recipes-bsp/u-boot/files/listener-distro/fw_env.config").splitlines()
    same("U-Boot's environment and fw_env.config", [line.split()[1:] for line in lines if line[0] != "#"], [[offset, size] for offset in offsets])
    begin = int(found(r"--offset (\d+)M", layout, "offset")) << 20
    # 4 MiB is what a card erases at once.
    blocks = sorted({int(offset, 16) >> 22 for offset in offsets} | {begin >> 22})
    same("blocks of 4 MiB: two for the environment, then the boot partition", blocks, [1, 2, 3])


def plugins():
    """What the pipelines name, in the plugin that GStreamer finds it in, against the packages of the recipe; and these against
    the files of Debian's packages."""
    listed = subprocess.run(["gst-inspect-1.0"], capture_output=True, text=True, check=True).stdout
    plugin_of = {element: plugin for plugin, element in re.findall(r"^(\w+):  (\w+): ", listed, re.MULTILINE)}
    sources = [Path("src/capture", name).read_text().split("#[cfg(test)]")[0] for name in ("pipeline.rs", "encoder.rs")]
    # An element stands first in a text, behind `!`, or behind something that is put in there.
    words = {word for source in sources for word in re.findall(r"[\"}!] ?([a-z][a-z0-9]+)", source)}
    used = {plugin_of[word] for word in words & plugin_of.keys()} - NOT_INSTALLED
    named = re.findall(r"^    (gstreamer1\.0-plugins-\w+)-(\w+) \\$", RECIPE, re.MULTILINE)
    same("plugins that the pipelines use, and packages of the recipe", sorted(used), sorted(plugin for _, plugin in named))
    for package, plugin in named:
        contents = subprocess.run(["dpkg", "--listfiles", package], capture_output=True, text=True, check=True).stdout
        if f"/gstreamer-1.0/libgst{plugin}.so\n" not in contents:
            failures.append(f"{package}-{plugin}: Debian's {package} has no libgst{plugin}.so")


def bounds():
    """An update is shown for as long as the service that writes it may take, and is given to end (90 s, systemd's default)."""
    shown_min = int(found(r"^pub const UPDATE_LONGEST: Duration = Duration::from_secs\((\d+) \* 60\);", Path("src/limits.rs").read_text(), "limit"))
    unit = (APPLIANCE / "usr/lib/systemd/system/appliance-update@.service").read_text()
    longest_min = int(found(r"^TimeoutStartSec=(\d+)min$", unit, "timeout"))
    same("minutes that an update is shown, and may take", shown_min, longest_min + 2)


for check in (versions, pins, users, files, partitions, plugins, bounds):
    check()
for failure in failures:
    print(f"error: {failure}", file=sys.stderr)
sys.exit(bool(failures))
