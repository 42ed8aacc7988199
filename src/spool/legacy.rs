//! Fills a new ledger: with what a spool of version 0.1.0 has in its manifests, or else with what the names of the files tell. EDGE.
//!
//! ```text
//! 0.1.0:  items/NAME.json     an item's manifest, beside its file      runs/RUN.json   what a run knew of the clock
//!         refused/NAME.json   the same, with NAME.answer.txt           books.json      what was dropped; the last true time
//! ```
//!
//! It is done in one transaction; files that move do so before, and what is no longer needed is removed by the next start. So a
//! crash in between does no harm.

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
use super::files::{Folders, each_file};
use super::ledger::clocks::{UNKNOWN_BOOT, add_boot, add_run, set_true};
use super::ledger::items::{NewRow, insert};
use super::ledger::totals::set_loss;
use super::ledger::{Ledger, set_note};
use super::recover::found_entry;
use crate::durable;
use crate::item::{Entry, Item, ItemName, Kind, Recorded, Step, Wall};

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

/// Fills a new ledger, in the transaction that makes it.
///
/// # Errors
/// When the folders cannot be read, or the ledger cannot be written.
pub fn filled(folders: &Folders, ledger: &Ledger) -> Result<(), SpoolError> {
    let boots = take_runs(folders, ledger)?;
    let (refused, runs) = (folders.dir.join("refused"), folders.dir.join("runs"));
    let mut next = 1;
    let mut add = |new: NewRow| {
        next += 1;
        ledger.read(|db| insert(db, &NewRow { row: next - 1, ..new }))
    };
    if refused.is_dir() {
        bring_back(folders, &refused)?;
    }
    let mut files = Vec::new();
    each_file(&folders.items, |file, _| files.extend(file.and_then(ItemName::of_file)))?;
    files.sort_unstable();
    for name in files {
        let manifest = |dir: &Path| read_json::<Manifest>(&dir.join(format!("{name}.json")));
        let (manifest, was_refused) = match manifest(&folders.items) {
            Some(manifest) => (Some(manifest), false),
            None => (manifest(&refused), true),
        };
        let new = match manifest {
            Some(manifest) if folders.is_whole(&folders.media(&name), &name) => {
                let refused = was_refused.then(|| refusal(&refused.join(format!("{name}.answer.txt"))));
                of_manifest(manifest, name, refused, &boots)
            }
            // Of 0.1.0, a file without its manifest is unfinished.
            _ if runs.is_dir() => continue,
            _ if folders.is_whole(&folders.media(&name), &name) => of_name(name),
            _ => continue,
        };
        add(new)?;
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
fn bring_back(folders: &Folders, refused: &Path) -> Result<(), SpoolError> {
    let mut files = Vec::new();
    each_file(refused, |file, path| files.extend(file.and_then(ItemName::of_file).map(|name| (name, path.to_owned()))))?;
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
    NewRow { row: 0, entry, boot, uptime_us: recorded.uptime_us, refused }
}

/// The ledger is lost: whether the row of speech or of a clip was posted is asked at the API.
fn of_name(name: ItemName) -> NewRow {
    let is_picture = name.kind() == Kind::Picture;
    let (entry, uptime_us) = found_entry(name, 0);
    let step = if is_picture { Step::Recorded } else { Step::Uploaded };
    let entry = Entry { step, row_unclear: !is_picture, ..entry };
    NewRow { row: 0, entry, boot: UNKNOWN_BOOT, uptime_us, refused: None }
}

/// Whether a file in `items/` is a manifest: its item has a row by now.
pub(super) fn is_manifest(file: &str) -> bool {
    file.strip_suffix(".json").and_then(ItemName::parse).is_some()
}

/// Removes what 0.1.0 has left and nobody needs any more.
pub(super) fn remove_leftovers(folders: &Folders) -> Result<(), SpoolError> {
    for left in ["sending", "refused", "runs"] {
        let path = folders.dir.join(left);
        if path.is_dir() {
            durable::remove_tree(&path).doing("remove", &path)?;
        }
    }
    for left in ["books.json", "retry", "lock-moves"] {
        let path = folders.dir.join(left);
        durable::remove(&path).doing("remove", &path)?;
    }
    Ok(())
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}
