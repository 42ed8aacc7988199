//! What a start takes up of what an earlier run has left.
//!
//! ```text
//! scratch/  with a row: takes its place          items/  with a row: waits
//!           without, whole: kept                         without, whole picture: kept
//!           cut short: kept as far as it was written        without, speech or clip: it was delivered, and is removed
//!           anything else: removed                       anything else: set aside
//! a row without a file: told and counted
//! ```
//!
//! A file that cannot be read or moved is reported and left where it is: one bad file must not keep a box from recording.

#![expect(clippy::disallowed_macros, clippy::disallowed_methods, reason = "EDGE: files")]

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::error::Doing;
use super::files::each_file;
use super::intake::{Intake, State};
use super::ledger::clocks::UNKNOWN_BOOT;
use super::ledger::items::NewRow;
use super::{Found, SpoolError};
use crate::durable;
use crate::item::{Entry, ItemName, Kind, Step, name};

/// The files that rows name. 100,000 names would be ten times as large.
struct Known {
    rows: Vec<(u64, i64)>,
    has_file: Vec<bool>,
}

impl Known {
    fn of(state: &State) -> Result<Self, SpoolError> {
        let mut rows = Vec::new();
        state.ledger.each_file(|row, file| rows.push((hash(file), row)))?;
        rows.sort_unstable();
        let has_file = vec![false; rows.len()];
        Ok(Self { rows, has_file })
    }

    /// Whether a row names this file, which is there.
    fn see(&mut self, file: &str) -> bool {
        let place = self.rows.binary_search_by_key(&hash(file), |(hash, _)| *hash);
        place.is_ok_and(|place| {
            self.has_file[place] = true;
            true
        })
    }

    fn without_file(&self) -> impl Iterator<Item = i64> {
        self.rows.iter().zip(&self.has_file).filter(|(_, has_file)| !**has_file).map(|((_, row), _)| *row)
    }
}

fn hash(file: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    file.hash(&mut hasher);
    hasher.finish()
}

impl Found {
    /// What cannot be read or moved is left where it is.
    fn tried<T: Default>(result: Result<T, SpoolError>) -> T {
        result.unwrap_or_else(|error| {
            log::warn!("{}; it is left where it is", error.line());
            T::default()
        })
    }
}

impl Intake {
    /// Puts the folders and the ledger in order after a crash. `is_new`: the ledger had to be filled by the names of files.
    pub(super) fn recover(&self, is_new: bool) -> Result<Found, SpoolError> {
        // Upload removes files after their rows; without this one of them could be taken for one that has no row yet.
        let _removing = self.folders.lock("lock-removing")?;
        let mut found = Found::default();
        let mut known = Known::of(&self.state())?;
        // In this order: files go from the one to the other.
        let scratch = listed(&self.folders.scratch)?;
        let mut whole = Vec::new();
        for (file, path) in &scratch {
            match ItemName::of_file(file) {
                Some(name) if known.see(file) => Found::tried(self.folders.to_place(&name)),
                Some(name) => whole.extend(self.whole_or_removed(path, name, &mut found)),
                // Recordings that were cut short come after whole files have their rows.
                None if name::run_of_unfinished(file).is_some() => {}
                _ => found.unfinished += removed(path),
            }
        }
        each_file(&self.folders.items, |file, path| match file.and_then(ItemName::of_file) {
            Some(_) if file.is_some_and(|file| known.see(file)) => {}
            Some(name) if name.kind() == Kind::Picture => whole.extend(self.whole_or_removed(path, name, &mut found)),
            Some(_) => found.unfinished += removed(path),
            None => {
                let is_aside = self.folders.set_aside(path).map(|()| 1);
                found.damaged += Found::tried(is_aside);
            }
        })?;
        for name in whole {
            let kept = self.find(name, is_new).map(|()| 1);
            found.without_row += Found::tried(kept);
        }
        self.tend();
        for (file, path) in scratch.iter().filter(|(file, _)| name::parse_unfinished_clip(file).is_some()) {
            match self.adopt_clip(file, path) {
                Ok(true) => found.adopted += 1,
                Ok(false) => found.unfinished += removed(path),
                Err(error) => Found::tried(Err(error)),
            }
        }
        found.lost = Found::tried(self.give_up_rows(known.without_file()));
        Ok(found)
    }

    /// The name of a file without a row, if the file is whole. One that is not is removed.
    fn whole_or_removed(&self, path: &Path, name: ItemName, found: &mut Found) -> Option<ItemName> {
        match self.folders.is_whole(path, &name) {
            Ok(true) => return Some(name),
            Ok(false) => found.unfinished += removed(path),
            Err(error) => Found::tried(Err(error)),
        }
        None
    }

    /// A whole file that has no row is to get one. It may not be durable yet.
    fn find(&self, name: ItemName, is_new: bool) -> Result<(), SpoolError> {
        let path = self.folders.before_row(&name);
        durable::flush(&path).doing("sync", &path)?;
        let state = &mut *self.state();
        let run = state.ledger.run_clock(name.run()).ok().flatten();
        let (boot, offset_us) = run.map_or((UNKNOWN_BOOT, 0), |run| (run.boot, run.true_us.unwrap_or(run.offset_us)));
        let owner = name.owner().or(run.map_or(self.leftovers_of, |run| run.owner));
        let (entry, uptime_us) = found_entry(name, offset_us, is_new);
        state.add(NewRow { row: 0, entry, owner, boot: Some(boot), uptime_us, refused: None });
        Ok(())
    }

    fn give_up_rows(&self, rows: impl Iterator<Item = i64>) -> Result<usize, SpoolError> {
        let state = &mut *self.state();
        let mut lost = Vec::new();
        for row in rows {
            // Upload may have delivered it, or put it into its place, meanwhile.
            let Some((entry, _)) = state.ledger.entry(row)? else { continue };
            if !self.folders.is_there(&entry.name)? {
                log::error!("the file {} is gone, and the item with it", entry.name.media());
                lost.push((row, entry.name));
            }
        }
        if !lost.is_empty() {
            state.ledger.give_up(&lost)?;
        }
        Ok(lost.len())
    }
}

/// Builds an entry from the name of a file; with the uptime at its start. Delivery fills in the cluster of the track id. After a lost
/// ledger, it asks the API whether the row of speech or of a clip exists.
pub(super) fn found_entry(name: ItemName, offset_us: i64, is_ledger_lost: bool) -> (Entry, i64) {
    let (item, wall, uptime_us) = name.item(offset_us, format!("T--{}", Uuid::new_v4().simple()));
    let row_unclear = is_ledger_lost && name.kind() != Kind::Picture;
    let step = if row_unclear { Step::Uploaded } else { Step::Recorded };
    (Entry { item, name, wall, step, row_unclear }, uptime_us)
}

/// What is in a folder; the name is empty if it is no text.
fn listed(dir: &Path) -> Result<Vec<(String, PathBuf)>, SpoolError> {
    let mut files = Vec::new();
    each_file(dir, |file, path| files.push((file.unwrap_or_default().to_owned(), path.to_owned())))?;
    Ok(files)
}

/// Removes what nobody needs, a folder perhaps; what comes back is removed again. Gives how many.
fn removed(path: &Path) -> usize {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|file| file.is_dir());
    let removed = if is_folder { durable::remove_tree(path) } else { durable::remove_volatile(path) };
    Found::tried(removed.doing("remove", path).map(|()| 1))
}
