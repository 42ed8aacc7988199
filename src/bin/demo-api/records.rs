//! What the server stores, and the entries of its journals.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::wire;

/// One row of `/hardware/audio/`, as the server answers it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AudioRow {
    pub id: u64,
    pub home: Option<u64>,
    pub hardware_device_mac_address: Option<String>,
    pub uid: String,
    pub sequence_index: i64,
    pub audio_file: String,
    #[serde(with = "wire")]
    pub start_time: Timestamp,
    #[serde(with = "wire")]
    pub end_time: Timestamp,
    #[serde(with = "wire")]
    pub created_at: Timestamp,
    #[serde(with = "wire")]
    pub updated_at: Timestamp,
    pub track_id: Option<String>,
}

/// One row of `/hardware/video/`, as the server answers it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VideoRow {
    pub id: u64,
    pub home: Option<u64>,
    pub uid: String,
    pub hardware_device_mac_address: Option<String>,
    pub video_file: String,
    #[serde(with = "wire")]
    pub start_time: Timestamp,
    #[serde(with = "wire")]
    pub end_time: Timestamp,
    #[serde(with = "wire")]
    pub created_at: Timestamp,
    #[serde(with = "wire")]
    pub updated_at: Timestamp,
}

/// One registered device, as the server answers it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Device {
    pub id: u64,
    pub home: Option<u64>,
    pub mac_address: String,
    pub device_name: Option<String>,
    pub device_type: Option<String>,
    pub description: Option<String>,
    #[serde(with = "wire")]
    pub created_at: Timestamp,
    #[serde(with = "wire")]
    pub updated_at: Timestamp,
}

/// One queued task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    pub id: u64,
    pub name: String,
    pub task_name: String,
    pub track_id: String,
    pub parameters: Map<String, Value>,
    #[serde(with = "wire")]
    pub created_at: Timestamp,
}

/// What could be seen only at the moment when a row arrived.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RowArrival {
    /// Its file was in place.
    pub file_was_there: bool,
    /// The time fields that named no zone.
    pub naive: Vec<String>,
}

/// What could be seen only at the moment when a task arrived.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct TaskArrival {
    /// Its row was in place.
    pub row_was_there: bool,
}

/// The two tables that rows can be deleted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    Audio,
    Video,
}

/// One thing that changed what the server holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// A file arrived; the same path again replaces it.
    Upload { dest_path: String, bytes: u64 },
    /// An audio row was posted.
    Audio { row: AudioRow, arrival: RowArrival },
    /// A video row was posted.
    Video { row: VideoRow, arrival: RowArrival },
    /// A row was deleted.
    Deleted { table: Table, id: u64 },
    /// A task was queued.
    Task { task: Task, arrival: TaskArrival },
    /// A device was registered.
    Device { device: Device },
}

/// An event in its place among all others, whichever journal holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    pub seq: u64,
    #[serde(with = "wire")]
    pub at: Timestamp,
    #[serde(flatten)]
    pub event: Event,
}
