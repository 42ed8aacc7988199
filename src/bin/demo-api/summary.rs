//! How much of what was sent could be used by the consumers. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::faults::faults;
use crate::place::{self, Place, place};
use crate::records::{AudioRow, VideoRow};
use crate::store::Store;

/// The answer of `/demo/summary.json`.
#[derive(Debug, Serialize)]
pub struct Summary {
    pub utterances: Utterances,
    pub clips: Clips,
    pub frames: Frames,
    pub devices: usize,
    pub faults: Vec<String>,
}

/// Counts of utterances.
#[derive(Debug, Serialize)]
pub struct Utterances {
    pub delivered: usize,
    pub files: usize,
    pub rows: usize,
    pub tasks: usize,
    pub duplicate_rows: usize,
    pub duplicate_tasks: usize,
}

/// Counts of clips.
#[derive(Debug, Serialize)]
pub struct Clips {
    pub delivered: usize,
    pub files: usize,
    pub rows: usize,
    pub duplicate_rows: usize,
}

/// Counts of pictures.
#[derive(Debug, Serialize)]
pub struct Frames {
    pub delivered: usize,
    pub files: usize,
}

/// What identifies an utterance for the consumers: home, uid and sequence_index.
pub type UtteranceKey<'a> = (Option<u64>, &'a str, i64);
/// What identifies a clip: uid and file name.
pub type ClipKey<'a> = (&'a str, &'a str);

/// The audio rows of each utterance.
pub fn utterances(store: &Store) -> BTreeMap<UtteranceKey<'_>, Vec<&AudioRow>> {
    let mut by_key: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (row, _) in store.audio.values() {
        by_key.entry((row.home, row.uid.as_str(), row.sequence_index)).or_default().push(row);
    }
    by_key
}

/// The video rows of each clip.
pub fn clips(store: &Store) -> BTreeMap<ClipKey<'_>, Vec<&VideoRow>> {
    let mut by_key: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (row, _) in store.video.values() {
        by_key.entry((row.uid.as_str(), row.video_file.as_str())).or_default().push(row);
    }
    by_key
}

/// Whether a task with this row's own track_id is queued.
pub fn has_its_task(store: &Store, row: &AudioRow) -> bool {
    store.tasks_of(row).any(|task| row.track_id.as_deref() == Some(task.track_id.as_str()))
}

/// Counts everything.
pub fn summary(store: &Store) -> Summary {
    let (utterances, clips) = (utterances(store), clips(store));
    let heard = |rows: &&Vec<&AudioRow>| matches!(rows.as_slice(), [row] if store.has_audio_file(row) && has_its_task(store, row));
    let seen = |rows: &&Vec<&VideoRow>| matches!(rows.as_slice(), [row] if store.has_clip_file(row));
    let (mut audio_files, mut clip_files) = (0, 0);
    let mut frames = Frames { delivered: 0, files: 0 };
    for dest_path in store.files.keys() {
        match place(dest_path) {
            Place::Audio { .. } => audio_files += 1,
            Place::Clip { .. } => clip_files += 1,
            Place::Frame { minute, file } => {
                frames.files += 1;
                frames.delivered += usize::from(place::frame_instant(minute, file).is_some());
            }
            Place::Check | Place::Stray => {}
        }
    }
    Summary {
        utterances: Utterances {
            delivered: utterances.values().filter(heard).count(),
            files: audio_files,
            rows: store.audio.len(),
            tasks: store.tasks.len(),
            duplicate_rows: store.audio.len() - utterances.len(),
            duplicate_tasks: store.duplicate_tasks(),
        },
        clips: Clips {
            delivered: clips.values().filter(seen).count(),
            files: clip_files,
            rows: store.video.len(),
            duplicate_rows: store.video.len() - clips.len(),
        },
        frames,
        devices: store.devices.len(),
        faults: faults(store),
    }
}
