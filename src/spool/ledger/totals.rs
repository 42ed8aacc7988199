//! How many items there are, and how many there no longer are.

#![expect(clippy::disallowed_types, reason = "EDGE: a database")]

use rusqlite::Connection;

use super::{Durably, Ledger, kind};
use crate::item::{Kind, OwnerTag};
use crate::spool::SpoolError;
use crate::spool::amount::{Amount, Amounts, Totals};

/// So much more was given up, or could not be kept.
pub(in crate::spool) fn add_losses(
    db: &Connection,
    kind: Kind,
    Amount { items, bytes }: Amount,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO loss VALUES (?1, ?2, ?3)
        ON CONFLICT DO UPDATE SET items = items + excluded.items, bytes = bytes + excluded.bytes";
    db.execute(sql, (kind as i64, items as i64, bytes as i64)).map(drop)
}

impl Ledger {
    /// What is in the spool, as seen by this owner.
    pub fn totals(&self, owner: Option<OwnerTag>) -> Result<Totals, SpoolError> {
        let mut totals = Totals::default();
        self.read(|db| {
            let mut statement =
                db.prepare_cached("SELECT owner, kind, state, items, bytes, disk_bytes FROM total WHERE items > 0")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (tag, kind): (i64, Kind) = (row.get(0)?, kind(row.get(1)?)?);
                let [items, bytes, disk_bytes] = [row.get(3)?, row.get(4)?, row.get(5)?].map(i64::unsigned_abs);
                let amount = Amount { items, bytes };
                let is_mine = tag < 0 || owner.is_none_or(|owner| i64::from(owner.0) == tag);
                totals.disk_bytes[kind as usize] += disk_bytes;
                match (is_mine, row.get(2)?) {
                    (false, _) => {
                        totals.others_disk_bytes[kind as usize] += disk_bytes;
                        totals.of_others.add(kind, amount);
                    }
                    (true, 0) => totals.waiting.add(kind, amount),
                    (true, 1) => totals.without_time.add(kind, amount),
                    (true, _) => totals.refused.add(kind, amount),
                }
            }
            Ok(totals)
        })
    }

    /// What was given up, or could not be kept, in all runs.
    pub fn losses(&self) -> Result<Amounts, SpoolError> {
        let mut losses = Amounts::default();
        self.read(|db| {
            let mut statement = db.prepare_cached("SELECT kind, items, bytes FROM loss")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let [items, bytes] = [row.get(1)?, row.get(2)?].map(i64::unsigned_abs);
                losses.add(kind(row.get(0)?)?, Amount { items, bytes });
            }
            Ok(losses)
        })
    }

    /// A recording was never kept.
    pub fn count_loss(&mut self, kind: Kind) -> Result<(), SpoolError> {
        self.write(Durably::Soon, |db| add_losses(db, kind, Amount { items: 1, bytes: 0 }))
    }
}
