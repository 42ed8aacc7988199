//! Takes over a spool of version 0.1.0, which has no ledger. EDGE.
//!
//! ```text
//! items/NAME.json     an item's manifest, beside its file      runs/RUN.json   what a run knew of the clock
//! refused/NAME.json   the same, with NAME.answer.txt           books.json      what was dropped; the last true time
//! ```
//!
//! A thousand items at a time: their files take their places, their rows are committed, their manifests are removed. So a crash, or
//! a service manager that waits no longer, does no harm: the rest is taken over at the next start. After an update that was
//! rolled back, 0.1.0 knows better than the ledger.

#![expect(clippy::disallowed_methods, reason = "EDGE: files")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::SpoolError;
use super::amount::{Amount, Amounts};
use super::error::Doing;
use super::files::{Folders, each_file};
use super::ledger::clocks::{UNKNOWN_BOOT, add_boot, add_run, set_true};
use super::ledger::items::{NewRow, delete, insert};
use super::ledger::totals::add_losses;
use super::ledger::{Ledger, set_note};
use super::open::of_name;
use crate::durable;
use crate::item::{Entry, Item, ItemName, Kind, OwnerTag, Recorded, Step, Wall};

/// Items in one transaction.
const LOT: usize = 1000;

#[derive(Debug, Deserialize)]
struct Manifest {
    item: Item,
    recorded: Recorded,
    wall: Wall,
    step: Step,
    #[serde(default)]
    row_unclear: bool,
}

#[derive(Debug, Deserialize)]
struct Run {
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

/// Whether there is something to take over: 0.1.0 makes this folder before anything else.
pub(super) fn is_there(folders: &Folders) -> bool {
    folders.dir.join("runs").is_dir()
}

/// Takes it over, for this owner: whoever was set until now.
///
/// # Errors
/// When the folders cannot be read, or the ledger cannot be written.
pub(super) fn take_over(folders: &Folders, ledger: &Ledger, owner: Option<OwnerTag>) -> Result<(), SpoolError> {
    let boots = ledger.in_one_go(|ledger| take_runs(folders, ledger, owner))?;
    let remove = |path: PathBuf| durable::remove(&path).doing("remove", &path);
    remove(folders.dir.join("books.json"))?;
    let mut rows = BTreeMap::new();
    ledger.each_file(|row, file| rows.extend([(file.to_owned(), row)]))?;
    let mut next = ledger.last_row()?;
    let refused = folders.dir.join("refused");
    for dir in [&folders.items, &refused] {
        for lot in manifests(dir)?.chunks(LOT) {
            let mut new = Vec::new();
            for name in lot {
                if let Some(name_now) = put_in_place(folders, name, owner)? {
                    next += 1;
                    let row = of_item(dir, name, name_now, &boots, owner, *dir == refused);
                    new.push(NewRow { row: next, ..row });
                }
            }
            // The files must not be found elsewhere once their manifests are gone.
            folders.sync_places()?;
            ledger.in_one_go(|ledger| {
                ledger.read(|db| {
                    new.iter().try_for_each(|new| {
                        rows.get(&new.entry.name.media()).map_or(Ok(()), |row| delete(db, *row).map(drop))?;
                        insert(db, new)
                    })
                })
            })?;
            let taken: Vec<_> = lot.iter().map(|name| dir.join(format!("{name}.json"))).collect();
            durable::remove_all(&taken).doing("clear", dir)?;
        }
    }
    ["retry", "lock-moves"].into_iter().try_for_each(|left| remove(folders.dir.join(left)))?;
    // The last says that there is something to take over.
    ["sending", "refused", "runs"]
        .into_iter()
        .map(|left| folders.dir.join(left))
        .try_for_each(|path| durable::remove_tree(&path).doing("remove", &path))
}

fn manifests(dir: &Path) -> Result<Vec<ItemName>, SpoolError> {
    let mut names = Vec::new();
    if dir.is_dir() {
        each_file(dir, |file, _| names.extend(file.and_then(|file| ItemName::parse(file.strip_suffix(".json")?))))?;
    }
    names.sort_unstable();
    Ok(names)
}

/// The file of an item lies with the others, under a name that says whose it is: if this version is rolled back, 0.1.0 sets such a
/// file aside, and removes it if it does not. Gives its name; none if it is not there as it was written.
fn put_in_place(folders: &Folders, name: &ItemName, owner: Option<OwnerTag>) -> Result<Option<ItemName>, SpoolError> {
    let now = name.owned_by(owner);
    let to = folders.media(&now);
    for from in [to.clone(), folders.media(name), folders.dir.join("refused").join(name.media())] {
        if folders.is_whole(&from, name)? {
            durable::replace_volatile(&from, &to).doing("move", &from)?;
            return Ok(Some(now));
        }
    }
    Ok(None)
}

/// By its manifest; or by its name, if that cannot be read.
fn of_item(
    dir: &Path,
    name: &ItemName,
    name_now: ItemName,
    boots: &BTreeMap<Uuid, i64>,
    owner: Option<OwnerTag>,
    was_refused: bool,
) -> NewRow {
    let refused = was_refused.then(|| refusal(&dir.join(format!("{name}.answer.txt"))));
    let Some(manifest) = read_json::<Manifest>(&dir.join(format!("{name}.json"))) else {
        return NewRow { refused, ..of_name(name_now, owner) };
    };
    let Manifest { item, recorded, wall, step, row_unclear } = manifest;
    let boot = boots.get(&recorded.boot).copied().unwrap_or(UNKNOWN_BOOT);
    let entry = Entry { item, name: name_now, wall, step, row_unclear };
    NewRow { row: 0, entry, owner, boot: Some(boot), uptime_us: recorded.uptime_us, refused }
}

fn refusal(note: &Path) -> (String, i64) {
    let modified = fs::metadata(note).and_then(|file| file.modified()).ok();
    let at = modified.and_then(|at| Timestamp::try_from(at).ok()).unwrap_or_default();
    (fs::read_to_string(note).unwrap_or_default(), at.as_microsecond())
}

/// What was dropped, and what is known of the clock. Gives the numbers of the starts of the machine.
fn take_runs(folders: &Folders, ledger: &Ledger, owner: Option<OwnerTag>) -> Result<BTreeMap<Uuid, i64>, SpoolError> {
    if let Some(books) = read_json::<Books>(&folders.dir.join("books.json")) {
        let mut losses = Amounts::default();
        books.dropped_ever.iter().for_each(|(kind, amount)| losses.add(*kind, *amount));
        let true_us = ledger.note(super::intake::TRUE_TIME)?.unwrap_or(i64::MIN).max(books.good_us);
        ledger.read(|db| {
            Kind::ALL.into_iter().try_for_each(|kind| add_losses(db, kind, losses.of(kind)))?;
            set_note(db, super::intake::TRUE_TIME, true_us)
        })?;
    }
    let mut runs = Vec::new();
    each_file(&folders.dir.join("runs"), |_, path| runs.extend(read_json::<Run>(path)))?;
    runs.sort_unstable_by_key(|run| run.boot_number);
    let mut boots = BTreeMap::new();
    for Run { run, boot, provisional_us, not_before_us, true_us, .. } in runs {
        let number = ledger.read(|db| {
            let number = add_boot(db, boot, provisional_us.max(not_before_us))?;
            add_run(db, run, number, provisional_us, owner)?;
            true_us.map_or(Ok(()), |true_us| set_true(db, number, true_us))?;
            Ok(number)
        })?;
        boots.insert(boot, number);
    }
    Ok(boots)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}
