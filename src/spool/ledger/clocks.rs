//! What is known of the clock in each start of the machine, and the times of what was recorded before it was set.

#![expect(clippy::disallowed_types, reason = "EDGE: a database")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use uuid::Uuid;

use super::{Durably, Ledger, kind, new_epoch};
use crate::item::{Item, Kind, OwnerTag};
use crate::spool::SpoolError;
use crate::spool::placement::{BootClock, Offset, offsets, put_right};

/// What was recorded in an unknown start of the machine counts as recorded before all others.
pub const UNKNOWN_BOOT: i64 = 0;

/// What a run knew of the clock. Offsets are true time less uptime, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunClock {
    /// The number of the start of the machine.
    pub boot: i64,
    /// What it took for the offset.
    pub offset_us: i64,
    /// The offset, once it was known.
    pub true_us: Option<i64>,
    /// For whom it recorded.
    pub owner: Option<OwnerTag>,
}

/// Takes note of a start of the machine. Gives its number.
pub(in crate::spool) fn add_boot(db: &Connection, id: Uuid, earliest_us: i64) -> rusqlite::Result<i64> {
    let sql =
        "INSERT INTO boot (number, id, earliest_us) SELECT ifnull(max(number), ?3) + 1, ?1, ?2 FROM boot WHERE true
        ON CONFLICT (id) DO UPDATE SET earliest_us = max(earliest_us, excluded.earliest_us) RETURNING number";
    db.prepare_cached(sql)?.query_row(params![id.as_bytes(), earliest_us, UNKNOWN_BOOT], |row| row.get(0))
}

/// Takes note of a run.
pub(in crate::spool) fn add_run(
    db: &Connection,
    uid: Uuid,
    boot: i64,
    offset_us: i64,
    owner: Option<OwnerTag>,
) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO run VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![uid.as_bytes(), boot, offset_us, owner.map(|owner| owner.0)])
        .map(drop)
}

/// The true time less uptime of this start of the machine is known.
pub(in crate::spool) fn set_true(db: &Connection, boot: i64, true_us: i64) -> rusqlite::Result<()> {
    db.execute("UPDATE boot SET true_us = ?2 WHERE number = ?1 AND true_us IS NULL", [boot, true_us]).map(drop)
}

impl Ledger {
    /// A run begins. Gives the number of the start of the machine, and the true time less uptime if that is known.
    pub fn begin_run(
        &mut self,
        uid: Uuid,
        boot: Uuid,
        offset_us: i64,
        not_before_us: i64,
        owner: Option<OwnerTag>,
    ) -> Result<(i64, Option<i64>), SpoolError> {
        self.write(Durably::Now, |db| {
            let number = add_boot(db, boot, offset_us.max(not_before_us))?;
            add_run(db, uid, number, offset_us, owner)?;
            let true_us = db.query_row("SELECT true_us FROM boot WHERE number = ?1", [number], |row| row.get(0))?;
            Ok((number, true_us))
        })
    }

    /// What this run knew of the clock.
    pub fn run_clock(&self, uid: Uuid) -> Result<Option<RunClock>, SpoolError> {
        self.clock_of("run.uid = ?1", params![uid.as_bytes()])
    }

    /// What the last run knew of it.
    pub fn last_run_clock(&self) -> Result<Option<RunClock>, SpoolError> {
        self.clock_of("true", params![])
    }

    fn clock_of(&self, which: &str, values: &[&dyn ToSql]) -> Result<Option<RunClock>, SpoolError> {
        let sql = format!(
            "SELECT run.boot, run.offset_us, boot.true_us, run.owner FROM run JOIN boot ON boot.number = run.boot
            WHERE {which} ORDER BY run.boot DESC LIMIT 1"
        );
        let read = |row: &Row<'_>| {
            let owner: Option<u32> = row.get(3)?;
            let owner = owner.map(OwnerTag);
            Ok(RunClock { boot: row.get(0)?, offset_us: row.get(1)?, true_us: row.get(2)?, owner })
        };
        self.read(|db| db.query_row(&sql, values, read).optional())
    }

    /// Forgets the runs and the earlier starts of the machine of which nothing is left: no item, and none of these runs.
    pub fn forget_runs(&mut self, needed: &[Uuid]) -> Result<(), SpoolError> {
        self.write(Durably::Soon, |db| {
            let mut keep = db.prepare("SELECT boot FROM run WHERE uid = ?1")?;
            let boots =
                needed.iter().map(|uid| keep.query_row([uid.as_bytes()], |row| row.get::<_, i64>(0)).optional());
            let boots: Vec<_> = boots.filter_map(Result::transpose).collect::<Result<_, _>>()?;
            let mut over = db.prepare(
                "SELECT number FROM boot WHERE number NOT IN (SELECT boot FROM item WHERE wall = 1)
                AND number < (SELECT max(number) FROM boot)",
            )?;
            let over: Vec<i64> = over.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            for number in over.iter().filter(|number| !boots.contains(number)) {
                db.execute("DELETE FROM boot WHERE number = ?1", [number])?;
                db.execute("DELETE FROM run WHERE boot = ?1", [number])?;
            }
            Ok(())
        })
    }

    /// The true time less uptime of this start of the machine is known now: everything that waited for that is placed, in one go.
    pub fn settle(&mut self, boot: i64, true_us: i64) -> Result<(), SpoolError> {
        self.write(Durably::Now, |db| {
            set_true(db, boot, true_us)?;
            let offsets = offsets(&boots(db)?);
            if place(db, &offsets)? > 0 {
                new_epoch(db)?;
            }
            Ok(())
        })
    }
}

fn boots(db: &Connection) -> rusqlite::Result<Vec<BootClock>> {
    let early = "SELECT boot, max(uptime_us + end_us - start_us) FROM item WHERE wall = 1 GROUP BY boot";
    let mut early = db.prepare(early)?;
    let lasted: BTreeMap<i64, i64> =
        early.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let mut statement = db.prepare("SELECT number, earliest_us, true_us FROM boot")?;
    let known = statement.query_map([], |row| {
        let number = row.get(0)?;
        let lasted_us = lasted.get(&number).copied().unwrap_or_default();
        Ok(BootClock { number, earliest_us: row.get(1)?, true_us: row.get(2)?, lasted_us })
    })?;
    let mut boots: Vec<_> = known.collect::<Result<_, _>>()?;
    let unknown = lasted.get(&UNKNOWN_BOOT);
    boots.extend(unknown.map(|lasted_us| BootClock {
        number: UNKNOWN_BOOT,
        earliest_us: 0,
        true_us: None,
        lasted_us: *lasted_us,
    }));
    Ok(boots)
}

fn place(db: &Connection, offsets: &BTreeMap<i64, Offset>) -> rusqlite::Result<usize> {
    let mut early = db.prepare("SELECT id, kind, start_us, end_us, boot, uptime_us FROM item WHERE wall = 1")?;
    let mut update = db.prepare("UPDATE item SET start_us = ?2, end_us = ?3, wall = ?4 WHERE id = ?1")?;
    let mut rows = early.query([])?;
    let mut placed = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(offset) = offsets.get(&row.get(4)?) else { continue };
        let time =
            |column: usize| Ok::<_, rusqlite::Error>(Timestamp::from_microsecond(row.get(column)?).unwrap_or_default());
        let (start, end, uid) = (time(2)?, time(3)?, Uuid::nil());
        let item = match kind(row.get(1)?)? {
            Kind::Picture => Item::Picture { uid, taken: start },
            Kind::Utterance | Kind::Clip => Item::Clip { uid, start, end },
        };
        let (item, wall) = put_right(item, row.get(5)?, *offset);
        placed.push((row.get::<_, i64>(0)?, item.start().as_microsecond(), item.end().as_microsecond(), wall as i64));
    }
    placed.iter().try_for_each(|row| update.execute(*row).map(drop))?;
    Ok(placed.len())
}
