//! What `check` and `meter` say of the gain, over the real libasound: a microphone of ALSA's `file` plugin plays a recording.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::{TempDir, tempdir};

use crate::process::{bare, said};

/// A room with a microphone in it, named `recording`.
struct Room(TempDir);

impl Room {
    fn with(samples: &[i16]) -> Self {
        let folder = tempdir().expect("a folder");
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_ne_bytes()).collect();
        let sound = folder.path().join("sound");
        std::fs::write(&sound, bytes).expect("writable");
        let microphone = format!("type file slave.pcm null file /dev/null infile {} format raw", sound.display());
        let text = format!("</usr/share/alsa/alsa.conf>\npcm.recording {{ {microphone} }}\n");
        std::fs::write(folder.path().join("asound.conf"), text).expect("writable");
        Self(folder)
    }

    fn listener(&self, command: &str) -> Command {
        let mut listener = bare(command);
        listener.args(["--default_microphone", "recording", "--energy_threshold", "auto"]);
        listener.env("ALSA_CONFIG_PATH", self.path().join("asound.conf"));
        listener
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// The line of `check` about the gain. Without an API that can be reached it fails, for that and nothing else.
    fn check(&self) -> String {
        let mut check = self.listener("check");
        check.args(["--api_domain", "http://127.0.0.1:9", "--home_id", "1", "--token", "none", "--camera", "test"]);
        let printed = text(&check.output().expect("it runs"));
        let failed: Vec<_> = printed.lines().filter(|line| line.starts_with("FAIL")).collect();
        assert!(failed.len() == 1 && failed[0].contains("API"), "{printed}");
        let line = printed.lines().find(|line| line.contains("  gain "));
        line.unwrap_or_else(|| panic!("nothing of the gain: {printed}")).to_owned()
    }

    /// What `meter` says at its end before the number that suits.
    fn meter(&self) -> Vec<String> {
        let output = self.listener("meter").output().expect("it runs");
        assert!(output.status.success(), "{}", said(&output));
        let printed = text(&output);
        let mut lines: Vec<_> = printed.lines().filter(|line| !line.starts_with("level ")).map(str::to_owned).collect();
        let number = lines.pop().expect("a number");
        assert!(number.starts_with("energy_threshold = "), "{printed}");
        lines
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A voice between pauses over soft noise: four seconds, cut off where 16 bits end.
fn voice(amplitude: f32) -> Vec<i16> {
    let mut random = fastrand::Rng::with_seed(1);
    let sample = |i: usize| {
        let seconds = i as f32 / 16_000.0;
        let loudness = [1.0, 0.4, 0.8, 0.2][i / 800 % 4];
        let wave =
            (seconds * 500.0 * std::f32::consts::TAU).sin() + 0.5 * (seconds * 1500.0 * std::f32::consts::TAU).sin();
        let speaks = if seconds % 2.0 < 1.0 { 0.0 } else { amplitude * loudness };
        (speaks * wave / 1.3 + random.f32() * 3.0 - 1.5) as i16
    };
    (0..64_000).map(sample).collect()
}

#[test]
fn a_gain_that_is_low_is_told_with_how_to_raise_it() {
    let room = Room::with(&voice(400.0));
    let check = room.check();
    assert!(check.starts_with("warn  gain          the gain is low: the loudest sound has a peak of "), "{check}");
    assert!(check.contains(r#"Raise it: "alsamixer -V capture""#), "{check}");
    let meter = room.meter();
    assert!(
        meter.len() == 1 && meter[0].starts_with("the gain is low: ") && meter[0].contains("alsamixer"),
        "{meter:?}"
    );
}

#[test]
fn sound_that_clips_is_told() {
    let room = Room::with(&voice(80_000.0));
    let told = "the gain is too high: loud sound is cut off at full scale. Lower it: ";
    assert!(room.check().starts_with(&format!("warn  gain          {told}")), "{}", room.check());
    assert!(room.meter().concat().starts_with(told), "{:?}", room.meter());
}

#[test]
fn a_microphone_that_gives_only_zeros_is_told() {
    let room = Room::with(&[0; 64_000]);
    assert!(room.check().starts_with("warn  gain          nothing but zeros comes: "), "{}", room.check());
    assert!(room.meter().concat().starts_with("nothing but zeros comes: "), "{:?}", room.meter());
}

#[test]
fn of_a_gain_that_suits_check_says_so_and_the_meter_nothing() {
    let room = Room::with(&voice(12_000.0));
    assert!(room.check().starts_with("ok    gain          speech has a peak of "), "{}", room.check());
    assert_eq!(room.meter(), Vec::<String>::new());
}
