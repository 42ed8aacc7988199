//! `status.json`: what a person, a script or another stage may want to know. EDGE.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use super::histogram::Histogram;
use super::report::{Items, LastError};
use crate::event::{Part, Progress};
use crate::spool::{Kind, Spool};

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

/// The file, in a folder that a reboot empties where there is one, or beside the spool.
pub fn path(runtime_dir: Option<PathBuf>, data_dir: &Path) -> PathBuf {
    runtime_dir.unwrap_or_else(|| data_dir.into()).join("status.json")
}

/// What came and went in this spool, and what waits.
pub fn items(spool: &Spool) -> BTreeMap<Kind, Items> {
    let books = spool.books();
    Kind::ALL.map(|kind| (kind, Items::of(&books, kind, spool.amount_waiting(kind)))).into()
}

/// Writes the status. It need not survive a power cut, and cards wear: it is renamed into place but not fsynced.
pub fn write(
    path: &Path,
    progress: &Progress,
    last_error: Option<&LastError>,
    spool: &Spool,
    now: Timestamp,
) -> io::Result<()> {
    let items = items(spool);
    let status = Status {
        updated: now,
        items: items.into_iter().map(|(kind, items)| (format!("{kind}s"), items)).collect(),
        waiting_for_the_clock: spool.unsettled(),
        answers_up_to_ms: &progress.answers,
        last_error,
        faults: progress.faults(),
    };
    let temporary = path.with_extension("json.new");
    fs::write(&temporary, serde_json::to_vec_pretty(&status)?)?;
    crate::durable::replace_volatile(&temporary, path)
}
