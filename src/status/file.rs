//! `status.json`: what a person, a script or another stage may want to know. EDGE.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use crate::event::{Part, Progress, Tally};
use crate::spool::{Kind, Spool};

#[derive(Debug, Serialize)]
struct Status<'a> {
    updated: Timestamp,
    #[serde(flatten)]
    items: BTreeMap<String, Items>,
    faults: &'a BTreeMap<Part, String>,
}

#[derive(Debug, Serialize)]
struct Items {
    #[serde(flatten)]
    tally: Tally,
    waiting: usize,
}

/// The file, in a folder that a reboot empties where there is one, or beside the spool.
pub fn path(runtime_dir: Option<PathBuf>, data_dir: &Path) -> PathBuf {
    runtime_dir.unwrap_or_else(|| data_dir.into()).join("status.json")
}

/// Writes the status. It need not survive a power cut, and cards wear: it is renamed into place but not fsynced.
pub fn write(path: &Path, progress: &Progress, spool: &Spool, now: Timestamp) -> io::Result<()> {
    let items = |kind: Kind| (format!("{kind}s"), Items { tally: progress.tally(kind), waiting: spool.waiting(kind) });
    let status = Status { updated: now, items: Kind::ALL.map(items).into(), faults: progress.faults() };
    let temporary = path.with_extension("json.new");
    fs::write(&temporary, serde_json::to_vec_pretty(&status)?)?;
    crate::durable::replace_volatile(&temporary, path)
}
