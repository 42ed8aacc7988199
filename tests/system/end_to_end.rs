//! What is said and seen arrives: once, whole, and where the consumers of the API look for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value;
use tempfile::tempdir;

use crate::api::DemoApi;
use crate::media::{self, Bounds, SHARED_SPEECH};
use crate::process::{bare, listener, said};

const LEAD_IN_S: f64 = 0.8;
const TAIL_S: f64 = 0.4;

fn time(row: &Value, key: &str) -> Timestamp {
    row[key].as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no {key} in {row}"))
}

fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

fn counts(summary: &Value) -> BTreeMap<&'static str, u64> {
    let keys = ["utterances", "clips", "frames"];
    keys.map(|kind| (kind, summary[kind]["delivered"].as_u64().expect("a number"))).into()
}

/// Nothing arrived twice, and nothing that the API's consumers would stumble over.
fn assert_faultless(summary: &Value) {
    assert_eq!(summary["faults"], Value::Array(vec![]), "{summary:#}");
    for (kind, count) in
        [("utterances", "duplicate_rows"), ("utterances", "duplicate_tasks"), ("clips", "duplicate_rows")]
    {
        assert_eq!(summary[kind][count], 0, "{summary:#}");
    }
}

/// Every clip plays to its end, lies within one minute, and follows on the one before. Gives their frames.
fn assert_clips_play(api: &DemoApi, frame_rate: f64) -> u64 {
    let (mut frames, mut before): (u64, Option<Timestamp>) = (0, None);
    for row in api.rows("video") {
        let file = api
            .files()
            .join("videos")
            .join(row["uid"].as_str().expect("uid"))
            .join(row["video_file"].as_str().expect("file"));
        let (start, end) = (time(&row, "start_time"), time(&row, "end_time"));
        assert_eq!(
            start.as_second().div_euclid(60),
            (end.as_nanosecond() - 1).div_euclid(60_000_000_000) as i64,
            "{row}"
        );
        if let Some(before) = before {
            assert!(seconds_between(before, start).abs() <= 1.0 / frame_rate, "a gap before {row}");
        }
        before = Some(end);
        let (sounds, pictures, length) = media::discover(&file);
        assert_eq!((sounds, pictures), (0, 1));
        assert!((length - seconds_between(start, end)).abs() <= 2.0 / frame_rate, "{length} s of {row}");
        let played = media::play(&file);
        assert_eq!(played as f64, (length * frame_rate).round(), "{row}");
        frames += played;
    }
    frames
}

/// The seconds of which there is a picture, in order.
fn picture_seconds(api: &DemoApi) -> Vec<i64> {
    let folders = |path: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(path).expect("a folder").map(|entry| entry.expect("readable").path()).collect()
    };
    let name = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    let mut seconds = Vec::new();
    for run in folders(&api.files().join("videos")) {
        for minute in folders(&run.join("frames")) {
            let text = name(&minute);
            let (day, clock) = text.split_once('_').expect("day and minute");
            let start: Timestamp = format!("{day}T{}:00Z", clock.replace('-', ":")).parse().expect("a minute");
            for picture in folders(&minute) {
                assert_eq!(media::discover(&picture).1, 1, "{}", picture.display());
                seconds.push(start.as_second() + name(&picture).parse::<i64>().expect("a second"));
            }
        }
    }
    seconds.sort_unstable();
    seconds
}

/// Utterances arrived with the bounds of their own sound: where they lie relative to the first is where they lie in
/// the recording.
fn assert_utterances_are(api: &DemoApi, truth: &[Bounds]) {
    let rows = api.rows("audio");
    assert_eq!(rows.len(), truth.len(), "{rows:#?}");
    let origin = time(&rows[0], "start_time");
    for (index, (row, (start_s, end_s))) in rows.iter().zip(truth).enumerate() {
        assert_eq!(row["sequence_index"], index);
        let starts = seconds_between(origin, time(row, "start_time")) + truth[0].0 - LEAD_IN_S;
        let ends = seconds_between(origin, time(row, "end_time")) + truth[0].0 - LEAD_IN_S;
        assert!((starts - (start_s - LEAD_IN_S)).abs() < 0.1, "{starts} for {start_s}");
        assert!((ends - (end_s + TAIL_S)).abs() < 0.3 && ends >= end_s - 0.05, "{ends} for {end_s}");
        let (uid, file) = (row["uid"].as_str().expect("uid"), row["audio_file"].as_str().expect("file"));
        let file = api.files().join("audio").join(uid).join(file);
        let length = seconds_between(time(row, "start_time"), time(row, "end_time"));
        assert!((media::seconds(&media::read_wav(&file)) - length).abs() < 1e-4);
        assert_eq!(media::discover(&file).0, 1);
    }
}

#[test]
fn a_recorded_dialogue_arrives_once_with_its_utterances_clips_and_pictures() {
    let (api, folder) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let (sound, truth) = media::dialogue(folder.path(), 5, 1.2);
    let film = media::film(folder.path(), &sound, 12);
    let output = listener("replay", &api, &folder.path().join("data"))
        .args(["--fast", "--energy_threshold", "1000", "--video_length", "5", "--frame_rate", "12"])
        .args(["--width", "320", "--height", "240"])
        .arg(&film)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", said(&output));

    assert_faultless(&api.summary());
    assert_utterances_are(&api, &truth);
    let length = media::seconds(&media::read_wav(&sound));
    let frames = assert_clips_play(&api, 12.0);
    assert!((frames as f64 - length * 12.0).abs() <= 1.0, "{frames} frames of {length} s");
    let seconds = picture_seconds(&api);
    let expected: Vec<i64> = (seconds[0]..=*seconds.last().expect("some")).collect();
    assert_eq!(seconds, expected, "one picture a second");
    assert!((seconds.len() as f64 - length).abs() <= 2.0);
}

#[test]
fn live_sources_are_recorded_in_step_with_the_clock() {
    let (api, folder) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let output = listener("run", &api, folder.path())
        .args(["--source", "test", "--for", "8", "--video-length", "3", "--width", "320", "--height", "240"])
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", said(&output));

    let summary = api.summary();
    assert_faultless(&summary);
    assert_eq!(counts(&summary)["utterances"], 3, "tones begin at 0.5, 3.5 and 6.5 s: {summary:#}");
    let rows = api.rows("video");
    for row in &rows[1..] {
        let start = time(row, "start_time");
        let after_multiple = start.as_nanosecond().rem_euclid(3_000_000_000) as f64 / 1e9;
        assert!(after_multiple <= 1.0 / 24.0 + 0.002, "a clip starts {after_multiple} s after its multiple");
    }
    let recorded = seconds_between(time(&rows[0], "start_time"), time(&rows[rows.len() - 1], "end_time"));
    assert!(recorded > 7.0, "{recorded} s of video in a run of 8 s");
    assert_clips_play(&api, 24.0);
    let seconds = picture_seconds(&api);
    assert_eq!(seconds, (seconds[0]..=seconds[seconds.len() - 1]).collect::<Vec<_>>());
}

#[test]
fn a_recording_is_played_as_if_live_in_its_own_time() {
    let (api, folder) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let (sound, truth) = media::dialogue(folder.path(), 2, 1.3);
    let began = Timestamp::now();
    let output = listener("replay", &api, &folder.path().join("data"))
        .args(["--energy_threshold", "1000"])
        .arg(&sound)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", said(&output));
    assert_faultless(&api.summary());
    assert_utterances_are(&api, &truth);
    let length = media::seconds(&media::read_wav(&sound));
    assert!(seconds_between(began, Timestamp::now()) >= length, "it was played too fast");
    let start = time(&api.rows("audio")[0], "start_time");
    assert!(start >= began && start <= Timestamp::now());
}

mod needs_shared_speech {
    use super::*;

    #[test]
    #[ignore = "needs the recordings of ../shared/speech"]
    fn real_recordings_arrive_as_segment_finds_them_and_to_the_sample() {
        let mut recordings: Vec<PathBuf> =
            std::fs::read_dir(SHARED_SPEECH).expect("readable").map(|entry| entry.expect("readable").path()).collect();
        recordings.retain(|path| path.extension().is_some_and(|ending| ending == "wav"));
        assert!(recordings.len() >= 2, "jfk.wav and the dialogues");
        for recording in recordings {
            let (api, data_dir) = (DemoApi::start(&[]), tempdir().expect("a folder"));
            let options = ["--energy_threshold", "600"];
            let found = bare("segment").arg("--json").args(options).arg(&recording).output().expect("it runs");
            assert!(found.status.success(), "{}", said(&found));
            let found: Value = serde_json::from_slice(&found.stdout).expect("JSON");
            let found = found["utterances"].as_array().expect("a list");
            assert!(!found.is_empty(), "{} has speech", recording.display());

            let output = listener("replay", &api, data_dir.path())
                .arg("--fast")
                .args(options)
                .arg(&recording)
                .output()
                .expect("runs");
            assert!(output.status.success(), "{}", said(&output));
            assert_faultless(&api.summary());
            let (rows, samples) = (api.rows("audio"), media::read_wav(&recording));
            assert_eq!(rows.len(), found.len(), "{}", recording.display());
            for (row, bounds) in rows.iter().zip(found) {
                let sample = |key: &str| (bounds[key].as_f64().expect("seconds") * 16_000.0).round() as usize;
                let (uid, file) = (row["uid"].as_str().expect("uid"), row["audio_file"].as_str().expect("file"));
                let received = media::read_wav(&api.files().join("audio").join(uid).join(file));
                assert!(received == samples[sample("start_s")..sample("end_s")], "{}: {row}", recording.display());
            }
        }
    }
}
