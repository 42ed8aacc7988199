//! Every breach of "What the consumers need" in the API contract that can be seen on the server, in words. Pure.

use std::fmt::Display;

use serde_json::Value;

use crate::place::{self, Place, place};
use crate::records::{AudioRow, RowArrival, Task, TaskArrival, VideoRow};
use crate::store::{Store, home_agrees, parameter};
use crate::{clusters, summary, times};

/// The parameters that every task must carry.
const TASK_PARAMETERS: [&str; 6] =
    ["uid", "home_id", "audio_index", "start_time", "end_time", "hardware_device_mac_address"];

/// All breaches: of rows, of tasks, of files.
pub fn faults(store: &Store) -> Vec<String> {
    let mut found = Vec::new();
    for (row, arrival) in store.audio.values() {
        audio_row(store, row, arrival, &mut Notes::new(&mut found, audio_name(row)));
    }
    for ((home, uid, index), rows) in summary::utterances(store) {
        if rows.len() > 1 {
            let (count, home) = (rows.len(), home.map_or("none".to_owned(), |id| id.to_string()));
            found.push(format!("utterance {uid} {index} of home {home}: it has {count} rows, it must have one"));
        }
    }
    for (row, arrival) in store.video.values() {
        video_row(
            row,
            arrival,
            &mut Notes::new(&mut found, format!("video row {} ({} {})", row.id, row.uid, row.video_file)),
        );
    }
    for ((uid, file), rows) in summary::clips(store) {
        if rows.len() > 1 {
            found.push(format!("clip {uid} {file}: it has {} rows, it must have one", rows.len()));
        }
    }
    for (task, arrival) in &store.tasks {
        one_task(task, *arrival, &mut Notes::new(&mut found, task_name(task)));
    }
    for dest_path in store.files.keys() {
        file(dest_path, &mut Notes::new(&mut found, format!("file {dest_path}")));
    }
    found
}

/// Collects what is wrong with one thing.
struct Notes<'a> {
    found: &'a mut Vec<String>,
    about: String,
}

impl<'a> Notes<'a> {
    fn new(found: &'a mut Vec<String>, about: String) -> Self {
        Notes { found, about }
    }

    fn note_if(&mut self, wrong: bool, what: impl Display) {
        if wrong {
            self.found.push(format!("{}: {what}", self.about));
        }
    }
}

fn audio_name(row: &AudioRow) -> String {
    format!("audio row {} ({} {})", row.id, row.uid, row.sequence_index)
}

fn task_name(task: &Task) -> String {
    format!("task {} ({} {})", task.id, parameter(task, "uid"), parameter(task, "audio_index"))
}

fn audio_row(store: &Store, row: &AudioRow, arrival: &RowArrival, notes: &mut Notes<'_>) {
    times_of_row(arrival, row.end_time <= row.start_time, notes);
    notes.note_if(!arrival.file_was_there, format_args!("posted before its file {} was there", row.audio_file));
    notes.note_if(row.home.is_none(), "it has no home");
    notes.note_if(
        !row.track_id.as_deref().is_some_and(clusters::is_well_formed),
        "its track_id is not T-{cluster}-{32 hex digits}",
    );
    let due = format!("{}-{}.wav", row.sequence_index, times::stamp(times::utc(row.end_time)));
    notes.note_if(
        row.audio_file != due,
        format_args!("its file is {}, by its end_time it should be {due}", row.audio_file),
    );
    for task in store.tasks_of(row) {
        let id = task.id;
        notes.note_if(
            row.track_id.as_deref() != Some(task.track_id.as_str()),
            format_args!("its track_id and that of task {id} differ"),
        );
        notes.note_if(!home_agrees(row, task), format_args!("its home and home_id of task {id} differ"));
        if let Some(end) = times::parse_task_time(&parameter(task, "end_time")) {
            let wanted = format!("{}-{}.wav", row.sequence_index, times::stamp(end));
            notes.note_if(
                row.audio_file != wanted,
                format_args!("its file is {}, the worker of task {id} will look for {wanted}", row.audio_file),
            );
        }
    }
}

fn video_row(row: &VideoRow, arrival: &RowArrival, notes: &mut Notes<'_>) {
    times_of_row(arrival, row.end_time <= row.start_time, notes);
    notes.note_if(!arrival.file_was_there, "posted before its file was there");
    let due = format!("{}.mp4", times::clip_stem(times::utc(row.start_time)));
    notes.note_if(row.video_file != due, format_args!("its name is not its start second, it should be {due}"));
    // The end is not part of the clip: one that ends on the full minute does not cross it.
    let last_ns = row.end_time.as_nanosecond() - 1;
    let last_minute = last_ns.div_euclid(60_000_000_000);
    notes.note_if(
        row.end_time > row.start_time && last_minute != i128::from(times::minute_of(row.start_time)),
        format_args!("it crosses a minute: {} to {}", row.start_time, row.end_time),
    );
}

fn times_of_row(arrival: &RowArrival, reversed: bool, notes: &mut Notes<'_>) {
    for field in &arrival.naive {
        notes.note_if(true, format_args!("{field} is naive: it has neither Z nor an offset"));
    }
    notes.note_if(reversed, "it ends before it starts");
}

fn one_task(task: &Task, arrival: TaskArrival, notes: &mut Notes<'_>) {
    notes.note_if(!arrival.row_was_there, "queued before its row was there");
    for name in TASK_PARAMETERS {
        notes.note_if(!task.parameters.contains_key(name), format_args!("parameter {name} is missing"));
    }
    notes.note_if(
        task.parameters.get("audio_index").is_some_and(|index| !index.is_string()),
        "audio_index is not a JSON string",
    );
    let end = task.parameters.get("end_time");
    notes.note_if(
        end.is_some_and(|end| end.as_str().and_then(times::parse_task_time).is_none()),
        format_args!("end_time {} is not %Y-%m-%dT%H:%M:%S.%f", end.unwrap_or(&Value::Null)),
    );
    notes.note_if(!clusters::is_well_formed(&task.track_id), "its track_id is not T-{cluster}-{32 hex digits}");
}

fn file(dest_path: &str, notes: &mut Notes<'_>) {
    match place(dest_path) {
        Place::Audio { file, .. } => {
            notes.note_if(place::utterance_instant(file).is_none(), "its name is not {index}-{YYYYmmddHHMMSS}.wav")
        }
        Place::Clip { file, .. } => {
            notes.note_if(place::clip_instant(file).is_none(), "its name is not {YYYY-MM-DD_HH-MM-SS}.mp4")
        }
        Place::Frame { minute, file } => notes.note_if(
            place::frame_instant(minute, file).is_none(),
            "every file in a frames folder is sent to the model, and this one is not {YYYY-MM-DD_HH-MM}/{0 to 59}.jpg",
        ),
        Place::Check => {}
        Place::Stray => notes.note_if(true, "no consumer looks at this path"),
    }
}
