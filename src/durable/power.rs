//! A disk that loses its power, for tests: after a number of operations every further one fails, and what was not made
//! durable by then is lost or not, as chance has it.
//!
//! A rename or a removal is durable once its folder is synced, a file's contents once the file is. A file whose old folder was synced and
//! whose new one was not is in neither. Of what is not
//! durable any part may be lost, in any order, as POSIX allows and as file systems other than ext4 do it; only of one
//! file the earlier operation is never lost without the later.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Operation;

thread_local! {
    static SUPPLY: RefCell<Option<Supply>> = const { RefCell::new(None) };
}

struct Supply {
    /// Operations until the power fails; for ever if `None`.
    left: Option<u32>,
    performed: u64,
    /// Not durable yet, in order.
    pending: Vec<Undo>,
    unsynced: BTreeSet<PathBuf>,
    /// Where what was removed or replaced is kept until that is durable.
    attic: tempfile::TempDir,
}

struct Undo {
    /// Durable with this folder.
    folder: PathBuf,
    /// Where the file was before, if it was moved.
    moved_from: Option<PathBuf>,
    path: PathBuf,
    /// What was there before.
    replaced: Option<PathBuf>,
    /// That it has left its folder is durable.
    has_left: bool,
}

/// A folder for what is watched. In memory, since a database syncs by itself, thousands of times.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder")
}

/// The disk of this thread is watched from here on, and does not really sync: that would only take time.
pub fn watch() {
    let attic = folder();
    let supply = Supply { left: None, performed: 0, pending: Vec::new(), unsynced: BTreeSet::new(), attic };
    SUPPLY.set(Some(supply));
}

/// The power fails after so many operations more.
pub fn fail_after(operations: u32) {
    with(|supply| supply.left = Some(operations));
}

/// Whether it has failed.
pub fn has_failed() -> bool {
    with(|supply| supply.left == Some(0))
}

/// Operations so far.
pub fn performed() -> u64 {
    with(|supply| supply.performed)
}

/// The power comes back: the disk holds what was durable, and as much of the rest as `is_lost` leaves.
pub fn restore(mut is_lost: impl FnMut() -> bool) {
    with(|supply| {
        supply.left = None;
        let mut kept = BTreeSet::new();
        for undo in std::mem::take(&mut supply.pending).into_iter().rev() {
            let paths = [Some(undo.path.clone()), undo.moved_from.clone()];
            if paths.iter().flatten().any(|path| kept.contains(path)) || !is_lost() {
                kept.extend(paths.into_iter().flatten());
                continue;
            }
            match &undo.moved_from {
                Some(_) if undo.has_left => fs::remove_file(&undo.path).expect("it was moved"),
                Some(from) => fs::rename(&undo.path, from).expect("it was moved"),
                None => {}
            }
            if let Some(replaced) = &undo.replaced {
                fs::rename(replaced, &undo.path).expect("it is in the attic");
            }
        }
        for path in std::mem::take(&mut supply.unsynced) {
            if path.exists() {
                fs::write(path, b"").expect("writable");
            }
        }
    });
}

fn with<T>(act: impl FnOnce(&mut Supply) -> T) -> T {
    SUPPLY.with_borrow_mut(|supply| act(supply.as_mut().expect("the disk is watched")))
}

pub(super) fn perform(operation: Operation<'_>, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let is_sync = matches!(operation, Operation::SyncFile(_) | Operation::SyncDir(_));
    let Some(undo) = SUPPLY.with_borrow_mut(|supply| supply.as_mut().map(|supply| supply.before(operation))) else {
        return act();
    };
    let undo = undo?;
    if !is_sync {
        act()?;
    }
    with(|supply| supply.pending.extend(undo));
    Ok(())
}

impl Supply {
    fn before(&mut self, operation: Operation<'_>) -> io::Result<Option<Undo>> {
        match &mut self.left {
            Some(0) => return Err(io::Error::other("the power is gone")),
            Some(left) => *left -= 1,
            None => {}
        }
        if self.left == Some(0) {
            return Err(io::Error::other("the power fails"));
        }
        self.performed += 1;
        let folder = |path: &Path| path.parent().expect("it is in a folder").to_owned();
        Ok(match operation {
            Operation::Write(path) => {
                self.unsynced.insert(path.into());
                None
            }
            // What was durable of it stays.
            Operation::Grow => None,
            Operation::SyncFile(path) => {
                self.unsynced.remove(path);
                None
            }
            Operation::SyncDir(dir) => {
                for undo in &mut self.pending {
                    undo.has_left |= undo.moved_from.as_ref().is_some_and(|from| folder(from) == dir);
                }
                self.pending.retain(|undo| undo.folder != dir);
                None
            }
            Operation::Rename(from, to) => {
                let replaced = self.keep(to);
                if self.unsynced.remove(from) {
                    self.unsynced.insert(to.into());
                }
                Some(Undo {
                    folder: folder(to),
                    moved_from: Some(from.into()),
                    path: to.into(),
                    replaced,
                    has_left: false,
                })
            }
            // A database that has committed survives.
            Operation::Commit => None,
            Operation::Remove(path) => {
                let replaced = self.keep(path);
                let undo = |_: &PathBuf| Undo {
                    folder: folder(path),
                    moved_from: None,
                    path: path.into(),
                    replaced: None,
                    has_left: false,
                };
                replaced.as_ref().map(undo).map(|undo| Undo { replaced, ..undo })
            }
        })
    }

    fn keep(&self, path: &Path) -> Option<PathBuf> {
        let kept = self.attic.path().join(self.performed.to_string());
        match fs::hard_link(path, &kept) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            linked => linked.map(|()| Some(kept)).expect("what is watched is in a `folder`"),
        }
    }
}
