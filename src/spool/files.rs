//! The files of the spool. EDGE.
//!
//! ```text
//! spool.db   the ledger, with -wal and -shm
//! scratch/   recordings in progress, and finished files, under their final names, that have no row yet
//! items/     NAME.wav|mp4|jpg, each with a row of the ledger
//! damaged/   what nobody can make sense of, and ledgers that could not be used; never deleted, never delivered
//! ```

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "EDGE: files, the log"
)]

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::SpoolError;
use super::budget::Disk;
use super::error::Doing;
use crate::durable;
use crate::item::{ItemName, Kind, name};
use crate::limits::SPEECH_RESERVE_BYTES;

/// Of the spool's files, before the umask: the other side may run as another user of the group.
pub(super) const SHARED: u32 = 0o660;

/// One side of the spool: each may be taken once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Intake,
    Outbox,
}

impl Side {
    fn lock(self) -> &'static str {
        match self {
            Self::Intake => "lock",
            Self::Outbox => "lock-upload",
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::Intake => Self::Outbox,
            Self::Outbox => Self::Intake,
        }
    }
}

/// The spool's folders.
#[derive(Debug)]
pub struct Folders {
    pub(super) dir: PathBuf,
    pub(super) scratch: PathBuf,
    pub(super) items: PathBuf,
    pub(super) damaged: PathBuf,
}

impl Folders {
    pub(super) fn of(dir: &Path) -> Self {
        let [scratch, items, damaged] = ["scratch", "items", "damaged"].map(|sub| dir.join(sub));
        Self { dir: dir.into(), scratch, items, damaged }
    }

    /// Makes them, if need be.
    pub(super) fn make(&self) -> Result<(), SpoolError> {
        let make = |path: &PathBuf| durable::create_dir_with_mode(path, 0o770).doing("make", path);
        [&self.dir, &self.scratch, &self.items, &self.damaged].into_iter().try_for_each(make)
    }

    pub(super) fn ledger(&self) -> PathBuf {
        self.dir.join("spool.db")
    }

    /// The file whose opening wakes the other side.
    pub(super) fn doorbell(&self) -> PathBuf {
        self.dir.join("doorbell")
    }

    /// An item's file.
    pub(super) fn media(&self, name: &ItemName) -> PathBuf {
        self.items.join(name.media())
    }

    /// Where the file of an item lies until it has a row. Pictures lie in their place: one that has no row is kept at the next start,
    /// since sending it twice does no harm.
    pub(super) fn before_row(&self, name: &ItemName) -> PathBuf {
        if name.kind() == Kind::Picture { self.media(name) } else { self.scratch.join(name.media()) }
    }

    /// The row is there: the file takes its place. A start does this again, so it need not be durable.
    pub(super) fn to_place(&self, name: &ItemName) -> Result<(), SpoolError> {
        if name.kind() == Kind::Picture {
            return Ok(());
        }
        let (from, to) = (self.before_row(name), self.media(name));
        match durable::replace_volatile(&from, &to) {
            // The other side has done it.
            Err(error) if error.kind() == io::ErrorKind::NotFound && to.exists() => Ok(()),
            other => other.doing("move", &from),
        }
    }

    /// Whether the file is there. Version 0.1.0 sets aside what it does not know: from there it comes back.
    pub(super) fn is_there(&self, name: &ItemName) -> Result<bool, SpoolError> {
        let aside = self.damaged.join(name.media());
        if self.is_whole(&aside, name)? {
            durable::relocate(&aside, &self.media(name)).doing("bring back", &aside)?;
        }
        Ok(self.media(name).exists() || self.before_row(name).exists())
    }

    /// Writes a file, which is to be made durable.
    pub(super) fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), SpoolError> {
        let written = durable::create_volatile(path, bytes, SHARED);
        // What is there already is no half of this.
        let is_half = |error: &io::Error| error.kind() != io::ErrorKind::AlreadyExists;
        written.inspect_err(|error| drop(is_half(error).then(|| fs::remove_file(path)))).doing("write", path)
    }

    /// The files of what is being recorded.
    pub(super) fn being_recorded(&self) -> Result<Vec<PathBuf>, SpoolError> {
        let mut files = Vec::new();
        each_file(&self.scratch, |file, path| {
            let is_item = |file: &&str| ItemName::of_file(file).is_some();
            let unfinished = file.filter(|file| !is_item(file)).and_then(name::run_of_unfinished);
            files.extend(unfinished.map(|_| path.to_owned()));
        })?;
        Ok(files)
    }

    /// The runs of what is being recorded or has no row yet.
    pub(super) fn unfinished_runs(&self) -> Result<Vec<Uuid>, SpoolError> {
        let mut runs = Vec::new();
        each_file(&self.scratch, |file, _| runs.extend(file.and_then(name::run_of_unfinished)))?;
        Ok(runs)
    }

    /// Whether the file is there as it was written.
    pub(super) fn is_whole(&self, path: &Path, name: &ItemName) -> Result<bool, SpoolError> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).doing("look at", path),
            Ok(file) => Ok(file.is_file() && file.len() == name.media_bytes()),
        }
    }

    /// Removes the files of items whose rows are gone. One that stays, or that a power cut brings back, the next start removes.
    pub(super) fn remove<'a>(&self, names: impl IntoIterator<Item = &'a ItemName>) {
        for path in names.into_iter().map(|name| self.media(name)) {
            if let Err(error) = durable::remove_volatile(&path) {
                log::warn!("cannot remove {}: {error}; the next start does it", path.display());
            }
        }
    }

    /// Makes durable that files have taken their places, and that nothing is left where they were.
    pub(super) fn sync_places(&self) -> Result<(), SpoolError> {
        [&self.items, &self.scratch].into_iter().try_for_each(|dir| durable::sync_folder(dir).doing("sync", dir))
    }

    /// Sets something aside that nobody can make sense of. Of two with one name the later stays.
    pub(super) fn set_aside(&self, path: &Path) -> Result<(), SpoolError> {
        let Some(name) = path.file_name() else { return Ok(()) };
        durable::relocate(path, &self.damaged.join(name)).doing("set aside", path)
    }

    /// Waits for a lock that other processes may have, and has it until the file is closed.
    pub(super) fn lock(&self, name: &str) -> Result<File, SpoolError> {
        let path = self.dir.join(name);
        let file = durable::shared_file(&path).doing("open", &path)?;
        file.lock().doing("lock", &path)?;
        Ok(file)
    }

    /// Takes a side of the spool, until the file is closed.
    pub(super) fn take_side(&self, side: Side) -> Result<File, SpoolError> {
        let path = self.dir.join(side.lock());
        let file = durable::shared_file(&path).doing("open", &path)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(SpoolError::InUse(self.dir.clone())),
            Err(TryLockError::Error(source)) => Err(source).doing("lock", &path),
        }
    }

    /// Keeps the file of an item in hand from being given up, until it is closed. `None` if it is gone.
    pub(super) fn hold(&self, name: &ItemName) -> Result<Option<File>, SpoolError> {
        let path = self.media(name);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.doing("open", &path)?,
        };
        file.lock_shared().doing("lock", &path)?;
        Ok(Some(file))
    }

    /// The same for what is given up: `None` if somebody has it in hand.
    pub(super) fn seize(&self, name: &ItemName) -> Option<File> {
        let file = File::open(self.media(name)).ok()?;
        file.try_lock().is_ok().then_some(file)
    }

    /// Whether there is room for a ledger.
    pub(super) fn has_space(&self) -> bool {
        self.disk().is_ok_and(|disk| disk.free_bytes > SPEECH_RESERVE_BYTES)
    }

    /// Free space, and all of it.
    pub(super) fn disk(&self) -> Result<Disk, SpoolError> {
        let disk = rustix::fs::statvfs(&self.dir).map_err(io::Error::from).doing("ask the free space of", &self.dir)?;
        Ok(Disk { free_bytes: disk.f_bavail * disk.f_frsize, total_bytes: disk.f_blocks * disk.f_frsize })
    }
}

/// What lies in a folder: its name, if that is text, and where it is.
pub(super) fn each_file(dir: &Path, mut see: impl FnMut(Option<&str>, &Path)) -> Result<(), SpoolError> {
    for entry in fs::read_dir(dir).doing("list", dir)? {
        let entry = entry.doing("list", dir)?;
        see(entry.file_name().to_str(), &entry.path());
    }
    Ok(())
}
