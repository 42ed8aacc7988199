//! What a person is told when recordings are dropped. PURE.

use std::time::Duration;

use crate::event::{Event, Fault, Part};
use crate::item::Kind;
use crate::limits::LOSS_LOG_INTERVAL;
use crate::spool::amount::Amounts;

/// What is said of what is dropped: once, and again only when it gets worse.
#[derive(Debug, Default)]
pub(super) struct Shortages {
    /// What is dropped, down to the most valuable.
    pub(super) worst: Option<Kind>,
    /// Monotonic.
    last: Duration,
}

impl Shortages {
    pub(super) fn tell(&mut self, kind: Kind, text: String, now: Duration, tell: &dyn Fn(Event)) {
        self.last = now;
        if self.worst.is_none_or(|worst| kind < worst) {
            self.worst = Some(kind);
            tell(Event::Fault(Fault::new(Part::Disk, text)));
        }
    }

    pub(super) fn is_over(&self, now: Duration) -> bool {
        self.worst.is_some() && now >= self.last + LOSS_LOG_INTERVAL
    }
}

/// How many were dropped between two looks, by kind.
pub(super) fn dropped_since(before: &Amounts, now: &Amounts) -> String {
    let more = |kind| now.of(kind).items - before.of(kind).items;
    let counts: Vec<_> = Kind::ALL.into_iter().filter(|kind| more(*kind) > 0).collect();
    let counts: Vec<_> = counts.into_iter().map(|kind| format!("{} {kind}s", more(kind))).collect();
    format!("dropped: {}", counts.join(", "))
}
