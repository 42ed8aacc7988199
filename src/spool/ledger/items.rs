//! The rows of items.

#![expect(clippy::disallowed_types, reason = "EDGE: a database")]

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::clocks::UNKNOWN_BOOT;
use super::totals::add_losses;
use super::{Durably, Ledger, kind, new_epoch, step, wall};
use crate::item::{Entry, Item, ItemId, ItemName, Kind, OwnerTag, Step};
use crate::limits::GIVEN_UP_AT_ONCE;
use crate::spool::SpoolError;
use crate::spool::amount::Amount;
use crate::spool::queue::Waiting;

/// Rows that are looked at for what may be given up: more than are given up at once, since some may be in hand.
const CANDIDATES: usize = 2 * GIVEN_UP_AT_ONCE;

/// A row that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRow {
    /// Its number, larger than all before it.
    pub row: i64,
    /// What is known of it.
    pub entry: Entry,
    /// For whom it is. Its name may not say so.
    pub owner: Option<OwnerTag>,
    /// The number of the start of the machine in which it was recorded; that of this one, if that has none yet.
    pub boot: Option<i64>,
    /// And how long after it.
    pub uptime_us: i64,
    /// The answer of the API, if it has refused it, and when, in microseconds since 1970.
    pub refused: Option<(String, i64)>,
}

/// Adds a row.
pub(in crate::spool) fn insert(db: &Connection, new: &NewRow) -> rusqlite::Result<()> {
    let NewRow { row, entry, owner, boot, uptime_us, refused } = new;
    let (answer, refused_us) = refused.clone().unzip();
    let track_id = match &entry.item {
        Item::Utterance { track_id, .. } => Some(track_id),
        Item::Clip { .. } | Item::Picture { .. } => None,
    };
    db.prepare_cached(
        "INSERT INTO item (id, kind, owner, uid, number, start_us, end_us, boot, uptime_us, wall, track_id, file, bytes, step,
            row_unclear, answer, refused_us)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
    )?
    .execute(params![
        row,
        entry.item.kind() as i64,
        owner.map(|owner| owner.0),
        entry.item.uid().as_bytes(),
        entry.name.index(),
        entry.item.start().as_microsecond(),
        entry.item.end().as_microsecond(),
        boot.unwrap_or(UNKNOWN_BOOT),
        uptime_us,
        entry.wall as i64,
        track_id,
        entry.name.media(),
        i64::try_from(entry.media_bytes()).unwrap_or(i64::MAX),
        entry.step as i64,
        entry.row_unclear,
        answer,
        refused_us,
    ])
    .map(drop)
}

/// Removes a row.
pub(in crate::spool) fn delete(db: &Connection, row: i64) -> rusqlite::Result<usize> {
    db.prepare_cached("DELETE FROM item WHERE id = ?1")?.execute([row])
}

impl Ledger {
    /// The number of the last row.
    pub fn last_row(&self) -> Result<i64, SpoolError> {
        self.read(|db| db.query_row("SELECT ifnull(max(id), 0) FROM item", [], |row| row.get(0)))
    }

    /// Adds rows.
    pub fn insert(&mut self, durably: Durably, rows: &[NewRow]) -> Result<(), SpoolError> {
        self.write(durably, |db| rows.iter().try_for_each(|row| insert(db, row)))
    }

    /// What is known of an item, and whether it waits for delivery; none if it has left the spool.
    pub fn entry(&self, row: i64) -> Result<Option<(Entry, bool)>, SpoolError> {
        let sql = "SELECT kind, uid, number, start_us, end_us, wall, track_id, file, step, row_unclear, state
            FROM item WHERE id = ?1";
        self.read(|db| db.prepare_cached(sql)?.query_row([row], read_entry).optional())
    }

    /// Writes how far the delivery of an item has come. Whether it is still in the spool.
    pub fn record(&mut self, row: i64, entry: &Entry) -> Result<bool, SpoolError> {
        let track_id = match &entry.item {
            Item::Utterance { track_id, .. } => Some(track_id),
            Item::Clip { .. } | Item::Picture { .. } => None,
        };
        let sql = "UPDATE item SET step = ?2, row_unclear = ?3, track_id = ?4 WHERE id = ?1";
        self.write(Durably::Now, |db| {
            let changed =
                db.prepare_cached(sql)?.execute(params![row, entry.step as i64, entry.row_unclear, track_id])?;
            Ok(changed > 0)
        })
    }

    /// One more failure of this item. Gives how often it has failed.
    pub fn count_failure(&mut self, row: i64) -> Result<u32, SpoolError> {
        let sql = "UPDATE item SET attempts = attempts + 1 WHERE id = ?1 RETURNING attempts";
        let count =
            self.write(Durably::Soon, |db| db.prepare_cached(sql)?.query_row([row], |row| row.get(0)).optional())?;
        Ok(count.unwrap_or(1))
    }

    /// Removes rows. Gives how many there were.
    pub fn delete(&mut self, durably: Durably, rows: &[i64]) -> Result<usize, SpoolError> {
        self.write(durably, |db| rows.iter().try_fold(0, |sum, row| Ok(sum + delete(db, *row)?)))
    }

    /// Removes the rows of items that are given up or lost, and counts them. Gives those that were there.
    pub fn give_up(&mut self, lost: &[(i64, ItemName)]) -> Result<Vec<i64>, SpoolError> {
        self.write(Durably::Now, |db| {
            let mut removed = Vec::new();
            for (row, name) in lost {
                if delete(db, *row)? > 0 {
                    add_losses(db, name.kind(), Amount { items: 1, bytes: name.media_bytes() })?;
                    removed.push(*row);
                }
            }
            Ok(removed)
        })
    }

    /// The API will never take it.
    pub fn refuse(&mut self, row: i64, answer: &str, now: Timestamp) -> Result<(), SpoolError> {
        let sql = "UPDATE item SET answer = ?2, refused_us = ?3 WHERE id = ?1";
        self.write(Durably::Now, |db| {
            db.prepare_cached(sql)?.execute(params![row, answer, now.as_microsecond()]).map(drop)
        })
    }

    /// These wait again, as far as they were refused.
    pub fn take_back(&mut self, rows: &[i64]) -> Result<(), SpoolError> {
        let sql = "UPDATE item SET answer = NULL, refused_us = NULL WHERE id = ?1";
        self.write(Durably::Now, |db| {
            new_epoch(db)?;
            let mut update = db.prepare_cached(sql)?;
            rows.iter().try_for_each(|row| update.execute([row]).map(drop))
        })
    }

    /// All that were refused wait again. Gives how many.
    pub fn take_all_back(&mut self) -> Result<usize, SpoolError> {
        let sql = "UPDATE item SET answer = NULL, refused_us = NULL, attempts = 0 WHERE refused_us IS NOT NULL";
        self.write(Durably::Now, |db| {
            new_epoch(db)?;
            db.execute(sql, [])
        })
    }

    /// The items that wait for delivery to this owner, or to any if that is not known, from the row after this one.
    pub fn each_waiting(
        &self,
        owner: Option<OwnerTag>,
        after: i64,
        mut see: impl FnMut(Waiting),
    ) -> Result<(), SpoolError> {
        let sql = "SELECT id, kind, start_us, end_us, bytes, step FROM item
            WHERE id > ?1 AND state = 0 AND (owner IS NULL OR owner = ifnull(?2, owner)) ORDER BY id";
        self.read(|db| {
            let mut statement = db.prepare_cached(sql)?;
            let mut rows = statement.query(params![after, owner.map(|owner| owner.0)])?;
            while let Some(row) = rows.next()? {
                let (start_us, end_us): (i64, i64) = (row.get(2)?, row.get(3)?);
                see(Waiting {
                    id: ItemId { row: row.get(0)?, kind: kind(row.get(1)?)? },
                    at_us: start_us,
                    length_us: end_us.saturating_sub(start_us),
                    bytes: row.get::<_, i64>(4)?.unsigned_abs(),
                    step: step(row.get(5)?)?,
                });
            }
            Ok(())
        })
    }

    /// The oldest items of a kind that may be given up, the oldest first: of other owners than this one, or its own; that were
    /// refused, or that wait.
    pub fn each_candidate(
        &self,
        candidates: Kind,
        of_others: Option<OwnerTag>,
        are_refused: bool,
        mut is_enough: impl FnMut(i64, ItemName) -> bool,
    ) -> Result<(), SpoolError> {
        let sql = "SELECT id, file FROM item
            WHERE kind = ?1 AND (?2 IS NULL OR owner != ?2) AND (state = 2) = ?3 ORDER BY start_us LIMIT ?4";
        self.read(|db| {
            let mut statement = db.prepare_cached(sql)?;
            let owner = of_others.map(|owner| owner.0);
            let mut rows = statement.query(params![candidates as i64, owner, are_refused, CANDIDATES as i64])?;
            while let Some(row) = rows.next()? {
                if is_enough(row.get(0)?, name(row, 1)?) {
                    break;
                }
            }
            Ok(())
        })
    }

    /// The file of each item, with its row.
    pub fn each_file(&self, mut see: impl FnMut(i64, &str)) -> Result<(), SpoolError> {
        self.read(|db| {
            let mut statement = db.prepare("SELECT id, file FROM item")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                see(row.get(0)?, row.get_ref(1)?.as_str()?);
            }
            Ok(())
        })
    }

    /// Whether there is an utterance of this run and number: two of them stop the server's chain.
    pub fn has_utterance(&self, run: Uuid, number: u32) -> Result<bool, SpoolError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM item WHERE kind = 0 AND uid = ?1 AND number = ?2)";
        self.read(|db| db.query_row(sql, params![run.as_bytes(), number], |row| row.get(0)))
    }

    /// When something of this owner's was last refused, and the answer.
    pub fn last_refusal(&self, owner: Option<OwnerTag>) -> Result<Option<(Timestamp, String)>, SpoolError> {
        let sql = "SELECT refused_us, answer FROM item
            WHERE refused_us IS NOT NULL AND (owner IS NULL OR owner = ifnull(?1, owner)) ORDER BY refused_us DESC LIMIT 1";
        self.read(|db| {
            db.query_row(sql, [owner.map(|owner| owner.0)], |row| Ok((time(row, 0)?, row.get(1)?))).optional()
        })
    }

    /// The first of the refused, by the names of their files, with the answers.
    pub fn refusals(&self, most: usize) -> Result<Vec<(String, String)>, SpoolError> {
        let sql = "SELECT file, answer FROM item WHERE refused_us IS NOT NULL ORDER BY file LIMIT ?1";
        self.read(|db| {
            let mut statement = db.prepare(sql)?;
            let rows = statement.query_map([most as i64], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })
    }
}

fn read_entry(row: &Row<'_>) -> rusqlite::Result<(Entry, bool)> {
    let uid = Uuid::from_bytes(row.get(1)?);
    let (start, end) = (time(row, 3)?, time(row, 4)?);
    let item = match kind(row.get(0)?)? {
        Kind::Utterance => Item::Utterance { uid, index: row.get(2)?, start, end, track_id: row.get(6)? },
        Kind::Clip => Item::Clip { uid, start, end },
        Kind::Picture => Item::Picture { uid, taken: start },
    };
    let (wall, step): (_, Step) = (wall(row.get(5)?)?, step(row.get(8)?)?);
    let entry = Entry { item, name: name(row, 7)?, wall, step, row_unclear: row.get(9)? };
    Ok((entry, row.get::<_, i64>(10)? == 0))
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let us = row.get(column)?;
    Timestamp::from_microsecond(us).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, us))
}

fn name(row: &Row<'_>, column: usize) -> rusqlite::Result<ItemName> {
    let file = row.get_ref(column)?.as_str()?;
    ItemName::of_file(file).ok_or_else(|| rusqlite::Error::InvalidColumnType(column, file.into(), Type::Text))
}
