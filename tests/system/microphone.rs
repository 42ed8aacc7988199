//! The whole job with the real libasound: a microphone of ALSA's `file` plugin plays a pipe in real time.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::process::Signal;
use tempfile::tempdir;

use crate::api::DemoApi;
use crate::media;
use crate::process::{listener, signal};

const CHUNK: Duration = Duration::from_millis(20);
const CHUNK_SAMPLES: usize = 320;

/// A configuration of libasound with the microphone `recording`, which plays the file `sound` of the folder.
fn configuration(folder: &Path) -> PathBuf {
    let (alsa, sound) = (folder.join("asound.conf"), folder.join("sound"));
    let microphone = format!("type file slave.pcm null file /dev/null infile {} format raw", sound.display());
    let text = format!("</usr/share/alsa/alsa.conf>\npcm.recording {{ {microphone} }}\n");
    std::fs::write(&alsa, text).expect("writable");
    alsa
}

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo runs").success());
}

/// Opens the pipe, which waits until a microphone is opened on its other end.
fn open_pipe(path: &Path) -> File {
    File::options().write(true).open(path).expect("opened")
}

/// Speaks into the pipe at the pace of a sound card, then is silent until nobody listens any more: libasound waits in
/// the pipe, and would wait for ever at the end of one that is kept open.
fn speak(mut pipe: File, samples: Vec<i16>) {
    let began = Instant::now();
    let silence = std::iter::repeat(&[0; CHUNK_SAMPLES][..]);
    for (at, chunk) in (1..).zip(samples.chunks(CHUNK_SAMPLES).chain(silence)) {
        let bytes: Vec<u8> = chunk.iter().flat_map(|sample| sample.to_ne_bytes()).collect();
        thread::sleep((CHUNK * at).saturating_sub(began.elapsed()));
        if pipe.write_all(&bytes).is_err() {
            return;
        }
    }
}

#[test]
fn a_microphone_of_alsa_is_heard_and_its_utterances_delivered() {
    let (api, folder) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let (sound, truth) = media::dialogue(folder.path(), 2, 1.2);
    let samples = media::read_wav(&sound);
    let (pipe, alsa) = (folder.path().join("sound"), configuration(folder.path()));
    make_pipe(&pipe);

    let length = media::seconds(&samples).ceil() as u64 + 1;
    let listener = listener("run", &api, &folder.path().join("data"))
        .args(["--default_microphone", "recording", "--camera", "test", "--energy_threshold", "1000"])
        .args(["--width", "160", "--height", "120", "--for", &length.to_string()])
        .env("ALSA_CONFIG_PATH", &alsa)
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let pipe = open_pipe(&pipe);
    let began_wall = Timestamp::now();
    let speaker = thread::spawn(move || speak(pipe, samples));
    let output = listener.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    speaker.join().expect("nobody listens any more");

    let summary = api.summary();
    assert_eq!(summary["faults"], serde_json::json!([]), "{summary:#}");
    let rows = api.rows("audio");
    assert_eq!(rows.len(), truth.len(), "{rows:#?}");
    for (row, (start_s, end_s)) in rows.iter().zip(truth) {
        let after = |key: &str| -> f64 {
            let time: Timestamp = row[key].as_str().expect("a time").parse().expect("a time");
            time.duration_since(began_wall).as_secs_f64()
        };
        let (starts, ends) = (after("start_time") + 0.8, after("end_time") - 0.4);
        assert!(
            (starts - start_s).abs() < 0.25 && (ends - end_s).abs() < 0.45,
            "{starts} to {ends}: {start_s} to {end_s}"
        );
    }
    assert!(summary["frames"]["delivered"].as_u64() >= Some(5), "pictures go on beside it: {summary:#}");
}

/// The lines that the listener says, kept.
struct Said {
    lines: std::io::Lines<BufReader<ChildStderr>>,
    so_far: Vec<String>,
}

impl Said {
    /// Waits for this many more lines with `part` in them.
    fn wait_for(&mut self, part: &str, times: usize) {
        for _ in 0..times {
            loop {
                let line = self.lines.next().unwrap_or_else(|| panic!("no {part:?}: {:#?}", self.so_far));
                self.so_far.push(line.expect("text"));
                if self.so_far.last().is_some_and(|line| line.contains(part)) {
                    break;
                }
            }
        }
    }

    /// What a user reads of the microphone: without the lines for those who look for mistakes.
    fn of_the_microphone(self) -> Vec<String> {
        let lines = self.so_far.into_iter().chain(self.lines.map(|line| line.expect("text")));
        let lines = lines.filter(|line| !line.contains("DEBUG"));
        lines.filter_map(|line| Some(line.split_once("microphone: ")?.1.to_owned())).collect()
    }
}

#[test]
fn a_microphone_is_waited_for_at_the_start_and_when_it_is_unplugged_with_one_line_each() {
    let (api, folder) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let (pipe, alsa) = (folder.path().join("sound"), configuration(folder.path()));
    let mut listener = listener("run", &api, &folder.path().join("data"))
        .args(["--default_microphone", "recording", "--camera", "test", "--width", "160", "--height", "120"])
        .env("ALSA_CONFIG_PATH", &alsa)
        .env("RUST_LOG", "listener=debug")
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let lines = BufReader::new(listener.stderr.take().expect("piped")).lines();
    let mut said = Said { lines, so_far: Vec::new() };
    let plug_in = || {
        // At once, so that the listener does not find half of it.
        let made = folder.path().join("made");
        make_pipe(&made);
        std::fs::rename(made, &pipe).expect("renamed");
        open_pipe(&pipe)
    };
    // What libasound says at each try is for the debug log.
    said.wait_for("for reading failed", 3);
    let mut plugged_in = plug_in();
    plugged_in.write_all(&[1; 40 * 640]).expect("someone listens");
    said.wait_for("microphone: recording", 1);

    std::fs::remove_file(&pipe).expect("it is there");
    drop(plugged_in);
    said.wait_for("no more sound", 1);
    said.wait_for("for reading failed", 2);
    let plugged_in = plug_in();
    let speaker = thread::spawn(move || speak(plugged_in, Vec::new()));
    said.wait_for("microphone: recording", 1);

    signal(&listener, Signal::TERM);
    assert!(listener.wait().expect("it ends").success());
    speaker.join().expect("nobody listens any more");
    let said = said.of_the_microphone();
    let missing = "no microphone \"recording\"; plug it in";
    let ended = "microphone \"recording\" gives no more sound; plug it in again";
    let gone = "microphone \"recording\" is gone; plug it in again";
    let expected = [missing, "recording", ended, gone, "recording"];
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    assert!(said.iter().zip(expected).all(|(said, expected)| said.starts_with(expected)), "{said:#?}");
}
