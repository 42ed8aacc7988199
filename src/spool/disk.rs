//! The spool's folder. EDGE.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;

use super::{Backlog, Item, ItemName, Kind, Manifest, Step, adopt, recover};
use crate::clock::signed;
use crate::durable;

/// Why the spool did not do as asked.
#[derive(Debug, Error)]
pub enum SpoolError {
    /// Another listener has the folder.
    #[error("another listener is using {0}; stop it, or give this one a --data_dir of its own")]
    InUse(PathBuf),
    /// Less is free than has to stay free.
    #[error(
        "the disk is almost full: {free_mb} MB are free in {dir}, and {kind}s need {reserve_mb} MB; free some space, \
         or let what waits be delivered"
    )]
    Full {
        /// The folder that is full.
        dir: PathBuf,
        /// What was not kept.
        kind: Kind,
        /// What is free, in units of 2^20 bytes.
        free_mb: u64,
        /// What has to stay free, in the same.
        reserve_mb: u64,
    },
    /// A manifest that cannot be understood.
    #[error("the manifest of {name} cannot be read back, the item is set aside in {dir}")]
    Damaged {
        /// The item.
        name: ItemName,
        /// Where it is now.
        dir: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {doing} {path}")]
    Io {
        /// What was being done, as a verb.
        doing: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl SpoolError {
    /// Whether the item itself is lost to delivery; it has left the spool.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }

    /// The error with its cause, on one line.
    pub fn line(&self) -> String {
        match self {
            Self::Io { source, .. } => format!("{self}: {source}"),
            _ => self.to_string(),
        }
    }
}

trait Doing<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, SpoolError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, SpoolError> {
        self.map_err(|source| SpoolError::Io { doing, path: path.into(), source })
    }
}

/// What was found when the spool was opened.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Items that wait for delivery.
    pub waiting: usize,
    /// Clips that were cut short, and are kept up to their last whole second.
    pub adopted: usize,
    /// Files that were not finished, and were removed.
    pub unfinished: usize,
    /// Files that nobody can make sense of, set aside in `damaged/`.
    pub damaged: usize,
}

/// The folder of finished items. Any thread may add, and any may deliver what it has taken in hand.
#[derive(Debug)]
pub struct Spool {
    scratch: PathBuf,
    items: PathBuf,
    refused: PathBuf,
    damaged: PathBuf,
    backlog: Mutex<Backlog>,
    added: Condvar,
    _lock: File,
}

impl Spool {
    /// Opens the spool in `dir`, making it if need be, and takes up what an earlier run has left there.
    ///
    /// # Errors
    /// When another process has it, or the folder cannot be made, read or written.
    pub fn open(dir: &Path) -> Result<(Self, Found), SpoolError> {
        let [scratch, items, refused, damaged] = ["scratch", "items", "refused", "damaged"].map(|sub| dir.join(sub));
        durable::create_private_dir(dir).doing("make", dir)?;
        let lock = lock(dir)?;
        for sub in [&scratch, &items, &refused, &damaged] {
            durable::create_private_dir(sub).doing("make", sub)?;
        }
        let recovery = recover(list(&items)?);
        for file in &recovery.damaged {
            durable::relocate(&items.join(file), &damaged.join(file)).doing("set aside", &items.join(file))?;
        }
        let mut found = Found { waiting: recovery.complete.len(), damaged: recovery.damaged.len(), ..Found::default() };
        let left = list(&scratch)?.into_iter().map(|file| scratch.join(file));
        let unfinished: Vec<_> = left.chain(recovery.unfinished.iter().map(|file| items.join(file))).collect();
        let mut backlog = Backlog::default();
        recovery.complete.into_iter().for_each(|name| backlog.add(name));
        let spool =
            Self { scratch, items, refused, damaged, backlog: Mutex::new(backlog), added: Condvar::new(), _lock: lock };
        for path in unfinished {
            if spool.adopt(&path)? {
                found.adopted += 1;
            } else {
                durable::remove(&path).doing("remove", &path)?;
                found.unfinished += 1;
            }
        }
        Ok((spool, found))
    }

    /// Keeps what is whole of a clip that was not finished; says whether anything was (durability rule 3).
    fn adopt(&self, path: &Path) -> Result<bool, SpoolError> {
        let clip = path.file_stem().and_then(|stem| ItemName::parse(stem.to_str()?)?.clip());
        let Some((uid, start)) = clip else { return Ok(false) };
        let mut file = File::options().read(true).write(true).open(path).doing("open", path)?;
        let Some(whole) = adopt::whole(&mut file) else { return Ok(false) };
        file.set_len(whole.bytes).doing("shorten", path)?;
        // As in a clip that ends by itself: its last frame may be over a moment after the minute.
        let minute = Timestamp::from_second((start.as_second().div_euclid(60) + 1) * 60).unwrap_or(Timestamp::MAX);
        let end = (start + signed(whole.length)).min(minute);
        match self.admit_file(Item::Clip { uid, start, end }, path) {
            // There may be room at the next start.
            Err(SpoolError::Full { .. }) => Ok(true),
            other => other.map(|()| true),
        }
    }

    /// Where files are written before they are admitted. Emptied at every start.
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// Keeps an item whose file is `bytes`. When this returns, it survives a power cut.
    pub fn admit_bytes(&self, item: Item, bytes: &[u8]) -> Result<(), SpoolError> {
        let name = ItemName::of(&item);
        let media = self.items.join(name.media());
        self.require_room(name.kind())?;
        durable::write(&self.scratch, &media, bytes).doing("write", &media)?;
        self.admit(name, item, bytes.len() as u64)
    }

    /// Keeps an item whose file was finished in [`Self::scratch`]. When this returns, it survives a power cut.
    pub fn admit_file(&self, item: Item, finished: &Path) -> Result<(), SpoolError> {
        let name = ItemName::of(&item);
        let media = self.items.join(name.media());
        self.require_room(name.kind())?;
        let media_bytes = fs::metadata(finished).doing("read", finished)?.len();
        durable::publish(finished, &media).doing("write", &media)?;
        self.admit(name, item, media_bytes)
    }

    fn admit(&self, name: ItemName, item: Item, media_bytes: u64) -> Result<(), SpoolError> {
        self.record(&name, &Manifest { item, media_bytes, step: Step::Recorded })?;
        self.backlog().add(name);
        self.added.notify_all();
        Ok(())
    }

    /// Whether one more item of this kind may be recorded.
    pub fn require_room(&self, kind: Kind) -> Result<(), SpoolError> {
        let disk =
            rustix::fs::statvfs(&self.items).map_err(io::Error::from).doing("ask the free space of", &self.items)?;
        let free_bytes = disk.f_bavail * disk.f_frsize;
        if free_bytes >= kind.reserve_bytes() {
            return Ok(());
        }
        Err(SpoolError::Full {
            dir: self.items.clone(),
            kind,
            free_mb: free_bytes >> 20,
            reserve_mb: kind.reserve_bytes() >> 20,
        })
    }

    /// Takes the most urgent item in hand, waiting up to `patience` for one. It must then be given to one of
    /// [`Self::finish`], [`Self::refuse`], [`Self::hand_back`], [`Self::defer`].
    pub fn take(&self, patience: Duration, now: impl Fn() -> Duration) -> Option<ItemName> {
        self.take_by(Backlog::take, patience, now)
    }

    /// The same among the items whose file is in place, while that place takes no other.
    pub fn take_file_in_place(&self, patience: Duration, now: impl Fn() -> Duration) -> Option<ItemName> {
        self.take_by(Backlog::take_file_in_place, patience, now)
    }

    fn take_by(
        &self,
        take: fn(&mut Backlog, Duration) -> Option<ItemName>,
        patience: Duration,
        now: impl Fn() -> Duration,
    ) -> Option<ItemName> {
        let mut backlog = self.backlog();
        let taken = take(&mut backlog, now());
        if taken.is_some() {
            return taken;
        }
        let patience = backlog.next_due().map_or(patience, |due| patience.min(due.saturating_sub(now())));
        let (mut backlog, _) = self.added.wait_timeout(backlog, patience).expect("no panic while held");
        take(&mut backlog, now())
    }

    /// Takes a further picture in hand, if nothing more urgent waits. As with [`Self::take`], it must be given back.
    pub fn take_picture(&self) -> Option<ItemName> {
        self.backlog().take_picture()
    }

    /// Waits, or until [`Self::wake`].
    pub fn rest(&self, patience: Duration) {
        drop(self.added.wait_timeout(self.backlog(), patience));
    }

    /// Wakes whoever waits in [`Self::take`].
    pub fn wake(&self) {
        self.added.notify_all();
    }

    /// Reads an item's manifest back. A damaged one is set aside with its file, and leaves the spool.
    pub fn load(&self, name: &ItemName) -> Result<Manifest, SpoolError> {
        let path = self.items.join(name.manifest());
        let text = fs::read(&path).doing("read", &path)?;
        let manifest: Option<Manifest> = serde_json::from_slice(&text).ok();
        match manifest {
            Some(manifest) if ItemName::of(&manifest.item) == *name && self.media_is_whole(name, &manifest) => {
                Ok(manifest)
            }
            _ => {
                self.set_aside(name, &self.damaged)?;
                Err(SpoolError::Damaged { name: name.clone(), dir: self.damaged.clone() })
            }
        }
    }

    fn media_is_whole(&self, name: &ItemName, manifest: &Manifest) -> bool {
        fs::metadata(self.media(name)).is_ok_and(|file| file.len() == manifest.media_bytes)
    }

    /// The item's file.
    pub fn media(&self, name: &ItemName) -> PathBuf {
        self.items.join(name.media())
    }

    /// Makes a delivery's progress durable (durability rule 2: before the next step begins).
    pub fn record(&self, name: &ItemName, manifest: &Manifest) -> Result<(), SpoolError> {
        let path = self.items.join(name.manifest());
        let text = serde_json::to_vec(manifest).map_err(io::Error::other).doing("write", &path)?;
        durable::write(&self.scratch, &path, &text).doing("write", &path)?;
        if manifest.step >= Step::Uploaded {
            self.backlog().note_file_in_place(name);
        }
        Ok(())
    }

    /// Removes a delivered item. The manifest goes first: a file without one is unfinished, and never delivered.
    pub fn finish(&self, name: &ItemName) -> Result<(), SpoolError> {
        let (manifest, media) = (self.items.join(name.manifest()), self.items.join(name.media()));
        // A picture that a power cut brings back is sent once more, to the same place; a task would be queued twice.
        let remove = if name.kind() == Kind::Picture { durable::remove_volatile } else { durable::remove };
        remove(&manifest).doing("remove", &manifest)?;
        durable::remove_volatile(&media).doing("remove", &media)?;
        self.backlog().finish(name);
        Ok(())
    }

    /// Sets an item aside that the API will never take, with its answer.
    pub fn refuse(&self, name: &ItemName, answer: &str) -> Result<(), SpoolError> {
        let note = self.refused.join(format!("{name}.answer.txt"));
        durable::write(&self.scratch, &note, answer.as_bytes()).doing("write", &note)?;
        self.set_aside(name, &self.refused)
    }

    fn set_aside(&self, name: &ItemName, dir: &Path) -> Result<(), SpoolError> {
        for file in [name.manifest(), name.media()] {
            let path = self.items.join(&file);
            match durable::relocate(&path, &dir.join(file)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other.doing("set aside", &path)?,
            }
        }
        self.backlog().finish(name);
        Ok(())
    }

    /// An item in hand waits again.
    pub fn hand_back(&self, name: &ItemName) {
        self.backlog().hand_back(name);
    }

    /// An item in hand waits until a time of its own, told how often it has failed.
    pub fn defer(&self, name: &ItemName, until: impl FnOnce(u32) -> Duration) {
        self.backlog().defer(name, until);
    }

    /// How many items of this kind wait.
    pub fn waiting(&self, kind: Kind) -> usize {
        self.backlog().waiting(kind)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.backlog().is_empty()
    }

    fn backlog(&self) -> MutexGuard<'_, Backlog> {
        self.backlog.lock().expect("no panic while held")
    }
}

fn lock(dir: &Path) -> Result<File, SpoolError> {
    let path = dir.join("lock");
    let file = File::options().create(true).append(true).open(&path).doing("open", &path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SpoolError::InUse(dir.into())),
        Err(TryLockError::Error(source)) => Err(source).doing("lock", &path),
    }
}

fn list(dir: &Path) -> Result<Vec<String>, SpoolError> {
    let entries = fs::read_dir(dir).doing("list", dir)?;
    entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<_>>()
        .doing("list", dir)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    fn picture(second: i64) -> Item {
        Item::Picture { uid: Uuid::nil(), taken: Timestamp::from_second(1_800_000_000 + second).expect("in range") }
    }

    fn take(spool: &Spool) -> Option<ItemName> {
        spool.take(Duration::ZERO, || Duration::ZERO)
    }

    #[test]
    fn an_admitted_item_is_there_after_a_restart_and_a_finished_one_is_not() -> Result<(), SpoolError> {
        let dir = tempfile::tempdir().expect("a folder");
        let (spool, _) = Spool::open(dir.path())?;
        spool.admit_bytes(picture(1), b"one")?;
        spool.admit_bytes(picture(2), b"two")?;
        let first = take(&spool).expect("two wait");
        assert_eq!(spool.load(&first)?.item, picture(1));
        spool.finish(&first)?;
        drop(spool);

        let (spool, found) = Spool::open(dir.path())?;
        assert_eq!(found, Found { waiting: 1, ..Found::default() });
        let second = take(&spool).expect("one waits");
        assert_eq!(fs::read(spool.media(&second)).expect("readable"), b"two");
        Ok(())
    }

    #[test]
    fn a_delivery_goes_on_from_the_step_that_was_recorded() -> Result<(), SpoolError> {
        let dir = tempfile::tempdir().expect("a folder");
        let (spool, _) = Spool::open(dir.path())?;
        spool.admit_bytes(picture(1), b"one")?;
        let name = take(&spool).expect("one waits");
        let manifest = Manifest { step: Step::Uploaded, ..spool.load(&name)? };
        spool.record(&name, &manifest)?;
        drop(spool);
        let (spool, _) = Spool::open(dir.path())?;
        assert_eq!(spool.load(&name)?.step, Step::Uploaded);
        Ok(())
    }

    #[test]
    fn unfinished_files_are_removed_and_damaged_ones_kept_aside() -> Result<(), SpoolError> {
        let dir = tempfile::tempdir().expect("a folder");
        let (spool, _) = Spool::open(dir.path())?;
        spool.admit_bytes(picture(1), b"one")?;
        drop(spool);
        let write = |file: &str, bytes: &[u8]| fs::write(dir.path().join(file), bytes).expect("writable");
        let damaged = ItemName::of(&picture(1));
        write(&format!("items/{}", damaged.manifest()), b"{\"item\":");
        write(&format!("items/{}", ItemName::of(&picture(2)).media()), b"half");
        write("scratch/clip.mp4", b"half");

        let (spool, found) = Spool::open(dir.path())?;
        assert_eq!(found, Found { waiting: 1, unfinished: 2, ..Found::default() });
        let name = take(&spool).expect("one waits");
        assert!(matches!(spool.load(&name), Err(SpoolError::Damaged { .. })));
        assert!(dir.path().join("damaged").join(damaged.media()).exists());
        assert!(spool.is_empty());
        Ok(())
    }

    #[test]
    fn a_file_shorter_than_its_manifest_says_is_never_delivered() -> Result<(), SpoolError> {
        let dir = tempfile::tempdir().expect("a folder");
        let (spool, _) = Spool::open(dir.path())?;
        spool.admit_bytes(picture(1), b"whole")?;
        let name = take(&spool).expect("one waits");
        fs::write(spool.media(&name), b"who").expect("writable");
        assert!(matches!(spool.load(&name), Err(SpoolError::Damaged { .. })));
        Ok(())
    }

    #[test]
    fn two_listeners_cannot_share_a_folder() -> Result<(), SpoolError> {
        let dir = tempfile::tempdir().expect("a folder");
        let _first = Spool::open(dir.path())?;
        assert!(matches!(Spool::open(dir.path()), Err(SpoolError::InUse(_))));
        Ok(())
    }

    #[test]
    fn a_refused_item_is_kept_with_the_answer() -> Result<(), SpoolError> {
        let dir = tempfile::tempdir().expect("a folder");
        let (spool, _) = Spool::open(dir.path())?;
        spool.admit_bytes(picture(1), b"one")?;
        let name = take(&spool).expect("one waits");
        spool.refuse(&name, "400 no")?;
        assert!(spool.is_empty());
        assert!(dir.path().join("refused").join(name.media()).exists());
        let answer = dir.path().join("refused").join(format!("{name}.answer.txt"));
        assert_eq!(fs::read_to_string(answer).expect("readable"), "400 no");
        Ok(())
    }
}
