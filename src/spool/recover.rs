//! What a start takes up of what an earlier run has left.
//!
//! ```text
//! items/    with a row: waits               scratch/  with a row: takes its place
//!           without, whole picture: kept               without, whole: kept
//!           without, speech or clip: it was            cut short: kept up to its last whole second
//!             delivered, and is removed                anything else: removed
//!           anything else: set aside        a row without a file: told and counted
//! ```

#![expect(clippy::disallowed_macros, clippy::disallowed_methods, reason = "EDGE: files")]

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use uuid::Uuid;

use super::error::Doing;
use super::files::each_file;
use super::intake::{Intake, State};
use super::ledger::clocks::UNKNOWN_BOOT;
use super::legacy::{is_manifest, remove_leftovers};
use super::{Found, SpoolError};
use crate::durable;
use crate::item::{Entry, ItemName, Kind, Step, name};

/// The files that rows name: 100,000 names would be ten times as large.
struct Known(Vec<(u64, i64)>);

impl Known {
    fn of(state: &State) -> Result<Self, SpoolError> {
        let mut known = Vec::new();
        state.ledger.each_file(|row, file| known.push((hash(file), row)))?;
        known.sort_unstable();
        Ok(Self(known))
    }

    fn place(&self, file: &str) -> Option<usize> {
        self.0.binary_search_by_key(&hash(file), |(hash, _)| *hash).ok()
    }
}

fn hash(file: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    file.hash(&mut hasher);
    hasher.finish()
}

impl Intake {
    /// Puts the folders and the ledger in order after a crash.
    pub(super) fn recover(&self) -> Result<Found, SpoolError> {
        // Upload removes files after their rows; without this one of them could be taken for one that has no row yet.
        let _removing = self.folders.lock("lock-removing")?;
        remove_leftovers(&self.folders)?;
        let mut found = Found::default();
        let known = Known::of(&self.state())?;
        let mut has_file = vec![false; known.0.len()];
        let (mut without_row, mut strange, mut delivered) = (Vec::new(), Vec::new(), Vec::new());
        let mut manifests = Vec::new();
        each_file(&self.folders.items, |file, path| {
            let name = file.and_then(|file| Some((ItemName::of_file(file)?, known.place(file))));
            match name {
                Some((_, Some(place))) => has_file[place] = true,
                Some((name, None)) if name.kind() == Kind::Picture && self.folders.is_whole(path, &name) => {
                    without_row.push(name);
                }
                Some(_) => delivered.push(path.to_owned()),
                None if file.is_some_and(is_manifest) => manifests.push(path.to_owned()),
                None => strange.push(path.to_owned()),
            }
        })?;
        let mut scratch = Vec::new();
        each_file(&self.folders.scratch, |file, path| {
            scratch.push((file.map(str::to_owned).unwrap_or_default(), path.to_owned()));
        })?;
        for (file, path) in scratch {
            match ItemName::of_file(&file) {
                Some(name) => match known.place(&file) {
                    Some(place) => {
                        self.folders.to_place(&name)?;
                        has_file[place] = true;
                    }
                    None if self.folders.is_whole(&path, &name) => without_row.push(name),
                    None => found.unfinished += remove(&path)?,
                },
                None => self.take_up(&file, &path, &mut found)?,
            }
        }
        for path in &strange {
            self.folders.set_aside(path)?;
        }
        for path in &delivered {
            found.unfinished += remove(path)?;
        }
        durable::remove_all(&manifests).doing("clear", &self.folders.items)?;
        found.damaged = strange.len();
        found.without_row = without_row.len();
        without_row.into_iter().for_each(|name| self.add_found(name));
        let lost: Vec<_> = known.0.iter().zip(has_file).filter(|(_, has_file)| !has_file).map(|((_, row), _)| *row).collect();
        found.lost = self.give_up_rows(lost)?;
        Ok(found)
    }

    /// A whole file that has no row gets one.
    fn add_found(&self, name: ItemName) {
        let state = &mut *self.state();
        let run = state.ledger.run_clock(name.run()).ok().flatten();
        let (boot, offset_us) = run.map_or((UNKNOWN_BOOT, 0), |run| (run.boot, run.true_us.unwrap_or(run.offset_us)));
        let (entry, uptime_us) = found_entry(name, offset_us);
        self.add_row(state, entry, boot, uptime_us);
    }

    fn take_up(&self, file: &str, path: &Path, found: &mut Found) -> Result<(), SpoolError> {
        if name::parse_unfinished_speech(file).is_some() {
            // For the keeper, which makes sound files.
            return Ok(());
        }
        if self.adopt_clip(file, path)? {
            found.adopted += 1;
        } else {
            found.unfinished += remove(path)?;
        }
        Ok(())
    }

    fn give_up_rows(&self, rows: Vec<i64>) -> Result<usize, SpoolError> {
        let state = &mut *self.state();
        let mut lost = Vec::new();
        for row in rows {
            // Upload may have delivered it meanwhile.
            if let Some((entry, _)) = state.ledger.entry(row)? {
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

/// What the name of a file tells of an item, and the uptime at its start. Its task is told of later which chain of models it is for.
pub(super) fn found_entry(name: ItemName, offset_us: i64) -> (Entry, i64) {
    let (item, wall, uptime_us) = name.item(offset_us, format!("T--{}", Uuid::new_v4().simple()));
    (Entry { item, name, wall, step: Step::Recorded, row_unclear: false }, uptime_us)
}

/// What nobody needs, a folder perhaps. Gives how many.
fn remove(path: &Path) -> Result<usize, SpoolError> {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|file| file.is_dir());
    let removed = if is_folder { durable::remove_tree(path) } else { durable::remove(path) };
    removed.doing("remove", path).map(|()| 1)
}
