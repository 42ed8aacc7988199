//! The microphone over the real libasound, with PCMs of its type `file` in place of hardware.
#![cfg(feature = "device")]

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use std::{env, f64::consts::TAU};

use jiff::{SignedDuration, Timestamp};
use listener::capture::alsa::{Microphone, list};
use listener::capture::{SoundSource, SourceError};
use listener::clock::{SystemClock, signed};
use listener::limits::{CHUNK_SAMPLES, SAMPLE_RATE_HZ, SOUND_CLOCK_STEP};
use rustix::fs::{CWD, Mode, mkfifoat};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

const CHUNK: Duration = Duration::from_millis(20);

/// What a process of its own has read.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Heard {
    microphones: Vec<String>,
    chunks: Vec<(Timestamp, Vec<i16>)>,
    ended: bool,
    error: Option<String>,
}

impl Heard {
    fn samples(&self) -> Vec<i16> {
        self.chunks.iter().flat_map(|(_, samples)| samples).copied().collect()
    }
}

/// libasound reads its configuration once per process, so every test reads in a process of its own: this one.
mod is_no_test {
    use super::*;

    #[test]
    #[ignore = "the other tests start it in a process of its own"]
    fn a_process_of_its_own_reads() -> Result<(), SourceError> {
        let [pcm, answer] =
            ["LISTENER_TEST_PCM", "LISTENER_TEST_ANSWER"].map(|name| env::var(name).expect("the other tests set it"));
        let most = env::var("LISTENER_TEST_CHUNKS").ok().and_then(|most| most.parse().ok()).unwrap_or(usize::MAX);
        let mut heard = Heard { microphones: list().into_iter().map(|one| one.name).collect(), ..Heard::default() };
        match Microphone::open(&pcm, Arc::new(SystemClock)) {
            Err(error) => heard.error = Some(error.to_string()),
            Ok(mut microphone) => {
                while heard.chunks.len() < most {
                    let Some(chunk) = microphone.read(CHUNK_SAMPLES)? else {
                        heard.ended = true;
                        break;
                    };
                    heard.chunks.push((chunk.captured, chunk.samples));
                }
                assert_eq!(microphone.overruns(), 0);
            }
        }
        serde_json::to_writer(File::create(answer).expect("the answer can be written"), &heard).expect("it is JSON");
        Ok(())
    }
}

/// A folder with a configuration of libasound and a sound.
struct Studio(TempDir);

impl Studio {
    /// `pcm`: definitions that may name the PCM `recording`, which plays the file `sound`.
    fn new(pcm: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let studio = Self(folder);
        studio.configure(pcm);
        studio
    }

    fn configure(&self, pcm: &str) {
        let sound = self.0.path().join("sound");
        let recording = format!("type file slave.pcm null file /dev/null infile {} format raw", sound.display());
        let text = format!("</usr/share/alsa/alsa.conf>\npcm.recording {{ {recording} }}\n{pcm}\n");
        fs::write(self.0.path().join("asound.conf"), text).expect("it is written");
    }

    fn with_sound(self, samples: &[i16]) -> Self {
        fs::write(self.sound(), bytes(samples)).expect("it is written");
        self
    }

    fn with_pipe(self) -> Self {
        mkfifoat(CWD, self.sound(), Mode::RUSR | Mode::WUSR).expect("a pipe");
        self
    }

    fn sound(&self) -> impl AsRef<Path> + rustix::path::Arg + Send + use<> {
        self.0.path().join("sound")
    }

    /// Reads in a process of its own, to the end or so many chunks.
    fn hear(&self, pcm: &str, most: Option<usize>) -> Heard {
        let answer = self.0.path().join("answer");
        let mut reader = Command::new(env::current_exe().expect("this test"));
        reader.args(["--exact", "is_no_test::a_process_of_its_own_reads", "--ignored", "--nocapture"]);
        reader.env("ALSA_CONFIG_PATH", self.0.path().join("asound.conf"));
        reader.env("LISTENER_TEST_PCM", pcm).env("LISTENER_TEST_ANSWER", &answer);
        most.map(|most| reader.env("LISTENER_TEST_CHUNKS", most.to_string()));
        let Output { status, stdout, stderr } = reader.output().expect("it starts");
        let (said, errors) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "{said}{errors}");
        assert_eq!(errors, "", "nothing goes to standard error");
        serde_json::from_slice(&fs::read(answer).expect("an answer")).expect("it is JSON")
    }
}

fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_ne_bytes()).collect()
}

/// A sound of which no part is like another.
fn noise(samples: usize) -> Vec<i16> {
    let mut random = fastrand::Rng::with_seed(1);
    (0..samples).map(|_| random.i16(..)).collect()
}

#[test]
fn a_recording_comes_through_whole_and_then_ends() {
    let sound = noise(2 * SAMPLE_RATE_HZ as usize + 123);
    let heard = Studio::new("").with_sound(&sound).hear("recording", None);
    assert!(heard.ended);
    assert!(heard.samples() == sound, "the samples differ");
    let (last, whole) = heard.chunks.split_last().expect("some");
    assert!(whole.iter().all(|(_, samples)| samples.len() == CHUNK_SAMPLES));
    assert_eq!(last.1.len(), 123);
}

#[test]
fn sound_in_pieces_comes_through_whole() {
    let studio = Studio::new("").with_pipe();
    let (sound, pipe) = (noise(SAMPLE_RATE_HZ as usize), studio.sound());
    let written = sound.clone();
    let writer = thread::spawn(move || {
        let mut pipe = File::options().write(true).open(pipe).expect("the reader opens it");
        let mut rest = written.as_slice();
        // Whole eights: of fewer missing samples libasound gives no sign.
        for length in (1..).map(|i| (i * 37) % 401 / 8 * 8) {
            let (piece, others) = rest.split_at(length.min(rest.len()));
            pipe.write_all(&bytes(piece)).expect("it is read");
            rest = others;
            if rest.is_empty() {
                return;
            }
        }
    });
    let heard = studio.hear("recording", None);
    writer.join().expect("all is written");
    assert!(heard.samples() == sound, "the samples differ");
}

#[test]
fn chunks_carry_the_time_at_which_their_first_sample_was_taken() {
    let studio = Studio::new("").with_pipe();
    let (sound, pipe) = (noise(100 * CHUNK_SAMPLES), studio.sound());
    let written = sound.clone();
    let writer = thread::spawn(move || {
        let mut pipe = File::options().write(true).open(pipe).expect("the reader opens it");
        let (began, mut due) = (Timestamp::now(), Instant::now());
        for chunk in written.chunks(CHUNK_SAMPLES) {
            due += CHUNK;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            pipe.write_all(&bytes(chunk)).expect("it is read");
        }
        began
    });
    let heard = studio.hear("recording", None);
    let began = writer.join().expect("all is written");
    assert!(heard.samples() == sound, "the samples differ");

    let late = heard.chunks.iter().zip(0..).map(|((captured, _), i)| *captured - (began + signed(CHUNK * i)));
    let mut late: Vec<_> = late.map(|span| SignedDuration::try_from(span).expect("no calendar units")).collect();
    late.sort();
    // The machine may be busy: most chunks keep time, and none is early.
    assert!(late[0] > -SignedDuration::from_millis(1), "{late:?}");
    assert!(late[late.len() / 2] < SignedDuration::from_millis(10), "{late:?}");
    assert!(late[late.len() * 9 / 10] < signed(SOUND_CLOCK_STEP), "{late:?}");
}

#[test]
fn a_stereo_microphone_at_48_khz_is_converted() {
    let tone = |i: u32| (12_000.0 * (TAU * 1000.0 * f64::from(i) / 48_000.0).sin()) as i16;
    // A second of tone, left and right, then a second of silence, of which libasound repeats the end.
    let sound: Vec<_> = (0..96_000).flat_map(|i| [if i < 48_000 { tone(i) } else { 0 }; 2]).collect();
    let converted = "type plug slave { pcm recording format S16 rate 48000 channels 2 }";
    let studio = Studio::new(&format!("pcm.webcam {{ {converted} }}")).with_sound(&sound);

    let samples = studio.hear("webcam", Some(120)).samples();
    let end = samples.iter().rposition(|sample| sample.abs() > 100).expect("the tone");
    assert!((15_840..16_160).contains(&end), "{end} samples of tone");
    let periods = samples[..end].windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
    assert!((990..1010).contains(&periods), "{periods} periods");
    // A converter with a filter overshoots at the end of the tone.
    assert!(samples.iter().all(|sample| sample.abs() < 15_000));
}

#[test]
fn a_microphone_that_refuses_our_samples_is_opened_through_the_converter() {
    // A PCM of the type `lfloat` over whole numbers takes and gives only floating point. It is named with an argument
    // in quotes, as hw:CARD='…' may be.
    let float = "@args [ OF ] @args.OF { type string } type lfloat slave { pcm $OF format S16 }";
    let sound = noise(8000);
    let studio = Studio::new(&format!("pcm.float {{ {float} }}")).with_sound(&sound);
    let samples = studio.hear("float:OF='recording'", Some(25)).samples();
    assert_eq!(samples.len(), sound.len());
    let most = samples.iter().zip(&sound).map(|(heard, sound)| heard.abs_diff(*sound)).max();
    assert!(most <= Some(1), "rounded by up to {most:?}");
}

/// A microphone with a name for people, as a card has one.
fn webcam(studio: &Studio) -> String {
    let hint = "hint { show on description \"USB Device 0x46d:0x825, USB Audio\" }";
    let sound: &Path = &studio.0.path().join("sound");
    format!("pcm.webcam {{ type file {hint} slave.pcm null file /dev/null infile {} format raw }}", sound.display())
}

#[test]
fn a_microphone_is_chosen_by_a_part_of_its_description() {
    let sound = noise(4000);
    let studio = Studio::new("").with_sound(&sound);
    studio.configure(&webcam(&studio));
    for part in ["USB Device 0x46d:0x825", "usb device 0x46d:0x825: USB Audio (hw:1,0)", "WEBCAM"] {
        let heard = studio.hear(part, None);
        assert_eq!(heard.error, None, "{part}");
        assert!(heard.samples() == sound, "{part}: the samples differ");
    }
}

#[test]
fn a_microphone_of_that_very_name_is_taken_before_one_with_it_in_its_description() {
    let sound = noise(4000);
    let studio = Studio::new("").with_sound(&sound);
    studio.configure("pcm.other { type null hint { show on description \"recording\" } }");
    assert!(studio.hear("recording", None).samples() == sound, "the samples differ");
}

#[test]
fn a_microphone_that_is_not_there_is_told_in_one_line_with_those_that_are() {
    let told = Studio::new("").hear("parrot", None).error.expect("there is none");
    let start = "no microphone \"parrot\"; plug it in, or choose ";
    assert!(told.starts_with(start) && told.ends_with(" with --default_microphone"), "{told}");
    assert!(told.contains("recording") && !told.contains('\n'), "{told}");
}

#[test]
fn microphones_are_listed_once_and_without_null() {
    let mut microphones = Studio::new("").with_sound(&[]).hear("recording", None).microphones;
    assert!(microphones.contains(&"recording".to_owned()), "{microphones:?}");
    assert!(!microphones.contains(&"null".to_owned()), "{microphones:?}");
    let listed = microphones.len();
    microphones.sort();
    microphones.dedup();
    assert_eq!(microphones.len(), listed);
}
