//! Opens a ledger, and fills a new one: with what a spool of version 0.1.0 has in its manifests, or with what the names of the files
//! tell. EDGE.
//!
//! ```text
//! 0.1.0:  items/NAME.json     an item's manifest, beside its file      runs/RUN.json   what a run knew of the clock
//!         refused/NAME.json   the same, with NAME.answer.txt           books.json      what was dropped; the last true time
//! ```
//!
//! It is done in one transaction; files that move do so before, and what is no longer needed is removed afterwards. A crash in
//! between does no harm: it is done again.

#![expect(clippy::disallowed_methods, reason = "EDGE: files")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::SpoolError;
use super::amount::{Amount, Amounts};
use super::error::Doing;
use super::files::{Folders, Side, each_file};
use super::ledger::clocks::{UNKNOWN_BOOT, add_boot, add_run, set_true};
use super::ledger::items::{NewRow, insert};
use super::ledger::totals::set_loss;
use super::ledger::{Ledger, Opened, set_note};
use super::recover::found_entry;
use crate::durable;
use crate::item::{Entry, Item, ItemName, Kind, Owner, OwnerTag, Recorded, Step, Wall};

/// A manifest of 0.1.0.
#[derive(Debug, Deserialize)]
struct Manifest {
    item: Item,
    recorded: Recorded,
    wall: Wall,
    step: Step,
    #[serde(default)]
    row_unclear: bool,
}

/// What a run of 0.1.0 knew of the clock.
#[derive(Debug, Deserialize)]
struct RunWord {
    run: Uuid,
    boot: Uuid,
    boot_number: u32,
    provisional_us: i64,
    not_before_us: i64,
    true_us: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Books {
    dropped_ever: BTreeMap<Kind, Amount>,
    good_us: i64,
}

/// Opens the ledger, making or filling it as need be, and takes over what 0.1.0 has left. `side` is the one that is held.
///
/// # Errors
/// When the folders cannot be read or the ledger cannot be written, or 0.1.0 still runs on the other side.
pub(super) fn open(folders: &Folders, side: Side, owner: Option<&Owner>) -> Result<(Ledger, Opened), SpoolError> {
    let _lock = folders.lock("lock-ledger")?;
    let is_old = folders.dir.join("runs").is_dir();
    // Its other side would go on with manifests that nobody reads any more.
    let other = is_old.then(|| folders.take_side(side.other()));
    let _other = other.transpose().map_err(|_| SpoolError::OldVersion(folders.dir.clone()))?;
    let (ledger, opened) = Ledger::open(folders, |ledger| if is_old { Ok(()) } else { from_names(folders, ledger) })?;
    if is_old {
        bring_back(folders)?;
        ledger.in_one_go(|ledger| take_over(folders, ledger, owner.map(Owner::tag)))?;
        remove_leftovers(folders)?;
    }
    Ok((ledger, opened))
}

/// The ledger is lost, or there never was one.
fn from_names(folders: &Folders, ledger: &Ledger) -> Result<(), SpoolError> {
    let mut row = 0;
    for name in named(folders)?.into_iter().filter(|name| folders.is_whole(&folders.media(name), name)) {
        row += 1;
        ledger.read(|db| insert(db, &NewRow { row, ..of_name(name) }))?;
    }
    Ok(())
}

/// The items whose files are there.
fn named(folders: &Folders) -> Result<Vec<ItemName>, SpoolError> {
    let mut names = Vec::new();
    each_file(&folders.items, |file, _| names.extend(file.and_then(ItemName::of_file)))?;
    names.sort_unstable();
    Ok(names)
}

/// What has a manifest of 0.1.0 gets its row. It may have one: after an update that was rolled back, 0.1.0 knows better.
fn take_over(folders: &Folders, ledger: &Ledger, owner: Option<OwnerTag>) -> Result<(), SpoolError> {
    let boots = take_runs(folders, ledger)?;
    let refused = folders.dir.join("refused");
    let mut row = ledger.last_row()?;
    for name in named(folders)? {
        let manifest = |dir: &Path| read_json::<Manifest>(&dir.join(format!("{name}.json")));
        let waits = manifest(&folders.items);
        let was_refused = waits.is_none();
        let Some(manifest) = waits.or_else(|| manifest(&refused)) else { continue };
        if !folders.is_whole(&folders.media(&name), &name) {
            continue;
        }
        let refused = was_refused.then(|| refusal(&refused.join(format!("{name}.answer.txt"))));
        row += 1;
        let new = NewRow { row, owner, ..of_manifest(manifest, name, refused, &boots) };
        ledger.read(|db| {
            db.execute("DELETE FROM item WHERE file = ?1", [new.entry.name.media()])?;
            insert(db, &new)
        })?;
    }
    Ok(())
}

/// What the runs have left word of. Gives the numbers of the starts of the machine.
fn take_runs(folders: &Folders, ledger: &Ledger) -> Result<BTreeMap<Uuid, i64>, SpoolError> {
    let (runs, mut boots) = (folders.dir.join("runs"), BTreeMap::new());
    if let Some(books) = read_json::<Books>(&folders.dir.join("books.json")) {
        let mut losses = Amounts::default();
        books.dropped_ever.iter().for_each(|(kind, amount)| losses.add(*kind, *amount));
        ledger.read(|db| {
            Kind::ALL.into_iter().try_for_each(|kind| set_loss(db, kind, losses.of(kind)))?;
            set_note(db, super::intake::TRUE_TIME, books.good_us)
        })?;
    }
    let mut words = Vec::new();
    if runs.is_dir() {
        each_file(&runs, |_, path| words.extend(read_json::<RunWord>(path)))?;
    }
    words.sort_unstable_by_key(|word| word.boot_number);
    for word in words {
        let number = ledger.read(|db| {
            let number = add_boot(db, word.boot, word.provisional_us.max(word.not_before_us))?;
            add_run(db, word.run, number, word.provisional_us)?;
            word.true_us.map_or(Ok(()), |true_us| set_true(db, number, true_us))?;
            Ok(number)
        })?;
        boots.insert(word.boot, number);
    }
    Ok(boots)
}

/// The files of refused items lie with the others now.
fn bring_back(folders: &Folders) -> Result<(), SpoolError> {
    let (refused, mut files) = (folders.dir.join("refused"), Vec::new());
    if !refused.is_dir() {
        return Ok(());
    }
    each_file(&refused, |file, path| files.extend(file.and_then(ItemName::of_file).map(|name| (name, path.to_owned()))))?;
    for (name, path) in files {
        durable::relocate(&path, &folders.media(&name)).doing("move", &path)?;
    }
    Ok(())
}

fn refusal(note: &Path) -> (String, i64) {
    let modified = fs::metadata(note).and_then(|file| file.modified()).ok();
    let at = modified.and_then(|at| Timestamp::try_from(at).ok()).unwrap_or_default();
    (fs::read_to_string(note).unwrap_or_default(), at.as_microsecond())
}

fn of_manifest(
    manifest: Manifest,
    name: ItemName,
    refused: Option<(String, i64)>,
    boots: &BTreeMap<Uuid, i64>,
) -> NewRow {
    let Manifest { item, recorded, wall, step, row_unclear } = manifest;
    let boot = boots.get(&recorded.boot).copied().unwrap_or(UNKNOWN_BOOT);
    let entry = Entry { item, name, wall, step, row_unclear };
    NewRow { row: 0, entry, owner: None, boot, uptime_us: recorded.uptime_us, refused }
}

/// Whether the row of speech or of a clip was posted is asked at the API.
fn of_name(name: ItemName) -> NewRow {
    let (entry, uptime_us) = found_entry(name, 0, true);
    NewRow { row: 0, owner: entry.name.owner(), entry, boot: UNKNOWN_BOOT, uptime_us, refused: None }
}

/// Removes what 0.1.0 has left and nobody needs any more.
fn remove_leftovers(folders: &Folders) -> Result<(), SpoolError> {
    let mut manifests = Vec::new();
    let is_manifest = |file: &str| file.strip_suffix(".json").and_then(ItemName::parse).is_some();
    each_file(&folders.items, |file, path| manifests.extend(file.filter(|file| is_manifest(file)).map(|_| path.to_owned())))?;
    durable::remove_all(&manifests).doing("clear", &folders.items)?;
    for left in ["books.json", "retry", "lock-moves"] {
        let path = folders.dir.join(left);
        durable::remove(&path).doing("remove", &path)?;
    }
    // The last says that there is something to take over.
    for left in ["sending", "refused", "runs"] {
        let path = folders.dir.join(left);
        durable::remove_tree(&path).doing("remove", &path)?;
    }
    Ok(())
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}
