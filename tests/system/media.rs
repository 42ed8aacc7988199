//! Recordings made for tests, and how received ones are looked at.

use std::path::{Path, PathBuf};
use std::process::Command;

use gstreamer::prelude::*;
use gstreamer_pbutils::Discoverer;

/// The true bounds of an utterance in a recording, in seconds.
pub type Bounds = (f64, f64);

const RATE_HZ: u32 = 16_000;

/// Recordings of real speakers, beside the project. Tests that read them are in modules called `needs_shared_speech`.
pub const SHARED_SPEECH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/speech");

/// What is said: sentences without a pause inside that would end an utterance.
const SENTENCES: [&str; 4] =
    ["good morning how are you", "please tell me the time", "turn the light off now", "thank you very much"];

/// A spoken dialogue of `sentences` utterances with `silence_s` between them, as WAV; made with espeak-ng.
pub fn dialogue(folder: &Path, sentences: usize, silence_s: f64) -> (PathBuf, Vec<Bounds>) {
    let silence = vec![0i16; (silence_s * f64::from(RATE_HZ)) as usize];
    let (mut recording, mut bounds) = (silence.clone(), Vec::new());
    for sentence in SENTENCES.iter().cycle().take(sentences) {
        let spoken = speak(folder, sentence);
        let start = recording.len() as f64 / f64::from(RATE_HZ);
        recording.extend(&spoken);
        bounds.push((start, recording.len() as f64 / f64::from(RATE_HZ)));
        recording.extend(&silence);
    }
    let path = folder.join("dialogue.wav");
    write_wav(&path, &recording);
    (path, bounds)
}

/// A sentence without the silence around it, loud enough for the default threshold.
fn speak(folder: &Path, sentence: &str) -> Vec<i16> {
    let path = folder.join("sentence.wav");
    let status = Command::new("espeak-ng").arg("-w").arg(&path).args(["-a", "200", sentence]).status();
    assert!(status.expect("espeak-ng is installed").success());
    let converted = folder.join("sentence-16k.wav");
    launch(&format!(
        "filesrc location={} ! wavparse ! audioconvert ! audioresample ! audio/x-raw,format=S16LE,rate={RATE_HZ},channels=1 ! wavenc ! filesink location={}",
        path.display(),
        converted.display()
    ));
    let samples = read_wav(&converted);
    let loud = |sample: &i16| sample.unsigned_abs() > 800;
    let first = samples.iter().position(loud).expect("it speaks");
    let last = samples.iter().rposition(loud).expect("it speaks");
    samples[first..=last].to_vec()
}

/// The dialogue with a moving picture beside it, as Matroska.
pub fn film(folder: &Path, sound: &Path, frame_rate: u32) -> PathBuf {
    let path = folder.join("film.mkv");
    let frames = seconds(&read_wav(sound)) * f64::from(frame_rate);
    launch(&format!(
        "matroskamux name=film ! filesink location={} \
         filesrc location={} ! wavparse ! queue ! film. \
         videotestsrc num-buffers={} pattern=ball ! video/x-raw,format=I420,width=320,height=240,framerate={frame_rate}/1 \
         ! x264enc speed-preset=ultrafast key-int-max=48 ! queue ! film.",
        path.display(),
        sound.display(),
        frames.round() as u32,
    ));
    path
}

/// Runs a pipeline to its end.
pub fn launch(pipeline: &str) {
    let status = Command::new("gst-launch-1.0").arg("-q").args(pipeline.split_whitespace()).status();
    assert!(status.expect("gst-launch-1.0 is installed").success(), "{pipeline}");
}

pub fn read_wav(path: &Path) -> Vec<i16> {
    let mut wav = hound::WavReader::open(path).expect("a WAV file");
    assert_eq!((wav.spec().sample_rate, wav.spec().channels, wav.spec().bits_per_sample), (RATE_HZ, 1, 16));
    wav.samples().map(|sample| sample.expect("readable")).collect()
}

pub fn write_wav(path: &Path, samples: &[i16]) {
    let sample_format = hound::SampleFormat::Int;
    let spec = hound::WavSpec { channels: 1, sample_rate: RATE_HZ, bits_per_sample: 16, sample_format };
    let mut wav = hound::WavWriter::create(path, spec).expect("writable");
    samples.iter().for_each(|sample| wav.write_sample(*sample).expect("writable"));
    wav.finalize().expect("writable");
}

/// The length of 16 kHz sound.
pub fn seconds(samples: &[i16]) -> f64 {
    samples.len() as f64 / f64::from(RATE_HZ)
}

/// What GStreamer's discoverer says of a file: (sound streams, video streams, length in seconds).
pub fn discover(path: &Path) -> (usize, usize, f64) {
    gstreamer::init().expect("GStreamer");
    let uri = gstreamer::glib::filename_to_uri(path.canonicalize().expect("it is there"), None).expect("a path");
    let discoverer = Discoverer::new(gstreamer::ClockTime::from_seconds(20)).expect("a discoverer");
    let info = discoverer.discover_uri(&uri).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let length = info.duration().map_or(0.0, |length| length.nseconds() as f64 / 1e9);
    (info.audio_streams().len(), info.video_streams().len(), length)
}

/// Plays a clip to its end and counts its frames.
pub fn play(path: &Path) -> u64 {
    gstreamer::init().expect("GStreamer");
    let pipeline = format!(
        "filesrc location={} ! qtdemux ! h264parse ! avdec_h264 ! fakesink name=screen sync=false signal-handoffs=true",
        path.display()
    );
    let pipeline = gstreamer::parse::launch(&pipeline).expect("a decoder is installed");
    let bin = pipeline.clone().downcast::<gstreamer::Bin>().expect("a pipeline");
    let frames = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let count = std::sync::Arc::clone(&frames);
    bin.by_name("screen").expect("named").connect("handoff", false, move |_| {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        None
    });
    pipeline.set_state(gstreamer::State::Playing).expect("it plays");
    let ends = [gstreamer::MessageType::Eos, gstreamer::MessageType::Error];
    let message = pipeline.bus().expect("a bus").timed_pop_filtered(gstreamer::ClockTime::from_seconds(60), &ends);
    pipeline.set_state(gstreamer::State::Null).expect("it stops");
    let message = message.expect("it ends within a minute");
    assert_eq!(message.type_(), gstreamer::MessageType::Eos, "{}: {message:?}", path.display());
    frames.load(std::sync::atomic::Ordering::Relaxed)
}
