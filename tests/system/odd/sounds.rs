//! Sound in odd files and on odd channels.

use std::fs;

use tempfile::tempdir;

use super::made::{
    RATE_HZ, aiff, assert_heard, assert_refused, bytes, chunk, data, format, found, launched, riff, segment, speech,
    wav, written,
};

#[test]
fn aiff_is_heard_every_time() {
    let folder = tempdir().expect("a folder");
    let file = written(folder.path(), "short.aiff", &aiff(RATE_HZ));
    for round in 0..20 {
        assert_heard(&format!("round {round}"), &found(&segment(&file)), &[0.0]);
    }
}

#[test]
fn wav_files_with_wrong_headers_are_heard_as_they_are() {
    let folder = tempdir().expect("a folder");
    let (good, sound) = (format(1, RATE_HZ, RATE_HZ * 2), bytes(&speech()));
    let of_size = |size| riff(&[good.clone(), chunk(b"data", size, &sound)]);
    let of_byte_rate = |byte_rate| riff(&[format(1, RATE_HZ, byte_rate), data(&sound)]);
    let list = chunk(b"LIST", 7, b"INFOabc\0");
    let files = [
        ("no-size", of_size(0)),
        ("unknown-size", of_size(u32::MAX)),
        ("size-too-long", of_size(3 * sound.len() as u32)),
        ("no-byte-rate", of_byte_rate(0)),
        ("half-the-byte-rate", of_byte_rate(RATE_HZ)),
        ("absurd-byte-rate", of_byte_rate(u32::MAX)),
        ("sound-first", riff(&[data(&sound), good.clone()])),
        ("odd-chunk", riff(&[good.clone(), list, data(&sound)])),
        ("odd-chunk-not-filled", riff(&[good.clone(), chunk(b"LIST", 7, b"INFOabc"), data(&sound)])),
    ];
    for (name, file) in files {
        let file = written(folder.path(), name, &file);
        assert_heard(name, &found(&segment(&file)), &[0.0]);
    }
}

#[test]
fn sound_in_several_pieces_is_heard_to_its_end() {
    let folder = tempdir().expect("a folder");
    let (whole, sound) = (wav(1, |_, one| one), bytes(&speech()));
    let two = riff(&[format(1, RATE_HZ, RATE_HZ * 2), data(&sound), chunk(b"LIST", 4, b"INFO"), data(&sound)]);
    for (name, file) in [("two-pieces.wav", two), ("joined.wav", [whole.clone(), whole.clone()].concat())] {
        assert_heard(name, &found(&segment(&written(folder.path(), name, &file))), &[0.0, 3.0]);
    }
    let sound = written(folder.path(), "whole.wav", &whole);
    let from = format!("filesrc location={} ! wavparse ! audioconvert", sound.display());
    for (name, codec, pieces_s) in [
        ("vorbis.ogg", "vorbisenc ! oggmux", [0.0, 3.0]),
        ("opus.ogg", "opusenc ! oggmux", [0.0, 3.0]),
        ("joined.flac", "flacenc", [0.0, 3.0]),
        // An MP3 encoder puts some of its own before and behind.
        ("joined.mp3", "lamemp3enc ! xingmux", [0.07, 3.16]),
    ] {
        let link = fs::read(launched(folder.path(), name, &format!("{from} ! {codec}"))).expect("it is there");
        // Made one after the other they may have the same serial number, as files that are joined to themselves have.
        let second = launched(folder.path(), "second", &format!("{from} ! {codec}"));
        let chained = written(folder.path(), name, &[link, fs::read(second).expect("it is there")].concat());
        assert_heard(name, &found(&segment(&chained)), &pieces_s);
    }
}

#[test]
fn wav_files_of_two_formats_in_one_are_refused() {
    let folder = tempdir().expect("a folder");
    let file = [wav(1, |_, one| one), wav(2, |_, one| one)].concat();
    assert_refused(&segment(&written(folder.path(), "joined.wav", &file)), "their formats differ");
}

#[test]
fn absurd_rates_are_refused_in_a_line() {
    let folder = tempdir().expect("a folder");
    let sound = data(&bytes(&speech()));
    for rate_hz in [1, i32::MAX as u32] {
        let file = riff(&[format(1, rate_hz, rate_hz.saturating_mul(2)), sound.clone()]);
        assert_refused(&segment(&written(folder.path(), "rate.wav", &file)), &format!("{rate_hz} samples a second"));
    }
    assert_refused(&segment(&written(folder.path(), "rate.aiff", &aiff(i32::MAX as u32))), "samples a second");
    for (name, rate_hz) in [("none.wav", 0), ("beyond.wav", u32::MAX)] {
        let file = riff(&[format(1, rate_hz, 0), sound.clone()]);
        assert_refused(&segment(&written(folder.path(), name, &file)), "cannot play");
    }
}

#[test]
fn speech_is_heard_on_whatever_channel_it_is() {
    let folder = tempdir().expect("a folder");
    let hiss = |n: u16, one: i16| (one ^ n as i16).wrapping_mul(37) % 40;
    let files = [
        ("opposite", wav(2, |n, one| if n == 0 { one } else { -one })),
        ("left-dead", wav(2, |n, one| if n == 0 { 0 } else { one })),
        ("right-dead", wav(2, |n, one| if n == 1 { 0 } else { one })),
        ("three-without-places", wav(3, |_, one| one)),
        ("second-of-three", wav(3, |n, one| if n == 1 { one } else { 0 })),
        ("third-of-eight", wav(8, |n, one| if n == 2 { one } else { hiss(n, one) })),
        ("opposite-pairs", wav(4, |n, one| if n % 2 == 0 { one } else { -one })),
    ];
    for (name, file) in files {
        assert_heard(name, &found(&segment(&written(folder.path(), name, &file))), &[0.0]);
    }
}

#[test]
fn what_holds_no_sound_is_said_to() {
    let folder = tempdir().expect("a folder");
    let silent = launched(folder.path(), "silent.mkv", "videotestsrc num-buffers=12 ! x264enc ! matroskamux");
    assert_refused(&segment(&silent), "it holds no sound");
    let empty = riff(&[format(1, RATE_HZ, RATE_HZ * 2), data(&[])]);
    assert_refused(&segment(&written(folder.path(), "empty.wav", &empty)), "nothing of its sound could be decoded");
    assert_refused(&segment(&written(folder.path(), "notes.txt", b"a text, not a recording")), "cannot play");
    assert_refused(&segment(folder.path()), "it is a folder");
}

/// Files of the kinds that were reported from the field.
mod needs_shared_field {
    use std::path::Path;

    use super::*;

    #[test]
    #[ignore = "needs ../shared"]
    fn the_sounds_from_the_field_are_heard_or_refused() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/field/media");
        for (name, utterances) in [
            ("short.aiff", 1),
            ("chained.ogg", 2),
            ("antiphase-stereo.wav", 1),
            ("three-channels-plain-pcm.wav", 1),
            ("twice.mp3", 2),
        ] {
            let output = crate::process::bare("segment")
                .args(["--json", "--energy_threshold", "auto"])
                .arg(folder.join(name))
                .output()
                .expect("it runs");
            assert_eq!(found(&output).len(), utterances, "{name}");
        }
        assert_refused(&segment(&folder.join("rate-2147483647.wav")), "samples a second");
        assert_refused(&segment(&folder.join("all-frames-broken-mjpeg.avi")), "sound");
    }
}
