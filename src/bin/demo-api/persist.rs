//! The data folder: received files, and the journals from which a restarted server knows what it knew.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::Timestamp;
use tempfile::NamedTempFile;

use crate::notify::Notify;
use crate::records::{Entry, Event};
use crate::store::Store;

/// The journals, one JSON object per line; `seq` orders the entries of all of them.
const JOURNALS: [&str; 4] = ["rows.jsonl", "tasks.jsonl", "devices.jsonl", "uploads.jsonl"];

/// The store together with the folder that it is kept in.
pub struct Keeper {
    pub store: Store,
    folder: PathBuf,
    journals: [File; 4],
    notify: Notify,
    /// Held while the program runs: two of them would give the same ids twice.
    _lock: File,
}

impl Keeper {
    /// Opens the folder, makes it if needed, and reads back what it holds.
    pub fn open(folder: &Path, notify: Notify) -> anyhow::Result<Self> {
        let incoming = folder.join("incoming");
        fs::create_dir_all(folder.join("files"))
            .with_context(|| format!("make the data folder {}", folder.display()))?;
        let lock = File::create(folder.join("lock")).context("make the data folder's lock")?;
        if lock.try_lock().is_err() {
            bail!("the data folder {} is in use by another demo-api", folder.display());
        }
        // Uploads cut short by the end of the last run.
        if incoming.exists() {
            fs::remove_dir_all(&incoming).context("clear unfinished uploads")?;
        }
        fs::create_dir(&incoming).context("make the folder for unfinished uploads")?;

        let mut entries = Vec::new();
        for name in JOURNALS {
            let path = folder.join(name);
            entries.extend(read_journal(&path).with_context(|| format!("read {}", path.display()))?);
        }
        entries.sort_by_key(|entry: &Entry| entry.seq);
        let mut store = Store::default();
        for entry in entries {
            store.apply(entry);
        }
        let open = |name: &str| OpenOptions::new().create(true).append(true).open(folder.join(name));
        let [rows, tasks, devices, uploads] = JOURNALS;
        let journals = [open(rows)?, open(tasks)?, open(devices)?, open(uploads)?];
        let mut keeper = Keeper { store, folder: folder.to_owned(), journals, notify, _lock: lock };
        keeper.rescan()?;
        Ok(keeper)
    }

    /// Writes an event down, takes it in, and notifies of it.
    pub fn record(&mut self, at: Timestamp, event: Event) -> io::Result<()> {
        let journal = match event {
            Event::Audio { .. } | Event::Video { .. } | Event::Deleted { .. } => 0,
            Event::Task { .. } => 1,
            Event::Device { .. } => 2,
            Event::Upload { .. } => 3,
        };
        let entry = Entry { seq: self.store.next_seq(), at, event };
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        self.journals[journal].write_all(&line)?;
        let seq = entry.seq;
        self.store.apply(entry);
        self.notify.changed(seq)
    }

    /// Puts a received file in its place, all at once, and writes that down. The path was checked to be safe.
    pub fn keep_upload(&mut self, at: Timestamp, file: NamedTempFile, bytes: u64, dest_path: &str) -> io::Result<()> {
        let target = self.folder.join("files").join(dest_path);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        file.persist(&target)?;
        self.record(at, Event::Upload { dest_path: dest_path.to_owned(), bytes })
    }

    /// Looks at the folder itself: files also come into it past this program (rsync, a shared volume) and leave it.
    pub fn rescan(&mut self) -> io::Result<()> {
        let mut files = BTreeMap::new();
        scan(&self.folder.join("files"), "", &mut files)?;
        self.store.files = files;
        Ok(())
    }
}

/// The entries of one journal. A last line without its end was being written when the program ended, and was never
/// acknowledged: it is cut off. Anything else that cannot be read is an error.
fn read_journal(path: &Path) -> anyhow::Result<Vec<Entry>> {
    let mut text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let whole = text.rfind('\n').map_or(0, |at| at + 1);
    if whole < text.len() {
        OpenOptions::new().write(true).open(path)?.set_len(whole as u64)?;
        text.truncate(whole);
    }
    text.lines()
        .enumerate()
        .map(|(index, line)| serde_json::from_str(line).with_context(|| format!("line {}", index + 1)))
        .collect()
}

fn scan(folder: &Path, prefix: &str, files: &mut BTreeMap<String, u64>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(metadata) = entry.metadata() else {
            continue;
        }; // gone in the meantime
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if metadata.is_dir() {
            scan(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.insert(name, metadata.len());
        }
    }
    Ok(())
}
