#!/bin/sh
# The program for the Pi, run on this machine by QEMU, whose kernel is this machine's.
#   scripts/lib/test_aarch64.sh library             the tests of its library that need no device
#   scripts/lib/test_aarch64.sh bookworm | trixie   the program as it is released, beside what its package asks for, from that Debian
set -eu
cd "$(dirname "$0")/../.."
. scripts/lib/install.sh
. scripts/lib/arm64.sh

what=${1:-}
case "$what" in library | bookworm | trixie) ;; *) sed -n '2,4s/^# *//p' "$0"; exit 2 ;; esac
need_qemu_10 qemu-user
need_program_packages python3 espeak-ng gstreamer1.0-tools
need_rust
need_nextest

if [ "$what" = library ]; then
    arm64_environment
    export PROPTEST_CASES=32 QEMU_LD_PREFIX="$sysroot" CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=qemu-aarch64
    # Emulated, the program takes ten times as long: fewer of the cases that are made up at random, which the native run has in full,
    # and what the tests need is built in a hurry.
    exec cargo nextest run --locked --no-default-features --lib --target aarch64-unknown-linux-gnu \
        --config 'profile.dev.package."*".opt-level=0'
fi

cargo build --locked --all-features --bins
package=$(scripts/package --target aarch64)
target=${CARGO_TARGET_DIR:-target}
native=$target/debug
program=$target/aarch64-unknown-linux-gnu/release/listener

work=$(mktemp -d)
api=""
trap '[ -z "$api" ] || kill "$api" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
PYTHONPATH=hw-tests python3 -B -c 'import pathlib, speech, sys; pathlib.Path(sys.argv[1]).write_bytes(speech.dialogue())' "$work/spoken.wav"
# At the rate that is listened at: the two machines' resamplers may differ in a bit.
gst-launch-1.0 -q filesrc location="$work/spoken.wav" ! wavparse ! audioconvert ! audioresample ! audio/x-raw,format=S16LE,rate=16000 \
    ! wavenc ! filesink location="$work/talk.wav"
"$native/listener" segment "$work/talk.wav" --json --energy_threshold auto >"$work/native.json"
grep -q start_s "$work/native.json" || fail "nothing is heard of a spoken dialogue"

say "the program for arm64, beside what Debian $what has"
root=$(arm64_root "$what" "$(dpkg-deb -f "$package" Depends)")
# A plugin is loaded into the program itself to be looked at: GStreamer's helper for that would need the kernel to know arm64.
arm64() {
    QEMU_LD_PREFIX="$root" GST_PLUGIN_SYSTEM_PATH="$root/usr/lib/aarch64-linux-gnu/gstreamer-1.0" \
        GST_REGISTRY="$work/$what.registry" GST_REGISTRY_FORK=no qemu-aarch64 "$program" "$@"
}
arm64 --version
arm64 segment "$work/talk.wav" --json --energy_threshold auto >"$work/$what.json"
cmp "$work/native.json" "$work/$what.json" || fail "arm64 finds other utterances than this machine does"

token=$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')
"$native/demo-api" --listen 127.0.0.1:0 --data_dir "$work/$what-api" --token "$token" --home_id 1 >"$work/$what.address" &
api=$!
while ! grep -q http "$work/$what.address"; do
    kill -0 "$api" 2>/dev/null || fail "demo-api did not start"
    sleep 0.1
done
address=$(grep -o 'http://[^ ]*' "$work/$what.address")
# As much of a picture as emulation keeps pace with.
LISTENER_TOKEN=$token arm64 run --source test --for 15 --width 320 --height 180 --frame_rate 10 \
    --api_domain "$address" --home_id 1 --data_dir "$work/$what"
python3 scripts/lib/demo_report.py "$work/$what/status.json" "$address"
