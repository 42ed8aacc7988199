//! What the server holds, and how each event changes it. Pure: time comes in with the event.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::place;
use crate::records::{AudioRow, Device, Entry, Event, RowArrival, Table, Task, TaskArrival, VideoRow};

/// Everything the server holds.
#[derive(Debug, Default)]
pub struct Store {
    pub audio: BTreeMap<u64, (AudioRow, RowArrival)>,
    pub video: BTreeMap<u64, (VideoRow, RowArrival)>,
    pub tasks: Vec<(Task, TaskArrival)>,
    pub devices: Vec<Device>,
    /// The files in place, with their size in bytes.
    pub files: BTreeMap<String, u64>,
    /// How often each path was uploaded.
    pub uploads: BTreeMap<String, u64>,
    tasks_by_key: BTreeMap<(String, String), Vec<usize>>,
    last_audio_id: u64,
    last_video_id: u64,
    last_seq: u64,
}

impl Store {
    /// Takes one event in. Journals are read back through here too, in the order of `seq`.
    pub fn apply(&mut self, entry: Entry) {
        self.last_seq = self.last_seq.max(entry.seq);
        match entry.event {
            Event::Upload { dest_path, bytes } => {
                *self.uploads.entry(dest_path.clone()).or_default() += 1;
                self.files.insert(dest_path, bytes);
            }
            Event::Audio { row, arrival } => {
                self.last_audio_id = self.last_audio_id.max(row.id);
                self.audio.insert(row.id, (row, arrival));
            }
            Event::Video { row, arrival } => {
                self.last_video_id = self.last_video_id.max(row.id);
                self.video.insert(row.id, (row, arrival));
            }
            Event::Deleted { table: Table::Audio, id } => drop(self.audio.remove(&id)),
            Event::Deleted { table: Table::Video, id } => drop(self.video.remove(&id)),
            Event::Task { task, arrival } => {
                self.tasks_by_key.entry(task_key(&task)).or_default().push(self.tasks.len());
                self.tasks.push((task, arrival));
            }
            Event::Device { device } => self.devices.push(device),
        }
    }

    /// The number of the next event.
    pub fn next_seq(&self) -> u64 {
        self.last_seq + 1
    }

    /// The id of the next row; an id is never given twice, not even after a deletion.
    pub fn next_id(&self, table: Table) -> u64 {
        match table {
            Table::Audio => self.last_audio_id + 1,
            Table::Video => self.last_video_id + 1,
        }
    }

    /// Whether a row is there to be deleted.
    pub fn has_row(&self, table: Table, id: u64) -> bool {
        match table {
            Table::Audio => self.audio.contains_key(&id),
            Table::Video => self.video.contains_key(&id),
        }
    }

    /// Whether this MAC address is registered.
    pub fn knows_mac(&self, mac_address: &str) -> bool {
        self.devices.iter().any(|device| device.mac_address == mac_address)
    }

    /// Whether the row that this task speaks of is there: same uid, index and home.
    pub fn has_row_for(&self, task: &Task) -> bool {
        let (uid, index) = task_key(task);
        self.audio
            .values()
            .any(|(row, _)| row.uid == uid && row.sequence_index.to_string() == index && home_agrees(row, task))
    }

    /// The tasks of one utterance, in the order in which they were queued.
    pub fn tasks_of(&self, row: &AudioRow) -> impl Iterator<Item = &Task> {
        let key = (row.uid.clone(), row.sequence_index.to_string());
        let positions = self.tasks_by_key.get(&key).map_or(&[][..], Vec::as_slice);
        positions.iter().map(|&position| &self.tasks[position].0)
    }

    /// How many tasks were queued for an utterance that had one already.
    pub fn duplicate_tasks(&self) -> usize {
        self.tasks.len() - self.tasks_by_key.len()
    }

    /// Whether the file of this row is in place.
    pub fn has_audio_file(&self, row: &AudioRow) -> bool {
        self.files.contains_key(&place::audio_path(&row.uid, &row.audio_file))
    }

    /// Whether the file of this row is in place.
    pub fn has_clip_file(&self, row: &VideoRow) -> bool {
        self.files.contains_key(&place::clip_path(&row.uid, &row.video_file))
    }
}

/// The utterance a task speaks of: uid and index, as text even where a client sent a number.
pub fn task_key(task: &Task) -> (String, String) {
    (parameter(task, "uid"), parameter(task, "audio_index"))
}

/// Whether task and row name the same home.
pub fn home_agrees(row: &AudioRow, task: &Task) -> bool {
    let home = parameter(task, "home_id");
    row.home.is_some_and(|id| id.to_string() == home)
}

/// A task's parameter as text; empty when it is not there.
pub fn parameter(task: &Task, name: &str) -> String {
    match task.parameters.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
