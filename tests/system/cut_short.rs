//! What was being recorded when the power went: what is whole of it is delivered.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use listener::item::{Item, name};
use listener::spool::queue::Want;
use listener::spool::{Intake, Outbox};
use serde_json::Value;
use tempfile::tempdir;

use crate::api::DemoApi;
use crate::media;
use crate::process::{listener, said};

const RATE: f64 = 24.0;

/// The clip being written, when it holds this many fragments; the listener is killed then.
fn killed_at_fragment(api: &DemoApi, data_dir: &Path, fragments: usize) -> PathBuf {
    let mut listener = listener("run", api, data_dir)
        .args(["--source", "test", "--video_length", "60", "--width", "320", "--height", "240"])
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let began = Instant::now();
    let file = loop {
        assert!(began.elapsed() < Duration::from_secs(60), "no clip grows");
        std::thread::sleep(Duration::from_millis(50));
        let Ok(scratch) = fs::read_dir(data_dir.join("spool/scratch")) else { continue };
        let paths = scratch.flatten().map(|entry| entry.path());
        let grown = |path: &PathBuf| {
            let bytes = fs::read(path).unwrap_or_default();
            bytes.windows(4).filter(|window| window == b"moof").count() + 1 >= fragments
        };
        if let Some(file) = paths.filter(|path| path.extension().is_some_and(|ending| ending == "mp4")).find(grown) {
            break file;
        }
    };
    listener.kill().expect("SIGKILL");
    listener.wait().expect("it is gone");
    file
}

fn time(row: &Value, key: &str) -> Timestamp {
    row[key].as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no {key} in {row}"))
}

#[test]
fn a_clip_cut_short_by_a_power_cut_is_delivered_as_far_as_it_was_written() {
    let (api, data_dir) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let left = killed_at_fragment(&api, data_dir.path(), 20);
    let name = left.file_stem().expect("a name").to_string_lossy().into_owned();
    let output = listener("run", &api, data_dir.path())
        .args(["--source", "test", "--for", "2", "--video_length", "60", "--width", "320", "--height", "240"])
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("1 clips cut short"), "{}", said(&output));

    assert_eq!(api.summary()["faults"], Value::Array(vec![]));
    let stamp = name.split('_').nth(1).expect("a start");
    let rows = api.rows("video");
    let of_the_clip = |row: &&Value| time(row, "start_time").strftime("%Y%m%dT%H%M%S.%6fZ").to_string() == stamp;
    let row = rows.iter().find(of_the_clip).unwrap_or_else(|| panic!("no {name}: {rows:#?}"));
    let uid = row["uid"].as_str().expect("uid");
    assert_eq!(name.split('_').nth(2), Some(uid.replace('-', "").as_str()), "it is of the run that recorded it");
    let file = api.files().join("videos").join(uid).join(row["video_file"].as_str().expect("file"));
    let said_s = time(row, "end_time").duration_since(time(row, "start_time")).as_secs_f64();
    assert!((3.0..=5.1).contains(&said_s), "twenty fragments and a few, not {said_s} s");
    let (_, videos, length_s) = media::discover(&file);
    assert!(videos == 1 && (length_s - said_s).abs() < 0.05, "it says {length_s} s, and plays {said_s}");
    assert_eq!(media::play(&file) as f64, (said_s * RATE).round());
    assert!(fs::read_dir(data_dir.path().join("spool/scratch")).expect("a folder").next().is_none());
}

#[test]
fn what_was_being_said_when_the_power_went_is_delivered_as_far_as_it_was_written() {
    let (api, data_dir) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    // A pause longer than the silences of the test sound: the voice goes on and on.
    let voice = ["--pause", "2000", "--timeout", "30000", "--width", "160", "--height", "120"];
    let mut listening = listener("run", &api, data_dir.path())
        .args(["--source", "test"])
        .args(voice)
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let began = Instant::now();
    let bytes = loop {
        assert!(began.elapsed() < Duration::from_secs(60), "nothing is kept of what is being said");
        std::thread::sleep(Duration::from_millis(50));
        let Ok(scratch) = fs::read_dir(data_dir.path().join("spool/scratch")) else { continue };
        let speech = scratch.flatten().find(|entry| entry.file_name().to_string_lossy().starts_with("speech_"));
        match speech.and_then(|entry| entry.metadata().ok()).map(|file| file.len()) {
            Some(bytes) if bytes >= 3 * 32_000 => break bytes,
            _ => {}
        }
    };
    listening.kill().expect("SIGKILL");
    listening.wait().expect("it is gone");
    let output = listener("run", &api, data_dir.path())
        .args(["--source", "test", "--for", "1", "--width", "160", "--height", "120"])
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("what was being said when the program was cut off is kept"), "{}", said(&output));
    assert_eq!(api.summary()["faults"], Value::Array(vec![]));
    let rows = api.rows("audio");
    let length_s = time(&rows[0], "end_time").duration_since(time(&rows[0], "start_time")).as_secs_f64();
    // It was killed a moment after it was looked at.
    let seen_s = (bytes - 44) as f64 / 32_000.0;
    assert!((seen_s - 0.001..seen_s + 1.0).contains(&length_s), "{length_s} s of {seen_s}");
}

#[test]
fn a_clip_that_was_being_finished_when_the_power_went_is_kept() {
    let (api, data_dir) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let output = listener("run", &api, data_dir.path())
        .args(["--source", "test", "--for", "4", "--video_length", "2", "--width", "320", "--height", "240"])
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", said(&output));
    let rows = api.rows("video");
    let length = |row: &Value| time(row, "end_time").duration_since(time(row, "start_time"));
    let row = rows.iter().max_by_key(|row| length(row)).expect("a clip");
    let (uid, length_s) = (row["uid"].as_str().expect("uid"), length(row).as_secs_f64());
    let finished = fs::read(api.files().join("videos").join(uid).join(row["video_file"].as_str().expect("file")));
    let finished = finished.expect("readable");
    let find = |what: &[u8]| finished.windows(what.len()).position(|bytes| bytes == what).expect("it is there") - 4;
    let (media_at, hidden_at, index_at) = (find(b"mdat"), find(b"hoov"), find(b"moov"));

    let without_index = finished[..index_at].to_vec();
    let half_an_index = finished[..index_at + 200].to_vec();
    let mut only_hidden = without_index.clone();
    only_hidden[media_at..][..4].copy_from_slice(&((hidden_at - media_at) as u32).to_be_bytes());
    let mut only_covered = without_index.clone();
    only_covered[hidden_at + 4] = b'm';
    for (left, what) in [
        (only_hidden, "the first index is hidden"),
        (only_covered, "the media cover all"),
        (without_index, "both, and no index"),
        (half_an_index, "both, and half an index"),
    ] {
        let folder = tempdir().expect("a folder");
        let scratch = folder.path().join("scratch");
        fs::create_dir_all(&scratch).expect("a folder");
        let name = name::unfinished_clip(uid.parse().expect("a UUID"), time(row, "start_time"));
        fs::write(scratch.join(name), &left).expect("writable");
        let (_, found) = Intake::open(folder.path(), None).expect("it opens");
        assert_eq!((found.adopted, found.unfinished), (1, 0), "{what}");
        let spool = Outbox::open(folder.path(), None).expect("it opens");
        let item = spool.take(Want::Any, Duration::ZERO, || Duration::ZERO).expect("readable").expect("it is kept");
        spool.load(&item).expect("it is whole");
        let played_s = media::play(&spool.media(&item)) as f64 / RATE;
        assert!((length_s - 0.5..length_s + 0.05).contains(&played_s), "{what}: {played_s} s of {length_s}");
    }
}

#[test]
fn whatever_is_left_of_a_clip_opens_and_what_is_kept_of_it_plays() {
    let (api, data_dir) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let left = killed_at_fragment(&api, data_dir.path(), 8);
    let (bytes, name) = (fs::read(&left).expect("readable"), left.file_name().expect("a name"));
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut kept_s = Vec::new();
    for round in 0..60 {
        let folder = tempdir().expect("a folder");
        let mut damaged = bytes[..chance.usize(..=bytes.len())].to_vec();
        // Cut alone, or overwritten somewhere as well: a card may hold anything after a power cut.
        if round % 2 == 1 && !damaged.is_empty() {
            // In its indexes as often as in its pictures.
            let indexes: Vec<usize> = (0..damaged.len()).filter(|at| damaged[*at..].starts_with(b"moo")).collect();
            let near = chance.choice(&indexes).filter(|_| round % 4 == 1).map(|at| at + chance.usize(..700));
            let from = near.filter(|at| *at < damaged.len()).unwrap_or_else(|| chance.usize(..damaged.len()));
            let until = damaged.len().min(from + chance.usize(1..40));
            damaged[from..until].iter_mut().for_each(|byte| *byte = chance.u8(..));
        }
        let scratch = folder.path().join("scratch");
        fs::create_dir_all(&scratch).expect("a folder");
        fs::write(scratch.join(name), &damaged).expect("writable");
        let (_, found) = Intake::open(folder.path(), None).expect("it opens");
        let spool = Outbox::open(folder.path(), None).expect("it opens");
        assert_eq!(found.adopted + found.unfinished, 1, "seed {seed}, round {round}: {found:?}");
        let taken = spool.take(Want::Any, Duration::ZERO, || Duration::ZERO).expect("it can be read");
        let Some(item) = taken else { continue };
        let entry = spool.load(&item).expect("it is whole");
        let Item::Clip { start, end, .. } = entry.item else { panic!("{item} is no clip") };
        if round % 2 == 0 {
            let length_s = end.duration_since(start).as_secs_f64();
            assert_eq!(media::play(&spool.media(&item)) as f64, (length_s * RATE).round(), "seed {seed}: {length_s} s");
            kept_s.push((damaged.len(), length_s));
        }
    }
    kept_s.sort_by_key(|(bytes, _)| *bytes);
    assert!(kept_s.is_sorted_by(|(_, shorter), (_, longer)| shorter <= longer), "seed {seed}: {kept_s:?}");
    assert!(!kept_s.is_empty(), "seed {seed}");
}
