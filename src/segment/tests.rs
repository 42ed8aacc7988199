//! How sound is cut, by a fixed threshold and by following the room.

use proptest::prelude::*;

use super::*;
use crate::capture::synthetic_voice::synthetic_voice;
use crate::limits::{CHUNK_SAMPLES, LONGEST_CHUNK_SAMPLES};

pub(crate) const SETTINGS: Settings = Settings {
    threshold: Threshold::Fixed(1000.0),
    pause_ms: 700,
    lead_in_ms: 300,
    tail_ms: 200,
    shortest_ms: 60,
    timeout_ms: 3000,
};

/// Stretches of (milliseconds, amplitude) of a square wave, whose RMS is its amplitude.
fn sound(stretches: &[(u32, i16)]) -> Vec<i16> {
    let stretch = |&(ms, amplitude): &(u32, i16)| {
        (0..samples_in(ms)).map(move |i| if i % 40 < 20 { amplitude } else { -amplitude })
    };
    stretches.iter().flat_map(stretch).collect()
}

fn bounds_ms(found: &[Utterance]) -> Vec<(u64, u64)> {
    found.iter().map(|u| (u.start / 16, u.end() / 16)).collect()
}

#[test]
fn an_utterance_has_its_lead_in_and_ends_after_the_pause() {
    let found = segment_all(SETTINGS, &sound(&[(1000, 10), (500, 5000), (2000, 10)]));
    assert_eq!(bounds_ms(&found), [(700, 1700)]);
    assert_eq!(found[0].decided / 16, 1500 + 700);
}

#[test]
fn the_samples_are_those_of_its_bounds() {
    let recording = sound(&[(1000, 10), (500, 5000), (1000, 20), (500, 4000), (800, 10)]);
    for utterance in segment_all(SETTINGS, &recording) {
        assert_eq!(utterance.samples, recording[utterance.start as usize..utterance.end() as usize]);
    }
}

#[test]
fn a_breath_shorter_than_the_pause_does_not_end_it() {
    let found = segment_all(SETTINGS, &sound(&[(500, 10), (400, 5000), (600, 10), (400, 5000), (1000, 10)]));
    assert_eq!(bounds_ms(&found), [(200, 2100)]);
}

#[test]
fn a_click_is_no_utterance() {
    assert_eq!(segment_all(SETTINGS, &sound(&[(1000, 10), (20, 20000), (2000, 10)])), []);
}

#[test]
fn speech_beyond_the_limit_goes_on_in_the_next_utterance_without_a_gap() {
    let found = segment_all(SETTINGS, &sound(&[(500, 10), (7000, 5000), (1000, 10)]));
    assert_eq!(bounds_ms(&found), [(200, 3200), (3200, 6200), (6200, 7700)]);
}

#[test]
fn the_last_sound_of_speech_beyond_the_limit_is_kept_however_short() {
    let found = segment_all(SETTINGS, &sound(&[(500, 10), (2720, 5000), (1000, 10)]));
    assert_eq!(bounds_ms(&found), [(200, 3200), (3200, 3420)]);
}

#[test]
fn what_follows_at_once_is_not_in_two_utterances() {
    let found = segment_all(SETTINGS, &sound(&[(500, 10), (400, 5000), (720, 10), (400, 5000), (900, 10)]));
    assert_eq!(bounds_ms(&found), [(200, 1100), (1320, 2220)]);
}

#[test]
fn a_recording_that_ends_in_a_word_keeps_it() {
    let found = segment_all(SETTINGS, &sound(&[(500, 10), (400, 5000)]));
    assert_eq!(bounds_ms(&found), [(200, 900)]);
}

#[test]
fn the_loudest_sound_does_not_overflow() {
    assert_eq!(rms(&[i16::MIN; 160]), 32768.0);
}

const AUTO: Settings = Settings { threshold: Threshold::Auto, lead_in_ms: 500, tail_ms: 400, ..SETTINGS };

/// A voice of this amplitude over a hiss of that.
fn speech_over(hiss: i16, before_ms: u32, speech_ms: u32, after_ms: u32, loudness: i16) -> Vec<i16> {
    let mut chance = 12345u32;
    let voice = synthetic_voice(samples_in(speech_ms), f32::from(loudness));
    let mut recording = vec![0; samples_in(before_ms)];
    recording.extend(voice);
    recording.resize(recording.len() + samples_in(after_ms), 0);
    for sample in &mut recording {
        chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *sample += (chance >> 16) as i16 % (hiss + 1);
    }
    recording
}

#[test]
fn following_the_room_finds_the_same_utterance_in_silence_and_beside_a_fan() {
    for hiss in [10, 100, 1000] {
        let found = segment_all(AUTO, &speech_over(hiss, 3000, 1500, 2000, 8000));
        assert_eq!(found.len(), 1, "hiss {hiss}");
        let (start, end) = (found[0].start / 16, found[0].end() / 16);
        // The last syllable fades within the last 50 ms.
        assert!((2450..=2510).contains(&start) && (4850..=4920).contains(&end), "hiss {hiss}: {start} to {end}");
        assert!(found[0].decided / 16 <= 4500 + 700 + 50, "decided at {}", found[0].decided / 16);
    }
}

#[test]
fn a_long_speech_does_not_become_its_own_background() {
    let settings = Settings { timeout_ms: 30_000, ..AUTO };
    let found = segment_all(settings, &speech_over(20, 2000, 15_000, 2000, 8000));
    assert_eq!(found.len(), 1, "{:?}", bounds_ms(&found));
    assert!(found[0].end() / 16 >= 17_000, "{:?}", bounds_ms(&found));
}

#[test]
fn whoever_speaks_when_the_box_starts_is_heard_from_the_first_sample() {
    let found = segment_all(AUTO, &speech_over(20, 0, 2000, 2000, 8000));
    assert_eq!(found.len(), 1, "{:?}", bounds_ms(&found));
    assert!(found[0].start == 0 && found[0].end() / 16 >= 2000, "{:?}", bounds_ms(&found));
}

#[test]
fn a_quiet_microphone_is_heard() {
    let spoken = synthetic_voice(samples_in(1500), 30.0);
    let level = rms(&spoken);
    assert!((8.0..14.0).contains(&level), "an RMS of {level}");
    let found = segment_all(AUTO, &speech_over(1, 3000, 1500, 2000, 30));
    assert_eq!(found.len(), 1, "{:?}", bounds_ms(&found));
    let (start, end) = (found[0].start / 16, found[0].end() / 16);
    assert!(start <= 3000 && end >= 4400, "{start} to {end}");
}

#[test]
fn a_short_word_by_itself_counts() {
    for hiss in [10, 100, 600] {
        let found = segment_all(AUTO, &speech_over(hiss, 3000, 250, 2000, 8000));
        assert_eq!(found.len(), 1, "hiss {hiss}: {:?}", bounds_ms(&found));
    }
}

#[test]
fn a_minute_of_a_fan_of_clicks_or_of_a_chord_is_no_utterance() {
    let fan = speech_over(1500, 60_000, 0, 0, 0);
    let clicks: Vec<(u32, i16)> = (0..120).flat_map(|at| [(450 + at, 10), (5, 25_000)]).collect();
    let tone = |at: usize, hz: f32| (at as f32 * hz / 16_000.0 * std::f32::consts::TAU).sin();
    let fades = |at: usize| 1.0 - (at % 16_000) as f32 / 16_000.0;
    let chord: Vec<i16> = (0..samples_in(60_000))
        .map(|at| (3_000.0 * fades(at) * (tone(at, 261.6) + tone(at, 329.6) + tone(at, 392.0))) as i16)
        .collect();
    for (what, recording) in [("a fan", fan), ("clicks", sound(&clicks)), ("a chord", chord)] {
        assert_eq!(bounds_ms(&segment_all(AUTO, &recording)), [], "{what}");
    }
}

#[test]
fn knocks_and_a_machine_that_is_switched_on_are_no_utterances() {
    let knocks: Vec<(u32, i16)> = (0..8).flat_map(|_| [(900, 10), (60, 15_000)]).collect();
    assert_eq!(segment_all(AUTO, &sound(&knocks)), []);
    assert_eq!(segment_all(AUTO, &sound(&[(3000, 10), (8000, 600), (3000, 10)])), []);
}

#[test]
fn three_seconds_after_a_fan_was_switched_off_the_threshold_is_that_of_the_quiet_room() {
    let threshold_after = |recording: &[i16]| {
        let mut segmenter = Segmenter::new(AUTO);
        Windows::default().feed(recording, |window| drop(segmenter.push(window)));
        segmenter.gauge().threshold
    };
    let (fan, quiet) = (speech_over(2000, 30_000, 0, 0, 0), speech_over(20, 3000, 0, 0, 0));
    assert!(threshold_after(&fan) > 20.0 * threshold_after(&quiet));
    let switched_off = threshold_after(&[fan, quiet.clone()].concat());
    assert!(switched_off <= 1.5 * threshold_after(&quiet), "{switched_off}");
}

#[test]
fn speech_is_noticed_within_150_ms_of_its_first_sound() {
    for (settings, quiet_ms) in
        [SETTINGS, AUTO].into_iter().flat_map(|s| (2000..2100).step_by(7).map(move |ms| (s, ms)))
    {
        let recording = speech_over(20, quiet_ms, 1000, 0, 8000);
        let (mut segmenter, mut windows) = (Segmenter::new(settings), Windows::default());
        let mut heard = 0;
        while !segmenter.is_speaking() {
            let wait = segmenter.patience().clamp(CHUNK_SAMPLES, LONGEST_CHUNK_SAMPLES);
            windows.feed(&recording[heard..heard + wait], |window| drop(segmenter.push(window)));
            heard += wait;
        }
        let noticed_ms = heard as u32 / 16 - quiet_ms;
        assert!(noticed_ms <= SPEECH_NOTICED_MS, "{settings:?}: after {noticed_ms} ms");
    }
}

/// The detector of voices takes time, and energy alone has as many cases.
fn any_settings() -> impl Strategy<Value = Settings> {
    prop_oneof![3 => Just(SETTINGS), 1 => Just(AUTO)]
}

proptest! {
    #[test]
    fn any_chunks_give_the_same_utterances(
        stretches in prop::collection::vec((1u32..1500, prop::sample::select(vec![0i16, 900, 1100, 8000])), 1..12),
        chunks in prop::collection::vec(1usize..4000, 1..40),
        settings in any_settings(),
    ) {
        let recording = sound(&stretches);
        let mut segmenter = Segmenter::new(settings);
        let mut windows = Windows::default();
        let (mut found, mut rest, mut sizes) = (Vec::new(), recording.as_slice(), chunks.iter().cycle());
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at((*sizes.next().expect("cycles")).min(rest.len()));
            windows.feed(chunk, |window| found.extend(segmenter.push(window)));
            rest = after;
        }
        found.extend(segmenter.flush());
        prop_assert_eq!(found, segment_all(settings, &recording));
    }

    #[test]
    fn whoever_waits_as_long_as_is_allowed_is_told_of_an_utterance_20_ms_late_at_most(
        stretches in prop::collection::vec((1u32..1500, prop::sample::select(vec![0i16, 900, 1100, 8000])), 1..12),
        settings in any_settings(),
    ) {
        let recording = sound(&stretches);
        let mut segmenter = Segmenter::new(settings);
        let mut windows = Windows::default();
        let (mut found, mut at) = (Vec::new(), 0);
        while at < recording.len() {
            let wait = segmenter.patience().clamp(CHUNK_SAMPLES, LONGEST_CHUNK_SAMPLES);
            let chunk = &recording[at..recording.len().min(at + wait)];
            at += chunk.len();
            windows.feed(chunk, |window| {
                if let Some(utterance) = segmenter.push(window) {
                    found.push((at as u64, utterance));
                }
            });
            if let Some((told, utterance)) = found.last() {
                prop_assert!(told - utterance.decided < CHUNK_SAMPLES as u64);
            }
        }
    }

    #[test]
    fn utterances_never_overlap_and_never_exceed_the_limit(
        recording in prop::collection::vec(any::<i16>(), 0..60_000),
        timeout_ms in 700u32..2000,
        settings in any_settings(),
    ) {
        let found = segment_all(Settings { timeout_ms, ..settings }, &recording);
        for utterance in &found {
            prop_assert!(utterance.samples.len() <= samples_in(timeout_ms));
        }
        for pair in found.windows(2) {
            prop_assert!(pair[0].end() <= pair[1].start);
        }
    }
}
