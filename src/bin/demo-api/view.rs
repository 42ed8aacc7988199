//! What the web page shows: everything received, minute by minute. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use crate::place::{self, Place, place};
use crate::records::{AudioRow, VideoRow};
use crate::store::Store;
use crate::summary::{self, Summary};
use crate::times::minute_of;

/// How many minutes the page shows at most: a browser grows slow with thousands of media elements.
const MAX_MINUTES: usize = 60;

/// All that the page needs in one answer.
#[derive(Debug, Serialize)]
pub struct View {
    pub summary: Summary,
    /// Newest first.
    pub minutes: Vec<Minute>,
    /// How many older minutes are stored but not shown.
    pub older: usize,
}

/// One minute of the wall clock.
#[derive(Debug, Default, Serialize)]
pub struct Minute {
    /// Its start, in milliseconds since 1970.
    pub start_ms: i64,
    pub utterances: Vec<Item>,
    pub clips: Vec<Item>,
    pub pictures: Vec<Picture>,
}

/// An utterance or a clip. It is shown as soon as its file or its row is there.
#[derive(Debug, Serialize)]
pub struct Item {
    /// The same in every answer, unlike all else about it: its path, whether the file is there or not.
    pub key: String,
    pub name: String,
    /// Unknown until the row is there.
    pub start_ms: Option<i64>,
    pub end_ms: Option<i64>,
    /// Where its file is, if it is there.
    pub path: Option<String>,
    /// What was queued for it; absent for clips, which have no task.
    pub task: Option<&'static str>,
    /// What is not as it should be; empty when all of it was delivered.
    pub lacks: Vec<&'static str>,
}

/// One picture.
#[derive(Debug, Serialize)]
pub struct Picture {
    pub second: i64,
    pub path: String,
}

/// Puts everything into its minute.
pub fn view(store: &Store) -> View {
    let mut minutes: BTreeMap<i64, Minute> = BTreeMap::new();
    let mut shown = BTreeSet::new();
    for rows in summary::utterances(store).values() {
        for (position, row) in rows.iter().enumerate() {
            shown.insert(place::audio_path(&row.uid, &row.audio_file));
            at(&mut minutes, row.start_time).utterances.push(utterance(store, row, position, rows.len()));
        }
    }
    for rows in summary::clips(store).values() {
        for (position, row) in rows.iter().enumerate() {
            shown.insert(place::clip_path(&row.uid, &row.video_file));
            at(&mut minutes, row.start_time).clips.push(clip(store, row, position, rows.len()));
        }
    }
    for path in store.files.keys().filter(|path| !shown.contains(*path)) {
        match place(path) {
            Place::Audio { file, .. } => {
                if let Some((_, end)) = place::utterance_instant(file) {
                    let item =
                        Item { end_ms: Some(end.as_millisecond()), task: Some("awaited"), ..rowless(file, path) };
                    at(&mut minutes, end).utterances.push(item);
                }
            }
            Place::Clip { file, .. } => {
                if let Some(start) = place::clip_instant(file) {
                    let item = Item { start_ms: Some(start.as_millisecond()), ..rowless(file, path) };
                    at(&mut minutes, start).clips.push(item);
                }
            }
            Place::Frame { minute, file } => {
                if let Some((second, instant)) = place::frame_instant(minute, file) {
                    at(&mut minutes, instant).pictures.push(Picture { second, path: path.clone() });
                }
            }
            Place::Check | Place::Stray => {}
        }
    }
    let older = minutes.len().saturating_sub(MAX_MINUTES);
    let mut newest: Vec<Minute> = minutes.into_values().rev().take(MAX_MINUTES).collect();
    for minute in &mut newest {
        minute.utterances.sort_by_key(|item| item.start_ms.or(item.end_ms));
        minute.clips.sort_by_key(|item| item.start_ms);
        minute.pictures.sort_by_key(|picture| picture.second);
    }
    View { summary: summary::summary(store), minutes: newest, older }
}

fn at(minutes: &mut BTreeMap<i64, Minute>, instant: Timestamp) -> &mut Minute {
    let minute = minute_of(instant);
    minutes.entry(minute).or_insert_with(|| Minute { start_ms: minute * 60_000, ..Minute::default() })
}

fn utterance(store: &Store, row: &AudioRow, position: usize, rows: usize) -> Item {
    let has_file = store.has_audio_file(row);
    let task = match store.tasks_of(row).count() {
        0 => "awaited",
        _ if !summary::has_its_task(store, row) => "queued under another track id",
        1 => "queued",
        _ => "queued more than once",
    };
    let mut lacks = lacks(has_file, rows);
    if task == "awaited" {
        lacks.push("task awaited");
    } else if !summary::has_its_task(store, row) {
        lacks.push("track ids differ");
    }
    Item {
        key: key(place::audio_path(&row.uid, &row.audio_file), position),
        name: format!("Utterance {}", row.sequence_index),
        start_ms: Some(row.start_time.as_millisecond()),
        end_ms: Some(row.end_time.as_millisecond()),
        path: has_file.then(|| place::audio_path(&row.uid, &row.audio_file)),
        task: Some(task),
        lacks,
    }
}

fn clip(store: &Store, row: &VideoRow, position: usize, rows: usize) -> Item {
    let has_file = store.has_clip_file(row);
    Item {
        key: key(place::clip_path(&row.uid, &row.video_file), position),
        name: row.video_file.clone(),
        start_ms: Some(row.start_time.as_millisecond()),
        end_ms: Some(row.end_time.as_millisecond()),
        path: has_file.then(|| place::clip_path(&row.uid, &row.video_file)),
        task: None,
        lacks: lacks(has_file, rows),
    }
}

fn lacks(has_file: bool, rows: usize) -> Vec<&'static str> {
    let file = (!has_file).then_some("file awaited");
    let row = (rows > 1).then_some("more than one row");
    file.into_iter().chain(row).collect()
}

fn rowless(file: &str, path: &str) -> Item {
    Item {
        key: key(path.to_owned(), 0),
        name: file.to_owned(),
        start_ms: None,
        end_ms: None,
        path: Some(path.to_owned()),
        task: None,
        lacks: vec!["row awaited"],
    }
}

/// The second row of one file is shown as an item of its own.
fn key(path: String, position: usize) -> String {
    if position == 0 { path } else { format!("{path}#{position}") }
}
