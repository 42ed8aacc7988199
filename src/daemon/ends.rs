//! The two ends of the spool, as far as this process has them. EDGE.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::durable;
use crate::item::{Kind, Owner};
use crate::spool::amount::{Amounts, Counts};
use crate::spool::{Found, Intake, Outbox, SpoolError};
use crate::status::report::Items;

/// Which stages a process has. Each side of the spool may be taken once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Capture and upload in one.
    Both,
    /// Adds items, and gives some up when the disk is short.
    Capture,
    /// Delivers items.
    Upload,
}

impl Side {
    /// Whether it adds.
    pub fn captures(self) -> bool {
        self != Self::Upload
    }

    /// Whether it delivers.
    pub fn uploads(self) -> bool {
        self != Self::Capture
    }
}

/// At least one of the two is there.
#[derive(Debug, Clone)]
pub struct Ends {
    /// Where recordings go.
    pub intake: Option<Arc<Intake>>,
    /// Where they come from.
    pub outbox: Option<Arc<Outbox>>,
}

impl Ends {
    /// Opens those of this side. Gives what was left by an earlier run.
    ///
    /// # Errors
    /// When another process has that side, or the spool cannot be made, read or written.
    pub fn open(side: Side, dir: &Path, owner: Option<&Owner>) -> Result<(Self, Found), SpoolError> {
        if side == Side::Both {
            // Nobody else is to look at it, whatever the umask.
            durable::create_dir_with_mode(dir, 0o700).map_err(|source| SpoolError::Io {
                doing: "make",
                path: dir.into(),
                source,
            })?;
        }
        let intake = side.captures().then(|| Intake::open(dir, owner)).transpose()?;
        let outbox = side.uploads().then(|| Outbox::open(dir, owner)).transpose()?;
        let (intake, found) = intake.unzip();
        Ok((Self { intake: intake.map(Arc::new), outbox: outbox.map(Arc::new) }, found.unwrap_or_default()))
    }

    /// What came and went, and what waits.
    pub fn items(&self) -> BTreeMap<Kind, Items> {
        let counts = self.counts();
        let totals = self.intake.as_ref().filter(|_| self.outbox.is_none()).map(|intake| intake.totals());
        let waiting = |kind| match (&self.outbox, &totals) {
            (Some(outbox), _) => outbox.amount_waiting(kind),
            (None, Some(totals)) => totals.waiting.of(kind),
            (None, None) => Default::default(),
        };
        Kind::ALL.map(|kind| (kind, Items::of(&counts, kind, waiting(kind)))).into()
    }

    fn counts(&self) -> Counts {
        let (intake, outbox) =
            (self.intake.as_ref().map(|intake| intake.counts()), self.outbox.as_ref().map(|it| it.counts()));
        let (intake, outbox) = (intake.unwrap_or_default(), outbox.unwrap_or_default());
        let mut dropped: Amounts = intake.dropped;
        Kind::ALL.into_iter().for_each(|kind| dropped.add(kind, outbox.dropped.of(kind)));
        Counts { recorded: intake.recorded, dropped, ..outbox }
    }

    /// Items that wait for a right clock.
    pub fn waiting_for_the_clock(&self) -> usize {
        let intake = self.intake.as_ref().map(|intake| intake.totals());
        let totals = intake.or_else(|| self.outbox.as_ref().map(|outbox| outbox.totals()));
        totals.map_or(0, |totals| totals.without_time.items() as usize)
    }

    /// How many of a kind are still to be sent.
    pub fn unsent(&self, kind: Kind) -> usize {
        match (&self.outbox, &self.intake) {
            (Some(outbox), _) => outbox.waiting_unsent(kind),
            (None, Some(intake)) => intake.totals().waiting.of(kind).items as usize,
            (None, None) => 0,
        }
    }

    /// Wakes whoever waits for items.
    pub fn wake(&self) {
        if let Some(outbox) = &self.outbox {
            outbox.wake();
        }
    }
}
