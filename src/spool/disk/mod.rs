//! The spool's folder. EDGE.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "EDGE: files, shared by threads")]

mod aside;
mod cut_short;
pub(super) mod open;
mod shared;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_sides;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use thiserror::Error;
use uuid::Uuid;

use super::books::Books;
use super::budget::{Budget, Disk, Shortage};
use super::placement::Placement;
use super::wall::Reading;
use super::{Amount, Backlog, Dated, Item, ItemName, Kind, Manifest, Sacrifice, Step, Want};
use crate::durable;

pub use aside::{Retried, Retry};
pub use open::Found;
pub use shared::Side;

/// Of the spool's files, before the umask: the other side may run as another user of the group.
const SHARED: u32 = 0o660;

/// Why the spool did not do as asked.
#[derive(Debug, Error)]
pub enum SpoolError {
    /// Another listener has the folder.
    #[error("another listener is using {0}; stop it, or give this one a --data_dir of its own")]
    InUse(PathBuf),
    /// It does not fit, and nothing that is worth less can be given up for it.
    #[error("{}", short(*kind, *is_disk, *max_bytes))]
    Full {
        /// What was not kept.
        kind: Kind,
        /// Whether the disk is full, and not only the budget used up.
        is_disk: bool,
        /// The budget.
        max_bytes: u64,
    },
    /// It was recorded before the clock was set, and waits for that.
    #[error("{0} waits for the clock to be set")]
    ClockNotSet(ItemName),
    /// It has been given up since it was taken.
    #[error("{0} has been given up, the disk is short")]
    GivenUp(ItemName),
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

pub(super) trait Doing<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, SpoolError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, SpoolError> {
        self.map_err(|source| SpoolError::Io { doing, path: path.into(), source })
    }
}

/// The folder of finished items. One thread adds to it; any may deliver what it has taken in hand.
#[derive(Debug)]
pub struct Spool {
    folders: Folders,
    side: Side,
    contents: Mutex<Contents>,
    added: Condvar,
    _locks: Vec<File>,
}

/// Its folders.
#[derive(Debug)]
pub(super) struct Folders {
    pub(super) dir: PathBuf,
    pub(super) scratch: PathBuf,
    pub(super) sending: PathBuf,
    pub(super) items: PathBuf,
    pub(super) refused: PathBuf,
    pub(super) damaged: PathBuf,
    pub(super) runs: PathBuf,
}

/// What is in them, as far as that has to be known all the time.
#[derive(Debug)]
struct Contents {
    backlog: Backlog,
    placement: Placement,
    budget: Budget,
    books: Books,
    /// The files in hand, locked where the other side is another process.
    held: BTreeMap<ItemName, File>,
    /// What is still to be put back of what was asked for.
    retrying: Option<Vec<(ItemName, aside::Aside)>>,
}

/// What a person is told when recordings are dropped, down to this kind, and what to do.
pub fn short(worst: Kind, is_disk: bool, max_bytes: u64) -> String {
    let dropped = match worst {
        Kind::Picture => "pictures are dropped, the oldest first",
        Kind::Clip => "clips are dropped, the oldest first: there are no pictures left to drop",
        Kind::Utterance => "speech is dropped, the oldest first: there is nothing else left to drop",
    };
    let (cause, cure) = if is_disk {
        ("the disk is almost full".to_owned(), "free some space")
    } else {
        (format!("the disk budget of {} MB is reached", max_bytes / 1_000_000), "raise max_bytes in [storage]")
    };
    format!("{cause}, and {dropped}; let what waits be delivered, or {cure}")
}

/// What had to be given up for a new item.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Room {
    /// Why, if anything was.
    pub shortage: Option<Shortage>,
    /// The budget.
    pub max_bytes: u64,
    /// What was given up: it has left the spool.
    pub given_up: Vec<Sacrifice>,
}

impl Spool {
    /// Where files are written before they are admitted. Emptied at every start.
    pub fn scratch(&self) -> &Path {
        &self.folders.scratch
    }

    /// Says how much of the disk may be used, other than by default. Gives up what is too much already.
    pub fn set_budget(&self, max_bytes: Option<u64>) -> Result<Room, SpoolError> {
        let budget = Budget::of(max_bytes, self.disk()?);
        let over_bytes = {
            let mut contents = self.contents();
            contents.budget = budget;
            contents.backlog.disk_bytes().saturating_sub(budget.max_bytes)
        };
        self.give_up(Kind::Utterance, (over_bytes > 0).then_some(Shortage { bytes: over_bytes, is_disk: false }))
    }

    /// A run begins: what it records before the clock is set will be placed by what is kept here of it.
    pub fn begin(&self, run: Uuid, boot: Uuid, now: Reading) -> Result<(), SpoolError> {
        let word = {
            let mut contents = self.contents();
            let not_before_us = contents.books.good_us;
            contents.placement.begin(run, boot, now.offset_us, not_before_us)
        };
        self.keep_word(&word)?;
        // An earlier run since the machine was started may have known the time.
        self.place_unsettled();
        Ok(())
    }

    /// The clock is right: what waited for that is placed and may be delivered. `true_us` is the true time less the
    /// time since the machine was started. Once is enough.
    pub fn settle(&self, true_us: i64) -> Result<(), SpoolError> {
        let word = self.contents().placement.settle(true_us);
        let Some(word) = word else { return Ok(()) };
        // Durable first: what has been delivered with these times must keep them.
        self.keep_word(&word)?;
        self.place_unsettled();
        Ok(())
    }

    fn place_unsettled(&self) {
        let Contents { backlog, placement, .. } = &mut *self.contents();
        backlog.settle(|name| placement.place(name));
        self.added.notify_all();
    }

    /// Keeps an item whose file is `bytes`. When this returns, it survives a power cut.
    pub fn admit_bytes(&self, dated: Dated, bytes: &[u8]) -> Result<Room, SpoolError> {
        let is_picture = matches!(dated.item, Item::Picture { .. });
        self.admit(dated, bytes.len() as u64, |media| match is_picture {
            // One sync of the folder a second less: with its manifest the picture is durable, and a manifest that a power
            // cut leaves without its picture is removed at the next start.
            true => durable::write_before_another(&self.folders.scratch, media, bytes, SHARED),
            false => self.write(&self.folders.scratch, media, bytes),
        })
    }

    /// Keeps an item whose file was finished in [`Self::scratch`]. When this returns, it survives a power cut.
    pub fn admit_file(&self, dated: Dated, finished: &Path) -> Result<Room, SpoolError> {
        let media_bytes = fs::metadata(finished).doing("read", finished)?.len();
        self.admit(dated, media_bytes, |media| durable::publish(finished, media))
    }

    fn admit(
        &self,
        dated: Dated,
        media_bytes: u64,
        put: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<Room, SpoolError> {
        let Dated { item, recorded, wall } = dated;
        let manifest = Manifest { item, media_bytes, recorded, wall, step: Step::Recorded, row_unclear: false };
        let name = ItemName::of(&manifest);
        let room = self.make_room(&name)?;
        let media = self.folders.items.join(name.media());
        if let Err(error) = put(&media)
            .doing("write", &media)
            .and_then(|()| self.write_manifest(&self.folders.scratch, &name, &manifest))
        {
            // What is left of it is removed at the next start at the latest, but the disk may be full now.
            let _ = self.remove([&name]);
            return Err(error);
        }
        {
            let Contents { backlog, placement, books, .. } = &mut *self.contents();
            let placed = placement.place(&name);
            books.recorded.add(name.kind(), media_bytes);
            // The other side may have delivered it by now, and that have been told.
            if self.side == Side::Both || self.folders.items.join(name.manifest()).exists() {
                backlog.learn(name, placed);
            }
        }
        self.added.notify_all();
        Ok(room)
    }

    fn make_room(&self, newcomer: &ItemName) -> Result<Room, SpoolError> {
        let disk = self.disk()?;
        let shortage = {
            let contents = self.contents();
            let used_bytes = contents.backlog.disk_bytes();
            contents.budget.shortage(used_bytes, newcomer.disk_bytes(), newcomer.kind(), disk)
        };
        self.give_up(newcomer.kind(), shortage)
    }

    fn give_up(&self, newcomer: Kind, shortage: Option<Shortage>) -> Result<Room, SpoolError> {
        let Some(Shortage { bytes, is_disk }) = shortage else { return Ok(Room::default()) };
        let (given_up, max_bytes, _locks) = {
            let contents = &mut *self.contents();
            let (spare_bytes, max_bytes) = (contents.budget.spare_bytes(), contents.budget.max_bytes);
            let Some(chosen) = contents.backlog.sacrifice(newcomer, bytes, spare_bytes) else {
                return Err(SpoolError::Full { kind: newcomer, is_disk, max_bytes });
            };
            let (free, in_hand, locks) = self.seize(chosen);
            // In one go with the choice, so that it is not seen to go in between.
            for Sacrifice { name, .. } in in_hand {
                let placed = contents.placement.place(&name);
                contents.backlog.add(name, placed);
            }
            (free, max_bytes, locks)
        };
        let (refused, waiting): (Vec<_>, Vec<_>) = given_up.iter().partition(|sacrifice| sacrifice.was_refused);
        self.remove(waiting.iter().map(|sacrifice| &sacrifice.name))?;
        self.remove_refused(refused.iter().map(|sacrifice| &sacrifice.name))?;
        let mut contents = self.contents();
        given_up.iter().for_each(|Sacrifice { name, .. }| contents.books.drop(name.kind(), name.media_bytes()));
        Ok(Room { shortage, max_bytes, given_up })
    }

    /// Removes items for good. The manifests go first: a file without one is unfinished, and never delivered.
    fn remove<'a>(&self, names: impl IntoIterator<Item = &'a ItemName>) -> Result<(), SpoolError> {
        let items = &self.folders.items;
        let (manifests, media): (Vec<_>, Vec<_>) =
            names.into_iter().map(|name| (items.join(name.manifest()), items.join(name.media()))).unzip();
        durable::remove_all(&manifests).doing("remove items from", items)?;
        durable::remove_all(&media).doing("remove items from", items)
    }

    fn disk(&self) -> Result<Disk, SpoolError> {
        open::disk(&self.folders.dir)
    }

    /// Whether there is room again after some had to be made.
    pub fn has_room(&self) -> bool {
        let Ok(disk) = self.disk() else { return false };
        let contents = self.contents();
        contents.budget.has_room(contents.backlog.disk_bytes(), disk)
    }

    /// Takes the most urgent item in hand of those that are wanted, waiting up to `patience` for one. It must then be given
    /// to one of [`Self::finish`], [`Self::refuse`], [`Self::hand_back`], [`Self::defer`], [`Self::delay`].
    pub fn take(&self, want: Want, patience: Duration, now: impl Fn() -> Duration) -> Option<ItemName> {
        let mut contents = self.contents();
        let taken = contents.backlog.take(now(), want);
        if taken.is_some() {
            return taken;
        }
        let patience = contents.backlog.next_due().map_or(patience, |due| patience.min(due.saturating_sub(now())));
        let (mut contents, _) = self.added.wait_timeout(contents, patience).expect("no panic while held");
        contents.backlog.take(now(), want)
    }

    /// Takes a further picture in hand, if nothing more urgent waits. As with [`Self::take`], it must be given back.
    pub fn take_picture(&self) -> Option<ItemName> {
        self.contents().backlog.take_picture()
    }

    /// Whether somebody has just spoken who must not wait for the rest of this delivery.
    pub fn is_outranked(&self, in_hand: &ItemName, want: Want) -> bool {
        self.contents().backlog.is_outranked(in_hand, want)
    }

    /// Waits, or until [`Self::wake`].
    pub fn rest(&self, patience: Duration) {
        drop(self.added.wait_timeout(self.contents(), patience));
    }

    /// Wakes whoever waits in [`Self::take`].
    pub fn wake(&self) {
        self.added.notify_all();
    }

    /// Reads an item's manifest back, its times put right. A damaged one is set aside with its file, and leaves the
    /// spool.
    pub fn load(&self, name: &ItemName) -> Result<Manifest, SpoolError> {
        if self.side == Side::Upload {
            let file = self.folders.hold(name)?;
            let mut contents = self.contents();
            let Some(file) = file else {
                contents.backlog.finish(name);
                return Err(SpoolError::GivenUp(name.clone()));
            };
            contents.held.insert(name.clone(), file);
        }
        let path = self.folders.items.join(name.manifest());
        let text = fs::read(&path).doing("read", &path)?;
        let manifest: Option<Manifest> = serde_json::from_slice(&text).ok();
        let Some(manifest) = manifest.filter(|manifest| name.is_of(manifest) && self.media_is_whole(name)) else {
            self.set_aside(name, &self.folders.damaged)?;
            let mut contents = self.contents();
            contents.held.remove(name);
            contents.backlog.finish(name);
            contents.books.drop(name.kind(), name.media_bytes());
            return Err(SpoolError::Damaged { name: name.clone(), dir: self.folders.damaged.clone() });
        };
        let right = self.contents().placement.put_right(&manifest);
        let right = right.ok_or_else(|| SpoolError::ClockNotSet(name.clone()))?;
        if right != manifest {
            // Durable before the API learns of it: delivered again, it must have the same times.
            self.record(name, &right)?;
        }
        Ok(right)
    }

    fn media_is_whole(&self, name: &ItemName) -> bool {
        fs::metadata(self.media(name)).is_ok_and(|file| file.len() == name.media_bytes())
    }

    /// The item's file.
    pub fn media(&self, name: &ItemName) -> PathBuf {
        self.folders.items.join(name.media())
    }

    /// Makes a delivery's progress durable (durability rule 2: before the next step begins).
    pub fn record(&self, name: &ItemName, manifest: &Manifest) -> Result<(), SpoolError> {
        self.write_manifest(&self.folders.sending, name, manifest)?;
        if manifest.step >= Step::Uploaded {
            self.contents().backlog.note_file_in_place(name, manifest.step == Step::Sent);
        }
        Ok(())
    }

    fn write_manifest(&self, scratch: &Path, name: &ItemName, manifest: &Manifest) -> Result<(), SpoolError> {
        let path = self.folders.items.join(name.manifest());
        let text = serde_json::to_vec(manifest).map_err(io::Error::other).doing("write", &path)?;
        self.write(scratch, &path, &text).doing("write", &path)
    }

    /// Removes a delivered item. The manifest goes first: a file without one is unfinished, and never delivered.
    pub fn finish(&self, name: &ItemName) -> Result<(), SpoolError> {
        let (manifest, media) = (self.folders.items.join(name.manifest()), self.media(name));
        // A picture that a power cut brings back is sent once more, to the same place; a task would be queued twice.
        let remove = if name.kind() == Kind::Picture { durable::remove_volatile } else { durable::remove };
        remove(&manifest).doing("remove", &manifest)?;
        durable::remove_volatile(&media).doing("remove", &media)?;
        let mut contents = self.contents();
        contents.held.remove(name);
        contents.backlog.finish(name);
        contents.books.delivered.add(name.kind(), name.media_bytes());
        Ok(())
    }

    /// An item in hand waits again.
    pub fn hand_back(&self, name: &ItemName) {
        let mut contents = self.contents();
        contents.held.remove(name);
        contents.backlog.hand_back(name);
    }

    /// An item in hand waits until a time of its own, told how often it has failed.
    pub fn defer(&self, name: &ItemName, until: impl FnOnce(u32) -> Duration) {
        let mut contents = self.contents();
        contents.held.remove(name);
        contents.backlog.defer(name, until);
    }

    /// An item in hand waits until then, through no fault of its own.
    pub fn delay(&self, name: &ItemName, until: Duration) {
        let mut contents = self.contents();
        contents.held.remove(name);
        contents.backlog.delay(name, until);
    }

    /// How many items of this kind wait.
    pub fn waiting(&self, kind: Kind) -> usize {
        self.contents().backlog.waiting(kind).items as usize
    }

    /// The same without those of which everything is sent, as far as this process has sent it.
    pub fn waiting_unsent(&self, kind: Kind) -> usize {
        let backlog = &self.contents().backlog;
        backlog.waiting(kind).items as usize - backlog.sent(kind)
    }

    /// How many items of this kind wait, and how much they are.
    pub fn amount_waiting(&self, kind: Kind) -> Amount {
        self.contents().backlog.waiting(kind)
    }

    /// How many items wait for the clock to be set.
    pub fn unsettled(&self) -> usize {
        self.contents().backlog.unsettled()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.contents().backlog.is_empty()
    }

    /// The counts so far.
    pub fn books(&self) -> Books {
        self.contents().books.clone()
    }

    /// A recording never came as far as the spool.
    pub fn count_lost(&self, kind: Kind, bytes: u64) {
        self.contents().books.drop(kind, bytes);
    }

    fn write(&self, scratch: &Path, target: &Path, bytes: &[u8]) -> io::Result<()> {
        durable::write_with_mode(scratch, target, bytes, SHARED)
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().expect("no panic while held")
    }
}
