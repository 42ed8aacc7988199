//! `status.json`: what a person, a script or another stage may want to know. EDGE.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use super::histogram::Histogram;
use crate::event::{Part, Progress};
use crate::spool::books::Books;
use crate::spool::{Amount, Kind, Spool};

#[derive(Debug, Serialize)]
struct Status<'a> {
    updated: Timestamp,
    #[serde(flatten)]
    items: BTreeMap<String, Items>,
    waiting_for_the_clock: usize,
    /// Milliseconds from the end of speech to its accepted task, as counts; see [`Histogram`].
    answers_up_to_ms: &'a Histogram,
    last_error: Option<&'a LastError>,
    faults: &'a BTreeMap<Part, String>,
}

/// Of one kind, since the program was started; bytes are those of the files.
#[derive(Debug, Serialize)]
struct Items {
    recorded: u64,
    recorded_bytes: u64,
    delivered: u64,
    delivered_bytes: u64,
    refused: u64,
    refused_bytes: u64,
    dropped: u64,
    dropped_bytes: u64,
    waiting: u64,
    waiting_bytes: u64,
}

/// The newest fault, over or not.
#[derive(Debug, Clone, Serialize)]
pub struct LastError {
    /// When it was told.
    pub at: Timestamp,
    /// What was at fault.
    pub part: Part,
    /// What happened.
    pub text: String,
}

/// The file, in a folder that a reboot empties where there is one, or beside the spool.
pub fn path(runtime_dir: Option<PathBuf>, data_dir: &Path) -> PathBuf {
    runtime_dir.unwrap_or_else(|| data_dir.into()).join("status.json")
}

/// Writes the status. It need not survive a power cut, and cards wear: it is renamed into place but not fsynced.
pub fn write(
    path: &Path,
    progress: &Progress,
    last_error: Option<&LastError>,
    spool: &Spool,
    now: Timestamp,
) -> io::Result<()> {
    let books = spool.books();
    let items = |kind: Kind| (format!("{kind}s"), items(&books, kind, spool.amount_waiting(kind)));
    let status = Status {
        updated: now,
        items: Kind::ALL.map(items).into(),
        waiting_for_the_clock: spool.unsettled(),
        answers_up_to_ms: &progress.answers,
        last_error,
        faults: progress.faults(),
    };
    let temporary = path.with_extension("json.new");
    fs::write(&temporary, serde_json::to_vec_pretty(&status)?)?;
    crate::durable::replace_volatile(&temporary, path)
}

fn items(books: &Books, kind: Kind, waiting: Amount) -> Items {
    let [recorded, delivered, refused, dropped] =
        [&books.recorded, &books.delivered, &books.refused, &books.dropped].map(|amounts| amounts.of(kind));
    Items {
        recorded: recorded.items,
        recorded_bytes: recorded.bytes,
        delivered: delivered.items,
        delivered_bytes: delivered.bytes,
        refused: refused.items,
        refused_bytes: refused.bytes,
        dropped: dropped.items,
        dropped_bytes: dropped.bytes,
        waiting: waiting.items,
        waiting_bytes: waiting.bytes,
    }
}
