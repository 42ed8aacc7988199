//! What the spool knows of its items, as rows of one SQLite database. EDGE: with the files beside it the only one that speaks SQL.
//!
//! Both sides of the spool have it open, each by a connection of its own. It is in WAL mode (sqlite.org/wal.html): a transaction is
//! whole or not there after a power cut, and it is there for certain if it was committed [`Durably::Now`].

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "EDGE: a database")]

pub mod clocks;
pub mod items;
pub mod totals;

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};

use super::error::{Doing, SpoolError};
use super::files::Folders;
use crate::durable;
use crate::item::{Kind, Owner, Step, Wall};

/// Of the tables, see `schema.sql`.
const VERSION: i64 = 1;

/// "List": tells our databases from others (sqlite.org/pragma.html#pragma_application_id).
const APPLICATION_ID: i64 = 0x4c69_7374;

/// A log that grew longer, since somebody was reading, is cut to this when it begins anew.
const LOG_BYTES: u64 = 8 << 20;

const SCHEMA: &str = include_str!("schema.sql");

/// The database and what belongs to it.
const FILES: [&str; 3] = ["spool.db", "spool.db-wal", "spool.db-shm"];

/// The same whenever rows were only added.
const EPOCH: &str = "epoch";

/// When a transaction has to survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durably {
    /// Before anything else is done.
    Now,
    /// With the next that has to.
    Soon,
}

/// What a ledger is when it is opened.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum Opened {
    /// It was there.
    #[default]
    Kept,
    /// There was none; it has been filled.
    New,
    /// It could not be used, for this reason. It has been set aside, and another has been filled.
    Replaced(String),
}

/// A connection to the database.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
    path: PathBuf,
    inode: u64,
    durably: Durably,
    seen: i64,
}

impl Ledger {
    /// Opens the ledger in these folders. If there is none, or it is damaged or of a newer version, a new one is made, which `fill` fills
    /// in the same transaction. The lock `lock-ledger` must be held.
    pub fn open(
        folders: &Folders,
        fill: impl FnOnce(&Ledger) -> Result<(), SpoolError>,
    ) -> Result<(Self, Opened), SpoolError> {
        let path = folders.ledger();
        // A card may fail once; twice on a disk that is not full, this file cannot be read.
        let usable = if damage_note(&path).exists() && folders.has_space() {
            Err(SpoolError::DamagedLedger { path: path.clone(), what: "a part of it could not be read".into() })
        } else {
            Self::usable(&path).or_else(|error| match error {
                SpoolError::UnreadableLedger { .. } if folders.has_space() => Self::usable(&path),
                error => Err(error),
            })
        };
        let (ledger, mut opened) = match usable {
            Ok(ledger) => (ledger, Opened::Kept),
            Err(error) => {
                let Some(why) = error.reason_to_replace().filter(|_| folders.has_space()) else { return Err(error) };
                set_aside(folders)?;
                durable::remove(&damage_note(&path)).doing("remove", &path)?;
                (Self::usable(&path)?, Opened::Replaced(why))
            }
        };
        if ledger.version()? == 0 {
            if opened == Opened::Kept {
                opened = Opened::New;
            }
            ledger.in_one_go(|ledger| {
                ledger.run(SCHEMA)?;
                fill(ledger)?;
                ledger.run(&format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}"))
            })?;
        }
        Ok((ledger, opened))
    }

    /// Opens the ledger that is there, of a spool that may be in use.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn existing(folders: &Folders, is_written: bool) -> Result<Self, SpoolError> {
        let access = if is_written { OpenFlags::SQLITE_OPEN_READ_WRITE } else { OpenFlags::SQLITE_OPEN_READ_ONLY };
        let path = folders.ledger();
        let ledger = Self::connect(&path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        if ledger.version()? != VERSION {
            return Err(SpoolError::NewerLedger(path));
        }
        Ok(ledger)
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Self, SpoolError> {
        // To open and close the file here would take SQLite's locks away, which are the process's (sqlite.org/howtocorrupt.html, 2.2).
        let inode = fs::metadata(path).doing("find", path)?.ino();
        let connection = Connection::open_with_flags(path, flags).of_ledger("open", path)?;
        Ok(Self { connection, path: path.into(), inode, durably: Durably::Now, seen: i64::MIN })
    }

    fn usable(path: &Path) -> Result<Self, SpoolError> {
        if !path.try_exists().doing("find", path)? {
            // SQLite makes its log and its index with the rights of this file.
            drop(durable::shared_file(path).doing("make", path)?);
        }
        let ledger = Self::connect(path, OpenFlags::default())?;
        // Half a megabyte of pages is enough for any of our statements. A small page is written whole for each row that changes.
        ledger.run(&format!(
            "PRAGMA page_size = 1024; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -512; PRAGMA trusted_schema = OFF;
             PRAGMA journal_size_limit = {LOG_BYTES}"
        ))?;
        let damaged = |what: String| SpoolError::DamagedLedger { path: path.into(), what };
        let number = |pragma: &str| ledger.read(|db| db.query_row(pragma, [], |row| row.get::<_, i64>(0)));
        let (version, id) = (ledger.version()?, number("PRAGMA application_id")?);
        match (version, id) {
            (0, 0) if number("SELECT count(*) FROM sqlite_schema")? == 0 => return Ok(ledger),
            (VERSION, APPLICATION_ID) => {}
            (VERSION.., APPLICATION_ID) => return Err(SpoolError::NewerLedger(path.into())),
            _ => return Err(damaged("it is another program's".into())),
        }
        let check: String = ledger.read(|db| db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)))?;
        if check == "ok" { Ok(ledger) } else { Err(damaged(check)) }
    }

    fn version(&self) -> Result<i64, SpoolError> {
        self.read(|db| db.query_row("PRAGMA user_version", [], |row| row.get(0)))
    }

    /// Does all of it, durably, or nothing.
    pub(super) fn in_one_go<T>(&self, write: impl FnOnce(&Self) -> Result<T, SpoolError>) -> Result<T, SpoolError> {
        self.run("BEGIN IMMEDIATE")?;
        let done = write(self).and_then(|done| self.run("COMMIT").map(|()| done));
        done.inspect_err(|_| drop(self.run("ROLLBACK")))
    }

    fn run(&self, statements: &str) -> Result<(), SpoolError> {
        self.noting_damage(self.connection.execute_batch(statements).of_ledger("write", &self.path))
    }

    /// Damage is noted for the next start, which may not come upon it when it opens the ledger.
    fn noting_damage<T>(&self, done: Result<T, SpoolError>) -> Result<T, SpoolError> {
        // This may be a ledger that has been replaced already.
        if matches!(done, Err(SpoolError::DamagedLedger { .. })) && self.check().is_ok() {
            let _ = durable::shared_file(&damage_note(&self.path));
        }
        done
    }

    fn set_durably(&mut self, durably: Durably) -> Result<(), SpoolError> {
        if durably != self.durably {
            let level = if durably == Durably::Now { "FULL" } else { "NORMAL" };
            self.run(&format!("PRAGMA synchronous = {level}"))?;
            self.durably = durably;
        }
        Ok(())
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, SpoolError> {
        self.noting_damage(read(&self.connection).of_ledger("read", &self.path))
    }

    /// Does all of it or nothing.
    pub(super) fn write<T>(
        &mut self,
        durably: Durably,
        write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, SpoolError> {
        self.set_durably(durably)?;
        let done = write_all(&mut self.connection, &self.path, write);
        self.noting_damage(done)
    }

    /// Makes sure that the file is still this one: the other side may have set it aside.
    ///
    /// # Errors
    /// When it is not.
    pub fn check(&self) -> Result<(), SpoolError> {
        let is_another = match fs::metadata(&self.path) {
            Ok(file) => file.ino() != self.inode,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if is_another { Err(SpoolError::LedgerReplaced(self.path.clone())) } else { Ok(()) }
    }

    /// Whether another connection has written since this was last asked.
    ///
    /// # Errors
    /// When it cannot be read, or the file is no longer this one.
    pub fn has_changed(&mut self) -> Result<bool, SpoolError> {
        self.check()?;
        let version = self.read(|db| db.query_row("PRAGMA data_version", [], |row| row.get(0)))?;
        Ok(std::mem::replace(&mut self.seen, version) != version)
    }

    /// How long another's lock is waited for; five seconds, if not this long.
    pub(super) fn set_patience(&self, patience: Duration) -> Result<(), SpoolError> {
        self.connection.busy_timeout(patience).of_ledger("open", &self.path)
    }

    /// As if another connection had written.
    pub fn forget_seen(&mut self) {
        self.seen = i64::MIN;
    }

    /// Another number when rows have changed, and not only come and gone.
    pub fn epoch(&self) -> Result<i64, SpoolError> {
        Ok(self.note(EPOCH)?.unwrap_or_default())
    }

    /// A number that was noted.
    pub fn note(&self, key: &str) -> Result<Option<i64>, SpoolError> {
        self.read(|db| db.query_row("SELECT value FROM note WHERE key = ?1", [key], |row| row.get(0)).optional())
    }

    /// Notes a number.
    pub fn set_note(&mut self, key: &str, value: i64) -> Result<(), SpoolError> {
        self.write(Durably::Soon, |db| set_note(db, key, value))
    }

    /// Takes note of an owner, for people who look.
    pub fn add_owner(&mut self, owner: &Owner) -> Result<(), SpoolError> {
        let is_known = "SELECT EXISTS (SELECT 1 FROM owner WHERE tag = ?1)";
        if self.read(|db| db.query_row(is_known, [owner.tag().0], |row| row.get(0)))? {
            return Ok(());
        }
        self.write(Durably::Soon, |db| {
            let values = (owner.tag().0, owner.home_id, &owner.api);
            db.execute("INSERT INTO owner VALUES (?1, ?2, ?3)", values).map(drop)
        })
    }
}

fn write_all<T>(
    connection: &mut Connection,
    path: &Path,
    write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> Result<T, SpoolError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction = transaction.of_ledger("write", path)?;
    let done = write(&transaction).of_ledger("write", path)?;
    durable::before_commit().doing("write", path)?;
    transaction.commit().of_ledger("write", path)?;
    Ok(done)
}

pub(super) fn set_note(db: &Connection, key: &str, value: i64) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO note VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value")?
        .execute((key, value))
        .map(drop)
}

pub(super) fn new_epoch(db: &Connection) -> rusqlite::Result<()> {
    db.execute("INSERT INTO note VALUES (?1, 1) ON CONFLICT DO UPDATE SET value = value + 1", [EPOCH]).map(drop)
}

/// Out of the way, and kept: somebody may want to know what was in it.
fn set_aside(folders: &Folders) -> Result<(), SpoolError> {
    let number = (1..).find(|number| !folders.damaged.join(format!("{number}-{}", FILES[0])).exists());
    for file in FILES {
        let (from, to) = (folders.dir.join(file), folders.damaged.join(format!("{}-{file}", number.unwrap_or(0))));
        if from.exists() {
            durable::relocate(&from, &to).doing("set aside", &from)?;
        }
    }
    Ok(())
}

pub(super) trait OfLedger<T> {
    fn of_ledger(self, doing: &'static str, path: &Path) -> Result<T, SpoolError>;
}

impl<T> OfLedger<T> for rusqlite::Result<T> {
    fn of_ledger(self, doing: &'static str, path: &Path) -> Result<T, SpoolError> {
        self.map_err(|source| match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => SpoolError::LedgerBusy(path.into()),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                SpoolError::DamagedLedger { path: path.into(), what: source.to_string() }
            }
            Some(ErrorCode::SystemIoFailure)
                if source.sqlite_error().is_some_and(|error| of_the_disk(error.extended_code)) =>
            {
                SpoolError::UnreadableLedger { path: path.into(), what: source.to_string() }
            }
            _ => SpoolError::Ledger { doing, path: path.into(), what: source.to_string() },
        })
    }
}

/// A file that says that the ledger is damaged.
fn damage_note(ledger: &Path) -> PathBuf {
    ledger.with_extension("damaged")
}

/// Whether the disk does not give what it was given; other failures are of memory, of locks, or of room.
fn of_the_disk(extended_code: i32) -> bool {
    use rusqlite::ffi::{SQLITE_IOERR_CORRUPTFS, SQLITE_IOERR_READ, SQLITE_IOERR_SHORT_READ};
    [SQLITE_IOERR_READ, SQLITE_IOERR_SHORT_READ, SQLITE_IOERR_CORRUPTFS].contains(&extended_code)
}

fn kind(number: i64) -> rusqlite::Result<Kind> {
    one_of(&Kind::ALL, number)
}

fn step(number: i64) -> rusqlite::Result<Step> {
    one_of(&[Step::Recorded, Step::Uploaded, Step::RowPosted, Step::Sent], number)
}

fn wall(number: i64) -> rusqlite::Result<Wall> {
    one_of(&[Wall::Known, Wall::Provisional, Wall::TimeUncertain], number)
}

fn one_of<T: Copy>(all: &[T], number: i64) -> rusqlite::Result<T> {
    let found = usize::try_from(number).ok().and_then(|number| all.get(number).copied());
    found.ok_or_else(|| rusqlite::Error::ToSqlConversionFailure(format!("{number} stands for nothing").into()))
}
