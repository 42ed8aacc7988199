//! Opens one side of the spool: its lock and the ledger. A new ledger is filled with what the names of the files tell. EDGE.

#![expect(clippy::disallowed_macros, clippy::disallowed_types, reason = "EDGE: files, the log")]

use std::fs::File;

use super::files::{Folders, Side, each_file};
use super::ledger::clocks::UNKNOWN_BOOT;
use super::ledger::items::{NewRow, insert};
use super::ledger::{Ledger, Opened};
use super::recover::found_entry;
use super::{SpoolError, legacy};
use crate::item::{ItemName, Owner, OwnerTag};

/// Takes this side, opens the ledger, and takes over what version 0.1.0 has left. The side is held until the file is closed.
///
/// # Errors
/// When another process has this side, 0.1.0 still runs on the other, or files or ledger cannot be read or written.
pub(super) fn open(folders: &Folders, side: Side, owner: Option<&Owner>) -> Result<(File, Ledger, Opened), SpoolError> {
    folders.make()?;
    let _lock = folders.lock("lock-ledger")?;
    let lock = folders.take_side(side)?;
    let is_old = legacy::is_there(folders);
    // Its other side would go on with manifests that nobody reads any more.
    let other = is_old.then(|| folders.take_side(side.other())).transpose();
    let _other = other.map_err(|error| match error {
        SpoolError::InUse(dir) => SpoolError::OldVersion(dir),
        error => error,
    })?;
    let owner = owner.map(Owner::tag);
    let fill = |ledger: &Ledger| if is_old { Ok(()) } else { from_names(folders, ledger, owner) };
    let (ledger, opened) = Ledger::open(folders, fill)?;
    if let Opened::Replaced(why) = &opened {
        log::error!(
            "{why}. It is in damaged/ now, and a new ledger has been made from the names of the files; which rows exist is asked at the API"
        );
    }
    if is_old {
        legacy::take_over(folders, &ledger, owner)?;
    }
    Ok((lock, ledger, opened))
}

/// The ledger is lost, or there never was one. What the names do not tell is this owner's.
fn from_names(folders: &Folders, ledger: &Ledger, owner: Option<OwnerTag>) -> Result<(), SpoolError> {
    let mut names = Vec::new();
    for dir in [&folders.items, &folders.scratch] {
        each_file(dir, |file, path| {
            let name = file.and_then(ItemName::of_file);
            names.extend(name.filter(|name| folders.is_whole(path, name).unwrap_or_default()));
        })?;
    }
    names.sort_unstable();
    ledger.read(|db| {
        names.into_iter().zip(1..).try_for_each(|(name, row)| insert(db, &NewRow { row, ..of_name(name, owner) }))
    })
}

/// Whether the row of speech or of a clip was posted is asked at the API.
pub(super) fn of_name(name: ItemName, owner: Option<OwnerTag>) -> NewRow {
    let (entry, uptime_us) = found_entry(name, 0, true);
    NewRow { row: 0, owner: entry.name.owner().or(owner), entry, boot: Some(UNKNOWN_BOOT), uptime_us, refused: None }
}
