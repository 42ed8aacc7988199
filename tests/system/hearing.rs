//! Real speech over real backgrounds, with the true bounds of each utterance.

use std::path::Path;

use serde_json::Value;

use crate::media::{self, Bounds, SHARED_SPEECH};
use crate::process::{bare, said};

/// An utterance is whole if it is held but for this much at either end.
const TOLERANCE_S: f64 = 0.06;

/// The labels of this name beside a recording.
fn labels(recording: &Path, name: &str) -> Option<Vec<Bounds>> {
    let labels = std::fs::read(recording.with_extension("json")).ok()?;
    let labels: Value = serde_json::from_slice(&labels).expect("JSON");
    let pair = |pair: &Value| (pair[0].as_f64().expect("seconds"), pair[1].as_f64().expect("seconds"));
    Some(labels[name].as_array().expect("a list").iter().map(pair).collect())
}

fn found(recording: &Path) -> Vec<Bounds> {
    let output =
        bare("segment").args(["--json", "--energy_threshold", "auto"]).arg(recording).output().expect("it runs");
    assert!(output.status.success(), "{}", said(&output));
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let bounds = |u: &Value| (u["start_s"].as_f64().expect("seconds"), u["end_s"].as_f64().expect("seconds"));
    found["utterances"].as_array().expect("a list").iter().map(bounds).collect()
}

fn touch(one: &Bounds, other: &Bounds) -> bool {
    one.1.min(other.1) - one.0.max(other.0) > 0.05
}

#[test]
fn a_recording_of_another_rate_and_in_stereo_is_cut_at_the_same_places() {
    let folder = tempfile::tempdir().expect("a folder");
    let (recording, truth) = media::dialogue(folder.path(), 3, 1.2);
    let stereo = folder.path().join("stereo.wav");
    media::launch(&format!(
        "filesrc location={} ! wavparse ! audioconvert ! audioresample ! audio/x-raw,format=S16LE,rate=44100,channels=2 \
         ! wavenc ! filesink location={}",
        recording.display(),
        stereo.display()
    ));
    let (mono, stereo) = (found(&recording), found(&stereo));
    assert_eq!((mono.len(), stereo.len()), (truth.len(), truth.len()), "{mono:?} {stereo:?}");
    for (mono, stereo) in mono.iter().zip(&stereo) {
        assert!((mono.0 - stereo.0).abs() <= 0.02 && (mono.1 - stereo.1).abs() <= 0.02, "{mono:?} {stereo:?}");
    }
}

mod needs_shared_speech {
    use super::*;

    /// Half a minute each of meetings, and where in them anybody speaks.
    #[test]
    #[ignore = "needs the recordings of ../shared/speech"]
    fn people_who_talk_when_the_recording_begins_are_heard() {
        let (mut spoken_s, mut heard_s) = (0.0, 0.0);
        for entry in std::fs::read_dir(Path::new(SHARED_SPEECH).join("real")).expect("readable") {
            let recording = entry.expect("readable").path();
            if recording.extension().is_none_or(|ending| ending != "wav") {
                continue;
            }
            let found = found(&recording);
            for stretch in labels(&recording, "speech").expect("labels") {
                spoken_s += stretch.1 - stretch.0;
                heard_s += found.iter().map(|u| (stretch.1.min(u.1) - stretch.0.max(u.0)).max(0.0)).sum::<f64>();
            }
        }
        assert!(spoken_s > 100.0, "{spoken_s} s of speech");
        assert!(heard_s >= 0.97 * spoken_s, "{heard_s} s of {spoken_s} s are heard");
    }

    #[test]
    #[ignore = "needs the recordings of ../shared/speech"]
    fn following_the_room_cuts_the_labelled_dialogues_right() {
        let (mut right, mut all, mut wrong) = (0, 0, Vec::new());
        for entry in std::fs::read_dir(SHARED_SPEECH).expect("readable") {
            let recording = entry.expect("readable").path();
            let is_sound = recording.extension().is_some_and(|ending| ending == "wav");
            let Some(truth) = is_sound.then(|| labels(&recording, "utterances_s")).flatten() else { continue };
            let found = found(&recording);
            let spurious = found.iter().filter(|f| !truth.iter().any(|t| touch(f, t)));
            wrong.extend(spurious.map(|f| format!("{}: nothing is said at {f:?}", recording.display())));
            for utterance in &truth {
                all += 1;
                let mine: Vec<&Bounds> = found.iter().filter(|f| touch(f, utterance)).collect();
                let whole = |f: &Bounds| f.0 <= utterance.0 + TOLERANCE_S && f.1 >= utterance.1 - TOLERANCE_S;
                let alone = |f: &Bounds| truth.iter().filter(|t| touch(f, t)).count() == 1;
                if mine.len() == 1 && whole(mine[0]) && alone(mine[0]) {
                    right += 1;
                } else {
                    wrong.push(format!("{}: {utterance:?} became {mine:?}", recording.display()));
                }
            }
        }
        assert!(all >= 50, "labelled utterances");
        assert!(right * 100 >= all * 97 && wrong.len() <= all - right, "{right} of {all} right: {wrong:#?}");
    }
}
