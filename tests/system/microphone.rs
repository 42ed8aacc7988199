//! The whole job with the real libasound: a microphone of ALSA's `file` plugin plays a dialogue in real time.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tempfile::tempdir;

use crate::api::DemoApi;
use crate::media;
use crate::process::listener;

const CHUNK: Duration = Duration::from_millis(20);
const CHUNK_SAMPLES: usize = 320;

#[test]
fn a_microphone_of_alsa_is_heard_and_its_utterances_delivered() {
    let (api, folder) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let (sound, truth) = media::dialogue(folder.path(), 2, 1.2);
    let samples = media::read_wav(&sound);
    let (pipe, alsa) = (folder.path().join("sound"), folder.path().join("asound.conf"));
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    let microphone = format!(
        "</usr/share/alsa/alsa.conf>\npcm.recording {{ type file slave.pcm null file /dev/null infile {} format raw }}\n",
        pipe.display()
    );
    std::fs::write(&alsa, microphone).expect("writable");

    let length = media::seconds(&samples).ceil() as u64 + 1;
    let listener = listener("run", &api, &folder.path().join("data"))
        .args(["--default_microphone", "recording", "--camera", "test", "--energy_threshold", "1000"])
        .args(["--width", "160", "--height", "120", "--for", &length.to_string()])
        .env("ALSA_CONFIG_PATH", &alsa)
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // Opening waits until the microphone is opened; then it speaks at the pace of a sound card.
    let mut speaker = std::fs::File::options().write(true).open(&pipe).expect("opened");
    let (began, began_wall) = (Instant::now(), Timestamp::now());
    for (at, chunk) in (1..).zip(samples.chunks(CHUNK_SAMPLES)) {
        let bytes: Vec<u8> = chunk.iter().flat_map(|sample| sample.to_ne_bytes()).collect();
        thread::sleep((CHUNK * at).saturating_sub(began.elapsed()));
        speaker.write_all(&bytes).expect("someone listens");
    }
    drop(speaker);
    let output = listener.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let summary = api.summary();
    assert_eq!(summary["faults"], serde_json::json!([]), "{summary:#}");
    let rows = api.rows("audio");
    assert_eq!(rows.len(), truth.len(), "{rows:#?}");
    for (row, (start_s, end_s)) in rows.iter().zip(truth) {
        let after = |key: &str| -> f64 {
            let time: Timestamp = row[key].as_str().expect("a time").parse().expect("a time");
            time.duration_since(began_wall).as_secs_f64()
        };
        let (starts, ends) = (after("start_time") + 0.5, after("end_time") - 0.4);
        assert!(
            (starts - start_s).abs() < 0.25 && (ends - end_s).abs() < 0.45,
            "{starts} to {ends}: {start_s} to {end_s}"
        );
    }
    assert!(summary["frames"]["delivered"].as_u64() >= Some(5), "pictures go on beside it: {summary:#}");
}
