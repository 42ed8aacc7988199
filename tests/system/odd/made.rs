//! Odd files, made by code, and what the listener makes of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::media::{self, Bounds};
use crate::process::{bare, said};

pub const RATE_HZ: u32 = 16_000;

/// Where speech is in [`speech`], in seconds.
pub const SPOKEN: Bounds = (1.0, 2.0);

/// Three seconds, of which the middle one wavers as speech does.
pub fn speech() -> Vec<i16> {
    let sample = |at: u32| {
        let seconds = f64::from(at) / f64::from(RATE_HZ);
        let is_loud = seconds >= SPOKEN.0 && seconds < SPOKEN.1 && (seconds * 1000.0) % 230.0 < 150.0;
        let tone = 9_000.0 * (seconds * 440.0 * std::f64::consts::TAU).sin();
        if is_loud { tone as i16 } else { 0 }
    };
    (0..3 * RATE_HZ).map(sample).collect()
}

pub fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// `RIFF` with these chunks.
pub fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = chunks.concat();
    [b"RIFF", &(body.len() as u32 + 4).to_le_bytes()[..], b"WAVE", &body].concat()
}

pub fn chunk(kind: &[u8; 4], size: u32, body: &[u8]) -> Vec<u8> {
    [&kind[..], &size.to_le_bytes(), body].concat()
}

/// Whole 16-bit samples.
pub fn format(channels: u16, rate_hz: u32, byte_rate: u32) -> Vec<u8> {
    let numbers = [1u16.to_le_bytes(), channels.to_le_bytes()].concat();
    let sizes = [(2 * channels).to_le_bytes(), 16u16.to_le_bytes()].concat();
    chunk(b"fmt ", 16, &[numbers, rate_hz.to_le_bytes().into(), byte_rate.to_le_bytes().into(), sizes].concat())
}

pub fn data(sound: &[u8]) -> Vec<u8> {
    chunk(b"data", sound.len() as u32, sound)
}

/// A good file of so many channels, each of which is `of` a sample of [`speech`].
pub fn wav(channels: u16, of: impl Fn(u16, i16) -> i16) -> Vec<u8> {
    let frames: Vec<i16> =
        speech().into_iter().flat_map(|one| (0..channels).map(move |n| (n, one))).map(|(n, one)| of(n, one)).collect();
    riff(&[format(channels, RATE_HZ, RATE_HZ * 2 * u32::from(channels)), data(&bytes(&frames))])
}

/// Big-endian 16-bit samples, as Apple has them; a rate as an 80-bit float.
pub fn aiff(rate_hz: u32) -> Vec<u8> {
    let sound: Vec<u8> = speech().iter().flat_map(|sample| sample.to_be_bytes()).collect();
    let zeros = rate_hz.leading_zeros();
    let rate =
        [(16_383 + 31 - zeros as u16).to_be_bytes().as_slice(), &(u64::from(rate_hz) << (32 + zeros)).to_be_bytes()]
            .concat();
    let frames = (sound.len() as u32 / 2).to_be_bytes();
    let boxed = |kind: &[u8; 4], body: Vec<u8>| [&kind[..], &(body.len() as u32).to_be_bytes(), &body].concat();
    let common = boxed(b"COMM", [&[0, 1][..], &frames, &[0, 16], &rate].concat());
    boxed(b"FORM", [&b"AIFF"[..], &common, &boxed(b"SSND", [vec![0; 8], sound].concat())].concat())
}

pub fn written(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).expect("it is written");
    path
}

pub fn segment(file: &Path) -> Output {
    bare("segment").args(["--json", "--energy_threshold", "1000"]).arg(file).output().expect("it runs")
}

/// The utterances of a file that is heard.
pub fn found(output: &Output) -> Vec<Bounds> {
    assert!(output.status.success(), "{}", said(output));
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let bounds = |u: &Value| (u["start_s"].as_f64().expect("seconds"), u["end_s"].as_f64().expect("seconds"));
    found["utterances"].as_array().expect("a list").iter().map(bounds).collect()
}

/// Utterances are where speech is, with what is kept before and behind it: in each of the pieces that begin at these seconds.
pub fn assert_heard(what: &str, found: &[Bounds], pieces_s: &[f64]) {
    assert_eq!(found.len(), pieces_s.len(), "{what}: {found:?}");
    for ((start, end), piece_s) in found.iter().zip(pieces_s) {
        let (expected_start, expected_end) = (piece_s + SPOKEN.0 - 0.8, piece_s + SPOKEN.1 + 0.4);
        assert!((start - expected_start).abs() < 0.12 && (end - expected_end).abs() < 0.2, "{what}: {start} to {end}");
    }
}

/// Refused by the program itself, not ended by a signal, in one line that has these words.
pub fn assert_refused(output: &Output, words: &str) {
    assert_eq!(output.status.code(), Some(1), "{}", said(output));
    let said = said(output);
    let told = said.lines().find(|line| line.contains("ERROR")).unwrap_or_else(|| panic!("no error: {said}"));
    assert!(told.contains(words), "{said}");
}

/// Matroska, AVI or whatever else `muxer` makes of this sound, or of pictures and it.
pub fn launched(folder: &Path, name: &str, pipeline: &str) -> PathBuf {
    let path = folder.join(name);
    media::launch(&format!("{pipeline} ! filesink location={}", path.display()));
    path
}
