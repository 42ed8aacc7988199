//! Films that are turned, broken, joined, or lack something.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use gstreamer::prelude::*;
use jiff::Timestamp;
use serde_json::Value;
use tempfile::tempdir;

use super::made::{assert_refused, launched, wav, written};
use crate::api::DemoApi;
use crate::process::{listener, said};

const SIZE: [&str; 4] = ["--width", "320", "--height", "240"];

fn replay(api: &DemoApi, folder: &Path, film: &Path) -> Output {
    listener("replay", api, &folder.join("data"))
        .args(["--fast", "--energy_threshold", "1000", "--frame_rate", "12", "--video_length", "5"])
        .args(SIZE)
        .arg(film)
        .output()
        .expect("it runs")
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("readable").path());
    let mut found: Vec<_> =
        paths.flat_map(|path| if path.is_dir() { files(&path, ending) } else { vec![path] }).collect();
    found.retain(|path| path.extension().is_some_and(|found| found == ending));
    found.sort();
    found
}

/// How bright the four corners of a picture's or clip's first frame are: upper left, upper right, lower left, lower right.
fn corners(file: &Path) -> [u8; 4] {
    gstreamer::init().expect("GStreamer");
    let pipeline = gstreamer::parse::launch(&format!(
        "filesrc location={} ! decodebin ! videoconvert ! videoscale add-borders=false \
         ! video/x-raw,format=GRAY8,width=32,height=32 ! appsink name=screen sync=false",
        file.display()
    ));
    let pipeline = pipeline.expect("it is built").downcast::<gstreamer::Bin>().expect("a pipeline");
    let screen = pipeline.by_name("screen").expect("named").downcast::<gstreamer_app::AppSink>().expect("an appsink");
    pipeline.set_state(gstreamer::State::Playing).expect("it plays");
    let sample = screen.try_pull_sample(gstreamer::ClockTime::from_seconds(20)).expect("a frame");
    pipeline.set_state(gstreamer::State::Null).expect("it stops");
    let bytes = sample.buffer().expect("a frame").map_readable().expect("readable").to_vec();
    [(12, 8), (19, 8), (12, 23), (19, 23)].map(|(x, y)| bytes[y * 32 + x])
}

/// The first matrix in an MP4 that belongs to a track is replaced.
fn with_matrix(film: &[u8], [a, b, c, d]: [i32; 4]) -> Vec<u8> {
    let at = film.windows(4).position(|word| word == b"tkhd").expect("a track") + 4;
    let at = at + if film[at] == 1 { 52 } else { 40 };
    let matrix = [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30].map(i32::to_be_bytes).concat();
    [&film[..at], &matrix, &film[at + 36..]].concat()
}

#[test]
fn pictures_and_clips_stand_upright_however_the_film_is_turned_or_mirrored() {
    let folder = tempdir().expect("a folder");
    // White in the upper left quarter.
    let film = launched(
        folder.path(),
        "film.mp4",
        "videotestsrc num-buffers=12 pattern=white ! video/x-raw,format=I420,width=160,height=160,framerate=12/1 \
         ! videobox right=-160 bottom=-160 ! x264enc ! mp4mux",
    );
    let film = fs::read(film).expect("it is there");
    let turned = [
        ([1, 0, 0, 1], 0),
        ([0, 1, -1, 0], 1),
        ([-1, 0, 0, -1], 3),
        ([0, -1, 1, 0], 2),
        ([-1, 0, 0, 1], 1),
        ([1, 0, 0, -1], 2),
        ([0, 1, 1, 0], 0),
        ([0, -1, -1, 0], 3),
    ];
    for (matrix, white) in turned {
        let (api, work) = (DemoApi::start(&[]), tempdir().expect("a folder"));
        let file = written(work.path(), "film.mp4", &with_matrix(&film, matrix));
        let output = replay(&api, work.path(), &file);
        assert!(output.status.success(), "{matrix:?}: {}", said(&output));
        let seen = [files(&api.files(), "jpg"), files(&api.files(), "mp4")].concat();
        assert!(seen.len() >= 2, "{matrix:?}: a picture and a clip, not {seen:?}");
        for file in seen {
            let corners = corners(&file);
            let brightest = (0..4).max_by_key(|corner| corners[*corner]);
            assert!(brightest == Some(white) && corners[white] > 150, "{matrix:?}, {}: {corners:?}", file.display());
        }
    }
}

#[test]
fn a_film_of_which_no_frame_decodes_ends_with_an_error() {
    let folder = tempdir().expect("a folder");
    let film = launched(
        folder.path(),
        "film.avi",
        "videotestsrc num-buffers=24 ! video/x-raw,format=I420,width=160,height=120,framerate=12/1 ! jpegenc ! avimux",
    );
    let mut film = fs::read(film).expect("it is there");
    for at in 0..film.len() - 12 {
        let size = u32::from_le_bytes([film[at + 4], film[at + 5], film[at + 6], film[at + 7]]) as usize;
        // A frame, not its entry in the index.
        if matches!(&film[at..at + 4], b"00dc" | b"00db") && film[at + 8] == 0xFF {
            film[at + 8..at + 8 + size].fill(0xAA);
        }
    }
    let api = DemoApi::start(&[]);
    let output = replay(&api, folder.path(), &written(folder.path(), "broken.avi", &film));
    assert_refused(&output, "broken.avi");
    assert!(api.rows("video").is_empty());
}

#[test]
fn a_film_without_sound_is_seen_and_one_without_pictures_heard() {
    let (api, folder) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let pictures =
        "videotestsrc num-buffers=24 ! video/x-raw,width=160,height=120,framerate=12/1 ! x264enc ! matroskamux";
    let output = replay(&api, folder.path(), &launched(folder.path(), "silent.mkv", pictures));
    assert!(output.status.success(), "{}", said(&output));
    assert!(!api.rows("video").is_empty() && api.rows("audio").is_empty());
    let sound = written(folder.path(), "speech.wav", &wav(1, |_, one| one));
    let output = replay(&api, folder.path(), &sound);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(api.rows("audio").len(), 1);
}

fn time(row: &Value, key: &str) -> Timestamp {
    row[key].as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no {key} in {row}"))
}

/// Of a film that is joined from two, the clock begins again in the middle, and the header knows the first half alone.
#[test]
fn a_joined_film_has_no_row_in_the_future_none_without_a_length_and_one_picture_a_second() {
    let (api, folder) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let sound = written(folder.path(), "speech.wav", &wav(1, |_, one| one));
    let film = launched(
        folder.path(),
        "film.ts",
        &format!(
            "mpegtsmux name=film videotestsrc num-buffers=36 ! video/x-raw,format=I420,width=160,height=120,framerate=12/1 \
             ! x264enc bframes=0 ! queue ! film. filesrc location={} ! wavparse ! audioconvert ! audioresample \
             ! audio/x-raw,rate=48000,channels=1 ! lamemp3enc ! mpegaudioparse ! queue ! film. film.",
            sound.display()
        ),
    );
    let film = fs::read(film).expect("it is there");
    let joined = written(folder.path(), "joined.ts", &[film.clone(), film].concat());
    let output = replay(&api, folder.path(), &joined);
    assert!(output.status.success(), "{}", said(&output));
    let now = Timestamp::now();
    let rows = [api.rows("audio"), api.rows("video")].concat();
    for row in &rows {
        let (start, end) = (time(row, "start_time"), time(row, "end_time"));
        assert!(start < end && end <= now, "{row}");
    }
    assert_eq!(api.rows("audio").len(), 2, "one in each half");
    let seconds: f64 = api
        .rows("video")
        .iter()
        .map(|row| time(row, "end_time").duration_since(time(row, "start_time")).as_secs_f64())
        .sum();
    assert!((5.5..6.5).contains(&seconds), "{seconds} s of clips");
    let pictures = files(&api.files(), "jpg");
    assert!((6..=7).contains(&pictures.len()), "one a second: {pictures:?}");
}

/// Films of the kinds that were reported from the field.
mod needs_shared_field {
    use super::*;

    #[test]
    #[ignore = "needs ../shared"]
    fn the_films_from_the_field_are_seen_or_refused() {
        let field = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/field/media");
        let (api, folder) = (DemoApi::start(&[]), tempdir().expect("a folder"));
        let output = replay(&api, folder.path(), &field.join("all-frames-broken-mjpeg.avi"));
        assert_refused(&output, "all-frames-broken-mjpeg.avi");
        let output = replay(&api, folder.path(), &field.join("rotated90.mp4"));
        assert!(output.status.success() && !files(&api.files(), "jpg").is_empty(), "{}", said(&output));
        let output = replay(&api, folder.path(), &field.join("twice.mp3"));
        assert!(output.status.success(), "{}", said(&output));
        let now = Timestamp::now();
        assert!(api.rows("audio").iter().all(|row| time(row, "end_time") <= now));
    }
}
