//! Taking up what an earlier run has left, and what is remembered from one run to the next.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "EDGE: files, shared by threads")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Condvar, Mutex};

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::shared::{self, Side};
use super::{Contents, Doing, Folders, Spool, SpoolError};
use crate::durable;
use crate::spool::books::Books;
use crate::spool::budget::{Budget, Disk};
use crate::spool::name::{self, Stamp};
use crate::spool::placement::{Placement, RunClock};
use crate::spool::{Backlog, ItemName, Kind, Listing};

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

impl Folders {
    pub(in crate::spool) fn of(dir: &Path) -> Self {
        let [scratch, sending, items, refused, damaged, runs] =
            ["scratch", "sending", "items", "refused", "damaged", "runs"].map(|sub| dir.join(sub));
        Self { dir: dir.into(), scratch, sending, items, refused, damaged, runs }
    }

    pub(in crate::spool) fn books(&self) -> std::path::PathBuf {
        self.dir.join("books.json")
    }

    /// What earlier runs have left word of.
    pub(in crate::spool) fn words(&self) -> Result<Vec<RunClock>, SpoolError> {
        let mut words = Vec::new();
        each_file(&self.runs, |file| words.extend(read_json::<RunClock>(&self.runs.join(file))))?;
        Ok(words)
    }

    /// Puts `items/` in order after a crash. Gives what is complete, and what was done with the rest.
    fn recover(&self) -> Result<(Vec<ItemName>, Found), SpoolError> {
        let mut recovery = listing(&self.items)?.sort_out();
        for name in std::mem::take(&mut recovery.bereft) {
            if self.bring_media_back(&name)? {
                recovery.complete.push(name);
            } else if name.kind() == Kind::Picture {
                // It was delivered, and its removal not yet durable.
                recovery.unfinished.push(name.manifest());
            } else {
                recovery.damaged.push(name.manifest());
            }
        }
        for file in &recovery.unfinished {
            let path = self.items.join(file);
            durable::remove(&path).doing("remove", &path)?;
        }
        for file in &recovery.damaged {
            let path = self.items.join(file);
            durable::relocate(&path, &self.damaged.join(file)).doing("set aside", &path)?;
        }
        let (unfinished, damaged) = (recovery.unfinished.len(), recovery.damaged.len());
        Ok((recovery.complete, Found { unfinished, damaged, ..Found::default() }))
    }

    /// Removes the words of those starts of the machine from which none of the `needed` runs is.
    fn forget_words(&self, words: Vec<RunClock>, needed: &BTreeSet<Uuid>) -> Result<(), SpoolError> {
        let boots: BTreeSet<_> = words.iter().filter(|word| needed.contains(&word.run)).map(|word| word.boot).collect();
        let over = words.iter().filter(|word| !boots.contains(&word.boot));
        let over: Vec<_> = over.map(|word| self.runs.join(format!("{}.json", word.run))).collect();
        durable::remove_all(&over).doing("clear", &self.runs)
    }
}

impl Spool {
    /// Opens the spool in `dir` for capture and upload in one process; see [`Self::open_as`].
    ///
    /// # Errors
    /// When another process has it, or the folder cannot be made, read or written.
    pub fn open(dir: &Path) -> Result<(Self, Found), SpoolError> {
        Self::open_as(Side::Both, dir)
    }

    /// Opens the spool in `dir`, making it if need be. Who captures takes up what an earlier run has left there. The names
    /// of the files tell all that is needed: 100,000 manifests are not read.
    ///
    /// # Errors
    /// When another process has that side of it, or the folder cannot be made, read or written.
    pub fn open_as(side: Side, dir: &Path) -> Result<(Self, Found), SpoolError> {
        let folders = Folders::of(dir);
        let make = |path: &Path| durable::create_dir_with_mode(path, side.folder_mode()).doing("make", path);
        make(dir)?;
        let locks = shared::lock(dir, side)?;
        let Folders { scratch, sending, items, refused, damaged, runs, .. } = &folders;
        [scratch, sending, items, refused, damaged, runs].into_iter().try_for_each(|sub| make(sub))?;
        if side.uploads() {
            clear(sending)?;
        }
        let (complete, mut found) = if side.captures() {
            let _moving = folders.moving()?;
            folders.recover()?
        } else {
            (listing(items)?.sort_out().complete, Found::default())
        };
        found.waiting = complete.len();
        let words = folders.words()?;
        let early = complete.iter().filter(|name| matches!(name.stamp(), Stamp::Up(_)));
        let needed: BTreeSet<_> = early.map(ItemName::run).collect();
        let contents = Mutex::new(contents(&folders, &words, complete)?);
        let spool = Self { folders, side, contents, added: Condvar::new(), _locks: locks };
        if side.captures() {
            spool.take_up_scratch(words, needed, &mut found)?;
        }
        Ok((spool, found))
    }

    /// Keeps what can be kept of what was being written, and removes the rest; and what is known of runs that nothing
    /// is left of.
    fn take_up_scratch(
        &self,
        words: Vec<RunClock>,
        mut needed: BTreeSet<Uuid>,
        found: &mut Found,
    ) -> Result<(), SpoolError> {
        let mut leftovers = Vec::new();
        each_file(&self.folders.scratch, |file| leftovers.push(file.to_owned()))?;
        for file in leftovers {
            let path = self.folders.scratch.join(&file);
            if let Some((run, ..)) = name::parse_unfinished_speech(&file) {
                // For the keeper, which numbers utterances.
                needed.insert(run);
                continue;
            }
            match self.adopt_clip(&file, &words)? {
                Some(run) => {
                    found.adopted += 1;
                    needed.insert(run);
                }
                None => {
                    durable::remove(&path).doing("remove", &path)?;
                    found.unfinished += 1;
                }
            }
        }
        self.folders.forget_words(words, &needed)
    }

    pub(super) fn keep_word(&self, word: &RunClock) -> Result<(), SpoolError> {
        self.write_json(&self.folders.runs.join(format!("{}.json", word.run)), word)
    }

    /// Makes durable what is to be remembered from one run to the next: what was dropped, and that `now_us`, in
    /// microseconds since 1970, was known to be true.
    pub fn remember(&self, now_us: Option<i64>) -> Result<(), SpoolError> {
        let books = {
            let books = &mut self.contents().books;
            books.good_us = books.good_us.max(now_us.unwrap_or(i64::MIN));
            books.clone()
        };
        self.write_json(&self.folders.books(), &books)
    }

    fn write_json(&self, path: &Path, value: &impl Serialize) -> Result<(), SpoolError> {
        let text = serde_json::to_vec(value).map_err(io::Error::other).doing("write", path)?;
        self.write(&self.folders.scratch, path, &text).doing("write", path)
    }
}

/// Removes what an earlier run was writing.
fn clear(dir: &Path) -> Result<(), SpoolError> {
    let mut leftovers = Vec::new();
    each_file(dir, |file| leftovers.push(dir.join(file)))?;
    durable::remove_all(&leftovers).doing("clear", dir)
}

fn contents(folders: &Folders, words: &[RunClock], complete: Vec<ItemName>) -> Result<Contents, SpoolError> {
    let mut placement = Placement::of(words.iter().copied());
    complete.iter().for_each(|name| placement.saw(name));
    let mut backlog = Backlog::default();
    for name in complete {
        let placed = placement.place(&name);
        backlog.add(name, placed);
    }
    let refused = listing(&folders.refused)?.sort_out();
    refused.complete.into_iter().for_each(|name| backlog.add_refused(name));
    let budget = Budget::of(None, disk(&folders.dir)?);
    let books: Books = read_json(&folders.books()).unwrap_or_default();
    Ok(Contents { backlog, placement, budget, books, held: BTreeMap::new(), retrying: None })
}

/// What is remembered is a help, and never worth stopping for.
pub(in crate::spool) fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// The items of a folder, by the names of its files.
pub(in crate::spool) fn listing(dir: &Path) -> Result<Listing, SpoolError> {
    let mut listing = Listing::default();
    each_file(dir, |file| listing.add(file))?;
    Ok(listing)
}

pub(in crate::spool) fn each_file(dir: &Path, mut see: impl FnMut(&str)) -> Result<(), SpoolError> {
    for entry in fs::read_dir(dir).doing("list", dir)? {
        see(&entry.doing("list", dir)?.file_name().to_string_lossy());
    }
    Ok(())
}

pub(super) fn disk(dir: &Path) -> Result<Disk, SpoolError> {
    let disk = rustix::fs::statvfs(dir).map_err(io::Error::from).doing("ask the free space of", dir)?;
    Ok(Disk { free_bytes: disk.f_bavail * disk.f_frsize, total_bytes: disk.f_blocks * disk.f_frsize })
}
